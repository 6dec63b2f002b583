//! The bill of a launch as lines of its plan.

use super::plan_lines::PlanLine;
use crate::ops::Plan;
pub use crate::ops::bill::told::{Kind, Line};
use crate::ops::bill::told::{by_use, table};

/// What the cluster costs part by part; nothing where the plan has no bill.
pub(super) fn of(plan: &Plan) -> Vec<PlanLine> {
    let Some(bill) = &plan.bill else { return vec![] };
    let mut lines: Vec<_> = table(bill).into_iter().map(PlanLine::Bill).collect();
    let by_use = by_use(bill);
    if !by_use.is_empty() {
        lines.push(PlanLine::Note(format!("billed by use besides: {}", by_use.join(", "))));
    }
    lines.insert(0, PlanLine::Gap);
    lines
}
