//! Reboot: machines are restarted one after the other, each drained before and ready again before the next.

use jiff::Timestamp;

use super::super::plan::{Plan, Refusal, Stage};
use super::super::request::{DrainOptions, Request};
use super::super::step::Step;
use super::super::{cost, guard};
use super::{ending, restarting};
use crate::blueprint::machine::Task;
use crate::fleet::{Fleet, MachineId};

pub(in crate::ops) fn plan(
    fleet: &Fleet,
    request: &Request,
    machines: &[MachineId],
    options: &DrainOptions,
    now: Timestamp,
) -> Result<Plan, Refusal> {
    let (cluster, machines) = guard::targets(fleet, machines)?;
    let mut stages = vec![];
    let mut warnings = vec![];
    for machine in &machines {
        warnings.extend(guard::restart(fleet, &cluster, machine, now)?);
        let reach = guard::reached(machine, now)?;
        let mut restart = vec![];
        Stage::push(&mut restart, "restart", [Step::Machine(reach, Task::Reboot)]);
        let one = std::slice::from_ref(machine);
        stages.extend(restarting::out_and_back(one, Some(options), restart, None));
    }
    for machine in &machines {
        let one = std::slice::from_ref(machine);
        for warning in ending::warnings(fleet, &cluster, one, options, now) {
            if !warnings.contains(&warning) {
                warnings.push(warning);
            }
        }
    }
    Ok(Plan {
        request: request.clone(),
        title: ending::title("restart", &machines),
        stages,
        cost: cost::same(fleet, &cluster),
        bill: None,
        warnings,
        cluster,
        confirm: None,
    })
}
