use jiff::SignedDuration;

use super::*;
use crate::fleet::{Instance, Node};

#[test]
fn skew_and_quorum_are_told_of_the_cluster() {
    let mut world = World::live();
    for n in 0..3 {
        world.instance(instance(n)).node(server(n));
    }
    none(&world, "version-skew");
    none(&world, "quorum-at-risk");
    world.instance(instance(3)).node(Node {
        version: "v1.37.0+k3s1".into(),
        ..node(3)
    });
    world.node(Node {
        ready: Readiness::Unknown,
        ..server(2)
    });
    let found = only(&world, "version-skew");
    assert_eq!((found.severity, found.subject.as_str()), (Severity::Critical, "prod"));
    assert_eq!(
        found.mend,
        "upgrade the servers first: k3fleet upgrade prod --to v1.37.0+k3s1"
    );
    assert_eq!(only(&world, "quorum-at-risk").severity, Severity::Warning);
    assert_eq!(
        Summary::of(&world.0, now()).clusters.values().next().unwrap().severity,
        Severity::Critical
    );
}

#[test]
fn an_interrupted_server_is_a_failure_to_come() {
    let mut world = World::live();
    for n in 0..3 {
        world.instance(instance(n)).node(server(n));
    }
    world.see(Observation::Notice(crate::fleet::Notice {
        instance: instance_id(0),
        kind: crate::fleet::NoticeKind::Interruption,
        at: now(),
    }));
    assert!(
        only(&world, "quorum-at-risk")
            .line
            .starts_with("no further server may fail: 2 of 3")
    );
}

#[test]
fn old_data_judges_no_cluster() {
    let mut world = World::live();
    for n in 0..2 {
        world.instance(instance(n)).node(server(n));
    }
    only(&world, "quorum-at-risk");
    world.see(Observation::Feed(
        kube(FeedKind::Nodes),
        failed("watch nodes", FaultKind::Unreachable),
    ));
    none(&world, "quorum-at-risk");
}

#[test]
fn a_time_to_live_is_counted_down_and_its_overrun_told() {
    let mut world = World::live();
    let end = now() + SignedDuration::from_mins(22);
    world.instance(Instance {
        tags: tags(&[
            ("k3fleet:cluster", "ci-4821"),
            ("k3fleet:shape", "ci"),
            ("k3fleet:expires-at", &end.to_string()),
        ]),
        ..instance(1)
    });
    let at = |rule: &str, minutes| world.findings_at(rule, now() + SignedDuration::from_mins(minutes));
    assert_eq!(at("ttl-ending", -30), []);
    let ending = &at("ttl-ending", 0)[0];
    assert_eq!(
        (ending.severity, ending.line.as_str()),
        (Severity::Info, "destroys itself in 22m")
    );
    assert_eq!(ending.mend, "to keep it: k3fleet extend ci-4821 1h");
    assert_eq!(at("ttl-ending", 15)[0].severity, Severity::Warning);
    assert_eq!(at("ttl-ending", 23), []);
    assert_eq!(at("ttl-over", 23)[0].severity, Severity::Info);
    let over = &at("ttl-over", 60)[0];
    assert_eq!(
        (over.severity, over.line.as_str()),
        (Severity::Warning, "its time ended 38m ago, 1 instance still there")
    );
    assert_eq!(over.mend, "k3fleet destroy ci-4821");
}

#[test]
fn a_cluster_without_a_context_is_pointed_out() {
    let mut world = World::default();
    world.instance(instance(1));
    assert_eq!(only(&world, "unwatched").severity, Severity::Info);
    let mut watched = World::live();
    watched.machine(1);
    none(&watched, "unwatched");
}
