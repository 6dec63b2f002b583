//! Leave: edge hosts are drained, K3s is taken off them, and their nodes are deleted.

use jiff::Timestamp;

use super::super::plan::{Plan, Refusal};
use super::super::request::{DrainOptions, Request};
use crate::fleet::{Fleet, MachineId};

pub(in crate::ops) fn plan(
    _fleet: &Fleet,
    _request: &Request,
    _machines: &[MachineId],
    _drain: &DrainOptions,
    _forget: bool,
    _now: Timestamp,
) -> Result<Plan, Refusal> {
    Err(Refusal::new("unbuilt", "leave is not built yet", "wait for it"))
}
