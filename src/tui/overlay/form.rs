//! A small form: its fields, what should be known while it is filled in, and what stands in the way.

use super::field::{Field, LABEL, LONG, TYPED};
use super::launch::{waiting, wrong};
use super::{Body, Content, LEAVE, flow, keys_line, signed};
use crate::app::asking::Asking;
use crate::app::form::Holds;
use crate::app::{Action, State};
use crate::tui::look::Look;
use crate::tui::strip::Piece;

pub(super) fn content(look: Look<'_>, asking: &Asking, room: u16) -> Content {
    let room = room.saturating_sub(2);
    let form = &asking.form;
    let mut caret = None;
    let mut rows = vec![];
    for (at, field) in form.fields.iter().enumerate() {
        let ticked = match field.holds {
            Holds::Tick(on) => Some(on),
            _ => None,
        };
        let typed = matches!(field.holds, Holds::Either { .. }) && field.chosen().is_none();
        let value = match ticked {
            Some(true) => "yes",
            Some(false) => "no",
            None if typed => "release",
            None => field.chosen().unwrap_or_default(),
        };
        let here = at == form.at;
        let field = Field {
            label: field.label,
            value,
            line: field.line(),
            aside: &field.aside,
            fault: form.fault(at),
            ticked,
            turns: field.turns(),
            typed: match field.holds {
                Holds::Text(_) if field.aside.is_empty() => room.saturating_sub(LABEL),
                Holds::Text(_) => LONG,
                _ => TYPED,
            },
            here,
            style: look.theme.text,
        };
        let (told, column) = field.told(look, room);
        if here {
            caret = column;
        }
        rows.push(told);
    }
    Content {
        title: asking.title(),
        field: None,
        body: Body::Form {
            rows,
            cursor: form.at,
            caret,
        },
    }
}

pub(super) fn foot(state: &State, look: Look<'_>, asking: &Asking, room: u16) -> Vec<Vec<Piece<'static>>> {
    let mut foot = vec![];
    for note in &asking.notes {
        let lines = signed((look.glyphs.info, look.theme.info), note, look.theme.text, room);
        foot.extend(lines.into_iter().take(2).map(|line| vec![Piece::spans(line)]));
    }
    match (&asking.waiting, &asking.refused) {
        (_, Some(why)) => foot.extend(wrong(look, why, room)),
        (Some(what), None) => foot.push(vec![Piece::spans(waiting(state, look, what))]),
        (None, None) => {}
    }
    let mut keys = vec![
        ("enter", asking.enter(), Some(Action::Open)),
        ("up down", "field", None),
    ];
    if asking.form.fields.iter().any(|field| field.turns()) {
        keys.push(("left right", "turn", None));
    }
    if asking
        .form
        .fields
        .iter()
        .any(|field| matches!(field.holds, Holds::Tick(_)))
    {
        keys.push(("space", "tick", None));
    }
    keys.push(LEAVE);
    foot.extend(flow(keys_line(look, &keys), room));
    foot
}
