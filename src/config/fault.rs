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

impl Position {
    /// The place of a byte offset; an offset past the end, or within a character, is the place before it.
    pub(super) fn of(text: &str, offset: usize) -> Self {
        let before = text.char_indices().take_while(|(at, _)| *at < offset);
        let start = Self { line: 1, column: 1 };
        before.fold(start, |at, (_, c)| match c {
            '\n' => Self {
                line: at.line + 1,
                column: 1,
            },
            _ => Self {
                line: at.line,
                column: at.column + 1,
            },
        })
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
        let at = |offset| {
            let Position { line, column } = Position::of(text, offset);
            (line, column)
        };
        assert_eq!(at(0), (1, 1));
        assert_eq!(at(2), (1, 3));
        assert_eq!(at(3), (2, 1));
        assert_eq!(at(5), (2, 2));
        assert_eq!(at(99), (3, 1));
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
