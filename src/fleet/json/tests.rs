use serde_json::{Value, json};

use super::*;
use crate::fleet::table::Ask;
use crate::fleet::{Summary, TableKind, example};

fn with_rows(kind: TableKind, check: impl Fn(&[Value])) {
    let fleet = example::fleet(3);
    let summary = Summary::of(&fleet, example::now());
    let view = View {
        fleet: &fleet,
        summary: &summary,
        now: example::now(),
    };
    let ids = kind.project(&view, &Ask::default()).rows;
    let Value::Array(values) = serde_json::to_value(rows(&view, &ids)).unwrap() else {
        panic!("rows are an array");
    };
    assert_eq!(values.len(), ids.len());
    check(&values);
}

#[test]
fn a_machine_has_the_fields_of_the_contract() {
    with_rows(TableKind::Machines, |rows| {
        let agent = rows.iter().find(|r| r["name"] == "workers-10").unwrap();
        assert_eq!(agent["id"], "i-0000000000000000a");
        assert_eq!(agent["cluster"], "prod");
        assert_eq!(agent["pool"], "workers");
        assert_eq!(agent["role"], "agent");
        assert_eq!(agent["shape"], "ha");
        assert_eq!(agent["state"], "Ready");
        assert_eq!(agent["purchase"], "spot");
        assert_eq!(agent["price_per_hour"], 0.027);
        assert_eq!(agent["price_unknown"], Value::Null);
        assert_eq!(agent["instance"]["type"], "m7g.large");
        assert_eq!(agent["instance"]["zone"], "eu-west-1b");
        assert_eq!(agent["instance"]["state"], "running");
        assert_eq!(agent["instance"]["launched_at"], "2026-11-22T10:59:50Z");
        assert_eq!(agent["instance"]["public_ip"], Value::Null);
        assert_eq!(agent["instance"]["private_ip"], "10.0.0.10");
        assert_eq!(agent["node"]["name"], "workers-10");
        assert_eq!(agent["node"]["ready"], true);
        assert_eq!(agent["node"]["schedulable"], true);
        assert_eq!(agent["node"]["arch"], "arm64");
        assert_eq!(agent["edge"], Value::Null);
        assert!(agent["findings"].is_array());
        for field in [
            "id",
            "type",
            "arch",
            "zone",
            "state",
            "launched_at",
            "public_ip",
            "private_ip",
        ] {
            assert!(agent["instance"].as_object().unwrap().contains_key(field), "{field}");
        }
        for field in [
            "name",
            "ready",
            "schedulable",
            "version",
            "arch",
            "os",
            "internal_ip",
            "joined_at",
        ] {
            assert!(agent["node"].as_object().unwrap().contains_key(field), "{field}");
        }
    });
}

#[test]
fn an_unknown_price_is_null_and_says_why() {
    with_rows(TableKind::Machines, |rows| {
        let server = rows.iter().find(|r| r["name"] == "servers-1").unwrap();
        assert_eq!(server["price_per_hour"], Value::Null);
        assert_eq!(server["price_unknown"], "no source of on-demand prices in eu-west-1");
        let board = rows.iter().find(|r| r["name"] == "pi-1").unwrap();
        assert_eq!(board["price_unknown"], "no EC2 instance: AWS bills nothing for it");
    });
}

#[test]
fn edge_machines_tell_whether_they_answer() {
    with_rows(TableKind::Edge, |rows| {
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[0]["edge"]["reachable"], true);
        assert_eq!(rows[0]["edge"]["model"], "Raspberry Pi 4 Model B");
        assert_eq!(rows[0]["edge"]["temperature_celsius"], Value::Null);
        assert_eq!(rows[1]["edge"]["reachable"], false);
        assert_eq!(rows[1]["edge"]["error"], "connection timed out");
    });
}

#[test]
fn groups_are_counted_and_priced() {
    with_rows(TableKind::Clusters, |rows| {
        let prod = rows.iter().find(|r| r["name"] == "prod").unwrap();
        assert_eq!(prod["machines"], 7);
        assert_eq!(prod["contexts"], json!(["prod-admin"]));
        assert_eq!(prod["prices_unknown"], 2);
    });
    with_rows(TableKind::Pools, |rows| {
        let workers = rows.iter().find(|r| r["name"] == "workers").unwrap();
        assert_eq!(workers["kind"], "asg");
        assert_eq!((&workers["desired"], &workers["max"]), (&json!(3), &json!(8)));
        assert!((workers["price_per_hour"].as_f64().unwrap() - 0.093).abs() < 1e-9);
        let servers = rows.iter().find(|r| r["name"] == "servers").unwrap();
        assert_eq!(servers["price_per_hour"], Value::Null);
    });
    with_rows(TableKind::Prices, |rows| {
        assert_eq!(rows.len(), 3);
        assert_eq!(rows[0]["zone"], "eu-west-1a");
        assert_eq!(rows[0]["cheaper"]["zone"], "eu-west-1b");
        assert_eq!(rows[1]["cheaper"], Value::Null);
        assert_eq!(rows[1]["on_demand_per_hour"], 0.0896);
        assert_eq!(rows.iter().map(|r| r["machines"].as_u64().unwrap()).sum::<u64>(), 3);
    });
}

#[test]
fn a_row_that_is_gone_is_none() {
    let fleet = example::fleet(1);
    let view = View {
        fleet: &fleet,
        summary: &Summary::default(),
        now: example::now(),
    };
    let id = crate::fleet::MachineId::Instance(crate::fleet::InstanceId::new("i-gone"));
    assert!(row(&view, &RowId::Machine(id)).is_none());
}
