//! Operations carried out by a command: begun, followed to their end while the feeds go on, resumed and given up. What
//! became of them is told at the end.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::time::Duration;

use tokio::sync::mpsc;

use super::args::{Format, Ssh};
use super::exit::{Exit, Halt};
use super::operate::Desk;
use super::patience::{Patience, Then};
use super::progress::Teller;
use super::read::take;
use super::{complain, complain_of, ending};
use crate::feeds::{Batch, Feeds};
use crate::fleet::{FeedId, FeedKind, Observation, Scope, Source};
use crate::ops::json::OperationRow;
use crate::ops::{self, OperationId, Outcome, Plan, Progress, RunError, What, journal};
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
            Some(Ok(Outcome::Partly)) => {
                complain(&format!("try those that failed again with: k3fleet ops resume {id}"));
                Exit::Partly
            }
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

impl Desk<'_> {
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
    pub(super) async fn resume(mut self, id: &OperationId, take_over: bool, ssh: Ssh) -> io::Result<Exit> {
        self.session.faults.iter().for_each(complain_of);
        self.read().await;
        let left = journal::show(&self.session.journals, id).map(|progress| ending::hosts_left(&progress));
        if let Err(halt) = self.enter(&left.unwrap_or_default(), ssh).await {
            return Ok(halt.tell());
        }
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
    pub(super) fn result(&self, ended: &Ended) -> io::Result<Exit> {
        let exit = match (ended.tell(), &ended.progress) {
            (Exit::Done, Some(progress)) if ending::left_out(&progress.plan).next().is_some() => Exit::Partly,
            (exit, _) => exit,
        };
        if let (Some(progress), Some(_)) = (&ended.progress, &ended.result) {
            let mut out = io::stdout().lock();
            let row = OperationRow::of(progress, false);
            match self.format {
                Format::Json => {
                    serde_json::to_writer_pretty(&mut out, &row)?;
                    writeln!(out)?;
                }
                _ => {
                    for line in ending::hosts(progress) {
                        writeln!(out, "{line}")?;
                    }
                    writeln!(
                        out,
                        "{}: {} ({} of {} steps)",
                        ended.id, row.state, row.steps_done, row.steps
                    )?;
                }
            }
        }
        Ok(exit)
    }
}
