//! Which of the files in use have changed. The comparing is pure; somebody else looks at the disk now and then.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// What shows that a file was changed: when it was written, and its size in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// When the file was last written.
    pub modified: SystemTime,
    /// Its size in bytes.
    pub size: u64,
}

impl Stamp {
    /// The stamp of a file on the disk; `None` when there is none to be seen.
    pub fn of(path: &Path) -> Option<Self> {
        let meta = fs::metadata(path).ok()?;
        Some(Self {
            modified: meta.modified().ok()?,
            size: meta.len(),
        })
    }
}

/// What a look at the files found changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// `config.toml`.
    pub config: bool,
    /// `hosts.toml`.
    pub hosts: bool,
    /// A file of the theme in use.
    pub theme: bool,
}

impl Changes {
    /// Whether anything changed.
    pub fn any(self) -> bool {
        self.config || self.hosts || self.theme
    }
}

/// The files in use, and what they looked like when last seen.
#[derive(Clone, Debug)]
pub struct Watched {
    files: Vec<(Kind, PathBuf, Option<Stamp>)>,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Config,
    Hosts,
    Theme,
}

impl Watched {
    /// Watches these files, which need not exist. A theme is made of several files if it inherits. `stamp` tells
    /// how a file looks now.
    pub fn new(
        config: PathBuf,
        hosts: PathBuf,
        theme: impl IntoIterator<Item = PathBuf>,
        stamp: impl Fn(&Path) -> Option<Stamp>,
    ) -> Self {
        let theme = theme.into_iter().map(|path| (Kind::Theme, path));
        let files = [(Kind::Config, config), (Kind::Hosts, hosts)].into_iter().chain(theme);
        Self {
            files: files
                .map(|(kind, path)| {
                    let seen = stamp(&path);
                    (kind, path, seen)
                })
                .collect(),
        }
    }

    /// Compares the files with how they looked last, and remembers how they look now.
    pub fn look(&mut self, stamp: impl Fn(&Path) -> Option<Stamp>) -> Changes {
        let mut changes = Changes::default();
        for (kind, path, seen) in &mut self.files {
            let now = stamp(path);
            if now == *seen {
                continue;
            }
            *seen = now;
            match kind {
                Kind::Config => changes.config = true,
                Kind::Hosts => changes.hosts = true,
                Kind::Theme => changes.theme = true,
            }
        }
        changes
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn stamp(seconds: u64, size: u64) -> Option<Stamp> {
        Some(Stamp {
            modified: SystemTime::UNIX_EPOCH + Duration::from_secs(seconds),
            size,
        })
    }

    #[test]
    fn tells_what_changed_once() {
        let theme = ["mine.toml", "base.toml"].map(PathBuf::from);
        let mut watched = Watched::new("config.toml".into(), "hosts.toml".into(), theme, |_| stamp(1, 1));
        assert!(!watched.look(|_| stamp(1, 1)).any());

        let base_written = |path: &Path| {
            if path == Path::new("base.toml") {
                stamp(2, 1)
            } else {
                stamp(1, 1)
            }
        };
        let expected = Changes {
            theme: true,
            ..Changes::default()
        };
        assert_eq!(watched.look(base_written), expected);
        assert!(!watched.look(base_written).any());
    }

    #[test]
    fn coming_going_and_growing_are_changes() {
        let mut watched = Watched::new("config.toml".into(), "hosts.toml".into(), [], |_| None);
        let hosts_there = |path: &Path| (path == Path::new("hosts.toml")).then(|| stamp(1, 1)).flatten();
        assert!(watched.look(hosts_there).hosts);
        let hosts_grown = |path: &Path| (path == Path::new("hosts.toml")).then(|| stamp(1, 2)).flatten();
        assert!(watched.look(hosts_grown).hosts);
        assert!(watched.look(|_| None).hosts);
        assert!(!watched.look(|_| None).any());
    }

    #[test]
    fn stamps_come_from_the_disk() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.toml");
        assert_eq!(Stamp::of(&path), None);
        fs::write(&path, "abc").unwrap();
        assert_eq!(Stamp::of(&path).unwrap().size, 3);
    }
}
