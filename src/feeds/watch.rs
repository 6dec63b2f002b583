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
