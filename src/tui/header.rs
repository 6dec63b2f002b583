//! The two lines at the top: what fleet this is, how it does and what it costs; and the screens' tabs.

use std::collections::BTreeMap;

use ratatui::layout::Rect;
use ratatui::style::Modifier;
use ratatui::text::Span;

use super::layout::Layout;
use super::look::Look;
use super::strip::{Part, Piece, fit, place, place_right};
use crate::app::operations::{self, OperationState, count, listed};
use crate::app::{Screen, State, Target};
use crate::fleet::table::money;
use crate::fleet::{Cost, Severity, Source};

/// Hours of a month, as AWS reckons.
pub(super) const MONTH: f64 = 730.0;

/// The pieces of the header in their places.
pub(super) fn header<'a>(state: &'a State, look: Look<'_>, area: Rect) -> Vec<(Rect, Piece<'a>)> {
    let line = Rect {
        x: area.x.saturating_add(1),
        width: area.width.saturating_sub(2),
        ..area
    };
    let mut parts = vec![Part::new(
        9,
        vec![Piece::text("k3fleet", look.theme.accent.add_modifier(Modifier::BOLD))],
    )];
    parts.extend(badges(state, look));
    parts.push(scopes(state, look));
    parts.extend(at_work(state, look));
    parts.push(counts(state, look));
    parts.extend(findings(state, look));
    parts.extend(cost(&state.summary.total.cost, look));
    place(fit(parts, line.width, 2), line, 2)
}

fn badges<'a>(state: &State, look: Look<'_>) -> Vec<Part<'a>> {
    let badge = |word: &str| {
        let style = look.theme.chip;
        Part::new(8, vec![Piece::text(look.chip(word, style), style)])
    };
    let mut badges = vec![];
    match state.demo {
        Some(true) => badges.push(badge("DEMO paused")),
        Some(false) => badges.push(badge("DEMO")),
        None => {}
    }
    if state.read_only {
        badges.push(badge("READ-ONLY"));
    }
    badges
}

/// What is being done, and what waits to be resumed.
fn at_work<'a>(state: &State, look: Look<'_>) -> Option<Part<'a>> {
    let target = Target::Tab(Screen::Operations);
    let piece = |text: String, style| Piece::text(text, style).at(target.clone());
    let running = count(state, OperationState::is_running);
    if running > 0 {
        let sign = look.spinner(state.now);
        let first = listed(state).first().map(|p| {
            let line = operations::line(state, p);
            let more = if running > 1 {
                format!(" +{}", running - 1)
            } else {
                String::new()
            };
            format!("{sign} {} {}/{}{more}", line.title, line.done.0, line.done.1)
        });
        let style = look.theme.pending;
        let forms = first
            .into_iter()
            .chain([format!("{sign} {running} running"), format!("{sign}{running}")]);
        return Some(Part::new(2, forms.map(|text| piece(text, style)).collect()).keep(7));
    }
    let unfinished = count(state, OperationState::is_unfinished);
    let style = look.theme.warning;
    let sign = look.glyphs.warning;
    (unfinished > 0).then(|| Part::new(2, vec![piece(format!("{sign} {unfinished} unfinished"), style)]).keep(5))
}

/// Profiles and regions; kube contexts where AWS is not asked.
fn scopes<'a>(state: &State, look: Look<'_>) -> Part<'a> {
    let mut profiles: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut contexts = vec![];
    for id in state.fleet.feeds().keys() {
        match &id.source {
            Source::Aws(scope) => {
                let regions = profiles.entry(&scope.profile).or_default();
                if !regions.contains(&scope.region.as_str()) {
                    regions.push(&scope.region);
                }
            }
            Source::Kube(context) if !contexts.contains(&context.as_str()) => contexts.push(context.as_str()),
            _ => {}
        }
    }
    let account = |profile: &str| {
        let mut accounts = state.fleet.accounts().iter().filter(|(s, _)| s.profile == profile);
        accounts.next().map(|(_, account)| account.as_str())
    };
    let separator = look.glyphs.separator;
    let of = |profile: &str, regions: String| match profile {
        "" => regions,
        name => format!("{name}{separator}{regions}"),
    };
    let long = profiles.iter().map(|(profile, regions)| {
        let account = account(profile).map(|a| format!(" ({a})")).unwrap_or_default();
        format!("{}{account}", of(profile, regions.join(",")))
    });
    let middle = profiles.iter().map(|(profile, regions)| of(profile, regions.join(",")));
    let all: usize = profiles.values().map(Vec::len).sum();
    let first = profiles.iter().next().map(|(profile, regions)| {
        let more = if all > 1 {
            format!(" +{}", all - 1)
        } else {
            String::new()
        };
        format!(
            "{}{more}",
            of(profile, regions.first().copied().unwrap_or_default().to_owned())
        )
    });
    let join = |words: Vec<String>| words.join("  ");
    let style = look.theme.header;
    let forms = match first {
        Some(first) => vec![join(long.collect()), join(middle.collect()), first],
        None => vec![
            contexts.join(","),
            contexts.first().map_or_else(String::new, |c| (*c).to_owned()),
        ],
    };
    Part::new(1, forms.into_iter().map(|text| Piece::text(text, style)).collect()).keep(3)
}

fn counts<'a>(state: &State, look: Look<'_>) -> Part<'a> {
    let total = &state.summary.total;
    let (clusters, machines, ready) = (state.summary.clusters.len(), total.machines, total.ready);
    let style = look.theme.header;
    let plural = |n: usize| if n == 1 { "" } else { "s" };
    let forms = vec![
        format!(
            "{clusters} cluster{}  {machines} machine{}  {ready} ready",
            plural(clusters),
            plural(machines as usize)
        ),
        format!("{clusters} clusters  {ready}/{machines} ready"),
        format!("{ready}/{machines} ready"),
    ];
    Part::new(4, forms.into_iter().map(|text| Piece::text(text, style)).collect()).keep(5)
}

fn findings<'a>(state: &State, look: Look<'_>) -> Vec<Part<'a>> {
    let mut parts = vec![];
    for (severity, rank) in [(Severity::Critical, 7), (Severity::Warning, 6)] {
        let many = state.summary.findings_at(severity);
        if many == 0 {
            continue;
        }
        let (sign, style) = look.severity(severity);
        let word = match (severity, many) {
            (Severity::Warning, 2..) => "warnings",
            _ => severity.as_str(),
        };
        let long = Piece::text(format!("{sign} {many} {word}"), style).at(Target::Findings);
        let short = Piece::text(format!("{sign}{many}"), style).at(Target::Findings);
        parts.push(Part::new(3, vec![long, short]).keep(rank));
    }
    if parts.is_empty() && state.summary.total.machines > 0 {
        let text = format!("{} all well", look.glyphs.ok);
        parts.push(Part::new(
            2,
            vec![Piece::text(text, look.theme.ok).at(Target::Findings)],
        ));
    }
    parts
}

fn cost<'a>(cost: &Cost, look: Look<'_>) -> Vec<Part<'a>> {
    let mut parts = vec![];
    if cost.known > 0.0 {
        let hour = format!("${}/h", money(cost.known));
        let long = vec![
            Span::styled(hour.clone(), look.theme.header.add_modifier(Modifier::BOLD)),
            Span::styled(format!(" ${:.0}/month", cost.known * MONTH), look.theme.muted),
        ];
        let short = Piece::text(hour, look.theme.header.add_modifier(Modifier::BOLD));
        parts.push(Part::new(1, vec![Piece::spans(long), short]).keep(8));
    }
    if let Some(saving) = cost.saving() {
        let (sign, percent) = match saving {
            s if s >= 0.0 => (look.glyphs.minus, s * 100.0),
            s => ("+", -s * 100.0),
        };
        let style = if saving >= 0.0 {
            look.theme.saving
        } else {
            look.theme.warning
        };
        let forms = vec![
            format!("{sign}{percent:.0}% vs on-demand"),
            format!("{sign}{percent:.0}%"),
        ];
        parts.push(Part::new(2, forms.into_iter().map(|t| Piece::text(t, style)).collect()).keep(6));
    }
    if cost.unknown > 0 {
        let forms = vec![format!("+{} unpriced", cost.unknown), format!("+{}?", cost.unknown)];
        let style = look.theme.warning;
        parts.push(Part::new(4, forms.into_iter().map(|t| Piece::text(t, style)).collect()));
    }
    parts
}

/// The tabs in their places.
pub(super) fn tabs<'a>(state: &State, look: Look<'_>, layout: &Layout) -> Vec<(Rect, Piece<'a>)> {
    let area = layout.tabs;
    let tab = |screen: Screen| {
        let here = screen == state.screen;
        let (key, style) = match here {
            true => (look.theme.key, look.selection(true).add_modifier(Modifier::BOLD)),
            false => (look.theme.key, look.theme.muted),
        };
        let key = if here { style } else { key };
        let (sign, sign_style) = match screen {
            Screen::Operations if count(state, OperationState::is_running) > 0 => {
                (look.spinner(state.now), look.theme.pending)
            }
            Screen::Operations if count(state, OperationState::is_unfinished) > 0 => {
                (look.glyphs.warning, look.theme.warning)
            }
            _ => (" ", style),
        };
        let spans = vec![
            Span::styled(format!(" {}", screen.number()), key),
            Span::styled(format!(" {}", screen.title()), style),
            Span::styled(sign, if here { style } else { sign_style }),
        ];
        Piece::spans(spans).at(Target::Tab(screen))
    };
    let mut placed = place(Screen::ALL.map(tab).to_vec(), area, 0);
    let used = placed.last().map_or(area.x, |(place, _)| place.right());
    let rest = Rect {
        x: used.saturating_add(1),
        width: area.right().saturating_sub(used.saturating_add(2)),
        ..area
    };
    let mut notes = vec![];
    if state.zoomed {
        notes.push(Part::new(2, vec![Piece::text("zoomed", look.theme.muted)]));
    }
    if let Some(cluster) = &state.cluster {
        let text = format!("{} {cluster}", look.glyphs.cursor);
        notes.push(Part::new(3, vec![Piece::text(text, look.theme.accent)]));
    }
    placed.extend(place_right(fit(notes, rest.width, 2), rest, 2));
    placed
}
