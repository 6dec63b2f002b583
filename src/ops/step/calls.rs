//! The calls that each step makes.

use super::{BootstrapStep, CloudStep, KubeStep, Part, Reach, StackWork, Step};
use crate::ops::call::Call;
use crate::provider::{Resource, ResourceKind};

impl Part {
    fn calls(self) -> &'static [Call] {
        match self {
            Self::Role(_) => &[
                Call::CreateRole,
                Call::TagRole,
                Call::CreateInstanceProfile,
                Call::TagInstanceProfile,
            ],
            Self::Grant(_) => &[Call::PutRolePolicy, Call::AddRoleToInstanceProfile],
            Self::SecurityGroup => &[Call::CreateSecurityGroup, Call::CreateTags],
            Self::Openings => &[Call::AuthorizeSecurityGroupIngress],
            Self::ServerToken | Self::AgentToken | Self::Spec | Self::Site | Self::Dsn => {
                &[Call::PutParameter, Call::AddTagsToResource]
            }
            Self::Secret => &[Call::CreateSecret, Call::TagSecret],
            Self::Template(_) => &[Call::CreateLaunchTemplate, Call::CreateTags],
            Self::Workers => &[Call::CreateAutoScalingGroup, Call::RunInstances, Call::PassRole],
        }
    }
}

impl StackWork {
    fn calls(&self) -> &'static [Call] {
        match self {
            // One that failed before is deleted first.
            Self::Make => &[
                Call::CreateChangeSet,
                Call::DescribeChangeSet,
                Call::ExecuteChangeSet,
                Call::DeleteStack,
            ],
            Self::Change { .. } => &[Call::ExecuteChangeSet],
            Self::Release { .. } => &[
                Call::GetParameter,
                Call::CreateChangeSet,
                Call::DescribeChangeSet,
                Call::ExecuteChangeSet,
                Call::PutParameter,
            ],
            Self::Undo => &[Call::RollbackStack],
            Self::Ask => &[],
            Self::Delete => &[Call::DeleteStack],
        }
    }
}

impl Step {
    /// The calls it makes; each names the permission it needs.
    pub fn calls(&self) -> &'static [Call] {
        match self {
            Self::Cloud(_, CloudStep::SetDesired { .. }) => &[Call::SetDesiredCapacity],
            Self::Cloud(_, CloudStep::SetBounds { .. }) => &[Call::UpdateAutoScalingGroup],
            Self::Cloud(_, CloudStep::Empty { .. }) => &[
                Call::DescribeLifecycleHooks,
                Call::DeleteLifecycleHook,
                Call::UpdateAutoScalingGroup,
            ],
            Self::Cloud(_, CloudStep::Release { .. }) => {
                &[Call::UpdateFunctionConfiguration, Call::DescribeNetworkInterfaces]
            }
            Self::Balancers(_) => &[
                Call::ListServices,
                Call::DeleteService,
                Call::ListIngresses,
                Call::DeleteIngress,
            ],
            Self::Cloud(_, CloudStep::Forget { .. }) => &[Call::GetParameter, Call::DeleteParameter],
            Self::Cloud(_, CloudStep::Hold { held: true, .. }) => &[Call::SuspendProcesses],
            Self::Cloud(_, CloudStep::Hold { held: false, .. }) => &[Call::ResumeProcesses],
            Self::Cloud(_, CloudStep::EndMember { .. }) => &[Call::TerminateInstanceInAutoScalingGroup],
            Self::Cloud(_, CloudStep::End { .. }) => &[Call::TerminateInstances],
            Self::Cloud(_, CloudStep::SetTarget { .. }) => &[Call::ModifySpotFleetRequest],
            Self::Cloud(_, CloudStep::Make { part, .. }) => part.calls(),
            Self::Cloud(_, CloudStep::LaunchServer { .. }) => {
                &[Call::CreateFleet, Call::RunInstances, Call::PassRole, Call::CreateTags]
            }
            Self::Cloud(_, CloudStep::FetchKubeconfig { secret: Some(_) }) => {
                &[Call::GetSecretValue, Call::GetConsoleOutput]
            }
            Self::Cloud(_, CloudStep::FetchKubeconfig { secret: None }) => &[Call::GetConsoleOutput],
            Self::Cloud(_, CloudStep::Delete { resource, .. }) => deleting(resource),
            Self::Cloud(_, CloudStep::Prove { .. }) => &[],
            Self::Cloud(_, CloudStep::Retag { resource, .. }) => tagging(resource.kind),
            Self::Cloud(_, CloudStep::Expire { .. }) => &[Call::PutScheduledUpdateGroupAction],
            Self::Kube(_, KubeStep::Cordon | KubeStep::Uncordon) => &[Call::PatchNode],
            Self::Kube(_, KubeStep::Drain(_)) => &[Call::ListPods, Call::Evict, Call::DeletePod],
            Self::Kube(_, KubeStep::Delete) => &[Call::DeleteNode],
            Self::Kube(_, KubeStep::ForgetPassword) => &[Call::DeleteSecretOfNode],
            Self::Kube(_, KubeStep::Mark(_)) => &[Call::PatchNode],
            Self::Cloud(_, CloudStep::NewToken { .. }) => &[Call::GetParameter, Call::PutParameter],
            Self::Cloud(_, CloudStep::UseToken { .. }) => &[Call::GetParameter],
            Self::Cloud(_, CloudStep::KeepSpec { .. }) => &[Call::PutParameter],
            Self::Cloud(_, CloudStep::Stack { work, .. }) => work.calls(),
            Self::Cloud(_, CloudStep::SetRelease { .. }) => &[
                Call::DescribeLaunchTemplateVersions,
                Call::CreateLaunchTemplateVersion,
                Call::GetParameter,
                Call::PutParameter,
            ],
            Self::Machine(Reach::Instance(..), _) => &[Call::SendCommand, Call::GetCommandInvocation],
            Self::Machine(Reach::Edge(_), _) | Self::Bring(..) => &[],
            Self::Join(_) => &[Call::PatchNode],
            Self::Bootstrap(_, BootstrapStep::Make { .. }) => &[Call::GetCacerts, Call::MakeBootstrapToken],
            Self::Bootstrap(_, BootstrapStep::Delete) => &[Call::DeleteBootstrapToken],
            Self::Wait(..) => &[],
        }
    }
}

/// The calls that delete a resource.
fn deleting(resource: &Resource) -> &'static [Call] {
    match resource.kind {
        ResourceKind::Other if resource.bucket().is_some() => {
            &[Call::ListBucketVersions, Call::DeleteObjectVersion, Call::DeleteBucket]
        }
        ResourceKind::Asg => &[Call::DeleteAutoScalingGroup],
        ResourceKind::SpotFleet => &[Call::CancelSpotFleetRequests],
        ResourceKind::Instance => &[Call::TerminateInstances],
        ResourceKind::LaunchTemplate => &[Call::DeleteLaunchTemplate],
        ResourceKind::Volume => &[Call::DeleteVolume],
        ResourceKind::SecurityGroup => &[Call::DeleteSecurityGroup],
        ResourceKind::KeyPair => &[Call::DeleteKeyPair],
        ResourceKind::InstanceProfile => &[Call::RemoveRoleFromInstanceProfile, Call::DeleteInstanceProfile],
        ResourceKind::Role => &[
            Call::ListRolePolicies,
            Call::ListInstanceProfilesForRole,
            Call::RemoveRoleFromInstanceProfile,
            Call::DeleteRolePolicy,
            Call::DeleteRole,
        ],
        ResourceKind::Parameter => &[Call::DeleteParameter],
        ResourceKind::Secret => &[Call::DeleteSecret],
        ResourceKind::Stack | ResourceKind::LoadBalancer | ResourceKind::NetworkInterface | ResourceKind::Other => &[],
    }
}

/// The calls that write tags on a resource.
fn tagging(kind: ResourceKind) -> &'static [Call] {
    match kind {
        ResourceKind::Asg => &[Call::CreateOrUpdateTags],
        ResourceKind::InstanceProfile => &[Call::TagInstanceProfile],
        ResourceKind::Role => &[Call::TagRole],
        ResourceKind::Parameter => &[Call::AddTagsToResource],
        ResourceKind::Secret => &[Call::TagSecret],
        _ => &[Call::CreateTags],
    }
}
