//! What becomes of a stack that is followed: what failed in it, whether it has ended as it was to, and what can be done where
//! it has not. Pure: events go in, a line or an error comes out.

use std::collections::BTreeMap;

use smol_str::SmolStr;

use crate::fleet::TAG_CLUSTER;
use crate::provider::{ProviderError, Stack, StackEvent, StackStatus};

/// How many resources that failed are told.
const FAILURES: usize = 5;

/// Why a stack is not as it was to be.
#[derive(Debug, thiserror::Error)]
pub(in crate::ops::executor) enum StackError {
    #[error(transparent)]
    Call(#[from] ProviderError),
    #[error("the stack {name} is {status}{}; {mend}", told(.failures))]
    Failed {
        name: String,
        status: SmolStr,
        failures: Vec<String>,
        mend: String,
    },
    #[error("there is a stack {0} that is not this cluster's; choose another name for the cluster")]
    Foreign(String),
    #[error("there is no stack {0}")]
    None(String),
    #[error(
        "the stack {0} is protected from deletion; if it shall go: aws cloudformation update-termination-protection \
         --no-enable-termination-protection --stack-name {0}, then resume this operation"
    )]
    Guarded(String),
    #[error(
        "the stack {name} is {status}: CloudFormation deletes none that is being changed; wait until it has ended, and resume this operation"
    )]
    Busy { name: String, status: SmolStr },
}

fn told(failures: &[String]) -> String {
    match failures {
        [] => String::new(),
        failures => format!(": {}", failures.join("; ")),
    }
}

/// What is known of a stack that is followed.
#[derive(Default)]
pub(super) struct Followed {
    /// The stack once it has ended; `None` when it is forgotten then.
    pub(super) stack: Option<Stack>,
    resources: BTreeMap<SmolStr, StackStatus>,
    /// What failed, in that order, each with its reason: its resource may be gone again.
    failed: Vec<String>,
}

impl Followed {
    /// Takes in what has happened; whether it is worth a line.
    pub(super) fn take(&mut self, event: &StackEvent) -> bool {
        if event.is_of_stack() {
            return false;
        }
        if event.status.0.ends_with("_FAILED") && !event.was_stopped() {
            let why = event.reason.as_ref().map_or("no reason is told", SmolStr::as_str);
            self.failed.push(format!("{}: {why}", event.resource));
        }
        let before = self.resources.insert(event.resource.clone(), event.status.clone());
        before.is_none_or(|status| status != event.status)
    }

    pub(super) fn line(&self) -> String {
        let moving = self.resources.iter().filter(|(_, status)| status.is_moving());
        let moving: Vec<_> = moving.map(|(name, _)| name.as_str()).collect();
        let ended = self.resources.len() - moving.len();
        match moving.as_slice() {
            [] => format!("{ended} resources done"),
            [one] => format!("{ended} resources done; {one} under way"),
            [first, rest @ ..] => format!("{ended} resources done; {first} and {} more under way", rest.len()),
        }
    }
}

/// What came of it, or why it failed.
pub(super) fn judged(name: &str, followed: &Followed, good: fn(&Stack) -> bool) -> Result<String, StackError> {
    let Some(stack) = &followed.stack else {
        // One that was deleted may be forgotten already.
        return Ok("it is gone".to_owned());
    };
    if good(stack) {
        return Ok(format!("{} resources, {}", followed.resources.len(), stack.status.0));
    }
    let mut failures: Vec<_> = followed.failed.iter().take(FAILURES).cloned().collect();
    if failures.is_empty() {
        failures.extend(stack.reason.as_ref().map(ToString::to_string));
    }
    Err(StackError::Failed {
        name: name.to_owned(),
        status: stack.status.0.clone(),
        failures,
        mend: mend(stack),
    })
}

/// What can be done about a stack that failed.
fn mend(stack: &Stack) -> String {
    let cluster = tag(stack, TAG_CLUSTER).map_or("CLUSTER", SmolStr::as_str);
    match stack.status.0.as_str() {
        "CREATE_FAILED" => format!(
            "it stays to be looked into: resume this operation to delete it and try again, take it back with \
             k3fleet rollback {cluster}, or delete all with k3fleet destroy {cluster}"
        ),
        "ROLLBACK_COMPLETE" => {
            format!("nothing of it is left: resume this operation to try again, or k3fleet destroy {cluster}")
        }
        "UPDATE_FAILED" => format!("take it back with k3fleet rollback {cluster}"),
        "UPDATE_ROLLBACK_COMPLETE" => "it is as it was before: mend that and change it anew".to_owned(),
        "DELETE_FAILED" => "mend that, and resume this operation".to_owned(),
        _ => "look at it in the AWS console".to_owned(),
    }
}

pub(super) fn is_as_asked(stack: &Stack) -> bool {
    stack.status.is_good()
}

/// Whether a resource could not be deleted since something uses it still, in the words of EC2.
pub(super) fn is_in_use(why: &str) -> bool {
    [
        "DependencyViolation",
        "has a dependent object",
        "has dependencies",
        "is currently in use",
    ]
    .iter()
    .any(|words| why.contains(words))
}

pub(super) fn is_gone(stack: &Stack) -> bool {
    stack.status.is_gone()
}

/// Whether it is as it was before, or empty where it was never made.
pub(super) fn is_back(stack: &Stack) -> bool {
    matches!(
        stack.status.0.as_str(),
        "ROLLBACK_COMPLETE" | "UPDATE_ROLLBACK_COMPLETE" | "CREATE_COMPLETE"
    )
}

pub(super) fn tag<'a>(stack: &'a Stack, key: &str) -> Option<&'a SmolStr> {
    stack.tags.iter().find(|(k, _)| k == key).map(|(_, value)| value)
}
