//! What CloudFormation calls for load balancers, events and the function that takes them.

use super::{Rights, of};

/// The types of load balancers, events, and the function and its log.
pub(super) const SERVICES: &[Rights] = &[
    of(
        "AWS::ElasticLoadBalancingV2::Listener",
        &[
            "elasticloadbalancing:AddTags",
            "elasticloadbalancing:CreateListener",
            "elasticloadbalancing:ModifyListenerAttributes",
        ],
        &[
            "elasticloadbalancing:DescribeListenerAttributes",
            "elasticloadbalancing:DescribeListeners",
            "elasticloadbalancing:DescribeTags",
        ],
        &["elasticloadbalancing:ModifyListener", "elasticloadbalancing:RemoveTags"],
        &["elasticloadbalancing:DeleteListener"],
    ),
    of(
        "AWS::ElasticLoadBalancingV2::LoadBalancer",
        &[
            "ec2:DescribeAccountAttributes",
            "ec2:DescribeInternetGateways",
            "ec2:DescribeSecurityGroups",
            "ec2:DescribeSubnets",
            "ec2:DescribeVpcs",
            "ec2:GetSecurityGroupsForVpc",
            "elasticloadbalancing:AddTags",
            "elasticloadbalancing:CreateLoadBalancer",
            "elasticloadbalancing:ModifyLoadBalancerAttributes",
            "elasticloadbalancing:SetSecurityGroups",
            "iam:CreateServiceLinkedRole",
        ],
        &[
            "elasticloadbalancing:DescribeCapacityReservation",
            "elasticloadbalancing:DescribeLoadBalancerAttributes",
            "elasticloadbalancing:DescribeLoadBalancers",
            "elasticloadbalancing:DescribeTags",
        ],
        &["elasticloadbalancing:RemoveTags", "elasticloadbalancing:SetSubnets"],
        &["elasticloadbalancing:DeleteLoadBalancer"],
    ),
    of(
        "AWS::ElasticLoadBalancingV2::TargetGroup",
        &[
            "ec2:DescribeVpcs",
            "elasticloadbalancing:AddTags",
            "elasticloadbalancing:CreateTargetGroup",
            "elasticloadbalancing:ModifyTargetGroupAttributes",
        ],
        &[
            "elasticloadbalancing:DescribeTags",
            "elasticloadbalancing:DescribeTargetGroupAttributes",
            "elasticloadbalancing:DescribeTargetGroups",
            "elasticloadbalancing:DescribeTargetHealth",
        ],
        &[
            "elasticloadbalancing:ModifyTargetGroup",
            "elasticloadbalancing:RemoveTags",
        ],
        &["elasticloadbalancing:DeleteTargetGroup"],
    ),
    of(
        "AWS::Events::Rule",
        &["events:PutRule", "events:PutTargets", "events:TagResource"],
        &[
            "events:DescribeRule",
            "events:ListTagsForResource",
            "events:ListTargetsByRule",
        ],
        &["events:UntagResource"],
        &["events:DeleteRule", "events:RemoveTargets"],
    ),
    of(
        "AWS::Lambda::EventSourceMapping",
        &["lambda:CreateEventSourceMapping", "lambda:TagResource"],
        &["lambda:GetEventSourceMapping", "lambda:ListTags"],
        &["lambda:UntagResource", "lambda:UpdateEventSourceMapping"],
        &["lambda:DeleteEventSourceMapping"],
    ),
    of(
        "AWS::Lambda::Function",
        &[
            "ec2:DescribeSecurityGroups",
            "ec2:DescribeSubnets",
            "ec2:DescribeVpcs",
            "iam:PassRole",
            "lambda:CreateFunction",
            "lambda:TagResource",
        ],
        &[
            "lambda:GetFunction",
            "lambda:GetFunctionCodeSigningConfig",
            "lambda:GetFunctionRecursionConfig",
            "lambda:GetFunctionScalingConfig",
            "lambda:GetRuntimeManagementConfig",
            "lambda:ListTags",
        ],
        &[
            "lambda:UntagResource",
            "lambda:UpdateFunctionCode",
            "lambda:UpdateFunctionConfiguration",
        ],
        &["ec2:DescribeNetworkInterfaces", "lambda:DeleteFunction"],
    ),
    of(
        "AWS::Logs::LogGroup",
        &["logs:CreateLogGroup", "logs:PutRetentionPolicy", "logs:TagResource"],
        &[
            "logs:DescribeIndexPolicies",
            "logs:DescribeLogGroups",
            "logs:DescribeResourcePolicies",
            "logs:GetDataProtectionPolicy",
            "logs:ListTagsForResource",
        ],
        &["logs:DeleteRetentionPolicy", "logs:UntagResource"],
        &["logs:DeleteLogGroup"],
    ),
    of(
        "AWS::SQS::Queue",
        &["sqs:CreateQueue", "sqs:TagQueue"],
        &["sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:ListQueueTags"],
        &["sqs:SetQueueAttributes", "sqs:UntagQueue"],
        &["sqs:DeleteQueue"],
    ),
    of(
        "AWS::SQS::QueuePolicy",
        &["sqs:SetQueueAttributes"],
        &["sqs:GetQueueAttributes"],
        &["sqs:SetQueueAttributes"],
        &["sqs:SetQueueAttributes"],
    ),
];
