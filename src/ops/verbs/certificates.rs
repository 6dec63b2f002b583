//! Certificates: K3s renews those of machines, servers one after the other, then agents in waves. Pods run on meanwhile.

use jiff::Timestamp;

use super::super::plan::{Plan, Refusal, Stage};
use super::super::request::Request;
use super::super::step::Step;
use super::super::{cost, guard};
use super::{ending, restarting};
use crate::blueprint::machine::Task;
use crate::fleet::{Fleet, Machine, MachineId, Role};

/// How many agents at once: their K3s is stopped meanwhile.
const WAVE: usize = 10;

pub(in crate::ops) fn plan(
    fleet: &Fleet,
    request: &Request,
    machines: &[MachineId],
    now: Timestamp,
) -> Result<Plan, Refusal> {
    let (cluster, machines) = guard::targets(fleet, machines)?;
    guard::with_node(&machines)?;
    let mut warnings = vec![];
    for machine in &machines {
        guard::reached(machine, now)?;
        warnings.extend(guard::restart(fleet, &cluster, machine, now)?);
    }
    let is_server = |m: &Machine<'_>| m.role() == Some(Role::Server);
    let (servers, agents): (Vec<_>, Vec<_>) = machines.iter().copied().partition(is_server);
    if !servers.is_empty() {
        warnings.push("the kubeconfig's own certificate is renewed too: fetch it anew (k3fleet kubeconfig)".to_owned());
    }
    let mut stages = vec![];
    for wave in servers.chunks(1).chain(agents.chunks(WAVE)) {
        let mut work = vec![];
        let renew = wave.iter().filter_map(|m| guard::reached(m, now).ok());
        let renew = renew.map(|reach| Step::Machine(reach, Task::RotateCertificates));
        Stage::push(&mut work, "renew", renew);
        stages.extend(restarting::out_and_back(wave, None, work, None));
    }
    Ok(Plan {
        request: request.clone(),
        title: ending::title("renew the certificates of", &machines),
        stages,
        cost: cost::same(fleet, &cluster),
        bill: None,
        warnings,
        cluster,
        confirm: None,
    })
}
