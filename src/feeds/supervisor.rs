//! All feeds: started together, each on its own, restarted when one crashes, ended together.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use async_trait::async_trait;
use futures::FutureExt;
use jiff::SignedDuration;
use smol_str::SmolStr;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::activities::Activities;
use super::diff::Diff;
use super::edge::{Hosts, Probes};
use super::events::Events;
use super::fault::crash;
use super::ours::Ours;
use super::pace::{Pace, Spread, backoff};
use super::poll::{Poll, Polled, Signal};
use super::prices::{OnDemandPrices, PriceWish, Region, SpotPrices};
use super::single::{Account, Server};
use super::sink::{Closed, Sink};
use super::stacks::{OfClusters, Stacks};
use super::watch::Watch;
use super::{Batch, Clock, Settings, listing};
use crate::fleet::{ContextId, EdgeHost, FaultKind, FeedId, FeedKind, Observation, Scope, Source};
use crate::provider::{Cloud, Kube, Providers, Shell};

/// After running so long, a crash counts as the first one.
const STEADY: Duration = Duration::from_mins(5);
/// Accounts hardly ever change: a profile may be pointed elsewhere.
const ACCOUNT: Duration = Duration::from_hours(12);

/// A source being read. It keeps what it knows when [`run`](Self::run) panics and is run anew.
#[async_trait]
pub(super) trait Feed: Send {
    /// Reads the source until it has nothing more to say, or nobody listens.
    async fn run(&mut self, sink: &Sink) -> Result<(), Closed>;
}

/// The running feeds. Dropping it ends them all.
pub struct Feeds {
    start: Start,
    /// The ends of sources: true once all that such a one said has been taken back.
    ends: BTreeMap<Source, watch::Receiver<bool>>,
    ending: JoinSet<()>,
    signals: BTreeMap<Source, watch::Sender<Signal>>,
    /// The prices wanted, by region.
    prices: BTreeMap<SmolStr, watch::Sender<PriceWish>>,
    /// The groups whose activities are wanted.
    groups: BTreeMap<Scope, watch::Sender<BTreeSet<SmolStr>>>,
    /// The highly available clusters, each with the name of its stack.
    stacks: BTreeMap<Scope, watch::Sender<OfClusters>>,
    hosts: watch::Sender<Arc<[EdgeHost]>>,
}

impl Feeds {
    /// Starts the feeds of everything the providers reach; batches come on `tx` until this is dropped.
    ///
    /// Times in batches are the clock's; waiting is on the runtime's time. Must be called within a tokio runtime.
    pub fn start(providers: Providers, settings: Settings, clock: Clock, tx: mpsc::Sender<Batch>) -> Self {
        let mut feeds = Self {
            start: Start {
                tasks: BTreeMap::new(),
                settings: settings.bounded(),
                clock,
                tx,
            },
            ends: BTreeMap::new(),
            ending: JoinSet::new(),
            signals: BTreeMap::new(),
            prices: BTreeMap::new(),
            groups: BTreeMap::new(),
            stacks: BTreeMap::new(),
            hosts: watch::Sender::new(Arc::default()),
        };
        for cloud in &providers.clouds {
            feeds.start_cloud(cloud);
        }
        for (region, clouds) in by_region(&providers.clouds) {
            feeds.start_prices(region, &clouds);
        }
        for kube in &providers.kubes {
            feeds.start_kube(kube);
        }
        feeds.start_hosts(providers.shell);
        feeds
    }

    /// Starts the feeds of one more API server; those of a context that is read already end first. Must be called within
    /// a tokio runtime.
    pub fn add_kube(&mut self, kube: &Arc<dyn Kube>) {
        let focused = self.signals.values().all(|signal| signal.borrow().focused);
        self.remove_kube(kube.context());
        self.start_kube(kube);
        self.focus(focused);
    }

    /// Ends the feeds of a context: the fleet is told to forget what they have shown.
    pub fn remove_kube(&mut self, context: &ContextId) {
        let source = Source::Kube(context.clone());
        let Some(mut tasks) = self.start.tasks.remove(&source) else {
            return;
        };
        self.signals.remove(&source);
        let (done, end) = watch::channel(false);
        let (tx, clock) = (self.start.tx.clone(), self.start.clock.clone());
        let gone = Observation::ContextGone(context.clone());
        self.ending.spawn(async move {
            // Not before the last of them has ended, which may be telling something still.
            tasks.shutdown().await;
            let batch = Batch {
                at: clock(),
                observations: vec![gone],
            };
            // Where nobody takes batches nobody has to forget anything either.
            let _unread = tx.send(batch).await;
            done.send_replace(true);
        });
        self.ends.insert(source, end);
    }

    /// Something happens at a source: it is read at once, and often for two minutes. A source that failed is
    /// tried again, unless it asked to be called less often. Unknown sources are ignored.
    pub fn nudge(&self, source: &Source) {
        if let Some(signal) = self.signals.get(source) {
            signal.send_modify(|s| s.nudges = s.nudges.wrapping_add(1));
        }
    }

    /// Whether somebody looks: while nobody does, listings are read at a quarter of their pace.
    pub fn focus(&self, focused: bool) {
        for signal in self.signals.values() {
            signal.send_if_modified(|s| std::mem::replace(&mut s.focused, focused) != focused);
        }
    }

    /// The hosts of `hosts.toml`, in place of those set before.
    pub fn set_hosts(&self, hosts: Vec<EdgeHost>) {
        self.hosts.send_if_modified(|known| {
            let new = known[..] != hosts[..];
            *known = hosts.into();
            new
        });
    }

    /// Prices of these types are wanted: read at once, with a day of spot history, and kept fresh from then on.
    /// Regions that no provider reaches are ignored.
    pub fn want_prices(&self, region: &str, types: impl IntoIterator<Item = SmolStr>) {
        if let Some(wish) = self.prices.get(region) {
            wish.send_if_modified(|w| w.add(types));
        }
    }

    /// More spot history of a type is wanted, two weeks at most.
    pub fn want_history(&self, region: &str, instance_type: &str, span: SignedDuration) {
        if let Some(wish) = self.prices.get(region) {
            wish.send_if_modified(|w| w.add_history(SmolStr::new(instance_type), span));
        }
    }

    /// The Auto Scaling groups whose activities are wanted, in place of those named before. Unknown scopes are
    /// ignored.
    pub fn want_activities(&self, scope: &Scope, groups: impl IntoIterator<Item = SmolStr>) {
        if let Some(wish) = self.groups.get(scope) {
            let groups: BTreeSet<_> = groups.into_iter().collect();
            wish.send_if_modified(|known| {
                let new = *known != groups;
                *known = groups;
                new
            });
        }
    }

    /// The highly available clusters of a scope by name, each with the name of its stack, in place of those named before:
    /// their stacks are read from then on, and the events that lie in their queues. Unknown scopes are ignored.
    pub fn want_stacks(&self, scope: &Scope, stacks: BTreeMap<SmolStr, SmolStr>) {
        if let Some(wish) = self.stacks.get(scope) {
            wish.send_if_modified(|known| {
                let new = *known != stacks;
                *known = stacks;
                new
            });
        }
    }

    /// What the feeds of a source are told.
    fn signals(&mut self, source: &Source) -> watch::Receiver<Signal> {
        let signal = Signal {
            focused: true,
            nudges: 0,
        };
        let sender = self.signals.entry(source.clone());
        sender.or_insert_with(|| watch::Sender::new(signal)).subscribe()
    }

    fn start_cloud(&mut self, cloud: &Arc<dyn Cloud>) {
        let source = Source::Aws(cloud.scope().clone());
        let signals = self.signals(&source);
        let every = self.start.settings.aws;
        let spot = Arc::new(AtomicBool::new(false));
        let stacks = self.stacks.entry(cloud.scope().clone()).or_default().subscribe();
        let nudge = self.signals.get(&source).cloned();
        let mut start = self.start.of(&source, &signals);
        start.poll(FeedKind::Account, Account::new(cloud.clone()), Pace::steady(ACCOUNT));
        let ours = Ours::default();
        let instances = listing::instances(cloud.clone(), spot.clone(), ours.clone());
        start.poll(FeedKind::Instances, instances, Pace::adaptive(every));
        start.poll(FeedKind::Asgs, listing::asgs(cloud.clone()), Pace::adaptive(every));
        start.poll(
            FeedKind::SpotFleets,
            listing::spot_fleets(cloud.clone()),
            Pace::adaptive(every),
        );
        let wish = self.groups.entry(cloud.scope().clone()).or_default().subscribe();
        let notices = listing::notices(cloud.clone(), spot);
        start.poll(FeedKind::Notices, notices, Pace::watchful(every));
        let activities = Activities::new(cloud.clone(), wish);
        start.poll(FeedKind::Activities, activities, Pace::adaptive(every * 2));
        let (queues, named) = watch::channel(OfClusters::new());
        let stacks = Stacks::new(cloud.clone(), stacks, queues);
        start.poll(FeedKind::Stacks, stacks, Pace::adaptive(every));
        if let Some(nudge) = nudge {
            let events = Events::new(cloud.clone(), named, ours, nudge);
            start.poll(FeedKind::Events, events, Pace::listening());
        }
    }

    fn start_prices(&mut self, region: SmolStr, clouds: &[Arc<dyn Cloud>]) {
        let Some(first) = clouds.first() else { return };
        let source = Source::Aws(first.scope().clone());
        let signals = self.signals(&source);
        let (spot, on_demand) = (self.start.settings.spot_prices, self.start.settings.on_demand_prices);
        let wish = self.prices.entry(region).or_default();
        let mut start = self.start.of(&source, &signals);
        let prices = SpotPrices::new(Region::new(clouds.to_vec()), wish.subscribe());
        start.poll(FeedKind::SpotPrices, prices, Pace::steady(spot));
        let prices = OnDemandPrices::new(Region::new(clouds.to_vec()), wish.subscribe(), on_demand);
        start.poll(FeedKind::OnDemandPrices, prices, Pace::steady(on_demand));
    }

    fn start_hosts(&mut self, shell: Option<Arc<dyn Shell>>) {
        let source = Source::Hosts;
        let signals = self.signals(&source);
        let every = self.start.settings.edge;
        let mut start = self.start.of(&source, &signals);
        let hosts = Hosts {
            list: self.hosts.subscribe(),
            alone: shell.is_none(),
            diff: Diff::default(),
        };
        start.spawn(start.id(FeedKind::Edge), hosts);
        if let Some(shell) = shell {
            let list = self.hosts.subscribe();
            start.poll(FeedKind::Edge, Probes { shell, list }, Pace::watchful(every));
        }
    }

    fn start_kube(&mut self, kube: &Arc<dyn Kube>) {
        let context = kube.context().clone();
        let source = Source::Kube(context.clone());
        let signals = self.signals(&source);
        let every = self.start.settings.kube;
        let (k3s, gate) = watch::channel(false);
        let end = self.ends.remove(&source);
        let mut start = self.start.of(&source, &signals);
        start.gates.extend(end);
        start.poll(
            FeedKind::Server,
            Server::new(kube.clone(), k3s),
            Pace::steady(every * 4),
        );
        start.gates.push(gate);
        let nodes = kube.clone();
        start.watch(FeedKind::Nodes, |spread| {
            Watch::new(context.clone(), move || nodes.nodes(), spread, signals.clone())
        });
        let pods = kube.clone();
        start.watch(FeedKind::Pods, |spread| {
            Watch::new(context.clone(), move || pods.pods(), spread, signals.clone())
        });
        start.poll(FeedKind::Usage, listing::usage(kube.clone()), Pace::adaptive(every * 2));
    }
}

/// The clouds of each region, in their order.
pub(super) fn by_region(clouds: &[Arc<dyn Cloud>]) -> BTreeMap<SmolStr, Vec<Arc<dyn Cloud>>> {
    let mut regions: BTreeMap<SmolStr, Vec<_>> = BTreeMap::new();
    for cloud in clouds {
        regions
            .entry(cloud.scope().region.clone())
            .or_default()
            .push(cloud.clone());
    }
    regions
}

/// What it takes to start a feed.
struct Start {
    tasks: BTreeMap<Source, JoinSet<()>>,
    settings: Settings,
    clock: Clock,
    tx: mpsc::Sender<Batch>,
}

impl Start {
    fn of<'a>(&'a mut self, source: &'a Source, signals: &'a watch::Receiver<Signal>) -> StartOf<'a> {
        StartOf {
            start: self,
            source,
            signals,
            gates: vec![],
        }
    }
}

/// What it takes to start a feed of one source.
struct StartOf<'a> {
    start: &'a mut Start,
    source: &'a Source,
    signals: &'a watch::Receiver<Signal>,
    /// Feeds wait until all of these are true, and end when one never will be.
    gates: Vec<watch::Receiver<bool>>,
}

impl StartOf<'_> {
    fn poll(&mut self, kind: FeedKind, source: impl Poll + 'static, pace: Pace) {
        let id = self.id(kind);
        let spread = Spread::new(self.start.settings.seed, &id);
        let feed = Polled::new(source, pace, spread, self.signals.clone());
        self.spawn(id, feed);
    }

    fn watch<F: Feed + 'static>(&mut self, kind: FeedKind, feed: impl FnOnce(Spread) -> F) {
        let id = self.id(kind);
        let feed = feed(Spread::new(self.start.settings.seed, &id));
        self.spawn(id, feed);
    }

    fn id(&self, kind: FeedKind) -> FeedId {
        FeedId {
            kind,
            source: self.source.clone(),
        }
    }

    fn spawn(&mut self, id: FeedId, feed: impl Feed + 'static) {
        let sink = Sink {
            id,
            tx: self.start.tx.clone(),
            clock: self.start.clock.clone(),
            speed: self.start.settings.speed,
        };
        let gates = self.gates.clone();
        let tasks = self.start.tasks.entry(self.source.clone()).or_default();
        tasks.spawn(async move {
            for mut gate in gates {
                if gate.wait_for(|open| *open).await.is_err() {
                    return;
                }
            }
            supervise(feed, &sink).await;
        });
    }
}

/// Runs a feed to its end. One that panics says so and is run again after a pause, with what it knew.
async fn supervise(mut feed: impl Feed, sink: &Sink) {
    let mut pauses = backoff(FaultKind::Crashed);
    loop {
        let began = Instant::now();
        let Err(panic) = AssertUnwindSafe(feed.run(sink)).catch_unwind().await else {
            return;
        };
        if began.elapsed() >= STEADY {
            pauses = backoff(FaultKind::Crashed);
        }
        let pause = pauses.next().unwrap_or(STEADY);
        if sink.failed(crash(&sink.id, &*panic), pause).await.is_err() {
            return;
        }
        sleep(pause).await;
    }
}
