//! A plan for people who read a terminal, and their yes.

use std::fmt::Write as _;
use std::io::{self, BufRead, IsTerminal, Write};

use crate::fleet::table::money;
use crate::ops::{CostChange, Plan};

/// A plan as text.
pub(super) fn text(plan: &Plan) -> String {
    let mut text = format!("{}, in cluster {}\n", plan.title, plan.cluster.name);
    if plan.stages.is_empty() {
        text.push_str("  nothing to do: it is so already\n");
    }
    for (at, stage) in plan.stages.iter().enumerate() {
        let _ = writeln!(text, "  {}. {}", at + 1, stage.title);
        for step in &stage.steps {
            let _ = writeln!(text, "     - {}", step.describe());
        }
    }
    let _ = writeln!(text, "cost: {}", cost(&plan.cost));
    let permissions: Vec<_> = plan.calls().into_iter().map(|call| call.permission()).collect();
    if !permissions.is_empty() {
        let _ = writeln!(text, "needs: {}", permissions.join(", "));
    }
    for warning in &plan.warnings {
        let _ = writeln!(text, "warning: {warning}");
    }
    text
}

fn cost(cost: &CostChange) -> String {
    let both = |usd: f64| format!("${}/h (${:.2} a month)", money(usd), usd * CostChange::HOURS_PER_MONTH);
    match (cost.before, cost.after) {
        (Some(before), Some(after)) if before == after => format!("{}, as before", both(before)),
        (Some(before), Some(after)) => format!("{} before, {} after", both(before), both(after)),
        (Some(before), None) => format!("{} before, unknown after", both(before)),
        _ => "unknown: some prices are not known".to_owned(),
    }
}

/// The operator's answer.
pub(super) enum Answer {
    /// Go on.
    Yes,
    /// Leave it.
    No,
    /// Nobody is there to be asked.
    Nobody,
}

/// Asks whether to go on.
pub(super) fn ask(plan: &Plan) -> io::Result<Answer> {
    if !io::stdin().is_terminal() {
        return Ok(Answer::Nobody);
    }
    let mut out = io::stderr().lock();
    match &plan.confirm {
        Some(word) => write!(out, "type {word} to go on: ")?,
        None => write!(out, "go on? [y/N] ")?,
    }
    out.flush()?;
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    let typed = line.trim();
    let yes = match &plan.confirm {
        Some(word) => typed == word,
        None => ["y", "Y", "yes", "Yes"].contains(&typed),
    };
    Ok(if yes { Answer::Yes } else { Answer::No })
}
