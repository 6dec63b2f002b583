//! Where files are kept: the system's own places, or those the environment names.

use std::ffi::OsString;
use std::path::PathBuf;

use directories::ProjectDirs;

/// The program's directories. None of them need exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    /// `config.toml`, `hosts.toml` and `themes/`.
    pub config: PathBuf,
    /// The log and the journal.
    pub state: PathBuf,
    /// What can be fetched anew.
    pub cache: PathBuf,
}

/// No directory of the system's is known and the environment does not name all of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no home directory is known: set HOME, or K3FLEET_CONFIG_DIR, K3FLEET_STATE_DIR and K3FLEET_CACHE_DIR")]
pub struct NoHome;

impl Paths {
    /// The directories: those of `K3FLEET_CONFIG_DIR`, `K3FLEET_STATE_DIR` and `K3FLEET_CACHE_DIR` where `var`
    /// knows them and they are not empty, else the system's own.
    pub fn find(var: impl Fn(&str) -> Option<OsString>) -> Result<Self, NoHome> {
        let own = ProjectDirs::from("", "", "k3fleet");
        let pick = |name: &str, standard: fn(&ProjectDirs) -> PathBuf| {
            let named = var(name).filter(|path| !path.is_empty()).map(PathBuf::from);
            named.or_else(|| own.as_ref().map(standard)).ok_or(NoHome)
        };
        Ok(Self {
            config: pick("K3FLEET_CONFIG_DIR", |own| own.config_dir().to_owned())?,
            // Only some systems tell state and data apart.
            state: pick("K3FLEET_STATE_DIR", |own| {
                own.state_dir().unwrap_or(own.data_local_dir()).to_owned()
            })?,
            cache: pick("K3FLEET_CACHE_DIR", |own| own.cache_dir().to_owned())?,
        })
    }

    /// `config.toml`.
    pub fn config_file(&self) -> PathBuf {
        self.config.join("config.toml")
    }

    /// `hosts.toml`.
    pub fn hosts_file(&self) -> PathBuf {
        self.config.join("hosts.toml")
    }

    /// What operators have made of the simulated world.
    pub fn demo_world(&self) -> PathBuf {
        self.state.join("demo-world.json")
    }

    /// The journals of operations, one file each; those of simulated worlds are kept apart.
    pub fn journals(&self, demo: bool) -> PathBuf {
        self.state.join(if demo { "demo-journal" } else { "journal" })
    }

    /// The kubeconfigs of launched clusters, one file each; those of simulated worlds are kept apart.
    pub fn kubeconfigs(&self, demo: bool) -> PathBuf {
        self.cache.join(if demo { "demo-kubeconfigs" } else { "kubeconfigs" })
    }

    /// The operator's own themes.
    pub fn themes_dir(&self) -> PathBuf {
        self.config.join("themes")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_wins() {
        let paths = Paths::find(|name| Some(format!("/over/{name}").into())).unwrap();
        assert_eq!(
            paths.config_file(),
            PathBuf::from("/over/K3FLEET_CONFIG_DIR/config.toml")
        );
        assert_eq!(paths.hosts_file(), PathBuf::from("/over/K3FLEET_CONFIG_DIR/hosts.toml"));
        assert_eq!(paths.themes_dir(), PathBuf::from("/over/K3FLEET_CONFIG_DIR/themes"));
        assert_eq!(paths.state, PathBuf::from("/over/K3FLEET_STATE_DIR"));
        assert_eq!(paths.cache, PathBuf::from("/over/K3FLEET_CACHE_DIR"));
    }

    #[test]
    fn empty_names_no_directory() {
        assert_eq!(Paths::find(|_| Some(OsString::new())), Paths::find(|_| None));
    }
}
