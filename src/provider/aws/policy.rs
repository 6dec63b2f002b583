//! What seeing and changing a fleet needs to be allowed in IAM: two lists, from which error messages quote their line,
//! `doctor` checks each entry, and the policies of a viewer and of an operator are written.

use serde_json::{Value, json};

use crate::fleet::TAG_CLUSTER;

/// The actions that seeing needs, in the order `doctor` shows them. None of them changes anything, and none can be
/// narrowed to single resources: AWS wants `"Resource": "*"` for them all.
pub const VIEW_ACTIONS: [&str; 7] = [
    "ec2:DescribeInstances",
    "ec2:DescribeSpotFleetRequests",
    "ec2:DescribeSpotInstanceRequests",
    "ec2:DescribeSpotPriceHistory",
    "autoscaling:DescribeAutoScalingGroups",
    "autoscaling:DescribeScalingActivities",
    "pricing:GetProducts",
];

/// The actions that changing needs beyond [`VIEW_ACTIONS`]: those of the port
/// [`CloudControl`](crate::provider::CloudControl).
pub const CHANGE_ACTIONS: [&str; 8] = [
    "autoscaling:SetDesiredCapacity",
    "autoscaling:UpdateAutoScalingGroup",
    "autoscaling:TerminateInstanceInAutoScalingGroup",
    "ec2:TerminateInstances",
    "ec2:ModifySpotFleetRequest",
    "ssm:PutParameter",
    "ssm:GetParameter",
    "ssm:DeleteParameter",
];

/// k3fleet's own parameters, in every partition, region and account.
const PARAMETERS: &str = "arn:*:ssm:*:*:parameter/k3fleet/*";

/// What a change of a Spot Fleet may be asked for besides the fleet itself; none of it carries a cluster's tag.
const BESIDE_SPOT_FLEETS: [&str; 2] = ["arn:*:ec2:*:*:launch-template/*", "arn:*:ec2:*:*:subnet/*"];

/// The IAM policy of somebody who may see the fleet, as JSON to be pasted into IAM.
pub fn view_policy() -> String {
    written(&[view()])
}

/// The IAM policy of somebody who may also change it, as JSON to be pasted into IAM. What may be changed carries the tag
/// `k3fleet:cluster`, or one of the keys in `adopted`, by which clusters made by others are known; IAM takes such keys
/// only as they are, without any pattern in them.
pub fn operator_policy(adopted: &[&str]) -> String {
    let of_parameters = |action: &&&str| action.starts_with("ssm:");
    let (parameters, tagged): (Vec<&str>, Vec<&str>) = CHANGE_ACTIONS.iter().partition(of_parameters);
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
            "Action": tagged,
            "Resource": "*",
            "Condition": {"StringLike": {format!("aws:ResourceTag/{key}"): "*"}},
        })
    }));
    statements.push(json!({
        "Sid": "K3fleetBesideSpotFleets",
        "Effect": "Allow",
        "Action": "ec2:ModifySpotFleetRequest",
        "Resource": BESIDE_SPOT_FLEETS,
    }));
    statements.push(json!({
        "Sid": "K3fleetParameters",
        "Effect": "Allow",
        "Action": parameters,
        "Resource": PARAMETERS,
    }));
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
    let resource = if action.starts_with("ssm:") { PARAMETERS } else { "*" };
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
        let mut needed: Vec<_> = VIEW_ACTIONS.iter().chain(&CHANGE_ACTIONS).copied().collect();
        needed.sort_unstable();
        assert_eq!(granted, needed);

        for statement in statements.iter().skip(1) {
            let tag = &statement["Condition"]["StringLike"]["aws:ResourceTag/k3fleet:cluster"];
            assert!(
                tag == "*" || statement["Resource"] != "*",
                "nothing is changed without a bound: {statement}"
            );
        }
        let of_parameters = statements.iter().find(|s| actions(s).contains(&"ssm:PutParameter"));
        assert_eq!(of_parameters.unwrap()["Resource"], "arn:*:ssm:*:*:parameter/k3fleet/*");
    }

    #[test]
    fn clusters_made_by_others_are_bound_to_their_own_tags() {
        let statements = statements(&operator_policy(&["k3s-cluster", TAG_CLUSTER, "Team"]));
        let of_tags = |statement: &&Value| statement.get("Condition").is_some();
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
    }
}
