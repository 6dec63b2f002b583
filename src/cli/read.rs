//! Reading the fleet for a command: each source once.

use crate::feeds::{Batch, Want, gather, gather_prices, gather_stacks};
use crate::fleet::{FeedKind, Fleet, Offer, Summary, View, found_hosts};
use crate::runtime::session::Session;
use crate::runtime::wants::{offers, stacks};

/// What prices are read for.
const PRICES: [FeedKind; 2] = [FeedKind::SpotPrices, FeedKind::OnDemandPrices];

/// Reads what is wanted; of edge hosts also those that only the nodes tell of.
pub(super) async fn read(session: &Session, fleet: &mut Fleet, want: &Want) {
    take(fleet, gather(&session.providers, &session.clock, want).await);
    let found = match want.kinds.contains(&FeedKind::Edge) {
        true => found_hosts(fleet, &want.hosts),
        false => vec![],
    };
    if !found.is_empty() {
        let mut edge = Want::new([FeedKind::Edge]);
        edge.hosts = found;
        take(fleet, gather(&session.providers, &session.clock, &edge).await);
    }
}

/// Reads the prices of the fleet's own types, so it comes after the fleet.
pub(super) async fn read_prices(session: &Session, fleet: &mut Fleet, want: Want) {
    let now = (session.clock)();
    let summary = Summary::of(fleet, now);
    let offers = offers(&View {
        fleet,
        summary: &summary,
        now,
    });
    prices(session, fleet, want, offers).await;
}

/// Reads the stacks of the fleet's highly available clusters, so it comes after the fleet.
pub(super) async fn read_stacks(session: &Session, fleet: &mut Fleet) {
    let stacks = stacks(&Summary::of(fleet, (session.clock)()));
    if !stacks.is_empty() {
        let batches = gather_stacks(&session.providers, &session.clock, &Want::new([]), stacks).await;
        take(fleet, batches);
    }
}

/// Reads the prices of these offers.
pub(super) async fn read_offers(session: &Session, fleet: &mut Fleet, offers: Vec<Offer>) {
    prices(session, fleet, Want::new([]), offers).await;
}

async fn prices(session: &Session, fleet: &mut Fleet, mut want: Want, offers: Vec<Offer>) {
    want.kinds = PRICES.into();
    let batches = gather_prices(&session.providers, &session.clock, &want, offers).await;
    take(fleet, batches);
}

/// Takes in what was observed.
pub(super) fn take(fleet: &mut Fleet, batches: impl IntoIterator<Item = Batch>) {
    for batch in batches {
        for observation in batch.observations {
            fleet.apply(observation, batch.at);
        }
    }
}
