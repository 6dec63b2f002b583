//! Words about edge hosts that join a cluster.

use std::path::PathBuf;

use clap::Args;
use smol_str::SmolStr;

use super::Confirm;

/// How hosts are logged in to.
#[derive(Clone, Copy, Debug, Default, Args)]
#[command(next_help_heading = "SSH")]
pub struct Ssh {
    /// Take in the keys of hosts that are not known yet, without asking; one that has changed is refused all the same
    #[arg(long)]
    pub accept_new_host_keys: bool,
    /// Ask for the password that sudo wants on the hosts; where there is no terminal, standard input is it
    #[arg(long)]
    pub ask_sudo_password: bool,
}

/// Hosts, and the cluster they are to join.
#[derive(Debug, Args)]
pub struct Joiners {
    /// The cluster
    #[arg(value_name = "CLUSTER")]
    pub cluster: SmolStr,
    /// The hosts: by their names in hosts.toml, or as user@host:port
    #[arg(required_unless_present = "group", value_name = "HOST")]
    pub hosts: Vec<String>,
    /// All hosts of this group
    #[arg(long, value_name = "NAME")]
    pub group: Option<SmolStr>,
    /// A release of K3s such as v1.36.4+k3s1, or a channel such as stable; else that of the cluster's servers
    #[arg(long, value_name = "VERSION")]
    pub k3s: Option<SmolStr>,
    /// The URL by which the hosts reach the cluster's server, such as https://192.0.2.7:6443; else that of its kubeconfig
    #[arg(long, value_name = "URL")]
    pub server: Option<SmolStr>,
    /// A directory with the files of a K3s release, which the hosts get instead of downloading them
    #[arg(long, value_name = "DIR")]
    pub files: Option<PathBuf>,
    /// A file with the key of the VPN that the hosts join first, as K3s' vpn-auth-file has it
    #[arg(long, value_name = "FILE")]
    pub vpn_auth_file: Option<PathBuf>,
    /// How they are logged in to.
    #[command(flatten)]
    pub ssh: Ssh,
}

/// Hosts to look at before they join.
#[derive(Debug, Args)]
pub struct Preflight {
    /// The hosts.
    #[command(flatten)]
    pub joiners: Joiners,
}

/// Hosts to join.
#[derive(Debug, Args)]
pub struct Join {
    /// The hosts.
    #[command(flatten)]
    pub joiners: Joiners,
    /// Mend what can be mended: the memory cgroup of a Raspberry Pi, which is restarted then
    #[arg(long)]
    pub mend: bool,
    /// How it is confirmed.
    #[command(flatten)]
    pub confirm: Confirm,
}
