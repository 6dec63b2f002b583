//! Rows written out: as an aligned table, as JSON or as CSV.

use std::io::{self, Write};

use unicode_width::UnicodeWidthStr;

use super::args::Format;
use crate::fleet::table::{ColumnInfo, Projection, RowId, TableKind, View};
use crate::fleet::{csv, json};

/// Which columns of a table are written, as places in [`TableKind::columns`].
pub(super) struct Columns {
    all: Vec<ColumnInfo>,
    places: Vec<usize>,
}

impl Columns {
    /// The usual columns, those named, or all for `all`. The error names what is not there.
    pub(super) fn choose(table: TableKind, names: &[String]) -> Result<Self, String> {
        let all = table.columns();
        let places = match names {
            [] => usual(table, &all),
            [name] if name == "all" => (0..all.len()).collect(),
            names => names
                .iter()
                .map(|name| place(table, &all, name))
                .collect::<Result<_, _>>()?,
        };
        Ok(Self { all, places })
    }

    fn infos(&self) -> impl Iterator<Item = &ColumnInfo> {
        self.places.iter().filter_map(|i| self.all.get(*i))
    }
}

/// The columns shown on the screen; for machines their instances too, because the members of a group often share
/// one name.
fn usual(table: TableKind, all: &[ColumnInfo]) -> Vec<usize> {
    let is_usual = |c: &ColumnInfo| c.shown || (table == TableKind::Machines && c.name == "instance");
    let mut places: Vec<usize> = (0..all.len()).filter(|i| all.get(*i).is_some_and(is_usual)).collect();
    // What tells rows apart stands beside the name.
    places.sort_by_key(|i| all.get(*i).map(|c| (c.name != "name", c.shown)));
    places
}

fn place(table: TableKind, all: &[ColumnInfo], name: &str) -> Result<usize, String> {
    all.iter().position(|c| c.name == name).ok_or_else(|| {
        let names: Vec<_> = all.iter().map(|c| c.name).collect();
        format!(
            "{} have no column {name:?}; there are: {}",
            table.name(),
            names.join(", ")
        )
    })
}

/// Writes all rows of a projection.
pub(super) fn write(
    out: &mut dyn Write,
    format: Format,
    table: TableKind,
    view: &View<'_>,
    rows: &Projection,
    columns: &Columns,
) -> io::Result<()> {
    match format {
        Format::Json => {
            serde_json::to_writer_pretty(&mut *out, &json::rows(view, &rows.rows))?;
            writeln!(out)
        }
        Format::Csv => {
            let names: Vec<_> = columns.infos().map(|c| c.name).collect();
            out.write_all(csv::csv(table, view, &rows.rows, &names).as_bytes())
        }
        Format::Table => {
            let headings: Vec<String> = columns.infos().map(|c| c.title.to_owned()).collect();
            let rows: Vec<_> = rows
                .rows
                .iter()
                .map(|id| texts(table, view, id, columns, false))
                .collect();
            let widths = widths(&headings, &rows);
            for row in std::iter::once(&headings).chain(&rows) {
                writeln!(out, "{}", aligned(row, &widths, columns))?;
            }
            Ok(())
        }
    }
}

/// One row's texts in the columns chosen: for people, or plain for programs.
pub(super) fn texts(table: TableKind, view: &View<'_>, id: &RowId, columns: &Columns, plain: bool) -> Vec<String> {
    let Some(row) = table.row(view, id) else { return vec![] };
    let text = |i: &usize| {
        row.values
            .get(*i)
            .map(|v| if plain { v.plain() } else { v.text() }.into_owned())
            .unwrap_or_default()
    };
    columns.places.iter().map(text).collect()
}

/// The width of each column: that of its widest text, heading included.
pub(super) fn widths(headings: &[String], rows: &[Vec<String>]) -> Vec<usize> {
    let width = |i: usize| {
        let texts = rows.iter().filter_map(|row| row.get(i)).chain(headings.get(i));
        texts.map(|t| t.width()).max().unwrap_or(0)
    };
    (0..headings.len()).map(width).collect()
}

/// One line: words flush left, numbers flush right, two spaces between columns.
pub(super) fn aligned(row: &[String], widths: &[usize], columns: &Columns) -> String {
    let mut line = String::new();
    for ((text, width), column) in row.iter().zip(widths).zip(columns.infos()) {
        let pad = " ".repeat(width.saturating_sub(text.width()));
        if column.right {
            line.push_str(&pad);
        }
        line.push_str(text);
        if !column.right {
            line.push_str(&pad);
        }
        line.push_str("  ");
    }
    line.truncate(line.trim_end().len());
    line
}

/// A table of words that is none of the fleet's.
pub(super) struct Grid<const N: usize> {
    rows: Vec<[String; N]>,
}

impl<const N: usize> Grid<N> {
    /// A table with headings, which are written in capitals.
    pub(super) fn new(headings: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> Self {
        let headings = headings.map(str::to_uppercase);
        Self {
            rows: std::iter::once(headings).chain(rows).collect(),
        }
    }

    /// Writes it, two spaces between columns.
    pub(super) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut widths = [0; N];
        for row in &self.rows {
            for (width, text) in widths.iter_mut().zip(row) {
                *width = text.width().max(*width);
            }
        }
        for row in &self.rows {
            let padded = row.iter().zip(widths).map(|(text, width)| {
                let pad = " ".repeat(width.saturating_sub(text.width()));
                format!("{text}{pad}")
            });
            writeln!(out, "{}", padded.collect::<Vec<_>>().join("  ").trim_end())?;
        }
        Ok(())
    }
}

impl Columns {
    /// The widths that the columns want, for rows that are not known yet.
    pub(super) fn wanted_widths(&self) -> Vec<usize> {
        self.infos().map(|c| usize::from(c.width)).collect()
    }

    /// The names, for programs.
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.infos().map(|c| c.name)
    }

    /// The headings, for people.
    pub(super) fn titles(&self) -> Vec<String> {
        self.infos().map(|c| c.title.to_owned()).collect()
    }
}
