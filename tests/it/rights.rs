//! What CloudFormation calls for each type of resource, held against the registry of resource types, of which cfn-lint brings
//! a copy: whatever AWS names for a type is granted to who launches, or is known not to be needed.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use k3fleet::blueprint::ha::rights::{Part, Rights};

use crate::support::tool;

/// Prints the actions that the registry names for types, as JSON by type.
const ASK: &str = r#"
import json, pathlib, sys
import cfnlint
data = pathlib.Path(cfnlint.__file__).parent / "data" / "schemas"
files = json.loads((data / "providers" / "eu-west-1.json").read_text())
told = {}
for kind in sys.argv[1:]:
    schema = json.loads((data / "resources" / files[kind]).with_suffix(".json").read_text())
    handlers = schema.get("handlers", {})
    told[kind] = sorted({action for name, one in handlers.items() if name != "list" for action in one.get("permissions", [])})
print(json.dumps(told))
"#;

/// What the registry names and nobody is granted: the type, or all of them where it is empty, the actions, and why.
const NOT_NEEDED: &[(&str, &[&str], &str)] = &[
    (
        "",
        &[
            "cognito-idp:",
            "firehose:",
            "managed-fleets:",
            "s3files:",
            "s3tables:",
            "vpc-lattice:",
            "vpce:",
        ],
        "the template has nothing of these services",
    ),
    (
        "",
        &["kms:"],
        "the keys are AWS' own, whose policies let the services use them",
    ),
    (
        "AWS::AutoScaling::AutoScalingGroup",
        &[
            "autoscaling:AttachLoadBalancers",
            "autoscaling:CancelInstanceRefresh",
            "autoscaling:DeleteNotificationConfiguration",
            "autoscaling:DetachLoadBalancers",
            "autoscaling:DisableMetricsCollection",
            "autoscaling:EnableMetricsCollection",
            "autoscaling:PutNotificationConfiguration",
            "autoscaling:ResumeProcesses",
            "autoscaling:StartInstanceRefresh",
            "autoscaling:SuspendProcesses",
            "cloudwatch:PutMetricAlarm",
            "ec2:Get*",
            "ssm:Get*",
        ],
        "no notifications, metrics, classic load balancers, images by parameter, nor rolling updates",
    ),
    (
        "AWS::EC2::EIP",
        &[
            "ec2:AcceptAddressTransfer",
            "ec2:AssociateAddress",
            "ec2:DisassociateAddress",
        ],
        "the address is a NAT gateway's, no machine's",
    ),
    (
        "AWS::EC2::NatGateway",
        &[
            "ec2:AssignPrivateNatGatewayAddress",
            "ec2:AssociateNatGatewayAddress",
            "ec2:DisassociateNatGatewayAddress",
            "ec2:UnassignPrivateNatGatewayAddress",
        ],
        "it has one address for ever",
    ),
    (
        "AWS::EC2::Route",
        &["ec2:DescribeNetworkInterfaces"],
        "no route leads to an interface",
    ),
    (
        "AWS::EC2::Subnet",
        &["ec2:AssociateSubnetCidrBlock", "ec2:DisassociateSubnetCidrBlock"],
        "it has one network for ever",
    ),
    (
        "AWS::EC2::VPC",
        &["ec2:CreateVpcEncryptionControl", "ec2:ModifyVpcTenancy"],
        "encryption within the VPC and machines of one's own are not asked for",
    ),
    (
        "AWS::EC2::VPCGatewayAttachment",
        &["ec2:AttachVpnGateway", "ec2:DetachVpnGateway"],
        "the gateway is the internet's",
    ),
    (
        "AWS::EFS::FileSystem",
        &[
            "elasticfilesystem:CreateReplicationConfiguration",
            "elasticfilesystem:DeleteFileSystemPolicy",
            "elasticfilesystem:DeleteReplicationConfiguration",
            "elasticfilesystem:DeleteTags",
            "elasticfilesystem:PutBackupPolicy",
            "elasticfilesystem:PutFileSystemPolicy",
            "elasticfilesystem:PutLifecycleConfiguration",
            "elasticfilesystem:UpdateFileSystemProtection",
            "iam:PassRole",
        ],
        "no replicas, backups, policy, lifecycle, nor protection",
    ),
    (
        "AWS::ElasticLoadBalancingV2::LoadBalancer",
        &[
            "ec2:DescribeIpamPools",
            "elasticloadbalancing:ModifyCapacityReservation",
            "elasticloadbalancing:ModifyIpPools",
            "elasticloadbalancing:SetIpAddressType",
        ],
        "no reserved capacity, pools of addresses, nor IPv6",
    ),
    (
        "AWS::ElasticLoadBalancingV2::TargetGroup",
        &[
            "elasticloadbalancing:DeregisterTargets",
            "elasticloadbalancing:RegisterTargets",
        ],
        "Auto Scaling and Spot Fleet register machines",
    ),
    (
        "AWS::Events::Rule",
        &["iam:PassRole"],
        "queues are reached without a role",
    ),
    (
        "AWS::IAM::Policy",
        &[
            "iam:DeleteGroupPolicy",
            "iam:DeleteUserPolicy",
            "iam:GetGroupPolicy",
            "iam:GetUserPolicy",
            "iam:PutGroupPolicy",
            "iam:PutUserPolicy",
        ],
        "it goes to roles alone",
    ),
    (
        "AWS::IAM::Role",
        &[
            "iam:AttachRolePolicy",
            "iam:DeleteRolePermissionsBoundary",
            "iam:DetachRolePolicy",
            "iam:PutRolePermissionsBoundary",
            "iam:UpdateRole",
            "iam:UpdateRoleDescription",
        ],
        "no policies of others, boundary, nor description",
    ),
    (
        "AWS::Lambda::Function",
        &[
            "elasticfilesystem:DescribeMountTargets",
            "lambda:AssociateRuntimeAlias",
            "lambda:DeleteFunctionCodeSigningConfig",
            "lambda:DeleteFunctionConcurrency",
            "lambda:GetCodeSigningConfig",
            "lambda:GetLayerVersion",
            "lambda:PassCapacityProvider",
            "lambda:PublishVersion",
            "lambda:PutFunctionCodeSigningConfig",
            "lambda:PutFunctionConcurrency",
            "lambda:PutFunctionRecursionConfig",
            "lambda:PutFunctionScalingConfig",
            "lambda:PutRuntimeManagementConfig",
            "s3:GetObject",
            "s3:GetObjectVersion",
        ],
        "its code stands in the template: no files, layers, versions, signatures, nor a share of its own",
    ),
    (
        "AWS::Logs::LogGroup",
        &[
            "logs:AssociateKmsKey",
            "logs:CreateLogDelivery",
            "logs:DeleteDataProtectionPolicy",
            "logs:DeleteIndexPolicy",
            "logs:DeleteResourcePolicy",
            "logs:DisassociateKmsKey",
            "logs:PutBearerTokenAuthentication",
            "logs:PutDataProtectionPolicy",
            "logs:PutIndexPolicy",
            "logs:PutLogGroupDeletionProtection",
            "logs:PutResourcePolicy",
            "s3:REST.PUT.OBJECT",
        ],
        "no policies, indices, deliveries, nor a key of its own",
    ),
    (
        "AWS::RDS::DBCluster",
        &[
            "iam:PassRole",
            "rds:AddRoleToDBCluster",
            "rds:CreateDBInstance",
            "rds:DeleteDBInstance",
            "rds:DescribeDBClusterAutomatedBackups",
            "rds:DescribeDBClusterSnapshots",
            "rds:DescribeDBSnapshots",
            "rds:DisableHttpEndpoint",
            "rds:EnableHttpEndpoint",
            "rds:ModifyDBInstance",
            "rds:RemoveFromGlobalCluster",
            "rds:RemoveRoleFromDBCluster",
            "rds:RestoreDBClusterFromSnapshot",
            "rds:RestoreDBClusterToPointInTime",
            "secretsmanager:CreateSecret",
            "secretsmanager:TagResource",
        ],
        "Aurora of its own, not restored, not global, without roles; its login and instances are resources of the stack",
    ),
    (
        "AWS::RDS::DBInstance",
        &[
            "iam:GetRole",
            "iam:ListRoles",
            "iam:PassRole",
            "rds:AddRoleToDBInstance",
            "rds:CreateDBInstanceReadReplica",
            "rds:CreateDBSnapshot",
            "rds:DescribeDBClusterSnapshots",
            "rds:DescribeDBInstanceAutomatedBackups",
            "rds:DescribeDBSnapshots",
            "rds:PromoteReadReplica",
            "rds:RemoveRoleFromDBInstance",
            "rds:RestoreDBInstanceFromDBSnapshot",
            "rds:RestoreDBInstanceToPointInTime",
            "rds:StartDBInstanceAutomatedBackupsReplication",
            "rds:StopDBInstanceAutomatedBackupsReplication",
            "secretsmanager:CreateSecret",
            "secretsmanager:TagResource",
        ],
        "an instance of a cluster: not restored, no replica, without roles and a login",
    ),
    (
        "AWS::S3::Bucket",
        &[
            "iam:PassRole",
            "s3:CreateBucketMetadataTableConfiguration",
            "s3:Delete",
            "s3:GetAccelerateConfiguration",
            "s3:GetAnalyticsConfiguration",
            "s3:GetBucketAbac",
            "s3:GetBucketAcl",
            "s3:GetBucketCORS",
            "s3:GetBucketLogging",
            "s3:GetBucketMetadataTableConfiguration",
            "s3:GetBucketNotification",
            "s3:GetBucketObjectLockConfiguration",
            "s3:GetBucketOwnershipControls",
            "s3:GetBucketWebsite",
            "s3:GetIntelligentTieringConfiguration",
            "s3:GetInventoryConfiguration",
            "s3:GetMetricsConfiguration",
            "s3:GetReplicationConfiguration",
            "s3:PutAccelerateConfiguration",
            "s3:PutAnalyticsConfiguration",
            "s3:PutBucketAbac",
            "s3:PutBucketAcl",
            "s3:PutBucketCORS",
            "s3:PutBucketLogging",
            "s3:PutBucketNotification",
            "s3:PutBucketObjectLockConfiguration",
            "s3:PutBucketOwnershipControls",
            "s3:PutBucketReplication",
            "s3:PutBucketWebsite",
            "s3:PutIntelligentTieringConfiguration",
            "s3:PutInventoryConfiguration",
            "s3:PutMetricsConfiguration",
            "s3:PutObject",
            "s3:PutReplicationConfiguration",
            "s3:UpdateBucketMetadata",
        ],
        "no replicas, web site, logs, notifications, inventories, locks, nor access lists",
    ),
    (
        "AWS::SecretsManager::Secret",
        &[
            "secretsmanager:RemoveRegionsFromReplication",
            "secretsmanager:ReplicateSecretToRegions",
        ],
        "it stays in its region",
    ),
];

#[test]
fn what_the_registry_names_for_a_type_is_granted_or_known_not_to_be_needed() {
    let Some(program) = tool::find("K3FLEET_CFN_LINT", "venv/bin/cfn-lint") else {
        return;
    };
    let kinds: BTreeMap<_, _> = Part::ALL
        .iter()
        .flat_map(|part| part.kinds())
        .map(|rights| (rights.kind, rights))
        .collect();
    let out = Command::new(program.with_file_name("python"))
        .args(["-c", ASK])
        .args(kinds.keys())
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let told: BTreeMap<String, Vec<String>> = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(told.len(), kinds.len());
    let mut lacking = vec![];
    let mut unused: BTreeSet<_> = NOT_NEEDED
        .iter()
        .flat_map(|(kind, actions, _)| actions.iter().map(move |action| (*kind, *action)))
        .collect();
    for (kind, actions) in &told {
        for action in actions {
            let known: Vec<_> = NOT_NEEDED
                .iter()
                .filter(|(of, ..)| of.is_empty() || of == kind)
                .flat_map(|(of, actions, _)| actions.iter().map(move |action| (*of, *action)))
                .filter(|(_, begin)| action.starts_with(begin))
                .collect();
            let granted = grants(kinds[kind.as_str()], action);
            for one in &known {
                unused.remove(one);
            }
            if !granted && known.is_empty() {
                lacking.push(format!("{kind} {action}"));
            }
        }
    }
    assert!(lacking.is_empty(), "{}", lacking.join("\n"));
    assert!(unused.is_empty(), "the registry names no more: {unused:?}");
}

/// Whether a type is granted an action, or one of those that a pattern stands for.
fn grants(rights: &Rights, action: &str) -> bool {
    let begin = action.trim_end_matches('*');
    let fits = |own: &str| own == action || (begin != action && own.starts_with(begin));
    rights.all().any(fits)
}
