//! Files that hold credentials: written whole or not at all, and read by nobody but their owner.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Makes a directory that only its owner looks into. One that is there already is closed to others.
pub(super) fn private_directory(directory: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)?;
    #[cfg(unix)]
    fs::set_permissions(directory, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
    Ok(())
}

/// Writes a file in one stroke: whoever reads it meets the old text or the new one, never a part. What a link leads to
/// is written, the link stays. A file that is there keeps its mode; a new one has mode 0600.
pub(in crate::provider) fn write(path: &Path, text: &str) -> io::Result<()> {
    let path = followed(path)?;
    let mode = fs::metadata(&path).ok().map(|old| old.permissions());
    let beside = beside(&path)?;
    let written = create(&beside, text).and_then(|file| {
        if let Some(mode) = mode {
            file.set_permissions(mode)?;
        }
        file.sync_all()?;
        fs::rename(&beside, &path)
    });
    if written.is_err() {
        // It was written by us, and is of no use to anybody.
        let _kept = fs::remove_file(&beside);
    }
    written?;
    // The new name must survive a crash as well as the text.
    match path.parent() {
        Some(directory) => File::open(directory)?.sync_all(),
        None => Ok(()),
    }
}

/// Writes a new file, mode 0600. One that is there already is an error.
pub(super) fn create(path: &Path, text: &str) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    Ok(file)
}

/// What a path leads to in the end, also where nothing is there yet.
fn followed(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    // As many links as Linux follows itself.
    for _ in 0..40 {
        match fs::read_link(&path) {
            Ok(target) => {
                path = match path.parent() {
                    Some(directory) => directory.join(target),
                    None => target,
                };
            }
            Err(_no_link) => return Ok(path),
        }
    }
    Err(io::Error::other("too many links lead on from it"))
}

/// A name of our own in the same directory, which the lists of that directory pass over.
fn beside(path: &Path) -> io::Result<PathBuf> {
    let name = path
        .file_name()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "it names no file"))?;
    let mut beside = OsString::from(".");
    beside.push(name);
    beside.push(format!(".{:08x}", fastrand::u32(..)));
    Ok(path.with_file_name(beside))
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_new_file_is_private_and_an_old_one_keeps_its_mode() {
        let home = tempfile::tempdir().unwrap();
        let directory = home.path().join("a/b");
        private_directory(&directory).unwrap();
        assert_eq!(mode(&directory), 0o700);
        let file = directory.join("c");
        write(&file, "one").unwrap();
        assert_eq!(
            (mode(&file), fs::read_to_string(&file).unwrap().as_str()),
            (0o600, "one")
        );
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        write(&file, "two").unwrap();
        assert_eq!(
            (mode(&file), fs::read_to_string(&file).unwrap().as_str()),
            (0o640, "two")
        );
        assert_eq!(
            fs::read_dir(&directory).unwrap().count(),
            1,
            "nothing is left beside it"
        );
        assert!(create(&file, "three").is_err());
    }

    #[test]
    fn links_are_followed_and_stay() {
        let home = tempfile::tempdir().unwrap();
        let at = |name: &str| home.path().join(name);
        fs::create_dir(at("real")).unwrap();
        symlink("real/config", at("link")).unwrap();
        symlink(at("link"), at("link2")).unwrap();
        for text in ["new", "changed"] {
            write(&at("link2"), text).unwrap();
            assert_eq!(fs::read_to_string(at("real/config")).unwrap(), text);
            assert!(fs::symlink_metadata(at("link2")).unwrap().is_symlink());
        }
        symlink("round", at("round")).unwrap();
        assert!(write(&at("round"), "x").is_err());
    }

    #[test]
    fn what_cannot_be_written_leaves_nothing_behind() {
        let home = tempfile::tempdir().unwrap();
        let directory = home.path().join("is-a-directory");
        fs::create_dir_all(directory.join("full")).unwrap();
        assert!(write(&directory, "x").is_err());
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);
    }
}
