//! What happens to an operation: one sequence of events for the journal, the screen and the command line, and the
//! progress that any of them makes of it.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use smol_str::{SmolStr, format_smolstr};

use super::plan::{Plan, StepId};
use crate::fleet::{ContextId, InstanceId, Role, Scope};
use crate::provider::StackEvent;

/// An operation, by its verb and when it was begun: `scale-20261122T114501-x7k2`. It is the name of its journal, and what the
/// tokens of its calls are made of.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OperationId(SmolStr);

impl OperationId {
    /// A new one; `salt` tells apart what is begun in the same second.
    pub fn new(verb: &str, at: Timestamp, salt: u32) -> Self {
        let at = at.strftime("%Y%m%dT%H%M%S");
        Self(format_smolstr!("{verb}-{at}-{:04x}", salt & 0xffff))
    }

    /// One that was written down.
    pub fn parse(text: &str) -> Option<Self> {
        let word = |c: char| c.is_ascii_alphanumeric() || c == '-';
        (!text.is_empty() && text.len() <= 64 && text.chars().all(word)).then(|| Self(text.into()))
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for OperationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Something that happened to an operation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum What {
    /// It was confirmed and begins.
    Began {
        /// What it will do.
        plan: Box<Plan>,
        /// Who began it, as `user@host`.
        by: SmolStr,
    },
    /// It goes on after it was cut off.
    Resumed {
        /// Who resumed it.
        by: SmolStr,
    },
    /// A step begins.
    StepBegan {
        /// The step.
        step: StepId,
    },
    /// A step tells how far it is. Not kept in the journal.
    StepSaid {
        /// The step.
        step: StepId,
        /// How far it is.
        line: String,
    },
    /// Something has happened in the stack that a step works on. Not kept in the journal: AWS keeps it.
    StackSaid {
        /// The step.
        step: StepId,
        /// What.
        happened: StackEvent,
    },
    /// A step has made something.
    StepMade {
        /// The step.
        step: StepId,
        /// What.
        made: Made,
    },
    /// A step is done; `line` says what came of it, or why there was nothing to do.
    StepDone {
        /// The step.
        step: StepId,
        /// What came of it.
        line: String,
    },
    /// A step has failed.
    StepFailed {
        /// The step.
        step: StepId,
        /// Why, and what to do.
        error: String,
    },
    /// It has ended.
    Ended {
        /// How.
        outcome: Outcome,
    },
}

/// What a step made, where later steps or whoever looks on need it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Made {
    /// The cluster's security group.
    SecurityGroup {
        /// `sg-…`.
        id: SmolStr,
    },
    /// The cluster's server.
    Server {
        /// The instance.
        instance: InstanceId,
    },
    /// The cluster's kubeconfig has been fetched and kept.
    Kubeconfig {
        /// The context it makes known.
        context: ContextId,
    },
    /// A stack is about to be made, changed or deleted.
    Stack {
        /// Its ARN.
        id: SmolStr,
        /// What happened in it last before.
        after: Option<SmolStr>,
    },
    /// A token's parameter has a new version.
    Token {
        /// What it joins: servers or agents.
        kind: Role,
        /// The profile and region of the parameter.
        scope: Scope,
        /// The parameter.
        parameter: SmolStr,
        /// The version that the cluster went by.
        old: u64,
        /// The version that it goes by then.
        new: u64,
    },
    /// The cluster is gone, and its kubeconfig with it.
    Gone {
        /// The context that is no more.
        context: ContextId,
    },
}

/// How an operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Everything was done.
    Done,
    /// Some of the machines it was for failed, each by itself; resumed, it tries those again.
    Partly,
    /// A step failed; it can be resumed.
    Failed,
    /// The operator stopped it; it can be resumed.
    Cancelled,
    /// The operator gave it up: it is not offered any longer.
    Aborted,
}

impl Outcome {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Partly => "partly done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Aborted => "aborted",
        }
    }

    /// Whether nothing is left to be resumed.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Done | Self::Aborted)
    }
}

/// How a step stands.
#[derive(Clone, Debug, PartialEq, Default)]
pub enum StepState {
    /// It has not begun.
    #[default]
    Waiting,
    /// It runs since then.
    Running(Timestamp),
    /// It was done in that many seconds.
    Done(f64),
    /// It failed.
    Failed(String),
}

/// An operation as its events tell it.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// The operation.
    pub id: OperationId,
    /// What it does.
    pub plan: Plan,
    /// Who began or resumed it.
    pub by: SmolStr,
    /// When it began.
    pub began_at: Timestamp,
    /// When it last said something.
    pub seen_at: Timestamp,
    /// How it ended, once it did.
    pub outcome: Option<Outcome>,
    steps: BTreeMap<StepId, (StepState, String)>,
    stacks: BTreeMap<StepId, Vec<StackEvent>>,
    made: Vec<Made>,
}

impl Progress {
    /// The progress of an operation whose first event this is; `None` when an operation cannot begin with it.
    pub fn begin(id: OperationId, first: &Event) -> Option<Self> {
        let What::Began { plan, by } = &first.what else {
            return None;
        };
        Some(Self {
            id,
            plan: (**plan).clone(),
            by: by.clone(),
            began_at: first.at,
            seen_at: first.at,
            outcome: None,
            steps: BTreeMap::new(),
            stacks: BTreeMap::new(),
            made: vec![],
        })
    }

    /// Takes in what happened next.
    pub fn take(&mut self, event: &Event) {
        self.seen_at = event.at;
        match &event.what {
            What::Began { .. } => {}
            What::Resumed { by } => {
                self.by = by.clone();
                self.outcome = None;
                // What ran when it was cut off runs no longer, and what failed is tried again.
                self.steps.retain(|_, (state, _)| matches!(state, StepState::Done(_)));
                self.stacks.clear();
            }
            What::StepBegan { step } => {
                self.steps.insert(*step, (StepState::Running(event.at), String::new()));
            }
            What::StepSaid { step, line } => {
                if let Some((_, said)) = self.steps.get_mut(step) {
                    said.clone_from(line);
                }
            }
            What::StackSaid { step, happened } => {
                let resources = self.stacks.entry(*step).or_default();
                match resources.iter_mut().find(|known| known.resource == happened.resource) {
                    Some(known) => known.clone_from(happened),
                    None => resources.push(happened.clone()),
                }
            }
            What::StepMade { made, .. } => self.made.push(made.clone()),
            What::StepDone { step, line } => {
                let since = match self.state(*step) {
                    StepState::Running(since) => since,
                    _ => event.at,
                };
                let took = event.at.duration_since(since).as_secs_f64();
                self.steps.insert(*step, (StepState::Done(took), line.clone()));
            }
            What::StepFailed { step, error } => {
                self.steps
                    .insert(*step, (StepState::Failed(error.clone()), String::new()));
            }
            What::Ended { outcome } => self.outcome = Some(*outcome),
        }
    }

    /// What its steps have made so far.
    pub fn made(&self) -> &[Made] {
        &self.made
    }

    /// How a step stands.
    pub fn state(&self, step: StepId) -> StepState {
        self.steps
            .get(&step)
            .map(|(state, _)| state.clone())
            .unwrap_or_default()
    }

    /// What a step said last.
    pub fn said(&self, step: StepId) -> &str {
        self.steps.get(&step).map_or("", |(_, line)| line)
    }

    /// How the resources of the stack stand that a step works on, in the order in which they began: the latest event of
    /// each, the stack's own among them.
    pub fn stack(&self, step: StepId) -> &[StackEvent] {
        self.stacks.get(&step).map_or(&[], Vec::as_slice)
    }

    /// How many steps are done, of how many.
    pub fn done(&self) -> (usize, usize) {
        let done = self
            .steps
            .values()
            .filter(|(s, _)| matches!(s, StepState::Done(_)))
            .count();
        (done, self.plan.steps().count())
    }

    /// How many steps have failed.
    pub fn failed(&self) -> usize {
        let failed = self.steps.values().filter(|(s, _)| matches!(s, StepState::Failed(_)));
        failed.count()
    }

    /// Whether it can be resumed: it is not over, and nobody runs it as far as its journal tells.
    pub fn is_unfinished(&self) -> bool {
        self.outcome.is_none_or(|outcome| !outcome.is_final())
    }
}
