//! Every thing seen is in exactly one row, the sums agree, and filters cut the rows in two.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::world::told_once;
use crate::fleet::query::Query;
use crate::fleet::table::{Ask, TableKind};
use crate::fleet::testing::now;
use crate::fleet::*;

/// The ids of the things that are there at the end.
fn present(world: &super::world::World) -> Vec<MachineId> {
    let id = |observation: &Observation| match observation {
        Observation::Instance(i) => Some(MachineId::Instance(i.id.clone())),
        Observation::Node(n) => Some(MachineId::Node(n.key.clone())),
        Observation::EdgeHost(h) => Some(MachineId::Edge(h.name.clone())),
        _ => None,
    };
    world.ends().filter_map(id).collect()
}

fn parts(machine: &Machine<'_>) -> Vec<MachineId> {
    let parts = [
        machine.instance().map(|i| MachineId::Instance(i.id.clone())),
        machine.node().map(|n| MachineId::Node(n.key.clone())),
        machine.edge().map(|e| MachineId::Edge(e.name.clone())),
    ];
    parts.into_iter().flatten().collect()
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-9
}

fn any_table() -> impl Strategy<Value = TableKind> {
    proptest::sample::select(TableKind::ALL.to_vec())
}

/// Terms as people type them: mostly of columns that exist.
fn any_term(table: TableKind) -> impl Strategy<Value = String> {
    let mut names: Vec<String> = table.columns().iter().map(|c| c.name.to_owned()).collect();
    names.extend(["".to_owned(), "nonsense".to_owned()]);
    let op = proptest::sample::select(vec![":", "=", "<", "<=", ">", ">="]);
    let value = proptest::sample::select(vec![
        "",
        "a",
        "m-1",
        "ready",
        "0.02",
        "2h",
        "50%",
        "1gi",
        "spot",
        "eu-west-1a",
        "2",
        "-",
    ]);
    (proptest::sample::select(names), op, value).prop_map(|(name, op, value)| match name.is_empty() {
        true => value.to_owned(),
        false => format!("{name}{op}{value}"),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn every_thing_is_found_by_its_id_and_is_in_one_row((world, turns) in told_once()) {
        let fleet = world.told(&turns);
        let mut rows: BTreeMap<MachineId, usize> = BTreeMap::new();
        for machine in fleet.all_machines() {
            for id in parts(&machine) {
                *rows.entry(id).or_default() += 1;
            }
        }
        let mut present = present(&world);
        for id in &present {
            let machine = fleet.machine(id);
            prop_assert!(machine.is_some_and(|m| parts(&m).contains(id)), "{id:?} is lost");
            prop_assert_eq!(rows.get(id), Some(&1), "{:?}", id);
        }
        present.sort();
        present.dedup();
        prop_assert_eq!(rows.len(), present.len());
    }

    #[test]
    fn a_row_is_the_same_by_each_of_its_ids((world, turns) in told_once()) {
        let fleet = world.told(&turns);
        for machine in fleet.all_machines() {
            for id in parts(&machine) {
                let found = fleet.machine(&id).unwrap();
                prop_assert_eq!(parts(&found), parts(&machine));
                prop_assert_eq!(found.id(), machine.id());
            }
        }
    }

    #[test]
    fn sums_agree((world, turns) in told_once()) {
        let fleet = world.told(&turns);
        let summary = Summary::of(&fleet, now());
        let machines: Vec<_> = fleet.all_machines().filter(|m| m.cluster().is_some()).collect();
        let listed = fleet.machines().filter(|m| m.cluster().is_some()).count();
        prop_assert_eq!(machines.len(), listed, "a machine of a cluster is a row of the fleet");
        let clusters = summary.clusters.values();
        prop_assert_eq!(clusters.clone().map(|c| c.count.machines as usize).sum::<usize>(), machines.len());
        prop_assert_eq!(clusters.clone().map(|c| c.count.ready).sum::<u32>(), summary.total.ready);
        let paid: f64 = machines.iter().filter_map(Machine::price).sum();
        prop_assert!(close(summary.total.cost.known, paid));
        prop_assert!(close(clusters.clone().map(|c| c.count.cost.known).sum(), paid));
        let unknown = machines.iter().filter(|m| m.price_missing()).count();
        prop_assert_eq!(clusters.map(|c| c.count.cost.unknown as usize).sum::<usize>(), unknown);
        let pooled: f64 = summary.pools.values().map(|p| p.count.cost.known).sum();
        prop_assert!(close(pooled, paid), "each machine with a price is in one pool");
    }

    #[test]
    fn a_term_and_its_negation_cut_the_rows_in_two(
        (world, turns) in told_once(),
        (table, term) in any_table().prop_flat_map(|t| (Just(t), any_term(t))),
    ) {
        let fleet = world.told(&turns);
        let summary = Summary::of(&fleet, now());
        let view = View { fleet: &fleet, summary: &summary, now: now() };
        let ask = |line: &str| {
            let query = Query::parse(line);
            table.project(&view, &Ask { query: Some(&query), ..Ask::default() })
        };
        let all = table.project(&view, &Ask::default());
        let (with, without) = (ask(&term), ask(&format!("!{term}")));
        prop_assert_eq!((with.of, without.of), (all.rows.len(), all.rows.len()));
        prop_assert_eq!(with.inactive.is_empty(), without.inactive.is_empty());
        if !with.inactive.is_empty() || term.is_empty() {
            prop_assert_eq!(&with.rows, &all.rows, "a term named inactive does not filter");
            return Ok(());
        }
        let both: BTreeSet<_> = with.rows.iter().chain(without.rows.iter()).collect();
        prop_assert_eq!(with.rows.len() + without.rows.len(), all.rows.len());
        prop_assert_eq!(both, all.rows.iter().collect());
    }

    #[test]
    fn no_filter_panics((world, turns) in told_once(), line in "[a-z:<>=!\" 0-9é.%-]{0,24}", table in any_table()) {
        let fleet = world.told(&turns);
        let summary = Summary::of(&fleet, now());
        let view = View { fleet: &fleet, summary: &summary, now: now() };
        let query = Query::parse(&line);
        let shown = table.project(&view, &Ask { query: Some(&query), ..Ask::default() });
        prop_assert!(shown.rows.len() <= shown.of);
        for id in shown.rows.iter() {
            prop_assert!(table.row(&view, id).is_some(), "{id:?}");
        }
    }
}
