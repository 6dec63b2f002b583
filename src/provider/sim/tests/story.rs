//! The demo's first two minutes, as an onlooker sees them, and the life of a `ci` cluster.

use super::*;
use crate::fleet::{Instance, OwnerKind};

async fn evictable(providers: &Providers, node: &str) -> usize {
    let pods = kube(providers, "prod").list_pods().await.unwrap();
    let on = |p: &&crate::fleet::Pod| p.node.as_deref() == Some(node) && p.owner != OwnerKind::DaemonSet;
    pods.iter().filter(on).count()
}

#[tokio::test(start_paused = true)]
async fn a_spot_notice_is_worked_through() {
    let (_world, p) = demo(7);
    let before: BTreeSet<_> = workers(&p).await.members.iter().map(|m| m.id.clone()).collect();
    within(10, "a notice", async || {
        !cloud(&p, "eu-west-1").notices().await.unwrap().is_empty()
    })
    .await;
    let notice = cloud(&p, "eu-west-1").notices().await.unwrap().remove(0);
    let doomed = instance(&p, &notice.instance).await.unwrap();
    assert_eq!(
        (doomed.purchase, doomed.state),
        (Purchase::Spot, InstanceState::Running)
    );
    assert_eq!(doomed.zone, "eu-west-1b");
    let node = node_of(&p, &doomed.id).await.unwrap();

    // Its group has launched a replacement ahead of its end.
    let group = workers(&p).await;
    assert_eq!((group.desired, group.members.len()), (6, 7));
    let new = group
        .members
        .iter()
        .find(|m| !before.contains(&m.id))
        .unwrap()
        .id
        .clone();
    assert_eq!(instance(&p, &new).await.unwrap().state, InstanceState::Pending);
    let activity = cloud(&p, "eu-west-1")
        .activities("k3s_workers")
        .await
        .unwrap()
        .remove(0);
    assert!(activity.ended_at.is_none() && activity.description.contains(new.as_str()));

    // It is cordoned, and its pods leave one by one.
    within(4, "the cordon", async || {
        node_of(&p, &doomed.id).await.is_some_and(|n| !n.schedulable)
    })
    .await;
    let mut left = evictable(&p, &node.key.name).await;
    assert!(left >= 4, "{left} pods to drain");
    let mut joined = Vec::new();
    for _ in 0..60 {
        secs(1).await;
        let now = evictable(&p, &node.key.name).await;
        assert!(now + 1 >= left, "{left} pods, then {now}");
        left = now;
        joined.push(node_of(&p, &new).await.map(|n| n.ready));
    }
    assert_eq!(left, 0);

    // Meanwhile the replacement's node has joined and turned ready.
    joined.dedup();
    assert_eq!(joined, [None, Some(Readiness::NotReady), Some(Readiness::Ready)]);

    // Two minutes after the notice the instance ends, and its node goes with it.
    let ends = async || {
        instance(&p, &doomed.id)
            .await
            .is_some_and(|i| i.state == InstanceState::ShuttingDown)
    };
    within(80, "the end", ends).await;
    within(60, "the instance gone", async || {
        instance(&p, &doomed.id).await.is_none()
    })
    .await;
    assert!(
        cloud(&p, "eu-west-1")
            .notices()
            .await
            .unwrap()
            .iter()
            .all(|n| n.instance != doomed.id)
    );
    within(10, "the node gone", async || node_of(&p, &doomed.id).await.is_none()).await;
}

#[tokio::test(start_paused = true)]
async fn a_board_drops_and_returns() {
    let (world, p) = demo(7);
    let host = world
        .edge_hosts()
        .into_iter()
        .find(|h| h.name.as_str() == "pi-kiosk-04")
        .unwrap();
    let probe = async || p.shell.as_ref().unwrap().probe(&host).await;
    let node = async || {
        let all = kube(&p, "edge-lab").list_nodes().await.unwrap();
        all.into_iter().find(|n| n.key.name == "pi-kiosk-04").unwrap()
    };
    within(20, "the silence", async || probe().await.is_err()).await;
    assert_eq!(probe().await.unwrap_err().kind, FaultKind::Unreachable);
    assert_eq!(
        node().await.ready,
        Readiness::Ready,
        "within the grace period nobody knows"
    );
    within(55, "the lost node", async || node().await.ready == Readiness::Unknown).await;
    let lost = node().await;
    assert_eq!(lost.not_ready_reason.as_deref(), Some("NodeStatusUnknown"));
    assert_eq!(lost.taints.len(), 2);
    within(30, "the return", async || probe().await.is_ok()).await;
    within(10, "the node's return", async || node().await.ready == Readiness::Ready).await;
    assert!(node().await.taints.is_empty());
    assert!(world.now() < base() + SignedDuration::from_secs(120));
}

#[tokio::test(start_paused = true)]
async fn a_group_replaces_an_ill_machine() {
    let (world, p) = demo(7);
    within(50, "an unhealthy member", async || {
        workers(&p).await.members.iter().any(|m| !m.healthy)
    })
    .await;
    let group = workers(&p).await;
    let ill = group.members.iter().find(|m| !m.healthy).unwrap().id.clone();
    assert_eq!(node_of(&p, &ill).await.unwrap().ready, Readiness::NotReady);
    let before: BTreeSet<_> = group.members.iter().map(|m| m.id.clone()).collect();
    within(10, "its end", async || {
        workers(&p)
            .await
            .members
            .iter()
            .any(|m| m.id == ill && m.lifecycle == "Terminating")
    })
    .await;
    let new = workers(&p)
        .await
        .members
        .iter()
        .find(|m| !before.contains(&m.id))
        .unwrap()
        .id
        .clone();
    within(60, "the replacement ready", async || {
        node_of(&p, &new).await.is_some_and(|n| n.ready == Readiness::Ready)
    })
    .await;
    assert!(node_of(&p, &ill).await.is_none());
    assert!(world.now() < base() + SignedDuration::from_secs(120));
}

#[tokio::test(start_paused = true)]
async fn prices_walk_and_a_throttled_region_recovers() {
    let (world, p) = demo(7);
    let types = [SmolStr::new("t3.medium")];
    let latest = async || {
        let all = cloud(&p, "eu-west-1").spot_prices(&types, world.now()).await.unwrap();
        all.into_iter()
            .map(|p| (p.zone, p.usd.to_string()))
            .collect::<BTreeSet<_>>()
    };
    let mut seen = BTreeSet::from([latest().await]);
    let mut outages = BTreeSet::new();
    for _ in 0..120 {
        secs(1).await;
        seen.insert(latest().await);
        let us = cloud(&p, "us-east-1").instances().await;
        outages.insert(us.err().map(|e| e.kind));
    }
    assert!(seen.iter().all(|prices| prices.len() == 3));
    assert!(seen.len() >= 10, "{} sets of prices", seen.len());
    assert_eq!(outages, [None, Some(FaultKind::Throttled)].into());
    assert!(cloud(&p, "us-east-1").instances().await.is_ok());

    let two_weeks = base() - SignedDuration::from_hours(14 * 24);
    let history = cloud(&p, "eu-west-1").spot_prices(&types, two_weeks).await.unwrap();
    assert!(history.first().unwrap().at <= two_weeks + SignedDuration::from_mins(1));
    assert!(history.len() > 3 * 160);
    let known = cloud(&p, "us-east-1")
        .on_demand_prices(&[types[0].clone(), "x9.huge".into()])
        .await
        .unwrap();
    assert_eq!(known.iter().map(|p| p.usd).collect::<Vec<_>>(), [Some(0.0416), None]);
}

#[tokio::test(start_paused = true)]
async fn a_ci_cluster_ends_and_another_comes() {
    let (_world, p) = demo(7);
    let ci = async || {
        let all = cloud(&p, "us-east-1").instances().await.unwrap_or_default();
        all.into_iter().find(|i| i.tag("k3fleet:shape") == Some("ci"))
    };
    let first = ci().await.unwrap();
    assert!(kube(&p, "ci").server().await.unwrap().is_k3s());
    secs(22 * 60 + 2).await;
    within(60, "its last machine ends", async || ci().await.is_none()).await;
    assert_eq!(
        kube(&p, "ci").list_nodes().await.unwrap_err().kind,
        FaultKind::Unreachable
    );
    within(320, "a successor", async || ci().await.is_some()).await;
    let second = ci().await.unwrap();
    assert_ne!(second.id, first.id);
    assert_ne!(second.tag("k3fleet:cluster"), first.tag("k3fleet:cluster"));
    assert!(second.tag("k3fleet:expires-at") > first.tag("k3fleet:expires-at"));
    within(90, "its node ready", async || {
        let nodes = kube(&p, "ci").list_nodes().await.unwrap_or_default();
        nodes.len() == 1 && nodes[0].ready == Readiness::Ready
    })
    .await;
    let waits = async || {
        kube(&p, "ci")
            .list_pods()
            .await
            .unwrap()
            .iter()
            .any(|p| p.phase != PodPhase::Running)
    };
    within(30, "its pods run", async || !waits().await).await;
}

#[tokio::test(start_paused = true)]
async fn ghosts_strays_and_sick_nodes_come_and_pass() {
    let event = |at: &str, event: &str| format!("[[events]]\nat = \"{at}\"\nevent.{event}\n");
    let (_world, p) = told(
        &[
            event("5s", r#"ghost = { pool = "prod/k3s_workers", for = "40s" }"#),
            event(
                "6s",
                r#"stray = { cluster = "prod", type = "c7g.large", zone = "eu-west-1c", for = "70s" }"#,
            ),
            event("7s", r#"node-not-ready = { pool = "prod/k3s_servers", for = "20s" }"#),
        ]
        .concat(),
    );
    let (mut ghost, mut stray, mut sick) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..130 {
        let instances = cloud(&p, "eu-west-1").instances().await.unwrap();
        let nodes = kube(&p, "prod").list_nodes().await.unwrap();
        let has_node = |i: &Instance| nodes.iter().any(|n| n.key.name == i.id.as_str());
        let orphan = |n: &&crate::fleet::Node| !instances.iter().any(|i| i.id.as_str() == n.key.name);
        ghost.push(nodes.iter().find(orphan).map(|n| n.ready));
        let by_hand = instances.iter().find(|i| i.tag("k3fleet:pool") == Some("by-hand"));
        stray.push(by_hand.map(|i| (i.state, has_node(i), i.asg().is_some())));
        let servers = nodes.iter().filter(|n| n.role == crate::fleet::Role::Server);
        sick.push(servers.filter(|n| n.ready == Readiness::NotReady).count());
        secs(1).await;
    }
    ghost.dedup();
    stray.dedup();
    sick.dedup();
    assert_eq!(ghost, [None, Some(Readiness::Ready), Some(Readiness::Unknown), None]);
    let life = [
        InstanceState::Pending,
        InstanceState::Running,
        InstanceState::ShuttingDown,
    ];
    let alone = life.map(|state| Some((state, false, false)));
    assert_eq!(stray, [&[None], &alone[..], &[None]].concat());
    assert_eq!(sick, [0, 1, 0]);
    assert_eq!(workers(&p).await.members.len(), 6);
}
