//! The steps of the operation under the cursor, as a tree: how each stands, how long it took, what it says.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use ratatui::text::Span;

use super::keys;
use super::look::Look;
use super::overlay::{Line, last_page};
use super::strip::{self, Piece};
use super::table::scrollbar;
use super::text::{clip, width, wrap};
use crate::app::operations::{chosen, state_of};
use crate::app::plan_lines;
use crate::app::tasks::{self, TaskLine, TaskState};
use crate::app::{Action, State};
use crate::fleet::table::age;

/// Cells for how long a step took.
const TOOK: u16 = 7;

/// The operation whose steps these are.
pub(super) fn title(state: &State, look: Look<'_>) -> String {
    match chosen(state) {
        Some(progress) => format!("Steps {} {}", look.glyphs.separator, plan_lines::named(&progress.plan)),
        None => "Steps".to_owned(),
    }
}

/// What can be done with it, for the lower edge of the frame.
pub(super) fn advice(state: &State, look: Look<'_>) -> Option<Piece<'static>> {
    let stands = state_of(state, chosen(state)?);
    let action = match stands {
        s if s.is_unfinished() => Some((Action::Resume, "resumes")),
        _ if tasks::advice(stands).is_empty() => Some((Action::Stop, "stops it")).filter(|_| stands.is_running()),
        _ => None,
    };
    let mut spans = vec![];
    if let Some((action, word)) = action {
        spans.push(Span::styled(format!(" {}", keys::of(state, action)), look.theme.key));
        spans.push(Span::raw(format!(" {word} ")));
    }
    let advice = tasks::advice(stands);
    if !advice.is_empty() {
        spans.push(Span::styled(format!(" {advice} "), look.theme.muted));
    }
    (!spans.is_empty()).then(|| Piece::spans(spans))
}

/// Draws as many of the steps as there is room for; what runs is in sight unless they were scrolled.
pub(super) fn draw(buffer: &mut Buffer, state: &State, look: Look<'_>, area: Rect) {
    let Some(progress) = chosen(state) else { return };
    let tasks = tasks::lines(state, progress);
    let room = area.width.saturating_sub(2);
    let lines: Vec<Vec<Line>> = tasks.iter().flat_map(|task| told(state, look, task, room)).collect();
    let height = usize::from(area.height);
    let wanted = state.steps_scroll.unwrap_or_else(|| followed(&tasks, &lines, height));
    let first = wanted.min(last_page(&lines, height));
    for (y, line) in (area.y..area.bottom()).zip(lines.iter().skip(first).flatten()) {
        let place = Rect {
            x: area.x.saturating_add(1),
            y,
            width: area.width.saturating_sub(1),
            height: 1,
        };
        strip::put(buffer, place, line);
    }
    let bar = Rect {
        x: area.right(),
        width: 1,
        ..area
    };
    let all = lines.iter().map(Vec::len).sum();
    let above = lines.iter().take(first).map(Vec::len).sum();
    scrollbar(buffer, look, bar, above, all);
}

/// How far they are scrolled while they follow what runs: that is in the window's middle, or higher where more is told
/// of it.
fn followed(tasks: &[TaskLine], lines: &[Vec<Line>], height: usize) -> usize {
    let (at, end) = tasks::followed(tasks);
    let tall = |first: usize| lines.get(first..end).into_iter().flatten().map(Vec::len).sum::<usize>();
    let first = at.saturating_sub(height / 2);
    (first..at).find(|first| tall(*first) <= height).unwrap_or(at)
}

/// A stage or a step with what it says, and below it why it failed, line by line.
fn told(state: &State, look: Look<'_>, task: &TaskLine, room: u16) -> Vec<Vec<Line>> {
    let (sign, style) = look.task(task.stands, state.now);
    let lead = match (task.number, task.last) {
        (Some(number), _) => format!("{number} "),
        (None, last) if task.inner => format!("  {}   ", if last { " " } else { look.glyphs.track }),
        (None, true) => format!("  {} ", look.glyphs.leaf),
        (None, false) => format!("  {} ", look.glyphs.branch),
    };
    let took = task.seconds.map(age).unwrap_or_default();
    let took = format!("{took:>width$}", width = usize::from(TOOK));
    let used = width(&lead).saturating_add(2).saturating_add(width(&took));
    let what = clip(&task.text, room.saturating_sub(used), look.glyphs.ellipsis).into_owned();
    let left = room.saturating_sub(used.saturating_add(width(&what)));
    let said = match task.said.is_empty() || left < 8 {
        true => String::new(),
        false => {
            let text = format!(" {} {}", look.glyphs.separator, task.said);
            clip(&text, left, look.glyphs.ellipsis).into_owned()
        }
    };
    let pad = " ".repeat(usize::from(left.saturating_sub(width(&said))));
    let (lead_style, what_style) = match (task.number, task.stands) {
        (Some(_), _) => (look.theme.accent, look.theme.title.add_modifier(Modifier::BOLD)),
        (None, TaskState::Waiting) => (look.theme.muted, look.theme.muted),
        _ => (look.theme.muted, look.theme.text),
    };
    let mut lines: Vec<Vec<Line>> = vec![vec![vec![
        Span::styled(lead, lead_style),
        Span::styled(format!("{sign} "), style),
        Span::styled(what, what_style),
        Span::styled(said, look.theme.muted),
        Span::raw(pad),
        Span::styled(took, look.theme.muted),
    ]]];
    let branch = if task.last { " " } else { look.glyphs.track };
    // What a console said stays on lines of its own.
    let error = task.error.iter().flat_map(|error| error.lines());
    let deep = if task.inner { "    " } else { "  " };
    lines.extend(error.map(|line| {
        let line = wrap(line, room.saturating_sub(4 + width(deep))).into_iter();
        let told = line.map(|text| {
            vec![
                Span::styled(format!("  {branch} {deep}"), look.theme.muted),
                Span::styled(text, look.theme.critical),
            ]
        });
        told.collect()
    }));
    lines
}
