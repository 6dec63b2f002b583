//! The files that an `Include` of an OpenSSH configuration names.

use std::path::{Component, Path, PathBuf};

use super::super::load::read_text;
use super::ssh_config::Opened;
use super::words::fits;

/// Whether ssh reads a file by itself: `~/.ssh/config` or the system's.
pub fn is_own_ssh_config(file: &Path, home: &Path) -> bool {
    let own = [home.join(".ssh/config"), PathBuf::from("/etc/ssh/ssh_config")];
    let Ok(file) = file.canonicalize() else { return false };
    own.iter().any(|own| own.canonicalize().is_ok_and(|own| own == file))
}

/// Opens the files that a pattern names, by name: relative ones in `~/.ssh`, and `~` is `home`.
pub fn expand_include(pattern: &str, home: &Path) -> Vec<Opened> {
    let path = match pattern.strip_prefix("~/") {
        Some(rest) => home.join(rest),
        None => home.join(".ssh").join(pattern),
    };
    let mut found = vec![PathBuf::new()];
    for part in path.components() {
        let name = part.as_os_str().to_string_lossy();
        if matches!(part, Component::Normal(_)) && name.contains(['*', '?']) {
            found = found.iter().flat_map(|directory| fitting(directory, &name)).collect();
        } else {
            found.iter_mut().for_each(|path| path.push(part));
        }
    }
    let open = |path: PathBuf| match read_text(&path) {
        Ok(text) => Some((path, Ok(text?))),
        Err(error) => Some((path, Err(error))),
    };
    found
        .into_iter()
        .filter(|path| !path.is_dir())
        .filter_map(open)
        .collect()
}

fn fitting(directory: &Path, pattern: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name());
    let hidden = pattern.starts_with('.');
    let mut fit: Vec<PathBuf> = names
        .filter(|name| {
            let name = name.to_string_lossy();
            fits(pattern, &name) && (hidden || !name.starts_with('.'))
        })
        .map(|name| directory.join(name))
        .collect();
    fit.sort();
    fit
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn patterns_find_files_below_ssh() {
        let home = tempfile::tempdir().unwrap();
        let home = home.path();
        fs::create_dir_all(home.join(".ssh/conf.d/dir")).unwrap();
        for name in [
            ".ssh/config",
            ".ssh/conf.d/b",
            ".ssh/conf.d/a",
            ".ssh/conf.d/.swap",
            "other",
        ] {
            fs::write(home.join(name), name).unwrap();
        }
        let names = |pattern: &str| -> Vec<String> {
            let opened = expand_include(pattern, home);
            opened.into_iter().map(|(_, text)| text.unwrap()).collect()
        };
        assert_eq!(names("conf.d/*"), [".ssh/conf.d/a", ".ssh/conf.d/b"]);
        assert_eq!(names("c*/?"), [".ssh/conf.d/a", ".ssh/conf.d/b"]);
        assert_eq!(names("~/other"), ["other"]);
        assert_eq!(names(home.join("other").to_str().unwrap()), ["other"]);
        assert!(names("none").is_empty());
        fs::write(home.join(".ssh/odd"), b"\xff").unwrap();
        assert!(expand_include("odd", home).first().unwrap().1.is_err());
        assert!(is_own_ssh_config(&home.join(".ssh/../.ssh/config"), home));
        assert!(!is_own_ssh_config(&home.join("other"), home));
    }
}
