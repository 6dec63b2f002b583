//! The steps that plans are made of: a small closed set for each port, shared by all verbs. A step says what it does,
//! which calls it makes, and whether the fleet shows that it is done.

mod calls;
mod describe;

use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::condition::Condition;
use super::joining::Joining;
use super::request::DrainOptions;
use crate::blueprint::Spec;
use crate::blueprint::ha::Site;
use crate::blueprint::machine::Task;
use crate::fleet::{Arch, ClusterId, ContextId, EdgeHost, Fleet, InstanceId, Machine, MachineId, NodeKey, Role, Scope};
use crate::provider::{ChangeSet, Marks, Resource};

/// One step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// A call to AWS.
    Cloud(Scope, CloudStep),
    /// Work on a node through its API server.
    Kube(NodeKey, KubeStep),
    /// Work on a machine itself, as root.
    Machine(Reach, Task),
    /// The files of a release brought to an edge host, from a local directory, for its architecture.
    Bring(EdgeHost, Arch, PathBuf),
    /// An edge host's way into a cluster, from its files to its node, whatever becomes of the other hosts.
    Join(Box<Joining>),
    /// The operation's own bootstrap token, in the cluster of a context.
    Bootstrap(ContextId, BootstrapStep),
    /// Deletes the Services and Ingresses that have load balancers at AWS, in the cluster of a context, and waits until
    /// those are gone.
    Balancers(ContextId),
    /// Waiting until the fleet is seen to be so.
    Wait(Condition, SignedDuration),
}

/// How a machine itself is reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reach {
    /// An edge host, over SSH.
    Edge(EdgeHost),
    /// An instance, by SSM Run Command.
    Instance(Scope, InstanceId),
}

impl Reach {
    /// How a machine is reached: one that is an edge host over SSH, else its instance.
    pub fn of(machine: &Machine<'_>) -> Option<Self> {
        let edge = machine.edge().cloned().map(Self::Edge);
        edge.or_else(|| {
            machine
                .instance()
                .map(|i| Self::Instance(i.scope.clone(), i.id.clone()))
        })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Self::Edge(host) => host.name.as_str(),
            Self::Instance(_, id) => id.as_str(),
        }
    }
}

/// What is done about the token by which an operation's hosts join.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BootstrapStep {
    /// Makes it. It is kept in memory alone, so that an operation that goes on in another process makes it anew.
    Make {
        /// How long it is good for, should nobody delete it.
        ttl: SignedDuration,
    },
    /// Deletes it.
    Delete,
}

/// What is done at AWS.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CloudStep {
    /// Sets a group's desired capacity.
    SetDesired {
        /// The Auto Scaling group.
        asg: SmolStr,
        /// How many instances it shall have.
        desired: u32,
    },
    /// Sets a group's least and most, and its desired capacity with them.
    SetBounds {
        /// The Auto Scaling group.
        asg: SmolStr,
        /// Least.
        min: u32,
        /// Most.
        max: u32,
    },
    /// Lets a group of a cluster that is destroyed have no machine, and takes away its hooks at the end of machines.
    Empty {
        /// The Auto Scaling group.
        asg: SmolStr,
    },
    /// Takes a function of a stack out of its VPC, and waits until its network interfaces are gone.
    Release {
        /// The function's ARN.
        function: SmolStr,
    },
    /// Deletes what servers of a highly available cluster have left in SSM for each other.
    Forget {
        /// The cluster.
        cluster: ClusterId,
    },
    /// Keeps a group from doing something of itself, or lets it again.
    Hold {
        /// The Auto Scaling group.
        asg: SmolStr,
        /// Its processes, in AWS' words.
        processes: Vec<SmolStr>,
        /// Whether they are suspended; otherwise they are resumed.
        held: bool,
    },
    /// Ends one member of a group by name. The group wants one fewer then; otherwise it launches another.
    EndMember {
        /// The Auto Scaling group.
        asg: SmolStr,
        /// The member.
        instance: InstanceId,
        /// Whether the group's desired capacity goes down by one.
        shrink: bool,
    },
    /// Ends an instance that is in no group.
    End {
        /// The instance.
        instance: InstanceId,
    },
    /// Sets the target of a Spot Fleet request.
    SetTarget {
        /// `sfr-…`.
        fleet: SmolStr,
        /// How many units it shall have.
        target: u32,
        /// Whether instances beyond the target are ended by EC2.
        end_excess: bool,
    },
    /// Makes a part of the cluster that is launched.
    Make {
        /// The part.
        part: Part,
        /// Its name.
        name: String,
    },
    /// Launches the cluster's server.
    LaunchServer {
        /// The launch template, by name.
        template: String,
    },
    /// Waits until the server has written the cluster's kubeconfig, and keeps it.
    FetchKubeconfig {
        /// The secret it is written to; `None`: it is read over SSH.
        secret: Option<String>,
    },
    /// Deletes a resource.
    Delete {
        /// The resource.
        resource: Resource,
        /// What it costs in USD per hour, where that is known.
        #[serde(default)]
        usd: Option<f64>,
    },
    /// Proves that nothing carries the cluster's tag any longer, but for what was to stay.
    Prove {
        /// The cluster.
        cluster: ClusterId,
        /// The ids of what was to stay.
        staying: Vec<SmolStr>,
        /// The ids of what CloudFormation has deleted by then, and only lists of tags may name still.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        held: Vec<SmolStr>,
    },
    /// Writes on a resource when its cluster ends.
    Retag {
        /// The resource.
        resource: Resource,
        /// When.
        until: Timestamp,
    },
    /// Sets when a group ends all its machines.
    Expire {
        /// The Auto Scaling group.
        asg: SmolStr,
        /// The name of its scheduled action.
        action: String,
        /// When.
        until: Timestamp,
    },
    /// Makes another token in its parameter; the present one stays there as an older version.
    NewToken {
        /// What it joins: servers or agents.
        kind: Role,
        /// The SSM parameter.
        parameter: SmolStr,
        /// The version that the cluster goes by now.
        from: u64,
    },
    /// Takes the token that a cluster goes by already, for machines that still have an older one.
    UseToken {
        /// What it joins: servers or agents.
        kind: Role,
        /// The SSM parameter.
        parameter: SmolStr,
        /// Its version.
        version: u64,
    },
    /// Work on the stack of a highly available cluster, which CloudFormation does: its events are told until it has ended.
    Stack {
        /// The stack, by name.
        name: String,
        /// What.
        work: StackWork,
    },
    /// Writes down what a highly available cluster is from now on.
    KeepSpec {
        /// What it is.
        spec: Box<Spec>,
        /// Its place, where that changes.
        #[serde(default)]
        site: Option<Box<Site>>,
    },
    /// Lets new machines of a cluster run another release of K3s: its launch templates, and its spec.
    SetRelease {
        /// The launch templates, by name; one that is not there is passed over.
        templates: Vec<String>,
        /// The SSM parameter of the spec.
        spec: String,
        /// The release.
        version: SmolStr,
    },
}

/// What CloudFormation does with a stack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StackWork {
    /// Makes it, as the launch has it.
    Make,
    /// Changes it as a change set has it, which was shown before.
    Change {
        /// The change set.
        change_set: ChangeSet,
    },
    /// Changes it so that new machines run another release of K3s, and nothing else.
    Release {
        /// The release.
        version: SmolStr,
    },
    /// Takes it back to how it was before it failed; one that was never made is emptied.
    Undo,
    /// Sees that it may be deleted, before anything is done that leads there.
    Ask,
    /// Deletes it.
    Delete,
}

/// A part of a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// The IAM role and instance profile of the machines with a role.
    Role(Role),
    /// What that role may do, and its place in the instance profile.
    Grant(Role),
    /// The security group.
    SecurityGroup,
    /// Who may reach that group.
    Openings,
    /// The SSM parameter with the token that joins servers.
    ServerToken,
    /// The SSM parameter with the token that joins agents.
    AgentToken,
    /// The secret for the kubeconfig, empty at first.
    Secret,
    /// The SSM parameter with the spec.
    Spec,
    /// The SSM parameter with the place of a highly available cluster.
    Site,
    /// The SSM parameter with the DSN of a database of the operator's own.
    Dsn,
    /// The launch template of the machines with a role.
    Template(Role),
    /// The Auto Scaling group of the workers.
    Workers,
}

/// What is done to a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KubeStep {
    /// Marks it unschedulable.
    Cordon,
    /// Marks it schedulable.
    Uncordon,
    /// Evicts its pods.
    Drain(DrainOptions),
    /// Deletes the Node object.
    Delete,
    /// Deletes the password by which K3s knows the node again.
    ForgetPassword,
    /// Writes labels and annotations on it.
    Mark(Marks),
}

impl Step {
    /// How many AWS calls it makes one after the other, each waiting for the answer before: those that it makes side by
    /// side count as one, and so does all that is repeated while it waits.
    pub fn round_trips(&self) -> usize {
        match self {
            // The server's address, then the template that holds it.
            Self::Cloud(_, CloudStep::Make { part, .. }) => match part {
                Part::Template(Role::Agent) => 2,
                _ => 1,
            },
            // How it stands, its change set, that it is ready, and its execution.
            Self::Cloud(
                _,
                CloudStep::Stack {
                    work: StackWork::Make, ..
                },
            ) => 4,
            // The secret, then the address that goes with it.
            Self::Cloud(_, CloudStep::FetchKubeconfig { .. }) => 2,
            Self::Cloud(..) => 1,
            Self::Machine(Reach::Instance(..), _) => 1,
            Self::Kube(..)
            | Self::Machine(..)
            | Self::Bring(..)
            | Self::Join(_)
            | Self::Bootstrap(..)
            | Self::Balancers(_)
            | Self::Wait(..) => 0,
        }
    }

    /// Whether the fleet shows that it is done already: then it is not done again.
    pub fn done(&self, fleet: &Fleet, now: Timestamp) -> bool {
        match self {
            Self::Cloud(scope, step) => cloud_done(scope, step, fleet),
            Self::Kube(node, step) => {
                let machine = fleet.machine(&MachineId::Node(node.clone()));
                match (machine.and_then(|m| m.node()), step) {
                    (None, KubeStep::Delete) => true,
                    (Some(node), KubeStep::Cordon) => !node.schedulable,
                    (Some(node), KubeStep::Uncordon) => node.schedulable,
                    // Which pods are still there the API server knows best: draining again is harmless.
                    _ => false,
                }
            }
            // What a machine is like inside it knows best: each may be done again with the same effect.
            Self::Machine(..) | Self::Bring(..) | Self::Join(_) | Self::Bootstrap(..) | Self::Balancers(_) => false,
            Self::Wait(condition, _) => condition.look(fleet, now).is_met(),
        }
    }

    /// Whether it is done anew each time an operation goes on: what it makes does not outlive the process.
    pub(super) fn is_passing(&self) -> bool {
        matches!(self, Self::Bootstrap(..))
    }
}

fn cloud_done(scope: &Scope, step: &CloudStep, fleet: &Fleet) -> bool {
    match step {
        CloudStep::SetDesired { asg, desired } => fleet.asg(scope, asg).is_some_and(|g| g.desired == *desired),
        CloudStep::SetBounds { asg, min, max } => fleet.asg(scope, asg).is_some_and(|g| (g.min, g.max) == (*min, *max)),
        CloudStep::Hold { asg, processes, held } => fleet.asg(scope, asg).is_some_and(|g| {
            let is_held = |process: &SmolStr| g.suspended.contains(process);
            match held {
                true => processes.iter().all(is_held),
                false => !processes.iter().any(is_held),
            }
        }),
        CloudStep::EndMember { asg, instance, .. } => {
            let member = fleet
                .asg(scope, asg)
                .map(|g| g.members.iter().find(|m| m.id == *instance));
            match member {
                Some(Some(member)) => member.lifecycle.starts_with("Terminat"),
                Some(None) => true,
                None => false,
            }
        }
        CloudStep::End { instance } => {
            let machine = fleet.machine(&MachineId::Instance(instance.clone()));
            let state = machine.and_then(|m| m.instance()).map(|i| i.state);
            state.is_none_or(|s| s == crate::fleet::InstanceState::ShuttingDown)
        }
        CloudStep::SetTarget { fleet: id, target, .. } => {
            fleet.spot_fleet(scope, id).is_some_and(|f| f.target == *target)
        }
        // The fleet does not show these: each may be done again with the same effect.
        CloudStep::Make { .. }
        | CloudStep::Empty { .. }
        | CloudStep::Forget { .. }
        | CloudStep::Release { .. }
        | CloudStep::LaunchServer { .. }
        | CloudStep::FetchKubeconfig { .. }
        | CloudStep::Delete { .. }
        | CloudStep::Prove { .. }
        | CloudStep::Retag { .. }
        | CloudStep::Expire { .. }
        | CloudStep::NewToken { .. }
        | CloudStep::UseToken { .. }
        | CloudStep::Stack { .. }
        | CloudStep::KeepSpec { .. }
        | CloudStep::SetRelease { .. } => false,
    }
}
