//! What seeing a fleet needs to be allowed in IAM: one list, from which error messages quote their line, `doctor`
//! checks each entry, and the policy of a viewer is written.

use serde_json::json;

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

/// The IAM policy of somebody who may see the fleet, as JSON to be pasted into IAM.
pub fn view_policy() -> String {
    let policy = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Sid": "K3fleetView",
            "Effect": "Allow",
            "Action": VIEW_ACTIONS,
            "Resource": "*",
        }],
    });
    format!("{policy:#}")
}

/// The one statement that grants one action.
pub(super) fn statement(action: &str) -> String {
    format!(r#"{{"Effect": "Allow", "Action": "{action}", "Resource": "*"}}"#)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_is_json_and_grants_each_action_once() {
        let policy: serde_json::Value = serde_json::from_str(&view_policy()).unwrap();
        let actions = policy["Statement"][0]["Action"].as_array().unwrap();
        assert_eq!(actions.len(), VIEW_ACTIONS.len());
        for action in VIEW_ACTIONS {
            assert_eq!(actions.iter().filter(|listed| *listed == action).count(), 1, "{action}");
        }
    }

    #[test]
    fn a_statement_is_json() {
        let one: serde_json::Value = serde_json::from_str(&statement("ec2:DescribeInstances")).unwrap();
        assert_eq!(one["Action"], "ec2:DescribeInstances");
        assert_eq!(one["Effect"], "Allow");
    }
}
