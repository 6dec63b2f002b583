//! Where a feed hands on what it learns.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::mpsc;

use super::{Batch, Clock};
use crate::fleet::{Fault, FeedId, FeedReport, Observation};

/// The most observations in one batch: whoever applies them has other things to do in between.
pub(super) const BATCH: usize = 256;

/// Nobody takes observations any more: the feed ends.
#[derive(Debug)]
pub(super) struct Closed;

/// One feed's way to the channel. A full channel makes the feed wait; nothing is ever dropped.
#[derive(Clone)]
pub(super) struct Sink {
    pub(super) id: FeedId,
    pub(super) tx: mpsc::Sender<Batch>,
    pub(super) clock: Clock,
    pub(super) speed: f64,
}

impl Sink {
    /// What time it is.
    pub(super) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// A span of the runtime's time as the clock tells it.
    fn span(&self, time: Duration) -> SignedDuration {
        SignedDuration::try_from_secs_f64(time.as_secs_f64() * self.speed).unwrap_or(SignedDuration::MAX)
    }

    /// Hands on observations made now, in order.
    pub(super) async fn send(&self, observations: Vec<Observation>) -> Result<(), Closed> {
        let at = self.now();
        let mut rest = observations.into_iter();
        loop {
            let observations: Vec<_> = rest.by_ref().take(BATCH).collect();
            if observations.is_empty() {
                return Ok(());
            }
            let sent = self.tx.send(Batch { at, observations }).await;
            sent.map_err(|_nobody| Closed)?;
        }
    }

    /// Hands on observations, and that with them all is told.
    pub(super) async fn synced(&self, mut observations: Vec<Observation>, good_for: Duration) -> Result<(), Closed> {
        let good_for = self.span(good_for);
        observations.push(Observation::Feed(self.id.clone(), FeedReport::Synced { good_for }));
        self.send(observations).await
    }

    /// Reports a failure, and in what time the source is tried again.
    pub(super) async fn failed(&self, fault: Fault, retry_in: Duration) -> Result<(), Closed> {
        tracing::warn!(feed = %self.id, kind = ?fault.kind, ?retry_in, "{fault}");
        let retry_at = self.now().checked_add(self.span(retry_in)).unwrap_or(Timestamp::MAX);
        let report = FeedReport::Failed { fault, retry_at };
        self.send(vec![Observation::Feed(self.id.clone(), report)]).await
    }
}
