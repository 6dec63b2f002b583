//! Upgrade: a cluster comes to another release of K3s, servers first, one after the other.

use jiff::Timestamp;

use super::super::plan::{Plan, Refusal};
use super::super::request::Request;
use super::super::upgrading::Upgrade;
use crate::fleet::Fleet;

pub(in crate::ops) fn plan(
    _fleet: &Fleet,
    _request: &Request,
    _upgrade: &Upgrade,
    _now: Timestamp,
) -> Result<Plan, Refusal> {
    Err(Refusal::new("unbuilt", "upgrade is not built yet", "wait for it"))
}
