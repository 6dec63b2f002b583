//! Every feed with its freshness; what fails, why, when it is tried again, and what mends it.

use ratatui::text::Span;

use super::{Body, Content, Line};
use crate::app::State;
use crate::app::feeds::{FeedLine, feeds};
use crate::fleet::Freshness;
use crate::fleet::table::age;
use crate::tui::fresh;
use crate::tui::look::{Look, fault_word};
use crate::tui::text::{width, wrap};

pub(super) fn content(state: &State, look: Look<'_>, scroll: usize, room: u16) -> Content {
    let view = state.view();
    let feeds = feeds(&view);
    let name = feeds
        .iter()
        .map(|f| width(&f.id.to_string()))
        .max()
        .unwrap_or(0)
        .min(44);
    let mut lines: Vec<Vec<Line>> = feeds.iter().map(|feed| told(state, look, feed, name, room)).collect();
    if lines.is_empty() {
        let none = Span::styled("No source has been asked yet.", look.theme.muted);
        lines.push(vec![vec![none]]);
    }
    Content {
        title: format!("Feeds {} {}", look.glyphs.separator, feeds.len()),
        field: None,
        body: Body::Text { lines, scroll },
    }
}

fn told(state: &State, look: Look<'_>, feed: &FeedLine<'_>, name: u16, room: u16) -> Vec<Line> {
    let rank = fresh::rank(&feed.freshness);
    let (sign, style) = match rank {
        4 => (look.glyphs.critical, look.theme.critical),
        3 => (look.glyphs.fading, look.theme.stale),
        2 => (look.glyphs.pending, look.theme.pending),
        0 => (look.glyphs.none, look.theme.muted),
        _ => (look.glyphs.ok, look.theme.ok),
    };
    let id = feed.id.to_string();
    let pad = " ".repeat(usize::from((name + 2).saturating_sub(width(&id))));
    let words = fresh::words(feed.id.kind, &feed.freshness, feed.synced_at, state.now);
    let seen = feed
        .synced_at
        .map(|at| age(state.now.duration_since(at).as_secs().max(0)));
    let mut first = vec![
        Span::styled(format!("{sign} "), style),
        Span::raw(id),
        Span::raw(pad),
        Span::styled(format!("{words:<16}"), style),
    ];
    first.push(Span::styled(
        match seen {
            Some(ago) => format!("answered {ago} ago"),
            None => "has not answered yet".to_owned(),
        },
        look.theme.muted,
    ));
    let mut lines = vec![first];
    if let Freshness::Failed { why, since, retry_at } = &feed.freshness {
        let left = retry_at.duration_since(state.now).as_secs();
        let again = if left > 0 {
            format!("in {}", age(left))
        } else {
            "now".to_owned()
        };
        let ago = age(state.now.duration_since(*since).as_secs().max(0));
        let what = format!("{}: {}: {}", why.call, fault_word(why.kind), why.message);
        let indent = |text: String, style| vec![Span::raw("    "), Span::styled(text, style)];
        lines.extend(
            wrap(&what, room.saturating_sub(5))
                .into_iter()
                .map(|t| indent(t, look.theme.text)),
        );
        let mend = wrap(&why.mend, room.saturating_sub(7)).into_iter().enumerate();
        lines.extend(mend.map(|(i, text)| {
            let lead = if i == 0 { look.glyphs.right } else { " " };
            vec![
                Span::raw("    "),
                Span::styled(format!("{lead} "), look.theme.accent),
                Span::raw(text),
            ]
        }));
        lines.push(indent(
            format!("fails since {ago}, tried again {again}"),
            look.theme.muted,
        ));
    }
    lines
}
