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

    /// The answer of the script; `None` when it is none.
    pub fn read(text: &str) -> Option<Self> {
        let mut inside = Self::default();
        for (key, value) in text.lines().filter_map(|line| line.split_once('=')) {
            match key {
                "boot" => inside.boot = words(value).unwrap_or_default(),
                "unit" => inside.unit = words(value),
                "service" => inside.service = words(value),
                "version" => inside.version = words(value).filter(|v| v.starts_with('v')),
                "datastore" => inside.datastore = Datastore::parse(value.trim()),
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
    let kind = match parts.next()? {
        "server" => Role::Server,
        "agent" => Role::Agent,
        _ => return None,
    };
    let digest = parts
        .next()
        .filter(|d| d.len() == DIGITS && d.bytes().all(|b| b.is_ascii_hexdigit()))?;
    let id = parts.next()?;
    Some(HeldToken {
        kind,
        digest: digest.into(),
        bootstrap: (id != "-").then(|| words(id)).flatten(),
        place: words(parts.next()?)?,
    })
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
