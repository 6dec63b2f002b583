//! The work on machines themselves: tasks, with what is secret handed to them, and waiting until a machine or its K3s has
//! come up again. Machines are looked at again and again while they are waited for: only they know how they stand.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::error::StepError;
use super::work::{Of, retried};
use super::{Executor, kept};
use crate::blueprint::machine::{Inside, Task, trouble};
use crate::fleet::Role;
use crate::ops::event::Made;
use crate::ops::step::Reach;
use crate::provider::{ProviderError, Secret};

/// How often a machine is looked at while it is waited for.
const LOOK: Duration = Duration::from_secs(3);
/// How often at least, once K3s takes longer than most: a look costs a login there and a process here.
const SELDOM: Duration = Duration::from_secs(10);
/// How long K3s may take to come up.
const COMING_UP: Duration = Duration::from_mins(5);
/// How long a machine may take to restart.
const RESTARTING: Duration = Duration::from_mins(10);
/// How long a machine is waited for that an operation may have left restarting when it was cut off.
const RETURNING: Duration = Duration::from_mins(3);
/// How often in a row a trouble that waiting does not help is seen before it is believed: K3s tries again, and its journal
/// holds what was before.
const BELIEVED: u32 = 3;

impl Executor {
    /// Does a task on a machine, and waits until what it restarts is up again.
    pub(super) async fn machine(
        &self,
        reach: &Reach,
        task: &Task,
        of: Of<'_>,
        say: &impl Fn(String),
    ) -> Result<String, StepError> {
        self.answers(reach, of, say).await?;
        match task {
            Task::Reboot => {
                let inside = self.restart(reach, say).await?;
                // Until it runs again its node may still be listed as ready.
                if inside.unit.is_some() {
                    self.come_up(reach, say).await?;
                }
                Ok(String::new())
            }
            Task::Upgrade { version, .. } => {
                self.work_on(reach, task, &[], of, say).await?;
                self.work_on(reach, &Task::Restart, &[], of, say).await?;
                let inside = self.come_up(reach, say).await?;
                match inside.version {
                    Some(runs) if runs != *version => Err(StepError::Trouble {
                        machine: reach.name().to_owned(),
                        what: format!("it still runs K3s {runs}"),
                        mend: "see what starts another binary there, and resume".to_owned(),
                    }),
                    _ => Ok(String::new()),
                }
            }
            task => {
                let line = self.work_on(reach, task, &[], of, say).await?;
                // K3s is stopped while SQLite is copied.
                if task.restarts() || matches!(task, Task::Snapshot { .. }) {
                    self.come_up(reach, say).await?;
                }
                Ok(line)
            }
        }
    }

    /// Waits until a machine answers, where the operation goes on after it was cut off: it may be restarting still.
    pub(super) async fn answers(&self, reach: &Reach, of: Of<'_>, say: &impl Fn(String)) -> Result<(), StepError> {
        if !of.resumed {
            return Ok(());
        }
        let until = Instant::now() + self.paced(RETURNING);
        loop {
            match self.look_inside(reach).await {
                Err(StepError::Call(error)) if error.retryable() && Instant::now() < until => {
                    say("it does not answer yet".to_owned());
                }
                result => return result.map(drop),
            }
            sleep(self.paced(LOOK)).await;
        }
    }

    /// Restarts a machine, and waits until it is there again; tells how it is then.
    pub(super) async fn restart(&self, reach: &Reach, say: &impl Fn(String)) -> Result<Inside, StepError> {
        let look = || self.look_inside(reach);
        let before = self.patiently(say, look).await?.boot;
        match self.task(reach, &Task::Reboot, &[], &[]).await {
            // It may go down before it has answered.
            Err(StepError::Call(error)) if error.retryable() => {}
            result => drop(result?),
        }
        let until = Instant::now() + self.paced(RESTARTING);
        loop {
            sleep(self.paced(LOOK)).await;
            match self.look_inside(reach).await {
                Ok(inside) if inside.boot != before => return Ok(inside),
                Ok(_) => say("it has not gone down yet".to_owned()),
                Err(StepError::Call(error)) if error.retryable() => say("it is down".to_owned()),
                Err(error) => return Err(error),
            }
            if Instant::now() >= until {
                return Err(self.late(reach, RESTARTING, "it has not come back"));
            }
        }
    }

    /// Waits until K3s runs on a machine. A known trouble that waiting does not help ends the wait.
    pub(super) async fn come_up(&self, reach: &Reach, say: &impl Fn(String)) -> Result<Inside, StepError> {
        let until = Instant::now() + self.paced(COMING_UP);
        let mut seen = 0;
        let mut pause = LOOK;
        loop {
            let standing = match self.look_inside(reach).await {
                Ok(inside) if inside.is_active() => return Ok(inside),
                Ok(inside) => {
                    let trouble = trouble(&inside.journal);
                    seen = if trouble.as_ref().is_some_and(|t| t.lasting) {
                        seen + 1
                    } else {
                        0
                    };
                    match trouble {
                        Some(trouble) if seen >= BELIEVED => {
                            return Err(StepError::Trouble {
                                machine: reach.name().to_owned(),
                                what: trouble.what.to_owned(),
                                mend: trouble.mend.to_owned(),
                            });
                        }
                        Some(trouble) => trouble.what.to_owned(),
                        None => {
                            let state = inside.service.as_deref().unwrap_or("not installed");
                            let last = inside.journal.last().map(|l| format!(": {l}")).unwrap_or_default();
                            format!("K3s is {state}{last}")
                        }
                    }
                }
                Err(StepError::Call(error)) if error.retryable() => error.message.to_string(),
                Err(error) => return Err(error),
            };
            if Instant::now() >= until {
                return Err(self.late(reach, COMING_UP, &standing));
            }
            say(standing);
            // What may end the wait is looked at soon again.
            pause = if seen > 0 { LOOK } else { pause };
            sleep(self.paced(pause)).await;
            pause = (pause * 6 / 5).min(SELDOM);
        }
    }

    fn late(&self, reach: &Reach, limit: Duration, standing: &str) -> StepError {
        StepError::Trouble {
            machine: reach.name().to_owned(),
            what: format!("{standing} after {} min", limit.as_secs() / 60),
            mend: format!(
                "look at its journal (k3fleet logs {}), mend it and resume",
                reach.name()
            ),
        }
    }

    /// How K3s stands on a machine.
    pub(super) async fn look_inside(&self, reach: &Reach) -> Result<Inside, StepError> {
        Ok(match reach {
            Reach::Edge(host) => self.shell()?.glance(host).await?,
            Reach::Instance(scope, id) => self.at(scope)?.inside(id).await?,
        })
    }

    /// Does a task with the secrets it needs: those given, or the versions of a token that the operation has made.
    pub(super) async fn work_on(
        &self,
        reach: &Reach,
        task: &Task,
        secrets: &[Secret],
        of: Of<'_>,
        say: &impl Fn(String),
    ) -> Result<String, StepError> {
        let (kind, old_too) = match task {
            Task::RotateToken => (Role::Server, true),
            Task::PlaceToken { kind } | Task::Handshake { kind } | Task::KeepToken { kind, .. } => (*kind, false),
            _ => return self.patiently(say, || self.task(reach, task, secrets, &[])).await,
        };
        if let Some(rotation) = kept::by_servers(of.plan) {
            // They are read again with each try: nothing of them outlives it.
            let work = || async {
                let secrets = self.kept(rotation, reach, task, of.plan).await?;
                self.task(reach, task, &secrets, &[]).await
            };
            return self.patiently(say, work).await;
        }
        let token = of.made.iter().rev().find_map(|made| match made {
            Made::Token {
                kind: k,
                scope,
                parameter,
                old,
                new,
            } if *k == kind => Some((scope, parameter, *old, *new)),
            _ => None,
        });
        let (scope, parameter, old, new) =
            token.ok_or(StepError::Broken("the new token is not known: this is a bug"))?;
        let mut versions = vec![new];
        if old_too {
            versions.insert(0, old);
        }
        if let Reach::Instance(..) = reach {
            let names: Vec<_> = versions
                .iter()
                .map(|v| smol_str::format_smolstr!("{parameter}:{v}"))
                .collect();
            return self.patiently(say, || self.task(reach, task, &[], &names)).await;
        }
        let mut secrets = vec![];
        for version in versions {
            let cloud = self.at(scope)?;
            let read = || async { Ok(cloud.secure(parameter, Some(version)).await?) };
            let found = self.patiently(say, read).await?;
            let (_, secret) = found.ok_or_else(|| StepError::NoToken(format!("{parameter}:{version}")))?;
            secrets.push(secret);
        }
        self.patiently(say, || self.task(reach, task, &secrets, &[])).await
    }

    /// Does something on a machine again where it did not answer, or was cut off: each task may be done again.
    pub(super) async fn patiently<T, F: Future<Output = Result<T, StepError>>>(
        &self,
        say: &impl Fn(String),
        work: impl Fn() -> F,
    ) -> Result<T, StepError> {
        retried(self.speed, StepError::call, ProviderError::retryable, say, work).await
    }

    async fn task(
        &self,
        reach: &Reach,
        task: &Task,
        secrets: &[Secret],
        parameters: &[smol_str::SmolStr],
    ) -> Result<String, StepError> {
        let done: Result<String, ProviderError> = match reach {
            Reach::Edge(host) => self.shell()?.work(host, task, secrets).await,
            Reach::Instance(scope, id) => self.at(scope)?.work(id, task, parameters).await,
        };
        Ok(done?)
    }
}
