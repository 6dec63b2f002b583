//! Words of commands that tell or keep something, and change no machine.

use clap::{Args, Subcommand, ValueEnum};

use super::Ssh;

/// What to print.
#[derive(Debug, Args)]
pub struct Get {
    /// The table
    #[arg(value_enum)]
    pub table: Table,
    /// Only rows that match, such as 'state:ready !spot age<2h'
    #[arg(long, short, value_name = "EXPR")]
    pub filter: Option<String>,
    /// Sort by this column; a leading '-' turns the order round
    #[arg(long, value_name = "COLUMN", allow_hyphen_values = true)]
    pub sort: Option<String>,
    /// These columns, comma-separated, instead of the usual ones; 'all' for all
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub columns: Vec<String>,
    /// Go on, and print what changes
    #[arg(long, short)]
    pub watch: bool,
}

/// The tables that can be printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Table {
    /// Clusters
    Clusters,
    /// Pools
    Pools,
    /// Machines
    Machines,
    /// Prices
    Prices,
    /// Edge hosts
    Edge,
    /// Findings
    Findings,
    /// Operations, as `ops list` prints them
    Operations,
}

/// A cluster's kubeconfig.
#[derive(Debug, Args)]
pub struct Kubeconfig {
    /// The cluster
    #[arg(value_name = "CLUSTER")]
    pub cluster: String,
    /// Merge it into your kubeconfig (the first file of KUBECONFIG, else ~/.kube/config), which is backed up first
    #[arg(long, conflicts_with = "print")]
    pub merge: bool,
    /// Print it instead of the name of its file
    #[arg(long)]
    pub print: bool,
    /// Merge it under this name instead of the cluster's
    #[arg(long = "as", value_name = "NAME", requires = "merge")]
    pub name: Option<String>,
    /// Fetch it anew, though one is kept: for a cluster that was launched anew, or has moved
    #[arg(long)]
    pub fetch: bool,
}

/// About operations.
#[derive(Debug, Subcommand)]
pub enum OpsCommand {
    /// All operations, the newest first
    List,
    /// One operation with its steps
    Show {
        /// Its id, as ops list prints it
        id: String,
    },
    /// Go on with an operation that was cut off, stopped or failed
    Resume {
        /// Its id, as ops list prints it
        id: String,
        /// Take the cluster's lock over from another operator, whose operation is known to be dead
        #[arg(long)]
        take_over: bool,
        /// How hosts are logged in to.
        #[command(flatten)]
        ssh: Ssh,
    },
    /// Give an operation up: what it has done stays, and it is not offered any longer
    Abort {
        /// Its id, as ops list prints it
        id: String,
    },
}

/// About the configuration.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Write a commented config.toml; an existing one is kept
    Init,
    /// Print where the files are kept
    Path,
    /// Read the files and tell every fault
    Check,
}
