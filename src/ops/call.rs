//! Every call that changes something or that changing something needs, with the permission that allows it. Plans name
//! their permissions from here, and the exported IAM policies are made of the same table.

/// A call to AWS or to an API server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Call {
    /// `SetDesiredCapacity` of Auto Scaling.
    SetDesiredCapacity,
    /// `UpdateAutoScalingGroup`.
    UpdateAutoScalingGroup,
    /// `SuspendProcesses` of Auto Scaling.
    SuspendProcesses,
    /// `ResumeProcesses` of Auto Scaling.
    ResumeProcesses,
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
    /// `CreateRole` of IAM.
    CreateRole,
    /// `TagRole` of IAM.
    TagRole,
    /// `PutRolePolicy` of IAM.
    PutRolePolicy,
    /// `CreateInstanceProfile` of IAM.
    CreateInstanceProfile,
    /// `TagInstanceProfile` of IAM.
    TagInstanceProfile,
    /// `AddRoleToInstanceProfile` of IAM.
    AddRoleToInstanceProfile,
    /// `PassRole` of IAM.
    PassRole,
    /// `RemoveRoleFromInstanceProfile` of IAM.
    RemoveRoleFromInstanceProfile,
    /// `DeleteInstanceProfile` of IAM.
    DeleteInstanceProfile,
    /// `ListRolePolicies` of IAM.
    ListRolePolicies,
    /// `ListInstanceProfilesForRole` of IAM.
    ListInstanceProfilesForRole,
    /// `DeleteRolePolicy` of IAM.
    DeleteRolePolicy,
    /// `DeleteRole` of IAM.
    DeleteRole,
    /// `CreateSecurityGroup` of EC2.
    CreateSecurityGroup,
    /// `AuthorizeSecurityGroupIngress` of EC2.
    AuthorizeSecurityGroupIngress,
    /// `DeleteSecurityGroup` of EC2.
    DeleteSecurityGroup,
    /// `CreateTags` of EC2.
    CreateTags,
    /// `CreateLaunchTemplate` of EC2.
    CreateLaunchTemplate,
    /// `DeleteLaunchTemplate` of EC2.
    DeleteLaunchTemplate,
    /// `CreateFleet` of EC2.
    CreateFleet,
    /// `RunInstances` of EC2.
    RunInstances,
    /// `GetConsoleOutput` of EC2.
    GetConsoleOutput,
    /// `CancelSpotFleetRequests` of EC2.
    CancelSpotFleetRequests,
    /// `DeleteVolume` of EC2.
    DeleteVolume,
    /// `DeleteKeyPair` of EC2.
    DeleteKeyPair,
    /// `CreateAutoScalingGroup` of Auto Scaling.
    CreateAutoScalingGroup,
    /// `PutScheduledUpdateGroupAction` of Auto Scaling.
    PutScheduledUpdateGroupAction,
    /// `DeleteAutoScalingGroup` of Auto Scaling.
    DeleteAutoScalingGroup,
    /// `CreateOrUpdateTags` of Auto Scaling.
    CreateOrUpdateTags,
    /// `AddTagsToResource` of SSM.
    AddTagsToResource,
    /// `CreateSecret` of Secrets Manager.
    CreateSecret,
    /// `TagResource` of Secrets Manager.
    TagSecret,
    /// `GetSecretValue` of Secrets Manager.
    GetSecretValue,
    /// `DeleteSecret` of Secrets Manager.
    DeleteSecret,
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
    /// `SendCommand` of SSM.
    SendCommand,
    /// `GetCommandInvocation` of SSM.
    GetCommandInvocation,
    /// `DescribeLaunchTemplateVersions` of EC2.
    DescribeLaunchTemplateVersions,
    /// `CreateLaunchTemplateVersion` of EC2.
    CreateLaunchTemplateVersion,
    /// `DELETE` of a node's password.
    DeleteSecretOfNode,
    /// The cluster's certificate authority.
    GetCacerts,
    /// A bootstrap token made.
    MakeBootstrapToken,
    /// A bootstrap token deleted.
    DeleteBootstrapToken,
    /// `CreateChangeSet` of CloudFormation.
    CreateChangeSet,
    /// `DescribeChangeSet` of CloudFormation.
    DescribeChangeSet,
    /// `ExecuteChangeSet` of CloudFormation.
    ExecuteChangeSet,
    /// `DeleteChangeSet` of CloudFormation.
    DeleteChangeSet,
    /// `RollbackStack` of CloudFormation.
    RollbackStack,
    /// `DeleteStack` of CloudFormation.
    DeleteStack,
    /// `SendMessage` of SQS: the test event.
    SendMessage,
    /// `DescribeLifecycleHooks` of Auto Scaling.
    DescribeLifecycleHooks,
    /// `DeleteLifecycleHook` of Auto Scaling.
    DeleteLifecycleHook,
    /// `UpdateFunctionConfiguration` of Lambda.
    UpdateFunctionConfiguration,
    /// `DescribeNetworkInterfaces` of EC2.
    DescribeNetworkInterfaces,
    /// `ListObjectVersions` of S3.
    ListBucketVersions,
    /// `DeleteObject` of S3, for one version.
    DeleteObjectVersion,
    /// `DeleteBucket` of S3.
    DeleteBucket,
    /// The Services of a cluster.
    ListServices,
    /// `DELETE` of a Service.
    DeleteService,
    /// The Ingresses of a cluster.
    ListIngresses,
    /// `DELETE` of an Ingress.
    DeleteIngress,
}

impl Call {
    /// All calls.
    pub const ALL: [Self; 75] = [
        Self::SetDesiredCapacity,
        Self::UpdateAutoScalingGroup,
        Self::SuspendProcesses,
        Self::ResumeProcesses,
        Self::TerminateInstanceInAutoScalingGroup,
        Self::TerminateInstances,
        Self::ModifySpotFleetRequest,
        Self::PutParameter,
        Self::GetParameter,
        Self::DeleteParameter,
        Self::CreateRole,
        Self::TagRole,
        Self::PutRolePolicy,
        Self::CreateInstanceProfile,
        Self::TagInstanceProfile,
        Self::AddRoleToInstanceProfile,
        Self::PassRole,
        Self::RemoveRoleFromInstanceProfile,
        Self::DeleteInstanceProfile,
        Self::ListRolePolicies,
        Self::ListInstanceProfilesForRole,
        Self::DeleteRolePolicy,
        Self::DeleteRole,
        Self::CreateSecurityGroup,
        Self::AuthorizeSecurityGroupIngress,
        Self::DeleteSecurityGroup,
        Self::CreateTags,
        Self::CreateLaunchTemplate,
        Self::DeleteLaunchTemplate,
        Self::CreateFleet,
        Self::RunInstances,
        Self::GetConsoleOutput,
        Self::CancelSpotFleetRequests,
        Self::DeleteVolume,
        Self::DeleteKeyPair,
        Self::CreateAutoScalingGroup,
        Self::PutScheduledUpdateGroupAction,
        Self::DeleteAutoScalingGroup,
        Self::CreateOrUpdateTags,
        Self::AddTagsToResource,
        Self::CreateSecret,
        Self::TagSecret,
        Self::GetSecretValue,
        Self::DeleteSecret,
        Self::PatchNode,
        Self::DeleteNode,
        Self::ListPods,
        Self::Evict,
        Self::DeletePod,
        Self::SendCommand,
        Self::GetCommandInvocation,
        Self::DescribeLaunchTemplateVersions,
        Self::CreateLaunchTemplateVersion,
        Self::DeleteSecretOfNode,
        Self::GetCacerts,
        Self::MakeBootstrapToken,
        Self::DeleteBootstrapToken,
        Self::CreateChangeSet,
        Self::DescribeChangeSet,
        Self::ExecuteChangeSet,
        Self::DeleteChangeSet,
        Self::RollbackStack,
        Self::DeleteStack,
        Self::SendMessage,
        Self::DescribeLifecycleHooks,
        Self::DeleteLifecycleHook,
        Self::UpdateFunctionConfiguration,
        Self::DescribeNetworkInterfaces,
        Self::ListBucketVersions,
        Self::DeleteObjectVersion,
        Self::DeleteBucket,
        Self::ListServices,
        Self::DeleteService,
        Self::ListIngresses,
        Self::DeleteIngress,
    ];

    /// The permission: an IAM action, or the verb and resource of a Kubernetes role.
    pub fn permission(self) -> &'static str {
        match self {
            Self::SetDesiredCapacity => "autoscaling:SetDesiredCapacity",
            Self::UpdateAutoScalingGroup => "autoscaling:UpdateAutoScalingGroup",
            Self::SuspendProcesses => "autoscaling:SuspendProcesses",
            Self::ResumeProcesses => "autoscaling:ResumeProcesses",
            Self::TerminateInstanceInAutoScalingGroup => "autoscaling:TerminateInstanceInAutoScalingGroup",
            Self::TerminateInstances => "ec2:TerminateInstances",
            Self::ModifySpotFleetRequest => "ec2:ModifySpotFleetRequest",
            Self::PutParameter => "ssm:PutParameter",
            Self::GetParameter => "ssm:GetParameter",
            Self::DeleteParameter => "ssm:DeleteParameter",
            Self::CreateRole => "iam:CreateRole",
            Self::TagRole => "iam:TagRole",
            Self::PutRolePolicy => "iam:PutRolePolicy",
            Self::CreateInstanceProfile => "iam:CreateInstanceProfile",
            Self::TagInstanceProfile => "iam:TagInstanceProfile",
            Self::AddRoleToInstanceProfile => "iam:AddRoleToInstanceProfile",
            Self::PassRole => "iam:PassRole",
            Self::RemoveRoleFromInstanceProfile => "iam:RemoveRoleFromInstanceProfile",
            Self::DeleteInstanceProfile => "iam:DeleteInstanceProfile",
            Self::ListRolePolicies => "iam:ListRolePolicies",
            Self::ListInstanceProfilesForRole => "iam:ListInstanceProfilesForRole",
            Self::DeleteRolePolicy => "iam:DeleteRolePolicy",
            Self::DeleteRole => "iam:DeleteRole",
            Self::CreateSecurityGroup => "ec2:CreateSecurityGroup",
            Self::AuthorizeSecurityGroupIngress => "ec2:AuthorizeSecurityGroupIngress",
            Self::DeleteSecurityGroup => "ec2:DeleteSecurityGroup",
            Self::CreateTags => "ec2:CreateTags",
            Self::CreateLaunchTemplate => "ec2:CreateLaunchTemplate",
            Self::DeleteLaunchTemplate => "ec2:DeleteLaunchTemplate",
            Self::CreateFleet => "ec2:CreateFleet",
            Self::RunInstances => "ec2:RunInstances",
            Self::GetConsoleOutput => "ec2:GetConsoleOutput",
            Self::CancelSpotFleetRequests => "ec2:CancelSpotFleetRequests",
            Self::DeleteVolume => "ec2:DeleteVolume",
            Self::DeleteKeyPair => "ec2:DeleteKeyPair",
            Self::CreateAutoScalingGroup => "autoscaling:CreateAutoScalingGroup",
            Self::PutScheduledUpdateGroupAction => "autoscaling:PutScheduledUpdateGroupAction",
            Self::DeleteAutoScalingGroup => "autoscaling:DeleteAutoScalingGroup",
            Self::CreateOrUpdateTags => "autoscaling:CreateOrUpdateTags",
            Self::AddTagsToResource => "ssm:AddTagsToResource",
            Self::CreateSecret => "secretsmanager:CreateSecret",
            Self::TagSecret => "secretsmanager:TagResource",
            Self::GetSecretValue => "secretsmanager:GetSecretValue",
            Self::DeleteSecret => "secretsmanager:DeleteSecret",
            Self::PatchNode => "patch nodes",
            Self::DeleteNode => "delete nodes",
            Self::ListPods => "list pods",
            Self::Evict => "create pods/eviction",
            Self::DeletePod => "delete pods",
            Self::SendCommand => "ssm:SendCommand",
            Self::GetCommandInvocation => "ssm:GetCommandInvocation",
            Self::DescribeLaunchTemplateVersions => "ec2:DescribeLaunchTemplateVersions",
            Self::CreateLaunchTemplateVersion => "ec2:CreateLaunchTemplateVersion",
            Self::DeleteSecretOfNode => "delete secrets",
            Self::GetCacerts => "get /cacerts",
            Self::MakeBootstrapToken => "create secrets",
            Self::DeleteBootstrapToken => "delete secrets",
            Self::CreateChangeSet => "cloudformation:CreateChangeSet",
            Self::DescribeChangeSet => "cloudformation:DescribeChangeSet",
            Self::ExecuteChangeSet => "cloudformation:ExecuteChangeSet",
            Self::DeleteChangeSet => "cloudformation:DeleteChangeSet",
            Self::RollbackStack => "cloudformation:RollbackStack",
            Self::DeleteStack => "cloudformation:DeleteStack",
            Self::SendMessage => "sqs:SendMessage",
            Self::DescribeLifecycleHooks => "autoscaling:DescribeLifecycleHooks",
            Self::DeleteLifecycleHook => "autoscaling:DeleteLifecycleHook",
            Self::UpdateFunctionConfiguration => "lambda:UpdateFunctionConfiguration",
            Self::DescribeNetworkInterfaces => "ec2:DescribeNetworkInterfaces",
            Self::ListBucketVersions => "s3:ListBucketVersions",
            Self::DeleteObjectVersion => "s3:DeleteObjectVersion",
            Self::DeleteBucket => "s3:DeleteBucket",
            Self::ListServices => "list services",
            Self::DeleteService => "delete services",
            Self::ListIngresses => "list ingresses.networking.k8s.io",
            Self::DeleteIngress => "delete ingresses.networking.k8s.io",
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
