//! Clusters, pools and prices.

use jiff::SignedDuration;

use super::{Description, Lines, findings, time};
use crate::fleet::table::{RowId, View, age, cheaper_zone, money};
use crate::fleet::{Cluster, Count, Finding, Offer, Pool, PoolId, Readiness, Severity};

/// How many scaling activities are told.
const ACTIVITIES: usize = 10;
/// Hours in a month, on average.
const MONTH: f64 = 730.0;

pub(super) fn cluster(view: &View<'_>, cluster: &Cluster) -> Description {
    let mut all = Description::new(format!("cluster {}", cluster.id.name));
    let mut lines = Lines::new("Cluster");
    lines.line("shape", cluster.shape.as_str());
    lines.maybe("version", cluster.version.as_ref());
    lines.maybe("home", cluster.id.home.as_ref());
    lines.list("regions", &cluster.regions);
    lines.list("contexts", &cluster.contexts);
    if cluster.contexts.is_empty() {
        lines.graded(Severity::Info, "contexts", "none: its API server is not looked at");
    }
    if let Some(end) = cluster.expires_at {
        lines.line("ends", time(view, end));
    }
    for server in view.fleet.servers().filter(|s| cluster.contexts.contains(&s.context)) {
        lines.line("API server", server.endpoint.as_str());
    }
    all.add(lines);
    let own = |f: &&Finding| f.cluster.as_ref() == Some(&cluster.id);
    all.add(findings(view.summary.findings.iter().filter(own)));
    if let Some(stacked) = view.fleet.stacked(&cluster.id) {
        super::stack::add(&mut all, view, stacked);
    }
    let mut counts = machines(&cluster.count);
    if let Some((ready, voters)) = voters(view, cluster) {
        let severity = match ready == voters {
            true => Severity::Ok,
            false => Severity::Warning,
        };
        counts.graded(severity, "etcd voters", format!("{ready} of {voters} ready"));
    }
    all.add(counts);
    all.add(cost(&cluster.count));
    let mut pools = Lines::new("Pools");
    for pool in view
        .summary
        .pools
        .values()
        .filter(|p| p.cluster.as_ref() == Some(&cluster.id))
    {
        let Count { ready, machines, .. } = pool.count;
        let wanted = pool
            .capacity
            .map(|c| format!(", {} desired", c.desired))
            .unwrap_or_default();
        pools.graded(
            pool.severity,
            pool.name.as_str(),
            format!("{ready}/{machines} ready{wanted}"),
        );
    }
    all.add(pools);
    all
}

/// How many of a cluster's etcd voters are ready, of how many; `None` without embedded etcd.
fn voters(view: &View<'_>, cluster: &Cluster) -> Option<(usize, usize)> {
    let own = view
        .fleet
        .machines()
        .filter(|m| m.cluster().as_ref() == Some(&cluster.id));
    let voters = own
        .filter_map(|m| m.node())
        .filter(|node| node.etcd_voter == Some(true));
    let (ready, all) = voters.fold((0, 0), |(ready, all), node| {
        (ready + usize::from(node.ready == Readiness::Ready), all + 1)
    });
    (all > 0).then_some((ready, all))
}

pub(super) fn pool(view: &View<'_>, pool: &Pool) -> Description {
    let mut all = Description::new(format!("pool {}", pool.name));
    let mut lines = Lines::new("Pool");
    let (kind, id) = match &pool.id {
        PoolId::Asg(_, name) => ("Auto Scaling group", name.to_string()),
        PoolId::SpotFleet(_, id) => ("Spot Fleet request", id.to_string()),
        PoolId::Instance(id) => ("lone instance", id.to_string()),
        PoolId::Edge(group) => ("edge group", group.to_string()),
    };
    lines.line("kind", kind);
    lines.line("id", id);
    match &pool.id {
        PoolId::Asg(scope, name) => lines.line("console", super::console::asg(scope, name)),
        PoolId::SpotFleet(scope, id) => lines.line("console", super::console::spot_fleet(scope, id)),
        PoolId::Instance(_) | PoolId::Edge(_) => {}
    }
    lines.maybe("cluster", pool.cluster.as_ref());
    lines.maybe("role", pool.role.map(|r| r.as_str()));
    lines.maybe("where", pool.id.scope());
    if let Some(capacity) = pool.capacity {
        let bound = |n: Option<u32>| n.map_or_else(|| "none".to_owned(), |n| n.to_string());
        let (min, max) = (bound(capacity.min), bound(capacity.max));
        lines.line("desired", format!("{} (least {min}, most {max})", capacity.desired));
    }
    lines.list("types", &pool.types);
    lines.list("zones", &pool.zones);
    all.add(lines);
    let own = |f: &&Finding| matches!(&f.about, RowId::Pool(id) if *id == pool.id);
    all.add(findings(view.summary.findings.iter().filter(own)));
    all.add(machines(&pool.count));
    all.add(cost(&pool.count));
    if let PoolId::Asg(scope, name) = &pool.id {
        if let Some(asg) = view.fleet.asg(scope, name) {
            let mut lines = Lines::new("Mix");
            lines.maybe("on-demand base", asg.on_demand_base);
            lines.maybe("on-demand above it", asg.on_demand_percent.map(|p| format!("{p} %")));
            for process in &asg.suspended {
                lines.graded(Severity::Warning, "suspended", process.as_str());
            }
            all.add(lines);
        }
        let mut lines = Lines::new("Scaling activities");
        for activity in view.fleet.activities(scope, name).take(ACTIVITIES) {
            let failed = activity.status == "Failed" || activity.status == "Cancelled";
            let severity = if failed { Severity::Warning } else { Severity::Ok };
            let message = activity.message.as_ref().map(|m| format!(": {m}")).unwrap_or_default();
            let passed = view.now.duration_since(activity.started_at);
            let text = format!("{} · {}{message}", activity.description, activity.status);
            lines.graded(severity, format!("{} ago", age(passed.as_secs())), text);
        }
        all.add(lines);
    }
    all
}

fn machines(count: &Count) -> Lines {
    let mut lines = Lines::new("Machines");
    lines.line("machines", count.machines.to_string());
    let severity = if count.ready < count.nodes {
        Severity::Warning
    } else {
        Severity::Ok
    };
    lines.graded(severity, "nodes ready", format!("{} of {}", count.ready, count.nodes));
    lines.line("instances", format!("{}, {} of them spot", count.instances, count.spot));
    lines
}

fn cost(count: &Count) -> Lines {
    let mut lines = Lines::new("Cost");
    let cost = count.cost;
    if cost.known > 0.0 {
        let month = cost.known * MONTH;
        lines.line(
            "price",
            format!("${} per hour, about ${month:.0} a month", money(cost.known)),
        );
    }
    if cost.unknown > 0 {
        let text = format!("{} machines have no known price: the sum is higher", cost.unknown);
        lines.graded(Severity::Warning, "unknown", text);
    }
    if let Some(saving) = cost.saving() {
        let on_demand = money(cost.on_demand);
        lines.line(
            "saving",
            format!("{:.0} % of ${on_demand} per hour on-demand", saving * 100.0),
        );
    }
    lines
}

pub(super) fn price(view: &View<'_>, offer: &Offer, zone: &str) -> Option<Description> {
    let market = view.fleet.market();
    market.offer(offer)?;
    let mut all = Description::new(format!("price {} {zone}", offer.instance_type).trim_end().to_owned());
    let mut lines = Lines::new("On-demand");
    match market.on_demand_entry(offer) {
        Some(entry) => {
            match entry.usd {
                Some(usd) => lines.line("price", format!("${} per hour", money(usd))),
                None => lines.graded(Severity::Info, "price", "the price list names none"),
            }
            lines.time(view, "read", Some(entry.fetched_at));
        }
        None => lines.graded(Severity::Info, "price", "not read yet"),
    }
    lines.line("region", offer.region.as_str());
    all.add(lines);
    let mut lines = Lines::new("Spot");
    let zones = market.zones(offer);
    for (name, series) in zones.into_iter().flatten() {
        let Some((since, usd)) = series.latest() else { continue };
        let on_demand = market.on_demand(offer).filter(|od| *od > 0.0);
        let saving = on_demand.map(|od| format!(", {:.0} % saved", (1.0 - usd / od) * 100.0));
        let before = series
            .at(view.now - SignedDuration::from_hours(24))
            .filter(|b| *b > 0.0);
        let change = before.map(|b| format!(", {:+.0} % in 24 h", (usd / b - 1.0) * 100.0));
        let text = format!(
            "${} per hour{}{}, since {}",
            money(usd),
            saving.unwrap_or_default(),
            change.unwrap_or_default(),
            time(view, since)
        );
        lines.line(name.as_str(), text);
    }
    if let Some((best, saved)) = zones.and_then(|zones| cheaper_zone(zones, zone)) {
        let text = format!("in {best}, by ${} per hour against {zone}", money(saved));
        lines.graded(Severity::Info, "cheaper", text);
    }
    all.add(lines);
    Some(all)
}
