//! Everything known about a row, as sections of labelled lines. What is not known is left out, unless its absence
//! says something: then the line says why.

mod console;
mod groups;
mod machine;
mod stack;

use jiff::{SignedDuration, Timestamp};

use crate::fleet::table::{RowId, View, age};
use crate::fleet::{Finding, Freshness, MachineId, Severity};

/// The description of a row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description {
    /// What it is about, such as `machine web-1`.
    pub title: String,
    /// What is told.
    pub sections: Vec<Section>,
}

/// Lines under a heading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// The heading.
    pub title: &'static str,
    /// The lines.
    pub lines: Vec<Line>,
}

/// A labelled line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What it tells of.
    pub label: String,
    /// What it tells.
    pub value: String,
    /// How much it wants looking at.
    pub severity: Severity,
}

impl Description {
    /// How many lines it takes when nothing is wrapped: one for each heading and line, and one between sections.
    pub fn height(&self) -> usize {
        let lines: usize = self.sections.iter().map(|s| s.lines.len() + 2).sum();
        lines.saturating_sub(1)
    }

    fn new(title: String) -> Self {
        Self {
            title,
            sections: vec![],
        }
    }

    fn add(&mut self, section: Lines) {
        if !section.lines.is_empty() {
            self.sections.push(Section {
                title: section.title,
                lines: section.lines,
            });
        }
    }
}

/// A section in the making.
struct Lines {
    title: &'static str,
    lines: Vec<Line>,
}

impl Lines {
    fn new(title: &'static str) -> Self {
        Self { title, lines: vec![] }
    }

    fn graded(&mut self, severity: Severity, label: impl Into<String>, value: impl Into<String>) {
        self.lines.push(Line {
            label: label.into(),
            value: value.into(),
            severity,
        });
    }

    fn line(&mut self, label: impl Into<String>, value: impl Into<String>) {
        self.graded(Severity::Ok, label, value);
    }

    /// A line that is left out when there is nothing to tell.
    fn maybe<T: ToString>(&mut self, label: &str, value: Option<T>) {
        if let Some(value) = value.map(|v| v.to_string()).filter(|v| !v.is_empty()) {
            self.line(label, value);
        }
    }

    fn list<T: ToString>(&mut self, label: &str, values: impl IntoIterator<Item = T>) {
        let values: Vec<_> = values.into_iter().map(|v| v.to_string()).collect();
        if !values.is_empty() {
            self.line(label, values.join(", "));
        }
    }

    /// A point in time: how long ago, and when.
    fn time(&mut self, view: &View<'_>, label: &str, at: Option<Timestamp>) {
        if let Some(at) = at {
            self.line(label, time(view, at));
        }
    }
}

/// A point in time as people and other programs read it.
fn time(view: &View<'_>, at: Timestamp) -> String {
    let passed = view.now.duration_since(at);
    let at = at.strftime("%Y-%m-%d %H:%M:%S UTC");
    if passed < SignedDuration::ZERO {
        format!("in {} · {at}", age(passed.as_secs().saturating_neg()))
    } else {
        format!("{} ago · {at}", age(passed.as_secs()))
    }
}

/// What is known about a row; `None` when it is gone.
pub fn describe(view: &View<'_>, id: &RowId) -> Option<Description> {
    match id {
        RowId::Machine(id) | RowId::Edge(id) => Some(machine::machine(view, &view.fleet.machine(id)?)),
        RowId::Host(host) => {
            let id = MachineId::Edge(host.clone());
            Some(machine::machine(view, &view.fleet.machine(&id)?))
        }
        RowId::Cluster(id) => Some(groups::cluster(view, view.summary.clusters.get(id)?)),
        RowId::Pool(id) => Some(groups::pool(view, view.summary.pools.get(id)?)),
        RowId::Price(offer, zone) => groups::price(view, offer, zone),
        RowId::Feed(feed) => {
            let state = view.fleet.feeds().get(feed)?;
            let mut all = Description::new(format!("source {feed}"));
            let mut lines = Lines::new("Freshness");
            lines.time(view, "last answer", state.synced_at);
            match state.freshness(view.now) {
                Freshness::Waiting => lines.graded(Severity::Info, "state", "no answer yet"),
                Freshness::Live => lines.line("state", "live"),
                Freshness::Stale { .. } => lines.graded(Severity::Warning, "state", "stale"),
                Freshness::Failed { why, since, retry_at } => {
                    lines.graded(Severity::Critical, "state", "fails");
                    lines.line("call", why.call.as_str());
                    lines.line("error", why.message.as_str());
                    lines.maybe("mend", Some(&why.mend));
                    lines.time(view, "since", Some(since));
                    lines.time(view, "next try", Some(retry_at));
                }
            }
            all.add(lines);
            Some(all)
        }
        RowId::Finding(rule, about) => {
            let mut findings = view.summary.findings.iter();
            let finding = findings.find(|f| f.rule == *rule && f.about == **about)?;
            let mut all = Description::new(format!("finding {}", finding.rule));
            let mut lines = Lines::new("Finding");
            lines.graded(finding.severity, "severity", finding.severity.as_str());
            lines.maybe("cluster", finding.cluster.as_ref());
            lines.line("subject", finding.subject.as_str());
            lines.line("finding", finding.line.as_str());
            lines.maybe("mend", Some(&finding.mend));
            lines.time(view, "since", finding.since);
            all.add(lines);
            if let Some(subject) = describe(view, about) {
                all.sections.extend(subject.sections);
            }
            Some(all)
        }
    }
}

/// Findings as a section.
fn findings<'a>(findings: impl Iterator<Item = &'a Finding>) -> Lines {
    let mut lines = Lines::new("Findings");
    for finding in findings {
        let mend = if finding.mend.is_empty() {
            String::new()
        } else {
            format!(" · {}", finding.mend)
        };
        lines.graded(finding.severity, finding.rule, format!("{}{mend}", finding.line));
    }
    lines
}

#[cfg(test)]
mod tests;
