//! The list of operations: those that run, those that can be resumed, those that have ended.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::text::Span;

use super::activity::time;
use super::look::Look;
use super::table::scrollbar;
use super::text::{clip, clip_middle, width, wrap};
use super::{overlay, strip};
use crate::app::operations::{Listed, OperationLine, OperationState, chosen, count, line, listed};
use crate::app::{Action, State};
use crate::fleet::table::age;

/// From this width on the list tells who began an operation.
const WIDE: u16 = 110;
/// The widest that a column beside the titles gets.
const CLUSTER: u16 = 16;

/// The list's title: how many there are, and how many of them run.
pub(super) fn title(state: &State, look: Look<'_>) -> String {
    let all = state.operations.len();
    if all == 0 {
        return "Operations".to_owned();
    }
    let mut title = format!("Operations {} {all}", look.glyphs.separator);
    let running = count(state, OperationState::is_running);
    let unfinished = count(state, OperationState::is_unfinished);
    for (many, word) in [(running, "running"), (unfinished, "unfinished")] {
        if many > 0 {
            title = format!("{title} {} {many} {word}", look.glyphs.separator);
        }
    }
    title
}

/// The first row of the window, and the place of the cursor.
fn window(state: &State, height: u16) -> (usize, usize) {
    let here = chosen(state).map(|p| &p.id);
    let all = listed(state);
    let at = all.iter().position(|p| Some(&p.id) == here).unwrap_or(0);
    (overlay::first(all.len(), at, usize::from(height)), at)
}

/// Draws as much of the list as there is room for.
pub(super) fn draw(buffer: &mut Buffer, state: &State, look: Look<'_>, area: Rect, focused: bool) {
    let all = listed(state);
    if all.is_empty() {
        return nothing(buffer, state, look, area);
    }
    let (first, at) = window(state, area.height);
    let widths = Widths::of(state, &all);
    let rows = all.iter().enumerate().skip(first);
    for (y, (place, progress)) in (area.y..area.bottom()).zip(rows) {
        let line = line(state, progress);
        let row = Rect { y, height: 1, ..area };
        let sign = if place == at { look.glyphs.cursor } else { " " };
        let mut spans = vec![Span::styled(sign, look.theme.accent)];
        spans.extend(told(state, look, &line, &widths, area.width.saturating_sub(1)));
        strip::put(buffer, row, &spans);
        if place == at {
            buffer.set_style(row, look.selection(focused));
        }
    }
    let bar = Rect {
        x: area.right(),
        width: 1,
        ..area
    };
    scrollbar(buffer, look, bar, first, all.len());
}

/// What stands right of an operation's title, but for how long it took.
fn facts(state: &State, line: &OperationLine) -> [String; 3] {
    let (done, of) = line.done;
    [
        line.cluster.clone(),
        format!("{done}/{of}"),
        time(line.began_at, state.now),
    ]
}

/// How wide the columns right of the titles are.
struct Widths([u16; 3]);

impl Widths {
    fn of(state: &State, all: &[&Listed]) -> Self {
        let mut widest = [0; 3];
        for progress in all {
            let facts = facts(state, &line(state, progress));
            for (widest, fact) in widest.iter_mut().zip(&facts) {
                *widest = width(fact).max(*widest).min(CLUSTER);
            }
        }
        Self(widest)
    }
}

fn told(state: &State, look: Look<'_>, line: &OperationLine, widths: &Widths, room: u16) -> Vec<Span<'static>> {
    let (sign, style) = look.operation(line.stands, state.now);
    let [cluster, done, began] = facts(state, line);
    let [first, second, third] = widths.0.map(usize::from);
    let cluster = clip(&cluster, widths.0[0], look.glyphs.ellipsis);
    let mut right = format!(
        "  {cluster:<first$}  {done:>second$}  {began:>third$} {:>6} ",
        age(line.seconds)
    );
    if room >= WIDE {
        right = format!("{right} {:<20}", clip(&line.by, 20, look.glyphs.ellipsis));
    }
    let title = clip_middle(
        &line.title,
        room.saturating_sub(width(&right).saturating_add(13)),
        look.glyphs.ellipsis,
    )
    .into_owned();
    let used = width(&title).saturating_add(width(&right)).saturating_add(12);
    let pad = " ".repeat(usize::from(room.saturating_sub(used)));
    vec![
        Span::styled(format!("{sign} "), style),
        Span::styled(format!("{:<9} ", line.stands.as_str()), style),
        Span::raw(title),
        Span::raw(pad),
        Span::styled(right, look.theme.muted),
    ]
}

fn nothing(buffer: &mut Buffer, state: &State, look: Look<'_>, area: Rect) {
    let key = |action| super::keys::of(state, action);
    let text = format!(
        "No operation has been run from here yet. On a machine {} cordons, {} drains, {} replaces and {} removes it; on a \
         pool {} scales it. Each shows its plan and what it costs before anything is done.",
        key(Action::Cordon),
        key(Action::Drain),
        key(Action::Replace),
        key(Action::Remove),
        key(Action::Scale),
    );
    let lines = wrap(&text, area.width.saturating_sub(4));
    for (y, text) in (area.y..area.bottom()).zip(lines) {
        let place = Rect {
            x: area.x.saturating_add(2),
            y,
            width: area.width.saturating_sub(3),
            height: 1,
        };
        strip::put(buffer, place, &[Span::styled(text, look.theme.muted)]);
    }
}

/// Which operation stands at a cell.
pub(super) fn row_at(state: &State, area: Rect, at: Position) -> Option<usize> {
    if !area.contains(at) {
        return None;
    }
    let (first, _) = window(state, area.height);
    let row = first + usize::from(at.y.saturating_sub(area.y));
    (row < state.operations.len()).then_some(row)
}
