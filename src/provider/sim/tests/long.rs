//! Long runs: what must hold at all times, whatever happens.

use std::collections::BTreeMap;

use super::*;

/// Checks everything that must hold, and keeps account of the ids seen.
pub(super) async fn check(p: &Providers, retired: &mut BTreeSet<InstanceId>, alive: &mut BTreeSet<InstanceId>) {
    let mut present = BTreeSet::new();
    let mut addresses = BTreeSet::new();
    for c in &p.clouds {
        let Ok((instances, groups)) = futures::try_join!(c.instances(), c.asgs()) else {
            return; // an outage: nothing is known of this moment
        };
        for i in &instances {
            assert!(!retired.contains(&i.id), "{} came back", i.id);
            assert!(
                addresses.insert((i.vpc.clone(), i.private_ip)),
                "{:?} twice",
                i.private_ip
            );
            assert!(i.tag("k3fleet:cluster").is_some() && i.tag("k3fleet:role").is_some());
        }
        for g in &groups {
            let launched: BTreeSet<_> = instances
                .iter()
                .filter(|i| i.asg() == Some(&g.name))
                .map(|i| &i.id)
                .collect();
            assert_eq!(launched, g.members.iter().map(|m| &m.id).collect(), "{}", g.name);
            let noticed: BTreeSet<_> = c.notices().await.unwrap().into_iter().map(|n| n.instance).collect();
            let counted = g
                .members
                .iter()
                .filter(|m| m.lifecycle != "Terminating" && !noticed.contains(&m.id));
            assert_eq!(counted.count(), g.desired as usize, "{}", g.name);
            assert!(g.min <= g.desired && g.desired <= g.max);
        }
        present.extend(instances.into_iter().map(|i| i.id));
    }
    retired.extend(alive.difference(&present).cloned());
    *alive = present;

    let mut ids = BTreeSet::new();
    for k in &p.kubes {
        let (Ok(nodes), Ok(pods)) = (k.list_nodes().await, k.list_pods().await) else {
            continue;
        };
        let mut requested: BTreeMap<&str, u64> = BTreeMap::new();
        for pod in &pods {
            assert!(pod.phase != PodPhase::Running || pod.node.is_some());
            if let Some(node) = &pod.node {
                *requested.entry(node).or_default() += pod.requests.cpu_milli;
            }
        }
        for node in &nodes {
            assert!(ids.insert(node.provider_id.clone()), "{:?} twice", node.provider_id);
            let sum = requested.remove(&*node.key.name).unwrap_or(0);
            assert!(sum <= node.allocatable.cpu_milli, "{} requests {sum}", node.key.name);
        }
        assert!(requested.is_empty(), "pods on nodes that are not: {requested:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_day_of_random_life_breaks_nothing() {
    let (_world, p) = demo(99);
    let (mut retired, mut alive) = (BTreeSet::new(), BTreeSet::new());
    let mut kinds = BTreeSet::new();
    for n in 0..4_000_u64 {
        check(&p, &mut retired, &mut alive).await;
        for k in &p.kubes {
            kinds.extend(
                k.list_nodes()
                    .await
                    .unwrap_or_default()
                    .into_iter()
                    .map(|n| (n.ready, n.schedulable)),
            );
        }
        secs(7 + n % 30).await;
    }
    assert!(retired.len() > 300, "only {} instances ended", retired.len());
    for seen in [
        (Readiness::Ready, true),
        (Readiness::NotReady, true),
        (Readiness::Unknown, true),
        (Readiness::Ready, false),
    ] {
        assert!(kinds.contains(&seen), "{seen:?} never seen");
    }
    // A day later everything still finds its way back to rest.
    let pods = kube(&p, "prod").list_pods().await.unwrap();
    let running = pods.iter().filter(|p| p.phase == PodPhase::Running).count();
    assert!(running * 10 >= pods.len() * 8, "{running} of {} pods run", pods.len());
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_machines_are_a_world_too() {
    let scenario = Scenario::sized(10_000).unwrap();
    let world = World::load(&scenario, 3, base(), 1.0);
    let p = world.providers();
    assert_eq!((p.clouds.len(), p.kubes.len()), (4, 50));
    let (mut retired, mut alive) = (BTreeSet::new(), BTreeSet::new());
    check(&p, &mut retired, &mut alive).await;
    assert_eq!(alive.len() + world.edge_hosts().len(), 10_000);
    let (mut nodes, mut pods) = (0, 0);
    for k in &p.kubes {
        let listed = k.list_nodes().await.unwrap();
        assert!(listed.iter().all(|n| n.ready == Readiness::Ready));
        nodes += listed.len();
        pods += k.list_pods().await.unwrap().len();
    }
    assert_eq!((nodes, pods), (10_000, 20_000));
    let mut seen = BTreeSet::new();
    for _ in 0..240 {
        secs(5).await;
        for c in &p.clouds {
            seen.extend(c.notices().await.unwrap_or_default().into_iter().map(|n| n.instance));
        }
    }
    check(&p, &mut retired, &mut alive).await;
    assert!(seen.len() > 5 && !retired.is_empty());
}

#[test]
fn a_fleet_has_the_size_it_was_asked_for() {
    for size in [4, 5, 50, 199, 201, 999, 1_000, 2_500] {
        let world = World::load(&Scenario::sized(size).unwrap(), 3, base(), 1.0);
        let machines = world.look(|s| s.machines.len() + s.boards.len());
        assert_eq!(machines, size);
    }
}

/// Anything an operator may do.
async fn meddle(world: &Arc<World>, p: &Providers, rng: &mut fastrand::Rng) {
    let regions = ["eu-west-1", "us-east-1"];
    let region = regions[rng.usize(..regions.len())];
    let contexts = ["prod", "edge-lab", "ci"];
    let context = contexts[rng.usize(..contexts.len())];
    let (aws, api) = (cloud_control(world, region), kube_control(world, context));
    let instances = cloud(p, region).instances().await.unwrap_or_default();
    let nodes = kube(p, context).list_nodes().await.unwrap_or_default();
    // A cluster whose last server is ended stays dead.
    let worker = |i: &&Instance| i.asg() == Some("k3s_workers");
    let id = rng.choice(&instances).filter(worker).map(|i| &i.id);
    let node = rng.choice(&nodes).map(|n| n.key.name.clone()).unwrap_or_default();
    let pods = api.pods_on(&node).await.unwrap_or_default();
    // What is refused or fails changes nothing.
    let _done = match (rng.u32(0..9), id) {
        (0, _) => aws.set_desired("k3s_workers", rng.u32(0..9)).await,
        (1, _) => aws.set_bounds("k3s_workers", rng.u32(0..4), rng.u32(5..9)).await,
        (2, Some(id)) => aws.end_member(id, rng.bool()).await,
        (3, Some(id)) => aws.end(id).await,
        (4 | 5, _) => api.set_schedulable(&node, rng.bool()).await,
        (6, _) => {
            let evictions = pods.iter().map(|pod| api.evict(pod));
            futures::future::join_all(evictions).await;
            Ok(())
        }
        (7, _) => futures::future::try_join_all(pods.iter().map(|pod| api.delete_pod(pod)))
            .await
            .map(drop),
        _ => api.delete_node(&node).await,
    };
}

#[tokio::test(start_paused = true)]
async fn a_meddling_operator_breaks_nothing() {
    let (world, p) = demo(17);
    let mut rng = fastrand::Rng::with_seed(17);
    let (mut retired, mut alive) = (BTreeSet::new(), BTreeSet::new());
    for _ in 0..1_500 {
        meddle(&world, &p, &mut rng).await;
        check(&p, &mut retired, &mut alive).await;
        secs(rng.u64(0..12)).await;
    }
    assert!(retired.len() > 100, "only {} instances ended", retired.len());

    // Left alone, with all nodes open, everything comes to rest again.
    let api = kube_control(&world, "prod");
    for node in kube(&p, "prod").list_nodes().await.unwrap() {
        api.set_schedulable(&node.key.name, true).await.unwrap();
    }
    cloud_control(&world, "eu-west-1")
        .set_bounds("k3s_workers", 6, 8)
        .await
        .unwrap();
    secs(600).await;
    check(&p, &mut retired, &mut alive).await;
    let pods = kube(&p, "prod").list_pods().await.unwrap();
    let running = pods.iter().filter(|p| p.phase == PodPhase::Running).count();
    assert!(running * 10 >= pods.len() * 8, "{running} of {} pods run", pods.len());
}
