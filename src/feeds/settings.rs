//! How often sources are asked.

use std::time::Duration;

/// How often each kind of source is asked while nothing special happens.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Instances, Auto Scaling groups and Spot Fleets; notices as often, activities half as often. At least 5 s.
    pub aws: Duration,
    /// Spot prices. At least 15 s.
    pub spot_prices: Duration,
    /// On-demand prices. At least an hour.
    pub on_demand_prices: Duration,
    /// API servers: usage every second time, the version every fourth. At least 5 s.
    pub kube: Duration,
    /// Edge hosts. At least 10 s.
    pub edge: Duration,
    /// From what the spread of the intervals is drawn: the same seed gives the same times.
    pub seed: u64,
    /// Seconds that pass on the clock in one second of the runtime: 1 but in a simulated world.
    pub speed: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            aws: Duration::from_secs(15),
            spot_prices: Duration::from_mins(5),
            on_demand_prices: Duration::from_hours(12),
            kube: Duration::from_secs(15),
            edge: Duration::from_secs(30),
            seed: fastrand::u64(..),
            speed: 1.0,
        }
    }
}

impl Settings {
    /// The same with every interval at least as long as its source can bear.
    pub(super) fn bounded(self) -> Self {
        let speed = if self.speed.is_finite() && self.speed > 0.0 {
            self.speed
        } else {
            1.0
        };
        Self {
            aws: self.aws.max(Duration::from_secs(5)),
            spot_prices: self.spot_prices.max(Duration::from_secs(15)),
            on_demand_prices: self.on_demand_prices.max(Duration::from_hours(1)),
            kube: self.kube.max(Duration::from_secs(5)),
            edge: self.edge.max(Duration::from_secs(10)),
            seed: self.seed,
            speed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_interval_is_shorter_than_its_bound() {
        let none = Settings {
            aws: Duration::ZERO,
            spot_prices: Duration::ZERO,
            on_demand_prices: Duration::ZERO,
            kube: Duration::ZERO,
            edge: Duration::ZERO,
            seed: 7,
            speed: 0.0,
        };
        let bounded = none.bounded();
        assert_eq!(bounded.aws, Duration::from_secs(5));
        assert_eq!(bounded.spot_prices, Duration::from_secs(15));
        assert_eq!(bounded.on_demand_prices, Duration::from_secs(3600));
        assert_eq!(bounded.kube, Duration::from_secs(5));
        assert_eq!(bounded.edge, Duration::from_secs(10));
        assert_eq!((bounded.seed, bounded.speed), (7, 1.0));
        assert_eq!(bounded.clone().bounded(), bounded);
    }
}
