//! Whether a scenario makes sense: every name it uses is defined, every number can be played.

use std::collections::BTreeSet;

use smol_str::SmolStr;

use super::scenario::{ClusterSpec, PoolSpec, Ref, RegionSpec, Scenario, Shape, TargetSpec, ToldEvent};
use super::workload::workloads;

/// Where in the text (byte offset, when a single place is to blame), and what is wrong.
type Wrong = (Option<usize>, String);

/// Checks what the schema alone cannot.
pub(super) fn check(scenario: &Scenario) -> Result<(), Wrong> {
    let market = &scenario.market;
    if !(market.history_step.as_secs() >= 60 && market.live_step.as_secs() >= 1 && market.history.is_positive()) {
        return Err((
            None,
            "market: history_step is at least 1m, live_step at least 1s, history more than 0s".into(),
        ));
    }
    if scenario.life.every.as_secs() < 1 {
        return Err((None, "life: every is at least 1s".into()));
    }
    unique("region", scenario.regions.iter().map(|r| &r.name))?;
    unique("type", scenario.types.iter().map(|t| &t.name))?;
    unique("cluster", scenario.clusters.iter().map(|c| &c.name))?;
    unique(
        "context",
        scenario.clusters.iter().map(|c| c.context.as_ref().unwrap_or(&c.name)),
    )?;
    for region in &scenario.regions {
        let here = scenario.clusters.iter().filter(|c| *c.region.get_ref() == region.name);
        unique("Auto Scaling group", here.flat_map(|c| &c.pools).map(|p| &p.name))?;
    }
    unique("host", scenario.edge.iter().flat_map(|e| &e.hosts).map(|h| &h.name))?;
    for cluster in &scenario.clusters {
        check_cluster(scenario, cluster)?;
    }
    for edge in &scenario.edge {
        known("cluster", &edge.cluster, scenario.clusters.iter().map(|c| &c.name))?;
    }
    for told in &scenario.events {
        check_event(scenario, &told.event)?;
    }
    for fault in &scenario.faults {
        match &fault.target {
            TargetSpec::Scope(r) => {
                let scopes: Vec<SmolStr> = scenario
                    .regions
                    .iter()
                    .map(|r| SmolStr::new(super::build::scope(r).to_string()))
                    .collect();
                known("scope", r, scopes.iter())?;
            }
            TargetSpec::Context(r) => known(
                "context",
                r,
                scenario.clusters.iter().map(|c| c.context.as_ref().unwrap_or(&c.name)),
            )?,
            TargetSpec::Host(r) => known("host", r, scenario.edge.iter().flat_map(|e| &e.hosts).map(|h| &h.name))?,
        }
    }
    Ok(())
}

fn check_cluster(scenario: &Scenario, cluster: &ClusterSpec) -> Result<(), Wrong> {
    known("region", &cluster.region, scenario.regions.iter().map(|r| &r.name))?;
    let Some(region) = scenario.regions.iter().find(|r| r.name == *cluster.region.get_ref()) else {
        return Ok(());
    };
    let at = Some(cluster.region.span().start);
    if (cluster.shape == Shape::Ci) != cluster.ttl.is_some() {
        return Err((
            at,
            format!("cluster {}: shape ci, and only ci, has a ttl", cluster.name),
        ));
    }
    for pool in &cluster.pools {
        check_pool(scenario, region, pool)?;
    }
    for lone in &cluster.machines {
        known("type", &lone.instance_type, scenario.types.iter().map(|t| &t.name))?;
        known("zone", &lone.zone, region.zones.iter().map(|z| &z.name))?;
    }
    unique(
        "pool",
        cluster
            .pools
            .iter()
            .map(|p| &p.name)
            .chain(cluster.machines.iter().map(|m| &m.name)),
    )
}

fn check_pool(scenario: &Scenario, region: &RegionSpec, pool: &PoolSpec) -> Result<(), Wrong> {
    for name in &pool.types {
        known("type", name, scenario.types.iter().map(|t| &t.name))?;
    }
    for name in &pool.zones {
        known("zone", name, region.zones.iter().map(|z| &z.name))?;
    }
    let at = pool.types.first().map(|t| t.span().start);
    if at.is_none() || pool.zones.is_empty() {
        return Err((at, format!("pool {} needs at least one type and one zone", pool.name)));
    }
    if !(pool.min <= pool.desired && pool.desired <= pool.max && pool.on_demand_percent <= 100) {
        return Err((
            at,
            format!(
                "pool {}: min <= desired <= max, and on_demand_percent <= 100",
                pool.name
            ),
        ));
    }
    Ok(())
}

fn check_event(scenario: &Scenario, event: &ToldEvent) -> Result<(), Wrong> {
    let zones = || scenario.regions.iter().flat_map(|r| &r.zones).map(|z| &z.name);
    match event {
        ToldEvent::SpotNotice { pool, zone } => {
            known_pool(scenario, pool)?;
            zone.as_ref().map_or(Ok(()), |zone| known("zone", zone, zones()))
        }
        ToldEvent::Unhealthy { pool }
        | ToldEvent::NodeNotReady { pool, .. }
        | ToldEvent::NoCapacity { pool, .. }
        | ToldEvent::NeverJoins { pool }
        | ToldEvent::Ghost { pool, .. } => known_pool(scenario, pool).map(drop),
        ToldEvent::NoLaunches { region, .. }
        | ToldEvent::FirstBootFails { region, .. }
        | ToldEvent::StackFails { region, .. }
        | ToldEvent::UnknownProfile { region } => known("region", region, scenario.regions.iter().map(|r| &r.name)),
        // What operators launch is not known before.
        ToldEvent::SpotStorm { .. }
        | ToldEvent::MachinesEnd { .. }
        | ToldEvent::Serve { .. }
        | ToldEvent::Claim { .. } => Ok(()),
        ToldEvent::Budget { cluster, workload, .. } => {
            known("cluster", cluster, scenario.clusters.iter().map(|c| &c.name))?;
            let spec = scenario.clusters.iter().find(|c| c.name == *cluster.get_ref());
            let all = spec.map(workloads).unwrap_or_default();
            let names: Vec<_> = all.iter().map(|w| SmolStr::new(w.name())).collect();
            known("workload", workload, names.iter())
        }
        ToldEvent::Scale { pool, desired } => {
            let spec = known_pool(scenario, pool)?;
            if (spec.min..=spec.max).contains(desired) {
                return Ok(());
            }
            let (min, max) = (spec.min, spec.max);
            Err((
                Some(pool.span().start),
                format!("desired {desired} is not within {min} to {max}"),
            ))
        }
        ToldEvent::MachineAils { pool, .. } => known_machines(scenario, pool),
        ToldEvent::BoardDrop { host, .. } | ToldEvent::BoardOff { host, .. } | ToldEvent::BoardAils { host, .. } => {
            known(
                "host",
                host,
                scenario.edge.iter().flat_map(|e| &e.hosts).map(|h| &h.name),
            )
        }
        ToldEvent::PriceSpike { zone, .. } => known("zone", zone, zones()),
        ToldEvent::Stray {
            cluster, r#type, zone, ..
        } => {
            known("cluster", cluster, scenario.clusters.iter().map(|c| &c.name))?;
            known("type", r#type, scenario.types.iter().map(|t| &t.name))?;
            known("zone", zone, zones())
        }
    }
}

/// A pool or a lone machine.
fn known_machines(scenario: &Scenario, name: &Ref) -> Result<(), Wrong> {
    let of = |c: &ClusterSpec, lone: &str| name.get_ref().split_once('/') == Some((&c.name, lone));
    let lone = scenario
        .clusters
        .iter()
        .any(|c| c.machines.iter().any(|m| of(c, &m.name)));
    if lone {
        Ok(())
    } else {
        known_pool(scenario, name).map(drop)
    }
}

fn known_pool<'a>(scenario: &'a Scenario, name: &Ref) -> Result<&'a PoolSpec, Wrong> {
    let mut pools = scenario
        .clusters
        .iter()
        .flat_map(|c| c.pools.iter().map(move |p| (c, p)));
    pools
        .find(|(c, p)| name.get_ref().split_once('/') == Some((&c.name, &p.name)))
        .map(|(_, p)| p)
        .ok_or_else(|| {
            (
                Some(name.span().start),
                format!("no pool `{}` (write cluster/pool)", name.get_ref()),
            )
        })
}

fn known<'a>(what: &str, name: &Ref, mut defined: impl Iterator<Item = &'a SmolStr>) -> Result<(), Wrong> {
    if defined.any(|d| d == name.get_ref()) {
        return Ok(());
    }
    Err((
        Some(name.span().start),
        format!("no {what} `{}` in this scenario", name.get_ref()),
    ))
}

fn unique<'a>(what: &str, names: impl Iterator<Item = &'a SmolStr>) -> Result<(), Wrong> {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err((None, format!("two {what}s are named `{name}`")));
        }
    }
    Ok(())
}
