//! Runs a plan: stage after stage, the steps of a stage side by side. It owns retries, deadlines and cancellation; every
//! event is in the journal before anything else is done.
//!
//! ```text
//!  Plan ─▶ lock ─▶ stage ─▶ step ─▶ Control (AWS, Kubernetes)
//!                    │        └───▶ Question ─▶ whoever owns the fleet ─▶ Standing
//!                    └─ Event ─▶ journal ─▶ screen or command line
//! ```

mod coming;
mod error;
mod freeing;
mod join;
mod kept;
mod machine;
mod making;
mod marks;
mod release;
mod stack;
#[cfg(test)]
mod tests;
mod work;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::{FutureExt, StreamExt, stream};
use jiff::Timestamp;
use smol_str::SmolStr;
use tokio::sync::{Mutex, mpsc, watch as flag};

use super::event::{Event, Made, OperationId, Outcome, Progress, StepState, What};
use super::journal::{Journal, JournalError};
use super::lock::{self, Lock, LockError};
use super::plan::{Plan, Stage, StepId};
use super::step::Step;
use super::watch::Question;
use crate::provider::{Control, ProviderError};

/// How often a call is tried when AWS throttles or nothing answers.
const TRIES: u32 = 6;
/// The pause after the first try; it doubles each time.
const PAUSE: Duration = Duration::from_secs(1);
/// The least time between two renewals of a lock.
const LEAST: Duration = Duration::from_millis(100);
/// How many answers about the fleet may wait to be read.
const ANSWERS: usize = 4;

/// What running operations need of the rest of the program.
#[derive(Clone)]
pub struct Executor {
    /// What can be changed.
    pub control: Control,
    /// Where questions about the fleet go.
    pub questions: mpsc::Sender<Question>,
    /// Where events go, after the journal.
    pub events: mpsc::Sender<(OperationId, Event)>,
    /// Tells the time.
    pub clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// Who runs operations here, as `user@host`.
    pub by: SmolStr,
    /// Where the kubeconfigs of launched clusters are kept.
    pub kubeconfigs: PathBuf,
    /// Seconds that pass on the clock in one second: simulated worlds may run fast.
    pub speed: f64,
}

/// An operation to be run.
pub struct Job {
    /// Its name.
    pub id: OperationId,
    /// What it does.
    pub plan: Plan,
    /// Its journal.
    pub journal: Journal,
    /// How far it has come, when it goes on after it was cut off.
    pub resumed: Option<Progress>,
    /// Whether another's lock is taken over.
    pub take_over: bool,
    /// Becomes true when the operator wants it to stop.
    pub stop: flag::Receiver<bool>,
}

/// Why an operation did not even begin, or could not go on.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Its cluster is being changed.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// Its journal cannot be written: nothing is done that could not be found again.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Nothing can be changed from here.
    #[error("nothing can be changed in read-only mode; start without --read-only")]
    ReadOnly,
    /// The operation's task panicked.
    #[error("it crashed, which is a bug; its journal tells how far it came: resume it with k3fleet ops resume")]
    Crashed,
}

impl Executor {
    /// Runs an operation to its end. An error means that it did not begin, or that its journal failed.
    pub async fn run(&self, mut job: Job) -> Result<Outcome, RunError> {
        if self.control.is_read_only() {
            if job.resumed.is_none() {
                job.journal.discard()?;
            }
            return Err(RunError::ReadOnly);
        }
        let mut lock = match self.lock(&job.plan, &job.id, job.take_over).await {
            Ok(lock) => lock,
            Err(error) => {
                if job.resumed.is_none() {
                    job.journal.discard()?;
                }
                return Err(error.into());
            }
        };
        let first = match job.resumed {
            Some(_) => What::Resumed { by: self.by.clone() },
            None => What::Began {
                plan: Box::new(job.plan.clone()),
                by: self.by.clone(),
            },
        };
        self.tell(&job.id, &mut job.journal, first).await?;
        let outcome = self.stages(&mut job, &mut lock).await;
        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(error) => {
                self.release(lock).await;
                return Err(error);
            }
        };
        self.tell(&job.id, &mut job.journal, What::Ended { outcome }).await?;
        self.release(lock).await;
        Ok(outcome)
    }

    /// A time on the clock as time that passes here.
    fn paced(&self, time: Duration) -> Duration {
        paced(time, self.speed)
    }

    /// Gives an operation up: it is not offered any longer, and its lock is given back.
    pub async fn abort(&self, mut journal: Journal, progress: Progress) -> Result<Outcome, RunError> {
        let outcome = Outcome::Aborted;
        self.tell(&progress.id, &mut journal, What::Ended { outcome }).await?;
        match self.lock(&progress.plan, &progress.id, false).await {
            Ok(lock) => self.release(lock).await,
            Err(error) => tracing::info!("the operation's lock is not its own any longer: {error}"),
        }
        Ok(outcome)
    }

    /// The cluster's lock, where AWS can keep one.
    async fn lock(&self, plan: &Plan, id: &OperationId, take_over: bool) -> Result<Option<Lock>, LockError> {
        let cluster = &plan.cluster;
        let Some(cloud) = cluster.home.as_ref().and_then(|home| self.control.cloud(home)) else {
            return Ok(None);
        };
        let say = |line: String| tracing::info!("the cluster's lock is not taken yet: {line}");
        let take = || Lock::take(Arc::clone(cloud), cluster, id, &self.by, (self.clock)(), take_over);
        let taken = work::retried(self.speed, LockError::call, ProviderError::retryable, say, take);
        taken.await.map(Some)
    }

    async fn release(&self, lock: Option<Lock>) {
        let Some(lock) = lock else { return };
        let say = |line: String| tracing::info!("the cluster's lock is not given back yet: {line}");
        let given = work::retried(self.speed, itself, ProviderError::retryable, say, || lock.release()).await;
        // One that cannot be given back expires by itself.
        if let Err(error) = given {
            tracing::warn!("the cluster's lock stays until it expires: {error}");
        }
    }

    async fn stages(&self, job: &mut Job, lock: &mut Option<Lock>) -> Result<Outcome, RunError> {
        let mut made = job.resumed.as_ref().map_or_else(Vec::new, |p| p.made().to_vec());
        let token = Mutex::new(None);
        let mut so_far = Outcome::Done;
        for (stage, all) in job.plan.stages.iter().enumerate() {
            if so_far != Outcome::Done && !all.whatever {
                continue;
            }
            let wanted = |id: &StepId| match &job.resumed {
                Some(progress) => {
                    let passing = job.plan.step(*id).is_some_and(Step::is_passing);
                    passing || !matches!(progress.state(*id), StepState::Done(_))
                }
                None => true,
            };
            let ids = (0..all.steps.len()).map(|step| StepId { stage, step });
            let ids: Vec<_> = ids.filter(wanted).collect();
            let wants = |id: &StepId| job.plan.step(*id).is_some_and(|step| !step.is_passing());
            if *job.stop.borrow() && (!all.whatever || ids.iter().any(wants)) {
                so_far = Outcome::Cancelled;
                continue;
            }
            let at_once = all.at_once();
            let (tx, mut told) = mpsc::channel::<What>(ANSWERS * at_once);
            let resumed = job.resumed.is_some();
            let plan = &job.plan;
            let stop = &job.stop;
            let before = made.clone();
            let of = |id| work::Of {
                plan,
                id,
                operation: &job.id,
                made: &before,
                resumed,
                token: &token,
            };
            let steps = ids
                .into_iter()
                .map(|id| self.step(of(id), stop.clone(), tx.clone()).boxed());
            let steps: Vec<_> = steps.collect();
            let mut work = stream::iter(steps).buffer_unordered(at_once).collect::<Vec<_>>();
            let renewed = Duration::from_secs(lock::RENEWED.as_secs().unsigned_abs());
            let mut renew = tokio::time::interval(self.paced(renewed).max(LEAST));
            renew.tick().await;
            let results = loop {
                tokio::select! {
                    biased;
                    Some(what) = told.recv() => {
                        remember(&mut made, &what);
                        self.tell(&job.id, &mut job.journal, what).await?;
                    }
                    results = &mut work => break results,
                    _ = renew.tick() => if let Some(lock) = lock {
                        self.renew(lock, plan).await?;
                    },
                }
            };
            while let Ok(what) = told.try_recv() {
                remember(&mut made, &what);
                self.tell(&job.id, &mut job.journal, what).await?;
            }
            so_far = match so_far {
                Outcome::Done => became(all, &results),
                worse => worse,
            };
        }
        Ok(so_far)
    }

    /// Renews the lock. AWS that does not answer is no reason to stop; another holder is.
    async fn renew(&self, lock: &mut Lock, plan: &Plan) -> Result<(), LockError> {
        match lock.renew(&plan.cluster, (self.clock)()).await {
            Err(LockError::Call(error)) if error.retryable() => {
                tracing::warn!("the cluster's lock is not renewed: {error}");
                Ok(())
            }
            renewed => renewed,
        }
    }

    /// Writes an event down, then passes it on.
    async fn tell(&self, id: &OperationId, journal: &mut Journal, what: What) -> Result<(), JournalError> {
        let event = Event {
            at: (self.clock)(),
            what,
        };
        journal.append(&event)?;
        // Nobody may look any longer; the journal has it.
        let _unread = self.events.send((id.clone(), event)).await;
        Ok(())
    }
}

fn itself(error: &ProviderError) -> Option<&ProviderError> {
    Some(error)
}

/// A time on a clock that runs so much faster, as time that passes here.
pub(super) fn paced(time: Duration, speed: f64) -> Duration {
    Duration::try_from_secs_f64(time.as_secs_f64() / speed).unwrap_or(time)
}

fn remember(made: &mut Vec<Made>, what: &What) {
    if let What::StepMade { made: new, .. } = what {
        made.push(new.clone());
    }
}

/// What a stage's results make of an operation that went well until then. Where each step is its own matter, some that
/// came to their end are worth something.
fn became(stage: &Stage, results: &[Result<(), Ended>]) -> Outcome {
    let failed = results.iter().filter(|r| matches!(r, Err(Ended::Failed))).count();
    let stopped = results.iter().any(|r| matches!(r, Err(Ended::Stopped)));
    match failed {
        _ if stopped => Outcome::Cancelled,
        0 => Outcome::Done,
        some if stage.is_each_its_own() && some < results.len() => Outcome::Partly,
        _ => Outcome::Failed,
    }
}

/// Why a step did not come to its end.
enum Ended {
    Failed,
    Stopped,
}
