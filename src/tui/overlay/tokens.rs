//! The tokens of a cluster: each with its age and who uses which; and a bootstrap token that was just made.

use ratatui::style::Modifier;
use ratatui::text::Span;

use super::launch::{waiting, wrong};
use super::{Body, Content, Line, flow, own_keys, signed};
use crate::app::State;
use crate::app::tokens::{Token, TokenMade, TokenRow, TokensView, lines};
use crate::tui::look::Look;
use crate::tui::strip::Piece;
use crate::tui::text::{width, wrap};

pub(super) fn content(state: &State, look: Look<'_>, view: &TokensView, room: u16) -> Content {
    let room = room.saturating_sub(2);
    let rows: Vec<Vec<Line>> = match view.known() {
        None => {
            let what = format!("asking {} and its machines which tokens they use", view.cluster);
            vec![vec![waiting(state, look, &what)]]
        }
        Some(known) => {
            let mut rows: Vec<_> = lines(view, state.now).iter().map(|row| told(look, row, room)).collect();
            if known.bootstrap.is_empty() {
                rows.push(vec![vec![Span::styled(
                    "no bootstrap token is known",
                    look.theme.muted,
                )]]);
            }
            let fault = |why: &String| signed((look.glyphs.warning, look.theme.warning), why, look.theme.text, room);
            rows.extend(known.faults.iter().map(fault));
            rows
        }
    };
    Content {
        title: format!("Tokens of {}", view.cluster),
        field: None,
        body: Body::Form {
            rows,
            cursor: view.cursor,
            caret: None,
        },
    }
}

fn told(look: Look<'_>, row: &TokenRow, room: u16) -> Vec<Line> {
    let name = Span::styled(row.name.clone(), look.theme.title.add_modifier(Modifier::BOLD));
    let gap = room.saturating_sub(width(&row.name).saturating_add(width(&row.age)));
    let mut told = vec![vec![
        name,
        Span::raw(" ".repeat(usize::from(gap.clamp(2, 60)))),
        Span::styled(row.age.clone(), look.theme.muted),
    ]];
    for line in &row.lines {
        let lines = signed(
            look.severity(line.severity),
            &line.text,
            look.theme.text,
            room.saturating_sub(2),
        );
        told.extend(lines.into_iter().map(|mut line| {
            line.insert(0, Span::raw("  "));
            line
        }));
    }
    told.push(vec![]);
    told
}

pub(super) fn foot(look: Look<'_>, view: &TokensView, room: u16) -> Vec<Vec<Piece<'static>>> {
    if let Some(id) = &view.deleting {
        let text = format!("delete the bootstrap token {id}? Machines that have joined by it stay.");
        let mut foot = wrong(look, &text, room);
        foot.push(own_keys(look, &[("y", "delete it"), ("esc", "leave it")]));
        return foot;
    }
    let mut keys = match view.here() {
        Some(Token::Kind(_)) => vec![("r", "rotate it")],
        Some(Token::Bootstrap(_)) => vec![("ctrl-d", "delete it")],
        None => vec![],
    };
    if view.known().is_some() {
        keys.extend([("n", "new bootstrap token"), ("ctrl-r", "ask again")]);
    }
    keys.push(("esc", "leave"));
    flow(own_keys(look, &keys), room)
}

/// A bootstrap token, this once.
pub(super) fn made(_: &State, look: Look<'_>, made: &TokenMade, room: u16) -> Content {
    let until = match made.expires_at {
        Some(at) => format!("It joins agents until {}.", at.strftime("%Y-%m-%d %H:%M UTC")),
        None => "It joins agents for ever.".to_owned(),
    };
    let mut lines: Vec<Line> = vec![];
    let token = wrap(made.token.expose(), room).into_iter();
    lines.extend(token.map(|text| vec![Span::styled(text, look.theme.accent)]));
    lines.push(vec![]);
    for text in [until.as_str(), "It is shown this once, and kept nowhere: copy it now."] {
        let wrapped = wrap(text, room).into_iter();
        lines.extend(wrapped.map(|text| vec![Span::raw(text)]));
    }
    Content {
        title: format!("A bootstrap token of {}", made.cluster),
        field: None,
        body: Body::text(lines),
    }
}

pub(super) fn made_foot(look: Look<'_>) -> Vec<Vec<Piece<'static>>> {
    vec![own_keys(look, &[("c", "copy it"), ("esc", "I have it: forget it")])]
}
