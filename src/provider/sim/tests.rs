//! The world as its ports show it, under paused time.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use smol_str::SmolStr;
use tokio::time::{Duration, advance};

use super::{Scenario, World};
use crate::fleet::{
    Asg, ContextId, FaultKind, Instance, InstanceId, InstanceState, Node, PodPhase, Purchase, Readiness, Scope,
};
use crate::provider::{Cloud, CloudControl, Kube, KubeControl, Providers};

mod asked;
mod draining;
mod edge;
mod faults;
mod k3s;
mod launching;
mod long;
mod memory;
mod scaling;
mod stacks;
mod story;
mod watches;

fn base() -> Timestamp {
    "2026-11-20T11:00:00Z".parse().unwrap()
}

fn demo(seed: u64) -> (Arc<World>, Providers) {
    let world = World::load(&Scenario::demo().unwrap(), seed, base(), 1.0);
    let providers = world.providers();
    (world, providers)
}

/// The demo's world, with only these events and faults.
fn told(toml: &str) -> (Arc<World>, Providers) {
    let text = include_str!("../../../assets/scenarios/demo.toml");
    let quiet = text.split_once("# What an onlooker sees").unwrap().0;
    let scenario = Scenario::parse(&format!("{quiet}\n{toml}")).unwrap();
    let world = World::load(&scenario, 1, base(), 1.0);
    let providers = world.providers();
    (world, providers)
}

fn kube<'a>(providers: &'a Providers, context: &str) -> &'a dyn Kube {
    providers
        .kubes
        .iter()
        .find(|k| k.context().as_str() == context)
        .unwrap()
        .as_ref()
}

fn cloud<'a>(providers: &'a Providers, region: &str) -> &'a dyn Cloud {
    providers
        .clouds
        .iter()
        .find(|c| c.scope().region == region)
        .unwrap()
        .as_ref()
}

fn kube_control(world: &Arc<World>, context: &str) -> Arc<dyn KubeControl> {
    Arc::clone(world.control().kube(&ContextId::new(context)).unwrap())
}

fn cloud_control(world: &Arc<World>, region: &str) -> Arc<dyn CloudControl> {
    Arc::clone(world.control().cloud(&Scope::new("", region)).unwrap())
}

async fn secs(n: u64) {
    advance(Duration::from_secs(n)).await;
}

async fn workers(providers: &Providers) -> Asg {
    let groups = cloud(providers, "eu-west-1").asgs().await.unwrap();
    groups.into_iter().find(|g| g.name == "k3s_workers").unwrap()
}

async fn instance(providers: &Providers, id: &InstanceId) -> Option<Instance> {
    let all = cloud(providers, "eu-west-1").instances().await.unwrap();
    all.into_iter().find(|i| i.id == *id)
}

async fn node_of(providers: &Providers, id: &InstanceId) -> Option<Node> {
    let all = kube(providers, "prod").list_nodes().await.unwrap();
    all.into_iter()
        .find(|n| n.provider_id.as_deref().is_some_and(|p| p.ends_with(id.as_str())))
}

/// Waits for something that must come true within so many seconds of world time.
async fn within<F: Future<Output = bool>>(limit: u64, what: &str, mut seen: impl FnMut() -> F) {
    for _ in 0..=limit {
        if seen().await {
            return;
        }
        secs(1).await;
    }
    panic!("not seen: {what}");
}

/// Everything the ports tell at one time.
async fn observe(world: &World, providers: &Providers) -> Vec<String> {
    let mut told = vec![world.now().to_string()];
    let types: Vec<SmolStr> = ["t3.medium", "c6a.large", "t4g.small"].map(SmolStr::from).into();
    for c in &providers.clouds {
        told.push(format!("{:?} {:?}", c.instances().await, c.asgs().await));
        told.push(format!(
            "{:?} {:?}",
            c.notices().await,
            c.activities("k3s_workers").await
        ));
        told.push(format!("{:?}", c.spot_prices(&types, base()).await));
    }
    for k in &providers.kubes {
        told.push(format!("{:?} {:?}", k.list_nodes().await, k.list_pods().await));
        told.push(format!("{:?}", k.usage().await));
    }
    for host in world.edge_hosts() {
        told.push(format!("{:?}", providers.shell.as_ref().unwrap().probe(&host).await));
    }
    told
}

#[tokio::test(start_paused = true)]
async fn the_demo_begins_settled() {
    let (world, providers) = demo(7);
    let eu = cloud(&providers, "eu-west-1").instances().await.unwrap();
    assert_eq!(eu.len(), 9);
    let settled =
        |i: &crate::fleet::Instance| i.state == InstanceState::Running && i.tag("k3fleet:cluster") == Some("prod");
    assert!(eu.iter().all(settled));
    let workers: Vec<_> = eu.iter().filter(|i| i.asg() == Some("k3s_workers")).collect();
    assert_eq!(workers.len(), 6);
    assert_eq!(workers.iter().filter(|i| i.purchase == Purchase::OnDemand).count(), 2);
    let zones: BTreeSet<_> = workers.iter().map(|i| &i.zone).collect();
    assert_eq!(zones.len(), 3);
    let us = cloud(&providers, "us-east-1").instances().await.unwrap();
    let ci = us.iter().find(|i| i.tag("k3fleet:shape") == Some("ci")).unwrap();
    assert_eq!(ci.tag("k3fleet:expires-at"), Some("2026-11-20T11:22:00Z"));

    let nodes = kube(&providers, "prod").list_nodes().await.unwrap();
    assert_eq!(nodes.len(), 9);
    for node in &nodes {
        assert_eq!(node.ready, Readiness::Ready);
        let id = node.provider_id.as_deref().and_then(|p| p.rsplit('/').next()).unwrap();
        assert!(eu.iter().any(|i| i.id == InstanceId::new(id)));
    }
    assert_eq!(nodes.iter().filter(|n| n.version == "v1.36.3+k3s1").count(), 1);
    let pods = kube(&providers, "prod").list_pods().await.unwrap();
    assert_eq!(pods.len(), 9 * 7);
    assert!(pods.iter().all(|p| p.node.is_some() && p.phase == PodPhase::Running));

    let hosts = world.edge_hosts();
    assert_eq!(hosts.len(), 10);
    let lab = kube(&providers, "edge-lab").list_nodes().await.unwrap();
    let boards = lab
        .iter()
        .filter(|n| n.provider_id.as_deref().is_some_and(|p| p.starts_with("k3s://")));
    assert_eq!((lab.len(), boards.count()), (6, 5));
    assert_eq!(lab.iter().filter(|n| n.version == "v1.36.3+k3s1").count(), 1);
    for host in hosts.iter().filter(|h| h.name.as_str() != "harbour-pi-03") {
        let health = providers.shell.as_ref().unwrap().probe(host).await.unwrap();
        assert!(health.load.is_some() && health.model.is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn one_seed_one_course_however_often_anybody_looks() {
    let (world, providers) = demo(42);
    let mut often = Vec::new();
    for n in 0..600 {
        let seen = observe(&world, &providers).await;
        if n % 60 == 0 {
            often.push(seen);
        }
        secs(1).await;
    }
    let (world, providers) = demo(42);
    let mut rarely = Vec::new();
    for _ in 0..10 {
        rarely.push(observe(&world, &providers).await);
        secs(60).await;
    }
    assert_eq!(often, rarely);

    let (world, providers) = demo(43);
    secs(540).await;
    assert_ne!(observe(&world, &providers).await, rarely[9]);
}
