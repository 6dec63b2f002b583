//! The bill of a launch as text.

use std::fmt::Write as _;

use crate::ops::bill::Bill;
use crate::ops::bill::told::{by_use, table};

/// A bill as a table whose columns stand below each other.
pub(super) fn text(bill: &Bill) -> String {
    let lines = table(bill);
    let width = lines.iter().map(|line| line.what.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for line in &lines {
        let row = format!("  {:width$}  {}", line.what, line.sums.join("  "));
        let _ = writeln!(text, "{}", row.trim_end());
    }
    let by_use = by_use(bill);
    if !by_use.is_empty() {
        let _ = writeln!(text, "  billed by use besides: {}", by_use.join(", "));
    }
    text
}
