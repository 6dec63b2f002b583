//! `k3fleet config init`: a commented `config.toml` to start from.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The text that is written: every setting with its default, and examples, all commented out.
pub const EXAMPLE_CONFIG: &str = include_str!("../../assets/config.toml");

/// Why no file was written.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// There is one already: it is left alone.
    #[error("{} is there already and is left as it is; move it away to get a fresh one", .0.display())]
    Exists(PathBuf),
    /// The file could not be made.
    #[error("writing {}: {source}; check that the directory can be written to, or name another in K3FLEET_CONFIG_DIR", .path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Writes `config.toml` into the directory, which is made if need be. Gives the file's path. Never writes over a
/// file, and follows no link in its place.
pub fn init(dir: &Path) -> Result<PathBuf, InitError> {
    let path = dir.join("config.toml");
    let write = || {
        fs::create_dir_all(dir)?;
        let mut file = OpenOptions::new().write(true).create_new(true).open(&path)?;
        file.write_all(EXAMPLE_CONFIG.as_bytes())?;
        file.sync_all()
    };
    match write() {
        Ok(()) => Ok(path),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(InitError::Exists(path)),
        Err(source) => Err(InitError::Write { path, source }),
    }
}

#[cfg(test)]
mod tests {
    use smol_str::SmolStr;

    use super::*;
    use crate::config::{Config, Vocabulary, load_config, read_config};
    use crate::fleet::{Role, Shape, membership};

    const VOCABULARY: Vocabulary<'static> = Vocabulary {
        actions: &["drain", "remove", "wide"],
        check_key: |_| Ok(()),
    };

    /// The example without the `#` of its settings; prose has a space after it.
    fn uncommented(text: &str) -> String {
        let setting = |line: &str| match line.strip_prefix('#') {
            Some(rest) if !rest.is_empty() && !rest.starts_with(' ') => rest.to_owned(),
            _ => line.to_owned(),
        };
        text.lines().map(setting).collect::<Vec<_>>().join("\n")
    }

    fn read(text: &str) -> Config {
        read_config(Path::new("assets/config.toml"), text, &VOCABULARY).unwrap()
    }

    #[test]
    fn the_example_as_written_changes_nothing() {
        assert_eq!(read(EXAMPLE_CONFIG), Config::default());
    }

    #[test]
    fn the_settings_of_the_example_are_the_defaults() {
        let (settings, _) = EXAMPLE_CONFIG.split_once("# == Examples").unwrap();
        let text = uncommented(settings);
        assert_eq!(read(&text), Config::default());
        for key in [
            "profiles",
            "regions",
            "contexts",
            "all-contexts",
            "read-only",
            "theme",
            "ascii",
            "mouse",
            "aws",
            "spot-prices",
            "kube",
            "edge",
        ] {
            assert!(
                text.lines().any(|line| line.starts_with(&format!("{key} = "))),
                "{key} is not in the example"
            );
        }
    }

    #[test]
    fn the_examples_work() {
        let config = read(&uncommented(EXAMPLE_CONFIG));
        assert_eq!(config.price_caps.of("t3.medium"), Some(0.03));
        assert!(!config.columns.is_empty() && !config.keys.is_empty());
        let tags = |kind: &str| {
            [
                ("Name", "worker-prod"),
                ("role", kind),
                ("kubernetes.io/cluster/prod", "owned"),
            ]
            .map(|(key, value)| (SmolStr::new(key), SmolStr::new(value)))
            .into_iter()
            .collect()
        };
        for (kind, role) in [("k3s-server", Role::Server), ("k3s-agent", Role::Agent)] {
            let found = membership(&tags(kind), &config.adopt).unwrap();
            assert_eq!(
                (found.cluster.as_str(), found.role, found.shape),
                ("prod", Some(role), Some(Shape::Adopted))
            );
        }
    }

    #[test]
    fn writes_once_and_never_over() {
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("a/b");
        let path = init(&deep).unwrap();
        assert_eq!(load_config(&path, true, &VOCABULARY).unwrap(), Config::default());
        fs::write(&path, "theme = \"light\"\n").unwrap();
        let error = init(&deep).unwrap_err();
        assert!(matches!(error, InitError::Exists(_)) && error.to_string().contains("config.toml"));
        assert_eq!(fs::read_to_string(&path).unwrap(), "theme = \"light\"\n");
    }

    #[test]
    fn says_why_it_could_not() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        let error = init(&file.join("sub")).unwrap_err();
        assert!(matches!(error, InitError::Write { .. }), "{error}");
    }
}
