//! What a pane says when it has no rows: what it waits for, why the filter leaves nothing, or what to do.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Span;

use super::keys;
use super::look::Look;
use super::text::wrap;
use super::{fresh, strip};
use crate::app::{Action, Pane, State, TableState};
use crate::fleet::{Freshness, TableKind};

/// Draws the reason why a table has no rows.
pub(super) fn draw(buffer: &mut Buffer, state: &State, look: Look<'_>, pane: Pane, table: &TableState, area: Rect) {
    let mut lines = waiting(state, look, pane);
    if lines.is_empty() {
        lines = reason(state, look, pane, table)
            .iter()
            .flat_map(|text| wrap(text, area.width.saturating_sub(4)))
            .map(|line| vec![Span::styled(line, look.theme.muted)])
            .collect();
    }
    let many = u16::try_from(lines.len()).unwrap_or(u16::MAX);
    let above = (area.height.saturating_sub(many) / 3).min(4);
    for (y, line) in (area.y.saturating_add(above)..area.bottom()).zip(lines) {
        let place = Rect {
            x: area.x.saturating_add(2),
            y,
            width: area.width.saturating_sub(3),
            height: 1,
        };
        strip::put(buffer, place, &line);
    }
}

/// The feeds that are awaited, with those that have answered; empty when none is.
pub(super) fn waiting(state: &State, look: Look<'_>, pane: Pane) -> Vec<Vec<Span<'static>>> {
    let feeds = fresh::of_pane(state, pane);
    if state.fleet.feeds().is_empty() {
        let spinner = look.spinner(state.now);
        return vec![vec![
            Span::styled(format!("{spinner} "), look.theme.pending),
            Span::styled("asking the first sources", look.theme.muted),
        ]];
    }
    if !feeds.iter().any(|(_, f)| matches!(f, Freshness::Waiting)) {
        return vec![];
    }
    let line = |(id, freshness): &(&crate::fleet::FeedId, Freshness<'_>)| {
        let (sign, style, words) = match freshness {
            Freshness::Waiting => (look.spinner(state.now), look.theme.pending, "waiting"),
            Freshness::Live => (look.glyphs.ok, look.theme.ok, "answered"),
            Freshness::Stale { .. } => (look.glyphs.fading, look.theme.stale, "silent"),
            Freshness::Failed { why, .. } => (
                look.glyphs.critical,
                look.theme.critical,
                super::look::fault_word(why.kind),
            ),
        };
        vec![
            Span::styled(format!("{sign} "), style),
            Span::raw(format!("{id} ")),
            Span::styled(words, look.theme.muted),
        ]
    };
    feeds.iter().map(line).collect()
}

/// How a cluster is launched from a pane: by its key, or by its name where the key means something else.
fn launch(state: &State, pane: Pane) -> String {
    match Action::Launch.info().place.holds(pane) {
        true => keys::of(state, Action::Launch),
        false => format!(":{}", Action::Launch.name()),
    }
}

fn reason(state: &State, look: Look<'_>, pane: Pane, table: &TableState) -> Vec<String> {
    let Some(kind) = pane.table() else { return vec![] };
    let key = |action| keys::of(state, action);
    let things = kind.name();
    let of = table.shown.of;
    let feeds = fresh::of_pane(state, pane);
    let unread = |(id, freshness): &(&crate::fleet::FeedId, Freshness<'_>)| {
        let never = state.fleet.feeds().get(id).is_some_and(|f| f.synced_at.is_none());
        never && matches!(freshness, Freshness::Failed { .. }) && fresh::rank(freshness) > 0
    };
    let unread: Vec<String> = feeds
        .iter()
        .filter(|f| unread(f))
        .map(|(id, _)| id.to_string())
        .collect();
    if of == 0 && !unread.is_empty() {
        return vec![
            format!("No {things} are known: {} cannot be read.", unread.join(", ")),
            format!("{} tells why, and what mends it.", key(Action::Feeds)),
        ];
    }
    if of > 0 && table.faults_only {
        return vec![
            format!("None of the {of} {things} wants looking at."),
            format!("{} shows all of them again.", key(Action::FaultsOnly)),
        ];
    }
    if of > 0 && !table.query.is_empty() {
        let terms: Vec<_> = table.query.terms.iter().map(|t| t.text.as_str()).collect();
        return vec![
            format!("None of the {of} {things} matches {}", terms.join(" ")),
            format!(
                "{} clears the filter, {} changes it.",
                key(Action::Back),
                key(Action::Filter)
            ),
        ];
    }
    if let Some(cluster) = state.cluster.as_ref().filter(|_| kind != TableKind::Clusters) {
        return vec![
            format!("The cluster {cluster} has no {things}."),
            format!("{} shows all clusters.", key(Action::AllClusters)),
        ];
    }
    let feeds = state.fleet.feeds();
    let aws = feeds.keys().any(|f| matches!(f.source, crate::fleet::Source::Aws(_)));
    let dash = look.glyphs.separator;
    match kind {
        TableKind::Clusters | TableKind::Machines | TableKind::Pools => vec![
            match aws {
                true => format!("No {things} found. {} launches the first cluster.", launch(state, pane)),
                false => format!("No {things} found."),
            },
            "k3fleet finds K3s clusters by:".to_owned(),
            match aws {
                true => format!("{dash} the tag k3fleet:cluster on instances (none carries it in these regions)"),
                false => format!("{dash} the tag k3fleet:cluster on EC2 instances (no AWS region is configured)"),
            },
            format!("{dash} kube contexts whose server version contains +k3s (--context, --all-contexts)"),
            format!("{dash} [[adopt]] rules in config.toml, for clusters made by other tools"),
        ],
        TableKind::Prices => {
            vec!["No prices yet: they are read for the instance types that the fleet uses.".to_owned()]
        }
        TableKind::Edge => vec![
            "No edge hosts. Name them in hosts.toml, beside config.toml; k3fleet config init writes one to start from."
                .to_owned(),
        ],
        TableKind::Findings => vec!["Nothing to look at: every rule is content with the fleet.".to_owned()],
    }
}
