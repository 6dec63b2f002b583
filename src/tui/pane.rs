//! A pane: its frame, what its title tells (narrowing, counts, filter, age), and the faults of the feeds it
//! depends on.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::Span;

use super::layout::{inside, top};
use super::look::{Look, fault_word};
use super::strip::{self, Part, Piece};
use super::text::{clip, wrap};
use super::{fresh, spot};
use crate::app::{Pane, Screen, State, TableState, Target};
use crate::fleet::table::age;
use crate::fleet::{Fault, FaultKind, FeedId, FeedKind, Freshness};

/// What a pane is called.
pub(super) fn name(state: &State, look: Look<'_>, pane: Pane) -> String {
    match pane {
        Pane::FleetClusters => "Clusters".to_owned(),
        Pane::FleetPools | Pane::Pools => "Pools".to_owned(),
        Pane::FleetMachines | Pane::Machines => "Machines".to_owned(),
        Pane::FleetSpot | Pane::PriceChart => spot::title(state),
        Pane::FleetActivity => "Activity".to_owned(),
        Pane::Prices => "Prices".to_owned(),
        Pane::Edge => "Edge".to_owned(),
        Pane::Operations => super::operations::title(state, look),
        Pane::Steps => super::steps::title(state, look),
        Pane::Log => "Activity log".to_owned(),
        Pane::Findings => "Findings".to_owned(),
    }
}

/// The pane that takes turns with this one where there is no room for both.
fn sibling(state: &State, pane: Pane, shown: &[(Pane, Rect)]) -> Option<Pane> {
    let other = match pane {
        Pane::FleetClusters => Pane::FleetPools,
        Pane::FleetPools => Pane::FleetClusters,
        Pane::FleetSpot => Pane::FleetActivity,
        Pane::FleetActivity => Pane::FleetSpot,
        _ => return None,
    };
    let hidden = !state.zoomed && !shown.iter().any(|(p, _)| *p == other);
    hidden.then_some(other)
}

/// The pieces of a pane's title, in their places on the frame.
pub(super) fn title<'a>(
    state: &'a State,
    look: Look<'_>,
    pane: Pane,
    area: Rect,
    shown: &[(Pane, Rect)],
) -> Vec<(Rect, Piece<'a>)> {
    let (line, _) = top(area, 1);
    let line = Rect {
        x: line.x.saturating_add(1),
        width: line.width.saturating_sub(2),
        ..line
    };
    let age = strip::place_right(strip::fit(age_parts(state, look, pane), line.width * 2 / 3, 1), line, 1);
    let used: u16 = age.iter().map(|(place, _)| place.width.saturating_add(1)).sum();
    let mut parts = vec![named(state, look, pane)];
    parts.extend(table_parts(state, look, pane));
    parts.extend(sibling(state, pane, shown).map(|other| {
        let text = format!("{} {} ", look.glyphs.track, name(state, look, other));
        Part::new(1, vec![Piece::text(text, look.theme.muted).at(Target::Pane(other))])
    }));
    let room = line.width.saturating_sub(used);
    let mut placed = strip::place(strip::fit(parts, room, 0), line, 0);
    placed.extend(age);
    placed
}

fn named<'a>(state: &State, look: Look<'_>, pane: Pane) -> Part<'a> {
    let focused = state.focused() == pane;
    let several = state.screen.panes().len() > 1 && !state.zoomed;
    let sign = if focused && several { look.glyphs.cursor } else { "" };
    let style = if focused {
        look.theme.title.add_modifier(Modifier::BOLD)
    } else {
        look.theme.title
    };
    let name = name(state, look, pane);
    let short = name.split_whitespace().next().unwrap_or_default().to_owned();
    Part::new(
        9,
        vec![
            Piece::text(format!("{sign} {name} "), style),
            Piece::text(format!("{sign} {short} "), style),
        ],
    )
}

fn table_parts<'a>(state: &'a State, look: Look<'_>, pane: Pane) -> Vec<Part<'a>> {
    let Some(table) = state.tables.get(&pane).filter(|_| pane.table().is_some()) else {
        return vec![];
    };
    let muted = look.theme.muted;
    let (shown, of) = (table.shown.rows.len(), table.shown.of);
    let mut parts = vec![];
    if let Some(cluster) = state.cluster.as_ref().filter(|_| narrows(pane)) {
        let text = format!("{} {cluster} ", look.glyphs.separator);
        parts.push(Part::new(6, vec![Piece::text(text, look.theme.accent)]));
    }
    let count = if shown == of {
        format!("{} {of} ", look.glyphs.separator)
    } else {
        format!("{} {shown} of {of} ", look.glyphs.separator)
    };
    parts.push(Part::new(7, vec![Piece::text(count, muted)]));
    parts.extend(chips(look, pane, table));
    if !table.marks.is_empty() {
        let text = format!("{} {} marked ", look.glyphs.mark, table.marks.len());
        parts.push(Part::new(5, vec![Piece::text(text, look.theme.mark)]));
    }
    parts
}

/// Whether the cluster that the panes are narrowed to narrows this one.
fn narrows(pane: Pane) -> bool {
    !matches!(pane, Pane::FleetClusters | Pane::Prices)
}

fn chips<'a>(look: Look<'_>, pane: Pane, table: &TableState) -> Vec<Part<'a>> {
    let mut chips: Vec<Part<'a>> = vec![];
    let mut push = |text: String, style: Style| {
        let target = Target::Chip(pane, chips.len());
        let mut piece = Piece::text(look.chip(&text, style), style);
        piece.spans.push(Span::raw(" "));
        let more = Piece::text(look.chip(look.glyphs.ellipsis, style), style);
        chips.push(Part::new(8, vec![piece.at(target.clone()), more.at(target)]));
    };
    for term in &table.query.terms {
        if table.shown.inactive.contains(&term.text) {
            push(format!("{} (inactive)", term.text), look.theme.chip_off);
        } else {
            push(term.text.clone(), look.theme.chip);
        }
    }
    if table.faults_only {
        push("faults only".to_owned(), look.theme.chip);
    }
    chips
}

/// How old the worst of a pane's data is, when it is old.
fn age_parts<'a>(state: &State, look: Look<'_>, pane: Pane) -> Vec<Part<'a>> {
    let feeds = fresh::of_pane(state, pane);
    let bad: Vec<_> = feeds.iter().filter(|(_, f)| fresh::rank(f) >= 3).collect();
    let Some((id, freshness)) = bad.first() else {
        return vec![];
    };
    let synced = state.fleet.feeds().get(id).and_then(|f| f.synced_at);
    let rank = fresh::rank(freshness);
    let style = fresh::style(look, rank);
    let sign = if rank == 4 {
        look.glyphs.critical
    } else {
        look.glyphs.fading
    };
    let words = fresh::words(id.kind, freshness, synced, state.now);
    let old = match (freshness, synced) {
        (Freshness::Failed { .. }, Some(at)) => {
            format!(", {} old", age(state.now.duration_since(at).as_secs().max(0)))
        }
        _ => String::new(),
    };
    let more = match bad.len() {
        1 => String::new(),
        n => format!(" +{}", n - 1),
    };
    let kind = id.kind.as_str();
    vec![Part::new(
        1,
        vec![
            Piece::text(format!(" {sign} {kind} {words}{old}{more} "), style).at(Target::Freshness),
            Piece::text(format!(" {sign} {kind} {words} "), style).at(Target::Freshness),
            Piece::text(format!(" {sign} "), style).at(Target::Freshness),
        ],
    )]
}

/// Draws a pane's frame with its title and a word at its lower edge.
pub(super) fn draw_frame(
    buffer: &mut Buffer,
    look: Look<'_>,
    area: Rect,
    focused: bool,
    title: &[(Rect, Piece<'_>)],
    below: Option<Piece<'_>>,
) {
    let style = if focused {
        look.theme.border_focus
    } else {
        look.theme.border
    };
    border(buffer, look, area, style);
    strip::draw(buffer, title);
    if let Some(piece) = below {
        let line = Rect {
            x: area.x.saturating_add(2),
            y: area.bottom().saturating_sub(1),
            width: area.width.saturating_sub(4),
            height: 1.min(area.height),
        };
        strip::draw(buffer, &strip::place_right(vec![piece], line, 0));
    }
}

/// Draws a frame.
pub(super) fn border(buffer: &mut Buffer, look: Look<'_>, area: Rect, style: Style) {
    if area.width < 2 || area.height < 2 {
        return;
    }
    let set = look.glyphs.border;
    let across = usize::from(area.width - 2);
    let line = |left: &str, middle: &str, right: &str| format!("{left}{}{right}", middle.repeat(across));
    let mut put = |y: u16, text: String| {
        strip::put(buffer, Rect { y, height: 1, ..area }, &[Span::styled(text, style)]);
    };
    put(area.y, line(set.top_left, set.horizontal_top, set.top_right));
    put(
        area.bottom() - 1,
        line(set.bottom_left, set.horizontal_bottom, set.bottom_right),
    );
    for y in area.y + 1..area.bottom() - 1 {
        for (x, sign) in [(area.x, set.vertical_left), (area.right() - 1, set.vertical_right)] {
            let cell = Rect {
                x,
                y,
                width: 1,
                height: 1,
            };
            strip::put(buffer, cell, &[Span::styled(sign, style)]);
        }
    }
}

/// The faults that a pane tells, each once on a screen.
fn told(state: &State, pane: Pane) -> Vec<(&FeedId, &Fault)> {
    let here: &[FeedKind] = match pane {
        Pane::FleetClusters => &[FeedKind::Server],
        Pane::FleetPools => &[FeedKind::Asgs, FeedKind::SpotFleets],
        _ if pane.screen() == Screen::Findings => &[],
        _ => fresh::kinds(pane),
    };
    let mut faults: Vec<_> = fresh::of_pane(state, pane)
        .into_iter()
        .filter_map(|(id, freshness)| match freshness {
            Freshness::Failed { why, .. } => Some((id, why)),
            _ => None,
        })
        // Throttling only makes data older, and what is not offered is not missed: neither is told in the pane.
        .filter(|(id, why)| {
            here.contains(&id.kind) && !matches!(why.kind, FaultKind::Unsupported | FaultKind::Throttled)
        })
        .collect();
    faults.dedup_by(|(_, a), (_, b)| a.call == b.call && a.mend == b.mend);
    faults
}

/// The lines at the top of a pane that say which calls fail and what mends them.
pub(super) fn banner(state: &State, look: Look<'_>, pane: Pane, inner: Rect) -> Vec<Vec<Span<'static>>> {
    let faults = told(state, pane);
    let Some(((id, first), others)) = faults.split_first() else {
        return vec![];
    };
    let sign = Span::styled(format!("{} ", look.glyphs.critical), look.theme.critical);
    let room = inner.width.saturating_sub(3);
    let what = format!(
        "{} on {}: {}: {}",
        first.call,
        id.source,
        fault_word(first.kind),
        first.message
    );
    if inner.height < 7 {
        let text = if first.mend.is_empty() {
            what
        } else {
            format!("{}: {}", first.call, first.mend)
        };
        let line = clip(&text, room, look.glyphs.ellipsis).into_owned();
        return vec![vec![sign, Span::styled(line, look.theme.critical)]];
    }
    let mut lines: Vec<Vec<Span<'static>>> = vec![];
    let told = match inner.height {
        0..14 => vec![clip(&what, room, look.glyphs.ellipsis).into_owned()],
        _ => wrap(&what, room),
    };
    for (i, text) in told.into_iter().take(2).enumerate() {
        let lead = if i == 0 { sign.clone() } else { Span::raw("  ") };
        lines.push(vec![lead, Span::styled(text, look.theme.critical)]);
    }
    for (i, text) in wrap(&first.mend, room).into_iter().take(2).enumerate() {
        let lead = if i == 0 {
            format!("{} ", look.glyphs.right)
        } else {
            "  ".to_owned()
        };
        lines.push(vec![Span::styled(lead, look.theme.accent), Span::raw(text)]);
    }
    if !others.is_empty() {
        let text = format!("  and {} more: the list of feeds names them", others.len());
        lines.push(vec![Span::styled(text, look.theme.muted)]);
    }
    lines.truncate(usize::from(inner.height / 2));
    lines
}

/// The inside of a pane: the lines of its banner, and what is left for its rows.
pub(super) fn content(banner: usize, area: Rect) -> (Rect, Rect) {
    top(inside(area), u16::try_from(banner).unwrap_or(u16::MAX))
}
