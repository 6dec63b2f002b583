//! Spot and on-demand prices: of a region, whichever profile shows it, and of those types only that are wanted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use rustc_hash::FxHashMap;
use smol_str::SmolStr;
use tokio::sync::watch;
use tokio::time::Instant;

use super::poll::{Answer, Halt, Next, Poll};
use super::sink::Sink;
use crate::fleet::{FaultKind, Observation, OnDemandPrice, SpotPrice, market};
use crate::provider::{Cloud, Result};

/// The history that is read of every wanted type.
const DAY: SignedDuration = SignedDuration::from_hours(24);
/// Prices that were just read are not read again because another type is wanted.
const FRESH: SignedDuration = SignedDuration::from_secs(60);

/// The instance types of a region whose prices are wanted.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct PriceWish {
    /// Prices in force, and a day of history.
    pub(super) types: BTreeSet<SmolStr>,
    /// More history.
    pub(super) history: BTreeMap<SmolStr, SignedDuration>,
}

impl PriceWish {
    /// Wants more; whether that is new.
    pub(super) fn add(&mut self, types: impl IntoIterator<Item = SmolStr>) -> bool {
        let before = self.types.len();
        self.types.extend(types);
        self.types.len() != before
    }

    /// Wants history; whether that is new.
    pub(super) fn add_history(&mut self, instance_type: SmolStr, span: SignedDuration) -> bool {
        let span = span.min(market::HISTORY);
        let new = self.types.insert(instance_type.clone());
        if new || self.history.get(&instance_type).is_none_or(|known| *known < span) {
            self.history.insert(instance_type, span);
            return true;
        }
        false
    }
}

/// The profiles that reach one region: prices are the same through each, so one that may read them is enough.
pub(super) struct Region {
    clouds: Vec<Arc<dyn Cloud>>,
    current: usize,
}

impl Region {
    pub(super) fn new(clouds: Vec<Arc<dyn Cloud>>) -> Self {
        Self { clouds, current: 0 }
    }

    /// The prices of these types since a time.
    pub(super) async fn spot(&mut self, types: &[SmolStr], since: Timestamp) -> Result<Vec<SpotPrice>> {
        while let Some(cloud) = self.clouds.get(self.current).cloned() {
            let answer = cloud.spot_prices(types, since).await;
            if !self.moves_on(&answer) {
                return answer;
            }
        }
        Ok(Vec::new())
    }

    /// The on-demand prices of these types.
    pub(super) async fn on_demand(&mut self, types: &[SmolStr]) -> Result<Vec<OnDemandPrice>> {
        while let Some(cloud) = self.clouds.get(self.current).cloned() {
            let answer = cloud.on_demand_prices(types).await;
            if !self.moves_on(&answer) {
                return answer;
            }
        }
        Ok(Vec::new())
    }

    /// After a refusal it is the next profile's turn; after the last one's, the first is tried again next time.
    fn moves_on<T>(&mut self, answer: &Result<T>) -> bool {
        let Err(error) = answer else { return false };
        if !matches!(error.kind, FaultKind::Denied | FaultKind::Credentials) {
            return false;
        }
        self.current = (self.current + 1) % self.clouds.len().max(1);
        self.current != 0
    }
}

/// The next change of a wish; never, once nobody can make one.
async fn changed<T>(wish: &mut watch::Receiver<T>) {
    if wish.changed().await.is_err() {
        std::future::pending().await
    }
}

/// The spot prices of a region.
///
/// A new type's prices in force come first, so that machines are priced at once; then its history.
pub(super) struct SpotPrices {
    region: Region,
    wish: watch::Receiver<PriceWish>,
    /// How much history was read of each type.
    known: BTreeMap<SmolStr, SignedDuration>,
    /// The latest price told, by type and zone: from when on, and its bits.
    told: FxHashMap<(SmolStr, SmolStr), (Timestamp, u64)>,
    /// Up to when the prices of all known types were read.
    read_to: Option<Timestamp>,
}

impl SpotPrices {
    pub(super) fn new(region: Region, wish: watch::Receiver<PriceWish>) -> Self {
        Self {
            region,
            wish,
            known: BTreeMap::new(),
            told: FxHashMap::default(),
            read_to: None,
        }
    }

    async fn tell(&mut self, mut prices: Vec<SpotPrice>, sink: &Sink) -> std::result::Result<(), Halt> {
        prices.sort_by_key(|price| price.at);
        let mut observations = Vec::new();
        for price in prices {
            let key = (price.instance_type.clone(), price.zone.clone());
            let this = (price.at, price.usd.to_bits());
            match self.told.get(&key) {
                Some(known) if *known == this => continue,
                Some((at, _)) if *at > price.at => {}
                _ => {
                    self.told.insert(key, this);
                }
            }
            observations.push(Observation::SpotPrice(price));
        }
        Ok(sink.send(observations).await?)
    }
}

#[async_trait]
impl Poll for SpotPrices {
    async fn read(&mut self, sink: &Sink) -> std::result::Result<Answer, Halt> {
        let wish = self.wish.borrow_and_update().clone();
        let now = sink.now();
        let known: Vec<_> = self.known.keys().cloned().collect();
        let new: Vec<_> = wish
            .types
            .iter()
            .filter(|t| !self.known.contains_key(*t))
            .cloned()
            .collect();
        if !new.is_empty() {
            let prices = self.region.spot(&new, now).await?;
            self.tell(prices, sink).await?;
            self.known.extend(new.into_iter().map(|t| (t, SignedDuration::ZERO)));
        }
        let read_to = *self.read_to.get_or_insert(now);
        if !known.is_empty() && now.duration_since(read_to) >= FRESH {
            let prices = self.region.spot(&known, read_to).await?;
            self.tell(prices, sink).await?;
            self.read_to = Some(now);
        }
        let mut missing: BTreeMap<SignedDuration, Vec<SmolStr>> = BTreeMap::new();
        for (instance_type, read) in &self.known {
            let wanted = wish.history.get(instance_type).map_or(DAY, |span| DAY.max(*span));
            if *read < wanted {
                missing.entry(wanted).or_default().push(instance_type.clone());
            }
        }
        for (span, types) in missing {
            let since = now.checked_sub(span).unwrap_or(Timestamp::MIN);
            let prices = self.region.spot(&types, since).await?;
            self.tell(prices, sink).await?;
            self.known.extend(types.into_iter().map(|t| (t, span)));
        }
        Ok(Answer {
            observations: Vec::new(),
            next: Next::Paced,
        })
    }

    fn idle(&self) -> bool {
        self.wish.borrow().types.is_empty()
    }

    async fn wished(&mut self) {
        changed(&mut self.wish).await
    }
}

/// The on-demand prices of a region.
pub(super) struct OnDemandPrices {
    region: Region,
    wish: watch::Receiver<PriceWish>,
    /// How long a price is good.
    every: Duration,
    /// When each type's price was read.
    read: BTreeMap<SmolStr, Instant>,
}

impl OnDemandPrices {
    pub(super) fn new(region: Region, wish: watch::Receiver<PriceWish>, every: Duration) -> Self {
        Self {
            region,
            wish,
            every,
            read: BTreeMap::new(),
        }
    }
}

#[async_trait]
impl Poll for OnDemandPrices {
    async fn read(&mut self, _: &Sink) -> std::result::Result<Answer, Halt> {
        let wish = self.wish.borrow_and_update().clone();
        // Types that were wanted at different times are soon read together.
        let due = |t: &&SmolStr| self.read.get(*t).is_none_or(|at| at.elapsed() >= self.every / 2);
        let types: Vec<_> = wish.types.iter().filter(due).cloned().collect();
        let mut prices = Vec::new();
        if !types.is_empty() {
            prices = self.region.on_demand(&types).await?;
        }
        let now = Instant::now();
        self.read.extend(types.into_iter().map(|t| (t, now)));
        Ok(Answer {
            observations: prices.into_iter().map(Observation::OnDemandPrice).collect(),
            next: Next::Paced,
        })
    }

    fn idle(&self) -> bool {
        self.wish.borrow().types.is_empty()
    }

    async fn wished(&mut self) {
        changed(&mut self.wish).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feeds::testing::*;
    use crate::fleet::FeedKind;

    fn spot(instance_type: &str, at: &str, usd: f64) -> SpotPrice {
        SpotPrice {
            region: "eu-west-1".into(),
            instance_type: instance_type.into(),
            zone: "eu-west-1a".into(),
            at: at.parse().unwrap(),
            usd,
        }
    }

    fn told(observations: Vec<Observation>) -> Vec<SpotPrice> {
        let of = |o| match o {
            Observation::SpotPrice(price) => Some(price),
            _ => None,
        };
        observations.into_iter().filter_map(of).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_asked_before_it_is_wanted() {
        let cloud = FakeCloud::new("", "eu-west-1");
        let mut rig = Rig::clouds(&[&cloud]);
        rig.for_secs(3600).await;
        rig.feeds.want_prices("mars-north-1", ["t4g.small".into()]);
        rig.for_secs(10).await;
        assert!(cloud.spot_prices.calls().is_empty() && cloud.on_demand_prices.calls().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn prices_in_force_come_first_then_a_day_then_only_what_changed() {
        let cloud = FakeCloud::new("", "eu-west-1");
        let old = spot("t4g.small", "2026-11-22T08:00:00Z", 0.006);
        cloud.spot_prices.is(vec![old.clone()]);
        let mut rig = Rig::clouds(&[&cloud]);
        let feed = cloud.feed(FeedKind::SpotPrices);
        rig.feeds.want_prices("eu-west-1", ["t4g.small".into()]);
        assert_eq!(told(rig.synced(&feed).await), std::slice::from_ref(&old));
        let first = [
            "t4g.small since 2026-11-22T12:00:00Z",
            "t4g.small since 2026-11-21T12:00:00Z",
        ];
        assert_eq!(cloud.spot_prices.arguments(), first);

        let new = spot("t4g.small", "2026-11-22T12:03:00Z", 0.007);
        cloud.spot_prices.is(vec![new.clone(), old]);
        cloud.spot_prices.calls().clear();
        assert_eq!(told(rig.synced(&feed).await), [new]);
        assert_eq!(told(rig.synced(&feed).await), []);
        near(&cloud.spot_prices.pauses(), &[300.0]);
        assert_eq!(cloud.spot_prices.arguments()[0], first[0], "since it was read last");
    }

    #[tokio::test(start_paused = true)]
    async fn another_type_is_read_at_once_and_alone() {
        let cloud = FakeCloud::new("", "eu-west-1");
        let mut rig = Rig::clouds(&[&cloud]);
        rig.feeds.want_prices("eu-west-1", ["a".into(), "b".into()]);
        rig.for_secs(10).await;
        cloud.spot_prices.calls().clear();
        cloud.on_demand_prices.calls().clear();
        rig.feeds.want_prices("eu-west-1", ["a".into(), "c".into()]);
        rig.feeds.want_prices("eu-west-1", ["b".into()]);
        rig.for_secs(5).await;
        let of = |wanted: &str| wanted.split(' ').next().unwrap().to_owned();
        let spot: Vec<_> = cloud.spot_prices.arguments().iter().map(|a| of(a)).collect();
        assert_eq!(spot, ["c", "c"], "in force, and a day");
        assert_eq!(cloud.on_demand_prices.arguments(), ["c"]);
    }

    #[tokio::test(start_paused = true)]
    async fn two_weeks_are_read_for_the_type_that_is_looked_at() {
        let cloud = FakeCloud::new("", "eu-west-1");
        let mut rig = Rig::clouds(&[&cloud]);
        rig.feeds.want_prices("eu-west-1", ["a".into(), "b".into()]);
        rig.for_secs(10).await;
        cloud.spot_prices.calls().clear();
        let span = SignedDuration::from_hours(24 * 365);
        rig.feeds.want_history("eu-west-1", "b", span);
        rig.for_secs(5).await;
        rig.feeds.want_history("eu-west-1", "b", DAY);
        rig.for_secs(5).await;
        assert_eq!(cloud.spot_prices.arguments(), ["b since 2026-11-08T12:00:10Z"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_profile_that_may_not_read_prices_leaves_it_to_the_next() {
        let (denied, granted) = (FakeCloud::new("a", "eu-west-1"), FakeCloud::new("b", "eu-west-1"));
        denied.spot_prices.set(Reply::Fails(FaultKind::Denied));
        granted
            .spot_prices
            .is(vec![spot("t4g.small", "2026-11-22T08:00:00Z", 0.006)]);
        let mut rig = Rig::clouds(&[&denied, &granted]);
        rig.feeds.want_prices("eu-west-1", ["t4g.small".into()]);
        let feed = denied.feed(FeedKind::SpotPrices);
        assert_eq!(told(rig.synced(&feed).await).len(), 1);
        assert_eq!(
            (denied.spot_prices.calls().len(), granted.spot_prices.calls().len()),
            (1, 2)
        );

        granted.spot_prices.set(Reply::Fails(FaultKind::Denied));
        assert_eq!(rig.failed(&feed).await.0.kind, FaultKind::Denied);
    }

    #[tokio::test(start_paused = true)]
    async fn on_demand_prices_are_read_twice_a_day_and_nudges_read_no_prices() {
        let cloud = FakeCloud::new("", "eu-west-1");
        let price = OnDemandPrice {
            region: "eu-west-1".into(),
            instance_type: "a".into(),
            usd: None,
            fetched_at: epoch(),
        };
        cloud.on_demand_prices.is(vec![price.clone()]);
        let mut rig = Rig::clouds(&[&cloud]);
        rig.feeds.want_prices("eu-west-1", ["a".into()]);
        let seen = rig.synced(&cloud.feed(FeedKind::OnDemandPrices)).await;
        assert!(seen.contains(&Observation::OnDemandPrice(price)));
        rig.for_secs(10).await;
        rig.feeds.nudge(&cloud.source());
        rig.for_secs(60).await;
        assert_eq!(cloud.on_demand_prices.calls().len(), 1);
        assert_eq!((cloud.spot_prices.calls().len(), cloud.account.calls().len()), (2, 1));
        rig.for_secs(48 * 3600).await;
        let pauses = cloud.on_demand_prices.pauses();
        assert!(pauses.len() >= 3 && pauses.iter().all(|p| *p > 38_000.0), "{pauses:?}");
    }
}
