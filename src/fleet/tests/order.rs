//! The fleet depends on what is known, never on the order in which it was learnt; telling it again changes
//! nothing; and what is gone leaves nothing behind.

use proptest::prelude::*;

use super::world::{told_once, told_twice};
use crate::fleet::table::{Ask, TableKind};
use crate::fleet::testing::now;
use crate::fleet::*;

/// What must be alike, however it was learnt. Times since when something is so do depend on the order.
fn picture(fleet: &Fleet) -> Vec<String> {
    let summary = Summary::of(fleet, now());
    let mut lines: Vec<_> = fleet.all_machines().map(|m| row(&m)).collect();
    lines.sort();
    for cluster in summary.clusters.values() {
        let Cluster {
            id,
            shape,
            expires_at,
            contexts,
            version,
            regions,
            count,
            ..
        } = cluster;
        lines.push(format!(
            "{id:?} {shape:?} {expires_at:?} {contexts:?} {version:?} {regions:?} {}",
            counts(count)
        ));
    }
    for pool in summary.pools.values() {
        let Pool {
            id,
            name,
            cluster,
            role,
            capacity,
            types,
            zones,
            count,
            ..
        } = pool;
        let counts = counts(count);
        lines.push(format!(
            "{id:?} {name} {cluster:?} {role:?} {capacity:?} {types:?} {zones:?} {counts}"
        ));
    }
    lines.push(counts(&summary.total));
    let timeless = |f: &&Finding| !["stray-instance", "cordoned-long", "edge-silent"].contains(&f.rule);
    lines.extend(
        summary
            .findings
            .iter()
            .filter(timeless)
            .map(|f| format!("{} {:?} {:?}", f.rule, f.about, f.severity)),
    );
    lines
}

fn row(m: &Machine<'_>) -> String {
    let ids = (
        m.instance().map(|i| &i.id),
        m.node().map(|n| &n.key),
        m.edge().map(|e| &e.name),
    );
    let place = (m.cluster(), m.pool(), m.role(), m.name(), m.zone(), m.kind());
    let facts = (
        m.price(),
        m.requested(),
        m.usage(),
        m.notice(),
        m.probe(),
        m.asg_member(),
        m.ghost_since().is_some(),
    );
    format!("{ids:?} {place:?} {facts:?}")
}

/// Sums of money are added up in no order: they are compared to the thousandth of a cent.
fn counts(count: &Count) -> String {
    let Count {
        machines,
        nodes,
        ready,
        spot,
        instances,
        cost,
    } = count;
    let Cost {
        known,
        unknown,
        compared,
        on_demand,
    } = cost;
    format!("{machines} {nodes} {ready} {spot} {instances} {known:.5} {unknown} {compared:.5} {on_demand:.5}")
}

/// The order of rows by every column that does not depend on since when something is so.
fn orders(fleet: &Fleet) -> Vec<(TableKind, &'static str, Rows)> {
    let summary = Summary::of(fleet, now());
    let view = View {
        fleet,
        summary: &summary,
        now: now(),
    };
    let mut orders = vec![];
    for table in [
        TableKind::Machines,
        TableKind::Pools,
        TableKind::Clusters,
        TableKind::Prices,
        TableKind::Edge,
    ] {
        for column in table
            .columns()
            .iter()
            .filter(|c| !["state", "findings", "price", "saving"].contains(&c.name))
        {
            for down in [false, true] {
                let ask = Ask {
                    sort: Some((column.name, down)),
                    ..Ask::default()
                };
                orders.push((table, column.name, table.project(&view, &ask).rows));
            }
        }
        orders.push((table, "", table.project(&view, &Ask::default()).rows));
    }
    orders
}

fn assert_empty(fleet: &Fleet) {
    assert!(
        fleet.instances.is_empty() && fleet.nodes.is_empty() && fleet.edges.is_empty(),
        "rows: {fleet:#?}"
    );
    assert!(fleet.pods.is_empty(), "pods: {:?}", fleet.pods);
    assert!(
        fleet.asgs.is_empty() && fleet.spot_fleets.is_empty() && fleet.activities.is_empty(),
        "groups"
    );
    assert!(fleet.short_since.is_empty(), "{:?}", fleet.short_since);
    assert!(
        fleet.tagged.is_empty() && fleet.group_votes.is_empty(),
        "{:?} {:?}",
        fleet.tagged,
        fleet.group_votes
    );
    assert!(fleet.joins.is_empty(), "{:#?}", fleet.joins);
    for (context, entry) in &fleet.contexts {
        assert!(
            entry.server.is_some() && entry.joined == 0 && entry.votes.is_empty(),
            "{context}: {entry:?}"
        );
    }
}

/// What takes a thing out again.
fn gone(observation: &Observation) -> Option<Observation> {
    Some(match observation {
        Observation::Instance(i) => Observation::InstanceGone(i.id.clone()),
        Observation::Node(n) => Observation::NodeGone(n.key.clone()),
        Observation::EdgeHost(h) => Observation::EdgeHostGone(h.name.clone()),
        Observation::Pod(p) => Observation::PodGone(p.key.clone()),
        Observation::Asg(g) => Observation::AsgGone(g.scope.clone(), g.name.clone()),
        Observation::SpotFleet(f) => Observation::SpotFleetGone(f.scope.clone(), f.id.clone()),
        _ => return None,
    })
}

/// Whether an observation was made through a context.
fn is_through(observation: &Observation, context: &ContextId) -> bool {
    match observation {
        Observation::Feed(feed, _) => feed.source == Source::Kube(context.clone()),
        Observation::Server(server) => server.context == *context,
        Observation::Node(node) => node.key.context == *context,
        Observation::NodeGone(key) => key.context == *context,
        Observation::Pod(pod) => pod.key.context == *context,
        Observation::PodGone(key) => key.context == *context,
        Observation::Usage(usage) => usage.node.context == *context,
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_order_gives_the_same_fleet((world, one, other) in told_twice()) {
        let (one, other) = (world.told(&one), world.told(&other));
        prop_assert_eq!(picture(&one), picture(&other));
    }

    #[test]
    fn any_order_gives_the_same_tables((world, one, other) in told_twice()) {
        let (one, other) = (world.told(&one), world.told(&other));
        for (a, b) in orders(&one).into_iter().zip(orders(&other)) {
            prop_assert_eq!(a, b);
        }
    }

    #[test]
    fn telling_it_again_changes_nothing((world, turns) in told_once()) {
        let mut fleet = world.told(&turns);
        let (before, found) = (picture(&fleet), Summary::of(&fleet, now()).findings);
        for observation in world.ends() {
            fleet.apply(observation.clone(), now());
        }
        prop_assert_eq!(before, picture(&fleet));
        prop_assert_eq!(found, Summary::of(&fleet, now()).findings);
    }

    #[test]
    fn what_is_gone_leaves_nothing((world, turns) in told_once(), backwards in any::<bool>()) {
        let mut fleet = world.told(&turns);
        let mut ends: Vec<_> = world.stories.iter().flatten().filter_map(gone).collect();
        if backwards {
            ends.reverse();
        }
        for end in ends {
            fleet.apply(end, now());
        }
        assert_empty(&fleet);
    }

    #[test]
    fn a_context_that_is_gone_is_as_if_never_looked_through((world, turns) in told_once()) {
        let context = ContextId::new("a");
        let mut fleet = world.told(&turns);
        fleet.apply(Observation::ContextGone(context.clone()), now());
        let mut without = world;
        for story in &mut without.stories {
            story.retain(|observation| !is_through(observation, &context));
        }
        let never = without.told(&turns);
        prop_assert_eq!(picture(&fleet), picture(&never));
        prop_assert_eq!(fleet.feeds().keys().collect::<Vec<_>>(), never.feeds().keys().collect::<Vec<_>>());
        prop_assert_eq!(fleet.servers().count(), never.servers().count());
    }
}
