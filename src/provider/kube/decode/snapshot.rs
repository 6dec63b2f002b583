//! `ETCDSnapshotFile` of `k3s.cattle.io/v1` into [`Snapshot`].

use serde::Deserialize;

use super::Listed;
use super::quantity::Quantity;
use super::text::{Str, nullable};
use crate::fleet::ContextId;
use crate::provider::Snapshot;

/// The fields that are read.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::provider::kube) struct RawSnapshot<'a> {
    #[serde(borrow, deserialize_with = "nullable")]
    spec: Spec<'a>,
    #[serde(borrow, deserialize_with = "nullable")]
    status: Status<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Spec<'a> {
    #[serde(borrow)]
    snapshot_name: Str<'a>,
    #[serde(borrow)]
    node_name: Str<'a>,
    #[serde(borrow)]
    location: Str<'a>,
    #[serde(borrow, deserialize_with = "nullable")]
    s3: S3<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct S3<'a> {
    #[serde(borrow)]
    bucket: Str<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Status<'a> {
    #[serde(borrow)]
    size: Str<'a>,
    #[serde(borrow)]
    creation_time: Str<'a>,
    ready_to_use: Option<bool>,
    #[serde(borrow, deserialize_with = "nullable")]
    error: Told<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Told<'a> {
    #[serde(borrow)]
    message: Str<'a>,
}

impl Listed for Snapshot {
    const RESOURCE: &'static str = "etcdsnapshotfiles";

    const GROUP: &'static str = "k3s.cattle.io";

    type Raw<'de> = RawSnapshot<'de>;

    fn slim(raw: Self::Raw<'_>, _: &ContextId) -> Self {
        let RawSnapshot { spec, status } = raw;
        Self {
            name: spec.snapshot_name.owned(),
            node: spec.node_name.owned(),
            location: spec.location.owned(),
            bucket: spec.s3.bucket.some(),
            made_at: status.creation_time.time(),
            size: Quantity::parse(&status.size).map(Quantity::units),
            ready: status.ready_to_use,
            error: status.error.message.some(),
        }
    }
}
