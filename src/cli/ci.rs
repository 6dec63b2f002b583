//! `ci`: a command with a cluster of its own. The cluster is destroyed whatever becomes of its launch and of the command,
//! signals included; where even that fails, AWS ends its machines at the time that its tags say.
//!
//! Everything of ours goes to standard error: standard output is the command's.

use std::ffi::OsString;
use std::io::{self, Write};
use std::time::Duration;

use smol_str::SmolStr;
use tokio::time::sleep;

use super::args::{Ci, HaParts, ShapeWord};
use super::carry_out::Ended;
use super::child::{self, Child};
use super::exit::{Exit, Halt};
use super::operate::{Asked, Desk};
use super::patience::{Patience, Running, Then};
use super::{complain, plan};
use crate::fleet::Scope;
use crate::ops::launch::Launch;
use crate::ops::{LockError, Outcome, Request, RunError};
use crate::provider::Resource;
use crate::runtime::signals::Ends;

/// How often the cluster is destroyed anew where something of it is left.
const TRIES: u32 = 3;
/// The pause before that.
const PAUSE: Duration = Duration::from_secs(5);

impl Desk<'_> {
    /// Launches the cluster, runs the command, and destroys the cluster.
    pub(super) async fn ci(mut self, ci: &Ci) -> io::Result<Exit> {
        let mut ends = Ends::listen()?;
        let Some((program, args)) = ci.command.split_first() else {
            return Ok(Exit::Usage);
        };
        // What can be known to fail shall cost nothing.
        if !ci.dry_run
            && let Err(fault) = child::find(program)
        {
            complain(&fault.to_string());
            return Ok(Exit::Of(fault.code()));
        }
        self.session.faults.iter().for_each(super::complain_of);
        let no_ha = HaParts::default();
        let asked = tokio::select! {
            asked = self.launch_asked(&ci.name, ShapeWord::Ci, &ci.parts, &no_ha) => asked,
            end = ends.next() => return Ok(Exit::Of(end.code())),
        };
        let planned = asked.and_then(|Asked { request, notes, .. }| self.plan(&request, notes));
        let plan = match planned {
            Ok(plan) => plan,
            Err(halt) => return Ok(halt.tell()),
        };
        if ci.dry_run {
            self.show(&plan, &mut io::stdout().lock())?;
            return Ok(Exit::Done);
        }
        let Request::Launch(launch) = plan.request.clone() else {
            return Ok(Exit::Usage);
        };
        io::stderr().lock().write_all(plan::text(&plan).as_bytes())?;
        let mut patience = Patience {
            running: Running::Undone,
            first: None,
        };
        let launched = match self.perform(plan, false, &mut ends, &mut patience).await {
            Ok(Ok(ended)) if !began(&ended) => return Ok(ended.tell()),
            Ok(Ok(ended)) => Some(ended),
            Ok(Err(halt)) => return Ok(halt.tell()),
            Err(error) => {
                complain(&error.to_string());
                None
            }
        };
        let exit = match launched {
            Some(ended) if ended.is_done() && patience.first.is_none() => {
                self.command(&launch, program, args, &mut ends, &mut patience).await
            }
            failed => {
                if let Some(ended) = failed.filter(|ended| !ended.is_done()) {
                    self.give_up(&ended).await;
                }
                patience.first.map_or(Exit::Failed, |end| Exit::Of(end.code()))
            }
        };
        patience.running = Running::Undoing;
        let gone = self.tear_down(&launch, &mut ends, &mut patience).await;
        Ok(match exit {
            Exit::Of(0) if !gone => Exit::Partly,
            Exit::Of(0) => Exit::Done,
            exit => exit,
        })
    }

    /// Runs the command to its end.
    async fn command(
        &self,
        launch: &Launch,
        program: &OsString,
        args: &[OsString],
        ends: &mut Ends,
        patience: &mut Patience,
    ) -> Exit {
        let kubeconfig = self.session.kubeconfigs.join(launch.spec.name.as_str());
        let shown = program.to_string_lossy();
        complain(&format!(
            "{} is up; running {shown} with KUBECONFIG={}",
            launch.spec.name,
            kubeconfig.display()
        ));
        let variables = [
            ("KUBECONFIG", kubeconfig.into_os_string()),
            ("K3FLEET_CLUSTER", launch.spec.name.as_str().into()),
        ];
        let ended = match Child::start(program, args, variables) {
            Ok(child) => child.wait(ends, |end| patience.note(end)).await,
            Err(fault) => Err(fault),
        };
        match ended {
            Ok(code) => Exit::Of(code),
            Err(fault) => {
                complain(&fault.to_string());
                Exit::Of(fault.code())
            }
        }
    }

    /// Offers the launch no longer for resuming: what it made is destroyed.
    async fn give_up(&self, launch: &Ended) {
        if let Some(Err(error)) = &launch.result {
            complain(&error.to_string());
        }
        if let Err(error) = self.abort_one(&launch.id).await {
            complain(&format!("{} is still listed by k3fleet ops list: {error}", launch.id));
        }
    }

    /// Destroys the cluster; gives whether nothing is left, and tells what is.
    async fn tear_down(&mut self, launch: &Launch, ends: &mut Ends, patience: &mut Patience) -> bool {
        let (name, home) = (&launch.spec.name, &launch.scope);
        for attempt in 1..=TRIES {
            let undone = self.destroy_once(launch, ends, patience).await;
            match undone {
                Ok(true) => {
                    complain(&format!("{name} is destroyed"));
                    return true;
                }
                Ok(false) => {}
                Err(Left) => break,
            }
            if attempt < TRIES {
                complain("something is left; trying again");
                tokio::select! {
                    () = sleep(PAUSE.div_f64(self.session.speed.max(1.0))) => {}
                    end = ends.next() => if patience.lose(end) == Then::Leave { break },
                }
            }
        }
        let left = tokio::select! {
            left = self.carrying(home, name) => left.ok(),
            _ = ends.next() => None,
        };
        complain(&leftover(name, home, launch, left.as_deref()));
        false
    }

    /// What carries the cluster's tag.
    async fn look_up(
        &self,
        launch: &Launch,
        ends: &mut Ends,
        patience: &mut Patience,
    ) -> Result<Result<Vec<Resource>, Halt>, Left> {
        let lookup = self.carrying(&launch.scope, &launch.spec.name);
        tokio::pin!(lookup);
        loop {
            tokio::select! {
                found = &mut lookup => return Ok(found),
                end = ends.next() => if patience.lose(end) == Then::Leave { return Err(Left) },
            }
        }
    }

    /// Looks up what there is and destroys it.
    async fn destroy_once(&mut self, launch: &Launch, ends: &mut Ends, patience: &mut Patience) -> Result<bool, Left> {
        let resources = self.look_up(launch, ends, patience).await?;
        let planned = resources.and_then(|resources| {
            let cluster = launch.cluster();
            let request = Request::Destroy {
                cluster,
                resources,
                volumes: true,
                snapshots: true,
            };
            self.plan(&request, vec![])
        });
        let plan = match planned {
            Ok(plan) if plan.stages.is_empty() => return Ok(true),
            Ok(plan) => plan,
            Err(halt) => {
                halt.tell();
                return Ok(false);
            }
        };
        match self.perform(plan, false, ends, patience).await {
            Ok(Ok(ended)) => match &ended.result {
                Some(Ok(Outcome::Done)) => Ok(true),
                Some(Ok(_)) => {
                    self.give_up(&ended).await;
                    Ok(false)
                }
                Some(Err(error)) => {
                    complain(&error.to_string());
                    Ok(false)
                }
                None => Err(Left),
            },
            Ok(Err(halt)) => {
                halt.tell();
                Ok(false)
            }
            Err(error) => {
                complain(&error.to_string());
                Ok(false)
            }
        }
    }
}

/// The operator has had enough of waiting.
struct Left;

/// Whether an operation has begun, and may have made something.
fn began(ended: &Ended) -> bool {
    let never = matches!(
        ended.result,
        Some(Err(RunError::ReadOnly | RunError::Lock(LockError::Held { .. })))
    );
    !never || ended.progress.is_some()
}

/// What is left, and what becomes of it.
fn leftover(name: &SmolStr, home: &Scope, launch: &Launch, left: Option<&[Resource]>) -> String {
    let what = match left {
        None => "it is not known what is left".to_owned(),
        Some([]) => "nothing that is left is seen any longer".to_owned(),
        Some(left) => {
            let left: Vec<_> = left.iter().map(Resource::describe).collect();
            format!("left: {}", left.join(", "))
        }
    };
    let ends = match launch.spec.expires_at {
        Some(at) => format!("AWS ends its machines at {}", at.strftime("%F %T UTC")),
        None => "nothing ends it by itself".to_owned(),
    };
    format!("{name} in {home} is not destroyed whole; {what}; {ends}, and k3fleet gc sweeps the rest then")
}
