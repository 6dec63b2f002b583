//! The command line's words.

mod cluster;
mod hosts;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::PossibleValue;
use clap::{Args, Parser, Subcommand, ValueEnum};
use smol_str::SmolStr;

pub use cluster::{Ci, Destroy, Extend, Launch, Parts, ShapeWord};
pub use hosts::{HostsCommand, Import, OriginWord};

use crate::config::Options;
use crate::ops::VictimOrder;

/// See and run fleets of K3s clusters on AWS and at the edge.
///
/// Without a command the screen opens. Every command reads the same fleet: AWS through the ordinary credential
/// chain, Kubernetes through the kubeconfig, edge hosts through hosts.toml.
#[derive(Debug, Parser)]
#[command(
    name = "k3fleet",
    version,
    propagate_version = true,
    after_help = "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 refused by a guard, 4 partly done; of ci those of its command"
)]
pub struct Cli {
    /// What holds for every command.
    #[command(flatten)]
    pub global: Global,
    /// The command; the screen when there is none.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Options of every command.
#[derive(Clone, Debug, Args)]
pub struct Global {
    /// AWS profile to look through; repeat for several
    #[arg(
        long,
        global = true,
        value_name = "NAME",
        value_delimiter = ',',
        help_heading = "Fleet"
    )]
    pub profile: Vec<SmolStr>,
    /// AWS region to look at; repeat for several
    #[arg(
        long,
        global = true,
        value_name = "REGION",
        value_delimiter = ',',
        help_heading = "Fleet"
    )]
    pub region: Vec<SmolStr>,
    /// Kube context to look through; repeat for several
    #[arg(long, global = true, value_name = "NAME", help_heading = "Fleet")]
    pub context: Vec<SmolStr>,
    /// Look through every context of the kubeconfig
    #[arg(long, global = true, conflicts_with = "context", help_heading = "Fleet")]
    pub all_contexts: bool,
    /// Read this file instead of config.toml in the configuration directory
    #[arg(long, global = true, value_name = "FILE", help_heading = "Fleet")]
    pub config: Option<PathBuf>,
    /// Change nothing, whatever is asked
    #[arg(long, global = true, help_heading = "Fleet")]
    pub read_only: bool,
    /// Look at a simulated world instead of AWS, Kubernetes and edge hosts
    #[arg(long, global = true, help_heading = "Demo")]
    pub demo: bool,
    /// Simulate a fleet of about this many machines
    #[arg(long, global = true, value_name = "N", requires = "demo", value_parser = clap::value_parser!(u32).range(1..=100_000), help_heading = "Demo")]
    pub demo_size: Option<u32>,
    /// Simulate the world that grows from this seed
    #[arg(
        long,
        global = true,
        value_name = "S",
        requires = "demo",
        default_value_t = 1,
        help_heading = "Demo"
    )]
    pub demo_seed: u64,
    /// Let simulated time run this much faster
    #[arg(long, global = true, value_name = "X", requires = "demo", value_parser = speed, help_heading = "Demo")]
    pub demo_speed: Option<f64>,
    /// Simulate the world that this scenario file tells
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        requires = "demo",
        conflicts_with = "demo_size",
        help_heading = "Demo"
    )]
    pub demo_scenario: Option<PathBuf>,
    /// Use this theme
    #[arg(long, global = true, value_name = "NAME", help_heading = "Screen")]
    pub theme: Option<SmolStr>,
    /// Draw with ASCII characters only
    #[arg(long, global = true, help_heading = "Screen")]
    pub ascii: bool,
    /// How to write the result
    #[arg(long, short, global = true, value_enum, default_value_t = Format::Table, help_heading = "Output")]
    pub output: Format,
}

impl Global {
    /// What the command line says of the settings.
    pub fn options(&self) -> Options {
        let some = |words: &Vec<SmolStr>| (!words.is_empty()).then(|| words.clone());
        let set = |flag: bool| flag.then_some(true);
        Options {
            profiles: some(&self.profile),
            regions: some(&self.region),
            contexts: some(&self.context),
            all_contexts: set(self.all_contexts),
            read_only: set(self.read_only),
            theme: self.theme.clone(),
            ascii: set(self.ascii),
            mouse: None,
        }
    }
}

fn speed(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(speed) if speed.is_finite() && (0.01..=1_000.0).contains(&speed) => Ok(speed),
        _ => Err("expected a number between 0.01 and 1000".to_owned()),
    }
}

/// A way to write a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Aligned columns, for people
    Table,
    /// JSON, for programs: fields are only ever added
    Json,
    /// Comma-separated values with a heading
    Csv,
}

/// A command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Print clusters, pools, machines, prices, edge hosts, findings or operations
    Get(Get),
    /// Make a cluster
    Launch(Launch),
    /// Bring a pool to a number of machines
    Scale(Scale),
    /// Take no new pods on the machines' nodes
    Cordon(Chosen),
    /// Take pods on the machines' nodes again
    Uncordon(Chosen),
    /// Cordon the machines' nodes and move their pods away
    Drain(Drained),
    /// Drain the machines and put new ones in their place
    Replace(Drained),
    /// Drain and end the machines, and delete their nodes; nothing takes their place
    Remove(Drained),
    /// Let a cluster that destroys itself live longer
    Extend(Extend),
    /// Delete a cluster and all that carries its tag
    Destroy(Destroy),
    /// Sweep up what expired ci clusters have left
    Gc(Confirm),
    /// Run a command with a cluster of its own, which is destroyed whatever comes of it
    ///
    /// The cluster is launched without asking, with the shape ci. CMD is run with KUBECONFIG and K3FLEET_CLUSTER set; its
    /// output is passed through, and its exit code becomes that of k3fleet. Exit codes besides: 1 the cluster did not come
    /// up, 3 a guard refuses it, 4 CMD succeeded but something of the cluster is left, 126 CMD cannot be run, 127 there is
    /// no CMD, 128 and a signal's number when the signal ended CMD or k3fleet.
    Ci(Ci),
    /// Print where a cluster's kubeconfig is kept, print it, or merge it into your own
    Kubeconfig(Kubeconfig),
    /// List, show, resume or give up operations
    #[command(subcommand)]
    Ops(OpsCommand),
    /// Write out what k3fleet needs of others
    #[command(subcommand)]
    Export(ExportCommand),
    /// Check credentials, permissions, contexts, the clock and the terminal
    Doctor,
    /// Write or check the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Import edge hosts into hosts.toml, or list them
    #[command(subcommand)]
    Hosts(HostsCommand),
    /// Print a shell's completion script
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page, in roff
    Man,
    /// A command that is not there
    #[command(external_subcommand)]
    Unknown(Vec<OsString>),
}

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

/// How a change is confirmed.
#[derive(Clone, Debug, Args)]
pub struct Confirm {
    /// Print the plan and do nothing
    #[arg(long, conflicts_with = "yes", help_heading = "Confirming")]
    pub dry_run: bool,
    /// Go on without asking
    #[arg(long, short, help_heading = "Confirming")]
    pub yes: bool,
    /// Take the cluster's lock over from another operator, whose operation is known to be dead
    #[arg(long, help_heading = "Confirming")]
    pub take_over: bool,
}

/// How nodes are drained, in the words of kubectl.
#[derive(Clone, Debug, Args)]
pub struct Draining {
    /// How long draining a node may take
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = span, help_heading = "Draining")]
    pub timeout: jiff::SignedDuration,
    /// After that time delete the pods that are left, whatever their disruption budgets say
    #[arg(long, help_heading = "Draining")]
    pub force: bool,
    /// Evict also pods that no controller makes anew
    #[arg(long, help_heading = "Draining")]
    pub bare_pods: bool,
    /// Evict also pods with emptyDir volumes, and lose what those hold; usual where the machine ends anyway
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", help_heading = "Draining")]
    pub empty_dir_data: Option<bool>,
}

fn span(text: &str) -> Result<jiff::SignedDuration, String> {
    let span = text.parse::<jiff::SignedDuration>().ok();
    span.filter(|s| s.is_positive())
        .ok_or_else(|| "expected a length of time such as 90s, 10m or 1h".to_owned())
}

/// Machines to change.
#[derive(Debug, Args)]
pub struct Chosen {
    /// The machines: by instance id, node name, name or host
    #[arg(required = true, value_name = "MACHINE")]
    pub machines: Vec<String>,
    /// How it is confirmed.
    #[command(flatten)]
    pub confirm: Confirm,
}

/// Machines to drain.
#[derive(Debug, Args)]
pub struct Drained {
    /// What is changed, and how it is confirmed.
    #[command(flatten)]
    pub chosen: Chosen,
    /// How they are drained.
    #[command(flatten)]
    pub draining: Draining,
}

/// A pool to scale.
#[derive(Debug, Args)]
pub struct Scale {
    /// The pool, as CLUSTER/POOL
    #[arg(value_name = "CLUSTER/POOL")]
    pub pool: String,
    /// How many machines it shall have
    #[arg(value_name = "N")]
    pub to: u32,
    /// Widen the pool's bounds where they stand in the way
    #[arg(long)]
    pub raise: bool,
    /// Who goes first when the pool shrinks
    #[arg(long, value_enum, value_delimiter = ',', value_name = "RULES", default_values_t = VictimOrder::USUAL)]
    pub order: Vec<VictimOrder>,
    /// How those who go are drained.
    #[command(flatten)]
    pub draining: Draining,
    /// How it is confirmed.
    #[command(flatten)]
    pub confirm: Confirm,
}

impl ValueEnum for VictimOrder {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let help = match self {
            Self::NotReady => "It is not ready",
            Self::Interrupted => "AWS takes it back anyway",
            Self::Cordoned => "It is cordoned",
            Self::FewestPods => "It has the fewest pods",
            Self::MostExpensive => "It costs most",
            Self::Oldest => "It is the oldest",
            Self::Newest => "It is the newest",
        };
        Some(PossibleValue::new(self.as_str()).help(help))
    }
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

/// What can be written out.
#[derive(Debug, Subcommand)]
pub enum ExportCommand {
    /// The IAM policy that k3fleet needs: exactly the actions it calls
    IamPolicy {
        /// Of somebody who only looks
        #[arg(long, conflicts_with = "operator")]
        viewer: bool,
        /// Of somebody who also changes clusters: what carries their tags, and nothing else (the usual one)
        #[arg(long)]
        operator: bool,
    },
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

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn repeated_options_add_up() {
        let cli = Cli::parse_from([
            "k3fleet",
            "--region",
            "eu-west-1,eu-north-1",
            "--region",
            "us-east-1",
            "doctor",
        ]);
        assert_eq!(cli.global.region, ["eu-west-1", "eu-north-1", "us-east-1"]);
    }

    #[test]
    fn demo_options_want_the_demo() {
        assert!(Cli::try_parse_from(["k3fleet", "--demo-size", "5"]).is_err());
        assert!(Cli::try_parse_from(["k3fleet", "--demo", "--demo-speed", "nan"]).is_err());
        assert!(Cli::try_parse_from(["k3fleet", "--demo", "--demo-size", "5", "get", "machines"]).is_ok());
    }
}
