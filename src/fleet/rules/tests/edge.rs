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

#[test]
fn clocks_services_and_certificates_are_told() {
    let days = |days: i64| Some(now() + jiff::SignedDuration::from_hours(24 * days));
    let ill = board(Ok(EdgeHealth {
        clock_skew: Some(-95),
        clock_synced: Some(false),
        service: Some("failed".into()),
        certificate_until: days(12),
        ..EdgeHealth::default()
    }));
    assert_eq!(
        only(&ill, "edge-clock").line,
        "its clock is 1m35s behind ours, and no time server keeps it"
    );
    assert_eq!(only(&ill, "edge-service").line, "K3s is failed there");
    let found = only(&ill, "edge-certificate");
    assert_eq!(
        (found.severity, found.line.as_str(), found.mend.as_str()),
        (
            Severity::Warning,
            "a certificate of its K3s expires in 12d",
            "k3fleet certificates pi-1"
        )
    );
    let expired = board(Ok(EdgeHealth {
        certificate_until: days(-2),
        ..EdgeHealth::default()
    }));
    let found = only(&expired, "edge-certificate");
    assert_eq!(
        (found.severity, found.line.as_str()),
        (Severity::Critical, "a certificate of its K3s has expired 2d00h ago")
    );
    let well = board(Ok(EdgeHealth {
        clock_skew: Some(3),
        service: Some("active".into()),
        certificate_until: days(200),
        ..EdgeHealth::default()
    }));
    for rule in ["edge-clock", "edge-service", "edge-certificate"] {
        none(&well, rule);
    }
}
