//! The IAM policies of a viewer and of an operator, written from the table of [`actions`](super::actions).
//!
//! A viewer is told no secret: reading the history of a parameter would give the values of encrypted ones too, which the
//! account's own key of SSM decrypts for everybody who may read them, so that it is for operators alone.

use serde_json::{Value, json};

use super::actions::{
    BESIDE_MACHINES, BESIDE_SPOT_FLEETS, BUCKETS, FORWARD_DOCUMENT, FUNCTIONS, IMAGES, MADE, MAKING, MAKING_ROLES,
    ON_PARAMETERS, ON_PARTS, ON_QUEUES, ON_ROLES, ON_SECRETS, ON_SESSIONS, ON_STACKS, ON_TAGGED, OWN_SESSIONS,
    PARAMETERS, QUEUES, ROLES, RUN, RUN_DOCUMENT, RUN_PLACES, SECRETS, SEND, SERVICE_ROLES, STACKS, START,
    VIEW_ACTIONS,
};
use crate::fleet::TAG_CLUSTER;

/// The IAM policy of somebody who may see the fleet, as JSON to be pasted into IAM.
pub fn view_policy() -> String {
    written(&[view(), events()])
}

/// The IAM policy of somebody who may also change it, as JSON to be pasted into IAM. What may be changed carries the tag
/// `k3fleet:cluster`; what is made carries it from the first moment, or its name or path says whose it is.
pub fn operator_policy() -> String {
    written(&operating())
}

/// What of an operator's policy `k3fleet ci` has no use for: its clusters are no stacks, have no events, are changed by no
/// commands, and take an instance profile that is there.
const NOT_OF_CI: [&str; 9] = [
    "Answers",
    "MakeRoles",
    "PassRoles",
    "Roles",
    "Run",
    "Sessions",
    "SpotFleets",
    "Stacks",
    "Volumes",
];

/// The statements by which `k3fleet ci --instance-profile NAME` may launch clusters whose names begin with `prefix`, and
/// destroy them; `iam:PassRole` on the profile's role is needed besides. They are an operator's, bound to those names: who
/// runs other people's tests must not reach other clusters by them.
pub fn ci_statements(prefix: &str) -> Vec<Value> {
    let has_use = |one: &Value| {
        let id = one.get("Sid").and_then(Value::as_str).unwrap_or_default();
        !NOT_OF_CI.contains(&id)
    };
    let mut statements: Vec<_> = operating().into_iter().filter(has_use).collect();
    for statement in &mut statements {
        bind(statement, prefix);
    }
    statements
}

/// Binds what any cluster's name may stand in, and any value of its tag, to names that begin so.
fn bind(value: &mut Value, prefix: &str) {
    match value {
        Value::String(text) => {
            for (any, ours) in [
                ("/k3fleet/*", "/k3fleet/"),
                (":k3fleet/*", ":k3fleet/"),
                ("Name/k3fleet-*", "Name/k3fleet-"),
            ] {
                if let Some(begin) = text.strip_suffix(any) {
                    *text = format!("{begin}{ours}{prefix}*");
                    return;
                }
            }
        }
        Value::Array(all) => all.iter_mut().for_each(|one| bind(one, prefix)),
        Value::Object(fields) => {
            for (key, field) in fields {
                match field {
                    Value::String(any) if any == "*" && key.ends_with(TAG_CLUSTER) => {
                        *field = format!("{prefix}*").into()
                    }
                    field => bind(field, prefix),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn operating() -> Vec<Value> {
    let mut statements = vec![view()];
    statements.extend(on_tagged(TAG_CLUSTER, ""));
    let carries_tag = json!({"StringLike": {format!("aws:RequestTag/{TAG_CLUSTER}"): "*"}});
    let allow = |id: &str, actions: Value, resources: Value| json!({"Sid": id, "Effect": "Allow", "Action": actions, "Resource": resources});
    let only = |mut statement: Value, condition: Value| {
        if let Some(fields) = statement.as_object_mut() {
            fields.insert("Condition".to_owned(), condition);
        }
        statement
    };
    statements.extend([
        allow(
            "SpotFleets",
            json!("ec2:ModifySpotFleetRequest"),
            json!(BESIDE_SPOT_FLEETS),
        ),
        // The CSI driver's own tag: what it made for a cluster is deleted with it when the operator says so.
        only(
            allow("Volumes", json!("ec2:DeleteVolume"), json!("*")),
            json!({"StringLike": {"aws:ResourceTag/ebs.csi.aws.com/cluster-name": "*"}}),
        ),
        only(allow("Make", json!(MAKING), json!(MADE)), carries_tag.clone()),
        allow(
            "BesideGroups",
            json!("ec2:CreateSecurityGroup"),
            json!("arn:*:ec2:*:*:vpc/*"),
        ),
        allow(
            "Beside",
            json!(["ec2:CreateFleet", "ec2:RunInstances"]),
            json!(BESIDE_MACHINES),
        ),
        // Tags on what is being made, and never later on what is somebody else's.
        only(
            allow("TagMade", json!("ec2:CreateTags"), json!(MADE)),
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
        allow("Images", json!("ssm:GetParameter"), json!(IMAGES)),
        // In one statement each, since a policy has little room: each action is of one of these alone.
        allow(
            "Kept",
            [&ON_PARAMETERS[..], &ON_SECRETS].concat().into(),
            json!([PARAMETERS, SECRETS]),
        ),
        allow(
            "Stacks",
            [&ON_STACKS[..], &ON_PARTS, &ON_QUEUES, &[SEND]].concat().into(),
            json!([STACKS, FUNCTIONS, BUCKETS, QUEUES]),
        ),
        allow(
            "Sessions",
            [&[RUN, START][..], &ON_SESSIONS].concat().into(),
            json!([RUN_DOCUMENT, FORWARD_DOCUMENT, OWN_SESSIONS]),
        ),
        allow(
            "Answers",
            json!([
                "ssm:GetCommandInvocation",
                "ec2:DescribeLaunchTemplateVersions",
                "autoscaling:DescribeLifecycleHooks",
                "ec2:DescribeNetworkInterfaces",
                "cloudformation:DescribeStackDriftDetectionStatus",
            ]),
            json!("*"),
        ),
    ]);
    statements
}

/// What an operator needs besides for clusters made by others, as JSON to be pasted into IAM: the same on what carries one
/// of these keys, by which such clusters are known. IAM takes keys only as they are, without any pattern in them.
pub fn adopted_policy(keys: &[&str]) -> String {
    let numbered = keys.iter().zip(1..);
    let statements: Vec<_> = numbered
        .flat_map(|(key, number)| on_tagged(key, &format!("Adopted{number}")))
        .collect();
    written(&statements)
}

/// What is done to things that carry a tag with this key. The conditions of one statement must all hold: each key has
/// statements of its own.
fn on_tagged(key: &str, suffix: &str) -> [Value; 2] {
    [
        json!({
            "Sid": format!("Change{suffix}"),
            "Effect": "Allow",
            "Action": ON_TAGGED,
            "Resource": "*",
            "Condition": {"StringLike": {format!("aws:ResourceTag/{key}"): "*"}},
        }),
        // SSM asks for the instance and for the document; of an instance's tags it knows its own key alone.
        json!({
            "Sid": format!("Run{suffix}"),
            "Effect": "Allow",
            "Action": [RUN, START],
            "Resource": RUN_PLACES,
            "Condition": {"StringLike": {format!("ssm:resourceTag/{key}"): "*"}},
        }),
    ]
}

fn view() -> Value {
    json!({
        "Sid": "View",
        "Effect": "Allow",
        "Action": VIEW_ACTIONS,
        "Resource": "*",
    })
}

fn events() -> Value {
    json!({
        "Sid": "Events",
        "Effect": "Allow",
        "Action": ON_QUEUES,
        "Resource": QUEUES,
    })
}

fn written(statements: &[Value]) -> String {
    let policy = json!({"Version": "2012-10-17", "Statement": statements});
    format!("{policy:#}")
}

#[cfg(test)]
mod tests {
    use super::super::actions::{CHANGE_ACTIONS, HISTORY, ON_DRIFT};
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
        assert_eq!(statements.len(), 2);
        assert_eq!(actions(&statements[0]), VIEW_ACTIONS);
        assert_eq!(actions(&statements[1]), ON_QUEUES);
        assert_eq!(statements[1]["Resource"], "arn:*:sqs:*:*:k3fleet-*");
    }

    #[test]
    fn an_operator_may_see_all_and_change_what_is_tagged() {
        let statements = statements(&operator_policy());
        assert_eq!(
            statements[0],
            serde_json::from_str::<Value>(&view().to_string()).unwrap()
        );
        let mut granted: Vec<_> = statements.iter().flat_map(actions).collect();
        granted.sort_unstable();
        granted.dedup();
        let unplanned = [&SERVICE_ROLES, &HISTORY, &START]
            .into_iter()
            .chain(&ON_SESSIONS)
            .chain(&ON_DRIFT);
        let ours = VIEW_ACTIONS
            .iter()
            .chain(&CHANGE_ACTIONS)
            .chain(&ON_QUEUES)
            .chain(unplanned);
        let mut needed: Vec<_> = ours.copied().collect();
        needed.sort_unstable();
        assert_eq!(granted, needed);

        for statement in statements.iter().skip(1) {
            // IAM knows no resources for these reads.
            let reads = |action: &&str| action.starts_with("ssm:Get") || action.contains(":Describe");
            let only_reads = actions(statement).iter().all(reads);
            assert!(
                only_reads || statement.get("Condition").is_some() || statement["Resource"] != "*",
                "nothing is changed without a bound: {statement}"
            );
        }
        let of = |action: &str| statements.iter().find(|s| actions(s).contains(&action)).unwrap();
        assert_eq!(of("ssm:PutParameter")["Resource"], json!([PARAMETERS, SECRETS]));
        assert!(PARAMETERS.ends_with(":parameter/k3fleet/*") && SECRETS.ends_with(":secret:k3fleet/*"));
        assert_eq!(of("iam:PassRole")["Resource"], "arn:*:iam::*:role/k3fleet/*");
        let parts = [STACKS, FUNCTIONS, BUCKETS, QUEUES];
        assert!(parts.iter().all(|part| part.contains("k3fleet-*")));
        for action in ON_STACKS.iter().chain(&ON_PARTS).chain(&ON_QUEUES).chain([&SEND]) {
            assert_eq!(of(action)["Resource"], json!(parts), "{action}");
        }
        let tags = statements
            .iter()
            .filter(|s| actions(s).contains(&"autoscaling:CreateOrUpdateTags"));
        let tagged = "aws:ResourceTag/k3fleet:cluster";
        let ours = |s: &Value| s["Condition"]["StringLike"].get(tagged).is_some() || s["Resource"] == json!(MADE);
        assert!(tags.clone().all(ours) && MADE[0].ends_with("autoScalingGroupName/k3fleet-*"));
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
        let size = operator_policy().split_whitespace().map(str::len).sum::<usize>();
        assert!(
            size <= 6144,
            "a managed policy holds so many characters, blanks not counted: {size}"
        );
    }

    #[test]
    fn clusters_made_by_others_are_bound_to_their_own_tags() {
        let statements = statements(&adopted_policy(&["k3s-instance-type", "Team"]));
        let conditions: Vec<_> = statements.iter().map(|s| &s["Condition"]["StringLike"]).collect();
        assert_eq!(
            conditions,
            [
                &json!({"aws:ResourceTag/k3s-instance-type": "*"}),
                &json!({"ssm:resourceTag/k3s-instance-type": "*"}),
                &json!({"aws:ResourceTag/Team": "*"}),
                &json!({"ssm:resourceTag/Team": "*"}),
            ]
        );
        assert_eq!(actions(&statements[0]), ON_TAGGED);
        let ids: std::collections::HashSet<_> = statements.iter().map(|s| s["Sid"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), statements.len(), "IAM wants each Sid once");
        let is_plain = |id: &&str| id.chars().all(|c| c.is_ascii_alphanumeric());
        assert!(ids.iter().all(is_plain), "IAM takes letters and digits: {ids:?}");
    }

    #[test]
    fn scripts_and_sessions_run_on_a_clusters_instances_alone_and_no_other_document_does() {
        let all = statements(&operator_policy());
        let runs: Vec<_> = all.iter().filter(|s| actions(s).contains(&RUN)).collect();
        let told: Vec<_> = runs.iter().map(|s| (&s["Resource"], s.get("Condition"))).collect();
        let of = |key: &str| json!({"StringLike": {format!("ssm:resourceTag/{key}"): "*"}});
        assert_eq!(
            told,
            [
                (&json!(RUN_PLACES), Some(&of(TAG_CLUSTER))),
                (&json!([RUN_DOCUMENT, FORWARD_DOCUMENT, OWN_SESSIONS]), None)
            ]
        );
        assert!(runs.iter().all(|s| actions(s).starts_with(&[RUN, START])));
        let begins = all.iter().filter(|s| actions(s).contains(&START));
        assert_eq!(begins.count(), runs.len(), "no session begins anywhere else");
    }

    #[test]
    fn a_ci_runner_reaches_its_own_clusters_alone() {
        let all = ci_statements("shop-");
        let ids: Vec<_> = all.iter().map(|one| one["Sid"].as_str().unwrap()).collect();
        for dropped in NOT_OF_CI {
            assert!(!ids.contains(&dropped), "{dropped}");
            let known = operating().iter().any(|one| one["Sid"] == dropped);
            assert!(known, "an operator has no {dropped}");
        }
        let of = |action: &str| all.iter().find(|one| actions(one).contains(&action)).unwrap();
        let kept = json!([
            "arn:*:ssm:*:*:parameter/k3fleet/shop-*",
            "arn:*:secretsmanager:*:*:secret:k3fleet/shop-*",
        ]);
        for action in ["ssm:PutParameter", "secretsmanager:DeleteSecret"] {
            assert_eq!(of(action)["Resource"], kept);
        }
        let tagged = json!({"StringLike": {"aws:ResourceTag/k3fleet:cluster": "shop-*"}});
        assert_eq!(of("ec2:TerminateInstances")["Condition"], tagged);
        let made = of("autoscaling:CreateAutoScalingGroup");
        assert_eq!(
            made["Condition"],
            json!({"StringLike": {"aws:RequestTag/k3fleet:cluster": "shop-*"}})
        );
        let group = "arn:*:autoscaling:*:*:autoScalingGroup:*:autoScalingGroupName/k3fleet-shop-*";
        assert!(made["Resource"].as_array().unwrap().contains(&group.into()), "{made}");
        assert!(
            !all.iter()
                .flat_map(actions)
                .any(|action| action.starts_with("iam:Create") && action != SERVICE_ROLES)
        );
    }

    #[test]
    fn a_viewer_is_told_no_secret() {
        let policy = view_policy();
        for action in [
            "ssm:GetParameter",
            "ssm:GetParameterHistory",
            "secretsmanager:GetSecretValue",
            "sqs:SendMessage",
            "cloudformation:ExecuteChangeSet",
        ] {
            assert!(!policy.contains(&format!("{action}\"")), "{action}");
        }
        let operator = statements(&operator_policy());
        let history = operator.iter().find(|s| actions(s).contains(&HISTORY)).unwrap();
        assert_eq!(history["Resource"], json!([PARAMETERS, SECRETS]));
    }
}
