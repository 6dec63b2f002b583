//! What is wrong with a file, where, and what would be right.

use std::fmt;
use std::path::{Path, PathBuf};

/// A place in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

/// A text whose byte offsets can be turned into places quickly.
pub(super) struct Lines<'t> {
    text: &'t str,
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, b)| *b == b'\n');
        let starts = std::iter::once(0).chain(breaks.map(|(at, _)| at + 1)).collect();
        Self { text, starts }
    }

    /// The place of a byte offset; one past the end is the end.
    pub(super) fn position(&self, offset: usize) -> Position {
        let line = self.starts.partition_point(|start| *start <= offset);
        let start = line
            .checked_sub(1)
            .and_then(|index| self.starts.get(index))
            .copied()
            .unwrap_or(0);
        let rest = self.text.get(start..).unwrap_or_default();
        let before = rest.char_indices().take_while(|(at, _)| start + at < offset).count();
        Position {
            line,
            column: before + 1,
        }
    }
}

/// One thing wrong with a file: `config.toml:12:9: regions[1]: expected …, found …`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The file, as it was named.
    pub file: PathBuf,
    /// Where in it; `None` when the file as a whole is meant.
    pub position: Option<Position>,
    /// The key meant, such as `groups.shop.port`; empty when none is.
    pub key: String,
    /// What is wrong: what was expected and what was found.
    pub problem: String,
}

impl Fault {
    /// A fault of a file as a whole.
    pub fn of_file(file: &Path, problem: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            position: None,
            key: String::new(),
            problem: problem.into(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file.display())?;
        if let Some(Position { line, column }) = self.position {
            write!(f, "{line}:{column}:")?;
        }
        if !self.key.is_empty() {
            write!(f, " {}:", self.key)?;
        }
        write!(f, " {}", self.problem)
    }
}

/// All that is wrong with the files that were read, in the order of the files' lines. Shown one fault a line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct ConfigError {
    /// The faults, at least one.
    pub faults: Vec<Fault>,
}

impl ConfigError {
    /// The faults of both, so that several files are reported together.
    pub fn and(mut self, other: Self) -> Self {
        self.faults.extend(other.faults);
        self
    }
}

impl From<Fault> for ConfigError {
    fn from(fault: Fault) -> Self {
        Self { faults: vec![fault] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters() {
        let text = "ab\né=1\n";
        let lines = Lines::new(text);
        let at = |offset| {
            let Position { line, column } = lines.position(offset);
            (line, column)
        };
        assert_eq!(at(0), (1, 1));
        assert_eq!(at(2), (1, 3));
        assert_eq!(at(3), (2, 1));
        assert_eq!(at(5), (2, 2));
        assert_eq!(at(6), (2, 3));
        assert_eq!(at(99), (3, 1));
        assert_eq!(Lines::new("").position(0), Position { line: 1, column: 1 });
    }

    #[test]
    fn faults_read_well() {
        let mut fault = Fault::of_file(Path::new("hosts.toml"), "no such file");
        assert_eq!(fault.to_string(), "hosts.toml: no such file");
        fault.position = Some(Position { line: 3, column: 7 });
        fault.key = "groups.a".into();
        assert_eq!(fault.to_string(), "hosts.toml:3:7: groups.a: no such file");
        let error = ConfigError::from(fault.clone()).and(fault.into());
        assert_eq!(error.to_string().lines().count(), 2);
    }
}
