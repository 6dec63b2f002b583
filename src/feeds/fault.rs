//! Failures that no source told: silence, and a feed's own crash.

use std::any::Any;
use std::time::Duration;

use smol_str::{SmolStr, format_smolstr};

use crate::fleet::{Fault, FaultKind, FeedId};

/// That a source gave no answer in time.
pub(super) fn silence(feed: &FeedId, limit: Duration) -> Fault {
    Fault {
        kind: FaultKind::Unreachable,
        call: format_smolstr!("read {}", feed.kind.as_str()),
        message: format_smolstr!("no answer within {} s", limit.as_secs()),
        mend: "check the network, a proxy, and the endpoint".into(),
    }
}

/// What a panic says of its feed.
pub(super) fn crash(feed: &FeedId, panic: &(dyn Any + Send)) -> Fault {
    Fault {
        call: format_smolstr!("read {}", feed.kind.as_str()),
        kind: FaultKind::Crashed,
        message: words(panic),
        mend: "this is a fault of k3fleet: it is restarted; please report it with the log".into(),
    }
}

/// What a panic said.
pub(super) fn words(panic: &(dyn Any + Send)) -> SmolStr {
    let words = panic.downcast_ref::<&str>().copied();
    let words = words.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    SmolStr::new(words.unwrap_or("it gave no reason"))
}
