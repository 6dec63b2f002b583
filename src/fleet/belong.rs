//! Which cluster a thing belongs to: by its tags, by where its node is, by its name.

use std::borrow::Cow;

use jiff::Timestamp;

use super::machine::Machine;
use super::store::Fleet;
use super::{ClusterId, ContextId, FeedId, FeedKind, Freshness, Membership, PoolId, Source, Tags, membership};

impl Fleet {
    /// The cluster a context stands for: the one most of its nodes' instances are tagged with, else the one that
    /// goes by the context's own name.
    pub fn cluster_of_context(&self, context: &ContextId) -> ClusterId {
        self.context_cluster(context).into_owned()
    }

    pub(super) fn context_cluster(&self, context: &ContextId) -> Cow<'_, ClusterId> {
        let votes = self.contexts.get(context).map(|c| &c.votes);
        let most = votes.and_then(|v| v.iter().max_by_key(|(id, n)| (**n, std::cmp::Reverse(*id))));
        match most {
            Some((id, _)) => Cow::Borrowed(id),
            None => self.named_cluster(context.as_str()),
        }
    }

    /// Until when the nodes of a cluster are known whole: `now` while a feed of them lives, else its last answer;
    /// `None` when no API server of the cluster has ever told its nodes.
    pub fn nodes_known(&self, cluster: &ClusterId, now: Timestamp) -> Option<Timestamp> {
        let contexts = self.feeds.range(nodes_feed(&ContextId::new(""))..);
        let feeds = contexts.map_while(|(id, feed)| match (id.kind, &id.source) {
            (FeedKind::Nodes, Source::Kube(context)) => Some((context, feed)),
            _ => None,
        });
        let own = feeds.filter(|(context, _)| *self.context_cluster(context) == *cluster);
        own.filter_map(|(_, feed)| match feed.freshness(now) {
            Freshness::Live => Some(now),
            _ => feed.synced_at,
        })
        .max()
    }

    /// The cluster that goes by a name: one with tagged instances, else one known by name alone.
    pub fn cluster_named(&self, name: &str) -> ClusterId {
        self.named_cluster(name).into_owned()
    }

    fn named_cluster(&self, name: &str) -> Cow<'_, ClusterId> {
        let from = ClusterId {
            name: name.into(),
            home: None,
        };
        match self.tagged.range(&from..).next() {
            Some((id, _)) if id.name == from.name => Cow::Borrowed(id),
            _ => Cow::Owned(from),
        }
    }

    pub(super) fn cluster_of<'a>(&'a self, machine: &Machine<'a>) -> Option<Cow<'a, ClusterId>> {
        if let Some(instance) = machine.instance {
            if let Some(cluster) = &instance.place.cluster {
                return Some(Cow::Borrowed(cluster));
            }
            if machine.node.is_none() {
                return self.cluster_of_pool(&instance.place.pool).map(Cow::Owned);
            }
        }
        if let Some(node) = machine.node {
            return Some(self.context_cluster(&node.key.context));
        }
        machine
            .edge
            .and_then(|e| Some(self.named_cluster(e.data.cluster.as_ref()?)))
    }

    pub(super) fn has_cluster(&self, machine: &Machine<'_>) -> bool {
        match machine.instance {
            Some(i) if i.place.cluster.is_some() || i.node.is_some() => true,
            Some(i) => self.cluster_of_pool(&i.place.pool).is_some(),
            None => machine.node.is_some() || machine.edge.is_some_and(|e| e.data.cluster.is_some()),
        }
    }

    /// The cluster of a group: by its own tags, else by where its instances' nodes are.
    pub fn cluster_of_pool(&self, pool: &PoolId) -> Option<ClusterId> {
        if let Some(member) = self.tags_of_pool(pool).and_then(|tags| self.membership(tags)) {
            return Some(ClusterId {
                name: member.cluster,
                home: pool.scope().cloned(),
            });
        }
        let votes = self.group_votes.get(pool)?;
        let (context, _) = votes.iter().max_by_key(|(id, n)| (**n, std::cmp::Reverse(*id)))?;
        Some(self.cluster_of_context(context))
    }

    /// The tags of a group that has some.
    pub(super) fn tags_of_pool(&self, pool: &PoolId) -> Option<&Tags> {
        match pool {
            PoolId::Asg(..) => self.asgs.get(pool).map(|a| &a.tags),
            PoolId::SpotFleet(..) => self.spot_fleets.get(pool).map(|f| &f.tags),
            PoolId::Instance(_) | PoolId::Edge(_) => None,
        }
    }

    /// What tags say of the cluster they belong to, by k3fleet's own and by the adoption rules.
    pub fn membership(&self, tags: &Tags) -> Option<Membership> {
        membership(tags, &self.rules)
    }
}

/// The feed that tells a context's nodes.
pub(super) fn nodes_feed(context: &ContextId) -> FeedId {
    FeedId {
        kind: FeedKind::Nodes,
        source: Source::Kube(context.clone()),
    }
}
