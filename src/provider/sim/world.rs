//! The simulated world as a whole: its state behind a lock, its clock, and its ports.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use smol_str::SmolStr;
use tokio::sync::watch;

use super::build::{build, scope};
use super::clock::{Clock, later, seconds};
use super::cloud::SimCloud;
use super::control::{SimCloudControl, SimKubeControl, SimShellControl};
use super::fault::Target;
use super::k3s::K3s;
use super::kube::SimKube;
use super::memory::{Memory, left_at, mark};
use super::scenario::Scenario;
use super::shell::SimShell;
use super::state::{ClusterNo, Host, State};
use super::web::SimWeb;
use crate::fleet::{ContextId, EdgeHost, Scope};
use crate::provider::{Cloud, CloudControl, Control, Kube, KubeControl, Providers, Result, Secret, Shell};

/// A simulated world. It moves only when somebody looks: a port call first plays what has come due since, and
/// a watch sleeps until the next thing that may concern it. While it is paused nobody wakes at all.
#[derive(Debug)]
pub struct World {
    inner: Mutex<Inner>,
    /// Told when something other than time has changed the world, so that sleepers look at it again.
    stir: watch::Sender<()>,
}

#[derive(Debug)]
struct Inner {
    clock: Clock,
    state: State,
    /// Which world it is.
    mark: String,
    /// Where it is remembered.
    memory: Option<Memory>,
    /// How often something had happened in a stack when it was written down last.
    stack_moves: u64,
    /// The password for `sudo` that the operator has given.
    sudo: Option<Secret>,
}

impl Inner {
    /// Writes down what operators have made of it, if it is remembered.
    fn keep(&mut self) {
        self.stack_moves = self.state.stack_moves;
        if let Some(memory) = &mut self.memory {
            memory.keep(&self.state);
        }
    }
}

impl World {
    /// The world of a scenario, at `base` now. The same seed, scenario and times give the same observations.
    /// World time runs `speed` times as fast as the runtime's.
    pub fn load(scenario: &Scenario, seed: u64, base: Timestamp, speed: f64) -> Arc<Self> {
        Arc::new(Self {
            inner: Mutex::new(Inner {
                state: build(scenario, seed, base),
                clock: Clock::new(base, speed),
                mark: mark(scenario, seed),
                memory: None,
                stack_moves: 0,
                sudo: None,
            }),
            stir: watch::Sender::new(()),
        })
    }

    /// World time when the world of a scenario was written down last, if a file remembers it: the next run begins no earlier,
    /// or what has happened would lie before it.
    pub fn left_at(file: &Path, scenario: &Scenario, seed: u64) -> Option<Timestamp> {
        left_at(file, &mark(scenario, seed))
    }

    /// Brings back what operators have made of it in earlier runs of the program, and writes down in the same file what
    /// they make of it from now on, after each change. To be called before anything else. A file that is damaged, or of
    /// another world, is not used; the note says so.
    pub fn remember(&self, file: PathBuf) -> Option<String> {
        let inner = &mut *self.lock();
        inner.state.advance(inner.clock.now());
        let (memory, note) = Memory::open(file, &inner.mark, &mut inner.state);
        inner.memory = Some(memory);
        note
    }

    /// Its ports: one for each scope and kube context, and one for all edge hosts, if there are any.
    pub fn providers(self: &Arc<Self>) -> Providers {
        let (scopes, contexts, boards) = self.look(|s| {
            let scopes: Vec<Scope> = s.regions.iter().map(scope).collect();
            (scopes, contexts(s), !s.boards.is_empty())
        });
        let cloud = |scope| Arc::new(SimCloud::new(Arc::clone(self), scope)) as Arc<dyn Cloud>;
        let kube = |(no, context)| Arc::new(SimKube::new(Arc::clone(self), no, context)) as Arc<dyn Kube>;
        Providers {
            clouds: scopes.into_iter().map(cloud).collect(),
            kubes: contexts.into_iter().map(kube).collect(),
            shell: boards.then(|| Arc::new(SimShell::new(Arc::clone(self))) as Arc<dyn Shell>),
            web: Some(Arc::new(SimWeb)),
        }
    }

    /// What changes it: one port for each scope and kube context.
    pub fn control(self: &Arc<Self>) -> Control {
        let (scopes, contexts) = self.look(|s| {
            let scopes: Vec<_> = s.regions.iter().map(|r| (scope(r), r.account.clone())).collect();
            (scopes, contexts(s))
        });
        let cloud = |(scope, account)| {
            Arc::new(SimCloudControl::new(Arc::clone(self), scope, account)) as Arc<dyn CloudControl>
        };
        let kube = |(no, context)| Arc::new(SimKubeControl::new(Arc::clone(self), no, context)) as Arc<dyn KubeControl>;
        Control {
            clouds: scopes.into_iter().map(cloud).collect(),
            kubes: contexts.into_iter().map(kube).collect(),
            shell: Some(Arc::new(SimShellControl::new(Arc::clone(self)))),
        }
    }

    /// The ports of a cluster, through its context: of the newest of that name. It need not answer.
    pub fn kube(self: &Arc<Self>, context: &ContextId) -> Option<(Arc<dyn Kube>, Arc<dyn KubeControl>)> {
        let no = self.look(|s| s.clusters.iter().rposition(|c| c.context == *context))?;
        let kube = SimKube::new(Arc::clone(self), no, context.clone());
        let control = SimKubeControl::new(Arc::clone(self), no, context.clone());
        Some((Arc::new(kube), Arc::new(control)))
    }

    /// The edge hosts that would stand in `hosts.toml`.
    pub fn edge_hosts(&self) -> Vec<EdgeHost> {
        self.look(|s| {
            s.boards
                .values()
                .map(|b| b.host.clone())
                .chain(s.machine_hosts())
                .collect()
        })
    }

    /// The account of each scope.
    pub fn accounts(&self) -> Vec<(Scope, SmolStr)> {
        self.look(|s| s.regions.iter().map(|r| (scope(r), r.account.clone())).collect())
    }

    /// World time.
    pub fn now(&self) -> Timestamp {
        self.lock().clock.now()
    }

    /// Makes time stand still, or go on.
    pub fn pause(&self, on: bool) {
        self.lock().clock.pause(on);
        self.stir.send_replace(());
    }

    /// Looks at the world as it is now.
    pub(super) fn look<R>(&self, look: impl FnOnce(&State) -> R) -> R {
        let inner = &mut *self.lock();
        inner.state.advance(inner.clock.now());
        // Stacks go on by themselves: the next run must not find them where the operator left them.
        if inner.stack_moves != inner.state.stack_moves {
            inner.keep();
        }
        look(&inner.state)
    }

    /// A call to a port: it fails, is slow, or answers at once.
    pub(super) async fn call<R>(&self, target: &Target, call: &str, answer: impl FnOnce(&State) -> R) -> Result<R> {
        self.reach(target, call).await?;
        Ok(self.look(answer))
    }

    /// A call to a port that changes the world: a failed one has changed nothing.
    pub(super) async fn change<R>(
        &self,
        target: &Target,
        call: &str,
        change: impl FnOnce(&mut State) -> R,
    ) -> Result<R> {
        self.reach(target, call).await?;
        let done = {
            let inner = &mut *self.lock();
            inner.state.advance(inner.clock.now());
            let done = change(&mut inner.state);
            inner.keep();
            done
        };
        self.stir.send_replace(());
        Ok(done)
    }

    async fn reach(&self, target: &Target, call: &str) -> Result<()> {
        let slow = self.look(|s| s.try_call(target, call).map(|slow| slow.map(|by| later(s.now, by))))?;
        if let Some(until) = slow {
            self.sleep_until(until).await;
        }
        Ok(())
    }

    /// Keeps the password for `sudo` that the operator has given.
    pub(super) fn set_sudo_password(&self, password: Secret) {
        self.lock().sudo = Some(password);
    }

    /// The password for `sudo` that the operator has given.
    pub(super) fn sudo_password(&self) -> Option<Secret> {
        self.lock().sudo.clone()
    }

    /// Lets as many seconds of world time pass as some work takes.
    pub(super) async fn busy(&self, secs: f64) {
        self.sleep_until(later(self.now(), seconds(secs))).await;
    }

    /// Waits until K3s runs on a machine or board, for a minute at most, as scripts do that ask its supervisor.
    pub(super) async fn k3s_runs(&self, on: &Host) {
        for _ in 0..30 {
            if self.look(|s| s.k3s(on).is_none_or(K3s::is_active)) {
                return;
            }
            self.busy(2.0).await;
        }
    }

    /// Sleeps until a world time; for as long as the world is paused, without a timer.
    pub(super) async fn sleep_until(&self, at: Timestamp) {
        let mut stir = self.stir.subscribe();
        while self.now() < at {
            self.nap(at, &mut stir).await;
        }
    }

    /// Sleeps until something may have happened in a cluster, or a world time, whichever is first.
    pub(super) async fn sleep_for_news(&self, cluster: ClusterNo, at_most: SignedDuration) {
        let mut stir = self.stir.subscribe();
        let until = self.look(|s| {
            let latest = later(s.now, at_most);
            s.next_for(cluster).map_or(latest, |next| next.min(latest))
        });
        self.nap(until, &mut stir).await;
    }

    /// Sleeps until a world time, or until the world is stirred.
    async fn nap(&self, until: Timestamp, stir: &mut watch::Receiver<()>) {
        let deadline = self.lock().clock.deadline(until);
        let timer = async {
            match deadline {
                Some(deadline) => tokio::time::sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = timer => {}
            _ = stir.changed() => {}
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The clusters with their contexts: those that are not destroyed, and of several with one context the newest.
fn contexts(state: &State) -> Vec<(ClusterNo, ContextId)> {
    let all = state.clusters.iter().enumerate().filter(|(_, c)| !c.destroyed);
    let newest = |no: &ClusterNo, context: &ContextId| {
        let mut later = state.clusters.iter().skip(no + 1).filter(|c| !c.destroyed);
        later.all(|c| c.context != *context)
    };
    all.filter(|(no, c)| newest(no, &c.context))
        .map(|(no, c)| (no, c.context.clone()))
        .collect()
}
