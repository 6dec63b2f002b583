//! A finding: something an operator should look at. The rules that find them are in [`rules`](super::rules).

use jiff::Timestamp;

use super::{ClusterId, RowId, Severity};

/// Something to look at: what, how grave, about what, and what mends it.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The rule that found it, as a word: `ghost-node`.
    pub rule: &'static str,
    /// How grave.
    pub severity: Severity,
    /// The row it is about.
    pub about: RowId,
    /// The name of that row, for people.
    pub subject: String,
    /// The cluster concerned.
    pub cluster: Option<ClusterId>,
    /// What is the matter, in one line.
    pub line: String,
    /// What mends it, in one line.
    pub mend: String,
    /// Since when, where known.
    pub since: Option<Timestamp>,
}

impl Finding {
    /// The id of its row.
    pub fn row(&self) -> RowId {
        RowId::Finding(self.rule, Box::new(self.about.clone()))
    }
}
