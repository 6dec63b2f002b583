//! Kubernetes nodes and pods, reduced to what the fleet reads of them.

use std::net::IpAddr;

use jiff::Timestamp;
use smol_str::SmolStr;

use super::{Arch, NodeKey, PodKey};

/// A Kubernetes node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Node {
    /// Context and name.
    pub key: NodeKey,
    /// `metadata.creationTimestamp`: when it joined.
    pub joined_at: Option<Timestamp>,
    /// The `Ready` condition.
    pub ready: Readiness,
    /// `lastTransitionTime` of the `Ready` condition.
    pub ready_since: Option<Timestamp>,
    /// `reason` of the `Ready` condition when it is not `True`.
    pub not_ready_reason: Option<SmolStr>,
    /// Not `spec.unschedulable`.
    pub schedulable: bool,
    /// Server or agent, from the `node-role.kubernetes.io/…` labels (K3s agents carry none).
    pub role: Role,
    /// The `EtcdIsVoter` condition that K3s sets on servers with embedded etcd.
    pub etcd_voter: Option<bool>,
    /// `status.nodeInfo.kubeletVersion`, such as `v1.36.4+k3s1`.
    pub version: SmolStr,
    /// `status.nodeInfo.architecture`.
    pub arch: Option<Arch>,
    /// `status.nodeInfo.osImage`.
    pub os: SmolStr,
    /// `status.nodeInfo.kernelVersion`.
    pub kernel: SmolStr,
    /// First `InternalIP` address.
    pub internal_ip: Option<IpAddr>,
    /// `spec.providerID`, such as `aws:///eu-west-1a/i-…` or `k3s://name`.
    pub provider_id: Option<SmolStr>,
    /// Label `kubernetes.io/hostname`.
    pub hostname: Option<SmolStr>,
    /// Label `node.kubernetes.io/instance-type`, but for K3s' own placeholder `k3s`.
    pub instance_type: Option<SmolStr>,
    /// Label `topology.kubernetes.io/zone`.
    pub zone: Option<SmolStr>,
    /// Annotation `k3fleet.dev/ssh`, `user@host:port`.
    pub ssh: Option<SmolStr>,
    /// Annotation `k3fleet.dev/old-token`, `server` or `agent`: its machine still goes by a token that its cluster has given
    /// up, for it could not be reached when that changed.
    pub old_token: Option<Role>,
    /// `status.allocatable`.
    pub allocatable: Resources,
    /// `spec.taints`, each as `key=value:Effect` or `key:Effect`.
    pub taints: Box<[SmolStr]>,
    /// Names of true pressure conditions, such as `MemoryPressure`.
    pub pressures: Box<[SmolStr]>,
}

/// The `Ready` condition of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Readiness {
    /// `True`.
    Ready,
    /// `False`: the kubelet says it is not ready.
    NotReady,
    /// `Unknown`, or no such condition: the kubelet has stopped reporting.
    Unknown,
}

/// What a machine does in its cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Runs the control plane.
    Server,
    /// Runs workloads only.
    Agent,
}

impl Role {
    /// `server` or `agent`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Agent => "agent",
        }
    }

    /// From a tag's value, leniently: `server`, `control-plane`, `agent`, `worker`, and names that end so.
    pub fn parse(word: &str) -> Option<Self> {
        let word = word.to_ascii_lowercase();
        if ["server", "servers", "control-plane", "master"]
            .iter()
            .any(|w| word.ends_with(w))
        {
            Some(Self::Server)
        } else if ["agent", "agents", "worker", "workers"]
            .iter()
            .any(|w| word.ends_with(w))
        {
            Some(Self::Agent)
        } else {
            None
        }
    }
}

/// CPU, memory and pod slots.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Resources {
    /// Thousandths of a core.
    pub cpu_milli: u64,
    /// Bytes.
    pub memory: u64,
    /// Pods.
    pub pods: u32,
}

/// A pod that is bound, or waits to be bound, to a node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pod {
    /// Context, namespace and name.
    pub key: PodKey,
    /// `spec.nodeName`, once scheduled.
    pub node: Option<SmolStr>,
    /// `status.phase`.
    pub phase: PodPhase,
    /// Sum of the containers' requests, by Kubernetes' rule (init containers counted as a maximum).
    pub requests: Resources,
    /// Kind of the controlling owner.
    pub owner: OwnerKind,
}

/// `status.phase` of a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PodPhase {
    /// Accepted, not running yet.
    Pending,
    /// Running.
    Running,
    /// Ended well; holds no resources.
    Succeeded,
    /// Ended badly; holds no resources.
    Failed,
    /// Not reported.
    Unknown,
}

impl PodPhase {
    /// Whether the pod's requests count against its node.
    pub fn holds_resources(self) -> bool {
        !matches!(self, Self::Succeeded | Self::Failed)
    }
}

/// The kind of object that owns a pod: it decides what a drain may do with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum OwnerKind {
    /// Nobody: lost when evicted.
    None,
    /// A DaemonSet: stays through a drain.
    DaemonSet,
    /// A ReplicaSet.
    ReplicaSet,
    /// A StatefulSet.
    StatefulSet,
    /// A Job.
    Job,
    /// A Node: a static pod.
    Node,
    /// Something else.
    Other,
}

/// What a node uses now, as metrics.k8s.io tells.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NodeUsage {
    /// Whose usage.
    pub node: NodeKey,
    /// Thousandths of a core.
    pub cpu_milli: u64,
    /// Bytes.
    pub memory: u64,
}

/// What is used of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Usage {
    /// Thousandths of a core.
    pub cpu_milli: u64,
    /// Bytes.
    pub memory: u64,
}

impl From<&NodeUsage> for Usage {
    fn from(told: &NodeUsage) -> Self {
        Self {
            cpu_milli: told.cpu_milli,
            memory: told.memory,
        }
    }
}

/// An API server as seen through one kube context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KubeServer {
    /// The context.
    pub context: super::ContextId,
    /// `gitVersion` of `/version`; K3s' contains `+k3s`.
    pub version: SmolStr,
    /// The server's URL.
    pub endpoint: SmolStr,
}

impl KubeServer {
    /// Whether it is a K3s server.
    pub fn is_k3s(&self) -> bool {
        self.version.contains("+k3s")
    }
}
