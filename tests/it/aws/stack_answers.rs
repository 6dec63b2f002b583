//! Stacks and queues where AWS refuses, keeps what failed or says the same again: against scripted answers.

use std::sync::atomic::{AtomicUsize, Ordering};

use k3fleet::fleet::FaultKind;
use k3fleet::provider::{ChangeSet, Cloud, CloudControl, Detection, StackOrder};
use serde_json::{Value, json};

use super::{cloud, options};
use crate::support::http::{Reply, Request, Server};

fn done(call: &str, inner: &str) -> Reply {
    Reply::xml(format!(
        "<{call}Response xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\"><{call}Result>{inner}</{call}Result>\
         <ResponseMetadata><RequestId>9f</RequestId></ResponseMetadata></{call}Response>"
    ))
}

fn refused(status: u16, code: &str, message: &str) -> Reply {
    Reply::xml(format!(
        "<ErrorResponse xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\"><Error><Type>Sender</Type>\
         <Code>{code}</Code><Message>{message}</Message></Error><RequestId>9f</RequestId></ErrorResponse>"
    ))
    .status(status)
}

fn standing(status: &str) -> Reply {
    let inner = format!(
        "<Stacks><member><StackId>arn:stack</StackId><StackName>k3fleet-shop</StackName>\
         <CreationTime>2026-11-22T12:00:00.000Z</CreationTime><StackStatus>{status}</StackStatus></member></Stacks>"
    );
    done("DescribeStacks", &inner)
}

/// The calls that a server got, each with its form.
fn calls(server: &Server) -> Vec<(String, Request)> {
    let asked = server.requests().into_iter();
    asked.filter_map(|one| Some((one.form("Action")?, one))).collect()
}

fn names(server: &Server) -> Vec<String> {
    calls(server).into_iter().map(|(name, _)| name).collect()
}

fn set(creates: bool) -> ChangeSet {
    ChangeSet {
        id: "arn:set".into(),
        stack: "k3fleet-shop".into(),
        creates,
        changes: vec![],
    }
}

#[tokio::test]
async fn what_fails_is_rolled_back_or_kept_as_asked_and_each_try_is_one_change() {
    let server = Server::start(|request: &Request| done(&request.form("Action").expect("a call"), "")).await;
    let cloud = cloud(&server.url(), options());
    cloud.execute_change_set(&set(true), "op-1", true).await.unwrap();
    cloud.execute_change_set(&set(true), "op-1", false).await.unwrap();
    cloud.undo_stack("k3fleet-shop", "op-2").await.unwrap();
    cloud.delete_stack("k3fleet-shop", "op-3").await.unwrap();
    let told: Vec<_> = calls(&server)
        .into_iter()
        .map(|(name, form)| {
            assert_eq!(form.form("StackName").as_deref(), Some("k3fleet-shop"));
            (name, form.form("ClientRequestToken"), form.form("DisableRollback"))
        })
        .collect();
    let one = |call: &str, token: &str, keep: Option<&str>| {
        (call.to_owned(), Some(token.to_owned()), keep.map(str::to_owned))
    };
    assert_eq!(
        told,
        [
            one("ExecuteChangeSet", "op-1", Some("false")),
            one("ExecuteChangeSet", "op-1", Some("true")),
            one("RollbackStack", "op-2", None),
            one("DeleteStack", "op-3", None),
        ]
    );
}

#[tokio::test]
async fn a_stack_that_stands_for_a_change_set_alone_goes_with_it_and_no_other_does() {
    for (creates, status, expected) in [
        (
            true,
            "REVIEW_IN_PROGRESS",
            vec!["DeleteChangeSet", "DescribeStacks", "DeleteStack"],
        ),
        (true, "CREATE_COMPLETE", vec!["DeleteChangeSet", "DescribeStacks"]),
        (false, "UPDATE_COMPLETE", vec!["DeleteChangeSet"]),
    ] {
        let server = Server::start(move |request: &Request| match request.form("Action").as_deref() {
            Some("DescribeStacks") => standing(status),
            // It may be gone already.
            Some("DeleteChangeSet") => refused(404, "ChangeSetNotFound", "ChangeSet [arn:set] does not exist"),
            call => done(call.expect("a call"), ""),
        })
        .await;
        let cloud = cloud(&server.url(), options());
        cloud.discard_change_set(&set(creates)).await.unwrap();
        assert_eq!(names(&server), expected, "{status}");
    }
}

#[tokio::test]
async fn a_refused_stack_says_what_grants_it_or_what_keeps_it() {
    let denied = "User: x is not authorized to perform: cloudformation:CreateChangeSet";
    let server = Server::start(move |request: &Request| match request.form("Action").as_deref() {
        Some("DescribeStacks") => refused(400, "ValidationError", "Stack with id k3fleet-shop does not exist"),
        Some("DeleteStack") => refused(
            400,
            "ValidationError",
            "Stack [k3fleet-shop] cannot be deleted while TerminationProtection is enabled",
        ),
        _ => refused(403, "AccessDenied", denied),
    })
    .await;
    let cloud = cloud(&server.url(), options());
    let order = StackOrder {
        name: "k3fleet-shop".into(),
        template: "{}".into(),
        parameters: vec![],
        kept: vec![],
        tags: vec![],
        token: "op-1".into(),
    };
    let told = cloud.propose_stack(&order).await.unwrap_err();
    assert_eq!(
        (told.kind, told.call.as_str()),
        (FaultKind::Denied, "cloudformation:CreateChangeSet")
    );
    assert!(
        told.mend.contains("arn:*:cloudformation:*:*:stack/k3fleet-*/*"),
        "{told}"
    );
    let kept = cloud.delete_stack("k3fleet-shop", "op-2").await.unwrap_err();
    assert!(kept.message.contains("TerminationProtection"), "{kept}");
    let unread = cloud.stack_events("k3fleet-shop", None).await.unwrap_err();
    assert_eq!(unread.kind, FaultKind::Denied);
    assert!(unread.mend.contains("cloudformation:DescribeStackEvents"), "{unread}");
}

/// Messages of events, by their numbers; `None` is a message that is no event.
fn messages(events: impl IntoIterator<Item = Option<usize>>) -> Reply {
    let message = |event: Option<usize>| {
        let body = event.map_or_else(
            || "not JSON".to_owned(),
            |number| {
                json!({
                    "id": format!("e-{number:02}"), "time": "2026-11-22T12:00:00Z", "source": "aws.ec2",
                    "detail-type": "EC2 Spot Instance Interruption Warning",
                    "detail": {"instance-id": format!("i-{number:02}"), "instance-action": "terminate"},
                })
                .to_string()
            },
        );
        json!({"MessageId": "m", "ReceiptHandle": "r", "Body": body})
    };
    let messages: Vec<Value> = events.into_iter().map(message).collect();
    Reply::json(json!({ "Messages": messages }).to_string())
}

#[tokio::test]
async fn of_a_storm_of_events_all_are_read_although_the_queue_repeats_itself() {
    let asked = AtomicUsize::new(0);
    let server = Server::start(move |request: &Request| {
        let asks: Value = serde_json::from_slice(&request.body).expect("JSON");
        assert_eq!(
            (&asks["VisibilityTimeout"], &asks["MaxNumberOfMessages"]),
            (&json!(0), &json!(10))
        );
        match asked.fetch_add(1, Ordering::Relaxed) {
            0 | 1 => messages((0..10).map(Some)),
            2 => messages((5..14).map(Some).chain([None])),
            _ => messages([Some(13), None]),
        }
    })
    .await;
    let told = cloud(&server.url(), options())
        .cloud_events("https://queue")
        .await
        .unwrap();
    let expected: Vec<_> = (0..14).map(|number| format!("e-{number:02}")).collect();
    assert_eq!(told.iter().map(|event| event.id.as_str()).collect::<Vec<_>>(), expected);
    assert_eq!(told[13].instance.as_deref(), Some("i-13"));
    assert_eq!(server.requests().len(), 4);
}

#[tokio::test]
async fn a_queue_that_says_the_same_for_ever_is_not_asked_for_ever() {
    let server = Server::start(|_: &Request| messages((0..10).map(Some))).await;
    let told = cloud(&server.url(), options())
        .cloud_events("https://queue")
        .await
        .unwrap();
    assert_eq!(told.len(), 10);
    assert_eq!(server.requests().len(), 4);
}

#[tokio::test]
async fn a_test_event_is_what_the_reaper_answers_to() {
    let server = Server::start(|_: &Request| Reply::json(r#"{"MessageId":"m","MD5OfMessageBody":""}"#)).await;
    let cloud = cloud(&server.url(), options());
    cloud.send_test_event("https://queue", "test-1").await.unwrap();
    let asked: Value = serde_json::from_slice(&server.requests()[0].body).expect("JSON");
    let event: Value = serde_json::from_str(asked["MessageBody"].as_str().expect("a body")).expect("JSON");
    assert_eq!(event["id"], "test-1");
    assert_eq!(
        (&event["source"], &event["detail-type"]),
        (&json!("k3fleet.test"), &json!("k3fleet test"))
    );
    assert_eq!(event["time"], "2026-11-22T12:00:00Z");
}

#[tokio::test]
async fn drift_is_told_as_cloudformation_found_it_when_it_was_last_asked_to_look() {
    let drift = |told: &str| {
        let told = told.to_owned();
        async move {
            let server = Server::start(move |_: &Request| {
                let inner = format!(
                    "<Stacks><member><StackId>arn:stack</StackId><StackName>k3fleet-shop</StackName>\
                     <CreationTime>2026-11-22T12:00:00.000Z</CreationTime><StackStatus>CREATE_COMPLETE</StackStatus>\
                     <DriftInformation>{told}</DriftInformation></member></Stacks>"
                );
                done("DescribeStacks", &inner)
            })
            .await;
            let stack = cloud(&server.url(), options()).stack("k3fleet-shop").await.unwrap();
            stack.unwrap().drift
        }
    };
    let seen = "<LastCheckTimestamp>2026-11-22T12:30:00.000Z</LastCheckTimestamp>";
    for (status, drifted) in [("DRIFTED", Some(true)), ("IN_SYNC", Some(false)), ("UNKNOWN", None)] {
        let told = drift(&format!("<StackDriftStatus>{status}</StackDriftStatus>{seen}")).await;
        let at = "2026-11-22T12:30:00Z".parse().ok();
        assert_eq!(
            told.map(|told| (told.drifted, told.checked_at)),
            drifted.map(|drifted| (drifted, at)),
            "{status}"
        );
    }
    assert_eq!(drift("<StackDriftStatus>NOT_CHECKED</StackDriftStatus>").await, None);
}

#[tokio::test]
async fn what_has_drifted_is_told_although_not_all_could_be_looked_at() {
    let server = Server::start(|request: &Request| match request.form("Action").as_deref() {
        Some("DetectStackDrift") => done("DetectStackDrift", "<StackDriftDetectionId>d-1</StackDriftDetectionId>"),
        Some("DescribeStackDriftDetectionStatus") => {
            assert_eq!(request.form("StackDriftDetectionId").as_deref(), Some("d-1"));
            let inner = "<DetectionStatus>DETECTION_FAILED</DetectionStatus>\
                 <DetectionStatusReason>Failed to detect drift on resource [Reaper]</DetectionStatusReason>";
            done("DescribeStackDriftDetectionStatus", inner)
        }
        _ => {
            assert_eq!(request.form("StackResourceDriftStatusFilters.member.2").as_deref(), Some("DELETED"));
            let (resource, rest) = match request.form("NextToken") {
                None => ("Servers", "<NextToken>2</NextToken>"),
                Some(_) => ("FeedQueue", ""),
            };
            let status = if rest.is_empty() { "DELETED" } else { "MODIFIED" };
            let difference = "<member><PropertyPath>/Tags/0</PropertyPath><ExpectedValue>null</ExpectedValue>\
                 <ActualValue>{}</ActualValue><DifferenceType>ADD</DifferenceType></member>";
            let differences = if rest.is_empty() { "" } else { difference };
            done(
                "DescribeStackResourceDrifts",
                &format!(
                    "<StackResourceDrifts><member><StackId>arn:stack</StackId><LogicalResourceId>{resource}</LogicalResourceId>\
                     <ResourceType>AWS::X::Y</ResourceType><StackResourceDriftStatus>{status}</StackResourceDriftStatus>\
                     <PropertyDifferences>{differences}</PropertyDifferences>\
                     <Timestamp>2026-11-22T12:00:00.000Z</Timestamp></member></StackResourceDrifts>{rest}"
                ),
            )
        }
    })
    .await;
    let cloud = cloud(&server.url(), options());
    let id = cloud.detect_drift("k3fleet-shop").await.unwrap();
    let incomplete = match cloud.drift_detection(&id).await.unwrap() {
        Detection::Over { incomplete } => incomplete.unwrap_or_default(),
        Detection::Running => panic!("it is over"),
    };
    assert!(incomplete.contains("[Reaper]"), "{incomplete}");
    let found = cloud.drifts("k3fleet-shop").await.unwrap();
    let told: Vec<_> = found.iter().map(|one| (one.resource.as_str(), one.deleted)).collect();
    assert_eq!(told, [("Servers", false), ("FeedQueue", true)]);
    let difference = &found[0].differences[0];
    assert_eq!((difference.expected.as_str(), difference.actual.as_str()), ("", "{}"));
}
