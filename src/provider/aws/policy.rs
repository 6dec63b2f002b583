//! What seeing and changing a fleet needs to be allowed in IAM: two lists, from which error messages quote their line,
//! `doctor` checks each entry, and the policies of a viewer and of an operator are written.

use serde_json::{Value, json};

use crate::fleet::TAG_CLUSTER;

/// The actions that seeing needs, in the order `doctor` shows them: the feeds' first, then those by which a cluster's
/// resources are found and a launch is prepared. None of them changes anything. AWS wants `"Resource": "*"` for them all:
/// lists cannot be narrowed to what they list, and of the three that look at one thing (`iam:GetRole`,
/// `iam:GetInstanceProfile`, `secretsmanager:DescribeSecret`) none tells a secret.
pub const VIEW_ACTIONS: [&str; 23] = [
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
];

/// The actions that changing needs beyond [`VIEW_ACTIONS`]: those of the port
/// [`CloudControl`](crate::provider::CloudControl).
pub const CHANGE_ACTIONS: [&str; 46] = [
    "autoscaling:SetDesiredCapacity",
    "autoscaling:UpdateAutoScalingGroup",
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
];

/// What is done to things that carry a cluster's tag.
const ON_TAGGED: [&str; 18] = [
    "autoscaling:SetDesiredCapacity",
    "autoscaling:UpdateAutoScalingGroup",
    "autoscaling:TerminateInstanceInAutoScalingGroup",
    "autoscaling:PutScheduledUpdateGroupAction",
    "autoscaling:DeleteAutoScalingGroup",
    "autoscaling:CreateOrUpdateTags",
    "ec2:TerminateInstances",
    "ec2:GetConsoleOutput",
    "ec2:ModifySpotFleetRequest",
    "ec2:CancelSpotFleetRequests",
    "ec2:AuthorizeSecurityGroupIngress",
    "ec2:DeleteSecurityGroup",
    "ec2:DeleteLaunchTemplate",
    "ec2:CreateLaunchTemplateVersion",
    "ssm:SendCommand",
    "ec2:DeleteVolume",
    "ec2:DeleteKeyPair",
    "ec2:CreateTags",
];

/// What makes things in EC2 and Auto Scaling, which carry a cluster's tag from the first moment.
const MAKING: [&str; 6] = [
    "autoscaling:CreateAutoScalingGroup",
    "autoscaling:CreateOrUpdateTags",
    "ec2:CreateSecurityGroup",
    "ec2:CreateLaunchTemplate",
    "ec2:CreateFleet",
    "ec2:RunInstances",
];

/// What [`MAKING`] makes.
const MADE: [&str; 6] = [
    "arn:*:autoscaling:*:*:autoScalingGroup:*:autoScalingGroupName/*",
    "arn:*:ec2:*:*:security-group/*",
    "arn:*:ec2:*:*:launch-template/*",
    "arn:*:ec2:*:*:fleet/*",
    "arn:*:ec2:*:*:instance/*",
    "arn:*:ec2:*:*:volume/*",
];

/// What machines are made of besides: it is there already, or goes with its machine, and carries no tag of a cluster.
const BESIDE_MACHINES: [&str; 8] = [
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
const BESIDE_SPOT_FLEETS: [&str; 2] = ["arn:*:ec2:*:*:launch-template/*", "arn:*:ec2:*:*:subnet/*"];

/// k3fleet's own roles and instance profiles, by their path. IAM cannot look into the policies that are put into them:
/// whoever may put one may give a machine any right. Where that is too much, name an instance profile at each launch
/// and take these statements out.
const ROLES: [&str; 2] = ["arn:*:iam::*:role/k3fleet/*", "arn:*:iam::*:instance-profile/k3fleet/*"];

const ON_ROLES: [&str; 10] = [
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
const SERVICE_ROLES: &str = "iam:CreateServiceLinkedRole";

const MAKING_ROLES: [&str; 2] = ["iam:CreateRole", "iam:CreateInstanceProfile"];

/// k3fleet's own parameters, in every partition, region and account.
const PARAMETERS: &str = "arn:*:ssm:*:*:parameter/k3fleet/*";

/// The parameters in which the newest images are published.
const IMAGES: &str = "arn:*:ssm:*::parameter/aws/service/*";

const ON_PARAMETERS: [&str; 4] = [
    "ssm:PutParameter",
    "ssm:GetParameter",
    "ssm:DeleteParameter",
    "ssm:AddTagsToResource",
];

/// What Run Command runs: a shell script, and nothing else.
const RUN_DOCUMENT: &str = "arn:*:ssm:*::document/AWS-RunShellScript";

/// k3fleet's own secrets.
const SECRETS: &str = "arn:*:secretsmanager:*:*:secret:k3fleet/*";

const ON_SECRETS: [&str; 4] = [
    "secretsmanager:CreateSecret",
    "secretsmanager:TagResource",
    "secretsmanager:GetSecretValue",
    "secretsmanager:DeleteSecret",
];

/// The IAM policy of somebody who may see the fleet, as JSON to be pasted into IAM.
pub fn view_policy() -> String {
    written(&[view()])
}

/// The IAM policy of somebody who may also change it, as JSON to be pasted into IAM. What may be changed carries the tag
/// `k3fleet:cluster`, or one of the keys in `adopted`, by which clusters made by others are known; IAM takes such keys
/// only as they are, without any pattern in them. What is made carries `k3fleet:cluster` from the first moment, or its
/// name or path says whose it is.
pub fn operator_policy(adopted: &[&str]) -> String {
    let mut keys = vec![TAG_CLUSTER];
    for key in adopted {
        if !keys.contains(key) {
            keys.push(key);
        }
    }
    let mut statements = vec![view()];
    // The conditions of one statement must all hold: each key has a statement of its own.
    statements.extend(keys.iter().enumerate().map(|(number, key)| {
        let suffix = if number == 0 {
            String::new()
        } else {
            (number + 1).to_string()
        };
        json!({
            "Sid": format!("K3fleetChange{suffix}"),
            "Effect": "Allow",
            "Action": ON_TAGGED,
            "Resource": "*",
            "Condition": {"StringLike": {format!("aws:ResourceTag/{key}"): "*"}},
        })
    }));
    let carries_tag = json!({"StringLike": {format!("aws:RequestTag/{TAG_CLUSTER}"): "*"}});
    let allow = |id: &str, actions: Value, resources: Value| json!({"Sid": format!("K3fleet{id}"), "Effect": "Allow", "Action": actions, "Resource": resources});
    let only = |mut statement: Value, condition: Value| {
        if let Some(fields) = statement.as_object_mut() {
            fields.insert("Condition".to_owned(), condition);
        }
        statement
    };
    statements.extend([
        allow(
            "BesideSpotFleets",
            json!("ec2:ModifySpotFleetRequest"),
            json!(BESIDE_SPOT_FLEETS),
        ),
        // The CSI driver's own tag: what it made for a cluster is deleted with it when the operator says so.
        only(
            allow("VolumesOfKubernetes", json!("ec2:DeleteVolume"), json!("*")),
            json!({"StringLike": {"aws:ResourceTag/ebs.csi.aws.com/cluster-name": "*"}}),
        ),
        only(allow("Make", json!(MAKING), json!(MADE)), carries_tag.clone()),
        allow(
            "BesideGroups",
            json!("ec2:CreateSecurityGroup"),
            json!("arn:*:ec2:*:*:vpc/*"),
        ),
        allow(
            "BesideMachines",
            json!(["ec2:CreateFleet", "ec2:RunInstances"]),
            json!(BESIDE_MACHINES),
        ),
        // Tags on what is being made, and never later on what is somebody else's.
        only(
            allow("TagWhatIsMade", json!("ec2:CreateTags"), json!(MADE)),
            json!({"StringEquals": {"ec2:CreateAction": [
                "CreateSecurityGroup", "CreateLaunchTemplate", "CreateFleet", "RunInstances",
            ]}}),
        ),
        only(allow("MakeRoles", json!(MAKING_ROLES), json!(ROLES)), carries_tag),
        allow("Roles", json!(ON_ROLES), json!(ROLES)),
        only(
            allow("PassRoles", json!("iam:PassRole"), json!(ROLES.first())),
            json!({"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}),
        ),
        // Where an account never had a group, a fleet or a spot machine, AWS makes their own roles at the first one.
        only(
            allow(
                "ServiceRoles",
                json!(SERVICE_ROLES),
                json!("arn:*:iam::*:role/aws-service-role/*"),
            ),
            json!({"StringEquals": {"iam:AWSServiceName": [
                "autoscaling.amazonaws.com", "ec2fleet.amazonaws.com", "spot.amazonaws.com",
            ]}}),
        ),
        allow("Parameters", json!(ON_PARAMETERS), json!(PARAMETERS)),
        allow("Images", json!("ssm:GetParameter"), json!(IMAGES)),
        allow("Secrets", json!(ON_SECRETS), json!(SECRETS)),
        allow("RunShellScript", json!("ssm:SendCommand"), json!(RUN_DOCUMENT)),
        allow(
            "Answers",
            json!(["ssm:GetCommandInvocation", "ec2:DescribeLaunchTemplateVersions"]),
            json!("*"),
        ),
    ]);
    written(&statements)
}

fn view() -> Value {
    json!({
        "Sid": "K3fleetView",
        "Effect": "Allow",
        "Action": VIEW_ACTIONS,
        "Resource": "*",
    })
}

fn written(statements: &[Value]) -> String {
    let policy = json!({"Version": "2012-10-17", "Statement": statements});
    format!("{policy:#}")
}

/// Whether a call is made for a change, not by a feed.
pub(super) fn is_for_change(action: &str) -> bool {
    CHANGE_ACTIONS.contains(&action)
}

/// The one statement that grants one action.
pub(super) fn statement(action: &str) -> String {
    let resource = match action {
        "iam:CreateInstanceProfile" | "iam:DeleteInstanceProfile" | "iam:TagInstanceProfile" => {
            "arn:*:iam::*:instance-profile/k3fleet/*"
        }
        action if ON_PARAMETERS.contains(&action) => PARAMETERS,
        action if ON_SECRETS.contains(&action) => SECRETS,
        action if action == "iam:PassRole" || ON_ROLES.contains(&action) || MAKING_ROLES.contains(&action) => {
            "arn:*:iam::*:role/k3fleet/*"
        }
        _ => "*",
    };
    format!(r#"{{"Effect": "Allow", "Action": "{action}", "Resource": "{resource}"}}"#)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statements(policy: &str) -> Vec<Value> {
        let policy: Value = serde_json::from_str(policy).unwrap();
        assert_eq!(policy["Version"], "2012-10-17");
        policy["Statement"].as_array().unwrap().clone()
    }

    fn actions(statement: &Value) -> Vec<&str> {
        match &statement["Action"] {
            Value::String(one) => vec![one],
            several => several
                .as_array()
                .unwrap()
                .iter()
                .map(|a| a.as_str().unwrap())
                .collect(),
        }
    }

    #[test]
    fn the_policy_is_json_and_grants_each_action_once() {
        let statements = statements(&view_policy());
        assert_eq!(statements.len(), 1);
        assert_eq!(actions(&statements[0]), VIEW_ACTIONS);
    }

    #[test]
    fn an_operator_may_see_all_and_change_what_is_tagged() {
        let statements = statements(&operator_policy(&[]));
        assert_eq!(
            statements[0],
            serde_json::from_str::<Value>(&view().to_string()).unwrap()
        );
        let mut granted: Vec<_> = statements.iter().flat_map(actions).collect();
        granted.sort_unstable();
        granted.dedup();
        let ours = VIEW_ACTIONS.iter().chain(&CHANGE_ACTIONS).chain([&SERVICE_ROLES]);
        let mut needed: Vec<_> = ours.copied().collect();
        needed.sort_unstable();
        assert_eq!(granted, needed);

        for statement in statements.iter().skip(1) {
            // IAM knows no resources for these reads.
            let reads = |action: &&str| action.starts_with("ssm:Get") || action.starts_with("ec2:Describe");
            let only_reads = actions(statement).iter().all(reads);
            assert!(
                only_reads || statement.get("Condition").is_some() || statement["Resource"] != "*",
                "nothing is changed without a bound: {statement}"
            );
        }
        let of = |action: &str| statements.iter().find(|s| actions(s).contains(&action)).unwrap();
        assert_eq!(of("ssm:PutParameter")["Resource"], "arn:*:ssm:*:*:parameter/k3fleet/*");
        assert_eq!(of("iam:PassRole")["Resource"], "arn:*:iam::*:role/k3fleet/*");
        assert_eq!(
            of("iam:PassRole")["Condition"]["StringEquals"]["iam:PassedToService"],
            "ec2.amazonaws.com"
        );
        for made in [
            "ec2:CreateLaunchTemplate",
            "autoscaling:CreateAutoScalingGroup",
            "iam:CreateRole",
        ] {
            let condition = &of(made)["Condition"]["StringLike"];
            assert_eq!(condition["aws:RequestTag/k3fleet:cluster"], "*", "{made}");
        }
        let size = operator_policy(&[]).split_whitespace().map(str::len).sum::<usize>();
        assert!(
            size <= 6144,
            "a managed policy holds so many characters, blanks not counted: {size}"
        );
    }

    #[test]
    fn clusters_made_by_others_are_bound_to_their_own_tags() {
        let statements = statements(&operator_policy(&["k3s-cluster", TAG_CLUSTER, "Team"]));
        let of_tags = |statement: &&Value| actions(statement).contains(&"autoscaling:SetDesiredCapacity");
        let conditions: Vec<_> = statements.iter().filter(of_tags).map(|s| &s["Condition"]).collect();
        assert_eq!(
            conditions,
            [
                &json!({"StringLike": {"aws:ResourceTag/k3fleet:cluster": "*"}}),
                &json!({"StringLike": {"aws:ResourceTag/k3s-cluster": "*"}}),
                &json!({"StringLike": {"aws:ResourceTag/Team": "*"}}),
            ]
        );
        let ids: std::collections::HashSet<_> = statements.iter().map(|s| s["Sid"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), statements.len(), "IAM wants each Sid once");
        let is_plain = |id: &&str| id.chars().all(|c| c.is_ascii_alphanumeric());
        assert!(ids.iter().all(is_plain), "IAM takes letters and digits: {ids:?}");
    }

    #[test]
    fn a_statement_is_json() {
        let one: Value = serde_json::from_str(&statement("ec2:DescribeInstances")).unwrap();
        assert_eq!(one["Action"], "ec2:DescribeInstances");
        assert_eq!((&one["Effect"], &one["Resource"]), (&json!("Allow"), &json!("*")));
        let one: Value = serde_json::from_str(&statement("ssm:PutParameter")).unwrap();
        assert_eq!(one["Resource"], PARAMETERS);
        let one: Value = serde_json::from_str(&statement("iam:CreateRole")).unwrap();
        assert_eq!(one["Resource"], "arn:*:iam::*:role/k3fleet/*");
    }
}
