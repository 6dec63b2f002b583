//! The line at the bottom: the filter while it is typed, else a notice, else hints of keys; and how fresh the data
//! is, at the right.

use ratatui::layout::{Position, Rect};
use ratatui::text::Span;

use super::look::Look;
use super::strip::{Part, Piece, fit, place, place_right};
use super::text::{clip, width};
use super::{fresh, keys};
use crate::app::{Pane, State, Target};

/// The pieces of the footer in their places, and the terminal's cursor while text is typed.
pub(super) fn footer<'a>(state: &'a State, look: Look<'_>, area: Rect) -> (Vec<(Rect, Piece<'a>)>, Option<Position>) {
    let line = Rect {
        x: area.x.saturating_add(1),
        width: area.width.saturating_sub(2),
        ..area
    };
    let feeds = fresh::line(state, look);
    // What is said or typed has most of the line; hints give way to what is wrong with the feeds.
    let share = match (state.filtering, &state.notice) {
        (None, None) if line.width < 100 => line.width * 2 / 5,
        (None, None) => line.width * 6 / 10,
        _ => line.width / 3,
    };
    let mut placed = place_right(fit(feeds, share, 2), line, 2);
    let start = placed
        .first()
        .map_or(line.right(), |(place, _)| place.x.saturating_sub(2));
    let rest = Rect {
        width: start.saturating_sub(line.x),
        ..line
    };
    let mut cursor = None;
    match (state.filtering, &state.notice) {
        (Some(pane), _) => {
            let (pieces, at) = filter(state, look, pane, rest);
            placed.extend(place(pieces, rest, 0));
            cursor = at;
        }
        (None, Some((severity, text, _))) => {
            let (sign, style) = look.severity(*severity);
            let text = clip(text, rest.width.saturating_sub(2), look.glyphs.ellipsis);
            let spans = vec![Span::styled(format!("{sign} "), style), Span::raw(text)];
            placed.extend(place(vec![Piece::spans(spans)], rest, 0));
        }
        (None, None) => placed.extend(place(fit(hints(state, look), rest.width, 2), rest, 2)),
    }
    (placed, cursor)
}

fn hints<'a>(state: &State, look: Look<'_>) -> Vec<Part<'a>> {
    let hints = keys::hints(state).into_iter();
    let parts = hints.map(|hint| {
        let spans = vec![
            Span::styled(hint.key, look.theme.key),
            Span::styled(format!(" {}", hint.word), look.theme.footer),
        ];
        Part::new(hint.rank, vec![Piece::spans(spans).at(Target::Hint(hint.action))])
    });
    parts.collect()
}

/// The filter as it is typed, what it leaves, and a word on its language.
fn filter<'a>(state: &'a State, look: Look<'_>, pane: Pane, area: Rect) -> (Vec<Piece<'a>>, Option<Position>) {
    let Some(table) = state.tables.get(&pane) else {
        return (vec![], None);
    };
    let room = area.width.saturating_sub(2);
    let (shown, column) = visible(&table.line, room);
    let cursor = Position::new(area.x.saturating_add(1).saturating_add(column), area.y);
    let used = width(&shown).saturating_add(2);
    let mut pieces = vec![
        Piece::text("/", look.theme.key),
        Piece::text(format!("{shown} "), look.theme.input),
    ];
    let left = format!("  {} of {}", table.shown.rows.len(), table.shown.of);
    let help = "   word  !word  column:word  age<2h  price>0.1";
    let mut spare = area.width.saturating_sub(used);
    for text in [left.as_str(), help] {
        if width(text) <= spare {
            spare -= width(text);
            pieces.push(Piece::text(text.to_owned(), look.theme.muted));
        }
    }
    (pieces, Some(cursor))
}

/// The part of a text field that is in sight, and the cursor's column in it.
pub(super) fn visible(line: &tui_input::Input, room: u16) -> (String, u16) {
    let room = usize::from(room.max(1));
    let scroll = line.visual_scroll(room.saturating_sub(1));
    let mut skipped = 0;
    let mut shown = String::new();
    for c in line.value().chars() {
        let wide = usize::from(width(c.encode_utf8(&mut [0; 4])));
        if skipped < scroll {
            skipped += wide;
        } else if usize::from(width(&shown)) + wide < room {
            shown.push(if c.is_control() { ' ' } else { c });
        } else {
            break;
        }
    }
    let column = line.visual_cursor().saturating_sub(skipped);
    (shown, u16::try_from(column).unwrap_or(u16::MAX))
}
