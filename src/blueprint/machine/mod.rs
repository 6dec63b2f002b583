//! Work on a machine itself: what a root shell does there, as a script, and what the machine answers.
//!
//! ```text
//!  Task ─▶ script::of ─▶ sh as root, over SSH or SSM Run Command ─▶ lines
//!  Inside::script ─▶ …                                              ─▶ Inside::read
//!  Facts::script  ─▶ …                                              ─▶ Facts::read ─▶ judged before a join
//! ```
//! A task is a small closed set shared by all verbs. It holds nothing secret: what is secret travels beside it, on standard
//! input or as the name of a parameter that the machine reads by itself.

mod facts;
mod inside;
pub mod script;
mod trouble;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::fleet::{Arch, Role};

pub use facts::{Facts, Firewall, Reached, Sudo};
pub use inside::{Datastore, HeldToken, Inside, KeptToken};
pub use trouble::{Trouble, trouble};

/// Something that is done on a machine, as root. Each may be done again with the same effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Task {
    /// Installs K3s as an agent and starts it, without waiting for it: its configuration, its token in a file that only root
    /// reads, the binary, the unit. Secrets: the token, and the key of its VPN where it has one.
    Install(Box<Install>),
    /// Restarts K3s, without waiting for it.
    Restart,
    /// Takes K3s off the machine, with all that its uninstaller leaves (`/etc/rancher/node`).
    Uninstall,
    /// Restarts the machine, a moment after the task has ended.
    Reboot,
    /// Turns the memory cgroup on in the boot loader's command line of a Raspberry Pi, whose file is backed up. It works
    /// from the next start on.
    MendCgroups,
    /// Saves the datastore: a snapshot of embedded etcd, or a copy of `SQLite` with K3s stopped meanwhile. An external
    /// datastore is left to its own backups, and the answer says so.
    Snapshot {
        /// What it is named.
        name: SmolStr,
    },
    /// Gives the cluster another server token, on one of its servers. Secrets: the present one, and the new one.
    RotateToken,
    /// Keeps a new token on a server before the cluster goes by it, and the present one beside it, in files that only root
    /// reads. Secret: the new token.
    KeepToken {
        /// Which: one that joins servers, or agents.
        kind: Role,
        /// What tells the present token's file apart from those of other changes.
        when: SmolStr,
        /// Whether one that is kept there already, of a change that was cut off, stays.
        stays: bool,
    },
    /// Takes away the file that kept a new token; old ones stay.
    DropToken {
        /// Which: one that joins servers, or agents.
        kind: Role,
    },
    /// Puts a token in the one place where the machine keeps it. Secret: the token.
    PlaceToken {
        /// Which: one that joins servers, or agents.
        kind: Role,
    },
    /// Proves on a server that a machine could join with a token. Secret: the token.
    Handshake {
        /// What it joins: servers or agents.
        kind: Role,
    },
    /// Puts another release of K3s in place of the present one, verified by its checksum; it runs from the next restart on.
    Upgrade {
        /// The release, such as `v1.36.4+k3s1`.
        version: SmolStr,
        /// The directory on the machine that holds the binary and its checksums, or the URL of a mirror ([`is_mirror`]);
        /// `None`: they are downloaded from where K3s publishes them.
        files: Option<SmolStr>,
    },
    /// Renews the certificates of K3s, which is stopped meanwhile.
    RotateCertificates,
    /// Sees on a server, and changes nothing, that it can be restored from a snapshot of etcd.
    Restorable {
        /// The snapshot, by name.
        snapshot: SmolStr,
        /// Whether it is in S3, where K3s is configured to keep them; otherwise it is a file there.
        s3: bool,
    },
    /// Sees on a server, and changes nothing, that it would join others once its own state is put aside.
    Joinable,
    /// Stops K3s; pods run on.
    Stop,
    /// Restores etcd from a snapshot on a server, which is its only member then; K3s stays stopped. What was before is kept
    /// beside it, and put back where it fails.
    Restore {
        /// The snapshot, by name.
        snapshot: SmolStr,
        /// Whether it is in S3.
        s3: bool,
        /// What tells this restore from others, such as `20261122T101112Z`.
        when: SmolStr,
    },
    /// Puts the state of a server aside, and starts K3s, which joins those that were restored, without waiting for it.
    Rejoin {
        /// What tells this restore from others.
        when: SmolStr,
    },
}

/// Which token of a server is read, to be handed to other machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// The one that it is configured with.
    Present,
    /// The one that [`Task::KeepToken`] has left there.
    Next,
}

/// How K3s is installed on an agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Install {
    /// The release.
    pub version: SmolStr,
    /// The server's URL, such as `https://192.0.2.7:6443`.
    pub server: SmolStr,
    /// The name of its node.
    pub node: SmolStr,
    /// Labels of its node, each as `key=value`; those that a kubelet may not set itself are not among them.
    pub labels: Vec<SmolStr>,
    /// Taints of its node, each as `key=value:Effect`.
    pub taints: Vec<SmolStr>,
    /// Whether the key of a VPN comes with the token: K3s joins it first (`vpn-auth-file`).
    pub vpn: bool,
    /// The directory on the machine that holds the binary, its checksums, the installer and the images, or the URL of a
    /// mirror ([`is_mirror`]); `None`: all is downloaded from where K3s publishes it.
    pub files: Option<SmolStr>,
}

impl Task {
    /// What it does, for people; `machine` is on which.
    pub fn describe(&self, machine: &str) -> String {
        match self {
            Self::Install(install) => format!("install K3s {} on {machine}", install.version),
            Self::Restart => format!("restart K3s on {machine}"),
            Self::Uninstall => format!("take K3s off {machine}"),
            Self::Reboot => format!("restart {machine}"),
            Self::MendCgroups => format!("turn the memory cgroup on in the boot command line of {machine}"),
            Self::Snapshot { name } => format!("save the datastore on {machine} as {name}"),
            Self::RotateToken => format!("give the cluster its new server token on {machine}"),
            Self::KeepToken { kind, .. } => {
                let kind = kind.as_str();
                format!("keep a new {kind} token on {machine}, and the old one beside it, where only root reads")
            }
            Self::DropToken { kind } => {
                format!(
                    "forget what kept the new {} token on {machine}; the old one stays",
                    kind.as_str()
                )
            }
            Self::PlaceToken { kind } => format!("write the new {} token on {machine}", kind.as_str()),
            Self::Handshake { kind } => format!("prove on {machine} that the new {} token joins", kind.as_str()),
            Self::Upgrade { version, .. } => format!("put K3s {version} on {machine}, and restart it"),
            Self::RotateCertificates => format!("renew the certificates of K3s on {machine}"),
            Self::Restorable { snapshot, .. } => format!("see that {machine} can be restored from {snapshot}"),
            Self::Joinable => format!("see that {machine} can join again"),
            Self::Stop => format!("stop K3s on {machine}"),
            Self::Restore { snapshot, .. } => format!("restore etcd on {machine} from {snapshot}"),
            Self::Rejoin { .. } => format!("put the state of {machine} aside, and let it join again"),
        }
    }

    /// Whether K3s starts anew by it, so that it has to be waited for.
    pub fn restarts(&self) -> bool {
        matches!(
            self,
            Self::Install(_) | Self::Restart | Self::RotateCertificates | Self::Upgrade { .. } | Self::Rejoin { .. }
        )
    }
}

/// The names of what an air-gapped machine is given, as K3s publishes them for its architecture.
pub fn release_files(arch: Arch) -> [&'static str; 2] {
    match arch {
        Arch::Amd64 => ["k3s", "sha256sum-amd64.txt"],
        Arch::Arm64 => ["k3s-arm64", "sha256sum-arm64.txt"],
        Arch::Arm => ["k3s-armhf", "sha256sum-arm.txt"],
    }
}

/// Whether a task's files are at the URL of a mirror, below `/VERSION/` with its `+` as `%2B`, and not in a directory on
/// the machine.
pub fn is_mirror(files: &str) -> bool {
    files.starts_with("https://")
}

/// The longest text that is kept of what a machine tells in one line.
const LONGEST: usize = 300;

/// What a machine tells, as text that can be shown; `None` when it is nothing.
fn words(value: &str) -> Option<SmolStr> {
    let clean: String = value.trim().chars().filter(|c| !c.is_control()).take(LONGEST).collect();
    Some(clean).filter(|text| !text.is_empty()).map(SmolStr::from)
}
