//! Draining a node: which pods must go, and getting each of them away. All pods are worked on side by side, so that one
//! that a budget holds back never keeps the others.

use std::time::Duration;

use futures::{FutureExt, StreamExt, stream};
use tokio::time::{Instant, sleep};

use super::request::DrainOptions;
use crate::fleet::OwnerKind;
use crate::provider::{BoundPod, Eviction, KubeControl, ProviderError};

/// How many pods of a node are worked on at once.
const AT_ONCE: usize = 20;
/// How long to wait before a pod that a budget held back is tried again, and before looking whether an evicted one is gone.
const AGAIN: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_secs(2);

/// What keeps a node from being drained.
#[derive(Debug, thiserror::Error)]
pub(super) enum DrainError {
    #[error(transparent)]
    Call(#[from] ProviderError),
    #[error("{pods} would be lost for ever, for no controller makes them anew; evict them too with --bare-pods")]
    Bare { pods: String },
    #[error("{pods} keep data in emptyDir volumes, which would be lost; evict them too with --empty-dir-data")]
    EmptyDir { pods: String },
    #[error(
        "{left} still stand after {minutes} min; mend what holds them back and resume, or delete them with --force"
    )]
    Timeout { left: String, minutes: i64 },
}

/// The pods of a node that must go, as `kubectl drain` chooses them: not those of DaemonSets, which would come back, nor
/// mirrors of static pods, which only the kubelet ends.
pub(super) fn choose(pods: Vec<BoundPod>, options: &DrainOptions) -> Result<Vec<BoundPod>, DrainError> {
    let stays = |pod: &BoundPod| match pod.owner {
        OwnerKind::Node => true,
        OwnerKind::DaemonSet => !pod.finished,
        _ => false,
    };
    let going: Vec<_> = pods.into_iter().filter(|pod| !stays(pod)).collect();
    let refused = |refuses: &dyn Fn(&BoundPod) -> bool| {
        let names: Vec<_> = going.iter().filter(|p| refuses(p)).map(BoundPod::path).collect();
        (!names.is_empty()).then(|| listed(&names))
    };
    let bare = |pod: &BoundPod| pod.owner == OwnerKind::None && !pod.finished && !pod.ending;
    if let Some(pods) = refused(&bare).filter(|_| !options.bare_pods) {
        return Err(DrainError::Bare { pods });
    }
    let keeps = |pod: &BoundPod| pod.empty_dir && !pod.finished && !pod.ending;
    if let Some(pods) = refused(&keeps).filter(|_| !options.empty_dir_data) {
        return Err(DrainError::EmptyDir { pods });
    }
    Ok(going)
}

/// Some names for people: all of few, the first of many.
fn listed(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [first, rest @ ..] if rest.len() > 3 => format!("{first} and {} more", rest.len()),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}

/// How one pod stands.
#[derive(Clone, Debug, PartialEq)]
enum Standing {
    Waiting,
    /// Something holds it back; it is tried again then.
    Held(String, Instant),
    Ending,
    Gone,
}

/// Evicts the pods of a node; gives how many went. `say` is told how far it is.
pub(super) async fn drain(
    kube: &dyn KubeControl,
    node: &str,
    options: &DrainOptions,
    mut say: impl FnMut(String),
) -> Result<usize, DrainError> {
    let going = choose(kube.pods_on(node).await?, options)?;
    let mut pods: Vec<_> = going.into_iter().map(|pod| (pod, Standing::Waiting)).collect();
    let limit = u64::try_from(options.timeout.as_secs()).unwrap_or_default();
    let deadline = Instant::now() + Duration::from_secs(limit);
    let mut said = String::new();
    loop {
        evict_due(kube, &mut pods).await?;
        if pods.iter().any(|(_, standing)| *standing == Standing::Ending) {
            mark_gone(kube, node, &mut pods).await?;
        }
        let line = line(&pods);
        if line != said {
            said.clone_from(&line);
            say(line);
        }
        if pods.iter().all(|(_, standing)| *standing == Standing::Gone) {
            return Ok(pods.len());
        }
        if Instant::now() >= deadline {
            return end(kube, &pods, options).await;
        }
        sleep(LOOK).await;
    }
}

/// Asks for the eviction of every pod that waits for it or is to be tried again.
async fn evict_due(kube: &dyn KubeControl, pods: &mut [(BoundPod, Standing)]) -> Result<(), ProviderError> {
    let now = Instant::now();
    let due = |standing: &Standing| match standing {
        Standing::Waiting => true,
        Standing::Held(_, again) => *again <= now,
        Standing::Ending | Standing::Gone => false,
    };
    let due = pods.iter_mut().filter(|(_, standing)| due(standing));
    let asked: Vec<_> = due.map(|(pod, standing)| evict(kube, pod, standing).boxed()).collect();
    let results: Vec<_> = stream::iter(asked).buffer_unordered(AT_ONCE).collect().await;
    results.into_iter().collect()
}

async fn evict(kube: &dyn KubeControl, pod: &BoundPod, standing: &mut Standing) -> Result<(), ProviderError> {
    let held = |why: &str| Standing::Held(why.to_owned(), Instant::now() + AGAIN);
    *standing = match kube.evict(pod).await {
        Ok(Eviction::Accepted) => Standing::Ending,
        Ok(Eviction::Gone) => Standing::Gone,
        Ok(Eviction::Blocked(why)) => held(&why),
        Err(error) if error.retryable() => held(&error.message),
        Err(error) => return Err(error),
    };
    Ok(())
}

/// Marks the pods that are not on the node any longer.
async fn mark_gone(kube: &dyn KubeControl, node: &str, pods: &mut [(BoundPod, Standing)]) -> Result<(), ProviderError> {
    let there = match kube.pods_on(node).await {
        Ok(there) => there,
        Err(error) if error.retryable() => return Ok(()),
        Err(error) => return Err(error),
    };
    for (pod, standing) in pods {
        if there.iter().all(|p| p.uid != pod.uid) {
            *standing = Standing::Gone;
        }
    }
    Ok(())
}

/// The time is up.
async fn end(
    kube: &dyn KubeControl,
    pods: &[(BoundPod, Standing)],
    options: &DrainOptions,
) -> Result<usize, DrainError> {
    let left = || pods.iter().filter(|(_, standing)| *standing != Standing::Gone);
    if options.force {
        for (pod, _) in left() {
            kube.delete_pod(pod).await?;
        }
        return Ok(pods.len());
    }
    let held = |(pod, standing): &(BoundPod, Standing)| match standing {
        Standing::Held(why, _) => format!("{} ({why})", pod.path()),
        _ => pod.path(),
    };
    Err(DrainError::Timeout {
        left: listed(&left().map(held).collect::<Vec<_>>()),
        minutes: options.timeout.as_mins(),
    })
}

fn line(pods: &[(BoundPod, Standing)]) -> String {
    let gone = pods.iter().filter(|(_, standing)| *standing == Standing::Gone).count();
    let held = |(pod, standing): &(BoundPod, Standing)| match standing {
        Standing::Held(why, _) => Some(format!("{}: {why}", pod.path())),
        _ => None,
    };
    let held: Vec<_> = pods.iter().filter_map(held).collect();
    match held.is_empty() {
        true => format!("{gone} of {} pods gone", pods.len()),
        false => format!("{gone} of {} pods gone; held back: {}", pods.len(), listed(&held)),
    }
}
