//! The stack of a highly available cluster, as far as it is seen: how CloudFormation says that it stands, how many events
//! wait in its queues, and what AWS has told of its machines lately.
//!
//! The same event may be seen more than once; it is kept once. Few are kept: whoever looks wants to know what happens now.

use std::collections::VecDeque;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::{ClusterId, Fleet, InstanceId, MachineId, Severity};

/// How many events are kept of a cluster.
const KEPT: usize = 50;
/// What Auto Scaling says once it has let a machine go: after the reaper is done with it, or its time is over.
pub const MACHINE_ENDED: &str = "EC2 Instance Terminate Successful";
/// What Auto Scaling says when a machine shall go and waits for the reaper.
const ENDING: &str = "EC2 Instance-terminate Lifecycle Action";

/// How a stack or one of its resources stands, in CloudFormation's words, such as `CREATE_IN_PROGRESS`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StackStatus(pub SmolStr);

impl StackStatus {
    /// Whether something is being done still.
    pub fn is_moving(&self) -> bool {
        self.0.ends_with("_IN_PROGRESS") && !self.is_in_review()
    }

    /// Whether there is a change set for a stack that was never made.
    pub fn is_in_review(&self) -> bool {
        self.0 == "REVIEW_IN_PROGRESS"
    }

    /// Whether what was asked for has failed, or was undone for that.
    pub fn has_failed(&self) -> bool {
        self.0.contains("FAILED") || self.0.contains("ROLLBACK")
    }

    /// Whether it failed so that it can be taken back to how it was before.
    pub fn can_go_back(&self) -> bool {
        matches!(self.0.as_str(), "CREATE_FAILED" | "UPDATE_FAILED")
    }

    /// Whether it was made, or changed, as it was asked for.
    pub fn is_good(&self) -> bool {
        !self.has_failed() && (self.0 == "CREATE_COMPLETE" || self.0.starts_with("UPDATE_COMPLETE"))
    }

    /// Whether it is deleted.
    pub fn is_gone(&self) -> bool {
        self.0 == "DELETE_COMPLETE"
    }
}

/// Whether what a stack made is still as its template says (`DriftInformation`).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct StackDrift {
    /// Something was changed behind CloudFormation's back.
    pub drifted: bool,
    /// When CloudFormation last looked: it does so only when it is asked to.
    pub checked_at: Option<Timestamp>,
}

/// A cluster's stack as it stands (`cloudformation:DescribeStacks`).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClusterStack {
    /// The cluster.
    pub cluster: ClusterId,
    /// The stack's name.
    pub name: SmolStr,
    /// How it stands.
    pub status: StackStatus,
    /// Why, where CloudFormation tells.
    pub reason: Option<SmolStr>,
    /// Whether it has drifted; `None` when nobody has had CloudFormation look, or a look is not over.
    pub drift: Option<StackDrift>,
}

/// How many messages are in a queue, about (`sqs:GetQueueAttributes`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct QueueDepth {
    /// How many wait.
    pub waiting: u64,
    /// How many are being worked on, or were and wait to be tried again.
    pub taken: u64,
    /// When the oldest of them was sent, about (`cloudwatch:GetMetricStatistics`); `None` where it is empty, and where
    /// CloudWatch does not tell: it is some minutes late.
    pub oldest_at: Option<Timestamp>,
}

impl QueueDepth {
    /// How many are not done.
    pub fn open(self) -> u64 {
        self.waiting.saturating_add(self.taken)
    }
}

/// How a cluster's queues stand. How old the oldest message is CloudWatch tells late, if at all; since when the reaper is
/// behind is what is seen from here ([`Stacked::behind_since`]).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClusterQueues {
    /// The cluster.
    pub cluster: ClusterId,
    /// The queue from which the reaper takes events; `None` when the stack names none, or it could not be read.
    pub reaper: Option<QueueDepth>,
    /// The queue of the events that nobody could work on; `None` likewise.
    pub dead: Option<QueueDepth>,
    /// Why a queue, or the age of its oldest message, could not be read.
    pub why: Option<SmolStr>,
}

/// What EC2 or Auto Scaling said of a cluster's machine, through EventBridge.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClusterEvent {
    /// The cluster.
    pub cluster: ClusterId,
    /// By which it is known again.
    pub id: SmolStr,
    /// When it happened.
    pub at: Timestamp,
    /// What it is, such as `EC2 Spot Instance Interruption Warning`.
    pub kind: SmolStr,
    /// The instance it is about.
    pub instance: Option<InstanceId>,
    /// What is said of it: the state of a state change, the action of a warning.
    pub says: Option<SmolStr>,
    /// The Auto Scaling group it is about.
    pub asg: Option<SmolStr>,
}

impl ClusterEvent {
    /// It in one line, without its time and its machine.
    pub fn line(&self) -> String {
        let kind = self.kind.strip_prefix("EC2 ").unwrap_or(&self.kind);
        let says = self.says.as_ref().map(|says| format!(": {says}")).unwrap_or_default();
        let asg = self.asg.as_ref().map(|asg| format!(" · {asg}")).unwrap_or_default();
        format!("{kind}{says}{asg}")
    }

    /// How much it wants looking at.
    pub fn severity(&self) -> Severity {
        match self.kind.as_str() {
            "EC2 Spot Instance Interruption Warning" => Severity::Critical,
            "EC2 Instance Rebalance Recommendation" => Severity::Warning,
            kind if kind.ends_with("Unsuccessful") => Severity::Warning,
            _ => Severity::Ok,
        }
    }
}

/// What is known of a cluster by its stack.
#[derive(Debug, Default)]
pub struct Stacked {
    stack: Option<ClusterStack>,
    queues: Option<ClusterQueues>,
    behind_since: Option<Timestamp>,
    events: VecDeque<ClusterEvent>,
    ended: Option<(Timestamp, Option<InstanceId>)>,
}

impl Stacked {
    /// The stack; `None` while only events of it are known.
    pub fn stack(&self) -> Option<&ClusterStack> {
        self.stack.as_ref()
    }

    /// Its queues.
    pub fn queues(&self) -> Option<&ClusterQueues> {
        self.queues.as_ref()
    }

    /// Since when the reaper's queue is seen not to be empty. It may have been before, and empty for moments between.
    pub fn behind_since(&self) -> Option<Timestamp> {
        self.behind_since
    }

    /// The latest events, the newest first.
    pub fn events(&self) -> impl ExactSizeIterator<Item = &ClusterEvent> {
        self.events.iter()
    }

    /// The newest end of a machine that was seen: once Auto Scaling says so, the reaper is done with it or was too slow.
    pub fn last_ended(&self) -> Option<(Timestamp, Option<&InstanceId>)> {
        self.ended.as_ref().map(|(at, instance)| (*at, instance.as_ref()))
    }

    /// Takes an event in; gives whether it was not known.
    fn add(&mut self, event: &ClusterEvent) -> bool {
        if self.events.iter().any(|known| known.id == event.id) {
            return false;
        }
        if event.kind == MACHINE_ENDED && self.ended.as_ref().is_none_or(|(at, _)| *at <= event.at) {
            self.ended = Some((event.at, event.instance.clone()));
        }
        let place = self
            .events
            .partition_point(|known| (known.at, &known.id) > (event.at, &event.id));
        if place >= KEPT {
            return false;
        }
        self.events.insert(place, event.clone());
        self.events.truncate(KEPT);
        true
    }
}

impl Fleet {
    /// What is known of a cluster by its stack; `None` where none is seen.
    pub fn stacked(&self, cluster: &ClusterId) -> Option<&Stacked> {
        self.stacks.get(cluster)
    }

    /// All clusters that a stack or its events are seen of.
    pub fn stacks(&self) -> impl Iterator<Item = (&ClusterId, &Stacked)> {
        self.stacks.iter()
    }

    pub(super) fn apply_stack(&mut self, stack: ClusterStack) {
        let entry = self.stacks.entry(stack.cluster.clone()).or_default();
        entry.stack = Some(stack);
    }

    pub(super) fn apply_queues(&mut self, queues: ClusterQueues, at: Timestamp) {
        let entry = self.stacks.entry(queues.cluster.clone()).or_default();
        entry.behind_since = match queues.reaper {
            Some(depth) if depth.open() > 0 => entry.behind_since.or(Some(at)),
            _ => None,
        };
        entry.queues = Some(queues);
    }

    pub(super) fn apply_event(&mut self, event: ClusterEvent) {
        let entry = self.stacks.entry(event.cluster.clone()).or_default();
        if !entry.add(&event) || event.kind != ENDING {
            // What becomes of machines is told where it is seen: by their instances, notices and scaling activities.
            return;
        }
        if let Some(instance) = event.instance {
            let group = event.asg.map(|asg| format!(" of {asg}")).unwrap_or_default();
            let text = format!("{instance}{group} shall end: the reaper drains it");
            let machine = Some(MachineId::Instance(instance));
            self.log.push(event.at, Severity::Info, machine, text);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fleet::testing::*;
    use crate::fleet::{Observation, Scope};

    fn cluster() -> ClusterId {
        ClusterId {
            name: "prod".into(),
            home: Some(Scope::new("", "eu-west-1")),
        }
    }

    fn event(n: i64, kind: &str) -> ClusterEvent {
        ClusterEvent {
            cluster: cluster(),
            id: format!("e-{n}").into(),
            at: minutes_ago(1000 - n),
            kind: kind.into(),
            instance: Some(instance_id(n as usize)),
            says: None,
            asg: Some("workers".into()),
        }
    }

    fn depth(world: &mut World, waiting: u64, minutes: i64) {
        let queues = ClusterQueues {
            cluster: cluster(),
            reaper: Some(holding(waiting, 0)),
            dead: Some(holding(0, 0)),
            why: None,
        };
        world.see_at(Observation::Queues(Box::new(queues)), minutes_ago(minutes));
    }

    #[test]
    fn since_when_the_reaper_is_behind_is_told_until_it_has_caught_up() {
        let mut world = World::default();
        let since = |world: &World| world.0.stacked(&cluster()).unwrap().behind_since();
        depth(&mut world, 2, 9);
        depth(&mut world, 1, 5);
        assert_eq!(since(&world), Some(minutes_ago(9)));
        depth(&mut world, 0, 4);
        assert_eq!(since(&world), None);
        depth(&mut world, 1, 3);
        assert_eq!(since(&world), Some(minutes_ago(3)));
    }

    #[test]
    fn a_machine_that_shall_end_is_told_once_and_the_last_end_is_known() {
        let mut world = World::default();
        for n in [1, 2, 1] {
            world.see(Observation::Event(Box::new(event(n, ENDING))));
        }
        let told: Vec<_> = world.0.log().entries().map(|entry| entry.text.clone()).collect();
        assert_eq!(told.len(), 2, "{told:?}");
        world.see(Observation::Event(Box::new(event(4, MACHINE_ENDED))));
        world.see(Observation::Event(Box::new(event(3, MACHINE_ENDED))));
        let stacked = world.0.stacked(&cluster()).unwrap();
        assert_eq!(stacked.last_ended(), Some((minutes_ago(996), Some(&instance_id(4)))));
        assert_eq!(
            world.0.log().entries().len(),
            2,
            "what else happens is told where it is seen"
        );
    }

    proptest! {
        #[test]
        fn no_event_is_there_twice_and_the_newest_stay(order in prop::collection::vec(0_i64..90, 0..300)) {
            let mut world = World::default();
            for n in &order {
                world.see(Observation::Event(Box::new(event(*n, "EC2 Instance State-change Notification"))));
            }
            let mut expected = order;
            expected.sort_unstable_by(|a, b| b.cmp(a));
            expected.dedup();
            expected.truncate(KEPT);
            let expected: Vec<_> = expected.into_iter().map(|n| format!("e-{n}")).collect();
            let stacked = world.0.stacked(&cluster());
            let kept: Vec<_> = stacked.iter().flat_map(|s| s.events()).map(|e| e.id.to_string()).collect();
            prop_assert_eq!(kept, expected);
        }
    }
}
