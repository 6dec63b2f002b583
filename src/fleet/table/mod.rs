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
mod value;

use jiff::Timestamp;
use smol_str::SmolStr;

pub use prices::{PriceRow, cheaper_zone};
use value::{Natural, SortKey};
pub use value::{Value, age, bytes, money, parse_age};

use super::query::{Query, Term};
use super::{ClusterId, Fleet, HostName, Machine, MachineId, Offer, PoolId, Severity, Summary};

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
    /// The keys of rows, each worked out once; `None` where the rows come in their usual order already.
    fn keys<'a>(view: &View<'a>, rows: &[Self::Row<'a>]) -> Option<Vec<Self::Key<'a>>>;
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

/// What a projection asks for.
#[derive(Clone, Debug, Default)]
pub struct Ask<'q> {
    /// The filter.
    pub query: Option<&'q Query>,
    /// Only rows of this cluster.
    pub cluster: Option<&'q ClusterId>,
    /// The column to sort by, and whether descending; the usual order otherwise.
    pub sort: Option<(&'q str, bool)>,
    /// Only rows at least this grave.
    pub at_least: Option<Severity>,
}

/// The rows a table shows, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Projection {
    /// The ids of the rows.
    pub rows: Vec<RowId>,
    /// How many rows there are without the filter.
    pub of: usize,
    /// Terms of the filter that do not apply to this table, as typed.
    pub inactive: Vec<String>,
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
        with_table!(self, T => project::<T>(view, ask))
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

/// A term with the columns it looks at.
struct Bound<'q, T: Table> {
    term: &'q Term,
    columns: Vec<&'static Column<T>>,
    /// Whether it could be compared with any value yet, and whether it could not with some.
    compared: bool,
    refused: bool,
}

fn bind<'q, T: Table>(query: &'q Query) -> Vec<Bound<'q, T>> {
    let bound = query.terms.iter().map(|term| {
        let columns = match &term.column {
            Some(name) => T::COLUMNS.iter().filter(|c| c.info.name == name).collect(),
            None => T::COLUMNS.iter().filter(|c| is_searched(&c.info)).collect(),
        };
        Bound {
            term,
            columns,
            compared: false,
            refused: false,
        }
    });
    bound.collect()
}

/// Whether a plain word is looked for in a column: in the usual columns of words, and in the names of a machine's parts.
fn is_searched(column: &ColumnInfo) -> bool {
    !column.right && (column.shown || ["instance", "node"].contains(&column.name))
}

impl<T: Table> Bound<'_, T> {
    /// Whether there is such a column, and what was typed could be compared with some value of it.
    fn applies(&self) -> bool {
        !self.columns.is_empty() && (self.compared || !self.refused)
    }

    fn keeps<'a>(&mut self, view: &View<'a>, row: &T::Row<'a>) -> bool {
        if self.term.column.is_some() {
            let Some(column) = self.columns.first() else {
                return true;
            };
            let value = (column.value)(view, row);
            return match self.term.meets(&value) {
                Some(met) => {
                    self.compared |= value != Value::Missing;
                    met
                }
                None => {
                    self.refused = true;
                    true
                }
            };
        }
        self.compared = true;
        let found = self
            .columns
            .iter()
            .any(|c| (c.value)(view, row).contains(&self.term.value));
        found != self.term.negated
    }
}

/// Which rows meet all terms. A term that has not applied yet sees also the rows that others have dropped, so that
/// one that never applies is found out.
fn keeps<'a, T: Table>(terms: &mut [Bound<'_, T>], view: &View<'a>, rows: &[T::Row<'a>]) -> Vec<bool> {
    let all = |row| {
        let mut kept = true;
        for term in terms.iter_mut() {
            if kept || !term.compared {
                kept &= term.keeps(view, row);
            }
        }
        kept
    };
    rows.iter().map(all).collect()
}

fn project<T: Table>(view: &View<'_>, ask: &Ask<'_>) -> Projection {
    let mut rows = T::rows(view);
    if let Some(cluster) = ask.cluster {
        rows.retain(|row| T::in_cluster(row, cluster));
    }
    let of = rows.len();
    let mut inactive = vec![];
    if let Some(query) = ask.query.filter(|q| !q.is_empty()) {
        let mut terms = bind::<T>(query);
        let mut kept = keeps(&mut terms, view, &rows);
        // Only when all rows are seen is it known that a term applies to none: then it shall not filter at all.
        terms.retain(|term| {
            let applies = term.applies();
            if !applies {
                inactive.push(term.term.text.clone());
            }
            applies
        });
        if !inactive.is_empty() {
            kept = keeps(&mut terms, view, &rows);
        }
        let mut kept = kept.into_iter();
        rows.retain(|_| kept.next().unwrap_or(true));
    }
    if let Some(least) = ask.at_least {
        rows.retain(|row| T::severity(view, row) >= least);
    }
    let by = ask
        .sort
        .and_then(|(name, down)| Some((T::COLUMNS.iter().find(|c| c.info.name == name)?, down)));
    if let Some(keys) = T::keys(view, &rows) {
        rows = in_order::<T>(rows, keys);
    }
    if let Some((column, down)) = by {
        let keyed = rows
            .into_iter()
            .map(|row| ((column.value)(view, &row).sort_key(down), row));
        let mut keyed: Vec<_> = keyed.collect();
        // Stable: rows of one value stay in their usual order.
        keyed.sort_by(|(a, _), (b, _)| a.cmp(b));
        rows = keyed.into_iter().map(|(_, row)| row).collect();
    }
    Projection {
        rows: rows.iter().map(T::id).collect(),
        of,
        inactive,
    }
}

/// Sorts rows by their keys, and rows of one key by their ids.
fn in_order<'a, T: Table>(rows: Vec<T::Row<'a>>, keys: Vec<T::Key<'a>>) -> Vec<T::Row<'a>> {
    let mut keyed: Vec<_> = keys.into_iter().zip(rows).collect();
    keyed.sort_by(|(a, x), (b, y)| a.cmp(b).then_with(|| T::id(x).cmp(&T::id(y))));
    keyed.into_iter().map(|(_, row)| row).collect()
}

/// The ids of machines in the usual order of their table.
pub(super) fn machines_in_order<'a>(view: &View<'a>, machines: Vec<Machine<'a>>) -> Vec<MachineId> {
    let keys = machines::keys(view, &machines);
    let machines = in_order::<machines::Machines>(machines, keys);
    machines.iter().map(Machine::id).collect()
}

/// Seconds from a time until now.
fn seconds_since(view: &View<'_>, at: Timestamp) -> Value<'static> {
    Value::Age(view.now.duration_since(at).as_secs())
}
