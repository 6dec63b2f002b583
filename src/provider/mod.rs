//! The only way out: three ports, in the fleet's own types.
//!
//! [`Cloud`] is one AWS profile in one region, [`Kube`] one API server, [`Shell`] the edge hosts. The live
//! adapters ([`aws`], [`kube`]) are the only code that names an SDK; [`sim`] is one simulated world behind
//! all three. A call returns whole, mapped answers: paging, decoding and error translation stay inside.

pub mod aws;
mod control;
mod error;
mod ground;
pub mod kube;
mod machine;
mod order;
mod part;
mod resource;
mod secret;
pub mod sim;
mod snapshot;
pub mod ssh;
mod stack;
mod web;

use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use futures::Stream;
use jiff::Timestamp;
use smol_str::SmolStr;

pub use control::{BoundPod, CloudControl, Control, Eviction, KubeControl, ShellControl};
pub use error::ProviderError;
#[cfg(test)]
pub(crate) use error::pending;
pub use ground::{Channel, InstanceType, Subnet, Vpc};
pub use machine::{BootstrapOrder, BootstrapToken, HostKey, Marks, ParameterVersion, Ran};
pub use order::{
    AsgOrder, GroupOrder, IAM_PATH, MachineOrder, Opening, ParameterOrder, ParameterValue, RoleOrder, TagList,
    TemplateOrder,
};
pub use part::{PartPrice, PricedPart};
pub use resource::{Resource, ResourceKind};
pub use secret::Secret;
pub use snapshot::Snapshot;
pub use stack::{
    ChangeSet, CloudEvent, Detection, PropertyDrift, Queue, ResourceDrift, Stack, StackAction, StackChange, StackEvent,
    StackOrder, StackStatus,
};
pub use web::OpenWeb;

use crate::blueprint::machine::Facts;
use crate::fleet::{
    Activity, Asg, ContextId, EdgeHealth, EdgeHost, Instance, KubeServer, Node, NodeUsage, Notice, OnDemandPrice, Pod,
    Scope, SpotFleet, SpotPrice,
};

/// The answer of a provider.
pub type Result<T> = std::result::Result<T, ProviderError>;

/// AWS, as one profile sees it in one region.
#[async_trait]
pub trait Cloud: Send + Sync {
    /// The profile and region.
    fn scope(&self) -> &Scope;

    /// The account the credentials belong to (`sts:GetCallerIdentity`).
    async fn account(&self) -> Result<SmolStr>;

    /// All instances that are not terminated (`ec2:DescribeInstances`).
    async fn instances(&self) -> Result<Vec<Instance>>;

    /// All Auto Scaling groups (`autoscaling:DescribeAutoScalingGroups`).
    async fn asgs(&self) -> Result<Vec<Asg>>;

    /// Spot Fleet requests that are not yet cancelled (`ec2:DescribeSpotFleetRequests`).
    async fn spot_fleets(&self) -> Result<Vec<SpotFleet>>;

    /// The latest scaling activities of one group, newest first (`autoscaling:DescribeScalingActivities`).
    async fn activities(&self, asg: &str) -> Result<Vec<Activity>>;

    /// Spot instances that EC2 has marked for interruption (`ec2:DescribeSpotInstanceRequests`).
    async fn notices(&self) -> Result<Vec<Notice>>;

    /// Spot prices of these types since a time, the price in force at that time included
    /// (`ec2:DescribeSpotPriceHistory`).
    async fn spot_prices(&self, types: &[SmolStr], since: Timestamp) -> Result<Vec<SpotPrice>>;

    /// On-demand prices of these types in this region, one answer for each (`pricing:GetProducts`).
    async fn on_demand_prices(&self, types: &[SmolStr]) -> Result<Vec<OnDemandPrice>>;

    /// What these parts cost in this region, one answer for each (`pricing:GetProducts`).
    async fn part_prices(&self, parts: &[PricedPart]) -> Result<Vec<PartPrice>>;

    /// The instance types of the current generation that are sold here with 1 to 16 vCPUs
    /// (`ec2:DescribeInstanceTypes`).
    async fn instance_types(&self) -> Result<Vec<InstanceType>>;

    /// The VPCs with their subnets (`ec2:DescribeVpcs`, `ec2:DescribeSubnets`).
    async fn vpcs(&self) -> Result<Vec<Vpc>>;

    /// The id of an image, from the public SSM parameter that names the newest one (`ssm:GetParameter`).
    async fn image(&self, parameter: &str) -> Result<SmolStr>;

    /// What carries the tag `k3fleet:cluster`, or was made by Kubernetes for such a cluster: of one cluster, or of all. The
    /// lock of a cluster is none of it, nor is an instance that is terminated.
    async fn resources(&self, cluster: Option<&str>) -> Result<Vec<Resource>>;

    /// The versions of an SSM parameter, the newest first, without their values; none when there is no such parameter
    /// (`ssm:GetParameterHistory`; whoever may not ask that is told the newest alone, by `ssm:DescribeParameters`).
    async fn parameter_versions(&self, name: &str) -> Result<Vec<ParameterVersion>>;

    /// A stack by its name or ARN; `None` when there is none, or when it is deleted and was asked for by its name
    /// (`cloudformation:DescribeStacks`).
    async fn stack(&self, name: &str) -> Result<Option<Stack>>;

    /// What has happened in a stack after an event, or ever; the oldest first (`cloudformation:DescribeStackEvents`).
    async fn stack_events(&self, name: &str, after: Option<&str>) -> Result<Vec<StackEvent>>;

    /// The resources of a stack that were not as its template says when CloudFormation last looked: it does so when it is had
    /// to by [`CloudControl::detect_drift`] (`cloudformation:DescribeStackResourceDrifts`).
    async fn drifts(&self, stack: &str) -> Result<Vec<ResourceDrift>>;

    /// The services that interface endpoints serve in a VPC under their usual names, such as `secretsmanager`
    /// (`ec2:DescribeVpcEndpoints`).
    async fn endpoints(&self, vpc: &str) -> Result<Vec<SmolStr>>;

    /// The events that lie in a cluster's queue now, each at least once; they stay there for others
    /// (`sqs:ReceiveMessage` with no time of their own).
    async fn cloud_events(&self, queue: &str) -> Result<Vec<CloudEvent>>;

    /// How a queue stands (`sqs:GetQueueAttributes`).
    async fn queue(&self, url: &str) -> Result<Queue>;

    /// When the oldest message of a queue was sent, about; `None` where CloudWatch does not tell, which it does some minutes
    /// late. Such calls cost money: AWS is asked at most once a minute for each queue
    /// (`cloudwatch:GetMetricStatistics`).
    async fn oldest_message(&self, url: &str) -> Result<Option<Timestamp>>;

    /// Tries each permission that seeing needs, by DryRun or a harmless read.
    async fn check(&self) -> Vec<Check>;
}

/// One checked permission.
#[derive(Clone, Debug)]
pub struct Check {
    /// The permission, such as `ec2:DescribeInstances`.
    pub permission: SmolStr,
    /// Whether it is granted.
    pub outcome: Result<()>,
    /// The server's clock minus ours, in seconds, when its answer told.
    pub clock_skew: Option<i64>,
}

/// One API server, through one kube context.
#[async_trait]
pub trait Kube: Send + Sync {
    /// The context.
    fn context(&self) -> &ContextId;

    /// Its version and endpoint (`GET /version`).
    async fn server(&self) -> Result<KubeServer>;

    /// Nodes, from the first listing on, for ever. After an error the stream goes on by itself, paced. While the
    /// source is alive something is said at least every three minutes.
    fn nodes(&self) -> WatchStream<Node>;

    /// Pods, likewise.
    fn pods(&self) -> WatchStream<Pod>;

    /// All nodes, once.
    async fn list_nodes(&self) -> Result<Vec<Node>>;

    /// All pods, once.
    async fn list_pods(&self) -> Result<Vec<Pod>>;

    /// What the nodes use now; [`FaultKind::Unsupported`](crate::fleet::FaultKind::Unsupported) where
    /// metrics.k8s.io is not served.
    async fn usage(&self) -> Result<Vec<NodeUsage>>;

    /// The addresses at which the API servers say that they are reached, each as `host:port`: where agents go once they
    /// have joined (`GET` of the endpoints `default/kubernetes`, or a list of the endpoint slices that have followed them).
    async fn api_addresses(&self) -> Result<Vec<SmolStr>>;

    /// The bootstrap tokens (`GET` of the secrets of type `bootstrap.kubernetes.io/token` in `kube-system`).
    async fn bootstrap_tokens(&self) -> Result<Vec<BootstrapToken>>;

    /// The snapshots of etcd, the newest first (a list of `etcdsnapshotfiles.k3s.cattle.io`);
    /// [`FaultKind::Unsupported`](crate::fleet::FaultKind::Unsupported) where K3s does not tell of any.
    async fn snapshots(&self) -> Result<Vec<Snapshot>>;
}

/// What is asked of the open web.
#[async_trait]
pub trait Web: Send + Sync {
    /// The address by which the internet sees this machine (`https://checkip.amazonaws.com`).
    async fn own_address(&self) -> Result<std::net::IpAddr>;

    /// The release channels of K3s.
    async fn channels(&self) -> Result<Vec<Channel>>;
}

/// A stream of changes.
pub type WatchStream<T> = Pin<Box<dyn Stream<Item = Result<Change<T>>> + Send>>;

/// A change told by a watch.
#[derive(Clone, Debug, PartialEq)]
pub enum Change<T> {
    /// A full listing begins; what was known stays good until [`Change::Listed`]. It may begin anew before it was whole.
    Listing,
    /// An object, new or changed.
    Is(T),
    /// An object that was deleted, by `name` or `namespace/name`.
    Gone(SmolStr),
    /// The listing is whole: what it did not name is gone.
    Listed,
    /// Nothing changed, but the source is alive (a bookmark, or an empty poll).
    Alive,
}

/// Edge hosts over SSH.
#[async_trait]
pub trait Shell: Send + Sync {
    /// Reads the state of one host with one command.
    async fn probe(&self, host: &EdgeHost) -> Result<EdgeHealth>;

    /// Reads what has to be known of a host before it joins a cluster; `addresses`, each as `host:port`, are tried from
    /// there. A key that is not known, and one that has changed, are
    /// [`FaultKind::Credentials`](crate::fleet::FaultKind::Credentials).
    async fn facts(&self, host: &EdgeHost, addresses: &[SmolStr]) -> Result<Facts>;

    /// The key that a host shows, when it is not known yet; `None` when it is. One that has changed is an error.
    async fn host_key(&self, host: &EdgeHost) -> Result<Option<HostKey>>;
}

/// Everything the program reaches.
#[derive(Clone, Default)]
pub struct Providers {
    /// One for each profile and region.
    pub clouds: Vec<Arc<dyn Cloud>>,
    /// One for each kube context.
    pub kubes: Vec<Arc<dyn Kube>>,
    /// The edge hosts; `None` where nothing can probe them.
    pub shell: Option<Arc<dyn Shell>>,
    /// The open web; `None` where nothing asks it.
    pub web: Option<Arc<dyn Web>>,
}
