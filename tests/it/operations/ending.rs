//! The ends of clusters: destroyed, put off, or come by themselves.

use k3fleet::fleet::{ClusterId, ContextId, Scope};
use k3fleet::ops::{Outcome, Request};
use k3fleet::provider::ResourceKind;

use super::desk::Desk;
use super::launching::{of_shop, shop, short_lived};

pub(super) fn id(cluster: &str) -> ClusterId {
    ClusterId {
        name: cluster.into(),
        home: Some(Scope::new("", "eu-west-1")),
    }
}

/// All that is there of a cluster is to be deleted.
pub(super) async fn destroy(desk: &Desk, cluster: &str, volumes: bool) -> Request {
    Request::Destroy {
        cluster: id(cluster),
        resources: desk.resources(Some(cluster)).await,
        volumes,
        snapshots: true,
    }
}

async fn extend(desk: &Desk, until: jiff::Timestamp) -> Request {
    Request::Extend {
        cluster: id("shop"),
        until,
        resources: desk.resources(Some("shop")).await,
    }
}

/// Nothing is left of a cluster, and nobody answers in its place.
async fn is_gone(desk: &mut Desk, cluster: &str) {
    let own = |name: &str| name == cluster;
    desk.until(|fleet| {
        let mut machines = fleet.machines().filter(|m| m.instance().is_some());
        !machines.any(|m| m.cluster().is_some_and(|c| own(&c.name)))
            && !fleet.asgs().any(|g| g.tags.get("k3fleet:cluster").is_some_and(own))
    })
    .await;
    assert_eq!(desk.resources(Some(cluster)).await, []);
    let lock = format!("/k3fleet/{cluster}/lock");
    assert_eq!(desk.world.control().clouds[0].parameter(&lock).await.unwrap(), None);
    if let Some((kube, _)) = desk.world.kube(&ContextId::new(cluster)) {
        assert!(kube.list_nodes().await.is_err());
    }
}

#[tokio::test(start_paused = true)]
async fn a_launched_cluster_is_destroyed_whole_and_its_name_is_free_again() {
    let mut desk = Desk::plain().await;
    let launch = desk.launch(&shop(2)).await;
    assert_eq!(desk.run(&launch).await.unwrap(), Outcome::Done);
    let request = destroy(&desk, "shop", false).await;
    assert_eq!(
        desk.run(&request).await.unwrap(),
        Outcome::Done,
        "{:?}",
        desk.failures()
    );
    is_gone(&mut desk, "shop").await;
    assert_eq!(
        desk.fleet.machines().filter(|m| m.instance().is_some()).count(),
        4,
        "the lab's"
    );

    desk.until(|fleet| !fleet.machines().any(|m| of_shop(&m))).await;
    let world = desk.world.clone();
    assert_eq!(desk.run(&launch).await.unwrap(), Outcome::Done, "{:?}", desk.failures());
    let (kube, _) = world.kube(&ContextId::new("shop")).unwrap();
    assert_eq!(kube.list_nodes().await.unwrap().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_cluster_of_the_world_is_destroyed_but_for_what_was_to_stay() {
    let mut desk = Desk::plain().await;
    let request = destroy(&desk, "lab", false).await;
    let plan = desk.plan(&request).unwrap();
    assert!(
        plan.warnings.iter().any(|w| w.contains("--volumes")),
        "{:?}",
        plan.warnings
    );
    assert_eq!(
        desk.run(&request).await.unwrap(),
        Outcome::Done,
        "{:?}",
        desk.failures()
    );
    let left: Vec<_> = desk.resources(Some("lab")).await.iter().map(|r| r.kind).collect();
    assert_eq!(left, [ResourceKind::Volume]);
    let request = destroy(&desk, "lab", true).await;
    assert_eq!(
        desk.run(&request).await.unwrap(),
        Outcome::Done,
        "{:?}",
        desk.failures()
    );
    is_gone(&mut desk, "lab").await;
}

#[tokio::test(start_paused = true)]
async fn a_destruction_killed_at_any_step_and_resumed_leaves_nothing() {
    let mut desk = Desk::plain().await;
    let request = destroy(&desk, "lab", true).await;
    assert_eq!(desk.run(&request).await.unwrap(), Outcome::Done);
    let events = desk.told.len();
    assert!(events > 25, "{events}");
    for kill in 1..events {
        let mut desk = Desk::plain().await;
        let request = destroy(&desk, "lab", true).await;
        let operation = desk.run_and_kill(&request, kill).await;
        let resumed = desk.resume(&operation).await.unwrap();
        assert_eq!(
            resumed,
            Outcome::Done,
            "killed after {kill} events: {:?}",
            desk.failures()
        );
        is_gone(&mut desk, "lab").await;
    }
}

/// The desk with a cluster that ends an hour after it was launched; when that is.
async fn with_short_lived() -> (Desk, jiff::Timestamp) {
    let mut desk = Desk::plain().await;
    let launch = desk.launch(&short_lived()).await;
    assert_eq!(desk.run(&launch).await.unwrap(), Outcome::Done, "{:?}", desk.failures());
    desk.told.clear();
    let Request::Launch(launch) = launch else {
        panic!("it is a launch")
    };
    (desk, launch.spec.expires_at.unwrap())
}

/// Lets time pass while nobody looks.
async fn nobody_looks_until(desk: &Desk, at: jiff::Timestamp) {
    let wait = at.duration_since(desk.world.now()).unsigned_abs();
    tokio::time::sleep(wait).await;
}

async fn machines_of_shop(desk: &Desk) -> usize {
    let all = desk.world.providers().clouds[0].instances().await.unwrap();
    all.iter().filter(|i| i.tag("k3fleet:cluster") == Some("shop")).count()
}

#[tokio::test(start_paused = true)]
async fn a_cluster_ends_by_itself_while_nobody_looks_and_leaves_what_gc_sweeps() {
    let (mut desk, ends) = with_short_lived().await;
    let pods = desk
        .world
        .kube(&ContextId::new("shop"))
        .unwrap()
        .0
        .list_pods()
        .await
        .unwrap();
    assert_eq!(pods.len(), 2, "coredns and the provisioner: {pods:?}");
    nobody_looks_until(&desk, ends - jiff::SignedDuration::from_secs(2)).await;
    assert_eq!(machines_of_shop(&desk).await, 1);
    nobody_looks_until(&desk, ends + jiff::SignedDuration::from_mins(30)).await;
    assert_eq!(machines_of_shop(&desk).await, 0);
    let all = desk.resources(None).await;
    let left: Vec<_> = all.iter().filter(|r| r.cluster == "shop").collect();
    assert!(
        left.iter().all(|r| r.expires_at == Some(ends)) && left.len() >= 6,
        "{left:?}"
    );

    desk.until(|fleet| !fleet.machines().any(|m| of_shop(&m) && m.instance().is_some()))
        .await;
    let request = destroy(&desk, "shop", false).await;
    assert_eq!(
        desk.run(&request).await.unwrap(),
        Outcome::Done,
        "{:?}",
        desk.failures()
    );
    is_gone(&mut desk, "shop").await;
}

#[tokio::test(start_paused = true)]
async fn an_extension_killed_at_any_step_and_resumed_moves_the_end() {
    let more = jiff::SignedDuration::from_hours(2);
    let (mut desk, ends) = with_short_lived().await;
    let until = ends + more;
    let request = extend(&desk, until).await;
    assert_eq!(
        desk.run(&request).await.unwrap(),
        Outcome::Done,
        "{:?}",
        desk.failures()
    );
    let events = desk.told.len();
    assert!(events > 10, "{events}");
    for kill in 1..events {
        let (mut desk, ends) = with_short_lived().await;
        let request = extend(&desk, ends + more).await;
        let operation = desk.run_and_kill(&request, kill).await;
        assert_eq!(
            desk.resume(&operation).await.unwrap(),
            Outcome::Done,
            "killed after {kill} events"
        );
        let all = desk.resources(Some("shop")).await;
        assert!(all.iter().all(|r| r.expires_at == Some(ends + more)), "{all:?}");
    }
    nobody_looks_until(&desk, until - jiff::SignedDuration::from_secs(2)).await;
    assert_eq!(machines_of_shop(&desk).await, 1);
    nobody_looks_until(&desk, until + jiff::SignedDuration::from_mins(2)).await;
    assert_eq!(machines_of_shop(&desk).await, 0);
}
