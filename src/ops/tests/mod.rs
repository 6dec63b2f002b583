//! Plans and guards: what a request becomes, and what is refused.

mod adopted;
mod clusters;
mod joins;
mod kept_rotations;
mod preflights;
mod restarts;
mod restores;
mod rotations;
mod stacks;
mod tokens;
mod upgrades;

use proptest::prelude::*;

use super::*;
use crate::fleet::testing::{
    World, asg, instance, instance_id, minutes_ago, node, now, probe, scope, server, spot, spot_price, tags,
};
use crate::fleet::{EdgeProbe, Instance, MachineId, Node, Observation, PoolId, Readiness};

fn workers() -> PoolId {
    PoolId::Asg(scope(), "workers".into())
}

/// Three servers with etcd, 1 to 3, and so many spot workers from 11 on.
fn prod(count: usize) -> World {
    let mut world = World::live();
    for n in 1..=3 {
        world.instance(instance(n)).node(server(n));
    }
    let numbers: Vec<_> = (11..11 + count).collect();
    for n in &numbers {
        world.instance(spot(*n)).node(node(*n));
    }
    world.see(Observation::Asg(Box::new(asg(&numbers))));
    world.see(spot_price("eu-west-1a", 0.01));
    world
}

fn scale(to: u32) -> Request {
    Request::Scale {
        pool: workers(),
        to,
        raise: false,
        order: VictimOrder::USUAL.to_vec(),
        drain: DrainOptions::ending(),
    }
}

fn remove(machines: &[usize]) -> Request {
    Request::Remove {
        machines: machines.iter().map(|n| MachineId::Instance(instance_id(*n))).collect(),
        drain: DrainOptions::ending(),
    }
}

/// The last probe of an edge host gets no answer.
fn silence(world: &mut World, name: &str) {
    world.see(Observation::EdgeProbe(Box::new(EdgeProbe {
        at: now(),
        ..probe(name, Err("no route to host"))
    })));
}

fn planned(world: &World, request: &Request) -> Plan {
    plan(&world.0, request, now()).unwrap()
}

fn refused(world: &World, request: &Request) -> &'static str {
    let refusal = plan(&world.0, request, now()).unwrap_err();
    assert!(!refusal.why.is_empty() && !refusal.lift.is_empty(), "{refusal:?}");
    refusal.guard
}

/// The instances that a plan ends, in its order.
fn ended(plan: &Plan) -> Vec<String> {
    let ends = plan.steps().filter_map(|(_, step)| match step {
        Step::Cloud(_, CloudStep::EndMember { instance, .. } | CloudStep::End { instance }) => {
            Some(instance.to_string())
        }
        _ => None,
    });
    ends.collect()
}

fn titles(plan: &Plan) -> Vec<&str> {
    plan.stages.iter().map(|stage| stage.title.as_str()).collect()
}

#[test]
fn a_pool_that_shrinks_drains_and_ends_by_name() {
    let plan = planned(&prod(4), &scale(2));
    assert_eq!(titles(&plan), ["cordon", "drain", "end", "wait", "delete nodes"]);
    assert_eq!(ended(&plan).len(), 2);
    let cost = plan.cost;
    assert_eq!(
        (cost.before, cost.after),
        (None, None),
        "the servers' on-demand price is not known"
    );
}

#[test]
fn who_goes_first_is_told_by_the_order() {
    let mut world = prod(4);
    world.node(Node {
        ready: Readiness::NotReady,
        ..node(13)
    });
    world.node(Node {
        schedulable: false,
        ..node(14)
    });
    world.instance(Instance {
        launched_at: Some(minutes_ago(5_000)),
        ..spot(12)
    });
    let first = |order: &[VictimOrder]| {
        let mut request = scale(3);
        if let Request::Scale { order: by, .. } = &mut request {
            *by = order.to_vec();
        }
        ended(&planned(&world, &request)).remove(0)
    };
    assert_eq!(first(&VictimOrder::USUAL), instance_id(13).to_string());
    assert_eq!(
        first(&[VictimOrder::Cordoned, VictimOrder::NotReady]),
        instance_id(14).to_string()
    );
    let no_rule = first(&[]);
    assert_eq!(
        no_rule,
        instance_id(11).to_string(),
        "the id decides where nothing else does"
    );
}

#[test]
fn what_the_pool_wants_but_never_got_goes_before_its_machines() {
    let mut world = prod(2);
    let mut group = asg(&[11, 12]);
    group.desired = 5;
    world.see(Observation::Asg(Box::new(group)));
    let plan = planned(&world, &scale(2));
    assert_eq!(ended(&plan), Vec::<String>::new());
    assert_eq!(titles(&plan), ["want fewer"]);
    let plan = planned(&world, &scale(1));
    assert_eq!(titles(&plan).first(), Some(&"want fewer"));
    assert_eq!(ended(&plan).len(), 1);
}

#[test]
fn etcd_keeps_its_quorum_and_a_cluster_its_last_server() {
    let mut world = prod(1);
    assert_eq!(
        ended(&planned(&world, &remove(&[1]))).len(),
        1,
        "two of three are enough"
    );
    assert_eq!(refused(&world, &remove(&[1, 2])), "etcd-quorum");
    assert_eq!(refused(&world, &remove(&[1, 2, 3])), "last-server");
    world.node(Node {
        ready: Readiness::Unknown,
        ..server(2)
    });
    assert_eq!(
        refused(&world, &remove(&[1])),
        "etcd-quorum",
        "one that is down does not count"
    );
    assert_eq!(
        ended(&planned(&world, &remove(&[2]))).len(),
        1,
        "the one that is down may go"
    );
}

#[test]
fn requests_that_make_no_sense_are_refused() {
    let mut world = prod(2);
    let mut other = instance(30);
    other.tags = tags(&[("k3fleet:cluster", "lab")]);
    world.instance(other);
    assert_eq!(refused(&world, &remove(&[])), "no-machine");
    assert_eq!(refused(&world, &remove(&[99])), "unknown-machine");
    assert_eq!(refused(&world, &remove(&[11, 30])), "one-cluster");
    let drain = Request::Drain {
        machines: vec![MachineId::Instance(instance_id(30))],
        drain: DrainOptions::ending(),
    };
    assert_eq!(refused(&world, &drain), "no-node");
    assert_eq!(refused(&world, &scale(11)), "pool-bounds");
    let lone = Request::Scale {
        pool: PoolId::Instance(instance_id(1)),
        to: 2,
        raise: false,
        order: vec![],
        drain: DrainOptions::ending(),
    };
    assert_eq!(refused(&world, &lone), "not-scalable");
    let mut group = asg(&[11, 12]);
    group.min = 2;
    world.see(Observation::Asg(Box::new(group)));
    assert_eq!(refused(&world, &remove(&[11])), "pool-min");
}

#[test]
fn a_node_without_an_instance_is_only_deleted() {
    let mut world = prod(1);
    world.node(node(40));
    let request = Request::Remove {
        machines: vec![MachineId::Node(node(40).key)],
        drain: DrainOptions::ending(),
    };
    let plan = planned(&world, &request);
    assert_eq!(titles(&plan), ["delete nodes"]);
    let replace = Request::Replace {
        machines: vec![MachineId::Node(node(40).key)],
        drain: DrainOptions::ending(),
    };
    assert_eq!(refused(&world, &replace), "no-instance");
}

#[test]
fn a_replacement_comes_first_where_there_is_room_and_after_where_there_is_none() {
    let mut world = prod(2);
    let replace = Request::Replace {
        machines: vec![
            MachineId::Instance(instance_id(11)),
            MachineId::Instance(instance_id(12)),
        ],
        drain: DrainOptions::ending(),
    };
    let plan = planned(&world, &replace);
    assert_eq!(titles(&plan)[..2], ["grow", "join"]);
    let mut group = asg(&[11, 12]);
    group.max = 2;
    world.see(Observation::Asg(Box::new(group)));
    let plan = planned(&world, &replace);
    assert_eq!(titles(&plan)[..3], ["cordon", "drain", "end"]);
    assert!(
        plan.warnings.iter().any(|w| w.contains("no room")),
        "{:?}",
        plan.warnings
    );
    let joins: Vec<_> = plan
        .steps()
        .filter_map(|(_, step)| match step {
            Step::Wait(Condition::Ready { count, without, .. }, _) => Some((*count, without.len())),
            _ => None,
        })
        .collect();
    assert_eq!(
        joins,
        [(2, 1), (2, 2)],
        "as many as before, without those that are gone by then"
    );
}

#[test]
fn what_is_so_already_needs_no_steps() {
    let world = prod(2);
    assert_eq!(planned(&world, &scale(2)).stages, []);
    let uncordon = Request::Uncordon {
        machines: vec![MachineId::Instance(instance_id(11))],
    };
    assert_eq!(planned(&world, &uncordon).stages, []);
}

#[test]
fn a_cluster_without_a_home_is_changed_without_a_lock_and_that_is_told() {
    let mut world = World::default();
    world.node(node(50));
    let cordon = Request::Cordon {
        machines: vec![MachineId::Node(node(50).key)],
    };
    let warnings = planned(&world, &cordon).warnings;
    assert!(warnings.iter().any(|w| w.contains("no lock")), "{warnings:?}");
    assert_eq!(planned(&prod(1), &scale(2)).warnings, Vec::<String>::new());
}

#[test]
fn a_plan_survives_its_journal_and_names_its_permissions() {
    let plan = planned(&prod(4), &scale(2));
    let text = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), plan);
    let row = serde_json::to_value(json::PlanRow::of(&plan)).unwrap();
    let permissions = row["steps"][4]["permissions"].to_string();
    assert!(
        permissions.contains("autoscaling:TerminateInstanceInAutoScalingGroup"),
        "{row}"
    );
    assert_eq!(row["cluster"], "prod");
    assert!(row["cost"]["before"].is_null(), "an unknown price is not 0");
}

proptest! {
    #[test]
    fn shrinking_ends_as_many_as_it_should_and_none_twice(count in 1_usize..9, to in 0_u32..9) {
        let plan = planned(&prod(count), &scale(to));
        let ends = ended(&plan);
        let mut distinct = ends.clone();
        distinct.sort();
        distinct.dedup();
        prop_assert_eq!(ends.len(), distinct.len());
        prop_assert_eq!(ends.len(), count.saturating_sub(to as usize));
        let at = |title: &str| titles(&plan).iter().position(|t| *t == title);
        if !ends.is_empty() {
            prop_assert!(at("cordon") < at("drain") && at("drain") < at("end") && at("end") < at("delete nodes"));
        }
    }
}
