//! Rotate: a cluster's token is changed, in the order that K3s documents (k3s.io, token rotation).

use jiff::Timestamp;

use super::super::plan::{Plan, Refusal};
use super::super::request::Request;
use super::super::rotation::Rotation;
use crate::fleet::Fleet;

pub(in crate::ops) fn plan(
    _fleet: &Fleet,
    _request: &Request,
    _rotation: &Rotation,
    _now: Timestamp,
) -> Result<Plan, Refusal> {
    Err(Refusal::new("unbuilt", "rotate is not built yet", "wait for it"))
}
