use super::*;
use crate::fleet::{EdgeHealth, FeedId, HostName, MachineId, Node, RowId, Source};

fn edge_node(name: &str) -> Node {
    Node {
        key: crate::fleet::NodeKey::new(&context(), name),
        provider_id: Some(format!("k3s://{name}").into()),
        ssh: Some(format!("pi@{name}:22").into()),
        ..node(1)
    }
}

fn board(outcome: Result<EdgeHealth, &str>) -> World {
    let mut world = World::live();
    world
        .see(Observation::EdgeHost(Box::new(host("pi-1"))))
        .node(edge_node("pi-1"));
    world.see(Observation::EdgeProbe(Box::new(probe("pi-1", outcome))));
    world
}

const EDGE: FeedId = FeedId {
    kind: FeedKind::Edge,
    source: Source::Hosts,
};

#[test]
fn a_silent_host_is_told_with_its_nodes_word() {
    let mut world = board(Err("connection timed out"));
    let found = only(&world, "edge-silent");
    assert_eq!(found.severity, Severity::Warning);
    assert_eq!(
        found.line,
        "no answer over SSH for 1m00s: connection timed out; its node is Ready"
    );
    assert_eq!(
        found.about,
        RowId::Machine(MachineId::Node(crate::fleet::NodeKey::new(&context(), "pi-1")))
    );
    world.node(Node {
        ready: Readiness::Unknown,
        ..edge_node("pi-1")
    });
    assert_eq!(only(&world, "edge-silent").severity, Severity::Critical);
    none(&world, "node-unknown");
    world.see(Observation::Feed(EDGE, failed("read hosts.toml", FaultKind::Malformed)));
    none(&world, "edge-silent");
}

#[test]
fn silence_is_reckoned_from_the_first_probe_without_answer() {
    let mut world = World::live();
    let mut silent = probe("pi-1", Err("refused"));
    silent.at = minutes_ago(6);
    world
        .see(Observation::EdgeProbe(Box::new(silent)))
        .see(Observation::EdgeHost(Box::new(host("pi-1"))));
    world.see(Observation::EdgeProbe(Box::new(probe("pi-1", Err("refused")))));
    assert_eq!(only(&world, "edge-silent").since, Some(minutes_ago(6)));
}

#[test]
fn a_sound_board_says_nothing() {
    let world = board(Ok(EdgeHealth {
        temperature: Some(61.0),
        throttled: Some(false),
        disk: Some((10, 100)),
        ..EdgeHealth::default()
    }));
    for rule in [
        "edge-silent",
        "edge-hot",
        "edge-throttled",
        "edge-disk-full",
        "edge-unjoined",
    ] {
        none(&world, rule);
    }
}

#[test]
fn heat_throttling_and_full_disks_are_told() {
    let hot = board(Ok(EdgeHealth {
        temperature: Some(82.4),
        disk: Some((90, 100)),
        ..EdgeHealth::default()
    }));
    assert_eq!(
        only(&hot, "edge-hot").line,
        "the processor runs at 82 °C, and slows down from 80 °C on"
    );
    assert_eq!(only(&hot, "edge-disk-full").severity, Severity::Warning);
    let throttled = board(Ok(EdgeHealth {
        temperature: Some(82.4),
        throttled: Some(true),
        disk: Some((98, 100)),
        ..EdgeHealth::default()
    }));
    assert_eq!(
        only(&throttled, "edge-throttled").line,
        "the firmware throttles the processor at 82 °C"
    );
    none(&throttled, "edge-hot");
    assert_eq!(only(&throttled, "edge-disk-full").severity, Severity::Critical);
}

#[test]
fn a_host_without_its_node_is_told_where_the_nodes_are_known() {
    let mut world = World::live();
    world.see(Observation::EdgeHost(Box::new(host("pi-2"))));
    let found = only(&world, "edge-unjoined");
    assert_eq!(found.about, RowId::Machine(MachineId::Edge(HostName::new("pi-2"))));
    assert_eq!(found.mend, "k3fleet join prod pi-2 (J)");
    let mut blind = World::default();
    blind.see(Observation::EdgeHost(Box::new(host("pi-2"))));
    none(&blind, "edge-unjoined");
}
