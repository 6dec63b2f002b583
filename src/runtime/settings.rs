//! The settings, read with the names that the rest of the program gives meaning to.

use crate::app::action::Action;
use crate::app::key::Key;
use crate::config::Vocabulary;

/// Hands the vocabulary of actions and keys to a reader of the configuration.
pub fn vocabulary<T>(read: impl FnOnce(&Vocabulary<'_>) -> T) -> T {
    let actions: Vec<&str> = Action::ALL.iter().map(|a| a.name()).collect();
    let check_key = |text: &str| text.parse::<Key>().map(drop).map_err(|e| e.to_string());
    read(&Vocabulary {
        actions: &actions,
        check_key,
    })
}
