//! Remove: machines are drained and ended, their nodes deleted, and nothing takes their place. What has only half of the
//! join is mended the same way: a node without an instance is deleted, an instance without a node is ended.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::super::plan::{Plan, Refusal, Stage};
use super::super::request::{DrainOptions, Request};
use super::super::step::{CloudStep, Step};
use super::super::{cost, guard};
use super::ending;
use crate::fleet::{Fleet, Machine, MachineId, MachineState, PoolId};

pub(in crate::ops) fn plan(
    fleet: &Fleet,
    request: &Request,
    machines: &[MachineId],
    options: &DrainOptions,
    now: Timestamp,
) -> Result<Plan, Refusal> {
    let (cluster, machines) = guard::targets(fleet, machines)?;
    guard::not_edge(&machines)?;
    guard::quorum(fleet, &cluster, &machines, now)?;
    let shrinking = shrinking(fleet, &machines)?;
    let mut stages = ending::draining(&ending::drainable(&living(&machines, now)), options);
    stages.extend(shrinking);
    stages.extend(ending::ending(&machines, true));
    let mut warnings = ending::warnings(fleet, &cluster, &machines, options, now);
    warnings.extend(lone(&machines));
    Ok(Plan {
        request: request.clone(),
        title: ending::title("remove", &machines),
        stages,
        cost: cost::without(fleet, &cluster, &machines),
        bill: None,
        warnings,
        cluster,
        confirm: None,
    })
}

/// The machines' groups must be allowed to want fewer; Spot Fleets are told so before a machine of theirs ends, or they
/// would launch another.
fn shrinking(fleet: &Fleet, machines: &[Machine<'_>]) -> Result<Vec<Stage>, Refusal> {
    let mut going: BTreeMap<PoolId, u32> = BTreeMap::new();
    for pool in machines
        .iter()
        .filter(|m| m.instance().is_some())
        .filter_map(Machine::pool)
    {
        *going.entry(pool).or_default() += 1;
    }
    let mut targets = vec![];
    for (pool, count) in going {
        match &pool {
            PoolId::Asg(scope, name) => {
                let Some(asg) = fleet.asg(scope, name) else { continue };
                let left = asg.desired.saturating_sub(count);
                if left < asg.min {
                    let why = format!("{name} would have {left} machines, and its least is {}", asg.min);
                    let lift =
                        format!("lower the least with it: k3fleet scale {name} {left} --raise, or replace the machine");
                    return Err(Refusal::new("pool-min", why, lift));
                }
            }
            PoolId::SpotFleet(scope, id) => {
                let Some(request) = fleet.spot_fleet(scope, id) else {
                    continue;
                };
                let step = CloudStep::SetTarget {
                    fleet: id.clone(),
                    target: request.target.saturating_sub(count),
                    end_excess: false,
                };
                targets.push(Step::Cloud(scope.clone(), step));
            }
            PoolId::Instance(_) | PoolId::Edge(_) => {}
        }
    }
    let mut stages = vec![];
    Stage::push(&mut stages, "lower the target", targets);
    Ok(stages)
}

fn lone(machines: &[Machine<'_>]) -> Option<String> {
    let lone = machines
        .iter()
        .find(|m| matches!(m.pool(), Some(PoolId::Instance(_))))?;
    Some(format!("{} is in no group: nothing can launch it again", lone.name()))
}

/// Those with a machine behind them: pods on a node without one run no longer.
fn living<'a>(machines: &[Machine<'a>], now: Timestamp) -> Vec<Machine<'a>> {
    let living = |m: &&Machine<'_>| m.state(now) != MachineState::Ghost;
    machines.iter().filter(living).copied().collect()
}
