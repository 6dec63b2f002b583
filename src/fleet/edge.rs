//! Edge hosts: machines reached over SSH, named in `hosts.toml`.

use jiff::Timestamp;
use smol_str::SmolStr;

use super::{Arch, HostName};

/// An edge host as the operator wrote it down.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EdgeHost {
    /// Its name in `hosts.toml` and `~/.ssh/config`.
    pub name: HostName,
    /// The group it stands in: its pool.
    pub group: SmolStr,
    /// Where SSH finds it, when that is not its name.
    pub address: Option<SmolStr>,
    /// The user to log in as, when given.
    pub user: Option<SmolStr>,
    /// The SSH port, when given.
    pub port: Option<u16>,
    /// The cluster it belongs to, by name.
    pub cluster: Option<SmolStr>,
    /// Labels it shall carry as a node.
    pub labels: Box<[(SmolStr, SmolStr)]>,
    /// Taints it shall carry as a node.
    pub taints: Box<[SmolStr]>,
}

/// What a probe over SSH found, or that it found nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct EdgeProbe {
    /// The host.
    pub host: HostName,
    /// When the probe ended.
    pub at: Timestamp,
    /// What it read, or why it could not.
    pub outcome: Result<EdgeHealth, SmolStr>,
}

/// The state of a reachable edge host. What a host does not tell is `None`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EdgeHealth {
    /// Round trip of one command, in milliseconds.
    pub latency_ms: u32,
    /// Board model, such as `Raspberry Pi 4 Model B Rev 1.4`.
    pub model: Option<SmolStr>,
    /// Architecture of the kernel.
    pub arch: Option<Arch>,
    /// Operating system.
    pub os: Option<SmolStr>,
    /// Load average over one minute.
    pub load: Option<f32>,
    /// Memory in use and installed, in bytes.
    pub memory: Option<(u64, u64)>,
    /// Disk in use and its size, in bytes, where K3s keeps its data.
    pub disk: Option<(u64, u64)>,
    /// Temperature of the processor, in degrees Celsius.
    pub temperature: Option<f32>,
    /// Whether the firmware throttles now (Raspberry Pi).
    pub throttled: Option<bool>,
}
