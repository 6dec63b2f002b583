//! The state of one table pane: cursor, marks, filter, sort and columns. Cursor and marks are row ids, so they
//! stay on their rows however the rows move.

use std::collections::BTreeSet;

use tui_input::Input;

use crate::fleet::query::Query;
use crate::fleet::table::{Projection, RowId};

/// One table pane.
#[derive(Clone, Debug, Default)]
pub struct TableState {
    /// The row under the cursor.
    pub cursor: Option<RowId>,
    /// The first row in the window.
    pub offset: usize,
    /// How many rows the window held when it was last drawn: pages move by it.
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
    /// The columns shown, in order; the table's usual ones when empty.
    pub columns: Vec<&'static str>,
    /// Only rows with something to look at.
    pub faults_only: bool,
    /// The rows to show, as of the last projection.
    pub shown: Projection,
}

impl TableState {
    /// The place of the cursor among the rows shown.
    pub fn position(&self) -> Option<usize> {
        let cursor = self.cursor.as_ref()?;
        self.shown.rows.iter().position(|id| id == cursor)
    }
}
