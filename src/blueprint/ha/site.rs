//! Where a highly available cluster is to stand: what the region tells, and the spec does not.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::fleet::Arch;

/// A place in a region. Its parts become the defaults of the template's parameters, so that an exported template stands
/// on its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Site {
    /// The image of each architecture that the spec has, `ami-…`.
    pub images: BTreeMap<Arch, SmolStr>,
    /// The VPC; `None` where the stack makes it.
    pub vpc: Option<SmolStr>,
    /// The networks of that VPC in CIDR notation.
    pub cidrs: Vec<SmolStr>,
    /// The subnets of that VPC in which the machines may be, each in another zone as far as there are zones.
    pub subnets: Vec<SmolStr>,
    /// Whether machines in those subnets get public addresses.
    pub public: bool,
    /// The services that interface endpoints serve in that VPC already under their usual names (with private DNS), such as
    /// `secretsmanager`: they are used, and none is made for them.
    pub endpoints: Vec<SmolStr>,
    /// The zones of the region, for a VPC that the stack makes.
    pub zones: Vec<SmolStr>,
}
