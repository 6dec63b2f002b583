//! What a restore is asked to do.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::fleet::{ClusterId, MachineId};

/// A cluster whose etcd is to be restored from a snapshot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Restore {
    /// The cluster.
    pub cluster: ClusterId,
    /// The snapshot, by name.
    pub snapshot: SmolStr,
    /// Whether it is in S3.
    pub s3: bool,
    /// The server that is restored, which holds the snapshot where that is not in S3; `None`: the oldest one.
    pub on: Option<MachineId>,
    /// When it was taken, where that is known.
    pub made_at: Option<Timestamp>,
    /// Since when the cluster has had its present server token, where that is known.
    pub token_since: Option<Timestamp>,
    /// What tells this restore from others: when it was asked for, such as `20261122T101112Z`.
    pub when: SmolStr,
}
