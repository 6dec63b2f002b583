//! Changes that AWS refuses in ways moto does not, and answers that get lost.

use std::time::Duration;

use k3fleet::fleet::{FaultKind, InstanceId};
use k3fleet::provider::{CloudControl, ProviderError};

use super::answers::ec2;
use super::refusals::refusal;
use super::{cloud, options};
use crate::support::http::{Reply, Request, Server};

const INSTANCE: &str = "i-0123456789abcdef0";

fn instance() -> InstanceId {
    InstanceId::new(INSTANCE)
}

/// A refusal of Auto Scaling.
fn scaling_refusal(status: u16, code: &str, message: &str) -> Reply {
    let body = format!(
        r#"<ErrorResponse xmlns="http://autoscaling.amazonaws.com/doc/2011-01-01/"><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error><RequestId>1</RequestId></ErrorResponse>"#
    );
    Reply::xml(body).status(status)
}

fn scaling_done(call: &str) -> Reply {
    // Only what answers with something has a result.
    let result = match call {
        "TerminateInstanceInAutoScalingGroup" => format!("<{call}Result></{call}Result>"),
        _ => String::new(),
    };
    Reply::xml(format!(
        r#"<{call}Response xmlns="http://autoscaling.amazonaws.com/doc/2011-01-01/">{result}<ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></{call}Response>"#
    ))
}

fn parameter_refusal(code: &str, message: &str) -> Reply {
    Reply::json(format!(r#"{{"__type":"{code}","message":"{message}"}}"#)).status(400)
}

fn said(error: &ProviderError) -> (FaultKind, &str, &str) {
    (error.kind, error.call.as_str(), error.message.as_str())
}

#[tokio::test]
async fn calls_say_what_they_mean() {
    let server = Server::start(|request: &Request| match request.form("Action").as_deref() {
        Some("TerminateInstances") => Reply::xml(ec2("TerminateInstances", "<instancesSet/>", None)),
        Some("ModifySpotFleetRequest") => Reply::xml(ec2("ModifySpotFleetRequest", "<return>true</return>", None)),
        Some(call) => scaling_done(call),
        None => Reply::json("{}"),
    })
    .await;
    let cloud = cloud(&server.url(), options());
    cloud.set_desired("workers", 3).await.expect("done");
    cloud.set_bounds("workers", 1, 9).await.expect("done");
    cloud.end_member(&instance(), true).await.expect("done");
    cloud.end_member(&instance(), false).await.expect("done");
    cloud.end(&instance()).await.expect("done");
    cloud.set_target("sfr-1", 4, true).await.expect("done");
    cloud.set_target("sfr-1", 4, false).await.expect("done");
    assert!(cloud.create_parameter("/k3fleet/a/lock", "x").await.expect("done"));
    cloud.put_parameter("/k3fleet/a/lock", "x").await.expect("done");

    let requests = server.requests();
    let form = |number: usize, fields: &[&str]| {
        let request: &Request = &requests[number];
        fields.iter().map(|field| request.form(field)).collect::<Vec<_>>()
    };
    let some = |values: &[&str]| values.iter().map(|value| Some((*value).to_owned())).collect::<Vec<_>>();
    assert_eq!(
        form(
            0,
            &["Action", "AutoScalingGroupName", "DesiredCapacity", "HonorCooldown"]
        ),
        some(&["SetDesiredCapacity", "workers", "3", "false"])
    );
    assert_eq!(
        form(1, &["Action", "AutoScalingGroupName", "MinSize", "MaxSize"]),
        some(&["UpdateAutoScalingGroup", "workers", "1", "9"])
    );
    assert_eq!(form(1, &["DesiredCapacity"]), [None], "what was not asked for stays");
    for (number, shrinks) in [(2, "true"), (3, "false")] {
        assert_eq!(
            form(number, &["Action", "InstanceId", "ShouldDecrementDesiredCapacity"]),
            some(&["TerminateInstanceInAutoScalingGroup", INSTANCE, shrinks])
        );
    }
    assert_eq!(
        form(4, &["Action", "InstanceId.1"]),
        some(&["TerminateInstances", INSTANCE])
    );
    for (number, excess) in [(5, "default"), (6, "noTermination")] {
        assert_eq!(
            form(
                number,
                &[
                    "Action",
                    "SpotFleetRequestId",
                    "TargetCapacity",
                    "ExcessCapacityTerminationPolicy"
                ]
            ),
            some(&["ModifySpotFleetRequest", "sfr-1", "4", excess])
        );
    }
    for (number, overwrites) in [(7, false), (8, true)] {
        let request = &requests[number];
        assert_eq!(request.header("x-amz-target"), Some("AmazonSSM.PutParameter"));
        let sent: serde_json::Value = serde_json::from_slice(&request.body).expect("JSON");
        let told = serde_json::json!(
            {"Name": "/k3fleet/a/lock", "Value": "x", "Type": "String", "Overwrite": overwrites}
        );
        assert_eq!(sent, told);
    }
}

#[tokio::test]
async fn a_member_that_auto_scaling_does_not_know_any_longer_has_ended() {
    let gone = format!("Instance Id not found - No managed instance found for instance ID: {INSTANCE}");
    let server = Server::script([scaling_refusal(400, "ValidationError", &gone)]).await;
    let cloud = cloud(&server.url(), options());
    cloud.end_member(&instance(), true).await.expect("it has ended");
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn what_a_group_does_not_allow_is_told_in_its_own_words() {
    let at_least = "Currently, desiredSize equals minSize (2). Terminating instance without replacement will violate \
                    group's min size constraint. Either set shouldDecrementDesiredCapacity flag to false or lower \
                    group's min size.";
    let at_most = "New SetDesiredCapacity value 12 is above max value 9 for the AutoScalingGroup.";
    let server = Server::script([
        scaling_refusal(400, "ValidationError", at_least),
        scaling_refusal(400, "ValidationError", at_most),
    ])
    .await;
    let cloud = cloud(&server.url(), options());
    let refused = cloud.end_member(&instance(), true).await.expect_err("refused");
    assert_eq!(
        said(&refused),
        (
            FaultKind::Other,
            "autoscaling:TerminateInstanceInAutoScalingGroup",
            format!("ValidationError: {at_least}").as_str()
        )
    );
    let refused = cloud.set_desired("workers", 12).await.expect_err("refused");
    assert_eq!(refused.message, format!("ValidationError: {at_most}"));
    assert_eq!((refused.retryable(), refused.mend.as_str()), (false, ""));
    assert_eq!(refused.target, "prod/eu-west-1");
}

#[tokio::test]
async fn ending_a_member_is_never_repeated_by_itself() {
    let mut hasty = options();
    hasty.attempt_timeout = Duration::from_secs(1);
    let lost: [(fn() -> Reply, FaultKind); 5] = [
        (Reply::silence, FaultKind::Unreachable),
        (
            || Reply::cut("<TerminateInstanceInAutoScalingGroupResponse>"),
            FaultKind::Unreachable,
        ),
        (|| Reply::new(503, "<html>busy</html>"), FaultKind::Unreachable),
        (
            || scaling_refusal(500, "InternalFailure", "The request processing has failed"),
            FaultKind::Unreachable,
        ),
        (
            || scaling_refusal(400, "Throttling", "Rate exceeded"),
            FaultKind::Throttled,
        ),
    ];
    for (reply, kind) in lost {
        let server = Server::start(move |_| reply()).await;
        let cloud = cloud(&server.url(), hasty.clone());
        let refused = cloud.end_member(&instance(), true).await.expect_err("no answer");
        assert_eq!(refused.kind, kind, "{refused}");
        assert_eq!(server.requests().len(), 1, "{refused}");
    }
}

#[tokio::test]
async fn other_changes_are_repeated_until_they_are_answered() {
    let mut hasty = options();
    hasty.attempt_timeout = Duration::from_secs(1);
    let server = Server::script([
        Reply::silence(),
        scaling_refusal(400, "Throttling", "Rate exceeded"),
        scaling_done("SetDesiredCapacity"),
    ])
    .await;
    let cloud = cloud(&server.url(), hasty);
    cloud.set_desired("workers", 3).await.expect("the third try");
    assert_eq!(server.requests().len(), 3);
    let usage = &cloud.usage()[0];
    assert_eq!(
        (usage.api.as_str(), usage.total, usage.throttled),
        ("autoscaling:SetDesiredCapacity", 3, 1)
    );
}

#[tokio::test]
async fn a_change_beside_another_one_can_be_made_later() {
    let mut once = options();
    once.attempts = 1;
    let server = Server::script([
        scaling_refusal(
            500,
            "ResourceContention",
            "You already have a pending update to an Amazon EC2 Auto Scaling resource",
        ),
        refusal(503, "RequestLimitExceeded", "Request limit exceeded."),
        parameter_refusal("TooManyUpdates", "There are concurrent updates for a resource"),
    ])
    .await;
    let cloud = cloud(&server.url(), once);
    let refusals = [
        cloud.set_bounds("workers", 1, 3).await.expect_err("contention"),
        cloud.end(&instance()).await.expect_err("throttled"),
        cloud
            .put_parameter("/k3fleet/a/lock", "x")
            .await
            .expect_err("contention"),
    ];
    for refused in refusals {
        assert_eq!(refused.kind, FaultKind::Throttled, "{refused}");
        assert!(refused.retryable() && refused.mend.contains("try again"), "{refused}");
    }
}

#[tokio::test]
async fn a_denied_change_names_the_call_and_the_policy_line() {
    let server = Server::script([
        scaling_refusal(
            403,
            "AccessDenied",
            "User: arn:aws:iam::1:user/x is not authorized to perform: autoscaling:SetDesiredCapacity on resource: \
             arn:aws:autoscaling:eu-west-1:1:autoScalingGroup:2:autoScalingGroupName/workers because no \
             identity-based policy allows the autoscaling:SetDesiredCapacity action",
        ),
        refusal(
            403,
            "UnauthorizedOperation",
            "You are not authorized to perform this operation.",
        ),
        parameter_refusal(
            "AccessDeniedException",
            "User: arn:aws:iam::1:user/x is not authorized to perform: ssm:PutParameter",
        ),
    ])
    .await;
    let cloud = cloud(&server.url(), options());
    let denied = cloud.set_desired("workers", 3).await.expect_err("denied");
    assert_eq!(
        (denied.kind, denied.call.as_str()),
        (FaultKind::Denied, "autoscaling:SetDesiredCapacity")
    );
    assert!(denied.message.contains("autoScalingGroupName/workers"), "{denied}");
    assert_eq!(
        denied.mend,
        r#"allow it in IAM: {"Effect": "Allow", "Action": "autoscaling:SetDesiredCapacity", "Resource": "*"}"#
    );
    let denied = cloud.end(&instance()).await.expect_err("denied");
    assert_eq!(
        (denied.kind, denied.call.as_str()),
        (FaultKind::Denied, "ec2:TerminateInstances")
    );
    assert!(
        denied.mend.contains(r#""Action": "ec2:TerminateInstances""#),
        "{denied}"
    );
    let denied = cloud
        .create_parameter("/k3fleet/a/lock", "x")
        .await
        .expect_err("denied");
    assert_eq!(
        (denied.kind, denied.call.as_str()),
        (FaultKind::Denied, "ssm:PutParameter")
    );
    assert_eq!(
        denied.mend,
        "allow it in IAM: {\"Effect\": \"Allow\", \"Action\": \"ssm:PutParameter\", \"Resource\": \
         \"arn:*:ssm:*:*:parameter/k3fleet/*\"}"
    );
    assert_eq!(server.requests().len(), 3, "what is denied is not tried again");
}

#[tokio::test]
async fn a_fleet_that_ec2_leaves_as_it_is_is_told() {
    let server = Server::script([
        Reply::xml(ec2("ModifySpotFleetRequest", "<return>false</return>", None)),
        refusal(
            400,
            "FleetNotInModifiableState",
            "The fleet is not in a modifiable state",
        ),
    ])
    .await;
    let cloud = cloud(&server.url(), options());
    let refused = cloud.set_target("sfr-1", 4, true).await.expect_err("nothing changed");
    assert_eq!(
        said(&refused),
        (
            FaultKind::Other,
            "ec2:ModifySpotFleetRequest",
            "EC2 answers that it did not change it"
        )
    );
    let refused = cloud.set_target("sfr-1", 4, true).await.expect_err("refused");
    assert!(
        refused.message.starts_with("FleetNotInModifiableState: The fleet"),
        "{refused}"
    );
}

#[tokio::test]
async fn a_malformed_id_or_name_is_not_taken_for_something_gone() {
    let server = Server::script([
        refusal(400, "InvalidInstanceID.Malformed", "Invalid id: \"i-x\""),
        scaling_refusal(400, "ValidationError", "Invalid Instance ID"),
        parameter_refusal(
            "ValidationException",
            "Parameter name: can't be prefixed with \\\"aws\\\"",
        ),
    ])
    .await;
    let cloud = cloud(&server.url(), options());
    let wrong = InstanceId::new("i-x");
    for refused in [
        cloud.end(&wrong).await.expect_err("refused"),
        cloud.end_member(&wrong, false).await.expect_err("refused"),
        cloud.parameter("aws").await.map(drop).expect_err("refused"),
    ] {
        assert_eq!(
            (refused.kind, refused.retryable()),
            (FaultKind::Other, false),
            "{refused}"
        );
    }
}

#[tokio::test]
async fn what_is_no_answer_of_the_parameter_store_is_malformed() {
    let mut once = options();
    once.attempts = 1;
    for body in [
        "<html>a login page</html>",
        "",
        "{\"Parameter\": {\"Name\": \"/k3fleet/a/lock\"}}",
    ] {
        let server = Server::start(move |_| Reply::json(body)).await;
        let cloud = cloud(&server.url(), once.clone());
        let refused = cloud.parameter("/k3fleet/a/lock").await.expect_err("no answer");
        assert_eq!(refused.kind, FaultKind::Malformed, "{body:?}: {refused}");
        if !body.starts_with('{') {
            let refused = cloud.delete_parameter("/k3fleet/a/lock").await.expect_err("no answer");
            assert_eq!(refused.kind, FaultKind::Malformed, "{body:?}: {refused}");
        }
    }
}
