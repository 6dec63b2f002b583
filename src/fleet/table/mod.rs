//! The fleet as tables: rows by id, columns with typed values, filtered and sorted.
//!
//! The screen and the command line read the same tables. A table is projected to row ids
//! ([`TableKind::project`]); only the rows that are shown are then turned into values ([`TableKind::row`]).

mod clusters;
mod edge;
mod findings;
mod machines;
mod pools;
mod prices;
mod project;
mod sheet;
mod value;

use jiff::Timestamp;
use smol_str::SmolStr;

pub use prices::{PriceRow, cheaper_zone};
pub use project::{Ask, Projection, Rows};
pub(super) use sheet::Sheets;
use value::Natural;
pub use value::{Value, age, bytes, money, parse_age};

use super::query::{Query, Term};
use super::{ClusterId, Fleet, HostName, MachineId, Offer, PoolId, Severity, Summary};

/// Everything a table reads: the fleet, its summary, and the time it is read for.
#[derive(Clone, Copy)]
pub struct View<'a> {
    /// The fleet.
    pub fleet: &'a Fleet,
    /// The fleet, counted and judged.
    pub summary: &'a Summary,
    /// The time that ages are reckoned from.
    pub now: Timestamp,
}

/// The id of a row in any table.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RowId {
    /// A cluster.
    Cluster(ClusterId),
    /// A pool.
    Pool(PoolId),
    /// A machine, by any of its parts.
    Machine(MachineId),
    /// A spot price: an offer in a zone; an empty zone where only the on-demand price is known.
    Price(Offer, SmolStr),
    /// An edge machine.
    Edge(MachineId),
    /// An edge host that only `hosts.toml` knows, as the subject of a finding.
    Host(HostName),
    /// A feed, as the subject of a finding.
    Feed(super::FeedId),
    /// A finding: its rule and what it is about.
    Finding(&'static str, Box<RowId>),
}

/// The tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TableKind {
    /// Clusters.
    Clusters,
    /// Pools.
    Pools,
    /// Machines.
    Machines,
    /// Prices per type and zone.
    Prices,
    /// Edge machines.
    Edge,
    /// Findings.
    Findings,
}

/// What is known of a column without a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ColumnInfo {
    /// Its name in filters, configuration and CSV: lower case.
    pub name: &'static str,
    /// Its heading.
    pub title: &'static str,
    /// The width it wants, in cells.
    pub width: u16,
    /// Whether it is shown unless told otherwise.
    pub shown: bool,
    /// Whether numbers stand in it, flush right.
    pub right: bool,
}

/// A column of a table `T`.
struct Column<T: Table> {
    info: ColumnInfo,
    value: Read<T>,
}

/// A table's rows and columns. The first column names the row.
trait Table: Sized + 'static {
    /// Which table it is.
    const KIND: TableKind;
    /// One row, borrowed from the fleet.
    type Row<'a>;
    /// All columns, in their usual order.
    const COLUMNS: &'static [Column<Self>];
    /// All rows, in no order.
    fn rows<'a>(view: &View<'a>) -> Vec<Self::Row<'a>>;
    /// One row by its id.
    fn row<'a>(view: &View<'a>, id: &RowId) -> Option<Self::Row<'a>>;
    /// A row's id.
    fn id(row: &Self::Row<'_>) -> RowId;
    /// How much a row wants looking at.
    fn severity(view: &View<'_>, row: &Self::Row<'_>) -> Severity;
    /// Whether a row belongs to a cluster.
    fn in_cluster(row: &Self::Row<'_>, cluster: &ClusterId) -> bool;
    /// What the usual order of rows goes by; rows with equal keys stand in the order of their ids.
    type Key<'a>: Ord;
    /// The keys of rows, each worked out once.
    fn keys<'a>(view: &View<'a>, rows: &[Self::Row<'a>]) -> Vec<Self::Key<'a>>;
}

type Read<T> = for<'a> fn(&View<'a>, &<T as Table>::Row<'a>) -> Value<'a>;

/// A column of words.
const fn column<T: Table>(name: &'static str, title: &'static str, width: u16, value: Read<T>) -> Column<T> {
    Column {
        info: ColumnInfo {
            name,
            title,
            width,
            shown: true,
            right: false,
        },
        value,
    }
}

/// A column of numbers.
const fn numeric<T: Table>(name: &'static str, title: &'static str, width: u16, value: Read<T>) -> Column<T> {
    Column {
        info: ColumnInfo {
            name,
            title,
            width,
            shown: true,
            right: true,
        },
        value,
    }
}

/// A column of words that is shown on request.
const fn hidden<T: Table>(name: &'static str, title: &'static str, width: u16, value: Read<T>) -> Column<T> {
    Column {
        info: ColumnInfo {
            name,
            title,
            width,
            shown: false,
            right: false,
        },
        value,
    }
}

/// A column of numbers that is shown on request.
const fn hidden_numeric<T: Table>(name: &'static str, title: &'static str, width: u16, value: Read<T>) -> Column<T> {
    Column {
        info: ColumnInfo {
            name,
            title,
            width,
            shown: false,
            right: true,
        },
        value,
    }
}

/// One row, ready to be shown.
#[derive(Clone, Debug, PartialEq)]
pub struct RowValues<'a> {
    /// How much it wants looking at.
    pub severity: Severity,
    /// The values, in the order of [`TableKind::columns`].
    pub values: Vec<Value<'a>>,
}

macro_rules! with_table {
    ($kind:expr, $T:ident => $body:expr) => {
        match $kind {
            TableKind::Clusters => {
                type $T = clusters::Clusters;
                $body
            }
            TableKind::Pools => {
                type $T = pools::Pools;
                $body
            }
            TableKind::Machines => {
                type $T = machines::Machines;
                $body
            }
            TableKind::Prices => {
                type $T = prices::Prices;
                $body
            }
            TableKind::Edge => {
                type $T = edge::EdgeMachines;
                $body
            }
            TableKind::Findings => {
                type $T = findings::Findings;
                $body
            }
        }
    };
}

impl TableKind {
    /// All tables.
    pub const ALL: [Self; 6] = [
        Self::Clusters,
        Self::Pools,
        Self::Machines,
        Self::Prices,
        Self::Edge,
        Self::Findings,
    ];

    /// Its name on the command line and in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Clusters => "clusters",
            Self::Pools => "pools",
            Self::Machines => "machines",
            Self::Prices => "prices",
            Self::Edge => "edge",
            Self::Findings => "findings",
        }
    }

    /// Its columns, in their usual order. The first names the row.
    pub fn columns(self) -> Vec<ColumnInfo> {
        with_table!(self, T => T::COLUMNS.iter().map(|c| c.info).collect())
    }

    /// The rows that are asked for, in the order asked for.
    pub fn project(self, view: &View<'_>, ask: &Ask<'_>) -> Projection {
        with_table!(self, T => project::project::<T>(view, ask))
    }

    /// Makes ready what plain words of a filter are looked for in, so that the first of them need not wait for it.
    pub fn prepare_words(self, view: &View<'_>) {
        with_table!(self, T => { view.summary.sheets.of::<T>(view).words::<T>(view); });
    }

    /// One row's values, for all columns.
    pub fn row<'a>(self, view: &View<'a>, id: &RowId) -> Option<RowValues<'a>> {
        with_table!(self, T => {
            let row = T::row(view, id)?;
            let values = T::COLUMNS.iter().map(|c| (c.value)(view, &row)).collect();
            Some(RowValues { severity: T::severity(view, &row), values })
        })
    }

    /// The terms of a filter that do not apply to this table, as typed.
    pub fn inactive(self, query: &Query) -> Vec<String> {
        let columns = self.columns();
        let unknown = |t: &&Term| t.column.as_ref().is_some_and(|c| !columns.iter().any(|k| k.name == c));
        query.terms.iter().filter(unknown).map(|t| t.text.clone()).collect()
    }
}

/// Seconds from a time until now.
fn seconds_since(view: &View<'_>, at: Timestamp) -> Value<'static> {
    Value::Age(view.now.duration_since(at).as_secs())
}
