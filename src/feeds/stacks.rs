//! The stacks of a scope's highly available clusters, and how their queues stand. Only clusters that are wanted are asked
//! for: without one no call is made.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use futures::{StreamExt, stream};
use smol_str::{SmolStr, format_smolstr};
use tokio::sync::watch;

use super::diff::Diff;
use super::poll::{Answer, Halt, Next, Poll};
use super::sink::Sink;
use crate::fleet::{ClusterId, ClusterQueues, ClusterStack, FaultKind, Observation, QueueDepth, Scope};
use crate::provider::{Cloud, ProviderError, Stack};

/// How many clusters are asked for at once.
pub(super) const AT_ONCE: usize = 4;
/// The outputs by which a stack names its queues.
const FEED: &str = "FeedQueue";
const REAPER: &str = "ReaperQueue";
const DEAD: &str = "DeadLetterQueue";

/// The names of stacks, or the URLs of queues, each by its cluster's name.
pub(super) type OfClusters = BTreeMap<SmolStr, SmolStr>;

/// What is read of one cluster.
pub(super) struct Seen {
    /// The stack; `None` when there is none.
    pub(super) stack: Option<ClusterStack>,
    /// How its queues stand; `None` while it has none.
    pub(super) queues: Option<ClusterQueues>,
    /// The URL of the queue in which its events lie.
    pub(super) feed: Option<SmolStr>,
    /// What kept us from reading the queues: the whole source rather than one queue.
    pub(super) fault: Option<ProviderError>,
}

/// Reads the stack of a cluster, and how its queues stand.
pub(super) async fn look(cloud: &dyn Cloud, cluster: ClusterId, name: &str) -> Result<Seen, ProviderError> {
    let Some(stack) = cloud.stack(name).await? else {
        return Ok(Seen {
            stack: None,
            queues: None,
            feed: None,
            fault: None,
        });
    };
    // While a stack goes its outputs name queues that are no more.
    let goes = stack.status.0.starts_with("DELETE_");
    let url = |output| stack.output(output).filter(|_| !goes);
    let (queues, fault) = match (url(REAPER), url(DEAD)) {
        (None, None) => (None, None),
        (reaper, dead) => {
            let (queues, fault) = depths(cloud, cluster.clone(), reaper, dead).await;
            (Some(queues), fault)
        }
    };
    Ok(Seen {
        feed: url(FEED).cloned(),
        queues,
        fault,
        stack: Some(told(cluster, stack)),
    })
}

fn told(cluster: ClusterId, stack: Stack) -> ClusterStack {
    ClusterStack {
        cluster,
        name: stack.name,
        status: stack.status,
        reason: stack.reason,
        drift: stack.drift,
    }
}

async fn depths(
    cloud: &dyn Cloud,
    cluster: ClusterId,
    reaper: Option<&SmolStr>,
    dead: Option<&SmolStr>,
) -> (ClusterQueues, Option<ProviderError>) {
    let depth = async |url: Option<&SmolStr>| match url {
        Some(url) => queue_depth(cloud, url).await.map(Some),
        None => Ok(None),
    };
    let (reaper, dead) = tokio::join!(depth(reaper), depth(dead));
    let mut queues = ClusterQueues {
        cluster,
        reaper: None,
        dead: None,
        why: None,
    };
    let (mut faults, mut ageless) = (vec![], vec![]);
    for (slot, told) in [(&mut queues.reaper, reaper), (&mut queues.dead, dead)] {
        match told {
            Ok(Some((depth, fault))) => {
                *slot = Some(depth);
                ageless.extend(fault);
            }
            Ok(None) => {}
            Err(fault) => faults.push(fault),
        }
    }
    queues.why = faults
        .first()
        .or(ageless.first())
        .map(|fault| format_smolstr!("{fault}"));
    let whole = faults.into_iter().find(|fault| !is_of_one(fault));
    (queues, whole)
}

/// How a queue stands, and what kept us from reading how old its oldest message is: nobody needs that much. Of an empty
/// queue it is not asked for.
pub async fn queue_depth(cloud: &dyn Cloud, url: &str) -> Result<(QueueDepth, Option<ProviderError>), ProviderError> {
    let queue = cloud.queue(url).await?;
    let mut depth = QueueDepth {
        waiting: queue.waiting,
        taken: queue.taken,
        oldest_at: None,
    };
    if depth.open() == 0 {
        return Ok((depth, None));
    }
    match cloud.oldest_message(url).await {
        Ok(oldest) => depth.oldest_at = oldest,
        Err(fault) => return Ok((depth, Some(fault))),
    }
    Ok((depth, None))
}

/// Whether an error is about one stack or queue rather than about the whole source.
pub(super) fn is_of_one(error: &ProviderError) -> bool {
    matches!(error.kind, FaultKind::Other | FaultKind::Malformed | FaultKind::NotYet)
}

/// The cluster of a name in a scope.
pub(super) fn cluster(scope: &Scope, name: &SmolStr) -> ClusterId {
    ClusterId {
        name: name.clone(),
        home: Some(scope.clone()),
    }
}

/// The stacks of a scope.
pub(super) struct Stacks {
    cloud: Arc<dyn Cloud>,
    wish: watch::Receiver<OfClusters>,
    /// The queues in which events lie, for whoever reads them.
    queues: watch::Sender<OfClusters>,
    stacks: Diff<SmolStr>,
    depths: Diff<SmolStr>,
    /// The clusters that something was told of.
    told: Vec<SmolStr>,
}

impl Stacks {
    pub(super) fn new(
        cloud: Arc<dyn Cloud>,
        wish: watch::Receiver<OfClusters>,
        queues: watch::Sender<OfClusters>,
    ) -> Self {
        Self {
            cloud,
            wish,
            queues,
            stacks: Diff::default(),
            depths: Diff::default(),
            told: vec![],
        }
    }

    /// Forgets a cluster; gives what is to be told if anything was told of it.
    fn forget(&mut self, name: &SmolStr) -> Option<Observation> {
        self.stacks.forget(name);
        self.depths.forget(name);
        self.queues.send_if_modified(|queues| queues.remove(name).is_some());
        let place = self.told.iter().position(|told| told == name)?;
        self.told.swap_remove(place);
        Some(Observation::StackGone(cluster(self.cloud.scope(), name)))
    }

    /// What is new of a cluster.
    fn differs(&mut self, name: &SmolStr, seen: Seen) -> Vec<Observation> {
        let Some(stack) = seen.stack else {
            return self.forget(name).into_iter().collect();
        };
        if !self.told.contains(name) {
            self.told.push(name.clone());
        }
        self.queues.send_if_modified(|queues| match &seen.feed {
            Some(url) => queues.insert(name.clone(), url.clone()).as_ref() != Some(url),
            None => queues.remove(name).is_some(),
        });
        let mut observations = vec![];
        if self.stacks.see(name.clone(), &stack) {
            observations.push(Observation::Stack(Box::new(stack)));
        }
        if let Some(queues) = seen.queues
            && self.depths.see(name.clone(), &queues)
        {
            observations.push(Observation::Queues(Box::new(queues)));
        }
        observations
    }
}

#[async_trait]
impl Poll for Stacks {
    async fn read(&mut self, sink: &Sink) -> Result<Answer, Halt> {
        let wish = self.wish.borrow_and_update().clone();
        let left: Vec<_> = self
            .told
            .iter()
            .filter(|name| !wish.contains_key(*name))
            .cloned()
            .collect();
        let mut observations: Vec<_> = left.iter().filter_map(|name| self.forget(name)).collect();
        let cloud = self.cloud.clone();
        let asked = wish.into_iter().map(|(name, stack)| {
            let cloud = cloud.clone();
            async move {
                let cluster = cluster(cloud.scope(), &name);
                let seen = look(&*cloud, cluster, &stack).await;
                (name, seen)
            }
        });
        let answers: Vec<_> = stream::iter(asked).buffered(AT_ONCE).collect().await;
        let (mut answered, mut whole, mut one) = (false, None, None);
        for (name, answer) in answers {
            match answer {
                Ok(mut seen) => {
                    answered = true;
                    whole = whole.or(seen.fault.take());
                    observations.extend(self.differs(&name, seen));
                }
                // Nothing is told of stacks where there are none to ask for.
                Err(error) if error.kind == FaultKind::Unsupported => answered = true,
                Err(error) if is_of_one(&error) => one = one.or(Some(error)),
                Err(error) => whole = whole.or(Some(error)),
            }
        }
        if let Some(error) = whole.or(one.filter(|_| !answered)) {
            sink.send(observations).await?;
            return Err(error.into());
        }
        Ok(Answer {
            observations,
            next: Next::Paced,
        })
    }

    fn idle(&self) -> bool {
        self.wish.borrow().is_empty() && self.told.is_empty()
    }

    async fn wished(&mut self) {
        if self.wish.changed().await.is_err() {
            std::future::pending().await
        }
    }
}
