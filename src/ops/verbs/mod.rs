//! One file for each verb: from a request to its stages.

pub(super) mod cordon;
pub(super) mod destroy;
pub(super) mod drain;
pub(super) mod ending;
pub(super) mod extend;
mod joining;
pub(super) mod launch;
pub(super) mod remove;
pub(super) mod replace;
pub(super) mod scale;
