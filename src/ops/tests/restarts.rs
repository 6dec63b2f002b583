//! Plans that restart machines or their K3s: what keeps a cluster alive meanwhile.

use std::collections::BTreeSet;

use super::*;
use crate::blueprint::machine::Task;
use crate::fleet::testing::{context, host};
use crate::fleet::{HostName, InstanceState, NodeKey};

pub(super) fn id(n: usize) -> MachineId {
    MachineId::Instance(instance_id(n))
}

fn reboot(machines: Vec<MachineId>) -> Request {
    Request::Reboot {
        machines,
        drain: DrainOptions::default(),
    }
}

/// The machines on which a plan does such tasks, by stage.
pub(super) fn worked(plan: &Plan, task: impl Fn(&Task) -> bool) -> Vec<Vec<String>> {
    let stages = plan.stages.iter().map(|stage| {
        let steps = stage.steps.iter().filter_map(|step| match step {
            Step::Machine(reach, what) if task(what) => Some(reach.name().to_owned()),
            _ => None,
        });
        steps.collect::<Vec<_>>()
    });
    stages.filter(|stage| !stage.is_empty()).collect()
}

/// Whether of so many voting servers, numbered from 1, enough stay up in every stage of a plan: no stage takes down two, and
/// each is waited for before the next goes down.
pub(super) fn keeps_quorum(plan: &Plan, servers: usize) -> bool {
    let names: BTreeSet<String> = (1..=servers).map(|n| instance_id(n).to_string()).collect();
    let nodes: Vec<_> = (1..=servers).map(|n| server(n).key.name).collect();
    let mut down: Option<usize> = None;
    for stage in &plan.stages {
        let mut going = 0;
        for step in &stage.steps {
            match step {
                Step::Machine(reach, task)
                    if names.contains(reach.name())
                        && (task.restarts() || matches!(task, Task::Reboot | Task::Uninstall)) =>
                {
                    let number = (1..=servers)
                        .find(|n| instance_id(*n).as_str() == reach.name())
                        .unwrap();
                    if down.is_some_and(|d| d != number) {
                        return false;
                    }
                    going += 1;
                    down = Some(number);
                }
                Step::Wait(Condition::NodeUp { node, voter, .. }, _) => {
                    if let Some(number) = nodes.iter().position(|name| *name == node.name)
                        && (*voter || servers == 1)
                        && down == Some(number + 1)
                    {
                        down = None;
                    }
                }
                _ => {}
            }
        }
        if going > 1 {
            return false;
        }
    }
    down.is_none()
}

#[test]
fn machines_restart_one_after_the_other_and_come_back_into_duty() {
    let plan = planned(&prod(2), &reboot(vec![id(11), id(12)]));
    let one = ["cordon", "drain", "restart", "be ready", "uncordon"];
    assert_eq!(titles(&plan), [one, one].concat());
    assert_eq!(
        worked(&plan, |t| *t == Task::Reboot),
        [[instance_id(11).to_string()], [instance_id(12).to_string()]]
    );
}

#[test]
fn one_that_was_cordoned_stays_so() {
    let mut world = prod(2);
    world.node(Node {
        schedulable: false,
        ..node(11)
    });
    let plan = planned(&world, &reboot(vec![id(11)]));
    assert_eq!(titles(&plan), ["drain", "restart", "be ready"]);
}

#[test]
fn servers_restart_as_long_as_a_quorum_stays() {
    let all = || reboot(vec![id(1), id(2), id(3)]);
    assert!(keeps_quorum(&planned(&prod(1), &all()), 3));
    let mut world = prod(1);
    world.node(Node {
        ready: Readiness::Unknown,
        ..server(3)
    });
    assert_eq!(refused(&world, &reboot(vec![id(1)])), "etcd-quorum");
    assert_eq!(
        planned(&world, &reboot(vec![id(3)])).stages.len(),
        2,
        "the one that is down takes nothing away, and nobody drains it"
    );
}

#[test]
fn a_lone_server_restarts_with_a_warning_and_one_of_two_does_not() {
    let mut world = World::live();
    world.instance(instance(1)).node(server(1));
    let plan = planned(&world, &reboot(vec![id(1)]));
    assert!(
        plan.warnings.iter().any(|w| w.contains("only server")),
        "{:?}",
        plan.warnings
    );
    world.instance(instance(2)).node(server(2));
    let refusal = super::plan(&world.0, &reboot(vec![id(1)]), now()).unwrap_err();
    assert_eq!(refusal.guard, "etcd-quorum");
    assert!(refusal.lift.contains("third"), "{refusal}");
}

#[test]
fn servers_without_etcd_of_their_own_restart_while_another_answers() {
    let mut world = World::live();
    for n in [1, 2] {
        world.instance(instance(n)).node(Node {
            etcd_voter: None,
            ..server(n)
        });
    }
    assert!(!planned(&world, &reboot(vec![id(1), id(2)])).stages.is_empty());
    world.node(Node {
        ready: Readiness::NotReady,
        etcd_voter: None,
        ..server(2)
    });
    assert_eq!(refused(&world, &reboot(vec![id(1)])), "etcd-quorum");
}

#[test]
fn what_is_not_reached_is_not_restarted() {
    let mut world = prod(1);
    world.see(Observation::EdgeHost(Box::new(host("pi-1"))));
    silence(&mut world, "pi-1");
    let edge = MachineId::Edge(HostName::new("pi-1"));
    assert_eq!(refused(&world, &reboot(vec![edge])), "unreached");
    world.node(Node {
        key: NodeKey::new(&context(), "lost"),
        provider_id: None,
        ..node(61)
    });
    let lost = MachineId::Node(NodeKey::new(&context(), "lost"));
    assert_eq!(refused(&world, &reboot(vec![lost])), "unreached");
    world.instance(Instance {
        state: InstanceState::Stopped,
        ..instance(11)
    });
    assert_eq!(refused(&world, &reboot(vec![id(11)])), "unreached");
}

proptest! {
    #[test]
    fn no_restart_ever_costs_the_quorum(servers in 1_usize..6, ready in prop::collection::vec(any::<bool>(), 5),
        asked in prop::collection::btree_set(1_usize..6, 1..5)) {
        let mut world = World::live();
        for n in 1..=servers {
            world.instance(instance(n)).node(Node {
                ready: if ready[n - 1] { Readiness::Ready } else { Readiness::NotReady },
                ..server(n)
            });
        }
        let asked: Vec<_> = asked.into_iter().filter(|n| *n <= servers).map(id).collect();
        prop_assume!(!asked.is_empty());
        let up = ready.iter().take(servers).filter(|r| **r).count();
        let down_ones = |plan: &Plan| worked(plan, |t| *t == Task::Reboot).concat();
        match super::plan(&world.0, &reboot(asked.clone()), now()) {
            Ok(plan) => {
                prop_assert!(keeps_quorum(&plan, servers));
                let names = down_ones(&plan);
                prop_assert_eq!(names.len(), asked.len(), "each machine once");
                let takes_one = names.iter().any(|name| {
                    (1..=servers).any(|n| instance_id(n).as_str() == name && ready[n - 1])
                });
                prop_assert!(servers == 1 || !takes_one || up - 1 > servers / 2);
            }
            Err(refusal) => prop_assert_eq!(refusal.guard, "etcd-quorum"),
        }
    }
}
