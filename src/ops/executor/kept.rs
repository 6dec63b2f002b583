//! Tokens that are in no parameter, handed from the servers that keep them to the machines that need them. They pass
//! through memory alone: no event, plan or journal holds more than which servers they are read from.

use super::Executor;
use super::error::StepError;
use super::release::random;
use crate::blueprint::machine::{Kept, Task};
use crate::fleet::{EdgeHost, Role};
use crate::ops::plan::Plan;
use crate::ops::request::Request;
use crate::ops::rotation::{Holder, Rotation, Which};
use crate::ops::step::{Reach, Step};
use crate::provider::Secret;

/// The change of a token that a plan is for, where the servers alone keep the token.
pub(super) fn by_servers(plan: &Plan) -> Option<&Rotation> {
    match &plan.request {
        Request::Rotate(rotation) if rotation.parameter.is_none() => Some(rotation),
        _ => None,
    }
}

/// The server that a plan has made the new token on; `None`: it finishes an earlier change.
fn maker(plan: &Plan) -> Option<&Reach> {
    plan.steps().find_map(|(_, step)| match step {
        Step::Machine(reach, Task::KeepToken { .. }) => Some(reach),
        _ => None,
    })
}

fn host(reach: &Reach) -> Option<&EdgeHost> {
    match reach {
        Reach::Edge(host) => Some(host),
        Reach::Instance(..) => None,
    }
}

impl Executor {
    /// The secrets of a task.
    pub(super) async fn kept(
        &self,
        rotation: &Rotation,
        reach: &Reach,
        task: &Task,
        plan: &Plan,
    ) -> Result<Vec<Secret>, StepError> {
        let kind = rotation.kind;
        let maker = maker(plan);
        if let (Task::KeepToken { .. }, Some(maker)) = (task, maker) {
            return Ok(vec![match maker == reach {
                // One that is there from before it was cut off stays.
                true => random()?,
                false => self.first_told(host(maker), kind, Kept::Next).await?,
            }]);
        }
        let servers = || rotation.machines.iter().filter(|m| m.role == Role::Server);
        let hosts = |m: &'_ Holder| m.reach.as_ref().and_then(host).cloned();
        let new = match maker {
            Some(_) => {
                let all: Vec<_> = servers().filter_map(hosts).collect();
                self.first_told(&all, kind, Kept::Next).await?
            }
            None => {
                let holds = |m: &&Holder| {
                    let mut held = m.holds.iter().flatten();
                    held.any(|h| h.kind == kind && rotation.from.is_some_and(|n| h.which == Which::Version(kind, n)))
                };
                let all: Vec<_> = servers().filter(holds).filter_map(hosts).collect();
                self.first_told(&all, kind, Kept::Present).await?
            }
        };
        match task {
            Task::RotateToken => Ok(vec![self.first_told(host(reach), kind, Kept::Present).await?, new]),
            _ => Ok(vec![new]),
        }
    }

    /// A token, from the first of these servers that tells it.
    async fn first_told(
        &self,
        servers: impl IntoIterator<Item = &EdgeHost>,
        kind: Role,
        kept: Kept,
    ) -> Result<Secret, StepError> {
        let shell = self.shell()?;
        let mut why = None;
        for server in servers {
            match shell.token(server, kind, kept).await {
                Ok(Some(token)) => return Ok(token),
                Ok(None) => {
                    let new = if kept == Kept::Next { "new " } else { "" };
                    let lost = format!("{new}{} token on {}", kind.as_str(), server.name);
                    why.get_or_insert(StepError::NoToken(lost));
                }
                // It may answer later, where one that has none will not have one.
                Err(error) => why = Some(StepError::Call(error)),
            }
        }
        Err(why.unwrap_or_else(|| StepError::NoToken(format!("{} token on a server", kind.as_str()))))
    }
}
