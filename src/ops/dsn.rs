//! The DSN of a database of the operator's own: a password is part of it, so that it comes from a file which nobody else
//! can read, and goes into an SSM parameter only.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::is_open_to_others;
use crate::provider::Secret;

/// More than any DSN, in bytes.
const LARGEST: u64 = 4096;

/// Why a DSN is not taken. It tells nothing of the file's text.
#[derive(Debug, thiserror::Error)]
pub enum DsnError {
    /// The file cannot be read.
    #[error("read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is not its owner's alone.
    #[error("others can read {}: chmod 600 {}", .0.display(), .0.display())]
    Open(PathBuf),
    /// The file holds something else.
    #[error("{} holds no DSN: expected one line that begins with postgres:// or mysql://", .0.display())]
    None(PathBuf),
}

/// Reads the DSN in a file.
pub fn read(path: &Path) -> Result<Secret, DsnError> {
    let failed = |source| DsnError::Read {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(failed)?;
    if is_open_to_others(&file.metadata().map_err(failed)?) {
        return Err(DsnError::Open(path.to_owned()));
    }
    let mut text = String::new();
    file.take(LARGEST).read_to_string(&mut text).map_err(failed)?;
    let dsn = text.trim();
    let known = ["postgres://", "postgresql://", "mysql://"];
    match known.iter().any(|begin| dsn.starts_with(begin)) && !dsn.contains(char::is_whitespace) {
        true => Ok(Secret::new(dsn.to_owned())),
        false => Err(DsnError::None(path.to_owned())),
    }
}
