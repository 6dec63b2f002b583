//! What CloudFormation calls for what outlives machines.

use super::{Rights, of};

/// The types of buckets, secrets, file systems and databases.
pub(super) const STORAGE: &[Rights] = &[
    of(
        "AWS::EFS::FileSystem",
        &[
            "elasticfilesystem:CreateFileSystem",
            "elasticfilesystem:TagResource",
            "iam:CreateServiceLinkedRole",
        ],
        &[
            "elasticfilesystem:DescribeBackupPolicy",
            "elasticfilesystem:DescribeFileSystemPolicy",
            "elasticfilesystem:DescribeFileSystems",
            "elasticfilesystem:DescribeLifecycleConfiguration",
            "elasticfilesystem:DescribeReplicationConfigurations",
            "elasticfilesystem:ListTagsForResource",
        ],
        &["elasticfilesystem:UntagResource", "elasticfilesystem:UpdateFileSystem"],
        &["elasticfilesystem:DeleteFileSystem"],
    ),
    of(
        "AWS::EFS::MountTarget",
        &[
            // EFS makes an interface in the subnet with the rights of who asks.
            "ec2:CreateNetworkInterface",
            "ec2:DescribeNetworkInterfaces",
            "ec2:DescribeSubnets",
            "elasticfilesystem:CreateMountTarget",
        ],
        &[
            "elasticfilesystem:DescribeMountTargetSecurityGroups",
            "elasticfilesystem:DescribeMountTargets",
        ],
        &[
            "ec2:ModifyNetworkInterfaceAttribute",
            "elasticfilesystem:ModifyMountTargetSecurityGroups",
        ],
        &["ec2:DeleteNetworkInterface", "elasticfilesystem:DeleteMountTarget"],
    ),
    of(
        "AWS::RDS::DBCluster",
        &[
            "iam:CreateServiceLinkedRole",
            "rds:AddTagsToResource",
            "rds:CreateDBCluster",
            // The template takes the password from the secret.
            "secretsmanager:GetSecretValue",
        ],
        &["rds:DescribeDBClusters", "rds:DescribeEvents"],
        &[
            "ec2:DescribeSecurityGroups",
            "rds:DescribeDBSubnetGroups",
            "rds:DescribeGlobalClusters",
            "rds:ModifyDBCluster",
            "rds:RemoveTagsFromResource",
        ],
        &["rds:CreateDBClusterSnapshot", "rds:DeleteDBCluster"],
    ),
    of(
        "AWS::RDS::DBInstance",
        &[
            "iam:CreateServiceLinkedRole",
            "rds:AddTagsToResource",
            "rds:CreateDBInstance",
        ],
        &[
            "ec2:DescribeAccountAttributes",
            "ec2:DescribeAvailabilityZones",
            "ec2:DescribeInternetGateways",
            "ec2:DescribeSecurityGroups",
            "ec2:DescribeSubnets",
            "ec2:DescribeVpcAttribute",
            "ec2:DescribeVpcs",
            "rds:DescribeDBClusters",
            "rds:DescribeDBInstances",
            "rds:DescribeEvents",
        ],
        &[
            "rds:DescribeDBEngineVersions",
            "rds:DescribeDBParameterGroups",
            "rds:ModifyDBInstance",
            "rds:RebootDBInstance",
            "rds:RemoveTagsFromResource",
        ],
        &["rds:DeleteDBInstance"],
    ),
    of(
        "AWS::RDS::DBSubnetGroup",
        &[
            "iam:CreateServiceLinkedRole",
            "rds:AddTagsToResource",
            "rds:CreateDBSubnetGroup",
        ],
        &["rds:DescribeDBSubnetGroups", "rds:ListTagsForResource"],
        &["rds:ModifyDBSubnetGroup", "rds:RemoveTagsFromResource"],
        &["rds:DeleteDBSubnetGroup"],
    ),
    of(
        "AWS::S3::Bucket",
        &[
            "s3:CreateBucket",
            "s3:PutBucketPublicAccessBlock",
            "s3:PutBucketTagging",
            "s3:PutBucketVersioning",
            "s3:PutEncryptionConfiguration",
            "s3:PutLifecycleConfiguration",
            "s3:TagResource",
        ],
        &[
            "s3:GetBucketPublicAccessBlock",
            "s3:GetBucketTagging",
            "s3:GetBucketVersioning",
            "s3:GetEncryptionConfiguration",
            "s3:GetLifecycleConfiguration",
            "s3:ListBucket",
            "s3:ListTagsForResource",
        ],
        &["s3:UntagResource"],
        &["s3:DeleteBucket"],
    ),
    of(
        "AWS::S3::BucketPolicy",
        &["s3:PutBucketPolicy"],
        &["s3:GetBucketPolicy"],
        &[],
        &["s3:DeleteBucketPolicy"],
    ),
    of(
        "AWS::SecretsManager::Secret",
        &[
            "secretsmanager:CreateSecret",
            "secretsmanager:GetRandomPassword",
            "secretsmanager:TagResource",
        ],
        &["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"],
        &["secretsmanager:UntagResource", "secretsmanager:UpdateSecret"],
        &["secretsmanager:DeleteSecret"],
    ),
];
