//! What becomes of a cluster that a stack has made: machines are lost, taken back and replaced; others change and add pools.

use super::*;
use crate::provider::CloudEvent;

async fn output(aws: &dyn CloudControl, key: &str) -> SmolStr {
    aws.stack_now(STACK)
        .await
        .unwrap()
        .unwrap()
        .output(key)
        .unwrap()
        .clone()
}

async fn said(p: &Providers, queue: &str) -> Vec<CloudEvent> {
    cloud(p, EU).cloud_events(queue).await.unwrap()
}

async fn voters(world: &Arc<World>) -> usize {
    nodes(world)
        .await
        .iter()
        .filter(|n| n.etcd_voter == Some(true) && n.ready == Readiness::Ready)
        .count()
}

async fn node(world: &Arc<World>, name: &str) -> Option<Node> {
    nodes(world).await.into_iter().find(|n| n.key.name == name)
}

async fn first(aws: &dyn CloudControl) -> InstanceId {
    InstanceId::new(aws.parameter("/k3fleet/shop/initialised").await.unwrap().unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_lost_is_replaced_by_one_that_joins() {
    let (world, p, aws) = shop("", &spec(|_, _| {})).await;
    let lost = first(&*aws).await;
    aws.end(&lost).await.unwrap();
    within(60, "its node is gone, and with it its member", async || {
        node(&world, lost.as_str()).await.is_none() && voters(&world).await == 2
    })
    .await;
    within(240, "another takes its place", async || voters(&world).await == 3).await;
    assert_eq!(first(&*aws).await, lost, "nobody makes the cluster anew");
    assert_eq!(aws.parameter("/k3fleet/shop/first-server-2").await.unwrap(), None);
    let lock = aws.parameter("/k3fleet/shop/join-lock").await.unwrap().unwrap();
    assert!(lock.starts_with("free "), "{lock}");
    let feed = output(&*aws, "FeedQueue").await;
    let told = said(&p, &feed).await;
    let of_lost = told.iter().filter(|e| e.instance.as_deref() == Some(lost.as_str()));
    let of_lost: Vec<_> = of_lost.map(|e| e.says.as_deref().unwrap_or(&e.kind)).collect();
    assert_eq!(
        of_lost[of_lost.len() - 3..],
        ["shutting-down", "terminated", "EC2 Instance Terminate Successful"]
    );
    secs(400).await;
    assert_eq!(said(&p, &feed).await, [], "the feed forgets");
    assert_eq!(
        cloud(&p, EU)
            .queue(&output(&*aws, "ReaperQueue").await)
            .await
            .unwrap()
            .waiting,
        0
    );
}

#[tokio::test(start_paused = true)]
async fn two_servers_lost_stop_the_api_and_nobody_begins_a_new_cluster() {
    let (world, p, aws) = shop("", &spec(|_, _| {})).await;
    let servers: Vec<_> = own(&p)
        .await
        .into_iter()
        .filter(|i| i.tag("k3fleet:role") == Some("server"))
        .collect();
    for server in &servers[..2] {
        aws.end(&server.id).await.unwrap();
    }
    secs(600).await;
    assert_eq!(nodes(&world).await.len(), 0, "no API answers");
    let made_by = first(&*aws).await;
    assert!(servers.iter().any(|s| s.id == made_by));
    let queue = cloud(&p, EU).queue(&output(&*aws, "ReaperQueue").await).await.unwrap();
    assert!(queue.taken > 0, "what cannot be done comes back: {queue:?}");
    secs(3600).await;
    let dead = cloud(&p, EU)
        .queue(&output(&*aws, "DeadLetterQueue").await)
        .await
        .unwrap();
    assert!(dead.waiting > 0, "and is a dead letter in the end");
}

#[tokio::test(start_paused = true)]
async fn a_spot_worker_that_is_taken_back_is_drained_and_replaced_in_time() {
    let event =
        "[[events]]\nat = \"15m\"\nevent.spot-storm = { pool = \"shop/k3s_workers\", percent = 1, within = \"0s\" }\n";
    let (world, p, aws) = shop(event, &spec(|_, _| {})).await;
    within(900, "EC2 takes one back", async || {
        !cloud(&p, EU).notices().await.unwrap().is_empty()
    })
    .await;
    let at = world.now();
    let notice = cloud(&p, EU).notices().await.unwrap().remove(0);
    let feed = output(&*aws, "FeedQueue").await;
    let told = said(&p, &feed).await;
    let warning = told
        .iter()
        .find(|e| e.kind == "EC2 Spot Instance Interruption Warning")
        .unwrap();
    assert_eq!(
        (warning.instance.as_deref(), warning.says.as_deref()),
        (Some(notice.instance.as_str()), Some("terminate"))
    );
    assert!(told.iter().any(|e| e.kind == "EC2 Instance Rebalance Recommendation"));
    assert_eq!(said(&p, &feed).await, told, "they stay for others");
    within(4, "its node is cordoned", async || {
        !node(&world, notice.instance.as_str()).await.unwrap().schedulable
    })
    .await;
    within(180, "its node is gone", async || {
        node(&world, notice.instance.as_str()).await.is_none()
    })
    .await;
    assert!(world.now().duration_since(at).as_secs() >= 120);
    within(60, "another has taken its place", async || {
        ready(&world, Role::Agent).await == 3
    })
    .await;
    assert_eq!(voters(&world).await, 3);
}

#[tokio::test(start_paused = true)]
async fn a_group_that_shrinks_waits_until_its_machine_is_drained() {
    let (world, _p, aws) = shop("", &spec(|_, _| {})).await;
    aws.set_desired("k3fleet-shop-k3s_workers", 2).await.unwrap();
    let group = || async {
        cloud(&world.providers(), EU)
            .asgs()
            .await
            .unwrap()
            .into_iter()
            .find(|g| g.name == "k3fleet-shop-k3s_workers")
            .unwrap()
    };
    let waits = group()
        .await
        .members
        .into_iter()
        .find(|m| m.lifecycle == "Terminating:Wait")
        .unwrap();
    within(30, "its node is gone before it is", async || {
        node(&world, waits.id.as_str()).await.is_none()
    })
    .await;
    within(120, "and then it goes", async || group().await.members.len() == 2).await;
}

#[tokio::test(start_paused = true)]
async fn the_reaper_works_off_a_test_event() {
    let (_world, p, aws) = shop("", &spec(|_, _| {})).await;
    let queue = output(&*aws, "ReaperQueue").await;
    aws.send_test_event(&queue, "t-1").await.unwrap();
    assert_eq!(cloud(&p, EU).queue(&queue).await.unwrap().waiting, 1);
    assert!(cloud(&p, EU).oldest_message(&queue).await.unwrap().is_some());
    within(5, "it is worked off", async || {
        let now = cloud(&p, EU).queue(&queue).await.unwrap();
        (now.waiting, now.taken) == (0, 0)
    })
    .await;
    assert_eq!(cloud(&p, EU).oldest_message(&queue).await.unwrap(), None);
    let lost = aws
        .send_test_event("https://sqs.eu-west-1.amazonaws.com/1/none", "t-2")
        .await
        .unwrap_err();
    assert!(lost.message.starts_with("QueueDoesNotExist"), "{lost}");
}

#[tokio::test(start_paused = true)]
async fn sizes_that_scaling_changes_are_seen_as_drift_once_somebody_has_it_looked() {
    let (_world, p, aws) = shop("", &spec(|_, _| {})).await;
    let reads = cloud(&p, EU);
    let drift = async || {
        reads
            .stack(STACK)
            .await
            .unwrap()
            .unwrap()
            .drift
            .map(|drift| drift.drifted)
    };
    assert_eq!(drift().await, None, "nobody has looked");
    let found = crate::ops::drift::detect(reads, &*aws, STACK).await.unwrap();
    assert_eq!((found.resources.len(), drift().await), (0, Some(false)));

    aws.set_desired("k3fleet-shop-k3s_workers", 2).await.unwrap();
    assert_eq!(
        drift().await,
        Some(false),
        "what was found stays until it is looked again"
    );
    let found = crate::ops::drift::detect(reads, &*aws, STACK).await.unwrap();
    assert_eq!(
        (found.resources.len(), found.is_scaling_alone(), drift().await),
        (1, true, Some(true))
    );
    let of = &found.resources[0].differences;
    assert_eq!(
        (of.len(), of[0].path.as_str(), of[0].actual.as_str()),
        (1, "/DesiredCapacity", "2")
    );
    assert_eq!(reads.drifts(STACK).await.unwrap(), found.resources);
    assert!(aws.drift_detection("another").await.is_err());
}

async fn change(aws: &dyn CloudControl, p: &Providers, spec: &Spec, token: &str) -> ChangeSet {
    let mut order = order(p, spec, token).await;
    order.kept = vec![ha::template::FIRST_SERVERS.to_owned()];
    let set = aws.propose_stack(&order).await.unwrap();
    aws.execute_change_set(&set, &format!("run-{token}"), true)
        .await
        .unwrap();
    set
}

fn action(set: &ChangeSet, resource: &str) -> Option<StackAction> {
    set.changes.iter().find(|c| c.resource == resource).map(|c| c.action)
}

#[tokio::test(start_paused = true)]
async fn pools_are_added_changed_and_removed() {
    let (world, p, aws) = shop("", &spec(|_, _| {})).await;
    aws.set_desired("k3fleet-shop-k3s_workers", 4).await.unwrap();
    let more = spec(|_, ha| {
        ha.pools[0].max = 8;
        ha.pools.push(Pool {
            kind: PoolKind::Asg,
            taints: vec![],
            ..fleet()
        });
    });
    let set = change(&*aws, &p, &more, "more").await;
    assert_eq!(action(&set, "PoolBatch"), Some(StackAction::Add), "{set:#?}");
    assert_eq!(action(&set, "PoolK3sUworkers"), Some(StackAction::Modify));
    assert_eq!(action(&set, "Servers"), None);
    assert_eq!(settled(&*aws).await, "UPDATE_COMPLETE", "{:#?}", happened(&*aws).await);
    within(200, "the new pool's machines join", async || {
        ready(&world, Role::Agent).await == 6
    })
    .await;
    let groups = cloud(&p, EU).asgs().await.unwrap();
    let workers = groups.iter().find(|g| g.name == "k3fleet-shop-k3s_workers").unwrap();
    assert_eq!(
        (workers.min, workers.desired, workers.max),
        (1, 4, 8),
        "what others have set stays"
    );

    let newer = spec(|spec, ha| {
        spec.version = "v1.36.5+k3s1".into();
        ha.pools[0].max = 8;
    });
    let set = change(&*aws, &p, &newer, "newer").await;
    assert_eq!(action(&set, "PoolBatch"), Some(StackAction::Remove));
    assert_eq!(action(&set, "ServerTemplate"), Some(StackAction::Modify));
    assert_eq!(
        action(&set, "Servers"),
        Some(StackAction::Modify),
        "its version is another: {set:#?}"
    );
    assert_eq!(settled(&*aws).await, "UPDATE_COMPLETE", "{:#?}", happened(&*aws).await);
    assert_eq!(ready(&world, Role::Agent).await, 4);
    assert!(
        nodes(&world).await.iter().all(|n| n.version == "v1.36.4+k3s1"),
        "machines run on"
    );
    assert!(
        cloud(&p, EU)
            .asgs()
            .await
            .unwrap()
            .iter()
            .all(|g| g.name != "k3fleet-shop-batch")
    );
    let oldest = own(&p)
        .await
        .into_iter()
        .find(|i| i.asg() == Some("k3fleet-shop-k3s_workers"))
        .unwrap();
    aws.end_member(&oldest.id, false).await.unwrap();
    within(300, "what comes anew is newer", async || {
        nodes(&world)
            .await
            .iter()
            .any(|n| n.version == "v1.36.5+k3s1" && n.ready == Readiness::Ready)
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_update_that_fails_goes_back() {
    let event = "[[events]]\nat = \"20m\"\nevent.stack-fails = { region = \"eu-west-1\", resource = \"PoolBatch\", reason = \"no\" }\n";
    let small = spec(|_, _| {});
    let (world, p, aws) = shop(event, &small).await;
    secs(1200).await;
    let before = cloud(&p, EU).resources(Some("shop")).await.unwrap();
    let more = spec(|_, ha| {
        ha.pools[0].max = 9;
        ha.pools.push(Pool {
            kind: PoolKind::Asg,
            ..fleet()
        });
    });
    change(&*aws, &p, &more, "more").await;
    assert_eq!(
        settled(&*aws).await,
        "UPDATE_ROLLBACK_COMPLETE",
        "{:#?}",
        happened(&*aws).await
    );
    assert_eq!(cloud(&p, EU).resources(Some("shop")).await.unwrap(), before);
    let groups = cloud(&p, EU).asgs().await.unwrap();
    assert_eq!(
        groups
            .iter()
            .find(|g| g.name == "k3fleet-shop-k3s_workers")
            .unwrap()
            .max,
        6
    );
    assert_eq!((voters(&world).await, ready(&world, Role::Agent).await), (3, 3));
    let again = change(&*aws, &p, &more, "again").await;
    assert_eq!(action(&again, "PoolBatch"), Some(StackAction::Add));
    assert_eq!(settled(&*aws).await, "UPDATE_COMPLETE");
}

#[tokio::test(start_paused = true)]
async fn waits_cannot_be_changed() {
    let (_world, p, aws) = shop("", &spec(|_, _| {})).await;
    let five = spec(|_, ha| ha.servers = 5);
    let set = aws.propose_stack(&order(&p, &five, "five").await).await.unwrap();
    assert_eq!(action(&set, "ServersReady"), Some(StackAction::Modify));
    aws.execute_change_set(&set, "run-five", true).await.unwrap();
    assert_eq!(settled(&*aws).await, "UPDATE_ROLLBACK_COMPLETE");
    let set = change(&*aws, &p, &five, "five-kept").await;
    assert_eq!(action(&set, "ServersReady"), None, "{set:#?}");
    assert_eq!(settled(&*aws).await, "UPDATE_COMPLETE");
}

#[tokio::test(start_paused = true)]
async fn a_storm_takes_half_of_the_workers_and_all_come_back() {
    let event = "[[events]]\nat = \"15m\"\nevent.spot-storm = { pool = \"shop/k3s_workers\", percent = 50, within = \"1m\" }\n\
                 [[events]]\nat = \"30m\"\nevent.machines-end = { pool = \"shop/k3s_servers\", count = 1 }\n";
    let big = spec(|_, ha| (ha.pools[0].desired, ha.pools[0].max) = (7, 9));
    let (world, p, aws) = shop(event, &big).await;
    within(900, "three of the six are noticed", async || {
        cloud(&p, EU).notices().await.unwrap().len() == 3
    })
    .await;
    within(300, "their nodes are gone", async || {
        cloud(&p, EU).notices().await.unwrap().is_empty()
    })
    .await;
    within(120, "others have taken their places", async || {
        ready(&world, Role::Agent).await == 7
    })
    .await;
    within(900, "a server is lost", async || voters(&world).await == 2).await;
    within(300, "and replaced", async || voters(&world).await == 3).await;
    let dead = cloud(&p, EU)
        .queue(&output(&*aws, "DeadLetterQueue").await)
        .await
        .unwrap();
    assert_eq!(dead.waiting, 0);
}
