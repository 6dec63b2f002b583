//! Words about machines and pools.

use clap::builder::PossibleValue;
use clap::{Args, ValueEnum};
use smol_str::SmolStr;

use super::{Confirm, Draining, Ssh};
use crate::ops::VictimOrder;

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

/// Hosts that leave their cluster.
#[derive(Debug, Args)]
pub struct Leave {
    /// The hosts: by name, or by the name of their node
    #[arg(required = true, value_name = "HOST")]
    pub hosts: Vec<String>,
    /// They are gone for good: delete their nodes, and leave the hosts alone
    #[arg(long)]
    pub forget: bool,
    /// How they are drained.
    #[command(flatten)]
    pub draining: Draining,
    /// How they are logged in to.
    #[command(flatten)]
    pub ssh: Ssh,
    /// How it is confirmed.
    #[command(flatten)]
    pub confirm: Confirm,
}

/// Machines to restart.
#[derive(Debug, Args)]
pub struct Reboot {
    /// The machines, and how they are drained before.
    #[command(flatten)]
    pub of: Drained,
    /// How edge hosts are logged in to.
    #[command(flatten)]
    pub ssh: Ssh,
}

/// A command to run on edge hosts.
#[derive(Debug, Args)]
pub struct Run {
    /// A host's name, or a filter as of get edge: 'cluster:lab arch=arm64'
    #[arg(required_unless_present = "group", value_name = "SELECTOR")]
    pub selector: Option<String>,
    /// Only hosts of this group
    #[arg(long, value_name = "NAME")]
    pub group: Option<SmolStr>,
    /// Go on without asking
    #[arg(long, short)]
    pub yes: bool,
    /// Print the hosts and do nothing
    #[arg(long, conflicts_with = "yes")]
    pub dry_run: bool,
    /// Take in the keys of hosts that are not known yet, without asking; one that has changed is refused all the same
    #[arg(long, help_heading = "SSH")]
    pub accept_new_host_keys: bool,
    /// The command and its arguments, after '--'; no shell reads them
    #[arg(last = true, required = true, value_name = "CMD")]
    pub command: Vec<String>,
}

/// A machine whose log is shown.
#[derive(Debug, Args)]
pub struct Logs {
    /// The machine: by instance id, node name, name or host
    #[arg(value_name = "MACHINE")]
    pub machine: String,
    /// Go on, and print what comes
    #[arg(long, short)]
    pub follow: bool,
    /// How many lines of what was before
    #[arg(long, short = 'n', value_name = "N", default_value_t = 100)]
    pub lines: u32,
}

/// A machine to log in to.
#[derive(Debug, Args)]
pub struct Shell {
    /// The machine: by instance id, node name, name or host
    #[arg(value_name = "MACHINE")]
    pub machine: String,
}
