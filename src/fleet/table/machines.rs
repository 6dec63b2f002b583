//! The machines: one row for each join of instance, node and edge host.

use std::borrow::Cow;

use rustc_hash::FxHashMap;
use smol_str::SmolStr;

use super::{
    Column, Natural, RowId, Table, TableKind, Value, View, column, hidden, hidden_numeric, numeric, seconds_since,
};
use crate::fleet::{ClusterId, Machine, PoolId, Role, Severity};

pub(super) struct Machines;

impl Table for Machines {
    const KIND: TableKind = TableKind::Machines;

    type Row<'a> = Machine<'a>;

    const COLUMNS: &'static [Column<Self>] = &[
        column("name", "NAME", 22, |_, m| Value::text_of(m.name())),
        column("cluster", "CLUSTER", 12, |_, m| cluster(m)),
        column("pool", "POOL", 14, |v, r| pool(v, r)),
        column("role", "ROLE", 6, |_, m| Value::maybe(m.role().map(|r| r.as_str()))),
        column("state", "STATE", 12, |v, m| Value::text_of(m.state(v.now).as_str())),
        column("type", "TYPE / MODEL", 14, |_, m| Value::maybe(m.kind())),
        column("zone", "ZONE", 12, |_, m| Value::maybe(m.zone())),
        column("buy", "BUY", 9, |_, m| Value::maybe(m.purchase().map(|p| p.as_str()))),
        numeric("price", "$/H", 7, |_, m| m.price().map_or(Value::Missing, Value::Money)),
        numeric("cpu", "CPU", 4, |_, m| fraction(m.load().0)),
        numeric("mem", "MEM", 4, |_, m| fraction(m.load().1)),
        numeric("pods", "PODS", 4, |v, r| pods(v, r)),
        numeric("age", "AGE", 6, |v, m| {
            m.since().map_or(Value::Missing, |at| seconds_since(v, at))
        }),
        hidden_numeric("cpu-used", "CPU USED", 8, |_, m| fraction(m.used().0)),
        hidden_numeric("mem-used", "MEM USED", 8, |_, m| fraction(m.used().1)),
        hidden("version", "VERSION", 14, |_, m| {
            Value::maybe(m.node().map(|n| n.version.as_str()))
        }),
        hidden("arch", "ARCH", 5, |_, m| Value::maybe(m.arch().map(|a| a.as_str()))),
        hidden("instance", "INSTANCE", 19, |_, m| {
            Value::maybe(m.instance().map(|i| i.id.as_str()))
        }),
        hidden("node", "NODE", 22, |_, m| {
            Value::maybe(m.node().map(|n| n.key.name.as_str()))
        }),
        hidden("region", "REGION", 10, |_, m| {
            Value::maybe(m.instance().map(|i| i.scope.region.as_str()))
        }),
        hidden("profile", "PROFILE", 8, |_, m| {
            Value::maybe(m.instance().map(|i| i.scope.profile.as_str()))
        }),
        hidden("lifecycle", "LIFECYCLE", 12, |_, m| {
            Value::maybe(m.asg_member().map(|(l, _)| l.as_str()))
        }),
        hidden("health", "HEALTH", 9, |v, r| health(v, r)),
        hidden("private-ip", "PRIVATE IP", 15, |v, r| private_ip(v, r)),
        hidden("public-ip", "PUBLIC IP", 15, |_, m| {
            ip(m.instance().and_then(|i| i.public_ip))
        }),
        hidden("os", "OS", 18, |_, m| Value::maybe(m.node().map(|n| n.os.as_str()))),
        hidden("findings", "FINDINGS", 30, |v, r| findings(v, r)),
    ];

    fn rows<'a>(view: &View<'a>) -> Vec<Machine<'a>> {
        view.fleet.machines().collect()
    }

    fn row<'a>(view: &View<'a>, id: &RowId) -> Option<Machine<'a>> {
        match id {
            RowId::Machine(id) | RowId::Edge(id) => view.fleet.machine(id),
            _ => None,
        }
    }

    fn id(row: &Machine<'_>) -> RowId {
        RowId::Machine(row.id())
    }

    fn severity(view: &View<'_>, row: &Machine<'_>) -> Severity {
        severity(view, row)
    }

    fn in_cluster(row: &Machine<'_>, cluster: &ClusterId) -> bool {
        row.belongs_to(cluster)
    }

    type Key<'a> = (Place, Natural<'a>);

    fn keys<'a>(view: &View<'a>, rows: &[Machine<'a>]) -> Vec<Self::Key<'a>> {
        let places = Places::of(view);
        let key = |m: &Machine<'a>| (places.find(m), Natural(m.name()));
        rows.iter().map(key).collect()
    }
}

/// Where a machine stands in the usual order: by its cluster, its role and its pool.
pub(super) type Place = (u32, Option<Role>, u32);

/// The ranks of clusters and pools, so that sorting machines compares numbers.
pub(super) struct Places<'a> {
    clusters: FxHashMap<&'a ClusterId, u32>,
    pools: FxHashMap<&'a PoolId, u32>,
}

impl<'a> Places<'a> {
    pub(super) fn of(view: &View<'a>) -> Self {
        Self {
            clusters: view.summary.clusters.keys().zip(1..).collect(),
            pools: view.summary.pools.keys().zip(1..).collect(),
        }
    }

    pub(super) fn find(&self, machine: &Machine<'a>) -> Place {
        let cluster = machine.cluster_ref().and_then(|id| self.clusters.get(&*id).copied());
        let pool = machine.pool_ref().and_then(|id| self.pools.get(id).copied());
        (cluster.unwrap_or_default(), machine.role(), pool.unwrap_or_default())
    }
}

pub(super) fn cluster<'a>(machine: &Machine<'a>) -> Value<'a> {
    match machine.cluster_ref() {
        Some(Cow::Borrowed(id)) => Value::text_of(&id.name),
        Some(Cow::Owned(id)) => Value::owned(id.name),
        None => Value::Missing,
    }
}

/// The worst of a machine's state and its findings.
pub(super) fn severity(view: &View<'_>, machine: &Machine<'_>) -> Severity {
    let found = view.summary.findings_of(&machine.id()).map(|f| f.severity).max();
    machine.state(view.now).severity().max(found.unwrap_or(Severity::Ok))
}

fn pool<'a>(view: &View<'a>, machine: &Machine<'a>) -> Value<'a> {
    let name = machine.pool_ref().and_then(|id| view.summary.pool_name(id));
    Value::maybe(name.map(SmolStr::as_str))
}

pub(super) fn fraction(part: Option<f64>) -> Value<'static> {
    part.map_or(Value::Missing, Value::Fraction)
}

fn pods<'a>(_: &View<'a>, machine: &Machine<'a>) -> Value<'a> {
    match machine.node().and(machine.requested()) {
        Some(requested) => Value::Count(requested.pods.into()),
        None => Value::Missing,
    }
}

fn health<'a>(_: &View<'a>, machine: &Machine<'a>) -> Value<'a> {
    match machine.asg_member() {
        Some((_, true)) => Value::text_of("Healthy"),
        Some((_, false)) => Value::text_of("Unhealthy"),
        None => Value::Missing,
    }
}

fn private_ip<'a>(_: &View<'a>, machine: &Machine<'a>) -> Value<'a> {
    let own = machine.instance().and_then(|i| i.private_ip);
    ip(own.or_else(|| machine.node().and_then(|n| n.internal_ip)))
}

fn ip(ip: Option<std::net::IpAddr>) -> Value<'static> {
    ip.map_or(Value::Missing, |ip| Value::owned(ip.to_string()))
}

fn findings<'a>(view: &View<'a>, machine: &Machine<'a>) -> Value<'a> {
    let rules: Vec<_> = view.summary.findings_of(&machine.id()).map(|f| f.rule).collect();
    if rules.is_empty() {
        Value::Missing
    } else {
        Value::owned(rules.join(", "))
    }
}
