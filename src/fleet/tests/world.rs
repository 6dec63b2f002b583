//! Small worlds, drawn so that ids, names and addresses meet often.

use jiff::SignedDuration;
use proptest::prelude::*;
use smol_str::SmolStr;

use crate::fleet::testing::{asg, host, instance, instance_id, minutes_ago, node, now, probe, synced, tags};
use crate::fleet::*;

/// What happens to one thing, in order.
pub(super) type Story = Vec<Observation>;

/// A world: the stories of all things in it.
#[derive(Clone, Debug)]
pub(super) struct World {
    pub(super) stories: Vec<Story>,
}

impl World {
    /// All stories told at once: `picks` says whose turn it is.
    pub(super) fn told(&self, picks: &[usize]) -> Fleet {
        let mut fleet = Fleet::default();
        let mut left: Vec<_> = self.stories.iter().map(|story| story.iter()).collect();
        for pick in picks {
            if let Some(observation) = left[*pick].next() {
                fleet.apply(observation.clone(), now());
            }
        }
        fleet
    }

    /// Whose turn it is when each story is told to its end before the next.
    pub(super) fn turns(&self) -> Vec<usize> {
        let turns = self.stories.iter().enumerate().map(|(i, story)| vec![i; story.len()]);
        turns.flatten().collect()
    }

    /// How each story ends.
    pub(super) fn ends(&self) -> impl Iterator<Item = &Observation> {
        self.stories.iter().filter_map(|story| story.last())
    }
}

/// A world and two orders in which to tell it.
pub(super) fn told_twice() -> impl Strategy<Value = (World, Vec<usize>, Vec<usize>)> {
    world().prop_flat_map(|world| {
        let turns = world.turns();
        (
            Just(world),
            Just(turns.clone()).prop_shuffle(),
            Just(turns).prop_shuffle(),
        )
    })
}

/// A world and one order in which to tell it.
pub(super) fn told_once() -> impl Strategy<Value = (World, Vec<usize>)> {
    told_twice().prop_map(|(world, turns, _)| (world, turns))
}

fn world() -> impl Strategy<Value = World> {
    let mut parts: Vec<BoxedStrategy<Option<Story>>> = vec![];
    for n in 0..5 {
        parts.push(maybe(with_end(instances(n), Observation::InstanceGone(instance_id(n)))));
        parts.push(maybe(notice(n).prop_map(|o| vec![o])));
        parts.push(maybe(nodes(n)));
    }
    for n in 0..3 {
        parts.push(maybe(with_end(
            hosts(n),
            Observation::EdgeHostGone(HostName::new(host_name(n))),
        )));
        parts.push(maybe(probes(n)));
    }
    for n in 0..6 {
        parts.push(maybe(pods(n)));
    }
    for name in ["g1", "g2"] {
        parts.push(maybe(groups(name)));
    }
    parts.push(maybe(spot_fleets()));
    for context in ["a", "b"] {
        parts.push(maybe(Just(vec![server(context), nodes_synced(context)]).boxed()));
        parts.push(maybe(usage(context).prop_map(|o| vec![o])));
    }
    parts.push(Just(Some(aws_synced())).boxed());
    for zone in ["eu-west-1a", "eu-west-1b"] {
        for kind in ["t4g.small", "m7g.large"] {
            parts.push(maybe(prices(kind, zone)));
        }
    }
    parts.prop_map(|stories| World {
        stories: stories.into_iter().flatten().collect(),
    })
}

fn maybe(story: impl Strategy<Value = Story> + 'static) -> BoxedStrategy<Option<Story>> {
    proptest::option::weighted(0.8, story).boxed()
}

/// One or two versions of a thing, and perhaps its end.
fn with_end(version: impl Strategy<Value = Observation> + 'static, end: Observation) -> impl Strategy<Value = Story> {
    (proptest::collection::vec(version, 1..3), proptest::bool::weighted(0.15)).prop_map(move |(mut story, ends)| {
        story.extend(ends.then(|| end.clone()));
        story
    })
}

fn scope_of(n: usize) -> Scope {
    Scope::new("", ["eu-west-1", "us-east-1"][n % 2])
}

fn ip(n: u8) -> std::net::IpAddr {
    format!("10.0.0.{n}").parse().unwrap()
}

fn instances(n: usize) -> impl Strategy<Value = Observation> {
    let cluster = proptest::option::of(proptest::sample::select(vec!["a", "b", "c"]));
    let group = proptest::option::of(proptest::sample::select(vec!["g1", "g2", "sfr-1"]));
    let shape = proptest::sample::select(vec!["quick", "ha", ""]);
    (
        cluster,
        group,
        shape,
        0u8..3,
        proptest::option::of(0u8..3),
        any::<bool>(),
        0usize..4,
    )
        .prop_map(move |(cluster, group, shape, address, dns, spot, kind)| {
            let mut pairs = vec![("Name".to_owned(), format!("m-{}", n / 2))];
            pairs.extend(cluster.map(|c| (TAG_CLUSTER.to_owned(), c.to_owned())));
            pairs.push((TAG_SHAPE.to_owned(), shape.to_owned()));
            pairs.push((
                TAG_EXPIRES_AT.to_owned(),
                (now() + SignedDuration::from_mins(address.into())).to_string(),
            ));
            pairs.extend(group.map(|g| match g {
                "sfr-1" => ("aws:ec2spot:fleet-request-id".to_owned(), g.to_owned()),
                g => ("aws:autoscaling:groupName".to_owned(), g.to_owned()),
            }));
            let states = [
                InstanceState::Running,
                InstanceState::Running,
                InstanceState::Stopped,
                InstanceState::ShuttingDown,
            ];
            Observation::Instance(Box::new(Instance {
                scope: scope_of(n),
                state: states[kind],
                purchase: if spot { Purchase::Spot } else { Purchase::OnDemand },
                instance_type: ["t4g.small", "m7g.large"][kind % 2].into(),
                zone: ["eu-west-1a", "eu-west-1b"][usize::from(address) % 2].into(),
                private_ip: Some(ip(address)),
                private_dns: dns.map(|d| format!("ip-{d}.ec2.internal").into()),
                tags: pairs.iter().map(|(k, v)| (SmolStr::new(k), SmolStr::new(v))).collect(),
                ..instance(n)
            }))
        })
}

/// The names that nodes go by: their own, an instance's DNS name, an instance's id, a host's.
fn node_key(n: usize, name: usize) -> NodeKey {
    let name = match name {
        0 => format!("ip-{}", n % 3),
        1 => instance_id(n).to_string(),
        2 => host_name(n),
        _ => format!("n-{n}"),
    };
    NodeKey::new(&ContextId::new(["a", "b"][n % 2]), name)
}

fn host_name(n: usize) -> String {
    format!("h-{}", n % 3)
}

fn nodes(n: usize) -> impl Strategy<Value = Story> {
    (0usize..4).prop_flat_map(move |name| {
        let key = node_key(n, name);
        let end = Observation::NodeGone(key.clone());
        let provider = proptest::option::of(0usize..5);
        let ssh = proptest::option::of(0usize..3);
        let version = (
            provider,
            ssh,
            proptest::option::of(0u8..3),
            0usize..3,
            any::<bool>(),
            any::<bool>(),
        )
            .prop_map(move |(provider, ssh, address, hostname, ready, server)| {
                Observation::Node(Box::new(Node {
                    key: key.clone(),
                    provider_id: provider.map(|p| format!("aws:///eu-west-1a/{}", instance_id(p)).into()),
                    ssh: ssh.map(|h| format!("pi@{}", host_name(h)).into()),
                    hostname: Some(host_name(hostname).into()),
                    internal_ip: address.map(ip),
                    joined_at: Some(minutes_ago(hostname as i64)),
                    ready: if ready { Readiness::Ready } else { Readiness::NotReady },
                    role: if server { Role::Server } else { Role::Agent },
                    schedulable: ready,
                    ..node(n)
                }))
            });
        with_end(version, end)
    })
}

fn hosts(n: usize) -> impl Strategy<Value = Observation> {
    let address = proptest::option::of(proptest::sample::select(vec!["h-0", "h-1", "ip-1", "n-1"]));
    let cluster = proptest::option::of(proptest::sample::select(vec!["a", "c"]));
    (address, cluster).prop_map(move |(address, cluster)| {
        Observation::EdgeHost(Box::new(EdgeHost {
            address: address.map(SmolStr::new),
            cluster: cluster.map(SmolStr::new),
            ..host(&host_name(n))
        }))
    })
}

fn probes(n: usize) -> impl Strategy<Value = Story> {
    proptest::collection::vec((any::<bool>(), 0i64..10), 1..3).prop_map(move |found| {
        let tell = |(ok, minutes): &(bool, i64)| {
            let mut probe = probe(&host_name(n), if *ok { Ok(EdgeHealth::default()) } else { Err("no") });
            probe.at = minutes_ago(*minutes);
            Observation::EdgeProbe(Box::new(probe))
        };
        found.iter().map(tell).collect()
    })
}

fn notice(n: usize) -> impl Strategy<Value = Observation> {
    (any::<bool>(), 0i64..3).prop_map(move |(rebalance, minutes)| {
        Observation::Notice(Notice {
            instance: instance_id(n),
            kind: if rebalance {
                NoticeKind::Rebalance
            } else {
                NoticeKind::Interruption
            },
            at: minutes_ago(minutes),
        })
    })
}

fn pods(n: usize) -> impl Strategy<Value = Story> {
    let key = PodKey {
        context: ContextId::new(["a", "b"][n % 2]),
        name: format!("default/p-{n}").into(),
    };
    let end = Observation::PodGone(key.clone());
    let phase = proptest::sample::select(vec![PodPhase::Pending, PodPhase::Running, PodPhase::Succeeded]);
    let version = (phase, proptest::option::of((0usize..5, 0usize..4)), 0u64..3).prop_map(move |(phase, on, cpu)| {
        Observation::Pod(Pod {
            key: key.clone(),
            node: on.map(|(n, name)| node_key(n, name).name),
            phase,
            requests: Resources {
                cpu_milli: cpu,
                memory: cpu << 20,
                pods: 1,
            },
            owner: OwnerKind::ReplicaSet,
        })
    });
    with_end(version, end)
}

fn usage(context: &'static str) -> impl Strategy<Value = Observation> {
    (0usize..5, 0usize..4).prop_map(move |(n, name)| {
        Observation::Usage(NodeUsage {
            node: NodeKey {
                context: ContextId::new(context),
                ..node_key(n, name)
            },
            cpu_milli: 5,
            memory: 5,
        })
    })
}

fn groups(name: &'static str) -> impl Strategy<Value = Story> {
    let tagged = proptest::option::of(proptest::sample::select(vec!["a", "c"]));
    let version = (tagged, proptest::collection::vec(0usize..5, 0..4), any::<bool>()).prop_map(
        move |(cluster, members, role)| {
            let mut members = members;
            members.sort_unstable_by_key(|n| std::cmp::Reverse(*n));
            members.dedup();
            let pairs: Vec<_> = cluster
                .map(|c| (TAG_CLUSTER, c))
                .into_iter()
                .chain(role.then_some((TAG_ROLE, "server")))
                .collect();
            Observation::Asg(Box::new(Asg {
                name: name.into(),
                tags: tags(&pairs),
                ..asg(&members)
            }))
        },
    );
    (
        with_end(version, Observation::AsgGone(scope_of(0), name.into())),
        0u8..3,
    )
        .prop_map(move |(mut story, tries)| {
            let activity = |n: u8| {
                Observation::Activity(Box::new(Activity {
                    scope: scope_of(0),
                    id: format!("act-{n}").into(),
                    asg: name.into(),
                    started_at: minutes_ago(n.into()),
                    ended_at: None,
                    status: "Failed".into(),
                    description: "Launching".into(),
                    message: None,
                    progress: 100,
                }))
            };
            story.splice(1..1, (0..tries).map(activity));
            story
        })
}

fn spot_fleets() -> impl Strategy<Value = Story> {
    let version = (0u32..3).prop_map(|fulfilled| {
        Observation::SpotFleet(Box::new(SpotFleet {
            scope: scope_of(0),
            id: "sfr-1".into(),
            state: "active".into(),
            target: 2,
            fulfilled,
            types: Box::new([]),
            tags: Tags::default(),
        }))
    });
    with_end(version, Observation::SpotFleetGone(scope_of(0), "sfr-1".into()))
}

fn prices(kind: &'static str, zone: &'static str) -> impl Strategy<Value = Story> {
    (1u32..5, proptest::option::of(1u32..5)).prop_map(move |(spot, on_demand)| {
        vec![
            Observation::SpotPrice(SpotPrice {
                region: "eu-west-1".into(),
                instance_type: kind.into(),
                zone: zone.into(),
                at: minutes_ago(60),
                usd: f64::from(spot) / 100.0,
            }),
            Observation::OnDemandPrice(OnDemandPrice {
                region: "eu-west-1".into(),
                instance_type: format!("{kind}{zone}").into(),
                usd: on_demand.map(f64::from),
                fetched_at: now(),
            }),
        ]
    })
}

fn server(context: &str) -> Observation {
    Observation::Server(KubeServer {
        context: ContextId::new(context),
        version: "v1.36.4+k3s1".into(),
        endpoint: "https://x".into(),
    })
}

fn nodes_synced(context: &str) -> Observation {
    let id = FeedId {
        kind: FeedKind::Nodes,
        source: Source::Kube(ContextId::new(context)),
    };
    Observation::Feed(id, synced())
}

fn aws_synced() -> Story {
    let feeds = [FeedKind::Instances, FeedKind::Asgs, FeedKind::SpotPrices];
    let scopes = [scope_of(0), scope_of(1)];
    let ids = feeds.iter().flat_map(|kind| scopes.iter().map(|s| (*kind, s.clone())));
    ids.map(|(kind, scope)| {
        let id = FeedId {
            kind,
            source: Source::Aws(scope),
        };
        Observation::Feed(id, synced())
    })
    .collect()
}
