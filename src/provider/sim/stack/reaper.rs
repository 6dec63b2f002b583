//! The reaper: takes the events of its queue, and does to the nodes of its cluster what they ask for. What it cannot do
//! goes back to the queue, and in the end to the dead letters.

use jiff::SignedDuration;
use smol_str::SmolStr;

use super::super::clock::later;
use super::super::state::{ClusterNo, Event, State};
use super::queue::Said;
use super::{StackNo, Stands};
use crate::fleet::{InstanceId, InstanceState};

/// k3fleet's own event.
pub(super) const TEST: &str = "k3fleet test";
const WARNING: &str = "EC2 Spot Instance Interruption Warning";
const REBALANCE: &str = "EC2 Instance Rebalance Recommendation";
const ENDS: &str = "EC2 Instance-terminate Lifecycle Action";
const STATE: &str = "EC2 Instance State-change Notification";
/// From an event to the reaper's hands, in seconds.
const REACHES: f64 = 1.0;
/// How long a drain goes on at most before a machine that waits is released.
const DRAINS: SignedDuration = SignedDuration::from_secs(100);

impl State {
    /// The reaper looks at its queue soon.
    pub(super) fn wake_reaper(&mut self, no: StackNo) {
        if self
            .stacks
            .get(no)
            .is_some_and(|s| s.queues.values().any(|queue| !queue.messages.is_empty()))
        {
            self.after(REACHES, Event::Reap(no));
        }
    }

    /// Whether a stack's function gets the events of its queue.
    fn reaper_runs(&self, no: StackNo) -> bool {
        let Some(stack) = self.stacks.get(no) else { return false };
        let mapping = stack
            .parts
            .iter()
            .find(|(_, part)| part.kind == "AWS::Lambda::EventSourceMapping");
        let Some((name, _)) = mapping else { return false };
        let jobs = stack.work.iter().flat_map(|w| &w.jobs);
        let mut own = jobs.filter(|job| job.resource == *name);
        own.all(|job| job.stands == Stands::Done)
    }

    /// The reaper takes what lies in its queue.
    pub(in super::super) fn reap(&mut self, no: StackNo) {
        let now = self.now;
        if !self.reaper_runs(no) {
            return;
        }
        let Some(stack) = self.stacks.get_mut(no) else { return };
        let Some((url, queue)) = stack.queues.iter_mut().find(|(_, queue)| queue.dead.is_some()) else {
            return;
        };
        let (url, hides) = (url.clone(), queue.hides);
        let mut taken = vec![];
        for message in &mut queue.messages {
            if message.taken_until.is_none_or(|until| until <= now) {
                message.tries += 1;
                message.taken_until = Some(later(now, SignedDuration::from_secs(hides)));
                taken.push((message.event.clone(), message.tries));
            }
        }
        let most = queue.dead.as_ref().map_or(u32::MAX, |(_, most)| *most);
        for (event, tries) in taken {
            if tries > most {
                self.bury(no, &url, &event.id);
            } else if self.answers(no) {
                self.do_as_told(no, &event.kind, event.says.as_deref(), event.instance.as_deref());
                self.delete_message(no, &url, &event.id);
            } else {
                // It comes back when nobody has done it in time.
                let until = later(now, SignedDuration::from_secs(hides));
                self.at(until, Event::Reap(no));
            }
        }
    }

    fn delete_message(&mut self, no: StackNo, url: &str, id: &str) {
        if let Some(queue) = self.stacks.get_mut(no).and_then(|s| s.queues.get_mut(url)) {
            queue.messages.retain(|m| m.event.id != id);
        }
    }

    fn bury(&mut self, no: StackNo, url: &str, id: &str) {
        let now = self.now;
        let Some(stack) = self.stacks.get_mut(no) else { return };
        let Some(queue) = stack.queues.get_mut(url) else { return };
        let dead = queue.dead.clone();
        let place = queue.messages.iter().position(|m| m.event.id == id);
        let message = place.map(|place| queue.messages.remove(place));
        if let Some(((arn, _), message)) = dead.zip(message)
            && let Some(queue) = stack.queue_at(&arn)
        {
            queue.put(message.event, now);
        }
    }

    /// The cluster of a stack.
    pub(super) fn cluster_of_stack(&self, no: StackNo) -> Option<ClusterNo> {
        let id = &self.stacks.get(no)?.id;
        self.groups
            .iter()
            .rfind(|g| g.stack.as_ref() == Some(id))
            .map(|g| g.cluster)
    }

    fn answers(&self, no: StackNo) -> bool {
        self.cluster_of_stack(no).is_some_and(|cluster| self.api_up(cluster))
    }

    /// Does what an event asks for, if it is about a node of the cluster.
    fn do_as_told(&mut self, no: StackNo, kind: &str, says: Option<&str>, instance: Option<&str>) {
        let Some((cluster, id)) = self.cluster_of_stack(no).zip(instance.map(InstanceId::new)) else {
            return;
        };
        // A node is named after its instance.
        let node = SmolStr::new(id.as_str());
        let there = self.clusters.get(cluster).is_some_and(|c| c.nodes.get(&node).is_some());
        match (kind, says) {
            (WARNING, _) if there => self.drain(cluster, &node),
            (REBALANCE, _) | (STATE, Some("stopping" | "stopped")) if there => self.cordon(cluster, &node, true),
            (ENDS, _) => {
                if there {
                    self.drain(cluster, &node);
                }
                let until = later(self.now, DRAINS);
                self.after(2.0, Event::Release(no, id, until));
            }
            (STATE, Some("shutting-down" | "terminated")) if there => {
                let ends = |id: &InstanceId| {
                    self.machines
                        .get(id)
                        .is_none_or(|m| m.instance.state == InstanceState::ShuttingDown)
                };
                if ends(&id) {
                    self.delete_node(cluster, &node);
                }
            }
            _ => {}
        }
    }

    /// A machine that waits for the reaper is released once its node is drained: the node is deleted, and the machine ends.
    pub(in super::super) fn release(&mut self, no: StackNo, id: &InstanceId, until: jiff::Timestamp) {
        let node = SmolStr::new(id.as_str());
        let Some(cluster) = self.cluster_of_stack(no) else {
            return;
        };
        let moves = |p: &super::super::state::SimPod| {
            let stays = matches!(
                p.pod.owner,
                crate::fleet::OwnerKind::DaemonSet | crate::fleet::OwnerKind::Node
            );
            p.pod.node.as_deref() == Some(&*node) && !stays && p.pod.phase.holds_resources()
        };
        let busy = self
            .clusters
            .get(cluster)
            .is_some_and(|c| c.pods.iter().any(|(_, p)| moves(p)));
        if busy && self.now < until {
            self.after(2.0, Event::Release(no, id.clone(), until));
            return;
        }
        self.leaves_for_good(id);
        if self.clusters.get(cluster).is_some_and(|c| c.nodes.get(&node).is_some()) {
            self.delete_node(cluster, &node);
        }
    }

    /// What an instance's new state is told as.
    pub(in super::super) fn say_state(&mut self, id: &InstanceId, state: &str) {
        let said = Said {
            kind: STATE,
            says: Some(state),
            asg: None,
        };
        self.say_of(id, &said);
    }

    /// A spot instance is to be taken back.
    pub(in super::super) fn say_warning(&mut self, id: &InstanceId) {
        for (kind, says) in [(REBALANCE, None), (WARNING, Some("terminate"))] {
            let said = Said { kind, says, asg: None };
            self.say_of(id, &said);
        }
    }

    /// What Auto Scaling says of a member of a group.
    pub(in super::super) fn say_member(&mut self, id: &InstanceId, kind: &str, says: Option<&str>) {
        let group = self.machines.get(id).and_then(|m| self.groups.get(m.group?));
        let Some(asg) = group.filter(|g| g.stack.is_some() && !g.fleet).map(|g| g.name.clone()) else {
            return;
        };
        let said = Said {
            kind,
            says,
            asg: Some(asg),
        };
        self.say_of(id, &said);
    }

    /// A spot machine was launched.
    pub(in super::super) fn say_fulfilled(&mut self, id: &InstanceId) {
        let said = Said {
            kind: "EC2 Spot Instance Request Fulfillment",
            says: None,
            asg: None,
        };
        self.say_of(id, &said);
    }

    /// Whether a cluster's nodes are seen to by a reaper.
    pub(in super::super) fn is_reaped(&self, id: &InstanceId) -> bool {
        let group = self.machines.get(id).and_then(|m| self.groups.get(m.group?));
        group.is_some_and(|g| g.stack.is_some())
    }
}
