//! The fleet itself: what is known, kept by id, and [`Fleet::apply`], the only way to change it.
//!
//! Instances, nodes and edge hosts are kept apart, each with a link to its partner; a row is a view along the
//! links ([`Machine`]). Applying an observation touches the things it names and those that share a join key
//! with them, so its cost does not grow with the fleet.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;
use rustc_hash::FxHashMap;
use smol_str::SmolStr;

use super::early::Early;
use super::entry::{EdgeEntry, InstanceEntry, NodeEntry};
use super::join::{Joins, named_instance, named_region};
use super::log::Log;
use super::machine::Machine;
use super::market::Market;
use super::pods::Pods;
use super::shared::Shared;
use super::shelf::Shelf;
use super::stack::Stacked;
use super::{
    Activity, AdoptRule, Asg, ClusterId, ContextId, EdgeProbe, Feed, FeedId, FeedKind, Freshness, HostName, InstanceId,
    KubeServer, MachineId, Node, NodeKey, Notice, Policy, PoolId, Scope, Source, SpotFleet, Usage,
};

/// Everything known. See the module docs.
#[derive(Debug, Default)]
pub struct Fleet {
    pub(super) rules: Vec<AdoptRule>,
    pub(super) policy: Policy,
    pub(super) instances: Shelf<InstanceEntry>,
    pub(super) nodes: Shelf<NodeEntry>,
    pub(super) edges: Shelf<EdgeEntry>,
    pub(super) pods: Pods,
    pub(super) shared: Shared,
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
    /// What is known of clusters by their stacks.
    pub(super) stacks: BTreeMap<ClusterId, Stacked>,
    pub(super) log: Log,
    pub(super) early_notices: Early<InstanceId, Notice>,
    pub(super) early_probes: Early<HostName, EdgeProbe>,
    pub(super) early_usages: Early<NodeKey, Usage>,
    pub(super) revision: u64,
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
            MachineId::Edge(host) => self.edges.get(host).map(|e| self.row_of_edge(e)),
        }
    }

    /// Every row, those of unknown cluster included, in no order.
    pub fn all_machines(&self) -> impl Iterator<Item = Machine<'_>> {
        let nodes = self.nodes.iter().filter(|n| n.data.is_some() && n.instance.is_none());
        let edges = self.edges.iter().filter(|e| e.node.is_none());
        let instances = self.instances.iter().map(|i| self.row_of_instance(i));
        instances
            .chain(nodes.map(|n| self.row_of_node(n)))
            .chain(edges.map(|e| self.row_of_edge(e)))
    }

    /// The rows of the fleet: every machine that belongs to a K3s cluster, and every edge host, in no order.
    pub fn machines(&self) -> impl Iterator<Item = Machine<'_>> {
        self.all_machines().filter(|m| m.edge.is_some() || self.has_cluster(m))
    }

    fn row_of_instance<'a>(&'a self, instance: &'a InstanceEntry) -> Machine<'a> {
        let node = instance.node.and_then(|slot| self.nodes.at(slot));
        Machine {
            fleet: self,
            instance: Some(instance),
            node,
            edge: node.and_then(|n| self.edges.at(n.edge?)),
        }
    }

    fn row_of_node<'a>(&'a self, node: &'a NodeEntry) -> Machine<'a> {
        Machine {
            fleet: self,
            instance: node.instance.and_then(|slot| self.instances.at(slot)),
            node: Some(node),
            edge: node.edge.and_then(|slot| self.edges.at(slot)),
        }
    }

    fn row_of_edge<'a>(&'a self, edge: &'a EdgeEntry) -> Machine<'a> {
        match edge.node.and_then(|slot| self.nodes.at(slot)) {
            Some(node) => self.row_of_node(node),
            None => Machine {
                fleet: self,
                instance: None,
                node: None,
                edge: Some(edge),
            },
        }
    }

    /// Whether a node names an instance that we would see if it existed, and do not. Only a cluster that has
    /// other instances here is judged: those of another account would never be seen.
    pub(super) fn misses_instance_of(&self, node: &Node) -> bool {
        let Some((_, id)) = named_instance(node) else {
            return false;
        };
        if self.instances.contains(&id) || self.contexts.get(&node.key.context).is_none_or(|c| c.joined == 0) {
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
