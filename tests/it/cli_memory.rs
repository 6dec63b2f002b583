//! The simulated world from one command to the next: each is a process of its own, and finds what the others made.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

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
