//! The keys as the screen names them, from the keys in force.

use crate::app::help::hints as fitting;
use crate::app::{Action, State};

/// A key and what it does, for the line at the bottom.
pub(super) struct Hint {
    pub(super) key: String,
    pub(super) word: &'static str,
    pub(super) action: Action,
    /// Hints of lower rank go first.
    pub(super) rank: u8,
}

/// The key of an action, as shown; its name where it has none.
pub(super) fn of(state: &State, action: Action) -> String {
    let key = state.keys.keys(action).first();
    key.map_or_else(|| format!(":{}", action.name()), ToString::to_string)
}

/// The hints for what has the focus, the most fitting first.
pub(super) fn hints(state: &State) -> Vec<Hint> {
    let hint = |(at, hint): (usize, crate::app::help::Hint)| Hint {
        key: hint.key.to_string(),
        word: hint.action.name(),
        action: hint.action,
        rank: match hint.action {
            // From these two everything else is found.
            Action::Palette | Action::Help => u8::MAX,
            _ => 200 - u8::try_from(at.min(200)).unwrap_or(200),
        },
    };
    fitting(state).into_iter().enumerate().map(hint).collect()
}
