//! The three ports, faked call by call.

use crate::provider::{CloudEvent, Queue, ResourceDrift, Stack, StackEvent, pending};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use smol_str::SmolStr;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;

use super::{Fake, Reply, error};
use crate::fleet::*;
use crate::provider::{
    Change, Check, Cloud, InstanceType, Kube, PartPrice, PricedPart, Resource, Result, Shell, Vpc, WatchStream,
};

pub(in crate::feeds) struct FakeCloud {
    pub(in crate::feeds) scope: Scope,
    pub(in crate::feeds) account: Fake<SmolStr>,
    pub(in crate::feeds) instances: Fake<Vec<Instance>>,
    pub(in crate::feeds) asgs: Fake<Vec<Asg>>,
    pub(in crate::feeds) spot_fleets: Fake<Vec<SpotFleet>>,
    pub(in crate::feeds) activities: Fake<Vec<Activity>>,
    pub(in crate::feeds) notices: Fake<Vec<Notice>>,
    pub(in crate::feeds) spot_prices: Fake<Vec<SpotPrice>>,
    pub(in crate::feeds) on_demand_prices: Fake<Vec<OnDemandPrice>>,
    /// The stacks, by name.
    pub(in crate::feeds) stacks: Fake<BTreeMap<SmolStr, Stack>>,
    /// How many messages wait in queues and are taken, by URL.
    pub(in crate::feeds) queues: Fake<BTreeMap<SmolStr, (u64, u64)>>,
    /// When the oldest message of queues was sent, by URL.
    pub(in crate::feeds) oldest: Fake<BTreeMap<SmolStr, Timestamp>>,
    /// The events that lie in queues, by URL.
    pub(in crate::feeds) events: Fake<BTreeMap<SmolStr, Vec<CloudEvent>>>,
}

impl FakeCloud {
    pub(in crate::feeds) fn new(profile: &str, region: &str) -> Arc<Self> {
        Arc::new(Self {
            scope: Scope::new(profile, region),
            account: Fake::default(),
            instances: Fake::default(),
            asgs: Fake::default(),
            spot_fleets: Fake::default(),
            activities: Fake::default(),
            notices: Fake::default(),
            spot_prices: Fake::default(),
            on_demand_prices: Fake::default(),
            stacks: Fake::default(),
            queues: Fake::default(),
            oldest: Fake::default(),
            events: Fake::default(),
        })
    }

    pub(in crate::feeds) fn source(&self) -> Source {
        Source::Aws(self.scope.clone())
    }

    pub(in crate::feeds) fn feed(&self, kind: FeedKind) -> FeedId {
        FeedId {
            kind,
            source: self.source(),
        }
    }

    pub(in crate::feeds) fn instance(&self, id: &str) -> Instance {
        Instance {
            id: InstanceId::new(id),
            scope: self.scope.clone(),
            state: InstanceState::Running,
            instance_type: "t4g.small".into(),
            arch: Some(Arch::Arm64),
            zone: format!("{}a", self.scope.region).into(),
            purchase: Purchase::OnDemand,
            launched_at: None,
            public_ip: None,
            private_ip: None,
            private_dns: None,
            image: None,
            vpc: None,
            reason: None,
            tags: Default::default(),
        }
    }
}

#[async_trait]
impl Cloud for FakeCloud {
    fn scope(&self) -> &Scope {
        &self.scope
    }

    async fn account(&self) -> Result<SmolStr> {
        self.account.call("sts:GetCallerIdentity", "").await
    }

    async fn instances(&self) -> Result<Vec<Instance>> {
        self.instances.call("ec2:DescribeInstances", "").await
    }

    async fn asgs(&self) -> Result<Vec<Asg>> {
        self.asgs.call("autoscaling:DescribeAutoScalingGroups", "").await
    }

    async fn spot_fleets(&self) -> Result<Vec<SpotFleet>> {
        self.spot_fleets.call("ec2:DescribeSpotFleetRequests", "").await
    }

    async fn activities(&self, asg: &str) -> Result<Vec<Activity>> {
        let all = self
            .activities
            .call("autoscaling:DescribeScalingActivities", asg)
            .await?;
        Ok(all.into_iter().filter(|a| a.asg == asg).collect())
    }

    async fn notices(&self) -> Result<Vec<Notice>> {
        self.notices.call("ec2:DescribeSpotInstanceRequests", "").await
    }

    async fn spot_prices(&self, types: &[SmolStr], since: Timestamp) -> Result<Vec<SpotPrice>> {
        let argument = format!("{} since {since}", types.join("+"));
        let all = self.spot_prices.call("ec2:DescribeSpotPriceHistory", argument).await?;
        let of = |p: &&SpotPrice| types.contains(&p.instance_type);
        let in_force = |p: &SpotPrice| {
            let later = |q: &&SpotPrice| (&q.instance_type, &q.zone) == (&p.instance_type, &p.zone) && q.at > p.at;
            !all.iter().filter(later).any(|q| q.at <= since)
        };
        Ok(all.iter().filter(of).filter(|p| in_force(p)).cloned().collect())
    }

    async fn on_demand_prices(&self, types: &[SmolStr]) -> Result<Vec<OnDemandPrice>> {
        let all = self
            .on_demand_prices
            .call("pricing:GetProducts", types.join("+"))
            .await?;
        Ok(all.into_iter().filter(|p| types.contains(&p.instance_type)).collect())
    }

    async fn part_prices(&self, _parts: &[PricedPart]) -> Result<Vec<PartPrice>> {
        Err(error("pricing:GetProducts", FaultKind::Unsupported))
    }

    async fn instance_types(&self) -> Result<Vec<InstanceType>> {
        Err(error("ec2:DescribeInstanceTypes", FaultKind::Unsupported))
    }

    async fn vpcs(&self) -> Result<Vec<Vpc>> {
        Err(error("ec2:DescribeVpcs", FaultKind::Unsupported))
    }

    async fn image(&self, _parameter: &str) -> Result<SmolStr> {
        Err(error("ssm:GetParameter", FaultKind::Unsupported))
    }

    async fn resources(&self, _cluster: Option<&str>) -> Result<Vec<Resource>> {
        Err(error("tag:GetResources", FaultKind::Unsupported))
    }

    async fn check(&self) -> Vec<Check> {
        Vec::new()
    }

    async fn parameter_versions(&self, _: &str) -> crate::provider::Result<Vec<crate::provider::ParameterVersion>> {
        Err(crate::provider::pending("parameter_versions"))
    }

    async fn stack(&self, name: &str) -> Result<Option<Stack>> {
        let all = self.stacks.call("cloudformation:DescribeStacks", name).await?;
        Ok(all.get(name).cloned())
    }

    async fn stack_events(&self, _name: &str, _after: Option<&str>) -> Result<Vec<StackEvent>> {
        Err(pending("cloudformation:DescribeStackEvents"))
    }

    async fn endpoints(&self, _vpc: &str) -> Result<Vec<SmolStr>> {
        Err(pending("ec2:DescribeVpcEndpoints"))
    }

    async fn cloud_events(&self, queue: &str) -> Result<Vec<CloudEvent>> {
        let all = self.events.call("sqs:ReceiveMessage", queue).await?;
        if queue.contains("-web-") {
            return Err(error("sqs:ReceiveMessage", FaultKind::Other));
        }
        Ok(all.get(queue).cloned().unwrap_or_default())
    }

    async fn queue(&self, url: &str) -> Result<Queue> {
        let all = self.queues.call("sqs:GetQueueAttributes", url).await?;
        let found = all
            .get(url)
            .ok_or_else(|| error("sqs:GetQueueAttributes", FaultKind::Other))?;
        let (waiting, taken) = *found;
        let url = url.into();
        Ok(Queue { url, waiting, taken })
    }

    async fn drifts(&self, _: &str) -> Result<Vec<ResourceDrift>> {
        Err(pending("cloudformation:DescribeStackResourceDrifts"))
    }

    async fn oldest_message(&self, url: &str) -> Result<Option<Timestamp>> {
        let all = self.oldest.call("cloudwatch:GetMetricStatistics", url).await?;
        Ok(all.get(url).copied())
    }
}

/// A watch that a test speaks through.
pub(in crate::feeds) struct FakeWatch<T> {
    /// One sender for each time the watch was opened.
    opened: Mutex<Vec<mpsc::Sender<Result<Change<T>>>>>,
}

impl<T: Send + 'static> FakeWatch<T> {
    fn new() -> Self {
        Self {
            opened: Mutex::default(),
        }
    }

    fn open(&self) -> WatchStream<T> {
        let (tx, rx) = mpsc::channel(16);
        self.opened.lock().unwrap().push(tx);
        Box::pin(ReceiverStream::new(rx))
    }

    /// How often it was opened.
    pub(in crate::feeds) fn opened(&self) -> usize {
        self.opened.lock().unwrap().len()
    }

    /// Whether the latest stream is still listened to.
    pub(in crate::feeds) fn is_followed(&self) -> bool {
        self.opened.lock().unwrap().last().is_some_and(|tx| !tx.is_closed())
    }

    /// Says something on the latest stream, once it is open.
    pub(in crate::feeds) async fn say(&self, changes: impl IntoIterator<Item = Result<Change<T>>>) {
        let tx = loop {
            if let Some(tx) = self.opened.lock().unwrap().last().cloned() {
                break tx;
            }
            tokio::task::yield_now().await;
        };
        for change in changes {
            assert!(tx.send(change).await.is_ok(), "nobody follows the watch");
        }
    }

    /// Ends the latest stream.
    pub(in crate::feeds) fn end(&self) {
        self.opened.lock().unwrap().pop();
    }
}

pub(in crate::feeds) struct FakeKube {
    pub(in crate::feeds) context: ContextId,
    pub(in crate::feeds) server: Fake<KubeServer>,
    pub(in crate::feeds) nodes: FakeWatch<Node>,
    pub(in crate::feeds) pods: FakeWatch<Pod>,
    pub(in crate::feeds) node_list: Fake<Vec<Node>>,
    pub(in crate::feeds) pod_list: Fake<Vec<Pod>>,
    pub(in crate::feeds) usage: Fake<Vec<NodeUsage>>,
}

impl FakeKube {
    pub(in crate::feeds) fn new(context: &str, version: &str) -> Arc<Self> {
        let context = ContextId::new(context);
        let server = KubeServer {
            context: context.clone(),
            version: version.into(),
            endpoint: "https://api.example:6443".into(),
        };
        Arc::new(Self {
            context,
            server: Fake {
                reply: Mutex::new(Reply::Is(server)),
                calls: Mutex::default(),
            },
            nodes: FakeWatch::new(),
            pods: FakeWatch::new(),
            node_list: Fake::default(),
            pod_list: Fake::default(),
            usage: Fake::default(),
        })
    }

    pub(in crate::feeds) fn k3s(context: &str) -> Arc<Self> {
        Self::new(context, "v1.36.4+k3s1")
    }

    pub(in crate::feeds) fn source(&self) -> Source {
        Source::Kube(self.context.clone())
    }

    pub(in crate::feeds) fn feed(&self, kind: FeedKind) -> FeedId {
        FeedId {
            kind,
            source: self.source(),
        }
    }

    pub(in crate::feeds) fn node(&self, name: &str) -> Node {
        Node {
            key: NodeKey::new(&self.context, name),
            joined_at: None,
            ready: Readiness::Ready,
            ready_since: None,
            not_ready_reason: None,
            schedulable: true,
            role: Role::Agent,
            etcd_voter: None,
            version: "v1.36.4+k3s1".into(),
            arch: None,
            os: "".into(),
            kernel: "".into(),
            internal_ip: None,
            provider_id: None,
            hostname: None,
            instance_type: None,
            zone: None,
            ssh: None,
            old_token: None,
            allocatable: Resources::default(),
            taints: Box::default(),
            pressures: Box::default(),
        }
    }
}

#[async_trait]
impl Kube for FakeKube {
    fn context(&self) -> &ContextId {
        &self.context
    }

    async fn server(&self) -> Result<KubeServer> {
        self.server.call("get version", "").await
    }

    fn nodes(&self) -> WatchStream<Node> {
        self.nodes.open()
    }

    fn pods(&self) -> WatchStream<Pod> {
        self.pods.open()
    }

    async fn list_nodes(&self) -> Result<Vec<Node>> {
        self.node_list.call("list nodes", "").await
    }

    async fn list_pods(&self) -> Result<Vec<Pod>> {
        self.pod_list.call("list pods", "").await
    }

    async fn usage(&self) -> Result<Vec<NodeUsage>> {
        self.usage.call("list nodes.metrics.k8s.io", "").await
    }

    async fn api_addresses(&self) -> crate::provider::Result<Vec<smol_str::SmolStr>> {
        Err(crate::provider::pending("api_addresses"))
    }

    async fn bootstrap_tokens(&self) -> crate::provider::Result<Vec<crate::provider::BootstrapToken>> {
        Err(crate::provider::pending("bootstrap_tokens"))
    }

    async fn snapshots(&self) -> crate::provider::Result<Vec<crate::provider::Snapshot>> {
        Err(crate::provider::pending("snapshots"))
    }
}

/// Edge hosts: `ok-…` answers, `down-…` is unreachable, `mute-…` never answers, `crash-…` panics.
#[derive(Default)]
pub(in crate::feeds) struct FakeShell {
    /// Probes under way now, and the most there ever were.
    pub(in crate::feeds) open: Mutex<(usize, usize)>,
    pub(in crate::feeds) probed: Mutex<Vec<(Instant, HostName)>>,
}

#[async_trait]
impl Shell for FakeShell {
    async fn probe(&self, host: &EdgeHost) -> Result<EdgeHealth> {
        self.probed.lock().unwrap().push((Instant::now(), host.name.clone()));
        {
            let mut open = self.open.lock().unwrap();
            open.0 += 1;
            open.1 = open.1.max(open.0);
        }
        let name = host.name.as_str();
        if name.starts_with("crash") {
            self.open.lock().unwrap().0 -= 1;
            panic!("ssh panics");
        }
        if name.starts_with("mute") {
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        self.open.lock().unwrap().0 -= 1;
        if name.starts_with("down") {
            return Err(error("ssh", FaultKind::Unreachable));
        }
        Ok(EdgeHealth {
            latency_ms: 200,
            ..EdgeHealth::default()
        })
    }

    async fn facts(
        &self,
        _: &crate::fleet::EdgeHost,
        _: &[smol_str::SmolStr],
    ) -> crate::provider::Result<crate::blueprint::machine::Facts> {
        Err(crate::provider::pending("facts"))
    }

    async fn host_key(&self, _: &crate::fleet::EdgeHost) -> crate::provider::Result<Option<crate::provider::HostKey>> {
        Err(crate::provider::pending("host_key"))
    }
}
