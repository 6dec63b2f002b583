//! The tokens as the view shows them: each with its age, its place, and who uses which.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Token, TokensView};
use crate::fleet::table::age;
use crate::fleet::{Role, Severity};
use crate::ops::BootstrapToken;
use crate::ops::rotation::{Holder, Which};
use crate::ops::tokens::Tokens;

/// Names that are told one by one.
const NAMES: usize = 4;

/// A token.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenRow {
    /// Which.
    pub token: Token,
    /// Its name, for people.
    pub name: String,
    /// How old it is, or when it ends.
    pub age: String,
    /// What is known of it, line by line.
    pub lines: Vec<TokenLine>,
}

/// A line about a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenLine {
    /// How much it wants looking at.
    pub severity: Severity,
    /// What it says.
    pub text: String,
}

fn line(severity: Severity, text: impl Into<String>) -> TokenLine {
    TokenLine {
        severity,
        text: text.into(),
    }
}

/// All tokens of a view.
pub fn lines(view: &TokensView, now: Timestamp) -> Vec<TokenRow> {
    let Some(told) = view.known() else { return vec![] };
    let kinds = [Role::Server, Role::Agent].map(|kind| of_kind(told, kind, now));
    let bootstrap = told.bootstrap.iter().map(|token| of_bootstrap(told, token, now));
    kinds.into_iter().chain(bootstrap).collect()
}

/// So long ago, or in so long.
fn when(at: Timestamp, now: Timestamp) -> String {
    match now.duration_since(at).as_secs() {
        ago @ 0.. => format!("{} old", age(ago)),
        ahead => format!("in {}", age(-ahead)),
    }
}

fn of_kind(told: &Tokens, kind: Role, now: Timestamp) -> TokenRow {
    let mut lines = vec![];
    let parameter = told.parameters.get(&kind);
    let newest = parameter.and_then(|p| p.versions.first());
    let own = told.own.get(&kind).map(|own| own.number);
    match parameter {
        None if own.is_some() => lines.push(line(
            Severity::Ok,
            "it is in no SSM parameter: the servers keep it, and it changes over SSH",
        )),
        None => lines.push(line(
            Severity::Warning,
            "it is in no SSM parameter that is read from here: it cannot be changed",
        )),
        Some(parameter) => {
            let by = newest
                .map(|version| format!(", made by {}", version.by))
                .unwrap_or_default();
            lines.push(line(
                Severity::Ok,
                format!("{}, version {}{by}", parameter.name, parameter.newest),
            ));
            match parameter.newest.saturating_sub(1) {
                0 => {}
                1 => lines.push(line(Severity::Ok, "one older version is kept for old snapshots")),
                n => lines.push(line(
                    Severity::Ok,
                    format!("{n} older versions are kept for old snapshots"),
                )),
            }
        }
    }
    lines.extend(users(kind, parameter.map(|p| p.newest).or(own), told));
    TokenRow {
        token: Token::Kind(kind),
        name: format!("{} token", kind.as_str()),
        age: newest.map_or_else(|| "age unknown".to_owned(), |version| when(version.at, now)),
        lines,
    }
}

/// Who uses which version.
fn users(kind: Role, newest: Option<u64>, told: &Tokens) -> Vec<TokenLine> {
    let mut by: BTreeMap<(Severity, String), Vec<&str>> = BTreeMap::new();
    for machine in &told.machines {
        match &machine.holds {
            Err(_) => {
                let key = (Severity::Warning, "did not tell which it uses".to_owned());
                by.entry(key).or_default().push(&machine.name);
            }
            Ok(all) => {
                for held in all.iter().filter(|held| held.kind == kind) {
                    let key = match &held.which {
                        Which::Version(of, version) if told.own.contains_key(of) => {
                            let older = told.own.get(of).is_none_or(|own| own.number != *version);
                            match (*of != kind, older) {
                                (true, _) => (Severity::Info, format!("uses the {} token", of.as_str())),
                                (false, true) => (Severity::Warning, "still uses an older one".to_owned()),
                                (false, false) => (Severity::Ok, "uses it".to_owned()),
                            }
                        }
                        Which::Version(of, version) if *of != kind => (
                            Severity::Info,
                            format!("uses version {version} of the {} token", of.as_str()),
                        ),
                        Which::Version(_, version) if Some(*version) == newest => {
                            (Severity::Ok, format!("uses version {version}"))
                        }
                        Which::Version(_, version) => (Severity::Warning, format!("still uses version {version}")),
                        Which::Bootstrap(_) => (Severity::Ok, "joined by a bootstrap token".to_owned()),
                        Which::Unknown => (Severity::Warning, "uses one that is not known".to_owned()),
                    };
                    by.entry(key).or_default().push(&machine.name);
                }
            }
        }
    }
    let told = |((severity, what), names): ((Severity, String), Vec<&str>)| {
        let what = match names.len() {
            1 => what,
            _ => what.replacen("uses", "use", 1),
        };
        line(severity, format!("{} {what}", named(&names)))
    };
    by.into_iter().map(told).collect()
}

/// A few names, and how many more there are.
fn named(names: &[&str]) -> String {
    let shown: Vec<_> = names.iter().take(NAMES).copied().collect();
    match names.len().saturating_sub(NAMES) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

fn of_bootstrap(told: &Tokens, token: &BootstrapToken, now: Timestamp) -> TokenRow {
    let mut lines = vec![];
    let joined = |machine: &&Holder| {
        let mut held = machine.holds.iter().flatten();
        held.any(|held| matches!(&held.which, Which::Bootstrap(id) if *id == token.id))
    };
    let names: Vec<_> = told.machines.iter().filter(joined).map(|m| m.name.as_str()).collect();
    let age = match token.expires_at {
        Some(at) if at <= now => {
            lines.push(line(Severity::Info, "it has expired: K3s takes it away by itself"));
            "expired".to_owned()
        }
        Some(at) => format!("ends {}", when(at, now)),
        None => {
            lines.push(line(
                Severity::Warning,
                "it never expires: whoever has it can join agents",
            ));
            "for ever".to_owned()
        }
    };
    if let Some(made) = token.made_at {
        lines.push(line(
            Severity::Ok,
            format!("made {}", when(made, now).replace(" old", " ago")),
        ));
    }
    if !token.description.is_empty() {
        lines.push(line(Severity::Ok, token.description.as_str()));
    }
    if !names.is_empty() {
        lines.push(line(Severity::Ok, format!("{} joined by it", named(&names))));
    }
    TokenRow {
        token: Token::Bootstrap(token.id.clone()),
        name: format!("bootstrap {}", token.id),
        age,
        lines,
    }
}
