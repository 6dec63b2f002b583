//! Clusters come to another release: undisturbed, killed at every step, with machines that are away, and servers that do not
//! come back.

use k3fleet::fleet::{Fleet, Readiness};
use k3fleet::ops::upgrading::Upgrade;
use k3fleet::ops::{DrainOptions, Outcome, Request, RunError, VictimOrder};

use super::desk::Desk;
use super::edge::{lab, of_host};
use super::rotating::at_rest;

const TO: &str = "v1.36.5+k3s1";

pub(super) fn upgrade(drain: bool, leave: bool) -> Request {
    Request::Upgrade(Box::new(Upgrade {
        cluster: lab(),
        to: TO.into(),
        drain: drain.then(|| DrainOptions {
            force: true,
            ..DrainOptions::ending()
        }),
        wave: 2,
        files: None,
        leave_unreached: leave,
    }))
}

/// The pool of workers is to have so many machines.
pub(super) fn grow(desk: &Desk, to: u32) -> Request {
    let workers = desk.fleet.asgs().find(|g| g.name == "workers").unwrap();
    Request::Scale {
        pool: k3fleet::fleet::PoolId::Asg(workers.scope.clone(), workers.name.clone()),
        to,
        raise: false,
        order: VictimOrder::USUAL.to_vec(),
        drain: DrainOptions::ending(),
    }
}

fn runs(fleet: &Fleet, version: &str) -> bool {
    let nodes = fleet.machines().filter_map(|m| m.node().cloned());
    let mut nodes = nodes.peekable();
    nodes.peek().is_some() && nodes.all(|n| n.version == version && n.ready == Readiness::Ready && n.schedulable)
}

async fn is_upgraded(desk: &mut Desk) {
    desk.until(|fleet| runs(fleet, TO)).await;
    at_rest(desk).await;
    let aws = &desk.world.control().clouds[0];
    let spec = aws.parameter("/k3fleet/lab/spec").await.unwrap().unwrap();
    assert!(spec.contains(TO), "{spec}");
    for template in ["k3fleet-lab-server", "k3fleet-lab-workers"] {
        let script = aws.user_data(template).await.unwrap().unwrap();
        assert!(script.contains(&format!("version='{TO}'\n")), "{template}");
    }
}

async fn upgrades(servers: usize, drain: bool) {
    let mut desk = Desk::edge(servers, "").await;
    let request = upgrade(drain, false);
    assert_eq!(
        desk.run(&request).await.unwrap(),
        Outcome::Done,
        "{:?}",
        desk.failures()
    );
    is_upgraded(&mut desk).await;
    let events = desk.told.len();
    assert!(events > 15, "{events}");
    for kill in 1..events {
        let mut desk = Desk::edge(servers, "").await;
        let id = desk.run_and_kill(&request, kill).await;
        let resumed = desk.resume(&id).await.unwrap();
        assert_eq!(
            resumed,
            Outcome::Done,
            "killed after {kill} events: {:?}",
            desk.failures()
        );
        is_upgraded(&mut desk).await;
    }
}

#[tokio::test(start_paused = true)]
async fn three_servers_and_their_agents_are_upgraded_also_when_it_is_cut_off() {
    upgrades(3, false).await;
}

#[tokio::test(start_paused = true)]
async fn one_server_and_its_agents_are_upgraded_also_when_it_is_cut_off() {
    upgrades(1, false).await;
}

#[tokio::test(start_paused = true)]
async fn nodes_are_drained_before_and_new_machines_come_with_the_release() {
    let mut desk = Desk::edge(3, "").await;
    let outcome = desk.run(&upgrade(true, false)).await.unwrap();
    assert_eq!(outcome, Outcome::Done, "{:?}", desk.failures());
    is_upgraded(&mut desk).await;
    let grow = grow(&desk, 4);
    assert_eq!(desk.run(&grow).await.unwrap(), Outcome::Done, "{:?}", desk.failures());
    is_upgraded(&mut desk).await;
    assert!(
        desk.plan(&upgrade(false, false)).unwrap().stages.len() < 2,
        "nothing is left but what is set"
    );
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_come_back_stops_it_and_it_goes_on_once_that_is_mended() {
    let ails =
        "[[events]]\nat = \"1s\"\nevent.machine-ails = { pool = \"lab/servers\", how = \"mismatch\", for = \"40m\" }\n";
    let mut desk = Desk::edge(3, ails).await;
    assert_eq!(desk.run(&upgrade(false, false)).await.unwrap(), Outcome::Failed);
    let failed = desk.failures();
    assert_eq!(failed.len(), 1, "{failed:?}");
    let old = desk
        .fleet
        .machines()
        .filter_map(|m| m.node().map(|n| n.version.clone()));
    assert!(
        old.filter(|v| v != TO).count() >= 5,
        "what comes after it was not touched"
    );
    let mended = "2026-03-02T09:41:00Z".parse().unwrap();
    let world = desk.world.clone();
    desk.until(|_| world.now() >= mended).await;
    let id = desk.operations.journals().0[0].id.clone();
    assert_eq!(desk.resume(&id).await.unwrap(), Outcome::Done, "{:?}", desk.failures());
    is_upgraded(&mut desk).await;
}

#[tokio::test(start_paused = true)]
async fn a_board_that_is_away_is_left_and_upgraded_when_it_is_back() {
    let off = "[[events]]\nat = \"1s\"\nevent.board-off = { host = \"shop-2\", for = \"60m\" }\n";
    let mut desk = Desk::edge(1, off).await;
    desk.until(|fleet| {
        of_host(fleet, "shop-2")
            .node()
            .is_some_and(|n| n.ready == Readiness::Unknown)
    })
    .await;
    assert_eq!(desk.plan(&upgrade(false, false)).unwrap_err().guard, "unreached");
    let outcome = desk.run(&upgrade(false, true)).await.unwrap();
    assert_eq!(outcome, Outcome::Done, "{:?}", desk.failures());
    assert_ne!(of_host(&desk.fleet, "shop-2").node().unwrap().version, TO);
    desk.until(|fleet| {
        of_host(fleet, "shop-2")
            .node()
            .is_some_and(|n| n.ready == Readiness::Ready)
    })
    .await;
    let world = desk.world.clone();
    desk.until(|fleet| of_host(fleet, "shop-2").state(world.now()) == k3fleet::fleet::MachineState::Ready)
        .await;
    let outcome = desk.run(&upgrade(false, false)).await.unwrap();
    assert_eq!(outcome, Outcome::Done, "{:?}", desk.failures());
    is_upgraded(&mut desk).await;
}

#[tokio::test(start_paused = true)]
async fn of_two_who_upgrade_one_waits() {
    let mut desk = Desk::edge(1, "").await;
    let elsewhere = tempfile::tempdir().unwrap();
    let mut other = desk.another(elsewhere.path());
    let plan = desk.plan(&upgrade(false, false)).unwrap();
    let id = desk.operations.start(plan.clone(), false).unwrap();
    while desk.told.is_empty() {
        desk.turn().await;
    }
    other.start(plan, false).unwrap();
    let refused = loop {
        if let k3fleet::runtime::operations::Happened::Ended(_, _, result) = other.next().await {
            break result.unwrap_err();
        }
    };
    assert!(matches!(refused, RunError::Lock(_)), "{refused}");
    assert_eq!(desk.finish(&id).await.unwrap(), Outcome::Done, "{:?}", desk.failures());
    is_upgraded(&mut desk).await;
}
