//! Files the operator asks for.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::PathBuf;

/// Writes a file into the working directory and tells where it is. A file that is there already is kept: the new
/// one gets a number.
pub(super) fn save(name: &str, text: &str) -> io::Result<PathBuf> {
    let directory = std::env::current_dir()?;
    let (stem, ending) = name.rsplit_once('.').unwrap_or((name, "txt"));
    for n in 0..1_000 {
        let name = if n == 0 {
            format!("{stem}.{ending}")
        } else {
            format!("{stem}-{n}.{ending}")
        };
        let path = directory.join(name);
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(mut file) => return file.write_all(text.as_bytes()).map(|()| path),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("a thousand files of that name are there already"))
}
