//! Replace: machines are drained and ended, and new ones take their place: before, where their group may have more
//! machines for a while, else after.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::super::condition::is_ready;
use super::super::plan::{Plan, Refusal, Stage};
use super::super::request::{DrainOptions, Request};
use super::super::step::{CloudStep, Step};
use super::super::{cost, guard};
use super::{ending, joining};
use crate::fleet::{Asg, Fleet, Machine, MachineId, PoolId, Role};

pub(in crate::ops) fn plan(
    fleet: &Fleet,
    request: &Request,
    machines: &[MachineId],
    options: &DrainOptions,
    now: Timestamp,
) -> Result<Plan, Refusal> {
    let (cluster, machines) = guard::targets(fleet, machines)?;
    guard::not_edge(&machines)?;
    let mut by_pool: BTreeMap<PoolId, Vec<Machine<'_>>> = BTreeMap::new();
    for machine in &machines {
        let Some(pool) = machine.pool().filter(|_| machine.instance().is_some()) else {
            let why = format!("{} has no instance to replace", machine.name());
            let lift = format!("delete its node: k3fleet remove {}", machine.id());
            return Err(Refusal::new("no-instance", why, lift));
        };
        by_pool.entry(pool).or_default().push(*machine);
    }
    let mut stages = vec![];
    let mut warnings = ending::warnings(fleet, &cluster, &machines, options, now);
    for (pool, machines) in &by_pool {
        let room = match pool {
            PoolId::Asg(scope, name) => fleet
                .asg(scope, name)
                .map(|asg| (asg, asg.max.saturating_sub(asg.desired))),
            PoolId::SpotFleet(..) => None,
            PoolId::Instance(id) => {
                let why = format!("{id} is in no group: nothing would launch another");
                return Err(Refusal::new(
                    "not-scalable",
                    why,
                    "remove it, and scale a pool up instead",
                ));
            }
            PoolId::Edge(_) => continue,
        };
        // Servers go one at a time, so that etcd's members change one at a time.
        let server = machines.iter().any(|m| m.role() == Some(Role::Server));
        let mut going = BTreeSet::new();
        match room {
            Some((asg, room)) if room > 0 => {
                let at_once = if server { 1 } else { room as usize };
                for batch in machines.chunks(at_once.max(1)) {
                    guard::quorum(fleet, &cluster, batch, now)?;
                    going.extend(batch.iter().map(Machine::id));
                    stages.extend(with_room(
                        asg,
                        batch,
                        joined(fleet, pool, &going, batch.len(), now),
                        options,
                    ));
                }
            }
            _ => {
                warnings
                    .push("the pool has no room for one more: each machine goes before its successor comes".to_owned());
                for machine in machines {
                    let one = std::slice::from_ref(machine);
                    guard::quorum(fleet, &cluster, one, now)?;
                    going.insert(machine.id());
                    stages.extend(without_room(one, joined(fleet, pool, &going, 1, now), options));
                }
            }
        }
    }
    Ok(Plan {
        request: request.clone(),
        title: ending::title("replace", &machines),
        stages,
        cost: cost::same(fleet, &cluster),
        bill: None,
        warnings,
        cluster,
        confirm: None,
    })
}

/// Waits until the pool has as many ready machines as now, without all those that are gone or to go by then; `new` of them
/// come last.
fn joined(fleet: &Fleet, pool: &PoolId, going: &BTreeSet<MachineId>, new: usize, now: Timestamp) -> Step {
    let stays = |m: &Machine<'_>| m.is_in(pool) && !going.contains(&m.id()) && is_ready(m, now);
    let staying = fleet.machines().filter(|m| stays(m)).count();
    joining::joined(pool, going.clone(), staying + going.len(), new)
}

fn with_room(asg: &Asg, batch: &[Machine<'_>], joined: Step, options: &DrainOptions) -> Vec<Stage> {
    let more = u32::try_from(batch.len()).unwrap_or(u32::MAX);
    let grow = CloudStep::SetDesired {
        asg: asg.name.clone(),
        desired: asg.desired.saturating_add(more),
    };
    let mut stages = vec![];
    Stage::push(&mut stages, "grow", [Step::Cloud(asg.scope.clone(), grow)]);
    Stage::push(&mut stages, "join", [joined]);
    stages.extend(ending::draining(&ending::drainable(batch), options));
    stages.extend(ending::ending(batch, true));
    stages
}

fn without_room(one: &[Machine<'_>], joined: Step, options: &DrainOptions) -> Vec<Stage> {
    let mut stages = ending::draining(&ending::drainable(one), options);
    stages.extend(ending::ending(one, false));
    Stage::push(&mut stages, "join", [joined]);
    stages
}
