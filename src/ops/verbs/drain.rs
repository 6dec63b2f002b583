//! Drain: nodes take no new pods, and the pods they have are evicted.

use jiff::Timestamp;

use super::super::plan::{Plan, Refusal};
use super::super::request::{DrainOptions, Request};
use super::super::{cost, guard};
use super::ending;
use crate::fleet::{Fleet, MachineId};

pub(in crate::ops) fn plan(
    fleet: &Fleet,
    request: &Request,
    machines: &[MachineId],
    options: &DrainOptions,
    now: Timestamp,
) -> Result<Plan, Refusal> {
    let (cluster, machines) = guard::targets(fleet, machines)?;
    guard::with_node(&machines)?;
    Ok(Plan {
        request: request.clone(),
        title: ending::title("drain", &machines),
        stages: ending::draining(&machines, options),
        cost: cost::same(fleet, &cluster),
        bill: None,
        warnings: ending::warnings(fleet, &cluster, &machines, options, now),
        cluster,
        confirm: None,
    })
}
