//! What the fleet keeps of each thing: what was told of it, its links to its partners, and since when it is so.

use std::sync::Arc;

use jiff::Timestamp;
use smol_str::SmolStr;

use super::join::Rank;
use super::shelf::{Keyed, Slot};
use super::{
    ClusterId, EdgeHost, EdgeProbe, HostName, Instance, InstanceId, Membership, Node, NodeKey, Notice, PoolId,
    Resources, Usage,
};

/// An instance, and what is known about it besides.
#[derive(Debug)]
pub(super) struct InstanceEntry {
    pub(super) data: Instance,
    pub(super) place: Arc<Place>,
    /// Its life in its Auto Scaling group, and whether the group holds it healthy.
    pub(super) member: Option<(SmolStr, bool)>,
    pub(super) node: Option<Slot>,
    pub(super) nodeless_since: Option<Timestamp>,
    pub(super) notice: Option<Box<Notice>>,
}

impl Keyed for InstanceEntry {
    type Key = InstanceId;

    fn key(&self) -> &InstanceId {
        &self.data.id
    }
}

/// Where an instance belongs by its own tags: the same for all instances of a group.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Place {
    pub(super) membership: Option<Membership>,
    /// The cluster its own tags name.
    pub(super) cluster: Option<ClusterId>,
    pub(super) pool: PoolId,
}

impl Place {
    pub(super) fn new(instance: &Instance, membership: Option<Membership>) -> Self {
        let cluster = membership.as_ref().map(|m| ClusterId {
            name: m.cluster.clone(),
            home: Some(instance.scope.clone()),
        });
        let pool = if let Some(asg) = instance.asg() {
            PoolId::Asg(instance.scope.clone(), asg.into())
        } else if let Some(fleet) = instance.spot_fleet() {
            PoolId::SpotFleet(instance.scope.clone(), fleet.into())
        } else {
            PoolId::Instance(instance.id.clone())
        };
        Self {
            membership,
            cluster,
            pool,
        }
    }
}

/// A node, its links and the sum of its pods. Pods may be known before their node is.
#[derive(Debug)]
pub(super) struct NodeEntry {
    pub(super) key: NodeKey,
    pub(super) data: Option<Box<Node>>,
    pub(super) claim: Option<(Rank, Slot)>,
    pub(super) instance: Option<Slot>,
    pub(super) instanceless_since: Option<Timestamp>,
    pub(super) edge: Option<Slot>,
    /// Since when it is seen to be cordoned.
    pub(super) cordoned_since: Option<Timestamp>,
    pub(super) requested: Resources,
    pub(super) usage: Option<Usage>,
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

impl Keyed for NodeEntry {
    type Key = NodeKey;

    fn key(&self) -> &NodeKey {
        &self.key
    }
}

/// An edge host, its node and its latest probe.
#[derive(Debug)]
pub(super) struct EdgeEntry {
    pub(super) data: EdgeHost,
    pub(super) pool: PoolId,
    pub(super) probe: Option<EdgeProbe>,
    pub(super) silent_since: Option<Timestamp>,
    pub(super) node: Option<Slot>,
}

impl Keyed for EdgeEntry {
    type Key = HostName;

    fn key(&self) -> &HostName {
        &self.data.name
    }
}
