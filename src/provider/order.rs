//! What is ordered at AWS when a cluster is made. Orders are whole: an adapter needs nothing besides them. Each names what
//! it makes, so that an order given twice makes nothing twice.

use smol_str::SmolStr;

use super::Secret;
use crate::fleet::Purchase;

/// Tags, each as key and value.
pub type TagList = Vec<(String, String)>;

/// The path of every role and instance profile of k3fleet in IAM: by it they are found.
pub const IAM_PATH: &str = "/k3fleet/";

/// An IAM role with one policy of its own, in an instance profile of the same name.
#[derive(Clone, Debug, PartialEq)]
pub struct RoleOrder {
    /// The name of both; their path is [`IAM_PATH`].
    pub name: String,
    /// Who may take the role, as JSON.
    pub trust: String,
    /// The name of its inline policy.
    pub policy_name: String,
    /// What it may do, as JSON.
    pub policy: String,
    /// Tags of both.
    pub tags: TagList,
}

/// A security group.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupOrder {
    /// Its name, unique in its VPC.
    pub name: String,
    /// The VPC.
    pub vpc: SmolStr,
    /// What it is for.
    pub description: String,
    /// Who may reach its machines from outside.
    pub open: Vec<Opening>,
    /// Its tags.
    pub tags: TagList,
}

/// A port that networks may reach over TCP. Among themselves the machines of a group reach everything.
#[derive(Clone, Debug, PartialEq)]
pub struct Opening {
    /// The port.
    pub port: u16,
    /// The networks in CIDR notation, of either family.
    pub from: Vec<SmolStr>,
    /// What it is for.
    pub what: &'static str,
}

/// An SSM parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct ParameterOrder {
    /// Its name, a path.
    pub name: String,
    /// Its value.
    pub value: ParameterValue,
    /// Its tags.
    pub tags: TagList,
}

/// The value of a parameter.
#[derive(Clone, Debug, PartialEq)]
pub enum ParameterValue {
    /// Encrypted (`SecureString`). One that is there already keeps its value.
    Secure(Secret),
    /// Plain (`String`). One that is there already is set anew.
    Plain(String),
}

/// A launch template: how each machine of a pool is launched. IMDSv2 with one hop and the instance's tags in it, an
/// encrypted volume of type gp3 that ends with its machine, and a machine that is terminated when it shuts down, go
/// without saying.
#[derive(Clone, Debug, PartialEq)]
pub struct TemplateOrder {
    /// Its name.
    pub name: String,
    /// `ami-…`.
    pub image: SmolStr,
    /// The device name of the image's root volume.
    pub root_device: &'static str,
    /// The size of that volume, in GiB.
    pub volume_gib: u32,
    /// The preferred instance type.
    pub instance_type: SmolStr,
    /// The instance profile, by name.
    pub profile: Option<String>,
    /// The key pair, by name.
    pub key_pair: Option<SmolStr>,
    /// The security group, `sg-…`.
    pub group: SmolStr,
    /// What its machines run at their first boot; not yet in base64.
    pub user_data: String,
    /// Tags of the template itself, and of its machines and volumes.
    pub tags: TagList,
}

/// A lone machine from a launch template: several types and zones at once, so that capacity is found (an EC2 Fleet of
/// type `instant`).
#[derive(Clone, Debug, PartialEq)]
pub struct MachineOrder {
    /// The launch template, by name.
    pub template: String,
    /// The types it may have, the preferred one first.
    pub types: Vec<SmolStr>,
    /// The subnets it may be in.
    pub subnets: Vec<SmolStr>,
    /// How it is bought.
    pub purchase: Purchase,
    /// Makes one machine of calls that are made again: at most 64 ASCII characters.
    pub client_token: String,
    /// Tags of the EC2 Fleet; those of the machine are the template's.
    pub tags: TagList,
}

/// An Auto Scaling group over a launch template.
#[derive(Clone, Debug, PartialEq)]
pub struct AsgOrder {
    /// Its name.
    pub name: String,
    /// The launch template, by name: its newest version.
    pub template: String,
    /// The types its machines may have.
    pub types: Vec<SmolStr>,
    /// The subnets they may be in.
    pub subnets: Vec<SmolStr>,
    /// How they are bought: all spot, or all on-demand.
    pub purchase: Purchase,
    /// How many machines it begins with.
    pub desired: u32,
    /// The most it may have.
    pub max: u32,
    /// Its tags; its machines have the template's.
    pub tags: TagList,
}
