//! Plans that bring a cluster to another release, and that renew certificates: order, skew, who is refused and left.

use smol_str::SmolStr;

use super::super::files::Source;
use super::joins::cluster;
use super::restarts::{id, keeps_quorum, worked};
use super::*;
use crate::blueprint::machine::Task;
use crate::fleet::testing::{context, host};
use crate::fleet::{AdoptName, AdoptRule, Arch, Fleet, Glob, NodeKey};

fn upgrade(to: &str) -> Upgrade {
    Upgrade {
        cluster: cluster(),
        to: to.into(),
        drain: None,
        wave: 2,
        files: None,
        leave_unreached: false,
    }
}

fn asked(upgrade: Upgrade) -> Request {
    Request::Upgrade(Box::new(upgrade))
}

fn to(release: &str) -> Request {
    asked(upgrade(release))
}

const NEXT: &str = "v1.37.0+k3s1";

fn upgraded(plan: &Plan) -> Vec<Vec<String>> {
    worked(plan, |task| matches!(task, Task::Upgrade { .. }))
}

fn name(n: usize) -> String {
    instance_id(n).to_string()
}

fn at(n: usize, version: &str) -> Node {
    Node {
        version: version.into(),
        ..if n < 10 { server(n) } else { node(n) }
    }
}

/// `prod`, with an edge host that has joined.
fn with_board() -> World {
    let mut world = prod(1);
    world.see(Observation::EdgeHost(Box::new(host("pi-1"))));
    world.node(Node {
        key: NodeKey::new(&context(), "pi-1"),
        provider_id: None,
        ..node(60)
    });
    world
}

#[test]
fn servers_one_by_one_then_new_machines_then_agents_in_waves() {
    let plan = planned(&prod(3), &to(NEXT));
    let ready = ["upgrade", "be ready"];
    let mut expected = vec!["save the datastore"];
    for _ in 0..3 {
        expected.extend(ready);
    }
    expected.push("new machines");
    for _ in 0..2 {
        expected.extend(ready);
    }
    assert_eq!(titles(&plan), expected);
    assert_eq!(
        upgraded(&plan),
        [
            vec![name(1)],
            vec![name(2)],
            vec![name(3)],
            vec![name(11), name(12)],
            vec![name(13)]
        ]
    );
    assert!(keeps_quorum(&plan, 3));
    assert_eq!(plan.title, "upgrade prod to v1.37.0+k3s1: 6 machines");
    assert!(plan.warnings.is_empty(), "{:?}", plan.warnings);
    let release = plan.steps().find_map(|(_, step)| match step {
        Step::Cloud(
            _,
            CloudStep::SetRelease {
                templates,
                spec,
                version,
            },
        ) => Some((templates.clone(), spec.clone(), version.clone())),
        _ => None,
    });
    let (templates, spec, version) = release.unwrap();
    assert_eq!(templates, ["k3fleet-prod-server", "k3fleet-prod-workers"]);
    assert_eq!((spec.as_str(), version.as_str()), ("/k3fleet/prod/spec", NEXT));
    for (_, step) in plan.steps() {
        if let Step::Wait(Condition::NodeUp { version, .. }, _) = step {
            assert_eq!(version.as_deref(), Some(NEXT));
        }
    }
    let text = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), plan);
}

#[test]
fn nodes_are_drained_where_that_is_asked_for_and_take_pods_again() {
    let mut world = prod(1);
    world.node(Node {
        schedulable: false,
        ..server(2)
    });
    let plan = planned(
        &world,
        &asked(Upgrade {
            drain: Some(DrainOptions::ending()),
            ..upgrade(NEXT)
        }),
    );
    let count = |title: &str| titles(&plan).iter().filter(|t| **t == title).count();
    assert_eq!(
        (count("drain"), count("cordon"), count("uncordon")),
        (4, 3, 3),
        "one was cordoned and stays so"
    );
    assert!(
        plan.warnings.iter().any(|w| w.contains("emptyDir")),
        "{:?}",
        plan.warnings
    );
}

#[test]
fn what_has_the_release_is_passed_over() {
    let mut world = prod(2);
    world.node(at(1, NEXT)).node(at(11, NEXT));
    assert_eq!(
        upgraded(&planned(&world, &to(NEXT))),
        [[name(2)], [name(3)], [name(12)]]
    );
    for n in [2, 3, 12] {
        world.node(at(n, NEXT));
    }
    assert_eq!(
        titles(&planned(&world, &to(NEXT))),
        ["new machines"],
        "what new machines start with may still be old"
    );
}

#[test]
fn nothing_goes_back_skips_a_minor_or_falls_too_far_behind() {
    let world = prod(2);
    for (release, guard) in [
        ("v1.36.3+k3s1", "downgrade"),
        ("v1.35.9+k3s1", "downgrade"),
        ("v1.38.0+k3s1", "minor-skipped"),
        ("v2.0.0+k3s1", "minor-skipped"),
        ("stable", "release"),
        ("v1.37.0", "release"),
    ] {
        assert_eq!(refused(&world, &to(release)), guard, "{release}");
    }
    assert_eq!(upgraded(&planned(&world, &to("v1.36.4+k3s2"))).len(), 4);
    let refusal = super::plan(&world.0, &to("v1.38.0+k3s1"), now()).unwrap_err();
    assert!(refusal.lift.contains("--to v1.37"), "{refusal}");
    let mut old = prod(2);
    old.node(at(12, "v1.33.1+k3s1"));
    let refusal = super::plan(&old.0, &to(NEXT), now()).unwrap_err();
    assert_eq!(refusal.guard, "version-skew");
    assert!(refusal.lift.contains("--to v1.36.4+k3s1"), "{refusal}");
    assert_eq!(
        upgraded(&planned(&old, &to("v1.36.4+k3s1"))),
        [[name(12)]],
        "it is brought to the servers' release"
    );
    let mut foreign = prod(1);
    foreign.node(at(11, "v1.36.4-eks-1"));
    assert_eq!(refused(&foreign, &to(NEXT)), "release");
    let mut newer = prod(1);
    newer.node(at(11, "v1.38.0+k3s1"));
    assert_eq!(refused(&newer, &to(NEXT)), "downgrade");
}

#[test]
fn a_cluster_whose_servers_are_not_known_is_not_upgraded() {
    let mut world = World::live();
    world.machine(11);
    assert_eq!(refused(&world, &to(NEXT)), "no-server");
}

#[test]
fn machines_that_are_not_reached_are_refused_or_left_and_servers_never_left() {
    let mut world = prod(2);
    world.node(Node {
        ready: Readiness::Unknown,
        ..node(12)
    });
    let refusal = super::plan(&world.0, &to(NEXT), now()).unwrap_err();
    assert_eq!(refusal.guard, "unreached");
    assert!(refusal.lift.contains("--leave-unreached"), "{refusal}");
    let leaving = || {
        asked(Upgrade {
            leave_unreached: true,
            ..upgrade(NEXT)
        })
    };
    let plan = planned(&world, &leaving());
    assert!(!upgraded(&plan).concat().contains(&name(12)));
    assert!(
        plan.warnings
            .iter()
            .any(|w| w.contains("m-12") || w.contains("stays with")),
        "{:?}",
        plan.warnings
    );
    let mut down = prod(1);
    down.node(Node {
        ready: Readiness::Unknown,
        ..server(3)
    });
    let guard = refused(&down, &leaving());
    assert!(["etcd-quorum", "unreached"].contains(&guard), "{guard}");
}

#[test]
fn a_lone_server_is_upgraded_with_a_warning() {
    let mut world = World::live();
    world.instance(instance(1)).node(server(1));
    let plan = planned(&world, &to(NEXT));
    assert!(
        plan.warnings.iter().any(|w| w.contains("only server")),
        "{:?}",
        plan.warnings
    );
    assert!(keeps_quorum(&plan, 1));
}

#[test]
fn edge_hosts_are_included_and_brought_their_files() {
    let plan = planned(&with_board(), &to(NEXT));
    assert!(upgraded(&plan).concat().contains(&"pi-1".to_owned()));
    let plan = planned(
        &with_board(),
        &asked(Upgrade {
            files: Some(Source::Directory("/srv/k3s".into())),
            ..upgrade(NEXT)
        }),
    );
    assert_eq!(titles(&plan)[0], "bring files");
    assert!(matches!(&plan.stages[0].steps[..], [Step::Bring(_, Arch::Arm64, _)]));
    let files: Vec<(bool, Option<SmolStr>)> = plan
        .steps()
        .filter_map(|(_, step)| match step {
            Step::Machine(reach, Task::Upgrade { files, .. }) => Some((matches!(reach, Reach::Edge(_)), files.clone())),
            _ => None,
        })
        .collect();
    assert!(
        files.iter().all(|(edge, files)| *edge == files.is_some()),
        "instances download it: {files:?}"
    );
}

#[test]
fn templates_of_others_are_theirs() {
    let rule = AdoptRule {
        cluster: AdoptName::Literal("prod".into()),
        tags: vec![(Glob::new("Name"), Glob::new("*"))],
        role: None,
        role_tag: None,
        pool_tag: None,
    };
    let mut world = World(Fleet::new(vec![rule]));
    let theirs = Instance {
        tags: tags(&[("Name", "theirs")]),
        ..instance(1)
    };
    world.instance(theirs).node(server(1));
    let plan = planned(&world, &to(NEXT));
    assert!(!titles(&plan).contains(&"new machines"));
    assert!(
        plan.warnings.iter().any(|w| w.contains("made by others")),
        "{:?}",
        plan.warnings
    );
}

#[test]
fn a_cluster_of_edge_hosts_alone_has_no_templates() {
    let mut world = World::default();
    world.see(Observation::EdgeHost(Box::new(host("pi-1"))));
    world.node(Node {
        key: NodeKey::new(&context(), "pi-1"),
        provider_id: None,
        etcd_voter: None,
        ..server(60)
    });
    let mut edge_only = upgrade(NEXT);
    edge_only.cluster.home = None;
    let plan = planned(&world, &asked(edge_only));
    assert!(!titles(&plan).contains(&"new machines"));
    assert!(
        !plan.warnings.iter().any(|w| w.contains("made by others")),
        "{:?}",
        plan.warnings
    );
}

#[test]
fn certificates_are_renewed_server_by_server() {
    let renew = |machines: &[usize]| Request::RotateCertificates {
        machines: machines.iter().map(|n| id(*n)).collect(),
    };
    let plan = planned(&prod(2), &renew(&[11, 1, 2, 3, 12]));
    assert_eq!(
        worked(&plan, |t| *t == Task::RotateCertificates),
        [vec![name(1)], vec![name(2)], vec![name(3)], vec![name(11), name(12)]]
    );
    assert!(keeps_quorum(&plan, 3));
    let mut down = prod(1);
    down.node(Node {
        ready: Readiness::NotReady,
        ..server(2)
    });
    assert_eq!(refused(&down, &renew(&[1])), "etcd-quorum");
}

#[test]
fn a_backup_is_taken_where_all_of_it_is() {
    let back_up = Request::Backup { cluster: cluster() };
    let saves = |plan: &Plan| worked(plan, |t| matches!(t, Task::Snapshot { .. }));
    let mut world = prod(1);
    let plan = planned(&world, &back_up);
    assert_eq!(saves(&plan), [vec![name(1)]]);
    assert_eq!(plan.warnings.len(), 1, "{:?}", plan.warnings);
    // The first member lags, the second is well.
    world.node(Node {
        ready: Readiness::NotReady,
        ..server(1)
    });
    assert_eq!(saves(&planned(&world, &back_up)), [vec![name(2)]]);
    for n in 1..=3 {
        world.node(Node {
            etcd_voter: None,
            ..server(n)
        });
    }
    assert_eq!(refused(&world, &back_up), "no-etcd");
    assert_eq!(refused(&World::live(), &back_up), "no-server");
    let mut lone = World::live();
    lone.instance(instance(1)).node(Node {
        etcd_voter: None,
        ..server(1)
    });
    let plan = planned(&lone, &back_up);
    assert_eq!(saves(&plan), [vec![name(1)]]);
    assert!(
        plan.warnings[1].contains("does not answer meanwhile"),
        "{:?}",
        plan.warnings
    );
    lone.node(Node {
        ready: Readiness::NotReady,
        etcd_voter: None,
        ..server(1)
    });
    assert_eq!(refused(&lone, &back_up), "not-ready");
}

proptest! {
    #[test]
    fn an_upgrade_keeps_quorum_and_order_and_touches_each_machine_once(
        servers in prop::collection::vec((any::<bool>(), any::<bool>()), 1..6),
        agents in prop::collection::vec((31_u32..38, any::<bool>()), 0..6),
        wave in 0_usize..4, drain in any::<bool>(), leave in any::<bool>(),
    ) {
        let mut world = World::live();
        for (n, (new, ready)) in servers.iter().enumerate() {
            let ready = if *ready { Readiness::Ready } else { Readiness::NotReady };
            let version = if *new { NEXT } else { "v1.36.4+k3s1" };
            world.instance(instance(n + 1)).node(Node { ready, ..at(n + 1, version) });
        }
        for (n, (minor, ready)) in agents.iter().enumerate() {
            let ready = if *ready { Readiness::Ready } else { Readiness::Unknown };
            let version = format!("v1.{minor}.0+k3s1");
            world.instance(instance(n + 11)).node(Node { ready, ..at(n + 11, &version) });
        }
        let request = asked(Upgrade {
            drain: drain.then(DrainOptions::ending), wave, leave_unreached: leave, ..upgrade(NEXT)
        });
        match super::plan(&world.0, &request, now()) {
            Err(refusal) => {
                let known = ["etcd-quorum", "version-skew", "unreached"];
                prop_assert!(known.contains(&refusal.guard), "{}", refusal);
            }
            Ok(plan) => {
                prop_assert!(keeps_quorum(&plan, servers.len()));
                let all = upgraded(&plan);
                prop_assert!(all.iter().all(|stage| stage.len() <= wave.max(1)));
                let flat = all.concat();
                let mut once = flat.clone();
                once.sort();
                once.dedup();
                prop_assert_eq!(once.len(), flat.len());
                let first_agent = flat.iter().position(|n| *n >= name(11)).unwrap_or(flat.len());
                prop_assert!(flat.iter().skip(first_agent).all(|n| *n >= name(11)));
                let old = servers.iter().filter(|(new, _)| !new).count();
                prop_assert_eq!(first_agent, old);
            }
        }
    }
}
