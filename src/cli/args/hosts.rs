//! Words about `hosts.toml`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use smol_str::SmolStr;

use crate::config::{import::Origin, is_name, is_ssh_word};

/// About the edge hosts that are written down.
#[derive(Debug, Subcommand)]
pub enum HostsCommand {
    /// Add hosts to hosts.toml from what others have written down; what is there stays as it is
    Import(Import),
    /// Print the hosts of hosts.toml
    List,
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
