//! What came of a command on hosts: those with the same result together.

use ratatui::style::Modifier;
use ratatui::text::Span;

use super::launch::waiting;
use super::{Body, Content, Line};
use crate::app::State;
use crate::app::running::{RunGroup, RunView};
use crate::tui::look::Look;
use crate::tui::text::{clip, wrap};

/// Names that are told one by one.
const NAMES: usize = 12;

pub(super) fn content(state: &State, look: Look<'_>, view: &RunView, room: u16) -> Content {
    let mut lines: Vec<Vec<Line>> = vec![];
    if !view.waiting.is_empty() {
        let done = view.answers.len();
        let what = format!("{done} of {} have answered", done + view.waiting.len());
        lines.push(vec![waiting(state, look, &what)]);
    }
    for group in view.groups() {
        if !lines.is_empty() {
            lines.push(vec![vec![]]);
        }
        lines.extend(told(look, &group, room));
    }
    Content {
        title: format!(
            "Ran {}",
            clip(&view.command, room.saturating_sub(8), look.glyphs.ellipsis)
        ),
        field: None,
        body: Body::Text {
            lines,
            scroll: view.scroll,
        },
    }
}

fn told(look: Look<'_>, group: &RunGroup<'_>, room: u16) -> Vec<Vec<Line>> {
    let (sign, style) = look.severity(group.severity());
    let names: Vec<_> = group.hosts.iter().take(NAMES).map(|host| host.as_str()).collect();
    let more = match group.hosts.len().saturating_sub(NAMES) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let hosts = match group.hosts.len() {
        1 => "1 host".to_owned(),
        n => format!("{n} hosts"),
    };
    let head = vec![
        Span::styled(format!("{sign} "), style),
        Span::styled(hosts, look.theme.title.add_modifier(Modifier::BOLD)),
        Span::styled(format!(" {} {}", look.glyphs.separator, group.ended()), style),
    ];
    let mut first = vec![head];
    let names = wrap(&format!("{}{more}", names.join(", ")), room.saturating_sub(2)).into_iter();
    first.extend(names.map(|text| vec![Span::raw("  "), Span::styled(text, look.theme.muted)]));
    let mut lines = vec![first];
    let output = group.output().lines();
    lines.extend(output.map(|line| {
        let text = clip(line, room.saturating_sub(4), look.glyphs.ellipsis).into_owned();
        vec![vec![Span::raw("    "), Span::raw(text)]]
    }));
    lines
}
