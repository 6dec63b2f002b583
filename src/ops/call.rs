//! Every call that changes something or that changing something needs, with the permission that allows it. Plans name
//! their permissions from here, and the exported IAM policies are made of the same table.

/// A call to AWS or to an API server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Call {
    /// `SetDesiredCapacity` of Auto Scaling.
    SetDesiredCapacity,
    /// `UpdateAutoScalingGroup`.
    UpdateAutoScalingGroup,
    /// `TerminateInstanceInAutoScalingGroup`.
    TerminateInstanceInAutoScalingGroup,
    /// `TerminateInstances` of EC2.
    TerminateInstances,
    /// `ModifySpotFleetRequest` of EC2.
    ModifySpotFleetRequest,
    /// `PutParameter` of SSM: the cluster's lock.
    PutParameter,
    /// `GetParameter` of SSM: the cluster's lock.
    GetParameter,
    /// `DeleteParameter` of SSM: the cluster's lock.
    DeleteParameter,
    /// `PATCH` of a node.
    PatchNode,
    /// `DELETE` of a node.
    DeleteNode,
    /// The pods bound to a node.
    ListPods,
    /// The eviction of a pod.
    Evict,
    /// `DELETE` of a pod.
    DeletePod,
}

impl Call {
    /// All calls.
    pub const ALL: [Self; 13] = [
        Self::SetDesiredCapacity,
        Self::UpdateAutoScalingGroup,
        Self::TerminateInstanceInAutoScalingGroup,
        Self::TerminateInstances,
        Self::ModifySpotFleetRequest,
        Self::PutParameter,
        Self::GetParameter,
        Self::DeleteParameter,
        Self::PatchNode,
        Self::DeleteNode,
        Self::ListPods,
        Self::Evict,
        Self::DeletePod,
    ];

    /// The permission: an IAM action, or the verb and resource of a Kubernetes role.
    pub fn permission(self) -> &'static str {
        match self {
            Self::SetDesiredCapacity => "autoscaling:SetDesiredCapacity",
            Self::UpdateAutoScalingGroup => "autoscaling:UpdateAutoScalingGroup",
            Self::TerminateInstanceInAutoScalingGroup => "autoscaling:TerminateInstanceInAutoScalingGroup",
            Self::TerminateInstances => "ec2:TerminateInstances",
            Self::ModifySpotFleetRequest => "ec2:ModifySpotFleetRequest",
            Self::PutParameter => "ssm:PutParameter",
            Self::GetParameter => "ssm:GetParameter",
            Self::DeleteParameter => "ssm:DeleteParameter",
            Self::PatchNode => "patch nodes",
            Self::DeleteNode => "delete nodes",
            Self::ListPods => "list pods",
            Self::Evict => "create pods/eviction",
            Self::DeletePod => "delete pods",
        }
    }

    /// Its name: AWS' own, or the verb and resource of a call to an API server.
    pub fn name(self) -> &'static str {
        let permission = self.permission();
        permission.split_once(':').map_or(permission, |(_, name)| name)
    }

    /// Whether it is a call to AWS.
    pub fn is_aws(self) -> bool {
        self.permission().contains(':')
    }
}
