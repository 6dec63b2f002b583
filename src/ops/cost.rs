//! What a cluster costs before and after an operation, from the prices that are known.

use super::plan::CostChange;
use crate::fleet::{ClusterId, Fleet, Machine};

/// What the machines of a cluster cost together, in USD per hour; `None` when a billed one has no known price.
pub(super) fn of_cluster(fleet: &Fleet, cluster: &ClusterId) -> Option<f64> {
    let own = fleet.machines().filter(|m| m.belongs_to(cluster));
    sum(own)
}

/// The sum of prices; `None` when a billed machine has no known price.
pub(super) fn sum<'a>(machines: impl IntoIterator<Item = Machine<'a>>) -> Option<f64> {
    let mut total = 0.0;
    for machine in machines {
        match machine.price() {
            Some(price) => total += price,
            None if machine.price_missing() => return None,
            None => {}
        }
    }
    Some(total)
}

/// The change when these machines end and nothing takes their place.
pub(super) fn without(fleet: &Fleet, cluster: &ClusterId, ending: &[Machine<'_>]) -> CostChange {
    let before = of_cluster(fleet, cluster);
    let saved = sum(ending.iter().copied());
    CostChange {
        before,
        after: before.zip(saved).map(|(before, saved)| (before - saved).max(0.0)),
    }
}

/// No change.
pub(super) fn same(fleet: &Fleet, cluster: &ClusterId) -> CostChange {
    let before = of_cluster(fleet, cluster);
    CostChange { before, after: before }
}
