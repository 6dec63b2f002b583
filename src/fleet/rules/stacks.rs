//! Rules about the stacks of highly available clusters: one that failed or has drifted, events that nobody could work on,
//! and a reaper that does not keep up. They judge only while the stacks are read.

use super::{Sight, Verdict, counted};
use crate::fleet::{ClusterId, ClusterStack, FeedKind, Finding, QueueDepth, Severity, Source, Stacked};

/// For how long events may wait for the reaper: it takes them within seconds, and a message whose first try fails is
/// tried again after less than three minutes.
const BEHIND: i64 = 300;
/// From when on nodes that are gone are surely still there.
const FAR_BEHIND: i64 = 900;

/// Judges each stack that is seen.
pub(super) fn judge(sight: &Sight<'_>, findings: &mut Vec<Finding>) {
    for (cluster, stacked) in sight.fleet.stacks() {
        let live = |home| sight.is_live(FeedKind::Stacks, Source::Aws(home));
        if !sight.summary.clusters.contains_key(cluster) || !cluster.home.clone().is_some_and(live) {
            continue;
        }
        let verdicts = [
            stacked.stack().and_then(|stack| stack_failed(cluster, stack)),
            stacked.stack().and_then(|stack| stack_drifted(sight, cluster, stack)),
            dead_letters(sight, cluster, stacked),
            reaper_behind(sight, cluster, stacked),
        ];
        findings.extend(verdicts.into_iter().flatten().map(|v| v.of_cluster(cluster)));
    }
}

/// What was asked of CloudFormation has failed. An update that was undone leaves the cluster as it was; what was never
/// made whole, or could not be undone, does not.
fn stack_failed(cluster: &ClusterId, stack: &ClusterStack) -> Option<Verdict> {
    if !stack.status.has_failed() {
        return None;
    }
    let (severity, mend) = match stack.status.0.as_str() {
        "UPDATE_ROLLBACK_COMPLETE" => (
            Severity::Warning,
            "the cluster is as it was before; change the spec and update it again".to_owned(),
        ),
        status if status.ends_with("_IN_PROGRESS") => (
            Severity::Warning,
            "nothing yet: CloudFormation is undoing it".to_owned(),
        ),
        status if status.starts_with("DELETE") => (
            Severity::Critical,
            format!("see which resource stays, then k3fleet destroy {cluster} again"),
        ),
        "ROLLBACK_COMPLETE" | "ROLLBACK_FAILED" => (Severity::Critical, format!("k3fleet destroy {cluster}")),
        _ => (
            Severity::Critical,
            format!("k3fleet rollback {cluster}, or k3fleet destroy {cluster}"),
        ),
    };
    let reason = stack.reason.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
    Some(Verdict {
        rule: "stack-failed",
        severity,
        line: format!("the stack {} is {}{reason}", stack.name, stack.status.0),
        mend,
        since: None,
    })
}

fn stack_drifted(sight: &Sight<'_>, cluster: &ClusterId, stack: &ClusterStack) -> Option<Verdict> {
    let drift = stack.drift.as_ref().filter(|drift| drift.drifted)?;
    let seen = drift.checked_at.map(|at| format!(", seen {} ago", sight.ago(at)));
    Some(Verdict {
        rule: "stack-drifted",
        severity: Severity::Warning,
        line: format!(
            "something of the stack {} was changed behind CloudFormation's back{}",
            stack.name,
            seen.unwrap_or_default()
        ),
        mend: format!(
            "see what it is: k3fleet drift {cluster} --last; sizes that scaling has changed do no harm, take back the rest"
        ),
        since: None,
    })
}

fn dead_letters(sight: &Sight<'_>, cluster: &ClusterId, stacked: &Stacked) -> Option<Verdict> {
    let dead = stacked.queues()?.dead.filter(|dead| dead.open() > 0)?;
    let events = counted(usize::try_from(dead.open()).unwrap_or(usize::MAX), "event");
    Some(Verdict {
        rule: "dead-letters",
        severity: Severity::Warning,
        line: format!(
            "the reaper could not work on {events}{}: a machine may have gone without being drained",
            oldest(sight, dead)
        ),
        mend: format!("read the reaper's log; see whether it works: k3fleet events {cluster} --test"),
        since: None,
    })
}

fn reaper_behind(sight: &Sight<'_>, cluster: &ClusterId, stacked: &Stacked) -> Option<Verdict> {
    let since = stacked.behind_since().filter(|at| sight.seconds(*at) >= BEHIND)?;
    let depth = stacked.queues()?.reaper?;
    let severity = match sight.seconds(since) {
        FAR_BEHIND.. => Severity::Critical,
        _ => Severity::Warning,
    };
    let events = counted(usize::try_from(depth.open()).unwrap_or(usize::MAX), "event");
    Some(Verdict {
        rule: "reaper-behind",
        severity,
        line: format!(
            "{events} in the reaper's queue, which was not empty for {}{}",
            sight.ago(since),
            oldest(sight, depth)
        ),
        mend: format!("read the reaper's log; see whether it works: k3fleet events {cluster} --test"),
        since: Some(since),
    })
}

/// How old the oldest message is, where CloudWatch has told.
fn oldest(sight: &Sight<'_>, depth: QueueDepth) -> String {
    let told = depth
        .oldest_at
        .map(|at| format!(", the oldest about {} old", sight.ago(at)));
    told.unwrap_or_default()
}
