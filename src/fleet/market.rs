//! Spot and on-demand prices, with the spot history of two weeks.
//!
//! A spot price holds from its time on until the next one, so a series is a list of changes. Nothing is
//! made up: a type without a price has none, and the other market's price never stands in.

use jiff::{SignedDuration, Timestamp};
use rustc_hash::FxHashMap;
use smol_str::SmolStr;
use std::collections::BTreeMap;

use super::{OnDemandPrice, SpotPrice};

/// How much spot history is kept.
pub const HISTORY: SignedDuration = SignedDuration::from_hours(14 * 24);

/// An instance type in a region: what has one on-demand price.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Offer {
    /// The region.
    pub region: SmolStr,
    /// The instance type.
    pub instance_type: SmolStr,
}

impl Offer {
    /// A type in a region.
    pub fn new(region: impl AsRef<str>, instance_type: impl AsRef<str>) -> Self {
        Self {
            region: SmolStr::new(region),
            instance_type: SmolStr::new(instance_type),
        }
    }
}

/// The changes of one spot price, oldest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series(Vec<(Timestamp, f64)>);

impl Series {
    fn insert(&mut self, at: Timestamp, usd: f64) {
        match self.0.binary_search_by(|(t, _)| t.cmp(&at)) {
            Ok(i) => self.0[i].1 = usd,
            Err(i) => self.0.insert(i, (at, usd)),
        }
        let Some((newest, _)) = self.0.last() else { return };
        let horizon = *newest - HISTORY;
        let before = self.0.partition_point(|(t, _)| *t <= horizon);
        self.0.drain(..before.saturating_sub(1));
    }

    /// All changes, oldest first: time and USD per hour from then on.
    pub fn changes(&self) -> &[(Timestamp, f64)] {
        &self.0
    }

    /// The price in force now: when it began, and USD per hour.
    pub fn latest(&self) -> Option<(Timestamp, f64)> {
        self.0.last().copied()
    }

    /// The price in force at a time; `None` before the first change known.
    pub fn at(&self, time: Timestamp) -> Option<f64> {
        let after = self.0.partition_point(|(t, _)| *t <= time);
        after.checked_sub(1).map(|i| self.0[i].1)
    }

    /// `buckets` time-weighted means over the span that ends at `now`; `None` where nothing is known.
    pub fn sample(&self, now: Timestamp, span: SignedDuration, buckets: usize) -> Vec<Option<f64>> {
        let step = span.as_secs_f64() / buckets.max(1) as f64;
        let start = now.as_second() as f64 - span.as_secs_f64();
        (0..buckets)
            .map(|i| self.mean(start + step * i as f64, start + step * (i + 1) as f64))
            .collect()
    }

    /// The time-weighted mean between two times (seconds since the epoch).
    fn mean(&self, from: f64, to: f64) -> Option<f64> {
        let mut sum = 0.0;
        let mut weight = 0.0;
        let first = self
            .0
            .partition_point(|(t, _)| (t.as_second() as f64) <= from)
            .saturating_sub(1);
        for (i, (begin, usd)) in self.0.iter().enumerate().skip(first) {
            let begin = begin.as_second() as f64;
            if begin >= to {
                break;
            }
            let end = self.0.get(i + 1).map_or(to, |(t, _)| t.as_second() as f64);
            let held = (end.min(to) - begin.max(from)).max(0.0);
            sum += usd * held;
            weight += held;
        }
        (weight > 0.0).then(|| sum / weight)
    }
}

/// All prices known.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Market {
    spot: FxHashMap<Offer, BTreeMap<SmolStr, Series>>,
    on_demand: FxHashMap<Offer, OnDemandPrice>,
}

impl Market {
    /// Takes in a spot price; prices that are no positive numbers are dropped.
    pub fn add_spot(&mut self, price: SpotPrice) {
        if !(price.usd.is_finite() && price.usd > 0.0) {
            return;
        }
        let zones = self
            .spot
            .entry(Offer {
                region: price.region,
                instance_type: price.instance_type,
            })
            .or_default();
        zones.entry(price.zone).or_default().insert(price.at, price.usd);
    }

    /// Takes in an on-demand price; the one read last counts.
    pub fn add_on_demand(&mut self, price: OnDemandPrice) {
        let offer = Offer {
            region: price.region.clone(),
            instance_type: price.instance_type.clone(),
        };
        match self.on_demand.get(&offer) {
            Some(known) if known.fetched_at > price.fetched_at => {}
            _ => {
                self.on_demand.insert(offer, price);
            }
        }
    }

    /// The spot series of an offer, by zone.
    pub fn zones(&self, offer: &Offer) -> Option<&BTreeMap<SmolStr, Series>> {
        self.spot.get(offer)
    }

    /// The spot price in force in one zone, USD per hour.
    pub fn spot(&self, offer: &Offer, zone: &str) -> Option<f64> {
        self.spot.get(offer)?.get(zone)?.latest().map(|(_, usd)| usd)
    }

    /// The on-demand price, USD per hour.
    pub fn on_demand(&self, offer: &Offer) -> Option<f64> {
        self.on_demand.get(offer)?.usd
    }

    /// The on-demand price as it was read, with its age.
    pub fn on_demand_entry(&self, offer: &Offer) -> Option<&OnDemandPrice> {
        self.on_demand.get(offer)
    }

    /// The key under which an offer's prices are kept; `None` when none is known.
    pub fn offer(&self, offer: &Offer) -> Option<&Offer> {
        let spot = self.spot.get_key_value(offer).map(|(key, _)| key);
        spot.or_else(|| self.on_demand.get_key_value(offer).map(|(key, _)| key))
    }

    /// Every offer a price of either market is known for, in order.
    pub fn offers(&self) -> Vec<&Offer> {
        let mut offers: Vec<_> = self.spot.keys().chain(self.on_demand.keys()).collect();
        offers.sort_unstable();
        offers.dedup();
        offers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn price(at: i64, usd: f64) -> SpotPrice {
        SpotPrice {
            region: "eu-west-1".into(),
            instance_type: "t3.medium".into(),
            zone: "eu-west-1a".into(),
            at: Timestamp::from_second(at).unwrap(),
            usd,
        }
    }

    #[test]
    fn the_latest_change_is_in_force_whatever_the_order_of_arrival() {
        let mut market = Market::default();
        for (at, usd) in [(300, 0.03), (100, 0.01), (200, 0.02)] {
            market.add_spot(price(at, usd));
        }
        let offer = Offer::new("eu-west-1", "t3.medium");
        assert_eq!(market.spot(&offer, "eu-west-1a"), Some(0.03));
        assert_eq!(market.spot(&offer, "eu-west-1b"), None);
        assert_eq!(
            market.on_demand(&offer),
            None,
            "one market never stands in for the other"
        );
        let series = &market.zones(&offer).unwrap()["eu-west-1a"];
        assert_eq!(series.at(Timestamp::from_second(250).unwrap()), Some(0.02));
        assert_eq!(series.at(Timestamp::from_second(50).unwrap()), None);
    }

    #[test]
    fn samples_are_time_weighted_and_blank_before_the_first_change() {
        let mut series = Series::default();
        series.insert(Timestamp::from_second(1_000).unwrap(), 1.0);
        series.insert(Timestamp::from_second(1_050).unwrap(), 3.0);
        let now = Timestamp::from_second(1_100).unwrap();
        let samples = series.sample(now, SignedDuration::from_secs(200), 2);
        assert_eq!(samples, vec![None, Some(2.0)]);
    }

    #[test]
    fn history_is_bounded_but_keeps_the_price_in_force_at_its_start() {
        let mut series = Series::default();
        let day = 86_400;
        for d in 0..40 {
            series.insert(Timestamp::from_second(d * day).unwrap(), d as f64 + 1.0);
        }
        assert!(series.changes().len() <= 16);
        assert_eq!(
            series.at(Timestamp::from_second(25 * day).unwrap()),
            Some(26.0),
            "in force 14 days before the last"
        );
    }

    #[test]
    fn worthless_prices_are_dropped() {
        let mut market = Market::default();
        for usd in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            market.add_spot(price(1, usd));
        }
        assert!(market.offers().is_empty());
    }
}
