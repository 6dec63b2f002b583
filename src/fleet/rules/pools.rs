//! Rules about pools: groups that are short of machines, and spot pools that stand on one leg or in a dear zone.

use rustc_hash::FxHashMap;
use smallvec::SmallVec;
use smol_str::SmolStr;

use super::{Sight, Verdict, counted};
use crate::fleet::table::money;
use crate::fleet::{
    Asg, FeedKind, Finding, Fleet, Freshness, Instance, InstanceState, Machine, MachineId, Offer, Pool, PoolId,
    Purchase, RowId, Scope, Severity, Source, SpotFleet,
};

/// How long a group may have fewer machines than it wants.
const SHORT: i64 = 300;
/// What moving a pool must save to be worth a line: USD per hour, and the part of what it costs now.
const WORTH: (f64, f64) = (0.005, 0.1);
/// Processes without which a group neither grows, shrinks nor heals.
const VITAL: [&str; 4] = ["Launch", "Terminate", "HealthCheck", "ReplaceUnhealthy"];

/// Judges each group that is part of a cluster.
pub(super) fn judge(sight: &Sight<'_>, findings: &mut Vec<Finding>) {
    for pool in sight.summary.pools.values() {
        let mut add = |verdict: Option<Verdict>| findings.extend(verdict.map(|v| of_pool(v, pool)));
        match &pool.id {
            PoolId::Asg(scope, name) => {
                let Some(asg) = sight.fleet.asg(scope, name) else {
                    continue;
                };
                if sight.is_live(FeedKind::Asgs, Source::Aws(scope.clone())) {
                    add(asg_short(sight, pool, asg));
                    add(suspended_process(asg));
                    findings.extend(unhealthy_members(sight.fleet, asg));
                }
            }
            PoolId::SpotFleet(scope, id) => {
                let Some(request) = sight.fleet.spot_fleet(scope, id) else {
                    continue;
                };
                if sight.is_live(FeedKind::SpotFleets, Source::Aws(scope.clone())) {
                    add(spot_fleet_short(sight, pool, request));
                }
            }
            PoolId::Instance(_) | PoolId::Edge(_) => {}
        }
    }
}

fn of_pool(verdict: Verdict, pool: &Pool) -> Finding {
    verdict.of(
        RowId::Pool(pool.id.clone()),
        pool.name.to_string(),
        pool.cluster.clone(),
    )
}

fn asg_short(sight: &Sight<'_>, pool: &Pool, asg: &Asg) -> Option<Verdict> {
    let since = sight
        .fleet
        .short_since(&pool.id)
        .filter(|at| sight.seconds(*at) >= SHORT)?;
    let serving = asg.in_service();
    let newest = sight.fleet.activities(&asg.scope, &asg.name).next();
    let why = newest
        .filter(|a| a.status == "Failed")
        .and_then(|a| a.message.as_deref());
    let why = why
        .map(|message| format!("; the last try failed: {message}"))
        .unwrap_or_default();
    Some(Verdict {
        rule: "asg-short",
        severity: if serving == 0 {
            Severity::Critical
        } else {
            Severity::Warning
        },
        line: format!(
            "{serving} of {} in service for at least {}{why}",
            asg.desired,
            sight.ago(since)
        ),
        mend: "allow more instance types or zones, or see its scaling activities (d)".to_owned(),
        since: Some(since),
    })
}

fn spot_fleet_short(sight: &Sight<'_>, pool: &Pool, request: &SpotFleet) -> Option<Verdict> {
    let since = sight
        .fleet
        .short_since(&pool.id)
        .filter(|at| sight.seconds(*at) >= SHORT)?;
    (request.state == "active").then(|| Verdict {
        rule: "spot-fleet-short",
        severity: if request.fulfilled == 0 {
            Severity::Critical
        } else {
            Severity::Warning
        },
        line: format!(
            "{} of {} fulfilled for at least {}",
            request.fulfilled,
            request.target,
            sight.ago(since)
        ),
        mend: "allow more instance types or zones in the request".to_owned(),
        since: Some(since),
    })
}

fn suspended_process(asg: &Asg) -> Option<Verdict> {
    let processes = asg.suspended.join(", ");
    let vital = asg.suspended.iter().any(|p| VITAL.contains(&p.as_str()));
    (!asg.suspended.is_empty()).then(|| Verdict {
        rule: "suspended-process",
        severity: if vital { Severity::Warning } else { Severity::Info },
        line: format!("suspended in this group: {processes}"),
        mend: format!(
            "aws autoscaling resume-processes --auto-scaling-group-name {}",
            asg.name
        ),
        since: None,
    })
}

/// Instances that run, and that their group holds unhealthy: it is about to replace them.
fn unhealthy_members(fleet: &Fleet, asg: &Asg) -> impl Iterator<Item = Finding> {
    let unhealthy = asg.members.iter().filter(|m| !m.healthy && m.lifecycle == "InService");
    unhealthy.filter_map(move |member| {
        let machine = fleet.machine(&MachineId::Instance(member.id.clone()))?;
        let verdict = Verdict {
            rule: "unhealthy-member",
            severity: Severity::Warning,
            line: format!("runs, but {} holds it unhealthy and will replace it", asg.name),
            mend: format!("move its pods: k3fleet drain {}", machine.id()),
            since: None,
        };
        machine
            .instance()
            .filter(|i| i.state == InstanceState::Running)
            .map(|_| verdict.of_machine(&machine))
    })
}

/// Which spot instances run in each Auto Scaling group.
#[derive(Default)]
pub(super) struct SpotUse<'a>(FxHashMap<&'a PoolId, SmallVec<[Use<'a>; 4]>>);

struct Use<'a> {
    instance_type: &'a SmolStr,
    zone: &'a SmolStr,
    machines: usize,
}

impl<'a> SpotUse<'a> {
    /// Takes in one machine.
    pub(super) fn add(&mut self, machine: &Machine<'a>) {
        let spot = |i: &&Instance| i.purchase == Purchase::Spot && i.state.is_billed();
        let Some(instance) = machine.instance().filter(spot) else {
            return;
        };
        let Some(pool @ PoolId::Asg(..)) = machine.pool_ref() else {
            return;
        };
        let uses = self.0.entry(pool).or_default();
        let same = |u: &&mut Use<'_>| u.zone == &instance.zone && u.instance_type == &instance.instance_type;
        match uses.iter_mut().find(same) {
            Some(seen) => seen.machines += 1,
            None => uses.push(Use {
                instance_type: &instance.instance_type,
                zone: &instance.zone,
                machines: 1,
            }),
        }
    }

    /// Judges each group that runs spot instances.
    pub(super) fn judge(&self, sight: &Sight<'_>, findings: &mut Vec<Finding>) {
        for (id, uses) in &self.0 {
            let (Some(pool), Some(scope)) = (sight.summary.pools.get(*id), id.scope()) else {
                continue;
            };
            let verdicts = [
                spot_without_diversity(pool, sight.fleet.asgs.get(*id), uses),
                cheaper_zone(sight, scope, uses),
            ];
            findings.extend(verdicts.into_iter().flatten().map(|v| of_pool(v, pool)));
        }
    }
}

/// Several spot machines of one type in one zone, where the group allows no other.
fn spot_without_diversity(pool: &Pool, asg: Option<&Asg>, uses: &[Use<'_>]) -> Option<Verdict> {
    let asg = asg?;
    let [only] = uses else { return None };
    // A group that allows a second type or zone goes there by itself when this one runs dry.
    if only.machines < 2 || pool.types.len() > 1 || asg.types.len() != 1 || asg.zones.len() != 1 {
        return None;
    }
    Some(Verdict {
        rule: "spot-without-diversity",
        severity: Severity::Info,
        line: format!(
            "all {} are {} in {}: one shortage of spot capacity takes them together",
            counted(only.machines, "spot machine"),
            only.instance_type,
            only.zone
        ),
        mend: "allow this group more instance types and zones".to_owned(),
        since: None,
    })
}

/// Another zone of the region in which the same machines would cost less; only from known prices.
fn cheaper_zone(sight: &Sight<'_>, scope: &Scope, uses: &[Use<'_>]) -> Option<Verdict> {
    if sight.freshness(FeedKind::SpotPrices, Source::Aws(scope.clone())) != Some(Freshness::Live) {
        return None;
    }
    let market = sight.fleet.market();
    let offer = |u: &Use<'_>| Offer::new(&scope.region, u.instance_type);
    let cost = |u: &Use<'_>, zone: &str| Some(market.spot(&offer(u), zone)? * u.machines as f64);
    let now: f64 = uses.iter().map(|u| cost(u, u.zone)).sum::<Option<f64>>()?;
    let zones = market.zones(&offer(uses.first()?))?;
    let moved = zones
        .keys()
        .filter_map(|zone| Some((uses.iter().map(|u| cost(u, zone)).sum::<Option<f64>>()?, zone)));
    let (best, zone) = moved.min_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.cmp(b.1)))?;
    let saved = now - best;
    if saved < WORTH.0 || saved < now * WORTH.1 {
        return None;
    }
    let machines = uses.iter().map(|u| u.machines).sum();
    Some(Verdict {
        rule: "cheaper-zone",
        severity: Severity::Info,
        line: format!(
            "moving its {} to {zone} saves ${}/h of ${}/h",
            counted(machines, "spot machine"),
            money(saved),
            money(now)
        ),
        mend: format!("weigh the loss of spread, then let the group prefer subnets in {zone}"),
        since: None,
    })
}
