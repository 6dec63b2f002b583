//! Join: edge hosts become nodes of a cluster, each by itself, so that one that fails stops no other.

use jiff::Timestamp;

use super::super::joining::Join;
use super::super::plan::{Plan, Refusal};
use super::super::request::Request;
use crate::fleet::Fleet;

pub(in crate::ops) fn plan(_fleet: &Fleet, _request: &Request, _join: &Join, _now: Timestamp) -> Result<Plan, Refusal> {
    Err(Refusal::new("unbuilt", "join is not built yet", "wait for it"))
}
