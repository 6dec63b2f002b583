//! The fleet: everything one operator sees, joined. Pure: no I/O, no clock, no runtime.
//!
//! Feeds hand in [`Observation`]s; [`Fleet::apply`] is the only way to change the fleet. Reading is by id
//! ([`Fleet::machine`]), by row (the tables in [`table`]) and by rule ([`finding`]).

mod adopt;
mod edge;
mod feed;
mod ids;
mod instance;
mod node;
mod observation;

pub use adopt::{
    AdoptName, AdoptRule, Glob, Membership, Shape, TAG_CLUSTER, TAG_EXPIRES_AT, TAG_POOL, TAG_ROLE, TAG_SHAPE,
    membership,
};
pub use edge::{EdgeHealth, EdgeHost, EdgeProbe};
pub use feed::{Fault, FaultKind, Feed, FeedId, FeedKind, FeedReport, Freshness, Source};
pub use ids::{ClusterId, ContextId, HostName, InstanceId, MachineId, NodeKey, PodKey, PoolId, Scope};
pub use instance::{
    Activity, Arch, Asg, AsgMember, Instance, InstanceState, Notice, NoticeKind, Purchase, SpotFleet, Tags, tag,
};
pub use node::{KubeServer, Node, NodeUsage, OwnerKind, Pod, PodPhase, Readiness, Resources, Role};
pub use observation::{Observation, OnDemandPrice, SpotPrice};
