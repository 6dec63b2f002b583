//! Pods: what each takes of its node. A pod that is on no node, or has ended, takes nothing and is not kept.

use hashbrown::HashTable;
use smol_str::SmolStr;

use super::entry::NodeEntry;
use super::shelf::{Shelf, Slot, hash};
use super::store::Fleet;
use super::{ContextId, NodeKey, Pod, PodKey};

/// What a pod takes of a node. Its context is its node's, which is there for as long as there are pods on it.
#[derive(Debug)]
pub(super) struct PodEntry {
    name: SmolStr,
    node: Slot,
    cpu_milli: u64,
    memory: u64,
}

impl PodEntry {
    fn is(&self, key: &PodKey, nodes: &Shelf<NodeEntry>) -> bool {
        self.name == key.name && nodes.at(self.node).is_some_and(|n| n.key.context == key.context)
    }
}

/// The pods that take something, by name.
pub(super) type Pods = HashTable<PodEntry>;

impl Fleet {
    pub(super) fn apply_pod(&mut self, pod: Pod) {
        let on = pod.node.filter(|_| pod.phase.holds_resources());
        let requests = pod.requests;
        if let Some(known) = self.pod(&pod.key)
            && (known.cpu_milli, known.memory) == (requests.cpu_milli, requests.memory)
            && self.nodes.at(known.node).map(|n| &n.key.name) == on.as_ref()
        {
            return;
        }
        self.drop_pod(&pod.key);
        let Some(name) = on else { return };
        let key = NodeKey {
            context: pod.key.context,
            name,
        };
        let node = self.node_slot(&key);
        if let Some(entry) = self.nodes.at_mut(node) {
            let sum = &mut entry.requested;
            sum.cpu_milli = sum.cpu_milli.saturating_add(requests.cpu_milli);
            sum.memory = sum.memory.saturating_add(requests.memory);
            sum.pods += 1;
        }
        let entry = PodEntry {
            name: pod.key.name,
            node,
            cpu_milli: requests.cpu_milli,
            memory: requests.memory,
        };
        self.pods.insert_unique(hash(&entry.name), entry, |p| hash(&p.name));
    }

    pub(super) fn drop_pod(&mut self, key: &PodKey) {
        let nodes = &self.nodes;
        let Ok(found) = self.pods.find_entry(hash(&key.name), |p| p.is(key, nodes)) else {
            return;
        };
        let (pod, _) = found.remove();
        if let Some(entry) = self.nodes.at_mut(pod.node) {
            let sum = &mut entry.requested;
            sum.cpu_milli = sum.cpu_milli.saturating_sub(pod.cpu_milli);
            sum.memory = sum.memory.saturating_sub(pod.memory);
            sum.pods = sum.pods.saturating_sub(1);
        }
        self.forget_if_empty(pod.node);
    }

    /// Forgets all pods of a context.
    pub(super) fn drop_pods(&mut self, context: &ContextId) {
        let of_context = |node: &NodeEntry| node.key.context == *context;
        let Self { pods, nodes, .. } = self;
        pods.retain(|pod| !nodes.at(pod.node).is_some_and(of_context));
        let slots: Vec<_> = nodes.slots().collect();
        for slot in slots {
            if let Some(node) = nodes.at_mut(slot).filter(|node| of_context(node)) {
                node.requested = Default::default();
            }
        }
    }

    fn pod(&self, key: &PodKey) -> Option<&PodEntry> {
        self.pods.find(hash(&key.name), |p| p.is(key, &self.nodes))
    }
}
