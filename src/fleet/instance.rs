//! EC2 instances and what scales them, as the EC2 and Auto Scaling APIs describe them.

use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::{InstanceId, Scope, Tags};

/// An EC2 instance (`DescribeInstances`). Terminated ones are not part of the fleet.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Instance {
    /// `InstanceId`.
    pub id: InstanceId,
    /// The profile and region that showed it.
    pub scope: Scope,
    /// `State.Name`.
    pub state: InstanceState,
    /// `InstanceType`, such as `t4g.small`.
    pub instance_type: SmolStr,
    /// `Architecture`.
    pub arch: Option<Arch>,
    /// `Placement.AvailabilityZone`, such as `eu-west-1a`.
    pub zone: SmolStr,
    /// `InstanceLifecycle`: absent means on-demand.
    pub purchase: Purchase,
    /// `LaunchTime`.
    pub launched_at: Option<Timestamp>,
    /// `PublicIpAddress`.
    pub public_ip: Option<IpAddr>,
    /// `PrivateIpAddress`.
    pub private_ip: Option<IpAddr>,
    /// `PrivateDnsName`.
    pub private_dns: Option<SmolStr>,
    /// `ImageId`.
    pub image: Option<SmolStr>,
    /// `VpcId`.
    pub vpc: Option<SmolStr>,
    /// `StateTransitionReason` or `StateReason.Message`, when EC2 gives one.
    pub reason: Option<SmolStr>,
    /// All tags.
    pub tags: Tags,
}

impl Instance {
    /// The value of one tag.
    pub fn tag(&self, key: &str) -> Option<&str> {
        self.tags.get(key)
    }

    /// The Auto Scaling group that launched it, from the tag AWS itself sets.
    pub fn asg(&self) -> Option<&str> {
        self.tag("aws:autoscaling:groupName")
    }

    /// The Spot Fleet request that launched it, from the tag AWS itself sets.
    pub fn spot_fleet(&self) -> Option<&str> {
        self.tag("aws:ec2spot:fleet-request-id")
    }
}

/// The life of an instance, in EC2's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InstanceState {
    /// Being started.
    Pending,
    /// Running, and billed.
    Running,
    /// On its way to terminated.
    ShuttingDown,
    /// On its way to stopped.
    Stopping,
    /// Stopped: not billed but for its volumes.
    Stopped,
}

impl InstanceState {
    /// EC2's own word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::ShuttingDown => "shutting-down",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
        }
    }

    /// Whether compute hours are billed in this state.
    pub fn is_billed(self) -> bool {
        matches!(self, Self::Running)
    }
}

/// How an instance is bought.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purchase {
    /// Spot: may be interrupted with two minutes' notice.
    Spot,
    /// On-demand.
    OnDemand,
}

impl Purchase {
    /// `spot` or `on-demand`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Spot => "spot",
            Self::OnDemand => "on-demand",
        }
    }
}

/// A processor architecture, in Kubernetes' words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Arch {
    /// `x86_64`.
    Amd64,
    /// `aarch64`.
    Arm64,
    /// ARMv7, 32-bit.
    Arm,
}

impl Arch {
    /// Kubernetes' word: `amd64`, `arm64` or `arm`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
            Self::Arm => "arm",
        }
    }

    /// From Kubernetes', EC2's or `uname`'s word.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "amd64" | "x86_64" | "x86_64_mac" => Some(Self::Amd64),
            "arm64" | "aarch64" | "arm64_mac" => Some(Self::Arm64),
            "arm" | "armv7l" => Some(Self::Arm),
            _ => None,
        }
    }
}

/// An Auto Scaling group (`DescribeAutoScalingGroups`).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Asg {
    /// The profile and region that showed it.
    pub scope: Scope,
    /// `AutoScalingGroupName`.
    pub name: SmolStr,
    /// `DesiredCapacity`.
    pub desired: u32,
    /// `MinSize`.
    pub min: u32,
    /// `MaxSize`.
    pub max: u32,
    /// `Instances`.
    pub members: Box<[AsgMember]>,
    /// Instance types it may launch: the overrides, else the launch template's, when told.
    pub types: Box<[SmolStr]>,
    /// `AvailabilityZones`.
    pub zones: Box<[SmolStr]>,
    /// `OnDemandPercentageAboveBaseCapacity` of a mixed instances policy.
    pub on_demand_percent: Option<u32>,
    /// `OnDemandBaseCapacity` of a mixed instances policy.
    pub on_demand_base: Option<u32>,
    /// `SuspendedProcesses`.
    pub suspended: Box<[SmolStr]>,
    /// All tags.
    pub tags: Tags,
}

impl Asg {
    /// One of its members. They are sorted by id in the fleet.
    pub(super) fn member(&self, id: &InstanceId) -> Option<&AsgMember> {
        let place = self.members.binary_search_by(|m| m.id.cmp(id)).ok()?;
        self.members.get(place)
    }

    /// How many members are in service.
    pub fn in_service(&self) -> usize {
        self.members.iter().filter(|m| m.lifecycle == "InService").count()
    }
}

/// One instance as its Auto Scaling group sees it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AsgMember {
    /// `InstanceId`.
    pub id: InstanceId,
    /// `LifecycleState`, such as `InService` or `Terminating:Wait`.
    pub lifecycle: SmolStr,
    /// `HealthStatus` is `Healthy`.
    pub healthy: bool,
    /// `ProtectedFromScaleIn`.
    pub protected: bool,
}

/// An EC2 Spot Fleet request (`DescribeSpotFleetRequests`).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SpotFleet {
    /// The profile and region that showed it.
    pub scope: Scope,
    /// `SpotFleetRequestId`, `sfr-…`.
    pub id: SmolStr,
    /// `SpotFleetRequestState`, such as `active`.
    pub state: SmolStr,
    /// `TargetCapacity`.
    pub target: u32,
    /// `FulfilledCapacity`, rounded down to whole units.
    pub fulfilled: u32,
    /// Instance types it may launch.
    pub types: Box<[SmolStr]>,
    /// All tags.
    pub tags: Tags,
}

/// A scaling activity (`DescribeScalingActivities`).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Activity {
    /// The profile and region that showed it.
    pub scope: Scope,
    /// `ActivityId`.
    pub id: SmolStr,
    /// `AutoScalingGroupName`.
    pub asg: SmolStr,
    /// `StartTime`.
    pub started_at: Timestamp,
    /// `EndTime`, once it ended.
    pub ended_at: Option<Timestamp>,
    /// `StatusCode`, such as `Successful` or `Failed`.
    pub status: SmolStr,
    /// `Description`.
    pub description: SmolStr,
    /// `StatusMessage`: why it failed.
    pub message: Option<SmolStr>,
    /// `Progress`, 0 to 100.
    pub progress: u8,
}

/// A warning that AWS gave about an instance.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Notice {
    /// The instance meant.
    pub instance: InstanceId,
    /// What will happen.
    pub kind: NoticeKind,
    /// When AWS said so.
    pub at: Timestamp,
}

/// What a notice says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NoticeKind {
    /// EC2 recommends moving away: an interruption grows likely.
    Rebalance,
    /// The spot instance is taken back two minutes after the notice.
    Interruption,
}
