//! The tokens of a cluster: which exist, how old they are, who uses which; and what is done about them.
//!
//! ```text
//!  tokens ─▶ Effect::Tokens ─▶ Msg::Tokens ─▶ the view ─▶ rotate ─▶ Request::Rotate ─▶ the plan, over the view
//!                                                      ├▶ new    ─▶ Effect::MakeToken ─▶ Msg::TokenMade: shown once
//!                                                      └▶ delete ─▶ Effect::DeleteToken ─▶ Msg::TokenGone
//! ```
//! No token itself is part of it but a bootstrap token that was just made, which is shown once and then forgotten.

mod lines;
mod turn;

use jiff::{SignedDuration, Timestamp};

pub use lines::{TokenLine, TokenRow, lines};

use super::form::Form;
use crate::fleet::{ClusterId, Role};
use crate::ops::Secret;
use crate::ops::tokens::Tokens;

/// The view of a cluster's tokens.
#[derive(Clone, Debug)]
pub struct TokensView {
    /// The cluster.
    pub cluster: ClusterId,
    /// What is known; `None` while it is asked.
    pub told: Option<Box<Tokens>>,
    /// The place of the token under the cursor.
    pub cursor: usize,
    /// The bootstrap token that a yes deletes.
    pub deleting: Option<smol_str::SmolStr>,
}

/// A bootstrap token that was just made.
#[derive(Clone, Debug)]
pub struct TokenMade {
    /// Its cluster.
    pub cluster: ClusterId,
    /// The token.
    pub token: Secret,
    /// When it expires; `None`: never.
    pub expires_at: Option<Timestamp>,
}

/// A token of the view.
#[derive(Clone, Debug, PartialEq)]
pub enum Token {
    /// The one that joins servers, or agents.
    Kind(Role),
    /// A bootstrap token, by its id.
    Bootstrap(smol_str::SmolStr),
}

impl TokensView {
    /// What is known.
    pub fn known(&self) -> Option<&Tokens> {
        self.told.as_deref()
    }

    /// The tokens, in the order of the view.
    pub fn tokens(&self) -> Vec<Token> {
        let Some(told) = self.known() else { return vec![] };
        let kinds = [Role::Server, Role::Agent].map(Token::Kind);
        let bootstrap = told.bootstrap.iter().map(|token| Token::Bootstrap(token.id.clone()));
        kinds.into_iter().chain(bootstrap).collect()
    }

    /// The token under the cursor.
    pub fn here(&self) -> Option<Token> {
        self.tokens().into_iter().nth(self.cursor)
    }
}

/// How long a token that is typed shall be good for; `None` inside: for ever.
fn ttl(text: &str) -> Option<Option<SignedDuration>> {
    if matches!(text, "0" | "never") {
        return Some(None);
    }
    let ttl: SignedDuration = text.parse().ok()?;
    let good = ttl >= SignedDuration::from_mins(1) && ttl <= SignedDuration::from_hours(24 * 365);
    good.then_some(Some(ttl))
}

/// Judges the fields of a new bootstrap token.
pub(super) fn check_new(now: Timestamp, form: &mut Form) {
    let (aside, fault) = match ttl(form.value("ttl")) {
        Some(Some(ttl)) => {
            let until = now.checked_add(ttl).ok();
            let told = until.map(|at| format!("until {}", at.strftime("%Y-%m-%d %H:%M UTC")));
            (told.unwrap_or_default(), None)
        }
        Some(None) => ("never expires".to_owned(), None),
        None => (
            String::new(),
            Some("expected a time such as 30m, 24h or 168h; 0: for ever".to_owned()),
        ),
    };
    form.tell("ttl", aside, fault);
    form.tell("description", "what it is for", None);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_for_a_time_or_for_ever() {
        assert_eq!(ttl("24h"), Some(Some(SignedDuration::from_hours(24))));
        assert_eq!((ttl("0"), ttl("never")), (Some(None), Some(None)));
        assert_eq!((ttl("1s"), ttl("soon"), ttl("99999999h")), (None, None, None));
    }
}
