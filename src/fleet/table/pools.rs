//! The pools.

use super::clusters::{joined, price, ready};
use super::{Column, Natural, RowId, Table, TableKind, Value, View, column, hidden, numeric};
use crate::fleet::{ClusterId, Pool, PoolId, Role, Severity};

pub(super) struct Pools;

impl Table for Pools {
    const KIND: TableKind = TableKind::Pools;

    type Row<'a> = &'a Pool;

    const COLUMNS: &'static [Column<Self>] = &[
        column("name", "NAME", 18, |_, p| Value::text_of(&p.name)),
        column("cluster", "CLUSTER", 12, |_, p| {
            Value::maybe(p.cluster.as_ref().map(|c| c.name.as_str()))
        }),
        column("role", "ROLE", 6, |_, p| Value::maybe(p.role.map(|r| r.as_str()))),
        column("kind", "KIND", 10, |_, p| Value::text_of(kind(p))),
        column("ready", "READY", 6, |_, p| ready(&p.count)),
        numeric("desired", "DESIRED", 7, |_, p| number(p.capacity.map(|c| c.desired))),
        numeric("min", "MIN", 4, |_, p| number(p.capacity.and_then(|c| c.min))),
        numeric("max", "MAX", 4, |_, p| number(p.capacity.and_then(|c| c.max))),
        numeric("spot", "SPOT", 5, |v, r| spot(v, r)),
        numeric("price", "$/H", 7, |_, p| price(&p.count)),
        numeric("saving", "SAVING", 6, |_, p| {
            p.count.cost.saving().map_or(Value::Missing, Value::Fraction)
        }),
        column("types", "TYPES", 22, |_, p| joined(&p.types)),
        column("zones", "ZONES", 22, |_, p| joined(&p.zones)),
        hidden("id", "ID", 24, |_, p| Value::owned(id_text(&p.id))),
    ];

    fn rows<'a>(view: &View<'a>) -> Vec<&'a Pool> {
        view.summary.pools.values().collect()
    }

    fn row<'a>(view: &View<'a>, id: &RowId) -> Option<&'a Pool> {
        match id {
            RowId::Pool(id) => view.summary.pools.get(id),
            _ => None,
        }
    }

    fn id(row: &&Pool) -> RowId {
        RowId::Pool(row.id.clone())
    }

    fn severity(_: &View<'_>, row: &&Pool) -> Severity {
        row.severity
    }

    fn in_cluster(row: &&Pool, cluster: &ClusterId) -> bool {
        row.cluster.as_ref() == Some(cluster)
    }

    type Key<'a> = (Option<&'a ClusterId>, Option<Role>, Natural<'a>);

    fn keys<'a>(_: &View<'a>, rows: &[&'a Pool]) -> Vec<Self::Key<'a>> {
        let key = |p: &&'a Pool| (p.cluster.as_ref(), p.role, Natural(&p.name));
        rows.iter().map(key).collect()
    }
}

fn kind(pool: &Pool) -> &'static str {
    match pool.id {
        PoolId::Asg(..) => "asg",
        PoolId::SpotFleet(..) => "spot-fleet",
        PoolId::Instance(_) => "instance",
        PoolId::Edge(_) => "edge",
    }
}

fn id_text(id: &PoolId) -> String {
    match id {
        PoolId::Asg(_, name) | PoolId::SpotFleet(_, name) | PoolId::Edge(name) => name.to_string(),
        PoolId::Instance(id) => id.to_string(),
    }
}

fn number(n: Option<u32>) -> Value<'static> {
    n.map_or(Value::Missing, |n| Value::Count(n.into()))
}

/// The part of the instances that are spot.
fn spot<'a>(_: &View<'a>, pool: &&'a Pool) -> Value<'a> {
    match pool.count.instances {
        0 => Value::Missing,
        all => Value::Fraction(f64::from(pool.count.spot) / f64::from(all)),
    }
}
