//! Small fake ports whose answers a test sets, and a listener at the end of the channel.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use smol_str::SmolStr;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;

use super::{Batch, Clock, Feeds, Settings};
use crate::fleet::*;
use crate::provider::{Change, Check, Cloud, Kube, ProviderError, Providers, Result, Shell, WatchStream};

/// What a fake call does.
#[derive(Clone)]
pub(super) enum Reply<T> {
    Is(T),
    Fails(FaultKind),
    Panics,
    Hangs,
}

/// One call of a fake port: what it replies, and when and with what it was called.
pub(super) struct Fake<T> {
    reply: Mutex<Reply<T>>,
    calls: Mutex<Vec<(Instant, String)>>,
}

impl<T: Clone + Default> Default for Fake<T> {
    fn default() -> Self {
        Self {
            reply: Mutex::new(Reply::Is(T::default())),
            calls: Mutex::default(),
        }
    }
}

impl<T: Clone> Fake<T> {
    pub(super) fn set(&self, reply: Reply<T>) {
        *self.reply.lock().unwrap() = reply;
    }

    pub(super) fn is(&self, answer: T) {
        self.set(Reply::Is(answer));
    }

    pub(super) fn calls(&self) -> MutexGuard<'_, Vec<(Instant, String)>> {
        self.calls.lock().unwrap()
    }

    /// The pauses between the calls, in seconds.
    pub(super) fn pauses(&self) -> Vec<f64> {
        let calls = self.calls();
        calls.windows(2).map(|w| (w[1].0 - w[0].0).as_secs_f64()).collect()
    }

    /// The arguments of the calls, in order.
    pub(super) fn arguments(&self) -> Vec<String> {
        self.calls().iter().map(|(_, a)| a.clone()).collect()
    }

    async fn call(&self, call: &str, argument: impl ToString) -> Result<T> {
        self.calls().push((Instant::now(), argument.to_string()));
        let reply = self.reply.lock().unwrap().clone();
        match reply {
            Reply::Is(answer) => Ok(answer),
            Reply::Fails(kind) => Err(error(call, kind)),
            Reply::Panics => panic!("{call} panics"),
            Reply::Hangs => std::future::pending().await,
        }
    }
}

pub(super) fn error(call: &str, kind: FaultKind) -> ProviderError {
    ProviderError {
        kind,
        call: call.into(),
        target: "fake".into(),
        message: "no".into(),
        mend: "".into(),
    }
}

pub(super) struct FakeCloud {
    pub(super) scope: Scope,
    pub(super) account: Fake<SmolStr>,
    pub(super) instances: Fake<Vec<Instance>>,
    pub(super) asgs: Fake<Vec<Asg>>,
    pub(super) spot_fleets: Fake<Vec<SpotFleet>>,
    pub(super) activities: Fake<Vec<Activity>>,
    pub(super) notices: Fake<Vec<Notice>>,
    pub(super) spot_prices: Fake<Vec<SpotPrice>>,
    pub(super) on_demand_prices: Fake<Vec<OnDemandPrice>>,
}

impl FakeCloud {
    pub(super) fn new(profile: &str, region: &str) -> Arc<Self> {
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
        })
    }

    pub(super) fn source(&self) -> Source {
        Source::Aws(self.scope.clone())
    }

    pub(super) fn feed(&self, kind: FeedKind) -> FeedId {
        FeedId {
            kind,
            source: self.source(),
        }
    }

    pub(super) fn instance(&self, id: &str) -> Instance {
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
            tags: Box::default(),
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
        Ok(all.into_iter().filter(|p| types.contains(&p.instance_type)).collect())
    }

    async fn on_demand_prices(&self, types: &[SmolStr]) -> Result<Vec<OnDemandPrice>> {
        let all = self
            .on_demand_prices
            .call("pricing:GetProducts", types.join("+"))
            .await?;
        Ok(all.into_iter().filter(|p| types.contains(&p.instance_type)).collect())
    }

    async fn check(&self) -> Vec<Check> {
        Vec::new()
    }
}

/// A watch that a test speaks through.
pub(super) struct FakeWatch<T> {
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
    pub(super) fn opened(&self) -> usize {
        self.opened.lock().unwrap().len()
    }

    /// Whether the latest stream is still listened to.
    pub(super) fn is_followed(&self) -> bool {
        self.opened.lock().unwrap().last().is_some_and(|tx| !tx.is_closed())
    }

    /// Says something on the latest stream, once it is open.
    pub(super) async fn say(&self, changes: impl IntoIterator<Item = Result<Change<T>>>) {
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
    pub(super) fn end(&self) {
        self.opened.lock().unwrap().pop();
    }
}

pub(super) struct FakeKube {
    pub(super) context: ContextId,
    pub(super) server: Fake<KubeServer>,
    pub(super) nodes: FakeWatch<Node>,
    pub(super) pods: FakeWatch<Pod>,
    pub(super) node_list: Fake<Vec<Node>>,
    pub(super) pod_list: Fake<Vec<Pod>>,
    pub(super) usage: Fake<Vec<NodeUsage>>,
}

impl FakeKube {
    pub(super) fn new(context: &str, version: &str) -> Arc<Self> {
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

    pub(super) fn k3s(context: &str) -> Arc<Self> {
        Self::new(context, "v1.36.4+k3s1")
    }

    pub(super) fn source(&self) -> Source {
        Source::Kube(self.context.clone())
    }

    pub(super) fn feed(&self, kind: FeedKind) -> FeedId {
        FeedId {
            kind,
            source: self.source(),
        }
    }

    pub(super) fn node(&self, name: &str) -> Node {
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
}

/// Edge hosts: `ok-…` answers, `down-…` is unreachable, `mute-…` never answers.
#[derive(Default)]
pub(super) struct FakeShell {
    /// Probes under way now, and the most there ever were.
    pub(super) open: Mutex<(usize, usize)>,
    pub(super) probed: Mutex<Vec<(Instant, HostName)>>,
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
}

pub(super) fn host(name: &str) -> EdgeHost {
    EdgeHost {
        name: HostName::new(name),
        group: "lab".into(),
        address: None,
        user: None,
        port: None,
        cluster: None,
        labels: Box::default(),
        taints: Box::default(),
    }
}

/// A clock on the runtime's time.
pub(super) fn clock() -> Clock {
    let base = Instant::now();
    Arc::new(move || epoch() + SignedDuration::try_from(base.elapsed()).unwrap())
}

/// When the tests' clock begins.
pub(super) fn epoch() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

pub(super) fn settings() -> Settings {
    Settings {
        seed: 7,
        ..Settings::default()
    }
}

/// The feeds of fake ports, and the end of their channel.
pub(super) struct Rig {
    pub(super) feeds: Feeds,
    pub(super) rx: mpsc::Receiver<Batch>,
}

impl Rig {
    pub(super) fn start(providers: Providers) -> Self {
        Self::with_capacity(providers, 64)
    }

    pub(super) fn with_capacity(providers: Providers, capacity: usize) -> Self {
        let (tx, rx) = mpsc::channel(capacity);
        let feeds = Feeds::start(providers, settings(), clock(), tx);
        Self { feeds, rx }
    }

    pub(super) fn clouds(clouds: &[&Arc<FakeCloud>]) -> Self {
        Self::start(Providers {
            clouds: clouds.iter().map(|c| Arc::clone(c) as Arc<dyn Cloud>).collect(),
            ..Providers::default()
        })
    }

    pub(super) fn kubes(kubes: &[&Arc<FakeKube>]) -> Self {
        Self::start(Providers {
            kubes: kubes.iter().map(|k| Arc::clone(k) as Arc<dyn Kube>).collect(),
            ..Providers::default()
        })
    }

    /// Everything up to the first observation that is meant, that one included.
    pub(super) async fn until(&mut self, meant: impl Fn(&Observation) -> bool) -> Vec<Observation> {
        let mut seen = Vec::new();
        let all = async {
            while let Some(batch) = self.rx.recv().await {
                for observation in batch.observations {
                    let found = meant(&observation);
                    seen.push(observation);
                    if found {
                        return;
                    }
                }
            }
            panic!("the channel closed; seen: {seen:#?}");
        };
        let limit = tokio::time::timeout(Duration::from_hours(48), all).await;
        assert!(limit.is_ok(), "never seen");
        seen
    }

    /// Everything until a feed says that all is told; of that feed's things only.
    pub(super) async fn synced(&mut self, feed: &FeedId) -> Vec<Observation> {
        self.until(|o| matches!(o, Observation::Feed(id, FeedReport::Synced { .. }) if id == feed))
            .await
    }

    /// The next failure of a feed: its class, and in how many seconds it is tried again.
    pub(super) async fn failed(&mut self, feed: &FeedId) -> (Fault, f64) {
        loop {
            let batch = self.rx.recv().await.expect("the channel is open");
            for observation in batch.observations {
                if let Observation::Feed(id, FeedReport::Failed { fault, retry_at }) = observation
                    && id == *feed
                {
                    return (fault, retry_at.duration_since(batch.at).as_secs_f64());
                }
            }
        }
    }

    /// Takes everything that comes within a time.
    pub(super) async fn for_secs(&mut self, secs: u64) -> Vec<Observation> {
        let mut seen = Vec::new();
        let end = Instant::now() + Duration::from_secs(secs);
        while let Ok(Some(batch)) = tokio::time::timeout_at(end, self.rx.recv()).await {
            seen.extend(batch.observations);
        }
        seen
    }
}

/// Without the reports.
pub(super) fn things(observations: Vec<Observation>) -> Vec<Observation> {
    let mut things = observations;
    things.retain(|o| !matches!(o, Observation::Feed(..)));
    things
}
