//! Runs a plan: stage after stage, the steps of a stage side by side. It owns retries, deadlines and cancellation; every
//! event is in the journal before anything else is done.
//!
//! ```text
//!  Plan ─▶ lock ─▶ stage ─▶ step ─▶ Control (AWS, Kubernetes)
//!                    │        └───▶ Question ─▶ whoever owns the fleet ─▶ Standing
//!                    └─ Event ─▶ journal ─▶ screen or command line
//! ```

use std::sync::Arc;
use std::time::Duration;

use futures::{FutureExt, StreamExt, stream};
use jiff::Timestamp;
use smol_str::SmolStr;
use tokio::sync::{mpsc, watch as flag};
use tokio::time::{sleep, timeout};

use super::condition::Standing;
use super::drain;
use super::event::{Event, OperationId, Outcome, Progress, StepState, What};
use super::journal::{Journal, JournalError};
use super::lock::{self, Lock, LockError};
use super::plan::{Plan, StepId};
use super::step::{CloudStep, KubeStep, Step};
use super::watch::{About, Question};
use crate::fleet::{ContextId, FaultKind, Scope};
use crate::provider::{Control, ProviderError};

/// How many steps of a stage run at once.
const AT_ONCE: usize = 16;
/// How often a call is tried when AWS throttles or nothing answers.
const TRIES: u32 = 6;
/// The pause after the first try; it doubles each time.
const PAUSE: Duration = Duration::from_secs(1);
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

/// What stopped a step.
#[derive(Debug, thiserror::Error)]
enum StepError {
    #[error(transparent)]
    Call(#[from] ProviderError),
    #[error(transparent)]
    Drain(#[from] drain::DrainError),
    #[error("nothing changes {0} from here; name its profile and region with --profile and --region")]
    NoCloud(Scope),
    #[error("nothing changes the cluster of context {0} from here; name it with --context")]
    NoKube(ContextId),
    #[error("{what} took longer than {minutes} min: {standing}; mend it and resume")]
    Waited {
        what: String,
        minutes: i64,
        standing: String,
    },
    #[error("stopped")]
    Stopped,
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
        let mut pause = PAUSE;
        let mut tries = TRIES;
        loop {
            let now = (self.clock)();
            tries -= 1;
            match Lock::take(Arc::clone(cloud), cluster, id, &self.by, now, take_over).await {
                Err(LockError::Call(error)) if error.retryable() && tries > 0 => {
                    tracing::info!(
                        "the cluster's lock is asked for again in {} s: {error}",
                        pause.as_secs()
                    );
                    sleep(pause).await;
                    pause *= 2;
                }
                taken => return taken.map(Some),
            }
        }
    }

    async fn release(&self, lock: Option<Lock>) {
        // One that cannot be given back expires by itself.
        if let Some(lock) = lock
            && let Err(error) = lock.release().await
        {
            tracing::warn!("the cluster's lock stays until it expires: {error}");
        }
    }

    async fn stages(&self, job: &mut Job, lock: &mut Option<Lock>) -> Result<Outcome, RunError> {
        for (stage, all) in job.plan.stages.iter().enumerate() {
            let wanted = |id: &StepId| match &job.resumed {
                Some(progress) => !matches!(progress.state(*id), StepState::Done(_)),
                None => true,
            };
            let ids = (0..all.steps.len()).map(|step| StepId { stage, step });
            let ids: Vec<_> = ids.filter(wanted).collect();
            if *job.stop.borrow() {
                return Ok(Outcome::Cancelled);
            }
            let (tx, mut told) = mpsc::channel::<What>(ANSWERS * AT_ONCE);
            let resumed = job.resumed.is_some();
            let plan = &job.plan;
            let stop = &job.stop;
            let steps = ids
                .into_iter()
                .map(|id| self.step(plan, id, resumed, stop.clone(), tx.clone()).boxed());
            let steps: Vec<_> = steps.collect();
            let mut work = stream::iter(steps).buffer_unordered(AT_ONCE).collect::<Vec<_>>();
            let mut renew = tokio::time::interval(Duration::from_secs(lock::RENEWED.as_secs().unsigned_abs()));
            renew.tick().await;
            let results = loop {
                tokio::select! {
                    biased;
                    Some(what) = told.recv() => self.tell(&job.id, &mut job.journal, what).await?,
                    results = &mut work => break results,
                    _ = renew.tick() => if let Some(lock) = lock {
                        self.renew(lock, plan).await?;
                    },
                }
            };
            while let Ok(what) = told.try_recv() {
                self.tell(&job.id, &mut job.journal, what).await?;
            }
            if results.iter().any(|r| matches!(r, Err(Ended::Failed))) {
                return Ok(Outcome::Failed);
            }
            if results.iter().any(|r| matches!(r, Err(Ended::Stopped))) {
                return Ok(Outcome::Cancelled);
            }
        }
        Ok(Outcome::Done)
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

    async fn step(
        &self,
        plan: &Plan,
        id: StepId,
        resumed: bool,
        stop: flag::Receiver<bool>,
        tell: mpsc::Sender<What>,
    ) -> Result<(), Ended> {
        let Some(step) = plan.step(id) else { return Ok(()) };
        let (what, result) = if resumed && self.is_done(step).await {
            let line = "was done already".to_owned();
            (What::StepDone { step: id, line }, Ok(()))
        } else {
            // Where nobody takes what is told, the operation has ended already.
            let _unread = tell.send(What::StepBegan { step: id }).await;
            match self.work(step, id, stop, &tell).await {
                Ok(line) => (What::StepDone { step: id, line }, Ok(())),
                Err(StepError::Stopped) => return Err(Ended::Stopped),
                Err(error) => {
                    let error = error.to_string();
                    (What::StepFailed { step: id, error }, Err(Ended::Failed))
                }
            }
        };
        let _unread = tell.send(what).await;
        result
    }

    async fn work(
        &self,
        step: &Step,
        id: StepId,
        stop: flag::Receiver<bool>,
        tell: &mpsc::Sender<What>,
    ) -> Result<String, StepError> {
        // What is not read in time is not worth reading.
        let say = |line: String| drop(tell.try_send(What::StepSaid { step: id, line }));
        match step {
            Step::Cloud(scope, step) => {
                // Ending a member twice could let its group want two fewer: only a call that AWS did not take is repeated.
                let again = |error: &ProviderError| match step {
                    CloudStep::EndMember { .. } => error.kind == FaultKind::Throttled,
                    _ => error.retryable(),
                };
                self.retried(&say, again, || self.cloud(scope, step)).await?;
                Ok(String::new())
            }
            Step::Kube(node, KubeStep::Drain(options)) => {
                let kube = self
                    .control
                    .kube(&node.context)
                    .ok_or_else(|| StepError::NoKube(node.context.clone()))?;
                let work = drain::drain(&**kube, &node.name, options, &say);
                let gone = unless_stopped(stop, work).await??;
                Ok(format!("{gone} pods evicted"))
            }
            Step::Kube(node, step) => {
                let call = || self.kube(&node.context, &node.name, step);
                self.retried(&say, ProviderError::retryable, call).await?;
                Ok(String::new())
            }
            Step::Wait(condition, at_most) => {
                let limit = Duration::from_secs(at_most.as_secs().unsigned_abs());
                let mut standing = String::new();
                let work = timeout(
                    limit,
                    self.wait(About::Until(condition.clone()), |line| {
                        standing.clone_from(&line);
                        say(line);
                    }),
                );
                match unless_stopped(stop, work).await? {
                    Ok(()) => Ok(String::new()),
                    Err(_elapsed) => Err(StepError::Waited {
                        what: condition.describe(),
                        minutes: at_most.as_mins(),
                        standing,
                    }),
                }
            }
        }
    }

    /// Waits until something about the fleet is so.
    async fn wait(&self, about: About, mut say: impl FnMut(String)) {
        let (tell, mut answers) = mpsc::channel(ANSWERS);
        if self.questions.send(Question { about, tell }).await.is_err() {
            return std::future::pending().await;
        }
        while let Some(standing) = answers.recv().await {
            match standing {
                Standing::Met => return,
                Standing::Waiting(line) => say(line),
            }
        }
        // Whoever owns the fleet has gone: so will the operation.
        std::future::pending().await
    }

    /// Whether the fleet shows that a step is done already.
    async fn is_done(&self, step: &Step) -> bool {
        let (tell, mut answers) = mpsc::channel(ANSWERS);
        let about = About::Done(Box::new(step.clone()));
        if self.questions.send(Question { about, tell }).await.is_err() {
            return false;
        }
        answers.recv().await.is_some_and(|standing| standing.is_met())
    }

    /// Makes a call, again where it may go better later.
    async fn retried<F: Future<Output = Result<(), StepError>>>(
        &self,
        say: &impl Fn(String),
        again: impl Fn(&ProviderError) -> bool,
        call: impl Fn() -> F,
    ) -> Result<(), StepError> {
        let mut pause = PAUSE;
        for tried in 1..=TRIES {
            match call().await {
                Err(StepError::Call(error)) if again(&error) && tried < TRIES => {
                    say(format!("{}; trying again in {} s", error.message, pause.as_secs()));
                    sleep(pause).await;
                    pause *= 2;
                }
                result => return result,
            }
        }
        Ok(())
    }

    async fn cloud(&self, scope: &Scope, step: &CloudStep) -> Result<(), StepError> {
        let cloud = self
            .control
            .cloud(scope)
            .ok_or_else(|| StepError::NoCloud(scope.clone()))?;
        let done = match step {
            CloudStep::SetDesired { asg, desired } => cloud.set_desired(asg, *desired).await,
            CloudStep::SetBounds { asg, min, max } => cloud.set_bounds(asg, *min, *max).await,
            CloudStep::EndMember { instance, shrink, .. } => cloud.end_member(instance, *shrink).await,
            CloudStep::End { instance } => cloud.end(instance).await,
            CloudStep::SetTarget {
                fleet,
                target,
                end_excess,
            } => cloud.set_target(fleet, *target, *end_excess).await,
        };
        Ok(done?)
    }

    async fn kube(&self, context: &ContextId, node: &str, step: &KubeStep) -> Result<(), StepError> {
        let kube = self
            .control
            .kube(context)
            .ok_or_else(|| StepError::NoKube(context.clone()))?;
        let done = match step {
            KubeStep::Cordon => kube.set_schedulable(node, false).await,
            KubeStep::Uncordon => kube.set_schedulable(node, true).await,
            KubeStep::Delete => kube.delete_node(node).await,
            KubeStep::Drain(_) => Ok(()),
        };
        Ok(done?)
    }
}

/// Why a step did not come to its end.
enum Ended {
    Failed,
    Stopped,
}

/// Does some work, unless the operator stops it: what is cut off here can be done again.
async fn unless_stopped<T>(mut stop: flag::Receiver<bool>, work: impl Future<Output = T>) -> Result<T, StepError> {
    let stopped = async {
        if stop.wait_for(|stop| *stop).await.is_err() {
            // Nobody can stop it any longer.
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        biased;
        () = stopped => Err(StepError::Stopped),
        result = work => Ok(result),
    }
}
