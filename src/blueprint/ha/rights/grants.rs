//! The statements that grant it: on what, and on which condition.

use serde_json::{Value, json};

use crate::fleet::TAG_CLUSTER;

/// A statement, before it is known which of its actions are needed.
pub(super) struct Grant {
    id: &'static str,
    pub(super) takes: fn(&str) -> bool,
    on: &'static [&'static str],
    only: Only,
}

/// On which condition.
#[derive(Clone, Copy, PartialEq)]
enum Only {
    /// CloudFormation asks.
    Stack,
    /// And gives it a cluster's tag.
    Tagging,
    /// And it carries a cluster's tag.
    Tagged,
    /// And it is being made.
    Making,
    /// And it is about a function of a stack's.
    Function,
    /// The role goes to a service that the stack's parts run on.
    Passed,
    /// The role is that of a service of AWS.
    Service,
}

impl Grant {
    /// With the actions that are needed of those it takes.
    pub(super) fn statement(&self, actions: &[&&str]) -> Value {
        let mut condition = json!({});
        if !matches!(self.only, Only::Passed | Only::Service) {
            condition["ForAnyValue:StringEquals"] = json!({"aws:CalledVia": "cloudformation.amazonaws.com"});
        }
        match self.only {
            Only::Stack => {}
            Only::Tagging => condition["StringLike"] = json!({format!("aws:RequestTag/{TAG_CLUSTER}"): "*"}),
            Only::Tagged => condition["StringLike"] = json!({format!("aws:ResourceTag/{TAG_CLUSTER}"): "*"}),
            Only::Making => condition["Null"] = json!({"ec2:CreateAction": "false"}),
            Only::Function => {
                condition["ArnLike"] = json!({"lambda:FunctionArn": "arn:*:lambda:*:*:function:k3fleet-*"});
            }
            Only::Passed => {
                let services = ["ec2.amazonaws.com", "lambda.amazonaws.com", "spotfleet.amazonaws.com"];
                condition["StringEquals"] = json!({"iam:PassedToService": services});
            }
            Only::Service => {
                let services = [
                    "autoscaling",
                    "elasticfilesystem",
                    "elasticloadbalancing",
                    "rds",
                    "spot",
                    "spotfleet",
                ];
                let services = services.map(|service| format!("{service}.amazonaws.com"));
                condition["StringEquals"] = json!({"iam:AWSServiceName": services});
            }
        }
        let needs = |on: &&&str| {
            actions
                .iter()
                .any(|action| on.split(':').nth(2).is_none_or(|of| of == service(action)))
        };
        let on: Vec<_> = self.on.iter().filter(needs).collect();
        json!({
            "Sid": format!("K3fleetStack{}", self.id),
            "Effect": "Allow",
            "Action": actions,
            "Resource": on,
            "Condition": condition,
        })
    }
}

const EVERYWHERE: &[&str] = &["*"];

/// What makes something in EC2 that carries its tags from the first moment.
const MAKES: [&str; 10] = [
    "ec2:AllocateAddress",
    "ec2:CreateInternetGateway",
    "ec2:CreateLaunchTemplate",
    "ec2:CreateNatGateway",
    "ec2:CreateRouteTable",
    "ec2:CreateSecurityGroup",
    "ec2:CreateSubnet",
    "ec2:CreateVpc",
    "ec2:CreateVpcEndpoint",
    "ec2:RequestSpotFleet",
];

/// What asks for things besides that are somebody else's, or are told apart by nothing.
const BESIDE: [&str; 8] = [
    "ec2:CreateNatGateway",
    "ec2:CreateRouteTable",
    "ec2:CreateSecurityGroup",
    "ec2:CreateSubnet",
    "ec2:CreateVpcEndpoint",
    "ec2:ModifyVpcEndpoint",
    "ec2:RequestSpotFleet",
    "ec2:RunInstances",
];

/// Statements, of which a policy has those that any of its actions goes into; some actions go into several.
pub(super) const GRANTS: &[Grant] = &[
    Grant {
        id: "Look",
        takes: looks,
        on: EVERYWHERE,
        only: Only::Stack,
    },
    Grant {
        id: "Make",
        takes: |action| MAKES.contains(&action),
        on: &[
            "arn:*:ec2:*:*:elastic-ip/*",
            "arn:*:ec2:*:*:internet-gateway/*",
            "arn:*:ec2:*:*:launch-template/*",
            "arn:*:ec2:*:*:natgateway/*",
            "arn:*:ec2:*:*:route-table/*",
            "arn:*:ec2:*:*:security-group/*",
            "arn:*:ec2:*:*:spot-fleet-request/*",
            "arn:*:ec2:*:*:subnet/*",
            "arn:*:ec2:*:*:vpc-endpoint/*",
            "arn:*:ec2:*:*:vpc/*",
        ],
        only: Only::Tagging,
    },
    Grant {
        id: "Beside",
        takes: |action| BESIDE.contains(&action),
        on: &[
            "arn:*:ec2:*::image/*",
            "arn:*:ec2:*::snapshot/*",
            "arn:*:ec2:*:*:elastic-ip/*",
            "arn:*:ec2:*:*:instance/*",
            "arn:*:ec2:*:*:key-pair/*",
            "arn:*:ec2:*:*:launch-template/*",
            "arn:*:ec2:*:*:network-interface/*",
            "arn:*:ec2:*:*:route-table/*",
            "arn:*:ec2:*:*:security-group/*",
            "arn:*:ec2:*:*:spot-instances-request/*",
            "arn:*:ec2:*:*:subnet/*",
            "arn:*:ec2:*:*:volume/*",
            "arn:*:ec2:*:*:vpc/*",
        ],
        only: Only::Stack,
    },
    // EFS' own, in subnets that may be somebody else's.
    Grant {
        id: "Interfaces",
        takes: is_interface,
        on: &[
            "arn:*:ec2:*:*:network-interface/*",
            "arn:*:ec2:*:*:security-group/*",
            "arn:*:ec2:*:*:subnet/*",
        ],
        only: Only::Stack,
    },
    // Tags on what is being made; on what is there already only where it carries a cluster's.
    Grant {
        id: "Tag",
        takes: |action| action == "ec2:CreateTags",
        on: &["arn:*:ec2:*:*:*/*"],
        only: Only::Making,
    },
    Grant {
        id: "Change",
        takes: |action| {
            let alone = !looks(action) && !MAKES.contains(&action);
            let ours = action != "ec2:RunInstances" && !is_interface(action);
            service(action) == "ec2" && alone && ours
        },
        on: EVERYWHERE,
        only: Only::Tagged,
    },
    Grant {
        id: "PrivateNames",
        takes: |action| service(action) == "route53",
        on: EVERYWHERE,
        only: Only::Stack,
    },
    Grant {
        id: "MakeServices",
        takes: |action| {
            let makes = [
                "AddTags",
                "CreateFileSystem",
                "CreateListener",
                "CreateLoadBalancer",
                "CreateTargetGroup",
            ];
            is_tagged(action) && (makes.contains(&verb(action)) || verb(action) == "TagResource")
        },
        on: EVERYWHERE,
        only: Only::Tagging,
    },
    Grant {
        id: "ChangeServices",
        takes: |action| {
            let makes = [
                "CreateFileSystem",
                "CreateListener",
                "CreateLoadBalancer",
                "CreateTargetGroup",
            ];
            is_tagged(action) && !looks(action) && !makes.contains(&verb(action))
        },
        on: EVERYWHERE,
        only: Only::Tagged,
    },
    Grant {
        id: "Named",
        takes: |action| {
            let named = [
                "autoscaling",
                "events",
                "lambda",
                "logs",
                "rds",
                "s3",
                "secretsmanager",
                "sqs",
            ];
            named.contains(&service(action)) && !looks(action) && !is_mapping(action)
        },
        on: &[
            "arn:*:autoscaling:*:*:autoScalingGroup:*:autoScalingGroupName/k3fleet-*",
            "arn:*:events:*:*:rule/k3fleet-*",
            "arn:*:lambda:*:*:function:k3fleet-*",
            "arn:*:logs:*:*:log-group:k3fleet-*",
            "arn:*:rds:*:*:*:default*",
            "arn:*:rds:*:*:*:k3fleet-*",
            "arn:*:s3:::k3fleet-*",
            // CloudFormation names a secret without a name after its place in the template.
            "arn:*:secretsmanager:*:*:secret:DatabaseLogin-*",
            "arn:*:secretsmanager:*:*:secret:k3fleet/*",
            "arn:*:sqs:*:*:k3fleet-*",
        ],
        only: Only::Stack,
    },
    Grant {
        id: "Mappings",
        takes: is_mapping,
        on: EVERYWHERE,
        only: Only::Function,
    },
    Grant {
        id: "TagMappings",
        takes: |action| service(action) == "lambda" && verb(action).contains("Tag"),
        on: &["arn:*:lambda:*:*:event-source-mapping:*"],
        only: Only::Stack,
    },
    Grant {
        id: "Roles",
        takes: |action| {
            let apart = ["PassRole", "CreateServiceLinkedRole"];
            service(action) == "iam" && !apart.contains(&verb(action))
        },
        on: &["arn:*:iam::*:instance-profile/k3fleet-*", "arn:*:iam::*:role/k3fleet-*"],
        only: Only::Stack,
    },
    Grant {
        id: "PassRoles",
        takes: |action| action == "iam:PassRole",
        on: &["arn:*:iam::*:role/k3fleet-*"],
        only: Only::Passed,
    },
    Grant {
        id: "ServiceRoles",
        takes: |action| action == "iam:CreateServiceLinkedRole",
        on: &["arn:*:iam::*:role/aws-service-role/*"],
        only: Only::Service,
    },
];

fn service(action: &str) -> &str {
    action.split_once(':').map_or(action, |(service, _)| service)
}

fn verb(action: &str) -> &str {
    action.split_once(':').map_or("", |(_, verb)| verb)
}

/// What only looks, where a list or a look at one thing cannot be narrowed to it, or tells nothing that is secret.
pub(super) fn looks(action: &str) -> bool {
    let (service, verb) = (service(action), verb(action));
    match service {
        "autoscaling" | "logs" | "rds" => verb.starts_with("Describe"),
        "ec2" | "elasticfilesystem" | "elasticloadbalancing" => {
            ["Describe", "Get", "List"].iter().any(|begin| verb.starts_with(begin))
        }
        "secretsmanager" => verb == "GetRandomPassword",
        _ => false,
    }
}

/// Whether a service's things are told apart by their tags: their names are CloudFormation's own, or none.
fn is_tagged(action: &str) -> bool {
    ["elasticfilesystem", "elasticloadbalancing"].contains(&service(action))
}

fn is_interface(action: &str) -> bool {
    action.contains("NetworkInterface") && !looks(action)
}

fn is_mapping(action: &str) -> bool {
    action.ends_with("EventSourceMapping")
}
