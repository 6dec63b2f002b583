//! The fleet: everything one operator sees, joined. Pure: no I/O, no clock, no runtime.
//!
//! Feeds hand in [`Observation`]s; [`Fleet::apply`] is the only way to change the fleet. Reading is by id
//! ([`Fleet::machine`]), by row (the tables in [`table`]) and by rule ([`finding`]).

mod adopt;
mod apply;
mod belong;
mod cap;
pub mod csv;
mod early;
mod edge;
mod entry;
#[cfg(test)]
pub(crate) mod example;
mod feed;
mod finding;
mod found;
mod groups;
mod hosts;
mod ids;
mod index;
mod instance;
mod join;
pub mod json;
mod link;
mod log;
mod machine;
pub mod market;
mod node;
mod observation;
mod pods;
mod policy;
pub mod price;
pub mod query;
pub mod rules;
mod severity;
mod shared;
mod shelf;
mod stack;
mod store;
mod summary;
pub mod table;
mod tags;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod way;

pub use adopt::{
    AdoptName, AdoptRule, Glob, KNOWN_TAG, Membership, Shape, TAG_CLUSTER, TAG_EXPIRES_AT, TAG_POOL, TAG_ROLE,
    TAG_SHAPE, membership,
};
pub use cap::PriceCaps;
pub use edge::{EdgeHealth, EdgeHost, EdgeProbe};
pub use feed::{Fault, FaultKind, Feed, FeedId, FeedKind, FeedReport, Freshness, Source};
pub use finding::Finding;
pub use found::{FOUND_GROUP, found_hosts};
pub use ids::{ClusterId, ContextId, HostName, InstanceId, MachineId, NodeKey, PodKey, PoolId, Scope};
pub use instance::{Activity, Arch, Asg, AsgMember, Instance, InstanceState, Notice, NoticeKind, Purchase, SpotFleet};
pub use join::{Rank, named_instance, ssh_host};
pub use log::{Log, LogEntry};
pub use machine::{JOIN_GRACE, Machine, MachineState};
pub use market::{Market, Offer};
pub use node::{KubeServer, Node, NodeUsage, OwnerKind, Pod, PodPhase, Readiness, Resources, Role, Usage};
pub use observation::{Observation, OnDemandPrice, SpotPrice};
pub use policy::Policy;
pub use severity::Severity;
pub use stack::{
    ClusterEvent, ClusterQueues, ClusterStack, MACHINE_ENDED, QueueDepth, StackDrift, StackStatus, Stacked,
};
pub use store::Fleet;
pub use summary::{Capacity, Cluster, Cost, Count, Pool, Summary};
pub use table::{RowId, Rows, TableKind, View};
pub use tags::{Tags, tag};
pub use way::{Via, Way, Ways, is_lasting_path, is_server_url};
