//! What lies over the screen: a box with a field to type in, lines to choose from, or text to read.

mod describe;
mod feeds;
mod help;
mod lists;
mod palette;
mod source;

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::text::Span;

use super::layout::{inside, top};
use super::look::Look;
use super::strip::{self, Piece};
use super::table::scrollbar;
use super::{footer, pane};
use crate::app::{Overlay, State};

/// A line on the screen.
type Line = Vec<Span<'static>>;

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
    }
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
    let (field, body) = parts(&content, inner);
    let cursor = content.field.as_ref().map(|(sign, line)| {
        let (shown, column) = footer::visible(line, field.width.saturating_sub(4));
        let spans = [
            Span::styled(format!(" {sign} "), look.theme.key),
            Span::styled(shown, look.theme.input),
        ];
        strip::put(buffer, field, &spans);
        Position::new(field.x.saturating_add(3).saturating_add(column), field.y)
    });
    draw_body(buffer, look, &content.body, body);
    cursor
}

/// The line of the field, and the lines below it.
fn parts(content: &Content, inner: Rect) -> (Rect, Rect) {
    if content.field.is_none() {
        return top(inner, 0);
    }
    let (field, rest) = top(inner, 1);
    let (_, rest) = top(rest, 1);
    (field, rest)
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

fn draw_body(buffer: &mut Buffer, look: Look<'_>, body: &Body, area: Rect) {
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
    match body {
        Body::List { lines, cursor } => {
            let offset = first(lines.len(), *cursor, height);
            for ((y, line), at) in (area.y..area.bottom()).zip(lines.iter().skip(offset)).zip(offset..) {
                let chosen = at == *cursor;
                let sign = if chosen { look.glyphs.cursor } else { " " };
                let place = padded(y);
                let mut spans = vec![Span::styled(format!("{sign} "), look.theme.accent)];
                spans.extend(line.iter().cloned());
                strip::put(buffer, place, &spans);
                if chosen {
                    let whole = Rect { y, height: 1, ..area };
                    buffer.set_style(whole, look.selection(true));
                }
            }
            scrollbar(buffer, look, bar, offset, lines.len());
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
}

/// The first line of a list's window: the cursor stands in its middle where it can.
fn first(lines: usize, cursor: usize, height: usize) -> usize {
    cursor.saturating_sub(height / 2).min(lines.saturating_sub(height))
}

/// How far a text can be scrolled: until its end is at the end of the window.
fn last_page(lines: &[Vec<Line>], height: usize) -> usize {
    let mut room = height;
    for (at, line) in lines.iter().enumerate().rev() {
        match room.checked_sub(line.len()) {
            Some(rest) => room = rest,
            None => return at + 1,
        }
    }
    0
}

/// Which line of an overlay stands at a cell inside it.
pub(super) fn item_at(state: &State, look: Look<'_>, overlay: &Overlay, area: Rect, at: Position) -> Option<usize> {
    let inner = inside(area);
    let content = content(state, look, overlay, inner.width.saturating_sub(2));
    let (_, body) = parts(&content, inner);
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
