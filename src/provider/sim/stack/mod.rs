//! CloudFormation in the simulated world: stacks, and what of a cluster they make.
//!
//! ```text
//!  order ─ template ─ change (what would change) ─ engine (jobs, in order, on the world's clock)
//!                        value (functions)            │ part ─ sort: what each resource is, and how long it takes
//!                                                     │ pool: groups and Spot Fleets
//!          election (first boot of servers) ─ signal ─┘
//!          queue (what AWS tells of machines) ─ reaper (what is done to their nodes)
//! ```
//! A stack is plain data and is kept whole between runs: what was being made goes on in the next.

mod change;
mod drift;
mod election;
mod ending;
mod engine;
mod part;
mod place;
mod pool;
mod queue;
mod reaper;
mod sort;
mod template;
mod told;
mod value;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use smol_str::SmolStr;

use super::made::Tagged;
use crate::fleet::Scope;
use crate::provider::{ResourceKind, StackChange, StackEvent};

use drift::Looked;
pub(super) use election::Turn;
pub(super) use engine::Step;
pub(super) use queue::SimQueue;

/// A stack, by its place in [`State::stacks`](super::state::State::stacks).
pub(super) type StackNo = usize;

/// A stack. One that is deleted stays, to be asked for by its ARN.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct SimStack {
    pub(super) scope: Scope,
    pub(super) name: SmolStr,
    /// Its ARN.
    pub(super) id: SmolStr,
    pub(super) status: SmolStr,
    pub(super) reason: Option<SmolStr>,
    pub(super) created_at: Timestamp,
    pub(super) outputs: Vec<(SmolStr, SmolStr)>,
    /// What it is made from.
    held: Option<Held>,
    /// What it was made from before the update that is under way, or failed.
    before: Option<Held>,
    pub(super) parts: BTreeMap<SmolStr, Part>,
    /// What others have taken the place of, and that is still there.
    replaced: Vec<(SmolStr, Part)>,
    work: Option<Work>,
    /// The jobs of the work that failed, until it is undone or done otherwise.
    last: Vec<Job>,
    /// How often work was begun: what is in the queue for earlier work is passed over.
    works: u64,
    events: Vec<StackEvent>,
    sets: Vec<Proposal>,
    /// What machines have told its wait conditions.
    signals: Vec<Signal>,
    /// The tokens of the changes that were asked for.
    tokens: BTreeSet<SmolStr>,
    pub(super) queues: BTreeMap<SmolStr, SimQueue>,
    /// What was found when it was last looked whether it has drifted.
    #[serde(default)]
    looked: Option<Looked>,
}

/// What a stack is made from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Held {
    template: String,
    parameters: BTreeMap<SmolStr, SmolStr>,
    tags: Tagged,
}

/// A change set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Proposal {
    id: SmolStr,
    token: SmolStr,
    held: Held,
    creates: bool,
    changes: Vec<StackChange>,
}

/// A resource that is there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Part {
    pub(super) kind: SmolStr,
    /// What `Ref` gives.
    pub(super) physical: SmolStr,
    /// By what the world knows it, where it does.
    thing: Option<(ResourceKind, SmolStr)>,
    /// What `Fn::GetAtt` gives.
    tells: BTreeMap<SmolStr, Value>,
    /// The sizes that its template gave a group last: fewest, wanted, most.
    size: Option<[u32; 3]>,
    /// What becomes of it when it goes, where that is not deletion.
    retained: Option<SmolStr>,
    /// What it must not outlive.
    needs: BTreeSet<SmolStr>,
}

/// What is being done to a stack.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Work {
    verb: Verb,
    jobs: Vec<Job>,
    /// Whether it is undone when it fails.
    undo: bool,
    /// Whether only what is no longer needed is left to be deleted.
    cleans_up: bool,
}

/// What is done to a stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Verb {
    Create,
    UndoCreate,
    Update,
    UndoUpdate,
    Delete,
}

/// What is done to one resource.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Job {
    resource: SmolStr,
    act: Act,
    /// The resources whose jobs come before.
    after: BTreeSet<SmolStr>,
    stands: Stands,
    /// Why it is to fail.
    fails: Option<SmolStr>,
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Act {
    Make,
    Change,
    /// Another is made in its place.
    Replace,
    Drop,
    /// What another has taken the place of is deleted.
    DropOld,
}

/// How far a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Stands {
    Waits,
    Begun,
    /// The resource is there, and not ready yet.
    Made,
    Done,
    Failed,
}

/// What a machine has told a wait condition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Signal {
    handle: SmolStr,
    from: SmolStr,
    /// Why it is not ready, if it is not.
    failed: Option<SmolStr>,
}
