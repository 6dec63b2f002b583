//! Certificates: K3s renews those of machines, servers one after the other.

use jiff::Timestamp;

use super::super::plan::{Plan, Refusal};
use super::super::request::Request;
use crate::fleet::{Fleet, MachineId};

pub(in crate::ops) fn plan(
    _fleet: &Fleet,
    _request: &Request,
    _machines: &[MachineId],
    _now: Timestamp,
) -> Result<Plan, Refusal> {
    Err(Refusal::new("unbuilt", "certificates is not built yet", "wait for it"))
}
