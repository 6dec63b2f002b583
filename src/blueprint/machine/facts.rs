//! What has to be known of a host before it joins a cluster. It is only read; nothing there is changed.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::fleet::Arch;

/// A host before it joins. What it does not tell is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// The kernel's word for its processor (`uname -m`), such as `aarch64` or `armv6l`.
    pub machine: SmolStr,
    /// Its architecture, where K3s knows it.
    pub arch: Option<Arch>,
    /// Width of its programs.
    pub userland_bits: Option<u8>,
    /// Its own name, as its node will have it: in lower case.
    pub hostname: SmolStr,
    /// Its operating system.
    pub os: Option<SmolStr>,
    /// Whether `systemd` or `OpenRC` starts services there; `None`: neither.
    pub init: Option<SmolStr>,
    /// Whether, and how, we become root.
    pub sudo: Sudo,
    /// Whether the memory cgroup is on.
    pub memory_cgroup: Option<bool>,
    /// The file of the boot loader's command line, where it is a Raspberry Pi's.
    pub cmdline: Option<SmolStr>,
    /// Whether the module `vxlan` is there.
    pub vxlan: Option<bool>,
    /// Installed memory, in MiB.
    pub memory_mib: Option<u64>,
    /// Free disk where K3s keeps its data, in MiB.
    pub disk_free_mib: Option<u64>,
    /// Its clock minus ours, in seconds.
    pub clock_skew: Option<i64>,
    /// Whether a time server keeps its clock, by its own account.
    pub clock_synced: Option<bool>,
    /// Swap in use or ready, in MiB.
    pub swap_mib: Option<u64>,
    /// The firewall that is active.
    pub firewall: Option<Firewall>,
    /// The version of `iptables`, such as `1.8.9`.
    pub iptables: Option<SmolStr>,
    /// `curl` or `wget`, which the installer needs.
    pub downloader: Option<SmolStr>,
    /// The unit of a K3s that is there already.
    pub k3s: Option<SmolStr>,
    /// The server that it belongs to, where it is an agent.
    pub k3s_server: Option<SmolStr>,
    /// Whether `/etc/rancher/node/password` is left of an earlier membership.
    pub node_password: Option<bool>,
    /// Whether `SELinux` enforces.
    pub selinux: Option<bool>,
    /// Which of the addresses that it was asked to try answer.
    pub reached: Vec<Reached>,
}

/// How we become root on a host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sudo {
    /// We log in as root.
    Root,
    /// `sudo` asks for nothing.
    Free,
    /// `sudo` wants a password.
    Password,
    /// There is no `sudo`, or we may not use it.
    #[default]
    No,
}

/// A firewall that may stand in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Firewall {
    /// Ubuntu's.
    Ufw,
    /// Red Hat's.
    Firewalld,
}

/// Whether a host reaches an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reached {
    /// `host:port`.
    pub address: SmolStr,
    /// Whether it answers.
    pub answers: bool,
}

impl Facts {
    /// What is run to read them, as the user who logs in; `addresses`, each as `host:port`, are tried from there.
    pub fn script(addresses: &[SmolStr]) -> String {
        super::script::facts(addresses)
    }

    /// The answer of the script, which was asked at `sent` and was there at `received`, in seconds since 1970; `None` when
    /// it is none.
    pub fn read(_text: &str, _sent: i64, _received: i64) -> Option<Self> {
        None
    }
}
