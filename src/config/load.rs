//! Files from the disk, as text that can be read on. A file that is not there is as good as an empty one, unless it
//! was asked for by name.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::Vocabulary;
use super::fault::{ConfigError, Fault, Lines};
use super::hosts::read_hosts;
use super::settings::{Config, read_config};
use crate::fleet::EdgeHost;

/// No file of ours is near this size, in bytes; whatever is larger is something else.
const LARGEST: u64 = 4 << 20;

/// Reads `config.toml` from the disk. One that is not there gives the defaults, unless it `must_exist`.
pub fn load_config(path: &Path, must_exist: bool, vocabulary: &Vocabulary<'_>) -> Result<Config, ConfigError> {
    match read_text(path)? {
        None if must_exist => Err(Fault::of_file(path, "no such file; k3fleet config init writes one").into()),
        text => read_config(path, text.as_deref().unwrap_or_default(), vocabulary),
    }
}

/// Reads `hosts.toml` from the disk. One that is not there names no hosts.
pub fn load_hosts(path: &Path) -> Result<Vec<EdgeHost>, ConfigError> {
    read_hosts(path, &load_hosts_text(path)?)
}

/// The text of `hosts.toml`; empty if there is no such file.
pub fn load_hosts_text(path: &Path) -> Result<String, ConfigError> {
    Ok(read_text(path)?.unwrap_or_default())
}

/// The text of a file; `None` if there is no such file.
pub fn read_text(path: &Path) -> Result<Option<String>, ConfigError> {
    let mut bytes = Vec::new();
    let read = || File::open(path)?.take(LARGEST + 1).read_to_end(&mut bytes);
    match { read }() {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Fault::of_file(path, format!("cannot be read: {error}")).into()),
    }
    if bytes.len() as u64 > LARGEST {
        return Err(Fault::of_file(path, format!("expected at most {} MiB, found more", LARGEST >> 20)).into());
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Some(text)),
        Err(error) => {
            let good = error.utf8_error().valid_up_to();
            let text = String::from_utf8_lossy(error.as_bytes());
            let fault = Fault {
                position: Some(Lines::new(&text).position(good)),
                ..Fault::of_file(path, "expected UTF-8 text, found other bytes")
            };
            Err(fault.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const VOCABULARY: Vocabulary<'static> = Vocabulary {
        actions: &[],
        check_key: |_| Ok(()),
    };

    #[test]
    fn a_missing_file_is_empty_unless_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.toml");
        assert_eq!(load_config(&path, false, &VOCABULARY).unwrap(), Config::default());
        let error = load_config(&path, true, &VOCABULARY).unwrap_err().to_string();
        assert!(error.contains("config.toml: no such file"), "{error}");
        assert!(load_hosts(&dir.path().join("hosts.toml")).unwrap().is_empty());
    }

    #[test]
    fn what_is_no_text_is_told_with_its_place() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("hosts.toml");
        fs::write(&path, b"[groups]\n# \xff\n").unwrap();
        let error = load_hosts(&path).unwrap_err().to_string();
        assert!(error.contains("hosts.toml:2:3: expected UTF-8"), "{error}");
        let error = load_hosts(dir.path()).unwrap_err().to_string();
        assert!(error.contains("cannot be read"), "{error}");
    }

    #[test]
    fn what_is_no_file_of_ours_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("hosts.toml");
        fs::write(&path, vec![b'#'; LARGEST as usize + 1]).unwrap();
        let error = load_hosts(&path).unwrap_err().to_string();
        assert!(error.contains("at most 4 MiB"), "{error}");
    }
}
