//! The instance types to choose from, with what each has and costs.

use ratatui::style::Style;
use ratatui::text::Span;

use super::{Body, Content, LEAVE, Line, keys_line};
use crate::app::launching::types::{TypePicker, TypeRow, TypeSort, place, rows, zones};
use crate::app::{Action, State};
use crate::fleet::table::money;
use crate::tui::look::Look;
use crate::tui::strip::Piece;
use crate::tui::text::{clip, width};

/// The rows that a full table has at most: it does not grow and shrink while it is filtered.
pub(in crate::tui) const ROWS: u16 = 30;

pub(super) fn content(state: &State, look: Look<'_>, picker: &TypePicker) -> Content {
    let rows = rows(state);
    let cursor = place(picker, &rows);
    let body = match rows.is_empty() {
        true => Body::Text {
            lines: vec![vec![vec![Span::styled(
                "No type that K3s can run on is called that.",
                look.theme.muted,
            )]]],
            scroll: 0,
        },
        false => Body::Table {
            heading: heading(look, picker.sort),
            lines: rows.iter().map(|row| told(look, row)).collect(),
            cursor,
        },
    };
    Content {
        title: format!("Instance types {} {}", look.glyphs.separator, rows.len()),
        field: Some(("find", picker.line.clone())),
        body,
    }
}

fn heading(look: Look<'_>, sort: TypeSort) -> Line {
    let style = |by| {
        if sort == by {
            look.theme.sorted
        } else {
            look.theme.columns
        }
    };
    vec![
        Span::styled(format!("    {:<14}", "TYPE"), style(TypeSort::Name)),
        Span::styled(format!("{:>4}", "CPU"), look.theme.columns),
        Span::styled(format!("{:>9}", "MEMORY"), style(TypeSort::Memory)),
        Span::styled(format!("  {:<6}", "ARCH"), look.theme.columns),
        Span::styled(format!("{:>9}", "OD $/H"), style(TypeSort::Price)),
        Span::styled(format!("{:>9}", "SPOT $/H"), style(TypeSort::Price)),
        Span::styled(format!("{:>7}", "SAVES"), look.theme.columns),
        Span::styled("  ZONE", look.theme.columns),
    ]
}

fn told(look: Look<'_>, row: &TypeRow) -> Line {
    let theme = look.theme;
    let (sign, style) = match row.marked {
        true => (look.glyphs.on, theme.accent),
        false => (look.glyphs.off, theme.muted),
    };
    let price = |usd: Option<f64>| usd.map(money).unwrap_or_default();
    // The region stands in the form.
    let zone = row.spot.as_ref().and_then(|(zone, _)| zone.rsplit('-').next());
    let zone = zone.unwrap_or_default();
    let saving = row
        .saving
        .map(|part| format!("{:.0} %", part * 100.0))
        .unwrap_or_default();
    vec![
        Span::styled(format!("{sign} "), style),
        Span::styled(
            format!("{:<14}", row.name),
            if row.marked { theme.accent } else { Style::default() },
        ),
        Span::raw(format!("{:>4}", row.vcpus)),
        Span::raw(format!("{:>9}", memory(row.memory_mib))),
        Span::styled(format!("  {:<6}", row.arch), theme.muted),
        Span::styled(format!("{:>9}", price(row.on_demand)), theme.on_demand),
        Span::styled(
            format!("{:>9}", price(row.spot.as_ref().map(|(_, usd)| *usd))),
            theme.spot,
        ),
        Span::styled(format!("{saving:>7}"), theme.saving),
        Span::styled(format!("  {zone}"), theme.muted),
    ]
}

/// Memory in GiB, as AWS tells it.
fn memory(mib: u64) -> String {
    match mib % 1024 {
        0 => format!("{} GiB", mib / 1024),
        _ => format!("{:.1} GiB", mib as f64 / 1024.0),
    }
}

/// The spot price in every zone of the type under the cursor, and the keys.
pub(super) fn foot(state: &State, look: Look<'_>, picker: &TypePicker, room: u16) -> Vec<Vec<Piece<'static>>> {
    let rows = rows(state);
    let here = rows.get(place(picker, &rows));
    let zones = here.map(|row| zones(state, &row.name)).unwrap_or_default();
    let told: Vec<_> = zones
        .iter()
        .map(|(zone, usd)| format!("{zone} {}", money(*usd)))
        .collect();
    let lead = match (here, told.is_empty()) {
        (None, _) => String::new(),
        (Some(row), true) => format!("{}: no spot price is known", row.name),
        (Some(row), false) => format!("{} spot: ", row.name),
    };
    let told = told.join("  ");
    let told = clip(&told, room.saturating_sub(width(&lead)), look.glyphs.ellipsis).into_owned();
    let line = Piece::spans(vec![
        Span::styled(lead, look.theme.muted),
        Span::styled(told, look.theme.spot),
    ]);
    let sort = format!("by {}", picker.sort.as_str());
    vec![
        vec![line],
        keys_line(
            look,
            &[
                ("enter", "take", Some(Action::Open)),
                ("space", "mark several", None),
                ("tab", &sort, None),
                LEAVE,
            ],
        ),
    ]
}
