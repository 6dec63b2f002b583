//! Words about tokens, releases and certificates of clusters.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use jiff::SignedDuration;
use smol_str::SmolStr;

use super::{Confirm, Draining, Ssh, span};
use crate::fleet::Role;

/// The snapshots of a cluster.
#[derive(Debug, Args)]
pub struct SnapshotsOf {
    /// The cluster
    #[arg(value_name = "CLUSTER")]
    pub cluster: SmolStr,
}

/// About the tokens by which machines join a cluster.
#[derive(Debug, Subcommand)]
pub enum TokensCommand {
    /// Print which tokens there are, how old they are, and which machines use which; never the tokens themselves
    List(TokensOf),
    /// Make a bootstrap token, by which agents join, and print it once
    Create(NewToken),
    /// Delete a bootstrap token; machines that have joined with it stay
    Delete(OldToken),
    /// Print the server or the agent token itself
    Show(ShownToken),
}

/// A cluster whose tokens are listed.
#[derive(Debug, Args)]
pub struct TokensOf {
    /// The cluster
    #[arg(value_name = "CLUSTER")]
    pub cluster: SmolStr,
    /// How edge hosts are logged in to.
    #[command(flatten)]
    pub ssh: Ssh,
}

/// A bootstrap token to make.
#[derive(Debug, Args)]
pub struct NewToken {
    /// The cluster
    #[arg(value_name = "CLUSTER")]
    pub cluster: SmolStr,
    /// How long it is good for
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = span)]
    pub ttl: SignedDuration,
    /// What it is for
    #[arg(long, value_name = "TEXT", default_value = "made with k3fleet")]
    pub description: String,
}

/// A bootstrap token to delete.
#[derive(Debug, Args)]
pub struct OldToken {
    /// The cluster
    #[arg(value_name = "CLUSTER")]
    pub cluster: SmolStr,
    /// Its id, as tokens list prints it
    #[arg(value_name = "ID")]
    pub id: SmolStr,
}

/// A token to show.
#[derive(Debug, Args)]
pub struct ShownToken {
    /// The cluster
    #[arg(value_name = "CLUSTER")]
    pub cluster: SmolStr,
    /// Which one
    #[arg(value_enum, value_name = "TOKEN")]
    pub which: TokenWord,
    /// Print it though standard output is no terminal
    #[arg(long, short)]
    pub yes: bool,
}

/// A token of a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TokenWord {
    /// The one that joins servers
    Server,
    /// The one that joins agents
    Agent,
}

impl From<TokenWord> for Role {
    fn from(word: TokenWord) -> Self {
        match word {
            TokenWord::Server => Self::Server,
            TokenWord::Agent => Self::Agent,
        }
    }
}

/// A token to change.
#[derive(Debug, Args)]
pub struct Rotate {
    /// The cluster
    #[arg(value_name = "CLUSTER")]
    pub cluster: SmolStr,
    /// The token that joins agents
    #[arg(long, conflicts_with = "server", required_unless_present = "server")]
    pub agent: bool,
    /// The token that joins servers
    #[arg(long)]
    pub server: bool,
    /// What is done about machines.
    #[command(flatten)]
    pub waves: Waves,
    /// How edge hosts are logged in to.
    #[command(flatten)]
    pub ssh: Ssh,
    /// How it is confirmed.
    #[command(flatten)]
    pub confirm: Confirm,
}

/// How the machines of a cluster are gone through.
#[derive(Clone, Copy, Debug, Args)]
pub struct Waves {
    /// How many agents at once
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=50))]
    pub wave: u16,
    /// Leave machines that cannot be reached as they are, to be finished by the same command later
    #[arg(long)]
    pub leave_unreached: bool,
}

/// A cluster to bring to another release.
#[derive(Debug, Args)]
pub struct Upgrade {
    /// The cluster
    #[arg(value_name = "CLUSTER")]
    pub cluster: SmolStr,
    /// A release of K3s such as v1.36.4+k3s1, or a channel such as stable, latest or v1.36
    #[arg(long, value_name = "VERSION")]
    pub to: SmolStr,
    /// Drain each node before its K3s restarts; its pods run on otherwise
    #[arg(long)]
    pub drain: bool,
    /// A directory with the files of the release, which are brought to edge hosts; or the https:// URL of a mirror, from
    /// which these fetch them
    #[arg(long, value_name = "DIR|URL")]
    pub files: Option<PathBuf>,
    /// What is done about machines.
    #[command(flatten)]
    pub waves: Waves,
    /// How nodes are drained.
    #[command(flatten)]
    pub draining: Draining,
    /// How edge hosts are logged in to.
    #[command(flatten)]
    pub ssh: Ssh,
    /// How it is confirmed.
    #[command(flatten)]
    pub confirm: Confirm,
}

/// A cluster whose state is saved.
#[derive(Debug, Args)]
pub struct Backup {
    /// The cluster
    #[arg(value_name = "CLUSTER")]
    pub cluster: SmolStr,
    /// How edge hosts are logged in to.
    #[command(flatten)]
    pub ssh: Ssh,
    /// How it is confirmed.
    #[command(flatten)]
    pub confirm: Confirm,
}

/// A cluster to bring back to a snapshot.
#[derive(Debug, Args)]
pub struct RestoreArgs {
    /// The cluster
    #[arg(value_name = "CLUSTER")]
    pub cluster: SmolStr,
    /// The snapshot, as k3fleet snapshots prints it
    #[arg(value_name = "SNAPSHOT")]
    pub snapshot: SmolStr,
    /// Take the one in S3, though a server has it too; needed where the API does not answer
    #[arg(long)]
    pub from_s3: bool,
    /// The server that is restored; unless told the one that has the snapshot, or the oldest one
    #[arg(long, value_name = "MACHINE")]
    pub on: Option<String>,
    /// How edge hosts are logged in to.
    #[command(flatten)]
    pub ssh: Ssh,
    /// How it is confirmed.
    #[command(flatten)]
    pub confirm: Confirm,
}

/// Machines whose certificates are renewed.
#[derive(Debug, Args)]
pub struct Certificates {
    /// The machines: by instance id, node name, name or host; or clusters, whose machines are meant
    #[arg(required = true, value_name = "MACHINE|CLUSTER")]
    pub machines: Vec<String>,
    /// How edge hosts are logged in to.
    #[command(flatten)]
    pub ssh: Ssh,
    /// How it is confirmed.
    #[command(flatten)]
    pub confirm: Confirm,
}
