use super::*;
use crate::fleet::{Glob, OnDemandPrice, Policy, PriceCaps};

fn on_demand(usd: Option<f64>) -> Observation {
    Observation::OnDemandPrice(OnDemandPrice {
        region: "eu-west-1".into(),
        instance_type: "t4g.small".into(),
        usd,
        fetched_at: now(),
    })
}

#[test]
fn an_unknown_price_is_told_once_with_its_reason() {
    let mut world = World::live();
    for n in 0..5 {
        world.machine(n);
    }
    let line = |world: &World| only(world, "price-unknown").line;
    assert_eq!(
        line(&world),
        "5 machines without a price: AWS has told no on-demand price of t4g.small in eu-west-1"
    );
    world.see(on_demand(None));
    assert_eq!(
        line(&world),
        "5 machines without a price: the price list names no on-demand price of t4g.small in eu-west-1"
    );
    world.see(on_demand(Some(0.0184)));
    none(&world, "price-unknown");
}

#[test]
fn a_denied_price_feed_is_the_reason_and_names_the_call() {
    let mut world = World::live();
    world.instance(spot(1)).node(node(1));
    world.see(Observation::Feed(
        aws(FeedKind::SpotPrices),
        failed("ec2:DescribeSpotPriceHistory", FaultKind::Denied),
    ));
    let found = only(&world, "price-unknown");
    assert_eq!(found.severity, Severity::Warning);
    assert_eq!(
        found.line,
        "1 machine without a price: spot prices cannot be read: ec2:DescribeSpotPriceHistory: no"
    );
    assert_eq!(found.subject, "t4g.small eu-west-1a");
}

#[test]
fn a_price_that_is_still_on_its_way_is_not_missing() {
    let mut world = World::default();
    world.instance(instance(1));
    let found = only(&world, "price-unknown");
    assert_eq!(
        (
            found.severity,
            found.line.ends_with("no source of on-demand prices in eu-west-1")
        ),
        (Severity::Info, true)
    );
}

#[test]
fn what_is_not_billed_needs_no_price() {
    let mut world = World::live();
    world.instance(crate::fleet::Instance {
        state: crate::fleet::InstanceState::Stopped,
        ..instance(1)
    });
    none(&world, "price-unknown");
}

#[test]
fn a_price_above_its_cap_is_told_once() {
    let mut world = World::live();
    world.instance(spot(1)).node(node(1)).instance(spot(2)).node(node(2));
    world.see(spot_price("eu-west-1a", 0.03));
    none(&world, "price-above-cap");
    world.0.set_policy(Policy {
        price_caps: PriceCaps::new(vec![(Glob::new("t4g.*"), 0.02)]),
        ..Policy::default()
    });
    let found = only(&world, "price-above-cap");
    assert_eq!(found.line, "2 machines at $0.0300/h spot, above the cap of $0.0200/h");
    world.see(Observation::SpotPrice(crate::fleet::SpotPrice {
        region: "eu-west-1".into(),
        instance_type: "t4g.small".into(),
        zone: "eu-west-1a".into(),
        at: now(),
        usd: 0.02,
    }));
    none(&world, "price-above-cap");
}
