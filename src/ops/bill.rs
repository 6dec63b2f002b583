//! What a cluster costs, part by part: its machines as on-demand ones and as its pools buy them, and all else that its stack
//! makes. What is counted is the template, what a unit costs was read when the launch was placed
//! ([`Ground::parts`](super::launch::Ground)), or the change worked out ([`Basis`]), or is the market's; so a bill is pure, and none differs from what is made.
//!
//! Sums are upper bounds: machines at the dearest of the types they may have, spot machines in the dearest zone, a database
//! at its full capacity, which says what it costs at rest besides. A price that is not known leaves a blank, and its sum says
//! that it is not whole. What depends on use alone is named with its unit, not added.

mod count;
mod prices;
#[cfg(test)]
mod tests;
pub mod told;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use self::count::Counted;
use self::prices::Prices;
use super::launch::{Launch, Site, Spec};
use super::plan::CostChange;
use crate::blueprint::ha::{Store, WayOut};
use crate::fleet::Market;
use crate::provider::{PartPrice, PricedPart};

/// What a cluster costs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Bill {
    /// What has a price by the hour or the month.
    pub rows: Vec<BillRow>,
    /// What is billed by its use.
    pub by_use: Vec<ByUse>,
    /// All rows, USD per hour, if each machine were an on-demand one.
    pub on_demand: Sum,
    /// All rows, USD per hour, as the pools buy.
    pub as_bought: Sum,
    /// The same while what grows with its load has none; `None` where nothing does, or where a price is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_rest: Option<f64>,
}

/// A part of a bill.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BillRow {
    /// What it is: `3 servers, t4g.medium`.
    pub what: String,
    /// How many units are billed: machines, load balancers, endpoints times zones, GiB, ACU.
    pub count: f64,
    /// USD per hour on-demand; `None` where a price is not known.
    pub on_demand: Option<f64>,
    /// USD per hour as it is bought.
    pub as_bought: Option<f64>,
    /// USD per hour without load, where that is less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_rest: Option<f64>,
    /// Why a price is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<String>,
}

/// Something that is billed by its use.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ByUse {
    /// What it is: `traffic through the NAT gateway`.
    pub what: String,
    /// What is counted: `GB`.
    pub unit: String,
    /// USD per unit; `None` where it is not known.
    pub usd: Option<f64>,
}

/// A sum of prices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sum {
    /// What is known of it, USD per hour.
    pub known: f64,
    /// Whether that is all.
    pub is_whole: bool,
}

impl Sum {
    /// The sum, where it is whole.
    pub fn usd(self) -> Option<f64> {
        self.is_whole.then_some(self.known)
    }

    fn of(prices: impl Iterator<Item = Option<f64>>) -> Self {
        let whole = Self {
            known: 0.0,
            is_whole: true,
        };
        prices.fold(whole, |sum, price| Self {
            known: sum.known + price.unwrap_or(0.0),
            is_whole: sum.is_whole && price.is_some(),
        })
    }
}

/// The parts whose prices the bill of a spec may need.
pub fn parts(spec: &Spec) -> Vec<PricedPart> {
    let Some(ha) = &spec.ha else { return vec![] };
    let mut parts = vec![
        PricedPart::VolumeGp3,
        PricedPart::NetworkLoadBalancer,
        PricedPart::LoadBalancerCapacity,
        PricedPart::PublicAddress,
        PricedPart::Secret,
    ];
    match ha.made_vpc.as_ref().map(|made| made.way_out) {
        Some(WayOut::Nat) => parts.extend([PricedPart::NatGateway, PricedPart::NatTraffic]),
        _ => parts.extend([PricedPart::InterfaceEndpoint, PricedPart::EndpointTraffic]),
    }
    match ha.store {
        Store::Etcd { .. } => parts.push(PricedPart::S3Standard),
        Store::External => {}
        Store::Aurora { .. } => parts.extend([PricedPart::AuroraAcu, PricedPart::AuroraStorage]),
    }
    if ha.shared_storage {
        parts.push(PricedPart::EfsStandard);
    }
    parts
}

/// What a bill rests on besides the market.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Basis {
    /// Where the cluster stands.
    pub site: Site,
    /// The zones in which its machines may be.
    pub zones: Vec<SmolStr>,
    /// What its parts cost there besides its instances.
    pub parts: Vec<PartPrice>,
}

impl Basis {
    /// That of a launch; `None` where no stack is made.
    fn of(launch: &Launch) -> Option<Self> {
        let site = launch.site.clone()?;
        let zones: Vec<_> = launch.ground.subnets.iter().map(|subnet| subnet.zone.clone()).collect();
        Some(Self {
            zones: match zones.is_empty() {
                true => made_zones(&launch.spec, &site),
                false => zones,
            },
            parts: launch.ground.parts.clone(),
            site,
        })
    }
}

/// The zones of the VPC that a stack makes; none where it makes no VPC.
pub fn made_zones(spec: &Spec, site: &Site) -> Vec<SmolStr> {
    let made = spec.ha.as_ref().and_then(|ha| ha.made_vpc.as_ref());
    let wanted = made.and_then(|made| usize::try_from(made.zones).ok()).unwrap_or(0);
    site.zones.iter().take(wanted).cloned().collect()
}

/// The bill of a launch; `None` where no stack is made, and where its template cannot be read.
pub fn bill(market: &Market, launch: &Launch) -> Option<Bill> {
    bill_of(market, &launch.spec, &Basis::of(launch)?)
}

/// The bill of a highly available cluster; `None` of others, and where its template cannot be read.
pub fn bill_of(market: &Market, spec: &Spec, basis: &Basis) -> Option<Bill> {
    let counted = count::count(spec, &basis.site)?;
    let prices = Prices::of(market, spec, basis);
    let mut rows: Vec<_> = counted.pools.iter().map(|pool| prices.machines(pool)).collect();
    rows.extend(others(&counted, &prices));
    let at_rest = rows.iter().any(|row| row.at_rest.is_some());
    let at_rest = at_rest.then(|| Sum::of(rows.iter().map(|row| row.at_rest.or(row.as_bought))).usd());
    Some(Bill {
        on_demand: Sum::of(rows.iter().map(|row| row.on_demand)),
        as_bought: Sum::of(rows.iter().map(|row| row.as_bought)),
        at_rest: at_rest.flatten(),
        rows,
        by_use: by_use(&counted, &prices),
    })
}

/// What the volumes of a launch cost, USD per hour; `None` where the price of gp3 is not known.
pub(super) fn volumes(launch: &Launch, gib: u64) -> Option<f64> {
    let gp3 = launch
        .ground
        .parts
        .iter()
        .find(|price| price.part == PricedPart::VolumeGp3)?;
    Some(gp3.usd? * gib as f64 / CostChange::HOURS_PER_MONTH)
}

impl Bill {
    /// What the cluster costs after a change that begins with nothing.
    pub fn change(&self) -> CostChange {
        CostChange {
            before: Some(0.0),
            after: self.as_bought.usd(),
        }
    }

    /// Why prices are not known, each reason once with what it is about.
    pub fn unknown(&self) -> Vec<String> {
        let mut reasons: Vec<(&str, Vec<&str>)> = vec![];
        for row in &self.rows {
            let Some(why) = row.unknown.as_deref() else { continue };
            match reasons.iter_mut().find(|(other, _)| *other == why) {
                Some((_, rows)) => rows.push(&row.what),
                None => reasons.push((why, vec![&row.what])),
            }
        }
        let told = |(why, rows): (&str, Vec<&str>)| match rows.as_slice() {
            [one] => format!("the price of {one} is not known: {why}"),
            several => format!("the prices of {} parts of the bill are not known: {why}", several.len()),
        };
        reasons.into_iter().map(told).collect()
    }
}

/// Counts something in words.
fn some(count: u32, one: &str, several: &str) -> String {
    match count {
        1 => format!("1 {one}"),
        n => format!("{n} {several}"),
    }
}

fn others(counted: &Counted, prices: &Prices<'_>) -> Vec<BillRow> {
    let gib: u64 = counted
        .pools
        .iter()
        .map(|pool| u64::from(pool.machines()) * u64::from(pool.volume_gib))
        .sum();
    let mut rows = vec![];
    if gib > 0 {
        rows.push(prices.row(format!("gp3 volumes, {gib} GiB"), PricedPart::VolumeGp3, gib as f64));
    }
    let Counted {
        balancers,
        nats,
        endpoints,
        endpoint_zones,
        addresses,
        secrets,
        ..
    } = *counted;
    let endpoints = some(endpoints, "interface endpoint", "interface endpoints");
    let counts = [
        (
            some(balancers, "network load balancer", "network load balancers"),
            PricedPart::NetworkLoadBalancer,
            balancers,
        ),
        (some(nats, "NAT gateway", "NAT gateways"), PricedPart::NatGateway, nats),
        (
            format!("{endpoints} in {} zones", endpoint_zones / counted.endpoints.max(1)),
            PricedPart::InterfaceEndpoint,
            endpoint_zones,
        ),
        (
            some(addresses, "public IPv4 address", "public IPv4 addresses"),
            PricedPart::PublicAddress,
            addresses,
        ),
        (
            some(secrets, "secret in Secrets Manager", "secrets in Secrets Manager"),
            PricedPart::Secret,
            secrets,
        ),
    ];
    let counts = counts.into_iter().filter(|(_, _, count)| *count > 0);
    rows.extend(counts.map(|(what, part, count)| prices.row(what, part, f64::from(count))));
    if let Some(database) = &counted.database {
        let instances = f64::from(database.instances);
        let what = format!(
            "Aurora, {}, {} to {} ACU each",
            some(database.instances, "writer", "instances"),
            database.least,
            database.most
        );
        let most = prices.row(what, PricedPart::AuroraAcu, instances * database.most);
        let at_rest = prices.part(PricedPart::AuroraAcu).ok();
        let at_rest = at_rest.map(|usd| usd * instances * database.least);
        rows.push(BillRow {
            at_rest: at_rest.filter(|_| database.least < database.most),
            ..most
        });
    }
    rows
}

fn by_use(counted: &Counted, prices: &Prices<'_>) -> Vec<ByUse> {
    let has_database = counted.database.is_some();
    let priced = [
        (
            counted.balancers > 0,
            "load carried by load balancers",
            PricedPart::LoadBalancerCapacity,
        ),
        (
            counted.nats > 0,
            "traffic through the NAT gateway",
            PricedPart::NatTraffic,
        ),
        (
            counted.endpoints > 0,
            "traffic through interface endpoints",
            PricedPart::EndpointTraffic,
        ),
        (has_database, "storage of Aurora", PricedPart::AuroraStorage),
        (counted.file_systems > 0, "files on EFS", PricedPart::EfsStandard),
        (counted.buckets > 0, "snapshots of etcd in S3", PricedPart::S3Standard),
    ];
    let priced = priced.into_iter().filter(|(there, _, _)| *there);
    let priced = priced.map(|(_, what, part)| ByUse {
        what: what.to_owned(),
        unit: part.unit().to_owned(),
        usd: prices.part(part).ok(),
    });
    let unpriced = [
        (has_database, "reads and writes of Aurora", "million"),
        (counted.file_systems > 0, "reads and writes on EFS", "GB"),
        (true, "messages, runs and log lines of the reaper", "request"),
        (true, "traffic between zones and to the internet", "GB"),
    ];
    let unpriced = unpriced.into_iter().filter(|(there, _, _)| *there);
    let unpriced = unpriced.map(|(_, what, unit)| ByUse {
        what: what.to_owned(),
        unit: unit.to_owned(),
        usd: None,
    });
    priced.chain(unpriced).collect()
}
