//! What joining edge hosts rests on: the hosts with what was found of them, and the cluster they are to join. All of it is
//! part of the request, so that planning needs nothing else.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

pub use crate::blueprint::machine::{Facts, Firewall, Install, Reached, Sudo};

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
    /// The local directory with the files of an air-gapped installation.
    pub files: Option<PathBuf>,
    /// The local file with the key of the VPN that the hosts join first, as K3s' `vpn-auth-file` has it.
    pub vpn_auth_file: Option<PathBuf>,
    /// Whether what a preflight finds wrong is mended where k3fleet can: the memory cgroup of a Raspberry Pi, which is
    /// restarted then.
    pub mend: bool,
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
    /// The local directory with the files of an air-gapped installation.
    pub files: Option<PathBuf>,
    /// The local file with the key of its VPN.
    pub vpn_auth_file: Option<PathBuf>,
    /// Whether its memory cgroup is turned on first, and the host restarted.
    pub mend_cgroups: bool,
    /// Labels that only the API server's side may set, each as key and value.
    pub labels: Vec<(SmolStr, SmolStr)>,
}
