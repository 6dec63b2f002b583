//! Everything once, for the command line: all sources side by side, each for a limited time.

mod stacks;

use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, join_all};
use futures::{FutureExt, StreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use smol_str::SmolStr;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::edge::{AT_ONCE, probe};
use super::fault::{crash, silence};
use super::item::Item;
use super::prices::Region;
use super::supervisor::by_region;
use super::{Batch, Clock};
use crate::fleet::{EdgeHost, FeedId, FeedKind, FeedReport, Observation, Offer, Source};
use crate::provider::{Cloud, Kube, Providers, Result, Shell};

pub use stacks::gather_stacks;

/// What is to be read.
#[derive(Clone, Debug)]
pub struct Want {
    /// The kinds of feeds. Nodes, pods and usage need the server, which is asked without being named. Activities
    /// and events are not gathered, stacks by [`gather_stacks`].
    pub kinds: BTreeSet<FeedKind>,
    /// The hosts of `hosts.toml`; they are probed when [`FeedKind::Edge`] is wanted.
    pub hosts: Vec<EdgeHost>,
    /// Spot prices go back so far; zero for those in force.
    pub history: SignedDuration,
    /// The longest that one source is waited for.
    pub limit: Duration,
}

impl Want {
    /// These kinds, no hosts, prices in force, 20 s for each source.
    pub fn new(kinds: impl IntoIterator<Item = FeedKind>) -> Self {
        Self {
            kinds: kinds.into_iter().collect(),
            hosts: Vec::new(),
            history: SignedDuration::ZERO,
            limit: Duration::from_secs(20),
        }
    }

    fn has(&self, kind: FeedKind) -> bool {
        self.kinds.contains(&kind)
    }
}

/// Reads each wanted source once. What fails is reported among the observations and hides nothing else.
///
/// Prices, when wanted, are those of all instance types that a region's instances, groups and fleets show; where
/// fewer will do, leave them out here and ask [`gather_prices`] once the fleet is known.
/// Must be called within a tokio runtime; dropping the future ends all calls.
pub async fn gather(providers: &Providers, clock: &Clock, want: &Want) -> Vec<Batch> {
    let once = Arc::new(Once {
        clock: clock.clone(),
        want: want.clone(),
    });
    let mut sources: Vec<BoxFuture<'static, Vec<Batch>>> = Vec::new();
    if !want.hosts.is_empty() {
        sources.push(hosts(once.clone(), providers.shell.clone()).boxed());
    }
    for clouds in by_region(&providers.clouds).into_values() {
        sources.push(whole_region(once.clone(), clouds).boxed());
    }
    for kube in &providers.kubes {
        sources.push(context(once.clone(), kube.clone()).boxed());
    }
    side_by_side(sources).await
}

/// Reads the prices of these offers once, of the kinds wanted. Offers of regions that no provider reaches are left
/// out.
pub async fn gather_prices(
    providers: &Providers,
    clock: &Clock,
    want: &Want,
    offers: impl IntoIterator<Item = Offer>,
) -> Vec<Batch> {
    let once = Arc::new(Once {
        clock: clock.clone(),
        want: want.clone(),
    });
    let mut types: BTreeMap<SmolStr, BTreeSet<SmolStr>> = BTreeMap::new();
    for offer in offers {
        types.entry(offer.region).or_default().insert(offer.instance_type);
    }
    let regions = by_region(&providers.clouds).into_iter();
    let wanted = regions.filter_map(|(region, clouds)| Some((clouds, types.remove(&region)?)));
    let sources = wanted.map(|(clouds, types)| prices(once.clone(), clouds, types).boxed());
    side_by_side(sources.collect()).await
}

/// Runs all, each on its own thread where there are several, and gives their batches in the order of the sources.
async fn side_by_side(sources: Vec<BoxFuture<'static, Vec<Batch>>>) -> Vec<Batch> {
    let mut tasks = JoinSet::new();
    for (place, source) in sources.into_iter().enumerate() {
        tasks.spawn(async move { (place, source.await) });
    }
    let mut done = Vec::new();
    while let Some(task) = tasks.join_next().await {
        // No call's panic comes so far: each is caught and reported by `Once::read`.
        done.extend(task.ok());
    }
    done.sort_by_key(|(place, _)| *place);
    done.into_iter().flat_map(|(_, batches)| batches).collect()
}

/// How one gathering reads.
struct Once {
    clock: Clock,
    want: Want,
}

impl Once {
    /// Reads one source; its failure is an observation, too.
    async fn read(
        &self,
        kind: FeedKind,
        source: Source,
        call: impl Future<Output = Result<Vec<Observation>>>,
    ) -> Batch {
        let feed = FeedId { kind, source };
        let limit = self.want.limit;
        let fault = match AssertUnwindSafe(timeout(limit, call)).catch_unwind().await {
            Ok(Ok(Ok(mut observations))) => {
                let at = (self.clock)();
                let good_for = SignedDuration::MAX;
                observations.push(Observation::Feed(feed, FeedReport::Synced { good_for }));
                return Batch { at, observations };
            }
            Ok(Ok(Err(error))) => error.into(),
            Ok(Err(_elapsed)) => silence(&feed, limit),
            Err(panic) => crash(&feed, &*panic),
        };
        let at = (self.clock)();
        // Nothing is tried again here.
        let report = FeedReport::Failed { fault, retry_at: at };
        Batch {
            at,
            observations: vec![Observation::Feed(feed, report)],
        }
    }

    /// Reads a listing.
    async fn list<T: Item>(
        &self,
        kind: FeedKind,
        source: Source,
        call: impl Future<Output = Result<Vec<T>>>,
    ) -> Option<Batch> {
        if !self.want.has(kind) {
            return None;
        }
        let call = async { Ok(call.await?.into_iter().map(Item::seen).collect()) };
        Some(self.read(kind, source, call).await)
    }
}

async fn whole_region(once: Arc<Once>, clouds: Vec<Arc<dyn Cloud>>) -> Vec<Batch> {
    let scopes = clouds.iter().map(|cloud| scope(&once, cloud));
    let mut batches: Vec<_> = join_all(scopes).await.into_iter().flatten().collect();
    if once.want.has(FeedKind::SpotPrices) || once.want.has(FeedKind::OnDemandPrices) {
        let types = batches
            .iter()
            .flat_map(|b| &b.observations)
            .flat_map(types_in)
            .collect();
        batches.extend(prices(once, clouds, types).await);
    }
    batches
}

/// The instance types that an observation names.
fn types_in(observation: &Observation) -> Vec<SmolStr> {
    match observation {
        Observation::Instance(instance) => vec![instance.instance_type.clone()],
        Observation::Asg(asg) => asg.types.to_vec(),
        Observation::SpotFleet(fleet) => fleet.types.to_vec(),
        _ => Vec::new(),
    }
}

async fn scope(once: &Once, cloud: &Arc<dyn Cloud>) -> Vec<Batch> {
    let source = || Source::Aws(cloud.scope().clone());
    let account = async {
        if !once.want.has(FeedKind::Account) {
            return None;
        }
        let call = async {
            let account = cloud.account().await?;
            Ok(vec![Observation::Account(cloud.scope().clone(), account)])
        };
        Some(once.read(FeedKind::Account, source(), call).await)
    };
    let all = tokio::join!(
        account,
        once.list(FeedKind::Instances, source(), cloud.instances()),
        once.list(FeedKind::Asgs, source(), cloud.asgs()),
        once.list(FeedKind::SpotFleets, source(), cloud.spot_fleets()),
        once.list(FeedKind::Notices, source(), cloud.notices()),
    );
    let (account, instances, asgs, spot_fleets, notices) = all;
    [account, instances, asgs, spot_fleets, notices]
        .into_iter()
        .flatten()
        .collect()
}

async fn prices(once: Arc<Once>, clouds: Vec<Arc<dyn Cloud>>, types: BTreeSet<SmolStr>) -> Vec<Batch> {
    let Some(first) = clouds.first().filter(|_| !types.is_empty()) else {
        return Vec::new();
    };
    let types: Vec<_> = types.into_iter().filter(|t| !t.is_empty()).collect();
    let source = || Source::Aws(first.scope().clone());
    let mut region = Region::new(clouds.clone());
    let spot = async {
        let now = (once.clock)();
        let since = now.checked_sub(once.want.history).unwrap_or(Timestamp::MIN);
        let prices = region.spot(&types, since).await?;
        Ok(prices.into_iter().map(Observation::SpotPrice).collect())
    };
    let mut region = Region::new(clouds.clone());
    let on_demand = async {
        let prices = region.on_demand(&types).await?;
        Ok(prices.into_iter().map(Observation::OnDemandPrice).collect())
    };
    let reads = [
        (FeedKind::SpotPrices, spot.boxed()),
        (FeedKind::OnDemandPrices, on_demand.boxed()),
    ];
    let wanted = reads.into_iter().filter(|(kind, _)| once.want.has(*kind));
    join_all(wanted.map(|(kind, call)| once.read(kind, source(), call))).await
}

async fn context(once: Arc<Once>, kube: Arc<dyn Kube>) -> Vec<Batch> {
    const NEED_SERVER: [FeedKind; 4] = [FeedKind::Server, FeedKind::Nodes, FeedKind::Pods, FeedKind::Usage];
    if !NEED_SERVER.into_iter().any(|kind| once.want.has(kind)) {
        return Vec::new();
    }
    let source = || Source::Kube(kube.context().clone());
    let call = async { Ok(vec![Observation::Server(kube.server().await?)]) };
    let server = once.read(FeedKind::Server, source(), call).await;
    let k3s = matches!(server.observations.first(), Some(Observation::Server(s)) if s.is_k3s());
    let mut batches = vec![server];
    if k3s {
        let (nodes, pods, usage) = tokio::join!(
            once.list(FeedKind::Nodes, source(), kube.list_nodes()),
            once.list(FeedKind::Pods, source(), kube.list_pods()),
            once.list(FeedKind::Usage, source(), kube.usage()),
        );
        batches.extend([nodes, pods, usage].into_iter().flatten());
    }
    batches
}

async fn hosts(once: Arc<Once>, shell: Option<Arc<dyn Shell>>) -> Vec<Batch> {
    let hosts = once.want.hosts.clone();
    let mut batches = vec![Batch {
        at: (once.clock)(),
        observations: hosts.iter().cloned().map(Item::seen).collect(),
    }];
    if let Some(shell) = shell.filter(|_| once.want.has(FeedKind::Edge)) {
        let probes: Vec<_> = hosts.into_iter().map(|host| probe(&shell, host, &once.clock)).collect();
        // Each probe is limited, and so many hosts are not one source.
        let observations = stream::iter(probes).buffered(AT_ONCE).collect().await;
        let feed = FeedId {
            kind: FeedKind::Edge,
            source: Source::Hosts,
        };
        let good_for = SignedDuration::MAX;
        let report = Observation::Feed(feed, FeedReport::Synced { good_for });
        let at = (once.clock)();
        batches.push(Batch { at, observations });
        batches.push(Batch {
            at,
            observations: vec![report],
        });
    }
    batches
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;
    use crate::feeds::testing::*;
    use crate::fleet::*;

    fn all(batches: Vec<Batch>) -> Vec<Observation> {
        batches.into_iter().flat_map(|b| b.observations).collect()
    }

    fn report<'a>(seen: &'a [Observation], feed: &FeedId) -> Option<&'a FeedReport> {
        seen.iter().find_map(|o| match o {
            Observation::Feed(id, report) if id == feed => Some(report),
            _ => None,
        })
    }

    #[tokio::test(start_paused = true)]
    async fn only_what_is_wanted_is_called_once() {
        let cloud = FakeCloud::new("", "eu-west-1");
        let kube = FakeKube::k3s("home");
        let providers = Providers {
            clouds: vec![cloud.clone()],
            kubes: vec![kube.clone()],
            ..Providers::default()
        };
        cloud.instances.is(vec![cloud.instance("i-a")]);
        kube.node_list.is(vec![kube.node("n")]);
        let want = Want::new([FeedKind::Instances, FeedKind::Nodes]);
        let seen = all(gather(&providers, &clock(), &want).await);
        assert_eq!(things(seen.clone()).len(), 3, "instance, server, node");
        for feed in [
            cloud.feed(FeedKind::Instances),
            kube.feed(FeedKind::Server),
            kube.feed(FeedKind::Nodes),
        ] {
            assert!(
                matches!(report(&seen, &feed), Some(FeedReport::Synced { .. })),
                "{feed}"
            );
        }
        assert_eq!((cloud.instances.calls().len(), kube.node_list.calls().len()), (1, 1));
        assert!(cloud.asgs.calls().is_empty() && cloud.account.calls().is_empty());
        assert!(cloud.spot_prices.calls().is_empty() && kube.pod_list.calls().is_empty());

        let seen = gather(&providers, &clock(), &Want::new([FeedKind::Asgs])).await;
        assert_eq!(seen.len(), 1);
        assert_eq!(kube.server.calls().len(), 1, "no context is needed for groups");
    }

    #[tokio::test(start_paused = true)]
    async fn what_fails_is_told_and_holds_up_no_other() {
        let (bad, good) = (FakeCloud::new("", "eu-west-1"), FakeCloud::new("", "us-east-1"));
        let (dead, other) = (FakeKube::k3s("dead"), FakeKube::new("other", "v1.36.4"));
        bad.instances.set(Reply::Fails(FaultKind::Denied));
        bad.asgs.set(Reply::Panics);
        bad.notices.set(Reply::Hangs);
        dead.server.set(Reply::Hangs);
        good.instances.is(vec![good.instance("i-a")]);
        let providers = Providers {
            clouds: vec![bad.clone(), good.clone()],
            kubes: vec![dead.clone(), other.clone()],
            ..Providers::default()
        };
        let want = Want::new([FeedKind::Instances, FeedKind::Asgs, FeedKind::Notices, FeedKind::Nodes]);
        let before = Instant::now();
        let seen = all(gather(&providers, &clock(), &want).await);
        assert_eq!(before.elapsed(), want.limit, "side by side, and no longer than allowed");
        let kind = |feed: FeedId| match report(&seen, &feed) {
            Some(FeedReport::Failed { fault, .. }) => Some(fault.kind),
            _ => None,
        };
        assert_eq!(kind(bad.feed(FeedKind::Instances)), Some(FaultKind::Denied));
        assert_eq!(kind(bad.feed(FeedKind::Asgs)), Some(FaultKind::Crashed));
        assert_eq!(kind(bad.feed(FeedKind::Notices)), Some(FaultKind::Unreachable));
        assert_eq!(kind(dead.feed(FeedKind::Server)), Some(FaultKind::Unreachable));
        assert!(seen.contains(&Observation::Instance(Box::new(good.instance("i-a")))));
        assert!(
            things(seen)
                .iter()
                .any(|o| matches!(o, Observation::Server(s) if s.context == other.context))
        );
        assert!(other.node_list.calls().is_empty(), "not K3s");
    }

    #[tokio::test(start_paused = true)]
    async fn prices_of_the_types_found_come_second_or_those_named() {
        let cloud = FakeCloud::new("", "eu-west-1");
        cloud.instances.is(vec![cloud.instance("i-a"), cloud.instance("i-b")]);
        let providers = Providers {
            clouds: vec![cloud.clone()],
            ..Providers::default()
        };
        let want = Want::new([FeedKind::Instances, FeedKind::SpotPrices, FeedKind::OnDemandPrices]);
        let seen = all(gather(&providers, &clock(), &want).await);
        assert_eq!(cloud.spot_prices.arguments(), ["t4g.small since 2026-11-22T12:00:00Z"]);
        assert_eq!(cloud.on_demand_prices.arguments(), ["t4g.small"]);
        assert!(report(&seen, &cloud.feed(FeedKind::SpotPrices)).is_some());

        let want = Want {
            history: SignedDuration::from_hours(24),
            ..Want::new([FeedKind::SpotPrices])
        };
        let offers = [Offer::new("eu-west-1", "m7g.large"), Offer::new("mars-1", "m7g.large")];
        let seen = all(gather_prices(&providers, &clock(), &want, offers).await);
        assert_eq!(cloud.spot_prices.arguments()[1], "m7g.large since 2026-11-21T12:00:00Z");
        assert_eq!((seen.len(), cloud.on_demand_prices.calls().len()), (1, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn hosts_are_told_and_probed_when_wanted() {
        let shell = Arc::new(FakeShell::default());
        let providers = Providers {
            shell: Some(shell.clone()),
            ..Providers::default()
        };
        let mut want = Want {
            hosts: vec![host("ok-1"), host("crash-1")],
            ..Want::new([])
        };
        assert_eq!(all(gather(&providers, &clock(), &want).await).len(), 2);
        assert!(shell.probed.lock().unwrap().is_empty());
        want.kinds.insert(FeedKind::Edge);
        let seen = all(gather(&providers, &clock(), &want).await);
        let probes = seen.iter().filter(|o| matches!(o, Observation::EdgeProbe(_)));
        assert_eq!((probes.count(), seen.len()), (2, 5));
    }
}
