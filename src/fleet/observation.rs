//! The one way in: everything a feed learns reaches the fleet as an [`Observation`].

use jiff::Timestamp;
use smol_str::SmolStr;

use super::{
    Activity, Asg, ClusterEvent, ClusterId, ClusterQueues, ClusterStack, ContextId, EdgeHost, EdgeProbe, FeedId,
    FeedReport, HostName, Instance, InstanceId, KubeServer, Node, NodeKey, NodeUsage, Notice, Pod, PodKey, Scope,
    SpotFleet,
};

/// One thing seen. Applying one costs O(1); a feed that lists its source sends only what changed.
#[derive(Clone, Debug, PartialEq)]
pub enum Observation {
    /// A feed's word about itself.
    Feed(FeedId, FeedReport),
    /// Who the credentials of a scope belong to.
    Account(Scope, SmolStr),
    /// An instance, new or changed.
    Instance(Box<Instance>),
    /// An instance that is terminated or no longer listed.
    InstanceGone(InstanceId),
    /// An Auto Scaling group, new or changed.
    Asg(Box<Asg>),
    /// An Auto Scaling group that is no more.
    AsgGone(Scope, SmolStr),
    /// A Spot Fleet request, new or changed.
    SpotFleet(Box<SpotFleet>),
    /// A Spot Fleet request that is no more.
    SpotFleetGone(Scope, SmolStr),
    /// A scaling activity, new or further on.
    Activity(Box<Activity>),
    /// A warning about an instance.
    Notice(Notice),
    /// A cluster's stack, new or changed.
    Stack(Box<ClusterStack>),
    /// How a cluster's queues stand.
    Queues(Box<ClusterQueues>),
    /// What EC2 or Auto Scaling said of a cluster's machine; it may be said again.
    Event(Box<ClusterEvent>),
    /// A cluster whose stack is no more, or is looked at no longer.
    StackGone(ClusterId),
    /// A spot price.
    SpotPrice(SpotPrice),
    /// An on-demand price, or that there is none.
    OnDemandPrice(OnDemandPrice),
    /// An API server answered.
    Server(KubeServer),
    /// A node, new or changed.
    Node(Box<Node>),
    /// A node that was deleted.
    NodeGone(NodeKey),
    /// A pod, new or changed.
    Pod(Pod),
    /// A pod that was deleted.
    PodGone(PodKey),
    /// What a node uses.
    Usage(NodeUsage),
    /// A context that is looked through no longer: all it showed is forgotten.
    ContextGone(ContextId),
    /// An edge host as written in `hosts.toml`.
    EdgeHost(Box<EdgeHost>),
    /// An edge host that was taken out of `hosts.toml`.
    EdgeHostGone(HostName),
    /// A probe of an edge host.
    EdgeProbe(Box<EdgeProbe>),
}

/// A spot price from a point in time on, until the next one (`DescribeSpotPriceHistory`, Linux/UNIX).
#[derive(Clone, Debug, PartialEq)]
pub struct SpotPrice {
    /// The region.
    pub region: SmolStr,
    /// The instance type.
    pub instance_type: SmolStr,
    /// The availability zone.
    pub zone: SmolStr,
    /// From when on.
    pub at: Timestamp,
    /// USD per hour.
    pub usd: f64,
}

/// An on-demand price (Pricing API `GetProducts`, Linux, shared tenancy).
#[derive(Clone, Debug, PartialEq)]
pub struct OnDemandPrice {
    /// The region.
    pub region: SmolStr,
    /// The instance type.
    pub instance_type: SmolStr,
    /// USD per hour; `None` when the price list names none.
    pub usd: Option<f64>,
    /// When it was read from the price list: a cached price keeps its age.
    pub fetched_at: Timestamp,
}
