//! Edge hosts join, restart, leave and are forgotten: undisturbed, killed at every step, and while some of them fail.

use k3fleet::fleet::{ClusterId, ContextId, Fleet, Machine, MachineId, Scope};
use k3fleet::ops::joining::{Candidate, Join};
use k3fleet::ops::{DrainOptions, Outcome, Request, RunError, What};
use smol_str::SmolStr;

use super::desk::Desk;

/// The boards that are to join.
pub(super) const QUAY: [&str; 5] = ["quay-1", "quay-2", "quay-3", "quay-4", "quay-5"];

pub(super) fn lab() -> ClusterId {
    ClusterId {
        name: "lab".into(),
        home: Some(Scope::new("", "eu-west-1")),
    }
}

/// The machine of a host.
pub(super) fn of_host<'a>(fleet: &'a Fleet, host: &str) -> Machine<'a> {
    let named = |m: &Machine<'_>| m.edge().is_some_and(|e| e.name.as_str() == host);
    fleet.machines().find(named).unwrap()
}

pub(super) fn ids(desk: &Desk, hosts: &[&str]) -> Vec<MachineId> {
    hosts.iter().map(|host| of_host(&desk.fleet, host).id()).collect()
}

/// What an operator asks for who lets these hosts join, once each was looked at.
pub(super) async fn join(desk: &Desk, hosts: &[&str], mend: bool) -> Request {
    join_of(desk, (lab(), None), hosts, mend).await
}

/// The same for a cluster by its name, at the address of its API that is told, or the one that its context names.
pub(super) async fn join_of(
    desk: &Desk,
    (cluster, address): (ClusterId, Option<&str>),
    hosts: &[&str],
    mend: bool,
) -> Request {
    let context = ContextId::new(&cluster.name);
    let (kube, _) = desk.world.kube(&context).unwrap();
    let mut server = kube.server().await.unwrap();
    if let Some(address) = address {
        server.endpoint = address.into();
    }
    let advertised = kube.api_addresses().await.unwrap();
    let addresses = Join::addresses(&server.endpoint, &advertised, None);
    let shell = desk.world.providers().shell.unwrap();
    let mut candidates = vec![];
    for host in desk.world.edge_hosts() {
        if hosts.contains(&host.name.as_str()) {
            let facts = shell.facts(&host, &addresses).await;
            let facts = facts.map_err(|e| SmolStr::new(e.to_string()));
            candidates.push(Candidate { host, facts });
        }
    }
    Request::Join(Box::new(Join {
        cluster,
        context,
        server: server.endpoint,
        advertised,
        version: server.version,
        hosts: candidates,
        files: None,
        vpn_auth_file: None,
        wireguard: false,
        mend,
        sudo_password: true,
    }))
}

/// Whether all these hosts have nodes that are ready, and found by any operator.
pub(super) fn have_joined(fleet: &Fleet, hosts: &[&str]) -> bool {
    hosts.iter().all(|host| {
        let machine = of_host(fleet, host);
        let node = machine.node();
        node.is_some_and(|n| {
            n.ready == k3fleet::fleet::Readiness::Ready
                && n.ssh.is_some()
                && n.schedulable
                && n.zone.as_deref() == Some("quay")
        })
    })
}

/// Nothing is left of what the operation needed only for itself.
pub(super) async fn is_clean(desk: &Desk) {
    let (kube, _) = desk.world.kube(&ContextId::new("lab")).unwrap();
    assert_eq!(kube.bootstrap_tokens().await.unwrap(), [], "the token is deleted");
    let lock = desk.world.control().clouds[0].parameter("/k3fleet/lab/lock").await;
    assert_eq!(lock.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn five_boards_join_side_by_side() {
    let mut desk = Desk::edge(1, "").await;
    let request = join(&desk, &QUAY, true).await;
    let began = desk.world.now();
    let outcome = desk.run(&request).await.unwrap();
    assert_eq!(outcome, Outcome::Done, "{:?}", desk.failures());
    let took = desk.world.now().duration_since(began).as_secs();
    assert!((20..150).contains(&took), "{took}");
    assert!(desk.said("turning the memory cgroup on"), "of one of them");
    desk.until(|fleet| have_joined(fleet, &QUAY)).await;
    is_clean(&desk).await;
    let again = join(&desk, &QUAY, true).await;
    assert_eq!(desk.plan(&again).unwrap_err().guard, "preflight", "they have joined");
}

#[tokio::test(start_paused = true)]
async fn a_board_that_cannot_join_is_left_out_before_anything_is_touched() {
    let mut desk = Desk::edge(1, "").await;
    let request = join(&desk, &QUAY, false).await;
    let plan = desk.plan(&request).unwrap();
    assert!(
        plan.warnings.iter().any(|w| w.contains("left out: quay-2")),
        "its memory cgroup is off: {:?}",
        plan.warnings
    );
    assert_eq!(
        desk.run(&request).await.unwrap(),
        Outcome::Done,
        "{:?}",
        desk.failures()
    );
    desk.until(|fleet| have_joined(fleet, &["quay-1", "quay-3", "quay-4", "quay-5"]))
        .await;
    assert!(of_host(&desk.fleet, "quay-2").node().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_hosts_do_not_reach_is_refused() {
    let desk = Desk::edge(1, "").await;
    let mut request = join(&desk, &QUAY, true).await;
    let Request::Join(join) = &mut request else {
        panic!("it is a join")
    };
    let private: SmolStr = "10.0.0.4:6443".into();
    let shell = desk.world.providers().shell.unwrap();
    join.server = format!("https://{private}").into();
    join.advertised = vec![private.clone()];
    for candidate in &mut join.hosts {
        let facts = shell.facts(&candidate.host, std::slice::from_ref(&private)).await;
        candidate.facts = facts.map_err(|e| SmolStr::new(e.to_string()));
    }
    let refused = desk.plan(&request).unwrap_err();
    assert_eq!(refused.guard, "api-unreached");
}

#[tokio::test(start_paused = true)]
async fn one_that_fails_stops_no_other_and_is_tried_again() {
    let wrong = "[[events]]\nat = \"1s\"\nevent.board-ails = { host = \"quay-3\", how = \"clock\", for = \"20m\" }\n";
    let mut desk = Desk::edge(1, wrong).await;
    let request = join(&desk, &QUAY, true).await;
    assert_eq!(desk.run(&request).await.unwrap(), Outcome::Partly);
    let failed = desk.failures();
    assert!(
        failed.len() == 1 && failed[0].contains("quay-3") && failed[0].contains("clock"),
        "{failed:?}"
    );
    desk.until(|fleet| have_joined(fleet, &["quay-1", "quay-2", "quay-4", "quay-5"]))
        .await;
    is_clean(&desk).await;
    let unfinished = desk.operations.journals().0;
    assert!(unfinished[0].is_unfinished());
    let id = unfinished[0].id.clone();

    assert_eq!(desk.resume(&id).await.unwrap(), Outcome::Failed, "it is as it was");
    let mended = desk.world.now() + jiff::SignedDuration::from_mins(20);
    let world = desk.world.clone();
    desk.until(|_| world.now() >= mended).await;
    desk.told.clear();
    assert_eq!(desk.resume(&id).await.unwrap(), Outcome::Done, "{:?}", desk.failures());
    let begun = |what: &What| matches!(what, What::StepBegan { .. });
    let steps = desk.told.iter().filter(|(_, e)| begun(&e.what)).count();
    assert_eq!(steps, 3, "its token, its join, and the end of its token");
    desk.until(|fleet| have_joined(fleet, &QUAY)).await;
    is_clean(&desk).await;
}

#[tokio::test(start_paused = true)]
async fn a_board_that_is_switched_off_meanwhile_joins_when_it_is_tried_again() {
    let off = "[[events]]\nat = \"48s\"\nevent.board-off = { host = \"quay-5\", for = \"8m\" }\n";
    let mut desk = Desk::edge(1, off).await;
    let before = "2026-03-02T09:00:40Z".parse().unwrap();
    let world = desk.world.clone();
    desk.until(|_| world.now() >= before).await;
    let request = join(&desk, &QUAY, true).await;
    let outcome = desk.run(&request).await.unwrap();
    let back = "2026-03-02T09:09:00Z".parse().unwrap();
    desk.until(|_| world.now() >= back).await;
    if outcome != Outcome::Done {
        assert_eq!(outcome, Outcome::Partly, "{:?}", desk.failures());
        let id = desk.operations.journals().0[0].id.clone();
        assert_eq!(desk.resume(&id).await.unwrap(), Outcome::Done, "{:?}", desk.failures());
    }
    desk.until(|fleet| have_joined(fleet, &QUAY)).await;
    is_clean(&desk).await;
}

#[tokio::test(start_paused = true)]
async fn a_join_killed_at_any_step_and_resumed_ends_with_all_of_them() {
    let mut desk = Desk::edge(1, "").await;
    let request = join(&desk, &QUAY, true).await;
    assert_eq!(desk.run(&request).await.unwrap(), Outcome::Done);
    let events = desk.told.len();
    assert!(events > 30, "{events}");
    for kill in 1..events {
        let mut desk = Desk::edge(1, "").await;
        let request = join(&desk, &QUAY, true).await;
        let id = desk.run_and_kill(&request, kill).await;
        let resumed = desk.resume(&id).await.unwrap();
        assert_eq!(
            resumed,
            Outcome::Done,
            "killed after {kill} events: {:?}",
            desk.failures()
        );
        desk.until(|fleet| have_joined(fleet, &QUAY)).await;
        is_clean(&desk).await;
        assert!(desk.operations.journals().0.iter().all(|p| !p.is_unfinished()));
    }
}

#[tokio::test(start_paused = true)]
async fn of_two_who_let_the_same_boards_join_one_waits() {
    let mut desk = Desk::edge(1, "").await;
    let elsewhere = tempfile::tempdir().unwrap();
    let mut other = desk.another(elsewhere.path());
    let request = join(&desk, &QUAY, true).await;
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
    assert_eq!(desk.finish(&id).await.unwrap(), Outcome::Done);
    desk.until(|fleet| have_joined(fleet, &QUAY)).await;
}

fn reboot(desk: &Desk) -> Request {
    Request::Reboot {
        machines: ids(desk, &["shop-1", "shop-2"]),
        drain: DrainOptions::ending(),
    }
}

/// How often a board was started, as its boot id tells.
async fn boot(desk: &Desk, host: &str) -> SmolStr {
    let all = desk.world.edge_hosts();
    let host = all.iter().find(|h| h.name.as_str() == host).unwrap();
    let shell = desk.world.control().shell.unwrap();
    shell.inside(host).await.unwrap().boot
}

async fn shop_is_ready(desk: &mut Desk) {
    let ready = |m: Machine<'_>| {
        m.node()
            .is_some_and(|n| n.ready == k3fleet::fleet::Readiness::Ready && n.schedulable)
    };
    desk.until(|fleet| ["shop-1", "shop-2"].iter().all(|h| ready(of_host(fleet, h))))
        .await;
}

#[tokio::test(start_paused = true)]
async fn boards_restart_one_after_the_other_also_when_it_is_cut_off() {
    let mut desk = Desk::edge(1, "").await;
    let before = [boot(&desk, "shop-1").await, boot(&desk, "shop-2").await];
    let request = reboot(&desk);
    assert_eq!(
        desk.run(&request).await.unwrap(),
        Outcome::Done,
        "{:?}",
        desk.failures()
    );
    shop_is_ready(&mut desk).await;
    let after = [boot(&desk, "shop-1").await, boot(&desk, "shop-2").await];
    assert!(before[0] != after[0] && before[1] != after[1]);
    let events = desk.told.len();
    for kill in 1..events {
        let mut desk = Desk::edge(1, "").await;
        let request = reboot(&desk);
        let id = desk.run_and_kill(&request, kill).await;
        let resumed = desk.resume(&id).await.unwrap();
        assert_eq!(resumed, Outcome::Done, "killed after {kill}: {:?}", desk.failures());
        shop_is_ready(&mut desk).await;
        let after = [boot(&desk, "shop-1").await, boot(&desk, "shop-2").await];
        assert!(before[0] != after[0] && before[1] != after[1], "killed after {kill}");
    }
}

fn leave(desk: &Desk, forget: bool) -> Request {
    Request::Leave {
        machines: ids(desk, &["shop-1"]),
        drain: DrainOptions::ending(),
        forget,
    }
}

async fn has_left(desk: &mut Desk) {
    desk.until(|fleet| of_host(fleet, "shop-1").node().is_none()).await;
    let all = desk.world.edge_hosts();
    let host = all.iter().find(|h| h.name.as_str() == "shop-1").unwrap();
    let shell = desk.world.control().shell.unwrap();
    assert_eq!(shell.inside(host).await.unwrap().unit, None);
    let facts = desk.world.providers().shell.unwrap().facts(host, &[]).await.unwrap();
    assert_eq!((facts.k3s, facts.node_password), (None, Some(false)));
}

#[tokio::test(start_paused = true)]
async fn a_board_leaves_also_when_it_is_cut_off_and_may_join_again() {
    let mut desk = Desk::edge(1, "").await;
    let request = leave(&desk, false);
    assert_eq!(
        desk.run(&request).await.unwrap(),
        Outcome::Done,
        "{:?}",
        desk.failures()
    );
    has_left(&mut desk).await;
    let events = desk.told.len();
    let request = join(&desk, &["shop-1"], false).await;
    assert_eq!(
        desk.run(&request).await.unwrap(),
        Outcome::Done,
        "{:?}",
        desk.failures()
    );
    shop_is_ready(&mut desk).await;
    for kill in 1..events {
        let mut desk = Desk::edge(1, "").await;
        let request = leave(&desk, false);
        let id = desk.run_and_kill(&request, kill).await;
        let resumed = desk.resume(&id).await.unwrap();
        assert_eq!(resumed, Outcome::Done, "killed after {kill}: {:?}", desk.failures());
        has_left(&mut desk).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_board_that_is_gone_for_good_is_forgotten() {
    let off = "[[events]]\nat = \"1s\"\nevent.board-off = { host = \"shop-1\", for = \"30h\" }\n";
    let mut desk = Desk::edge(1, "").await;
    let refused_later = Desk::edge(1, off);
    let running = desk.plan(&leave(&desk, true)).unwrap();
    assert!(
        running.warnings.iter().any(|w| w.contains("not cleaned")),
        "{:?}",
        running.warnings
    );
    desk = refused_later.await;
    let world = desk.world.clone();
    desk.until(|fleet| of_host(fleet, "shop-1").state(world.now()) == k3fleet::fleet::MachineState::Silent)
        .await;
    let refused = desk.plan(&leave(&desk, false)).unwrap_err();
    assert_eq!(refused.guard, "silent-host");
    let request = leave(&desk, true);
    assert_eq!(
        desk.run(&request).await.unwrap(),
        Outcome::Done,
        "{:?}",
        desk.failures()
    );
    desk.until(|fleet| of_host(fleet, "shop-1").node().is_none()).await;
}
