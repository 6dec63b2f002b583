//! The names by which everything in the fleet is known. Keys, selections, marks and pending actions
//! hold these ids, never row numbers.

use std::fmt;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

macro_rules! string_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(SmolStr);

        impl $name {
            /// Wraps the text as it came from its source.
            pub fn new(text: impl AsRef<str>) -> Self {
                Self(SmolStr::new(text))
            }

            /// The text as it came from its source.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

string_id!(
    /// An EC2 instance id, `i-0123456789abcdef0`.
    InstanceId
);
string_id!(
    /// A kube context: one set of credentials for one API server.
    ContextId
);
string_id!(
    /// An edge host as `hosts.toml` names it.
    HostName
);

/// One AWS profile in one region: what one set of API calls can see.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Scope {
    /// The profile's name; empty for the default credential chain.
    pub profile: SmolStr,
    /// The region, such as `eu-west-1`.
    pub region: SmolStr,
}

impl Scope {
    /// A scope of a named profile (empty: the default chain) and a region.
    pub fn new(profile: impl AsRef<str>, region: impl AsRef<str>) -> Self {
        Self {
            profile: SmolStr::new(profile),
            region: SmolStr::new(region),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.profile.is_empty() {
            f.pad(&self.region)
        } else {
            f.pad(&format!("{}/{}", self.profile, self.region))
        }
    }
}

/// A Kubernetes node: its name is unique within its context's cluster only.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NodeKey {
    /// The context through which it was seen.
    pub context: ContextId,
    /// `metadata.name`.
    pub name: SmolStr,
}

impl NodeKey {
    /// A node by its context and name.
    pub fn new(context: &ContextId, name: impl AsRef<str>) -> Self {
        Self {
            context: context.clone(),
            name: SmolStr::new(name),
        }
    }
}

/// A pod: `namespace/name` within a context.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PodKey {
    /// The context through which it was seen.
    pub context: ContextId,
    /// `namespace/name`.
    pub name: SmolStr,
}

/// A cluster. Two clusters may carry the same name in different scopes, so the scope is part of the id.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ClusterId {
    /// The tag `k3fleet:cluster`, the adopting rule's name, or the kube context's name.
    pub name: SmolStr,
    /// Where its instances are; `None` for a cluster known from a kube context or edge hosts alone.
    pub home: Option<Scope>,
}

impl fmt::Display for ClusterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.name)
    }
}

/// A pool: machines that are scaled as one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PoolId {
    /// An Auto Scaling group.
    Asg(Scope, SmolStr),
    /// An EC2 Spot Fleet request, `sfr-…`.
    SpotFleet(Scope, SmolStr),
    /// A lone instance.
    Instance(InstanceId),
    /// A group of edge hosts, by the group's name.
    Edge(SmolStr),
}

impl PoolId {
    /// The profile and region of a group that AWS scales.
    pub fn scope(&self) -> Option<&Scope> {
        match self {
            Self::Asg(scope, _) | Self::SpotFleet(scope, _) => Some(scope),
            Self::Instance(_) | Self::Edge(_) => None,
        }
    }
}

/// A machine by any of its parts. A row is found by each of them, so an id stays good when a node
/// joins its instance or leaves it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MachineId {
    /// By its EC2 instance.
    Instance(InstanceId),
    /// By its Kubernetes node.
    Node(NodeKey),
    /// By its edge host.
    Edge(HostName),
}

impl fmt::Display for MachineId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Instance(id) => f.pad(id.as_str()),
            Self::Node(key) => f.pad(&key.name),
            Self::Edge(host) => f.pad(host.as_str()),
        }
    }
}
