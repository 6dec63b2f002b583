//! What EC2 and Auto Scaling say of the machines of highly available clusters: each cluster's queue is read about once a
//! second, and whatever an event is about is asked for anew at once.
//!
//! Messages stay in the queue until they are minutes old, so that any number of operators read them: the same event comes
//! again and again, and is told once. Rules of EventBridge cannot choose by tag: events of instances that are not the
//! cluster's are passed over. One whose instance is not listed yet is looked at again as long as it lies there.
//!
//! Nothing is read where no cluster has a queue. A cluster costs a call a second (two while something lies in its queue)
//! while somebody looks, and one in five seconds while nobody does.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use jiff::Timestamp;
use smol_str::SmolStr;
use tokio::sync::watch;
use tokio::time::timeout;

use super::fault::silence;
use super::ours::Ours;
use super::poll::{Answer, Halt, Next, Poll, Signal};
use super::sink::Sink;
use super::stacks::{OfClusters, cluster, is_of_one};
use crate::fleet::{ClusterEvent, ClusterId, FaultKind, InstanceId, Notice, NoticeKind, Observation};
use crate::provider::{Cloud, CloudEvent};

/// The longest that one queue is waited for, so that it holds up no other.
const LIMIT: Duration = Duration::from_secs(10);
/// How many events are remembered of each cluster.
const REMEMBERED: usize = 2_000;

/// The events of a scope's clusters.
pub(super) struct Events {
    cloud: Arc<dyn Cloud>,
    queues: watch::Receiver<OfClusters>,
    ours: Ours,
    signals: watch::Sender<Signal>,
    told: Vec<(SmolStr, Told)>,
}

impl Events {
    pub(super) fn new(
        cloud: Arc<dyn Cloud>,
        queues: watch::Receiver<OfClusters>,
        ours: Ours,
        signals: watch::Sender<Signal>,
    ) -> Self {
        Self {
            cloud,
            queues,
            ours,
            signals,
            told: vec![],
        }
    }

    /// What has been told of a cluster.
    fn told(&mut self, name: &SmolStr) -> &mut Told {
        let place = self.told.iter().position(|(known, _)| known == name);
        let place = place.unwrap_or_else(|| {
            self.told.push((name.clone(), Told::default()));
            self.told.len() - 1
        });
        &mut self.told[place].1
    }

    /// What is new among the events of a cluster's queue.
    fn news(&mut self, name: &SmolStr, events: Vec<CloudEvent>) -> Vec<Observation> {
        let cluster = cluster(self.cloud.scope(), name);
        let ours = self.ours.clone();
        let told = self.told(name);
        let is_of_it = |event: &CloudEvent| match (&event.asg, &event.instance) {
            // The rule about groups names those of this cluster alone.
            (Some(_), _) | (None, None) => true,
            (None, Some(instance)) => ours.has(name, &InstanceId::new(instance)),
        };
        let new = events.into_iter().filter(|e| is_of_it(e) && told.is_new(e));
        new.flat_map(|event| observed(&cluster, event)).collect()
    }
}

/// The event itself, and the warning that it is.
pub(super) fn observed(cluster: &ClusterId, event: CloudEvent) -> Vec<Observation> {
    let kind = match event.kind.as_str() {
        "EC2 Spot Instance Interruption Warning" => Some(NoticeKind::Interruption),
        "EC2 Instance Rebalance Recommendation" => Some(NoticeKind::Rebalance),
        _ => None,
    };
    let instance = event.instance.map(InstanceId::new);
    let notice = kind.zip(instance.clone()).map(|(kind, instance)| {
        let at = event.at;
        Observation::Notice(Notice { instance, kind, at })
    });
    let event = Observation::Event(Box::new(ClusterEvent {
        cluster: cluster.clone(),
        id: event.id,
        at: event.at,
        kind: event.kind,
        instance,
        says: event.says,
        asg: event.asg,
    }));
    notice.into_iter().chain([event]).collect()
}

#[async_trait]
impl Poll for Events {
    async fn read(&mut self, sink: &Sink) -> Result<Answer, Halt> {
        let queues = self.queues.borrow_and_update().clone();
        self.told.retain(|(name, _)| queues.contains_key(name));
        let cloud = self.cloud.clone();
        let mut asked: FuturesUnordered<_> = queues
            .into_iter()
            .map(|(name, url)| {
                let cloud = cloud.clone();
                async move { (name, timeout(LIMIT, cloud.cloud_events(&url)).await) }
            })
            .collect();
        let (mut answered, mut whole, mut one) = (false, None, None);
        while let Some((name, answer)) = asked.next().await {
            match answer {
                Ok(Ok(events)) => {
                    answered = true;
                    let news = self.news(&name, events);
                    if news.is_empty() {
                        continue;
                    }
                    // The events first: what they make others ask for comes later.
                    sink.send(news).await?;
                    self.signals.send_modify(|s| s.nudges = s.nudges.wrapping_add(1));
                }
                Ok(Err(error)) if error.kind == FaultKind::Unsupported => answered = true,
                // A queue may be deleted while it is still named.
                Ok(Err(error)) if is_of_one(&error) => one = one.or(Some(error.into())),
                Ok(Err(error)) => whole = whole.or(Some(error.into())),
                Err(_elapsed) => whole = whole.or(Some(silence(&sink.id, LIMIT))),
            }
        }
        match whole.or(one.filter(|_| !answered)) {
            Some(fault) => Err(Halt::Failed(fault)),
            None => Ok(Answer {
                observations: vec![],
                next: Next::Paced,
            }),
        }
    }

    fn idle(&self) -> bool {
        self.queues.borrow().is_empty()
    }

    async fn wished(&mut self) {
        if self.queues.changed().await.is_err() {
            std::future::pending().await
        }
    }
}

/// The events that were told. Only so many are remembered: the oldest are forgotten first, and what is not younger than
/// those counts as told.
#[derive(Default)]
struct Told {
    known: BTreeSet<(Timestamp, SmolStr)>,
    forgotten: Option<(Timestamp, SmolStr)>,
}

impl Told {
    /// Whether an event is new; it is told from then on.
    fn is_new(&mut self, event: &CloudEvent) -> bool {
        let key = (event.at, event.id.clone());
        if self.forgotten.as_ref().is_some_and(|oldest| key <= *oldest) || !self.known.insert(key) {
            return false;
        }
        if self.known.len() > REMEMBERED {
            self.forgotten = self.known.pop_first();
        }
        true
    }
}

#[cfg(test)]
mod tests;
