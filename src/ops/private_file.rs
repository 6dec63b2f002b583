//! Local files that hold something secret: only their owner may read them, and they are found wherever an operation that
//! needs them again is resumed from.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::provider::Secret;

/// Why a file is not read. Nothing of its content is told.
#[derive(Debug, thiserror::Error)]
pub enum PrivateFileError {
    /// It cannot be read.
    #[error("read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Others than its owner can read or write it.
    #[error("{file} can be read by others than you: chmod 600 {file}", file = .0.display())]
    Open(PathBuf),
}

/// What a file that only its owner reads begins with, at most `bytes` of it, without the space around it.
pub(super) fn read(path: &Path, bytes: u64) -> Result<Secret, PrivateFileError> {
    let path = from_root(path);
    let failed = |source| PrivateFileError::Read {
        path: path.clone(),
        source,
    };
    let file = File::open(&path).map_err(failed)?;
    if is_open_to_others(&file.metadata().map_err(failed)?) {
        return Err(PrivateFileError::Open(path));
    }
    let mut text = String::new();
    file.take(bytes).read_to_string(&mut text).map_err(failed)?;
    Ok(Secret::new(text.trim().to_owned()))
}

/// A path as a shell takes it, from the root on: whoever resumes an operation may be elsewhere.
pub fn from_root(path: &Path) -> PathBuf {
    let path = match (path.strip_prefix("~"), std::env::home_dir()) {
        (Ok(rest), Some(home)) => home.join(rest),
        _ => path.to_owned(),
    };
    std::path::absolute(&path).unwrap_or(path)
}

/// Whether others than its owner can read or write a file.
#[cfg(unix)]
fn is_open_to_others(about: &Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    about.permissions().mode() & 0o077 != 0
}

/// Whether others than its owner can read or write a file; not known here.
#[cfg(not(unix))]
fn is_open_to_others(_about: &Metadata) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_the_same_wherever_it_is_read_from() {
        let here = std::env::current_dir().unwrap();
        assert_eq!(from_root(Path::new("keys/dsn")), here.join("keys/dsn"));
        assert_eq!(from_root(Path::new("/etc/dsn")), Path::new("/etc/dsn"));
        let home = std::env::home_dir().unwrap();
        assert_eq!(from_root(Path::new("~/dsn")), home.join("dsn"));
    }
}
