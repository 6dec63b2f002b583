//! Operations beside whoever owns the fleet: the screen's loop or a command. The owner starts and stops them here, takes
//! what they tell from [`Operations::next`], and lets them look at the fleet whenever it has changed.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use smol_str::{SmolStr, format_smolstr};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::feeds::{Clock, Feeds};
use crate::fleet::{ContextId, Fleet, Source};
use crate::ops::{
    Event, Executor, Job, Journal, JournalError, OperationId, Outcome, Plan, Progress, Question, Questions, Reach,
    RunError, Step, journal,
};
use crate::provider::{Control, KubeControl};

/// How many events and questions may wait to be taken.
const WAITING: usize = 256;

/// The running operations. Dropping it stops them where they are; their journals tell how far they came.
pub struct Operations {
    executor: Executor,
    directory: PathBuf,
    told: mpsc::Receiver<(OperationId, Event)>,
    asked: mpsc::Receiver<Question>,
    questions: Questions,
    tasks: JoinSet<(OperationId, Result<Outcome, RunError>)>,
    running: BTreeMap<OperationId, Running>,
}

/// What is kept of a running operation.
struct Running {
    plan: Plan,
    stop: watch::Sender<bool>,
}

/// What happened.
#[derive(Debug)]
pub enum Happened {
    /// An operation tells something.
    Told(OperationId, Event),
    /// An operation asks about the fleet: it is to be looked at now.
    Asked,
    /// An operation runs no longer. An error means that it did not begin, or that its journal failed.
    Ended(OperationId, Box<Plan>, Result<Outcome, RunError>),
}

impl Operations {
    /// Operations that change what `control` reaches; journals are kept in `directory`, the kubeconfigs of launched
    /// clusters in `kubeconfigs`.
    pub fn new(control: Control, clock: Clock, directory: PathBuf, kubeconfigs: PathBuf) -> Self {
        let (events, told) = mpsc::channel(WAITING);
        let (questions, asked) = mpsc::channel(WAITING);
        Self {
            executor: Executor {
                control,
                questions,
                events,
                clock,
                by: who(),
                kubeconfigs,
                speed: 1.0,
            },
            directory,
            told,
            asked,
            questions: Questions::default(),
            tasks: JoinSet::new(),
            running: BTreeMap::new(),
        }
    }

    /// The same in a world whose clock runs so much faster.
    #[must_use]
    pub fn at_speed(mut self, speed: f64) -> Self {
        self.executor.speed = speed;
        self
    }

    /// What later operations change Kubernetes through; those that run keep what they have.
    pub fn set_kubes(&mut self, kubes: Vec<Arc<dyn KubeControl>>) {
        self.executor.control.kubes = kubes;
    }

    /// All operations that have a journal, the newest first, and what is wrong with journals.
    pub fn journals(&self) -> (Vec<Progress>, Vec<JournalError>) {
        journal::list(&self.directory)
    }

    /// Begins a confirmed plan.
    pub fn start(&mut self, plan: Plan, take_over: bool) -> Result<OperationId, JournalError> {
        let id = OperationId::new(plan.request.verb(), (self.executor.clock)(), fastrand::u32(..));
        let journal = Journal::create(&self.directory, &id)?;
        self.spawn(id.clone(), plan, journal, None, take_over);
        Ok(id)
    }

    /// Goes on with an operation that was cut off, failed or was stopped; gives how far it had come.
    pub fn resume(&mut self, id: &OperationId, take_over: bool) -> Result<Progress, JournalError> {
        let (journal, progress) = Journal::resume(&self.directory, id)?;
        let plan = progress.plan.clone();
        self.spawn(id.clone(), plan, journal, Some(progress.clone()), take_over);
        Ok(progress)
    }

    /// Gives an operation up that nobody runs: it is not offered any longer. It ends soon, as others do.
    pub fn abort(&mut self, id: &OperationId) -> Result<(), JournalError> {
        let (journal, progress) = Journal::resume(&self.directory, id)?;
        let plan = progress.plan.clone();
        let executor = self.executor.clone();
        let name = id.clone();
        self.tasks
            .spawn(async move { (name, executor.abort(journal, progress).await) });
        let (stop, _) = watch::channel(false);
        self.running.insert(id.clone(), Running { plan, stop });
        Ok(())
    }

    /// Stops an operation before its next step; gives whether it runs here.
    pub fn stop(&self, id: &OperationId) -> bool {
        let running = self.running.get(id);
        running.is_some_and(|running| running.stop.send(true).is_ok())
    }

    /// Stops all.
    pub fn stop_all(&self) {
        for running in self.running.values() {
            // One that has just ended needs no stopping.
            let _ended = running.stop.send(true);
        }
    }

    /// The plan of an operation that runs here.
    pub fn plan(&self, id: &OperationId) -> Option<&Plan> {
        self.running.get(id).map(|running| &running.plan)
    }

    /// Whether none runs.
    pub fn is_idle(&self) -> bool {
        self.running.is_empty()
    }

    /// What happens next; never, while none runs. Cancel-safe.
    pub async fn next(&mut self) -> Happened {
        tokio::select! {
            // What an operation tells comes before its end.
            biased;
            Some((id, event)) = self.told.recv() => Happened::Told(id, event),
            Some(question) = self.asked.recv() => {
                self.questions.ask(question);
                Happened::Asked
            }
            Some(ended) = self.tasks.join_next() => match ended {
                Ok((id, result)) => match self.running.remove(&id) {
                    Some(running) => Happened::Ended(id, Box::new(running.plan), result),
                    None => std::future::pending().await,
                },
                Err(_crashed) => self.crashed(),
            },
            else => std::future::pending().await,
        }
    }

    /// Answers what operations ask about the fleet. To be called when observations have come in.
    pub fn look(&mut self, fleet: &Fleet) {
        if !self.questions.is_empty() {
            self.questions.look(fleet, (self.executor.clock)());
        }
    }

    fn spawn(&mut self, id: OperationId, plan: Plan, journal: Journal, resumed: Option<Progress>, take_over: bool) {
        let (stop, stopped) = watch::channel(false);
        let job = Job {
            id: id.clone(),
            plan: plan.clone(),
            journal,
            resumed,
            take_over,
            stop: stopped,
        };
        let executor = self.executor.clone();
        let name = id.clone();
        self.tasks.spawn(async move { (name, executor.run(job).await) });
        self.running.insert(id, Running { plan, stop });
    }

    /// A task that panicked does not say which operation it ran: the one whose stop nobody listens to any longer.
    fn crashed(&mut self) -> Happened {
        let dead = self.running.iter().find(|(_, running)| running.stop.is_closed());
        let Some(id) = dead.map(|(id, _)| id.clone()) else {
            return Happened::Asked;
        };
        match self.running.remove(&id) {
            Some(running) => Happened::Ended(id, Box::new(running.plan), Err(RunError::Crashed)),
            None => Happened::Asked,
        }
    }
}

/// Has everything that a plan changes read again soon.
pub fn nudge(feeds: &Feeds, plan: &Plan) {
    let mut sources: Vec<Source> = vec![];
    let context = |context: &ContextId| Source::Kube(context.clone());
    for (_, step) in plan.steps() {
        let source = match step {
            Step::Cloud(scope, _) => Source::Aws(scope.clone()),
            Step::Kube(node, _) => context(&node.context),
            Step::Balancers(of) => context(of),
            Step::Machine(Reach::Edge(_), _) | Step::Bring(..) | Step::Join(_) => Source::Hosts,
            Step::Machine(Reach::Instance(..), _) | Step::Bootstrap(..) | Step::Wait(..) => continue,
        };
        if !sources.contains(&source) {
            sources.push(source);
        }
    }
    sources.iter().for_each(|source| feeds.nudge(source));
}

/// Who runs operations here, as `user@host`.
fn who() -> SmolStr {
    let user = std::env::var("USER").or_else(|_| std::env::var("USERNAME"));
    let host =
        std::fs::read_to_string("/proc/sys/kernel/hostname").or_else(|_| std::fs::read_to_string("/etc/hostname"));
    let user = user.unwrap_or_else(|_| "somebody".to_owned());
    let host = host.map_or_else(|_| "somewhere".to_owned(), |host| host.trim().to_owned());
    format_smolstr!("{user}@{host}")
}
