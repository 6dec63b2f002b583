//! The simulated world from one command to the next: each is a process of its own, and finds what the others made.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::cli_changes::run;

fn command(home: &Path, speed: &str, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_k3fleet"));
    command
        .args(["--demo", "--demo-speed", speed])
        .args(args)
        .env_clear()
        .env("HOME", home)
        .env("K3FLEET_STATE_DIR", home.join("state"))
        .stdin(Stdio::null());
    command
}

fn answer(mut command: Command) -> Value {
    let output = command.args(["-o", "json"]).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", errors(&output));
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {output:?}"))
}

/// Changes something, in a world that runs fast; gives what came of it.
fn change(home: &Path, args: &[&str]) -> Value {
    answer(command(home, "60", args))
}

/// Looks at the world before anything happens in it by itself.
fn ask(home: &Path, args: &[&str]) -> Value {
    answer(command(home, "1", args))
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The instances of a cluster whose machines are all ready.
fn instances(home: &Path, cluster: &str) -> Vec<String> {
    let filter = format!("cluster:{cluster}");
    let all = ask(home, &["get", "machines", "--filter", &filter]);
    let all = all.as_array().unwrap().iter();
    let own = all.filter(|m| m["cluster"] == cluster);
    own.map(|m| {
        assert_eq!(m["state"], "Ready", "{m}");
        m["instance"]["id"].as_str().unwrap().to_owned()
    })
    .collect()
}

const LAUNCH: [&str; 8] = [
    "launch",
    "shop",
    "--region",
    "eu-west-1",
    "--no-ssh",
    "--workers",
    "2",
    "--yes",
];

#[test]
fn a_cluster_is_launched_scaled_and_destroyed_by_one_command_after_the_other() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    change(home, &LAUNCH);
    let launched = instances(home, "shop");
    assert_eq!(launched.len(), 3);
    change(home, &["scale", "shop/workers", "4", "--yes"]);
    let scaled = instances(home, "shop");
    assert_eq!(scaled.len(), 5);
    assert!(launched.iter().any(|id| scaled.contains(id)), "{launched:?} {scaled:?}");
    change(home, &["scale", "shop/workers", "1", "--yes"]);
    assert_eq!(instances(home, "shop").len(), 2);
    change(home, &["destroy", "shop", "--yes"]);
    let clusters = ask(home, &["get", "clusters"]);
    let names: Vec<_> = clusters.as_array().unwrap().iter().map(|c| c["name"].clone()).collect();
    assert_eq!(names, ["ci-4821", "edge-lab", "prod"]);
}

#[test]
fn the_whole_life_of_a_highly_available_cluster_is_one_command_after_the_other() {
    const SHOP: [&str; 9] = [
        "launch",
        "shop",
        "--shape",
        "ha",
        "--region",
        "eu-west-1",
        "--workers",
        "2",
        "--no-ssh",
    ];
    let home = tempfile::tempdir().unwrap();
    let did = |args: &[&str]| {
        let output = run(home.path(), args);
        assert!(output.status.success(), "{args:?}: {}", errors(&output));
        output
    };
    let told = |args: &[&str]| -> Vec<Value> {
        let output = did(&[args, &["-o", "json"]].concat());
        serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {output:?}"))
    };
    let machines = |role: &str, state: &str| -> Vec<String> {
        let all = told(&["get", "machines", "--filter", "cluster:shop"]).into_iter();
        let own = all.filter(|m| m["role"] == role && m["state"] == state);
        own.map(|m| m["instance"]["id"].as_str().unwrap().to_owned()).collect()
    };
    let clusters = || -> Vec<Value> { told(&["get", "clusters"]).iter().map(|c| c["name"].clone()).collect() };
    let before = clusters();

    let plan = did(&[&SHOP[..], &["--dry-run", "-o", "json"]].concat());
    let plan: Value = serde_json::from_slice(&plan.stdout).unwrap();
    assert!(plan["cost"]["after"].as_f64().is_some_and(|usd| usd > 0.1), "{plan}");
    assert_eq!(
        (clusters(), told(&["ops", "list"]).len()),
        (before.clone(), 0),
        "nothing was done"
    );

    did(&[&SHOP[..], &["--yes"]].concat());
    assert_eq!(
        (machines("server", "Ready").len(), machines("agent", "Ready").len()),
        (3, 2)
    );
    did(&["scale", "shop/k3s_workers", "3", "--yes"]);
    did(&["update", "shop", "--pool", "name=k3s_workers,max=7", "--yes"]);
    let pools = told(&["get", "pools", "--filter", "cluster:shop"]);
    let workers = pools.iter().find(|p| p["role"] == "agent").unwrap();
    assert_eq!(
        (&workers["desired"], &workers["max"]),
        (&3.into(), &7.into()),
        "{workers}"
    );

    did(&["backup", "shop", "--yes"]);
    let snapshots = told(&["snapshots", "shop"]);
    let snapshot = snapshots[0]["name"].as_str().unwrap();
    let drained = machines("agent", "Ready").swap_remove(0);
    did(&["drain", &drained, "--empty-dir-data", "--yes"]);
    assert_eq!(machines("agent", "Cordoned"), [drained]);
    did(&["restore", "shop", snapshot, "--yes"]);
    let ready = (machines("server", "Ready").len(), machines("agent", "Ready").len());
    assert_eq!(ready, (3, 3), "what was cordoned since is not any longer");

    did(&["destroy", "shop", "--snapshots", "delete", "--yes"]);
    assert_eq!(clusters(), before);
    let operations = told(&["ops", "list"]);
    assert!(
        operations.len() == 7 && operations.iter().all(|one| one["state"] == "done"),
        "{operations:#?}"
    );
}

#[test]
fn a_launch_whose_process_is_killed_is_resumed_by_another() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let mut killed = command(home, "60", &LAUNCH)
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(killed.stderr.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("wait for the kubeconfig")));
    killed.kill().unwrap();
    killed.wait().unwrap();
    let all = ask(home, &["ops", "list"]);
    let id = all[0]["id"].as_str().unwrap().to_owned();
    let resumed = change(home, &["ops", "resume", &id]);
    assert_eq!(resumed["state"], "done", "{resumed}");
    assert_eq!(instances(home, "shop").len(), 3);
}

#[test]
fn a_memory_that_is_damaged_is_told_and_not_used() {
    let home = tempfile::tempdir().unwrap();
    let state = home.path().join("state");
    std::fs::create_dir_all(&state).unwrap();
    std::fs::write(state.join("demo-world.json"), "{").unwrap();
    let output = command(home.path(), "1", &["get", "clusters"]).output().unwrap();
    assert!(output.status.success());
    let told = errors(&output);
    assert!(told.contains("demo-world.json") && told.contains("damaged"), "{told}");
}
