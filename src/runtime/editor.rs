//! A text that the operator changes in an editor of their own: it lies in a directory that nobody else looks into, and goes
//! with whatever the editor puts beside it.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::PathBuf;

use tempfile::TempDir;

use crate::app::Login;

/// More than anybody types, in bytes.
const LARGEST: u64 = 1 << 20;
/// Opens the editor as git does: its name may be followed by arguments.
const OPEN: &str = r#"exec ${VISUAL:-${EDITOR:-vi}} "$1""#;

/// A text that is being changed.
pub(super) struct Draft {
    path: PathBuf,
    /// Removed with this.
    _directory: TempDir,
}

impl Draft {
    /// Writes a text down under this name.
    pub(super) fn new(name: &str, text: &str) -> io::Result<Self> {
        let mut builder = tempfile::Builder::new();
        builder.prefix("k3fleet-");
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
        let directory = builder.tempdir()?;
        let path = directory.path().join(name);
        fs::write(&path, text)?;
        Ok(Self {
            path,
            _directory: directory,
        })
    }

    /// The editor, as a program that takes the terminal.
    pub(super) fn editor(&self) -> Login {
        let path = self.path.to_string_lossy().into_owned();
        Login {
            program: "sh",
            args: vec!["-c".to_owned(), OPEN.to_owned(), "editor".to_owned(), path],
        }
    }

    /// What the text is by now.
    pub(super) fn text(&self) -> io::Result<String> {
        let mut text = String::new();
        File::open(&self.path)?.take(LARGEST).read_to_string(&mut text)?;
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn nobody_else_looks_into_it_and_it_goes_with_what_lies_beside_it() {
        let draft = Draft::new("shop.json", "{}\n").unwrap();
        let directory = draft.path.parent().unwrap().to_owned();
        let mode = fs::metadata(&directory).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0);
        assert_eq!(draft.editor().args.last().unwrap(), draft.path.to_str().unwrap());
        fs::write(directory.join("shop.json~"), "{}").unwrap();
        fs::write(&draft.path, "[]").unwrap();
        assert_eq!(draft.text().unwrap(), "[]");
        drop(draft);
        assert!(!directory.exists());
    }
}
