//! The stack of a highly available cluster, as the template has it, on the fake AWS of `tests/moto`: all of it comes up, is
//! seen as a cluster, and goes.

use std::collections::{BTreeMap, BTreeSet};

use k3fleet::blueprint::Spec;
use k3fleet::blueprint::ha::template::{FIRST_SERVERS, template};
use k3fleet::blueprint::ha::{PoolKind, Site, WayOut};
use k3fleet::fleet::{Arch, membership};
use k3fleet::provider::aws::AwsCloud;
use k3fleet::provider::{Cloud, CloudControl, StackAction, StackOrder};
use serde_json::{Value, json};

use super::moto::seen_through;
use super::options;
use super::seed::Seed;
use super::stack_rig::behave;
use crate::support::moto;
use crate::template::{AURORA, made, pool, spec};

/// The default VPC of an account.
pub(super) async fn site(cloud: &AwsCloud, seed: &Seed) -> Site {
    let vpcs = cloud.vpcs().await.expect("VPCs");
    let vpc = vpcs.iter().find(|vpc| vpc.is_default).expect("the default one");
    let image = seed.image().await;
    Site {
        images: BTreeMap::from([Arch::Amd64, Arch::Arm64].map(|arch| (arch, image.as_str().into()))),
        vpc: Some(vpc.id.clone()),
        cidrs: vpc.cidrs.clone(),
        subnets: vpc.subnets.iter().map(|subnet| subnet.id.clone()).collect(),
        public: true,
        endpoints: cloud.endpoints(&vpc.id).await.expect("endpoints"),
        zones: vpc.subnets.iter().map(|subnet| subnet.zone.clone()).collect(),
    }
}

/// Makes the stack of a spec, looks at it, and deletes it.
async fn comes_and_goes(account: &moto::Account, cloud: &AwsCloud, spec: &Spec, workers: usize) {
    let seed = Seed::new(account, "eu-west-1");
    let template = template(spec, &site(cloud, &seed).await);
    let whole: BTreeSet<_> = template["Resources"]
        .as_object()
        .expect("resources")
        .keys()
        .cloned()
        .collect();
    let name = format!("k3fleet-{}", spec.name);
    let order = StackOrder {
        name: name.clone(),
        template: template.to_string(),
        parameters: vec![(FIRST_SERVERS.into(), "3".into())],
        kept: vec![],
        tags: vec![("k3fleet:cluster".into(), spec.name.to_string())],
        token: format!("launch-{}", spec.name),
    };
    let set = cloud.propose_stack(&order).await.expect("a change set");
    assert!(set.creates && set.changes.iter().all(|change| change.action == StackAction::Add));
    let proposed: BTreeSet<_> = set.changes.iter().map(|change| change.resource.to_string()).collect();
    assert_eq!(proposed, whole);
    cloud
        .execute_change_set(&set, &order.token, true)
        .await
        .expect("executed");

    let stack = cloud.stack_now(&name).await.expect("told").expect("a stack");
    let events = cloud.stack_happened(&name, None).await.expect("events");
    let failed: Vec<_> = events.iter().filter(|event| event.status.has_failed()).collect();
    assert!(stack.status.is_good(), "{:?}: {failed:#?}", stack.status);
    let complete = events
        .iter()
        .filter(|event| event.status.0 == "CREATE_COMPLETE" && event.resource != name);
    let complete: BTreeSet<_> = complete.map(|event| event.resource.to_string()).collect();
    assert_eq!(complete, whole);
    let told: BTreeSet<_> = stack.outputs.iter().map(|(key, _)| key.to_string()).collect();
    let expected: BTreeSet<_> = template["Outputs"]
        .as_object()
        .expect("outputs")
        .keys()
        .cloned()
        .collect();
    assert_eq!(told, expected);
    let queue = stack.output("FeedQueue").expect("the feed's queue");
    cloud.send_test_event(queue, "test-1").await.expect("sent");
    assert_eq!(cloud.cloud_events(queue).await.expect("events").len(), 1);

    // Its machines say by their tags whose they are.
    let mut roles = BTreeMap::<_, usize>::new();
    for instance in cloud.instances().await.expect("instances") {
        let of = membership(&instance.tags, &[]).expect("its cluster");
        assert_eq!(of.cluster, spec.name);
        *roles.entry(of.pool.expect("its pool").to_string()).or_default() += 1;
    }
    assert_eq!(roles.remove("k3s_servers"), Some(3));
    assert_eq!(roles.values().sum::<usize>(), workers);
    let groups = cloud.asgs().await.expect("groups");
    assert!(
        groups
            .iter()
            .any(|group| group.name == format!("k3fleet-{}-k3s_servers", spec.name))
    );

    cloud
        .delete_stack(&name, &format!("destroy-{}", spec.name))
        .await
        .expect("deleted");
    assert_eq!(cloud.stack(&name).await.expect("told"), None);
    assert_eq!(
        (
            cloud.asgs().await.expect("groups").len(),
            cloud.instances().await.expect("instances").len()
        ),
        (0, 0)
    );
}

async fn comes_up_and_goes(account: &str, workers: usize, change: impl FnOnce(&mut Spec)) {
    let Some(account) = moto::account(account).await else {
        return;
    };
    behave(&account, json!({"signal": true})).await;
    let cloud = seen_through(&account, "eu-west-1", options());
    let mut spec = spec();
    // moto loses a machine where a share of a group is no whole number.
    spec.ha.as_mut().expect("an ha cluster").pools[0].on_demand_percent = 0;
    change(&mut spec);
    comes_and_goes(&account, &cloud, &spec, workers).await;
}

#[tokio::test]
async fn a_cluster_in_the_default_vpc_comes_up_whole_and_goes() {
    comes_up_and_goes("700000000041", 3, |_| ()).await;
}

#[tokio::test]
async fn a_cluster_with_every_part_comes_up_whole_and_goes() {
    comes_up_and_goes("700000000042", 6, |spec| {
        let ha = spec.ha.as_mut().expect("an ha cluster");
        ha.store = AURORA;
        ha.shared_storage = true;
        (ha.ingress, ha.public_api) = (true, true);
        ha.made_vpc = made(WayOut::Nat, 3);
        ha.pools.push(pool("intel", PoolKind::SpotFleet, Arch::Amd64));
    })
    .await;
}

#[tokio::test]
async fn servers_that_do_not_come_up_are_told_with_their_own_words() {
    let Some(account) = moto::account("700000000043").await else {
        return;
    };
    let why = "i-0a: no API within 20 min: k3s.service: Failed";
    behave(&account, json!({"signal": true, "fail": {"ServersReady": why}})).await;
    let cloud = seen_through(&account, "eu-west-1", options());
    let spec = spec();
    let seed = Seed::new(&account, "eu-west-1");
    let body: Value = template(&spec, &site(&cloud, &seed).await);
    let order = StackOrder {
        name: "k3fleet-shop".into(),
        template: body.to_string(),
        parameters: vec![],
        kept: vec![],
        tags: vec![],
        token: "launch-1".into(),
    };
    let set = cloud.propose_stack(&order).await.expect("a change set");
    cloud
        .execute_change_set(&set, "launch-1", true)
        .await
        .expect("executed");
    let stack = cloud.stack("k3fleet-shop").await.expect("told").expect("a stack");
    assert_eq!(stack.status.0, "ROLLBACK_COMPLETE");
    let events = cloud.stack_events("k3fleet-shop", None).await.expect("events");
    let failed = events
        .iter()
        .find(|event| event.status.0 == "CREATE_FAILED")
        .expect("what failed");
    assert_eq!(
        (failed.resource.as_str(), failed.reason.as_deref()),
        ("ServersReady", Some(why))
    );
    assert_eq!(cloud.instances().await.expect("instances").len(), 0);
}
