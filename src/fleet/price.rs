//! Why a machine's price is blank. A blank without a reason leaves an operator to guess between a permission
//! that is missing, a price that AWS does not publish and a machine that costs nothing.

use super::{Fault, FeedKind, Freshness, Machine, Purchase, Scope, Source, View};

/// Why a machine shows no price; `None` when it shows one.
pub fn why_unknown(view: &View<'_>, machine: &Machine<'_>) -> Option<String> {
    if machine.price().is_some() {
        return None;
    }
    let Some(instance) = machine.instance() else {
        return Some("no EC2 instance: AWS bills nothing for it".to_owned());
    };
    if !instance.state.is_billed() {
        return Some(format!("{}: no compute hours are billed", instance.state.as_str()));
    }
    let (kind, what, place) = match instance.purchase {
        Purchase::Spot => (FeedKind::SpotPrices, "spot", instance.zone.as_str()),
        Purchase::OnDemand => (FeedKind::OnDemandPrices, "on-demand", instance.scope.region.as_str()),
    };
    let of = &instance.instance_type;
    let told = machine.offer().and_then(|o| view.fleet.market().on_demand_entry(&o));
    if instance.purchase == Purchase::OnDemand && told.is_some_and(|entry| entry.usd.is_none()) {
        return Some(format!("the price list names no {what} price of {of} in {place}"));
    }
    Some(match state_of(view, kind, &instance.scope) {
        State::Failed(why) => format!("{what} prices cannot be read: {why}"),
        State::Waiting => format!("{what} prices have not been read yet"),
        State::Read => format!("AWS has told no {what} price of {of} in {place}"),
        State::NoFeed => format!("no source of {what} prices in {}", instance.scope),
    })
}

/// How the source of a kind of prices does.
pub(super) enum State<'a> {
    NoFeed,
    Waiting,
    Failed(&'a Fault),
    Read,
}

/// How the feed of a kind of prices does: the scope's own, else any of the same profile (the price list is one
/// for all regions).
pub(super) fn state_of<'a>(view: &View<'a>, kind: FeedKind, scope: &Scope) -> State<'a> {
    let rank = |of: &Scope| match of {
        of if of == scope => 2,
        of if of.profile == scope.profile => 1,
        _ => 0,
    };
    let mut feeds: Vec<_> = view.fleet.feeds().iter().filter(|(id, _)| id.kind == kind).collect();
    feeds.sort_by_key(|(id, _)| match &id.source {
        Source::Aws(of) => rank(of),
        _ => 0,
    });
    match feeds.last().map(|(_, feed)| feed.freshness(view.now)) {
        None => State::NoFeed,
        Some(Freshness::Waiting) => State::Waiting,
        Some(Freshness::Failed { why, .. }) => State::Failed(why),
        Some(Freshness::Live | Freshness::Stale { .. }) => State::Read,
    }
}
