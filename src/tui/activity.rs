//! The activity log: what happened, the newest at the bottom.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Span;

use super::look::Look;
use super::table::scrollbar;
use super::text::{clip, width};
use super::{empty, strip};
use crate::app::{Pane, State};

/// Draws as much of the log as there is room for.
pub(super) fn draw(buffer: &mut Buffer, state: &State, look: Look<'_>, pane: Pane, area: Rect) {
    let entries = state.fleet.log().entries();
    let all = entries.len();
    if all == 0 {
        nothing(buffer, state, look, pane, area);
        return;
    }
    let height = usize::from(area.height);
    let below = state.log_scroll.min(all.saturating_sub(height));
    let shown = height.min(all.saturating_sub(below));
    let first = all.saturating_sub(below).saturating_sub(shown);
    for (y, entry) in (area.y..area.bottom()).zip(entries.skip(first).take(shown)) {
        let (sign, style) = look.severity(entry.severity);
        let time = time(entry.at, state.now);
        let room = area.width.saturating_sub(width(&time).saturating_add(5));
        let spans = [
            Span::raw(" "),
            Span::styled(time, look.theme.muted),
            Span::raw(" "),
            Span::styled(sign, style),
            Span::raw(" "),
            Span::raw(clip(&entry.text, room, look.glyphs.ellipsis)),
        ];
        strip::put(buffer, Rect { y, height: 1, ..area }, &spans);
    }
    let bar = Rect {
        x: area.right(),
        width: 1,
        ..area
    };
    scrollbar(buffer, look, bar, first, all);
}

fn nothing(buffer: &mut Buffer, state: &State, look: Look<'_>, pane: Pane, area: Rect) {
    let waiting = empty::waiting(state, look, pane);
    let quiet = vec![vec![Span::styled(
        "Nothing has happened since the start.",
        look.theme.muted,
    )]];
    let lines = if waiting.is_empty() { quiet } else { waiting };
    for (y, line) in (area.y..area.bottom()).zip(lines) {
        let place = Rect {
            x: area.x.saturating_add(2),
            y,
            width: area.width.saturating_sub(3),
            height: 1,
        };
        strip::put(buffer, place, &line);
    }
}

/// A time of day in UTC; with its date when that is another one.
pub(super) fn time(at: Timestamp, now: Timestamp) -> String {
    let (at, now) = (at.to_zoned(TimeZone::UTC), now.to_zoned(TimeZone::UTC));
    let format = if at.date() == now.date() {
        "%H:%M:%S"
    } else {
        "%b %d %H:%M"
    };
    at.strftime(format).to_string()
}
