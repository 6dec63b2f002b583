//! The password that sudo wants: a dot for each character.

use ratatui::text::Span;

use super::{Body, Content};
use crate::app::joining::PasswordForm;
use crate::tui::look::Look;

/// The dots that are shown at most.
const SHOWN: usize = 40;

pub(super) fn content(look: Look<'_>, form: &PasswordForm) -> Content {
    let dots = "*".repeat(form.line.len().min(SHOWN));
    let muted = |text: &'static str| vec![Span::styled(text, look.theme.muted)];
    Content {
        title: format!("sudo wants a password on {}", form.of),
        field: None,
        body: Body::text(vec![
            vec![
                Span::styled("password ", look.theme.key),
                Span::styled(format!("{dots:<SHOWN$}"), look.theme.input),
            ],
            vec![],
            muted("It is kept in memory until the program ends, goes to sudo on"),
            muted("standard input, and is written nowhere."),
        ]),
    }
}
