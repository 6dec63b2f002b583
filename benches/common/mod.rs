//! A fleet to measure: clusters of three servers and many agents, half spot, over two regions and three zones
//! each, an edge group, and pods on every node.

use jiff::{SignedDuration, Timestamp};
use k3fleet::fleet::*;
use smol_str::SmolStr;

/// The time everything is seen at.
pub(crate) fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap_or_default()
}

/// Machines in one cluster.
const CLUSTER: usize = 500;
/// Every this many machines one is an edge host.
const EDGE: usize = 20;
const TYPES: [(&str, f64); 4] = [
    ("t4g.small", 0.0184),
    ("t4g.medium", 0.0368),
    ("m7g.large", 0.0896),
    ("c7g.xlarge", 0.1581),
];
const REGIONS: [&str; 2] = ["eu-west-1", "us-east-1"];

fn scope(n: usize) -> Scope {
    Scope::new("", REGIONS[n / CLUSTER % REGIONS.len()])
}

fn cluster(n: usize) -> String {
    format!("cluster-{:02}", n / CLUSTER)
}

fn context(n: usize) -> ContextId {
    ContextId::new(format!("{}-admin", cluster(n)))
}

fn is_server(n: usize) -> bool {
    n % CLUSTER < 3
}

fn is_edge(n: usize) -> bool {
    n % EDGE == EDGE - 1
}

fn pool(n: usize) -> String {
    match n % CLUSTER {
        0..3 => format!("{}-k3s-servers", cluster(n)),
        m if m % 2 == 0 => format!("{}-k3s-workers-spot", cluster(n)),
        _ => format!("{}-k3s-workers-on-demand", cluster(n)),
    }
}

fn zone(n: usize) -> SmolStr {
    format!("{}{}", scope(n).region, ["a", "b", "c"][n % 3]).into()
}

fn ip(n: usize) -> std::net::IpAddr {
    std::net::Ipv4Addr::from(0x0a00_0000 + n as u32).into()
}

fn instance_id(n: usize) -> InstanceId {
    InstanceId::new(format!("i-0{:016x}", n * 7_919))
}

fn tags(pairs: &[(&str, &str)]) -> Tags {
    pairs.iter().map(|(k, v)| (SmolStr::new(k), SmolStr::new(v))).collect()
}

/// Instance number `n`, with the tags that real ones carry.
pub(crate) fn instance(n: usize) -> Instance {
    let spot = !is_server(n) && n.is_multiple_of(2);
    let ip = ip(n);
    Instance {
        id: instance_id(n),
        scope: scope(n),
        state: InstanceState::Running,
        instance_type: TYPES[n % TYPES.len()].0.into(),
        arch: Some(Arch::Arm64),
        zone: zone(n),
        purchase: if spot { Purchase::Spot } else { Purchase::OnDemand },
        launched_at: Some(now() - SignedDuration::from_mins(n as i64 + 20)),
        public_ip: None,
        private_ip: Some(ip),
        private_dns: Some(
            format!(
                "ip-{}.{}.compute.internal",
                ip.to_string().replace('.', "-"),
                scope(n).region
            )
            .into(),
        ),
        image: Some("ami-0abcdef1234567890".into()),
        vpc: Some("vpc-0abcdef1234567890".into()),
        reason: None,
        tags: tags(&[
            ("Name", &format!("{}-{n:05}", pool(n))),
            (TAG_CLUSTER, &cluster(n)),
            (TAG_POOL, &pool(n)),
            (TAG_ROLE, if is_server(n) { "server" } else { "agent" }),
            (TAG_SHAPE, "ha"),
            ("aws:autoscaling:groupName", &pool(n)),
            ("aws:ec2launchtemplate:id", "lt-0abcdef1234567890"),
            ("aws:ec2launchtemplate:version", "3"),
        ]),
    }
}

/// The node of machine `n`.
pub(crate) fn node(n: usize) -> Node {
    let (name, provider) = match is_edge(n) {
        true => (format!("pi-{n:05}"), format!("k3s://pi-{n:05}")),
        false => (
            format!("ip-{}", ip(n).to_string().replace('.', "-")),
            format!("aws:///{}/{}", zone(n), instance_id(n)),
        ),
    };
    Node {
        key: NodeKey::new(&context(n), &name),
        joined_at: Some(now() - SignedDuration::from_mins(n as i64 + 18)),
        ready: if n % 97 == 5 {
            Readiness::NotReady
        } else {
            Readiness::Ready
        },
        ready_since: Some(now() - SignedDuration::from_mins(n as i64 % 600 + 1)),
        not_ready_reason: None,
        schedulable: !n.is_multiple_of(101),
        role: if is_server(n) { Role::Server } else { Role::Agent },
        etcd_voter: is_server(n).then_some(true),
        version: "v1.36.4+k3s1".into(),
        arch: Some(Arch::Arm64),
        os: "Ubuntu 26.04 LTS".into(),
        kernel: "7.0.0-1004-aws".into(),
        internal_ip: Some(ip(n)),
        provider_id: Some(provider.into()),
        hostname: Some(name.into()),
        instance_type: None,
        zone: Some(zone(n)),
        ssh: is_edge(n).then(|| format!("pi@pi-{n:05}:22").into()),
        old_token: None,
        allocatable: Resources {
            cpu_milli: 2_000,
            memory: 4 << 30,
            pods: 110,
        },
        taints: Box::new([]),
        pressures: Box::new([]),
    }
}

/// Pod number `n` of a fleet of `machines`.
pub(crate) fn pod(n: usize, machines: usize) -> Pod {
    let on = node(n % machines).key;
    Pod {
        key: PodKey {
            context: on.context,
            name: format!("shop/checkout-7d9f8c6b5d-{n:05}").into(),
        },
        node: Some(on.name),
        phase: PodPhase::Running,
        requests: Resources {
            cpu_milli: 100 + n as u64 % 400,
            memory: (64 + n as u64 % 512) << 20,
            pods: 1,
        },
        owner: OwnerKind::ReplicaSet,
    }
}

fn host(n: usize) -> EdgeHost {
    EdgeHost {
        name: HostName::new(format!("pi-{n:05}")),
        group: format!("{}-shop", cluster(n)).into(),
        address: None,
        user: Some("pi".into()),
        port: None,
        cluster: Some(cluster(n).into()),
        labels: Box::new([]),
        taints: Box::new([]),
    }
}

fn asg(machines: std::ops::Range<usize>, name: &str) -> Option<Asg> {
    let own: Vec<_> = machines.filter(|n| !is_edge(*n) && pool(*n) == name).collect();
    let first = *own.first()?;
    let member = |n: &usize| AsgMember {
        id: instance_id(*n),
        lifecycle: "InService".into(),
        healthy: !n.is_multiple_of(211),
        protected: false,
    };
    Some(Asg {
        scope: scope(first),
        name: name.into(),
        desired: own.len() as u32,
        min: 0,
        max: own.len() as u32 * 2,
        members: own.iter().map(member).collect(),
        types: TYPES.iter().map(|(name, _)| SmolStr::new(name)).collect(),
        zones: (0..3).map(|z| zone(first - first % 3 + z)).collect(),
        on_demand_percent: None,
        on_demand_base: None,
        suspended: Box::new([]),
        tags: tags(&[(TAG_CLUSTER, &cluster(first)), (TAG_POOL, name)]),
    })
}

fn synced(kind: FeedKind, source: Source) -> Observation {
    let good_for = SignedDuration::from_mins(5);
    Observation::Feed(FeedId { kind, source }, FeedReport::Synced { good_for })
}

fn prices() -> Vec<Observation> {
    let mut all = vec![];
    for (r, region) in REGIONS.iter().enumerate() {
        for (instance_type, usd) in TYPES {
            all.push(Observation::OnDemandPrice(OnDemandPrice {
                region: (*region).into(),
                instance_type: instance_type.into(),
                usd: Some(usd),
                fetched_at: now(),
            }));
            for z in 0..3 {
                for hour in 0..(14 * 24 / 6) {
                    all.push(Observation::SpotPrice(SpotPrice {
                        region: (*region).into(),
                        instance_type: instance_type.into(),
                        zone: zone(r * CLUSTER + (3 - r * CLUSTER % 3) + z),
                        at: now() - SignedDuration::from_hours(hour * 6),
                        usd: usd * (0.3 + 0.01 * ((hour as usize + z) % 7) as f64),
                    }));
                }
            }
        }
    }
    all
}

/// All that feeds tell of a fleet.
pub(crate) fn observations(machines: usize, pods: usize) -> Vec<Observation> {
    let mut all = prices();
    for first in (0..machines).step_by(CLUSTER) {
        let own = first..machines.min(first + CLUSTER);
        for n in own.clone() {
            if is_edge(n) {
                all.push(Observation::EdgeHost(Box::new(host(n))));
                all.push(Observation::EdgeProbe(Box::new(EdgeProbe {
                    host: host(n).name,
                    at: now(),
                    outcome: Ok(EdgeHealth {
                        latency_ms: 12,
                        model: Some("Raspberry Pi 4 Model B Rev 1.4".into()),
                        ..EdgeHealth::default()
                    }),
                })));
            } else {
                all.push(Observation::Instance(Box::new(instance(n))));
            }
            all.push(Observation::Node(Box::new(node(n))));
            all.push(Observation::Usage(NodeUsage {
                node: node(n).key,
                cpu_milli: n as u64 % 2_000,
                memory: (n as u64 % 4_000) << 20,
            }));
        }
        let mut names: Vec<_> = own.clone().map(pool).collect();
        names.sort();
        names.dedup();
        all.extend(
            names
                .iter()
                .filter_map(|name| Some(Observation::Asg(Box::new(asg(own.clone(), name)?)))),
        );
        all.push(Observation::Server(KubeServer {
            context: context(first),
            version: "v1.36.4+k3s1".into(),
            endpoint: format!("https://{}:6443", cluster(first)).into(),
        }));
        all.push(synced(FeedKind::Nodes, Source::Kube(context(first))));
    }
    for region in REGIONS {
        for kind in [
            FeedKind::Instances,
            FeedKind::Asgs,
            FeedKind::SpotPrices,
            FeedKind::OnDemandPrices,
        ] {
            all.push(synced(kind, Source::Aws(Scope::new("", region))));
        }
    }
    all.extend((0..pods).map(|n| Observation::Pod(pod(n, machines))));
    all
}

/// The fleet that these make.
pub(crate) fn fleet(machines: usize, pods: usize) -> Fleet {
    let mut fleet = Fleet::new(vec![]);
    for observation in observations(machines, pods) {
        fleet.apply(observation, now());
    }
    fleet
}
