//! Parting and linking: which node an instance has, which node an edge host has.
//!
//! [`apply`](super::apply) says which nodes and hosts a change concerns; here their claims are made anew
//! ([`join`](super::join)), and whoever's partner has changed is told.

use jiff::Timestamp;

use super::join::Rank;
use super::store::Fleet;
use super::{HostName, InstanceId, NodeKey};

impl Fleet {
    /// Finds the instance of each of these nodes anew, and the node of each instance concerned.
    pub(super) fn rejoin(&mut self, nodes: impl IntoIterator<Item = NodeKey>, at: Timestamp) {
        let mut concerned: smallvec::SmallVec<[InstanceId; 2]> = Default::default();
        for key in nodes {
            let Some(entry) = self.nodes.get(&key) else { continue };
            let claim = entry.data.as_ref().and_then(|node| {
                let on_edge = entry.edge.is_some() || node.ssh.is_some();
                self.joins.claim_of(node, on_edge, |id| self.instances.contains_key(id))
            });
            let Some(entry) = self.nodes.get_mut(&key) else {
                continue;
            };
            let old: Option<(Rank, InstanceId)> = std::mem::replace(&mut entry.claim, claim.clone());
            if let Some((_, id)) = old {
                self.joins.unclaim(&id, &key);
                concerned.push(id);
            }
            if let (Some((rank, id)), Some(node)) = (claim, &entry.data) {
                self.joins.claim(rank, &id, node);
                concerned.push(id);
            }
        }
        // First all that part, then all that meet: a node may move from one of these instances to another.
        for id in &concerned {
            let winner = self.joins.winner(id);
            if self.instances.get(id).is_some_and(|e| e.node.as_ref() != winner) {
                self.unlink(id, at);
            }
        }
        for id in &concerned {
            self.link(id);
        }
    }

    /// Gives an instance that is free to its strongest claim.
    pub(super) fn link(&mut self, id: &InstanceId) {
        let Some(key) = self.joins.winner(id).cloned() else {
            return;
        };
        let Some(entry) = self.instances.get_mut(id).filter(|e| e.node.is_none()) else {
            return;
        };
        entry.node = Some(key.clone());
        entry.nodeless_since = None;
        let (cluster, pool) = (entry.cluster.clone(), entry.pool.clone());
        if let Some(node) = self.nodes.get_mut(&key) {
            node.instance = Some(id.clone());
            node.instanceless_since = None;
        }
        let context = self.context_entry(&key.context);
        context.joined += 1;
        if let Some(cluster) = cluster {
            *context.votes.entry(cluster).or_default() += 1;
        }
        *self
            .group_votes
            .entry(pool)
            .or_default()
            .entry(key.context)
            .or_default() += 1;
    }

    /// Parts an instance from its node.
    pub(super) fn unlink(&mut self, id: &InstanceId, at: Timestamp) {
        let Some(entry) = self.instances.get_mut(id) else {
            return;
        };
        let Some(key) = entry.node.take() else { return };
        entry.nodeless_since = Some(at);
        let (cluster, pool) = (entry.cluster.clone(), entry.pool.clone());
        if let Some(node) = self.nodes.get_mut(&key) {
            node.instance = None;
            node.instanceless_since = node.data.is_some().then_some(at);
        }
        let context = self.context_entry(&key.context);
        context.joined = context.joined.saturating_sub(1);
        if let Some(cluster) = cluster {
            uncount(&mut context.votes, &cluster);
        }
        if context.joined == 0 && context.server.is_none() {
            self.contexts.remove(&key.context);
        }
        if let Some(votes) = self.group_votes.get_mut(&pool) {
            uncount(votes, &key.context);
            if votes.is_empty() {
                self.group_votes.remove(&pool);
            }
        }
    }

    /// Finds the node of each of these edge hosts anew, and then the instance of each node concerned: not before
    /// all hosts are settled, for what is an edge host's is not joined by IP.
    pub(super) fn rejoin_hosts(
        &mut self,
        hosts: impl IntoIterator<Item = HostName>,
        lost: Option<NodeKey>,
        at: Timestamp,
    ) {
        let mut nodes: smallvec::SmallVec<[NodeKey; 2]> = lost.into_iter().collect();
        for name in hosts {
            let Some(entry) = self.edges.get(&name) else { continue };
            let node = self
                .joins
                .node_of_host(&entry.data, |key| self.nodes.get(key)?.data.as_deref());
            if entry.node == node {
                continue;
            }
            let Some(entry) = self.edges.get_mut(&name) else {
                continue;
            };
            let old = std::mem::replace(&mut entry.node, node.clone());
            if let Some(key) = old {
                if let Some(node) = self.nodes.get_mut(&key).filter(|n| n.edge.as_ref() == Some(&name)) {
                    node.edge = None;
                }
                nodes.push(key);
            }
            if let Some(key) = node {
                if let Some(node) = self.nodes.get_mut(&key) {
                    node.edge = Some(name);
                }
                nodes.push(key);
            }
        }
        self.rejoin(nodes, at);
    }
}

fn uncount<K: Ord>(votes: &mut std::collections::BTreeMap<K, u32>, key: &K) {
    if let Some(n) = votes.get_mut(key) {
        *n -= 1;
        if *n == 0 {
            votes.remove(key);
        }
    }
}
