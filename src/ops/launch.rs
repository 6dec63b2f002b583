//! What launching a cluster rests on: the spec that an operator chose, and the ground on which it is to stand, as the
//! region told it when the launch was prepared. Both are part of the request, so that planning needs nothing else.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

pub use crate::blueprint::ha::{Site, Store, WORKERS, WayOut};
pub use crate::blueprint::{Cidr, Fault, Image, Network, Profile, Spec, SshKey};
pub use crate::provider::{Channel, InstanceType, PartPrice, PricedPart, Subnet, Vpc};

use crate::fleet::{ClusterId, Scope};
use crate::provider::Resource;

/// A launch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Launch {
    /// The profile and region in which the cluster is made.
    pub scope: Scope,
    /// What it is to be.
    pub spec: Spec,
    /// Where it is to stand.
    pub ground: Ground,
    /// Where the stack of a highly available cluster is to stand; `None` for others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<Site>,
    /// The file with the DSN of a database of the operator's own. It is read when the cluster is launched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dsn_file: Option<PathBuf>,
    /// What becomes of a stack that fails.
    #[serde(default)]
    pub on_failure: OnFailure,
}

/// What becomes of a stack that fails while it is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnFailure {
    /// It stays as it is, so that it can be looked into.
    #[default]
    Keep,
    /// What was made of it is deleted.
    RollBack,
}

/// What a region told of the place for a cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ground {
    /// The account.
    pub account: SmolStr,
    /// The image of its machines, `ami-…`.
    pub image: SmolStr,
    /// The VPC; empty where the cluster's stack makes it.
    pub vpc: SmolStr,
    /// The subnets in which its machines may be.
    pub subnets: Vec<Subnet>,
    /// What carries the cluster's tag already: left by one of the same name.
    #[serde(default)]
    pub leftovers: Vec<Resource>,
    /// What parts of a cluster cost there besides its instances.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<PartPrice>,
}

impl Launch {
    /// The cluster it makes.
    pub fn cluster(&self) -> ClusterId {
        ClusterId {
            name: self.spec.name.clone(),
            home: Some(self.scope.clone()),
        }
    }
}
