//! Reboot: machines are restarted one after the other, each drained before and ready again before the next.

use jiff::Timestamp;

use super::super::plan::{Plan, Refusal};
use super::super::request::{DrainOptions, Request};
use crate::fleet::{Fleet, MachineId};

pub(in crate::ops) fn plan(
    _fleet: &Fleet,
    _request: &Request,
    _machines: &[MachineId],
    _drain: &DrainOptions,
    _now: Timestamp,
) -> Result<Plan, Refusal> {
    Err(Refusal::new("unbuilt", "reboot is not built yet", "wait for it"))
}
