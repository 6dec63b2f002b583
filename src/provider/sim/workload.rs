//! Pods: workloads make them, the scheduler binds them to ready nodes, a drain evicts them one by one.

use smol_str::{SmolStr, format_smolstr};

use super::names::suffix;
use super::node::gib;
use super::noise::{hash, unit};
use super::scenario::{ClusterSpec, Shape};
use super::state::{Cluster, ClusterNo, Event, SimPod, State, Workload};
use crate::fleet::{OwnerKind, Pod, PodKey, PodPhase, Readiness, Resources};

/// What runs in a cluster: name, owner, requested milli-cores and MiB.
const WORKLOADS: &[(&str, OwnerKind, u64, u64)] = &[
    ("kube-system/coredns-6b4dc9f7c8", OwnerKind::ReplicaSet, 100, 70),
    ("kube-system/metrics-server-5f9d8b7c64", OwnerKind::ReplicaSet, 100, 70),
    ("kube-system/traefik-c98d6f7b5", OwnerKind::ReplicaSet, 50, 64),
    ("shop/web-7d4b9c6f58", OwnerKind::ReplicaSet, 100, 128),
    ("shop/api-5c8f7d9b46", OwnerKind::ReplicaSet, 150, 192),
    ("shop/cart-6f5d8c7b94", OwnerKind::ReplicaSet, 50, 96),
    ("shop/db", OwnerKind::StatefulSet, 200, 384),
    ("queue/worker-84c7f5d96b", OwnerKind::ReplicaSet, 120, 160),
    ("obs/prometheus", OwnerKind::StatefulSet, 150, 320),
    ("obs/grafana-59b8d7f6c4", OwnerKind::ReplicaSet, 50, 96),
    ("edge/telemetry-7b9f6d5c84", OwnerKind::ReplicaSet, 40, 48),
];

/// The workloads of a cluster. A `ci` cluster runs jobs, which nobody makes anew.
pub(super) fn workloads(spec: &ClusterSpec) -> Vec<Workload> {
    let make = |&(stem, owner, cpu_milli, mib): &(&str, OwnerKind, u64, u64)| Workload {
        stem: stem.into(),
        owner,
        requests: Resources {
            cpu_milli,
            memory: mib * 1_048_576,
            pods: 1,
        },
    };
    let mut all: Vec<Workload> = WORKLOADS.iter().map(make).collect();
    if spec.shape == Shape::Ci {
        all.truncate(3);
        all.push(make(&("ci/e2e", OwnerKind::Job, 200, 256)));
    }
    all
}

/// What K3s itself deploys: name, milli-cores, MiB, and the word that leaves it out.
const SYSTEM: [(&str, u64, u64, &str); 4] = [
    ("kube-system/coredns-6b4dc9f7c8", 100, 70, "coredns"),
    ("kube-system/local-path-provisioner-7c9d5b8f64", 0, 0, "local-storage"),
    ("kube-system/metrics-server-5f9d8b7c64", 100, 70, "metrics-server"),
    ("kube-system/traefik-c98d6f7b5", 0, 0, "traefik"),
];

/// The workloads of a cluster that was just launched, without those whose names are in `disable`.
pub(super) fn system_workloads(disable: &str) -> Vec<Workload> {
    let wanted = SYSTEM
        .iter()
        .filter(|(.., word)| disable.split_whitespace().all(|off| off != *word));
    let make = |&(stem, cpu_milli, mib, _): &(&str, u64, u64, &str)| Workload {
        stem: stem.into(),
        owner: OwnerKind::ReplicaSet,
        requests: Resources {
            cpu_milli,
            memory: mib * 1_048_576,
            pods: 1,
        },
    };
    wanted.map(make).collect()
}

impl Workload {
    /// `namespace/name` of the object itself: the pods of a ReplicaSet also carry its template's hash.
    pub(super) fn name(&self) -> &str {
        match self.owner {
            OwnerKind::ReplicaSet => self.stem.rsplit_once('-').map_or(&self.stem, |(name, _)| name),
            _ => &self.stem,
        }
    }
}

impl Cluster {
    fn admit(&mut self, pod: Pod, workload: Option<usize>) {
        self.pods_made += 1;
        let made = SimPod {
            workload,
            number: self.pods_made,
            ending: false,
            pod,
        };
        self.pods.insert(made.pod.key.name.clone(), made);
    }

    /// Gives a node back what a pod took of it.
    fn free(&mut self, node: &str, requests: &Resources) {
        self.nodes.edit_quietly(node, |n| {
            n.requested.cpu_milli = n.requested.cpu_milli.saturating_sub(requests.cpu_milli);
            n.requested.memory = n.requested.memory.saturating_sub(requests.memory);
            n.requested.pods = n.requested.pods.saturating_sub(1);
        });
    }
}

impl State {
    /// A workload wants one more pod; the scheduler will find it.
    pub(super) fn add_pod(&mut self, no: ClusterNo, workload: usize) {
        let Some(cluster) = self.clusters.get_mut(no) else {
            return;
        };
        let Some(kind) = cluster.workloads.get(workload) else {
            return;
        };
        let name = match kind.owner {
            OwnerKind::StatefulSet => {
                let free = (0..).map(|n: u32| format_smolstr!("{}-{n}", kind.stem));
                free.into_iter()
                    .find(|name| cluster.pods.get(name).is_none())
                    .unwrap_or_default()
            }
            _ => format_smolstr!("{}-{}", kind.stem, suffix(&mut self.rng, 5)),
        };
        let pod = Pod {
            key: PodKey {
                context: cluster.context.clone(),
                name,
            },
            node: None,
            phase: PodPhase::Pending,
            requests: kind.requests,
            owner: kind.owner,
        };
        cluster.admit(pod, Some(workload));
    }

    /// A node gets its pod of the DaemonSet that K3s' service load balancer runs.
    pub(super) fn add_daemon(&mut self, no: ClusterNo, node: &str, running: bool) {
        let Some(cluster) = self
            .clusters
            .get_mut(no)
            .filter(|c| c.has("servicelb") && c.has("traefik"))
        else {
            return;
        };
        let name = format_smolstr!("kube-system/svclb-traefik-8f3c2b1d-{}", suffix(&mut self.rng, 5));
        let requests = Resources {
            cpu_milli: 10,
            memory: gib(0.01),
            pods: 1,
        };
        let pod = Pod {
            key: PodKey {
                context: cluster.context.clone(),
                name: name.clone(),
            },
            node: None,
            phase: PodPhase::Pending,
            requests,
            owner: OwnerKind::DaemonSet,
        };
        cluster.admit(pod, None);
        self.bind(no, &name, node, running);
    }

    /// The scheduler binds the pods that have no node, as far as there is room.
    pub(super) fn schedule(&mut self, no: ClusterNo) {
        self.bind_waiting(no, false);
    }

    /// The same, with every pod that finds a node running at once: how a world begins.
    pub(super) fn settle_pods(&mut self, no: ClusterNo) {
        self.bind_waiting(no, true);
    }

    fn bind_waiting(&mut self, no: ClusterNo, running: bool) {
        let Some(cluster) = self.clusters.get(no) else {
            return;
        };
        let waiting = cluster.pods.iter().filter(|(_, p)| p.pod.node.is_none());
        for (name, requests) in waiting.map(|(n, p)| (n.clone(), p.pod.requests)).collect::<Vec<_>>() {
            if let Some(node) = self.room_for(no, &requests) {
                self.bind(no, &name, &node, running);
            }
        }
    }

    /// The node with the most room for a pod.
    fn room_for(&self, no: ClusterNo, requests: &Resources) -> Option<SmolStr> {
        let nodes = self.clusters.get(no)?.nodes.iter().filter(|(_, n)| {
            let node = &n.node;
            node.schedulable
                && node.ready == Readiness::Ready
                && node.taints.is_empty()
                && n.requested.cpu_milli + requests.cpu_milli <= node.allocatable.cpu_milli
                && n.requested.memory + requests.memory <= node.allocatable.memory
                && n.requested.pods < node.allocatable.pods
        });
        nodes
            .min_by_key(|(_, n)| n.requested.cpu_milli * 1000 / n.node.allocatable.cpu_milli.max(1))
            .map(|(name, _)| name.clone())
    }

    fn bind(&mut self, no: ClusterNo, name: &SmolStr, node: &str, running: bool) {
        let Some(cluster) = self.clusters.get_mut(no) else {
            return;
        };
        let requests = cluster.pods.edit(name, |p| {
            p.pod.node = Some(node.into());
            if running {
                p.pod.phase = PodPhase::Running;
            }
            p.pod.requests
        });
        let Some(requests) = requests else {
            return;
        };
        cluster.nodes.edit_quietly(node, |n| {
            n.requested.cpu_milli += requests.cpu_milli;
            n.requested.memory += requests.memory;
            n.requested.pods += 1;
        });
        if !running {
            let pull = self.between(2.0, 5.0);
            self.after(pull, Event::Start(no, name.clone()));
        }
    }

    /// A bound pod's containers run.
    pub(super) fn start_pod(&mut self, no: ClusterNo, name: &str) {
        let Some(cluster) = self.clusters.get_mut(no) else {
            return;
        };
        let waits = |p: &&SimPod| p.pod.phase == PodPhase::Pending && p.pod.node.is_some() && !p.ending;
        let Some((owner, number)) = cluster.pods.get(name).filter(waits).map(|p| (p.pod.owner, p.number)) else {
            return;
        };
        cluster.pods.edit(name, |p| p.pod.phase = PodPhase::Running);
        if owner == OwnerKind::Job {
            // Not drawn: that a job ends must not change what else happens.
            let secs = 90.0 + 150.0 * unit(hash(self.seed, &["job", name]));
            self.after(secs, Event::JobDone(no, name.into(), number));
        }
    }

    /// A job's pod has done its work: it stays, and takes nothing of its node any longer.
    pub(super) fn job_done(&mut self, no: ClusterNo, name: &SmolStr, number: u64) {
        let Some(cluster) = self.clusters.get_mut(no) else {
            return;
        };
        let runs = |p: &&SimPod| p.number == number && p.pod.phase == PodPhase::Running && !p.ending;
        let Some(node) = cluster.pods.get(name).filter(runs).map(|p| p.pod.node.clone()) else {
            return;
        };
        let done = cluster.pods.edit(name, |p| {
            p.pod.phase = PodPhase::Succeeded;
            p.pod.requests
        });
        if let Some((node, requests)) = node.zip(done) {
            cluster.free(&node, &requests);
        }
    }

    /// A pod is gone. Its workload makes a new one, unless it had done its work.
    pub(super) fn delete_pod(&mut self, no: ClusterNo, name: &str) {
        let Some(cluster) = self.clusters.get_mut(no) else {
            return;
        };
        let Some(SimPod { pod, workload, .. }) = cluster.pods.remove(name) else {
            return;
        };
        if !pod.phase.holds_resources() {
            return;
        }
        if let Some(node) = &pod.node {
            cluster.free(node, &pod.requests);
        }
        if let Some(workload) = workload {
            self.add_pod(no, workload);
            self.after(1.0, Event::Schedule(no));
        }
    }

    /// A node is cordoned, and its pods are evicted one after the other.
    pub(super) fn drain(&mut self, no: ClusterNo, node: &str) {
        self.cordon(no, node, true);
        self.after(2.0, Event::Evict(no, node.into()));
    }

    /// The next pod of a draining node is evicted. DaemonSet pods stay.
    pub(super) fn evict_next(&mut self, no: ClusterNo, node: &str) {
        let Some(cluster) = self.clusters.get(no) else {
            return;
        };
        if cluster.nodes.get(node).is_none_or(|n| n.node.schedulable) {
            return;
        }
        let mut bound = cluster.pods.iter().filter(|(_, p)| p.pod.node.as_deref() == Some(node));
        let next = bound.find(|(_, p)| !matches!(p.pod.owner, OwnerKind::DaemonSet | OwnerKind::Node));
        let next = next.map(|(name, _)| name.clone());
        drop(bound);
        if let Some(name) = next {
            self.delete_pod(no, &name);
            let secs = self.between(2.0, 4.5);
            self.after(secs, Event::Evict(no, node.into()));
        }
    }
}
