//! What a machine tells of its K3s: how its service stands, and which tokens it keeps where.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::fleet::Role;

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
    pub fn read(_text: &str) -> Option<Self> {
        None
    }

    /// Whether K3s runs.
    pub fn is_active(&self) -> bool {
        self.service.as_deref() == Some("active")
    }
}
