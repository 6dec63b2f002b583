//! Cordon and uncordon: whether nodes take new pods.

use super::super::plan::{Plan, Refusal, Stage};
use super::super::request::Request;
use super::super::step::{KubeStep, Step};
use super::super::{cost, guard};
use crate::fleet::{Fleet, MachineId};

pub(in crate::ops) fn plan(
    fleet: &Fleet,
    request: &Request,
    machines: &[MachineId],
    cordon: bool,
) -> Result<Plan, Refusal> {
    let (cluster, machines) = guard::targets(fleet, machines)?;
    guard::with_node(&machines)?;
    let (verb, step) = match cordon {
        true => ("cordon", KubeStep::Cordon),
        false => ("uncordon", KubeStep::Uncordon),
    };
    let nodes = machines.iter().filter_map(|m| m.node());
    let wanting = nodes.filter(|n| n.schedulable == cordon);
    let mut stages = vec![];
    Stage::push(
        &mut stages,
        verb,
        wanting.map(|n| Step::Kube(n.key.clone(), step.clone())),
    );
    let title = super::ending::title(verb, &machines);
    Ok(Plan {
        request: request.clone(),
        cost: cost::same(fleet, &cluster),
        bill: None,
        cluster,
        stages,
        title,
        warnings: vec![],
        confirm: None,
    })
}
