//! A pod's JSON into [`BoundPod`].

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::Listed;
use super::meta::{Annotations, Owner};
use super::pod::owner;
use super::text::{Str, nullable};
use crate::fleet::{ContextId, OwnerKind};
use crate::provider::BoundPod;

/// The fields of a pod that draining reads; all others are skipped while parsing.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::provider::kube) struct RawBound<'a> {
    #[serde(borrow, deserialize_with = "nullable")]
    metadata: Meta<'a>,
    #[serde(deserialize_with = "nullable")]
    spec: Spec,
    #[serde(borrow, deserialize_with = "nullable")]
    status: Status<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Meta<'a> {
    #[serde(borrow)]
    namespace: Str<'a>,
    #[serde(borrow)]
    name: Str<'a>,
    #[serde(borrow)]
    uid: Str<'a>,
    #[serde(borrow)]
    deletion_timestamp: Str<'a>,
    #[serde(borrow, deserialize_with = "nullable")]
    annotations: Annotations<'a>,
    #[serde(borrow, deserialize_with = "nullable")]
    owner_references: Vec<Owner<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Spec {
    #[serde(deserialize_with = "nullable")]
    volumes: Vec<Volume>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Volume {
    empty_dir: Option<IgnoredAny>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Status<'a> {
    #[serde(borrow)]
    phase: Str<'a>,
}

impl Listed for BoundPod {
    const RESOURCE: &'static str = "pods";

    type Raw<'de> = RawBound<'de>;

    fn slim(raw: Self::Raw<'_>, _: &ContextId) -> Self {
        let RawBound { metadata, spec, status } = raw;
        Self {
            namespace: metadata.namespace.owned(),
            name: metadata.name.owned(),
            uid: metadata.uid.owned(),
            owner: match owner(&metadata.owner_references) {
                _ if metadata.annotations.mirror => OwnerKind::Node,
                // Only the mirror of a static pod comes back by its node.
                OwnerKind::Node => OwnerKind::Other,
                owner => owner,
            },
            finished: matches!(&*status.phase, "Succeeded" | "Failed"),
            empty_dir: spec.volumes.iter().any(|volume| volume.empty_dir.is_some()),
            ending: !metadata.deletion_timestamp.is_empty(),
        }
    }
}
