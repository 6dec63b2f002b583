//! Clusters, pools, prices and findings.

use jiff::Timestamp;
use serde::Serialize;
use smol_str::SmolStr;

use super::{Counts, words};
use crate::fleet::table::cheaper_zone;
use crate::fleet::{Cluster, Finding, Offer, Pool, PoolId, Role, RowId, Severity, View};

/// A cluster.
#[derive(Debug, Serialize)]
pub struct ClusterRow<'a> {
    /// Its name.
    pub name: &'a str,
    /// `quick`, `ci`, `ha` or `adopted`.
    pub shape: &'static str,
    /// The worst of its findings.
    pub severity: Severity,
    /// The profile that shows its instances; `null` for the default credentials or no instances.
    pub profile: Option<&'a str>,
    /// The regions its machines are in.
    pub regions: Vec<SmolStr>,
    /// The kube contexts it is seen through.
    pub contexts: Vec<SmolStr>,
    /// Its API server's version.
    pub version: Option<&'a str>,
    /// When it destroys itself.
    pub expires_at: Option<Timestamp>,
    /// Its machines, counted.
    #[serde(flatten)]
    pub counts: Counts,
    /// What is to be looked at, worst first.
    pub findings: Vec<FindingRow<'a>>,
}

impl<'a> ClusterRow<'a> {
    /// A cluster as a row.
    pub fn of(view: &View<'a>, cluster: &'a Cluster) -> Self {
        let own = |f: &&Finding| f.cluster.as_ref() == Some(&cluster.id);
        Self {
            name: &cluster.id.name,
            shape: cluster.shape.as_str(),
            severity: cluster.severity,
            profile: cluster
                .id
                .home
                .as_ref()
                .map(|scope| scope.profile.as_str())
                .filter(|p| !p.is_empty()),
            regions: words(cluster.regions.iter().cloned()),
            contexts: words(cluster.contexts.iter().map(|c| c.as_str())),
            version: cluster.version.as_deref(),
            expires_at: cluster.expires_at,
            counts: Counts::of(&cluster.count),
            findings: view.summary.findings.iter().filter(own).map(FindingRow::of).collect(),
        }
    }
}

/// A pool.
#[derive(Debug, Serialize)]
pub struct PoolRow<'a> {
    /// The group's own name, the request's or the instance's id.
    pub id: &'a str,
    /// Its name.
    pub name: &'a str,
    /// `asg`, `spot-fleet`, `instance` or `edge`.
    pub kind: &'static str,
    /// The cluster's name.
    pub cluster: Option<&'a str>,
    /// `server` or `agent`.
    pub role: Option<Role>,
    /// The region; `null` for edge groups and lone instances.
    pub region: Option<&'a str>,
    /// The profile; `null` for the default credentials.
    pub profile: Option<&'a str>,
    /// The worst of its findings.
    pub severity: Severity,
    /// Desired capacity.
    pub desired: Option<u32>,
    /// Least capacity.
    pub min: Option<u32>,
    /// Most capacity.
    pub max: Option<u32>,
    /// Instance types or models in use or allowed.
    pub types: Vec<SmolStr>,
    /// Zones in use.
    pub zones: Vec<SmolStr>,
    /// Its machines, counted.
    #[serde(flatten)]
    pub counts: Counts,
    /// What is to be looked at in the pool itself, worst first; the machines carry their own.
    pub findings: Vec<FindingRow<'a>>,
}

impl<'a> PoolRow<'a> {
    /// A pool as a row.
    pub fn of(view: &View<'a>, pool: &'a Pool) -> Self {
        let (kind, id) = pool_words(&pool.id);
        let own = |f: &&Finding| matches!(&f.about, RowId::Pool(id) if *id == pool.id);
        let scope = pool.id.scope();
        Self {
            id,
            name: &pool.name,
            kind,
            cluster: pool.cluster.as_ref().map(|c| c.name.as_str()),
            role: pool.role,
            region: scope.map(|s| s.region.as_str()),
            profile: scope.map(|s| s.profile.as_str()).filter(|p| !p.is_empty()),
            severity: pool.severity,
            desired: pool.capacity.map(|c| c.desired),
            min: pool.capacity.and_then(|c| c.min),
            max: pool.capacity.and_then(|c| c.max),
            types: words(pool.types.iter().cloned()),
            zones: words(pool.zones.iter().cloned()),
            counts: Counts::of(&pool.count),
            findings: view.summary.findings.iter().filter(own).map(FindingRow::of).collect(),
        }
    }
}

fn pool_words(id: &PoolId) -> (&'static str, &str) {
    match id {
        PoolId::Asg(_, name) => ("asg", name),
        PoolId::SpotFleet(_, id) => ("spot-fleet", id),
        PoolId::Instance(id) => ("instance", id.as_str()),
        PoolId::Edge(group) => ("edge", group),
    }
}

/// The prices of an instance type in a zone.
#[derive(Debug, Serialize)]
pub struct PriceRow<'a> {
    /// The instance type.
    #[serde(rename = "type")]
    pub instance_type: &'a str,
    /// The region.
    pub region: &'a str,
    /// The availability zone; `null` when only the on-demand price is known.
    pub zone: Option<&'a str>,
    /// The spot price in USD per hour.
    pub spot_per_hour: Option<f64>,
    /// Since when it is in force.
    pub spot_since: Option<Timestamp>,
    /// The on-demand price in USD per hour.
    pub on_demand_per_hour: Option<f64>,
    /// When the on-demand price was read from the price list.
    pub on_demand_read_at: Option<Timestamp>,
    /// The part that spot saves against on-demand: 0.6 for 60 %.
    pub saving: Option<f64>,
    /// The zone where the type is cheaper.
    pub cheaper: Option<Cheaper<'a>>,
    /// How many machines of the fleet run on it.
    pub machines: u32,
}

/// Where the same type is cheaper, and by how much.
#[derive(Debug, Serialize)]
pub struct Cheaper<'a> {
    /// The cheapest zone.
    pub zone: &'a str,
    /// USD saved per hour.
    pub saves_per_hour: f64,
}

impl<'a> PriceRow<'a> {
    /// The prices of an offer in a zone (an empty zone: the on-demand price alone); `None` when none is known.
    pub fn of(view: &View<'a>, offer: &Offer, zone: &str) -> Option<Self> {
        let market = view.fleet.market();
        let offer = market.offer(offer)?;
        let zones = market.zones(offer);
        let series = zones.and_then(|z| z.get_key_value(zone));
        if series.is_none() && !zone.is_empty() {
            return None;
        }
        let spot = series.and_then(|(_, s)| s.latest());
        let on_demand = market.on_demand(offer);
        let saving = spot.zip(on_demand.filter(|usd| *usd > 0.0));
        Some(Self {
            instance_type: &offer.instance_type,
            region: &offer.region,
            zone: series.map(|(zone, _)| zone.as_str()),
            spot_per_hour: spot.map(|(_, usd)| usd),
            spot_since: spot.map(|(at, _)| at),
            on_demand_per_hour: on_demand,
            on_demand_read_at: market.on_demand_entry(offer).map(|e| e.fetched_at),
            saving: saving.map(|((_, spot), on_demand)| 1.0 - spot / on_demand),
            cheaper: zones.and_then(|z| cheaper_zone(z, zone)).map(|(zone, saved)| Cheaper {
                zone,
                saves_per_hour: saved,
            }),
            machines: view.summary.machines_on(offer, zone),
        })
    }
}

/// A finding.
#[derive(Debug, Serialize)]
pub struct FindingRow<'a> {
    /// The rule that found it.
    pub rule: &'static str,
    /// How grave.
    pub severity: Severity,
    /// What it is about.
    pub about: Subject<'a>,
    /// The name of what it is about, for people.
    pub subject: &'a str,
    /// The cluster's name.
    pub cluster: Option<&'a str>,
    /// What is the matter.
    pub finding: &'a str,
    /// What mends it.
    pub mend: &'a str,
    /// Since when.
    pub since: Option<Timestamp>,
}

impl<'a> FindingRow<'a> {
    /// A finding as a row.
    pub fn of(finding: &'a Finding) -> Self {
        Self {
            rule: finding.rule,
            severity: finding.severity,
            about: Subject::of(&finding.about),
            subject: &finding.subject,
            cluster: finding.cluster.as_ref().map(|c| c.name.as_str()),
            finding: &finding.line,
            mend: &finding.mend,
            since: finding.since,
        }
    }
}

/// What a finding is about: the kind of thing and its id.
#[derive(Debug, Serialize)]
pub struct Subject<'a> {
    /// `cluster`, `pool`, `machine`, `price`, `edge`, `feed` or `finding`.
    pub kind: &'static str,
    /// Its id.
    pub id: std::borrow::Cow<'a, str>,
}

impl<'a> Subject<'a> {
    fn of(id: &'a RowId) -> Self {
        let (kind, id) = match id {
            RowId::Cluster(id) => ("cluster", id.name.as_str().into()),
            RowId::Pool(id) => ("pool", pool_words(id).1.into()),
            RowId::Machine(id) => ("machine", id.to_string().into()),
            RowId::Edge(id) => ("edge", id.to_string().into()),
            RowId::Host(host) => ("edge", host.as_str().into()),
            RowId::Price(offer, zone) if zone.is_empty() => ("price", offer.instance_type.as_str().into()),
            RowId::Price(offer, zone) => ("price", format!("{} {zone}", offer.instance_type).into()),
            RowId::Feed(feed) => ("feed", feed.to_string().into()),
            RowId::Finding(rule, _) => ("finding", (*rule).into()),
        };
        Self { kind, id }
    }
}
