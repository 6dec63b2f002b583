//! The steps that plans are made of: a small closed set for each port, shared by all verbs. A step says what it does,
//! which calls it makes, and whether the fleet shows that it is done.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::call::Call;
use super::condition::Condition;
use super::request::DrainOptions;
use crate::fleet::{Fleet, InstanceId, MachineId, NodeKey, Scope};

/// One step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// A call to AWS.
    Cloud(Scope, CloudStep),
    /// Work on a node through its API server.
    Kube(NodeKey, KubeStep),
    /// Waiting until the fleet is seen to be so.
    Wait(Condition, SignedDuration),
}

/// What is done at AWS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
}

impl Step {
    /// What it does, for people.
    pub fn describe(&self) -> String {
        match self {
            Self::Cloud(_, CloudStep::SetDesired { asg, desired }) => {
                format!("set the desired capacity of {asg} to {desired}")
            }
            Self::Cloud(_, CloudStep::SetBounds { asg, min, max }) => format!("let {asg} have {min} to {max} machines"),
            Self::Cloud(_, CloudStep::EndMember { asg, instance, shrink }) => match shrink {
                true => format!("end {instance}, and let {asg} want one machine less"),
                false => format!("end {instance}; {asg} launches another"),
            },
            Self::Cloud(_, CloudStep::End { instance }) => format!("end {instance}"),
            Self::Cloud(_, CloudStep::SetTarget { fleet, target, .. }) => {
                format!("set the target of {fleet} to {target}")
            }
            Self::Kube(node, KubeStep::Cordon) => format!("cordon {}", node.name),
            Self::Kube(node, KubeStep::Uncordon) => format!("uncordon {}", node.name),
            Self::Kube(node, KubeStep::Drain(_)) => format!("drain {}", node.name),
            Self::Kube(node, KubeStep::Delete) => format!("delete the node {}", node.name),
            Self::Wait(condition, _) => condition.describe(),
        }
    }

    /// The calls it makes; each names the permission it needs.
    pub fn calls(&self) -> &'static [Call] {
        match self {
            Self::Cloud(_, CloudStep::SetDesired { .. }) => &[Call::SetDesiredCapacity],
            Self::Cloud(_, CloudStep::SetBounds { .. }) => &[Call::UpdateAutoScalingGroup],
            Self::Cloud(_, CloudStep::EndMember { .. }) => &[Call::TerminateInstanceInAutoScalingGroup],
            Self::Cloud(_, CloudStep::End { .. }) => &[Call::TerminateInstances],
            Self::Cloud(_, CloudStep::SetTarget { .. }) => &[Call::ModifySpotFleetRequest],
            Self::Kube(_, KubeStep::Cordon | KubeStep::Uncordon) => &[Call::PatchNode],
            Self::Kube(_, KubeStep::Drain(_)) => &[Call::ListPods, Call::Evict, Call::DeletePod],
            Self::Kube(_, KubeStep::Delete) => &[Call::DeleteNode],
            Self::Wait(..) => &[],
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
            Self::Wait(condition, _) => condition.look(fleet, now).is_met(),
        }
    }
}

fn cloud_done(scope: &Scope, step: &CloudStep, fleet: &Fleet) -> bool {
    match step {
        CloudStep::SetDesired { asg, desired } => fleet.asg(scope, asg).is_some_and(|g| g.desired == *desired),
        CloudStep::SetBounds { asg, min, max } => fleet.asg(scope, asg).is_some_and(|g| (g.min, g.max) == (*min, *max)),
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
    }
}
