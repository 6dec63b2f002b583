//! Changing a highly available cluster: what leaves is drained, CloudFormation changes the stack as the change set has it,
//! what the cluster is now is written down, and what is new has to become ready.

use smol_str::SmolStr;

use super::super::bill::{Bill, bill_of};
use super::super::condition::Condition;
use super::super::cost;
use super::super::plan::{CostChange, Plan, Refusal, Stage};
use super::super::request::{DrainOptions, Request};
use super::super::step::{CloudStep, StackWork, Step};
use super::super::updating::{Update, judge};
use super::ending;
use super::launch::READY;
use crate::blueprint::Names;
use crate::blueprint::ha::{Ha, Pool, PoolKind};
use crate::fleet::{Fleet, Machine, PoolId, Role, TAG_CLUSTER, TAG_POOL};
use crate::provider::StackAction;

/// What holds data, or what others know by heart: it is never made anew by a change of something else.
const KEPT: [&str; 6] = [
    "AWS::EFS::FileSystem",
    "AWS::ElasticLoadBalancingV2::LoadBalancer",
    "AWS::RDS::DBCluster",
    "AWS::RDS::DBInstance",
    "AWS::S3::Bucket",
    "AWS::SecretsManager::Secret",
];

pub(in crate::ops) fn plan(fleet: &Fleet, request: &Request, update: &Update) -> Result<Plan, Refusal> {
    let cluster = update.cluster();
    let (Some(old), Some(new)) = (&update.old.ha, &update.spec.ha) else {
        let why = format!("{cluster} is not highly available: it has no stack that could be changed");
        return Err(Refusal::new("shape", why, "launch another with --shape ha"));
    };
    judge(&update.old, &update.spec)?;
    harmless(update)?;
    let names = update.spec.names();
    let step = |step| Step::Cloud(update.scope.clone(), step);
    let group = |pool: &Pool| PoolId::Asg(update.scope.clone(), names.group(&pool.name).into());

    let removed: Vec<_> = old.pools.iter().filter(|pool| new.pool(&pool.name).is_none()).collect();
    let leaving: Vec<Machine<'_>> = fleet
        .machines()
        .filter(|m| removed.iter().any(|pool| is_of(m, &cluster.name, names, pool)))
        .collect();
    let changed = !update.change_set.changes.is_empty();
    let mut stages = vec![];
    if changed && !leaving.is_empty() {
        stages.extend(ending::draining(&ending::drainable(&leaving), &DrainOptions::ending()));
    }
    if changed {
        let work = StackWork::Change {
            change_set: update.change_set.clone(),
        };
        let name = names.stack();
        Stage::push(&mut stages, "change the stack", [step(CloudStep::Stack { name, work })]);
    }
    if update.old != update.spec {
        let spec = Box::new(update.spec.clone());
        let site = update.site.clone().map(Box::new);
        Stage::push(&mut stages, "write it down", [step(CloudStep::KeepSpec { spec, site })]);
    }
    let size = |ha: &Ha, name: &str| ha.pool(name).map_or(0, |pool| pool.desired);
    let grown = new.pools.iter().filter(|pool| pool.kind == PoolKind::Asg);
    let grown = grown.filter(|pool| pool.desired > size(old, &pool.name));
    let ready = grown.map(|pool| {
        let of = Condition::Ready {
            pool: group(pool),
            without: [].into(),
            count: pool.desired,
            new: pool.desired - size(old, &pool.name),
        };
        Step::Wait(of, READY)
    });
    let servers = (new.servers > old.servers).then(|| {
        let of = Condition::Up {
            cluster: cluster.clone(),
            role: Role::Server,
            count: new.servers,
            inner: true,
        };
        Step::Wait(of, READY)
    });
    Stage::push(&mut stages, "be ready", ready.chain(servers));

    let (cost, bill) = priced(fleet, update, old, new);
    let mut warnings = warnings(update, old, new, &leaving);
    warnings.extend(bill.iter().flat_map(Bill::unknown));
    Ok(Plan {
        request: request.clone(),
        title: match update.change_set.changes.len() {
            1 => format!("update {cluster}: 1 resource of its stack"),
            n => format!("update {cluster}: {n} resources of its stack"),
        },
        stages,
        cost,
        bill,
        warnings,
        cluster,
        confirm: None,
    })
}

/// Refuses what would lose what the cluster keeps.
fn harmless(update: &Update) -> Result<(), Refusal> {
    let is_lost = |action| {
        matches!(
            action,
            StackAction::Remove | StackAction::Replace | StackAction::MayReplace
        )
    };
    let lost = |name: &str| KEPT.contains(&name);
    if let Some(change) = (update.change_set.changes.iter()).find(|c| is_lost(c.action) && lost(&c.kind)) {
        let why = format!("the {} {} would be made anew, or go", change.kind, change.resource);
        return Err(Refusal::new("data", why, "leave out what changes it"));
    }
    Ok(())
}

/// Whether a machine is of a pool of this cluster.
fn is_of(machine: &Machine<'_>, cluster: &SmolStr, names: Names<'_>, pool: &Pool) -> bool {
    let by_group = match machine.pool() {
        Some(PoolId::Asg(_, group)) => group == names.group(&pool.name),
        _ => false,
    };
    let by_tag = || {
        let tags = machine.instance().map(|i| (i.tag(TAG_CLUSTER), i.tag(TAG_POOL)));
        tags == Some((Some(cluster), Some(&pool.name)))
    };
    by_group || by_tag()
}

fn warnings(update: &Update, old: &Ha, new: &Ha, leaving: &[Machine<'_>]) -> Vec<String> {
    let mut warnings = vec![];
    let cluster = &update.spec.name;
    for pool in &new.pools {
        let Some(before) = old.pool(&pool.name) else { continue };
        let made = |p: &Pool| {
            (
                p.types.clone(),
                p.arch,
                p.volume_gib,
                p.labels.clone(),
                p.taints.clone(),
            )
        };
        if made(before) != made(pool) {
            warnings.push(format!(
                "machines of {} that run already stay as they are: to have new ones, k3fleet replace them",
                pool.name
            ));
        }
        if pool.desired < before.desired {
            warnings.push(format!(
                "the group of {} ends {} machines of its own choice; the reaper drains them within two minutes: to drain \
                 in your own time, k3fleet scale {cluster}/{} {}",
                pool.name,
                before.desired - pool.desired,
                pool.name,
                pool.desired
            ));
        }
    }
    match leaving.len() {
        0 => {}
        1 => warnings.push("1 machine is drained and ends with its pool".to_owned()),
        n => warnings.push(format!("{n} machines are drained and end with their pools")),
    }
    let anew = update.change_set.changes.iter();
    for change in anew.filter(|c| c.action == StackAction::Replace) {
        warnings.push(format!("the {} {} is made anew", change.kind, change.resource));
    }
    warnings
}

/// What the whole cluster costs, as it is and as it is to be, and the bill of the latter.
fn priced(fleet: &Fleet, update: &Update, old: &Ha, new: &Ha) -> (CostChange, Option<Bill>) {
    let of = |spec| bill_of(fleet.market(), spec, update.basis.as_ref()?);
    let Some(bill) = of(&update.spec) else {
        return (cost_of(fleet, update, old, new), None);
    };
    let cost = CostChange {
        before: of(&update.old).and_then(|bill| bill.as_bought.usd()),
        after: bill.as_bought.usd(),
    };
    (cost, Some(bill))
}

/// The cost of machines stays where none comes or goes; else what those cost is told by their groups once they run.
fn cost_of(fleet: &Fleet, update: &Update, old: &Ha, new: &Ha) -> CostChange {
    let sizes = |ha: &Ha| -> Vec<(SmolStr, u32)> { ha.pools.iter().map(|p| (p.name.clone(), p.desired)).collect() };
    let same = cost::same(fleet, &update.cluster());
    match (old.servers, sizes(old)) == (new.servers, sizes(new)) {
        true => same,
        false => CostChange { after: None, ..same },
    }
}
