//! Operations: everything an operator changes goes this way, whether a key or a command asks for it.
//!
//! ```text
//!  Request ─▶ plan(&Fleet) ─▶ Plan, or a Refusal        pure: steps, calls, cost, warnings
//!                │ confirmed
//!                ▼
//!             Executor ─▶ Control                       lock, retries, deadlines, cancellation
//!                └─ Event ─▶ Journal ─▶ screen, command line
//! ```
//! A verb is a file in `verbs` that makes stages of steps; steps are a small closed set shared by all verbs. An operation
//! that was cut off is found in its journal and goes on: what is done is skipped, and nothing is made twice.

pub mod bill;
pub mod bootstrap;
pub mod call;
pub mod candidates;
mod condition;
mod cost;
mod drain;
pub mod drift;
pub mod dsn;
mod event;
mod executor;
pub mod files;
mod guard;
pub mod joining;
pub mod journal;
pub mod json;
pub mod launch;
pub mod lock;
pub mod parts;
mod passing;
mod plan;
pub mod preflight;
pub mod private_file;
pub mod reaper;
mod release;
mod request;
pub mod restoring;
pub mod rotation;
mod site;
mod step;
pub mod survey;
#[cfg(test)]
mod tests;
pub mod tokens;
pub mod updating;
pub mod upgrading;
mod verbs;
mod vpn_auth;
mod watch;
pub mod wish;

pub use call::Call;
pub use condition::{Condition, Standing};
pub use event::{Event, Made, OperationId, Outcome, Progress, StepState, What};
pub use executor::{Executor, Job, RunError};
pub use journal::{Journal, JournalError};
pub use lock::LockError;
pub use plan::{CostChange, Plan, Refusal, Stage, StepId, plan};
pub use request::{DrainOptions, Request, VictimOrder};
pub use step::{BootstrapStep, CloudStep, KubeStep, Part, Reach, StackWork, Step};
pub use upgrading::Upgrade;
pub use vpn_auth::{VpnAuthError, read_vpn_auth};
pub use watch::{About, Question, Questions};

pub use crate::provider::{
    BootstrapToken, HostKey, ParameterVersion, Ran, Resource, ResourceKind, Secret, Snapshot, Stack, StackEvent,
};
