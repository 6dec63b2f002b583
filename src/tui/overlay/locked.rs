//! What is asked before something is done knowingly: taking another operator's lock over, giving an operation up.

use ratatui::text::Span;
use tui_input::Input;

use super::{Body, Content, Line};
use crate::fleet::ClusterId;
use crate::tui::look::Look;
use crate::tui::text::wrap;

/// A cluster that another operator changes.
pub(super) fn content(look: Look<'_>, cluster: &ClusterId, why: &str, line: &Input, room: u16) -> Content {
    let mut lines: Vec<Line> = vec![];
    let told = wrap(why, room.saturating_sub(2)).into_iter().enumerate();
    lines.extend(told.map(|(i, text)| {
        let sign = if i == 0 { look.glyphs.critical } else { " " };
        vec![Span::styled(format!("{sign} "), look.theme.critical), Span::raw(text)]
    }));
    lines.push(vec![]);
    let ask = format!(
        "Nothing has been done. Two operations at once can undo each other: take the lock over only when you know that its \
         holder is dead. To do so, type {}.",
        cluster.name
    );
    lines.extend(wrap(&ask, room).into_iter().map(|text| vec![Span::raw(text)]));
    Content {
        title: format!("{} is locked", cluster.name),
        field: Some(("type", line.clone())),
        body: text(lines),
    }
}

/// An operation that shall be given up.
pub(super) fn abort(look: Look<'_>, title: Option<String>, room: u16) -> Content {
    let ask = "What is done stays done, and what is left is never done: the operation is not offered any longer.";
    let mut lines: Vec<Line> = vec![vec![
        Span::styled(format!("{} ", look.glyphs.warning), look.theme.warning),
        Span::raw(title.unwrap_or_else(|| "this operation".to_owned())),
    ]];
    lines.push(vec![]);
    lines.extend(wrap(ask, room).into_iter().map(|text| vec![Span::raw(text)]));
    Content {
        title: "Give it up?".to_owned(),
        field: None,
        body: text(lines),
    }
}

fn text(lines: Vec<Line>) -> Body {
    Body::Text {
        lines: lines.into_iter().map(|line| vec![line]).collect(),
        scroll: 0,
    }
}
