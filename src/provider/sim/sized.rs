//! `--demo-size N`: the demo's world, grown to about N machines over more regions and clusters.

use std::net::{IpAddr, Ipv4Addr};

use jiff::SignedDuration;
use smol_str::{SmolStr, format_smolstr};
use toml::Spanned;

use super::scenario::{
    BoardSpec, ClusterSpec, EdgeSpec, PoolSpec, Ref, RegionSpec, Scenario, ScenarioError, Shape, TargetSpec, ToldEvent,
    ZoneSpec,
};
use crate::fleet::Role;

/// Machines of one cluster, more or less.
const CLUSTER: usize = 200;
/// Every so manieth cluster has boards at the edge, and how many.
const EDGE_EVERY: usize = 5;
const BOARDS: usize = 20;
/// Regions, and their prices against the demo's first region.
const REGIONS: [(&str, f64); 4] = [
    ("eu-west-1", 1.0),
    ("us-east-1", 0.92),
    ("eu-central-1", 1.05),
    ("ap-southeast-1", 1.14),
];

impl Scenario {
    /// A world of about `machines` machines (4 to 100,000), in which the same things happen as in the demo.
    ///
    /// # Errors
    /// As [`Scenario::demo`]: none that a test does not find.
    pub fn sized(machines: usize) -> Result<Self, ScenarioError> {
        let demo = Self::demo()?;
        let Some((home, cluster)) = demo.regions.first().zip(demo.clusters.first()) else {
            return Ok(demo);
        };
        let machines = machines.clamp(4, 100_000);
        let count = machines.div_ceil(CLUSTER);
        let regions = regions(home, count.min(REGIONS.len()));
        let mut types = demo.types.clone();
        for kind in &mut types {
            let base = kind.usd.get(&home.name).copied();
            let price = |factor: f64| base.map(|usd| (usd * factor * 10_000.0).round() / 10_000.0);
            kind.usd = REGIONS
                .iter()
                .filter_map(|(name, factor)| Some((SmolStr::new(name), price(*factor)?)))
                .collect();
        }
        let mut clusters = Vec::new();
        let mut edge = Vec::new();
        for n in 0..count {
            let share = machines * (n + 1) / count - machines * n / count;
            let boards = if n % EDGE_EVERY == EDGE_EVERY - 1 {
                BOARDS.min(share / 4)
            } else {
                0
            };
            let name = format_smolstr!("fleet-{n:02}");
            let Some(region) = regions.get(n % regions.len().max(1)) else {
                continue;
            };
            if let Some(group) = demo.edge.first().filter(|_| boards > 0) {
                edge.push(boards_of(group, n, &name, boards));
            }
            clusters.push(grown(cluster, name, region, share - boards));
        }
        let silent = edge.first().and_then(|e| e.hosts.first()).map(|h| h.name.clone());
        let pool = clusters
            .first()
            .map(|c| format_smolstr!("{0}/{0}-k3s_workers", c.name))
            .unwrap_or_default();
        let events = demo.events.iter().filter_map(|told| {
            let mut told = told.clone();
            moved(&mut told.event, &pool, silent.as_ref())?;
            Some(told)
        });
        let events = events.collect();
        let here = |target: &TargetSpec| matches!(target, TargetSpec::Scope(s) if regions.iter().any(|r| r.name == *s.get_ref()));
        let faults = demo.faults.iter().filter(|f| here(&f.target)).cloned().collect();
        let mut life = demo.life.clone();
        // A larger fleet has more happening in it, up to what an onlooker can follow.
        life.every =
            (life.every * 3 / i32::try_from(count.max(3)).unwrap_or(i32::MAX)).max(SignedDuration::from_secs(8));
        Ok(Self {
            market: demo.market.clone(),
            life,
            regions,
            types,
            clusters,
            edge,
            events,
            faults,
        })
    }
}

fn name(text: impl Into<SmolStr>) -> Ref {
    Spanned::new(0..0, text.into())
}

fn regions(home: &RegionSpec, count: usize) -> Vec<RegionSpec> {
    let region = |(region, _): &(&str, f64)| RegionSpec {
        name: SmolStr::new(region),
        profile: home.profile.clone(),
        account: home.account.clone(),
        zones: home
            .zones
            .iter()
            .zip(["a", "b", "c"])
            .map(|(zone, letter)| ZoneSpec {
                name: format_smolstr!("{region}{letter}"),
                ..zone.clone()
            })
            .collect(),
    };
    REGIONS.iter().take(count).map(region).collect()
}

/// The demo's first cluster, elsewhere and of another size.
fn grown(like: &ClusterSpec, cluster: SmolStr, region: &RegionSpec, machines: usize) -> ClusterSpec {
    let mut spec = like.clone();
    spec.name = cluster;
    spec.region = name(region.name.clone());
    spec.shape = Shape::Ha;
    spec.pods_per_node = 1;
    let zones: Vec<Ref> = region.zones.iter().map(|z| name(z.name.clone())).collect();
    let servers: u32 = spec
        .pools
        .iter()
        .filter(|p| p.role == Role::Server)
        .map(|p| p.desired)
        .sum();
    let workers = u32::try_from(machines).unwrap_or(u32::MAX).saturating_sub(servers);
    for pool in &mut spec.pools {
        pool.zones.clone_from(&zones);
        if pool.role == Role::Agent {
            resize(pool, workers);
        }
        pool.name = format_smolstr!("{}-{}", spec.name, pool.name);
    }
    spec
}

fn resize(pool: &mut PoolSpec, desired: u32) {
    pool.desired = desired;
    pool.min = desired - desired / 10;
    pool.max = desired.saturating_add(desired / 10 + 2);
}

fn boards_of(like: &EdgeSpec, n: usize, cluster: &SmolStr, count: usize) -> EdgeSpec {
    let board = |(i, spec): (usize, &BoardSpec)| {
        let [site, host] = [n % 250, i + 20].map(|n| u8::try_from(n).unwrap_or(u8::MAX));
        BoardSpec {
            name: format_smolstr!("pi-{n:02}-{i:02}"),
            address: IpAddr::V4(Ipv4Addr::new(192, 168, site, host)),
            ..spec.clone()
        }
    };
    EdgeSpec {
        group: format_smolstr!("site-{n:02}"),
        cluster: name(cluster.clone()),
        user: like.user.clone(),
        labels: like.labels.clone(),
        hosts: like.hosts.iter().cycle().take(count).enumerate().map(board).collect(),
    }
}

/// Moves a told event to the grown fleet; `None` where it has nothing to happen to.
fn moved(event: &mut ToldEvent, to: &SmolStr, silent: Option<&SmolStr>) -> Option<()> {
    match event {
        ToldEvent::SpotNotice { pool, .. }
        | ToldEvent::Unhealthy { pool }
        | ToldEvent::NodeNotReady { pool, .. }
        | ToldEvent::NoCapacity { pool, .. }
        | ToldEvent::NeverJoins { pool }
        | ToldEvent::MachineAils { pool, .. }
        | ToldEvent::Ghost { pool, .. } => {
            *pool = name(to.clone());
        }
        ToldEvent::BoardDrop { host, .. } | ToldEvent::BoardOff { host, .. } | ToldEvent::BoardAils { host, .. } => {
            *host = name(silent?.clone());
        }
        ToldEvent::PriceSpike { .. } => {}
        // Launches meet these wherever they happen.
        ToldEvent::NoLaunches { .. }
        | ToldEvent::FirstBootFails { .. }
        | ToldEvent::StackFails { .. }
        | ToldEvent::SpotStorm { .. }
        | ToldEvent::MachinesEnd { .. }
        | ToldEvent::Serve { .. }
        | ToldEvent::Claim { .. }
        | ToldEvent::UnknownProfile { .. } => {}
        // These name numbers and clusters of the demo.
        ToldEvent::Scale { .. } | ToldEvent::Stray { .. } | ToldEvent::Budget { .. } => return None,
    }
    Some(())
}
