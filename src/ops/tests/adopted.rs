//! Clusters of the Terraform module `garutilorenzo/k3s-aws-terraform-cluster`: known by their tags alone, they are watched,
//! scaled, drained and rid of ghosts like any other.

use super::*;
use crate::fleet::testing::context;
use crate::fleet::{Asg, ClusterId, MachineState, NodeKey, Role, RowId, Shape, Summary, Tags};

const SERVERS: &str = "k3s-servers-asg-staging";
const WORKERS: &str = "k3s-workers-asg-staging";

/// The tags of a group of the module's, as its version 3.0 has them with its defaults.
fn of_module(kind: &str) -> Vec<(String, String)> {
    let role = kind.trim_start_matches("k3s-");
    let pairs = [
        ("Name", format!("k3s-{role}-staging")),
        ("environment", "staging".to_owned()),
        ("provisioner", "terraform".to_owned()),
        (
            "terraform_module",
            "https://github.com/garutilorenzo/k3s-aws-terraform-cluster".to_owned(),
        ),
        ("k3s_cluster_name", "k3s-cluster".to_owned()),
        ("application", "k3s".to_owned()),
        ("k3s-instance-type", kind.to_owned()),
        ("k8s.io/cluster-autoscaler/enabled", String::new()),
        ("k8s.io/cluster-autoscaler/k3s-cluster", String::new()),
    ];
    pairs.map(|(key, value)| (key.to_owned(), value)).into()
}

fn as_tags(pairs: &[(String, String)]) -> Tags {
    tags(&pairs.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect::<Vec<_>>())
}

/// A machine of one of the groups: Auto Scaling hands the group's tags on and adds its name.
fn member(n: usize, group: &str, kind: &str, of: Instance) -> Instance {
    let mut pairs = of_module(kind);
    pairs.push(("aws:autoscaling:groupName".to_owned(), group.to_owned()));
    Instance {
        tags: as_tags(&pairs),
        id: instance_id(n),
        ..of
    }
}

fn group(name: &str, kind: &str, members: &[usize]) -> Asg {
    Asg {
        name: name.into(),
        min: 3,
        max: 4,
        tags: as_tags(&of_module(kind)),
        ..asg(members)
    }
}

/// Three servers, 1 to 3, and three workers, 11 to 13, whose nodes are named after their instances.
fn theirs() -> World {
    let mut world = World::live();
    let named = |n: usize, node: Node| Node {
        key: NodeKey::new(&context(), instance_id(n).as_str()),
        ..node
    };
    for n in 1..=3 {
        world.instance(member(n, SERVERS, "k3s-server", instance(n)));
        world.node(named(n, server(n)));
    }
    for n in 11..=13 {
        world.instance(member(n, WORKERS, "k3s-worker", spot(n)));
        world.node(named(n, node(n)));
    }
    world.see(Observation::Asg(Box::new(group(SERVERS, "k3s-server", &[1, 2, 3]))));
    world.see(Observation::Asg(Box::new(group(WORKERS, "k3s-worker", &[11, 12, 13]))));
    world
}

fn cluster() -> ClusterId {
    ClusterId {
        name: "k3s-cluster-staging".into(),
        home: Some(scope()),
    }
}

fn pool(name: &str) -> PoolId {
    PoolId::Asg(scope(), name.into())
}

fn to(pool: PoolId, to: u32, raise: bool) -> Request {
    Request::Scale {
        pool,
        to,
        raise,
        order: VictimOrder::USUAL.to_vec(),
        drain: DrainOptions::ending(),
    }
}

#[test]
fn it_is_seen_as_one_cluster_with_servers_and_workers() {
    let summary = Summary::of(&theirs().0, now());
    let clusters: Vec<_> = summary.clusters.values().collect();
    assert_eq!(clusters.len(), 1);
    assert_eq!((&clusters[0].id, clusters[0].shape), (&cluster(), Shape::Adopted));
    for (name, role) in [(SERVERS, Role::Server), (WORKERS, Role::Agent)] {
        let pool = &summary.pools[&pool(name)];
        assert_eq!((pool.cluster.as_ref(), pool.role), (Some(&cluster()), Some(role)));
        assert_eq!(pool.count.machines, 3);
    }
}

#[test]
fn its_workers_are_scaled_in_one_by_one_and_out() {
    let world = theirs();
    assert_eq!(refused(&world, &to(pool(WORKERS), 2, false)), "pool-bounds");
    let fewer = planned(&world, &to(pool(WORKERS), 2, true));
    assert_eq!(ended(&fewer).len(), 1);
    assert!(titles(&fewer).contains(&"drain"), "{:?}", titles(&fewer));
    let more = planned(&world, &to(pool(WORKERS), 4, false));
    assert!(ended(&more).is_empty() && !more.stages.is_empty());
}

#[test]
fn a_worker_is_drained_and_its_quorum_is_guarded() {
    let world = theirs();
    let cordoned = planned(
        &world,
        &Request::Drain {
            machines: vec![MachineId::Instance(instance_id(11))],
            drain: DrainOptions::ending(),
        },
    );
    assert_eq!(titles(&cordoned), ["cordon", "drain"]);
    assert_eq!(refused(&world, &remove(&[1, 2])), "etcd-quorum");
}

#[test]
fn the_node_of_a_machine_that_spot_took_is_found_and_removed() {
    let mut world = theirs();
    world.see(Observation::InstanceGone(instance_id(11)));
    world.see(Observation::Asg(Box::new(group(WORKERS, "k3s-worker", &[12, 13]))));
    let found = world.findings("ghost-node");
    let [RowId::Machine(ghost)] = &found.iter().map(|f| f.about.clone()).collect::<Vec<_>>()[..] else {
        panic!("one ghost: {found:?}");
    };
    assert_eq!(
        world.0.machine(ghost).map(|m| m.state(now())),
        Some(MachineState::Ghost)
    );
    let request = Request::Remove {
        machines: vec![ghost.clone()],
        drain: DrainOptions::ending(),
    };
    let plan = planned(&world, &request);
    assert!(ended(&plan).is_empty(), "there is nothing to end");
    assert_eq!(titles(&plan), ["delete nodes"]);
}

#[test]
fn destroying_and_extending_it_is_left_to_terraform() {
    let destroy = Request::Destroy {
        cluster: cluster(),
        resources: vec![],
        volumes: false,
        snapshots: false,
    };
    assert_eq!(refused(&theirs(), &destroy), "adopted");
}
