//! Tokens change of a cluster that others have made: they are in no parameter, the servers keep them, and SSH hands them on.
//! Undisturbed, killed at every step, given up half way, with boards that are away.

use k3fleet::blueprint::machine::Kept;
use k3fleet::fleet::{Readiness, Role};
use k3fleet::ops::rotation::Which;
use k3fleet::ops::{Outcome, Request};

use super::desk::Desk;
use super::edge::of_host;
use super::rotating::{at_rest, rotate, tokens};

/// A token of each server, as it keeps it.
async fn told(desk: &Desk, kind: Role, kept: Kept) -> Vec<Option<String>> {
    let shell = desk.world.control().shell.unwrap();
    let mut told = vec![];
    for server in desk.fleet.machines().filter(|m| m.role() == Some(Role::Server)) {
        let token = shell.token(server.edge().unwrap(), kind, kept).await.unwrap();
        told.push(token.map(|token| token.expose().to_owned()));
    }
    told
}

/// The token that all servers go by.
async fn present(desk: &Desk, kind: Role) -> String {
    let all = told(desk, kind, Kept::Present).await;
    assert!(all.iter().all(|token| *token == all[0]), "{all:?}");
    all[0].clone().unwrap()
}

/// Every machine that answers goes by the token in force, which is the one after so many old ones; no server keeps what was
/// for the way only, and nothing of a secret is written down.
async fn all_hold(desk: &mut Desk, kind: Role, version: u64, old: &str, but: &[&str]) {
    let known = tokens(desk).await;
    assert_eq!(known.faults, Vec::<String>::new());
    assert!(known.parameters.is_empty(), "nothing is put into SSM");
    assert_eq!((known.own[&kind].number, known.own[&kind].under_way), (version, false));
    let mut agents = 0;
    for holder in known.machines.iter().filter(|m| !but.contains(&m.name.as_str())) {
        for held in holder.holds.as_ref().unwrap().iter().filter(|h| h.kind == kind) {
            assert_eq!(held.which, Which::Version(kind, version), "{}", holder.name);
            agents += usize::from(holder.role == Role::Agent);
        }
    }
    assert!(kind == Role::Server || agents > 2, "{agents}");
    let new = present(desk, kind).await;
    assert_ne!(new, old);
    assert!(told(desk, kind, Kept::Next).await.iter().all(Option::is_none));
    let written = desk.written();
    assert!(written.len() > 1000 && !written.contains(old) && !written.contains(&new));
    at_rest(desk).await;
}

async fn rotates(servers: usize, kind: Role) {
    let mut desk = Desk::others(servers, "").await;
    let old = present(&desk, kind).await;
    let request = rotate(&desk, kind, false).await;
    let outcome = desk.run(&request).await.unwrap();
    assert_eq!(outcome, Outcome::Done, "{:?}", desk.failures());
    let events = desk.told.len();
    assert!(events > 15, "{events}");
    all_hold(&mut desk, kind, 2, &old, &[]).await;
    for kill in 1..events {
        let mut desk = Desk::others(servers, "").await;
        let request = rotate(&desk, kind, false).await;
        let id = desk.run_and_kill(&request, kill).await;
        let resumed = desk.resume(&id).await.unwrap();
        assert_eq!(resumed, Outcome::Done, "killed after {kill}: {:?}", desk.failures());
        all_hold(&mut desk, kind, 2, &old, &[]).await;
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
async fn what_is_given_up_half_way_is_finished_by_asking_again() {
    let mut desk = Desk::others(3, "").await;
    let old = present(&desk, Role::Server).await;
    let request = rotate(&desk, Role::Server, false).await;
    assert_eq!(desk.run(&request).await.unwrap(), Outcome::Done);
    let events = desk.told.len();
    for kill in 1..events {
        let mut desk = Desk::others(3, "").await;
        let request = rotate(&desk, Role::Server, false).await;
        let id = desk.run_and_kill(&request, kill).await;
        desk.operations.abort(&id).unwrap();
        assert_eq!(desk.finish(&id).await.unwrap(), Outcome::Aborted);
        at_rest(&mut desk).await;
        let request = rotate(&desk, Role::Server, false).await;
        let outcome = desk.run(&request).await.unwrap();
        assert_eq!(outcome, Outcome::Done, "given up after {kill}: {:?}", desk.failures());
        let known = tokens(&desk).await;
        let version = known.own[&Role::Server].number;
        all_hold(&mut desk, Role::Server, version, &old, &[]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_board_that_is_away_is_left_and_finished_when_it_is_back() {
    let off = "[[events]]\nat = \"1s\"\nevent.board-off = { host = \"shop-2\", for = \"60m\" }\n";
    let mut desk = Desk::others(1, off).await;
    desk.until(|fleet| {
        of_host(fleet, "shop-2")
            .node()
            .is_some_and(|n| n.ready == Readiness::Unknown)
    })
    .await;
    let old = present(&desk, Role::Agent).await;
    let request = rotate(&desk, Role::Agent, false).await;
    assert_eq!(desk.plan(&request).unwrap_err().guard, "unreached");
    let request = rotate(&desk, Role::Agent, true).await;
    assert_eq!(
        desk.run(&request).await.unwrap(),
        Outcome::Done,
        "{:?}",
        desk.failures()
    );
    let marked = |kind| {
        move |fleet: &k3fleet::fleet::Fleet| of_host(fleet, "shop-2").node().is_some_and(|n| n.old_token == kind)
    };
    desk.until(marked(Some(Role::Agent))).await;

    let back = "2026-03-02T10:02:00Z".parse().unwrap();
    let world = desk.world.clone();
    desk.until(|_| world.now() >= back).await;
    let request = rotate(&desk, Role::Agent, false).await;
    let plan = desk.plan(&request).unwrap();
    assert!(plan.title.starts_with("finish"), "{}", plan.title);
    assert_eq!(
        desk.run(&request).await.unwrap(),
        Outcome::Done,
        "{:?}",
        desk.failures()
    );
    desk.until(marked(None)).await;
    all_hold(&mut desk, Role::Agent, 2, &old, &[]).await;

    // And once more, from there.
    let old = present(&desk, Role::Agent).await;
    let Request::Rotate(rotation) = rotate(&desk, Role::Agent, false).await else {
        panic!("it is a rotation")
    };
    assert_eq!(rotation.from, Some(2));
    let outcome = desk.run(&Request::Rotate(rotation)).await.unwrap();
    assert_eq!(outcome, Outcome::Done, "{:?}", desk.failures());
    all_hold(&mut desk, Role::Agent, 3, &old, &[]).await;
}
