//! Small fake ports whose answers a test sets, and a listener at the end of the channel.

mod ports;

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::{Batch, Clock, Feeds, Settings};
use crate::fleet::*;
use crate::provider::{Cloud, Kube, ProviderError, Providers, Result};

pub(super) use ports::{FakeCloud, FakeKube, FakeShell};

/// What a fake call does.
#[derive(Clone)]
pub(super) enum Reply<T> {
    Is(T),
    Fails(FaultKind),
    Panics,
    Hangs,
}

/// One call of a fake port: what it replies, and when and with what it was called.
pub(super) struct Fake<T> {
    reply: Mutex<Reply<T>>,
    calls: Mutex<Vec<(Instant, String)>>,
}

impl<T: Clone + Default> Default for Fake<T> {
    fn default() -> Self {
        Self {
            reply: Mutex::new(Reply::Is(T::default())),
            calls: Mutex::default(),
        }
    }
}

impl<T: Clone> Fake<T> {
    pub(super) fn set(&self, reply: Reply<T>) {
        *self.reply.lock().unwrap() = reply;
    }

    pub(super) fn is(&self, answer: T) {
        self.set(Reply::Is(answer));
    }

    pub(super) fn calls(&self) -> MutexGuard<'_, Vec<(Instant, String)>> {
        self.calls.lock().unwrap()
    }

    /// The pauses between the calls, in seconds.
    pub(super) fn pauses(&self) -> Vec<f64> {
        let calls = self.calls();
        calls.windows(2).map(|w| (w[1].0 - w[0].0).as_secs_f64()).collect()
    }

    /// The arguments of the calls, in order.
    pub(super) fn arguments(&self) -> Vec<String> {
        self.calls().iter().map(|(_, a)| a.clone()).collect()
    }

    async fn call(&self, call: &str, argument: impl ToString) -> Result<T> {
        self.calls().push((Instant::now(), argument.to_string()));
        let reply = self.reply.lock().unwrap().clone();
        match reply {
            Reply::Is(answer) => Ok(answer),
            Reply::Fails(kind) => Err(error(call, kind)),
            Reply::Panics => panic!("{call} panics"),
            Reply::Hangs => std::future::pending().await,
        }
    }
}

pub(super) fn error(call: &str, kind: FaultKind) -> ProviderError {
    ProviderError {
        kind,
        call: call.into(),
        target: "fake".into(),
        message: "no".into(),
        mend: "".into(),
    }
}

pub(super) fn host(name: &str) -> EdgeHost {
    EdgeHost {
        name: HostName::new(name),
        group: "lab".into(),
        address: None,
        user: None,
        port: None,
        cluster: None,
        labels: Box::default(),
        taints: Box::default(),
    }
}

/// A clock on the runtime's time.
pub(super) fn clock() -> Clock {
    let base = Instant::now();
    Arc::new(move || epoch() + SignedDuration::try_from(base.elapsed()).unwrap())
}

/// When the tests' clock begins.
pub(super) fn epoch() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

pub(super) fn settings() -> Settings {
    Settings {
        seed: 7,
        ..Settings::default()
    }
}

/// The feeds of fake ports, and the end of their channel.
pub(super) struct Rig {
    pub(super) feeds: Feeds,
    pub(super) rx: mpsc::Receiver<Batch>,
}

impl Rig {
    pub(super) fn start(providers: Providers) -> Self {
        Self::with_capacity(providers, 64)
    }

    pub(super) fn with_capacity(providers: Providers, capacity: usize) -> Self {
        let (tx, rx) = mpsc::channel(capacity);
        let feeds = Feeds::start(providers, settings(), clock(), tx);
        Self { feeds, rx }
    }

    pub(super) fn clouds(clouds: &[&Arc<FakeCloud>]) -> Self {
        Self::start(Providers {
            clouds: clouds.iter().map(|c| Arc::clone(c) as Arc<dyn Cloud>).collect(),
            ..Providers::default()
        })
    }

    pub(super) fn kubes(kubes: &[&Arc<FakeKube>]) -> Self {
        Self::start(Providers {
            kubes: kubes.iter().map(|k| Arc::clone(k) as Arc<dyn Kube>).collect(),
            ..Providers::default()
        })
    }

    /// Everything up to the first observation that is meant, that one included.
    pub(super) async fn until(&mut self, meant: impl Fn(&Observation) -> bool) -> Vec<Observation> {
        let mut seen = Vec::new();
        let all = async {
            while let Some(batch) = self.rx.recv().await {
                for observation in batch.observations {
                    let found = meant(&observation);
                    seen.push(observation);
                    if found {
                        return;
                    }
                }
            }
            panic!("the channel closed; seen: {seen:#?}");
        };
        let limit = tokio::time::timeout(Duration::from_hours(48), all).await;
        assert!(limit.is_ok(), "never seen");
        seen
    }

    /// Everything until a feed says that all is told; of that feed's things only.
    pub(super) async fn synced(&mut self, feed: &FeedId) -> Vec<Observation> {
        self.until(|o| matches!(o, Observation::Feed(id, FeedReport::Synced { .. }) if id == feed))
            .await
    }

    /// The next failure of a feed: its class, and in how many seconds it is tried again.
    pub(super) async fn failed(&mut self, feed: &FeedId) -> (Fault, f64) {
        loop {
            let batch = self.rx.recv().await.expect("the channel is open");
            for observation in batch.observations {
                if let Observation::Feed(id, FeedReport::Failed { fault, retry_at }) = observation
                    && id == *feed
                {
                    return (fault, retry_at.duration_since(batch.at).as_secs_f64());
                }
            }
        }
    }

    /// Takes everything that comes within a time.
    pub(super) async fn for_secs(&mut self, secs: u64) -> Vec<Observation> {
        let mut seen = Vec::new();
        let end = Instant::now() + Duration::from_secs(secs);
        while let Ok(Some(batch)) = tokio::time::timeout_at(end, self.rx.recv()).await {
            seen.extend(batch.observations);
        }
        seen
    }
}

/// Without the reports.
pub(super) fn things(observations: Vec<Observation>) -> Vec<Observation> {
    let mut things = observations;
    things.retain(|o| !matches!(o, Observation::Feed(..)));
    things
}

/// Times in seconds are as expected, but for the spread.
pub(super) fn near(times: &[f64], expected: &[f64]) {
    assert_eq!(times.len(), expected.len(), "{times:?}");
    for (time, expected) in times.iter().zip(expected) {
        assert!(
            (time - expected).abs() <= expected * 0.101,
            "{times:?} is not about {expected}"
        );
    }
}
