//! The state of one table pane: cursor, marks, filter, sort and columns. Cursor and marks are row ids, so they
//! stay on their rows however the rows move.

use std::collections::BTreeSet;

use tui_input::Input;

use crate::fleet::TableKind;
use crate::fleet::query::Query;
use crate::fleet::table::{ColumnInfo, Projection, RowId, Rows};

/// One table pane.
#[derive(Clone, Debug, Default)]
pub struct TableState {
    /// The row under the cursor: one of those shown, or none when none is shown.
    pub cursor: Option<RowId>,
    /// The first row in the window.
    pub offset: usize,
    /// How many rows the window held when it was last drawn: pages move by it. Set by
    /// [`State::fit`](super::State::fit).
    pub height: usize,
    /// How many columns (beyond the first, which stays) are scrolled out at the left.
    pub scrolled: usize,
    /// Marked rows.
    pub marks: BTreeSet<RowId>,
    /// The filter in force.
    pub query: Query,
    /// The filter line; what is being typed, or what [`TableState::query`] was parsed from.
    pub line: Input,
    /// The column sorted by, and whether descending.
    pub sort: Option<(&'static str, bool)>,
    /// The columns chosen, in order; the table's usual ones when empty. What is shown is told by
    /// [`TableState::shown_columns`].
    pub columns: Vec<&'static str>,
    /// Whether all columns are shown, whatever is chosen.
    pub wide: bool,
    /// Only rows with something to look at.
    pub faults_only: bool,
    /// The rows to show, as of the last projection.
    pub shown: Projection,
    /// Where the cursor was last seen.
    pub(super) at: usize,
    /// The row the cursor goes to as soon as it is shown.
    pub(super) wanted: Option<RowId>,
    /// The row marked last: ranges begin there.
    pub(super) anchor: Option<RowId>,
}

impl TableState {
    /// The place of the cursor among the rows shown.
    pub fn position(&self) -> Option<usize> {
        let cursor = self.cursor.as_ref()?;
        if self.shown.rows.get(self.at) == Some(cursor) {
            return Some(self.at);
        }
        self.shown.rows.position(cursor)
    }

    /// The columns to show, in their order.
    pub fn shown_columns(&self, kind: TableKind) -> Vec<ColumnInfo> {
        let all = kind.columns();
        if self.wide {
            return all;
        }
        if self.columns.is_empty() {
            return all.into_iter().filter(|c| c.shown).collect();
        }
        let chosen = self
            .columns
            .iter()
            .filter_map(|name| all.iter().find(|c| c.name == *name));
        chosen.copied().collect()
    }

    /// Puts the cursor on the row at a place; gives whether it moved.
    pub(super) fn put_cursor(&mut self, at: usize) -> bool {
        let at = at.min(self.shown.rows.len().saturating_sub(1));
        let row = self.shown.rows.get(at);
        let moved = self.cursor.as_ref() != row;
        if moved {
            self.cursor = row.cloned();
            self.wanted = None;
        }
        self.at = at;
        self.scroll_to_cursor();
        moved
    }

    /// Takes in new rows. The cursor stays on its row; when that is gone, it goes to the row that stood nearest.
    /// `now_called` gives the id by which a row goes now: a node's row takes its instance's id once that is seen.
    pub(super) fn show(&mut self, shown: Projection, now_called: impl Fn(&RowId) -> Option<RowId>) {
        let place = self.position().unwrap_or(self.at);
        let old = std::mem::replace(&mut self.shown, shown);
        let found = |id: &RowId| self.shown.rows.position(id);
        let kept = self.wanted.as_ref().and_then(found).or_else(|| {
            let cursor = self.cursor.as_ref()?;
            if self.shown.rows.get(place) == Some(cursor) {
                return Some(place);
            }
            found(cursor).or_else(|| now_called(cursor).as_ref().and_then(found))
        });
        let at = kept.unwrap_or_else(|| self.nearest(&old.rows, place));
        if self.wanted.as_ref() == self.shown.rows.get(at) {
            self.wanted = None;
        }
        if self.shown.rows.is_empty() && self.wanted.is_none() {
            self.wanted = self.cursor.take();
        }
        self.at = at.min(self.shown.rows.len().saturating_sub(1));
        self.cursor = self.shown.rows.get(self.at).cloned();
        self.scroll_to_cursor();
        if !self.marks.is_empty() {
            self.marks = self.marks.iter().filter_map(now_called).collect();
        }
    }

    /// The new place of the first old row after a place that is still there, else of the last before it.
    fn nearest(&self, old: &Rows, place: usize) -> usize {
        if old.is_empty() || self.shown.rows.is_empty() {
            return 0;
        }
        let there: rustc_hash::FxHashMap<&RowId, usize> =
            self.shown.rows.iter().enumerate().map(|(at, id)| (id, at)).collect();
        let before = old.iter().take(place).collect::<Vec<_>>();
        let mut near = old.iter().skip(place).chain(before.into_iter().rev());
        near.find_map(|id| there.get(id).copied()).unwrap_or(place)
    }

    /// Moves the window so that the cursor is in it and no room is left unused.
    pub(super) fn scroll_to_cursor(&mut self) {
        let last = self.shown.rows.len().saturating_sub(self.height.max(1));
        self.offset = self.offset.min(last);
        if self.height > 0 {
            self.offset = self.offset.clamp((self.at + 1).saturating_sub(self.height), self.at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::{HostName, MachineId};

    fn row(n: u32) -> RowId {
        RowId::Machine(MachineId::Edge(HostName::new(format!("h{n}"))))
    }

    fn rows(of: impl IntoIterator<Item = u32>) -> Projection {
        Projection {
            rows: of.into_iter().map(row).collect(),
            of: 10,
            inactive: vec![],
        }
    }

    fn shown(of: impl IntoIterator<Item = u32>) -> TableState {
        let mut table = TableState {
            height: 3,
            ..TableState::default()
        };
        table.show(rows(of), |id| Some(id.clone()));
        table
    }

    #[test]
    fn the_cursor_stays_on_its_row_and_goes_to_the_neighbour_of_a_lost_one() {
        let mut table = shown(0..6);
        assert_eq!(table.cursor, Some(row(0)), "the first row is chosen");
        table.put_cursor(3);
        table.show(rows([9, 5, 4, 3, 2]), |id| Some(id.clone()));
        assert_eq!((table.cursor.clone(), table.position()), (Some(row(3)), Some(3)));
        table.show(rows([9, 5, 4, 2]), |id| Some(id.clone()));
        assert_eq!(table.cursor, Some(row(2)), "the row after it");
        table.show(rows([9, 5, 4]), |id| Some(id.clone()));
        assert_eq!(table.cursor, Some(row(4)), "the row before it, at the end");
        table.show(rows([]), |id| Some(id.clone()));
        assert_eq!(table.cursor, None);
        table.show(rows([7, 4, 5]), |id| Some(id.clone()));
        assert_eq!(table.cursor, Some(row(4)), "back on its row");
    }

    #[test]
    fn a_row_that_goes_by_another_id_keeps_cursor_and_mark() {
        let mut table = shown(0..3);
        table.put_cursor(1);
        table.marks.insert(row(1));
        table.marks.insert(row(2));
        table.show(rows([0, 8]), |id| match id {
            id if *id == row(1) => Some(row(8)),
            id if *id == row(2) => None,
            id => Some(id.clone()),
        });
        assert_eq!(table.cursor, Some(row(8)));
        assert_eq!(
            table.marks,
            BTreeSet::from([row(8)]),
            "the mark of a row that is gone goes too"
        );
    }

    #[test]
    fn the_window_follows_the_cursor() {
        let mut table = shown(0..9);
        table.put_cursor(5);
        assert_eq!(table.offset, 3);
        table.put_cursor(4);
        assert_eq!(table.offset, 3);
        table.put_cursor(99);
        assert_eq!((table.position(), table.offset), (Some(8), 6));
        table.show(rows(0..4), |id| Some(id.clone()));
        assert_eq!((table.cursor.clone(), table.offset), (Some(row(3)), 1));
    }
}
