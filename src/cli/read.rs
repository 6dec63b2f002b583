//! Reading the fleet for a command: each source once.

use crate::feeds::{Batch, Want, gather, gather_prices};
use crate::fleet::{FeedKind, Fleet, Summary, View};
use crate::runtime::session::Session;
use crate::runtime::wants::offers;

/// What prices are read for.
const PRICES: [FeedKind; 2] = [FeedKind::SpotPrices, FeedKind::OnDemandPrices];

/// Reads what is wanted.
pub(super) async fn read(session: &Session, fleet: &mut Fleet, want: &Want) {
    take(fleet, gather(&session.providers, &session.clock, want).await);
}

/// Reads the prices of the fleet's own types, so it comes after the fleet.
pub(super) async fn read_prices(session: &Session, fleet: &mut Fleet, mut want: Want) {
    want.kinds = PRICES.into();
    let now = (session.clock)();
    let summary = Summary::of(fleet, now);
    let offers = offers(&View {
        fleet,
        summary: &summary,
        now,
    });
    take(
        fleet,
        gather_prices(&session.providers, &session.clock, &want, offers).await,
    );
}

/// Takes in what was observed.
pub(super) fn take(fleet: &mut Fleet, batches: impl IntoIterator<Item = Batch>) {
    for batch in batches {
        for observation in batch.observations {
            fleet.apply(observation, batch.at);
        }
    }
}
