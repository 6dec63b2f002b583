use jiff::SignedDuration;

use super::*;
use crate::fleet::{Activity, Asg, PoolId, RowId, SpotFleet};

fn group(world: &mut World, asg: Asg, minutes: i64) {
    world.see_at(Observation::Asg(Box::new(asg)), minutes_ago(minutes));
}

#[test]
fn a_group_short_of_machines_says_since_when_and_why() {
    let mut world = World::live();
    world.instance(spot(1));
    let short = Asg {
        desired: 3,
        ..asg(&[1])
    };
    group(&mut world, short.clone(), 4);
    none(&world, "asg-short");
    assert_eq!(
        world
            .findings_at("asg-short", now() + SignedDuration::from_mins(1))
            .len(),
        1
    );
    group(&mut world, short, 3);
    world.see(Observation::Activity(Box::new(Activity {
        scope: scope(),
        id: "a1".into(),
        asg: "workers".into(),
        started_at: minutes_ago(2),
        ended_at: None,
        status: "Failed".into(),
        description: "Launching a new EC2 instance".into(),
        message: Some("UnfulfillableCapacity".into()),
        progress: 100,
    })));
    let found = &world.findings_at("asg-short", now() + SignedDuration::from_mins(1))[0];
    assert_eq!(found.severity, Severity::Warning);
    assert_eq!(
        found.line,
        "1 of 3 in service for at least 5m00s; the last try failed: UnfulfillableCapacity"
    );
    assert_eq!(found.about, RowId::Pool(PoolId::Asg(scope(), "workers".into())));
    group(&mut world, asg(&[1]), 0);
    assert_eq!(world.findings_at("asg-short", now() + SignedDuration::from_mins(1)), []);
}

#[test]
fn a_group_with_nothing_in_service_is_critical() {
    let mut world = World::live();
    group(&mut world, Asg { desired: 2, ..asg(&[]) }, 10);
    assert_eq!(only(&world, "asg-short").severity, Severity::Critical);
    world.see(Observation::Feed(
        aws(FeedKind::Asgs),
        failed("autoscaling:x", FaultKind::Unreachable),
    ));
    none(&world, "asg-short");
}

#[test]
fn a_spot_fleet_short_of_machines_is_told_while_active() {
    let mut world = World::live();
    let request = SpotFleet {
        scope: scope(),
        id: "sfr-1".into(),
        state: "active".into(),
        target: 4,
        fulfilled: 1,
        types: Box::new([]),
        tags: tags(&[("k3fleet:cluster", "prod")]),
    };
    world.see_at(Observation::SpotFleet(Box::new(request.clone())), minutes_ago(12));
    assert_eq!(
        only(&world, "spot-fleet-short").line,
        "1 of 4 fulfilled for at least 12m"
    );
    world.see(Observation::SpotFleet(Box::new(SpotFleet {
        state: "cancelled_running".into(),
        ..request
    })));
    none(&world, "spot-fleet-short");
}

#[test]
fn a_member_held_unhealthy_is_told_while_it_runs() {
    let mut world = World::live();
    world.instance(spot(1)).instance(spot(2)).node(node(1)).node(node(2));
    group(&mut world, asg(&[1, 2]), 0);
    none(&world, "unhealthy-member");
    let mut sick = asg(&[2, 1]);
    sick.members[0].healthy = false;
    group(&mut world, sick.clone(), 0);
    let found = only(&world, "unhealthy-member");
    assert!(found.mend.ends_with(instance_id(2).as_str()), "{}", found.mend);
    sick.members[0].lifecycle = "Terminating".into();
    group(&mut world, sick, 0);
    none(&world, "unhealthy-member");
}

#[test]
fn suspended_processes_are_named() {
    let mut world = World::live();
    group(
        &mut world,
        Asg {
            suspended: Box::new(["Launch".into(), "AZRebalance".into()]),
            ..asg(&[])
        },
        0,
    );
    let found = only(&world, "suspended-process");
    assert_eq!(
        (found.severity, found.line.as_str()),
        (Severity::Warning, "suspended in this group: Launch, AZRebalance")
    );
    group(
        &mut world,
        Asg {
            suspended: Box::new(["AZRebalance".into()]),
            ..asg(&[])
        },
        0,
    );
    assert_eq!(only(&world, "suspended-process").severity, Severity::Info);
}

#[test]
fn spot_of_one_type_in_one_zone_is_pointed_out() {
    let mut world = World::live();
    world.instance(spot(1)).instance(spot(2)).node(node(1)).node(node(2));
    group(&mut world, asg(&[1, 2]), 0);
    assert_eq!(
        only(&world, "spot-without-diversity").line,
        "all 2 spot machines are t4g.small in eu-west-1a: one shortage of spot capacity takes them together"
    );
    group(
        &mut world,
        Asg {
            types: Box::new(["t4g.small".into(), "t4g.medium".into()]),
            ..asg(&[1, 2])
        },
        0,
    );
    none(&world, "spot-without-diversity");
}

#[test]
fn a_cheaper_zone_is_told_with_what_it_saves() {
    let mut world = World::live();
    world.instance(spot(1)).instance(spot(2)).node(node(1)).node(node(2));
    group(&mut world, asg(&[1, 2]), 0);
    world
        .see(spot_price("eu-west-1a", 0.0140))
        .see(spot_price("eu-west-1b", 0.0139));
    none(&world, "cheaper-zone");
    world.see(spot_price("eu-west-1c", 0.0070));
    let found = only(&world, "cheaper-zone");
    assert_eq!(
        found.line,
        "moving its 2 spot machines to eu-west-1c saves $0.0140/h of $0.0280/h"
    );
    assert_eq!(found.severity, Severity::Info);
    world.see(Observation::Feed(
        aws(FeedKind::SpotPrices),
        failed("ec2:DescribeSpotPriceHistory", FaultKind::Denied),
    ));
    none(&world, "cheaper-zone");
}

#[test]
fn no_cheaper_zone_is_reckoned_from_prices_that_are_not_known() {
    let mut world = World::live();
    world.instance(spot(1)).node(node(1)).instance(crate::fleet::Instance {
        instance_type: "m7g.large".into(),
        ..spot(2)
    });
    group(&mut world, asg(&[1, 2]), 0);
    world
        .see(spot_price("eu-west-1a", 0.0140))
        .see(spot_price("eu-west-1c", 0.0070));
    none(&world, "cheaper-zone");
}
