//! The command line over the simulated world.

use std::process::{Command, Output};

use serde_json::Value;

fn run(args: &[&str]) -> Output {
    let home = tempfile::tempdir().expect("a directory");
    let mut command = Command::new(env!("CARGO_BIN_EXE_k3fleet"));
    command
        .args(args)
        .env_clear()
        .env("HOME", home.path())
        .output()
        .expect("the program runs")
}

fn out(args: &[&str]) -> String {
    let output = run(args);
    assert!(
        output.status.success(),
        "{args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn json(args: &[&str]) -> Vec<Value> {
    serde_json::from_str(&out(args)).expect("JSON")
}

#[test]
fn machines_keep_the_contract() {
    let rows = json(&["--demo", "get", "machines", "-o", "json"]);
    assert!(rows.len() > 10, "{} rows", rows.len());
    for row in &rows {
        for field in [
            "id",
            "name",
            "cluster",
            "pool",
            "role",
            "shape",
            "state",
            "purchase",
            "price_per_hour",
            "instance",
            "node",
            "edge",
            "findings",
        ] {
            assert!(row.get(field).is_some(), "{field} is missing from {row}");
        }
        assert!(row["findings"].is_array());
        assert_ne!(row["price_per_hour"], 0.0);
    }
    let instance = rows
        .iter()
        .find_map(|row| row["instance"].as_object())
        .expect("an instance");
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
        assert!(instance.contains_key(field), "instance has no {field}");
    }
    let node = rows.iter().find_map(|row| row["node"].as_object()).expect("a node");
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
        assert!(node.contains_key(field), "node has no {field}");
    }
    let edge = rows
        .iter()
        .find_map(|row| row["edge"].as_object())
        .expect("an edge host");
    for field in ["host", "reachable", "model"] {
        assert!(edge.contains_key(field), "edge has no {field}");
    }
    assert!(
        rows.iter()
            .any(|row| row["price_per_hour"].as_f64().is_some_and(|usd| usd > 0.0))
    );
}

#[test]
fn every_table_prints_in_every_format() {
    for table in ["clusters", "pools", "machines", "prices", "edge", "findings"] {
        let rows = json(&["--demo", "get", table, "-o", "json"]);
        let lines = out(&["--demo", "get", table]);
        let records = out(&["--demo", "get", table, "-o", "csv"]);
        assert_eq!(
            lines.lines().count(),
            rows.len() + 1,
            "{table}: a heading and a line for each row"
        );
        assert_eq!(
            records.lines().count(),
            rows.len() + 1,
            "{table}: a heading and a record for each row"
        );
        if table != "findings" {
            assert!(!rows.is_empty(), "{table} has rows");
        }
    }
}

#[test]
fn filters_columns_and_sorting_choose_what_is_printed() {
    let servers = out(&[
        "--demo",
        "get",
        "machines",
        "-f",
        "role=server cluster:prod",
        "--columns",
        "role,cluster",
        "-o",
        "csv",
    ]);
    assert_eq!(servers.lines().next(), Some("role,cluster"));
    assert!(servers.lines().skip(1).all(|line| line == "server,prod"), "{servers}");
    assert_eq!(servers.lines().count(), 4, "three servers");
    let prices = out(&[
        "--demo",
        "get",
        "prices",
        "--sort",
        "-spot",
        "--columns",
        "spot",
        "-o",
        "csv",
    ]);
    let prices: Vec<f64> = prices.lines().skip(1).filter_map(|line| line.parse().ok()).collect();
    assert!(
        prices.len() > 3 && prices.windows(2).all(|w| w[0] >= w[1]),
        "{prices:?}"
    );
}

#[test]
fn wrong_words_are_usage_errors_that_name_the_choices() {
    for (args, said) in [
        (vec!["--demo", "get", "machines", "-f", "colour:red"], "colour:red"),
        (vec!["--demo", "get", "machines", "--columns", "name,size"], "size"),
        (vec!["--demo", "get", "machines", "--sort", "size"], "size"),
        (vec!["--demo", "get", "boats"], "boats"),
        (vec!["--demo-size", "10", "get", "machines"], "--demo"),
    ] {
        let output = run(&args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(told.contains(said), "{args:?}: {told}");
        assert!(output.stdout.is_empty(), "{args:?}: nothing on standard output");
    }
}

#[test]
fn a_command_that_is_not_there_is_named() {
    let output = run(&["dance", "all"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no command \"dance\""));
}

#[test]
fn the_demo_can_be_of_any_size() {
    // The world's own troubles, throttling among them, begin when minutes of it have passed: never, as slow as it is here.
    let slow = ["--demo", "--demo-size", "2000", "--demo-speed", "0.1"];
    let rows = json(&[&slow[..], &["get", "machines", "-o", "json"]].concat());
    assert!((1_800..=2_200).contains(&rows.len()), "{}", rows.len());
}

#[test]
fn one_seed_is_one_world() {
    let names = |seed: &str| {
        out(&[
            "--demo",
            "--demo-seed",
            seed,
            "get",
            "machines",
            "--columns",
            "name,instance",
            "-o",
            "csv",
        ])
    };
    assert_eq!(names("7"), names("7"));
    assert_ne!(names("7"), names("8"));
}

#[test]
fn doctor_tells_each_check_with_its_verdict() {
    let lines = json(&["--demo", "doctor", "-o", "json"]);
    assert!(lines.len() > 5);
    for line in &lines {
        assert!(["ok", "warn", "fail"].contains(&line["verdict"].as_str().expect("a verdict")));
        assert!(!line["check"].as_str().expect("a check").is_empty());
    }
    assert!(
        lines
            .iter()
            .any(|l| l["check"].as_str().is_some_and(|c| c.contains("ec2:DescribeInstances")))
    );
}

#[test]
fn without_anything_configured_it_says_what_to_set() {
    let output = run(&["get", "machines"]);
    assert_eq!(
        String::from_utf8_lossy(&output.stdout).lines().count(),
        1,
        "only the heading"
    );
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("--region") && told.contains("no kube contexts"), "{told}");
}

#[test]
fn a_configuration_is_written_once_checked_and_reported_with_lines() {
    let home = tempfile::tempdir().expect("a directory");
    let run = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_k3fleet"));
        command.args(args).env_clear().env("HOME", home.path());
        command
            .env("K3FLEET_CONFIG_DIR", home.path())
            .output()
            .expect("the program runs")
    };
    assert!(run(&["config", "init"]).status.success());
    assert_eq!(
        run(&["config", "init"]).status.code(),
        Some(1),
        "an existing file is kept"
    );
    assert!(run(&["config", "check"]).status.success());
    std::fs::write(home.path().join("config.toml"), "them = \"dark\"\nmouse = 3\n").expect("a file");
    for args in [["config", "check"], ["get", "machines"]] {
        let output = run(&args);
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2));
        assert!(
            told.contains("config.toml:1:") && told.contains("config.toml:2:"),
            "both faults, with lines: {told}"
        );
    }
}

#[test]
fn completions_and_the_manual_are_printed() {
    assert!(out(&["completions", "bash"]).contains("_k3fleet"));
    assert!(out(&["man"]).contains(".TH k3fleet"));
}
