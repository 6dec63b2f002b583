//! What a region offers to a launch: instance types and networks. It is asked for when a launch is prepared, and is no
//! part of the fleet.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::fleet::Arch;

/// An instance type that can be launched in a region (`ec2:DescribeInstanceTypes`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceType {
    /// Such as `t4g.small`.
    pub name: SmolStr,
    /// Its processor architecture.
    pub arch: Arch,
    /// How many virtual CPUs it has.
    pub vcpus: u32,
    /// Its memory, in MiB.
    pub memory_mib: u64,
    /// Whether spot capacity is sold of it.
    pub spot: bool,
}

/// A VPC with its subnets (`ec2:DescribeVpcs`, `ec2:DescribeSubnets`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vpc {
    /// `vpc-…`.
    pub id: SmolStr,
    /// Its tag `Name`.
    pub name: Option<SmolStr>,
    /// Whether it is the region's default one.
    pub is_default: bool,
    /// Its networks in CIDR notation.
    pub cidrs: Vec<SmolStr>,
    /// Its subnets, by zone.
    pub subnets: Vec<Subnet>,
}

/// A subnet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subnet {
    /// `subnet-…`.
    pub id: SmolStr,
    /// Its availability zone, such as `eu-west-1a`.
    pub zone: SmolStr,
    /// Whether machines in it get a public address by themselves (`MapPublicIpOnLaunch`).
    pub public: bool,
}

/// A release channel of K3s (`https://update.k3s.io/v1-release/channels`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    /// Such as `stable`, `latest` or `v1.36`.
    pub name: SmolStr,
    /// The release it stands for now, such as `v1.36.4+k3s1`.
    pub version: SmolStr,
}
