//! Against moto, seeded through the SDK.

use std::collections::{HashMap, HashSet};

use aws_sdk_ec2::types as ec2;
use k3fleet::fleet::{FaultKind, Instance, InstanceState, Purchase, tag};
use k3fleet::provider::Cloud;
use k3fleet::provider::aws::{AwsCloud, Options, Profile};

use super::options;
use super::seed::Seed;
use crate::support::moto::{self, Account};

pub(crate) fn seen_through(account: &Account, region: &str, options: Options) -> AwsCloud {
    let profile = Profile::at_endpoint("", &account.url, account.keys.clone(), options);
    profile.region(region).expect("a region")
}

fn calls(cloud: &AwsCloud, api: &str) -> u64 {
    cloud
        .usage()
        .iter()
        .find(|usage| usage.api == api)
        .map_or(0, |usage| usage.total)
}

#[tokio::test]
async fn three_groups_and_sixty_instances_in_two_regions_are_seen_whole() {
    let Some(account) = moto::account("100000000001").await else {
        return;
    };
    let ireland = Seed::new(&account, "eu-west-1");
    let virginia = Seed::new(&account, "us-east-1");
    let image = ireland.image().await;
    let subnets = ireland.subnets().await;
    let template = ireland.template(&image).await;
    ireland.group("k3s_servers", 3, &template, &subnets).await;
    ireland.mixed_group("k3s_workers", 26, &template, &subnets).await;
    ireland.group("k3s_spare", 0, &template, &subnets).await;
    let lone = ireland
        .lone(11, &image, false, &[("Name", "lone"), ("empty", "")])
        .await;
    ireland.lone(10, &image, true, &[("k3fleet:cluster", "ci")]).await;
    let far_image = virginia.image().await;
    virginia.lone(10, &far_image, false, &[("Name", "far")]).await;
    let over = ireland.lone(1, &image, false, &[("Name", "over")]).await;
    ireland
        .ec2
        .terminate_instances()
        .set_instance_ids(Some(over.clone()))
        .send()
        .await
        .expect("terminated");
    let stopped = &lone[0];
    ireland
        .ec2
        .stop_instances()
        .instance_ids(stopped)
        .send()
        .await
        .expect("stopped");

    // Pages of 5: moto counts reservations, of which the groups have 3 and the lone ones 21.
    let mut small_pages = options();
    small_pages.page = 5;
    let here = seen_through(&account, "eu-west-1", small_pages.clone());
    let there = seen_through(&account, "us-east-1", small_pages);
    let (in_ireland, in_virginia) = tokio::join!(here.instances(), there.instances());
    let (in_ireland, in_virginia) = (in_ireland.expect("Ireland"), in_virginia.expect("Virginia"));
    assert_eq!((in_ireland.len(), in_virginia.len()), (50, 10));
    assert_eq!(calls(&here, "ec2:DescribeInstances"), 5);
    assert_eq!(calls(&there, "ec2:DescribeInstances"), 2);
    let ids: HashSet<_> = in_ireland.iter().chain(&in_virginia).map(|one| &one.id).collect();
    assert_eq!(ids.len(), 60);
    assert!(
        in_ireland.iter().all(|one| one.id.as_str() != over[0]),
        "the terminated one is not listed"
    );
    assert!(
        in_ireland
            .iter()
            .all(|one| one.scope.region == "eu-west-1" && one.zone.starts_with("eu-west-1"))
    );
    assert!(in_virginia.iter().all(|one| one.tag("Name") == Some("far")));

    let by_id: HashMap<_, &Instance> = in_ireland.iter().map(|one| (one.id.as_str(), one)).collect();
    let one = by_id[lone[1].as_str()];
    assert_eq!(one.state, InstanceState::Running);
    assert_eq!(one.instance_type, "t3.micro");
    assert_eq!(one.arch.map(|arch| arch.as_str()), Some("amd64"));
    assert_eq!(one.purchase, Purchase::OnDemand);
    assert_eq!(one.image.as_deref(), Some(image.as_str()));
    assert!(one.launched_at.is_some() && one.private_ip.is_some() && one.vpc.is_some());
    assert!(
        one.private_dns
            .as_deref()
            .is_some_and(|name| name.ends_with(".internal"))
    );
    assert_eq!((one.tag("empty"), one.tag("none")), (Some(""), None));
    let stopped = by_id[stopped.as_str()];
    assert_eq!(stopped.state, InstanceState::Stopped);
    assert!(stopped.reason.is_some(), "who stopped it is told");
    let spot: Vec<_> = in_ireland.iter().filter(|one| one.purchase == Purchase::Spot).collect();
    assert_eq!(spot.len(), 10, "moto buys on demand whatever a group's policy says");
    assert!(spot.iter().all(|one| one.tag("k3fleet:cluster") == Some("ci")));

    let mut single = options();
    single.page = 1;
    let here = seen_through(&account, "eu-west-1", single);
    let mut groups = here.asgs().await.expect("groups");
    assert_eq!(calls(&here, "autoscaling:DescribeAutoScalingGroups"), 3);
    groups.sort_by(|a, b| a.name.cmp(&b.name));
    let names: Vec<_> = groups.iter().map(|group| group.name.as_str()).collect();
    assert_eq!(names, ["k3s_servers", "k3s_spare", "k3s_workers"]);
    let sizes: Vec<_> = groups
        .iter()
        .map(|group| (group.desired, group.min, group.max))
        .collect();
    assert_eq!(sizes, [(3, 0, 9), (0, 0, 9), (26, 3, 40)]);
    let [servers, spare, workers] = groups.as_slice() else {
        panic!("three groups");
    };
    assert_eq!((servers.on_demand_base, servers.on_demand_percent), (None, None));
    assert_eq!(servers.zones.len(), 3);
    assert!(servers.types.is_empty() && spare.members.is_empty());
    assert_eq!(
        workers.types.iter().collect::<Vec<_>>(),
        ["t3.medium", "t3a.medium", "m6i.large"]
    );
    assert_eq!((workers.on_demand_base, workers.on_demand_percent), (Some(2), Some(25)));
    assert!(tag(&workers.tags, "k3fleet:role") == Some("agent"));
    for group in [servers, workers] {
        assert_eq!(group.members.len(), group.desired as usize);
        for member in &group.members {
            assert_eq!(
                (member.lifecycle.as_str(), member.healthy, member.protected),
                ("InService", true, false)
            );
            assert_eq!(
                by_id[member.id.as_str()].asg(),
                Some(group.name.as_str()),
                "both sides name each other"
            );
        }
    }

    let activities = here.activities("k3s_servers").await.expect("activities");
    assert_eq!(activities, [], "moto tells of none");
}

#[tokio::test]
async fn suspended_processes_protection_and_ill_health_are_seen() {
    let Some(account) = moto::account("100000000002").await else {
        return;
    };
    let seed = Seed::new(&account, "eu-west-1");
    let image = seed.image().await;
    let template = seed.template(&image).await;
    seed.group("k3s_servers", 2, &template, &seed.subnets().await).await;
    let cloud = seen_through(&account, "eu-west-1", options());
    let before = cloud.asgs().await.expect("groups");
    let [first, second] = &*before[0].members else {
        panic!("two members: {before:?}");
    };

    let auto = &seed.autoscaling;
    auto.suspend_processes()
        .auto_scaling_group_name("k3s_servers")
        .scaling_processes("AZRebalance")
        .send()
        .await
        .expect("suspended");
    auto.set_instance_protection()
        .auto_scaling_group_name("k3s_servers")
        .instance_ids(first.id.as_str())
        .protected_from_scale_in(true)
        .send()
        .await
        .expect("protected");
    auto.set_instance_health()
        .instance_id(second.id.as_str())
        .health_status("Unhealthy")
        .send()
        .await
        .expect("ill");

    let after = cloud.asgs().await.expect("groups");
    assert_eq!(after[0].suspended.iter().collect::<Vec<_>>(), ["AZRebalance"]);
    let state = |id| {
        let member = after[0].members.iter().find(|member| member.id == id);
        member.map(|member| (member.healthy, member.protected))
    };
    assert_eq!(state(first.id.clone()), Some((true, true)));
    assert_eq!(state(second.id.clone()), Some((false, false)));
}

#[tokio::test]
async fn a_spot_fleet_is_seen_with_its_types_and_tags_until_it_is_cancelled() {
    let Some(account) = moto::account("100000000003").await else {
        return;
    };
    let seed = Seed::new(&account, "eu-west-1");
    let image = seed.image().await;
    let subnets = seed.subnets().await;
    let types = [
        ec2::InstanceType::T3Medium,
        ec2::InstanceType::M6iLarge,
        ec2::InstanceType::T3Medium,
    ];
    let id = seed.spot_fleet(4, &types, &image, &subnets[0]).await;

    let cloud = seen_through(&account, "eu-west-1", options());
    let fleets = cloud.spot_fleets().await.expect("fleets");
    let [fleet] = fleets.as_slice() else {
        panic!("one fleet: {fleets:?}");
    };
    assert_eq!((fleet.id.as_str(), fleet.state.as_str()), (id.as_str(), "active"));
    assert_eq!((fleet.target, fleet.fulfilled), (4, 4));
    assert_eq!(fleet.types.iter().collect::<Vec<_>>(), ["t3.medium", "m6i.large"]);
    assert_eq!(fleet.tags.iter().collect::<Vec<_>>(), [("k3fleet:pool", "burst")]);

    let members = cloud.instances().await.expect("instances");
    assert!(!members.is_empty() && members.iter().all(|one| one.purchase == Purchase::Spot));
    assert_eq!(cloud.notices().await.expect("no notices"), [], "nothing is marked");

    let cancel = seed
        .ec2
        .cancel_spot_fleet_requests()
        .spot_fleet_request_ids(id)
        .terminate_instances(true);
    cancel.send().await.expect("cancelled");
    assert_eq!(cloud.spot_fleets().await.expect("fleets"), []);
    assert_eq!(cloud.instances().await.expect("instances"), []);
}

#[tokio::test]
async fn the_check_tells_what_is_granted_and_whose_clock_it_is() {
    let Some(account) = moto::account("100000000004").await else {
        return;
    };
    let cloud = seen_through(&account, "eu-west-1", options());
    assert_eq!(cloud.account().await.expect("an account"), account.id);

    let checks = cloud.check().await;
    assert_eq!(checks.len(), 29);
    assert_eq!(checks[0].permission, "sts:GetCallerIdentity");
    let skew = checks[0].clock_skew.expect("moto dates its answers");
    assert!(skew.abs() <= 2, "the same machine, the same clock: {skew}");
    for check in &checks {
        match (&check.outcome, check.permission.as_str()) {
            (Err(lacking), "pricing:GetProducts") => assert_eq!(lacking.kind, FaultKind::Unreachable),
            (outcome, permission) => assert!(outcome.is_ok(), "{permission}: {outcome:?}"),
        }
    }
}

#[tokio::test]
async fn spot_prices_are_asked_for_the_types_alone() {
    let Some(account) = moto::account("100000000005").await else {
        return;
    };
    let cloud = seen_through(&account, "eu-west-1", options());
    let types = ["t3.micro".into(), "m7g.large".into()];
    let prices = cloud.spot_prices(&types, super::noon()).await.expect("prices");
    let listed: HashSet<_> = prices.iter().map(|price| price.instance_type.as_str()).collect();
    assert_eq!(listed, HashSet::from(["t3.micro", "m7g.large"]));
    assert!(
        prices
            .iter()
            .all(|price| price.zone.starts_with("eu-west-1") && price.usd == 0.00001)
    );
    assert_eq!(cloud.spot_prices(&[], super::noon()).await.expect("nothing asked"), []);
}
