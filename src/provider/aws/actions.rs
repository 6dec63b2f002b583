//! Which actions of IAM seeing and changing a fleet need, and on what: the table from which error messages quote their
//! line, `doctor` checks each entry, and [`policy`](super::policy) writes the policies.

/// The actions that seeing needs, in the order `doctor` shows them: the feeds' first, then those by which a cluster's
/// resources are found and a launch is prepared. None of them changes anything. AWS wants `"Resource": "*"` for them all:
/// lists cannot be narrowed to what they list, and of those that look at one thing (`iam:GetRole`,
/// `iam:GetInstanceProfile`, `secretsmanager:DescribeSecret`, and what tells of a stack) none tells a secret.
pub const VIEW_ACTIONS: [&str; 28] = [
    "ec2:DescribeInstances",
    "ec2:DescribeSpotFleetRequests",
    "ec2:DescribeSpotInstanceRequests",
    "ec2:DescribeSpotPriceHistory",
    "autoscaling:DescribeAutoScalingGroups",
    "autoscaling:DescribeScalingActivities",
    "pricing:GetProducts",
    "ec2:DescribeInstanceTypes",
    "ec2:DescribeVpcs",
    "ec2:DescribeSubnets",
    "ec2:DescribeVpcEndpoints",
    "ec2:DescribeTags",
    "ec2:DescribeVolumes",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeLaunchTemplates",
    "ec2:DescribeKeyPairs",
    "ssm:DescribeParameters",
    "secretsmanager:ListSecrets",
    "secretsmanager:DescribeSecret",
    "iam:ListRoles",
    "iam:GetRole",
    "iam:ListInstanceProfiles",
    "iam:GetInstanceProfile",
    "tag:GetResources",
    "cloudformation:DescribeStacks",
    "cloudformation:DescribeStackEvents",
    "cloudformation:DescribeStackResourceDrifts",
    "cloudwatch:GetMetricStatistics",
];

/// The actions that changing needs beyond [`VIEW_ACTIONS`]: those of the port
/// [`CloudControl`](crate::provider::CloudControl).
pub const CHANGE_ACTIONS: [&str; 62] = [
    "autoscaling:SetDesiredCapacity",
    "autoscaling:UpdateAutoScalingGroup",
    "autoscaling:SuspendProcesses",
    "autoscaling:ResumeProcesses",
    "autoscaling:TerminateInstanceInAutoScalingGroup",
    "autoscaling:CreateAutoScalingGroup",
    "autoscaling:PutScheduledUpdateGroupAction",
    "autoscaling:DeleteAutoScalingGroup",
    "autoscaling:CreateOrUpdateTags",
    "ec2:TerminateInstances",
    "ec2:ModifySpotFleetRequest",
    "ec2:CancelSpotFleetRequests",
    "ec2:CreateSecurityGroup",
    "ec2:AuthorizeSecurityGroupIngress",
    "ec2:DeleteSecurityGroup",
    "ec2:CreateTags",
    "ec2:CreateLaunchTemplate",
    "ec2:DeleteLaunchTemplate",
    "ec2:CreateFleet",
    "ec2:RunInstances",
    "ec2:DeleteVolume",
    "ec2:DeleteKeyPair",
    "iam:CreateRole",
    "iam:TagRole",
    "iam:PutRolePolicy",
    "iam:ListRolePolicies",
    "iam:DeleteRolePolicy",
    "iam:DeleteRole",
    "iam:PassRole",
    "iam:CreateInstanceProfile",
    "iam:TagInstanceProfile",
    "iam:AddRoleToInstanceProfile",
    "iam:ListInstanceProfilesForRole",
    "iam:RemoveRoleFromInstanceProfile",
    "iam:DeleteInstanceProfile",
    "ssm:PutParameter",
    "ssm:GetParameter",
    "ssm:DeleteParameter",
    "ssm:AddTagsToResource",
    "secretsmanager:CreateSecret",
    "secretsmanager:TagResource",
    "secretsmanager:GetSecretValue",
    "secretsmanager:DeleteSecret",
    "ec2:GetConsoleOutput",
    "ec2:CreateLaunchTemplateVersion",
    "ec2:DescribeLaunchTemplateVersions",
    "ssm:SendCommand",
    "ssm:GetCommandInvocation",
    "cloudformation:CreateChangeSet",
    "cloudformation:DescribeChangeSet",
    "cloudformation:ExecuteChangeSet",
    "cloudformation:DeleteChangeSet",
    "cloudformation:RollbackStack",
    "cloudformation:DeleteStack",
    "sqs:SendMessage",
    "autoscaling:DescribeLifecycleHooks",
    "autoscaling:DeleteLifecycleHook",
    "lambda:UpdateFunctionConfiguration",
    "ec2:DescribeNetworkInterfaces",
    "s3:ListBucketVersions",
    "s3:DeleteObjectVersion",
    "s3:DeleteBucket",
];

/// What seeing the events of a cluster needs besides, on [`QUEUES`] alone. `doctor` cannot try it without a queue: of one
/// that is not there SQS does not say whether it might be read.
pub(super) const ON_QUEUES: [&str; 2] = ["sqs:ReceiveMessage", "sqs:GetQueueAttributes"];

/// The queues of k3fleet's stacks, which CloudFormation names after them.
pub(super) const QUEUES: &str = "arn:*:sqs:*:*:k3fleet-*";

/// What sends k3fleet's own test event.
pub(super) const SEND: &str = "sqs:SendMessage";

/// What takes the function of a stack out of its VPC.
pub(super) const RELEASE: &str = "lambda:UpdateFunctionConfiguration";

/// The functions of k3fleet's stacks, which CloudFormation names after them.
pub(super) const FUNCTIONS: &str = "arn:*:lambda:*:*:function:k3fleet-*";

/// What is done to parts of stacks apart from CloudFormation: [`RELEASE`] to functions, the rest to the buckets with the
/// snapshots of etcd.
pub(super) const ON_PARTS: [&str; 4] = [
    RELEASE,
    "s3:ListBucketVersions",
    "s3:DeleteObjectVersion",
    "s3:DeleteBucket",
];

/// The buckets of k3fleet's stacks with their objects, which CloudFormation names after them.
pub(super) const BUCKETS: &str = "arn:*:s3:::k3fleet-*";

/// What has CloudFormation look whether a stack has drifted, and tells how far the look is. No plan names it.
pub(super) const ON_DRIFT: [&str; 2] = [
    "cloudformation:DetectStackDrift",
    "cloudformation:DescribeStackDriftDetectionStatus",
];

/// k3fleet's own stacks.
pub(super) const STACKS: &str = "arn:*:cloudformation:*:*:stack/k3fleet-*/*";

/// What changes a stack, or what is told of it. CloudFormation makes, and looks at, what is in it with the rights of who
/// asks for it.
pub(super) const ON_STACKS: [&str; 7] = [
    "cloudformation:CreateChangeSet",
    "cloudformation:DescribeChangeSet",
    "cloudformation:ExecuteChangeSet",
    "cloudformation:DeleteChangeSet",
    "cloudformation:RollbackStack",
    "cloudformation:DeleteStack",
    "cloudformation:DetectStackDrift",
];

/// What is done to things that carry a cluster's tag.
pub(super) const ON_TAGGED: [&str; 20] = [
    "autoscaling:SetDesiredCapacity",
    "autoscaling:UpdateAutoScalingGroup",
    "autoscaling:SuspendProcesses",
    "autoscaling:ResumeProcesses",
    "autoscaling:TerminateInstanceInAutoScalingGroup",
    "autoscaling:PutScheduledUpdateGroupAction",
    "autoscaling:DeleteAutoScalingGroup",
    "autoscaling:DeleteLifecycleHook",
    "autoscaling:CreateOrUpdateTags",
    "ec2:TerminateInstances",
    "ec2:GetConsoleOutput",
    "ec2:ModifySpotFleetRequest",
    "ec2:CancelSpotFleetRequests",
    "ec2:AuthorizeSecurityGroupIngress",
    "ec2:DeleteSecurityGroup",
    "ec2:DeleteLaunchTemplate",
    "ec2:CreateLaunchTemplateVersion",
    "ec2:DeleteVolume",
    "ec2:DeleteKeyPair",
    "ec2:CreateTags",
];

/// What makes things in EC2 and Auto Scaling, which carry a cluster's tag from the first moment.
pub(super) const MAKING: [&str; 6] = [
    "autoscaling:CreateAutoScalingGroup",
    "autoscaling:CreateOrUpdateTags",
    "ec2:CreateSecurityGroup",
    "ec2:CreateLaunchTemplate",
    "ec2:CreateFleet",
    "ec2:RunInstances",
];

/// What [`MAKING`] makes.
pub(super) const MADE: [&str; 6] = [
    "arn:*:autoscaling:*:*:autoScalingGroup:*:autoScalingGroupName/k3fleet-*",
    "arn:*:ec2:*:*:security-group/*",
    "arn:*:ec2:*:*:launch-template/*",
    "arn:*:ec2:*:*:fleet/*",
    "arn:*:ec2:*:*:instance/*",
    "arn:*:ec2:*:*:volume/*",
];

/// What machines are made of besides: it is there already, or goes with its machine, and carries no tag of a cluster.
pub(super) const BESIDE_MACHINES: [&str; 8] = [
    "arn:*:ec2:*::image/*",
    "arn:*:ec2:*::snapshot/*",
    "arn:*:ec2:*:*:key-pair/*",
    "arn:*:ec2:*:*:launch-template/*",
    "arn:*:ec2:*:*:network-interface/*",
    "arn:*:ec2:*:*:security-group/*",
    "arn:*:ec2:*:*:spot-instances-request/*",
    "arn:*:ec2:*:*:subnet/*",
];

/// What a change of a Spot Fleet may be asked for besides the fleet itself; none of it carries a cluster's tag.
pub(super) const BESIDE_SPOT_FLEETS: [&str; 2] = ["arn:*:ec2:*:*:launch-template/*", "arn:*:ec2:*:*:subnet/*"];

/// k3fleet's own roles and instance profiles, by their path. IAM cannot look into the policies that are put into them:
/// whoever may put one may give a machine any right. Where that is too much, name an instance profile at each launch
/// and take these statements out.
pub(super) const ROLES: [&str; 2] = ["arn:*:iam::*:role/k3fleet/*", "arn:*:iam::*:instance-profile/k3fleet/*"];

pub(super) const ON_ROLES: [&str; 10] = [
    "iam:TagRole",
    "iam:PutRolePolicy",
    "iam:ListRolePolicies",
    "iam:DeleteRolePolicy",
    "iam:DeleteRole",
    "iam:TagInstanceProfile",
    "iam:AddRoleToInstanceProfile",
    "iam:ListInstanceProfilesForRole",
    "iam:RemoveRoleFromInstanceProfile",
    "iam:DeleteInstanceProfile",
];

/// What no call of ours needs, but AWS for us.
pub(super) const SERVICE_ROLES: &str = "iam:CreateServiceLinkedRole";

pub(super) const MAKING_ROLES: [&str; 2] = ["iam:CreateRole", "iam:CreateInstanceProfile"];

/// k3fleet's own parameters, in every partition, region and account.
pub(super) const PARAMETERS: &str = "arn:*:ssm:*:*:parameter/k3fleet/*";

/// The parameters in which the newest images are published.
pub(super) const IMAGES: &str = "arn:*:ssm:*::parameter/aws/service/*";

/// What tells the age of a cluster's tokens. No plan names it, and seeing goes without: it gives the values of encrypted
/// parameters to whoever asks for them.
pub(super) const HISTORY: &str = "ssm:GetParameterHistory";

pub(super) const ON_PARAMETERS: [&str; 5] = [
    "ssm:PutParameter",
    "ssm:GetParameter",
    HISTORY,
    "ssm:DeleteParameter",
    "ssm:AddTagsToResource",
];

/// What works on machines themselves.
pub(super) const RUN: &str = "ssm:SendCommand";

/// Where: SSM knows an instance's tags by a key of its own.
pub(super) const RUN_PLACES: &str = "arn:*:ec2:*:*:instance/*";

/// What Run Command runs: a shell script, and nothing else.
pub(super) const RUN_DOCUMENT: &str = "arn:*:ssm:*::document/AWS-RunShellScript";

/// What begins a session on a machine: the program of AWS that `shell` and tunnels run asks for it.
pub(super) const START: &str = "ssm:StartSession";

/// What such a session brings to a port of this machine; a shell needs no document.
pub(super) const FORWARD_DOCUMENT: &str = "arn:*:ssm:*:*:document/AWS-StartPortForwardingSession";

/// What goes through one, and what ends it.
pub(super) const ON_SESSIONS: [&str; 2] = ["ssmmessages:OpenDataChannel", "ssm:TerminateSession"];

/// One's own sessions, which are named after who began them.
pub(super) const OWN_SESSIONS: &str = "arn:*:ssm:*:*:session/${aws:userid}-*";

/// k3fleet's own secrets.
pub(super) const SECRETS: &str = "arn:*:secretsmanager:*:*:secret:k3fleet/*";

pub(super) const ON_SECRETS: [&str; 4] = [
    "secretsmanager:CreateSecret",
    "secretsmanager:TagResource",
    "secretsmanager:GetSecretValue",
    "secretsmanager:DeleteSecret",
];

/// Whether a call is made for a change, not by a feed.
pub(super) fn is_for_change(action: &str) -> bool {
    CHANGE_ACTIONS.contains(&action) || ON_DRIFT.contains(&action)
}

/// The one statement that grants one action.
pub(super) fn statement(action: &str) -> String {
    if action == RUN {
        return format!(r#"{{"Effect": "Allow", "Action": "{RUN}", "Resource": ["{RUN_PLACES}", "{RUN_DOCUMENT}"]}}"#);
    }
    let resource = match action {
        "iam:CreateInstanceProfile" | "iam:DeleteInstanceProfile" | "iam:TagInstanceProfile" => {
            "arn:*:iam::*:instance-profile/k3fleet/*"
        }
        action if ON_PARAMETERS.contains(&action) => PARAMETERS,
        action if ON_SECRETS.contains(&action) => SECRETS,
        action if ON_STACKS.contains(&action) => STACKS,
        RELEASE => FUNCTIONS,
        action if ON_PARTS.contains(&action) => BUCKETS,
        action if action == SEND || ON_QUEUES.contains(&action) => QUEUES,
        action if action == "iam:PassRole" || ON_ROLES.contains(&action) || MAKING_ROLES.contains(&action) => {
            "arn:*:iam::*:role/k3fleet/*"
        }
        _ => "*",
    };
    format!(r#"{{"Effect": "Allow", "Action": "{action}", "Resource": "{resource}"}}"#)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_statement_is_json() {
        let one: Value = serde_json::from_str(&statement("ec2:DescribeInstances")).unwrap();
        assert_eq!(one["Action"], "ec2:DescribeInstances");
        assert_eq!((&one["Effect"], &one["Resource"]), (&json!("Allow"), &json!("*")));
        let one: Value = serde_json::from_str(&statement("ssm:PutParameter")).unwrap();
        assert_eq!(one["Resource"], PARAMETERS);
        let one: Value = serde_json::from_str(&statement("ssm:SendCommand")).unwrap();
        assert_eq!(one["Resource"], json!([RUN_PLACES, RUN_DOCUMENT]));
        let one: Value = serde_json::from_str(&statement("iam:CreateRole")).unwrap();
        assert_eq!(one["Resource"], "arn:*:iam::*:role/k3fleet/*");
        for (action, resource) in [
            ("cloudformation:DeleteStack", STACKS),
            ("sqs:ReceiveMessage", QUEUES),
            ("sqs:SendMessage", QUEUES),
            ("cloudformation:DescribeStacks", "*"),
        ] {
            let one: Value = serde_json::from_str(&statement(action)).unwrap();
            assert_eq!(one["Resource"], resource, "{action}");
        }
    }
}
