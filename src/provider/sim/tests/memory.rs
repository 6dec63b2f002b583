//! Worlds that are remembered: what one run's operator made, the next run finds.

use std::path::Path;

use super::edge::Lab;
use super::launching::{self, SECRET};
use super::*;
use crate::provider::ResourceKind;

const EU: &str = "eu-west-1";

/// The demo of a seed, remembered in a file; the note of what was wrong with it.
fn remembered(file: &Path, seed: u64) -> (Arc<World>, Providers, Option<String>) {
    let text = include_str!("../../../../assets/scenarios/demo.toml");
    let quiet = text.split_once("# What an onlooker sees").unwrap().0;
    let world = World::load(&Scenario::parse(quiet).unwrap(), seed, base(), 1.0);
    let note = world.remember(file.to_owned());
    let providers = world.providers();
    (world, providers, note)
}

async fn ids(p: &Providers, cluster: &str) -> BTreeSet<InstanceId> {
    let mut all = BTreeSet::new();
    for cloud in &p.clouds {
        let instances = cloud.instances().await.unwrap().into_iter();
        let living = instances.filter(|i| i.state != InstanceState::ShuttingDown);
        all.extend(
            living
                .filter(|i| i.tag("k3fleet:cluster") == Some(cluster))
                .map(|i| i.id),
        );
    }
    all
}

async fn ready(p: &Providers, context: &str) -> usize {
    let nodes = kube(p, context).list_nodes().await.unwrap();
    nodes.iter().filter(|n| n.ready == Readiness::Ready).count()
}

fn knows(p: &Providers, context: &str) -> bool {
    p.kubes.iter().any(|k| k.context().as_str() == context)
}

#[tokio::test(start_paused = true)]
async fn it_is_told_when_a_world_was_left() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("world.json");
    let scenario = Scenario::demo().unwrap();
    assert_eq!(World::left_at(&file, &scenario, 1), None);
    let world = World::load(&scenario, 1, base(), 60.0);
    assert_eq!(world.remember(file.clone()), None);
    tokio::time::advance(std::time::Duration::from_secs(60)).await;
    let aws = cloud_control(&world, EU);
    aws.put_parameter("/k3fleet/shop/note", "text").await.unwrap();
    let left = World::left_at(&file, &scenario, 1).unwrap();
    assert!(left >= base() + SignedDuration::from_hours(1), "{left}");
    assert_eq!(World::left_at(&file, &scenario, 2), None, "it is another world");
}

#[tokio::test(start_paused = true)]
async fn a_launched_cluster_is_there_in_the_next_run_until_it_is_deleted() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("state").join("world.json");
    let (world, p, note) = remembered(&file, 1);
    assert_eq!(note, None);
    assert!(!file.exists(), "nothing was made yet");
    let aws = cloud_control(&world, EU);
    let (order, launched) = launching::shop(&*aws, &p, 2).await;
    let own = ids(&p, "shop").await;
    let things = aws.left("shop").await.unwrap();

    let (world, p, note) = remembered(&file, 1);
    assert_eq!(note, None);
    assert_eq!((ids(&p, "shop").await, ready(&p, "shop").await), (own.clone(), 3));
    let aws = cloud_control(&world, EU);
    assert_eq!(aws.left("shop").await.unwrap(), things);
    assert_eq!(aws.launch(&order).await.unwrap(), launched, "the token is known still");
    assert!(aws.secret(SECRET).await.unwrap().is_some());
    let console = aws.console(&launched).await.unwrap().unwrap();
    assert!(console.ends_with(&format!("k3fleet: ready: {launched}\n")), "{console}");
    let pods = kube(&p, "shop").list_pods().await.unwrap();
    assert!(
        pods.len() == 7 && pods.iter().all(|p| p.phase == PodPhase::Running),
        "{pods:?}"
    );
    aws.set_desired("shop-agent", 4).await.unwrap();
    let victim = own.iter().find(|id| **id != launched).unwrap();
    aws.end_member(victim, true).await.unwrap();
    let own = ids(&p, "shop").await;
    assert!(own.len() == 4 && !own.contains(victim), "{own:?}");

    let (world, p, _) = remembered(&file, 1);
    assert_eq!((ids(&p, "shop").await, ready(&p, "shop").await), (own, 4));
    let aws = cloud_control(&world, EU);
    for _ in 0..2 {
        for resource in aws.left("shop").await.unwrap() {
            // What is in use still is deleted in the second round.
            let _in_use = aws.delete(&resource).await;
        }
        secs(60).await;
    }
    assert_eq!(aws.left("shop").await.unwrap(), []);

    let (world, p, _) = remembered(&file, 1);
    assert!(ids(&p, "shop").await.is_empty() && !knows(&p, "shop"));
    assert_eq!(cloud_control(&world, EU).left("shop").await.unwrap(), []);
}

#[tokio::test(start_paused = true)]
async fn changes_of_the_worlds_own_clusters_are_there_in_the_next_run() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("world.json");
    let (world, p, _) = remembered(&file, 1);
    let (aws, us) = (cloud_control(&world, EU), cloud_control(&world, "us-east-1"));
    let before = ids(&p, "prod").await;
    aws.set_desired("k3s_workers", 8).await.unwrap();
    let replaced = workers(&p).await.members[0].id.clone();
    aws.end_member(&replaced, false).await.unwrap();
    let cordoned = workers(&p).await.members[3].id.clone();
    let api = kube_control(&world, "prod");
    api.set_schedulable(cordoned.as_str(), false).await.unwrap();
    for resource in us.left("edge-lab").await.unwrap() {
        let _in_use = us.delete(&resource).await;
    }
    let until = base() + SignedDuration::from_hours(3);
    let tag = vec![("k3fleet:expires-at".to_owned(), until.to_string())];
    for resource in us.left("ci-4821").await.unwrap() {
        us.tag(&resource, &tag).await.unwrap();
    }
    assert_eq!(us.parameter("/own").await.unwrap(), None);
    us.create_parameter("/own", "lock").await.unwrap();
    let after = ids(&p, "prod").await;
    assert_eq!((before.len(), after.len()), (9, 11));

    for _ in 0..2 {
        let (world, p, note) = remembered(&file, 1);
        assert_eq!(note, None);
        assert_eq!((ids(&p, "prod").await, ready(&p, "prod").await), (after.clone(), 11));
        let group = workers(&p).await;
        assert_eq!((group.desired, group.min, group.max), (8, 6, 8));
        let node = node_of(&p, &cordoned).await.unwrap();
        assert!(!node.schedulable);
        assert!(ids(&p, "edge-lab").await.is_empty() && !knows(&p, "edge-lab"));
        let us = cloud_control(&world, "us-east-1");
        let left = us.left("edge-lab").await.unwrap();
        assert!(left.iter().all(|r| r.kind != ResourceKind::Instance), "{left:?}");
        let own = us.left("ci-4821").await.unwrap();
        assert!(
            own.len() > 5 && own.iter().all(|r| r.expires_at == Some(until)),
            "{own:?}"
        );
        assert_eq!(us.parameter("/own").await.unwrap().as_deref(), Some("lock"));
        // A change of this run is added to those of the last.
        us.put_parameter("/other", "x").await.unwrap();
    }
    let (world, p, _) = remembered(&file, 1);
    secs(2 * 3_600).await;
    assert_eq!(ids(&p, "ci-4821").await.len(), 1);
    let us = cloud_control(&world, "us-east-1");
    assert_eq!(us.parameter("/other").await.unwrap().as_deref(), Some("x"));
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_damaged_or_anothers_is_not_used() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("world.json");
    let (world, p, _) = remembered(&file, 1);
    cloud_control(&world, EU).set_desired("k3s_workers", 8).await.unwrap();
    assert_eq!(workers(&p).await.desired, 8);
    let (_, p, note) = remembered(&file, 2);
    assert!(note.is_some_and(|note| note.contains("another seed")));
    assert_eq!(workers(&p).await.desired, 6);
    std::fs::write(&file, "{\"world\": 3").unwrap();
    let (world, p, note) = remembered(&file, 1);
    assert!(note.is_some_and(|note| note.contains("damaged") && note.contains("world.json")));
    assert_eq!(workers(&p).await.desired, 6);
    cloud_control(&world, EU).set_desired("k3s_workers", 7).await.unwrap();
    let (_, p, note) = remembered(&file, 1);
    assert_eq!((workers(&p).await.desired, note), (7, None), "it was written anew");
}

#[tokio::test(start_paused = true)]
async fn a_board_that_was_switched_off_is_on_again_in_the_next_run() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("world.json");
    let open = || {
        let (world, p, note) = remembered(&file, 1);
        assert_eq!(note, None);
        Lab::of(world, p)
    };
    let name = "harbour-pi-01";
    let is_ready = |node: Option<Node>| node.is_some_and(|node| node.ready == Readiness::Ready);
    let lab = open();
    let token = lab.token(900).await;
    lab.install(name, &token).await;
    within(120, "its node is ready", async || is_ready(lab.node(name).await)).await;
    let line = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let host = lab.host(name);
    lab.ssh.run(&host, &line("sudo poweroff")).await.unwrap();
    assert!(lab.ssh.run(&host, &line("hostname")).await.unwrap_err().retryable());

    let lab = open();
    let ran = lab.ssh.run(&host, &line("hostname")).await.unwrap();
    assert_eq!(ran.output, format!("{name}\n"));
    within(120, "its node is ready again", async || is_ready(lab.node(name).await)).await;
}
