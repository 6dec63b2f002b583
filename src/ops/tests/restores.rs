//! Plans that take a cluster back to a snapshot: their order, and what is refused.

use super::super::restoring::Restore;
use super::joins::cluster;
use super::restarts::{id, worked};
use super::*;
use crate::blueprint::machine::Task;
use crate::fleet::Asg;

fn restore() -> Restore {
    Restore {
        cluster: cluster(),
        snapshot: "on-demand-1".into(),
        s3: false,
        on: Some(id(2)),
        made_at: Some(now()),
        token_since: None,
        when: "20261122T101112Z".into(),
    }
}

fn asked(restore: Restore) -> Request {
    Request::Restore(Box::new(restore))
}

fn name(n: usize) -> String {
    instance_id(n).to_string()
}

#[test]
fn all_servers_stop_one_is_restored_and_the_others_join_it_one_by_one() {
    let plan = planned(&prod(3), &asked(restore()));
    assert_eq!(
        titles(&plan),
        [
            "look",
            "save the present state",
            "stop the servers",
            "restore",
            "start the restored server",
            "be ready",
            "join again",
            "be ready",
            "join again",
            "be ready",
            "agents",
            "be ready",
        ]
    );
    assert_eq!(worked(&plan, |t| *t == Task::Stop), [vec![name(1), name(2), name(3)]]);
    assert_eq!(worked(&plan, |t| matches!(t, Task::Restore { .. })), [vec![name(2)]]);
    assert_eq!(
        worked(&plan, |t| matches!(t, Task::Rejoin { .. })),
        [vec![name(1)], vec![name(3)]]
    );
    assert_eq!(plan.confirm.as_deref(), Some("prod"));
    assert!(plan.warnings[0].contains("is lost"), "{:?}", plan.warnings);
}

#[test]
fn groups_are_held_first_and_let_go_however_it_ends() {
    let mut world = prod(1);
    let group = Asg {
        name: "servers".into(),
        suspended: Box::new(["HealthCheck".into()]),
        ..asg(&[1, 2, 3])
    };
    world.see(Observation::Asg(Box::new(group)));
    let plan = planned(&world, &asked(restore()));
    let holds: Vec<_> = plan
        .steps()
        .filter(|(_, s)| matches!(s, Step::Cloud(_, CloudStep::Hold { .. })))
        .collect();
    let said: Vec<String> = holds.iter().map(|(_, step)| step.describe()).collect();
    assert_eq!(
        said,
        [
            "suspend ReplaceUnhealthy of servers",
            "resume ReplaceUnhealthy of servers"
        ],
        "what somebody has suspended stays so"
    );
    assert!(holds[0].0.stage < 2 && plan.stages.last().is_some_and(|stage| stage.whatever));
}

#[test]
fn what_cannot_be_restored_is_refused() {
    let world = prod(1);
    let of = |change: &dyn Fn(&mut Restore)| {
        let mut restore = restore();
        change(&mut restore);
        asked(restore)
    };
    let later = now() + jiff::SignedDuration::from_secs(1);
    assert_eq!(refused(&world, &of(&|r| r.token_since = Some(later))), "token-changed");
    assert_eq!(refused(&world, &of(&|r| r.on = Some(id(11)))), "no-server");
    assert_eq!(refused(&World::live(), &asked(restore())), "no-server");
    let mut external = prod(1);
    for n in 1..=3 {
        external.node(Node {
            etcd_voter: None,
            ..server(n)
        });
    }
    assert_eq!(refused(&external, &asked(restore())), "no-etcd");
    let mut away = prod(1);
    away.instance(crate::fleet::Instance {
        state: crate::fleet::InstanceState::Pending,
        ..instance(3)
    });
    assert_eq!(refused(&away, &asked(restore())), "unreached");
}

#[test]
fn without_a_quorum_nothing_is_saved_before_and_that_is_told() {
    let mut world = prod(1);
    for n in [1, 3] {
        world.node(Node {
            ready: Readiness::NotReady,
            ..server(n)
        });
    }
    let plan = planned(&world, &asked(restore()));
    assert!(!titles(&plan).contains(&"save the present state"));
    assert!(
        plan.warnings.iter().any(|w| w.contains("not saved as a snapshot")),
        "{:?}",
        plan.warnings
    );
    let oldest = planned(&world, &asked(Restore { on: None, ..restore() }));
    assert_eq!(worked(&oldest, |t| matches!(t, Task::Restore { .. })), [vec![name(1)]]);
}
