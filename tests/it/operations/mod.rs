//! Operations from request to end over the simulated world: each verb, refusals, kills at every step, two operators.

mod air_gap;
mod desk;
mod edge;
mod ending;
mod ending_ha;
mod faults;
mod ha;
mod ha_life;
mod launching;
mod passing;
mod restoring;
mod rotating;
mod rotating_others;
mod upgrading;

use std::collections::BTreeSet;

use desk::Desk;
use k3fleet::fleet::{Fleet, InstanceState, MachineId, MachineState};
use k3fleet::ops::{DrainOptions, Outcome, Request, RunError, VictimOrder, What};

fn scale(desk: &Desk, to: u32, raise: bool) -> Request {
    Request::Scale {
        pool: desk.workers(),
        to,
        raise,
        order: VictimOrder::USUAL.to_vec(),
        drain: DrainOptions::ending(),
    }
}

/// The machines of the pool that live.
fn workers(fleet: &Fleet) -> BTreeSet<MachineId> {
    let own = fleet.machines().filter(|m| m.asg_member().is_some());
    let living = own.filter(|m| m.instance().is_some_and(|i| i.state == InstanceState::Running));
    living.map(|m| m.id()).collect()
}

fn worker(desk: &Desk) -> MachineId {
    workers(&desk.fleet).into_iter().next().unwrap()
}

/// Whether the fleet is at rest with so many workers: all ready, nothing half done.
fn at_rest(fleet: &Fleet, now: jiff::Timestamp, count: usize) -> bool {
    let asg = fleet.asgs().next().unwrap();
    asg.desired as usize == count
        && asg.members.len() == count
        && workers(fleet).len() == count
        && fleet.machines().count() == count + 1
        && fleet.machines().all(|m| m.state(now) == MachineState::Ready)
}

async fn comes_to_rest(desk: &mut Desk, count: usize) {
    let world = desk.world.clone();
    desk.until(|fleet| at_rest(fleet, world.now(), count)).await;
}

#[tokio::test(start_paused = true)]
async fn a_pool_scales_out_and_in_and_to_its_bounds() {
    let mut desk = Desk::plain().await;
    assert_eq!(desk.run(&scale(&desk, 5, false)).await.unwrap(), Outcome::Done);
    comes_to_rest(&mut desk, 5).await;
    assert_eq!(desk.run(&scale(&desk, 1, false)).await.unwrap(), Outcome::Done);
    comes_to_rest(&mut desk, 1).await;
    let refused = desk.plan(&scale(&desk, 7, false)).unwrap_err();
    assert_eq!(refused.guard, "pool-bounds");
    assert!(refused.lift.contains("--raise"), "{refused}");
    assert_eq!(desk.run(&scale(&desk, 7, true)).await.unwrap(), Outcome::Done);
    comes_to_rest(&mut desk, 7).await;
    let asg = desk.fleet.asgs().next().unwrap();
    assert_eq!((asg.min, asg.max), (1, 7));
}

#[tokio::test(start_paused = true)]
async fn a_pool_scales_to_nothing_and_back() {
    let mut desk = Desk::plain().await;
    // The pods find no other place: their budgets would hold them back for ever.
    let mut to_nothing = scale(&desk, 0, true);
    if let Request::Scale { drain, .. } = &mut to_nothing {
        drain.force = true;
    }
    assert_eq!(desk.run(&to_nothing).await.unwrap(), Outcome::Done);
    comes_to_rest(&mut desk, 0).await;
    assert_eq!(desk.run(&scale(&desk, 2, false)).await.unwrap(), Outcome::Done);
    comes_to_rest(&mut desk, 2).await;
}

#[tokio::test(start_paused = true)]
async fn a_replaced_machine_goes_when_its_successor_is_ready() {
    let mut desk = Desk::plain().await;
    let old = worker(&desk);
    let request = Request::Replace {
        machines: vec![old.clone()],
        drain: DrainOptions::ending(),
    };
    assert_eq!(desk.run(&request).await.unwrap(), Outcome::Done);
    comes_to_rest(&mut desk, 3).await;
    assert!(!workers(&desk.fleet).contains(&old), "{old} is still there");
    let stages: Vec<_> = desk.plan(&scale(&desk, 3, false)).unwrap().stages;
    assert_eq!(stages, [], "nothing is left to do");
}

#[tokio::test(start_paused = true)]
async fn a_removed_machine_is_gone_and_nothing_takes_its_place() {
    let mut desk = Desk::plain().await;
    let request = Request::Remove {
        machines: vec![worker(&desk)],
        drain: DrainOptions::ending(),
    };
    assert_eq!(desk.run(&request).await.unwrap(), Outcome::Done);
    comes_to_rest(&mut desk, 2).await;
}

#[tokio::test(start_paused = true)]
async fn the_last_server_is_not_removed() {
    let desk = Desk::plain().await;
    let mut servers = desk.fleet.machines().filter(|m| m.asg_member().is_none());
    let request = Request::Remove {
        machines: vec![servers.next().unwrap().id()],
        drain: DrainOptions::ending(),
    };
    let refused = desk.plan(&request).unwrap_err();
    assert_eq!(refused.guard, "last-server");
    assert!(refused.lift.contains("destroy"), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn killed_at_any_step_and_resumed_it_ends_as_if_undisturbed() {
    type Ask = fn(&Desk) -> Request;
    let requests: [(Ask, usize); 3] = [
        (|desk| scale(desk, 4, false), 4),
        (|desk| scale(desk, 2, false), 2),
        (
            |desk| Request::Replace {
                machines: vec![worker(desk)],
                drain: DrainOptions::ending(),
            },
            3,
        ),
    ];
    for (request, count) in requests {
        let mut desk = Desk::plain().await;
        let asked = request(&desk);
        assert_eq!(desk.run(&asked).await.unwrap(), Outcome::Done);
        comes_to_rest(&mut desk, count).await;
        let events = desk.told.len();
        assert!(events > 4, "{events}");
        for kill in 1..events {
            let mut desk = Desk::plain().await;
            let asked = request(&desk);
            let id = desk.run_and_kill(&asked, kill).await;
            assert_eq!(
                desk.resume(&id).await.unwrap(),
                Outcome::Done,
                "{asked:?} killed after {kill} events"
            );
            comes_to_rest(&mut desk, count).await;
            assert!(desk.operations.journals().0.iter().all(|p| !p.is_unfinished()));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn of_two_operators_one_waits_for_the_other() {
    let mut desk = Desk::plain().await;
    let elsewhere = tempfile::tempdir().unwrap();
    let mut other = desk.another(elsewhere.path());
    let id = {
        let plan = desk.plan(&scale(&desk, 4, false)).unwrap();
        desk.operations.start(plan, false).unwrap()
    };
    while desk.told.is_empty() {
        desk.turn().await;
    }
    let plan = desk.plan(&scale(&desk, 5, false)).unwrap();
    other.start(plan, false).unwrap();
    let refused = loop {
        if let k3fleet::runtime::operations::Happened::Ended(_, _, result) = other.next().await {
            break result.unwrap_err();
        }
    };
    assert!(matches!(refused, RunError::Lock(_)), "{refused}");
    assert!(refused.to_string().contains(id.as_str()), "{refused}");
    assert_eq!(other.journals().0.len(), 0, "what never began leaves no journal");
    assert_eq!(desk.finish(&id).await.unwrap(), Outcome::Done);
    comes_to_rest(&mut desk, 4).await;
}

#[tokio::test(start_paused = true)]
async fn a_stopped_operation_tells_so_and_goes_on_later() {
    let mut desk = Desk::plain().await;
    let plan = desk.plan(&scale(&desk, 4, false)).unwrap();
    let id = desk.operations.start(plan, false).unwrap();
    while !desk.told.iter().any(|(_, e)| matches!(e.what, What::StepSaid { .. })) {
        desk.turn().await;
    }
    assert!(desk.operations.stop(&id));
    assert_eq!(desk.finish(&id).await.unwrap(), Outcome::Cancelled);
    let unfinished: Vec<_> = desk
        .operations
        .journals()
        .0
        .into_iter()
        .filter(|p| p.is_unfinished())
        .collect();
    assert_eq!(unfinished.len(), 1);
    assert_eq!(desk.resume(&id).await.unwrap(), Outcome::Done);
    comes_to_rest(&mut desk, 4).await;
}
