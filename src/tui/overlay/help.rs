//! The keys and what they do, from the key table; in two columns where there is room.

use ratatui::style::Modifier;
use ratatui::text::Span;
use tui_input::Input;

use super::{Body, Content, Line};
use crate::app::State;
use crate::app::help::{HelpLine, help};
use crate::app::key_table::Group;
use crate::tui::look::Look;
use crate::tui::text::{width, wrap};

/// From this width on the help stands in two columns.
const TWO_COLUMNS: u16 = 96;

pub(super) fn content(state: &State, look: Look<'_>, line: &Input, scroll: usize, width: u16) -> Content {
    let found = help(&state.keys, line.value());
    let lines = if width >= TWO_COLUMNS {
        let half = width / 2 - 1;
        beside(blocks(look, &found, half), half)
    } else {
        blocks(look, &found, width).into_iter().flatten().collect()
    };
    let lines = match lines.is_empty() {
        true => vec![vec![Span::styled(
            "No key and no action is called that.",
            look.theme.muted,
        )]],
        false => lines,
    };
    Content {
        title: "Help".to_owned(),
        field: Some(("find", line.clone())),
        body: Body::Text {
            lines: lines.into_iter().map(|line| vec![line]).collect(),
            scroll,
        },
    }
}

/// The lines of each group, with its heading above and an empty line below.
fn blocks(look: Look<'_>, found: &[HelpLine], room: u16) -> Vec<Vec<Line>> {
    let keys = found.iter().map(|l| width(&l.keys)).max().unwrap_or(0).min(16);
    let block = |group: Group| {
        let mut lines: Vec<Line> = vec![];
        for line in found.iter().filter(|l| l.group == group) {
            if lines.is_empty() {
                let style = look.theme.title.add_modifier(Modifier::BOLD);
                lines.push(vec![Span::styled(group.title(), style)]);
            }
            lines.extend(told(look, line, keys, room));
        }
        if !lines.is_empty() {
            lines.push(vec![]);
        }
        lines
    };
    Group::ALL.into_iter().map(block).collect()
}

fn told(look: Look<'_>, line: &HelpLine, keys: u16, room: u16) -> Vec<Line> {
    let style = look.theme.text;
    let text = match line.name {
        "" => line.help.to_owned(),
        name => format!("{name}: {}", line.help),
    };
    let shown_keys = wrap(&line.keys, keys);
    let shown_text = wrap(&text, room.saturating_sub(keys + 2));
    let many = shown_keys.len().max(shown_text.len());
    (0..many)
        .map(|i| {
            let key = shown_keys.get(i).cloned().unwrap_or_default();
            let pad = " ".repeat(usize::from((keys + 2).saturating_sub(width(&key))));
            let text = shown_text.get(i).cloned().unwrap_or_default();
            let named = (i == 0 && !line.name.is_empty())
                .then(|| text.strip_prefix(line.name))
                .flatten();
            let mut spans = vec![Span::styled(key, look.theme.key), Span::raw(pad)];
            match named {
                Some(rest) => {
                    spans.push(Span::styled(line.name, style.patch(look.theme.accent)));
                    spans.push(Span::styled(rest.to_owned(), style));
                }
                None => spans.push(Span::styled(text, style)),
            }
            spans
        })
        .collect()
}

/// Blocks in two columns of about the same height.
fn beside(blocks: Vec<Vec<Line>>, half: u16) -> Vec<Line> {
    let all: usize = blocks.iter().map(Vec::len).sum();
    let (mut first, mut second): (Vec<Line>, Vec<Line>) = (vec![], vec![]);
    for block in blocks {
        // A block goes to the second column when more of it would stand below the middle than above.
        if second.is_empty() && first.len() + block.len() / 2 <= all / 2 {
            first.extend(block);
        } else {
            second.extend(block);
        }
    }
    let many = first.len().max(second.len());
    let mut second = second.into_iter();
    first.resize(many, vec![]);
    let join = |mut line: Line| {
        let used: u16 = line.iter().map(|s| width(&s.content)).sum();
        line.push(Span::raw(" ".repeat(usize::from((half + 2).saturating_sub(used)))));
        line.extend(second.next().unwrap_or_default());
        line
    };
    first.into_iter().map(join).collect()
}
