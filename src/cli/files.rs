//! What `--files` names: a local directory, looked at before any host is asked for more, or a mirror.

use std::path::Path;

use super::exit::Halt;
use crate::fleet::Arch;
use crate::ops::candidates::missing_files;
use crate::ops::files::Source;
use crate::ops::private_file::from_root;

/// Where the files of a release come from.
pub(super) fn source(given: Option<&Path>) -> Result<Option<Source>, Halt> {
    let Some(given) = given else { return Ok(None) };
    let source = match given.to_str() {
        Some(text) => Source::parse(text).map_err(|why| Halt::usage(format!("--files: {why}")))?,
        None => Source::Directory(given.to_owned()),
    };
    match source {
        Source::Directory(path) if !path.is_dir() => {
            let why = format!("--files: {} is no directory", path.display());
            Err(Halt::usage(why))
        }
        Source::Directory(path) => Ok(Some(Source::Directory(from_root(&path)))),
        mirror @ Source::Mirror(_) => Ok(Some(mirror)),
    }
}

/// Refuses a directory that lacks what hosts of these architectures want of it; to `install` takes the installer too.
pub(super) fn complete(source: Option<&Source>, archs: &[Arch], install: bool) -> Result<(), Halt> {
    let Some(Source::Directory(path)) = source else {
        return Ok(());
    };
    if archs.is_empty() {
        return Ok(());
    }
    let said = |what: String| Halt::usage(format!("--files: {} {what}", path.display()));
    match missing_files(path, archs, install) {
        Ok(missing) if missing.is_empty() => Ok(()),
        Ok(missing) => Err(said(format!("lacks {}: put it there first", missing.join(", ")))),
        Err(error) => Err(said(format!("cannot be read: {error}"))),
    }
}
