//! A node's JSON into [`Node`].

use serde::Deserialize;
use smol_str::{SmolStr, format_smolstr};

use super::meta::Meta;
use super::quantity::Quantity;
use super::text::{Str, nullable};
use super::{Listed, Object};
use crate::fleet::{Arch, ContextId, Node, NodeKey, Readiness, Resources, Role};

/// The fields of a node that are read; all others are skipped while parsing.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::provider::kube) struct RawNode<'a> {
    #[serde(borrow)]
    metadata: Meta<'a>,
    #[serde(borrow, deserialize_with = "nullable")]
    spec: Spec<'a>,
    #[serde(borrow, deserialize_with = "nullable")]
    status: Status<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Spec<'a> {
    #[serde(borrow, rename = "providerID")]
    provider_id: Str<'a>,
    unschedulable: Option<bool>,
    #[serde(borrow, deserialize_with = "nullable")]
    taints: Vec<Taint<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Taint<'a> {
    #[serde(borrow)]
    key: Str<'a>,
    #[serde(borrow)]
    value: Str<'a>,
    #[serde(borrow)]
    effect: Str<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Status<'a> {
    #[serde(borrow, deserialize_with = "nullable")]
    allocatable: Amounts<'a>,
    #[serde(borrow, deserialize_with = "nullable")]
    conditions: Vec<Condition<'a>>,
    #[serde(borrow, deserialize_with = "nullable")]
    addresses: Vec<Address<'a>>,
    #[serde(borrow, deserialize_with = "nullable")]
    node_info: Info<'a>,
}

/// A list of resources: `allocatable`, `requests`, `overhead`, `usage`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Amounts<'a> {
    #[serde(borrow)]
    cpu: Str<'a>,
    #[serde(borrow)]
    memory: Str<'a>,
    #[serde(borrow)]
    pods: Str<'a>,
}

impl Amounts<'_> {
    /// Thousandths of a core, if named and readable.
    pub(super) fn cpu_milli(&self) -> Option<u64> {
        Quantity::parse(&self.cpu).map(Quantity::milli)
    }

    /// Bytes, if named and readable.
    pub(super) fn memory(&self) -> Option<u64> {
        Quantity::parse(&self.memory).map(Quantity::units)
    }

    /// All that are named.
    pub(super) fn resources(&self) -> Resources {
        let pods = Quantity::parse(&self.pods).map_or(0, Quantity::units);
        Resources {
            cpu_milli: self.cpu_milli().unwrap_or(0),
            memory: self.memory().unwrap_or(0),
            pods: u32::try_from(pods).unwrap_or(u32::MAX),
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Condition<'a> {
    #[serde(borrow, rename = "type")]
    kind: Str<'a>,
    #[serde(borrow)]
    status: Str<'a>,
    #[serde(borrow)]
    last_transition_time: Str<'a>,
    #[serde(borrow)]
    reason: Str<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Address<'a> {
    #[serde(borrow, rename = "type")]
    kind: Str<'a>,
    #[serde(borrow)]
    address: Str<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Info<'a> {
    #[serde(borrow)]
    kubelet_version: Str<'a>,
    #[serde(borrow)]
    architecture: Str<'a>,
    #[serde(borrow)]
    os_image: Str<'a>,
    #[serde(borrow)]
    kernel_version: Str<'a>,
}

impl Listed for Node {
    const RESOURCE: &'static str = "nodes";

    type Raw<'de> = RawNode<'de>;

    fn slim(raw: Self::Raw<'_>, context: &ContextId) -> Self {
        let RawNode { metadata, spec, status } = raw;
        let labels = metadata.labels;
        let find = |kind: &str| status.conditions.iter().find(|c| &*c.kind == kind);
        let ready = find("Ready");
        let readiness = match ready.map(|c| &*c.status) {
            Some("True") => Readiness::Ready,
            Some("False") => Readiness::NotReady,
            _ => Readiness::Unknown,
        };
        Self {
            key: NodeKey::new(context, &*metadata.name),
            joined_at: metadata.creation_timestamp.time(),
            ready: readiness,
            ready_since: ready.and_then(|c| c.last_transition_time.time()),
            not_ready_reason: ready
                .filter(|_| readiness != Readiness::Ready)
                .and_then(|c| c.reason.some()),
            schedulable: !spec.unschedulable.unwrap_or(false),
            role: if labels.server { Role::Server } else { Role::Agent },
            etcd_voter: find("EtcdIsVoter").and_then(|c| match &*c.status {
                "True" => Some(true),
                "False" => Some(false),
                _ => None,
            }),
            version: status.node_info.kubelet_version.owned(),
            arch: Arch::parse(&status.node_info.architecture),
            os: status.node_info.os_image.owned(),
            kernel: status.node_info.kernel_version.owned(),
            internal_ip: status
                .addresses
                .iter()
                .filter(|a| &*a.kind == "InternalIP")
                .find_map(|a| a.address.parse().ok()),
            provider_id: spec.provider_id.some(),
            hostname: labels.hostname.some(),
            instance_type: labels.instance_type.some().filter(|name| name != "k3s"),
            zone: labels.zone.some(),
            old_token: Role::parse(&metadata.annotations.old_token),
            ssh: metadata.annotations.ssh.some(),
            allocatable: status.allocatable.resources(),
            taints: spec.taints.iter().map(taint).collect(),
            pressures: status
                .conditions
                .iter()
                .filter(|c| c.kind.ends_with("Pressure") && &*c.status == "True")
                .map(|c| c.kind.owned())
                .collect(),
        }
    }
}

impl Object for Node {
    fn meta<'a, 'de>(raw: &'a Self::Raw<'de>) -> &'a Meta<'de> {
        &raw.metadata
    }

    fn name(&self) -> &SmolStr {
        &self.key.name
    }
}

fn taint(taint: &Taint<'_>) -> SmolStr {
    let Taint { key, value, effect } = taint;
    if value.is_empty() {
        format_smolstr!("{}:{}", &**key, &**effect)
    } else {
        format_smolstr!("{}={}:{}", &**key, &**value, &**effect)
    }
}
