//! The changed text on the disk.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use crate::config::fault::{ConfigError, Fault};
use crate::config::load::read_text;

/// Writes a file of ours: whoever reads it meets the old text or the new one. What a link leads to is written. A file that
/// does not hold `before` any longer is left alone, which is an error; one that is not there holds nothing.
pub fn write_text(path: &Path, before: &str, after: &str) -> Result<(), ConfigError> {
    if read_text(path)?.unwrap_or_default() != before {
        let why = "was changed meanwhile by something else; it is left as it is, try again";
        return Err(Fault::of_file(path, why).into());
    }
    replace(path, after).map_err(|error| Fault::of_file(path, format!("cannot be written: {error}")).into())
}

fn replace(path: &Path, text: &str) -> io::Result<()> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    let path = if path.exists() {
        path.canonicalize()?
    } else {
        path.to_owned()
    };
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let beside = path.with_file_name(format!(".{name}.{:08x}", fastrand::u32(..)));
    let write = || {
        let mut file = File::create_new(&beside)?;
        file.write_all(text.as_bytes())?;
        if let Ok(old) = fs::metadata(&path) {
            file.set_permissions(old.permissions())?;
        }
        file.sync_all()?;
        fs::rename(&beside, &path)
    };
    let written = write();
    if written.is_err() {
        // It was written by us, and is of no use to anybody.
        let _kept = fs::remove_file(&beside);
    }
    written
}
