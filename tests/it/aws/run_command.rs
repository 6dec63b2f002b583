//! Work on machines over Run Command: against moto, which runs nothing, and against scripted answers.

use std::time::Duration;

use k3fleet::blueprint::machine::script::{self, Source};
use k3fleet::blueprint::machine::{Inside, Task};
use k3fleet::fleet::{FaultKind, InstanceId};
use k3fleet::provider::CloudControl;
use k3fleet::provider::aws::Options;
use serde_json::{Value, json};

use super::moto::seen_through;
use super::seed::Seed;
use super::{cloud, options};
use crate::support::http::{Reply, Request, Server};
use crate::support::moto;

const COMMAND: &str = "ef7fdfd8-9b57-4151-a15c-db9a12345678";

fn instance() -> InstanceId {
    InstanceId::new("i-0123456789abcdef0")
}

fn quick() -> Options {
    let mut quick = options();
    quick.command_pace = Duration::from_millis(1);
    quick
}

fn token() -> Task {
    Task::PlaceToken {
        kind: k3fleet::fleet::Role::Agent,
    }
}

fn sent() -> Reply {
    let command = json!({"Command": {"CommandId": COMMAND, "Status": "Pending", "StatusDetails": "Pending"}});
    Reply::json(command.to_string())
}

fn stands(status: &str, details: &str, stdout: &str, stderr: &str) -> Reply {
    let told = json!({
        "CommandId": COMMAND, "InstanceId": "i-0123456789abcdef0", "Status": status, "StatusDetails": details,
        "ResponseCode": if status == "Success" { 0 } else { 1 },
        "StandardOutputContent": stdout, "StandardErrorContent": stderr,
    });
    Reply::json(told.to_string())
}

fn no(code: &str, message: &str) -> Reply {
    Reply::json(json!({"__type": code, "message": message}).to_string()).status(400)
}

fn body(request: &Request) -> Value {
    serde_json::from_slice(&request.body).expect("JSON")
}

/// The calls by name, in their order.
fn calls(server: &Server) -> Vec<String> {
    let named = |request: &Request| {
        let target = request.header("x-amz-target").expect("a target");
        target.trim_start_matches("AmazonSSM.").to_owned()
    };
    server.requests().iter().map(named).collect()
}

#[tokio::test]
async fn a_task_goes_out_once_and_its_end_is_waited_for() {
    let server = Server::script([
        sent(),
        no("InvocationDoesNotExist", ""),
        stands("Pending", "Pending", "", ""),
        stands("InProgress", "InProgress", "stopping\n", ""),
        stands("Success", "Success", "stopping\n\nthe token is placed\n", "a warning\n"),
    ])
    .await;
    let cloud = cloud(&server.url(), quick());
    let names = ["/k3fleet/shop/agent-token:7".into()];
    let said = cloud.work(&instance(), &token(), &names).await.expect("done");
    assert_eq!(said, "the token is placed");
    assert_eq!(
        calls(&server),
        [
            "SendCommand",
            "GetCommandInvocation",
            "GetCommandInvocation",
            "GetCommandInvocation",
            "GetCommandInvocation"
        ]
    );
    let requests = server.requests();
    let source = Source::Parameters {
        region: "eu-west-1".into(),
        names: names.to_vec(),
    };
    assert_eq!(
        body(&requests[0]),
        json!({
            "DocumentName": "AWS-RunShellScript",
            "InstanceIds": ["i-0123456789abcdef0"],
            "Comment": "k3fleet: write the new agent token on i-0123456789abcdef0",
            "TimeoutSeconds": 60,
            "Parameters": {"commands": [script::of(&token(), &source)], "executionTimeout": ["900"]},
        })
    );
    let asked = json!({"CommandId": COMMAND, "InstanceId": "i-0123456789abcdef0"});
    assert!(requests[1..].iter().all(|request| body(request) == asked));
    let usage = cloud.usage();
    let told: Vec<_> = usage.iter().map(|one| (one.api.as_str(), one.total)).collect();
    assert_eq!(
        told,
        [("ssm:GetCommandInvocation", 4), ("ssm:SendCommand", 1)],
        "they count"
    );
}

#[tokio::test]
async fn looking_inside_is_short_and_reads_all_that_is_said() {
    let said = "no answer of the script";
    let server = Server::script([sent(), stands("Success", "Success", said, "")]).await;
    let cloud = cloud(&server.url(), quick());
    let looked = cloud.inside(&instance()).await;
    assert_eq!(looked.ok(), Inside::read(said));
    let sent = body(&server.requests()[0]);
    assert_eq!(sent["TimeoutSeconds"], 30, "SSM takes no less");
    assert_eq!(sent["Parameters"]["executionTimeout"], json!(["30"]));
    assert_eq!(sent["Parameters"]["commands"], json!([Inside::script()]));
    assert_eq!(sent["Comment"], "k3fleet: look at K3s");
}

#[tokio::test]
async fn a_long_name_fits_into_the_comment() {
    let server = Server::script([sent(), stands("Success", "Success", "", "")]).await;
    let task = Task::Snapshot {
        name: "ä".repeat(200).into(),
    };
    let cloud = cloud(&server.url(), quick());
    assert_eq!(cloud.work(&instance(), &task, &[]).await.expect("done"), "");
    let comment = body(&server.requests()[0])["Comment"]
        .as_str()
        .map(|text| text.chars().count());
    assert_eq!(comment, Some(100));
}

#[tokio::test]
async fn what_the_script_said_last_is_why_it_failed() {
    let server = Server::script([
        sent(),
        stands(
            "Failed",
            "Failed",
            "looking for the configuration\n",
            "failed: /etc/rancher/k3s holds no token\nfailed to run commands: exit status 1",
        ),
    ])
    .await;
    let cloud = cloud(&server.url(), quick());
    let failed = cloud.work(&instance(), &token(), &[]).await.expect_err("it failed");
    assert_eq!(
        failed.to_string(),
        "ssm:SendCommand on i-0123456789abcdef0 in prod/eu-west-1 failed: /etc/rancher/k3s holds no token"
    );
    assert_eq!((failed.kind, failed.retryable()), (FaultKind::Other, false));
}

#[tokio::test]
async fn an_instance_that_ssm_does_not_reach_says_what_it_lacks() {
    let unknown = "Instances [[i-0123456789abcdef0]] not in a valid state for account 123456789012";
    let ways: [fn(&str) -> Vec<Reply>; 3] = [
        |unknown| vec![no("InvalidInstanceId", unknown)],
        |_| vec![sent(), stands("TimedOut", "DeliveryTimedOut", "", "")],
        |_| vec![sent(), stands("Failed", "Undeliverable", "", "")],
    ];
    for way in ways {
        let server = Server::script(way(unknown)).await;
        let cloud = cloud(&server.url(), quick());
        let lost = cloud.inside(&instance()).await.expect_err("no agent");
        assert_eq!((lost.kind, lost.retryable()), (FaultKind::Unreachable, true), "{lost}");
        assert!(lost.target.contains("i-0123456789abcdef0"), "{lost}");
        assert!(lost.mend.contains("AmazonSSMManagedInstanceCore"), "{lost}");
    }
}

#[tokio::test]
async fn a_task_whose_sending_is_not_answered_is_not_sent_again() {
    let mut hasty = quick();
    hasty.attempt_timeout = Duration::from_secs(1);
    let lost: [(fn() -> Reply, FaultKind); 3] = [
        (Reply::silence, FaultKind::Unreachable),
        (|| Reply::new(503, "busy"), FaultKind::Unreachable),
        (|| no("ThrottlingException", "Rate exceeded"), FaultKind::Throttled),
    ];
    for (reply, kind) in lost {
        let server = Server::start(move |_| reply()).await;
        let cloud = cloud(&server.url(), hasty.clone());
        let refused = cloud
            .work(&instance(), &Task::RotateToken, &[])
            .await
            .expect_err("no answer");
        assert_eq!(refused.kind, kind, "{refused}");
        assert_eq!(server.requests().len(), 1, "{refused}");
    }
}

#[tokio::test]
async fn looking_inside_and_asking_for_the_end_are_tried_again() {
    let busy = || no("ThrottlingException", "Rate exceeded");
    let mut once = quick();
    once.attempts = 1;
    let server = Server::script([
        sent(),
        busy(),
        Reply::new(503, "busy"),
        stands("Success", "Success", "done", ""),
    ])
    .await;
    let cloud_once = cloud(&server.url(), once);
    assert_eq!(cloud_once.work(&instance(), &token(), &[]).await.expect("done"), "done");

    let server = Server::script([busy(), sent(), stands("Cancelled", "Cancelled", "", "")]).await;
    let cloud = cloud(&server.url(), quick());
    let stopped = cloud.inside(&instance()).await.expect_err("cancelled");
    assert_eq!(stopped.message, "the command was cancelled");
    assert_eq!(calls(&server), ["SendCommand", "SendCommand", "GetCommandInvocation"]);
}

#[tokio::test]
async fn a_denied_command_names_the_instance_and_the_document() {
    let denied = "User: arn:aws:iam::1:user/x is not authorized to perform: ssm:SendCommand on resource: \
                  arn:aws:ec2:eu-west-1:1:instance/i-0123456789abcdef0";
    let server = Server::script([no("AccessDeniedException", denied)]).await;
    let cloud = cloud(&server.url(), quick());
    let refused = cloud.work(&instance(), &token(), &[]).await.expect_err("denied");
    assert_eq!(refused.kind, FaultKind::Denied);
    assert_eq!(
        refused.mend,
        "allow it in IAM: {\"Effect\": \"Allow\", \"Action\": \"ssm:SendCommand\", \"Resource\": \
         [\"arn:*:ec2:*:*:instance/*\", \"arn:*:ssm:*::document/AWS-RunShellScript\"]}"
    );
}

#[tokio::test]
async fn a_command_without_an_id_is_no_command() {
    for reply in ["{}", r#"{"Command": {"CommandId": ""}}"#] {
        let server = Server::start(move |_| Reply::json(reply)).await;
        let cloud = cloud(&server.url(), quick());
        let refused = cloud.work(&instance(), &token(), &[]).await.expect_err("no id");
        assert_eq!(refused.kind, FaultKind::Malformed, "{refused}");
        assert_eq!(server.requests().len(), 1);
    }
}

#[tokio::test]
async fn motos_commands_end_well() {
    let Some(account) = moto::account("700000000021").await else {
        return;
    };
    let seed = Seed::new(&account, "eu-west-1");
    let lone = seed.lone(1, &seed.image().await, false, &[("Name", "one")]).await;
    let cloud = seen_through(&account, "eu-west-1", quick());
    let done = cloud.work(&InstanceId::new(&lone[0]), &Task::Restart, &[]).await;
    assert_eq!(done.expect("moto runs nothing, and well"), "");
}
