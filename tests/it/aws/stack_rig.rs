//! A stack of what a cluster is made of, on the fake AWS of `tests/moto`: it comes up, changes, fails and goes as
//! CloudFormation has it.

use k3fleet::provider::aws::AwsCloud;
use k3fleet::provider::{ChangeSet, Cloud, CloudControl, Detection, ResourceDrift, StackAction, StackOrder};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::moto::seen_through;
use super::options;
use super::seed::Seed;
use crate::support::moto;

const STACK: &str = "k3fleet-shop";
const KINDS: usize = 9;

/// Tells the fake how the account's stacks behave.
pub(crate) async fn behave(account: &moto::Account, how: Value) {
    let path = format!("/_ctl/config?account={}", account.id);
    post(account, &path, "", &how.to_string()).await;
}

/// Posts to the fake, with headers that each end their line.
pub(crate) async fn post(account: &moto::Account, path: &str, headers: &str, body: &str) {
    let address = account.url.strip_prefix("http://").expect("plain HTTP");
    let mut stream = TcpStream::connect(address).await.expect("the fake");
    let asked = format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(asked.as_bytes()).await.expect("asked");
    let mut told = String::new();
    stream.read_to_string(&mut told).await.expect("an answer");
    assert!(told.starts_with("HTTP/1.1 200"), "{told}");
}

/// What the stack stands on.
struct Place {
    vpc: String,
    subnets: Vec<String>,
    image: String,
}

impl Place {
    async fn of(seed: &Seed) -> Self {
        let vpcs = seed.ec2.describe_vpcs().send().await.expect("VPCs");
        Self {
            vpc: vpcs.vpcs()[0].vpc_id().expect("its id").to_owned(),
            subnets: seed.subnets().await,
            image: seed.image().await,
        }
    }

    fn order(&self, token: &str, keep: u32, about: &str) -> StackOrder {
        let of = |kind: &str, properties: Value| json!({"Type": format!("AWS::{kind}"), "Properties": properties});
        let at = |name: &str, attribute: &str| json!({"Fn::GetAtt": [name, attribute]});
        let allow = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage",
            "Resource": at("FeedQueue", "Arn"),
        }]});
        let machine = json!({
            "ImageId": self.image, "InstanceType": "t3.small", "SecurityGroupIds": [at("Group", "GroupId")],
        });
        let version = json!({"LaunchTemplateId": {"Ref": "Machine"}, "Version": at("Machine", "LatestVersionNumber")});
        let template = json!({
            "AWSTemplateFormatVersion": "2010-09-09",
            "Resources": {
                "Group": of("EC2::SecurityGroup", json!({"GroupDescription": about, "VpcId": self.vpc})),
                "Machine": of("EC2::LaunchTemplate", json!({"LaunchTemplateData": machine})),
                "Workers": of("AutoScaling::AutoScalingGroup", json!({
                    "MinSize": "0", "MaxSize": "3", "DesiredCapacity": "1", "LaunchTemplate": version,
                    "VPCZoneIdentifier": self.subnets, "TargetGroupARNs": [{"Ref": "Targets"}],
                })),
                "FeedQueue": of("SQS::Queue", json!({"MessageRetentionPeriod": keep})),
                "FeedPolicy": of("SQS::QueuePolicy", json!({"Queues": [{"Ref": "FeedQueue"}], "PolicyDocument": allow})),
                "Kubeconfig": of("SecretsManager::Secret", json!({"Name": "k3fleet/shop/kubeconfig"})),
                "Nlb": of("ElasticLoadBalancingV2::LoadBalancer", json!({
                    "Type": "network", "Scheme": "internal", "Subnets": self.subnets,
                })),
                "Targets": of("ElasticLoadBalancingV2::TargetGroup", json!({
                    "Protocol": "TCP", "Port": 6443, "VpcId": self.vpc,
                })),
                "Api": of("ElasticLoadBalancingV2::Listener", json!({
                    "LoadBalancerArn": {"Ref": "Nlb"}, "Protocol": "TCP", "Port": 6443,
                    "DefaultActions": [{"Type": "forward", "TargetGroupArn": {"Ref": "Targets"}}],
                })),
            },
            "Outputs": {"FeedQueue": {"Value": {"Ref": "FeedQueue"}}, "Api": {"Value": at("Nlb", "DNSName")}},
        });
        StackOrder {
            name: STACK.into(),
            template: template.to_string(),
            parameters: vec![],
            kept: vec![],
            tags: vec![("k3fleet:cluster".into(), "shop".into())],
            token: token.into(),
        }
    }
}

async fn status(cloud: &AwsCloud) -> String {
    let stack = cloud.stack(STACK).await.expect("told").expect("a stack");
    stack.status.0.to_string()
}

/// The names of what has a status in the stack's events, in order.
async fn with(cloud: &AwsCloud, status: &str) -> Vec<String> {
    let events = cloud.stack_events(STACK, None).await.expect("events").into_iter();
    let those = events.filter(|event| event.status.0 == status && event.resource != STACK);
    let mut names: Vec<_> = those.map(|event| event.resource.to_string()).collect();
    names.sort_unstable();
    names
}

fn action(set: &ChangeSet, name: &str) -> Option<StackAction> {
    set.changes
        .iter()
        .find(|one| one.resource == name)
        .map(|one| one.action)
}

#[tokio::test]
async fn a_stack_comes_up_changes_where_it_can_and_goes() {
    let Some(account) = moto::account("700000000036").await else {
        return;
    };
    let seed = Seed::new(&account, "eu-west-1");
    let place = Place::of(&seed).await;
    let cloud = seen_through(&account, "eu-west-1", options());
    let made = cloud
        .propose_stack(&place.order("launch", 300, "of the shop"))
        .await
        .unwrap();
    assert_eq!((made.creates, made.changes.len()), (true, KINDS));
    cloud.execute_change_set(&made, "launch", true).await.unwrap();
    assert_eq!(status(&cloud).await, "CREATE_COMPLETE");
    assert_eq!(with(&cloud, "CREATE_COMPLETE").await.len(), KINDS);
    let stack = cloud.stack(STACK).await.unwrap().unwrap();
    let output = |name: &str| {
        stack
            .outputs
            .iter()
            .find(|(key, _)| key == name)
            .expect("an output")
            .1
            .clone()
    };
    assert!(output("Api").contains("elb"), "{}", output("Api"));
    assert_eq!(cloud.cloud_events(&output("FeedQueue")).await.unwrap(), []);
    let groups = cloud.asgs().await.unwrap();
    assert_eq!((groups.len(), groups[0].members.len()), (1, 1));

    let look = async || {
        let id = cloud.detect_drift(STACK).await.unwrap();
        assert_eq!(cloud.drift_detection(&id).await.unwrap(), Detection::Running);
        let over = cloud.drift_detection(&id).await.unwrap();
        assert_eq!(over, Detection::Over { incomplete: None });
        cloud.drifts(STACK).await.unwrap()
    };
    assert_eq!(look().await, []);
    cloud.set_desired(&groups[0].name, 2).await.unwrap();
    let found = look().await;
    let told = |one: &ResourceDrift| {
        (
            one.resource.to_string(),
            one.is_scaling(),
            one.differences[0].actual.to_string(),
        )
    };
    let told: Vec<_> = found.iter().map(told).collect();
    assert_eq!(told, [("Workers".to_owned(), true, "2".to_owned())]);
    let stands = cloud
        .stack(STACK)
        .await
        .unwrap()
        .unwrap()
        .drift
        .expect("it was looked at");
    assert!(stands.drifted && stands.checked_at.is_some());

    let same = cloud
        .propose_stack(&place.order("same", 300, "of the shop"))
        .await
        .unwrap();
    assert_eq!(same.changes, []);

    let changed = cloud
        .propose_stack(&place.order("update", 600, "of another"))
        .await
        .unwrap();
    assert_eq!(action(&changed, "FeedQueue"), Some(StackAction::Modify));
    assert_eq!(action(&changed, "Group"), Some(StackAction::Replace));
    assert_eq!(action(&changed, "Kubeconfig"), None);
    cloud.execute_change_set(&changed, "update", true).await.unwrap();
    assert_eq!(status(&cloud).await, "UPDATE_COMPLETE");
    assert_eq!(with(&cloud, "DELETE_COMPLETE").await, ["Group"]);

    cloud.delete_stack(STACK, "destroy").await.unwrap();
    assert_eq!(cloud.stack(STACK).await.unwrap(), None);
    assert_eq!(cloud.asgs().await.unwrap(), []);
}

#[tokio::test]
async fn a_resource_that_fails_says_why_and_what_was_made_is_taken_back_or_kept_until_asked() {
    let Some(account) = moto::account("700000000037").await else {
        return;
    };
    let seed = Seed::new(&account, "eu-west-1");
    let place = Place::of(&seed).await;
    let cloud = seen_through(&account, "eu-west-1", options());
    behave(&account, json!({"fail": {"Workers": "no capacity for t3.small"}})).await;
    for (token, undo) in [("first", true), ("second", false)] {
        let made = cloud
            .propose_stack(&place.order(token, 300, "of the shop"))
            .await
            .unwrap();
        cloud.execute_change_set(&made, token, undo).await.unwrap();
        let events = cloud.stack_events(STACK, None).await.unwrap();
        let failed = events
            .iter()
            .find(|e| e.resource == "Workers" && e.status.0 == "CREATE_FAILED");
        let failed = failed.expect("the one that failed");
        assert_eq!(failed.reason.as_deref(), Some("no capacity for t3.small"));
        if !undo {
            assert_eq!(status(&cloud).await, "CREATE_FAILED");
            assert!(with(&cloud, "DELETE_COMPLETE").await.is_empty(), "all is kept");
            cloud.undo_stack(STACK, "undo").await.unwrap();
        }
        assert_eq!(status(&cloud).await, "ROLLBACK_COMPLETE");
        assert!(with(&cloud, "DELETE_COMPLETE").await.contains(&"Group".to_owned()));
        let left = cloud
            .propose_stack(&place.order("again", 300, "of the shop"))
            .await
            .unwrap_err();
        assert!(left.message.contains("ROLLBACK_COMPLETE"), "{left}");
        cloud.delete_stack(STACK, token).await.unwrap();
        assert_eq!(cloud.stack(STACK).await.unwrap(), None);
    }
    behave(&account, json!({"fail": {}})).await;
    let made = cloud
        .propose_stack(&place.order("third", 300, "of the shop"))
        .await
        .unwrap();
    cloud.execute_change_set(&made, "third", true).await.unwrap();
    assert_eq!(status(&cloud).await, "CREATE_COMPLETE");
}
