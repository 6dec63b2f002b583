//! A row as YAML or JSON, with names and values told apart.

use ratatui::style::Style;
use ratatui::text::Span;

use super::describe::gone;
use super::palette::kind;
use super::{Body, Content, Line};
use crate::app::{State, source};
use crate::fleet::RowId;
use crate::tui::look::Look;

pub(super) fn content(state: &State, look: Look<'_>, about: &RowId, json: bool, scroll: usize) -> Content {
    let Some(text) = source::text(&state.view(), about, json) else {
        return gone(look, about);
    };
    let notation = if json { "JSON" } else { "YAML" };
    Content {
        title: format!("{} {} {notation}", kind(about), look.glyphs.separator),
        field: None,
        body: Body::Text {
            lines: text.lines().map(|line| vec![coloured(look, line)]).collect(),
            scroll,
        },
    }
}

/// A line of either notation: indentation, a name up to its colon, a value.
fn coloured(look: Look<'_>, line: &str) -> Line {
    let body = line.trim_start_matches([' ', '-']);
    let (indent, body) = line.split_at(line.len() - body.len());
    let mut spans = vec![Span::styled(indent.to_owned(), look.theme.muted)];
    let name = |name: &str| !name.contains(char::is_whitespace) || name.starts_with('"');
    match body
        .split_once(':')
        .filter(|(key, rest)| name(key) && (rest.is_empty() || rest.starts_with(' ')))
    {
        Some((key, rest)) => {
            spans.push(Span::styled(key.to_owned(), look.theme.accent));
            spans.push(Span::styled(":", look.theme.muted));
            spans.push(Span::styled(rest.to_owned(), value(look, rest)));
        }
        None => spans.push(Span::styled(body.to_owned(), value(look, body))),
    }
    spans
}

fn value(look: Look<'_>, text: &str) -> Style {
    let text = text.trim().trim_end_matches(',');
    match text {
        "null" | "~" | "[]" | "{}" | "{" | "}" | "[" | "]" => look.theme.muted,
        "true" | "false" => look.theme.pending,
        text if text.parse::<f64>().is_ok() => look.theme.info,
        _ => Style::default(),
    }
}
