//! A pod's JSON into [`Pod`].

use serde::Deserialize;
use smol_str::{SmolStr, format_smolstr};

use super::meta::{Meta, Owner};
use super::node::Amounts;
use super::text::{Str, nullable};
use super::{Listed, Object};
use crate::fleet::{ContextId, OwnerKind, Pod, PodKey, PodPhase, Resources};

/// The fields of a pod that are read; all others are skipped while parsing.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::provider::kube) struct RawPod<'a> {
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
    #[serde(borrow)]
    node_name: Str<'a>,
    #[serde(borrow, deserialize_with = "nullable")]
    containers: Vec<Container<'a>>,
    #[serde(borrow, deserialize_with = "nullable")]
    init_containers: Vec<Container<'a>>,
    #[serde(borrow, deserialize_with = "nullable")]
    resources: Requests<'a>,
    #[serde(borrow, deserialize_with = "nullable")]
    overhead: Amounts<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Container<'a> {
    #[serde(borrow, deserialize_with = "nullable")]
    resources: Requests<'a>,
    #[serde(borrow)]
    restart_policy: Str<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Requests<'a> {
    #[serde(borrow, deserialize_with = "nullable")]
    requests: Amounts<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Status<'a> {
    #[serde(borrow)]
    phase: Str<'a>,
}

impl Listed for Pod {
    const RESOURCE: &'static str = "pods";

    type Raw<'de> = RawPod<'de>;

    fn slim(raw: Self::Raw<'_>, context: &ContextId) -> Self {
        let RawPod { metadata, spec, status } = raw;
        Self {
            key: PodKey {
                context: context.clone(),
                name: format_smolstr!("{}/{}", &*metadata.namespace, &*metadata.name),
            },
            node: spec.node_name.some(),
            phase: match &*status.phase {
                "Pending" => PodPhase::Pending,
                "Running" => PodPhase::Running,
                "Succeeded" => PodPhase::Succeeded,
                "Failed" => PodPhase::Failed,
                _ => PodPhase::Unknown,
            },
            requests: requests(&spec),
            owner: owner(&metadata.owner_references),
        }
    }
}

impl Object for Pod {
    fn meta<'a, 'de>(raw: &'a Self::Raw<'de>) -> &'a Meta<'de> {
        &raw.metadata
    }

    fn name(&self) -> &SmolStr {
        &self.key.name
    }
}

/// What kind of object controls a pod.
pub(super) fn owner(references: &[Owner<'_>]) -> OwnerKind {
    let owner = references.iter().find(|o| o.controller == Some(true));
    owner.map_or(OwnerKind::None, |owner| match &*owner.kind {
        "DaemonSet" => OwnerKind::DaemonSet,
        "ReplicaSet" => OwnerKind::ReplicaSet,
        "StatefulSet" => OwnerKind::StatefulSet,
        "Job" => OwnerKind::Job,
        "Node" => OwnerKind::Node,
        _ => OwnerKind::Other,
    })
}

/// What the scheduler counts: containers and sidecars together, or the largest moment of the start (an init
/// container beside the sidecars started before it), whichever is more; a request of the pod itself in their
/// place; then the overhead of its runtime. One pod slot.
fn requests(spec: &Spec<'_>) -> Resources {
    let of = |container: &Container<'_>| container.resources.requests.resources();
    let mut running = spec.containers.iter().map(of).fold(Resources::default(), plus);
    let (mut sidecars, mut starting) = (Resources::default(), Resources::default());
    for container in &spec.init_containers {
        let own = of(container);
        if &*container.restart_policy == "Always" {
            running = plus(running, own);
            sidecars = plus(sidecars, own);
            starting = most(starting, sidecars);
        } else {
            starting = most(starting, plus(own, sidecars));
        }
    }
    let mut total = most(running, starting);
    let pod = &spec.resources.requests;
    total.cpu_milli = pod.cpu_milli().unwrap_or(total.cpu_milli);
    total.memory = pod.memory().unwrap_or(total.memory);
    Resources {
        pods: 1,
        ..plus(total, spec.overhead.resources())
    }
}

fn plus(a: Resources, b: Resources) -> Resources {
    Resources {
        cpu_milli: a.cpu_milli.saturating_add(b.cpu_milli),
        memory: a.memory.saturating_add(b.memory),
        pods: 0,
    }
}

fn most(a: Resources, b: Resources) -> Resources {
    Resources {
        cpu_milli: a.cpu_milli.max(b.cpu_milli),
        memory: a.memory.max(b.memory),
        pods: 0,
    }
}
