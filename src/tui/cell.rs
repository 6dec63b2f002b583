//! What stands in a cell of a table: its text, shorter where it must be, its style, and its gauge.

use ratatui::style::Style;
use ratatui::text::Span;

use super::look::Look;
use super::text::{clip, clip_middle, width};
use crate::app::State;
use crate::fleet::query::{Op, Query};
use crate::fleet::table::{ColumnInfo, Value};
use crate::fleet::{RowId, TableKind};

/// Cells of a gauge, and the one before its number.
pub(super) const GAUGE: u16 = 7;

/// Whether a column can show a gauge beside its number.
pub(super) fn has_gauge(kind: TableKind, column: &str) -> bool {
    match kind {
        TableKind::Clusters | TableKind::Pools => column == "ready",
        TableKind::Machines => matches!(column, "cpu" | "mem" | "cpu-used" | "mem-used"),
        TableKind::Edge => matches!(column, "mem" | "disk"),
        TableKind::Prices | TableKind::Findings => false,
    }
}

/// The part of a gauge that is filled.
fn filled(state: &State, id: &RowId, value: &Value<'_>) -> Option<f64> {
    let part = |ready: u32, of: u32| (of > 0).then(|| f64::from(ready) / f64::from(of));
    match (id, value) {
        (_, Value::Fraction(f)) => Some(*f),
        (RowId::Cluster(id), _) => {
            let count = state.summary.clusters.get(id)?.count;
            part(count.ready, count.machines)
        }
        (RowId::Pool(id), _) => {
            let pool = state.summary.pools.get(id)?;
            part(
                pool.count.ready,
                pool.capacity.map_or(pool.count.machines, |c| c.desired),
            )
        }
        _ => None,
    }
}

/// A shorter way to say the same, for narrow columns.
pub(super) fn short(column: &str, text: &str) -> Option<String> {
    match column {
        "buy" if text == "on-demand" => Some("od".to_owned()),
        "zone" => short_zone(text),
        "cheaper" => {
            let (zone, saved) = text.split_once(' ')?;
            Some(format!("{} {saved}", short_zone(zone)?))
        }
        _ => None,
    }
}

/// A zone as its parts' initials: `eu-west-1a` is `euw1a`, `ap-southeast-2b` is `apse2b`.
pub(super) fn short_zone(zone: &str) -> Option<String> {
    let parts: Vec<&str> = zone.split('-').collect();
    let ([area, between @ ..], Some(last)) = (parts.as_slice(), parts.last()) else {
        return None;
    };
    if !last.starts_with(|c: char| c.is_ascii_digit()) || between.len() < 2 {
        return None;
    }
    let mut short = (*area).to_owned();
    for word in between.iter().take(between.len() - 1) {
        match *word {
            "northeast" => short.push_str("ne"),
            "northwest" => short.push_str("nw"),
            "southeast" => short.push_str("se"),
            "southwest" => short.push_str("sw"),
            word => short.extend(word.chars().next()),
        }
    }
    short.push_str(last);
    Some(short)
}

/// Everything about a cell.
pub(super) struct Cell<'a> {
    pub(super) kind: TableKind,
    pub(super) info: &'a ColumnInfo,
    pub(super) id: &'a RowId,
    pub(super) value: &'a Value<'a>,
    /// What follows the text and is not cut.
    pub(super) suffix: &'a str,
    /// The column's width.
    pub(super) width: u16,
    /// Whether a gauge stands beside the number.
    pub(super) gauge: bool,
}

/// The spans of a cell, padded to its width.
pub(super) fn spans(state: &State, look: Look<'_>, query: &Query, cell: &Cell<'_>) -> Vec<Span<'static>> {
    let text = cell.value.text();
    let style = style(look, cell, &text);
    if text.is_empty() {
        return missing(state, look, cell);
    }
    let mut spans = vec![];
    let mut room = cell.width;
    if let (true, Some(part)) = (cell.gauge, filled(state, cell.id, cell.value)) {
        room = room.saturating_sub(GAUGE);
        spans.extend(gauge(look, part, GAUGE - 1, gauge_style(look, cell, part)));
        spans.push(Span::raw(" "));
    }
    room = room.saturating_sub(width(cell.suffix));
    let shorter = (width(&text) > room)
        .then(|| short(cell.info.name, &text))
        .flatten()
        .unwrap_or_else(|| text.into_owned());
    // The ends of names tell them apart.
    let shown = match cell.info.name {
        "name" | "host" | "pool" | "subject" | "node" => clip_middle(&shorter, room, look.glyphs.ellipsis),
        _ => clip(&shorter, room, look.glyphs.ellipsis),
    };
    let shown = shown.into_owned();
    let pad = " ".repeat(usize::from(room.saturating_sub(width(&shown))));
    let words = found(look, query, cell.info.name, shown, style);
    if cell.info.right || !spans.is_empty() {
        spans.push(Span::raw(pad));
        spans.extend(words);
    } else {
        spans.extend(words);
        if !cell.suffix.is_empty() {
            spans.push(Span::styled(cell.suffix.to_owned(), look.theme.muted));
        }
        spans.push(Span::raw(pad));
    }
    spans
}

fn missing(state: &State, look: Look<'_>, cell: &Cell<'_>) -> Vec<Span<'static>> {
    let (sign, style) = match cell.info.right {
        true if is_unpriced(state, cell) => ("?", look.theme.warning),
        true => (look.glyphs.none, look.theme.muted),
        false => ("", look.theme.muted),
    };
    let pad = " ".repeat(usize::from(cell.width.saturating_sub(width(sign))));
    vec![Span::raw(pad), Span::styled(sign, style)]
}

/// Whether the cell is the price of something that AWS bills at a price nobody knows.
fn is_unpriced(state: &State, cell: &Cell<'_>) -> bool {
    let unpriced = || match cell.id {
        RowId::Machine(id) | RowId::Edge(id) => state.fleet.machine(id).is_some_and(|m| m.price_missing()),
        RowId::Cluster(id) => state.summary.clusters.get(id).is_some_and(|c| c.count.cost.unknown > 0),
        RowId::Pool(id) => state.summary.pools.get(id).is_some_and(|p| p.count.cost.unknown > 0),
        _ => false,
    };
    cell.info.name == "price" && unpriced()
}

/// A bar of this many cells, filled in part.
pub(super) fn gauge(look: Look<'_>, part: f64, cells: u16, style: Style) -> [Span<'static>; 2] {
    let all = f64::from(cells);
    let full = (part.clamp(0.0, 1.0) * all).round() as usize;
    // Something is never shown as nothing, nor almost all as all.
    let full = match full {
        0 if part > 0.0 => 1,
        n if n == usize::from(cells) && part < 0.995 => n.saturating_sub(1),
        n => n,
    };
    [
        Span::styled(look.glyphs.full.repeat(full), style),
        Span::styled(
            look.glyphs.rest.repeat(usize::from(cells).saturating_sub(full)),
            look.theme.gauge_rest,
        ),
    ]
}

fn gauge_style(look: Look<'_>, cell: &Cell<'_>, part: f64) -> Style {
    let ready = cell.info.name == "ready";
    match part {
        p if ready && p < 0.995 => look.theme.warning,
        p if !ready && p >= 0.9 => look.theme.warning,
        _ => look.theme.gauge,
    }
}

fn style(look: Look<'_>, cell: &Cell<'_>, text: &str) -> Style {
    let theme = look.theme;
    match (cell.kind, cell.info.name) {
        (TableKind::Machines | TableKind::Edge, "state") => look.state(text),
        (TableKind::Machines, "buy") if text == "spot" => theme.spot,
        (TableKind::Machines, "buy") => theme.on_demand,
        (TableKind::Machines, "type") if matches!(cell.id, RowId::Edge(_)) => theme.edge,
        (TableKind::Findings, "severity") => match text {
            "critical" => theme.critical,
            "warning" => theme.warning,
            "info" => theme.info,
            _ => theme.ok,
        },
        (TableKind::Findings, "mend") => theme.muted,
        (_, "saving" | "cheaper") => theme.saving,
        (TableKind::Prices, "change") if matches!(cell.value, Value::Fraction(f) if *f >= 0.05) => theme.warning,
        (TableKind::Prices, "change") if matches!(cell.value, Value::Fraction(f) if *f <= -0.05) => theme.saving,
        (TableKind::Clusters, "ttl") if matches!(cell.value, Value::Age(s) if *s < 600) => theme.warning,
        (TableKind::Clusters, "ttl") => theme.pending,
        (TableKind::Clusters | TableKind::Pools, "ready") if !all_ready(text) => theme.warning,
        (TableKind::Machines, "cpu" | "mem" | "cpu-used" | "mem-used") | (TableKind::Edge, "mem" | "disk") => {
            match cell.value {
                Value::Fraction(f) if *f >= 0.9 => theme.warning,
                _ => Style::default(),
            }
        }
        (TableKind::Edge, "temp") if matches!(cell.value, Value::Number(n, _) if *n >= 80.0) => theme.warning,
        (_, "age" | "since" | "seen" | "version" | "zone" | "zones" | "region" | "shape" | "kind" | "role") => {
            theme.muted
        }
        (TableKind::Findings, _) => Style::default(),
        (_, "name" | "host" | "type") if is_first(cell) => theme.accent,
        _ => Style::default(),
    }
}

fn is_first(cell: &Cell<'_>) -> bool {
    match cell.kind {
        TableKind::Edge => cell.info.name == "host",
        TableKind::Prices => cell.info.name == "type",
        _ => cell.info.name == "name",
    }
}

fn all_ready(text: &str) -> bool {
    text.split_once('/').is_none_or(|(ready, of)| ready == of)
}

/// The text with what the filter looked for set apart.
fn found(look: Look<'_>, query: &Query, column: &str, text: String, style: Style) -> Vec<Span<'static>> {
    let meant = |t: &&crate::fleet::query::Term| {
        let here = t.column.as_deref().is_none_or(|c| c == column);
        here && !t.negated && t.op == Op::Has && t.value.is_ascii() && !t.value.is_empty()
    };
    let place = query.terms.iter().filter(meant).find_map(|t| {
        let at = text.to_ascii_lowercase().find(&t.value)?;
        Some((at, at + t.value.len()))
    });
    let cut = place.and_then(|(from, to)| Some((text.get(..from)?, text.get(from..to)?, text.get(to..)?)));
    match cut {
        Some((before, word, after)) => vec![
            Span::styled(before.to_owned(), style),
            Span::styled(word.to_owned(), style.patch(look.theme.found)),
            Span::styled(after.to_owned(), style),
        ],
        None => vec![Span::styled(text, style)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::glyphs::Glyphs;
    use crate::tui::theme::Theme;

    #[test]
    fn zones_shorten_to_what_is_still_one_zone() {
        assert_eq!(short_zone("eu-west-1a").as_deref(), Some("euw1a"));
        assert_eq!(short_zone("ap-southeast-2b").as_deref(), Some("apse2b"));
        assert_eq!(short_zone("us-gov-east-1c").as_deref(), Some("usge1c"));
        assert_eq!(short_zone("rack-7"), None);
        assert_eq!(short_zone(""), None);
    }

    #[test]
    fn a_gauge_never_rounds_to_none_or_all() {
        let look = Look {
            theme: &Theme::default(),
            glyphs: &Glyphs::ASCII,
        };
        let shown = |part| {
            gauge(look, part, 6, Style::default())
                .map(|s| s.content.into_owned())
                .concat()
        };
        assert_eq!(shown(0.0), "......");
        assert_eq!(shown(0.01), "#.....");
        assert_eq!(shown(0.5), "###...");
        assert_eq!(shown(0.97), "#####.");
        assert_eq!(shown(1.0), "######");
        assert_eq!(shown(f64::NAN), "......");
        assert_eq!(shown(7.0), "######");
    }

    #[test]
    fn what_the_filter_found_stands_out() {
        let mut theme = Theme::default();
        theme.set("found", Style::new().bold());
        let look = Look {
            theme: &theme,
            glyphs: &Glyphs::UNICODE,
        };
        let spans = found(
            look,
            &Query::parse("KIOSK"),
            "name",
            "pi-kiosk-01".to_owned(),
            Style::default(),
        );
        let words: Vec<_> = spans.iter().map(|s| s.content.as_ref()).collect();
        assert_eq!(words, ["pi-", "kiosk", "-01"]);
        assert_eq!(
            found(
                look,
                &Query::parse("pool:kiosk"),
                "name",
                "kiosk".to_owned(),
                Style::default()
            )
            .len(),
            1
        );
    }
}
