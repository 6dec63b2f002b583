//! Snapshots of etcd, as K3s tells of them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// A snapshot of a cluster's etcd: a file on one of its servers, or an object in S3
/// (`etcdsnapshotfiles.k3s.cattle.io`, which K3s keeps from v1.28.4 on).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Its name, by which K3s' own commands know it.
    pub name: SmolStr,
    /// The node that took it; for one that is found in S3 it may be `s3`.
    pub node: SmolStr,
    /// Where it is: a `file://` or an `s3://` URL.
    pub location: SmolStr,
    /// The bucket, where it is in S3.
    pub bucket: Option<SmolStr>,
    /// When etcd took it.
    pub made_at: Option<Timestamp>,
    /// How large it is, in bytes; `None`: it failed, or nobody has told.
    pub size: Option<u64>,
    /// Whether a cluster can be restored from it, where that is told.
    pub ready: Option<bool>,
    /// Why it failed.
    pub error: Option<SmolStr>,
}

impl Snapshot {
    /// Whether it is in S3.
    pub fn is_in_s3(&self) -> bool {
        self.bucket.is_some() || self.location.starts_with("s3://")
    }

    /// Why no cluster can be restored from it; `None`: as far as is known, one can.
    pub fn fault(&self) -> Option<&str> {
        let whole = self.ready.unwrap_or(true) && self.size != Some(0);
        let unsaid = (!whole).then_some("K3s does not say why");
        self.error.as_deref().or(unsaid)
    }

    /// Where it is, for people: the bucket, or the node that keeps it.
    pub fn place(&self) -> String {
        match (&self.bucket, self.is_in_s3()) {
            (Some(bucket), _) => format!("S3 {bucket}"),
            (None, true) => self.location.to_string(),
            (None, false) => self.node.to_string(),
        }
    }
}
