//! Edge hosts: machines reached over SSH, named in `hosts.toml`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use smol_str::{SmolStr, format_smolstr};

use super::{Arch, HostName};

/// An edge host as the operator wrote it down.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
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

impl EdgeHost {
    /// How any operator reaches it, as the annotation `k3fleet.dev/ssh` of its node tells: `user@host:port`, without what
    /// is not said of it.
    pub fn annotation(&self) -> SmolStr {
        let user = self.user.as_ref().map(|user| format!("{user}@")).unwrap_or_default();
        let port = self.port.map(|port| format!(":{port}")).unwrap_or_default();
        let address = self.address.as_deref().unwrap_or(self.name.as_str());
        match address.contains(':') {
            true => format_smolstr!("{user}[{address}]{port}"),
            false => format_smolstr!("{user}{address}{port}"),
        }
    }
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
    /// Round trip of one command, in milliseconds; of the first one, with the connection.
    pub latency_ms: u32,
    /// Board model, such as `Raspberry Pi 4 Model B Rev 1.4`.
    pub model: Option<SmolStr>,
    /// Architecture of the kernel.
    pub arch: Option<Arch>,
    /// Width of its programs: 32 on a 64-bit kernel is a trap.
    pub userland_bits: Option<u8>,
    /// Operating system.
    pub os: Option<SmolStr>,
    /// Release of the kernel.
    pub kernel: Option<SmolStr>,
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
    /// Its clock minus ours, in seconds, as far as the round trip does not explain it.
    pub clock_skew: Option<i64>,
    /// Whether its clock is kept by a time server, by the host's own account.
    pub clock_synced: Option<bool>,
    /// The state of the K3s service, in systemd's word: `active`, `failed` …; `None` where none is installed.
    pub service: Option<SmolStr>,
    /// The version of K3s that is installed.
    pub version: Option<SmolStr>,
    /// When the first of its K3s certificates expires, where they can be read without root.
    pub certificate_until: Option<Timestamp>,
}
