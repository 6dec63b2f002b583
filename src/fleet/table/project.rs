//! Which rows of a table are shown, in which order: narrowed to a cluster, filtered, sorted. Where words and keys are
//! values are needed they come from the table's [`Sheet`], which is made once for a count.

use std::sync::Arc;

use super::sheet::{LAST, Sheet};
use super::{ColumnInfo, RowId, Table, Value, View};
use crate::fleet::query::{Query, Term};
use crate::fleet::{ClusterId, Severity};

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
    pub rows: Rows,
    /// How many rows there are without the filter.
    pub of: usize,
    /// Terms of the filter that do not apply to this table, as typed.
    pub inactive: Vec<String>,
}

/// Ids of rows in an order. The ids themselves are shared with all other projections of the same count.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    ids: Arc<[RowId]>,
    order: Vec<u32>,
}

impl Rows {
    /// How many.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// The id at a place.
    pub fn get(&self, place: usize) -> Option<&RowId> {
        self.ids.get(*self.order.get(place)? as usize)
    }

    /// All ids, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &RowId> + Clone {
        self.order.iter().filter_map(|at| self.ids.get(*at as usize))
    }

    /// The place of an id.
    pub fn position(&self, id: &RowId) -> Option<usize> {
        self.iter().position(|row| row == id)
    }
}

impl PartialEq for Rows {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl FromIterator<RowId> for Rows {
    fn from_iter<I: IntoIterator<Item = RowId>>(ids: I) -> Self {
        let ids: Arc<[RowId]> = ids.into_iter().collect();
        let order = (0..).zip(ids.iter()).map(|(at, _)| at).collect();
        Self { ids, order }
    }
}

/// A term with the column it looks at.
struct Bound<'q> {
    term: &'q Term,
    /// The place of the column named, when the term names one, and when there is such a one.
    column: Option<Option<usize>>,
    /// Whether it could be compared with any value yet, and whether it could not with some.
    compared: bool,
    refused: bool,
}

fn bind<T: Table>(query: &Query) -> Vec<Bound<'_>> {
    let named = |name: &String| T::COLUMNS.iter().position(|c| c.info.name == name);
    let bound = query.terms.iter().map(|term| Bound {
        term,
        column: term.column.as_ref().map(named),
        compared: false,
        refused: false,
    });
    bound.collect()
}

/// Whether a plain word is looked for in a column: in the usual columns of words, and in the names of a machine's parts.
pub(super) fn is_searched(column: &ColumnInfo) -> bool {
    !column.right && (column.shown || ["instance", "node"].contains(&column.name))
}

impl Bound<'_> {
    /// Whether there is such a column, and what was typed could be compared with some value of it.
    fn applies(&self) -> bool {
        self.column.is_none_or(|c| c.is_some()) && (self.compared || !self.refused)
    }

    /// Whether the row at a place meets the term.
    fn keeps<T: Table>(&mut self, view: &View<'_>, sheet: &Sheet, at: u32) -> bool {
        let Some(column) = self.column else {
            self.compared = true;
            return sheet.words::<T>(view).contain(at, &self.term.value) != self.term.negated;
        };
        let Some(column) = column else { return true };
        let value = sheet.values::<T>(view, column).get(at as usize);
        let value = value.unwrap_or(&Value::Missing);
        match self.term.meets(value) {
            Some(met) => {
                self.compared |= *value != Value::Missing;
                met
            }
            None => {
                self.refused = true;
                true
            }
        }
    }
}

/// The rows that meet all terms. A term that has not applied yet sees also the rows that others have dropped, so that
/// one that never applies is found out.
fn keep<T: Table>(terms: &mut [Bound<'_>], view: &View<'_>, sheet: &Sheet, rows: &[u32]) -> Vec<u32> {
    let all = |at: &u32| {
        let mut kept = true;
        for term in terms.iter_mut() {
            if kept || !term.compared {
                kept &= term.keeps::<T>(view, sheet, *at);
            }
        }
        kept
    };
    rows.iter().copied().filter(all).collect()
}

/// See [`TableKind::project`](super::TableKind::project).
pub(super) fn project<T: Table>(view: &View<'_>, ask: &Ask<'_>) -> Projection {
    let sheet = view.summary.sheets.of::<T>(view);
    let mut order: Vec<u32> = sheet.places().collect();
    if let Some(cluster) = ask.cluster {
        let belongs = |at: &u32| {
            sheet
                .row::<T>(view, *at)
                .is_some_and(|row| T::in_cluster(&row, cluster))
        };
        order.retain(belongs);
    }
    let of = order.len();
    let mut inactive = vec![];
    if let Some(query) = ask.query.filter(|q| !q.is_empty()) {
        let mut terms = bind::<T>(query);
        let mut kept = keep::<T>(&mut terms, view, sheet, &order);
        // Only when all rows are seen is it known that a term applies to none: then it shall not filter at all.
        terms.retain(|term| {
            let applies = term.applies();
            if !applies {
                inactive.push(term.term.text.clone());
            }
            applies
        });
        if !inactive.is_empty() {
            kept = keep::<T>(&mut terms, view, sheet, &order);
        }
        order = kept;
    }
    if let Some(least) = ask.at_least {
        let grave = |at: &u32| {
            sheet
                .row::<T>(view, *at)
                .is_some_and(|row| T::severity(view, &row) >= least)
        };
        order.retain(grave);
    }
    if let Some((name, down)) = ask.sort
        && let Some(column) = T::COLUMNS.iter().position(|c| c.info.name == name)
    {
        let ranks = sheet.ranks::<T>(view, column);
        // Rows of one value stay in their usual order, and those without one come last either way.
        let rank = |at: &u32| match ranks.get(*at as usize).copied().unwrap_or(LAST) {
            LAST => LAST,
            rank if down => LAST - 1 - rank,
            rank => rank,
        };
        order.sort_unstable_by_key(|at| (rank(at), *at));
    }
    Projection {
        rows: Rows {
            ids: sheet.ids(),
            order,
        },
        of,
        inactive,
    }
}

#[cfg(test)]
mod tests {
    use crate::fleet::table::{Ask, TableKind, Value, View};
    use crate::fleet::{Summary, example};

    #[test]
    fn rows_without_a_value_come_last_either_way() {
        let fleet = example::fleet(6);
        let summary = Summary::of(&fleet, example::now());
        let view = View {
            fleet: &fleet,
            summary: &summary,
            now: example::now(),
        };
        let place = |name| {
            TableKind::Machines
                .columns()
                .iter()
                .position(|c| c.name == name)
                .unwrap()
        };
        let values = |down| {
            let ask = Ask {
                sort: Some(("price", down)),
                ..Ask::default()
            };
            let shown = TableKind::Machines.project(&view, &ask);
            let value = |id| {
                TableKind::Machines
                    .row(&view, id)
                    .unwrap()
                    .values
                    .remove(place("price"))
            };
            shown.rows.iter().map(value).collect::<Vec<_>>()
        };
        let (up, down) = (values(false), values(true));
        let known = |values: &[Value<'_>]| values.iter().take_while(|v| **v != Value::Missing).count();
        let (first, last) = up.split_at(known(&up));
        assert!(!first.is_empty() && !last.is_empty(), "{up:?}");
        assert!(last.iter().all(|v| *v == Value::Missing), "{up:?}");
        let turned: Vec<_> = first.iter().rev().chain(last).cloned().collect();
        assert_eq!(down, turned);
    }
}
