//! `metadata`, reduced to the entries the fleet reads. Labels and annotations are matched while they are
//! parsed, so that no map is built.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

use super::text::{Str, nullable};

/// `metadata` of a node or a pod.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in crate::provider::kube) struct Meta<'a> {
    #[serde(borrow)]
    pub(super) name: Str<'a>,
    #[serde(borrow)]
    pub(super) namespace: Str<'a>,
    #[serde(borrow)]
    pub(super) resource_version: Str<'a>,
    #[serde(borrow)]
    pub(super) creation_timestamp: Str<'a>,
    #[serde(borrow, deserialize_with = "nullable")]
    pub(super) labels: Labels<'a>,
    #[serde(borrow, deserialize_with = "nullable")]
    pub(super) annotations: Annotations<'a>,
    #[serde(borrow, deserialize_with = "nullable")]
    pub(super) owner_references: Vec<Owner<'a>>,
}

/// An entry of `metadata.ownerReferences`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Owner<'a> {
    #[serde(borrow)]
    pub(super) kind: Str<'a>,
    pub(super) controller: Option<bool>,
}

/// The labels that are read.
#[derive(Debug, Default)]
pub(super) struct Labels<'de> {
    pub(super) server: bool,
    pub(super) hostname: Str<'de>,
    pub(super) instance_type: Str<'de>,
    pub(super) zone: Str<'de>,
}

/// The annotations that are read.
#[derive(Debug, Default)]
pub(super) struct Annotations<'de> {
    pub(super) ssh: Str<'de>,
    pub(super) old_token: Str<'de>,
    pub(super) initial_events_end: bool,
    /// The pod stands for a static pod of its node.
    pub(super) mirror: bool,
}

impl<'de: 'a, 'a> Deserialize<'de> for Labels<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(LabelsVisitor)
    }
}

struct LabelsVisitor;

impl<'de> Visitor<'de> for LabelsVisitor {
    type Value = Labels<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("labels")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Labels<'de>, A::Error> {
        let mut labels = Labels::default();
        while let Some(key) = map.next_key::<Str<'de>>()? {
            match &*key {
                "node-role.kubernetes.io/control-plane"
                | "node-role.kubernetes.io/master"
                | "node-role.kubernetes.io/etcd" => {
                    map.next_value::<IgnoredAny>()?;
                    labels.server = true;
                }
                "kubernetes.io/hostname" => labels.hostname = map.next_value()?,
                "node.kubernetes.io/instance-type" => labels.instance_type = map.next_value()?,
                "topology.kubernetes.io/zone" => labels.zone = map.next_value()?,
                "beta.kubernetes.io/instance-type" => older(&mut labels.instance_type, map.next_value()?),
                "failure-domain.beta.kubernetes.io/zone" => older(&mut labels.zone, map.next_value()?),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(labels)
    }
}

/// A label's former name counts only where the present one is missing.
fn older<'de>(present: &mut Str<'de>, former: Str<'de>) {
    if present.is_empty() {
        *present = former;
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Annotations<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(AnnotationsVisitor)
    }
}

struct AnnotationsVisitor;

impl<'de> Visitor<'de> for AnnotationsVisitor {
    type Value = Annotations<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("annotations")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Annotations<'de>, A::Error> {
        let mut annotations = Annotations::default();
        while let Some(key) = map.next_key::<Str<'de>>()? {
            match &*key {
                "k3fleet.dev/ssh" => annotations.ssh = map.next_value()?,
                "k3fleet.dev/old-token" => annotations.old_token = map.next_value()?,
                "k8s.io/initial-events-end" => {
                    annotations.initial_events_end = &*map.next_value::<Str<'de>>()? == "true";
                }
                "kubernetes.io/config.mirror" => {
                    map.next_value::<IgnoredAny>()?;
                    annotations.mirror = true;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(annotations)
    }
}
