//! A cluster that is being changed: what is waited for, or what is wrong with what was typed.

use super::launch::waiting;
use super::{Body, Content, flow, own_keys, signed};
use crate::app::State;
use crate::app::updating::{Stage, UpdateView};
use crate::tui::look::Look;
use crate::tui::strip::Piece;

pub(super) fn content(state: &State, look: Look<'_>, view: &UpdateView, room: u16) -> Content {
    let cluster = &view.cluster;
    let lines = match &view.stage {
        Stage::Asking => vec![waiting(state, look, &format!("asking what {cluster} is"))],
        Stage::Editing => vec![waiting(
            state,
            look,
            &format!("the spec of {cluster} is in your editor"),
        )],
        Stage::Proposing => vec![waiting(state, look, "CloudFormation works out what that changes")],
        Stage::Planned => signed(
            (look.glyphs.info, look.theme.muted),
            "nothing was changed yet; what you have typed is kept while this is open",
            look.theme.text,
            room,
        ),
        Stage::Refused(why) => signed((look.glyphs.critical, look.theme.critical), why, look.theme.text, room),
    };
    Content {
        title: format!("Update {cluster}"),
        field: None,
        body: Body::text(lines),
    }
}

pub(super) fn foot(look: Look<'_>, view: &UpdateView, room: u16) -> Vec<Vec<Piece<'static>>> {
    let mut keys = vec![];
    if view.can_be_edited() {
        keys.push(("enter", "edit it again"));
    }
    keys.push(("esc", "leave"));
    flow(own_keys(look, &keys), room)
}
