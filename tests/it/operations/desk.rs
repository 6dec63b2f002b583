//! Operations over a simulated world under paused time: the world, its feeds, the fleet, and what runs operations.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use k3fleet::feeds::{Batch, Feeds, Settings};
use k3fleet::fleet::{Fleet, Machine, MachineState, PoolId};
use k3fleet::ops::survey::survey;
use k3fleet::ops::wish::Wish;
use k3fleet::ops::{Event, Made, OperationId, Outcome, Plan, Refusal, Request, RunError, What, journal, plan};
use k3fleet::provider::sim::{Scenario, World};
use k3fleet::provider::{Providers, Resource, Secret};
use k3fleet::runtime::contexts;
use k3fleet::runtime::operations::{Happened, Operations, nudge};
use k3fleet::runtime::session::Session;
use tokio::sync::mpsc;

use crate::support::rig::START;

/// A cluster of one server and a pool of workers, where nothing happens by itself.
const WORLD: &str = include_str!("world.toml");
/// A cluster with boards at the edge: two that have joined, and five that have not. Likewise.
const EDGE: &str = include_str!("edge.toml");

/// See the module docs.
pub(super) struct Desk {
    pub(super) world: Arc<World>,
    pub(super) fleet: Fleet,
    pub(super) operations: Operations,
    pub(super) told: Vec<(OperationId, Event)>,
    directory: tempfile::TempDir,
    feeds: Feeds,
    session: Session,
    batches: mpsc::Receiver<Batch>,
}

impl Desk {
    /// The desk over the plain world, its fleet seen.
    pub(super) async fn plain() -> Self {
        Self::over(WORLD, 4).await
    }

    /// The desk over the cluster with boards at the edge, with so many servers and more of a scenario behind it.
    pub(super) async fn edge(servers: usize, more: &str) -> Self {
        Self::lab(EDGE, servers, more).await
    }

    async fn lab(world: &str, servers: usize, more: &str) -> Self {
        let mut world = format!("{world}\n{more}");
        if servers > 1 {
            world = world.replace("shape = \"quick\"", "shape = \"ha\"");
            world = world.replace("desired = 1\n", &format!("desired = {servers}\n"));
        }
        let desk = Self::over(&world, servers + 9).await;
        if let Some(shell) = &desk.world.control().shell {
            shell.set_sudo_password(Secret::new("gull"));
        }
        desk
    }

    /// The same cluster, made by others: its tokens are in no parameter, and each of its machines is reached over SSH.
    pub(super) async fn others(servers: usize, more: &str) -> Self {
        let lab = EDGE.replace("public = true\n", "public = true\nothers = true\n");
        Self::lab(&lab, servers, more).await
    }

    /// All that operations have written down, and what they told.
    pub(super) fn written(&self) -> String {
        let mut text = format!("{:?}", self.told);
        let mut directories = vec![self.directory.path().to_owned()];
        while let Some(directory) = directories.pop() {
            for entry in std::fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                match path.is_dir() {
                    true => directories.push(path),
                    false => text += &String::from_utf8_lossy(&std::fs::read(path).unwrap()),
                }
            }
        }
        text
    }

    /// The plain world with more of a scenario behind it, ten seconds on.
    pub(super) async fn with(more: &str) -> Self {
        let mut desk = Self::over(&format!("{WORLD}\n{more}"), 4).await;
        let world = Arc::clone(&desk.world);
        let told: jiff::Timestamp = "2026-03-02T09:00:10Z".parse().unwrap();
        desk.until(|_| world.now() >= told).await;
        desk
    }

    /// The desk once so many machines are seen, and all that have joined are ready.
    async fn over(scenario: &str, machines: usize) -> Self {
        let scenario = Scenario::parse(scenario).unwrap();
        let world = World::load(&scenario, 1, START.parse().unwrap(), 1.0);
        let directory = tempfile::tempdir().unwrap();
        let (tx, batches) = mpsc::channel(64);
        let settings = Settings {
            seed: 1,
            ..Settings::default()
        };
        let feeds = Feeds::start(world.providers(), settings, clock(&world), tx);
        feeds.set_hosts(world.edge_hosts());
        let session = Session {
            providers: world.providers(),
            control: world.control(),
            journals: directory.path().to_owned(),
            kubeconfigs: directory.path().join("kubeconfigs"),
            servers: BTreeMap::new(),
            kept: BTreeSet::new(),
            hosts: world.edge_hosts(),
            clock: clock(&world),
            speed: 1.0,
            world: Some(Arc::clone(&world)),
            tunnels: None,
            faults: vec![],
            notes: vec![],
        };
        let mut desk = Self {
            operations: operations(&world, directory.path()),
            world,
            fleet: Fleet::default(),
            told: vec![],
            directory,
            feeds,
            session,
            batches,
        };
        desk.until(|fleet| {
            let at = "2026-03-02T09:00:30Z".parse().unwrap();
            let joined = |m: &Machine<'_>| m.instance().is_some() || m.node().is_some();
            let settled = |m: Machine<'_>| match joined(&m) {
                true => m.state(at) == MachineState::Ready,
                false => m.probe().is_some(),
            };
            fleet.asgs().count() > 0 && fleet.machines().count() == machines && fleet.machines().all(settled)
        })
        .await;
        desk
    }

    /// The launch that a wish becomes.
    pub(super) async fn launch(&self, wish: &Wish) -> Request {
        let Providers { clouds, web, .. } = self.world.providers();
        let survey = survey(&*clouds[0], web.as_deref()).await.unwrap();
        let spec = wish.spec(&survey, self.fleet.market(), self.world.now()).unwrap();
        Request::Launch(Box::new(survey.place(&*clouds[0], spec).await.unwrap()))
    }

    /// What carries a cluster's tag, or any.
    pub(super) async fn resources(&self, cluster: Option<&str>) -> Vec<Resource> {
        self.world.providers().clouds[0].resources(cluster).await.unwrap()
    }

    /// Takes in what a step has made, as whoever runs operations does.
    fn made(&mut self, made: &Made) {
        contexts::made(made, &mut self.session, &mut self.feeds, &mut self.operations).unwrap();
    }

    /// Plans a request over the fleet as it is.
    pub(super) fn plan(&self, request: &Request) -> Result<Plan, Refusal> {
        plan(&self.fleet, request, self.world.now())
    }

    /// Takes in observations until the fleet is so.
    pub(super) async fn until(&mut self, so: impl Fn(&Fleet) -> bool) {
        let limit = self.world.now() + jiff::SignedDuration::from_hours(12);
        while !so(&self.fleet) {
            assert!(self.world.now() < limit, "waited in vain for twelve hours");
            let batch = self.batches.recv().await.unwrap();
            self.take(batch);
        }
    }

    fn take(&mut self, batch: Batch) {
        for observation in batch.observations {
            self.fleet.apply(observation, batch.at);
        }
        self.operations.look(&self.fleet);
    }

    /// Runs a request to its end.
    pub(super) async fn run(&mut self, request: &Request) -> Result<Outcome, RunError> {
        let plan = self.plan(request).unwrap();
        let id = self.operations.start(plan, false).unwrap();
        self.finish(&id).await
    }

    /// Goes on with an operation to its end.
    pub(super) async fn resume(&mut self, id: &OperationId) -> Result<Outcome, RunError> {
        self.operations.resume(id, false).unwrap();
        self.finish(id).await
    }

    /// Lets things happen until an operation ends.
    pub(super) async fn finish(&mut self, id: &OperationId) -> Result<Outcome, RunError> {
        loop {
            if let Some((ended, result)) = self.step(usize::MAX).await
                && ended == *id
            {
                return result;
            }
        }
    }

    /// Lets one thing happen.
    pub(super) async fn turn(&mut self) {
        assert!(self.step(usize::MAX).await.is_none(), "it ended too soon");
    }

    /// Lets one thing happen; gives what has ended.
    async fn step(&mut self, at_most: usize) -> Option<(OperationId, Result<Outcome, RunError>)> {
        tokio::select! {
            biased;
            happened = self.operations.next(), if self.told.len() < at_most => {
                let ended = match happened {
                    Happened::Told(id, event) => {
                        match &event.what {
                            What::StepMade { made, .. } => self.made(made),
                            What::StepDone { .. } => nudge(&self.feeds, self.operations.plan(&id).unwrap()),
                            _ => {}
                        }
                        self.told.push((id, event));
                        None
                    }
                    Happened::Asked => None,
                    Happened::Ended(id, plan, result) => {
                        nudge(&self.feeds, &plan);
                        Some((id, result))
                    }
                };
                self.operations.look(&self.fleet);
                ended
            }
            batch = self.batches.recv() => {
                self.take(batch.unwrap());
                None
            }
        }
    }

    /// Runs a request until so many events were told, then kills the program that runs it; gives the operation.
    pub(super) async fn run_and_kill(&mut self, request: &Request, events: usize) -> OperationId {
        let plan = self.plan(request).unwrap();
        let id = self.operations.start(plan, false).unwrap();
        while self.told.len() < events {
            assert!(self.step(events).await.is_none(), "it ended before it was killed");
        }
        self.operations = operations(&self.world, self.directory.path());
        while journal::is_running(self.directory.path(), &id) {
            tokio::task::yield_now().await;
        }
        self.told.clear();
        // A program that starts knows the clusters whose kubeconfigs were kept.
        for progress in self.operations.journals().0 {
            progress.made().iter().for_each(|made| self.made(made));
        }
        id
    }

    /// Where its journals are.
    pub(super) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Why steps failed.
    pub(super) fn failures(&self) -> Vec<String> {
        let failed = self.told.iter().filter_map(|(_, event)| match &event.what {
            What::StepFailed { error, .. } => Some(error.clone()),
            _ => None,
        });
        failed.collect()
    }

    /// Whether a step was done in such words.
    pub(super) fn is_done_by(&self, text: &str) -> bool {
        let mut told = self.told.iter();
        told.any(|(_, event)| matches!(&event.what, What::StepDone { line, .. } if line.contains(text)))
    }

    /// Whether a step has said so.
    pub(super) fn said(&self, text: &str) -> bool {
        let mut lines = self.told.iter().filter_map(|(_, event)| match &event.what {
            What::StepSaid { line, .. } => Some(line),
            _ => None,
        });
        lines.any(|line| line.contains(text))
    }

    /// The pool of workers.
    pub(super) fn workers(&self) -> PoolId {
        let asg = self.fleet.asgs().next().unwrap();
        PoolId::Asg(asg.scope.clone(), asg.name.clone())
    }

    /// Another desk's operations over the same world, for another operator.
    pub(super) fn another(&self, directory: &Path) -> Operations {
        operations(&self.world, directory)
    }
}

fn clock(world: &Arc<World>) -> k3fleet::feeds::Clock {
    let world = Arc::clone(world);
    Arc::new(move || world.now())
}

fn operations(world: &Arc<World>, directory: &Path) -> Operations {
    Operations::new(
        world.control(),
        clock(world),
        directory.to_owned(),
        directory.join("kubeconfigs"),
    )
}
