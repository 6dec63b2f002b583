//! The cluster that is wished for, field by field, and what stands in the way of its plan.

use ratatui::style::Modifier;
use ratatui::text::Span;

use super::field::{Field, LABEL, LONG, TYPED};
use super::{Body, Content, LEAVE, Line, keys_line, signed};
use crate::app::launching::{self, FieldLine, HaField, LaunchForm, StoreKind, lines};
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
            typed: typed(form, line, here, room),
            here,
            style: match line.field {
                launching::Field::More => look.theme.accent,
                field if field.is_opened() => look.theme.text.add_modifier(Modifier::BOLD),
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

/// Cells for the text that is typed in a field.
fn typed(form: &LaunchForm, line: &FieldLine, here: bool, room: u16) -> u16 {
    let empty = line.line.as_ref().is_none_or(|typed| typed.value().is_empty());
    match line.field {
        launching::Field::Ha(HaField::Pools | HaField::Mirror) if here || !empty => room.saturating_sub(LABEL),
        launching::Field::Ha(HaField::Store) if form.ha.store == StoreKind::External => LONG,
        _ => TYPED,
    }
}

/// What may be said of a pool.
const ENTRIES: &str = "name=, then kind= arch= types=A+B min= desired= max= base= on-demand= volume= label=K=V taint=K=V:EFFECT, \
                       with commas between; a space before another pool";

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
    if form.at == launching::Field::Ha(HaField::Pools) {
        let lines = signed((look.glyphs.info, look.theme.info), ENTRIES, look.theme.text, room);
        foot.extend(lines.into_iter().take(TOLD).map(|line| vec![Piece::spans(line)]));
    }
    let enter = match form.at {
        launching::Field::Types | launching::Field::Ha(HaField::WorkerTypes) => "choose types",
        launching::Field::More if form.more => "show less",
        launching::Field::More => "show more",
        _ if matches!(form.told.get(&form.scope), Some(Err(_))) => "ask again",
        _ => "see the plan",
    };
    let open = (!form.at.is_opened()).then_some(Action::Open);
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
