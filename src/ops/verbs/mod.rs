//! One file for each verb: from a request to its stages.

pub(super) mod backup;
pub(super) mod certificates;
pub(super) mod cordon;
pub(super) mod destroy;
pub(super) mod drain;
pub(super) mod ending;
pub(super) mod extend;
pub(super) mod join;
mod joining;
pub(super) mod launch;
pub(super) mod leave;
pub(super) mod reboot;
pub(super) mod remove;
pub(super) mod replace;
mod restarting;
pub(super) mod restore;
pub(super) mod rollback;
pub(super) mod rotate;
pub(super) mod scale;
pub(super) mod update;
pub(super) mod upgrade;
