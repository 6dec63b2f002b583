//! The snapshots of a cluster's etcd: how old each is, how large, and where.

use ratatui::text::Span;

use super::launch::{waiting, wrong};
use super::{Body, Content, Line, flow, own_keys, signed};
use crate::app::State;
use crate::app::snapshots::{SnapshotRow, SnapshotsView, rows};
use crate::tui::look::Look;
use crate::tui::strip::Piece;
use crate::tui::text::{clip_middle, width};

/// How wide the columns beside the name and the place are.
const AGE: usize = 8;
const SIZE: usize = 9;

pub(super) fn content(state: &State, look: Look<'_>, view: &SnapshotsView, room: u16) -> Content {
    let room = room.saturating_sub(2);
    let lines: Vec<Vec<Line>> = match &view.told {
        None => {
            let what = format!("asking {} which snapshots there are", view.cluster);
            vec![vec![waiting(state, look, &what)]]
        }
        Some(Err(why)) => vec![signed(
            (look.glyphs.critical, look.theme.critical),
            why,
            look.theme.text,
            room,
        )],
        Some(Ok(told)) if told.snapshots.is_empty() => {
            let text = "there is none: n takes one; K3s takes them by itself twice a day, unless told otherwise";
            vec![signed(
                (look.glyphs.info, look.theme.muted),
                text,
                look.theme.muted,
                room,
            )]
        }
        Some(Ok(_)) => rows(view, state.now).iter().map(|row| shown(look, row, room)).collect(),
    };
    Content {
        title: format!("Snapshots of {}", view.cluster),
        field: None,
        body: Body::Form {
            rows: lines,
            cursor: view.cursor,
            caret: None,
        },
    }
}

/// One line for each; why no cluster can be restored from it below.
fn shown(look: Look<'_>, row: &SnapshotRow, room: u16) -> Vec<Line> {
    let right = format!("{:>AGE$}{:>SIZE$}  ", row.age, row.size);
    let left = room.saturating_sub(width(&right));
    let name = clip_middle(&row.name, left.saturating_mul(3) / 5, look.glyphs.ellipsis);
    let place = clip_middle(&row.place, left.saturating_sub(width(&name)), look.glyphs.ellipsis);
    let gap = (left.saturating_mul(3) / 5).saturating_sub(width(&name));
    let mut lines = vec![vec![
        Span::styled(name.into_owned(), look.theme.title),
        Span::raw(" ".repeat(usize::from(gap))),
        Span::styled(right, look.theme.muted),
        Span::raw(place.into_owned()),
    ]];
    if let Some(why) = &row.fault {
        lines.extend(signed(
            (look.glyphs.critical, look.theme.critical),
            why,
            look.theme.text,
            room,
        ));
    }
    lines
}

pub(super) fn foot(look: Look<'_>, view: &SnapshotsView, room: u16) -> Vec<Vec<Piece<'static>>> {
    let mut foot = match &view.told {
        Some(Ok(told)) => told.fault.iter().flat_map(|why| wrong(look, why, room)).collect(),
        _ => vec![],
    };
    let mut keys = vec![];
    if !view.snapshots().is_empty() {
        keys.push(("enter", "see the plan"));
    }
    keys.extend([("n", "take one now"), ("ctrl-r", "ask again"), ("esc", "leave")]);
    foot.extend(flow(own_keys(look, &keys), room));
    foot
}
