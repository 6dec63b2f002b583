//! The queues of a stack, and what EC2 and Auto Scaling say of machines: every event goes to each queue that the stack's
//! rules name, where operators read it for a few minutes, and where the reaper takes it.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use smol_str::SmolStr;

use super::super::clock::{later, whole};
use super::super::state::State;
use super::value::text;
use super::{Part, SimStack, StackNo};
use crate::fleet::{InstanceId, Scope};
use crate::provider::{CloudEvent, Queue};

/// Events kept in a queue at most.
const MOST: usize = 1_000;

/// A queue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(in super::super) struct SimQueue {
    arn: SmolStr,
    /// For how many seconds it keeps a message.
    keeps: i64,
    /// For how many seconds a message that was taken is nobody else's.
    pub(super) hides: i64,
    /// The queue for what could not be done, and after how many tries.
    pub(super) dead: Option<(SmolStr, u32)>,
    pub(super) messages: Vec<Message>,
}

/// A message in a queue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Message {
    pub(super) event: CloudEvent,
    /// How often it was taken.
    pub(super) tries: u32,
    /// Until when it is being worked on.
    pub(super) taken_until: Option<Timestamp>,
    pub(super) sent_at: Timestamp,
}

/// What AWS says of a machine.
pub(in super::super) struct Said<'a> {
    pub(in super::super) kind: &'a str,
    pub(in super::super) says: Option<&'a str>,
    pub(in super::super) asg: Option<SmolStr>,
}

impl SimQueue {
    fn forget(&mut self, now: Timestamp) {
        let keeps = SignedDuration::from_secs(self.keeps);
        self.messages.retain(|m| later(m.sent_at, keeps) > now);
    }

    pub(super) fn put(&mut self, event: CloudEvent, now: Timestamp) {
        self.forget(now);
        if self.messages.len() < MOST {
            self.messages.push(Message {
                event,
                tries: 0,
                taken_until: None,
                sent_at: now,
            });
        }
    }
}

impl SimStack {
    /// The URLs of the queues that events go to: all but those for what could not be done.
    fn hearing(&self) -> Vec<SmolStr> {
        if !self.parts.values().any(|part| part.kind == "AWS::Events::Rule") {
            return vec![];
        }
        let dead: Vec<_> = self
            .queues
            .values()
            .filter_map(|q| q.dead.as_ref().map(|(arn, _)| arn))
            .collect();
        let hears = self.queues.iter().filter(|(_, queue)| !dead.contains(&&queue.arn));
        hears.map(|(url, _)| url.clone()).collect()
    }

    /// Its queues as a later run finds them.
    pub(super) fn queues_begin(&mut self, now: Timestamp) {
        for queue in self.queues.values_mut() {
            for message in &mut queue.messages {
                message.sent_at = message.sent_at.min(now);
                message.event.at = message.event.at.min(now);
                message.taken_until = None;
            }
            queue.forget(now);
        }
    }

    /// The queue that an ARN names.
    pub(super) fn queue_at(&mut self, arn: &str) -> Option<&mut SimQueue> {
        self.queues.values_mut().find(|queue| queue.arn == arn)
    }
}

impl State {
    pub(super) fn make_queue(&mut self, no: StackNo, part: &Part, properties: &Value) {
        let number = |at: &str, usual: i64| {
            properties
                .pointer(at)
                .and_then(|v| text(v).parse().ok())
                .unwrap_or(usual)
        };
        let dead = properties
            .pointer("/RedrivePolicy/deadLetterTargetArn")
            .map(|arn| SmolStr::from(text(arn)));
        let tries = u32::try_from(number("/RedrivePolicy/maxReceiveCount", 10)).unwrap_or(u32::MAX);
        let queue = SimQueue {
            arn: part.tells.get("Arn").map(text).unwrap_or_default().into(),
            keeps: number("/MessageRetentionPeriod", 345_600),
            hides: number("/VisibilityTimeout", 30),
            dead: dead.map(|arn| (arn, tries)),
            messages: vec![],
        };
        if let Some(stack) = self.stacks.get_mut(no) {
            stack.queues.insert(part.physical.clone(), queue);
        }
    }

    /// AWS says something of a machine. Events of EC2 go to all clusters of the region, those of Auto Scaling to the
    /// cluster whose group it is.
    pub(in super::super) fn say_of(&mut self, id: &InstanceId, said: &Said<'_>) {
        let Some(scope) = self.machines.get(id).map(|m| m.instance.scope.clone()) else {
            return;
        };
        let here = |s: &SimStack| {
            let own = |asg: &SmolStr| s.parts.values().any(|part| part.physical == *asg);
            s.scope == scope && !s.queues.is_empty() && said.asg.as_ref().is_none_or(own)
        };
        let stacks: Vec<StackNo> = (0..)
            .zip(&self.stacks)
            .filter(|(_, s)| here(s))
            .map(|(no, _)| no)
            .collect();
        if stacks.is_empty() {
            return;
        }
        let event = CloudEvent {
            id: self.names.uuid(&mut self.rng),
            at: whole(self.now),
            kind: said.kind.into(),
            instance: Some(id.as_str().into()),
            says: said.says.map(Into::into),
            asg: said.asg.clone(),
        };
        for no in stacks {
            let urls = self.stacks.get(no).map(SimStack::hearing).unwrap_or_default();
            for url in urls {
                self.send(no, &url, event.clone());
            }
        }
    }

    fn send(&mut self, no: StackNo, url: &str, event: CloudEvent) {
        let now = self.now;
        let queue = self.stacks.get_mut(no).and_then(|s| s.queues.get_mut(url));
        if let Some(queue) = queue {
            queue.put(event, now);
            self.wake_reaper(no);
        }
    }

    fn queue_in(&self, scope: &Scope, url: &str) -> Option<(StackNo, &SimQueue)> {
        let mut all = (0..).zip(&self.stacks).filter(|(_, s)| s.scope == *scope);
        all.find_map(|(no, s)| Some((no, s.queues.get(url)?)))
    }

    /// The messages that lie in a queue, taken or not; `None` where there is no such queue.
    fn lying(&self, scope: &Scope, url: &str) -> Option<impl Iterator<Item = &Message>> {
        let (_, queue) = self.queue_in(scope, url)?;
        let keeps = SignedDuration::from_secs(queue.keeps);
        let there = move |m: &&Message| later(m.sent_at, keeps) > self.now;
        Some(queue.messages.iter().filter(there))
    }

    /// When the oldest message of a queue was sent.
    pub(in super::super) fn oldest_in(&self, scope: &Scope, url: &str) -> Option<Timestamp> {
        self.lying(scope, url)?.map(|m| m.sent_at).min()
    }

    /// The events that lie in a queue now; `None` where there is no such queue.
    pub(in super::super) fn events_in(&self, scope: &Scope, url: &str) -> Option<Vec<CloudEvent>> {
        let there = self.lying(scope, url)?.filter(|m| m.taken_until.is_none());
        Some(there.map(|m| m.event.clone()).collect())
    }

    /// How a queue stands; `None` where there is none.
    pub(in super::super) fn told_queue(&self, scope: &Scope, url: &str) -> Option<Queue> {
        let (taken, waiting): (Vec<_>, Vec<_>) = self.lying(scope, url)?.partition(|m| m.taken_until.is_some());
        Some(Queue {
            url: url.into(),
            waiting: waiting.len() as u64,
            taken: taken.len() as u64,
        })
    }

    /// Puts k3fleet's own event into a queue; false where there is none.
    pub(in super::super) fn send_test(&mut self, scope: &Scope, url: &str, id: &str) -> bool {
        let Some(no) = self.queue_in(scope, url).map(|(no, _)| no) else {
            return false;
        };
        let event = CloudEvent {
            id: id.into(),
            at: whole(self.now),
            kind: super::reaper::TEST.into(),
            instance: None,
            says: None,
            asg: None,
        };
        self.send(no, url, event);
        true
    }
}
