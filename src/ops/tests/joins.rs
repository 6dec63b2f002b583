//! Plans for edge hosts: joining a cluster, leaving it, being forgotten.

use std::path::PathBuf;

use super::super::files::Source;
use super::super::joining::{Candidate, Facts, Join, Reached, Sudo};
use super::super::preflight::Preflight;
use super::*;
use crate::blueprint::machine::Task;
use crate::fleet::testing::{context, host, probe};
use crate::fleet::{Arch, ClusterId, EdgeHealth, HostName, NodeKey};

pub(super) const SERVER: &str = "203.0.113.7:6443";

pub(super) fn cluster() -> ClusterId {
    ClusterId {
        name: "prod".into(),
        home: Some(scope()),
    }
}

/// A board on which all is as it should be.
pub(super) fn facts(name: &str) -> Facts {
    Facts {
        machine: "aarch64".into(),
        arch: Some(Arch::Arm64),
        userland_bits: Some(64),
        hostname: name.into(),
        os: Some("Debian 13".into()),
        init: Some("systemd".into()),
        sudo: Sudo::Free,
        memory_cgroup: Some(true),
        cmdline: None,
        vxlan: Some(true),
        memory_mib: Some(3800),
        disk_free_mib: Some(20_000),
        clock_skew: Some(0),
        clock_synced: Some(true),
        swap_mib: Some(0),
        firewall: None,
        iptables: Some("1.8.9".into()),
        downloader: Some("curl".into()),
        k3s: None,
        k3s_server: None,
        node_password: Some(false),
        selinux: None,
        reached: vec![Reached {
            address: SERVER.into(),
            answers: true,
        }],
    }
}

pub(super) fn candidate(name: &str) -> Candidate {
    Candidate {
        host: host(name),
        facts: Ok(facts(name)),
    }
}

pub(super) fn join(hosts: Vec<Candidate>) -> Join {
    Join {
        cluster: cluster(),
        context: context(),
        server: format!("https://{SERVER}").into(),
        advertised: vec![SERVER.into()],
        version: "v1.36.4+k3s1".into(),
        hosts,
        files: None,
        vpn_auth_file: None,
        wireguard: false,
        mend: false,
        sudo_password: false,
    }
}

fn asked(join: Join) -> Request {
    Request::Join(Box::new(join))
}

/// The way of a host in a plan.
fn way<'a>(plan: &'a Plan, name: &str) -> Option<&'a joining::Joining> {
    plan.steps().find_map(|(_, step)| match step {
        Step::Join(way) if way.host.name.as_str() == name => Some(&**way),
        _ => None,
    })
}

/// Edge hosts that have joined `prod` under their own names.
fn with_boards(names: &[&str]) -> World {
    let mut world = prod(1);
    for name in names {
        world.see(Observation::EdgeHost(Box::new(host(name))));
        world.see(Observation::EdgeProbe(Box::new(probe(name, Ok(EdgeHealth::default())))));
        world.node(Node {
            key: NodeKey::new(&context(), name),
            provider_id: None,
            ..node(60)
        });
    }
    world
}

fn edge(name: &str) -> MachineId {
    MachineId::Edge(HostName::new(name))
}

fn leave(names: &[&str], forget: bool) -> Request {
    Request::Leave {
        machines: names.iter().map(|name| edge(name)).collect(),
        drain: DrainOptions::ending(),
        forget,
    }
}

#[test]
fn each_host_joins_by_itself_between_a_token_made_and_deleted() {
    let plan = planned(&prod(1), &asked(join(vec![candidate("pi-1"), candidate("pi-2")])));
    assert_eq!(titles(&plan), ["make a token", "join", "delete the token"]);
    assert_eq!(plan.stages[1].steps.len(), 2);
    assert!(plan.stages[2].whatever, "the token goes whatever becomes of the hosts");
    assert!(!plan.stages[1].whatever, "without a token nobody joins");
    assert_eq!(plan.title, "join 2 hosts to prod");
    assert_eq!(plan.warnings, Vec::<String>::new());
    let install = &way(&plan, "pi-1").unwrap().install;
    assert_eq!(
        (install.node.as_str(), install.server.as_str(), install.vpn),
        ("pi-1", "https://203.0.113.7:6443", false)
    );
    let text = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), plan);
}

#[test]
fn a_host_named_twice_joins_once() {
    let plan = planned(&prod(1), &asked(join(vec![candidate("pi-1"), candidate("pi-1")])));
    assert_eq!(plan.stages[1].steps.len(), 1);
}

#[test]
fn hosts_that_cannot_join_are_left_out_and_told_with_their_mend() {
    let mut old = candidate("pi-zero");
    old.facts.as_mut().unwrap().machine = "armv6l".into();
    old.facts.as_mut().unwrap().arch = None;
    let gone = Candidate {
        host: host("pi-gone"),
        facts: Err("ssh: connection refused".into()),
    };
    let plan = planned(&prod(1), &asked(join(vec![candidate("pi-1"), old.clone(), gone])));
    assert_eq!(plan.stages[1].steps.len(), 1);
    let told = plan.warnings.join("\n");
    assert!(told.contains("pi-zero: arch: armv6l"), "{told}");
    assert!(told.contains("use a board"), "{told}");
    assert!(told.contains("pi-gone: ssh: ssh: connection refused"), "{told}");
    let refusal = super::plan(&prod(1).0, &asked(join(vec![old])), now()).unwrap_err();
    assert_eq!(refusal.guard, "preflight");
    assert!(refusal.why.contains("ARMv6"), "{refusal}");
    assert_eq!(refused(&prod(1), &asked(join(vec![]))), "no-host");
}

#[test]
fn a_cluster_that_no_host_reaches_is_refused_with_the_ways_out() {
    let mut far = candidate("pi-1");
    far.facts.as_mut().unwrap().reached[0].answers = false;
    let refusal = super::plan(&prod(1).0, &asked(join(vec![far.clone()])), now()).unwrap_err();
    assert_eq!(refusal.guard, "api-unreached");
    for way in ["--server", "--vpn-auth-file", "wireguard", "k3fleet reach"] {
        assert!(refusal.lift.contains(way), "{}", refusal.lift);
    }
    let mut private = join(vec![candidate("pi-1")]);
    private.advertised = vec!["10.0.0.5:6443".into()];
    private.hosts[0].facts.as_mut().unwrap().reached.push(Reached {
        address: "10.0.0.5:6443".into(),
        answers: false,
    });
    assert_eq!(
        refused(&prod(1), &asked(private)),
        "api-unreached",
        "agents go to the advertised addresses once they have joined"
    );
    let mut wireguard = join(vec![far.clone()]);
    wireguard.wireguard = true;
    assert_eq!(
        refused(&prod(1), &asked(wireguard)),
        "api-unreached",
        "WireGuard carries pods; the API has to be reached all the same"
    );
    let mut wireguard = join(vec![candidate("pi-1")]);
    wireguard.wireguard = true;
    let plan = planned(&prod(1), &asked(wireguard));
    assert!(
        plan.warnings.iter().any(|w| w.contains("wireguard-native")),
        "{:?}",
        plan.warnings
    );
    let mut through_vpn = join(vec![far]);
    through_vpn.vpn_auth_file = Some(PathBuf::from("/keys/vpn"));
    let plan = planned(&prod(1), &asked(through_vpn));
    assert!(way(&plan, "pi-1").unwrap().install.vpn);
    assert!(plan.warnings.iter().any(|w| w.contains("VPN")), "{:?}", plan.warnings);
}

#[test]
fn of_two_hosts_the_one_that_reaches_the_api_joins() {
    let mut far = candidate("pi-2");
    far.facts.as_mut().unwrap().reached[0].answers = false;
    let plan = planned(&prod(1), &asked(join(vec![candidate("pi-1"), far])));
    assert!(way(&plan, "pi-1").is_some() && way(&plan, "pi-2").is_none());
}

#[test]
fn hosts_are_never_newer_than_the_servers_nor_too_old() {
    for (version, expected) in [
        ("v1.37.0+k3s1", Some("version-skew")),
        ("v1.36.5+k3s1", Some("version-skew")),
        ("v1.32.9+k3s1", Some("version-skew")),
        ("stable", Some("release")),
        ("v1.33.1+k3s1", None),
        ("v1.36.4+k3s1", None),
    ] {
        let mut join = join(vec![candidate("pi-1")]);
        join.version = version.into();
        let got = super::plan(&prod(1).0, &asked(join), now()).err().map(|r| r.guard);
        assert_eq!(got, expected, "{version}");
    }
}

#[test]
fn labels_that_a_kubelet_may_not_set_come_later() {
    let mut one = candidate("pi-1");
    let labels = [
        ("place", "shop"),
        ("node-role.kubernetes.io/worker", "true"),
        ("topology.kubernetes.io/zone", "attic"),
        ("example.k8s.io/x", "y"),
        ("node.kubernetes.io/kind", "board"),
        ("not-kubernetes.io/x", "z"),
    ];
    one.host.labels = labels.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
    let plan = planned(&prod(1), &asked(join(vec![one])));
    let way = way(&plan, "pi-1").unwrap();
    assert_eq!(
        way.install.labels,
        [
            "place=shop",
            "topology.kubernetes.io/zone=attic",
            "node.kubernetes.io/kind=board",
            "not-kubernetes.io/x=z"
        ]
    );
    let later: Vec<_> = way.labels.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(later, ["node-role.kubernetes.io/worker", "example.k8s.io/x"]);
}

#[test]
fn what_an_air_gap_wants_is_named_for_each_architecture() {
    let mut arm = candidate("pi-2");
    arm.facts.as_mut().unwrap().arch = Some(Arch::Arm);
    arm.facts.as_mut().unwrap().downloader = None;
    let mut join = join(vec![candidate("pi-1"), arm]);
    join.files = Some(Source::Directory("/srv/k3s".into()));
    let plan = planned(&prod(1), &asked(join));
    let told = plan.warnings.iter().find(|w| w.contains("/srv/k3s")).unwrap();
    for name in [
        "install.sh",
        "k3s-arm64",
        "sha256sum-arm64.txt",
        "k3s-armhf",
        "sha256sum-arm.txt",
        "k3s-airgap-images-arm.tar",
    ] {
        assert!(told.contains(name), "{told}");
    }
}

#[test]
fn memory_cgroups_are_mended_only_when_told_to() {
    let mut off = candidate("pi-1");
    let known = off.facts.as_mut().unwrap();
    known.memory_cgroup = Some(false);
    known.cmdline = Some("/boot/firmware/cmdline.txt".into());
    let mut join = join(vec![off]);
    let preflight = Preflight::of(&prod(1).0, &join, &join.hosts[0]);
    assert!(!preflight.can_join() && preflight.can_join_with_mending() && preflight.wants_mending());
    assert_eq!(refused(&prod(1), &asked(join.clone())), "preflight");
    join.mend = true;
    let plan = planned(&prod(1), &asked(join));
    assert!(way(&plan, "pi-1").unwrap().mend_cgroups);
}

#[test]
fn a_host_leaves_whole() {
    let plan = planned(&with_boards(&["pi-1", "pi-2"]), &leave(&["pi-1", "pi-2"], false));
    assert_eq!(
        titles(&plan),
        ["cordon", "drain", "take K3s off", "delete nodes", "delete passwords"]
    );
    let uninstalled = plan
        .steps()
        .filter(|(_, step)| matches!(step, Step::Machine(Reach::Edge(_), Task::Uninstall)));
    assert_eq!(uninstalled.count(), 2);
}

#[test]
fn a_silent_host_can_only_be_forgotten() {
    let mut world = with_boards(&["pi-1"]);
    silence(&mut world, "pi-1");
    let refusal = super::plan(&world.0, &leave(&["pi-1"], false), now()).unwrap_err();
    assert_eq!(refusal.guard, "silent-host");
    assert!(refusal.lift.contains("--forget"), "{refusal}");
    let plan = planned(&world, &leave(&["pi-1"], true));
    assert_eq!(titles(&plan), ["delete nodes", "delete passwords"]);
    assert!(plan.warnings.is_empty(), "{:?}", plan.warnings);
}

#[test]
fn one_that_answers_is_forgotten_with_a_warning() {
    let plan = planned(&with_boards(&["pi-1"]), &leave(&["pi-1"], true));
    assert!(plan.warnings[0].contains("registers again"), "{:?}", plan.warnings);
}

#[test]
fn only_edge_hosts_leave_and_no_quorum_with_them() {
    let request = Request::Leave {
        machines: vec![MachineId::Instance(instance_id(11))],
        drain: DrainOptions::ending(),
        forget: false,
    };
    let refusal = super::plan(&prod(1).0, &request, now()).unwrap_err();
    assert_eq!(refusal.guard, "not-edge");
    assert!(refusal.lift.contains("k3fleet remove"), "{refusal}");
    let mut world = World::live();
    for name in ["a", "b", "c"] {
        world.see(Observation::EdgeHost(Box::new(host(name))));
        world.node(Node {
            key: NodeKey::new(&context(), name),
            provider_id: None,
            ..server(60)
        });
    }
    assert_eq!(refused(&world, &leave(&["a", "b"], false)), "etcd-quorum");
    assert_eq!(refused(&world, &leave(&["a", "b", "c"], true)), "last-server");
    assert_eq!(planned(&world, &leave(&["a"], false)).stages.len(), 5);
}

#[test]
fn a_host_that_never_joined_is_only_cleaned() {
    let mut world = prod(1);
    world.see(Observation::EdgeHost(Box::new(host("pi-1"))));
    let plan = planned(&world, &leave(&["pi-1"], false));
    assert_eq!(titles(&plan), ["take K3s off"]);
}

proptest! {
    #[test]
    fn every_host_joins_once_or_is_told_why_not(
        broken in prop::collection::vec((any::<bool>(), any::<bool>(), any::<bool>()), 1..12),
    ) {
        let hosts: Vec<_> = broken.iter().enumerate().map(|(n, (dead, old, blind))| {
            let name = format!("pi-{n}");
            let mut one = candidate(&name);
            if let Ok(facts) = &mut one.facts {
                facts.memory_cgroup = Some(!old);
                facts.reached[0].answers = !blind;
            }
            if *dead {
                one.facts = Err("no route".into());
            }
            one
        }).collect();
        let good = broken.iter().filter(|b| **b == (false, false, false)).count();
        match super::plan(&prod(1).0, &asked(join(hosts.clone())), now()) {
            Err(refusal) => {
                prop_assert_eq!(good, 0, "{}", refusal);
            }
            Ok(plan) => {
                prop_assert_eq!(plan.stages[1].steps.len(), good);
                let told = plan.warnings.iter().filter(|w| w.starts_with("left out: ")).count();
                prop_assert_eq!(told + good, hosts.len());
            }
        }
    }
}
