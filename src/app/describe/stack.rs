//! The stack of a highly available cluster, its queues, and what AWS has told of its machines.

use super::{Description, Lines, time};
use crate::fleet::table::{View, age};
use crate::fleet::{ClusterQueues, ClusterStack, QueueDepth, Severity, Stacked};

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
        let stands = format!("{} waiting, {} taken", depth.waiting, depth.taken);
        lines.line("reaper", format!("{stands}{}", oldest(view, depth)));
    }
    if let Some(since) = stacked.behind_since() {
        lines.line("not empty since", time(view, since));
    }
    if let Some(dead) = queues.dead {
        let severity = match dead.open() {
            0 => Severity::Ok,
            _ => Severity::Warning,
        };
        lines.graded(
            severity,
            "dead letters",
            format!("{}{}", dead.open(), oldest(view, dead)),
        );
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

/// How old the oldest message is, where CloudWatch has told.
fn oldest(view: &View<'_>, depth: QueueDepth) -> String {
    let passed = depth.oldest_at.map(|at| view.now.duration_since(at).as_secs().max(0));
    let told = passed.map(|passed| format!(", the oldest about {} old", age(passed)));
    told.unwrap_or_default()
}
