//! How fresh the data is: for the whole screen in a line, for a pane by the feeds it depends on, for a row by the
//! sources of its parts.

use jiff::Timestamp;

use super::look::{Look, fault_word};
use super::strip::{Part, Piece};
use crate::app::{Pane, State, Target};
use crate::fleet::table::age;
use crate::fleet::{FaultKind, FeedId, FeedKind, Freshness, MachineId, RowId, Source, TableKind};

/// The kinds of feeds that tell of a pane's rows.
pub(super) fn kinds(pane: Pane) -> &'static [FeedKind] {
    match (pane, pane.table()) {
        (_, Some(TableKind::Clusters)) => &[FeedKind::Instances, FeedKind::Server, FeedKind::Nodes],
        (_, Some(TableKind::Pools)) => &[FeedKind::Instances, FeedKind::Asgs, FeedKind::SpotFleets],
        (_, Some(TableKind::Machines)) => &[FeedKind::Instances, FeedKind::Nodes, FeedKind::Edge],
        (_, Some(TableKind::Prices)) | (Pane::FleetSpot | Pane::PriceChart, _) => {
            &[FeedKind::SpotPrices, FeedKind::OnDemandPrices]
        }
        (_, Some(TableKind::Edge)) => &[FeedKind::Edge, FeedKind::Nodes],
        (_, Some(TableKind::Findings)) => &[FeedKind::Instances, FeedKind::Nodes, FeedKind::Asgs],
        _ => &[FeedKind::Activities, FeedKind::Notices, FeedKind::Events],
    }
}

/// How much a freshness matters, worst last. What a source does not offer is no failure of it.
pub(super) fn rank(freshness: &Freshness<'_>) -> u8 {
    match freshness {
        Freshness::Failed { why, .. } if why.kind == FaultKind::Unsupported => 0,
        Freshness::Live => 1,
        Freshness::Waiting => 2,
        Freshness::Stale { .. } => 3,
        Freshness::Failed { .. } => 4,
    }
}

/// Every feed that a pane depends on, worst first.
pub(super) fn of_pane(state: &State, pane: Pane) -> Vec<(&FeedId, Freshness<'_>)> {
    let kinds = kinds(pane);
    let mut feeds: Vec<_> = state
        .fleet
        .feeds()
        .iter()
        .filter(|(id, _)| kinds.contains(&id.kind))
        .map(|(id, feed)| (id, feed.freshness(state.now)))
        .collect();
    feeds.sort_by_key(|(_, freshness)| std::cmp::Reverse(rank(freshness)));
    feeds
}

/// The sources whose data is old, by feed: empty while all is well.
pub(super) fn old(state: &State) -> Vec<&FeedId> {
    let feeds = state.fleet.feeds().iter();
    feeds
        .filter(|(_, feed)| rank(&feed.freshness(state.now)) >= 3)
        .map(|(id, _)| id)
        .collect()
}

/// Whether a row was told by a source that has fallen silent.
pub(super) fn row_is_old(state: &State, old: &[&FeedId], id: &RowId) -> bool {
    let is_old = |kind: FeedKind, source: &Source| old.iter().any(|f| f.kind == kind && f.source == *source);
    let machine_is_old = |id: &MachineId| {
        let Some(machine) = state.fleet.machine(id) else {
            return false;
        };
        let instance = machine.instance().map(|i| Source::Aws(i.scope.clone()));
        let node = machine.node().map(|n| Source::Kube(n.key.context.clone()));
        instance.is_some_and(|s| is_old(FeedKind::Instances, &s))
            || node.is_some_and(|s| is_old(FeedKind::Nodes, &s))
            || machine.edge().is_some() && is_old(FeedKind::Edge, &Source::Hosts)
    };
    if old.is_empty() {
        return false;
    }
    match id {
        RowId::Machine(id) | RowId::Edge(id) => machine_is_old(id),
        RowId::Pool(id) => id.scope().is_some_and(|scope| {
            let source = Source::Aws(scope.clone());
            is_old(FeedKind::Asgs, &source) || is_old(FeedKind::Instances, &source)
        }),
        RowId::Price(offer, _) => old.iter().any(|f| {
            let here = matches!(&f.source, Source::Aws(scope) if scope.region == offer.region);
            here && f.kind == FeedKind::SpotPrices
        }),
        RowId::Cluster(id) => {
            let home = id.home.as_ref().map(|scope| Source::Aws(scope.clone()));
            home.is_some_and(|s| is_old(FeedKind::Instances, &s))
        }
        _ => false,
    }
}

/// A feed's state in a few words: `4s`, `live`, `stale 3m`, `denied`.
pub(super) fn words(kind: FeedKind, freshness: &Freshness<'_>, synced: Option<Timestamp>, now: Timestamp) -> String {
    let ago = |at: Timestamp| age(now.duration_since(at).as_secs().max(0));
    match freshness {
        Freshness::Waiting => "waiting".to_owned(),
        // A watch hears of changes as they happen: its silence is no age.
        Freshness::Live
            if matches!(
                kind,
                FeedKind::Nodes | FeedKind::Pods | FeedKind::Notices | FeedKind::Events
            ) =>
        {
            "live".to_owned()
        }
        Freshness::Live => synced.map_or_else(|| "live".to_owned(), ago),
        Freshness::Stale { since } => format!("stale {}", ago(*since)),
        Freshness::Failed { why, .. } => fault_word(why.kind).to_owned(),
    }
}

/// What the line at the bottom calls a kind of feed.
fn group(kind: FeedKind) -> Option<&'static str> {
    Some(match kind {
        FeedKind::SpotPrices | FeedKind::OnDemandPrices => "prices",
        FeedKind::Instances | FeedKind::Asgs | FeedKind::Nodes | FeedKind::Edge => kind.as_str(),
        FeedKind::Server => "api",
        FeedKind::Account
        | FeedKind::Pods
        | FeedKind::Usage
        | FeedKind::Notices
        | FeedKind::Stacks
        | FeedKind::Events
        | FeedKind::Activities
        | FeedKind::SpotFleets => {
            return None;
        }
    })
}

/// All feeds in a line, grouped by what they bring, the worst first.
pub(super) fn line<'a>(state: &'a State, look: Look<'_>) -> Vec<Part<'a>> {
    struct Group<'a> {
        word: &'static str,
        worst: (u8, FeedKind, Freshness<'a>, Option<Timestamp>),
        bad: usize,
        of: usize,
    }
    let mut groups: Vec<Group<'a>> = vec![];
    for (id, feed) in state.fleet.feeds() {
        let freshness = feed.freshness(state.now);
        let rank = rank(&freshness);
        // Feeds of less interest stand in the line only when something is wrong with them.
        let word = match group(id.kind) {
            Some("api") if rank < 3 => continue,
            None if rank < 3 => continue,
            None => id.kind.as_str(),
            Some(word) => word,
        };
        let bad = usize::from(rank >= 3);
        match groups.iter_mut().find(|g| g.word == word) {
            Some(group) => {
                group.bad += bad;
                group.of += 1;
                let older = rank == group.worst.0 && feed.synced_at < group.worst.3;
                if rank > group.worst.0 || older {
                    group.worst = (rank, id.kind, freshness, feed.synced_at);
                }
            }
            None => groups.push(Group {
                word,
                worst: (rank, id.kind, freshness, feed.synced_at),
                bad,
                of: 1,
            }),
        }
    }
    groups.sort_by_key(|g| std::cmp::Reverse(g.worst.0));
    let parts = groups.into_iter().map(|g| {
        let (rank, kind, freshness, synced) = g.worst;
        let mut words = words(kind, &freshness, synced, state.now);
        if g.bad > 0 && g.of > 1 {
            words = format!("{words} {}/{}", g.bad, g.of);
        }
        let style = style(look, rank);
        let sign = match rank {
            4 => format!("{} ", look.glyphs.critical),
            3 => format!("{} ", look.glyphs.fading),
            _ => String::new(),
        };
        let full = Piece::text(format!("{sign}{} {words}", g.word), style).at(Target::Freshness);
        Part::new(rank, vec![full])
    });
    parts.collect()
}

/// The style of a freshness.
pub(super) fn style(look: Look<'_>, rank: u8) -> ratatui::style::Style {
    match rank {
        4 => look.theme.critical,
        3 => look.theme.stale,
        2 => look.theme.pending,
        _ => look.theme.muted,
    }
}
