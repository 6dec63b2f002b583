//! Rows as JSON: the contract that the command line prints and the screen shows as source.
//!
//! Fields are only ever added. Money is USD per hour, times are RFC 3339, lengths of time are seconds, and
//! what is not known is `null`, never a stand-in. A row borrows from the fleet, so that thousands of them can be
//! written without being copied first.

mod groups;
mod machine;

use serde::Serialize;
use smol_str::SmolStr;

pub use groups::{Cheaper, ClusterRow, FindingRow, PoolRow, PriceRow, Subject};
pub use machine::{EdgePart, InstancePart, MachineRow, NodePart, NoticePart, Quantities, Used};

use super::{Cost, Count, RowId, Rows, View};

/// A row of any table.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Row<'a> {
    /// A cluster.
    Cluster(Box<ClusterRow<'a>>),
    /// A pool.
    Pool(Box<PoolRow<'a>>),
    /// A machine, in the cloud or at the edge.
    Machine(Box<MachineRow<'a>>),
    /// A price.
    Price(Box<PriceRow<'a>>),
    /// A finding.
    Finding(Box<FindingRow<'a>>),
}

/// One row by its id; `None` when the fleet does not hold it (any longer).
pub fn row<'a>(view: &View<'a>, id: &RowId) -> Option<Row<'a>> {
    Some(match id {
        RowId::Cluster(id) => Row::Cluster(Box::new(ClusterRow::of(view, view.summary.clusters.get(id)?))),
        RowId::Pool(id) => Row::Pool(Box::new(PoolRow::of(view, view.summary.pools.get(id)?))),
        RowId::Machine(id) | RowId::Edge(id) => Row::Machine(Box::new(MachineRow::of(view, &view.fleet.machine(id)?))),
        RowId::Host(host) => {
            let id = super::MachineId::Edge(host.clone());
            Row::Machine(Box::new(MachineRow::of(view, &view.fleet.machine(&id)?)))
        }
        RowId::Price(offer, zone) => Row::Price(Box::new(PriceRow::of(view, offer, zone)?)),
        RowId::Finding(..) => Row::Finding(Box::new(FindingRow::of(view.summary.finding(id)?))),
        RowId::Feed(_) => return None,
    })
}

/// The rows of a projection, in its order.
pub fn rows<'a>(view: &View<'a>, ids: &Rows) -> Vec<Row<'a>> {
    ids.iter().filter_map(|id| row(view, id)).collect()
}

/// How many machines there are and what they cost; part of clusters and pools.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Counts {
    /// Rows.
    pub machines: u32,
    /// Rows with a node.
    pub nodes: u32,
    /// Nodes that are ready.
    pub ready: u32,
    /// EC2 instances.
    pub instances: u32,
    /// Spot instances among them.
    pub spot: u32,
    /// Sum of the known prices; `null` when machines are billed and no price is known.
    pub price_per_hour: Option<f64>,
    /// How many billed machines have no known price: the true sum is higher.
    pub prices_unknown: u32,
    /// What the machines whose both prices are known would pay on-demand; `null` when there is none.
    pub on_demand_per_hour: Option<f64>,
    /// The part saved against on-demand: 0.6 for 60 %.
    pub saving: Option<f64>,
}

impl Counts {
    fn of(count: &Count) -> Self {
        let Cost {
            known,
            unknown,
            on_demand,
            ..
        } = count.cost;
        Self {
            machines: count.machines,
            nodes: count.nodes,
            ready: count.ready,
            instances: count.instances,
            spot: count.spot,
            price_per_hour: (known > 0.0 || unknown == 0).then_some(known),
            prices_unknown: unknown,
            on_demand_per_hour: (on_demand > 0.0).then_some(on_demand),
            saving: count.cost.saving(),
        }
    }
}

fn words(words: impl IntoIterator<Item = impl Into<SmolStr>>) -> Vec<SmolStr> {
    words.into_iter().map(Into::into).collect()
}

#[cfg(test)]
mod tests;
