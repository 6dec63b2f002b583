//! CloudFormation stacks and queues: against moto as far as it goes, and against scripted answers for what it does not do
//! (long histories, change sets that take their time or fail).

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use k3fleet::fleet::FaultKind;
use k3fleet::provider::aws::Options;
use k3fleet::provider::{Cloud, CloudControl, StackAction, StackOrder};
use serde_json::json;

use super::moto::seen_through;
use super::stack_rig::post;
use super::{cloud, options};
use crate::support::http::{Reply, Request, Server};
use crate::support::moto;

fn quick() -> Options {
    let mut quick = options();
    quick.command_pace = Duration::from_millis(1);
    quick
}

/// A stack with a queue, whose name is told, and a security group where it is wanted.
fn order(token: &str, with_group: bool) -> StackOrder {
    let queue = json!({"Type": "AWS::SQS::Queue", "Properties": {"MessageRetentionPeriod": 300}});
    let group = json!({"Type": "AWS::EC2::SecurityGroup", "Properties": {"GroupDescription": {"Ref": "Text"}}});
    let mut template = json!({
        "AWSTemplateFormatVersion": "2010-09-09",
        "Parameters": {"Text": {"Type": "String", "Default": "for all"}},
        "Resources": {"FeedQueue": queue},
        "Outputs": {"FeedQueue": {"Value": {"Ref": "FeedQueue"}}},
    });
    if with_group {
        template["Resources"]["Group"] = group;
    }
    StackOrder {
        name: "k3fleet-shop".into(),
        template: template.to_string(),
        parameters: vec![("Text".into(), "for the shop".into())],
        kept: vec![],
        tags: vec![("k3fleet:cluster".into(), "shop".into())],
        token: token.into(),
    }
}

#[tokio::test]
async fn a_stack_is_proposed_made_changed_and_deleted() {
    let Some(account) = moto::account("700000000031").await else {
        return;
    };
    let cloud = seen_through(&account, "eu-west-1", quick());
    assert_eq!(cloud.stack("k3fleet-shop").await.unwrap(), None);
    assert_eq!(cloud.stack_events("k3fleet-shop", None).await.unwrap(), []);

    // What was only looked at leaves nothing behind.
    let looked_at = cloud.propose_stack(&order("launch-1", true)).await.unwrap();
    assert!(looked_at.creates);
    let mut added: Vec<_> = looked_at
        .changes
        .iter()
        .map(|c| (c.action, c.resource.as_str()))
        .collect();
    added.sort_unstable_by_key(|(_, resource)| *resource);
    assert_eq!(added, [(StackAction::Add, "FeedQueue"), (StackAction::Add, "Group")]);
    assert_eq!(
        looked_at.changes.iter().filter(|c| c.kind == "AWS::SQS::Queue").count(),
        1
    );
    cloud.discard_change_set(&looked_at).await.unwrap();
    assert_eq!(cloud.stack("k3fleet-shop").await.unwrap(), None);

    let made = cloud.propose_stack(&order("launch-2", true)).await.unwrap();
    cloud.execute_change_set(&made, "launch-2", true).await.unwrap();
    let stack = cloud.stack_now("k3fleet-shop").await.unwrap().unwrap();
    assert!(
        stack.status.is_good() && !stack.status.is_moving(),
        "{:?}",
        stack.status
    );
    assert!(stack.tags.contains(&("k3fleet:cluster".into(), "shop".into())));
    let events = cloud.stack_happened("k3fleet-shop", None).await.unwrap();
    assert!(events.windows(2).all(|two| two[0].at <= two[1].at));
    let known = events.first().unwrap().id.clone();
    let later = cloud.stack_events("k3fleet-shop", Some(&known)).await.unwrap();
    assert_eq!(later, events[1..]);

    let changed = cloud.propose_stack(&order("update-1", false)).await.unwrap();
    assert!(!changed.creates);
    let removed: Vec<_> = changed
        .changes
        .iter()
        .filter(|c| c.action == StackAction::Remove)
        .collect();
    assert_eq!(
        removed.iter().map(|c| c.resource.as_str()).collect::<Vec<_>>(),
        ["Group"]
    );
    cloud.execute_change_set(&changed, "update-1", true).await.unwrap();

    cloud.delete_stack("k3fleet-shop", "destroy-1").await.unwrap();
    assert_eq!(cloud.stack("k3fleet-shop").await.unwrap(), None);
    cloud.delete_stack("k3fleet-shop", "destroy-1").await.unwrap();
}

#[tokio::test]
async fn events_are_read_by_all_and_stay() {
    let Some(account) = moto::account("700000000032").await else {
        return;
    };
    let cloud = seen_through(&account, "eu-west-1", quick());
    let other = seen_through(&account, "eu-west-1", quick());
    let url = queue(&account, "k3fleet-shop-feed").await;
    assert_eq!(cloud.cloud_events(&url).await.unwrap(), []);
    cloud.send_test_event(&url, "test-1").await.unwrap();
    cloud.send_test_event(&url, "test-2").await.unwrap();
    for reader in [&cloud, &other, &cloud] {
        let told = reader.cloud_events(&url).await.unwrap();
        assert_eq!(
            told.iter().map(|e| e.id.as_str()).collect::<Vec<_>>(),
            ["test-1", "test-2"]
        );
        assert_eq!((told[0].kind.as_str(), &told[0].instance), ("k3fleet test", &None));
    }
    let stands = cloud.queue(&url).await.unwrap();
    assert_eq!((stands.waiting, stands.taken), (2, 0));
    let missing = cloud.cloud_events(&format!("{url}-none")).await.unwrap_err();
    assert_eq!(missing.call, "sqs:ReceiveMessage");
}

#[tokio::test]
async fn how_old_the_oldest_message_is_cloudwatch_tells_once_a_minute() {
    let Some(account) = moto::account("700000000038").await else {
        return;
    };
    let options = quick();
    let now = (options.clock)();
    let cloud = seen_through(&account, "eu-west-1", options);
    let url = queue(&account, "k3fleet-shop-reaper").await;
    assert_eq!(cloud.oldest_message(&format!("{url}-none")).await.unwrap(), None);
    let tell = async |minute: jiff::Timestamp, seconds: u32| {
        let scope = format!("{}/20261122/eu-west-1/monitoring/aws4_request", account.keys.id);
        let headers = format!(
            "Authorization: AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=00\r\n\
             Content-Type: application/x-www-form-urlencoded\r\n"
        );
        let metric = format!(
            "Action=PutMetricData&Version=2010-08-01&Namespace=AWS%2FSQS\
             &MetricData.member.1.MetricName=ApproximateAgeOfOldestMessage&MetricData.member.1.Value={seconds}\
             &MetricData.member.1.Timestamp={minute}&MetricData.member.1.Dimensions.member.1.Name=QueueName\
             &MetricData.member.1.Dimensions.member.1.Value=k3fleet-shop-reaper"
        );
        post(&account, "/", &headers, &metric).await;
    };
    let before = |seconds: i64| now - jiff::SignedDuration::from_secs(seconds);
    tell(before(180), 30).await;
    tell(before(120), 90).await;
    let told = cloud.oldest_message(&url).await.unwrap();
    assert_eq!(told, Some(before(150)), "the newest minute's end, and 90 s before it");
    tell(before(60), 150).await;
    assert_eq!(cloud.oldest_message(&url).await.unwrap(), told, "nobody is asked again");
}

/// Makes a queue in an account.
async fn queue(account: &moto::Account, name: &str) -> String {
    let keys = &account.keys;
    let keys = aws_sdk_sqs::config::Credentials::new(&keys.id, &keys.secret, keys.session.clone(), None, "test");
    let config = aws_sdk_sqs::Config::builder()
        .behavior_version(aws_sdk_sqs::config::BehaviorVersion::latest())
        .credentials_provider(keys)
        .region(aws_sdk_sqs::config::Region::new("eu-west-1"))
        .endpoint_url(&account.url)
        .build();
    let made = aws_sdk_sqs::Client::from_conf(config)
        .create_queue()
        .queue_name(name)
        .send()
        .await;
    made.unwrap().queue_url.unwrap()
}

fn answer(call: &str, inner: &str) -> Reply {
    Reply::xml(format!(
        r#"<{call}Response xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"><{call}Result>{inner}</{call}Result><ResponseMetadata><RequestId>b9b4b068-3a41-11e5-94eb-EXAMPLE</RequestId></ResponseMetadata></{call}Response>"#
    ))
}

fn no_stack() -> Reply {
    Reply::xml(
        r#"<ErrorResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"><Error><Type>Sender</Type><Code>ValidationError</Code><Message>Stack with id k3fleet-shop does not exist</Message></Error><RequestId>x</RequestId></ErrorResponse>"#.to_owned(),
    )
    .status(400)
}

fn event(number: usize) -> String {
    let minute = number / 60;
    let second = number % 60;
    format!(
        "<member><EventId>e-{number}</EventId><StackName>k3fleet-shop</StackName><LogicalResourceId>R{number}</LogicalResourceId>\
         <ResourceType>AWS::SQS::Queue</ResourceType><Timestamp>2026-11-22T12:{minute:02}:{second:02}.000Z</Timestamp>\
         <ResourceStatus>CREATE_COMPLETE</ResourceStatus></member>"
    )
}

#[tokio::test]
async fn of_a_long_history_only_what_is_new_is_asked_for() {
    let server = Server::start(|request: &Request| {
        // The newest first, a hundred on a page.
        let page: usize = request
            .form("NextToken")
            .map_or(0, |token| token.parse().expect("our own"));
        let newest = 250 - page * 100;
        let members: String = (newest.saturating_sub(100)..newest).rev().map(event).collect();
        let next = match page {
            2 => String::new(),
            _ => format!("<NextToken>{}</NextToken>", page + 1),
        };
        answer(
            "DescribeStackEvents",
            &format!("<StackEvents>{members}</StackEvents>{next}"),
        )
    })
    .await;
    let cloud = cloud(&server.url(), quick());
    let all = cloud.stack_events("k3fleet-shop", None).await.unwrap();
    assert_eq!(
        (all.len(), all[0].id.as_str(), all[249].id.as_str()),
        (250, "e-0", "e-249")
    );
    let before = server.requests().len();
    let new = cloud.stack_events("k3fleet-shop", Some("e-180")).await.unwrap();
    assert_eq!((new.len(), new[0].id.as_str()), (69, "e-181"));
    assert_eq!(server.requests().len() - before, 1);
}

/// A server whose change set needs two looks and stands so then.
async fn proposing(status: &'static str, rest: &'static str) -> Server {
    let looks = AtomicUsize::new(0);
    Server::start(move |request: &Request| match request.form("Action").as_deref() {
        Some("DescribeStacks") => no_stack(),
        Some("DescribeChangeSet") => {
            let first = looks.fetch_add(1, Ordering::Relaxed) == 0;
            let (status, rest) = match first {
                true => ("CREATE_IN_PROGRESS", ""),
                false => (status, rest),
            };
            let inner = format!("<ChangeSetId>arn:set</ChangeSetId><Status>{status}</Status>{rest}");
            answer("DescribeChangeSet", &inner)
        }
        Some(call) => answer(call, "<Id>arn:set</Id>"),
        None => Reply::xml(String::new()).status(500),
    })
    .await
}

#[tokio::test]
async fn a_change_set_is_waited_for() {
    let change = "<Changes><member><Type>Resource</Type><ResourceChange><Action>Modify</Action>\
        <LogicalResourceId>Nlb</LogicalResourceId><PhysicalResourceId>arn:nlb</PhysicalResourceId>\
        <ResourceType>AWS::ElasticLoadBalancingV2::LoadBalancer</ResourceType><Replacement>Conditional</Replacement>\
        <Details><member><Target><Attribute>Properties</Attribute><Name>Subnets</Name></Target></member></Details>\
        </ResourceChange></member></Changes>";
    let server = proposing("CREATE_COMPLETE", change).await;
    let told = cloud(&server.url(), quick())
        .propose_stack(&order("t-1", false))
        .await
        .unwrap();
    let change = &told.changes[0];
    assert_eq!(
        (change.action, change.physical.as_deref()),
        (StackAction::MayReplace, Some("arn:nlb"))
    );
    assert_eq!(change.properties, ["Subnets"]);
    let asked = server.requests();
    let made = asked
        .iter()
        .find(|r| r.form("Action").as_deref() == Some("CreateChangeSet"))
        .unwrap();
    assert_eq!(made.form("ChangeSetType").as_deref(), Some("CREATE"));
    assert_eq!(made.form("ClientToken").as_deref(), Some("t-1"));
    assert_eq!(made.form("Capabilities.member.1").as_deref(), Some("CAPABILITY_IAM"));
}

#[tokio::test]
async fn a_change_set_that_changes_nothing_is_empty_and_one_that_fails_says_why() {
    let nothing = "<StatusReason>The submitted information didn't contain changes.</StatusReason>";
    let server = proposing("FAILED", nothing).await;
    let told = cloud(&server.url(), quick())
        .propose_stack(&order("t-2", false))
        .await
        .unwrap();
    assert_eq!(told.changes, []);
    let calls =
        |server: &Server| -> Vec<String> { server.requests().iter().filter_map(|r| r.form("Action")).collect() };
    assert!(calls(&server).contains(&"DeleteChangeSet".to_owned()));

    let wrong = "<StatusReason>Template error: instance of Fn::GetAtt references undefined resource Nlb</StatusReason>";
    let server = proposing("FAILED", wrong).await;
    let refused = cloud(&server.url(), quick())
        .propose_stack(&order("t-3", false))
        .await
        .unwrap_err();
    assert!(refused.message.contains("undefined resource Nlb"), "{refused}");
    assert!(calls(&server).contains(&"DeleteChangeSet".to_owned()));
    assert_ne!(refused.kind, FaultKind::NotYet);
}
