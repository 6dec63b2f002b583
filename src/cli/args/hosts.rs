//! Words about `hosts.toml`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use smol_str::SmolStr;

use crate::config::{import::Origin, is_label, is_name, is_ssh_word, is_taint};

/// About the edge hosts that are written down.
#[derive(Debug, Subcommand)]
pub enum HostsCommand {
    /// Add hosts to hosts.toml from what others have written down; what is there stays as it is
    Import(Import),
    /// Add one host; a group that is not there is made
    Add(Added),
    /// Change what is said of a host; what is not named stays as it is
    Edit(Edited),
    /// Take a host out; its machine and its node are left alone
    Remove {
        /// Its name
        #[arg(value_name = "NAME")]
        name: SmolStr,
        /// Print the file as it would be and do nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Print the hosts of hosts.toml
    List,
}

/// A host to add.
#[derive(Debug, Args)]
pub struct Added {
    /// Its name, which may be a Host of ~/.ssh/config
    #[arg(value_name = "NAME", value_parser = word)]
    pub name: SmolStr,
    /// What is said of it.
    #[command(flatten)]
    pub said: Said,
    /// The cluster of a group that is new
    #[arg(long, value_name = "NAME", value_parser = cluster)]
    pub cluster: Option<SmolStr>,
}

/// A host to change.
#[derive(Debug, Args)]
pub struct Edited {
    /// Its name
    #[arg(value_name = "NAME")]
    pub name: SmolStr,
    /// Another name for it
    #[arg(long, value_name = "NAME", value_parser = word)]
    pub rename: Option<SmolStr>,
    /// What is said of it.
    #[command(flatten)]
    pub said: Said,
}

/// What is said of a host.
#[derive(Clone, Debug, Default, Args)]
pub struct Said {
    /// Its group; the only one there is where none is named
    #[arg(long, value_name = "NAME", value_parser = word)]
    pub group: Option<SmolStr>,
    /// Where it is reached, when that is not its name; '' for its name
    #[arg(long, value_name = "ADDRESS", value_parser = word_or_none)]
    pub address: Option<SmolStr>,
    /// Whom to log in as; '' for what its group or ~/.ssh/config says
    #[arg(long, value_name = "NAME", value_parser = word_or_none)]
    pub user: Option<SmolStr>,
    /// The SSH port; 0 for what its group or ~/.ssh/config says
    #[arg(long, value_name = "PORT")]
    pub port: Option<u16>,
    /// A label that its node shall carry; KEY- takes one away; repeat for several
    #[arg(long, value_name = "KEY=VALUE", value_parser = label)]
    pub label: Vec<(SmolStr, Option<SmolStr>)>,
    /// A taint that its node shall carry; a '-' at the end takes it away; repeat for several
    #[arg(long, value_name = "KEY=VALUE:EFFECT", value_parser = taint)]
    pub taint: Vec<(SmolStr, bool)>,
    /// Print the file as it would be and do nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// Hosts to import.
#[derive(Debug, Args)]
pub struct Import {
    /// An OpenSSH configuration, an Ansible inventory or a list of hosts; '-' reads standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// What the file is, when its content does not show it
    #[arg(long, value_enum, value_name = "KIND")]
    pub from: Option<OriginWord>,
    /// Put all hosts into this group; without, the groups of an inventory are kept, and others go into 'imported'
    #[arg(long, value_name = "NAME", value_parser = word)]
    pub group: Option<SmolStr>,
    /// The cluster that new groups belong to
    #[arg(long, value_name = "NAME", value_parser = cluster)]
    pub cluster: Option<SmolStr>,
    /// Whom to log in as where the file does not say
    #[arg(long, value_name = "NAME", value_parser = word)]
    pub user: Option<SmolStr>,
    /// Print what would be added and do nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// A kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OriginWord {
    /// An OpenSSH configuration
    SshConfig,
    /// An Ansible inventory in INI or YAML form, or what ansible-inventory --list prints
    Ansible,
    /// One host a line, as user@host:port
    List,
}

impl From<OriginWord> for Origin {
    fn from(word: OriginWord) -> Self {
        match word {
            OriginWord::SshConfig => Self::SshConfig,
            OriginWord::Ansible => Self::Ansible,
            OriginWord::List => Self::List,
        }
    }
}

fn word(text: &str) -> Result<SmolStr, String> {
    let good = is_ssh_word(text).then(|| text.into());
    good.ok_or_else(|| "expected one word that does not begin with -".to_owned())
}

fn cluster(text: &str) -> Result<SmolStr, String> {
    let good = is_name(text).then(|| text.into());
    good.ok_or_else(|| "expected the name of a cluster".to_owned())
}

fn word_or_none(text: &str) -> Result<SmolStr, String> {
    if text.is_empty() {
        Ok(SmolStr::default())
    } else {
        word(text)
    }
}

fn label(text: &str) -> Result<(SmolStr, Option<SmolStr>), String> {
    let label = match text.split_once('=') {
        Some((key, value)) => Some((key, Some(value))),
        None => text.strip_suffix('-').map(|key| (key, None)),
    };
    let good = label.filter(|(key, value)| is_label(key, value.unwrap_or_default()));
    let good = good.map(|(key, value)| (key.into(), value.map(SmolStr::new)));
    good.ok_or_else(|| "expected a label of Kubernetes, such as site=shop, or site- to take it away".to_owned())
}

fn taint(text: &str) -> Result<(SmolStr, bool), String> {
    let (taint, add) = text.strip_suffix('-').map_or((text, true), |taint| (taint, false));
    let good = is_taint(taint).then(|| (taint.into(), add));
    good.ok_or_else(|| "expected a taint, such as edge=true:NoSchedule; a '-' at its end takes it away".to_owned())
}
