//! Clusters go back to a snapshot: undisturbed, killed at every step, and where a server names no token or no snapshot.

use k3fleet::fleet::{Fleet, MachineId, Role};
use k3fleet::ops::restoring::Restore;
use k3fleet::ops::{Outcome, Request};
use k3fleet::provider::Snapshot;

use super::desk::Desk;
use super::edge::lab;
use super::rotating::at_rest;

async fn listed(desk: &Desk) -> Vec<Snapshot> {
    desk.world.providers().kubes[0].snapshots().await.unwrap()
}

fn agent(fleet: &Fleet) -> MachineId {
    let mut agents = fleet
        .machines()
        .filter(|m| m.role() == Some(Role::Agent) && m.instance().is_some());
    agents.next().unwrap().id()
}

async fn done(desk: &mut Desk, request: &Request) {
    let outcome = desk.run(request).await.unwrap();
    assert_eq!(outcome, Outcome::Done, "{:?}", desk.failures());
}

/// A cluster of three servers that was saved, and one of whose agents was cordoned since; the request that takes it back.
pub(super) async fn changed_since() -> (Desk, Request) {
    let mut desk = Desk::edge(3, "").await;
    done(&mut desk, &Request::Backup { cluster: lab() }).await;
    let snapshot = listed(&desk)
        .await
        .into_iter()
        .find(|s| s.name.starts_with("k3fleet-2"))
        .unwrap();
    let machines = vec![agent(&desk.fleet)];
    done(
        &mut desk,
        &Request::Cordon {
            machines: machines.clone(),
        },
    )
    .await;
    let cordoned = machines[0].clone();
    desk.until(|fleet| fleet.machine(&cordoned).and_then(|m| m.node().map(|n| !n.schedulable)) == Some(true))
        .await;
    desk.told.clear();
    let server = desk
        .fleet
        .machines()
        .find(|m| m.node().is_some_and(|n| n.key.name == snapshot.node));
    let request = Request::Restore(Box::new(Restore {
        cluster: lab(),
        snapshot: snapshot.name,
        s3: false,
        on: server.map(|m| m.id()),
        made_at: snapshot.made_at,
        token_since: None,
        when: "20260302T091500Z".into(),
    }));
    (desk, request)
}

async fn is_restored(desk: &mut Desk) {
    desk.until(|fleet| {
        let mut nodes = fleet.machines().filter_map(|m| m.node().cloned());
        let voters = fleet
            .machines()
            .filter_map(|m| m.node()?.etcd_voter)
            .filter(|v| *v)
            .count();
        nodes.all(|n| n.schedulable) && voters == 3 && fleet.asgs().all(|asg| asg.suspended.is_empty())
    })
    .await;
    at_rest(desk).await;
    let saved = listed(desk).await;
    let before = "k3fleet-before-restore-20260302T091500Z";
    assert!(saved.iter().any(|s| s.name.starts_with(before)), "{saved:?}");
    let groups = desk.world.providers().clouds[0].asgs().await.unwrap();
    assert!(groups.iter().all(|asg| asg.suspended.is_empty()), "{groups:?}");
}

#[tokio::test(start_paused = true)]
async fn three_servers_go_back_to_a_snapshot_also_when_it_is_cut_off() {
    let (mut desk, request) = changed_since().await;
    assert_eq!(desk.plan(&request).unwrap().confirm.as_deref(), Some("lab"));
    done(&mut desk, &request).await;
    let events = desk.told.len();
    is_restored(&mut desk).await;
    assert!(events > 30, "{events}");
    for kill in 1..events {
        let (mut desk, request) = changed_since().await;
        let id = desk.run_and_kill(&request, kill).await;
        let resumed = desk.resume(&id).await.unwrap();
        assert_eq!(
            resumed,
            Outcome::Done,
            "killed after {kill} events: {:?}",
            desk.failures()
        );
        is_restored(&mut desk).await;
    }
}

#[tokio::test(start_paused = true)]
async fn where_the_snapshot_is_not_there_nothing_is_stopped() {
    let (mut desk, mut request) = changed_since().await;
    if let Request::Restore(restore) = &mut request {
        restore.snapshot = "etcd-snapshot-of-nobody".into();
    }
    assert_eq!(desk.run(&request).await.unwrap(), Outcome::Failed);
    let failed = desk.failures();
    assert!(
        failed.iter().any(|why| why.contains("there is no snapshot")),
        "{failed:?}"
    );
    assert_eq!(
        listed(&desk).await.len(),
        1 + 5 * 3,
        "its API answers, and nothing was saved"
    );
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_of_another_server_token_is_refused_by_the_guard_and_by_the_server() {
    let (mut desk, mut request) = changed_since().await;
    let rotate = super::rotating::rotate(&desk, Role::Server, false).await;
    done(&mut desk, &rotate).await;
    at_rest(&mut desk).await;
    desk.told.clear();
    let since = desk.world.now();
    if let Request::Restore(restore) = &mut request {
        restore.token_since = Some(since);
    }
    assert_eq!(desk.plan(&request).unwrap_err().guard, "token-changed");
    if let Request::Restore(restore) = &mut request {
        restore.token_since = None;
    }
    // Nobody has told since when: K3s does.
    let outcome = desk.run(&request).await.unwrap();
    assert_ne!(outcome, Outcome::Done);
    let failed = desk.failures();
    assert!(
        failed.iter().any(|why| why.contains("another server token")),
        "{failed:?}"
    );
    let groups = desk.world.providers().clouds[0].asgs().await.unwrap();
    assert!(
        groups.iter().all(|asg| asg.suspended.is_empty()),
        "the groups go on, however it ends: {groups:?}"
    );
}
