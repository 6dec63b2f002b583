//! Draining a node: which pods must go, and getting each of them away. All pods are worked on side by side, so that one
//! that a budget holds back never keeps the others.

use std::time::Duration;

use futures::{FutureExt, StreamExt, stream};
use jiff::SignedDuration;
use tokio::time::{Instant, sleep};

use super::executor::paced;
use super::request::DrainOptions;
use crate::fleet::OwnerKind;
use crate::provider::{BoundPod, Eviction, KubeControl, ProviderError};

/// How many pods of a node are worked on at once.
const AT_ONCE: usize = 20;
/// How long to wait before a pod that something held back is tried again.
const AGAIN: Duration = Duration::from_secs(5);
/// How long to wait before looking again which pods are still there.
const LOOK: Duration = Duration::from_secs(2);
/// How long deleted pods are waited for: what Kubernetes gives a pod to end by itself, unless it is told otherwise.
const GRACE: Duration = Duration::from_secs(30);
/// No drain takes longer.
const LONGEST: Duration = Duration::from_secs(30 * 24 * 3600);

/// What keeps a node from being drained.
#[derive(Debug, thiserror::Error)]
pub(super) enum DrainError {
    #[error(transparent)]
    Call(#[from] ProviderError),
    #[error("{pods} would be lost for ever, for no controller makes them anew; evict them too with --bare-pods")]
    Bare { pods: String },
    #[error("{pods} keep data in emptyDir volumes, which would be lost; evict them too with --empty-dir-data")]
    EmptyDir { pods: String },
    #[error("{pods} cannot be moved away: {why}")]
    Refused { pods: String, why: String },
    #[error(
        "{left} still on the node after {limit}; mend what holds them back and resume, or delete them with --force"
    )]
    Timeout { left: String, limit: String },
}

/// The pods of a node that must go, as `kubectl drain` chooses them: not those of DaemonSets, which would come back, nor
/// mirrors of static pods, which only the kubelet ends. Pods that have run to their end, or are ending already, have
/// nothing to lose.
pub(super) fn choose(pods: Vec<BoundPod>, options: &DrainOptions) -> Result<Vec<BoundPod>, DrainError> {
    let stays = |pod: &BoundPod| match pod.owner {
        OwnerKind::Node => true,
        OwnerKind::DaemonSet => !pod.finished,
        _ => false,
    };
    let going: Vec<_> = pods.into_iter().filter(|pod| !stays(pod)).collect();
    let losing = |loses: &dyn Fn(&BoundPod) -> bool| {
        let alive = going.iter().filter(|pod| !pod.finished && !pod.ending);
        let names: Vec<_> = alive.filter(|pod| loses(pod)).map(BoundPod::path).collect();
        (!names.is_empty()).then(|| listed(&names))
    };
    if let Some(pods) = losing(&|pod| pod.owner == OwnerKind::None).filter(|_| !options.bare_pods) {
        return Err(DrainError::Bare { pods });
    }
    if let Some(pods) = losing(&|pod| pod.empty_dir).filter(|_| !options.empty_dir_data) {
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

/// A length of time for people.
fn lasting(limit: SignedDuration) -> String {
    match (limit.as_secs(), limit.as_mins()) {
        (secs, mins) if secs == mins * 60 => format!("{mins} min"),
        (secs, _) => format!("{secs} s"),
    }
}

/// How one pod stands.
#[derive(Debug)]
enum Standing {
    /// Nothing was asked for yet.
    Waiting,
    /// Something holds it back; it is tried again then.
    Held(String, Instant),
    /// It will never be let go.
    Refused(ProviderError),
    /// It is ending.
    Ending,
    /// It is not on the node any longer.
    Gone,
}

impl Standing {
    /// What holds it back.
    fn why(&self) -> Option<&str> {
        match self {
            Self::Held(why, _) => Some(why),
            Self::Refused(error) => Some(&error.message),
            _ => None,
        }
    }

    fn is_gone(&self) -> bool {
        matches!(self, Self::Gone)
    }

    fn is_ending(&self) -> bool {
        matches!(self, Self::Ending)
    }
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Eviction, as far as budgets allow it.
    Evict,
    /// Deletion.
    Delete,
}

/// Evicts the pods of a node; gives how many went. Times are those of a clock that runs `speed` times as fast as ours;
/// `say` is told how far it is.
pub(super) async fn drain(
    kube: &dyn KubeControl,
    node: &str,
    options: &DrainOptions,
    speed: f64,
    mut say: impl FnMut(String),
) -> Result<usize, DrainError> {
    let limit = Duration::try_from(options.timeout).unwrap_or_default().min(LONGEST);
    let deadline = Instant::now() + paced(limit, speed);
    let there = loop {
        match kube.pods_on(node).await {
            Ok(there) => break there,
            Err(error) if error.retryable() && Instant::now() < deadline => {
                say(format!("{}; looking again", error.message));
                sleep(paced(AGAIN, speed)).await;
            }
            Err(error) => return Err(error.into()),
        }
    };
    let mut work = Work {
        kube,
        node,
        pods: choose(there, options)?.into_iter().map(standing).collect(),
        said: String::new(),
        speed,
        say,
    };
    // What a pod is refused for may be mended in the time that there is; without --force nothing comes after it.
    work.until(Way::Evict, deadline, options.force).await?;
    if options.force {
        for (_, standing) in work.pods.iter_mut().filter(|(_, s)| !s.is_gone()) {
            *standing = Standing::Waiting;
        }
        work.until(Way::Delete, Instant::now() + paced(GRACE, speed), false)
            .await?;
        // What is deleted and does not end has lost its kubelet: no waiting brings it to an end.
        for (_, standing) in work.pods.iter_mut().filter(|(_, s)| s.is_ending()) {
            *standing = Standing::Gone;
        }
    }
    work.result(options)
}

fn standing(pod: BoundPod) -> (BoundPod, Standing) {
    let standing = match pod.ending {
        true => Standing::Ending,
        false => Standing::Waiting,
    };
    (pod, standing)
}

/// The pods of a node on their way.
struct Work<'a, S> {
    kube: &'a dyn KubeControl,
    node: &'a str,
    pods: Vec<(BoundPod, Standing)>,
    said: String,
    speed: f64,
    say: S,
}

impl<S: FnMut(String)> Work<'_, S> {
    fn any(&self, so: impl Fn(&Standing) -> bool) -> bool {
        self.pods.iter().any(|(_, standing)| so(standing))
    }

    /// Works until nothing more can be done, or the time is up. A pod that is refused is tried again only if that is
    /// `stubborn`.
    async fn until(&mut self, way: Way, deadline: Instant, stubborn: bool) -> Result<(), ProviderError> {
        loop {
            self.ask(way, stubborn).await;
            if self.any(|standing| !standing.is_gone()) {
                self.look().await?;
            }
            self.tell();
            let settled = |standing: &Standing| matches!(standing, Standing::Gone | Standing::Refused(_));
            if !self.any(|standing| !settled(standing)) || Instant::now() >= deadline {
                return Ok(());
            }
            sleep(paced(LOOK, self.speed)).await;
        }
    }

    /// Asks for the end of every pod that waits for it or is to be tried again.
    async fn ask(&mut self, way: Way, stubborn: bool) {
        let kube = self.kube;
        let again = paced(AGAIN, self.speed);
        let now = Instant::now();
        let due = |standing: &Standing| match standing {
            Standing::Waiting => true,
            Standing::Held(_, again) => *again <= now,
            _ => false,
        };
        let pods = self.pods.iter_mut().filter(|(_, standing)| due(standing));
        let asked: Vec<_> = pods
            .map(|(pod, standing)| ask(kube, way, stubborn, again, pod, standing).boxed())
            .collect();
        stream::iter(asked).buffer_unordered(AT_ONCE).collect::<()>().await;
    }

    /// Looks which pods are still there. One that was made anew under the same name is another.
    async fn look(&mut self) -> Result<(), ProviderError> {
        let there = match self.kube.pods_on(self.node).await {
            Ok(there) => there,
            Err(error) if error.retryable() => return Ok(()),
            Err(error) => return Err(error),
        };
        for (pod, standing) in &mut self.pods {
            match there.iter().find(|p| p.uid == pod.uid) {
                None => *standing = Standing::Gone,
                Some(pod) if pod.ending => *standing = Standing::Ending,
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// Says how far it is, if that is news.
    fn tell(&mut self) {
        let named = |so: &dyn Fn(&Standing) -> bool| {
            let pods = self.pods.iter().filter(|(_, standing)| so(standing));
            listed(&pods.map(described).collect::<Vec<_>>())
        };
        let gone = self.pods.iter().filter(|(_, s)| s.is_gone()).count();
        let mut line = format!("{gone} of {} pods gone", self.pods.len());
        for (what, pods) in [
            ("ending", named(&Standing::is_ending)),
            ("held back", named(&|standing| standing.why().is_some())),
        ] {
            if !pods.is_empty() {
                line = format!("{line}; {what}: {pods}");
            }
        }
        if line != self.said {
            self.said.clone_from(&line);
            (self.say)(line);
        }
    }

    fn result(self, options: &DrainOptions) -> Result<usize, DrainError> {
        let (gone, mut left): (Vec<_>, Vec<_>) = self.pods.into_iter().partition(|(_, s)| s.is_gone());
        if left.is_empty() {
            return Ok(gone.len());
        }
        let settled = |standing: &Standing| matches!(standing, Standing::Refused(_));
        if options.force || left.iter().all(|(_, standing)| settled(standing)) {
            let why = left.iter().find_map(|(_, standing)| match standing {
                Standing::Refused(error) => Some(error.to_string()),
                standing => standing.why().map(str::to_owned),
            });
            return Err(DrainError::Refused {
                pods: listed(&left.iter().map(|(pod, _)| pod.path()).collect::<Vec<_>>()),
                why: why.unwrap_or_default(),
            });
        }
        // What is held back comes first: of many only the first is named.
        left.sort_by_key(|(_, standing)| standing.why().is_none());
        Err(DrainError::Timeout {
            left: listed(&left.iter().map(described).collect::<Vec<_>>()),
            limit: lasting(options.timeout),
        })
    }
}

/// Asks for the end of one pod.
async fn ask(
    kube: &dyn KubeControl,
    way: Way,
    stubborn: bool,
    again: Duration,
    pod: &BoundPod,
    standing: &mut Standing,
) {
    let answer = match way {
        Way::Evict => kube.evict(pod).await,
        Way::Delete => kube.delete_pod(pod).await.map(|()| Eviction::Accepted),
    };
    let again = Instant::now() + again;
    *standing = match answer {
        Ok(Eviction::Accepted) => Standing::Ending,
        Ok(Eviction::Gone) => Standing::Gone,
        Ok(Eviction::Blocked(why)) => Standing::Held(why.into(), again),
        Err(error) if error.retryable() || stubborn => Standing::Held(error.message.into(), again),
        Err(error) => Standing::Refused(error),
    };
}

/// A pod, and what holds it back.
fn described((pod, standing): &(BoundPod, Standing)) -> String {
    match standing.why() {
        Some(why) => format!("{} ({why})", pod.path()),
        None => pod.path(),
    }
}

#[cfg(test)]
mod tests;
