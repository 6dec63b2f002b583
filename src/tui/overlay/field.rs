//! A field of a form: its name, what it is turned to, ticked or typed, what that stands for, and what is wrong with it.

use ratatui::style::Style;
use ratatui::text::Span;
use tui_input::Input;

use super::Line;
use crate::tui::footer;
use crate::tui::look::Look;
use crate::tui::text::{clip, width, wrap};

/// Cells for a field's name.
pub(super) const LABEL: u16 = 12;
/// Cells for text that is typed, where it is a name or a number.
pub(super) const TYPED: u16 = 22;
/// Cells for text that is typed, where it is longer.
pub(super) const LONG: u16 = 34;
/// The widest column of values, so that what they stand for begins at one place.
const VALUE: u16 = 24;
/// A field.
pub(super) struct Field<'a> {
    pub(super) label: &'a str,
    /// What it is turned to.
    pub(super) value: &'a str,
    /// The text that is typed in it.
    pub(super) line: Option<&'a Input>,
    /// What it stands for.
    pub(super) aside: &'a str,
    pub(super) fault: Option<&'a str>,
    pub(super) ticked: Option<bool>,
    pub(super) turns: bool,
    /// Cells for the text that is typed.
    pub(super) typed: u16,
    /// Whether the keys go to it.
    pub(super) here: bool,
    pub(super) style: Style,
}

impl Field<'_> {
    /// A field, what is wrong with it below, and the column of the terminal's cursor where text is typed.
    pub(super) fn told(&self, look: Look<'_>, room: u16) -> (Vec<Line>, Option<u16>) {
        let theme = look.theme;
        let label = usize::from(LABEL);
        let mut spans: Line = vec![Span::styled(format!("{:<label$}", self.label), theme.muted)];
        let mut used = LABEL;
        let mut add = |used: &mut u16, text: String, style| {
            *used = used.saturating_add(width(&text));
            spans.push(Span::styled(text, style));
        };
        let mut caret = None;
        if !self.value.is_empty() {
            let clipped = clip(self.value, room.saturating_sub(LABEL + 4), look.glyphs.ellipsis).into_owned();
            let (before, after) = if self.here && self.turns && self.ticked.is_none() {
                ("< ", " >")
            } else {
                ("", "")
            };
            if let Some(ticked) = self.ticked {
                let sign = if ticked { look.glyphs.on } else { look.glyphs.off };
                add(
                    &mut used,
                    format!("{sign} "),
                    if ticked { theme.accent } else { theme.muted },
                );
            }
            add(&mut used, before.to_owned(), theme.key);
            add(&mut used, clipped, self.style);
            add(&mut used, after.to_owned(), theme.key);
        }
        if let Some(typed) = self.line {
            if !self.value.is_empty() {
                add(&mut used, " ".to_owned(), theme.text);
            }
            let begin = used;
            let field = self.typed.min(room.saturating_sub(begin));
            let (shown, column) = footer::visible(typed, field);
            let pad = usize::from(field.saturating_sub(width(&shown)));
            caret = Some(begin.saturating_add(column));
            add(&mut used, format!("{shown}{}", " ".repeat(pad)), theme.input);
        }
        if self.fault.is_none() && !self.aside.is_empty() {
            let gap = LABEL.saturating_add(VALUE).saturating_sub(used).max(2);
            add(&mut used, " ".repeat(usize::from(gap)), theme.text);
            let left = room.saturating_sub(used);
            let aside = clip(self.aside, left, look.glyphs.ellipsis).into_owned();
            add(&mut used, aside, theme.muted);
        }
        let mut told = vec![spans];
        if let Some(why) = self.fault {
            let lines = wrap(why, room.saturating_sub(LABEL + 2)).into_iter().enumerate();
            told.extend(lines.map(|(i, text)| {
                let sign = if i == 0 { look.glyphs.critical } else { " " };
                vec![
                    Span::raw(" ".repeat(label)),
                    Span::styled(format!("{sign} {text}"), theme.critical),
                ]
            }));
        }
        (told, caret)
    }
}
