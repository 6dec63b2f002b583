//! The ends of highly available clusters, whose stack CloudFormation deletes.

use k3fleet::ops::{Outcome, Request, What};

use super::desk::Desk;
use super::ending::destroy;
use super::ha::launched;

/// A desk with a highly available cluster named shop.
async fn with_shop() -> Desk {
    let mut desk = launched().await;
    desk.told.clear();
    desk
}

/// The same request with the snapshots kept.
fn keeping(mut request: Request) -> Request {
    if let Request::Destroy { snapshots, .. } = &mut request {
        *snapshots = false;
    }
    request
}

async fn parameters_left(desk: &Desk) -> Vec<&'static str> {
    let cloud = std::sync::Arc::clone(&desk.world.control().clouds[0]);
    let mut left = vec![];
    for name in [
        "server-token",
        "agent-token",
        "spec",
        "lock",
        "first-server-1",
        "initialised",
        "join-lock",
    ] {
        if cloud
            .parameter(&format!("/k3fleet/shop/{name}"))
            .await
            .unwrap()
            .is_some()
        {
            left.push(name);
        }
    }
    left
}

#[tokio::test(start_paused = true)]
async fn a_highly_available_cluster_goes_whole_and_its_snapshots_when_that_is_asked_for() {
    let mut desk = with_shop().await;
    let began = desk.world.now();
    let request = keeping(destroy(&desk, "shop", true).await);
    assert_eq!(
        desk.run(&request).await.unwrap(),
        Outcome::Done,
        "{:?}",
        desk.failures()
    );
    let took = desk.world.now().duration_since(began).as_mins();
    assert!(took < 30, "nothing waits for hooks: {took} min");
    let left = desk.resources(Some("shop")).await;
    assert!(left.len() == 1 && left[0].bucket().is_some(), "{left:#?}");
    assert_eq!(parameters_left(&desk).await, [""; 0]);

    let request = destroy(&desk, "shop", true).await;
    assert_eq!(
        desk.run(&request).await.unwrap(),
        Outcome::Done,
        "{:?}",
        desk.failures()
    );
    assert_eq!(desk.resources(Some("shop")).await, []);
}

#[tokio::test(start_paused = true)]
async fn its_destruction_killed_and_resumed_leaves_nothing() {
    let mut desk = with_shop().await;
    let request = destroy(&desk, "shop", true).await;
    assert_eq!(
        desk.run(&request).await.unwrap(),
        Outcome::Done,
        "{:?}",
        desk.failures()
    );
    let said = |what: &What| matches!(what, What::StackSaid { .. } | What::StepSaid { .. });
    // After all that is no line, and after a few of those.
    let kills: Vec<_> = (1..desk.told.len())
        .filter(|kill| !said(&desk.told[kill - 1].1.what) || kill % 41 == 0)
        .collect();
    assert!(kills.len() > 20, "{kills:?}");
    for kill in kills {
        let mut desk = with_shop().await;
        let request = destroy(&desk, "shop", true).await;
        let operation = desk.run_and_kill(&request, kill).await;
        let resumed = desk.resume(&operation).await.unwrap();
        assert_eq!(
            resumed,
            Outcome::Done,
            "killed after {kill} events: {:?}",
            desk.failures()
        );
        assert_eq!(desk.resources(Some("shop")).await, []);
        assert_eq!(parameters_left(&desk).await, [""; 0], "killed after {kill} events");
    }
}
