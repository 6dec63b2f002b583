//! Nodes and pods: watched, not asked for. A new listing never blanks what is known.

use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt;
use smol_str::format_smolstr;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::diff::Diff;
use super::item::Watched;
use super::pace::{Pace, Spread};
use super::poll::{Signal, next_signal};
use super::sink::{BATCH, Closed, Sink};
use super::supervisor::Feed;
use crate::fleet::{ContextId, FaultKind, FeedKind};
use crate::provider::{Change, ProviderError, WatchStream};

/// API servers send a bookmark about once a minute.
const GOOD_FOR: Duration = Duration::from_mins(3);
/// A watch that lives says so no more often than this.
const WORD: Duration = Duration::from_secs(15);

/// A feed that follows a stream of changes.
pub(super) struct Watch<T: Watched> {
    context: ContextId,
    open: Box<dyn Fn() -> WatchStream<T> + Send>,
    diff: Diff<T::Key>,
    pace: Pace,
    spread: Spread,
    signals: watch::Receiver<Signal>,
    /// A listing is under way.
    listing: bool,
    /// When the feed last said that it lives; not since a failure.
    told: Option<Instant>,
}

impl<T: Watched> Watch<T> {
    /// A feed of the stream that `open` gives.
    pub(super) fn new(
        context: ContextId,
        open: impl Fn() -> WatchStream<T> + Send + 'static,
        spread: Spread,
        signals: watch::Receiver<Signal>,
    ) -> Self {
        Self {
            context,
            open: Box::new(open),
            diff: Diff::default(),
            pace: Pace::steady(GOOD_FOR),
            spread,
            signals,
            listing: true,
            told: None,
        }
    }

    /// Takes in changes that came together.
    async fn take(&mut self, changes: Vec<crate::provider::Result<Change<T>>>, sink: &Sink) -> Result<(), Closed> {
        let mut observations = Vec::new();
        let (mut listed, mut failure) = (false, None);
        for change in changes {
            let change = match change {
                Ok(change) => change,
                Err(error) => {
                    failure = Some(error);
                    continue;
                }
            };
            failure = None;
            match change {
                Change::Listing => {
                    self.diff.begin();
                    self.listing = true;
                }
                Change::Is(item) => {
                    if self.diff.see(item.key(), &item) {
                        observations.push(item.seen());
                    }
                }
                Change::Gone(name) => {
                    let key = T::named(&self.context, name);
                    if self.diff.forget(&key) {
                        observations.extend(T::gone(key));
                    }
                }
                Change::Listed => {
                    observations.extend(self.diff.finish().into_iter().filter_map(T::gone));
                    self.listing = false;
                    listed = true;
                }
                Change::Alive => {}
            }
        }
        if let Some(error) = failure {
            sink.send(observations).await?;
            return self.failed(error, sink).await;
        }
        let now = Instant::now();
        let silent = self.told.is_none_or(|at| now.duration_since(at) >= WORD);
        if self.listing || !(listed || silent) {
            return sink.send(observations).await;
        }
        self.pace.answered(now, true);
        self.told = Some(now);
        sink.synced(observations, GOOD_FOR).await
    }

    /// Reports a failure and pauses; a nudge ends the pause.
    async fn failed(&mut self, error: ProviderError, sink: &Sink) -> Result<(), Closed> {
        self.told = None;
        let pause = self.spread.of(self.pace.failed(Instant::now(), error.kind));
        sink.failed(error.into(), pause).await?;
        let nudged = async {
            let before = self.signals.borrow_and_update().nudges;
            while next_signal(&mut self.signals).await.nudges == before {}
        };
        tokio::select! {
            () = sleep(pause) => {}
            () = nudged => {}
        }
        Ok(())
    }
}

#[async_trait]
impl<T: Watched + Sync> Feed for Watch<T> {
    async fn run(&mut self, sink: &Sink) -> Result<(), Closed> {
        loop {
            self.listing = true;
            let mut changes = (self.open)().ready_chunks(BATCH);
            while let Some(changes) = changes.next().await {
                self.take(changes, sink).await?;
            }
            let what = match sink.id.kind {
                FeedKind::Pods => "pods",
                _ => "nodes",
            };
            let ended = ProviderError {
                kind: FaultKind::Unreachable,
                call: format_smolstr!("watch {what}"),
                target: format_smolstr!("{}", self.context),
                message: "the watch ended".into(),
                mend: "".into(),
            };
            self.failed(ended, sink).await?;
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::feeds::testing::*;
    use crate::fleet::*;
    use crate::provider::Change;

    #[tokio::test(start_paused = true)]
    async fn nodes_are_followed_and_a_new_listing_blanks_nothing() {
        let kube = FakeKube::k3s("home");
        let mut rig = Rig::kubes(&[&kube]);
        let feed = kube.feed(FeedKind::Nodes);
        let is = |n: &Node| Observation::Node(Box::new(n.clone()));
        let of = |o: Vec<Observation>| -> Vec<Observation> {
            let mut o = things(o);
            o.retain(|o| !matches!(o, Observation::Server(_)));
            o
        };
        let (a, b, c) = (kube.node("a"), kube.node("b"), kube.node("c"));
        let all = [
            Change::Listing,
            Change::Is(a.clone()),
            Change::Is(b.clone()),
            Change::Listed,
        ];
        kube.nodes.say(all.map(Ok)).await;
        assert_eq!(of(rig.synced(&feed).await), [is(&a), is(&b)]);

        let cordoned = Node {
            schedulable: false,
            ..a.clone()
        };
        let changes = [
            Change::Is(cordoned.clone()),
            Change::Is(cordoned.clone()),
            Change::Alive,
        ];
        kube.nodes.say(changes.map(Ok)).await;
        assert_eq!(of(rig.for_secs(1).await), [is(&cordoned)]);

        // A listing that is cut short takes nothing away, and says nothing twice.
        kube.nodes.say([Ok(Change::Listing), Ok(Change::Is(b.clone()))]).await;
        kube.nodes
            .say([Err(error("watch nodes", FaultKind::Unreachable))])
            .await;
        near(&[rig.failed(&feed).await.1], &[2.0]);
        kube.nodes
            .say([Change::Listing, Change::Is(b.clone()), Change::Is(c.clone())].map(Ok))
            .await;
        assert_eq!(of(rig.for_secs(10).await), [is(&c)]);
        kube.nodes.say([Ok(Change::Listed)]).await;
        assert_eq!(of(rig.synced(&feed).await), [Observation::NodeGone(a.key.clone())]);

        kube.nodes
            .say([Ok(Change::Gone("b".into())), Ok(Change::Gone("b".into()))])
            .await;
        assert_eq!(of(rig.for_secs(1).await), [Observation::NodeGone(b.key.clone())]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_watch_that_lives_says_so_now_and_then() {
        let kube = FakeKube::k3s("home");
        let mut rig = Rig::kubes(&[&kube]);
        let feed = kube.feed(FeedKind::Nodes);
        let synced = |o: &[Observation]| {
            let of = |o: &&Observation| matches!(o, Observation::Feed(id, FeedReport::Synced { .. }) if *id == feed);
            o.iter().filter(of).count()
        };
        kube.nodes.say([Ok(Change::Listing), Ok(Change::Alive)]).await;
        assert_eq!(synced(&rig.for_secs(60).await), 0, "a listing under way is not whole");
        kube.nodes.say([Ok(Change::Listed)]).await;
        assert_eq!(synced(&rig.for_secs(1).await), 1);
        for _ in 0..10 {
            kube.nodes.say([Ok(Change::Alive)]).await;
            assert_eq!(synced(&rig.for_secs(1).await), 0);
        }
        rig.for_secs(5).await;
        kube.nodes.say([Ok(Change::Alive)]).await;
        assert_eq!(synced(&rig.for_secs(1).await), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_watch_that_ends_is_opened_anew() {
        let kube = FakeKube::k3s("home");
        let mut rig = Rig::kubes(&[&kube]);
        let feed = kube.feed(FeedKind::Nodes);
        kube.nodes
            .say([Change::Listing, Change::Is(kube.node("a")), Change::Listed].map(Ok))
            .await;
        rig.synced(&feed).await;
        kube.nodes.end();
        let (fault, _) = rig.failed(&feed).await;
        assert_eq!(
            (fault.call.as_str(), fault.message.as_str()),
            ("watch nodes", "the watch ended")
        );
        rig.for_secs(3).await;
        assert_eq!(kube.nodes.opened(), 1);
        kube.nodes.say([Change::Listing, Change::Listed].map(Ok)).await;
        assert_eq!(
            things(rig.synced(&feed).await),
            [Observation::NodeGone(kube.node("a").key)]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_context_without_k3s_is_told_of_and_left_alone() {
        let kube = FakeKube::new("other", "v1.36.4");
        let mut rig = Rig::kubes(&[&kube]);
        let seen = rig.for_secs(3600).await;
        assert!(matches!(&things(seen)[..], [Observation::Server(s)] if s.version == "v1.36.4"));
        assert_eq!(kube.server.calls().len(), 1);
        assert_eq!(
            (kube.nodes.opened(), kube.pods.opened(), kube.usage.calls().len()),
            (0, 0, 0)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_dead_api_server_is_tried_again_and_blocks_nobody() {
        let (dead, alive) = (FakeKube::k3s("dead"), FakeKube::k3s("alive"));
        dead.server.set(Reply::Fails(FaultKind::Unreachable));
        let mut rig = Rig::kubes(&[&dead, &alive]);
        alive.nodes.say([Change::Listing, Change::Listed].map(Ok)).await;
        rig.synced(&alive.feed(FeedKind::Nodes)).await;
        near(&[rig.failed(&dead.feed(FeedKind::Server)).await.1], &[4.0]);
        assert_eq!(dead.nodes.opened(), 0);
        dead.server.set(Reply::Is(KubeServer {
            context: dead.context.clone(),
            version: "v1.36.4+k3s1".into(),
            endpoint: "".into(),
        }));
        rig.synced(&dead.feed(FeedKind::Usage)).await;
        assert_eq!(dead.nodes.opened(), 1);
    }
}
