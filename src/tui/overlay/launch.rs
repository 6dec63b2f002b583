//! The cluster that is wished for, field by field, and what stands in the way of its plan.

use ratatui::style::Modifier;
use ratatui::text::Span;

use super::{Body, Content, LEAVE, Line, keys_line};
use crate::app::launching::{Field, FieldLine, LaunchForm, lines};
use crate::app::{Action, State};
use crate::tui::footer;
use crate::tui::look::Look;
use crate::tui::strip::Piece;
use crate::tui::text::{clip, width, wrap};

/// Cells for a field's name.
const LABEL: u16 = 12;
/// Cells for text that is typed.
const TYPED: u16 = 22;
/// The widest column of values, so that what they stand for begins at one place.
const VALUE: u16 = 24;
/// Lines that what goes wrong may take.
const TOLD: usize = 3;

pub(super) fn content(state: &State, look: Look<'_>, form: &LaunchForm, room: u16) -> Content {
    let room = room.saturating_sub(2);
    let fields = lines(state, form);
    let cursor = fields.iter().position(|line| line.field == form.at).unwrap_or(0);
    let mut caret = None;
    let row = |line: &FieldLine| {
        let (told, at) = told(look, line, line.field == form.at, room);
        if line.field == form.at {
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

/// A field, what is wrong with it below, and the column of the terminal's cursor where text is typed.
fn told(look: Look<'_>, line: &FieldLine, here: bool, room: u16) -> (Vec<Line>, Option<u16>) {
    let theme = look.theme;
    let label = usize::from(LABEL);
    let mut spans: Line = vec![Span::styled(format!("{:<label$}", line.label), theme.muted)];
    let mut used = LABEL;
    let mut add = |used: &mut u16, text: String, style| {
        *used = used.saturating_add(width(&text));
        spans.push(Span::styled(text, style));
    };
    let style = match line.field {
        Field::More => theme.accent,
        Field::Types => theme.text.add_modifier(Modifier::BOLD),
        _ => theme.text,
    };
    let mut caret = None;
    if !line.value.is_empty() {
        let clipped = clip(&line.value, room.saturating_sub(LABEL + 4), look.glyphs.ellipsis).into_owned();
        let (before, after) = if here && line.turns && line.ticked.is_none() {
            ("< ", " >")
        } else {
            ("", "")
        };
        if let Some(ticked) = line.ticked {
            let sign = if ticked { look.glyphs.on } else { look.glyphs.off };
            add(
                &mut used,
                format!("{sign} "),
                if ticked { theme.accent } else { theme.muted },
            );
        }
        add(&mut used, before.to_owned(), theme.key);
        add(&mut used, clipped, style);
        add(&mut used, after.to_owned(), theme.key);
    }
    if let Some(typed) = &line.line {
        if !line.value.is_empty() {
            add(&mut used, " ".to_owned(), theme.text);
        }
        let begin = used;
        let field = TYPED.min(room.saturating_sub(begin));
        let (shown, column) = footer::visible(typed, field);
        let pad = usize::from(field.saturating_sub(width(&shown)));
        caret = Some(begin.saturating_add(column));
        add(&mut used, format!("{shown}{}", " ".repeat(pad)), theme.input);
    }
    if line.fault.is_none() && !line.aside.is_empty() {
        let gap = LABEL.saturating_add(VALUE).saturating_sub(used).max(2);
        add(&mut used, " ".repeat(usize::from(gap)), theme.text);
        let left = room.saturating_sub(used);
        let aside = clip(&line.aside, left, look.glyphs.ellipsis).into_owned();
        add(&mut used, aside, theme.muted);
    }
    let mut told = vec![spans];
    if let Some(why) = &line.fault {
        let lines = wrap(why, room.saturating_sub(LABEL + 2)).into_iter().enumerate();
        told.extend(lines.map(|(i, text)| {
            let sign = if i == 0 { look.glyphs.critical } else { " " };
            vec![
                Span::raw(" ".repeat(label)),
                Span::styled(format!("{sign} {text}"), theme.critical),
            ]
        }));
    }
    (told, caret)
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
        Field::Types => "choose types",
        Field::More if form.more => "show less",
        Field::More => "show more",
        _ if matches!(form.told.get(&form.scope), Some(Err(_))) => "ask again",
        _ => "see the plan",
    };
    let open = (!matches!(form.at, Field::Types | Field::More)).then_some(Action::Open);
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
