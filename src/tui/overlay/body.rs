//! The lines of a box: chosen from, filled in or read, with the window over them that holds what is under the cursor.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::text::Span;

use super::Line;
use crate::tui::layout::top;
use crate::tui::look::Look;
use crate::tui::strip;
use crate::tui::table::scrollbar;

/// The lines of a box.
pub(super) enum Body {
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

impl Body {
    /// Text that is read from its first line on.
    pub(super) fn text(lines: Vec<Line>) -> Self {
        Self::Text {
            lines: lines.into_iter().map(|line| vec![line]).collect(),
            scroll: 0,
        }
    }

    /// How high a window must be to show all lines.
    pub(super) fn height(&self) -> usize {
        match self {
            Self::List { lines, .. } => lines.len(),
            Self::Table { lines, .. } => lines.len() + 1,
            Self::Form { rows: lines, .. } | Self::Text { lines, .. } => lines.iter().map(Vec::len).sum(),
        }
    }
}

/// Draws the lines of a box; gives the place of the terminal's cursor, when text is typed in one of them.
pub(super) fn draw(buffer: &mut Buffer, look: Look<'_>, body: &Body, area: Rect) -> Option<Position> {
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
            return draw(buffer, look, &Body::List { lines, cursor }, rest);
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
pub(in crate::tui) fn first(lines: usize, cursor: usize, height: usize) -> usize {
    cursor.saturating_sub(height / 2).min(lines.saturating_sub(height))
}

/// How far a text can be scrolled: until its end is at the end of the window.
pub(in crate::tui) fn last_page(lines: &[Vec<Line>], height: usize) -> usize {
    let mut room = height;
    for (at, line) in lines.iter().enumerate().rev() {
        match room.checked_sub(line.len()) {
            Some(rest) => room = rest,
            None => return at + 1,
        }
    }
    0
}

/// Which line of an overlay stands at a cell.
pub(super) fn item_at(content: &Body, body: Rect, at: Position) -> Option<usize> {
    if !body.contains(at) {
        return None;
    }
    let line = usize::from(at.y.saturating_sub(body.y));
    let height = usize::from(body.height);
    match content {
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
