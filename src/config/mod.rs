//! What the operator wrote down: `config.toml`, `hosts.toml` and theme files, read with care.
//!
//! A file is parsed into a tree that remembers where each value stands; small readers walk it and note every fault
//! they meet, so that one run of the program shows all that is wrong with a file. Settings come in layers:
//! [`Config::default`], then the file over it, then the command line over both ([`Config::with`]).
//!
//! What belongs to the screen (names of actions, how keys are written) comes in as a [`Vocabulary`].

mod adopt;
mod edit;
mod fault;
mod hosts;
pub mod import;
mod init;
mod keys;
mod load;
mod paths;
mod poll;
mod reader;
mod settings;
mod suggest;
mod theme;
mod watch;
mod ways;

pub use edit::{add_host, remove_host, replace_host, set_way, write_text};
pub use fault::{ConfigError, Fault, Position};
pub use hosts::{Group, is_label, is_ssh_word, is_taint, read_groups, read_hosts};
pub use init::{EXAMPLE_CONFIG, InitError, init};
pub use load::{load_config, load_hosts, load_hosts_text, read_text};
pub use paths::{NoHome, Paths};
pub use poll::Poll;
pub use settings::{Config, Options, is_name, read_config};
pub use suggest::{suggest, unknown_name};
pub use theme::{ColourName, StyleEntry, ThemeFile, read_theme};
pub use watch::{Changes, Stamp, Watched};

/// What the screen gives meaning to; the config's `[keys]` are checked against it.
#[derive(Clone, Copy, Debug)]
pub struct Vocabulary<'a> {
    /// Every action that a key can be bound to.
    pub actions: &'a [&'a str],
    /// Whether a text names a key; if not, the words that say so.
    pub check_key: fn(&str) -> Result<(), String>,
}
