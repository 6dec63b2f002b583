//! Scaling activities of the groups that are wanted, a few groups at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use smol_str::SmolStr;
use tokio::sync::watch;
use tokio::time::Instant;

use super::diff::Diff;
use super::poll::{Answer, Halt, Next, Poll};
use super::sink::Sink;
use crate::fleet::{FaultKind, Observation};
use crate::provider::{Cloud, ProviderError};

/// Groups read in one go that were read before.
const AGAIN: usize = 3;
/// Groups read in one go for the first time.
const FIRST: usize = 10;

/// The scaling activities of a scope.
pub(super) struct Activities {
    cloud: Arc<dyn Cloud>,
    wish: watch::Receiver<BTreeSet<SmolStr>>,
    groups: BTreeMap<SmolStr, Group>,
}

/// What is known of one group.
#[derive(Default)]
struct Group {
    read_at: Option<Instant>,
    told: Diff<SmolStr>,
}

impl Activities {
    pub(super) fn new(cloud: Arc<dyn Cloud>, wish: watch::Receiver<BTreeSet<SmolStr>>) -> Self {
        Self {
            cloud,
            wish,
            groups: BTreeMap::new(),
        }
    }

    /// Takes on the groups that are wanted now.
    fn follow_wish(&mut self) {
        let wish = self.wish.borrow_and_update();
        self.groups.retain(|name, _| wish.contains(name));
        for name in wish.iter().filter(|n| !n.is_empty()) {
            self.groups.entry(name.clone()).or_default();
        }
    }

    /// The groups whose turn it is: those never read, else those read longest ago.
    fn turn(&self) -> Vec<SmolStr> {
        let mut names: Vec<_> = self.groups.iter().map(|(name, g)| (g.read_at, name)).collect();
        names.sort_unstable();
        let first = names.iter().filter(|(at, _)| at.is_none()).count();
        let count = if first > 0 { first.min(FIRST) } else { AGAIN };
        names.into_iter().take(count).map(|(_, name)| name.clone()).collect()
    }
}

/// Whether an error is about one group rather than about the whole source.
fn is_of_one(error: &ProviderError) -> bool {
    matches!(error.kind, FaultKind::Other | FaultKind::Malformed)
}

#[async_trait]
impl Poll for Activities {
    async fn read(&mut self, sink: &Sink) -> Result<Answer, Halt> {
        self.follow_wish();
        let turn = self.turn();
        let mut observations = Vec::new();
        let (mut answers, mut failure) = (0_usize, None);
        for name in turn {
            let answer = self.cloud.activities(&name).await;
            let Some(group) = self.groups.get_mut(&name) else {
                continue;
            };
            group.read_at = Some(Instant::now());
            match answer {
                Ok(activities) => {
                    answers += 1;
                    group.told.begin();
                    // Oldest first, as they happened.
                    for activity in activities.into_iter().rev() {
                        if group.told.see(activity.id.clone(), &activity) {
                            observations.push(Observation::Activity(Box::new(activity)));
                        }
                    }
                    group.told.finish();
                }
                // A group may be deleted while its name is still wanted.
                Err(error) if is_of_one(&error) => failure = Some(error),
                Err(error) => {
                    group.read_at = None;
                    sink.send(observations).await?;
                    return Err(error.into());
                }
            }
        }
        if let Some(error) = failure.filter(|_| answers == 0) {
            return Err(error.into());
        }
        let more = self.groups.values().any(|g| g.read_at.is_none());
        Ok(Answer {
            observations,
            next: if more { Next::Soon } else { Next::Paced },
        })
    }

    fn idle(&self) -> bool {
        self.wish.borrow().is_empty()
    }

    async fn wished(&mut self) {
        if self.wish.changed().await.is_err() {
            std::future::pending().await
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feeds::testing::*;
    use crate::fleet::{Activity, FeedKind};

    fn activity(cloud: &FakeCloud, asg: &str, id: &str, progress: u8) -> Activity {
        Activity {
            scope: cloud.scope.clone(),
            id: id.into(),
            asg: asg.into(),
            started_at: epoch(),
            ended_at: None,
            status: "InProgress".into(),
            description: "Launching a new EC2 instance".into(),
            message: None,
            progress,
        }
    }

    fn told(observations: Vec<Observation>) -> Vec<(String, u8)> {
        let of = |o| match o {
            Observation::Activity(a) => Some((a.id.to_string(), a.progress)),
            _ => None,
        };
        observations.into_iter().filter_map(of).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn activities_come_oldest_first_and_only_when_they_change() {
        let cloud = FakeCloud::new("", "eu-west-1");
        let list = |progress| vec![activity(&cloud, "a", "2", progress), activity(&cloud, "a", "1", 100)];
        cloud.activities.is(list(10));
        let mut rig = Rig::clouds(&[&cloud]);
        rig.for_secs(120).await;
        assert!(cloud.activities.calls().is_empty(), "nobody wants any");
        rig.feeds.want_activities(&cloud.scope, ["a".into()]);
        let feed = cloud.feed(FeedKind::Activities);
        assert_eq!(told(rig.synced(&feed).await), [("1".into(), 100), ("2".into(), 10)]);
        cloud.activities.is(list(50));
        assert_eq!(told(rig.synced(&feed).await), [("2".into(), 50)]);
        near(&cloud.activities.pauses(), &[30.0]);
    }

    #[tokio::test(start_paused = true)]
    async fn many_groups_take_turns() {
        let cloud = FakeCloud::new("", "eu-west-1");
        let mut rig = Rig::clouds(&[&cloud]);
        let names: BTreeSet<SmolStr> = (0..25).map(|n| format!("g{n:02}").into()).collect();
        rig.feeds.want_activities(&cloud.scope, names.clone());
        rig.synced(&cloud.feed(FeedKind::Activities)).await;
        let first: Vec<_> = cloud.activities.arguments();
        assert!(first.iter().map(String::as_str).eq(names.iter().map(SmolStr::as_str)));
        assert_eq!(
            cloud.activities.pauses().iter().filter(|p| **p > 0.0).count(),
            2,
            "ten, ten, five"
        );

        cloud.activities.calls().clear();
        rig.for_secs(70).await;
        assert_eq!(cloud.activities.arguments(), ["g00", "g01", "g02", "g03", "g04", "g05"]);
        rig.feeds.want_activities(&cloud.scope, ["g07".into()]);
        rig.for_secs(5).await;
        cloud.activities.calls().clear();
        rig.for_secs(100).await;
        assert!(cloud.activities.arguments().iter().all(|g| g == "g07"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_is_told_and_all_groups_are_tried_again() {
        let cloud = FakeCloud::new("", "eu-west-1");
        cloud.activities.set(Reply::Fails(FaultKind::Denied));
        let mut rig = Rig::clouds(&[&cloud]);
        rig.feeds.want_activities(&cloud.scope, ["a".into(), "b".into()]);
        let feed = cloud.feed(FeedKind::Activities);
        near(&[rig.failed(&feed).await.1], &[60.0]);
        assert_eq!(
            cloud.activities.arguments(),
            ["a"],
            "what is denied once is denied for all"
        );
        cloud.activities.is(Vec::new());
        rig.synced(&feed).await;
        assert_eq!(cloud.activities.arguments(), ["a", "a", "b"]);
    }
}
