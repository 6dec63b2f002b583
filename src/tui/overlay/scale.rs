//! How many machines a pool shall have: what it has now, and what would come of the number that is typed.

use ratatui::style::Style;
use ratatui::text::Span;

use super::plan::{cost, told};
use super::{Body, Content, LEAVE, Line, keys_line};
use crate::app::plan_lines::{self, PlanLine};
use crate::app::planning::PlanOption;
use crate::app::scaling::{PoolFacts, ScaleForm, facts};
use crate::app::{Action, State, Target};
use crate::tui::look::Look;
use crate::tui::strip::Piece;

/// Lines kept for what would come of the number, so that the form stays where it is while it is typed.
const TOLD: usize = 4;

pub(super) fn content(state: &State, look: Look<'_>, form: &ScaleForm, room: u16) -> Content {
    let facts = facts(state, &form.pool);
    let name = facts.as_ref().map_or_else(|| "pool".to_owned(), |f| f.name.clone());
    let mut lines = facts.as_ref().map(|facts| known(look, facts)).unwrap_or_default();
    lines.push(vec![]);
    let told = outcome(look, form, room);
    let missing = TOLD.saturating_sub(told.len());
    lines.extend(told);
    lines.extend(std::iter::repeat_n(vec![], missing));
    Content {
        title: format!("Scale {name}"),
        field: Some(("to how many machines?", form.line.clone())),
        body: Body::Text {
            lines: lines.into_iter().map(|line| vec![line]).collect(),
            scroll: 0,
        },
    }
}

fn known(look: Look<'_>, facts: &PoolFacts) -> Vec<Line> {
    let fact = |label: &str, text: String| -> Line {
        vec![Span::styled(format!("{label:<8}"), look.theme.muted), Span::raw(text)]
    };
    let (machines, ready) = facts.has;
    let wanted = facts.wanted.map(|n| format!("wants {n}, ")).unwrap_or_default();
    let bounds = match facts.bounds {
        Some((min, max)) => format!("{min} to {max}"),
        None => "none".to_owned(),
    };
    vec![
        fact("now", format!("{wanted}has {machines}, {ready} ready")),
        fact("bounds", bounds),
    ]
}

/// What would come of the number.
fn outcome(look: Look<'_>, form: &ScaleForm, room: u16) -> Vec<Line> {
    match &form.outcome {
        None => vec![vec![Span::styled(
            "Type a number, or go up and down from what it wants now.",
            look.theme.muted,
        )]],
        Some(Ok(plan)) if plan.stages.is_empty() => vec![vec![
            Span::styled(format!("{} ", look.glyphs.info), look.theme.info),
            Span::raw("nothing to do: it wants that many already"),
        ]],
        Some(Ok(plan)) => {
            let steps = plan.steps().count();
            let head = vec![
                Span::styled(format!("{} ", look.glyphs.ok), look.theme.ok),
                Span::styled(plan.title.clone(), Style::default()),
                Span::styled(format!(" {} {steps} steps", look.glyphs.separator), look.theme.muted),
            ];
            let mut lines = vec![head];
            lines.push(cost(look, None, plan.cost.before, plan.cost.after));
            let warnings = plan.warnings.iter().cloned().map(PlanLine::Warning);
            lines.extend(warnings.flat_map(|line| told(look, &line, room)));
            lines
        }
        Some(Err(refusal)) => {
            let lines = plan_lines::refused(refusal);
            lines.iter().flat_map(|line| told(look, line, room)).collect()
        }
    }
}

pub(super) fn foot(_: &State, look: Look<'_>, form: &ScaleForm) -> Vec<Vec<Piece<'static>>> {
    let raise = PlanOption::Raise;
    let text = "widen the pool's bounds where they stand in the way".to_owned();
    let tick = super::plan::tick(look, raise.key().to_string(), Some(form.raise), text);
    vec![
        vec![tick.at(Target::Option(raise))],
        keys_line(
            look,
            &[
                ("enter", "see the plan", Some(Action::Open)),
                ("up down", "one more, one less", None),
                LEAVE,
            ],
        ),
    ]
}
