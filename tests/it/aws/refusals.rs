//! What AWS says no with, and silence.

use std::time::Duration;

use k3fleet::fleet::FaultKind;
use k3fleet::provider::aws::{Keys, Profile};
use k3fleet::provider::{Cloud, ProviderError};

use super::answers::ec2;
use super::{cloud, options};
use crate::support::http::{Reply, Request, Server, refusing_url};

/// A refusal of EC2.
pub(super) fn refusal(status: u16, code: &str, message: &str) -> Reply {
    let body = format!(
        r#"<?xml version="1.0" encoding="UTF-8"?><Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors><RequestID>9f</RequestID></Response>"#
    );
    Reply::xml(body).status(status)
}

fn nothing() -> Reply {
    Reply::xml(ec2("DescribeInstances", "<reservationSet/>", None))
}

async fn refused_with(reply: impl Fn() -> Reply + Send + Sync + 'static) -> ProviderError {
    let server = Server::start(move |_| reply()).await;
    let mut once = options();
    once.attempts = 1;
    cloud(&server.url(), once).instances().await.expect_err("it is refused")
}

#[tokio::test]
async fn throttling_that_goes_on_is_told_after_three_tries() {
    let server = Server::start(|_| refusal(503, "RequestLimitExceeded", "Request limit exceeded.")).await;
    let cloud = cloud(&server.url(), options());
    let refused = cloud.instances().await.expect_err("throttled");
    assert_eq!(refused.kind, FaultKind::Throttled);
    assert!(refused.retryable());
    assert_eq!(
        (refused.call.as_str(), refused.target.as_str()),
        ("ec2:DescribeInstances", "prod/eu-west-1")
    );
    assert_eq!(refused.message, "RequestLimitExceeded: Request limit exceeded.");
    assert_eq!(server.requests().len(), 3);
    let usage = &cloud.usage()[0];
    assert_eq!(
        (usage.total, usage.last_minute, usage.throttled),
        (3, 3, 3),
        "retries count"
    );
}

#[tokio::test]
async fn throttling_that_passes_is_counted_nevertheless() {
    let server = Server::script([
        refusal(503, "RequestLimitExceeded", "Request limit exceeded."),
        nothing(),
    ])
    .await;
    let cloud = cloud(&server.url(), options());
    assert_eq!(cloud.instances().await.expect("the second try"), []);
    let usage = &cloud.usage()[0];
    assert_eq!((usage.total, usage.throttled), (2, 1));
}

#[tokio::test]
async fn a_denied_call_names_its_policy_line_and_hides_the_encoded_message() {
    let refused = refused_with(|| {
        refusal(
            403,
            "UnauthorizedOperation",
            "You are not authorized to perform this operation. User: arn:aws:iam::1:user/x is not authorized to \
             perform: ec2:DescribeInstances. Encoded authorization failure message: 4GIOHlTkIaWHQD0Q",
        )
    })
    .await;
    assert_eq!(refused.kind, FaultKind::Denied);
    assert!(!refused.retryable());
    assert!(
        refused.message.ends_with("perform: ec2:DescribeInstances."),
        "{}",
        refused.message
    );
    assert_eq!(
        refused.mend,
        r#"allow it in IAM: {"Effect": "Allow", "Action": "ec2:DescribeInstances", "Resource": "*"}"#
    );
    assert!(
        refused
            .to_string()
            .starts_with("ec2:DescribeInstances on prod/eu-west-1 failed: UnauthorizedOperation")
    );
}

#[tokio::test]
async fn a_denied_auto_scaling_call_is_read_too() {
    let body = r#"<ErrorResponse xmlns="http://autoscaling.amazonaws.com/doc/2011-01-01/"><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>User x is not authorized</Message></Error><RequestId>1</RequestId></ErrorResponse>"#;
    let server = Server::script([Reply::xml(body).status(403)]).await;
    let refused = cloud(&server.url(), options()).asgs().await.expect_err("denied");
    assert_eq!(
        (refused.kind, refused.call.as_str()),
        (FaultKind::Denied, "autoscaling:DescribeAutoScalingGroups")
    );
    assert!(refused.mend.contains("autoscaling:DescribeAutoScalingGroups"));
}

#[tokio::test]
async fn the_price_list_denies_in_json() {
    let body =
        r#"{"__type":"AccessDeniedException","Message":"User x is not authorized to perform: pricing:GetProducts"}"#;
    let server = Server::script([Reply::json(body).status(400)]).await;
    let refused = cloud(&server.url(), options())
        .on_demand_prices(&["t3.micro".into()])
        .await;
    let refused = refused.expect_err("denied");
    assert_eq!(
        (refused.kind, refused.call.as_str()),
        (FaultKind::Denied, "pricing:GetProducts")
    );
    assert!(
        refused.message.starts_with("AccessDeniedException: User x"),
        "{}",
        refused.message
    );
}

#[tokio::test]
async fn an_xml_refusal_of_a_json_service_is_read_as_well() {
    let body = "<ErrorResponse><Error><Code>ExpiredToken</Code><Message>gone</Message></Error></ErrorResponse>";
    let server = Server::script([Reply::xml(body).status(403)]).await;
    let refused = cloud(&server.url(), options())
        .on_demand_prices(&["t3.micro".into()])
        .await;
    let refused = refused.expect_err("expired");
    assert_eq!(
        (refused.kind, refused.message.as_str()),
        (FaultKind::Credentials, "ExpiredToken: gone")
    );
}

#[tokio::test]
async fn expired_and_wrong_credentials_say_what_to_run() {
    let expired = refused_with(|| refusal(400, "RequestExpired", "Request has expired.")).await;
    assert_eq!(expired.kind, FaultKind::Credentials);
    assert!(
        expired.mend.contains("aws sso login --profile prod"),
        "{}",
        expired.mend
    );
    let expired = refused_with(|| refusal(400, "ExpiredToken", "The security token is expired")).await;
    assert_eq!(expired.kind, FaultKind::Credentials);
    let wrong = refused_with(|| refusal(401, "AuthFailure", "AWS was not able to validate the credentials")).await;
    assert_eq!(wrong.kind, FaultKind::Credentials);
    assert!(wrong.mend.contains("eu-west-1 is not enabled"), "{}", wrong.mend);
}

#[tokio::test]
async fn answers_that_are_none_are_malformed() {
    for body in [
        "<html>a login page</html>",
        "<DescribeInstancesResponse><reservationSet><item>",
        "",
        "{}",
    ] {
        let refused = refused_with(move || Reply::xml(body)).await;
        assert_eq!(refused.kind, FaultKind::Malformed, "{body:?}: {refused}");
        assert!(!refused.mend.is_empty());
    }
    let page = refused_with(|| Reply::new(404, "<html><body>no such page</body></html>")).await;
    assert_eq!(page.kind, FaultKind::Malformed, "{page}");
    assert!(
        page.message.contains("HTTP 404") && page.message.contains("no such page"),
        "{page}"
    );
}

#[tokio::test]
async fn a_server_that_breaks_or_hangs_up_is_unreachable() {
    let broken = refused_with(|| Reply::new(502, "<html>Bad Gateway</html>")).await;
    assert_eq!(broken.kind, FaultKind::Unreachable, "{broken}");
    let cut = refused_with(|| Reply::cut("<DescribeInstancesResponse>")).await;
    assert_eq!(cut.kind, FaultKind::Unreachable, "{cut}");
}

#[tokio::test]
async fn silence_ends_with_the_timeout() {
    let server = Server::start(|_| Reply::silence()).await;
    let mut hasty = options();
    hasty.attempt_timeout = Duration::from_millis(100);
    hasty.attempts = 2;
    let refused = cloud(&server.url(), hasty).instances().await.expect_err("no answer");
    assert_eq!(refused.kind, FaultKind::Unreachable);
    assert!(refused.message.contains("no answer in time"), "{}", refused.message);
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn a_refused_connection_is_unreachable() {
    let mut once = options();
    once.attempts = 1;
    let refused = cloud(&refusing_url().await, once)
        .instances()
        .await
        .expect_err("nobody listens");
    assert_eq!(refused.kind, FaultKind::Unreachable);
    assert!(
        refused.message.to_lowercase().contains("refused"),
        "{}",
        refused.message
    );
    assert!(refused.mend.contains("eu-west-1"));
}

#[tokio::test]
async fn one_permission_may_lack_and_the_clock_may_be_wrong() {
    let identity = "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
        <GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:user/x</Arn><Account>123456789012</Account>\
        </GetCallerIdentityResult></GetCallerIdentityResponse>";
    let server = Server::start(move |request: &Request| match request.form("Action").as_deref() {
        Some("GetCallerIdentity") => Reply::xml(identity).header("date", "Sun, 22 Nov 2020 12:00:00 GMT"),
        Some("DescribeSpotFleetRequests") => refusal(403, "UnauthorizedOperation", "You are not authorized."),
        Some("GetRole" | "GetInstanceProfile") => Reply::xml(
            "<ErrorResponse><Error><Type>Sender</Type><Code>NoSuchEntity</Code><Message>no</Message></Error>\
             </ErrorResponse>",
        )
        .status(404),
        Some("DescribeStacks" | "DescribeStackEvents" | "DescribeStackResourceDrifts") => Reply::xml(
            "<ErrorResponse><Error><Type>Sender</Type><Code>ValidationError</Code>\
             <Message>Stack with id k3fleet-doctor does not exist</Message></Error></ErrorResponse>",
        )
        .status(400),
        Some(call @ ("ListRoles" | "ListInstanceProfiles")) => {
            assert_eq!(request.form("MaxItems").as_deref(), Some("1"));
            Reply::xml(format!(
                "<{call}Response><{call}Result></{call}Result></{call}Response>"
            ))
        }
        Some(_) if request.form("DryRun").is_some() => {
            assert_eq!(request.form("DryRun").as_deref(), Some("true"));
            refusal(
                412,
                "DryRunOperation",
                "Request would have succeeded, but DryRun flag is set.",
            )
        }
        Some(call @ "GetMetricStatistics") => {
            assert_eq!(
                request.form("Dimensions.member.1.Value").as_deref(),
                Some("k3fleet-doctor")
            );
            Reply::xml(format!(
                "<{call}Response><{call}Result></{call}Result></{call}Response>"
            ))
        }
        Some(call) => {
            assert_eq!(request.form("MaxRecords").as_deref(), Some("1"));
            Reply::xml(format!(
                "<{call}Response><{call}Result></{call}Result></{call}Response>"
            ))
        }
        None => Reply::json(r#"{"FormatVersion":"aws_v1","PriceList":[]}"#),
    })
    .await;
    let checks = cloud(&server.url(), options()).check().await;
    let denied: Vec<_> = checks.iter().filter(|check| check.outcome.is_err()).collect();
    let [denied] = denied.as_slice() else {
        panic!("only one is denied: {denied:#?}");
    };
    assert_eq!(denied.permission, "ec2:DescribeSpotFleetRequests");
    assert_eq!(checks.len(), 29);
    let skew = checks[0].clock_skew.expect("the answer is dated");
    assert!(skew < -86_400, "the server lives in 2020: {skew}");
}

#[tokio::test]
async fn what_cannot_be_a_region_is_refused_before_any_call() {
    let keys = Keys {
        id: "x".to_owned(),
        secret: "x".to_owned(),
        session: None,
    };
    let profile = Profile::at_endpoint("", "http://127.0.0.1:1", keys, options());
    for region in ["", "eu west", "EU", "eu-west-1.evil.example"] {
        let refused = profile.region(region).expect_err("no region");
        assert!(refused.mend.contains("--region"), "{refused}");
    }
}
