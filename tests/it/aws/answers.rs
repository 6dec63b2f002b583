//! Answers that moto does not give: long lists, marked spot requests, activities.

use std::collections::HashSet;

use k3fleet::fleet::{Arch, FaultKind, InstanceState, NoticeKind, Purchase};
use k3fleet::provider::Cloud;

use super::{cloud, options};
use crate::support::http::{Reply, Request, Server};

/// An answer of EC2.
pub(crate) fn ec2(call: &str, inner: &str, next: Option<&str>) -> String {
    let next = next.map_or(String::new(), |token| format!("<nextToken>{token}</nextToken>"));
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?><{call}Response xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>59dbff89-35bd-4eac-99ed-be587EXAMPLE</requestId>{inner}{next}</{call}Response>"#
    )
}

/// An instance as EC2 lists it.
fn instance(number: usize, state: &str) -> String {
    let lifecycle = if number % 2 == 1 {
        "<instanceLifecycle>spot</instanceLifecycle>"
    } else {
        ""
    };
    let (high, low) = (number / 250, number % 250);
    format!(
        "<item><instanceId>i-{number:017x}</instanceId><imageId>ami-0abcdef1234567890</imageId>\
         <instanceState><code>16</code><name>{state}</name></instanceState>\
         <privateDnsName>ip-10-0-{high}-{low}.eu-west-1.compute.internal</privateDnsName><dnsName/><reason/>\
         <keyName>key</keyName><amiLaunchIndex>0</amiLaunchIndex><instanceType>t4g.small</instanceType>\
         <launchTime>2026-11-20T08:30:00.000Z</launchTime>\
         <placement><availabilityZone>eu-west-1b</availabilityZone><tenancy>default</tenancy></placement>\
         <vpcId>vpc-1</vpcId><privateIpAddress>10.0.{high}.{low}</privateIpAddress>\
         <ipAddress>54.1.{high}.{low}</ipAddress><architecture>arm64</architecture>{lifecycle}\
         <tagSet><item><key>Name</key><value>a &amp; b</value></item>\
         <item><key>aws:autoscaling:groupName</key><value>workers</value></item></tagSet></item>"
    )
}

fn reservation(instances: &str) -> String {
    format!("<item><reservationId>r-1</reservationId><instancesSet>{instances}</instancesSet></item>")
}

#[tokio::test]
async fn twenty_five_hundred_instances_come_in_pages_of_a_thousand() {
    let server = Server::start(|request: &Request| {
        let first = request
            .form("NextToken")
            .map_or(0, |token| token.parse().expect("our own token"));
        let last = (first + 1000).min(2500);
        let all: String = (first..last)
            .map(|number| reservation(&instance(number, "running")))
            .collect();
        let next = (last < 2500).then(|| last.to_string());
        let set = format!("<reservationSet>{all}</reservationSet>");
        Reply::xml(ec2("DescribeInstances", &set, next.as_deref()))
    })
    .await;
    let cloud = cloud(&server.url(), options());
    let instances = cloud.instances().await.expect("instances");
    assert_eq!(instances.len(), 2500);
    let ids: HashSet<_> = instances.iter().map(|one| one.id.as_str()).collect();
    assert_eq!(ids.len(), 2500);

    let one = &instances[1001];
    assert_eq!(one.id.as_str(), format!("i-{:017x}", 1001));
    assert_eq!(
        (one.scope.profile.as_str(), one.scope.region.as_str()),
        ("prod", "eu-west-1")
    );
    assert_eq!(
        (one.state, one.purchase, one.arch),
        (InstanceState::Running, Purchase::Spot, Some(Arch::Arm64))
    );
    assert_eq!(
        (one.instance_type.as_str(), one.zone.as_str()),
        ("t4g.small", "eu-west-1b")
    );
    assert_eq!(one.launched_at, "2026-11-20T08:30:00Z".parse().ok());
    assert_eq!(one.private_ip, "10.0.4.1".parse().ok());
    assert_eq!(one.public_ip, "54.1.4.1".parse().ok());
    assert_eq!(
        one.private_dns.as_deref(),
        Some("ip-10-0-4-1.eu-west-1.compute.internal")
    );
    assert_eq!(one.reason, None, "an empty reason is none");
    assert_eq!((one.tag("Name"), one.asg()), (Some("a & b"), Some("workers")));
    let key = |number: usize| instances[number].tags.iter().nth(1).map(|(key, _)| key.as_ptr());
    assert_eq!(key(0), key(999), "a tag's key is kept once");

    let requests = server.requests();
    assert_eq!(requests.len(), 3);
    for request in &requests {
        assert_eq!((request.method.as_str(), request.path()), ("POST", "/"));
        assert_eq!(request.form("Action").as_deref(), Some("DescribeInstances"));
        assert_eq!(request.form("MaxResults").as_deref(), Some("1000"));
        assert_eq!(request.form("Filter.1.Name").as_deref(), Some("instance-state-name"));
        let states: HashSet<_> = (1..9)
            .filter_map(|n| request.form(&format!("Filter.1.Value.{n}")))
            .collect();
        assert_eq!(states.len(), 5);
        assert!(!states.contains("terminated"));
    }
    let agent = requests[0].header("user-agent").expect("a user agent");
    assert!(agent.contains("aws-sdk-rust"), "{agent}");
    assert_eq!(cloud.usage()[0].total, 3, "each page counts");
}

#[tokio::test]
async fn every_state_is_mapped_and_unknown_ones_are_left_out() {
    let states = [
        "pending",
        "running",
        "shutting-down",
        "stopping",
        "stopped",
        "terminated",
        "levitating",
    ];
    let all: String = states.iter().enumerate().map(|(n, state)| instance(n, state)).collect();
    let set = format!("<reservationSet>{}</reservationSet>", reservation(&all));
    let server = Server::script([Reply::xml(ec2("DescribeInstances", &set, None))]).await;
    let found = cloud(&server.url(), options()).instances().await.expect("instances");
    let found: Vec<_> = found.iter().map(|one| one.state.as_str()).collect();
    assert_eq!(found, &states[..5]);
}

#[tokio::test]
async fn a_page_that_names_itself_as_the_next_one_is_not_followed_for_ever() {
    let server = Server::start(|_| {
        let set = format!(
            "<reservationSet>{}</reservationSet>",
            reservation(&instance(1, "running"))
        );
        Reply::xml(ec2("DescribeInstances", &set, Some("again")))
    })
    .await;
    let refused = cloud(&server.url(), options())
        .instances()
        .await
        .expect_err("it never ends");
    assert_eq!(refused.kind, FaultKind::Malformed);
    assert_eq!(server.requests().len(), 2);
}

fn spot_request(number: usize, code: &str) -> String {
    format!(
        "<item><spotInstanceRequestId>sir-{number}</spotInstanceRequestId><state>active</state>\
         <status><code>{code}</code><updateTime>2026-11-22T11:58:0{number}.000Z</updateTime><message>…</message></status>\
         <instanceId>i-{number:017x}</instanceId></item>"
    )
}

#[tokio::test]
async fn marked_spot_requests_are_notices_of_their_time() {
    let requests = [
        spot_request(1, "marked-for-termination"),
        spot_request(2, "fulfilled"),
        spot_request(3, "marked-for-stop"),
    ];
    let set = format!("<spotInstanceRequestSet>{}</spotInstanceRequestSet>", requests.concat());
    let server = Server::script([Reply::xml(ec2("DescribeSpotInstanceRequests", &set, Some("")))]).await;
    let notices = cloud(&server.url(), options()).notices().await.expect("notices");
    let told: Vec<_> = notices
        .iter()
        .map(|one| (one.instance.as_str(), one.kind, one.at.to_string()))
        .collect();
    assert_eq!(
        told,
        [
            (
                "i-00000000000000001",
                NoticeKind::Interruption,
                "2026-11-22T11:58:01Z".to_owned()
            ),
            (
                "i-00000000000000003",
                NoticeKind::Interruption,
                "2026-11-22T11:58:03Z".to_owned()
            ),
        ]
    );
    let asked = &server.requests()[0];
    assert_eq!(asked.form("Filter.1.Name").as_deref(), Some("status-code"));
    assert_eq!(
        asked.form("Filter.1.Value.1").as_deref(),
        Some("marked-for-termination")
    );
}

#[tokio::test]
async fn an_emulator_without_the_filter_by_status_is_asked_for_active_requests() {
    let server = Server::start(|request: &Request| {
        if request.form("Filter.1.Name").as_deref() == Some("status-code") {
            return Reply::new(500, "<!doctype html><title>500 Internal Server Error</title>");
        }
        let requests = [spot_request(1, "marked-for-termination"), spot_request(2, "fulfilled")];
        let set = format!("<spotInstanceRequestSet>{}</spotInstanceRequestSet>", requests.concat());
        Reply::xml(ec2("DescribeSpotInstanceRequests", &set, None))
    })
    .await;
    let mut once = options();
    once.attempts = 1;
    let cloud = cloud(&server.url(), once);
    for _ in 0..2 {
        assert_eq!(cloud.notices().await.expect("notices").len(), 1);
    }
    assert_eq!(server.requests().len(), 3, "the filter is tried only once");
}

#[tokio::test]
async fn activities_come_with_their_times_and_reasons() {
    let activity = |id: &str, more: &str| {
        format!(
            "<member><ActivityId>{id}</ActivityId><AutoScalingGroupName>workers</AutoScalingGroupName>\
             <Description>Launching a new EC2 instance</Description><StartTime>2026-11-22T11:00:00.250Z</StartTime>\
             {more}</member>"
        )
    };
    let members = [
        activity("a-2", "<StatusCode>InProgress</StatusCode><Progress>30</Progress>"),
        activity(
            "a-1",
            "<StatusCode>Failed</StatusCode><Progress>100</Progress><EndTime>2026-11-22T11:00:02Z</EndTime>\
             <StatusMessage>Could not launch Spot Instances. InsufficientInstanceCapacity</StatusMessage>",
        ),
    ];
    let body = format!(
        r#"<DescribeScalingActivitiesResponse xmlns="http://autoscaling.amazonaws.com/doc/2011-01-01/"><DescribeScalingActivitiesResult><Activities>{}</Activities><NextToken>more</NextToken></DescribeScalingActivitiesResult></DescribeScalingActivitiesResponse>"#,
        members.concat()
    );
    let server = Server::script([Reply::xml(body)]).await;
    let activities = cloud(&server.url(), options())
        .activities("workers")
        .await
        .expect("activities");
    let [running, failed] = activities.as_slice() else {
        panic!("two activities: {activities:?}");
    };
    assert_eq!(
        (running.id.as_str(), running.status.as_str(), running.progress),
        ("a-2", "InProgress", 30)
    );
    assert_eq!((running.ended_at, &running.message), (None, &None));
    assert_eq!(failed.started_at.to_string(), "2026-11-22T11:00:00.25Z");
    assert_eq!(failed.ended_at, "2026-11-22T11:00:02Z".parse().ok());
    assert!(
        failed
            .message
            .as_deref()
            .is_some_and(|why| why.contains("InsufficientInstanceCapacity"))
    );

    let asked = &server.requests()[0];
    assert_eq!(asked.form("AutoScalingGroupName").as_deref(), Some("workers"));
    assert_eq!(
        asked.form("MaxRecords").as_deref(),
        Some("20"),
        "the latest, and no further page"
    );
}
