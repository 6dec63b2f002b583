use super::*;
use crate::fleet::{
    InstanceState, KubeServer, Machine, MachineId, MachineState, Node, NodeKey, Notice, NoticeKind, Role, RowId, Source,
};

fn state(world: &World, n: usize) -> MachineState {
    machine(world, n).state(now())
}

fn machine(world: &World, n: usize) -> Machine<'_> {
    world.0.machine(&MachineId::Instance(instance_id(n))).unwrap()
}

#[test]
fn a_node_whose_instance_is_gone_is_a_ghost() {
    let mut world = World::live();
    world.machine(1).machine(2);
    none(&world, "ghost-node");
    world.see_at(Observation::InstanceGone(instance_id(2)), minutes_ago(7));
    let found = only(&world, "ghost-node");
    assert_eq!(
        found.about,
        RowId::Machine(MachineId::Node(NodeKey::new(&context(), "node-2")))
    );
    assert_eq!(
        found.line,
        format!(
            "node without instance for 7m00s: {} is gone, its node lingers",
            instance_id(2)
        )
    );
    assert_eq!(found.mend, "delete the node: k3fleet remove node-2");
    assert_eq!(found.since, Some(minutes_ago(7)));
    assert_eq!(found.cluster.unwrap().name, "prod");
}

#[test]
fn nothing_is_a_ghost_where_instances_are_not_known() {
    let mut world = World::live();
    world
        .machine(1)
        .machine(2)
        .see(Observation::InstanceGone(instance_id(2)));
    world.see(Observation::Feed(
        aws(FeedKind::Instances),
        failed("ec2:DescribeInstances", FaultKind::Throttled),
    ));
    none(&world, "ghost-node");
    world.see(Observation::Feed(aws(FeedKind::Instances), synced()));
    only(&world, "ghost-node");
    assert_eq!(
        world.findings_at("ghost-node", now() + jiff::SignedDuration::from_hours(1)),
        [],
        "stale feeds"
    );
}

#[test]
fn nodes_of_an_account_that_we_do_not_see_are_no_ghosts() {
    let mut world = World::live();
    world.node(node(1)).node(node(2));
    none(&world, "ghost-node");
    assert_eq!(world.0.machines().filter(|m| m.ghost_since().is_some()).count(), 0);
}

#[test]
fn an_instance_that_no_node_joins_from_is_stray_after_the_grace() {
    let mut world = World::live();
    world.machine(1).instance(crate::fleet::Instance {
        launched_at: Some(minutes_ago(9)),
        ..instance(2)
    });
    assert_eq!(state(&world, 2), MachineState::Joining);
    none(&world, "stray-instance");
    world.instance(crate::fleet::Instance {
        launched_at: Some(minutes_ago(14)),
        ..instance(3)
    });
    assert_eq!(state(&world, 3), MachineState::Stray);
    let found = only(&world, "stray-instance");
    assert_eq!(
        found.line,
        "instance without node for 14m: it was launched and no node has joined from it"
    );
}

#[test]
fn an_instance_that_lost_its_node_says_so() {
    let mut world = World::live();
    world.machine(1).machine(2);
    world.see_at(
        Observation::NodeGone(NodeKey::new(&context(), "node-2")),
        minutes_ago(30),
    );
    let found = only(&world, "stray-instance");
    assert_eq!(found.line, "instance without node for 30m: it has lost its node");
    world.instance(crate::fleet::Instance {
        launched_at: Some(minutes_ago(3)),
        ..instance(2)
    });
    assert_eq!(
        state(&world, 2),
        MachineState::Joining,
        "a restart gives it time to join again"
    );
}

#[test]
fn nothing_is_stray_where_nodes_are_not_known() {
    let mut world = World::live();
    world.instance(instance(1));
    only(&world, "stray-instance");
    world.see(Observation::Feed(
        kube(FeedKind::Nodes),
        failed("list nodes", FaultKind::Unreachable),
    ));
    assert_eq!(
        world.findings_at("stray-instance", now() + jiff::SignedDuration::from_mins(1)),
        []
    );
    let mut blind = World::default();
    blind
        .see(Observation::Feed(aws(FeedKind::Instances), synced()))
        .instance(instance(1));
    none(&blind, "stray-instance");
    assert_eq!(state(&blind, 1), MachineState::Running, "no API server has told");
}

#[test]
fn a_server_that_is_not_ready_is_critical_at_once_an_agent_when_its_pods_go() {
    let broken = |node: Node, minutes: i64| {
        let mut world = World::live();
        world.instance(instance(1)).node(Node {
            ready: Readiness::NotReady,
            ready_since: Some(minutes_ago(minutes)),
            not_ready_reason: Some("KubeletNotReady".into()),
            ..node
        });
        only(&world, "not-ready")
    };
    let found = broken(server(1), 1);
    assert_eq!(found.severity, Severity::Critical);
    assert_eq!(found.line, "node not Ready for 1m00s: KubeletNotReady");
    assert_eq!(broken(node(1), 1).severity, Severity::Warning);
    assert_eq!(broken(node(1), 6).severity, Severity::Critical);
}

#[test]
fn a_node_that_has_just_joined_may_take_its_time() {
    let mut world = World::live();
    world.instance(instance(1)).node(Node {
        joined_at: Some(minutes_ago(1)),
        ready: Readiness::NotReady,
        ..node(1)
    });
    none(&world, "not-ready");
}

#[test]
fn a_silent_kubelet_is_told_unless_the_watch_is_dead_or_the_instance_goes() {
    let mut world = World::live();
    let silent = Node {
        ready: Readiness::Unknown,
        ready_since: Some(minutes_ago(8)),
        ..node(1)
    };
    world.instance(instance(1)).node(silent);
    let found = only(&world, "node-unknown");
    assert_eq!(found.line, "the kubelet has not reported for 8m00s");
    world.instance(crate::fleet::Instance {
        state: InstanceState::ShuttingDown,
        ..instance(1)
    });
    none(&world, "node-unknown");
    world.instance(instance(1));
    world.see(Observation::Feed(
        kube(FeedKind::Nodes),
        failed("watch nodes", FaultKind::Unreachable),
    ));
    none(&world, "node-unknown");
}

#[test]
fn pressures_are_named() {
    let mut world = World::live();
    world.machine(1).instance(instance(2)).node(Node {
        pressures: Box::new(["MemoryPressure".into(), "DiskPressure".into()]),
        ..node(2)
    });
    assert_eq!(
        only(&world, "pressure").line,
        "the kubelet reports MemoryPressure, DiskPressure"
    );
}

#[test]
fn notices_count_down() {
    let notice = |kind, at| {
        Observation::Notice(Notice {
            instance: instance_id(1),
            kind,
            at,
        })
    };
    let mut world = World::live();
    world.machine(1).see(notice(NoticeKind::Rebalance, minutes_ago(4)));
    assert_eq!(only(&world, "rebalance").severity, Severity::Warning);
    none(&world, "interruption");
    world.see(notice(
        NoticeKind::Interruption,
        now() - jiff::SignedDuration::from_secs(43),
    ));
    let found = only(&world, "interruption");
    assert_eq!(
        (found.severity, found.line.as_str()),
        (Severity::Critical, "EC2 takes this spot instance back in 1m17s")
    );
    none(&world, "rebalance");
    let late = world.findings_at("interruption", now() + jiff::SignedDuration::from_mins(3));
    assert_eq!(
        late[0].line,
        "EC2 takes this spot instance back: notice was given 3m43s ago"
    );
}

#[test]
fn a_cordon_is_pointed_out_after_an_hour() {
    let mut world = World::live();
    let cordoned = Node {
        schedulable: false,
        ..node(1)
    };
    world
        .instance(instance(1))
        .see_at(Observation::Node(Box::new(cordoned.clone())), minutes_ago(90));
    world.node(cordoned.clone());
    assert_eq!(
        only(&world, "cordoned-long").line,
        "cordoned for at least 1h30m: it takes no new pods"
    );
    world.node(node(1)).node(cordoned);
    none(&world, "cordoned-long");
}

#[test]
fn a_context_of_the_clusters_name_speaks_for_it_before_any_node_has_joined() {
    let mut world = World::live();
    world.instance(instance(1));
    world.see(Observation::Server(KubeServer {
        context: context(),
        version: "v1.36.4+k3s1".into(),
        endpoint: "https://prod".into(),
    }));
    let summary = Summary::of(&world.0, now());
    assert_eq!(summary.clusters.len(), 1, "{:?}", summary.clusters.keys());
    assert!(world.0.feeds().keys().any(|f| f.source == Source::Kube(context())));
}

#[test]
fn a_machine_with_an_old_token_is_told() {
    let mut world = World::live();
    world.machine(1);
    none(&world, "old-token");
    world.node(Node {
        old_token: Some(Role::Agent),
        ..node(1)
    });
    let found = only(&world, "old-token");
    assert_eq!(found.mend, "once it can be reached: k3fleet rotate prod --agent");
}
