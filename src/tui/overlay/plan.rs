//! A change before it is made: what it costs, its warnings, its steps as a tree, its options, and the way to say yes.

use ratatui::style::{Modifier, Style};
use ratatui::text::Span;

use super::bill;
use super::field::LABEL;
use super::{Body, Content, LEAVE, Line, flow, keys_line, signed};
use crate::app::plan_lines::{self, PlanLine};
use crate::app::planning::{PlanOption, Planning};
use crate::app::{Action, State, Target};
use crate::fleet::table::money;
use crate::tui::header::MONTH;
use crate::tui::look::Look;
use crate::tui::strip::Piece;
use crate::tui::text::{clip, width, wrap};

pub(super) fn content(state: &State, look: Look<'_>, planning: &Planning, room: u16) -> Content {
    let lines = plan_lines::lines(state, planning);
    Content {
        title: plan_lines::title(planning),
        field: planning.word().map(|_| ("type", planning.line.clone())),
        body: Body::Text {
            lines: lines.iter().map(|line| told(look, line, room)).collect(),
            scroll: planning.scroll,
        },
    }
}

/// A line of a plan, on as many lines as it needs.
pub(super) fn told(look: Look<'_>, line: &PlanLine, room: u16) -> Vec<Line> {
    let theme = look.theme;
    match line {
        PlanLine::Gap => vec![vec![]],
        PlanLine::Cost { cluster, before, after } => vec![cost(look, cluster.as_deref(), *before, *after)],
        PlanLine::Bill(line) => bill::line(look, line, room),
        PlanLine::Warning(text) => signed((look.glyphs.warning, theme.warning), text, Style::default(), room),
        PlanLine::Stage { number, title, steps } => {
            let mut spans = vec![
                Span::styled(format!("{number} "), theme.accent),
                Span::styled(title.clone(), theme.title.add_modifier(Modifier::BOLD)),
            ];
            if *steps > 1 {
                let text = format!(" {} {steps} side by side", look.glyphs.separator);
                spans.push(Span::styled(text, theme.muted));
            }
            vec![spans]
        }
        PlanLine::Step { what, last } => {
            let branch = if *last { look.glyphs.leaf } else { look.glyphs.branch };
            let what = clip(what, room.saturating_sub(4), look.glyphs.ellipsis);
            vec![vec![
                Span::styled(format!("  {branch} "), theme.muted),
                Span::raw(what.into_owned()),
            ]]
        }
        PlanLine::Many { what, names } => {
            let text = format!("{what} {}", names.join(", "));
            let lines = wrap(&text, room.saturating_sub(4)).into_iter().enumerate();
            let line = |(i, text): (usize, String)| {
                let lead = if i == 0 { look.glyphs.leaf } else { " " };
                vec![Span::styled(format!("  {lead} "), theme.muted), Span::raw(text)]
            };
            lines.map(line).collect()
        }
        PlanLine::Part { about, text } => part(look, about, text, room),
        PlanLine::Needs(permissions) => {
            let lines = wrap(&format!("needs {permissions}"), room).into_iter();
            lines.map(|text| vec![Span::styled(text, theme.muted)]).collect()
        }
        PlanLine::Refused { guard, why } => {
            let head = vec![
                Span::styled(format!("{} ", look.glyphs.critical), theme.critical),
                Span::styled("refused", theme.critical.add_modifier(Modifier::BOLD)),
                Span::styled(format!(" by the guard {guard}"), theme.muted),
            ];
            let mut lines = vec![head];
            lines.extend(signed((" ", Style::default()), why, Style::default(), room));
            lines
        }
        PlanLine::Lift(text) => signed((look.glyphs.right, theme.accent), text, Style::default(), room),
        PlanLine::Note(text) => signed((look.glyphs.info, theme.info), text, Style::default(), room),
    }
}

/// What a part of a launch is, beside what it is about.
fn part(look: Look<'_>, about: &str, text: &str, room: u16) -> Vec<Line> {
    let label = LABEL.max(width(about).saturating_add(1));
    let lines = wrap(text, room.saturating_sub(label)).into_iter().enumerate();
    let line = |(i, text): (usize, String)| {
        let about = if i == 0 { about } else { "" };
        let about = format!("{about:<width$}", width = usize::from(label));
        vec![Span::styled(about, look.theme.muted), Span::raw(text)]
    };
    lines.map(line).collect()
}

/// What the cluster costs before and after, and what that makes in a month.
pub(super) fn cost(look: Look<'_>, cluster: Option<&str>, before: Option<f64>, after: Option<f64>) -> Line {
    let theme = look.theme;
    let hour = |usd: Option<f64>| match usd {
        Some(usd) => Span::raw(format!("${}/h", money(usd))),
        None => Span::styled("unknown", theme.warning),
    };
    let what = match cluster {
        Some(cluster) => format!("{} costs ", clip(cluster, 16, look.glyphs.ellipsis)),
        None => "machines ".to_owned(),
    };
    let month = |usd: f64| format!("${:.2}", usd * MONTH);
    let mut spans = vec![Span::styled(what, theme.muted), hour(before)];
    let change = before.zip(after).map(|(before, after)| after - before);
    if change.is_some_and(|change| change.abs() < 0.000_05) {
        let month = before.map(month).unwrap_or_default();
        spans.push(Span::raw(format!(", {month} a month")));
        spans.push(Span::styled(", before and after", theme.muted));
        return spans;
    }
    if before.is_none() && after.is_none() {
        spans.push(Span::styled(", before and after", theme.muted));
        return spans;
    }
    spans.push(Span::styled(format!(" {} ", look.glyphs.right), theme.muted));
    spans.push(hour(after));
    if let (Some(before), Some(after), Some(change)) = (before, after, change) {
        let months = format!(", {} {} {} a month ", month(before), look.glyphs.right, month(after));
        spans.push(Span::raw(months));
        let (sign, style) = match change < 0.0 {
            true => (look.glyphs.minus, theme.saving),
            false => ("+", theme.pending),
        };
        let text = format!("({sign}{})", month(change.abs()));
        spans.push(Span::styled(text, style));
    }
    spans
}

/// The options, and the keys that run it or leave it.
pub(super) fn foot(state: &State, look: Look<'_>, planning: &Planning, room: u16) -> Vec<Vec<Piece<'static>>> {
    let typed = planning.word().is_some();
    let options = planning.options().into_iter();
    let options = options.map(|of| option(look, of, planning, typed, room));
    let mut lines = flow(options.collect(), room);
    let held = planning.held_back(state.read_only);
    lines.push(match (&planning.outcome, held) {
        (Err(_), _) => keys_line(look, &[("enter", "plan again", Some(Action::Open)), LEAVE]),
        (Ok(plan), _) if plan.stages.is_empty() => keys_line(look, &[LEAVE]),
        (Ok(_), None) => keys_line(look, &[("enter", "run it", Some(Action::Open)), LEAVE]),
        (Ok(_), Some(why)) => {
            let room = room.saturating_sub(14);
            let text = clip(&why, room, look.glyphs.ellipsis).into_owned();
            let mut pieces = vec![Piece::spans(vec![
                Span::styled(format!("{} ", look.glyphs.info), look.theme.info),
                Span::raw(text),
            ])];
            pieces.extend(keys_line(look, &[LEAVE]));
            pieces
        }
    });
    lines
}

/// An option with its key, and whether it is on.
pub(super) fn option(look: Look<'_>, of: PlanOption, planning: &Planning, typed: bool, room: u16) -> Piece<'static> {
    let key = match typed {
        true => format!("alt-{}", of.key()),
        false => of.key().to_string(),
    };
    let text = of.told(&planning.request);
    let text = clip(&text, room.saturating_sub(10), look.glyphs.ellipsis).into_owned();
    tick(look, key, of.is_on(&planning.request), text).at(Target::Option(of))
}

/// A key, a box that is ticked or not, and what it is about.
pub(super) fn tick(look: Look<'_>, key: String, on: Option<bool>, text: String) -> Piece<'static> {
    let (sign, style) = match on {
        Some(true) => (look.glyphs.on, look.theme.accent),
        Some(false) => (look.glyphs.off, look.theme.muted),
        None => ("", look.theme.muted),
    };
    let gap = if sign.is_empty() { "" } else { " " };
    Piece::spans(vec![
        Span::styled(key, look.theme.key),
        Span::styled(format!(" {sign}{gap}"), style),
        Span::raw(text),
    ])
}
