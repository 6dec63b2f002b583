//! The activity log: what changed in the fleet, in the order it was seen. Bounded; the oldest go first.

use std::collections::VecDeque;

use jiff::Timestamp;

use super::{MachineId, Severity};

/// How many entries are kept.
const KEPT: usize = 500;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct LogEntry {
    /// When.
    pub at: Timestamp,
    /// How grave.
    pub severity: Severity,
    /// The machine it happened to, when it was one.
    pub machine: Option<MachineId>,
    /// What happened, in one line.
    pub text: String,
}

/// The latest entries.
#[derive(Clone, Debug, Default)]
pub struct Log(VecDeque<LogEntry>);

impl Log {
    pub(super) fn push(&mut self, at: Timestamp, severity: Severity, machine: Option<MachineId>, text: String) {
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back(LogEntry {
            at,
            severity,
            machine,
            text,
        });
    }

    /// The entries, oldest first.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = &LogEntry> + ExactSizeIterator {
        self.0.iter()
    }
}
