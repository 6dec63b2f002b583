//! The cluster that is wished for, field by field, and what stands in the way of its plan.

use ratatui::style::Modifier;
use ratatui::text::Span;

use super::field::{Field, TYPED};
use super::{Body, Content, LEAVE, Line, keys_line};
use crate::app::launching::{self, FieldLine, LaunchForm, lines};
use crate::app::{Action, State};
use crate::tui::look::Look;
use crate::tui::strip::Piece;
use crate::tui::text::wrap;

/// Lines that what goes wrong may take.
const TOLD: usize = 3;

pub(super) fn content(state: &State, look: Look<'_>, form: &LaunchForm, room: u16) -> Content {
    let room = room.saturating_sub(2);
    let fields = lines(state, form);
    let cursor = fields.iter().position(|line| line.field == form.at).unwrap_or(0);
    let mut caret = None;
    let row = |line: &FieldLine| {
        let here = line.field == form.at;
        let field = Field {
            label: line.label,
            value: &line.value,
            line: line.line.as_ref(),
            aside: &line.aside,
            fault: line.fault.as_deref(),
            ticked: line.ticked,
            turns: line.turns,
            typed: TYPED,
            here,
            style: match line.field {
                launching::Field::More => look.theme.accent,
                launching::Field::Types => look.theme.text.add_modifier(Modifier::BOLD),
                _ => look.theme.text,
            },
        };
        let (told, at) = field.told(look, room);
        if here {
            caret = at;
        }
        told
    };
    let rows = fields.iter().map(row).collect();
    Content {
        title: "Launch a cluster".to_owned(),
        field: None,
        body: Body::Form { rows, cursor, caret },
    }
}

/// What is asked or has gone wrong, and the keys.
pub(super) fn foot(state: &State, look: Look<'_>, form: &LaunchForm, room: u16) -> Vec<Vec<Piece<'static>>> {
    let asking = |what: String| vec![Piece::spans(waiting(state, look, &what))];
    let mut foot = match (&form.placing, &form.refused, form.told.get(&form.scope)) {
        (Some(_), _, _) => vec![asking(format!("asking {} for the image", form.scope))],
        (None, Some(why), _) => wrong(look, why, room),
        (None, None, None) => vec![asking(format!("asking {} what it offers", form.scope))],
        (None, None, Some(Err(why))) => wrong(look, why, room),
        (None, None, Some(Ok(_))) => vec![],
    };
    let enter = match form.at {
        launching::Field::Types => "choose types",
        launching::Field::More if form.more => "show less",
        launching::Field::More => "show more",
        _ if matches!(form.told.get(&form.scope), Some(Err(_))) => "ask again",
        _ => "see the plan",
    };
    let open = (!matches!(form.at, launching::Field::Types | launching::Field::More)).then_some(Action::Open);
    foot.push(keys_line(
        look,
        &[
            ("enter", enter, open),
            ("up down", "field", None),
            ("left right", "turn", None),
            LEAVE,
        ],
    ));
    foot
}

/// What is waited for.
pub(super) fn waiting(state: &State, look: Look<'_>, what: &str) -> Line {
    vec![
        Span::styled(format!("{} ", look.spinner(state.now)), look.theme.pending),
        Span::raw(format!("{what} {}", look.glyphs.ellipsis)),
    ]
}

/// What has gone wrong, on a few lines.
pub(super) fn wrong(look: Look<'_>, why: &str, room: u16) -> Vec<Vec<Piece<'static>>> {
    let lines = wrap(why, room.saturating_sub(2)).into_iter().take(TOLD).enumerate();
    let line = |(i, text): (usize, String)| {
        let sign = if i == 0 { look.glyphs.critical } else { " " };
        vec![Piece::spans(vec![
            Span::styled(format!("{sign} "), look.theme.critical),
            Span::raw(text),
        ])]
    };
    lines.map(line).collect()
}
