//! Commands that change something: the fleet is read, the request planned, the plan shown and confirmed, and run while
//! the feeds go on. The result goes to standard output, the progress to standard error.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::time::Duration;

use jiff::SignedDuration;
use smol_str::SmolStr;
use tokio::sync::mpsc;

use super::args::{Command, Confirm, Format};
use super::exit::{Exit, Halt};
use super::lookup::Found;
use super::patience::{Patience, Then};
use super::plan;
use super::progress::Teller;
use super::read::{read, read_prices, take};
use super::{change, complain, complain_of};
use crate::config::{Config, Options};
use crate::feeds::{Batch, Feeds, Want};
use crate::fleet::{FeedId, FeedKind, Fleet, Observation, Scope, Source, Summary};
use crate::ops::json::{OperationRow, PlanRow};
use crate::ops::{self, OperationId, Outcome, Plan, Progress, Request, RunError, What};
use crate::runtime::contexts;
use crate::runtime::operations::{Happened, Operations, nudge};
use crate::runtime::session::Session;
use crate::runtime::signals::Ends;
use crate::runtime::wants::feed_settings;

/// The running feeds, and what they tell.
type Live = (Feeds, mpsc::Receiver<Batch>);

/// How long an operation waits for the first listing of instances.
const LISTING: Duration = Duration::from_secs(10);
/// How many batches may wait to be taken.
const WAITING: usize = 256;

/// What commands that change something work with.
pub(super) struct Desk<'a> {
    pub(super) session: Session,
    pub(super) fleet: Fleet,
    pub(super) config: &'a Config,
    /// What the command line says of the settings.
    pub(super) options: &'a Options,
    pub(super) format: Format,
}

/// What a command asks for.
pub(super) struct Asked {
    pub(super) request: Request,
    /// What the operator should know before saying yes, besides what the plan warns of.
    pub(super) notes: Vec<String>,
}

impl From<Request> for Asked {
    fn from(request: Request) -> Self {
        let notes = vec![];
        Self { request, notes }
    }
}

/// How an operation came to its end.
pub(super) struct Ended {
    pub(super) id: OperationId,
    /// `None`: it was left where it was.
    pub(super) result: Option<Result<Outcome, RunError>>,
    pub(super) progress: Option<Progress>,
}

impl Ended {
    /// Whether everything was done.
    pub(super) fn is_done(&self) -> bool {
        matches!(self.result, Some(Ok(Outcome::Done)))
    }

    /// How it ended, in a word.
    pub(super) fn state(&self) -> &'static str {
        match &self.result {
            Some(Ok(outcome)) => outcome.as_str(),
            Some(Err(_)) => "failed",
            None => "unfinished",
        }
    }

    /// Tells what is not done and how to go on, and gives the exit code.
    pub(super) fn tell(&self) -> Exit {
        let id = &self.id;
        match &self.result {
            None => {
                complain(&format!("left at once; go on with: k3fleet ops resume {id}"));
                Exit::Partly
            }
            Some(Ok(Outcome::Done)) => Exit::Done,
            Some(Ok(_)) => {
                complain(&format!("go on with: k3fleet ops resume {id}"));
                Exit::Partly
            }
            Some(Err(error)) => {
                complain(&error.to_string());
                match error {
                    RunError::Lock(ops::LockError::Held { .. }) | RunError::ReadOnly => Exit::Refused,
                    _ => Exit::Failed,
                }
            }
        }
    }
}

fn confirm(command: &Command) -> Option<&Confirm> {
    Some(match command {
        Command::Launch(launch) => &launch.confirm,
        Command::Destroy(destroy) => &destroy.confirm,
        Command::Extend(extend) => &extend.confirm,
        Command::Scale(scale) => &scale.confirm,
        Command::Cordon(chosen) | Command::Uncordon(chosen) => &chosen.confirm,
        Command::Drain(of) | Command::Replace(of) | Command::Remove(of) => &of.chosen.confirm,
        _ => return None,
    })
}

impl Desk<'_> {
    /// Plans what a command asks for, and carries it out once it is confirmed.
    pub(super) async fn run(mut self, command: &Command) -> io::Result<Exit> {
        let Some(confirm) = confirm(command) else {
            return Ok(Exit::Usage);
        };
        let Asked { request, notes } = match self.asked(command).await {
            Ok(asked) => asked,
            Err(halt) => return Ok(halt.tell()),
        };
        let plan = match self.plan(&request, notes) {
            Ok(plan) => plan,
            Err(halt) => return Ok(halt.tell()),
        };
        if confirm.dry_run {
            self.show(&plan, &mut io::stdout().lock())?;
            return Ok(Exit::Done);
        }
        if !confirm.yes {
            io::stderr().lock().write_all(plan::text(&plan).as_bytes())?;
            let asked = plan::ask(plan.confirm.as_deref(), "go on?")?;
            if let Some(exit) = asked.refused() {
                return Ok(exit);
            }
        }
        let mut ends = Ends::listen()?;
        match self
            .perform(plan, confirm.take_over, &mut ends, &mut Patience::default())
            .await?
        {
            Ok(ended) => self.result(&ended),
            Err(halt) => Ok(halt.tell()),
        }
    }

    /// What a command asks for, once all that it is about is known.
    async fn asked(&mut self, command: &Command) -> Result<Asked, Halt> {
        self.session.faults.iter().for_each(complain_of);
        if let Command::Launch(launch) = command {
            return self.launch_asked(&launch.name, launch.shape, &launch.parts).await;
        }
        self.read().await;
        match command {
            Command::Destroy(destroy) => {
                let Found { cluster, resources } = self.find(&destroy.cluster).await?;
                let volumes = destroy.volumes;
                let request = Request::Destroy {
                    cluster,
                    resources,
                    volumes,
                };
                Ok(request.into())
            }
            Command::Extend(extend) => self.extension(&extend.cluster, extend.by).await.map(Asked::from),
            command => {
                let summary = Summary::of(&self.fleet, (self.session.clock)());
                let request = change::request(command, &self.fleet, &summary);
                let request = request.unwrap_or_else(|| Err("this command changes nothing".to_owned()));
                request.map(Asked::from).map_err(Halt::usage)
            }
        }
    }

    /// A cluster's end put off from when it was to be, or from now where that is past.
    async fn extension(&self, name: &SmolStr, by: SignedDuration) -> Result<Request, Halt> {
        let found = self.find(name).await?;
        let now = (self.session.clock)();
        let own = self.fleet.machines().filter(|m| m.belongs_to(&found.cluster));
        let ends = own.filter_map(|m| m.expires_at()).max().or(found.expires_at());
        let from = ends.map_or(now, |ends| ends.max(now));
        let until = from.checked_add(by).map_err(|e| Halt::usage(e.to_string()))?;
        Ok(Request::Extend {
            cluster: found.cluster,
            until,
            resources: found.resources,
        })
    }

    /// The plan of a request, with notes of ours among its warnings.
    pub(super) fn plan(&self, request: &Request, notes: Vec<String>) -> Result<Plan, Halt> {
        let mut plan = ops::plan(&self.fleet, request, (self.session.clock)())?;
        plan.warnings.extend(notes);
        Ok(plan)
    }

    /// Begins a confirmed plan and lets it run to its end.
    pub(super) async fn perform(
        &mut self,
        plan: Plan,
        take_over: bool,
        ends: &mut Ends,
        patience: &mut Patience,
    ) -> io::Result<Result<Ended, Halt>> {
        let live = self.live().await;
        let mut operations = self.operations();
        match operations.start(plan.clone(), take_over) {
            Ok(id) => self
                .follow((operations, live), id, plan, None, ends, patience)
                .await
                .map(Ok),
            Err(error) => Ok(Err(Halt::failed(error.to_string()))),
        }
    }

    /// Goes on with an operation.
    pub(super) async fn resume(mut self, id: &OperationId, take_over: bool) -> io::Result<Exit> {
        self.session.faults.iter().for_each(complain_of);
        self.read().await;
        let live = self.live().await;
        let mut operations = self.operations();
        match operations.resume(id, take_over) {
            Ok(progress) => {
                let plan = progress.plan.clone();
                let mut ends = Ends::listen()?;
                let patience = &mut Patience::default();
                let ended = self.follow(
                    (operations, live),
                    id.clone(),
                    plan,
                    Some(progress),
                    &mut ends,
                    patience,
                );
                let ended = ended.await?;
                self.result(&ended)
            }
            Err(error) => {
                complain(&error.to_string());
                Ok(Exit::Failed)
            }
        }
    }

    /// Gives an operation up.
    pub(super) async fn abort(self, id: &OperationId) -> io::Result<Exit> {
        Ok(match self.abort_one(id).await {
            Ok(()) => Exit::Done,
            Err(why) => Halt::failed(why).tell(),
        })
    }

    /// Gives an operation up, or says why not.
    pub(super) async fn abort_one(&self, id: &OperationId) -> Result<(), String> {
        let mut operations = self.operations();
        operations.abort(id).map_err(|error| error.to_string())?;
        loop {
            if let Happened::Ended(_, _, result) = operations.next().await {
                return result.map(drop).map_err(|error| error.to_string());
            }
        }
    }

    fn operations(&self) -> Operations {
        let Session {
            control,
            clock,
            journals,
            kubeconfigs,
            speed,
            ..
        } = &self.session;
        Operations::new(control.clone(), clock.clone(), journals.clone(), kubeconfigs.clone()).at_speed(*speed)
    }

    /// Reads everything that plans look at, once.
    pub(super) async fn read(&mut self) {
        use FeedKind::{Asgs, Edge, Instances, Nodes, Notices, Pods, Server, SpotFleets};
        let mut want = Want::new([Instances, Asgs, SpotFleets, Notices, Server, Nodes, Pods, Edge]);
        want.hosts.clone_from(&self.session.hosts);
        read(&self.session, &mut self.fleet, &want).await;
        read_prices(&self.session, &mut self.fleet, want).await;
    }

    pub(super) fn show(&self, plan: &Plan, out: &mut dyn Write) -> io::Result<()> {
        match self.format {
            Format::Json => {
                serde_json::to_writer_pretty(&mut *out, &PlanRow::of(plan))?;
                writeln!(out)
            }
            _ => out.write_all(plan::text(plan).as_bytes()),
        }
    }

    /// Starts the feeds, and waits until each region's instances were listed: a feed tells of the end of what it has once
    /// seen alone, and an operation may end an instance at once.
    async fn live(&mut self) -> Live {
        let (tx, mut rx) = mpsc::channel(WAITING);
        let settings = feed_settings(&self.config.poll, &self.session);
        let feeds = Feeds::start(self.session.providers.clone(), settings, self.session.clock.clone(), tx);
        feeds.set_hosts(self.session.hosts.clone());
        let mut unlisted: BTreeSet<Scope> = self.clouds().map(|cloud| cloud.scope().clone()).collect();
        let late = tokio::time::sleep(LISTING);
        tokio::pin!(late);
        while !unlisted.is_empty() {
            tokio::select! {
                batch = rx.recv() => {
                    let Some(batch) = batch else { break };
                    for observation in &batch.observations {
                        if let Observation::Feed(FeedId { kind: FeedKind::Instances, source: Source::Aws(scope) }, _) = observation {
                            unlisted.remove(scope);
                        }
                    }
                    take(&mut self.fleet, [batch]);
                }
                () = &mut late => break,
            }
        }
        (feeds, rx)
    }

    /// Lets an operation run to its end while the feeds go on.
    async fn follow(
        &mut self,
        (mut operations, (mut feeds, mut rx)): (Operations, Live),
        id: OperationId,
        plan: Plan,
        mut progress: Option<Progress>,
        ends: &mut Ends,
        patience: &mut Patience,
    ) -> io::Result<Ended> {
        let mut batches = Vec::new();
        let mut teller = Teller::new(&plan);
        let result = loop {
            tokio::select! {
                happened = operations.next() => match happened {
                    Happened::Told(id, event) => {
                        teller.take(&plan, &event);
                        match &mut progress {
                            Some(progress) => progress.take(&event),
                            None => progress = Progress::begin(id, &event),
                        }
                        if let What::StepDone { .. } = event.what {
                            nudge(&feeds, &plan);
                        }
                        if let What::StepMade { made, .. } = &event.what
                            && let Err(fault) = contexts::made(made, &mut self.session, &mut feeds, &mut operations)
                        {
                            teller.aside(|| complain_of(&fault));
                        }
                    }
                    Happened::Asked => {}
                    Happened::Ended(_, _, result) => break Some(result),
                },
                n = rx.recv_many(&mut batches, 64) => {
                    if n == 0 {
                        return Err(io::Error::other("the feeds have ended: this is a bug"));
                    }
                    take(&mut self.fleet, batches.drain(..));
                }
                end = ends.next() => match teller.aside(|| patience.lose(end)) {
                    Then::Stop => operations.stop_all(),
                    Then::Leave => break None,
                    Then::GoOn => {}
                },
            }
            operations.look(&self.fleet);
        };
        teller.end(progress.as_ref());
        Ok(Ended { id, result, progress })
    }

    /// Writes what came of an operation.
    fn result(&self, ended: &Ended) -> io::Result<Exit> {
        let exit = ended.tell();
        if let (Some(progress), Some(_)) = (&ended.progress, &ended.result) {
            let mut out = io::stdout().lock();
            let row = OperationRow::of(progress, false);
            match self.format {
                Format::Json => {
                    serde_json::to_writer_pretty(&mut out, &row)?;
                    writeln!(out)?;
                }
                _ => writeln!(
                    out,
                    "{}: {} ({} of {} steps)",
                    ended.id, row.state, row.steps_done, row.steps
                )?,
            }
        }
        Ok(exit)
    }
}
