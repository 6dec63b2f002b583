//! The command line's words.

mod cluster;
mod edge;
mod events;
mod export;
mod global;
mod ha;
mod hosts;
mod machines;
mod tokens;
mod told;
mod tunnel;

use std::ffi::OsString;

use clap::{Args, Parser, Subcommand};

pub use cluster::{Ci, Destroy, Extend, Kept, Launch, Parts, Rollback, ShapeWord};
pub use edge::{Join, Joiners, Preflight, ReachArgs, Ssh};
pub use events::{Drift, Events};
pub use export::{ExportCommand, Exported, PipelineArgs, StackPart, Whose};
pub use global::{Format, Global};
pub use ha::{HaParts, Update};
pub use hosts::{Added, Edited, HostsCommand, Import, OriginWord, Said};
pub use machines::{Chosen, Drained, Leave, Logs, Reboot, Run, Scale, Shell};
pub use tokens::{
    Backup, Certificates, NewToken, OldToken, RestoreArgs, Rotate, ShownToken, SnapshotsOf, TokenWord, TokensCommand,
    TokensOf, Upgrade, Waves,
};
pub use told::{ConfigCommand, Get, Kubeconfig, OpsCommand, Table};
pub use tunnel::{TunnelArgs, ViaWord};

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
    /// Check whether edge hosts can join a cluster, and change nothing
    Preflight(Preflight),
    /// Let edge hosts join a cluster
    Join(Join),
    /// Choose how edge hosts reach a cluster's API, or print how they do and why
    Reach(ReachArgs),
    /// Drain edge hosts, take K3s off them and delete their nodes
    Leave(Leave),
    /// Restart machines one after the other, each drained before
    Reboot(Reboot),
    /// Run a command on edge hosts, as the user who logs in, at most 50 at once
    ///
    /// Hosts with the same result are printed together. Exit codes: 0 it succeeded on all hosts, 1 on some it did not.
    Run(Run),
    /// Print the log of K3s on a machine
    Logs(Logs),
    /// Log in to a machine
    Shell(Shell),
    /// See, make and delete the tokens by which machines join a cluster
    #[command(subcommand)]
    Tokens(TokensCommand),
    /// Change a cluster's server token or agent token; the same again finishes with machines that were left
    Rotate(Rotate),
    /// Bring a cluster to another release of K3s, its servers first
    Upgrade(Upgrade),
    /// Change a highly available cluster: its pools of workers, its number of servers, or all of its spec
    ///
    /// CloudFormation works out first what would change, and the plan shows it.
    Update(Update),
    /// Print what a highly available cluster is, as JSON
    Spec {
        /// The cluster
        #[arg(value_name = "CLUSTER")]
        cluster: smol_str::SmolStr,
    },
    /// Save a cluster's state on one of its servers: a snapshot of etcd, or a copy of a lone server's database
    ///
    /// The last line says which file it is. Where K3s keeps snapshots in S3 as well, this one goes there too.
    Backup(Backup),
    /// Print the snapshots of a cluster's etcd, on its servers and in S3, as K3s tells of them
    Snapshots(SnapshotsOf),
    /// Bring a cluster's etcd back to a snapshot: all that was changed in the cluster since is lost
    ///
    /// One server is restored, the others put their state aside and join it again, and agents are restarted; the present state is
    /// saved before where the API answers. Asks for the cluster's name. The same is resumed where it was cut off (k3fleet ops).
    Restore(RestoreArgs),
    /// Renew the certificates of K3s on machines; get edge tells when they expire
    Certificates(Certificates),
    /// Print how the queues of a highly available cluster stand, and what AWS has said of its machines within minutes
    ///
    /// With --test also whether its reaper works, which drains machines that are about to go.
    Events(Events),
    /// Have CloudFormation look whether a highly available cluster's stack is still as its template says, and print what is not
    ///
    /// Nothing is changed. Exit codes: 0 nothing has drifted but sizes, which scaling changes, 1 something has, 4 not all could be
    /// looked at.
    Drift(Drift),
    /// Let a cluster that destroys itself live longer
    Extend(Extend),
    /// Delete a cluster and all that carries its tag
    Destroy(Destroy),
    /// Take a highly available cluster's failed stack back to how it was before
    Rollback(Rollback),
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
    /// Bring a cluster's API to a port of this machine through one of its servers, and keep it there until Ctrl-C
    ///
    /// When the server goes another one is taken. The kept kubeconfig gets a context CLUSTER-tunnel, which k3fleet kubeconfig
    /// CLUSTER --merge brings into your own as well.
    Tunnel(TunnelArgs),
    /// List, show, resume or give up operations
    #[command(subcommand)]
    Ops(OpsCommand),
    /// Write out what k3fleet needs of others, and what a highly available cluster is made of
    #[command(subcommand)]
    Export(ExportCommand),
    /// Check credentials, permissions, contexts, the clock and the terminal
    Doctor,
    /// Write or check the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Import, add, change, take out and list the edge hosts of hosts.toml
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
