//! Tokens change: undisturbed, killed at every step, with machines that are away, and servers that do not come back.

use k3fleet::fleet::{ClusterId, Machine, MachineState, Readiness, Role};
use k3fleet::ops::rotation::Which;
use k3fleet::ops::tokens::{Roll, Tokens, survey};
use k3fleet::ops::{Outcome, Request, RunError};

use super::desk::Desk;
use super::edge::{lab, of_host};

pub(super) async fn tokens(desk: &Desk) -> Tokens {
    tokens_of(desk, &lab()).await
}

pub(super) async fn tokens_of(desk: &Desk, cluster: &ClusterId) -> Tokens {
    let roll = Roll::of(&desk.fleet, cluster);
    survey(&desk.world.control(), &desk.world.providers(), &roll).await
}

/// What an operator asks for who changes a token, once all machines were asked.
pub(super) async fn rotate(desk: &Desk, kind: Role, leave: bool) -> Request {
    Request::Rotate(Box::new(tokens(desk).await.rotation(kind, leave, 3)))
}

/// Every machine of the lab that keeps this token keeps this version, which is the newest; but for some by name.
async fn all_hold(desk: &Desk, kind: Role, version: u64, but: &[&str]) {
    let tokens = tokens(desk).await;
    assert_eq!(tokens.faults, Vec::<String>::new());
    assert_eq!(tokens.parameters[&kind].newest, version, "made once");
    let mut some = 0;
    for holder in tokens.machines.iter().filter(|m| !but.contains(&m.name.as_str())) {
        for held in holder.holds.as_ref().unwrap().iter().filter(|h| h.kind == kind) {
            assert_eq!(held.which, Which::Version(kind, version), "{}", holder.name);
            some += 1;
        }
    }
    assert!(some > 0);
}

fn is_ready(machine: &Machine<'_>) -> bool {
    machine.node().is_none_or(|n| n.ready == Readiness::Ready)
}

/// All that have joined are ready, and the lock is given back.
pub(super) async fn at_rest(desk: &mut Desk) {
    desk.until(|fleet| fleet.machines().all(|m| is_ready(&m))).await;
    let lock = desk.world.control().clouds[0].parameter("/k3fleet/lab/lock").await;
    assert_eq!(lock.unwrap(), None);
}

async fn rotates(servers: usize, kind: Role) {
    let mut desk = Desk::edge(servers, "").await;
    let request = rotate(&desk, kind, false).await;
    assert_eq!(
        desk.run(&request).await.unwrap(),
        Outcome::Done,
        "{:?}",
        desk.failures()
    );
    all_hold(&desk, kind, 2, &[]).await;
    at_rest(&mut desk).await;
    let events = desk.told.len();
    assert!(events > 15, "{events}");
    for kill in 1..events {
        let mut desk = Desk::edge(servers, "").await;
        let request = rotate(&desk, kind, false).await;
        let id = desk.run_and_kill(&request, kill).await;
        let resumed = desk.resume(&id).await.unwrap();
        assert_eq!(
            resumed,
            Outcome::Done,
            "killed after {kill} events: {:?}",
            desk.failures()
        );
        all_hold(&desk, kind, 2, &[]).await;
        at_rest(&mut desk).await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_server_token_of_three_changes_also_when_it_is_cut_off() {
    rotates(3, Role::Server).await;
}

#[tokio::test(start_paused = true)]
async fn the_server_token_of_one_changes_also_when_it_is_cut_off() {
    rotates(1, Role::Server).await;
}

#[tokio::test(start_paused = true)]
async fn the_agent_token_changes_on_machines_and_boards_also_when_it_is_cut_off() {
    rotates(1, Role::Agent).await;
}

#[tokio::test(start_paused = true)]
async fn the_agent_token_of_three_servers_changes() {
    let mut desk = Desk::edge(3, "").await;
    let request = rotate(&desk, Role::Agent, false).await;
    assert_eq!(
        desk.run(&request).await.unwrap(),
        Outcome::Done,
        "{:?}",
        desk.failures()
    );
    all_hold(&desk, Role::Agent, 2, &[]).await;
    at_rest(&mut desk).await;
}

#[tokio::test(start_paused = true)]
async fn new_machines_join_with_the_new_token() {
    let mut desk = Desk::edge(1, "").await;
    let request = rotate(&desk, Role::Agent, false).await;
    assert_eq!(
        desk.run(&request).await.unwrap(),
        Outcome::Done,
        "{:?}",
        desk.failures()
    );
    let grow = super::upgrading::grow(&desk, 4);
    assert_eq!(desk.run(&grow).await.unwrap(), Outcome::Done, "{:?}", desk.failures());
    let request = rotate(&desk, Role::Agent, false).await;
    assert_eq!(
        desk.run(&request).await.unwrap(),
        Outcome::Done,
        "{:?}",
        desk.failures()
    );
    all_hold(&desk, Role::Agent, 3, &[]).await;
    at_rest(&mut desk).await;
}

/// A desk where a board is away, as the fleet knows.
async fn one_away(minutes: u32) -> Desk {
    let off = format!("[[events]]\nat = \"1s\"\nevent.board-off = {{ host = \"shop-2\", for = \"{minutes}m\" }}\n");
    let mut desk = Desk::edge(1, &off).await;
    let world = desk.world.clone();
    desk.until(|fleet| {
        let board = of_host(fleet, "shop-2");
        board.state(world.now()) != MachineState::Ready && board.node().is_some_and(|n| n.ready == Readiness::Unknown)
    })
    .await;
    desk
}

#[tokio::test(start_paused = true)]
async fn a_board_that_is_away_is_left_and_finished_when_it_is_back() {
    let mut desk = one_away(60).await;
    let request = rotate(&desk, Role::Agent, false).await;
    let refused = desk.plan(&request).unwrap_err();
    assert_eq!(refused.guard, "unreached");
    assert!(
        refused.why.contains("shop-2") && refused.lift.contains("--leave-unreached"),
        "{refused}"
    );

    let request = rotate(&desk, Role::Agent, true).await;
    assert_eq!(
        desk.run(&request).await.unwrap(),
        Outcome::Done,
        "{:?}",
        desk.failures()
    );
    desk.until(|fleet| {
        of_host(fleet, "shop-2")
            .node()
            .is_some_and(|n| n.old_token == Some(Role::Agent))
    })
    .await;
    all_hold(&desk, Role::Agent, 2, &["shop-2"]).await;

    let back = "2026-03-02T10:02:00Z".parse().unwrap();
    let world = desk.world.clone();
    desk.until(|_| world.now() >= back).await;
    let host = of_host(&desk.fleet, "shop-2").edge().cloned().unwrap();
    let shell = desk.world.control().shell.unwrap();
    let inside = shell.inside(&host).await.unwrap();
    assert!(!inside.is_active(), "it does not join with the old token: {inside:?}");
    let request = rotate(&desk, Role::Agent, false).await;
    let plan = desk.plan(&request).unwrap();
    assert!(plan.title.starts_with("finish"), "{}", plan.title);
    desk.told.clear();
    assert_eq!(
        desk.run(&request).await.unwrap(),
        Outcome::Done,
        "{:?}",
        desk.failures()
    );
    all_hold(&desk, Role::Agent, 2, &[]).await;
    desk.until(|fleet| of_host(fleet, "shop-2").node().is_some_and(|n| n.old_token.is_none()))
        .await;
    at_rest(&mut desk).await;
}

#[tokio::test(start_paused = true)]
async fn the_rest_is_finished_also_when_it_is_cut_off() {
    let mut events = usize::MAX;
    let mut kill = 0;
    while kill < events {
        let mut desk = one_away(10).await;
        let request = rotate(&desk, Role::Agent, true).await;
        assert_eq!(
            desk.run(&request).await.unwrap(),
            Outcome::Done,
            "{:?}",
            desk.failures()
        );
        let back = "2026-03-02T09:12:00Z".parse().unwrap();
        let world = desk.world.clone();
        desk.until(|_| world.now() >= back).await;
        let request = rotate(&desk, Role::Agent, false).await;
        desk.told.clear();
        let outcome = match kill {
            0 => desk.run(&request).await.unwrap(),
            _ => {
                let id = desk.run_and_kill(&request, kill).await;
                desk.resume(&id).await.unwrap()
            }
        };
        assert_eq!(outcome, Outcome::Done, "killed after {kill}: {:?}", desk.failures());
        events = events.min(desk.told.len());
        all_hold(&desk, Role::Agent, 2, &[]).await;
        desk.until(|fleet| of_host(fleet, "shop-2").node().is_some_and(|n| n.old_token.is_none()))
            .await;
        at_rest(&mut desk).await;
        kill += 1;
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_come_back_stops_it_and_it_goes_on_once_that_is_mended() {
    let ails =
        "[[events]]\nat = \"1s\"\nevent.machine-ails = { pool = \"lab/servers\", how = \"mismatch\", for = \"40m\" }\n";
    let mut desk = Desk::edge(3, ails).await;
    let request = rotate(&desk, Role::Server, false).await;
    assert_eq!(desk.run(&request).await.unwrap(), Outcome::Failed);
    let failed = desk.failures();
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert_eq!(tokens(&desk).await.parameters[&Role::Server].newest, 2);
    let mended = "2026-03-02T09:41:00Z".parse().unwrap();
    let world = desk.world.clone();
    desk.until(|_| world.now() >= mended).await;
    let id = desk.operations.journals().0[0].id.clone();
    assert_eq!(desk.resume(&id).await.unwrap(), Outcome::Done, "{:?}", desk.failures());
    all_hold(&desk, Role::Server, 2, &[]).await;
    at_rest(&mut desk).await;
}

#[tokio::test(start_paused = true)]
async fn of_two_who_change_a_token_one_waits() {
    let mut desk = Desk::edge(1, "").await;
    let elsewhere = tempfile::tempdir().unwrap();
    let mut other = desk.another(elsewhere.path());
    let request = rotate(&desk, Role::Agent, false).await;
    let id = desk.operations.start(desk.plan(&request).unwrap(), false).unwrap();
    while desk.told.is_empty() {
        desk.turn().await;
    }
    other.start(desk.plan(&request).unwrap(), false).unwrap();
    let refused = loop {
        if let k3fleet::runtime::operations::Happened::Ended(_, _, result) = other.next().await {
            break result.unwrap_err();
        }
    };
    assert!(matches!(refused, RunError::Lock(_)), "{refused}");
    assert_eq!(desk.finish(&id).await.unwrap(), Outcome::Done, "{:?}", desk.failures());
    all_hold(&desk, Role::Agent, 2, &[]).await;
}
