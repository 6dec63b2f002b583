//! From the ports to observations: every source is read by a feed of its own.
//!
//! ```text
//!  Cloud ─ Poll ──▶ Diff ─┐
//!  Kube ── Watch ─▶ Diff ─┼─ Sink ─▶ one bounded channel of Batch ─▶ Fleet::apply
//!  Shell ─ Poll ──────────┘
//!            ▲ Pace: when to ask next
//! ```
//! A feed keeps what it has told, so that only changes are told, and a listing that fails takes nothing away. How
//! it fares is told as well ([`FeedReport`](crate::fleet::FeedReport)): freshness is data. Each feed is supervised:
//! one that panics says so and starts anew, and a slow or dead source holds up no other. The channel is bounded:
//! when the fleet is busy, feeds wait.
//!
//! [`Feeds`] runs for as long as somebody looks; [`gather()`] reads everything once, for the command line.

mod activities;
mod awaited;
mod diff;
mod edge;
mod events;
mod fault;
mod gather;
mod item;
mod listing;
mod ours;
mod pace;
mod poll;
mod prices;
mod settings;
#[cfg(test)]
mod sim_tests;
mod single;
mod sink;
mod stacks;
mod supervisor;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod watch;

use std::sync::Arc;

use jiff::Timestamp;

use crate::fleet::Observation;

pub use awaited::awaited;
pub use gather::{Want, gather, gather_prices, gather_stacks};
pub use settings::Settings;
pub use stacks::queue_depth;
pub use supervisor::Feeds;

/// What time it is: the system's, or the simulated world's.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Observations made at one time, in the order they are to be applied.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// When they were made.
    pub at: Timestamp,
    /// What was seen.
    pub observations: Vec<Observation>,
}
