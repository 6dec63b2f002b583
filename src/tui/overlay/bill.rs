//! The bill of a launch: what it is about at the left, as many lines as that needs, and its sums in columns at the right.

use ratatui::style::{Modifier, Style};
use ratatui::text::Span;

use super::Line;
use crate::app::bill_lines::{self, Kind};
use crate::tui::look::Look;
use crate::tui::text::{width, wrap};

/// Between columns.
const GAP: u16 = 2;

/// A line of a bill.
pub(super) fn line(look: Look<'_>, line: &bill_lines::Line, room: u16) -> Vec<Line> {
    let theme = look.theme;
    let style = match line.kind {
        Kind::Head | Kind::AtRest => theme.muted,
        Kind::Row => Style::default(),
        Kind::Total => theme.title.add_modifier(Modifier::BOLD),
    };
    let sums = line.sums.iter().map(|sum| width(sum).saturating_add(GAP)).sum::<u16>();
    let left = room.saturating_sub(sums).max(8);
    // What is indented stays so.
    let what = line.what.trim_start();
    let indent = line.what.len() - what.len();
    let texts = wrap(what, left.saturating_sub(u16::try_from(indent).unwrap_or(0)));
    let mut lines: Vec<Line> = vec![];
    for text in if texts.is_empty() { vec![String::new()] } else { texts } {
        let text = format!("{:indent$}{text}", "");
        let mut spans = vec![Span::styled(text.clone(), style)];
        if lines.is_empty() {
            let fill = usize::from(left.saturating_sub(width(&text)));
            spans.push(Span::raw(" ".repeat(fill)));
            let gap = " ".repeat(usize::from(GAP));
            spans.extend(line.sums.iter().map(|sum| Span::styled(format!("{gap}{sum}"), style)));
        }
        lines.push(spans);
    }
    lines
}
