//! Files that are read anew while the screen is up: `config.toml`, `hosts.toml` and the theme's. A file with
//! faults changes nothing; the faults are told, and the last good settings stay in force.

use std::path::PathBuf;

use smol_str::SmolStr;

use super::settings::vocabulary;
use super::surface::Look;
use super::themes;
use crate::config::{Config, ConfigError, Options, Paths, Stamp, Watched, load_config, load_hosts};
use crate::fleet::EdgeHost;
use crate::tui::colour::Depth;
use crate::tui::glyphs::Glyphs;

/// The files in use and what was made of them.
pub struct Reload {
    config_file: PathBuf,
    paths: Paths,
    options: Options,
    depth: Depth,
    theme: SmolStr,
    look: Look,
    watched: Watched,
}

/// What changed.
#[derive(Default)]
pub(super) struct News {
    /// The settings, the command line's over them.
    pub(super) config: Option<Config>,
    /// The edge hosts.
    pub(super) hosts: Option<Vec<EdgeHost>>,
}

impl Reload {
    /// Loads the theme that the settings name. The error has every fault of the theme's files.
    pub(super) fn new(config: &Config, config_file: PathBuf, paths: Paths, options: Options) -> Result<Self, String> {
        let depth = Depth::detect(|name| std::env::var(name).ok());
        let loaded = themes::load(&config.theme, &paths.themes_dir(), depth).map_err(faults)?;
        let watched = Watched::new(config_file.clone(), paths.hosts_file(), loaded.files, Stamp::of);
        let look = Look {
            theme: loaded.theme,
            glyphs: Glyphs::of(config.ascii),
        };
        Ok(Self {
            config_file,
            paths,
            options,
            depth,
            theme: config.theme.clone(),
            look,
            watched,
        })
    }

    /// The file with the settings.
    pub(super) fn config_file(&self) -> PathBuf {
        self.config_file.clone()
    }

    /// The file that names the edge hosts.
    pub(super) fn hosts_file(&self) -> PathBuf {
        self.paths.hosts_file()
    }

    /// What the view draws with now.
    pub(super) fn look(&self) -> Look {
        self.look.clone()
    }

    /// All themes, and the one in use.
    pub(super) fn themes(&self) -> (Vec<String>, String) {
        let names = themes::names(&self.paths.themes_dir())
            .iter()
            .map(ToString::to_string)
            .collect();
        (names, self.theme.to_string())
    }

    /// Puts a theme in force. One with faults is not.
    pub(super) fn use_theme(&mut self, name: &str) -> Result<(), String> {
        self.load(name).map_err(faults)
    }

    /// Loads a theme, and watches the files that it is made of.
    fn load(&mut self, name: &str) -> Result<(), ConfigError> {
        let loaded = themes::load(name, &self.paths.themes_dir(), self.depth)?;
        self.theme = name.into();
        self.look.theme = loaded.theme;
        let hosts = self.paths.hosts_file();
        self.watched = Watched::new(self.config_file.clone(), hosts, loaded.files, Stamp::of);
        Ok(())
    }

    /// Reads what has changed since the last look; `None` when nothing has. The error has every fault.
    pub(super) fn look_at_files(&mut self) -> Option<Result<News, String>> {
        let changes = self.watched.look(Stamp::of);
        changes
            .any()
            .then(|| self.read(changes.config, changes.hosts, changes.theme).map_err(faults))
    }

    fn read(&mut self, config: bool, hosts: bool, theme: bool) -> Result<News, ConfigError> {
        let mut news = News::default();
        let mut name = self.theme.clone();
        if config {
            let read = vocabulary(|words| load_config(&self.config_file, false, words))?.with(self.options.clone());
            name = read.theme.clone();
            self.look.glyphs = Glyphs::of(read.ascii);
            news.config = Some(read);
        }
        if hosts {
            news.hosts = Some(load_hosts(&self.paths.hosts_file())?);
        }
        if theme || name != self.theme {
            self.load(&name)?;
        }
        Ok(news)
    }
}

/// All faults on one line.
pub(super) fn faults(error: ConfigError) -> String {
    let faults: Vec<_> = error.faults.iter().map(ToString::to_string).collect();
    faults.join(" · ")
}
