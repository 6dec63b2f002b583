//! Leave: edge hosts are drained, K3s is taken off them, and their nodes are deleted with the passwords by which K3s would
//! know them again. Of a host that is gone for good only the node and its password are left to delete.

use jiff::Timestamp;

use super::super::plan::{Plan, Refusal, Stage};
use super::super::request::{DrainOptions, Request};
use super::super::step::{KubeStep, Step};
use super::super::{cost, guard};
use super::ending;
use crate::blueprint::machine::Task;
use crate::fleet::{Fleet, MachineId, MachineState};

pub(in crate::ops) fn plan(
    fleet: &Fleet,
    request: &Request,
    machines: &[MachineId],
    options: &DrainOptions,
    forget: bool,
    now: Timestamp,
) -> Result<Plan, Refusal> {
    let (cluster, machines) = guard::targets(fleet, machines)?;
    guard::only_edge(&machines)?;
    guard::quorum(fleet, &cluster, &machines, now)?;
    let mut stages = vec![];
    let mut warnings = vec![];
    if forget {
        for host in machines.iter().filter(|m| m.state(now) != MachineState::Silent) {
            let runs = match host.node() {
                Some(_) => "its K3s registers again if it still runs",
                None => "K3s stays on it",
            };
            warnings.push(format!("{} is forgotten, not cleaned: {runs}", host.name()));
        }
    } else {
        let mut uninstall = vec![];
        for host in &machines {
            if host.state(now) == MachineState::Silent {
                let why = format!("{} does not answer over SSH, so that K3s stays on it", host.name());
                let lift = "bring it back; if it is gone for good: --forget deletes its node and password alone";
                return Err(Refusal::new("silent-host", why, lift));
            }
            uninstall.push(Step::Machine(guard::reached(host, now)?, Task::Uninstall));
        }
        let drainable = ending::drainable(&machines);
        stages = ending::draining(&drainable, options);
        Stage::push(&mut stages, "take K3s off", uninstall);
        warnings.extend(ending::warnings(fleet, &cluster, &machines, options, now));
    }
    let nodes = || machines.iter().filter_map(|m| m.node()).map(|n| n.key.clone());
    let delete = nodes().map(|node| Step::Kube(node, KubeStep::Delete));
    Stage::push(&mut stages, "delete nodes", delete);
    let passwords = nodes().map(|node| Step::Kube(node, KubeStep::ForgetPassword));
    Stage::push(&mut stages, "delete passwords", passwords);
    let verb = if forget { "forget" } else { "take out" };
    Ok(Plan {
        request: request.clone(),
        title: ending::title(verb, &machines),
        stages,
        cost: cost::same(fleet, &cluster),
        bill: None,
        warnings,
        cluster,
        confirm: None,
    })
}
