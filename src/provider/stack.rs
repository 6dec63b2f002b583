//! CloudFormation stacks as k3fleet sees them: what a stack is, what has happened in it, and what a change set would do.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::TagList;
use crate::fleet::StackDrift;
pub use crate::fleet::StackStatus;

/// A stack (`cloudformation:DescribeStacks`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stack {
    /// Its name.
    pub name: SmolStr,
    /// Its ARN, by which it is known after it is deleted too.
    pub id: SmolStr,
    /// How it stands.
    pub status: StackStatus,
    /// Why, where CloudFormation tells.
    pub reason: Option<SmolStr>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Whether what it made is still as its template says; `None` when nobody has had CloudFormation look.
    #[serde(default)]
    pub drift: Option<StackDrift>,
    /// Its outputs, each as key and value.
    pub outputs: Vec<(SmolStr, SmolStr)>,
    /// Its tags, each as key and value.
    pub tags: Vec<(SmolStr, SmolStr)>,
    /// Whether CloudFormation refuses to delete it: its termination protection is on.
    #[serde(default)]
    pub guarded: bool,
}

impl Stack {
    /// An output by its key.
    pub fn output(&self, key: &str) -> Option<&SmolStr> {
        self.outputs.iter().find(|(k, _)| k == key).map(|(_, value)| value)
    }
}

/// Something that happened in a stack (`cloudformation:DescribeStackEvents`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StackEvent {
    /// By which it is known again.
    pub id: SmolStr,
    /// When.
    pub at: Timestamp,
    /// The resource's name in the template; for the stack itself the stack's name.
    pub resource: SmolStr,
    /// The resource's type, such as `AWS::EC2::SecurityGroup`.
    pub kind: SmolStr,
    /// How it stands since.
    pub status: StackStatus,
    /// Why, where CloudFormation tells.
    pub reason: Option<SmolStr>,
}

impl StackEvent {
    /// Whether it is about the stack itself.
    pub fn is_of_stack(&self) -> bool {
        self.kind == "AWS::CloudFormation::Stack"
    }

    /// Whether the resource was stopped since another one failed.
    pub fn was_stopped(&self) -> bool {
        let told = self.reason.as_ref().is_some_and(|why| why.contains("cancelled"));
        self.status.0.ends_with("_FAILED") && told
    }
}

/// A stack that is to be made, or to be changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StackOrder {
    /// Its name.
    pub name: String,
    /// The template, as JSON.
    pub template: String,
    /// Values of the template's parameters, each as key and value; what is not named has its default.
    pub parameters: Vec<(String, String)>,
    /// Parameters that have the value which the stack has for them already. A stack that is made has none.
    pub kept: Vec<String>,
    /// Its tags, which CloudFormation gives to all its resources.
    pub tags: TagList,
    /// Makes one change of calls that are made again: at most 128 ASCII letters, digits and hyphens, a letter first.
    pub token: String,
}

/// What making or changing a stack would do (`cloudformation:DescribeChangeSet`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeSet {
    /// Its ARN.
    pub id: SmolStr,
    /// The name of the stack.
    pub stack: SmolStr,
    /// Whether the stack would be made.
    pub creates: bool,
    /// What would change; empty: nothing.
    pub changes: Vec<StackChange>,
}

/// A change of one resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StackChange {
    /// What becomes of it.
    pub action: StackAction,
    /// The resource's name in the template.
    pub resource: SmolStr,
    /// Its type.
    pub kind: SmolStr,
    /// Its id or name at AWS, where it has one.
    pub physical: Option<SmolStr>,
    /// The properties that change.
    #[serde(default)]
    pub properties: Vec<SmolStr>,
}

impl StackChange {
    /// The resource, and what of it changes, for people.
    pub fn what(&self) -> String {
        let of = match self.properties.as_slice() {
            [] => String::new(),
            properties => format!(": {}", properties.join(", ")),
        };
        format!("{} ({}){of}", self.resource, self.kind)
    }
}

impl StackAction {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Modify => "change",
            Self::Replace => "make anew",
            Self::MayReplace => "change, or make anew",
            Self::Remove => "remove",
        }
    }
}

/// What becomes of a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StackAction {
    /// It is made.
    Add,
    /// It is changed where it is.
    Modify,
    /// Another is made in its place.
    Replace,
    /// Another may be made in its place: CloudFormation cannot tell before.
    MayReplace,
    /// It is deleted.
    Remove,
}

/// How far a look at whether a stack has drifted is (`cloudformation:DescribeStackDriftDetectionStatus`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Detection {
    /// It goes on.
    Running,
    /// It is over.
    Over {
        /// Why some resources could not be looked at.
        incomplete: Option<SmolStr>,
    },
}

/// A resource that is not as its template says (`cloudformation:DescribeStackResourceDrifts`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceDrift {
    /// Its name in the template.
    pub resource: SmolStr,
    /// Its type, such as `AWS::EC2::SecurityGroup`.
    pub kind: SmolStr,
    /// Its id or name at AWS, where that is told.
    pub physical: Option<SmolStr>,
    /// Whether it was deleted.
    pub deleted: bool,
    /// What differs; nothing where it was deleted.
    pub differences: Vec<PropertyDrift>,
    /// When CloudFormation looked.
    pub checked_at: Option<Timestamp>,
}

/// A property that is not as its template says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PropertyDrift {
    /// Where it is, such as `/SecurityGroupIngress/0/CidrIp`.
    pub path: SmolStr,
    /// What the template says; empty where it says nothing.
    pub expected: SmolStr,
    /// What is; empty where nothing is.
    pub actual: SmolStr,
}

impl ResourceDrift {
    /// Whether nothing but the sizes of a group differ, which scaling changes.
    pub fn is_scaling(&self) -> bool {
        let sizes = ["/DesiredCapacity", "/MaxSize", "/MinSize"];
        let sized = |of: &PropertyDrift| sizes.contains(&of.path.as_str());
        self.kind == "AWS::AutoScaling::AutoScalingGroup" && !self.deleted && self.differences.iter().all(sized)
    }
}

/// A queue (`sqs:GetQueueAttributes`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queue {
    /// Its URL.
    pub url: SmolStr,
    /// About how many messages wait.
    pub waiting: u64,
    /// About how many are being worked on.
    pub taken: u64,
}

/// An event of EventBridge, read from a cluster's queue (`sqs:ReceiveMessage`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloudEvent {
    /// By which it is known again: the same event may be read more than once.
    pub id: SmolStr,
    /// When it happened.
    pub at: Timestamp,
    /// What it is, such as `EC2 Spot Instance Interruption Warning`.
    pub kind: SmolStr,
    /// The instance it is about.
    pub instance: Option<SmolStr>,
    /// What EC2 says of it: the state of a state change, the action of a warning.
    pub says: Option<SmolStr>,
    /// The Auto Scaling group it is about.
    pub asg: Option<SmolStr>,
}
