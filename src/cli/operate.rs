//! Commands that change something: the fleet is read, the request planned, the plan shown and confirmed, and run while
//! the feeds go on. The result goes to standard output, the progress to standard error.

use std::io::{self, Write};

use tokio::sync::mpsc;

use super::args::{Command, Confirm, Format};
use super::exit::Exit;
use super::plan::{self, Answer};
use super::read::{read, read_prices, take};
use super::{change, complain, complain_of};
use crate::config::Config;
use crate::feeds::{Feeds, Want};
use crate::fleet::{FeedKind, Fleet, Summary};
use crate::ops::json::{OperationRow, PlanRow};
use crate::ops::{self, Event, OperationId, Outcome, Plan, Progress, RunError, What};
use crate::runtime::contexts;
use crate::runtime::operations::{Happened, Operations, nudge};
use crate::runtime::session::Session;
use crate::runtime::signals::Ends;
use crate::runtime::wants::feed_settings;

/// How many batches may wait to be taken.
const WAITING: usize = 256;

/// What commands that change something work with.
pub(super) struct Desk<'a> {
    pub(super) session: Session,
    pub(super) fleet: Fleet,
    pub(super) config: &'a Config,
    pub(super) format: Format,
}

fn confirm(command: &Command) -> Option<&Confirm> {
    Some(match command {
        Command::Scale(scale) => &scale.confirm,
        Command::Cordon(chosen) | Command::Uncordon(chosen) => &chosen.confirm,
        Command::Drain(of) | Command::Replace(of) | Command::Remove(of) => &of.chosen.confirm,
        _ => return None,
    })
}

impl Desk<'_> {
    /// Plans what a command asks for, and carries it out once it is confirmed.
    pub(super) async fn run(mut self, command: &Command) -> io::Result<Exit> {
        self.read().await;
        let now = (self.session.clock)();
        let summary = Summary::of(&self.fleet, now);
        let (Some(confirm), Some(request)) = (confirm(command), change::request(command, &self.fleet, &summary)) else {
            return Ok(Exit::Usage);
        };
        let request = match request {
            Ok(request) => request,
            Err(why) => {
                complain(&why);
                return Ok(Exit::Usage);
            }
        };
        let plan = match ops::plan(&self.fleet, &request, now) {
            Ok(plan) => plan,
            Err(refusal) => {
                complain(&format!("{} ({})", refusal, refusal.guard));
                return Ok(Exit::Refused);
            }
        };
        if confirm.dry_run {
            self.show(&plan, &mut io::stdout().lock())?;
            return Ok(Exit::Done);
        }
        if !confirm.yes {
            io::stderr().lock().write_all(plan::text(&plan).as_bytes())?;
            match plan::ask(&plan)? {
                Answer::Yes => {}
                Answer::No => {
                    complain("nothing was done");
                    return Ok(Exit::Failed);
                }
                Answer::Nobody => {
                    complain("nobody can be asked here: give --yes to go on, or --dry-run to see the plan only");
                    return Ok(Exit::Usage);
                }
            }
        }
        let take_over = confirm.take_over;
        let mut operations = self.operations();
        match operations.start(plan.clone(), take_over) {
            Ok(id) => self.follow(operations, id, plan, None).await,
            Err(error) => {
                complain(&error.to_string());
                Ok(Exit::Failed)
            }
        }
    }

    /// Goes on with an operation.
    pub(super) async fn resume(mut self, id: &OperationId, take_over: bool) -> io::Result<Exit> {
        self.read().await;
        let mut operations = self.operations();
        match operations.resume(id, take_over) {
            Ok(progress) => {
                let plan = progress.plan.clone();
                self.follow(operations, id.clone(), plan, Some(progress)).await
            }
            Err(error) => {
                complain(&error.to_string());
                Ok(Exit::Failed)
            }
        }
    }

    /// Gives an operation up.
    pub(super) async fn abort(self, id: &OperationId) -> io::Result<Exit> {
        let mut operations = self.operations();
        if let Err(error) = operations.abort(id) {
            complain(&error.to_string());
            return Ok(Exit::Failed);
        }
        loop {
            if let Happened::Ended(_, _, result) = operations.next().await {
                return Ok(match result {
                    Ok(_) => Exit::Done,
                    Err(error) => {
                        complain(&error.to_string());
                        Exit::Failed
                    }
                });
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
    async fn read(&mut self) {
        use FeedKind::{Asgs, Edge, Instances, Nodes, Notices, Pods, Server, SpotFleets};
        self.session.faults.iter().for_each(complain_of);
        let mut want = Want::new([Instances, Asgs, SpotFleets, Notices, Server, Nodes, Pods, Edge]);
        want.hosts.clone_from(&self.session.hosts);
        read(&self.session, &mut self.fleet, &want).await;
        read_prices(&self.session, &mut self.fleet, want).await;
    }

    fn show(&self, plan: &Plan, out: &mut dyn Write) -> io::Result<()> {
        match self.format {
            Format::Json => {
                serde_json::to_writer_pretty(&mut *out, &PlanRow::of(plan))?;
                writeln!(out)
            }
            _ => out.write_all(plan::text(plan).as_bytes()),
        }
    }

    /// Lets an operation run to its end while the feeds go on.
    async fn follow(
        mut self,
        mut operations: Operations,
        id: OperationId,
        plan: Plan,
        mut progress: Option<Progress>,
    ) -> io::Result<Exit> {
        let (tx, mut rx) = mpsc::channel(WAITING);
        let settings = feed_settings(&self.config.poll, &self.session);
        let mut feeds = Feeds::start(self.session.providers.clone(), settings, self.session.clock.clone(), tx);
        feeds.set_hosts(self.session.hosts.clone());
        let mut batches = Vec::new();
        let mut interrupted = false;
        let mut ends = Ends::listen()?;
        let ended = loop {
            tokio::select! {
                happened = operations.next() => match happened {
                    Happened::Told(id, event) => {
                        tell(&plan, &event);
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
                            complain_of(&fault);
                        }
                    }
                    Happened::Asked => {}
                    Happened::Ended(_, _, result) => break result,
                },
                n = rx.recv_many(&mut batches, 64) => {
                    if n == 0 {
                        return Ok(Exit::Failed);
                    }
                    take(&mut self.fleet, batches.drain(..));
                }
                () = ends.next() => {
                    if std::mem::replace(&mut interrupted, true) {
                        complain(&format!("left at once; go on with: k3fleet ops resume {id}"));
                        return Ok(Exit::Partly);
                    }
                    complain("stopping before the next step; once more leaves at once");
                    operations.stop_all();
                }
            }
            operations.look(&self.fleet);
        };
        self.end(&id, ended, progress.as_ref())
    }

    fn end(&self, id: &OperationId, ended: Result<Outcome, RunError>, progress: Option<&Progress>) -> io::Result<Exit> {
        let exit = match ended {
            Ok(Outcome::Done) => Exit::Done,
            Ok(_) => {
                complain(&format!("go on with: k3fleet ops resume {id}"));
                Exit::Partly
            }
            Err(error) => {
                complain(&error.to_string());
                match error {
                    RunError::Lock(crate::ops::LockError::Held { .. }) | RunError::ReadOnly => Exit::Refused,
                    _ => Exit::Failed,
                }
            }
        };
        if let Some(progress) = progress {
            let mut out = io::stdout().lock();
            let row = OperationRow::of(progress, false);
            match self.format {
                Format::Json => {
                    serde_json::to_writer_pretty(&mut out, &row)?;
                    writeln!(out)?;
                }
                _ => writeln!(out, "{id}: {} ({} of {} steps)", row.state, row.steps_done, row.steps)?,
            }
        }
        Ok(exit)
    }
}

/// One line of progress.
fn tell(plan: &Plan, event: &Event) {
    let what = |id| plan.step(id).map_or_else(String::new, ops::Step::describe);
    let line = match &event.what {
        What::Began { plan, .. } => plan.title.clone(),
        What::Resumed { .. } => format!("going on: {}", plan.title),
        What::StepBegan { step } => format!("{step} {} …", what(*step)),
        What::StepSaid { step, line } => format!("{step} {line}"),
        What::StepMade { .. } => return,
        What::StepDone { step, line } if line.is_empty() => format!("{step} done: {}", what(*step)),
        What::StepDone { step, line } => format!("{step} done: {}, {line}", what(*step)),
        What::StepFailed { step, error } => format!("{step} failed: {}: {error}", what(*step)),
        What::Ended { outcome } => outcome.as_str().to_owned(),
    };
    let at = event.at.strftime("%H:%M:%S");
    // Nobody reads standard error: then nobody wants to know.
    let _unread = writeln!(io::stderr(), "{at} {line}");
}
