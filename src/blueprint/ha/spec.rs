//! What an operator chooses of a highly available cluster besides what every cluster has. In such a cluster the [`Spec`]'s
//! own `arch`, `types`, `purchase` and `volume_gib` are those of its servers, and its workers stand here, pool by pool.
//!
//! [`Spec`]: super::super::Spec

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::fleet::Arch;

/// The pool of the servers.
pub const SERVERS: &str = "k3s_servers";

/// The pool of workers that a cluster begins with unless told.
pub const WORKERS: &str = "k3s_workers";

/// The part of a spec that only highly available clusters have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ha {
    /// How many servers: 3, 5 or 7 with embedded etcd, else 2 or more.
    pub servers: u32,
    /// The pools of workers.
    #[serde(default)]
    pub pools: Vec<Pool>,
    /// Where the servers keep the cluster's state.
    #[serde(default)]
    pub store: Store,
    /// Whether the machines share a file system (EFS), with a StorageClass over it.
    #[serde(default)]
    pub shared_storage: bool,
    /// Whether a second load balancer brings ports 80 and 443 from the internet to the workers.
    #[serde(default)]
    pub ingress: bool,
    /// Whether that one brings port 6443 to the servers as well, from the networks of `from`.
    #[serde(default)]
    pub public_api: bool,
    /// The VPC that the stack makes; `None`: the one of the spec's `network`, or the default one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_vpc: Option<MadeVpc>,
    /// Where machines take the files of a K3s release from, an `https` URL; `None`: from GitHub.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mirror: Option<SmolStr>,
}

/// A pool of workers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pool {
    /// Its name, such as `k3s_workers`: lower-case letters, digits, `-` and `_`, at most 24.
    pub name: SmolStr,
    /// What keeps its machines.
    #[serde(default)]
    pub kind: PoolKind,
    /// The processor architecture of its machines.
    pub arch: Arch,
    /// The instance types they may have, the preferred one first.
    pub types: Vec<SmolStr>,
    /// The fewest machines.
    pub min: u32,
    /// How many it begins with.
    pub desired: u32,
    /// The most machines.
    pub max: u32,
    /// How many are bought on-demand before any is bought on the spot market.
    #[serde(default)]
    pub on_demand_base: u32,
    /// Of those above that, how many per cent are bought on-demand.
    #[serde(default)]
    pub on_demand_percent: u32,
    /// The size of each machine's volume, in GiB.
    pub volume_gib: u32,
    /// Labels of its nodes, each as key and value.
    #[serde(default)]
    pub labels: Vec<(SmolStr, SmolStr)>,
    /// Taints of its nodes, each as `key=value:effect`.
    #[serde(default)]
    pub taints: Vec<SmolStr>,
}

/// What keeps the machines of a pool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PoolKind {
    /// An Auto Scaling group.
    #[default]
    Asg,
    /// An EC2 Spot Fleet that keeps its target.
    SpotFleet,
}

/// Where the servers keep the cluster's state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Store {
    /// In etcd on the servers themselves, with snapshots in an S3 bucket of the stack.
    Etcd {
        /// When snapshots are taken, as cron has it.
        snapshots: SmolStr,
        /// How many are kept.
        keep: u32,
    },
    /// In a database of the operator's, whose DSN stands in an SSM parameter of the cluster.
    External,
    /// In Aurora PostgreSQL Serverless, made by the stack.
    Aurora {
        /// The least capacity, in halves of an ACU.
        min_half_acus: u32,
        /// The most, likewise.
        max_half_acus: u32,
    },
}

impl Default for Store {
    /// etcd, with K3s' own rhythm of snapshots: twice a day; a week of them.
    fn default() -> Self {
        Self::Etcd {
            snapshots: "0 */12 * * *".into(),
            keep: 14,
        }
    }
}

impl Store {
    /// Its word.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Etcd { .. } => "etcd",
            Self::External => "external",
            Self::Aurora { .. } => "aurora",
        }
    }

    /// Whether the servers form an etcd cluster.
    pub fn is_etcd(&self) -> bool {
        matches!(self, Self::Etcd { .. })
    }
}

/// A VPC that is made for the cluster and goes with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MadeVpc {
    /// Its network in CIDR notation: a /16 to a /22.
    pub cidr: SmolStr,
    /// In how many availability zones it has subnets: 2 or 3.
    pub zones: u32,
    /// How its machines reach the internet.
    pub way_out: WayOut,
}

/// How the machines of a VPC reach the internet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WayOut {
    /// With public addresses of their own.
    Public,
    /// From private subnets, through a NAT gateway.
    Nat,
    /// Not at all: AWS through interface endpoints, K3s from the spec's `mirror`.
    Endpoints,
}

impl Ha {
    /// A pool by its name.
    pub fn pool(&self, name: &str) -> Option<&Pool> {
        self.pools.iter().find(|pool| pool.name == name)
    }
}
