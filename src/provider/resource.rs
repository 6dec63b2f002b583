//! Things in AWS by the cluster whose tag they carry: what a cluster is destroyed by, and what must be gone then.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// One thing in AWS.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Resource {
    /// What it is.
    pub kind: ResourceKind,
    /// The id or name by which its service knows it; for a load balancer and for `Other` its ARN.
    pub id: SmolStr,
    /// Its name for people, where that is another.
    #[serde(default)]
    pub name: Option<SmolStr>,
    /// The tag `k3fleet:cluster`; for what Kubernetes made, the cluster its own tag names.
    pub cluster: SmolStr,
    /// The tag `k3fleet:expires-at`.
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
    /// Whether Kubernetes made it: a volume of a claim, the load balancer of a Service.
    #[serde(default)]
    pub of_kubernetes: bool,
    /// Its size in GiB, for a volume.
    #[serde(default)]
    pub gib: Option<u32>,
}

/// What a resource is. The order is that of deletion: what uses another comes before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResourceKind {
    /// A CloudFormation stack.
    Stack,
    /// An Auto Scaling group; deleted with its instances.
    Asg,
    /// A Spot Fleet request; cancelled with its instances.
    SpotFleet,
    /// An EC2 instance.
    Instance,
    /// A load balancer.
    LoadBalancer,
    /// A launch template, by its name.
    LaunchTemplate,
    /// A network interface.
    NetworkInterface,
    /// An EBS volume.
    Volume,
    /// A security group, by its id.
    SecurityGroup,
    /// An EC2 key pair, by its name.
    KeyPair,
    /// An IAM instance profile, by its name.
    InstanceProfile,
    /// An IAM role, by its name; deleted with its policies.
    Role,
    /// An SSM parameter, by its name.
    Parameter,
    /// A secret, by its name.
    Secret,
    /// Anything else that carries the tag, by its ARN. k3fleet makes none, and deletes none.
    Other,
}

impl ResourceKind {
    /// Its word for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stack => "stack",
            Self::Asg => "Auto Scaling group",
            Self::SpotFleet => "Spot Fleet",
            Self::Instance => "instance",
            Self::LoadBalancer => "load balancer",
            Self::LaunchTemplate => "launch template",
            Self::NetworkInterface => "network interface",
            Self::Volume => "volume",
            Self::SecurityGroup => "security group",
            Self::KeyPair => "key pair",
            Self::InstanceProfile => "instance profile",
            Self::Role => "role",
            Self::Parameter => "parameter",
            Self::Secret => "secret",
            Self::Other => "resource",
        }
    }

    /// Its word for several.
    pub fn plural(self) -> String {
        match self {
            Self::Other => "other resources".to_owned(),
            kind => format!("{}s", kind.as_str()),
        }
    }

    /// Whether k3fleet knows how to delete it.
    pub fn is_deletable(self) -> bool {
        !matches!(
            self,
            Self::Stack | Self::LoadBalancer | Self::NetworkInterface | Self::Other
        )
    }
}

impl Resource {
    /// The name of the bucket that it is, where it is one.
    pub fn bucket(&self) -> Option<&str> {
        let mut parts = self.id.splitn(6, ':');
        let is_bucket = self.kind == ResourceKind::Other && parts.nth(2) == Some("s3");
        parts.nth(2).filter(|_| is_bucket)
    }

    /// What it is and how it is called, for people.
    pub fn describe(&self) -> String {
        if let Some(bucket) = self.bucket() {
            return format!("bucket {bucket}");
        }
        match self.name.as_ref().filter(|name| **name != self.id) {
            Some(name) => format!("{} {} ({name})", self.kind.as_str(), self.id),
            None => format!("{} {}", self.kind.as_str(), self.id),
        }
    }
}
