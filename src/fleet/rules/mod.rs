//! The rules: pure functions that judge the fleet. Each finding names the rule, the row it is about, what is
//! the matter and what mends it.
//!
//! One pass over the machines judges each of them ([`machines`], [`edge`]) and gathers what the rules about
//! clusters, pools and prices need; those then look at each cluster, pool and offer once, and tell one finding for
//! each however many machines it concerns. Nothing is found from what is not known: rules that miss something
//! (a node, an instance) ask first whether the feed that would show it lives.

mod clusters;
mod edge;
mod feeds;
mod machines;
mod pools;
mod prices;
mod skew;
mod stacks;

use jiff::Timestamp;

use super::belong::nodes_feed;
use super::table::age;
use super::{
    ClusterId, ContextId, FeedId, FeedKind, Finding, Fleet, Freshness, Machine, MachineState, RowId, Severity, Source,
    Summary, View,
};

/// Judges the fleet by every rule; the findings come worst first. No two have both the rule and the row in common.
pub fn judge(fleet: &Fleet, summary: &Summary, now: Timestamp) -> Vec<Finding> {
    let rows: Vec<_> = fleet.machines().map(|m| (m, m.state(now))).collect();
    judge_rows(fleet, summary, &rows, now)
}

/// Judges the fleet, whose rows and their states have been looked up already.
pub(super) fn judge_rows(
    fleet: &Fleet,
    summary: &Summary,
    rows: &[(Machine<'_>, MachineState)],
    now: Timestamp,
) -> Vec<Finding> {
    let sight = Sight { fleet, summary, now };
    let mut findings = vec![];
    let mut clusters = clusters::Contexts::default();
    let mut pools = pools::SpotUse::default();
    let mut prices = prices::Paid::default();
    for (machine, state) in rows {
        let state = *state;
        machines::judge(&sight, machine, state, &mut findings);
        edge::judge(&sight, machine, &mut findings);
        clusters.add(machine, state);
        pools.add(machine);
        prices.add(machine);
    }
    clusters.judge(&sight, &mut findings);
    clusters::judge(&sight, &mut findings);
    pools.judge(&sight, &mut findings);
    pools::judge(&sight, &mut findings);
    prices.judge(&sight, &mut findings);
    stacks::judge(&sight, &mut findings);
    feeds::judge(&sight, &mut findings);
    findings.sort_by(|a, b| (&a.about, a.rule, b.severity).cmp(&(&b.about, b.rule, a.severity)));
    findings.dedup_by(|a, b| a.rule == b.rule && a.about == b.about);
    findings.sort_by_key(|f| std::cmp::Reverse(f.severity));
    findings
}

/// What the rules see.
struct Sight<'a> {
    fleet: &'a Fleet,
    summary: &'a Summary,
    now: Timestamp,
}

impl<'a> Sight<'a> {
    fn view(&self) -> View<'a> {
        View {
            fleet: self.fleet,
            summary: self.summary,
            now: self.now,
        }
    }

    fn freshness(&self, kind: FeedKind, source: Source) -> Option<Freshness<'_>> {
        self.fleet.freshness(&FeedId { kind, source }, self.now)
    }

    fn is_live(&self, kind: FeedKind, source: Source) -> bool {
        self.freshness(kind, source) == Some(Freshness::Live)
    }

    /// Whether what is known of a context's nodes holds now.
    fn nodes_live(&self, context: &ContextId) -> bool {
        self.fleet.freshness(&nodes_feed(context), self.now) == Some(Freshness::Live)
    }

    /// How long since, as `3m12s`.
    fn ago(&self, since: Timestamp) -> String {
        age(self.now.duration_since(since).as_secs().max(0))
    }

    /// ` for 3m12s`, or nothing when it is not known since when.
    fn for_time(&self, since: Option<Timestamp>) -> String {
        since
            .map(|since| format!(" for {}", self.ago(since)))
            .unwrap_or_default()
    }

    /// Seconds since.
    fn seconds(&self, since: Timestamp) -> i64 {
        self.now.duration_since(since).as_secs()
    }
}

/// What a rule has to say, before it is said of whom.
struct Verdict {
    rule: &'static str,
    severity: Severity,
    line: String,
    mend: String,
    since: Option<Timestamp>,
}

impl Verdict {
    fn of_machine(self, machine: &Machine<'_>) -> Finding {
        self.of(
            RowId::Machine(machine.id()),
            machine.name().to_owned(),
            machine.cluster(),
        )
    }

    fn of_cluster(self, cluster: &ClusterId) -> Finding {
        self.of(
            RowId::Cluster(cluster.clone()),
            cluster.name.to_string(),
            Some(cluster.clone()),
        )
    }

    fn of(self, about: RowId, subject: String, cluster: Option<ClusterId>) -> Finding {
        Finding {
            rule: self.rule,
            severity: self.severity,
            about,
            subject,
            cluster,
            line: self.line,
            mend: self.mend,
            since: self.since,
        }
    }
}

/// `1 machine`, `3 machines`.
fn counted(n: usize, thing: &str) -> String {
    match n {
        1 => format!("1 {thing}"),
        n => format!("{n} {thing}s"),
    }
}

#[cfg(test)]
mod tests;
