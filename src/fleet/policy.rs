//! What the operator wants of the fleet: the numbers that rules judge by.

use super::{Glob, PriceCaps};

/// What the operator wants, as the configuration says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Policy {
    /// The highest acceptable price of each instance type.
    pub price_caps: PriceCaps,
    /// The clusters that are never destroyed from here, by name.
    pub protected: Vec<Glob>,
}

impl Policy {
    /// Whether a cluster is never destroyed from here.
    pub fn protects(&self, cluster: &str) -> bool {
        self.protected.iter().any(|name| name.matches(cluster))
    }
}
