//! Watches: they tell all that lists tell, wake only for news, and sleep while the world is paused.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::{FutureExt, StreamExt};

use super::*;
use crate::fleet::{Node, Pod};
use crate::provider::{Change, WatchStream};

/// What a reader of a watch knows.
struct Reader<T> {
    stream: WatchStream<T>,
    known: BTreeMap<SmolStr, T>,
    listing: Option<BTreeSet<SmolStr>>,
    name: fn(&T) -> SmolStr,
    told: usize,
    errors: usize,
}

impl<T> Reader<T> {
    fn new(stream: WatchStream<T>, name: fn(&T) -> SmolStr) -> Self {
        Self {
            stream,
            known: BTreeMap::new(),
            listing: None,
            name,
            told: 0,
            errors: 0,
        }
    }

    fn take(&mut self, change: crate::provider::Result<Change<T>>) {
        self.told += 1;
        match change {
            Ok(Change::Listing) => self.listing = Some(BTreeSet::new()),
            Ok(Change::Is(item)) => {
                let name = (self.name)(&item);
                self.listing.iter_mut().for_each(|l| l.extend([name.clone()]));
                self.known.insert(name, item);
            }
            Ok(Change::Gone(name)) => assert!(self.known.remove(&name).is_some(), "{name} was never told"),
            Ok(Change::Listed) => {
                let listed = self.listing.take().unwrap();
                self.known.retain(|name, _| listed.contains(name));
            }
            Ok(Change::Alive) => {}
            Err(_) => self.errors += 1,
        }
    }

    /// Reads for that long.
    async fn read(&mut self, span: Duration) {
        let end = tokio::time::Instant::now() + span;
        while let Ok(change) = tokio::time::timeout_at(end, self.stream.next()).await {
            self.take(change.unwrap());
        }
    }
}

fn nodes(p: &Providers, context: &str) -> Reader<Node> {
    Reader::new(kube(p, context).nodes(), |n| n.key.name.clone())
}

fn pods(p: &Providers, context: &str) -> Reader<Pod> {
    Reader::new(kube(p, context).pods(), |p| p.key.name.clone())
}

#[tokio::test(start_paused = true)]
async fn a_watch_ends_up_knowing_what_a_list_tells() {
    let (_world, p) = demo(11);
    for context in ["prod", "edge-lab", "ci"] {
        let (mut n, mut o) = (nodes(&p, context), pods(&p, context));
        for span in [0, 30, 60, 120, 1_800, 3_600] {
            let span = Duration::from_secs(span) + Duration::from_millis(300);
            futures::join!(n.read(span), o.read(span));
            let Ok(listed) = kube(&p, context).list_nodes().await else {
                continue;
            };
            assert_eq!(
                n.known.values().cloned().collect::<Vec<_>>(),
                listed,
                "{context} after {span:?}"
            );
            let listed = kube(&p, context).list_pods().await.unwrap();
            assert_eq!(
                o.known.values().cloned().collect::<Vec<_>>(),
                listed,
                "{context} after {span:?}"
            );
        }
        assert_eq!(n.errors > 0, context == "ci", "only the ci cluster is ever gone");
    }
}

#[tokio::test(start_paused = true)]
async fn two_worlds_of_one_seed_tell_the_same_stream() {
    let run = async || {
        let (world, p) = demo(5);
        let mut stream = futures::stream::select(
            kube(&p, "prod").nodes().map(|c| format!("{c:?}")),
            kube(&p, "prod").pods().map(|c| format!("{c:?}")),
        );
        let end = tokio::time::Instant::now() + Duration::from_secs(900);
        let mut told = Vec::new();
        while let Ok(change) = tokio::time::timeout_at(end, stream.next()).await {
            told.push((world.now().as_second(), change.unwrap()));
        }
        told
    };
    let (first, second) = (run().await, run().await);
    assert!(first.len() > 200, "{} changes", first.len());
    assert_eq!(first, second);
}

#[tokio::test(start_paused = true)]
async fn a_quiet_watch_rarely_wakes() {
    let (_world, p) = demo(5);
    let mut lab = nodes(&p, "edge-lab");
    lab.read(Duration::from_secs(15)).await;
    let listed = lab.told;
    assert_eq!(listed, 6 + 2);
    // Until the board is missed, at 66 s, there is nothing to tell but that the watch lives.
    lab.read(Duration::from_secs(50)).await;
    assert_eq!(lab.told - listed, 2);
}

#[tokio::test(start_paused = true)]
async fn a_paused_world_stands_still_and_sets_no_timer() {
    let (world, p) = demo(5);
    let mut watch = nodes(&p, "prod");
    watch.read(Duration::from_secs(40)).await;
    world.pause(true);
    let before = observe(&world, &p).await;
    watch.stream.next().now_or_never();

    // Paused time jumps to the next timer there is: with the reader asleep, that is the test's own.
    let told = watch.told;
    let asked = tokio::time::Instant::now();
    watch.read(Duration::from_secs(3_600)).await;
    assert_eq!(asked.elapsed(), Duration::from_secs(3_600));
    assert_eq!(watch.told, told);
    assert_eq!(observe(&world, &p).await, before);

    world.pause(false);
    watch.read(Duration::from_secs(90)).await;
    assert!(watch.told > told);
    assert_eq!(world.now(), base() + SignedDuration::from_secs(130));
}

#[tokio::test(start_paused = true)]
async fn world_time_runs_at_its_speed() {
    let world = World::load(&Scenario::demo().unwrap(), 5, base(), 10.0);
    let p = world.providers();
    let mut watch = nodes(&p, "prod");
    watch.read(Duration::from_secs(20)).await;
    assert_eq!(world.now(), base() + SignedDuration::from_secs(200));
    let listed = kube(&p, "prod").list_nodes().await.unwrap();
    assert_eq!(watch.known.values().cloned().collect::<Vec<_>>(), listed);
    assert_eq!(
        listed.len(),
        10,
        "one replaced by the notice, one unhealthy, one more wanted"
    );
}
