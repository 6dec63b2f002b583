//! Work on a cluster's stack, which CloudFormation does: it is asked for once, and its events are told until it has ended.
//! CloudFormation goes on whatever becomes of this process, so that an operation which is resumed looks at the stack first
//! and asks for nothing that is under way.

mod followed;

use std::pin::Pin;
use std::time::Duration;

use smol_str::SmolStr;
use tokio::sync::mpsc;
use tokio::time::sleep;

pub(super) use followed::StackError;
use followed::{Followed, is_as_asked, is_back, is_gone, is_in_use, judged, tag};

use super::error::StepError;
use super::making::Making;
use super::work::{self, Of, making};
use super::{Executor, marks, release};
use crate::blueprint::ha::template::{CREATED_BY, template};
use crate::blueprint::{Names, Spec, tags};
use crate::fleet::{Role, TAG_CLUSTER};
use crate::ops::event::{Made, OperationId, What};
use crate::ops::launch::{OnFailure, Site};
use crate::ops::plan::StepId;
use crate::ops::step::StackWork;
use crate::ops::updating;
use crate::provider::{CloudControl, ProviderError, Stack, StackOrder};

/// How often a stack is looked at. CloudFormation throttles whoever asks often, and does not say from when on.
const LOOK: Duration = Duration::from_secs(5);
/// How many characters of an event's id make a token another one.
const MARK: usize = 12;
/// How often a stack's deletion is asked for while something in it is still in use. CloudFormation itself tries for many
/// minutes each time.
const DELETIONS: usize = 4;
/// The pause between.
const RELEASE: Duration = Duration::from_secs(60);

/// A stack that is worked on.
struct Work<'a> {
    cloud: &'a dyn CloudControl,
    name: &'a str,
    step: StepId,
    tell: &'a mpsc::Sender<What>,
}

/// What is asked of CloudFormation, with a token by which it knows the same request again.
type Asked<'a> = Pin<Box<dyn Future<Output = Result<(), ProviderError>> + Send + 'a>>;

impl Executor {
    /// Does some work on a stack, and waits for its end; gives what came of it.
    pub(super) async fn stack(
        &self,
        cloud: &dyn CloudControl,
        name: &str,
        work: &StackWork,
        of: Of<'_>,
        tell: &mpsc::Sender<What>,
        say: &impl Fn(String),
    ) -> Result<String, StepError> {
        let at = Work {
            cloud,
            name,
            step: of.id,
            tell,
        };
        Ok(match work {
            StackWork::Make => self.make_stack(&at, &making(of, &self.by)?, say).await?,
            StackWork::Change { change_set } => {
                let change = |token: String| -> Asked<'_> {
                    Box::pin(async move { cloud.execute_change_set(change_set, &token, true).await })
                };
                self.once(&at, of, &change, say, is_as_asked).await?
            }
            StackWork::Release { version } => self.release_of_stack(&at, of, version, say).await?,
            StackWork::Undo => {
                let undo =
                    |token: String| -> Asked<'_> { Box::pin(async move { cloud.undo_stack(name, &token).await }) };
                self.once(&at, of, &undo, say, is_back).await?
            }
            StackWork::Ask => self.may_be_deleted(&at, say).await?,
            StackWork::Delete => {
                let delete =
                    |token: String| -> Asked<'_> { Box::pin(async move { cloud.delete_stack(name, &token).await }) };
                self.delete_stack(&at, of, &delete, say).await?
            }
        })
    }

    /// Sees that CloudFormation would delete a stack: one that is protected, or that is being changed, it keeps.
    async fn may_be_deleted(&self, at: &Work<'_>, say: &impl Fn(String)) -> Result<String, StackError> {
        let Some(stack) = self.insist(|| at.cloud.stack_now(at.name), say).await? else {
            return Ok("there is none".to_owned());
        };
        let name = || at.name.to_owned();
        if stack.guarded {
            return Err(StackError::Guarded(name()));
        }
        let status = stack.status.0;
        match status.starts_with("UPDATE_") && status.ends_with("_IN_PROGRESS") {
            true => Err(StackError::Busy { name: name(), status }),
            false => Ok(status.to_string()),
        }
    }

    /// Deletes a stack. The network interfaces of a function, and those of load balancers, go a while after whatever they
    /// belonged to: what could not be deleted for their sake is tried again.
    async fn delete_stack<'a>(
        &self,
        at: &Work<'_>,
        of: Of<'_>,
        delete: &(dyn Fn(String) -> Asked<'a> + Sync),
        say: &impl Fn(String),
    ) -> Result<String, StackError> {
        for _ in 1..DELETIONS {
            match self.once(at, of, delete, say, is_gone).await {
                Err(StackError::Failed { failures, .. }) if failures.iter().any(|why| is_in_use(why)) => {
                    say(format!(
                        "{}; trying again in {} s",
                        failures.join("; "),
                        RELEASE.as_secs()
                    ));
                    sleep(self.paced(RELEASE)).await;
                }
                deleted => return deleted,
            }
        }
        self.once(at, of, delete, say, is_gone).await
    }

    /// Makes the cluster's stack. One that failed before is deleted first: nothing in it ever worked.
    async fn make_stack(
        &self,
        at: &Work<'_>,
        making: &Making<'_>,
        say: &impl Fn(String),
    ) -> Result<String, StackError> {
        let cloud = at.cloud;
        let mut token = making.id.as_str().to_owned();
        let present = self.insist(|| cloud.stack_now(at.name), say).await?;
        let present = present.filter(|stack| !stack.status.is_in_review());
        if let Some(stack) = present {
            if tag(&stack, TAG_CLUSTER).is_none_or(|cluster| *cluster != making.spec().name) {
                return Err(StackError::Foreign(at.name.to_owned()));
            }
            if stack.status.is_moving() || stack.status.is_good() {
                let made = self.follow(at, &stack.id, None, say).await?;
                return judged(at.name, &made, is_as_asked);
            }
            let events = self.insist(|| cloud.stack_happened(&stack.id, None), say).await?;
            let last = events.last().map(|event| event.id.clone());
            token = renewed(making.id, last.as_deref());
            say(format!("it is {} from before: deleting it", stack.status.0));
            self.insist(|| cloud.delete_stack(at.name, &token), say).await?;
            let gone = self.follow(at, &stack.id, last, say).await?;
            judged(at.name, &gone, is_gone)?;
            // By what the lost cluster left there the servers of the new one would take themselves for its replacements.
            let names = making.spec().names();
            self.insist(|| marks::forget(cloud, names), say).await?;
        }
        let Some(site) = &making.launch.site else {
            return Err(StackError::None(at.name.to_owned()));
        };
        let order = order(making, site, at.name, token.clone());
        say("CloudFormation works out what is to be made".to_owned());
        let set = self.insist(|| cloud.propose_stack(&order), say).await?;
        let undo = making.launch.on_failure == OnFailure::RollBack;
        self.insist(|| cloud.execute_change_set(&set, &token, undo), say)
            .await?;
        let made = self.follow(at, at.name, None, say).await?;
        judged(at.name, &made, is_as_asked)
    }

    /// Lets new machines run another release of K3s; what has it already stays as it is.
    async fn release_of_stack(
        &self,
        at: &Work<'_>,
        of: Of<'_>,
        version: &SmolStr,
        say: &impl Fn(String),
    ) -> Result<String, StepError> {
        let cloud = at.cloud;
        let cluster = of.plan.cluster.name.as_str();
        let region = of.plan.cluster.home.as_ref().map_or("", |home| home.region.as_str());
        let names = Names::new(cluster, region);
        // A change that was under way when the operation was cut off ends first.
        let Some(stack) = self.insist(|| cloud.stack_now(at.name), say).await? else {
            // Of several servers, and made without a stack.
            let templates = [Role::Server, Role::Agent].map(|role| names.launch_template(role));
            release::set(cloud, &templates, &names.spec(), version).await?;
            return Ok("there is no stack: launch templates and spec".to_owned());
        };
        if stack.status.is_moving() {
            let followed = self.follow(at, &stack.id, None, say).await?;
            judged(at.name, &followed, is_as_asked)?;
        }
        let known = updating::read(cloud, names).await?;
        if known.spec.version == *version {
            return Ok("it is so already".to_owned());
        }
        let spec = Spec {
            version: version.clone(),
            ..known.spec.clone()
        };
        let events = self.insist(|| cloud.stack_happened(&known.stack.id, None), say).await?;
        let last = events.last().map(|event| event.id.clone());
        let token = renewed(of.operation, last.as_deref());
        let set = self
            .insist(|| updating::propose(cloud, &known, &spec, &token), say)
            .await?;
        let mut line = "nothing of the stack changes".to_owned();
        if !set.changes.is_empty() {
            self.insist(|| cloud.execute_change_set(&set, &token, true), say)
                .await?;
            let followed = self.follow(at, &known.stack.id, last, say).await?;
            line = judged(at.name, &followed, is_as_asked)?;
        }
        updating::keep(cloud, &spec, None).await?;
        Ok(line)
    }

    /// Asks for something unless that was done before this operation was cut off, and waits for its end. What failed then is
    /// asked for again.
    async fn once<'a>(
        &self,
        at: &Work<'_>,
        of: Of<'_>,
        ask: &(dyn Fn(String) -> Asked<'a> + Sync),
        say: &impl Fn(String),
        good: fn(&Stack) -> bool,
    ) -> Result<String, StackError> {
        let asked = of.made.iter().rev().find_map(|made| match made {
            Made::Stack { id, after } => Some((id.clone(), after.clone())),
            _ => None,
        });
        let known = asked.as_ref().map_or(at.name, |(id, _)| id.as_str());
        let stack = self.insist(|| at.cloud.stack_now(known), say).await?;
        let Some(stack) = stack else {
            return Ok("there is none".to_owned());
        };
        let since = asked.as_ref().and_then(|(_, after)| after.as_deref());
        let events = self.insist(|| at.cloud.stack_happened(&stack.id, since), say).await?;
        if let Some((id, after)) = asked
            && !events.is_empty()
            && (stack.status.is_moving() || good(&stack))
        {
            let followed = self.follow(at, &id, after, say).await?;
            return judged(at.name, &followed, good);
        }
        let after = events.last().map(|event| event.id.clone());
        let made = Made::Stack {
            id: stack.id.clone(),
            after: after.clone(),
        };
        work::told(Some(made), at.step, at.tell).await;
        let token = renewed(of.operation, after.as_deref());
        self.insist(|| ask(token.clone()), say).await?;
        let followed = self.follow(at, &stack.id, after, say).await?;
        judged(at.name, &followed, good)
    }

    /// Tells what happens in a stack until it has ended. `after`: what happened before that is not told, and what ended
    /// then is not its end.
    async fn follow(
        &self,
        at: &Work<'_>,
        id: &str,
        mut after: Option<SmolStr>,
        say: &impl Fn(String),
    ) -> Result<Followed, StackError> {
        let mut seen = Followed::default();
        let mut ended = false;
        loop {
            let events = self
                .insist(|| at.cloud.stack_happened(id, after.as_deref()), say)
                .await?;
            let mut news = false;
            for event in events {
                after = Some(event.id.clone());
                if event.is_of_stack() {
                    ended = !event.status.is_moving() && !event.status.is_in_review();
                }
                news |= seen.take(&event);
                let what = What::StackSaid {
                    step: at.step,
                    happened: event,
                };
                // Where nobody takes what is told, the operation has ended already.
                let _unread = at.tell.send(what).await;
            }
            if news {
                say(seen.line());
            }
            if ended {
                let stack = self.insist(|| at.cloud.stack_now(id), say).await?;
                match stack {
                    Some(stack) if stack.status.is_moving() => {}
                    stack => {
                        seen.stack = stack;
                        return Ok(seen);
                    }
                }
            }
            sleep(self.paced(LOOK)).await;
        }
    }

    /// Asks again where that may help.
    async fn insist<T, F: Future<Output = Result<T, ProviderError>>>(
        &self,
        ask: impl Fn() -> F,
        say: &impl Fn(String),
    ) -> Result<T, StackError> {
        Ok(work::retried(self.speed, super::itself, ProviderError::retryable, say, ask).await?)
    }
}

/// A token of an operation for what it asks after this event. The same request, made again by whoever resumes the
/// operation, has the same one; another has another, for CloudFormation answers a token that it knows with what came of it.
fn renewed(operation: &OperationId, after: Option<&str>) -> String {
    match after {
        None => operation.as_str().to_owned(),
        Some(event) => {
            let mark: String = event.chars().filter(char::is_ascii_alphanumeric).collect();
            let from = mark.len().saturating_sub(MARK);
            format!("{operation}-{}", mark.get(from..).unwrap_or_default())
        }
    }
}

/// The stack that a launch makes.
fn order(making: &Making<'_>, site: &Site, name: &str, token: String) -> StackOrder {
    let spec = making.spec();
    let mut tags = tags::tags(spec, None, making.by);
    // CloudFormation gives its tags to all resources; what each is called is its own.
    tags.retain(|(key, _)| key != "Name");
    let by = tags.iter().find(|(key, _)| key == tags::TAG_CREATED_BY);
    let by = by.map_or_else(|| making.by.to_owned(), |(_, value)| value.clone());
    StackOrder {
        name: name.to_owned(),
        template: template(spec, site).to_string(),
        parameters: vec![(CREATED_BY.to_owned(), by)],
        kept: vec![],
        tags,
        token,
    }
}
