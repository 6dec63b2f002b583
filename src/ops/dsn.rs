//! The DSN of a database of the operator's own: a password is part of it, so that it comes from a file which nobody else
//! can read, and goes into an SSM parameter only.

use std::path::{Path, PathBuf};

use super::private_file::{self, PrivateFileError};
use crate::provider::Secret;

/// More than any DSN, in bytes.
const LARGEST: u64 = 4096;

/// Why a DSN is not taken. It tells nothing of the file's text.
#[derive(Debug, thiserror::Error)]
pub enum DsnError {
    /// The file cannot be read, or is not its owner's alone.
    #[error(transparent)]
    File(#[from] PrivateFileError),
    /// The file holds something else.
    #[error("{} holds no DSN: expected one line that begins with postgres:// or mysql://", .0.display())]
    None(PathBuf),
}

/// Reads the DSN in a file.
pub fn read(path: &Path) -> Result<Secret, DsnError> {
    let dsn = private_file::read(path, LARGEST)?;
    let known = ["postgres://", "postgresql://", "mysql://"];
    let is_one = |text: &str| known.iter().any(|begin| text.starts_with(begin)) && !text.contains(char::is_whitespace);
    match is_one(dsn.expose()) {
        true => Ok(dsn),
        false => Err(DsnError::None(path.to_owned())),
    }
}
