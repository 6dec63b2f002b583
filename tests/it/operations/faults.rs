//! Operations while things go wrong: no capacity, throttling, instances that never join, budgets that hold pods back.

use k3fleet::fleet::{MachineId, MachineState};
use k3fleet::ops::{DrainOptions, Outcome, Request};

use super::desk::Desk;
use super::{comes_to_rest, scale};

#[tokio::test(start_paused = true)]
async fn a_lack_of_capacity_is_waited_out() {
    let fault = "[[events]]\nat = \"1s\"\nevent.no-capacity = { pool = \"lab/workers\", for = \"6m\" }\n";
    let mut desk = Desk::with(fault).await;
    assert_eq!(desk.run(&scale(&desk, 5, false)).await.unwrap(), Outcome::Done);
    assert!(desk.said("none is launched yet"), "{:?}", desk.told);
    comes_to_rest(&mut desk, 5).await;
}

#[tokio::test(start_paused = true)]
async fn throttled_calls_are_made_again() {
    let fault = "[[faults]]\nat = \"1m\"\nfor = \"20s\"\ntarget.scope = \"eu-west-1\"\nkind = \"throttled\"\n";
    let mut desk = Desk::with(fault).await;
    let throttled = desk.world.now() + jiff::SignedDuration::from_mins(1);
    let world = desk.world.clone();
    desk.until(|_| world.now() >= throttled).await;
    assert_eq!(desk.run(&scale(&desk, 4, false)).await.unwrap(), Outcome::Done);
    comes_to_rest(&mut desk, 4).await;
}

#[tokio::test(start_paused = true)]
async fn a_lock_is_given_back_once_aws_answers_again() {
    let fault = "[[faults]]\nat = \"30s\"\nfor = \"20s\"\ntarget.scope = \"eu-west-1\"\nkind = \"throttled\"\n";
    let mut desk = Desk::with(fault).await;
    let world = desk.world.clone();
    let at =
        |seconds| "2026-03-02T09:00:00Z".parse::<jiff::Timestamp>().unwrap() + jiff::SignedDuration::from_secs(seconds);
    desk.until(|_| world.now() >= at(29)).await;
    let machines: Vec<_> = super::workers(&desk.fleet).into_iter().take(1).collect();
    let drain = Request::Drain {
        machines: machines.clone(),
        drain: DrainOptions::ending(),
    };
    assert_eq!(desk.run(&drain).await.unwrap(), Outcome::Done);
    let (_, last) = desk.told.last().unwrap();
    assert!(
        (at(30)..at(50)).contains(&last.at),
        "it ends while AWS throttles: {}",
        last.at
    );
    assert_eq!(desk.run(&Request::Uncordon { machines }).await.unwrap(), Outcome::Done);
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_never_joins_is_named_and_the_rest_goes_on_later() {
    let fault = "[[events]]\nat = \"1s\"\nevent.never-joins = { pool = \"lab/workers\" }\n";
    let mut desk = Desk::with(fault).await;
    assert_eq!(desk.run(&scale(&desk, 4, false)).await.unwrap(), Outcome::Failed);
    let stray = desk
        .fleet
        .machines()
        .find(|m| m.state(desk.world.now()) == MachineState::Stray);
    let stray = stray.expect("it runs, and its node never came");
    let (name, id) = (stray.name().to_owned(), stray.id());
    assert!(
        desk.failures().iter().any(|f| f.contains(&name)),
        "{:?}",
        desk.failures()
    );
    // The group replaces what is ended from elsewhere; then there is nothing left to wait for.
    let MachineId::Instance(instance) = &id else {
        panic!("{id} is an instance")
    };
    let control = desk.world.control();
    control.clouds[0].end_member(instance, false).await.unwrap();
    let operation = desk.operations.journals().0[0].id.clone();
    assert_eq!(desk.resume(&operation).await.unwrap(), Outcome::Done);
    comes_to_rest(&mut desk, 4).await;
}

#[tokio::test(start_paused = true)]
async fn a_budget_that_never_allows_it_is_named_and_force_gets_past_it() {
    let fault =
        "[[events]]\nat = \"1s\"\nevent.budget = { cluster = \"lab\", workload = \"shop/web\", max_unavailable = 0 }\n";
    let mut desk = Desk::with(fault).await;
    let machines = super::workers(&desk.fleet).into_iter().collect();
    let drain = |force| DrainOptions {
        force,
        ..DrainOptions::ending()
    };
    let mut request = Request::Drain {
        machines,
        drain: drain(false),
    };
    assert_eq!(desk.run(&request).await.unwrap(), Outcome::Failed);
    let failed = desk.failures();
    assert!(
        failed.iter().any(|f| f.contains("shop/web") && f.contains("budget")),
        "{failed:?}"
    );
    assert!(failed.iter().all(|f| f.contains("--force")), "{failed:?}");
    if let Request::Drain { drain: options, .. } = &mut request {
        *options = drain(true);
    }
    assert_eq!(desk.run(&request).await.unwrap(), Outcome::Done);
}
