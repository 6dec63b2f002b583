//! What the operator wants of the fleet: the numbers that rules judge by.

use super::PriceCaps;

/// What the operator wants, as the configuration says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Policy {
    /// The highest acceptable price of each instance type.
    pub price_caps: PriceCaps,
}
