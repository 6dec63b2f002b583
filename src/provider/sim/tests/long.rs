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
