//! Parts of small fleets for tests: plain instances, nodes, groups and hosts, to be changed where it matters.

use jiff::{SignedDuration, Timestamp};
use smol_str::SmolStr;

use super::{
    Arch, Asg, AsgMember, ContextId, EdgeHealth, EdgeHost, EdgeProbe, Fault, FaultKind, FeedId, FeedKind, FeedReport,
    Finding, Fleet, HostName, Instance, InstanceId, InstanceState, KubeServer, Node, NodeKey, Observation, Purchase,
    Readiness, Resources, Role, Scope, Source, SpotPrice, Summary, Tags,
};

/// The time at which tests look.
pub(crate) fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

/// Some minutes before [`now`].
pub(crate) fn minutes_ago(minutes: i64) -> Timestamp {
    now() - SignedDuration::from_mins(minutes)
}

/// A queue with messages that wait, and some that are taken.
pub(crate) fn holding(waiting: u64, taken: u64) -> super::QueueDepth {
    super::QueueDepth {
        waiting,
        taken,
        oldest_at: None,
    }
}

pub(crate) fn scope() -> Scope {
    Scope::new("", "eu-west-1")
}

pub(crate) fn context() -> ContextId {
    ContextId::new("prod")
}

pub(crate) fn instance_id(n: usize) -> InstanceId {
    InstanceId::new(format!("i-{n:017x}"))
}

/// A running on-demand `t4g.small` of cluster `prod`, launched ten hours ago.
pub(crate) fn instance(n: usize) -> Instance {
    Instance {
        id: instance_id(n),
        scope: scope(),
        state: InstanceState::Running,
        instance_type: "t4g.small".into(),
        arch: Some(Arch::Arm64),
        zone: "eu-west-1a".into(),
        purchase: Purchase::OnDemand,
        launched_at: Some(minutes_ago(600)),
        public_ip: None,
        private_ip: Some(format!("10.0.{}.{}", n / 250, n % 250 + 1).parse().unwrap()),
        private_dns: Some(format!("ip-10-0-{}-{}.eu-west-1.compute.internal", n / 250, n % 250 + 1).into()),
        image: None,
        vpc: None,
        reason: None,
        tags: tags(&[("k3fleet:cluster", "prod"), ("Name", &format!("m-{n}"))]),
    }
}

pub(crate) fn tags(pairs: &[(&str, &str)]) -> Tags {
    pairs.iter().map(|(k, v)| (SmolStr::new(k), SmolStr::new(v))).collect()
}

/// A spot instance in the group `workers`.
pub(crate) fn spot(n: usize) -> Instance {
    Instance {
        purchase: Purchase::Spot,
        tags: tags(&[("k3fleet:cluster", "prod"), ("aws:autoscaling:groupName", "workers")]),
        ..instance(n)
    }
}

/// A ready agent on the instance of the same number.
pub(crate) fn node(n: usize) -> Node {
    Node {
        key: NodeKey::new(&context(), format!("node-{n}")),
        joined_at: Some(minutes_ago(590)),
        ready: Readiness::Ready,
        ready_since: Some(minutes_ago(589)),
        not_ready_reason: None,
        schedulable: true,
        role: Role::Agent,
        etcd_voter: None,
        version: "v1.36.4+k3s1".into(),
        arch: Some(Arch::Arm64),
        os: "Ubuntu 26.04".into(),
        kernel: "7.0.0".into(),
        internal_ip: None,
        provider_id: Some(format!("aws:///eu-west-1a/{}", instance_id(n)).into()),
        hostname: None,
        instance_type: None,
        zone: None,
        ssh: None,
        old_token: None,
        allocatable: Resources {
            cpu_milli: 2_000,
            memory: 2 << 30,
            pods: 110,
        },
        taints: Box::new([]),
        pressures: Box::new([]),
    }
}

/// A ready server with embedded etcd.
pub(crate) fn server(n: usize) -> Node {
    Node {
        role: Role::Server,
        etcd_voter: Some(true),
        ..node(n)
    }
}

/// The group `workers` with these members, all in service and healthy.
pub(crate) fn asg(members: &[usize]) -> Asg {
    let member = |n: &usize| AsgMember {
        id: instance_id(*n),
        lifecycle: "InService".into(),
        healthy: true,
        protected: false,
    };
    Asg {
        scope: scope(),
        name: "workers".into(),
        desired: members.len() as u32,
        min: 0,
        max: 10,
        members: members.iter().map(member).collect(),
        types: Box::new(["t4g.small".into()]),
        zones: Box::new(["eu-west-1a".into()]),
        on_demand_percent: None,
        on_demand_base: None,
        suspended: Box::new([]),
        tags: tags(&[("k3fleet:cluster", "prod"), ("k3fleet:pool", "workers")]),
    }
}

/// An edge host of cluster `prod`.
pub(crate) fn host(name: &str) -> EdgeHost {
    EdgeHost {
        name: HostName::new(name),
        group: "boards".into(),
        address: None,
        user: None,
        port: None,
        cluster: Some("prod".into()),
        labels: Box::new([]),
        taints: Box::new([]),
    }
}

pub(crate) fn probe(name: &str, outcome: Result<EdgeHealth, &str>) -> EdgeProbe {
    EdgeProbe {
        host: HostName::new(name),
        at: minutes_ago(1),
        outcome: outcome.map_err(SmolStr::new),
    }
}

pub(crate) fn spot_price(zone: &str, usd: f64) -> Observation {
    Observation::SpotPrice(SpotPrice {
        region: "eu-west-1".into(),
        instance_type: "t4g.small".into(),
        zone: zone.into(),
        at: minutes_ago(60),
        usd,
    })
}

pub(crate) fn aws(kind: FeedKind) -> FeedId {
    FeedId {
        kind,
        source: Source::Aws(scope()),
    }
}

pub(crate) fn kube(kind: FeedKind) -> FeedId {
    FeedId {
        kind,
        source: Source::Kube(context()),
    }
}

pub(crate) fn synced() -> FeedReport {
    FeedReport::Synced {
        good_for: SignedDuration::from_mins(5),
    }
}

pub(crate) fn failed(call: &str, kind: FaultKind) -> FeedReport {
    FeedReport::Failed {
        fault: Fault {
            call: call.into(),
            kind,
            message: "no".into(),
            mend: SmolStr::default(),
        },
        retry_at: now(),
    }
}

/// A fleet to which observations are given one after the other.
#[derive(Default)]
pub(crate) struct World(pub(crate) Fleet);

impl World {
    /// One whose EC2, group, price and node feeds live, and whose API server answered.
    pub(crate) fn live() -> Self {
        let mut world = Self::default();
        for kind in [
            FeedKind::Instances,
            FeedKind::Asgs,
            FeedKind::SpotFleets,
            FeedKind::SpotPrices,
            FeedKind::OnDemandPrices,
        ] {
            world.see(Observation::Feed(aws(kind), synced()));
        }
        world.see(Observation::Feed(kube(FeedKind::Nodes), synced()));
        world.see(Observation::Server(KubeServer {
            context: context(),
            version: "v1.36.4+k3s1".into(),
            endpoint: "https://prod:6443".into(),
        }));
        world
    }

    /// An observation made now.
    pub(crate) fn see(&mut self, observation: Observation) -> &mut Self {
        self.see_at(observation, now())
    }

    pub(crate) fn see_at(&mut self, observation: Observation, at: Timestamp) -> &mut Self {
        self.0.apply(observation, at);
        self
    }

    pub(crate) fn instance(&mut self, instance: Instance) -> &mut Self {
        self.see(Observation::Instance(Box::new(instance)))
    }

    pub(crate) fn node(&mut self, node: Node) -> &mut Self {
        self.see(Observation::Node(Box::new(node)))
    }

    /// The instance of a number and its node.
    pub(crate) fn machine(&mut self, n: usize) -> &mut Self {
        self.instance(instance(n)).node(node(n))
    }

    /// The findings of one rule, now.
    pub(crate) fn findings(&self, rule: &str) -> Vec<Finding> {
        self.findings_at(rule, now())
    }

    pub(crate) fn findings_at(&self, rule: &str, at: Timestamp) -> Vec<Finding> {
        let mut findings = Summary::of(&self.0, at).findings;
        findings.retain(|f| f.rule == rule);
        findings
    }
}
