//! The one table of all screens: only the rows in the window are looked up, and only the columns that fit are
//! drawn. The mouse asks the same [`Grid`] for its rows and headings.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Span;

use super::columns::{Fit, Want, fit, order};
use super::layout::top;
use super::look::Look;
use super::text::{clip, width};
use super::{cell, fresh, strip};
use crate::app::{Pane, State, TableState};
use crate::fleet::table::{ColumnInfo, RowValues};
use crate::fleet::{RowId, Severity, TableKind};

/// The window of a table: its rows, its columns and their places.
pub(super) struct Grid<'a> {
    pub(super) kind: TableKind,
    pub(super) table: &'a TableState,
    /// The line of headings; left out where lines are few.
    pub(super) heading: Option<Rect>,
    /// The lines of rows.
    pub(super) body: Rect,
    /// The place of the first line among the rows shown.
    pub(super) offset: usize,
    pub(super) rows: Vec<Row<'a>>,
    pub(super) columns: Vec<Column>,
    /// How many columns are out of sight.
    pub(super) hidden: usize,
    gutter: u16,
    /// The place of the column `state` among the values of a row.
    state: Option<usize>,
}

/// A row in the window.
pub(super) struct Row<'a> {
    id: &'a RowId,
    /// `None` when the row has gone since the rows were chosen.
    values: Option<RowValues<'a>>,
    /// What tells it from rows of the same name.
    suffix: String,
}

/// A column in sight.
pub(super) struct Column {
    /// Its place among the values of a row.
    index: usize,
    pub(super) info: ColumnInfo,
    pub(super) x: u16,
    pub(super) width: u16,
    gauge: bool,
}

/// The first row of the window: where the table was scrolled to, moved so that the cursor is in sight.
pub(super) fn offset(table: &TableState, height: usize) -> usize {
    let last = table.shown.rows.len().saturating_sub(height);
    let offset = table.offset.min(last);
    let window = table.shown.rows.iter().skip(offset).take(height);
    let in_sight = table
        .cursor
        .as_ref()
        .is_none_or(|id| window.clone().any(|row| row == id));
    if in_sight || height == 0 {
        return offset;
    }
    // The rows moved under the cursor: it is looked for among all of them, once until the state follows.
    match table.position() {
        Some(place) if place < offset => place,
        Some(place) => (place + 1).saturating_sub(height),
        None => offset,
    }
}

/// The columns that a pane shows when nobody chose any.
fn usual(pane: Pane, narrowed: bool) -> Option<&'static [&'static str]> {
    match pane {
        Pane::FleetClusters => Some(&["name", "shape", "ready", "price", "ttl"]),
        Pane::FleetPools if narrowed => Some(&["name", "ready", "price"]),
        Pane::FleetPools => Some(&["name", "cluster", "ready", "price"]),
        _ => None,
    }
}

fn chosen(state: &State, pane: Pane, kind: TableKind, table: &TableState) -> Vec<(usize, ColumnInfo)> {
    let all: Vec<_> = kind.columns().into_iter().enumerate().collect();
    let named = |names: &[&str]| -> Vec<(usize, ColumnInfo)> {
        let rest = names
            .iter()
            .filter_map(|n| all.iter().skip(1).find(|(_, c)| c.name == *n));
        all.first().into_iter().chain(rest).copied().collect()
    };
    let narrowed = state.cluster.is_some();
    match (table.columns.as_slice(), usual(pane, narrowed)) {
        ([], Some(names)) => named(names),
        ([], None) => {
            let shown = all.into_iter().filter(|(i, c)| *i == 0 || c.shown);
            shown.filter(|(_, c)| !(narrowed && c.name == "cluster")).collect()
        }
        (names, _) => named(names),
    }
}

/// The line of headings, where there is room for one, and the lines of rows.
pub(super) fn window(area: Rect) -> (Option<Rect>, Rect) {
    match area.height {
        0..5 => (None, area),
        _ => {
            let (heading, body) = top(area, 1);
            (Some(heading), body)
        }
    }
}

impl<'a> Grid<'a> {
    /// The window of a pane's table in this area; `None` for a pane without a table.
    pub(super) fn of(state: &'a State, pane: Pane, area: Rect) -> Option<Self> {
        let kind = pane.table()?;
        let table = state.tables.get(&pane)?;
        let (heading, body) = window(area);
        let height = usize::from(body.height);
        let offset = offset(table, height);
        let view = state.view();
        let ids = table.shown.rows.iter().skip(offset).take(height);
        let row = |id| Row {
            id,
            values: kind.row(&view, id),
            suffix: String::new(),
        };
        let mut rows: Vec<_> = ids.map(row).collect();
        if kind == TableKind::Machines {
            suffixes(&mut rows);
        }
        let gutter = if table.marks.is_empty() { 3 } else { 4 };
        let chosen = chosen(state, pane, kind, table);
        let wants: Vec<Want> = chosen.iter().map(|(i, c)| want(kind, table, *i, c, &rows)).collect();
        let room = area.width.saturating_sub(gutter);
        let Fit { widths, gap, hidden } = fit(&wants, room, table.scrolled);
        let mut x = area.x.saturating_add(gutter);
        let mut columns = vec![];
        for (((index, info), want), width) in chosen.into_iter().zip(wants).zip(widths) {
            let Some(width) = width else { continue };
            columns.push(Column {
                index,
                info,
                x,
                width,
                gauge: want.gauge > 0 && width >= want.content.saturating_add(want.gauge),
            });
            x = x.saturating_add(width).saturating_add(gap);
        }
        Some(Self {
            kind,
            table,
            heading,
            body,
            offset,
            rows,
            columns,
            hidden,
            gutter,
            state: kind.columns().iter().position(|c| c.name == "state"),
        })
    }

    /// Draws headings, rows and, on the frame at the right, the scroll bar.
    pub(super) fn draw(&self, state: &State, look: Look<'_>, focused: bool, buffer: &mut Buffer) {
        if let Some(line) = self.heading {
            self.draw_heading(look, line, buffer);
        }
        let old = fresh::old(state);
        for (y, row) in (self.body.y..self.body.bottom()).zip(&self.rows) {
            let line = Rect {
                y,
                height: 1,
                ..self.body
            };
            let is_old = fresh::row_is_old(state, &old, row.id);
            self.draw_row(state, look, line, row, is_old, buffer);
            if self.table.cursor.as_ref() == Some(row.id) {
                buffer.set_style(line, look.selection(focused));
            }
        }
        let bar = Rect {
            x: self.body.right(),
            width: 1,
            ..self.body
        };
        scrollbar(buffer, look, bar, self.offset, self.table.shown.rows.len());
    }

    fn draw_heading(&self, look: Look<'_>, line: Rect, buffer: &mut Buffer) {
        for column in &self.columns {
            let sorted = self.table.sort.filter(|(name, _)| *name == column.info.name);
            let style = if sorted.is_some() {
                look.theme.sorted
            } else {
                look.theme.columns
            };
            let sign = match sorted {
                Some((_, true)) => look.glyphs.down,
                Some((_, false)) => look.glyphs.up,
                None => "",
            };
            let room = column.width.saturating_sub(width(sign));
            let title = match column.info.title {
                title if width(title) <= room => title,
                title => short_title(title),
            };
            let title = clip(title, room, "");
            let pad = " ".repeat(usize::from(room.saturating_sub(width(&title))));
            let text = if column.info.right {
                format!("{pad}{title}{sign}")
            } else {
                format!("{title}{sign}{pad}")
            };
            strip::put(buffer, column.at(line), &[Span::styled(text, style)]);
        }
    }

    fn draw_row(&self, state: &State, look: Look<'_>, line: Rect, row: &Row<'_>, is_old: bool, buffer: &mut Buffer) {
        let marked = self.table.marks.contains(row.id);
        self.draw_gutter(look, line, row, marked, buffer);
        let Some(values) = &row.values else {
            let rest = Rect {
                x: line.x.saturating_add(self.gutter),
                width: line.width.saturating_sub(self.gutter),
                ..line
            };
            strip::put(buffer, rest, &[Span::styled("gone", look.theme.muted)]);
            return;
        };
        for column in &self.columns {
            let Some(value) = values.values.get(column.index) else {
                continue;
            };
            let cell = cell::Cell {
                kind: self.kind,
                info: &column.info,
                id: row.id,
                value,
                suffix: if column.index == 0 { &row.suffix } else { "" },
                width: column.width,
                gauge: column.gauge,
            };
            let mut spans = cell::spans(state, look, &self.table.query, &cell);
            if is_old {
                spans.iter_mut().for_each(|s| s.style = s.style.patch(look.theme.stale));
            }
            if marked && column.index == 0 {
                spans.iter_mut().for_each(|s| s.style = s.style.patch(look.theme.mark));
            }
            strip::put(buffer, column.at(line), &spans);
        }
    }

    fn draw_gutter(&self, look: Look<'_>, line: Rect, row: &Row<'_>, marked: bool, buffer: &mut Buffer) {
        let at_cursor = self.table.cursor.as_ref() == Some(row.id);
        let cursor = if at_cursor { look.glyphs.cursor } else { " " };
        let (sign, style) = match &row.values {
            Some(values) => look.row(values.severity, self.state_word(values)),
            None => look.row(Severity::Ok, "Stopped"),
        };
        let mut spans = vec![Span::styled(cursor, look.theme.accent)];
        if !self.table.marks.is_empty() {
            let mark = if marked { look.glyphs.mark } else { " " };
            spans.push(Span::styled(mark, look.theme.mark));
        }
        spans.push(Span::styled(sign, style));
        strip::put(buffer, line, &spans);
    }

    /// The word in the column `state`.
    fn state_word<'r>(&self, row: &'r RowValues<'_>) -> &'r str {
        match self.state.and_then(|place| row.values.get(place)) {
            Some(crate::fleet::table::Value::Text(text)) => text,
            _ => "",
        }
    }
}

impl Column {
    /// The column's part of a line.
    pub(super) fn at(&self, line: Rect) -> Rect {
        Rect {
            x: self.x,
            width: self.width.min(line.right().saturating_sub(self.x)),
            ..line
        }
    }
}

fn want(kind: TableKind, table: &TableState, index: usize, info: &ColumnInfo, rows: &[Row<'_>]) -> Want {
    let sorted = table.sort.is_some_and(|(name, _)| name == info.name);
    let title = width(info.title).saturating_add(u16::from(sorted));
    let short_title = width(short_title(info.title)).saturating_add(u16::from(sorted));
    let (mut content, mut shorter) = (0, 0);
    for row in rows {
        let Some(value) = row.values.as_ref().and_then(|v| v.values.get(index)) else {
            continue;
        };
        let text = value.text();
        let more = if index == 0 { width(&row.suffix) } else { 0 };
        let wide = width(&text).saturating_add(more);
        content = content.max(wide);
        let short = cell::short(info.name, &text).map_or(wide, |s| width(&s));
        shorter = shorter.max(short);
    }
    let whole = info.right
        || matches!(
            info.name,
            "state" | "buy" | "zone" | "severity" | "ready" | "shape" | "arch" | "cheaper"
        );
    let least = match (whole, info.name) {
        (true, _) => shorter,
        (false, _) if index == 0 => shorter.min(18),
        (false, "finding") => shorter.min(30),
        (false, "mend") => shorter.min(24),
        (false, "pool" | "subject") => shorter.min(12),
        (false, "cluster") => shorter.min(8),
        (false, _) => shorter.min(10),
    };
    let importance = order(kind);
    let rank = importance.iter().position(|name| *name == info.name);
    let rank = rank.unwrap_or(importance.len() + index);
    Want {
        usual: info.width.min(content.max(title).saturating_add(4)),
        content: content.max(title),
        least: least.max(short_title),
        gauge: if cell::has_gauge(kind, info.name) {
            cell::GAUGE
        } else {
            0
        },
        // A column that has nothing to tell of these rows is the first to go.
        rank: if content == 0 { rank + 100 } else { rank },
    }
}

/// A heading without its second half: `TYPE / MODEL` is `TYPE`.
fn short_title(title: &str) -> &str {
    title.split(" / ").next().unwrap_or(title)
}

/// What tells rows of one name apart: the end of the instance's id. Groups give all their instances one name.
fn suffixes(rows: &mut [Row<'_>]) {
    let name = |row: &Row<'_>| Some(row.values.as_ref()?.values.first()?.text().into_owned());
    let names: Vec<_> = rows.iter().map(name).collect();
    let twice = |name: &Option<String>| name.is_some() && names.iter().filter(|n| *n == name).count() > 1;
    let ambiguous: Vec<bool> = names.iter().map(twice).collect();
    for (row, _) in rows.iter_mut().zip(ambiguous).filter(|(_, ambiguous)| *ambiguous) {
        if let RowId::Machine(crate::fleet::MachineId::Instance(id)) = row.id {
            let end: String = id.as_str().chars().rev().take(5).collect();
            row.suffix = format!(" {}", end.chars().rev().collect::<String>());
        }
    }
}

/// A scroll bar on one column of cells; nothing where everything is in sight.
pub(super) fn scrollbar(buffer: &mut Buffer, look: Look<'_>, bar: Rect, offset: usize, of: usize) {
    let height = usize::from(bar.height);
    if of <= height || height == 0 {
        return;
    }
    let thumb = (height * height / of).clamp(1, height);
    let free = height - thumb;
    let start = (offset * free).div_ceil((of - height).max(1)).min(free);
    for (i, y) in (bar.y..bar.bottom()).enumerate() {
        let on = (start..start + thumb).contains(&i);
        let (sign, style): (_, Style) = if on {
            (look.glyphs.thumb, look.theme.border_focus)
        } else {
            (look.glyphs.track, look.theme.border)
        };
        strip::put(buffer, Rect { y, height: 1, ..bar }, &[Span::styled(sign, style)]);
    }
}
