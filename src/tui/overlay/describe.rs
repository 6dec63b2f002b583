//! Everything known about a row, in sections.

use ratatui::style::Modifier;
use ratatui::text::Span;

use super::palette::kind;
use super::{Body, Content, Line};
use crate::app::State;
use crate::app::describe::{self, describe};
use crate::fleet::{RowId, Severity};
use crate::tui::look::Look;
use crate::tui::text::{clip, width, wrap};

/// The widest a label may be.
const LABEL: u16 = 22;

pub(super) fn content(state: &State, look: Look<'_>, about: &RowId, scroll: usize, room: u16) -> Content {
    let Some(description) = describe(&state.view(), about) else {
        return gone(look, about);
    };
    let labels = description.sections.iter().flat_map(|s| &s.lines);
    let label = labels.map(|l| width(&l.label)).max().unwrap_or(0).min(LABEL);
    let mut lines: Vec<Vec<Line>> = vec![];
    for section in &description.sections {
        if !lines.is_empty() {
            lines.push(vec![vec![]]);
        }
        let style = look.theme.title.add_modifier(Modifier::BOLD);
        lines.push(vec![vec![Span::styled(section.title, style)]]);
        lines.extend(section.lines.iter().map(|line| told(look, line, label, room)));
    }
    Content {
        title: description.title,
        field: None,
        body: Body::Text { lines, scroll },
    }
}

fn told(look: Look<'_>, line: &describe::Line, label: u16, room: u16) -> Vec<Line> {
    let (sign, style) = match line.severity {
        Severity::Ok => ("", Default::default()),
        severity => look.severity(severity),
    };
    let lead = if sign.is_empty() {
        String::new()
    } else {
        format!("{sign} ")
    };
    let value = format!("{lead}{}", line.value);
    let shown = clip(&line.label, label, look.glyphs.ellipsis).into_owned();
    let mut lines: Vec<Line> = vec![];
    for (i, text) in wrap(&value, room.saturating_sub(label + 4)).into_iter().enumerate() {
        let word = if i == 0 { shown.as_str() } else { "" };
        let pad = " ".repeat(usize::from((label + 2).saturating_sub(width(word))));
        lines.push(vec![
            Span::raw("  "),
            Span::styled(word.to_owned(), look.theme.muted),
            Span::raw(pad),
            Span::styled(text, style),
        ]);
    }
    if lines.is_empty() {
        lines.push(vec![Span::raw("  "), Span::styled(shown, look.theme.muted)]);
    }
    lines
}

/// What is said of a row that is no longer there.
pub(super) fn gone(look: Look<'_>, about: &RowId) -> Content {
    let text = format!("This {} is gone.", kind(about));
    Content {
        title: kind(about).to_owned(),
        field: None,
        body: Body::Text {
            lines: vec![vec![vec![Span::styled(text, look.theme.muted)]]],
            scroll: 0,
        },
    }
}
