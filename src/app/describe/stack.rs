//! The stack of a highly available cluster, its queues, and what AWS has told of its machines.

use super::{Description, Lines, time};
use crate::fleet::table::{View, age};
use crate::fleet::{ClusterQueues, ClusterStack, Severity, Stacked};

/// How many events are told.
const EVENTS: usize = 10;

pub(super) fn add(all: &mut Description, view: &View<'_>, stacked: &Stacked) {
    if let Some(stack) = stacked.stack() {
        all.add(of_stack(view, stack));
    }
    if let Some(queues) = stacked.queues() {
        all.add(of_queues(view, stacked, queues));
    }
    let mut lines = Lines::new("Events");
    for event in stacked.events().take(EVENTS) {
        let passed = view.now.duration_since(event.at).as_secs().max(0);
        let about = event.instance.as_ref().map(|id| format!("{id} · ")).unwrap_or_default();
        let text = format!("{about}{}", event.line());
        lines.graded(event.severity(), format!("{} ago", age(passed)), text);
    }
    all.add(lines);
}

fn of_stack(view: &View<'_>, stack: &ClusterStack) -> Lines {
    let mut lines = Lines::new("Stack");
    lines.line("name", stack.name.as_str());
    let severity = match (stack.status.has_failed(), stack.status.is_moving()) {
        (true, _) => Severity::Warning,
        (false, true) => Severity::Info,
        (false, false) => Severity::Ok,
    };
    lines.graded(severity, "status", stack.status.0.as_str());
    lines.maybe("reason", stack.reason.as_ref());
    match &stack.drift {
        None => lines.line("drift", "nobody has had CloudFormation look"),
        Some(drift) => {
            let (severity, what) = match drift.drifted {
                true => (Severity::Warning, "drifted"),
                false => (Severity::Ok, "none"),
            };
            let seen = drift.checked_at.map(|at| format!(", seen {}", time(view, at)));
            lines.graded(severity, "drift", format!("{what}{}", seen.unwrap_or_default()));
        }
    }
    lines
}

fn of_queues(view: &View<'_>, stacked: &Stacked, queues: &ClusterQueues) -> Lines {
    let mut lines = Lines::new("Queues");
    if let Some(depth) = queues.reaper {
        lines.line("reaper", format!("{} waiting, {} taken", depth.waiting, depth.taken));
    }
    if let Some(since) = stacked.behind_since() {
        lines.line("not empty since", time(view, since));
    }
    if let Some(dead) = queues.dead {
        let severity = if dead > 0 { Severity::Warning } else { Severity::Ok };
        lines.graded(severity, "dead letters", dead.to_string());
    }
    if let Some(why) = &queues.why {
        lines.graded(Severity::Warning, "not read", why.as_str());
    }
    match stacked.last_ended() {
        Some((at, instance)) => {
            let who = instance.map(|id| format!("{id}, ")).unwrap_or_default();
            lines.line("last reaped", format!("{who}{}", time(view, at)));
        }
        None => lines.line("last reaped", "none seen: events are read as long as this runs"),
    }
    lines
}
