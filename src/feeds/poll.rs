//! The loop of every feed whose source is asked again and again.

use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use super::fault::silence;
use super::pace::{Pace, Spread};
use super::sink::{Closed, Sink};
use super::supervisor::Feed;
use crate::fleet::{Fault, Observation};
use crate::provider::ProviderError;

/// The longest that one answer is waited for, paging and all.
const LIMIT: Duration = Duration::from_mins(2);
/// However often it is nudged, a source is asked at most so often.
const LEAST: Duration = Duration::from_secs(1);
/// The pause when an answer left something to ask.
const MORE: Duration = Duration::from_secs(3);

/// What all feeds of one source are told from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Signal {
    /// Somebody looks.
    pub(super) focused: bool,
    /// How often something was said to happen there.
    pub(super) nudges: u64,
}

/// A source that is asked.
#[async_trait]
pub(super) trait Poll: Send {
    /// Asks once. What can be told early goes to the sink, the rest is the answer.
    async fn read(&mut self, sink: &Sink) -> Result<Answer, Halt>;

    /// Whether there is nothing to ask for until a wish comes.
    fn idle(&self) -> bool {
        false
    }

    /// Comes back when there is something new to ask for. Cancel-safe.
    async fn wished(&mut self) {
        std::future::pending().await
    }

    /// Whether an urgent matter may come at any time.
    fn urgent(&self) -> bool {
        false
    }

    /// The longest that one answer is waited for.
    fn limit(&self) -> Duration {
        LIMIT
    }
}

/// What a source said.
pub(super) struct Answer {
    /// What is new.
    pub(super) observations: Vec<Observation>,
    /// When to ask again.
    pub(super) next: Next,
}

/// When a source is asked again after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// At its pace.
    Paced,
    /// Soon: not all was asked yet.
    Soon,
    /// Never: the feed has told all it ever will.
    Never,
}

/// Why a source gave no answer.
pub(super) enum Halt {
    /// It failed.
    Failed(Fault),
    /// Nobody listens any more.
    Closed,
}

impl From<ProviderError> for Halt {
    fn from(error: ProviderError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<Closed> for Halt {
    fn from(_: Closed) -> Self {
        Self::Closed
    }
}

/// A feed that asks its source at its pace.
pub(super) struct Polled<P> {
    source: P,
    pace: Pace,
    spread: Spread,
    signals: watch::Receiver<Signal>,
    /// How many nudges were heeded.
    nudges: u64,
}

impl<P: Poll> Polled<P> {
    /// A feed that asks at once, and then at its pace.
    pub(super) fn new(source: P, pace: Pace, spread: Spread, signals: watch::Receiver<Signal>) -> Self {
        let nudges = signals.borrow().nudges;
        Self {
            source,
            pace,
            spread,
            signals,
            nudges,
        }
    }

    /// Waits until the source is to be asked.
    async fn wait(&mut self, mut due: Instant, asked: Option<Instant>) {
        let earliest = |now: Instant| asked.map_or(now, |at| now.max(at + LEAST));
        loop {
            let idle = self.source.idle();
            tokio::select! {
                () = sleep_until(due), if !idle => return,
                () = self.source.wished() => {
                    if self.pace.may_hurry() {
                        due = due.min(earliest(Instant::now()));
                    }
                }
                signal = next_signal(&mut self.signals) => {
                    let now = Instant::now();
                    self.pace.focus(signal.focused, now);
                    if signal.nudges != self.nudges {
                        self.nudges = signal.nudges;
                        self.pace.nudge(now);
                        if self.pace.heeds_nudges() {
                            due = due.min(earliest(now));
                        }
                    } else if !self.pace.is_failing() {
                        due = due.min(asked.map_or(now, |at| at + self.pace.interval(now)));
                    }
                }
            }
        }
    }

    async fn ask(&mut self, sink: &Sink) -> Result<Answer, Halt> {
        let limit = self.source.limit();
        let Ok(answer) = timeout(limit, self.source.read(sink)).await else {
            return Err(Halt::Failed(silence(&sink.id, limit)));
        };
        answer
    }
}

#[async_trait]
impl<P: Poll> Feed for Polled<P> {
    async fn run(&mut self, sink: &Sink) -> Result<(), Closed> {
        let mut asked = None;
        let mut due = Instant::now();
        loop {
            self.wait(due, asked).await;
            let began = Instant::now();
            let answer = self.ask(sink).await;
            let now = Instant::now();
            asked = Some(now);
            let pause = match answer {
                Ok(answer) => {
                    self.pace.took(now.duration_since(began));
                    self.pace.answered(now, !answer.observations.is_empty());
                    self.pace.urgent(self.source.urgent());
                    match answer.next {
                        Next::Soon => sink.send(answer.observations).await?,
                        Next::Paced => sink.synced(answer.observations, self.pace.good_for(now)).await?,
                        Next::Never => sink.synced(answer.observations, Duration::MAX).await?,
                    }
                    match answer.next {
                        Next::Never => return Ok(()),
                        Next::Soon => MORE,
                        Next::Paced => self.spread.of(self.pace.interval(now)),
                    }
                }
                Err(Halt::Failed(fault)) => {
                    let pause = self.spread.of(self.pace.failed(now, fault.kind));
                    sink.failed(fault, pause).await?;
                    pause
                }
                Err(Halt::Closed) => return Err(Closed),
            };
            due = now + pause;
        }
    }
}

/// The next signal; never, once nobody can send one.
pub(super) async fn next_signal(signals: &mut watch::Receiver<Signal>) -> Signal {
    if signals.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
    *signals.borrow_and_update()
}
