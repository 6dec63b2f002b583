//! Scale: a pool is brought to a number of machines. Growing sets the desired capacity and waits for the new machines;
//! shrinking chooses who goes, drains them and ends them by name, so that AWS never chooses.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use jiff::Timestamp;

use super::super::condition::is_ready;
use super::super::plan::{CostChange, Plan, Refusal, Stage};
use super::super::request::{DrainOptions, Request, VictimOrder};
use super::super::step::{CloudStep, Step};
use super::super::{cost, guard};
use super::{ending, joining};
use crate::fleet::{ClusterId, Fleet, InstanceState, Machine, MachineState, PoolId, Role};

/// What is asked of a pool.
pub(in crate::ops) struct Scale<'a> {
    pub(in crate::ops) pool: &'a PoolId,
    pub(in crate::ops) to: u32,
    pub(in crate::ops) raise: bool,
    pub(in crate::ops) order: &'a [VictimOrder],
    pub(in crate::ops) drain: &'a DrainOptions,
}

/// A pool as it scales: its size now and its bounds.
struct Size {
    desired: u32,
    bounds: Option<(u32, u32)>,
    name: smol_str::SmolStr,
}

pub(in crate::ops) fn plan(
    fleet: &Fleet,
    request: &Request,
    scale: &Scale<'_>,
    now: Timestamp,
) -> Result<Plan, Refusal> {
    let size = size(fleet, scale.pool)?;
    let Some(cluster) = fleet.cluster_of_pool(scale.pool) else {
        let why = format!("{} belongs to no cluster that is known", size.name);
        let lift = "tag it, or let a rule in config.toml adopt it";
        return Err(Refusal::new("no-cluster", why, lift));
    };
    let machines = members(fleet, scale.pool);
    let server = machines.iter().any(|m| m.role() == Some(Role::Server));
    let mut stages = bounds(scale, &size)?;
    let mut warnings = vec![];
    let cost = match scale.to.cmp(&size.desired) {
        Ordering::Greater => {
            let count = scale.to - size.desired;
            stages.extend(growing(scale, &machines, count, now));
            if server && scale.to.is_multiple_of(2) {
                warnings.push("an even number of servers stands no more failures than one fewer would".to_owned());
            }
            grown(fleet, &cluster, &machines, count, &mut warnings)
        }
        Ordering::Less => {
            let living = u32::try_from(machines.len()).unwrap_or(u32::MAX);
            let going = victims(&machines, living.saturating_sub(scale.to), scale.order, now);
            guard::quorum(fleet, &cluster, &going, now)?;
            stages.extend(shrinking(scale, &size, &going));
            warnings.extend(ending::warnings(fleet, &cluster, &going, scale.drain, now));
            cost::without(fleet, &cluster, &going)
        }
        Ordering::Equal => cost::same(fleet, &cluster),
    };
    Ok(Plan {
        request: request.clone(),
        title: format!("scale {} from {} to {}", size.name, size.desired, scale.to),
        cluster,
        stages,
        cost,
        bill: None,
        warnings,
        confirm: None,
    })
}

fn size(fleet: &Fleet, pool: &PoolId) -> Result<Size, Refusal> {
    let unknown = |name: &str| {
        let why = format!("there is no pool {name}");
        Refusal::new("unknown-pool", why, "look it up: k3fleet get pools")
    };
    match pool {
        PoolId::Asg(scope, name) => {
            let asg = fleet.asg(scope, name).ok_or_else(|| unknown(name))?;
            Ok(Size {
                desired: asg.desired,
                bounds: Some((asg.min, asg.max)),
                name: name.clone(),
            })
        }
        PoolId::SpotFleet(scope, id) => {
            let request = fleet.spot_fleet(scope, id).ok_or_else(|| unknown(id))?;
            Ok(Size {
                desired: request.target,
                bounds: None,
                name: id.clone(),
            })
        }
        PoolId::Instance(id) => {
            let why = format!("{id} is a lone instance: nothing launches another like it");
            Err(Refusal::new(
                "not-scalable",
                why,
                "scale a pool that is an Auto Scaling group or a Spot Fleet",
            ))
        }
        PoolId::Edge(group) => {
            let why = format!("{group} is a group of edge hosts");
            Err(Refusal::new(
                "edge-host",
                why,
                "join or leave hosts instead: k3fleet join, k3fleet leave",
            ))
        }
    }
}

/// The machines that count towards a pool's size.
fn members<'a>(fleet: &'a Fleet, pool: &PoolId) -> Vec<Machine<'a>> {
    let living = |m: &Machine<'_>| {
        m.instance()
            .is_some_and(|i| matches!(i.state, InstanceState::Pending | InstanceState::Running))
            && m.asg_member()
                .is_none_or(|(lifecycle, _)| !lifecycle.starts_with("Terminat"))
    };
    let own = fleet.machines().filter(|m| m.is_in(pool));
    own.filter(living).collect()
}

/// Widens the pool's bounds where they stand in the way and that was asked for.
fn bounds(scale: &Scale<'_>, size: &Size) -> Result<Vec<Stage>, Refusal> {
    let (PoolId::Asg(scope, asg), Some((min, max))) = (scale.pool, size.bounds) else {
        return Ok(vec![]);
    };
    let (low, high) = (min.min(scale.to), max.max(scale.to));
    if (low, high) == (min, max) {
        return Ok(vec![]);
    }
    if !scale.raise {
        let why = format!("{asg} may have {min} to {max} machines, not {}", scale.to);
        return Err(Refusal::new(
            "pool-bounds",
            why,
            "let it with --raise: the bounds are widened first",
        ));
    }
    let step = CloudStep::SetBounds {
        asg: asg.clone(),
        min: low,
        max: high,
    };
    let mut stages = vec![];
    Stage::push(&mut stages, "bounds", [Step::Cloud(scope.clone(), step)]);
    Ok(stages)
}

fn growing(scale: &Scale<'_>, machines: &[Machine<'_>], count: u32, now: Timestamp) -> Vec<Stage> {
    let ready = machines.iter().filter(|m| is_ready(m, now)).count();
    let joined = joining::joined(scale.pool, BTreeSet::new(), ready + count as usize, count as usize);
    let mut stages = vec![];
    Stage::push(&mut stages, "grow", set_size(scale.pool, scale.to));
    Stage::push(&mut stages, "join", [joined]);
    stages
}

fn shrinking(scale: &Scale<'_>, size: &Size, going: &[Machine<'_>]) -> Vec<Stage> {
    let count = u32::try_from(going.len()).unwrap_or(u32::MAX);
    let mut stages = vec![];
    // What the pool wants but never got goes first: it is no machine.
    if size.desired.saturating_sub(count) > scale.to {
        let unmet = set_size(scale.pool, scale.to.saturating_add(count));
        Stage::push(&mut stages, "want fewer", unmet);
    }
    stages.extend(ending::draining(&ending::drainable(going), scale.drain));
    if let PoolId::SpotFleet(..) = scale.pool {
        Stage::push(&mut stages, "shrink", set_size(scale.pool, scale.to));
    }
    stages.extend(ending::ending(going, true));
    stages
}

fn set_size(pool: &PoolId, to: u32) -> Option<Step> {
    match pool {
        PoolId::Asg(scope, asg) => {
            let asg = asg.clone();
            Some(Step::Cloud(scope.clone(), CloudStep::SetDesired { asg, desired: to }))
        }
        PoolId::SpotFleet(scope, fleet) => {
            let step = CloudStep::SetTarget {
                fleet: fleet.clone(),
                target: to,
                end_excess: false,
            };
            Some(Step::Cloud(scope.clone(), step))
        }
        PoolId::Instance(_) | PoolId::Edge(_) => None,
    }
}

/// What the cluster costs with so many machines more, as its pool's machines cost now.
fn grown(
    fleet: &Fleet,
    cluster: &ClusterId,
    machines: &[Machine<'_>],
    count: u32,
    warnings: &mut Vec<String>,
) -> CostChange {
    let before = cost::of_cluster(fleet, cluster);
    let known: Vec<f64> = machines.iter().filter_map(Machine::price).collect();
    let each = match known.len() {
        0 => {
            warnings.push("what a new machine costs is not known: the pool has none whose price is known".to_owned());
            None
        }
        n => Some(known.iter().sum::<f64>() / n as f64),
    };
    CostChange {
        before,
        after: before.zip(each).map(|(before, each)| before + each * f64::from(count)),
    }
}

/// Who goes when a pool shrinks by so many, in the order they go.
pub(in crate::ops) fn victims<'a>(
    machines: &[Machine<'a>],
    count: u32,
    order: &[VictimOrder],
    now: Timestamp,
) -> Vec<Machine<'a>> {
    let mut all = machines.to_vec();
    all.sort_by(|a, b| {
        let told = order
            .iter()
            .map(|by| compare(a, b, *by, now))
            .find(|order| order.is_ne());
        told.unwrap_or(Ordering::Equal).then_with(|| a.id().cmp(&b.id()))
    });
    all.truncate(count as usize);
    all
}

/// Less: `a` goes before `b`.
fn compare(a: &Machine<'_>, b: &Machine<'_>, by: VictimOrder, now: Timestamp) -> Ordering {
    let state = |m: &Machine<'_>| m.state(now);
    let unready = |m: &Machine<'_>| {
        !matches!(
            state(m),
            MachineState::Ready | MachineState::Cordoned | MachineState::Interrupted
        )
    };
    let pods = |m: &Machine<'_>| m.requested().map_or(0, |r| r.pods);
    // Yes before no.
    let first = |yes: &dyn Fn(&Machine<'_>) -> bool| yes(b).cmp(&yes(a));
    match by {
        VictimOrder::NotReady => first(&unready),
        VictimOrder::Interrupted => first(&|m| m.notice().is_some()),
        VictimOrder::Cordoned => first(&|m| m.node().is_some_and(|n| !n.schedulable)),
        VictimOrder::FewestPods => pods(a).cmp(&pods(b)),
        VictimOrder::MostExpensive => match (a.price(), b.price()) {
            (Some(x), Some(y)) => y.total_cmp(&x),
            _ => Ordering::Equal,
        },
        VictimOrder::Oldest => a.since().cmp(&b.since()),
        VictimOrder::Newest => b.since().cmp(&a.since()),
    }
}
