//! What is asked before a cluster is destroyed, extended or taken back.

use ratatui::text::Span;

use super::launch::waiting;
use super::{Body, Content, LEAVE, Line, keys_line};
use crate::app::inquiry::{About, ExtendForm, Inquiry, ends};
use crate::app::{Action, State};
use crate::fleet::table::age;
use crate::tui::look::Look;
use crate::tui::strip::Piece;
use crate::tui::text::wrap;

/// What a cluster is made of is asked for.
pub(super) fn content(state: &State, look: Look<'_>, inquiry: &Inquiry, room: u16) -> Content {
    let cluster = &inquiry.cluster;
    let (verb, what) = match inquiry.about {
        About::Destroy => ("Destroy", format!("what {cluster} is made of")),
        About::Extend(_) => ("Extend", format!("what {cluster} is made of")),
        About::RollBack => ("Roll back", format!("how the stack of {cluster} stands")),
    };
    let home = cluster
        .home
        .as_ref()
        .map_or_else(|| "AWS".to_owned(), ToString::to_string);
    let mut lines: Vec<Line> = vec![];
    match &inquiry.fault {
        None => lines.push(waiting(state, look, &format!("asking {home} {what}"))),
        Some(why) => {
            let told = wrap(why, room.saturating_sub(2)).into_iter().enumerate();
            lines.extend(told.map(|(i, text)| {
                let sign = if i == 0 { look.glyphs.critical } else { " " };
                vec![Span::styled(format!("{sign} "), look.theme.critical), Span::raw(text)]
            }));
        }
    }
    Content {
        title: format!("{verb} {cluster}"),
        field: None,
        body: Body::text(lines),
    }
}

pub(super) fn foot(look: Look<'_>, inquiry: &Inquiry) -> Vec<Vec<Piece<'static>>> {
    vec![match inquiry.fault {
        Some(_) => keys_line(look, &[("enter", "ask again", Some(Action::Open)), LEAVE]),
        None => keys_line(look, &[LEAVE]),
    }]
}

/// How much longer a cluster shall live.
pub(super) fn extend(state: &State, look: Look<'_>, form: &ExtendForm) -> Content {
    let fact = |label: &str, text: String| -> Line {
        vec![Span::styled(format!("{label:<12}"), look.theme.muted), Span::raw(text)]
    };
    let time = |at: jiff::Timestamp| {
        let left = at.duration_since(state.now).as_secs();
        let when = at.strftime("%Y-%m-%d %H:%M UTC");
        match left > 0 {
            true => format!("{when}, in {}", age(left)),
            false => format!("{when}, {} ago", age(-left)),
        }
    };
    let now = ends(state, &form.cluster).map_or_else(|| "never".to_owned(), time);
    let then = form
        .until(state)
        .map_or_else(|| "type a time such as 30m, 2h or 1h30m".to_owned(), time);
    Content {
        title: format!("Extend {}", form.cluster),
        field: Some(("how much longer?", form.line.clone())),
        body: Body::text(vec![fact("it ends", now), fact("it will end", then)]),
    }
}

pub(super) fn extend_foot(look: Look<'_>) -> Vec<Vec<Piece<'static>>> {
    vec![keys_line(
        look,
        &[
            ("enter", "see the plan", Some(Action::Open)),
            ("up down", "30m 1h 2h 8h", None),
            LEAVE,
        ],
    )]
}
