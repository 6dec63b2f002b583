//! What a machine tells of its K3s: how its service stands, and which tokens it keeps where.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use smol_str::SmolStr;

use super::words;
use crate::fleet::Role;

/// How many digits of a digest are kept.
const DIGITS: usize = 16;

/// How K3s stands on a machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inside {
    /// The kernel's id of this boot: another one after each restart.
    pub boot: SmolStr,
    /// The unit, `k3s` or `k3s-agent`; `None` where neither is installed.
    pub unit: Option<SmolStr>,
    /// Its state, in systemd's word: `active`, `activating`, `failed` …
    pub service: Option<SmolStr>,
    /// The release of the binary.
    pub version: Option<SmolStr>,
    /// The last lines of its journal, the newest last.
    pub journal: Vec<SmolStr>,
    /// The tokens it is configured with.
    pub tokens: Vec<HeldToken>,
    /// The tokens that k3fleet keeps on a server beside its own.
    pub kept: Vec<KeptToken>,
    /// Where a server keeps the cluster's state; `None` on agents.
    pub datastore: Option<Datastore>,
}

/// A token that a machine keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldToken {
    /// What it is used for: to join servers, or agents.
    pub kind: Role,
    /// Where it is kept: a file, and the key in it where it holds more.
    pub place: SmolStr,
    /// The first 16 hexadecimal digits of the SHA-256 of its secret half: enough to tell which one it is.
    pub digest: SmolStr,
    /// The id of a bootstrap token, where it is one.
    pub bootstrap: Option<SmolStr>,
}

/// A token that a server keeps, and does not go by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptToken {
    /// What it joins: servers or agents.
    pub kind: Role,
    /// Since when it is an old one; `None`: it is the next one.
    pub when: Option<SmolStr>,
    /// As that of a [`HeldToken`].
    pub digest: SmolStr,
}

/// Where a server keeps the cluster's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Datastore {
    /// `SQLite`, in a file.
    Sqlite,
    /// Embedded etcd.
    Etcd,
    /// A database elsewhere.
    External,
}

impl Inside {
    /// What is run to read it, as root.
    pub fn script() -> String {
        super::script::inside()
    }

    /// As [`script`](Self::script), for whoever waits for K3s and looks often: what costs a machine little. It tells nothing
    /// of tokens and datastore, the version only while K3s runs, and the journal only while it does not.
    pub fn glance() -> String {
        super::script::glance()
    }

    /// The answer of either script; `None` when it is none.
    pub fn read(text: &str) -> Option<Self> {
        let mut inside = Self::default();
        for (key, value) in text.lines().filter_map(|line| line.split_once('=')) {
            match key {
                "boot" => inside.boot = words(value).unwrap_or_default(),
                "unit" => inside.unit = words(value),
                "service" => inside.service = words(value),
                "version" => inside.version = words(value).filter(|v| v.starts_with('v')),
                "datastore" => inside.datastore = Datastore::parse(value.trim()),
                "kept" => inside.kept.extend(kept(value)),
                "token" => inside.tokens.extend(held(value)),
                "journal" => inside.journal.extend(words(&masked(value))),
                _ => {}
            }
        }
        (!inside.boot.is_empty()).then_some(inside)
    }

    /// Whether K3s runs.
    pub fn is_active(&self) -> bool {
        self.service.as_deref() == Some("active")
    }
}

impl Datastore {
    /// From its word.
    fn parse(word: &str) -> Option<Self> {
        match word {
            "sqlite" => Some(Self::Sqlite),
            "etcd" => Some(Self::Etcd),
            "external" => Some(Self::External),
            _ => None,
        }
    }
}

impl HeldToken {
    /// The digest that a machine would tell of this token, in whichever form it has it.
    pub fn digest_of(token: &str) -> SmolStr {
        let digest = Sha256::digest(secret_half(token).as_bytes());
        let digits: String = digest
            .iter()
            .take(DIGITS / 2)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        digits.into()
    }

    /// The id of a bootstrap token, in whichever form; `None` when it is none.
    pub fn bootstrap_of(token: &str) -> Option<SmolStr> {
        let (id, secret) = secret_half(token).split_once('.')?;
        let plain = |text: &str, long: usize| {
            text.len() == long && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        };
        (plain(id, 6) && plain(secret, 16)).then(|| id.into())
    }
}

/// What stands for the password in the long form of a token (`K10<hash>::<user>:<password>`), or all of a short one.
fn secret_half(token: &str) -> &str {
    let token = token.trim();
    match token.strip_prefix("K10").and_then(|rest| rest.split_once("::")) {
        Some((_, named)) => named.split_once(':').map_or(named, |(_, half)| half),
        None => token,
    }
}

/// `agent 0123456789abcdef - /etc/rancher/k3s/agent-token`.
fn held(value: &str) -> Option<HeldToken> {
    let mut parts = value.trim().splitn(4, ' ');
    let kind = kind(parts.next()?)?;
    let digest = digest(parts.next()?)?;
    let id = parts.next()?;
    Some(HeldToken {
        kind,
        digest,
        bootstrap: (id != "-").then(|| words(id)).flatten(),
        place: words(parts.next()?)?,
    })
}

/// `server next 0123456789abcdef`.
fn kept(value: &str) -> Option<KeptToken> {
    let mut parts = value.trim().splitn(3, ' ');
    let kind = kind(parts.next()?)?;
    let when = words(parts.next()?)?;
    Some(KeptToken {
        kind,
        when: (when != "next").then_some(when),
        digest: digest(parts.next()?)?,
    })
}

fn kind(word: &str) -> Option<Role> {
    match word {
        "server" => Some(Role::Server),
        "agent" => Some(Role::Agent),
        _ => None,
    }
}

fn digest(word: &str) -> Option<SmolStr> {
    let whole = word.len() == DIGITS && word.bytes().all(|b| b.is_ascii_hexdigit());
    whole.then(|| word.into())
}

/// A line without anything that looks like a long token: the machine has masked it already, unless its `sed` could not.
fn masked(line: &str) -> String {
    let mut shown = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("K10") {
        shown += before;
        let hash = after.split_once("::").map(|(hash, _)| hash);
        let is_token = hash.is_some_and(|h| h.len() >= 6 && h.bytes().all(|b| b.is_ascii_hexdigit()));
        shown += if is_token { "K10..." } else { "K10" };
        let end = |c: char| c.is_whitespace() || c == '"' || c == '\'';
        rest = match is_token {
            true => after.find(end).and_then(|at| after.get(at..)).unwrap_or_default(),
            false => after,
        };
    }
    shown + rest
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn odd_and_cut_lines_are_left_out() {
        let told = "boot=7c1d\nunit=\nservice=acti\nversion=sh: not found\ndatastore=mysql\ntoken=server 0123\n\
                    token=king 0123456789abcdef - /x\ntoken=agent 0123456789abcdef -\ntoken=agent 0123456789abcdeg - /x\n\
                    token=agent 0123456789abcdef abcdef /etc/rancher/k3s/config.yaml token\nkept=server next\n\
                    kept=server 20261122T101112 0123456789abcdef\nkept=agent next 0123456789abcdef\nnothing\njourn";
        let inside = Inside::read(told).unwrap();
        let expected = Inside {
            boot: "7c1d".into(),
            service: Some("acti".into()),
            tokens: vec![HeldToken {
                kind: Role::Agent,
                place: "/etc/rancher/k3s/config.yaml token".into(),
                digest: "0123456789abcdef".into(),
                bootstrap: Some("abcdef".into()),
            }],
            kept: [(Role::Server, Some("20261122T101112")), (Role::Agent, None)]
                .map(|(kind, when)| KeptToken {
                    kind,
                    when: when.map(Into::into),
                    digest: "0123456789abcdef".into(),
                })
                .into(),
            ..Inside::default()
        };
        assert_eq!(inside, expected);
    }

    #[test]
    fn another_program_s_words_are_no_answer() {
        for text in ["", "Welcome!", "unit=k3s\nservice=active", "boot=\n"] {
            assert_eq!(Inside::read(text), None, "{text}");
        }
    }

    #[test]
    fn a_journal_keeps_its_order_and_shows_no_token() {
        let told = "boot=7c1d\njournal=first K10 line\njournal=\njournal=a=b K10aabbccddee::server:hidden, \
                    'K10aabbccddee::abcdef.hidden' K10::x K10aabbccddee::server:hidden";
        let journal = Inside::read(told).unwrap().journal;
        assert_eq!(journal, ["first K10 line", "a=b K10... 'K10...' K10::x K10..."]);
    }

    #[test]
    fn a_token_is_the_same_one_in_each_of_its_forms() {
        let long = "K10aabbccddeeff::server:of:two:parts\n";
        assert_eq!(HeldToken::digest_of(long), HeldToken::digest_of("of:two:parts"));
        assert_eq!(
            HeldToken::digest_of("K10aabbccddeeff::node:abc"),
            HeldToken::digest_of("K10::server:abc")
        );
        // printf %s abc | sha256sum
        assert_eq!(HeldToken::digest_of("abc"), "ba7816bf8f01cfea");
        for (token, id) in [
            ("K10aabbccddeeff::abcdef.0123456789abcdef", Some("abcdef")),
            ("abcdef.0123456789abcdef", Some("abcdef")),
            ("abcdef.0123456789abcdeF", None),
            ("abcdef.0123456789abcde", None),
            ("K10aabbccddeeff::server:secret", None),
            ("", None),
        ] {
            assert_eq!(HeldToken::bootstrap_of(token).as_deref(), id, "{token}");
        }
    }

    proptest! {
        #[test]
        fn no_text_is_too_odd(text in "(?s).{0,300}") {
            let _ = Inside::read(&text);
            let _ = HeldToken::digest_of(&text);
            let _ = HeldToken::bootstrap_of(&text);
        }

        #[test]
        fn no_line_is_too_odd_and_no_token_is_shown(
            lines in prop::collection::vec(
                ("boot|unit|service|version|datastore|token|kept|journal",
                 "(agent|server|K10|::|[0-9a-f]{16}|[a-z]{6}|[ :/'\"é-]){0,8}"),
                0..12),
            cut in 0..400_usize,
        ) {
            let text: String = lines.iter().map(|(key, value)| format!("{key}={value}\n")).collect();
            let text: String = text.chars().take(cut).collect();
            if let Some(inside) = Inside::read(&text) {
                prop_assert!(inside.tokens.iter().all(|held| held.digest.len() == 16));
                for line in &inside.journal {
                    for rest in line.split("K10").skip(1) {
                        let hash = rest.split("::").next().unwrap();
                        let hidden = hash.len() < 6 || !rest.contains("::") || hash.bytes().any(|b| !b.is_ascii_hexdigit());
                        prop_assert!(hidden, "{line}");
                    }
                }
            }
        }
    }
}
