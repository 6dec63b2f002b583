//! What joining edge hosts rests on: the hosts with what was found of them, and the cluster they are to join. All of it is
//! part of the request, so that planning needs nothing else.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use smol_str::{SmolStr, format_smolstr};

pub use crate::blueprint::machine::{Facts, Firewall, Install, Reached, Sudo};

use super::files::Source;
use crate::fleet::{Arch, ClusterId, ContextId, EdgeHost};

/// Hosts that are to join a cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Join {
    /// The cluster.
    pub cluster: ClusterId,
    /// Its kube context.
    pub context: ContextId,
    /// The URL of its server, as the hosts reach it.
    pub server: SmolStr,
    /// The addresses at which its API servers say that they are reached, each as `host:port`.
    pub advertised: Vec<SmolStr>,
    /// The release of K3s; that of the servers unless told.
    pub version: SmolStr,
    /// The hosts.
    pub hosts: Vec<Candidate>,
    /// Where the files of the release come from; `None`: from where K3s publishes them.
    pub files: Option<Source>,
    /// The local file with the key of the VPN that the hosts join first, as K3s' `vpn-auth-file` has it.
    pub vpn_auth_file: Option<PathBuf>,
    /// Whether servers and hosts speak WireGuard, so that pods want no vxlan.
    #[serde(default)]
    pub wireguard: bool,
    /// Whether what a preflight finds wrong is mended where k3fleet can: the memory cgroup of a Raspberry Pi, which is
    /// restarted then.
    pub mend: bool,
    /// Whether the password is given that `sudo` asks for on the hosts. It is kept in memory, and no part of the request.
    #[serde(default)]
    pub sudo_password: bool,
}

impl Join {
    /// The addresses that hosts try before they join, each as `host:port`: that of the server, those that the API
    /// servers advertise, and that of the mirror from which they fetch the release's files.
    pub fn addresses(server: &str, advertised: &[SmolStr], files: Option<&Source>) -> Vec<SmolStr> {
        let mut addresses = vec![host_and_port(server)];
        for address in advertised.iter().cloned().chain(files.and_then(Source::address)) {
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        addresses
    }
}

/// Where the files of an air-gapped installation go on a host.
pub(super) const FILES: &str = "/var/tmp/k3fleet";

/// The `host:port` of a server's URL; what names no port means that of HTTPS.
pub(super) fn host_and_port(url: &str) -> SmolStr {
    let address = url.strip_prefix("https://").unwrap_or(url);
    let address = address.split('/').next().unwrap_or(address);
    let has_port = match address.rsplit_once(':') {
        // Of an IPv6 address the brackets tell whether a port follows.
        Some((_, port)) => !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) && !is_bare_ipv6(address),
        None => false,
    };
    match has_port {
        true => address.into(),
        false if is_bare_ipv6(address) => format_smolstr!("[{address}]:443"),
        false => format_smolstr!("{address}:443"),
    }
}

fn is_bare_ipv6(address: &str) -> bool {
    !address.starts_with('[') && address.matches(':').count() > 1
}

/// A host that is to join.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// The host.
    pub host: EdgeHost,
    /// What was found of it, or why nothing was.
    pub facts: Result<Facts, SmolStr>,
}

/// One host's way into its cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Joining {
    /// The host.
    pub host: EdgeHost,
    /// The kube context of the cluster.
    pub context: ContextId,
    /// How K3s is installed.
    pub install: Install,
    /// Its architecture.
    pub arch: Arch,
    /// Where the files of the release come from; `None`: from where K3s publishes them.
    pub files: Option<Source>,
    /// The local file with the key of its VPN.
    pub vpn_auth_file: Option<PathBuf>,
    /// Whether its memory cgroup is turned on first, and the host restarted.
    pub mend_cgroups: bool,
    /// Labels that only the API server's side may set, each as key and value.
    pub labels: Vec<(SmolStr, SmolStr)>,
}
