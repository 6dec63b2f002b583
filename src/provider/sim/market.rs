//! Spot prices: a curve per type and zone that is known for every time, so that a history of two weeks costs
//! nothing until somebody asks for it, and asking never changes it.

use std::f64::consts::{PI, TAU};

use jiff::{SignedDuration, Timestamp};
use smol_str::SmolStr;

use super::clock::{earlier, later, seconds, whole};
use super::noise::{hash, nth, unit, wave};
use super::scenario::{MarketSpec, RegionSpec, TypeSpec, ZoneSpec};
use crate::fleet::SpotPrice;

/// How long prices come at the fast pace, and how much slower they come later.
const BRISK: f64 = 600.0;
const SLOWER: f64 = 6.0;

/// The market's course.
#[derive(Debug)]
pub(super) struct Market {
    spec: MarketSpec,
    seed: u64,
    start: Timestamp,
    spikes: Vec<Spike>,
}

/// A passing rise of one zone's prices.
#[derive(Debug)]
struct Spike {
    zone: SmolStr,
    at: Timestamp,
    lasts: SignedDuration,
    factor: f64,
}

impl Market {
    pub(super) fn new(spec: MarketSpec, seed: u64, start: Timestamp) -> Self {
        let spikes = Vec::new();
        Self {
            spec,
            seed,
            start,
            spikes,
        }
    }

    /// Prices of a zone rise to `factor` times their level and fall again.
    pub(super) fn spike(&mut self, zone: &str, at: Timestamp, lasts: SignedDuration, factor: f64) {
        self.spikes.push(Spike {
            zone: SmolStr::new(zone),
            at,
            lasts,
            factor,
        });
    }

    /// The prices of one type in one zone that came into force in a span of time, and the one in force at its
    /// beginning. Nothing where the type is not sold.
    pub(super) fn prices(
        &self,
        region: &RegionSpec,
        zone: &ZoneSpec,
        kind: &TypeSpec,
        since: Timestamp,
        until: Timestamp,
    ) -> Vec<SpotPrice> {
        let Some(on_demand) = kind.usd.get(&region.name) else {
            return Vec::new();
        };
        let key = hash(self.seed, &["spot", &zone.name, &kind.name]);
        let mut times = self.times(key, zone, since, until);
        times.sort_unstable();
        times.dedup();
        let in_force = times.partition_point(|t| *t <= since).saturating_sub(1);
        times
            .into_iter()
            .skip(in_force)
            .map(|at| SpotPrice {
                region: region.name.clone(),
                instance_type: kind.name.clone(),
                zone: zone.name.clone(),
                at,
                usd: self.price(key, zone, *on_demand, at),
            })
            .collect()
    }

    /// When prices change: the last time up to `since`, and all after it up to `until`.
    fn times(&self, key: u64, zone: &ZoneSpec, since: Timestamp, until: Timestamp) -> Vec<Timestamp> {
        let begin = earlier(self.start, self.spec.history);
        let mut times = vec![whole(begin)];
        let live = self.spec.live_step.as_secs_f64();
        let slow_from = later(self.start, seconds(BRISK));
        let end = Timestamp::MAX;
        for (n, (from, to, step)) in [
            (begin, self.start, self.spec.history_step.as_secs_f64()),
            (self.start, slow_from, live),
            (slow_from, end, live * SLOWER),
        ]
        .into_iter()
        .enumerate()
        {
            let key = nth(key, i64::try_from(n).unwrap_or(0));
            let since = since.clamp(from, to).duration_since(from).as_secs_f64();
            // Each step holds one change somewhere in it: two steps back is surely before `since`.
            #[expect(clippy::cast_possible_truncation, reason = "saturates")]
            let first = ((since / step) as i64 - 2).max(0);
            #[expect(clippy::cast_precision_loss, reason = "steps are few")]
            let nth_time = |k: i64| whole(later(from, seconds((k as f64 + unit(nth(key, k))) * step)));
            let last = until.min(to);
            times.extend((first..).map(nth_time).take_while(|at| *at < last || *at == until));
        }
        for spike in self.spikes.iter().filter(|s| s.zone == zone.name) {
            let part = |n: i32| whole(later(spike.at, seconds(spike.lasts.as_secs_f64() * f64::from(n) / 8.0)));
            times.extend((0..=8).map(part).filter(|at| *at >= begin && *at <= until));
        }
        times
    }

    fn price(&self, key: u64, zone: &ZoneSpec, on_demand: f64, at: Timestamp) -> f64 {
        let t = at.duration_since(Timestamp::UNIX_EPOCH).as_secs_f64();
        let hours = t / 3600.0;
        let kind = 0.85 + 0.3 * unit(nth(key, -1));
        let phase = unit(nth(key, -2)) * 4.0;
        let daily = 0.08 * (TAU * (hours - 14.0 - phase) / 24.0).cos();
        let drift = wave(nth(key, -3), hours, 60.0)
            + 0.6 * wave(nth(key, -4), hours, 11.0)
            + 0.25 * wave(nth(key, -5), t, 400.0);
        let mut price = on_demand * zone.spot * kind * (1.0 + daily + zone.volatility * drift);
        for spike in self.spikes.iter().filter(|s| s.zone == zone.name) {
            let part = at.duration_since(spike.at).as_secs_f64() / spike.lasts.as_secs_f64().max(1.0);
            if (0.0..1.0).contains(&part) {
                price *= 1.0 + (spike.factor - 1.0) * (PI * part).sin();
            }
        }
        let price = price.clamp(on_demand * 0.1, on_demand);
        (price * 10_000.0).round() / 10_000.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::sim::Scenario;

    fn day(n: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + n * 86_400).unwrap()
    }

    #[test]
    fn a_history_is_the_same_whoever_asks_for_which_part() {
        let scenario = Scenario::demo().unwrap();
        let mut market = Market::new(scenario.market.clone(), 7, day(0));
        let region = &scenario.regions[0];
        let (zone, kind) = (
            &region.zones[0],
            scenario.types.iter().find(|t| t.name == "t3.medium").unwrap(),
        );
        let on_demand = kind.usd[&region.name];
        let ask = |market: &Market, since, until| market.prices(region, zone, kind, since, until);

        let all = ask(&market, day(-14), day(2));
        assert!(all.len() > 14 * 11, "{} prices", all.len());
        assert!(all.windows(2).all(|w| w[0].at < w[1].at));
        assert!(all.iter().all(|p| p.usd > 0.0 && p.usd <= on_demand));
        let (low, high) = all
            .iter()
            .fold((f64::MAX, 0.0_f64), |(l, h), p| (l.min(p.usd), h.max(p.usd)));
        assert!(high > low * 1.15, "{low} to {high}");
        for (since, until) in [
            (day(-3), day(-2)),
            (day(-1), day(1)),
            (day(1), day(2)),
            (day(-30), day(0)),
        ] {
            let in_force = all.iter().rposition(|p| p.at <= since).unwrap_or(0);
            let expected: Vec<_> = all[in_force..].iter().filter(|p| p.at <= until).cloned().collect();
            assert_eq!(ask(&market, since, until), expected);
        }

        market.spike(&zone.name, day(1), SignedDuration::from_mins(30), 2.0);
        let spiked = ask(&market, day(1), later(day(1), SignedDuration::from_hours(2)));
        let peak = spiked.iter().map(|p| p.usd).fold(0.0, f64::max);
        assert!(peak > spiked[0].usd * 1.5, "{peak}");
        assert_eq!(
            ask(&market, day(-14), day(0)),
            all.iter().filter(|p| p.at <= day(0)).cloned().collect::<Vec<_>>()
        );
    }
}
