//! Each rule on a small fleet: when it speaks and when it must not.

mod clusters;
mod edge;
mod feeds;
mod machines;
mod pools;
mod prices;
mod stacks;

use crate::fleet::testing::*;
use crate::fleet::{FaultKind, FeedKind, Finding, Observation, Readiness, Severity, Summary};

/// The only finding of a rule.
fn only(world: &World, rule: &str) -> Finding {
    let mut found = world.findings(rule);
    assert_eq!(found.len(), 1, "{rule}: {found:#?}");
    found.remove(0)
}

fn none(world: &World, rule: &str) {
    assert_eq!(world.findings(rule), [], "{rule}");
}

#[test]
fn a_sound_fleet_has_no_findings() {
    let mut world = World::live();
    for n in 0..3 {
        world.instance(crate::fleet::Instance {
            zone: ["eu-west-1a", "eu-west-1b", "eu-west-1c"][n].into(),
            ..instance(n)
        });
        world.node(server(n));
    }
    world.machine(3);
    world.see(Observation::OnDemandPrice(crate::fleet::OnDemandPrice {
        region: "eu-west-1".into(),
        instance_type: "t4g.small".into(),
        usd: Some(0.0184),
        fetched_at: now(),
    }));
    assert_eq!(Summary::of(&world.0, now()).findings, []);
}

#[test]
fn findings_come_worst_first_and_are_told_apart_by_rule_and_row() {
    let mut world = World::live();
    for n in 0..6 {
        world.instance(instance(n));
        let mut node = node(n);
        node.ready = if n % 2 == 0 {
            Readiness::NotReady
        } else {
            Readiness::Ready
        };
        node.pressures = Box::new(["DiskPressure".into()]);
        world.node(node);
    }
    world.see(Observation::Feed(
        aws(FeedKind::Activities),
        failed("a:b", FaultKind::Denied),
    ));
    let findings = Summary::of(&world.0, now()).findings;
    assert!(findings.is_sorted_by(|a, b| a.severity >= b.severity));
    let mut keys: Vec<_> = findings.iter().map(|f| (f.rule, &f.about)).collect();
    keys.sort();
    let all = keys.len();
    keys.dedup();
    assert_eq!(
        (keys.len(), all),
        (all, 11),
        "3 not-ready, 6 pressure, 1 feed-failed, 1 price-unknown"
    );
    assert_eq!(findings[0].severity, Severity::Critical);
}
