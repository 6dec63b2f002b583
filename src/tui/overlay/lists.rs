//! Lists to choose from: the actions of a row, columns, sort orders, themes.

use ratatui::text::Span;

use super::palette::kind;
use super::{Body, Content, Line};
use crate::app::{Action, State};
use crate::fleet::RowId;
use crate::tui::keys;
use crate::tui::look::Look;
use crate::tui::text::{clip, width};

/// The actions that fit a row.
pub(super) fn menu(
    state: &State,
    look: Look<'_>,
    about: Option<&RowId>,
    items: &[Action],
    cursor: usize,
    room: u16,
) -> Content {
    let keys: Vec<String> = items.iter().map(|action| keys::of(state, *action)).collect();
    let wide = keys.iter().map(|k| width(k)).max().unwrap_or(0);
    let line = |(action, key): (&Action, &String)| -> Line {
        let info = action.info();
        let name = format!("{:<20}", info.name);
        let help = clip(info.help, room.saturating_sub(wide + 25), look.glyphs.ellipsis);
        vec![
            Span::styled(pad(key, wide), look.theme.key),
            Span::raw("  "),
            Span::styled(name, look.theme.accent),
            Span::styled(help, look.theme.muted),
        ]
    };
    Content {
        title: about.map_or("Actions".to_owned(), |id| format!("Actions for this {}", kind(id))),
        field: None,
        body: Body::List {
            lines: items.iter().zip(&keys).map(line).collect(),
            cursor,
        },
    }
}

/// The columns of the focused table.
pub(super) fn columns(state: &State, look: Look<'_>, items: &[(&'static str, bool)], cursor: usize) -> Content {
    let all = state.focused().table().map(|kind| kind.columns()).unwrap_or_default();
    let line = |(name, shown): &(&'static str, bool)| -> Line {
        let title = all.iter().find(|c| c.name == *name).map_or("", |c| c.title);
        let (sign, style) = match shown {
            true => (look.glyphs.on, look.theme.accent),
            false => (look.glyphs.off, look.theme.muted),
        };
        vec![
            Span::styled(format!("{sign} "), style),
            Span::raw(format!("{title:<16}")),
            Span::styled(*name, look.theme.muted),
        ]
    };
    Content {
        title: "Columns".to_owned(),
        field: None,
        body: Body::List {
            lines: items.iter().map(line).collect(),
            cursor,
        },
    }
}

/// The columns to sort the focused table by.
pub(super) fn sort(state: &State, look: Look<'_>, cursor: usize) -> Content {
    let pane = state.focused();
    let all = pane.table().map(|kind| kind.columns()).unwrap_or_default();
    let sort = state.tables.get(&pane).and_then(|t| t.sort);
    let line = |column: &crate::fleet::table::ColumnInfo| -> Line {
        let sign = match sort.filter(|(name, _)| *name == column.name) {
            Some((_, true)) => look.glyphs.down,
            Some((_, false)) => look.glyphs.up,
            None => " ",
        };
        vec![
            Span::styled(format!("{sign} "), look.theme.sorted),
            Span::raw(format!("{:<16}", column.title)),
            Span::styled(column.name, look.theme.muted),
        ]
    };
    Content {
        title: "Sort by".to_owned(),
        field: None,
        body: Body::List {
            lines: all.iter().map(line).collect(),
            cursor,
        },
    }
}

/// The themes; the one under the cursor is on the screen.
pub(super) fn themes(look: Look<'_>, items: &[String], cursor: usize, before: &str) -> Content {
    let line = |name: &String| -> Line {
        let sign = if name == before { look.glyphs.on } else { " " };
        vec![
            Span::styled(format!("{sign} "), look.theme.accent),
            Span::raw(name.clone()),
        ]
    };
    Content {
        title: "Themes".to_owned(),
        field: None,
        body: Body::List {
            lines: items.iter().map(line).collect(),
            cursor,
        },
    }
}

fn pad(text: &str, room: u16) -> String {
    format!("{text}{}", " ".repeat(usize::from(room.saturating_sub(width(text)))))
}
