//! The feeds over the simulated world, into a fleet.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use super::testing::{epoch, settings};
use super::{Batch, Clock, Feeds, Settings, Want, gather};
use crate::fleet::*;
use crate::provider::Providers;
use crate::provider::sim::{Scenario, World};

const CLOUD: [FeedKind; 5] = [
    FeedKind::Account,
    FeedKind::Instances,
    FeedKind::Asgs,
    FeedKind::SpotFleets,
    FeedKind::Notices,
];
const KUBE: [FeedKind; 4] = [FeedKind::Server, FeedKind::Nodes, FeedKind::Pods, FeedKind::Usage];

fn demo() -> (Arc<World>, Providers, Clock) {
    let world = World::load(&Scenario::demo().unwrap(), 1, epoch(), 1.0);
    let providers = world.providers();
    let clock = {
        let world = world.clone();
        Arc::new(move || world.now())
    };
    (world, providers, clock)
}

fn apply(fleet: &mut Fleet, batch: Batch) {
    for observation in batch.observations {
        fleet.apply(observation, batch.at);
    }
}

async fn run(fleet: &mut Fleet, rx: &mut mpsc::Receiver<Batch>, secs: u64) {
    let end = Instant::now() + Duration::from_secs(secs);
    while let Ok(Some(batch)) = timeout_at(end, rx.recv()).await {
        apply(fleet, batch);
    }
}

/// Each machine with its parts.
fn machines(fleet: &Fleet) -> BTreeMap<MachineId, String> {
    let parts = |m: Machine<'_>| {
        let instance = m.instance().map(|i| (&i.id, i.state));
        let node = m.node().map(|n| (&n.key, n.ready, n.schedulable));
        format!(
            "{instance:?} {node:?} {:?} {:?}",
            m.edge().map(|e| &e.name),
            m.requested()
        )
    };
    fleet.all_machines().map(|m| (m.id(), parts(m))).collect()
}

#[tokio::test(start_paused = true)]
async fn what_the_feeds_know_in_the_end_is_what_one_look_shows() {
    let (world, providers, clock) = demo();
    let (tx, mut rx) = mpsc::channel(16);
    let feeds = Feeds::start(providers.clone(), settings(), clock.clone(), tx);
    feeds.set_hosts(world.edge_hosts());
    let mut live = Fleet::new(Vec::new());
    run(&mut live, &mut rx, 180).await;
    world.pause(true);
    run(&mut live, &mut rx, 120).await;

    let mut want = Want::new(CLOUD.into_iter().chain(KUBE));
    want.hosts = world.edge_hosts();
    let mut once = Fleet::new(Vec::new());
    for batch in gather(&providers, &clock, &want).await {
        apply(&mut once, batch);
    }
    assert!(machines(&once).len() > 10);
    assert_eq!(machines(&live), machines(&once));
    for (feed, state) in live.feeds() {
        assert_eq!(state.freshness(world.now()), Freshness::Live, "{feed}");
    }
    assert_eq!(live.accounts(), once.accounts());
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_tells_the_same_story() {
    let mut stories = Vec::new();
    for _ in 0..2 {
        let (world, providers, clock) = demo();
        let (tx, mut rx) = mpsc::channel(16);
        let feeds = Feeds::start(providers, Settings { seed: 3, ..settings() }, clock, tx);
        feeds.set_hosts(world.edge_hosts());
        let mut fleet = Fleet::new(Vec::new());
        run(&mut fleet, &mut rx, 120).await;
        let log: Vec<_> = fleet.log().entries().map(|e| (e.at, e.text.to_string())).collect();
        stories.push((log, machines(&fleet)));
    }
    assert!(!stories[0].0.is_empty());
    assert_eq!(stories[0], stories[1]);
}
