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
