//! The clusters.

use super::{Column, RowId, Table, TableKind, Value, View, column, hidden, numeric};
use crate::fleet::{Cluster, ClusterId, Count, Severity};

pub(super) struct Clusters;

impl Table for Clusters {
    const KIND: TableKind = TableKind::Clusters;

    type Row<'a> = &'a Cluster;

    const COLUMNS: &'static [Column<Self>] = &[
        column("name", "NAME", 14, |_, c| Value::text_of(&c.id.name)),
        column("shape", "SHAPE", 7, |_, c| Value::text_of(c.shape.as_str())),
        column("ready", "READY", 6, |_, c| ready(&c.count)),
        numeric("price", "$/H", 7, |_, c| price(&c.count)),
        numeric("ttl", "TTL", 7, |v, r| ttl(v, r)),
        column("version", "VERSION", 14, |_, c| Value::maybe(c.version.as_deref())),
        column("region", "REGION", 12, |_, c| joined(&c.regions)),
        numeric("machines", "MACHINES", 8, |_, c| Value::Count(c.count.machines.into())),
        numeric("spot", "SPOT", 5, |_, c| Value::Count(c.count.spot.into())),
        numeric("saving", "SAVING", 6, |_, c| {
            c.count.cost.saving().map_or(Value::Missing, Value::Fraction)
        }),
        hidden("context", "CONTEXT", 16, |_, c| joined(&c.contexts)),
        hidden("profile", "PROFILE", 10, |v, r| profile(v, r)),
    ];

    fn rows<'a>(view: &View<'a>) -> Vec<&'a Cluster> {
        view.summary.clusters.values().collect()
    }

    fn row<'a>(view: &View<'a>, id: &RowId) -> Option<&'a Cluster> {
        match id {
            RowId::Cluster(id) => view.summary.clusters.get(id),
            _ => None,
        }
    }

    fn id(row: &&Cluster) -> RowId {
        RowId::Cluster(row.id.clone())
    }

    fn severity(_: &View<'_>, row: &&Cluster) -> Severity {
        row.severity
    }

    fn in_cluster(row: &&Cluster, cluster: &ClusterId) -> bool {
        row.id == *cluster
    }

    type Key<'a> = &'a ClusterId;

    fn keys<'a>(_: &View<'a>, rows: &[&'a Cluster]) -> Vec<&'a ClusterId> {
        rows.iter().map(|c| &c.id).collect()
    }
}

/// Ready machines of all, as `8/9`.
pub(super) fn ready(count: &Count) -> Value<'static> {
    Value::owned(format!("{}/{}", count.ready, count.machines))
}

/// The sum of the known prices; blank when nothing is billed at a known price.
pub(super) fn price(count: &Count) -> Value<'static> {
    if count.cost.known > 0.0 {
        Value::Money(count.cost.known)
    } else {
        Value::Missing
    }
}

pub(super) fn joined<'a, T: ToString>(words: impl IntoIterator<Item = T>) -> Value<'a> {
    let words: Vec<_> = words.into_iter().map(|w| w.to_string()).collect();
    if words.is_empty() {
        Value::Missing
    } else {
        Value::owned(words.join(","))
    }
}

fn ttl<'a>(view: &View<'a>, cluster: &&'a Cluster) -> Value<'a> {
    cluster
        .expires_at
        .map_or(Value::Missing, |end| Value::Age(end.duration_since(view.now).as_secs()))
}

fn profile<'a>(_: &View<'a>, cluster: &&'a Cluster) -> Value<'a> {
    Value::maybe(cluster.id.home.as_ref().map(|scope| scope.profile.as_str()))
}
