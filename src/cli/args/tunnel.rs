//! Words about tunnels to the API of a cluster.

use clap::{Args, ValueEnum};
use smol_str::SmolStr;

use crate::fleet::Via;

/// A tunnel to keep.
#[derive(Debug, Args)]
pub struct TunnelArgs {
    /// The cluster
    #[arg(value_name = "CLUSTER")]
    pub cluster: SmolStr,
    /// The port of this machine; unless told one that is always the same for the cluster, which its context -tunnel holds
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub local_port: Option<u16>,
    /// Which way; unless told over SSH where a server has a public address, else by SSM
    #[arg(long, value_enum, value_name = "WAY")]
    pub via: Option<ViaWord>,
    /// Who logs in over SSH; unless told the user of the cluster's image
    #[arg(long, value_name = "NAME")]
    pub user: Option<SmolStr>,
}

/// A way of a tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ViaWord {
    /// A session of AWS Systems Manager; needs the AWS CLI and its Session Manager plugin
    Ssm,
    /// SSH
    Ssh,
}

impl From<ViaWord> for Via {
    fn from(word: ViaWord) -> Self {
        match word {
            ViaWord::Ssm => Self::Ssm,
            ViaWord::Ssh => Self::Ssh,
        }
    }
}
