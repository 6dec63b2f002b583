//! Parting and linking: which node an instance has, which node an edge host has.
//!
//! [`apply`](super::apply) says which nodes and hosts a change concerns; here their claims are made anew
//! ([`join`](super::join)), and whoever's partner has changed is told.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use jiff::Timestamp;

use super::join::{Few, Rank};
use super::shelf::Slot;
use super::store::Fleet;

impl Fleet {
    /// Finds the instance of each of these nodes anew, and the node of each instance concerned.
    pub(super) fn rejoin(&mut self, nodes: impl IntoIterator<Item = Slot>, at: Timestamp) {
        let mut concerned = Few::new();
        for slot in nodes {
            let Some(entry) = self.nodes.at(slot) else { continue };
            let claim = entry.data.as_ref().and_then(|node| {
                let on_edge = entry.edge.is_some() || node.ssh.is_some();
                self.joins.claim_of(node, on_edge, &self.instances)
            });
            let Some(entry) = self.nodes.at_mut(slot) else { continue };
            let old: Option<(Rank, Slot)> = std::mem::replace(&mut entry.claim, claim);
            concerned.extend([old, claim].into_iter().flatten().map(|(_, instance)| instance));
        }
        // First all that part, then all that meet: a node may move from one of these instances to another.
        for instance in &concerned {
            let winner = self.winner(*instance);
            if self.instances.at(*instance).is_some_and(|e| e.node != winner) {
                self.unlink(*instance, at);
            }
        }
        for instance in concerned {
            self.link(instance);
        }
    }

    /// The node that an instance goes to: of those that claim it, the one with the strongest claim, of several
    /// the one that joined last.
    fn winner(&self, instance: Slot) -> Option<Slot> {
        let near = self.joins.nodes_near(&self.instances.at(instance)?.data);
        let claims = near.into_iter().filter_map(|slot| {
            let entry = self.nodes.at(slot)?;
            let (rank, claimed) = entry.claim?;
            let joined_at = entry.data.as_ref()?.joined_at;
            (claimed == instance).then_some(((rank, Reverse(joined_at), &entry.key), slot))
        });
        claims.min().map(|(_, slot)| slot)
    }

    /// Gives an instance that is free to its strongest claim.
    fn link(&mut self, instance: Slot) {
        let Some(slot) = self.winner(instance) else { return };
        let Some(entry) = self.instances.at_mut(instance).filter(|e| e.node.is_none()) else {
            return;
        };
        let Some(node) = self.nodes.at_mut(slot) else { return };
        entry.node = Some(slot);
        entry.nodeless_since = None;
        node.instance = Some(instance);
        node.instanceless_since = None;
        let (place, context) = (entry.place.clone(), node.key.context.clone());
        let group = self.group_votes.entry(place.pool.clone()).or_default();
        *group.entry(context.clone()).or_default() += 1;
        let context = self.contexts.entry(context).or_default();
        context.joined += 1;
        if let Some(cluster) = &place.cluster {
            *context.votes.entry(cluster.clone()).or_default() += 1;
        }
    }

    /// Parts an instance from its node.
    pub(super) fn unlink(&mut self, instance: Slot, at: Timestamp) {
        let Some(entry) = self.instances.at_mut(instance) else {
            return;
        };
        let Some(slot) = entry.node.take() else { return };
        entry.nodeless_since = Some(at);
        let place = entry.place.clone();
        let Some(node) = self.nodes.at_mut(slot) else { return };
        node.instance = None;
        node.instanceless_since = node.data.is_some().then_some(at);
        let key = &node.key.context;
        if let Some(context) = self.contexts.get_mut(key) {
            context.joined = context.joined.saturating_sub(1);
            if let Some(cluster) = &place.cluster {
                uncount(&mut context.votes, cluster);
            }
            if context.joined == 0 && context.server.is_none() {
                self.contexts.remove(key);
            }
        }
        if let Some(votes) = self.group_votes.get_mut(&place.pool) {
            uncount(votes, key);
            if votes.is_empty() {
                self.group_votes.remove(&place.pool);
            }
        }
    }

    /// Finds the node of each of these edge hosts anew, and then the instance of each node concerned: not before
    /// all hosts are settled, for what is an edge host's is not joined by IP.
    pub(super) fn rejoin_hosts(&mut self, hosts: impl IntoIterator<Item = Slot>, lost: Option<Slot>, at: Timestamp) {
        let mut nodes: Few = lost.into_iter().collect();
        for host in hosts {
            let Some(entry) = self.edges.at(host) else { continue };
            let new = self.joins.node_of_host(&entry.data, &self.nodes, &self.edges);
            let Some(entry) = self.edges.at_mut(host).filter(|e| e.node != new) else {
                continue;
            };
            let old = std::mem::replace(&mut entry.node, new);
            if let Some(node) = old
                .and_then(|slot| self.nodes.at_mut(slot))
                .filter(|n| n.edge == Some(host))
            {
                node.edge = None;
            }
            if let Some(node) = new.and_then(|slot| self.nodes.at_mut(slot)) {
                node.edge = Some(host);
            }
            nodes.extend([old, new].into_iter().flatten());
        }
        self.rejoin(nodes, at);
    }
}

pub(super) fn uncount<K: Ord>(votes: &mut BTreeMap<K, u32>, key: &K) {
    if let Some(n) = votes.get_mut(key) {
        *n -= 1;
        if *n == 0 {
            votes.remove(key);
        }
    }
}
