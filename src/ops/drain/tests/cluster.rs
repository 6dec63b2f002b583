//! A cluster whose pods do as they are told to.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use smol_str::SmolStr;
use tokio::time::{Instant, sleep};

use crate::fleet::ContextId;
use crate::provider::{BoundPod, Eviction, KubeControl, ProviderError, Result};

/// What the API server says of the budget that holds pods back.
pub(super) const BUDGET: &str = "The disruption budget web needs 1 healthy pods and has 1 currently";

/// How a pod of the test cluster behaves.
#[derive(Clone)]
pub(super) struct Does {
    /// What its next evictions are answered with; then they are accepted, unless it is stubborn.
    pub(super) answers: VecDeque<Result<Eviction>>,
    /// The last answer stands for ever.
    pub(super) stubborn: bool,
    /// How long it takes to end once it has to; `None`: it never does.
    pub(super) ends: Option<Duration>,
    /// When another pod of the same name stands in its place.
    pub(super) remade: Option<Duration>,
}

impl Does {
    /// It ends some seconds after it has to.
    pub(super) fn ends(seconds: u64) -> Self {
        Self {
            answers: VecDeque::new(),
            stubborn: false,
            ends: Some(Duration::from_secs(seconds)),
            remade: None,
        }
    }

    /// Its first evictions are answered so; then it goes at once.
    pub(super) fn first(answers: impl IntoIterator<Item = Result<Eviction>>) -> Self {
        Self {
            answers: answers.into_iter().collect(),
            ..Self::ends(0)
        }
    }

    /// All its evictions are answered so.
    pub(super) fn for_ever(answer: Result<Eviction>) -> Self {
        Self {
            stubborn: true,
            ..Self::first([answer])
        }
    }

    /// Its budget never lets it go.
    pub(super) fn blocked() -> Self {
        Self::for_ever(Ok(Eviction::Blocked(BUDGET.into())))
    }
}

/// A cluster whose pods do as they are told to, and a list of all that was asked of it.
pub(super) struct Cluster {
    context: ContextId,
    /// When the test began.
    pub(super) began: Instant,
    /// The pods, and since when each is ending.
    pods: Mutex<Vec<(BoundPod, Does, Option<Instant>)>>,
    /// How the next listings fail.
    pub(super) lists: Mutex<VecDeque<ProviderError>>,
    /// What was asked of which uid, after how many seconds.
    pub(super) asked: Mutex<Vec<(&'static str, String, u64)>>,
    /// How many evictions are being answered, and the most there were at once.
    pub(super) busy: Mutex<(usize, usize)>,
}

impl Cluster {
    pub(super) fn of(pods: impl IntoIterator<Item = (BoundPod, Does)>) -> Self {
        let pods = pods.into_iter().map(|(pod, does)| {
            let began = pod.ending.then(Instant::now);
            (pod, does, began)
        });
        Self {
            context: ContextId::new("lab"),
            began: Instant::now(),
            pods: Mutex::new(pods.collect()),
            lists: Mutex::default(),
            asked: Mutex::default(),
            busy: Mutex::default(),
        }
    }

    /// The same, where listing fails first.
    pub(super) fn that_fails_to_list(self, errors: impl IntoIterator<Item = ProviderError>) -> Self {
        self.lists.lock().unwrap().extend(errors);
        self
    }

    fn ask(&self, what: &'static str, uid: &str) {
        let at = self.began.elapsed().as_secs();
        self.asked.lock().unwrap().push((what, uid.to_owned(), at));
    }

    /// When something was asked of a pod, in seconds.
    pub(super) fn times(&self, what: &str, uid: &str) -> Vec<u64> {
        let asked = self.asked.lock().unwrap();
        let of = asked.iter().filter(|(w, u, _)| *w == what && u == uid);
        of.map(|(_, _, at)| *at).collect()
    }

    /// Lets time do its work.
    pub(super) fn pass(&self) -> MutexGuard<'_, Vec<(BoundPod, Does, Option<Instant>)>> {
        let mut pods = self.pods.lock().unwrap();
        pods.retain(|(_, does, ending)| match (does.ends, ending) {
            (Some(takes), Some(since)) => since.elapsed() < takes,
            _ => true,
        });
        for (pod, does, _) in pods.iter_mut() {
            if does.remade.is_some_and(|at| self.began.elapsed() >= at) {
                pod.uid = "uid-made-anew".into();
            }
        }
        pods
    }
}

#[async_trait]
impl KubeControl for Cluster {
    fn context(&self) -> &ContextId {
        &self.context
    }

    async fn set_schedulable(&self, _: &str, _: bool) -> Result<()> {
        panic!("draining does not cordon")
    }

    async fn delete_balancers(&self) -> Result<Vec<SmolStr>> {
        panic!("draining deletes no Services")
    }

    async fn pods_on(&self, node: &str) -> Result<Vec<BoundPod>> {
        assert_eq!(node, "n1");
        if let Some(error) = self.lists.lock().unwrap().pop_front() {
            return Err(error);
        }
        Ok(self.pass().iter().map(|(pod, ..)| pod.clone()).collect())
    }

    async fn evict(&self, pod: &BoundPod) -> Result<Eviction> {
        self.ask("evict", &pod.uid);
        let now = {
            let mut busy = self.busy.lock().unwrap();
            busy.0 += 1;
            busy.0
        };
        sleep(Duration::from_millis(100)).await;
        {
            let mut busy = self.busy.lock().unwrap();
            *busy = (busy.0 - 1, busy.1.max(now));
        }
        let mut pods = self.pass();
        let Some((pod, does, ending)) = pods.iter_mut().find(|(p, ..)| p.uid == pod.uid) else {
            return Ok(Eviction::Gone);
        };
        let answer = match does.stubborn {
            true => does.answers.front().cloned(),
            false => does.answers.pop_front(),
        };
        let answer = answer.unwrap_or(Ok(Eviction::Accepted));
        if matches!(answer, Ok(Eviction::Accepted)) {
            pod.ending = true;
            *ending = Some(Instant::now());
        }
        answer
    }

    async fn delete_pod(&self, pod: &BoundPod) -> Result<()> {
        self.ask("delete", &pod.uid);
        let mut pods = self.pass();
        if let Some((pod, _, ending)) = pods.iter_mut().find(|(p, ..)| p.uid == pod.uid) {
            pod.ending = true;
            ending.get_or_insert_with(Instant::now);
        }
        Ok(())
    }

    async fn delete_node(&self, _: &str) -> Result<()> {
        panic!("draining deletes no node")
    }

    async fn delete_node_password(&self, _: &str) -> crate::provider::Result<()> {
        Err(crate::provider::pending("delete_node_password"))
    }

    async fn mark(&self, _: &str, _: &crate::provider::Marks) -> crate::provider::Result<()> {
        Err(crate::provider::pending("mark"))
    }

    async fn ca_hash(&self) -> crate::provider::Result<smol_str::SmolStr> {
        Err(crate::provider::pending("ca_hash"))
    }

    async fn make_bootstrap_token(&self, _: &crate::provider::BootstrapOrder) -> crate::provider::Result<()> {
        Err(crate::provider::pending("make_bootstrap_token"))
    }

    async fn delete_bootstrap_token(&self, _: &str) -> crate::provider::Result<()> {
        Err(crate::provider::pending("delete_bootstrap_token"))
    }
}
