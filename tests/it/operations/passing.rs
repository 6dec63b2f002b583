//! A worker that ends of itself while a cluster is restored, upgraded, or changes a token, holds nothing up: whenever it ends,
//! whether the operation runs then or goes on later.

use k3fleet::fleet::{InstanceId, Role};
use k3fleet::ops::{Outcome, Request};

use super::desk::Desk;
use super::restoring::changed_since;
use super::rotating::{at_rest, rotate};
use super::upgrading::upgrade;

/// Each so many events the worker ends.
const APART: usize = 3;

/// EC2 ends a worker of the group, which launches another.
async fn end_a_worker(desk: &Desk) -> InstanceId {
    let mut groups = desk.fleet.asgs();
    let workers = groups.find(|g| g.name == "workers").unwrap();
    let gone = workers.members[0].id.clone();
    desk.world.control().clouds[0].end(&gone).await.unwrap();
    gone
}

async fn is_done(desk: &mut Desk, outcome: Outcome, gone: &InstanceId, when: &str) {
    assert_eq!(outcome, Outcome::Done, "{gone} ends {when}: {:?}", desk.failures());
    at_rest(desk).await;
}

/// Runs what `ready` sets up again and again, with the worker ending at another event each time.
async fn goes_on<Set: Future<Output = (Desk, Request)>>(ready: impl Fn() -> Set) {
    let (mut desk, request) = ready().await;
    assert_eq!(desk.run(&request).await.unwrap(), Outcome::Done);
    let events = desk.told.len();
    assert!(events > 15, "{events}");
    let mut passed = 0;
    for at in (1..events).step_by(APART) {
        let (mut desk, request) = ready().await;
        let plan = desk.plan(&request).unwrap();
        let id = desk.operations.start(plan, false).unwrap();
        while desk.told.len() < at {
            desk.turn().await;
        }
        let gone = end_a_worker(&desk).await;
        let outcome = desk.finish(&id).await.unwrap();
        passed += usize::from(desk.is_done_by("has gone"));
        is_done(&mut desk, outcome, &gone, &format!("after {at} events")).await;

        let (mut desk, request) = ready().await;
        let id = desk.run_and_kill(&request, at).await;
        let gone = end_a_worker(&desk).await;
        let outcome = desk.resume(&id).await.unwrap();
        is_done(&mut desk, outcome, &gone, &format!("killed after {at} events")).await;
    }
    assert!(passed > 0, "no step met it");
}

#[tokio::test(start_paused = true)]
async fn a_restore_goes_on_without_it() {
    goes_on(changed_since).await;
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_goes_on_without_it() {
    goes_on(|| async { (Desk::edge(3, "").await, upgrade(true, false)) }).await;
}

#[tokio::test(start_paused = true)]
async fn the_agent_token_changes_without_it() {
    goes_on(|| async {
        let desk = Desk::edge(3, "").await;
        let request = rotate(&desk, Role::Agent, false).await;
        (desk, request)
    })
    .await;
}
