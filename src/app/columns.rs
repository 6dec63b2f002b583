//! The sort picker and the column picker.

use super::overlay::Overlay;
use super::update::Turn;
use crate::fleet::TableKind;

impl Turn<'_> {
    pub(super) fn open_sort(&mut self) {
        let Some((pane, kind)) = self.focused_table() else {
            return;
        };
        let sort = self.state.tables.get(&pane).and_then(|t| t.sort);
        let columns = kind.columns();
        let cursor = sort
            .and_then(|(name, _)| columns.iter().position(|c| c.name == name))
            .unwrap_or(0);
        self.push(Overlay::Sort { cursor });
    }

    pub(super) fn open_columns(&mut self) {
        let Some((pane, kind)) = self.focused_table() else {
            return;
        };
        let Some(table) = self.state.tables.get(&pane) else {
            return;
        };
        let shown: Vec<_> = table.shown_columns(kind).iter().map(|c| c.name).collect();
        let mut items: Vec<_> = shown.iter().map(|name| (*name, true)).collect();
        let hidden = kind.columns().into_iter().filter(|c| !shown.contains(&c.name));
        items.extend(hidden.map(|c| (c.name, false)));
        self.push(Overlay::Columns { items, cursor: 0 });
    }

    /// Shows or hides the column under the cursor. The first stays: it names the row.
    pub(super) fn toggle_column(&mut self) {
        let Some(kind) = self.focused_table().map(|(_, kind)| kind) else {
            return;
        };
        let Some(Overlay::Columns { items, cursor }) = self.state.overlays.last_mut() else {
            return;
        };
        let shown = items.iter().filter(|(_, shown)| *shown).count();
        let Some((name, on)) = items.get_mut(*cursor) else {
            return;
        };
        if *on && (shown == 1 || names_rows(kind, name)) {
            return;
        }
        *on = !*on;
        self.columns_changed(kind);
    }

    pub(super) fn move_column(&mut self, by: isize) {
        let Some(kind) = self.focused_table().map(|(_, kind)| kind) else {
            return;
        };
        let Some(Overlay::Columns { items, cursor }) = self.state.overlays.last_mut() else {
            return;
        };
        let to = cursor.saturating_add_signed(by);
        let stays = |at: usize| items.get(at).is_none_or(|(name, _)| names_rows(kind, name));
        if to == *cursor || stays(to) || stays(*cursor) {
            return;
        }
        items.swap(*cursor, to);
        *cursor = to;
        self.columns_changed(kind);
    }

    fn columns_changed(&mut self, kind: TableKind) {
        self.touch();
        let Some(Overlay::Columns { items, .. }) = self.state.overlays.last() else {
            return;
        };
        let chosen: Vec<_> = items.iter().filter(|(_, on)| *on).map(|(name, _)| *name).collect();
        self.state.use_columns(kind, &chosen);
        for (pane, table) in &mut self.state.tables {
            if pane.table() == Some(kind) {
                table.wide = false;
            }
        }
    }
}

/// Whether a column names the table's rows.
fn names_rows(kind: TableKind, column: &str) -> bool {
    kind.columns().first().is_some_and(|first| first.name == column)
}
