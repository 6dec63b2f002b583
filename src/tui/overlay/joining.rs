//! The preflight: the hosts that are to join a cluster, one on a line with the worst that was found of it.

use ratatui::style::Style;
use ratatui::text::Span;

use super::launch::waiting;
use super::plan::tick;
use super::{Body, Content, Line, flow, own_keys};
use crate::app::joining::{Found, JoinForm, JoinHost, Standing};
use crate::app::key::Key;
use crate::app::{State, Target};
use crate::fleet::Severity;
use crate::tui::look::Look;
use crate::tui::strip::Piece;
use crate::tui::text::{clip, width};

/// The widest column of hosts.
const HOST: u16 = 24;

pub(super) fn content(state: &State, look: Look<'_>, form: &JoinForm, room: u16) -> Content {
    let wide = form
        .hosts
        .iter()
        .map(|h| width(h.host.name.as_str()))
        .max()
        .unwrap_or(0);
    let wide = wide.clamp(4, HOST);
    let heading = format!(
        "    {:<wide$}  WHAT STANDS IN ITS WAY",
        "HOST",
        wide = usize::from(wide)
    );
    let line = |host: &JoinHost| told(state, look, host, wide, room);
    let many = match form.hosts.len() {
        1 => "1 host".to_owned(),
        n => format!("{n} hosts"),
    };
    Content {
        title: format!("Join {many} to {}", form.cluster),
        field: None,
        body: Body::Table {
            heading: vec![Span::styled(heading, look.theme.muted)],
            lines: form.hosts.iter().map(line).collect(),
            cursor: form.at,
        },
    }
}

fn told(state: &State, look: Look<'_>, host: &JoinHost, wide: u16, room: u16) -> Line {
    let (sign, style) = standing(state, look, host);
    let name = clip(host.host.name.as_str(), wide, look.glyphs.ellipsis).into_owned();
    let left = room.saturating_sub(wide + 6);
    let (text, text_style) = said(look, host);
    vec![
        Span::styled(format!("{sign} "), style),
        Span::raw(format!("{name:<wide$}  ", wide = usize::from(wide))),
        Span::styled(clip(&text, left, look.glyphs.ellipsis).into_owned(), text_style),
    ]
}

/// The sign and style of how a host stands.
pub(super) fn standing(state: &State, look: Look<'_>, host: &JoinHost) -> (&'static str, Style) {
    match host.standing() {
        Standing::Asked => (look.spinner(state.now), look.theme.pending),
        Standing::LeftOut => (look.glyphs.none, look.theme.muted),
        Standing::Judged(severity) => look.severity(severity),
    }
}

/// The worst that was found, in a line.
fn said(look: Look<'_>, host: &JoinHost) -> (String, Style) {
    let theme = look.theme;
    match (host.standing(), host.worst()) {
        (Standing::LeftOut, _) => ("left out".to_owned(), theme.muted),
        (Standing::Asked, _) => ("is being looked at".to_owned(), theme.muted),
        (_, None) => ("nothing: it can join".to_owned(), theme.muted),
        (_, Some(worst)) => {
            let more = host.judged.iter().filter(|j| j.verdict >= Severity::Warning).count() - 1;
            let more = if more > 0 {
                format!("  (+{more})")
            } else {
                String::new()
            };
            let style = match &host.found {
                Found::ChangedKey(_) => theme.critical,
                _ => theme.text,
            };
            (format!("{}: {}{more}", worst.what, worst.said), style)
        }
    }
}

pub(super) fn foot(state: &State, look: Look<'_>, form: &JoinForm, room: u16) -> Vec<Vec<Piece<'static>>> {
    let tally = form.tally();
    let mut spans = vec![];
    let counts = [
        (tally.well, look.severity(Severity::Ok), "can join"),
        (tally.warned, look.severity(Severity::Warning), "can, with warnings"),
        (tally.barred, look.severity(Severity::Critical), "cannot"),
        (tally.asked, (look.spinner(state.now), look.theme.pending), "looked at"),
        (tally.left_out, (look.glyphs.none, look.theme.muted), "left out"),
    ];
    for (n, (sign, style), word) in counts.into_iter().filter(|(n, ..)| *n > 0) {
        spans.push(Span::styled(format!("{sign} "), style));
        spans.push(Span::raw(format!("{n} {word}  ")));
    }
    let mut foot = vec![vec![Piece::spans(spans)]];
    foot.push(vec![Piece::spans(how(state, look, form, room))]);
    let mut pieces = vec![
        tick(look, "m".to_owned(), Some(form.mend), "mend what can be".to_owned()).at(Target::Press(Key::char('m'))),
    ];
    let here = form.here();
    let mut keys = vec![];
    if here.is_some_and(|host| matches!(host.found, Found::NewKey(_))) {
        keys.push(("y", "accept its key"));
    }
    let new = form
        .hosts
        .iter()
        .filter(|host| matches!(host.found, Found::NewKey(_)))
        .count();
    if new > 1 {
        keys.push(("a", "all keys"));
    }
    keys.extend([("enter", "its checks"), ("space", "leave out"), ("o", "options")]);
    if form.unreached() || form.kept {
        keys.push(("w", "ways to its API"));
    }
    if form.wants_password() {
        keys.push(("s", "sudo's password"));
    }
    keys.extend([("r", "look again"), ("p", "see the plan"), ("esc", "leave")]);
    pieces.extend(own_keys(look, &keys));
    foot.extend(flow(pieces, room));
    foot
}

/// Which server and release, and what comes from where.
fn how(state: &State, look: Look<'_>, form: &JoinForm, room: u16) -> Line {
    match &form.advertised {
        None => {
            let what = format!("asking {} where its servers are reached", form.cluster);
            return waiting(state, look, &what);
        }
        Some(Err(why)) => {
            let why = clip(why, room.saturating_sub(2), look.glyphs.ellipsis).into_owned();
            return vec![
                Span::styled(format!("{} ", look.glyphs.warning), look.theme.warning),
                Span::raw(why),
            ];
        }
        Some(Ok(_)) => {}
    }
    if let Some(why) = &form.vpn_fault {
        let why = clip(why, room.saturating_sub(2), look.glyphs.ellipsis).into_owned();
        return vec![
            Span::styled(format!("{} ", look.glyphs.warning), look.theme.warning),
            Span::raw(why),
        ];
    }
    let mut text = format!("{} at {}", form.version, form.server);
    if !form.files.is_empty() {
        text = format!("{text}, files from {}", form.files);
    }
    if !form.vpn.is_empty() {
        text = format!("{text}, by VPN");
    }
    if form.wireguard {
        text = format!("{text}, WireGuard");
    }
    if form.kept {
        text = format!("{text} {} kept for the cluster", look.glyphs.separator);
    }
    vec![Span::styled(
        clip(&text, room, look.glyphs.ellipsis).into_owned(),
        look.theme.muted,
    )]
}
