use std::collections::BTreeSet;

use super::grants::looks;
use super::*;

fn statements(part: Part) -> Vec<Value> {
    part.policy()["Statement"].as_array().unwrap().clone()
}

fn actions(statement: &Value) -> Vec<String> {
    let all = statement["Action"].as_array().unwrap().iter();
    all.map(|action| action.as_str().unwrap().to_owned()).collect()
}

/// The conditions and resources under which an action is granted.
fn granted(part: Part, action: &str) -> Vec<Value> {
    let all = statements(part).into_iter();
    all.filter(|one| actions(one).iter().any(|granted| granted == action))
        .collect()
}

#[test]
fn each_policy_grants_what_its_types_need_and_nothing_else() {
    for part in Part::ALL {
        let granted: BTreeSet<_> = statements(part).iter().flat_map(actions).collect();
        let mut needed: BTreeSet<_> = part.kinds().iter().flat_map(Rights::all).map(String::from).collect();
        if part == Part::Machines {
            needed.extend(PARAMETERS.map(String::from));
        }
        assert_eq!(granted, needed, "{part:?}");
        assert!(granted.iter().all(|action| !action.contains('*')), "{granted:?}");
    }
}

#[test]
fn each_policy_is_one_that_iam_takes() {
    for part in Part::ALL {
        let size = part.policy().to_string().len();
        assert!(
            size <= 6144,
            "a managed policy holds so many characters: {part:?} has {size}"
        );
        let all = statements(part);
        let ids: BTreeSet<_> = all.iter().map(|one| one["Sid"].as_str().unwrap().to_owned()).collect();
        assert_eq!(ids.len(), all.len(), "IAM wants each Sid once");
        assert!(
            ids.iter().all(|id| id.chars().all(|c| c.is_ascii_alphanumeric())),
            "{ids:?}"
        );
        for one in &all {
            let on = one["Resource"].as_array().unwrap();
            assert!(!on.is_empty(), "{one}");
        }
    }
}

#[test]
fn only_cloudformation_uses_it_but_for_handing_on_roles_of_the_stack() {
    for part in Part::ALL {
        for one in statements(part) {
            let via = &one["Condition"]["ForAnyValue:StringEquals"]["aws:CalledVia"];
            match one["Sid"].as_str().unwrap() {
                "K3fleetStackPassRoles" => {
                    assert_eq!(one["Resource"], json!(["arn:*:iam::*:role/k3fleet-*"]));
                    assert!(one["Condition"]["StringEquals"]["iam:PassedToService"].is_array());
                }
                "K3fleetStackServiceRoles" => {
                    assert!(one["Condition"]["StringEquals"]["iam:AWSServiceName"].is_array())
                }
                _ => assert_eq!(via, "cloudformation.amazonaws.com", "{one}"),
            }
        }
    }
}

#[test]
fn what_changes_something_is_bound_to_a_name_or_a_tag() {
    for part in Part::ALL {
        for one in statements(part) {
            let anywhere = one["Resource"] == json!(["*"]);
            let bound = one["Condition"].as_object().unwrap().len() > 1;
            let free: Vec<_> = actions(&one).into_iter().filter(|action| !looks(action)).collect();
            if anywhere && !bound {
                assert!(free.iter().all(|action| action.starts_with("route53:")), "{free:?}");
            }
        }
    }
}

#[test]
fn a_network_that_is_somebody_elses_is_used_and_never_changed() {
    let subnet = "arn:*:ec2:*:*:subnet/*";
    for action in ["ec2:CreateNatGateway", "ec2:CreateVpcEndpoint", "ec2:RunInstances"] {
        let beside = granted(Part::Machines, action);
        assert!(
            beside
                .iter()
                .any(|one| one["Resource"].as_array().unwrap().contains(&subnet.into()))
        );
    }
    for action in [
        "ec2:DeleteSubnet",
        "ec2:DeleteVpc",
        "ec2:CreateRoute",
        "ec2:RevokeSecurityGroupIngress",
    ] {
        let all = granted(Part::Machines, action);
        assert_eq!(all.len(), 1, "{action}");
        assert_eq!(
            all[0]["Condition"]["StringLike"],
            json!({"aws:ResourceTag/k3fleet:cluster": "*"})
        );
    }
    let made = granted(Part::Machines, "ec2:CreateVpc");
    assert_eq!(made.len(), 1);
    assert_eq!(
        made[0]["Condition"]["StringLike"],
        json!({"aws:RequestTag/k3fleet:cluster": "*"})
    );
}

#[test]
fn a_balancers_tags_are_given_when_it_is_made_and_changed_later() {
    for (part, action) in [
        (Part::Services, "elasticloadbalancing:AddTags"),
        (Part::Storage, "elasticfilesystem:TagResource"),
    ] {
        let conditions: Vec<_> = granted(part, action)
            .iter()
            .map(|one| {
                one["Condition"]["StringLike"]
                    .as_object()
                    .unwrap()
                    .keys()
                    .next()
                    .unwrap()
                    .clone()
            })
            .collect();
        assert_eq!(
            conditions,
            ["aws:RequestTag/k3fleet:cluster", "aws:ResourceTag/k3fleet:cluster"]
        );
    }
    let statements = granted(Part::Services, "lambda:CreateEventSourceMapping");
    assert_eq!(statements.len(), 1);
    assert!(statements[0]["Condition"]["ArnLike"]["lambda:FunctionArn"].is_string());
}
