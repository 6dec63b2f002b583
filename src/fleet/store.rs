//! The fleet itself: what is known, kept by id, and [`Fleet::apply`], the only way to change it.
//!
//! Instances, nodes and edge hosts are kept apart, each with a link to its partner; a row is a view along the
//! links ([`Machine`]). Applying an observation touches the things it names and those that share a join key
//! with them, so its cost does not grow with the fleet.

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;
use rustc_hash::FxHashMap;
use smol_str::SmolStr;

use super::early::Early;
use super::join::{Joins, Rank, named_instance, named_region};
use super::log::Log;
use super::machine::Machine;
use super::market::Market;
use super::{
    Activity, AdoptRule, Asg, ClusterId, ContextId, EdgeHost, EdgeProbe, Feed, FeedId, FeedKind, Freshness, HostName,
    Instance, InstanceId, KubeServer, MachineId, Membership, Node, NodeKey, NodeUsage, Notice, Pod, PodKey, Policy,
    PoolId, Resources, Scope, Source, SpotFleet, membership,
};

/// Everything known. See the module docs.
#[derive(Debug, Default)]
pub struct Fleet {
    pub(super) rules: Vec<AdoptRule>,
    pub(super) policy: Policy,
    pub(super) instances: FxHashMap<InstanceId, InstanceEntry>,
    pub(super) nodes: FxHashMap<NodeKey, NodeEntry>,
    pub(super) edges: FxHashMap<HostName, EdgeEntry>,
    pub(super) pods: FxHashMap<PodKey, PodEntry>,
    pub(super) asgs: FxHashMap<PoolId, Asg>,
    pub(super) spot_fleets: FxHashMap<PoolId, SpotFleet>,
    pub(super) activities: FxHashMap<(Scope, SmolStr), VecDeque<Activity>>,
    /// Since when each group is seen to have fewer machines than it wants.
    pub(super) short_since: FxHashMap<PoolId, Timestamp>,
    pub(super) contexts: BTreeMap<ContextId, ContextEntry>,
    pub(super) accounts: BTreeMap<Scope, SmolStr>,
    pub(super) feeds: BTreeMap<FeedId, Feed>,
    /// How many instances carry each cluster's tags.
    pub(super) tagged: BTreeMap<ClusterId, u32>,
    /// In which contexts the nodes of each group's instances are.
    pub(super) group_votes: FxHashMap<PoolId, BTreeMap<ContextId, u32>>,
    pub(super) joins: Joins,
    pub(super) market: Market,
    pub(super) log: Log,
    pub(super) early_notices: Early<InstanceId, Notice>,
    pub(super) early_probes: Early<HostName, EdgeProbe>,
    pub(super) early_usages: Early<NodeKey, NodeUsage>,
    pub(super) revision: u64,
}

/// An instance, and what is known about it besides.
#[derive(Debug)]
pub(super) struct InstanceEntry {
    pub(super) data: Instance,
    pub(super) membership: Option<Membership>,
    /// The cluster its own tags name.
    pub(super) cluster: Option<ClusterId>,
    pub(super) pool: PoolId,
    /// The tag `Name`, kept at hand: it is read for every row that is sorted or searched.
    pub(super) name: Option<SmolStr>,
    /// Its life in its Auto Scaling group, and whether the group holds it healthy.
    pub(super) member: Option<(SmolStr, bool)>,
    pub(super) node: Option<NodeKey>,
    pub(super) nodeless_since: Option<Timestamp>,
    pub(super) notice: Option<Notice>,
}

impl InstanceEntry {
    pub(super) fn new(data: Instance, membership: Option<Membership>) -> Self {
        let cluster = membership.as_ref().map(|m| ClusterId {
            name: m.cluster.clone(),
            home: Some(data.scope.clone()),
        });
        let pool = if let Some(asg) = data.asg() {
            PoolId::Asg(data.scope.clone(), asg.into())
        } else if let Some(fleet) = data.spot_fleet() {
            PoolId::SpotFleet(data.scope.clone(), fleet.into())
        } else {
            PoolId::Instance(data.id.clone())
        };
        let name = data.tag("Name").filter(|name| !name.is_empty()).map(SmolStr::new);
        Self {
            name,
            member: None,
            data,
            membership,
            cluster,
            pool,
            node: None,
            nodeless_since: None,
            notice: None,
        }
    }
}

/// A node, its links and the sum of its pods. Pods may be known before their node is.
#[derive(Debug)]
pub(super) struct NodeEntry {
    pub(super) key: NodeKey,
    pub(super) data: Option<Box<Node>>,
    pub(super) claim: Option<(Rank, InstanceId)>,
    pub(super) instance: Option<InstanceId>,
    pub(super) instanceless_since: Option<Timestamp>,
    pub(super) edge: Option<HostName>,
    /// Since when it is seen to be cordoned.
    pub(super) cordoned_since: Option<Timestamp>,
    pub(super) requested: Resources,
    pub(super) usage: Option<NodeUsage>,
}

impl NodeEntry {
    pub(super) fn new(key: NodeKey) -> Self {
        Self {
            key,
            data: None,
            claim: None,
            instance: None,
            instanceless_since: None,
            edge: None,
            cordoned_since: None,
            requested: Resources::default(),
            usage: None,
        }
    }
}

/// An edge host, its node and its latest probe.
#[derive(Debug)]
pub(super) struct EdgeEntry {
    pub(super) data: EdgeHost,
    pub(super) pool: PoolId,
    pub(super) probe: Option<EdgeProbe>,
    pub(super) silent_since: Option<Timestamp>,
    pub(super) node: Option<NodeKey>,
}

/// What a pod counts for.
#[derive(Debug, PartialEq)]
pub(super) struct PodEntry {
    pub(super) node: Option<SmolStr>,
    pub(super) phase: super::PodPhase,
    pub(super) owner: super::OwnerKind,
    pub(super) requests: Resources,
}

impl From<&Pod> for PodEntry {
    fn from(pod: &Pod) -> Self {
        Self {
            node: pod.node.clone(),
            phase: pod.phase,
            owner: pod.owner,
            requests: pod.requests,
        }
    }
}

/// An API server, how many of its nodes have an instance, and which tagged clusters those belong to.
#[derive(Debug, Default)]
pub(super) struct ContextEntry {
    pub(super) server: Option<KubeServer>,
    pub(super) joined: u32,
    pub(super) votes: BTreeMap<ClusterId, u32>,
}

impl Fleet {
    /// An empty fleet that adopts clusters by these rules.
    pub fn new(rules: Vec<AdoptRule>) -> Self {
        Self {
            rules,
            ..Self::default()
        }
    }

    /// What the operator wants of the fleet, from the configuration; the rules judge by it.
    pub fn set_policy(&mut self, policy: Policy) {
        self.revision += 1;
        self.policy = policy;
    }

    /// What the operator wants of the fleet.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// A number that changes with every change, but not when a source merely says again what is known.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// All prices.
    pub fn market(&self) -> &Market {
        &self.market
    }

    /// What happened lately.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// The account of each scope, as far as known.
    pub fn accounts(&self) -> &BTreeMap<Scope, SmolStr> {
        &self.accounts
    }

    /// All feeds and how they do.
    pub fn feeds(&self) -> &BTreeMap<FeedId, Feed> {
        &self.feeds
    }

    /// The API servers seen.
    pub fn servers(&self) -> impl Iterator<Item = &KubeServer> {
        self.contexts.values().filter_map(|c| c.server.as_ref())
    }

    /// An Auto Scaling group.
    pub fn asg(&self, scope: &Scope, name: &str) -> Option<&Asg> {
        self.asgs.get(&PoolId::Asg(scope.clone(), name.into()))
    }

    /// All Auto Scaling groups, in no order.
    pub fn asgs(&self) -> impl Iterator<Item = &Asg> {
        self.asgs.values()
    }

    /// A Spot Fleet request.
    pub fn spot_fleet(&self, scope: &Scope, id: &str) -> Option<&SpotFleet> {
        self.spot_fleets.get(&PoolId::SpotFleet(scope.clone(), id.into()))
    }

    /// All Spot Fleet requests, in no order.
    pub fn spot_fleets(&self) -> impl Iterator<Item = &SpotFleet> {
        self.spot_fleets.values()
    }

    /// The scaling activities of a group, newest first.
    pub fn activities(&self, scope: &Scope, asg: &str) -> impl Iterator<Item = &Activity> {
        self.activities
            .get(&(scope.clone(), SmolStr::new(asg)))
            .into_iter()
            .flatten()
    }

    /// Since when a group is seen to have fewer machines than it wants; it may have had before.
    pub fn short_since(&self, pool: &PoolId) -> Option<Timestamp> {
        self.short_since.get(pool).copied()
    }

    /// The row that a machine's part belongs to.
    pub fn machine(&self, id: &MachineId) -> Option<Machine<'_>> {
        match id {
            MachineId::Instance(id) => self.instances.get(id).map(|i| self.row_of_instance(i)),
            MachineId::Node(key) => {
                let node = self.nodes.get(key).filter(|n| n.data.is_some())?;
                Some(self.row_of_node(node))
            }
            MachineId::Edge(host) => {
                let edge = self.edges.get(host)?;
                match edge.node.as_ref().and_then(|key| self.nodes.get(key)) {
                    Some(node) => Some(self.row_of_node(node)),
                    None => Some(Machine {
                        fleet: self,
                        instance: None,
                        node: None,
                        edge: Some(edge),
                    }),
                }
            }
        }
    }

    /// Every row, those of unknown cluster included, in no order.
    pub fn all_machines(&self) -> impl Iterator<Item = Machine<'_>> {
        let instances = self.instances.values().map(|i| self.row_of_instance(i));
        let nodes = self.nodes.values().filter(|n| n.data.is_some() && n.instance.is_none());
        let edges = self.edges.values().filter(|e| e.node.is_none());
        instances
            .chain(nodes.map(|n| self.row_of_node(n)))
            .chain(edges.map(|e| Machine {
                fleet: self,
                instance: None,
                node: None,
                edge: Some(e),
            }))
    }

    /// The rows of the fleet: every machine that belongs to a K3s cluster, and every edge host, in no order.
    pub fn machines(&self) -> impl Iterator<Item = Machine<'_>> {
        self.all_machines().filter(|m| m.edge.is_some() || self.has_cluster(m))
    }

    fn row_of_instance<'a>(&'a self, instance: &'a InstanceEntry) -> Machine<'a> {
        let node = instance.node.as_ref().and_then(|key| self.nodes.get(key));
        let edge = node.and_then(|n| self.edges.get(n.edge.as_ref()?));
        Machine {
            fleet: self,
            instance: Some(instance),
            node,
            edge,
        }
    }

    fn row_of_node<'a>(&'a self, node: &'a NodeEntry) -> Machine<'a> {
        let instance = node.instance.as_ref().and_then(|id| self.instances.get(id));
        let edge = node.edge.as_ref().and_then(|host| self.edges.get(host));
        Machine {
            fleet: self,
            instance,
            node: Some(node),
            edge,
        }
    }

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
            if let Some(cluster) = &instance.cluster {
                return Some(Cow::Borrowed(cluster));
            }
            if machine.node.is_none() {
                return self.cluster_of_pool(&instance.pool).map(Cow::Owned);
            }
        }
        if let Some(node) = machine.node {
            return Some(self.context_cluster(&node.key.context));
        }
        machine
            .edge
            .and_then(|e| Some(self.named_cluster(e.data.cluster.as_ref()?)))
    }

    fn has_cluster(&self, machine: &Machine<'_>) -> bool {
        match machine.instance {
            Some(i) if i.cluster.is_some() || i.node.is_some() => true,
            Some(i) => self.cluster_of_pool(&i.pool).is_some(),
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
    pub(super) fn tags_of_pool(&self, pool: &PoolId) -> Option<&[(SmolStr, SmolStr)]> {
        match pool {
            PoolId::Asg(..) => self.asgs.get(pool).map(|a| &*a.tags),
            PoolId::SpotFleet(..) => self.spot_fleets.get(pool).map(|f| &*f.tags),
            PoolId::Instance(_) | PoolId::Edge(_) => None,
        }
    }

    /// What tags say of the cluster they belong to, by k3fleet's own and by the adoption rules.
    pub fn membership(&self, tags: &[(SmolStr, SmolStr)]) -> Option<Membership> {
        membership(tags, &self.rules)
    }

    /// Whether a node names an instance that we would see if it existed, and do not. Only a cluster that has
    /// other instances here is judged: those of another account would never be seen.
    pub(super) fn misses_instance_of(&self, node: &Node) -> bool {
        let Some((_, id)) = named_instance(node) else {
            return false;
        };
        if self.instances.contains_key(&id) || self.contexts.get(&node.key.context).is_none_or(|c| c.joined == 0) {
            return false;
        }
        let region = named_region(node);
        let mut seen = false;
        for (feed, state) in &self.feeds {
            let Source::Aws(scope) = &feed.source else { continue };
            if feed.kind != FeedKind::Instances || region.is_some_and(|r| r != scope.region) {
                continue;
            }
            if state.synced_at.is_none() || state.fault.is_some() {
                return false;
            }
            seen = true;
        }
        seen
    }

    /// How fresh a feed is; `None` for a feed that has not reported and does not exist.
    pub fn freshness(&self, feed: &FeedId, now: Timestamp) -> Option<Freshness<'_>> {
        self.feeds.get(feed).map(|f| f.freshness(now))
    }
}

/// The feed that tells a context's nodes.
pub(super) fn nodes_feed(context: &ContextId) -> FeedId {
    FeedId {
        kind: FeedKind::Nodes,
        source: Source::Kube(context.clone()),
    }
}
