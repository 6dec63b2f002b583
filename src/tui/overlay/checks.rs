//! One host that is to join: each check, how it stands, and what mends it.

use ratatui::style::Modifier;
use ratatui::text::Span;

use super::{Body, Content, Line, own_keys, signed};
use crate::app::joining::{Found, JoinForm, JoinHost};
use crate::app::{Overlay, State};
use crate::fleet::{HostName, Severity};
use crate::tui::look::Look;
use crate::tui::strip::Piece;

/// Cells for the names of checks.
const NAME: usize = 14;

fn form(state: &State) -> Option<&JoinForm> {
    state.overlays.iter().find_map(|overlay| match overlay {
        Overlay::Join(form) => Some(&**form),
        _ => None,
    })
}

pub(super) fn content(state: &State, look: Look<'_>, name: &HostName, scroll: usize, room: u16) -> Content {
    let form = form(state);
    let place = form.map_or_else(String::new, |form| {
        format!(" {} {} of {}", look.glyphs.separator, form.at + 1, form.hosts.len())
    });
    let host = form.and_then(|form| form.host(name));
    Content {
        title: format!("{name}{place}"),
        field: None,
        body: Body::Text {
            lines: host.map(|host| lines(look, host, room)).unwrap_or_default(),
            scroll,
        },
    }
}

fn lines(look: Look<'_>, host: &JoinHost, room: u16) -> Vec<Vec<Line>> {
    if host.found == Found::Asked {
        return vec![vec![vec![Span::styled("It is being looked at.", look.theme.muted)]]];
    }
    let checks = host.judged.iter().map(|judged| {
        let (sign, style) = look.severity(judged.verdict);
        let name = Span::styled(
            format!("{:<NAME$} ", judged.what),
            match judged.verdict {
                Severity::Critical => style.add_modifier(Modifier::BOLD),
                Severity::Warning => style,
                _ => look.theme.muted,
            },
        );
        let indent = u16::try_from(NAME).unwrap_or(0) + 1;
        let said = signed(
            (sign, style),
            &judged.said,
            look.theme.text,
            room.saturating_sub(indent),
        );
        let mut told: Vec<Line> = vec![];
        for (i, mut line) in said.into_iter().enumerate() {
            // The sign, then the name, then what was found.
            let lead = if i == 0 {
                name.clone()
            } else {
                Span::raw(" ".repeat(NAME + 1))
            };
            line.insert(1.min(line.len()), lead);
            told.push(line);
        }
        if !judged.mend.is_empty() {
            let mend = signed(
                (look.glyphs.right, look.theme.accent),
                &judged.mend,
                look.theme.text,
                room.saturating_sub(indent + 2),
            );
            told.extend(mend.into_iter().map(|mut line| {
                line.insert(0, Span::raw(" ".repeat(NAME + 3)));
                line
            }));
        }
        told
    });
    checks.collect()
}

pub(super) fn foot(state: &State, look: Look<'_>, name: &HostName) -> Vec<Vec<Piece<'static>>> {
    let form = form(state);
    let host = form.and_then(|form| form.host(name));
    let mut keys = vec![];
    if host.is_some_and(|host| matches!(host.found, Found::NewKey(_))) {
        keys.push(("y", "accept its key"));
    }
    if form.is_some_and(JoinForm::unreached) {
        keys.push(("w", "ways to its API"));
    }
    keys.extend([("right", "the next host"), ("left", "the one before"), ("esc", "back")]);
    vec![own_keys(look, &keys)]
}
