//! What an operator asks for. A request names by id what shall change, and how; the same request is made by a key on
//! the screen and by a command, and it is what the journal keeps.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::joining::Join;
use super::launch::Launch;
use super::restoring::Restore;
use super::rotation::Rotation;
use super::updating::Update;
use super::upgrading::Upgrade;
use crate::fleet::{ClusterId, MachineId, PoolId};
use crate::provider::{Resource, Stack};

/// A change asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "kebab-case")]
pub enum Request {
    /// Take no new pods on these machines' nodes.
    Cordon {
        /// The machines.
        machines: Vec<MachineId>,
    },
    /// Take pods on these machines' nodes again.
    Uncordon {
        /// The machines.
        machines: Vec<MachineId>,
    },
    /// Cordon these machines' nodes and move their pods away.
    Drain {
        /// The machines.
        machines: Vec<MachineId>,
        /// How.
        drain: DrainOptions,
    },
    /// Drain these machines and put new ones in their place.
    Replace {
        /// The machines.
        machines: Vec<MachineId>,
        /// How they are drained.
        drain: DrainOptions,
    },
    /// Drain these machines, end them and delete their nodes; nothing takes their place.
    Remove {
        /// The machines.
        machines: Vec<MachineId>,
        /// How they are drained.
        drain: DrainOptions,
    },
    /// Bring a pool to this many machines.
    Scale {
        /// The pool.
        pool: PoolId,
        /// How many machines it shall have.
        to: u32,
        /// Whether the pool's bounds may be widened where they stand in the way.
        raise: bool,
        /// Who goes first when the pool shrinks.
        order: Vec<VictimOrder>,
        /// How those who go are drained.
        drain: DrainOptions,
    },
    /// Make a cluster.
    Launch(Box<Launch>),
    /// Change what a highly available cluster is.
    Update(Box<Update>),
    /// Delete all that carries a cluster's tag.
    Destroy {
        /// The cluster.
        cluster: ClusterId,
        /// All that carries its tag, and what Kubernetes made for it.
        resources: Vec<Resource>,
        /// Whether the volumes that Kubernetes made are deleted too, with what they hold.
        volumes: bool,
        /// Whether the bucket with the snapshots of etcd is deleted too.
        #[serde(default)]
        snapshots: bool,
    },
    /// Take a failed stack back to how it was before.
    RollBack {
        /// The cluster.
        cluster: ClusterId,
        /// Its stack, as CloudFormation tells it.
        stack: Stack,
    },
    /// Let a cluster that destroys itself live until another time.
    Extend {
        /// The cluster.
        cluster: ClusterId,
        /// When it ends.
        until: Timestamp,
        /// All that carries its tag.
        resources: Vec<Resource>,
    },
    /// Let edge hosts join a cluster.
    Join(Box<Join>),
    /// Take edge hosts out of their cluster.
    Leave {
        /// The machines.
        machines: Vec<MachineId>,
        /// How they are drained.
        drain: DrainOptions,
        /// Whether they are gone for good, so that only their nodes are deleted.
        forget: bool,
    },
    /// Restart machines, one after the other.
    Reboot {
        /// The machines.
        machines: Vec<MachineId>,
        /// How they are drained before.
        drain: DrainOptions,
    },
    /// Change a cluster's token.
    Rotate(Box<Rotation>),
    /// Bring a cluster to another release of K3s.
    Upgrade(Box<Upgrade>),
    /// Save a cluster's state on one of its servers.
    Backup {
        /// The cluster.
        cluster: ClusterId,
    },
    /// Bring a cluster's etcd back to a snapshot.
    Restore(Box<Restore>),
    /// Renew the certificates of K3s on machines, servers one after the other.
    RotateCertificates {
        /// The machines.
        machines: Vec<MachineId>,
    },
}

impl Request {
    /// The verb, as the command line says it.
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Cordon { .. } => "cordon",
            Self::Uncordon { .. } => "uncordon",
            Self::Drain { .. } => "drain",
            Self::Replace { .. } => "replace",
            Self::Remove { .. } => "remove",
            Self::Scale { .. } => "scale",
            Self::Launch(_) => "launch",
            Self::Update(_) => "update",
            Self::Destroy { .. } => "destroy",
            Self::RollBack { .. } => "rollback",
            Self::Extend { .. } => "extend",
            Self::Join(_) => "join",
            Self::Leave { .. } => "leave",
            Self::Reboot { .. } => "reboot",
            Self::Rotate(_) => "rotate",
            Self::Upgrade(_) => "upgrade",
            Self::Backup { .. } => "backup",
            Self::Restore(_) => "restore",
            Self::RotateCertificates { .. } => "certificates",
        }
    }
}

/// How a node is drained; the words are those of `kubectl drain`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrainOptions {
    /// How long it may take; then what [`force`](Self::force) says.
    pub timeout: SignedDuration,
    /// Whether pods that still stand after the timeout are deleted without asking their budgets.
    pub force: bool,
    /// Whether pods that no controller would make anew are evicted too: they are gone then.
    pub bare_pods: bool,
    /// Whether pods with `emptyDir` volumes are evicted too: what those hold is lost.
    pub empty_dir_data: bool,
}

impl DrainOptions {
    /// The usual ones where the machine ends anyway, and what its pods keep on it with it.
    pub fn ending() -> Self {
        Self {
            empty_dir_data: true,
            ..Self::default()
        }
    }
}

/// The usual ones of `kubectl drain`: nothing is lost unless that is said.
impl Default for DrainOptions {
    fn default() -> Self {
        Self {
            timeout: SignedDuration::from_mins(10),
            force: false,
            bare_pods: false,
            empty_dir_data: false,
        }
    }
}

/// What makes a machine go before others when its pool shrinks. Of several the first that tells two machines apart
/// decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VictimOrder {
    /// Those that are not ready.
    NotReady,
    /// Those that AWS takes back anyway.
    Interrupted,
    /// Those that are cordoned.
    Cordoned,
    /// Those with the fewest pods.
    FewestPods,
    /// The most expensive.
    MostExpensive,
    /// The oldest.
    Oldest,
    /// The newest.
    Newest,
}

impl VictimOrder {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::NotReady,
        Self::Interrupted,
        Self::Cordoned,
        Self::FewestPods,
        Self::MostExpensive,
        Self::Oldest,
        Self::Newest,
    ];

    /// The usual order: whom the pool loses least by comes first.
    pub const USUAL: [Self; 5] = [
        Self::NotReady,
        Self::Interrupted,
        Self::Cordoned,
        Self::FewestPods,
        Self::MostExpensive,
    ];

    /// Its name on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotReady => "not-ready",
            Self::Interrupted => "interrupted",
            Self::Cordoned => "cordoned",
            Self::FewestPods => "fewest-pods",
            Self::MostExpensive => "most-expensive",
            Self::Oldest => "oldest",
            Self::Newest => "newest",
        }
    }
}
