//! What passes between k3fleet and a machine or a cluster when machines are joined, tokens change and releases move on.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::Secret;

/// The key that a host shows and that is not yet in the operator's known hosts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostKey {
    /// Its kind, such as `ED25519`.
    pub kind: SmolStr,
    /// Its fingerprint, such as `SHA256:…`, as `ssh-keygen -l` tells it.
    pub fingerprint: SmolStr,
    /// The line for the known hosts.
    pub line: String,
}

/// How a command on a host ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ran {
    /// Its exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// What it wrote, standard error included, as it came.
    pub output: String,
}

/// A version of an SSM parameter, without its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParameterVersion {
    /// Counted from 1.
    pub version: u64,
    /// When it was set.
    pub at: Timestamp,
    /// Who set it, as an ARN.
    pub by: SmolStr,
}

/// A bootstrap token of a cluster, without its secret half (`kube-system/bootstrap-token-<id>`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootstrapToken {
    /// Its id.
    pub id: SmolStr,
    /// What it is for.
    pub description: SmolStr,
    /// When it expires; `None`: never.
    pub expires_at: Option<Timestamp>,
    /// When it was made.
    pub made_at: Option<Timestamp>,
}

/// A bootstrap token to be made. It joins agents and nothing else.
#[derive(Clone, Debug)]
pub struct BootstrapOrder {
    /// Six of `[a-z0-9]`.
    pub id: SmolStr,
    /// Sixteen of `[a-z0-9]`.
    pub secret: Secret,
    /// What it is for.
    pub description: String,
    /// When it expires; `None`: never.
    pub expires_at: Option<Timestamp>,
}

/// What is written on a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marks {
    /// Labels; `None` takes one away.
    pub labels: Vec<(SmolStr, Option<SmolStr>)>,
    /// Annotations; `None` takes one away.
    pub annotations: Vec<(SmolStr, Option<SmolStr>)>,
}
