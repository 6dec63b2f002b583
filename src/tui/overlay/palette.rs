//! The command palette: what is typed, and what it may mean, with the letters that match set apart.

use ratatui::text::Span;
use tui_input::Input;

use super::{Body, Content, Line};
use crate::app::State;
use crate::app::overlay::{Choice, PaletteMatch};
use crate::fleet::RowId;
use crate::tui::keys;
use crate::tui::look::Look;
use crate::tui::text::{clip, width};

pub(super) fn content(
    state: &State,
    look: Look<'_>,
    line: &Input,
    matches: &[PaletteMatch],
    cursor: usize,
    room: u16,
) -> Content {
    let lines: Vec<Line> = matches
        .iter()
        .map(|m| row(state, look, m, room.saturating_sub(3)))
        .collect();
    let body = if lines.is_empty() {
        let text = "Nothing is called that: actions, clusters, pools, machines and themes are found here.";
        let none = Span::styled(text, look.theme.muted);
        Body::Text {
            lines: vec![vec![vec![none]]],
            scroll: 0,
        }
    } else {
        Body::List { lines, cursor }
    };
    Content {
        title: "Command".to_owned(),
        field: Some((":", line.clone())),
        body,
    }
}

fn row(state: &State, look: Look<'_>, found: &PaletteMatch, room: u16) -> Line {
    let aside = match &found.choice {
        Choice::Do(action) => keys::of(state, *action),
        Choice::Go(id) => kind(id).to_owned(),
        Choice::Theme(_) => "theme".to_owned(),
    };
    let label = clip(
        &found.label,
        room.saturating_sub(width(&aside).saturating_add(2)),
        look.glyphs.ellipsis,
    );
    let pad = room.saturating_sub(width(&label).saturating_add(width(&aside)));
    let mut spans = lettered(look, &label, &found.places);
    spans.push(Span::raw(" ".repeat(usize::from(pad))));
    let style = match found.choice {
        Choice::Do(_) => look.theme.key,
        _ => look.theme.muted,
    };
    spans.push(Span::styled(aside, style));
    spans
}

/// The label with the letters at these places set apart.
fn lettered(look: Look<'_>, label: &str, places: &[u32]) -> Line {
    let mut spans: Line = vec![];
    let mut run = String::new();
    let mut in_match = false;
    let style = |matched: bool| if matched { look.theme.found } else { Default::default() };
    for (i, c) in label.chars().enumerate() {
        let matched = u32::try_from(i).is_ok_and(|i| places.contains(&i));
        if matched != in_match && !run.is_empty() {
            spans.push(Span::styled(std::mem::take(&mut run), style(in_match)));
        }
        in_match = matched;
        run.push(c);
    }
    spans.push(Span::styled(run, style(in_match)));
    spans
}

/// What kind of row an id names.
pub(super) fn kind(id: &RowId) -> &'static str {
    match id {
        RowId::Cluster(_) => "cluster",
        RowId::Pool(_) => "pool",
        RowId::Machine(_) => "machine",
        RowId::Price(..) => "price",
        RowId::Edge(_) | RowId::Host(_) => "edge host",
        RowId::Feed(_) => "feed",
        RowId::Finding(..) => "finding",
    }
}
