//! What lies over the screen: a box with a field to type in, lines to choose from, or text to read.

mod describe;
mod feeds;
mod help;
mod inquiry;
mod launch;
mod lists;
mod locked;
mod palette;
mod plan;
mod scale;
mod source;
pub(super) mod types;

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::text::Span;

use super::glyphs::Glyphs;
use super::layout::{inside, top};
use super::look::Look;
use super::strip::{self, Piece};
use super::table::scrollbar;
use super::text::width;
use super::theme::Theme;
use super::{footer, pane};
use crate::app::plan_lines::named;
use crate::app::{Action, Overlay, State, Target};

/// A line on the screen.
pub(super) type Line = Vec<Span<'static>>;

/// What is in a box.
struct Content {
    title: String,
    /// The field that is typed into, with the sign before it.
    field: Option<(&'static str, tui_input::Input)>,
    body: Body,
}

/// The lines of a box.
enum Body {
    /// One of them is chosen.
    List { lines: Vec<Line>, cursor: usize },
    /// One of them is chosen, below a line that says what stands where.
    Table {
        heading: Line,
        lines: Vec<Line>,
        cursor: usize,
    },
    /// They are filled in, each on as many lines as it needs; the terminal's cursor is in this column of the one that has
    /// the keyboard.
    Form {
        rows: Vec<Vec<Line>>,
        cursor: usize,
        caret: Option<u16>,
    },
    /// They are read: each may take several lines on the screen, and the first ones may be scrolled out.
    Text { lines: Vec<Vec<Line>>, scroll: usize },
}

fn content(state: &State, look: Look<'_>, overlay: &Overlay, width: u16) -> Content {
    match overlay {
        Overlay::Help { line, scroll } => help::content(state, look, line, *scroll, width),
        Overlay::Palette { line, matches, cursor } => palette::content(state, look, line, matches, *cursor, width),
        Overlay::Menu { about, items, cursor } => lists::menu(state, look, about.as_ref(), items, *cursor, width),
        Overlay::Columns { items, cursor } => lists::columns(state, look, items, *cursor),
        Overlay::Sort { cursor } => lists::sort(state, look, *cursor),
        Overlay::Themes { items, cursor, before } => lists::themes(look, items, *cursor, before),
        Overlay::Describe { about, scroll } => describe::content(state, look, about, *scroll, width),
        Overlay::Source { about, json, scroll } => source::content(state, look, about, *json, *scroll),
        Overlay::Feeds { scroll } => feeds::content(state, look, *scroll, width),
        Overlay::Plan(planning) => plan::content(state, look, planning, width),
        Overlay::Scale(form) => scale::content(state, look, form, width),
        Overlay::Launch(form) => launch::content(state, look, form, width),
        Overlay::Types(picker) => types::content(state, look, picker),
        Overlay::Extend(form) => inquiry::extend(state, look, form),
        Overlay::Inquiry(inquiry) => inquiry::content(state, look, inquiry, width),
        Overlay::Locked { plan, why, line } => locked::content(look, &plan.cluster, why, line, width),
        Overlay::Abort { id } => locked::abort(look, state.operations.get(id).map(|p| named(&p.plan)), width),
    }
}

/// What stands at the lower end of a box, whatever is scrolled: what can be chosen, and which keys do what.
fn foot(state: &State, look: Look<'_>, overlay: &Overlay, width: u16) -> Vec<Vec<Piece<'static>>> {
    match overlay {
        Overlay::Plan(planning) => plan::foot(state, look, planning, width),
        Overlay::Scale(form) => scale::foot(state, look, form),
        Overlay::Launch(form) => launch::foot(state, look, form, width),
        Overlay::Types(picker) => types::foot(state, look, picker, width),
        Overlay::Extend(_) => inquiry::extend_foot(look),
        Overlay::Inquiry(inquiry) => inquiry::foot(look, inquiry),
        Overlay::Locked { .. } => vec![keys_line(look, &[("enter", "take over", Some(Action::Open)), LEAVE])],
        Overlay::Abort { .. } => vec![keys_line(look, &[("enter", "give it up", Some(Action::Open)), LEAVE])],
        _ => vec![],
    }
}

/// The way out of a box.
const LEAVE: (&str, &str, Option<Action>) = ("esc", "leave", Some(Action::Back));

/// Keys with what they do, and what a click on each means.
fn keys_line(look: Look<'_>, keys: &[(&str, &str, Option<Action>)]) -> Vec<Piece<'static>> {
    let piece = |(key, word, action): &(&str, &str, Option<Action>)| {
        let piece = Piece::spans(vec![
            Span::styled((*key).to_owned(), look.theme.key),
            Span::raw(format!(" {word}")),
        ]);
        match action {
            Some(action) => piece.at(Target::Hint(*action)),
            None => piece,
        }
    };
    keys.iter().map(piece).collect()
}

/// Pieces in as many lines as they need, two cells apart.
fn flow(pieces: Vec<Piece<'static>>, room: u16) -> Vec<Vec<Piece<'static>>> {
    let mut lines: Vec<Vec<Piece<'static>>> = vec![];
    let mut used = 0u16;
    for piece in pieces {
        let wide = piece.width().saturating_add(2);
        match lines
            .last_mut()
            .filter(|_| used.saturating_add(wide) <= room.saturating_add(2))
        {
            Some(line) => line.push(piece),
            None => {
                lines.push(vec![piece]);
                used = 0;
            }
        }
        used = used.saturating_add(wide);
    }
    lines
}

/// How high a box must be to show all that is in it.
pub(super) fn height(state: &State, overlay: &Overlay, width: u16) -> u16 {
    // Every sign is one cell wide: any look takes the same room.
    let look = Look {
        theme: &Theme::default(),
        glyphs: &Glyphs::UNICODE,
    };
    let room = width.saturating_sub(4);
    let content = content(state, look, overlay, room);
    let lines = match &content.body {
        Body::List { lines, .. } => lines.len(),
        Body::Table { lines, .. } => lines.len() + 1,
        Body::Form { rows: lines, .. } | Body::Text { lines, .. } => lines.iter().map(Vec::len).sum(),
    };
    let field = if content.field.is_some() { 2 } else { 0 };
    let foot = match foot(state, look, overlay, room).len() {
        0 => 0,
        n => n + 1,
    };
    u16::try_from(lines + field + foot + 2).unwrap_or(u16::MAX)
}

/// Draws an overlay; gives the place of the terminal's cursor, when text is typed in it.
pub(super) fn draw(
    buffer: &mut Buffer,
    state: &State,
    look: Look<'_>,
    overlay: &Overlay,
    area: Rect,
) -> Option<Position> {
    clear(buffer, look, area);
    let inner = inside(area);
    let content = content(state, look, overlay, inner.width.saturating_sub(2));
    let title = Piece::text(format!(" {} ", content.title), look.theme.title);
    let line = Rect {
        x: area.x.saturating_add(1),
        width: area.width.saturating_sub(2),
        height: 1.min(area.height),
        ..area
    };
    pane::border(buffer, look, area, look.theme.popup_border);
    strip::draw(buffer, &strip::place(vec![title], line, 0));
    let foot = foot(state, look, overlay, inner.width.saturating_sub(2));
    let (field, body, below) = parts(&content, foot.len(), inner);
    let cursor = content.field.as_ref().map(|(sign, line)| {
        let (shown, column) = footer::visible(line, field.width.saturating_sub(width(sign).saturating_add(3)));
        let spans = [
            Span::styled(format!(" {sign} "), look.theme.key),
            Span::styled(shown, look.theme.input),
        ];
        strip::put(buffer, field, &spans);
        Position::new(
            field
                .x
                .saturating_add(width(sign))
                .saturating_add(2)
                .saturating_add(column),
            field.y,
        )
    });
    let caret = draw_body(buffer, look, &content.body, body);
    for line in placed(foot, below) {
        strip::draw(buffer, &line);
    }
    cursor.or(caret)
}

/// The line of the field, the lines below it, and those of the foot.
fn parts(content: &Content, foot: usize, inner: Rect) -> (Rect, Rect, Rect) {
    let (field, rest) = match content.field {
        None => top(inner, 0),
        Some(_) => {
            let (field, rest) = top(inner, 1);
            (field, top(rest, 1).1)
        }
    };
    let foot = u16::try_from(foot).unwrap_or(u16::MAX);
    let gap = u16::from(foot > 0);
    let (body, below) = top(rest, rest.height.saturating_sub(foot.saturating_add(gap)));
    (field, body, top(below, gap).1)
}

/// The lines of a foot in their places.
fn placed(foot: Vec<Vec<Piece<'static>>>, area: Rect) -> Vec<Vec<(Rect, Piece<'static>)>> {
    let line = |(y, pieces)| {
        let line = Rect {
            x: area.x.saturating_add(1),
            y,
            width: area.width.saturating_sub(2),
            height: 1,
        };
        strip::place(pieces, line, 2)
    };
    (area.y..area.bottom()).zip(foot).map(line).collect()
}

/// Empties a place for what lies over it.
fn clear(buffer: &mut Buffer, look: Look<'_>, area: Rect) {
    for y in area.top()..area.bottom() {
        for x in area.left()..area.right() {
            if let Some(cell) = buffer.cell_mut(Position::new(x, y)) {
                cell.reset();
            }
        }
    }
    buffer.set_style(area, look.theme.text.patch(look.theme.popup));
}

fn draw_body(buffer: &mut Buffer, look: Look<'_>, body: &Body, area: Rect) -> Option<Position> {
    let height = usize::from(area.height);
    let padded = |y: u16| Rect {
        x: area.x.saturating_add(1),
        y,
        width: area.width.saturating_sub(1),
        height: 1,
    };
    let bar = Rect {
        x: area.right(),
        width: 1,
        ..area
    };
    let signed = |chosen: bool, line: &Line| {
        let sign = if chosen { look.glyphs.cursor } else { " " };
        let mut spans = vec![Span::styled(format!("{sign} "), look.theme.accent)];
        spans.extend(line.iter().cloned());
        spans
    };
    match body {
        Body::Table { heading, lines, cursor } => {
            let (head, rest) = top(area, 1);
            strip::put(buffer, padded(head.y), heading);
            let (lines, cursor) = (lines.clone(), *cursor);
            return draw_body(buffer, look, &Body::List { lines, cursor }, rest);
        }
        Body::List { lines, cursor } => {
            let offset = first(lines.len(), *cursor, height);
            for ((y, line), at) in (area.y..area.bottom()).zip(lines.iter().skip(offset)).zip(offset..) {
                let chosen = at == *cursor;
                strip::put(buffer, padded(y), &signed(chosen, line));
                if chosen {
                    let whole = Rect { y, height: 1, ..area };
                    buffer.set_style(whole, look.selection(true));
                }
            }
            scrollbar(buffer, look, bar, offset, lines.len());
        }
        Body::Form { rows, cursor, caret } => {
            let (offset, all) = scrolled(rows, *cursor, height);
            let lines = rows.iter().enumerate();
            let lines = lines.flat_map(|(at, lines)| lines.iter().enumerate().map(move |(i, line)| (at, i, line)));
            let mut found = None;
            for (y, (at, i, line)) in (area.y..area.bottom()).zip(lines.skip(offset)) {
                let here = at == *cursor && i == 0;
                strip::put(buffer, padded(y), &signed(here, line));
                if let (true, Some(column)) = (here, caret) {
                    found = Some(Position::new(area.x.saturating_add(3).saturating_add(*column), y));
                }
            }
            scrollbar(buffer, look, bar, offset, all);
            return found;
        }
        Body::Text { lines, scroll } => {
            let scroll = (*scroll).min(last_page(lines, height));
            let shown = lines.iter().skip(scroll).flatten();
            for (y, line) in (area.y..area.bottom()).zip(shown) {
                strip::put(buffer, padded(y), line);
            }
            let all = lines.iter().map(Vec::len).sum();
            let above = lines.iter().take(scroll).map(Vec::len).sum();
            scrollbar(buffer, look, bar, above, all);
        }
    }
    None
}

/// How many lines of a form are scrolled out so that the row under the cursor is in its window, and how many there are.
fn scrolled(rows: &[Vec<Line>], cursor: usize, height: usize) -> (usize, usize) {
    let all = rows.iter().map(Vec::len).sum();
    let above = rows.iter().take(cursor).map(Vec::len).sum();
    (first(all, above, height), all)
}

/// The first line of a list's window: the cursor stands in its middle where it can.
pub(super) fn first(lines: usize, cursor: usize, height: usize) -> usize {
    cursor.saturating_sub(height / 2).min(lines.saturating_sub(height))
}

/// How far a text can be scrolled: until its end is at the end of the window.
pub(super) fn last_page(lines: &[Vec<Line>], height: usize) -> usize {
    let mut room = height;
    for (at, line) in lines.iter().enumerate().rev() {
        match room.checked_sub(line.len()) {
            Some(rest) => room = rest,
            None => return at + 1,
        }
    }
    0
}

/// What stands at a cell inside an overlay.
pub(super) fn target_at(state: &State, look: Look<'_>, overlay: &Overlay, area: Rect, at: Position) -> Option<Target> {
    let inner = inside(area);
    let content = content(state, look, overlay, inner.width.saturating_sub(2));
    let foot = foot(state, look, overlay, inner.width.saturating_sub(2));
    let (_, body, below) = parts(&content, foot.len(), inner);
    if below.contains(at) {
        let lines = placed(foot, below);
        return lines.iter().find_map(|line| strip::target_at(line, at.x, at.y));
    }
    item_at(&content, body, at).map(Target::Item)
}

/// Which line of an overlay stands at a cell.
fn item_at(content: &Content, body: Rect, at: Position) -> Option<usize> {
    if !body.contains(at) {
        return None;
    }
    let line = usize::from(at.y.saturating_sub(body.y));
    let height = usize::from(body.height);
    match &content.body {
        Body::List { lines, cursor } => {
            let at = first(lines.len(), *cursor, height) + line;
            (at < lines.len()).then_some(at)
        }
        Body::Table { lines, cursor, .. } => {
            let at = first(lines.len(), *cursor, height.saturating_sub(1)) + line.checked_sub(1)?;
            (at < lines.len()).then_some(at)
        }
        Body::Form { rows, cursor, .. } => {
            let mut left = scrolled(rows, *cursor, height).0 + line;
            rows.iter().position(|lines| match left.checked_sub(lines.len()) {
                Some(rest) => {
                    left = rest;
                    false
                }
                None => true,
            })
        }
        Body::Text { lines, scroll } => {
            let scroll = (*scroll).min(last_page(lines, height));
            let mut left = line;
            let found = lines.iter().skip(scroll).position(|l| match left.checked_sub(l.len()) {
                Some(rest) => {
                    left = rest;
                    false
                }
                None => true,
            });
            Some(found? + scroll)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_of_a_list_holds_its_cursor_and_is_full() {
        for lines in 0..30usize {
            for cursor in 0..lines {
                let first = first(lines, cursor, 8);
                assert!((first..first + 8).contains(&cursor));
                assert!(first + 8 <= lines.max(8));
            }
        }
    }

    #[test]
    fn a_text_ends_at_the_end_of_its_window() {
        let line = |n: usize| vec![vec![Span::raw("x")]; n];
        let lines = [line(1), line(3), line(1), line(2)];
        assert_eq!(last_page(&lines, 3), 2);
        assert_eq!(last_page(&lines, 2), 3);
        assert_eq!(last_page(&lines, 99), 0);
        assert_eq!(last_page(&lines, 1), 4);
    }
}
