//! Pods that go because somebody asks for it: evicted if their budgets allow it, or deleted. Either way they are told to
//! end, and are gone once their kubelet has seen to it.

use jiff::SignedDuration;
use smol_str::{SmolStr, format_smolstr};

use super::clock::later;
use super::noise::{hash, nth};
use super::state::{Cluster, ClusterNo, Event, SimPod, State};
use crate::fleet::{OwnerKind, PodPhase};
use crate::provider::{BoundPod, Eviction};

/// How long a kubelet takes to end the pods that waited for it to come back.
const CATCH_UP: SignedDuration = SignedDuration::from_secs(2);
/// Workloads whose pods have an `emptyDir` volume.
const EMPTY_DIR: [&str; 3] = ["kube-system/metrics-server", "kube-system/traefik", "obs/grafana"];

impl State {
    /// The pods that are bound to a node.
    pub(super) fn pods_on(&self, no: ClusterNo, node: &str) -> Vec<BoundPod> {
        let Some(cluster) = self.clusters.get(no) else {
            return Vec::new();
        };
        let bound = cluster.pods.iter().filter(|(_, p)| p.pod.node.as_deref() == Some(node));
        bound.map(|(name, pod)| self.bound(cluster, name, pod)).collect()
    }

    fn bound(&self, cluster: &Cluster, path: &SmolStr, pod: &SimPod) -> BoundPod {
        let (namespace, name) = path.split_once('/').unwrap_or(("", path));
        BoundPod {
            namespace: namespace.into(),
            name: name.into(),
            uid: self.uid(cluster, pod),
            owner: pod.pod.owner,
            finished: matches!(pod.pod.phase, PodPhase::Succeeded | PodPhase::Failed),
            empty_dir: EMPTY_DIR.iter().any(|stem| path.starts_with(stem)),
            ending: pod.ending,
        }
    }

    /// A pod's uid: the same whenever it is asked for, and no other pod's.
    fn uid(&self, cluster: &Cluster, pod: &SimPod) -> SmolStr {
        let key = hash(self.seed, &["pod", cluster.context.as_str()]);
        let number = pod.number.cast_signed();
        let (a, b) = (nth(key, number), nth(key ^ 1, number));
        format_smolstr!(
            "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
            a >> 32,
            a >> 16 & 0xffff,
            a & 0xfff,
            b >> 52,
            b & 0xffff_ffff_ffff
        )
    }

    /// The pod that is meant, if it is still there: one made anew under the same name is another.
    fn meant(&self, no: ClusterNo, pod: &BoundPod) -> Option<(&Cluster, &SimPod)> {
        let cluster = self.clusters.get(no)?;
        let found = cluster.pods.get(&pod.path())?;
        (self.uid(cluster, found) == pod.uid).then_some((cluster, found))
    }

    /// A pod is evicted, if its budget allows it. Budgets do not hold back what does not run.
    pub(super) fn evict(&mut self, no: ClusterNo, pod: &BoundPod) -> Eviction {
        let Some((cluster, found)) = self.meant(no, pod) else {
            return Eviction::Gone;
        };
        let runs = found.pod.phase == PodPhase::Running && !found.ending;
        if let Some(why) = cluster.budget_against(found).filter(|_| runs) {
            return Eviction::Blocked(why);
        }
        let name = found.pod.key.name.clone();
        self.end_pod(no, &name);
        Eviction::Accepted
    }

    /// A pod is deleted, whatever its budget says.
    pub(super) fn delete_bound(&mut self, no: ClusterNo, pod: &BoundPod) {
        if let Some(name) = self.meant(no, pod).map(|(_, found)| found.pod.key.name.clone()) {
            self.end_pod(no, &name);
        }
    }

    /// A pod is told to end. A ReplicaSet and a Job make a new one at once; a StatefulSet waits until the name is free.
    fn end_pod(&mut self, no: ClusterNo, name: &SmolStr) {
        let Some(cluster) = self.clusters.get_mut(no) else {
            return;
        };
        let Some(pod) = cluster.pods.get(name).filter(|p| !p.ending) else {
            return;
        };
        let number = pod.number;
        let Some(node) = pod.pod.node.clone().filter(|_| pod.pod.phase.holds_resources()) else {
            self.delete_pod(no, name);
            return;
        };
        let successor = cluster.pods.edit(name, |p| {
            p.ending = true;
            let at_once = matches!(p.pod.owner, OwnerKind::ReplicaSet | OwnerKind::Job);
            p.workload.take_if(|_| at_once)
        });
        let secs = self.between(2.0, 5.0);
        if self.kubelet_runs(no, &node) {
            self.after(secs, Event::PodEnds(no, name.clone(), number));
        }
        if let Some(workload) = successor.flatten() {
            self.add_pod(no, workload);
            self.after(1.0, Event::Schedule(no));
        }
    }

    /// The containers of a pod have ended: it is gone. A DaemonSet makes a new one for the same node.
    pub(super) fn pod_ends(&mut self, no: ClusterNo, name: &SmolStr, number: u64) {
        let pod = self.clusters.get(no).and_then(|c| c.pods.get(name));
        let Some(pod) = pod.filter(|p| p.number == number && p.ending) else {
            return;
        };
        let (owner, Some(node)) = (pod.pod.owner, pod.pod.node.clone()) else {
            return;
        };
        if !self.kubelet_runs(no, &node) {
            return;
        }
        self.delete_pod(no, name);
        if owner == OwnerKind::DaemonSet {
            self.add_daemon(no, &node, false);
        }
    }

    /// A node's kubelet is back: it ends the pods that were told to end meanwhile.
    pub(super) fn end_waiting(&mut self, no: ClusterNo, node: &str) {
        let Some(cluster) = self.clusters.get(no) else {
            return;
        };
        let waiting = cluster
            .pods
            .iter()
            .filter(|(_, p)| p.ending && p.pod.node.as_deref() == Some(node));
        let waiting: Vec<_> = waiting.map(|(name, p)| (name.clone(), p.number)).collect();
        for (name, number) in waiting {
            self.at(later(self.now, CATCH_UP), Event::PodEnds(no, name, number));
        }
    }

    fn kubelet_runs(&self, no: ClusterNo, node: &str) -> bool {
        let node = self.clusters.get(no).and_then(|c| c.nodes.get(node));
        node.is_some_and(|n| self.posts(n))
    }
}
