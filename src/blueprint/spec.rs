//! The spec of a cluster: all that an operator chooses. It is kept as JSON in the cluster's own SSM parameter, so that
//! any operator can scale, replace and destroy what another launched. Text stays as it was given, so that
//! [`Spec::check`] can name every fault at once; fields are only ever added.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::Image;
use super::ha::Ha;
use crate::fleet::{Arch, Purchase, Shape};

/// What a cluster is to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    /// The cluster's name, a DNS label of at most 40 characters.
    pub name: SmolStr,
    /// `quick`, `ci` or `ha`.
    pub shape: Shape,
    /// The region that holds it, such as `eu-west-1`.
    pub region: SmolStr,
    /// The processor architecture of its machines; for `ha`, of its servers.
    pub arch: Arch,
    /// The instance types its machines may have, the preferred one first; for `ha`, its servers.
    pub types: Vec<SmolStr>,
    /// How many workers its pool begins with; 0: the server does the work. For `ha` they stand in its pools.
    #[serde(default)]
    pub workers: u32,
    /// How its machines are bought.
    pub purchase: Purchase,
    /// Whether on-demand machines are taken where no spot capacity is found.
    #[serde(default)]
    pub on_demand_fallback: bool,
    /// The size of each machine's volume, in GiB.
    pub volume_gib: u32,
    /// The version of K3s, pinned, such as `v1.36.4+k3s1`.
    pub version: SmolStr,
    /// The operating system.
    pub image: Image,
    /// The networks in CIDR notation that may reach ports 22 and 6443.
    #[serde(default)]
    pub from: Vec<SmolStr>,
    /// Who may log in over SSH; `None`: nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ssh: Option<SshKey>,
    /// Where it is placed; `None`: the default VPC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<Network>,
    /// What its machines may do in AWS.
    pub profile: Profile,
    /// When it destroys itself; for `ci`, and only there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// What only `ha` has; for it, and only there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ha: Option<Ha>,
}

/// How an operator proves who they are to a machine's SSH server.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SshKey {
    /// A public key, one line as in `authorized_keys`.
    Public(SmolStr),
    /// The name of a key pair that EC2 knows.
    Pair(SmolStr),
}

// A private key given by mistake must not reach a log.
impl fmt::Debug for SshKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Public(_) => f.write_str("Public(..)"),
            Self::Pair(name) => f.debug_tuple("Pair").field(name).finish(),
        }
    }
}

/// A VPC that the operator chose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    /// `vpc-…`.
    pub vpc: SmolStr,
    /// `subnet-…`: where machines may be; empty: every subnet of the VPC.
    #[serde(default)]
    pub subnets: Vec<SmolStr>,
    /// The VPC's own networks in CIDR notation, as EC2 tells them.
    #[serde(default)]
    pub cidrs: Vec<SmolStr>,
}

/// The instance profile of a cluster's machines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// Roles made for this cluster alone, with the policies of [`super::iam`].
    Own,
    /// One that exists already, by name, for operators who may not make roles.
    Named(SmolStr),
    /// None: a lone server that makes its own token, and whose kubeconfig is read over SSH.
    None,
}

#[cfg(test)]
mod tests {
    use super::super::example;
    use super::*;

    #[test]
    fn a_spec_comes_back_from_its_json() {
        let mut spec = example();
        spec.profile = Profile::Named("nodes".into());
        spec.shape = Shape::Ci;
        spec.expires_at = Some("2026-11-22T14:00:00Z".parse().unwrap());
        spec.network = Some(Network {
            vpc: "vpc-1".into(),
            subnets: vec!["subnet-1".into()],
            cidrs: vec!["172.31.0.0/16".into()],
        });
        let text = serde_json::to_string(&spec).unwrap();
        assert_eq!(serde_json::from_str::<Spec>(&text).unwrap(), spec);
    }

    #[test]
    fn a_spec_with_fields_of_a_later_version_is_read() {
        let mut value = serde_json::to_value(example()).unwrap();
        value["later"] = true.into();
        value.as_object_mut().unwrap().remove("workers");
        let spec: Spec = serde_json::from_value(value).unwrap();
        assert_eq!(
            spec,
            Spec {
                workers: 0,
                ..example()
            }
        );
    }

    #[test]
    fn a_key_is_not_shown() {
        let shown = format!("{:?}", example());
        assert!(!shown.contains("AAAA"), "{shown}");
    }
}
