//! What the verbs that bring machines have in common: waiting until they are ready.

use std::collections::BTreeSet;

use jiff::SignedDuration;

use super::super::condition::Condition;
use super::super::step::Step;
use crate::fleet::{MachineId, PoolId};

/// How long new machines may take to be ready.
const JOINING: SignedDuration = SignedDuration::from_mins(15);

/// Waits until so many machines of a pool are ready, those left out that are to go; `new` of them come last.
pub(super) fn joined(pool: &PoolId, without: BTreeSet<MachineId>, count: usize, new: usize) -> Step {
    let number = |n| u32::try_from(n).unwrap_or(u32::MAX);
    let condition = Condition::Ready {
        pool: pool.clone(),
        without,
        count: number(count),
        new: number(new),
    };
    Step::Wait(condition, JOINING)
}
