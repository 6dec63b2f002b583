//! The one place where the time of day is read. Everything else is handed a clock.

use jiff::Timestamp;

/// The machine's time.
#[expect(clippy::disallowed_methods, reason = "the home of the clock")]
pub fn now() -> Timestamp {
    Timestamp::now()
}
