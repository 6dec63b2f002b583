//! What an operator does to groups and instances.

use futures::FutureExt;

use super::*;

const EU: &str = "eu-west-1";
const POOL: &str = "k3s_workers";

fn event(at: &str, event: &str) -> String {
    format!("[[events]]\nat = \"{at}\"\nevent.{event}\n")
}

async fn ready_nodes(p: &Providers) -> usize {
    let nodes = kube(p, "prod").list_nodes().await.unwrap();
    nodes.iter().filter(|n| n.ready == Readiness::Ready).count()
}

async fn newest(p: &Providers) -> crate::fleet::Activity {
    cloud(p, EU).activities(POOL).await.unwrap().remove(0)
}

#[tokio::test(start_paused = true)]
async fn scaled_out_machines_come_up_until_they_are_ready() {
    let (world, p) = told("");
    cloud_control(&world, EU).set_desired(POOL, 8).await.unwrap();
    let group = workers(&p).await;
    assert_eq!((group.desired, group.members.len()), (8, 8));
    let open = cloud(&p, EU).activities(POOL).await.unwrap();
    let open = open.iter().filter(|a| a.ended_at.is_none());
    let launching = open.filter(|a| a.description.starts_with("Launching a new EC2 instance: i-"));
    assert_eq!(launching.count(), 2);
    assert_eq!(ready_nodes(&p).await, 9);
    within(70, "two more ready", async || ready_nodes(&p).await == 11).await;
    assert!(workers(&p).await.members.iter().all(|m| m.lifecycle == "InService"));
    assert_eq!(newest(&p).await.status, "Successful");
}

#[tokio::test(start_paused = true)]
async fn a_desired_capacity_outside_the_bounds_is_refused() {
    let (world, p) = told("");
    let control = cloud_control(&world, EU);
    for (desired, words) in [(9, "value 9 is above max value 8"), (5, "value 5 is below min value 6")] {
        let error = control.set_desired(POOL, desired).await.unwrap_err();
        assert_eq!(error.kind, FaultKind::Other);
        assert!(error.message.contains(words), "{error}");
        assert!(error.mend.contains("6 to 8"), "{error}");
        assert!(!error.retryable());
    }
    let group = workers(&p).await;
    assert_eq!((group.desired, group.min, group.max), (6, 6, 8));
    let error = control.set_desired("walkers", 3).await.unwrap_err();
    assert!(error.message.contains("'walkers' not found"), "{error}");
    let error = control.set_target("sfr-1", 3, true).await.unwrap_err();
    assert!(error.message.contains("'sfr-1' does not exist"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn new_bounds_move_the_desired_capacity_into_them() {
    let (world, p) = told("");
    let control = cloud_control(&world, EU);
    let shape = async || {
        let group = workers(&p).await;
        (group.min, group.desired, group.max)
    };
    control.set_bounds(POOL, 2, 20).await.unwrap();
    assert_eq!(shape().await, (2, 6, 20));
    control.set_desired(POOL, 3).await.unwrap();
    assert_eq!(shape().await, (2, 3, 20));
    control.set_bounds(POOL, 7, 9).await.unwrap();
    assert_eq!(shape().await, (7, 7, 9));
    control.set_bounds(POOL, 0, 4).await.unwrap();
    assert_eq!(shape().await, (0, 4, 4));
    let error = control.set_bounds(POOL, 5, 3).await.unwrap_err();
    assert!(error.message.contains("Max bound, 3"), "{error}");
    assert_eq!(shape().await, (0, 4, 4));
    within(60, "four members", async || workers(&p).await.members.len() == 4).await;

    control.set_desired(POOL, 0).await.unwrap();
    within(60, "nobody left", async || workers(&p).await.members.is_empty()).await;
    control.set_desired(POOL, 1).await.unwrap();
    within(70, "one again", async || ready_nodes(&p).await == 4).await;
}

#[tokio::test(start_paused = true)]
async fn a_member_is_ended_for_good_only_above_the_minimum() {
    let (world, p) = told("");
    let control = cloud_control(&world, EU);
    let id = workers(&p).await.members[0].id.clone();
    let error = control.end_member(&id, true).await.unwrap_err();
    assert!(error.message.contains("desiredSize equals minSize (6)"), "{error}");
    assert!(!error.mend.is_empty());
    assert_eq!(instance(&p, &id).await.unwrap().state, InstanceState::Running);

    control.set_bounds(POOL, 1, 8).await.unwrap();
    // Asked for again while it ends, and once it has ended, it does not count twice.
    control.end_member(&id, true).await.unwrap();
    control.end_member(&id, true).await.unwrap();
    assert_eq!(instance(&p, &id).await.unwrap().state, InstanceState::ShuttingDown);
    let group = workers(&p).await;
    assert_eq!((group.desired, group.members.len()), (5, 6));
    let ending = newest(&p).await;
    assert_eq!(ending.description, format!("Terminating EC2 instance: {id}"));
    assert!(ending.ended_at.is_none());
    within(30, "its end", async || instance(&p, &id).await.is_none()).await;
    control.end_member(&id, true).await.unwrap();
    within(10, "its node's end", async || node_of(&p, &id).await.is_none()).await;
    let group = workers(&p).await;
    assert_eq!((group.desired, group.members.len()), (5, 5));
    assert_eq!(newest(&p).await.status, "Successful");
}

#[tokio::test(start_paused = true)]
async fn a_member_that_is_ended_without_shrinking_is_replaced() {
    let (world, p) = told("");
    let control = cloud_control(&world, EU);
    let before: BTreeSet<_> = workers(&p).await.members.iter().map(|m| m.id.clone()).collect();
    let mut old = before.iter();
    control.end_member(old.next().unwrap(), false).await.unwrap();
    control.end(old.next().unwrap()).await.unwrap();
    let group = workers(&p).await;
    assert_eq!((group.desired, group.members.len()), (6, 8));
    let replaced = async || {
        let group = workers(&p).await;
        group.members.len() == 6 && ready_nodes(&p).await == 9
    };
    within(80, "the replacements", replaced).await;
    let after: BTreeSet<_> = workers(&p).await.members.iter().map(|m| m.id.clone()).collect();
    assert_eq!(after.difference(&before).count(), 2);

    let us = cloud_control(&world, "us-east-1");
    let lone = cloud(&p, "us-east-1").instances().await.unwrap().remove(0).id;
    let error = us.end_member(&lone, false).await.unwrap_err();
    assert!(error.message.contains("No managed instance found"), "{error}");
    us.end(&lone).await.unwrap();
    us.end(&lone).await.unwrap();
    let gone = async || {
        let all = cloud(&p, "us-east-1").instances().await.unwrap();
        all.iter().all(|i| i.id != lone)
    };
    within(30, "the lone one's end", gone).await;
    us.end(&lone).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn of_two_who_make_a_parameter_one_has_it() {
    let (world, _p) = told("");
    let (ana, ben) = (cloud_control(&world, EU), cloud_control(&world, EU));
    let name = "/k3fleet/prod/lock";
    assert_eq!(ana.parameter(name).await.unwrap(), None);
    let (first, second) = futures::join!(ana.create_parameter(name, "ana"), ben.create_parameter(name, "ben"));
    assert_eq!((first.unwrap(), second.unwrap()), (true, false));
    assert_eq!(ben.parameter(name).await.unwrap().as_deref(), Some("ana"));
    let elsewhere = cloud_control(&world, "us-east-1");
    assert_eq!(elsewhere.parameter(name).await.unwrap(), None);
    ben.put_parameter(name, "ben").await.unwrap();
    assert_eq!(ana.parameter(name).await.unwrap().as_deref(), Some("ben"));
    ana.delete_parameter(name).await.unwrap();
    ana.delete_parameter(name).await.unwrap();
    assert!(ben.create_parameter(name, "ben").await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_group_tries_until_there_is_capacity() {
    let (world, p) = told(&event(
        "5s",
        r#"no-capacity = { pool = "prod/k3s_workers", for = "100s" }"#,
    ));
    secs(6).await;
    cloud_control(&world, EU).set_desired(POOL, 8).await.unwrap();
    let group = workers(&p).await;
    assert_eq!((group.desired, group.members.len()), (8, 6));
    let failed = newest(&p).await;
    assert_eq!(failed.status, "Failed");
    assert!(failed.message.unwrap().contains("InsufficientInstanceCapacity"));
    assert!(failed.ended_at.is_some());
    secs(98).await;
    let tries = cloud(&p, EU).activities(POOL).await.unwrap();
    let tries = tries.iter().filter(|a| a.status == "Failed").count();
    assert!((3..=6).contains(&tries), "{tries} tries in 98 s");
    assert_eq!(workers(&p).await.members.len(), 6);
    within(45, "capacity", async || workers(&p).await.members.len() == 8).await;
}

#[tokio::test(start_paused = true)]
async fn an_instance_may_never_join() {
    let (world, p) = told(&event("5s", r#"never-joins = { pool = "prod/k3s_workers" }"#));
    let before: BTreeSet<_> = workers(&p).await.members.iter().map(|m| m.id.clone()).collect();
    secs(6).await;
    cloud_control(&world, EU).set_desired(POOL, 8).await.unwrap();
    secs(120).await;
    let group = workers(&p).await;
    let mut joined = Vec::new();
    for member in group.members.iter().filter(|m| !before.contains(&m.id)) {
        assert_eq!(instance(&p, &member.id).await.unwrap().state, InstanceState::Running);
        assert_eq!(member.lifecycle, "InService");
        joined.push(node_of(&p, &member.id).await.is_some());
    }
    joined.sort_unstable();
    assert_eq!(joined, [false, true]);
}

#[tokio::test(start_paused = true)]
async fn what_is_done_wakes_whoever_watches() {
    use futures::StreamExt;

    let (world, p) = told("");
    let mut watch = kube(&p, "prod").nodes();
    let name = loop {
        match watch.next().await.unwrap().unwrap() {
            crate::provider::Change::Is(node) if node.role == crate::fleet::Role::Agent => break node.key.name,
            _ => {}
        }
    };
    while watch.next().now_or_never().is_some() {}
    let asked = tokio::time::Instant::now();
    let (told, done) = futures::join!(watch.next(), async {
        kube_control(&world, "prod").set_schedulable(&name, false).await
    });
    done.unwrap();
    assert_eq!(asked.elapsed(), Duration::ZERO);
    match told.unwrap().unwrap() {
        crate::provider::Change::Is(node) => assert_eq!((node.key.name, node.schedulable), (name, false)),
        other => panic!("{other:?}"),
    }
}
