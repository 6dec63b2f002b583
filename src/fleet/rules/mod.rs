//! The rules: pure functions that judge the fleet. Each finding names the rule, the row it is about, what is
//! the matter and what mends it.

use jiff::Timestamp;

use super::{Finding, Fleet, Summary};

/// Judges the fleet by every rule; the findings come worst first.
pub fn judge(_fleet: &Fleet, _summary: &Summary, _now: Timestamp) -> Vec<Finding> {
    let mut findings = vec![];
    findings.sort_by(|a: &Finding, b: &Finding| b.severity.cmp(&a.severity).then_with(|| a.about.cmp(&b.about)));
    findings
}
