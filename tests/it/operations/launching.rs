//! Launching clusters from request to ready nodes: undisturbed, killed at every step, and while things go wrong.

use k3fleet::fleet::{Machine, MachineState, Purchase, Shape};
use k3fleet::ops::wish::Wish;
use k3fleet::ops::{Outcome, Request, RunError, What};
use k3fleet::provider::ResourceKind;

use super::desk::Desk;

/// A cluster named shop with so many workers.
pub(super) fn shop(workers: u32) -> Wish {
    Wish {
        name: "shop".into(),
        workers,
        ..Wish::default()
    }
}

/// A cluster named shop that destroys itself after an hour.
pub(super) fn short_lived() -> Wish {
    Wish {
        shape: Shape::Ci,
        ttl: jiff::SignedDuration::from_hours(1),
        ..shop(0)
    }
}

/// Whether a machine is the shop's.
pub(super) fn of_shop(machine: &Machine<'_>) -> bool {
    machine.cluster().is_some_and(|cluster| cluster.name == "shop")
}

fn event(event: &str) -> String {
    format!("[[events]]\nat = \"1s\"\nevent.{event}\n")
}

/// The shop is there with so many workers, each thing once, and all its machines are ready.
async fn is_up(desk: &mut Desk, workers: usize) {
    let world = desk.world.clone();
    desk.until(|fleet| {
        let own: Vec<_> = fleet.machines().filter(of_shop).collect();
        own.len() == workers + 1 && own.iter().all(|m| m.state(world.now()) == MachineState::Ready)
    })
    .await;
    let all = desk.resources(Some("shop")).await;
    let count = |kind| all.iter().filter(|r| r.kind == kind).count();
    let roles = if workers > 0 { 2 } else { 1 };
    for (kind, expected) in [
        (ResourceKind::Asg, roles - 1),
        (ResourceKind::Instance, workers + 1),
        (ResourceKind::LaunchTemplate, roles),
        (ResourceKind::SecurityGroup, 1),
        (ResourceKind::InstanceProfile, roles),
        (ResourceKind::Role, roles),
        (ResourceKind::Parameter, 3),
        (ResourceKind::Secret, 1),
    ] {
        assert_eq!(count(kind), expected, "{kind:?} in {all:?}");
    }
    let group = desk.fleet.asgs().find(|g| g.name == "k3fleet-shop-workers");
    assert_eq!(group.map_or(0, |g| g.desired as usize), workers);
}

#[tokio::test(start_paused = true)]
async fn a_quick_cluster_comes_up_with_its_workers() {
    let mut desk = Desk::plain().await;
    let request = desk.launch(&shop(2)).await;
    let began = desk.world.now();
    assert_eq!(
        desk.run(&request).await.unwrap(),
        Outcome::Done,
        "{:?}",
        desk.failures()
    );
    let took = desk.world.now().duration_since(began).as_secs();
    assert!((45..180).contains(&took), "{took}");
    is_up(&mut desk, 2).await;
    let lock = desk.world.control().clouds[0].parameter("/k3fleet/shop/lock").await;
    assert_eq!(lock.unwrap(), None, "the lock is given back");
    let refused = desk.plan(&request).unwrap_err();
    assert_eq!(refused.guard, "name-taken");
}

#[tokio::test(start_paused = true)]
async fn a_launch_killed_at_any_step_and_resumed_makes_nothing_twice() {
    let mut desk = Desk::plain().await;
    let request = desk.launch(&shop(2)).await;
    assert_eq!(desk.run(&request).await.unwrap(), Outcome::Done);
    let events = desk.told.len();
    assert!(events > 30, "{events}");
    for kill in 1..events {
        let mut desk = Desk::plain().await;
        let request = desk.launch(&shop(2)).await;
        let id = desk.run_and_kill(&request, kill).await;
        let resumed = desk.resume(&id).await.unwrap();
        assert_eq!(
            resumed,
            Outcome::Done,
            "killed after {kill} events: {:?}",
            desk.failures()
        );
        is_up(&mut desk, 2).await;
        assert!(desk.operations.journals().0.iter().all(|p| !p.is_unfinished()));
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_role_the_kubeconfig_is_read_over_ssh() {
    let mut desk = Desk::plain().await;
    let wish = Wish {
        profile: k3fleet::ops::launch::Profile::None,
        ssh: Some(k3fleet::ops::launch::SshKey::Pair("ana".into())),
        ..shop(0)
    };
    let request = desk.launch(&wish).await;
    assert_eq!(
        desk.run(&request).await.unwrap(),
        Outcome::Done,
        "{:?}",
        desk.failures()
    );
    let all = desk.resources(Some("shop")).await;
    let secret = |kind| [ResourceKind::Secret, ResourceKind::Role].contains(&kind);
    assert!(all.iter().all(|r| !secret(r.kind)), "{all:?}");
}

#[tokio::test(start_paused = true)]
async fn no_capacity_is_told_or_bought_on_demand_as_it_was_asked() {
    let short = event("no-launches = { region = \"eu-west-1\", purchase = \"spot\", for = \"1h\" }");
    let mut wish = Wish {
        purchase: Purchase::Spot,
        ..shop(0)
    };
    let mut desk = Desk::with(&short).await;
    let request = desk.launch(&wish).await;
    assert_eq!(desk.run(&request).await.unwrap(), Outcome::Failed);
    let failed = desk.failures();
    assert!(
        failed.len() == 1 && failed[0].contains("no Spot capacity") && failed[0].contains("on-demand"),
        "{failed:?}"
    );

    wish.on_demand_fallback = true;
    let mut desk = Desk::with(&short).await;
    let request = desk.launch(&wish).await;
    assert_eq!(
        desk.run(&request).await.unwrap(),
        Outcome::Done,
        "{:?}",
        desk.failures()
    );
    assert!(desk.said("buying it on-demand"), "{:?}", desk.told);
    is_up(&mut desk, 0).await;
    let bought = desk
        .fleet
        .machines()
        .find(of_shop)
        .and_then(|m| m.instance())
        .map(|i| i.purchase);
    assert_eq!(bought, Some(Purchase::OnDemand));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_come_up_says_why_and_is_destroyed_whole() {
    let step = "downloading the installer of K3s";
    let broken = event(&format!(
        "first-boot-fails = {{ region = \"eu-west-1\", step = \"{step}\" }}"
    ));
    let mut desk = Desk::with(&broken).await;
    let request = desk.launch(&shop(0)).await;
    assert_eq!(desk.run(&request).await.unwrap(), Outcome::Failed);
    let failed = desk.failures().join("\n");
    assert!(failed.contains(&format!("k3fleet: failed: {step}")), "{failed}");
    assert!(failed.contains("did not come up"), "{failed}");
    desk.until(|fleet| fleet.machines().any(|m| of_shop(&m))).await;
    let destroy = super::ending::destroy(&desk, "shop", false).await;
    assert_eq!(
        desk.run(&destroy).await.unwrap(),
        Outcome::Done,
        "{:?}",
        desk.failures()
    );
    assert_eq!(desk.resources(Some("shop")).await, []);
}

#[tokio::test(start_paused = true)]
async fn throttling_and_news_that_travel_slowly_are_waited_out() {
    let slow = "[[faults]]\nat = \"40s\"\nfor = \"20s\"\ntarget.scope = \"eu-west-1\"\nkind = \"throttled\"\n"
        .to_owned()
        + "[[faults]]\nat = \"80s\"\nfor = \"20s\"\ntarget.scope = \"eu-west-1\"\nkind = \"throttled\"\n"
        + &event("unknown-profile = { region = \"eu-west-1\" }");
    let mut desk = Desk::with(&slow).await;
    let request = desk.launch(&shop(1)).await;
    let throttled = "2026-03-02T09:00:41Z".parse().unwrap();
    let world = desk.world.clone();
    desk.until(|_| world.now() >= throttled).await;
    assert_eq!(
        desk.run(&request).await.unwrap(),
        Outcome::Done,
        "{:?}",
        desk.failures()
    );
    assert!(desk.said("Invalid IAM Instance Profile"), "{:?}", desk.told);
    is_up(&mut desk, 1).await;
}

#[tokio::test(start_paused = true)]
async fn of_two_who_launch_the_same_cluster_one_is_refused() {
    let mut desk = Desk::plain().await;
    let elsewhere = tempfile::tempdir().unwrap();
    let mut other = desk.another(elsewhere.path());
    let request: Request = desk.launch(&shop(0)).await;
    let id = desk.operations.start(desk.plan(&request).unwrap(), false).unwrap();
    while !desk.told.iter().any(|(_, e)| matches!(e.what, What::StepBegan { .. })) {
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
    is_up(&mut desk, 0).await;
}
