//! What changes AWS, against moto.

use aws_sdk_ec2::types as ec2;
use k3fleet::fleet::{Asg, FaultKind, InstanceId, InstanceState};
use k3fleet::ops::Call;
use k3fleet::provider::aws::{AwsCloud, CHANGE_ACTIONS};
use k3fleet::provider::{Cloud, CloudControl};

use super::moto::seen_through;
use super::options;
use super::seed::Seed;
use crate::support::moto;

async fn group(cloud: &AwsCloud) -> Asg {
    let mut groups = cloud.asgs().await.expect("groups");
    assert_eq!(groups.len(), 1);
    groups.remove(0)
}

async fn living(cloud: &AwsCloud) -> Vec<InstanceId> {
    let listed = cloud.instances().await.expect("instances").into_iter();
    let living = listed.filter(|one| matches!(one.state, InstanceState::Pending | InstanceState::Running));
    living.map(|one| one.id).collect()
}

#[test]
fn every_permission_that_a_plan_names_is_in_the_operators_policy() {
    let mut of_plans: Vec<_> = Call::ALL.into_iter().filter(|call| call.is_aws()).collect();
    of_plans.sort_by_key(|call| call.permission());
    let of_plans: Vec<_> = of_plans.into_iter().map(Call::permission).collect();
    let mut of_policy = CHANGE_ACTIONS;
    of_policy.sort_unstable();
    assert_eq!(of_plans, of_policy);
}

#[tokio::test]
async fn a_group_goes_up_and_down_and_to_nothing_and_back() {
    let Some(account) = moto::account("100000000021").await else {
        return;
    };
    let seed = Seed::new(&account, "eu-west-1");
    let template = seed.template(&seed.image().await).await;
    seed.group("k3s_workers", 2, &template, &seed.subnets().await).await;
    let cloud = seen_through(&account, "eu-west-1", options());

    for desired in [5, 5, 1, 0, 2] {
        cloud.set_desired("k3s_workers", desired).await.expect("scaled");
        let group = group(&cloud).await;
        assert_eq!((group.desired, group.members.len()), (desired, desired as usize));
        assert_eq!(living(&cloud).await.len(), desired as usize);
    }

    cloud.set_bounds("k3s_workers", 1, 12).await.expect("bounds");
    let wider = group(&cloud).await;
    assert_eq!((wider.min, wider.desired, wider.max), (1, 2, 12));
    cloud.set_bounds("k3s_workers", 4, 12).await.expect("bounds");
    let more = group(&cloud).await;
    assert_eq!((more.min, more.desired, more.members.len()), (4, 4, 4));

    let processes: [smol_str::SmolStr; 2] = ["HealthCheck".into(), "ReplaceUnhealthy".into()];
    for _ in 0..2 {
        cloud.hold("k3s_workers", &processes, true).await.expect("held");
        let mut held = group(&cloud).await.suspended.to_vec();
        held.sort();
        assert_eq!(held, processes);
    }
    cloud.hold("k3s_workers", &processes, false).await.expect("let go");
    assert!(group(&cloud).await.suspended.is_empty());

    let refused = cloud.set_bounds("no-such-group", 0, 1).await.expect_err("no group");
    assert_eq!(
        (refused.kind, refused.call.as_str()),
        (FaultKind::Other, "autoscaling:UpdateAutoScalingGroup")
    );
    assert!(
        refused
            .message
            .starts_with("ValidationError: AutoScalingGroup name not found"),
        "{refused}"
    );
    let refused = cloud.set_desired("k3s_workers", u32::MAX).await.expect_err("too many");
    assert!(refused.message.contains("4294967295"), "{refused}");
}

#[tokio::test]
async fn a_member_is_ended_by_name_and_replaced_unless_the_group_shrinks() {
    let Some(account) = moto::account("100000000022").await else {
        return;
    };
    let seed = Seed::new(&account, "eu-west-1");
    let template = seed.template(&seed.image().await).await;
    seed.group("k3s_workers", 3, &template, &seed.subnets().await).await;
    let cloud = seen_through(&account, "eu-west-1", options());
    let members = |group: &Asg| group.members.iter().map(|one| one.id.clone()).collect::<Vec<_>>();
    let before = members(&group(&cloud).await);

    cloud.end_member(&before[1], true).await.expect("ended");
    let smaller = group(&cloud).await;
    assert_eq!(smaller.desired, 2);
    assert_eq!(members(&smaller), [before[0].clone(), before[2].clone()]);

    cloud.end_member(&before[0], false).await.expect("ended");
    let replaced = group(&cloud).await;
    assert_eq!((replaced.desired, replaced.members.len()), (2, 2));
    let after = members(&replaced);
    assert!(!after.contains(&before[0]) && after.contains(&before[2]));
    let mut alive = living(&cloud).await;
    alive.sort_unstable();
    let mut after = after;
    after.sort_unstable();
    assert_eq!(alive, after, "what left the group has ended");
}

#[tokio::test]
async fn a_lone_instance_is_ended_once_and_a_protected_one_is_not() {
    let Some(account) = moto::account("100000000023").await else {
        return;
    };
    let seed = Seed::new(&account, "eu-west-1");
    let image = seed.image().await;
    let lone = seed.lone(2, &image, false, &[("Name", "lone")]).await;
    let [first, second] = lone.as_slice() else {
        panic!("two instances: {lone:?}");
    };
    let (first, second) = (InstanceId::new(first), InstanceId::new(second));
    let cloud = seen_through(&account, "eu-west-1", options());

    cloud.end(&first).await.expect("ended");
    assert_eq!(living(&cloud).await, std::slice::from_ref(&second));
    cloud.end(&first).await.expect("it has ended already");
    let never = InstanceId::new("i-0123456789abcdef0");
    cloud.end(&never).await.expect("there is none, so it has ended");

    seed.ec2
        .modify_instance_attribute()
        .instance_id(second.as_str())
        .disable_api_termination(ec2::AttributeBooleanValue::builder().value(true).build())
        .send()
        .await
        .expect("protected");
    let refused = cloud.end(&second).await.expect_err("it is protected");
    assert_eq!((refused.kind, refused.retryable()), (FaultKind::Other, false));
    assert!(refused.message.contains("disableApiTermination"), "{refused}");
    assert_eq!(living(&cloud).await, [second]);
}

#[tokio::test]
async fn a_spot_fleet_gets_another_target() {
    let Some(account) = moto::account("100000000024").await else {
        return;
    };
    let seed = Seed::new(&account, "eu-west-1");
    let image = seed.image().await;
    let subnets = seed.subnets().await;
    let id = seed
        .spot_fleet(2, &[ec2::InstanceType::T3Medium], &image, &subnets[0])
        .await;
    let cloud = seen_through(&account, "eu-west-1", options());
    // moto does not know the word that ends what is beyond the target: what stays is tried here.
    for (target, alive) in [(4, 4), (1, 4)] {
        cloud.set_target(&id, target, false).await.expect("scaled");
        let fleets = cloud.spot_fleets().await.expect("fleets");
        assert_eq!(fleets[0].target, target);
        assert_eq!(living(&cloud).await.len(), alive);
    }
}

#[tokio::test]
async fn a_parameter_is_made_by_one_only_and_is_gone_when_deleted() {
    const NAME: &str = "/k3fleet/prod/lock";
    let Some(account) = moto::account("100000000025").await else {
        return;
    };
    let cloud = seen_through(&account, "eu-west-1", options());
    let elsewhere = seen_through(&account, "us-east-1", options());
    assert_eq!(cloud.parameter(NAME).await.expect("an answer"), None);
    cloud.delete_parameter(NAME).await.expect("there is none");

    let made = futures::future::join_all((0..4).map(|one| {
        let value = format!("operator {one}");
        let cloud = &cloud;
        async move { cloud.create_parameter(NAME, &value).await.expect("an answer") }
    }))
    .await;
    assert_eq!(made.iter().filter(|made| **made).count(), 1, "{made:?}");
    let winner = made.iter().position(|made| *made).expect("one made it");
    let held = cloud.parameter(NAME).await.expect("an answer");
    assert_eq!(held, Some(format!("operator {winner}")));
    assert_eq!(elsewhere.parameter(NAME).await.expect("an answer"), None);

    let value = r#"{"by": "me@here", "ü": "&<>"}"#;
    cloud.put_parameter(NAME, value).await.expect("overwritten");
    assert_eq!(cloud.parameter(NAME).await.expect("an answer").as_deref(), Some(value));
    cloud.delete_parameter(NAME).await.expect("deleted");
    assert_eq!(cloud.parameter(NAME).await.expect("an answer"), None);
    assert!(cloud.create_parameter(NAME, "again").await.expect("an answer"));

    let usage = cloud.usage();
    let asked = |api: &str| usage.iter().find(|one| one.api == api).map_or(0, |one| one.total);
    assert_eq!(
        (
            asked("ssm:PutParameter"),
            asked("ssm:GetParameter"),
            asked("ssm:DeleteParameter")
        ),
        (6, 4, 2),
        "they count against the budget"
    );
}
