//! What is done with a table's rows and columns: sorting, choosing columns, marking, copying, saving.

use std::collections::BTreeSet;

use super::update::Turn;
use super::{Effect, Pane};
use crate::fleet::table::{ColumnInfo, RowId};
use crate::fleet::{MachineId, PoolId, Severity, TableKind, csv};

impl Turn<'_> {
    /// Sorts a pane by a column: numbers the largest first, words from a to z. Sorted by it already, the other way
    /// round.
    pub(super) fn sort_by(&mut self, pane: Pane, column: &ColumnInfo) {
        let Some(table) = self.state.tables.get_mut(&pane) else {
            return;
        };
        let down = match table.sort {
            Some((name, down)) if name == column.name => !down,
            _ => column.right,
        };
        table.sort = Some((column.name, down));
        self.touch_rows();
    }

    /// Sorts by the column that begins with a letter; by the next such column, when sorted by one already.
    pub(super) fn sort_by_letter(&mut self, letter: char) {
        let Some((pane, kind)) = self.focused_table() else {
            return;
        };
        let Some(table) = self.state.tables.get(&pane) else {
            return;
        };
        let begins = |c: &ColumnInfo| {
            let first = |text: &str| text.chars().next().map(|c| c.to_ascii_lowercase());
            first(c.title) == Some(letter) || first(c.name) == Some(letter)
        };
        let mut fit: Vec<_> = table.shown_columns(kind).into_iter().filter(begins).collect();
        if fit.is_empty() {
            fit = kind.columns().into_iter().filter(begins).collect();
        }
        let now = table.sort.and_then(|(name, _)| fit.iter().position(|c| c.name == name));
        let next = now.map_or(0, |at| (at + 1) % fit.len().max(1));
        match fit.get(next).copied() {
            Some(column) => self.sort_by(pane, &column),
            None => {
                let letter = letter.to_ascii_uppercase();
                self.say(Severity::Info, format!("no column of this table begins with {letter}"));
            }
        }
    }

    pub(super) fn sort_next(&mut self) {
        let Some((pane, kind)) = self.focused_table() else {
            return;
        };
        let Some(table) = self.state.tables.get(&pane) else {
            return;
        };
        let columns = table.shown_columns(kind);
        let now = table
            .sort
            .and_then(|(name, _)| columns.iter().position(|c| c.name == name));
        let next = now.map_or(0, |at| (at + 1) % columns.len().max(1));
        if let Some(column) = columns.get(next) {
            self.sort_by(pane, column);
        }
    }

    pub(super) fn sort_reverse(&mut self) {
        let Some((pane, kind)) = self.focused_table() else {
            return;
        };
        let Some(table) = self.state.tables.get_mut(&pane) else {
            return;
        };
        let first = || table.shown_columns(kind).first().map(|c| (c.name, false));
        if let Some((name, down)) = table.sort.or_else(first) {
            table.sort = Some((name, !down));
            self.touch_rows();
        }
    }

    pub(super) fn toggle_wide(&mut self) {
        if let Some(table) = self.state.tables.get_mut(&self.state.focused()) {
            table.wide = !table.wide;
            table.scrolled = 0;
            self.touch();
        }
    }

    /// The pane with the focus, when it shows a table.
    pub(super) fn focused_table(&self) -> Option<(Pane, TableKind)> {
        let pane = self.state.focused();
        Some((pane, pane.table()?))
    }

    pub(super) fn mark(&mut self) {
        let Some(table) = self.state.tables.get_mut(&self.state.focused()) else {
            return;
        };
        let Some(cursor) = table.cursor.clone() else { return };
        if !table.marks.remove(&cursor) {
            table.marks.insert(cursor.clone());
            table.anchor = Some(cursor);
        }
        let at = table.position().unwrap_or(0);
        table.put_cursor(at + 1);
        self.touch();
    }

    pub(super) fn mark_range(&mut self) {
        let Some(table) = self.state.tables.get_mut(&self.state.focused()) else {
            return;
        };
        let Some(to) = table.position() else { return };
        let anchor = table.anchor.as_ref();
        let from = anchor.and_then(|a| table.shown.rows.position(a)).unwrap_or(to);
        let range = table.shown.rows.iter().take(from.max(to) + 1).skip(from.min(to));
        table.marks.extend(range.cloned());
        table.anchor = table.cursor.clone();
        self.touch();
    }

    pub(super) fn clear_marks(&mut self) {
        if let Some(table) = self.state.tables.get_mut(&self.state.focused())
            && !table.marks.is_empty()
        {
            table.marks.clear();
            self.touch();
        }
    }

    pub(super) fn copy_id(&mut self) {
        let Some(table) = self.state.focused_table() else {
            return;
        };
        let cursor = table.cursor.iter().cloned().collect();
        let rows: BTreeSet<RowId> = if table.marks.is_empty() {
            cursor
        } else {
            table.marks.clone()
        };
        let ids: Vec<_> = rows.iter().map(id_text).collect();
        if !ids.is_empty() {
            self.effect(Effect::Copy(ids.join("\n")));
        }
    }

    pub(super) fn save_csv(&mut self) {
        let Some((pane, kind)) = self.focused_table() else {
            return;
        };
        let Some(table) = self.state.tables.get(&pane) else {
            return;
        };
        let columns: Vec<_> = table.shown_columns(kind).iter().map(|c| c.name).collect();
        let text = csv::csv(kind, &self.state.view(), &table.shown.rows, &columns);
        let at = self.state.now.strftime("%Y%m%dT%H%M%SZ");
        let name = format!("k3fleet-{}-{at}.csv", kind.name());
        self.effect(Effect::Save { name, text });
    }
}

/// A row's id as other programs take it.
pub(super) fn id_text(row: &RowId) -> String {
    match row {
        RowId::Cluster(id) => id.name.to_string(),
        RowId::Pool(PoolId::Asg(_, name) | PoolId::SpotFleet(_, name) | PoolId::Edge(name)) => name.to_string(),
        RowId::Pool(PoolId::Instance(id)) => id.to_string(),
        RowId::Machine(id) | RowId::Edge(id) => MachineId::to_string(id),
        RowId::Host(host) => host.to_string(),
        RowId::Price(offer, _) => offer.instance_type.to_string(),
        RowId::Feed(feed) => feed.to_string(),
        RowId::Finding(_, about) => id_text(about),
    }
}
