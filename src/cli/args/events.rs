//! Words about what AWS says of a cluster's machines.

use clap::Args;
use smol_str::SmolStr;

/// The events of a highly available cluster.
#[derive(Debug, Args)]
pub struct Events {
    /// The cluster
    #[arg(value_name = "CLUSTER")]
    pub cluster: SmolStr,
    /// Put an event of k3fleet's own into the reaper's queue, and wait until it is worked on, a minute at most
    #[arg(long)]
    pub test: bool,
}

/// Whether the stack of a highly available cluster has drifted.
#[derive(Debug, Args)]
pub struct Drift {
    /// The cluster
    #[arg(value_name = "CLUSTER")]
    pub cluster: SmolStr,
    /// Print what CloudFormation found when it last looked, and have it look no more
    #[arg(long)]
    pub last: bool,
}
