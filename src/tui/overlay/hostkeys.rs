//! Keys of hosts that are looked at before they are written down.

use ratatui::style::Modifier;
use ratatui::text::Span;

use super::{Body, Content, Line, own_keys, signed};
use crate::app::State;
use crate::app::joining::{HostKeys, KeyLine, KeyStanding};
use crate::tui::look::Look;
use crate::tui::strip::Piece;
use crate::tui::text::{clip, wrap};

pub(super) fn content(state: &State, look: Look<'_>, keys: &HostKeys, room: u16) -> Content {
    let rows = keys
        .keys
        .iter()
        .map(|line| told(state, look, line, room.saturating_sub(2)));
    Content {
        title: "Host keys".to_owned(),
        field: None,
        body: Body::Form {
            rows: rows.collect(),
            cursor: keys.at,
            caret: None,
        },
    }
}

fn told(state: &State, look: Look<'_>, line: &KeyLine, room: u16) -> Vec<Line> {
    let theme = look.theme;
    let (sign, style, word) = match &line.stands {
        KeyStanding::Asked => (look.spinner(state.now), theme.pending, "is being asked"),
        KeyStanding::New(_) => (look.glyphs.warning, theme.warning, "is not known yet"),
        KeyStanding::Taking(_) => (look.spinner(state.now), theme.pending, "is being written down"),
        KeyStanding::Known => (look.glyphs.ok, theme.ok, "is known"),
        KeyStanding::Changed(_) => (look.glyphs.critical, theme.critical, "HAS CHANGED"),
        KeyStanding::Failed(_) => (look.glyphs.critical, theme.critical, "was not learnt"),
    };
    let name = clip(line.host.name.as_str(), room.saturating_sub(26), look.glyphs.ellipsis);
    let word_style = match line.stands {
        KeyStanding::Changed(_) => style.add_modifier(Modifier::BOLD),
        _ => theme.muted,
    };
    let mut lines = vec![vec![
        Span::styled(format!("{sign} "), style),
        Span::raw(format!("{name} ")),
        Span::styled(word, word_style),
    ]];
    let indent = |mut line: Line| {
        line.insert(0, Span::raw("    "));
        line
    };
    match &line.stands {
        KeyStanding::New(key) | KeyStanding::Taking(key) => {
            let text = format!("{} {}", key.kind, key.fingerprint);
            lines.extend(
                wrap(&text, room.saturating_sub(4))
                    .into_iter()
                    .map(|text| indent(vec![Span::raw(text)])),
            );
        }
        KeyStanding::Changed(why) | KeyStanding::Failed(why) => {
            let told = signed(("", theme.text), why, theme.text, room.saturating_sub(6));
            lines.extend(told.into_iter().map(indent));
        }
        KeyStanding::Asked | KeyStanding::Known => {}
    }
    lines
}

pub(super) fn foot(look: Look<'_>, keys: &HostKeys, room: u16) -> Vec<Vec<Piece<'static>>> {
    let new = keys
        .keys
        .iter()
        .filter(|line| matches!(line.stands, KeyStanding::New(_)))
        .count();
    let mut foot = vec![];
    if new > 0 {
        let text = "Compare each with what the host itself shows: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub";
        let lines = wrap(text, room).into_iter();
        foot.extend(lines.map(|text| vec![Piece::text(text, look.theme.muted)]));
    }
    let all = format!("accept all {new}");
    let mut own = vec![];
    if new > 0 {
        own.push(("y", "accept it"));
    }
    if new > 1 {
        own.push(("a", all.as_str()));
    }
    own.push(("esc", "leave"));
    foot.push(own_keys(look, &own));
    foot
}
