//! A small fleet for tests: a cluster `prod` with two servers and a spot pool, and an edge group.

use jiff::{SignedDuration, Timestamp};
use smol_str::SmolStr;

use super::{
    Arch, Asg, ContextId, EdgeHealth, EdgeHost, EdgeProbe, FeedId, FeedKind, FeedReport, Fleet, HostName, Instance,
    InstanceId, InstanceState, KubeServer, Node, NodeKey, Observation, OnDemandPrice, Purchase, Readiness, Resources,
    Role, Scope, Source, SpotPrice,
};

/// The time everything here happens at.
pub(crate) fn now() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

pub(crate) fn scope() -> Scope {
    Scope::new("", "eu-west-1")
}

fn context() -> ContextId {
    ContextId::new("prod-admin")
}

/// An instance of `prod` in one of its groups, launched an hour ago.
pub(crate) fn instance(n: u32, pool: &str, purchase: Purchase) -> Instance {
    let zone = ["eu-west-1a", "eu-west-1b", "eu-west-1c"][n as usize % 3];
    let role = if pool == "servers" { "server" } else { "agent" };
    Instance {
        id: InstanceId::new(format!("i-{n:017x}")),
        scope: scope(),
        state: InstanceState::Running,
        instance_type: if role == "server" { "t4g.medium" } else { "m7g.large" }.into(),
        arch: Some(Arch::Arm64),
        zone: zone.into(),
        purchase,
        launched_at: Some(now() - SignedDuration::from_secs(3_600 + i64::from(n))),
        public_ip: None,
        private_ip: Some(std::net::Ipv4Addr::from(0x0a00_0000 + n).into()),
        private_dns: None,
        image: Some("ami-1".into()),
        vpc: Some("vpc-1".into()),
        reason: None,
        tags: [
            ("k3fleet:cluster", "prod".to_owned()),
            ("k3fleet:pool", pool.to_owned()),
            ("k3fleet:role", role.to_owned()),
            ("k3fleet:shape", "ha".to_owned()),
            ("aws:autoscaling:groupName", format!("prod-{pool}")),
            ("Name", format!("{pool}-{n}")),
        ]
        .into_iter()
        .map(|(k, v)| (k.into(), v.into()))
        .collect(),
    }
}

/// The node of an instance.
pub(crate) fn node(of: &Instance) -> Node {
    let name = of.tag("Name").unwrap();
    Node {
        key: NodeKey::new(&context(), name),
        joined_at: of.launched_at,
        ready: Readiness::Ready,
        ready_since: of.launched_at,
        not_ready_reason: None,
        schedulable: true,
        role: Role::parse(of.tag("k3fleet:role").unwrap()).unwrap(),
        etcd_voter: None,
        version: "v1.36.4+k3s1".into(),
        arch: of.arch,
        os: "Ubuntu 24.04 LTS".into(),
        kernel: "6.8.0".into(),
        internal_ip: of.private_ip,
        provider_id: Some(format!("aws:///{}/{}", of.zone, of.id).into()),
        hostname: Some(name.into()),
        instance_type: None,
        zone: Some(of.zone.clone()),
        ssh: None,
        old_token: None,
        allocatable: Resources {
            cpu_milli: 2_000,
            memory: 4 << 30,
            pods: 110,
        },
        taints: [].into(),
        pressures: [].into(),
    }
}

pub(crate) fn host(name: &str, group: &str) -> EdgeHost {
    EdgeHost {
        name: HostName::new(name),
        group: group.into(),
        address: None,
        user: Some("pi".into()),
        port: None,
        cluster: Some("prod".into()),
        labels: [].into(),
        taints: [].into(),
    }
}

fn asg(pool: &str, desired: u32) -> Asg {
    let role = if pool == "servers" { "server" } else { "agent" };
    Asg {
        scope: scope(),
        name: format!("prod-{pool}").into(),
        desired,
        min: 1,
        max: 8,
        members: [].into(),
        types: [].into(),
        zones: [].into(),
        on_demand_percent: None,
        on_demand_base: None,
        suspended: [].into(),
        tags: [
            ("k3fleet:cluster", "prod"),
            ("k3fleet:pool", pool),
            ("k3fleet:role", role),
        ]
        .into_iter()
        .map(|(k, v)| (k.into(), v.into()))
        .collect(),
    }
}

pub(crate) fn synced(kind: FeedKind, source: Source) -> Observation {
    let good_for = SignedDuration::from_mins(5);
    Observation::Feed(FeedId { kind, source }, FeedReport::Synced { good_for })
}

fn spot(instance_type: &str, zone: &str, usd: f64) -> Observation {
    Observation::SpotPrice(SpotPrice {
        region: "eu-west-1".into(),
        instance_type: instance_type.into(),
        zone: zone.into(),
        at: now() - SignedDuration::from_hours(2),
        usd,
    })
}

/// Two servers, `agents` spot agents (the last one without a node), an edge host that answers and one that does
/// not, and prices for all types but those of the servers.
pub(crate) fn observations(agents: u32) -> Vec<Observation> {
    let mut all = vec![];
    let mut machine = |instance: Instance, joined: bool| {
        if joined {
            all.push(Observation::Node(Box::new(node(&instance))));
        }
        all.push(Observation::Instance(Box::new(instance)));
    };
    machine(instance(1, "servers", Purchase::OnDemand), true);
    machine(instance(2, "servers", Purchase::OnDemand), true);
    for n in 0..agents {
        machine(instance(10 + n, "workers", Purchase::Spot), n + 1 != agents);
    }
    all.push(Observation::Asg(Box::new(asg("servers", 2))));
    all.push(Observation::Asg(Box::new(asg("workers", agents))));
    all.push(Observation::Server(KubeServer {
        context: context(),
        version: "v1.36.4+k3s1".into(),
        endpoint: "https://10.0.0.1:6443".into(),
    }));
    for (name, outcome) in [
        (
            "pi-1",
            Ok(EdgeHealth {
                latency_ms: 12,
                model: Some("Raspberry Pi 4 Model B".into()),
                ..EdgeHealth::default()
            }),
        ),
        ("pi-2", Err(SmolStr::new("connection timed out"))),
    ] {
        all.push(Observation::EdgeHost(Box::new(host(name, "shop"))));
        all.push(Observation::EdgeProbe(Box::new(EdgeProbe {
            host: HostName::new(name),
            at: now(),
            outcome,
        })));
    }
    all.extend([
        spot("m7g.large", "eu-west-1a", 0.031),
        spot("m7g.large", "eu-west-1b", 0.027),
        spot("m7g.large", "eu-west-1c", 0.035),
        Observation::OnDemandPrice(OnDemandPrice {
            region: "eu-west-1".into(),
            instance_type: "m7g.large".into(),
            usd: Some(0.0896),
            fetched_at: now(),
        }),
        synced(FeedKind::Instances, Source::Aws(scope())),
        synced(FeedKind::SpotPrices, Source::Aws(scope())),
        synced(FeedKind::Nodes, Source::Kube(context())),
    ]);
    all
}

/// The fleet of [`observations`].
pub(crate) fn fleet(agents: u32) -> Fleet {
    let mut fleet = Fleet::default();
    for observation in observations(agents) {
        fleet.apply(observation, now());
    }
    fleet
}
