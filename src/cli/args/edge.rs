//! Words about edge hosts that join a cluster.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;
use smol_str::SmolStr;

use super::Confirm;
use crate::fleet::is_server_url;

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
    /// The URL by which the hosts reach the cluster's server, such as https://192.0.2.7:6443; else the one that is kept for
    /// the cluster (k3fleet reach), else that of its kubeconfig
    #[arg(long, value_name = "URL", value_parser = url)]
    pub server: Option<SmolStr>,
    /// A directory with the files of a K3s release, which are brought to the hosts; or the https:// URL of a mirror, from
    /// which they fetch them
    #[arg(long, value_name = "DIR|URL")]
    pub files: Option<PathBuf>,
    /// A file with the key of the VPN that the hosts join first, as K3s' vpn-auth-file has it; else the one that is kept for
    /// the cluster
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

/// How edge hosts reach a cluster's API.
#[derive(Debug, Args)]
pub struct ReachArgs {
    /// The cluster
    #[arg(value_name = "CLUSTER")]
    pub cluster: SmolStr,
    /// A server with a public address, as the hosts reach it: https://192.0.2.7:6443; '' keeps none
    #[arg(long, value_name = "URL", value_parser = url_or_none)]
    pub server: Option<SmolStr>,
    /// A file with the key of the VPN that the hosts join first; its path alone is kept, '' keeps none
    #[arg(long, value_name = "FILE")]
    pub vpn_auth_file: Option<OsString>,
    /// Whether servers and hosts speak WireGuard
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub wireguard: Option<bool>,
    /// Keep nothing: hosts go by the kubeconfig again
    #[arg(long, conflicts_with_all = ["server", "vpn_auth_file", "wireguard"])]
    pub clear: bool,
    /// Print what would change in config.toml and do nothing
    #[arg(long)]
    pub dry_run: bool,
}

fn url(text: &str) -> Result<SmolStr, String> {
    match is_server_url(text) {
        true => Ok(text.into()),
        false => Err("expected a URL such as https://192.0.2.7:6443".to_owned()),
    }
}

fn url_or_none(text: &str) -> Result<SmolStr, String> {
    if text.is_empty() {
        Ok(SmolStr::default())
    } else {
        url(text)
    }
}
