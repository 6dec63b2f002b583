//! Commands about whole clusters, over the simulated world.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

fn command(home: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_k3fleet"));
    command
        .args(["--demo", "--region", "eu-west-1"])
        .args(args)
        .env_clear()
        .env("HOME", home)
        .env("PATH", "/usr/bin:/bin")
        .stdin(Stdio::null());
    command
}

fn run(home: &Path, args: &[&str]) -> Output {
    command(home, args).output().expect("the program runs")
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {output:?}"))
}

fn done(home: &Path, args: &[&str]) -> Output {
    let output = run(home, args);
    assert_eq!(output.status.code(), Some(0), "{args:?}: {}", errors(&output));
    output
}

/// The machines of a cluster.
fn machines(home: &Path, cluster: &str) -> usize {
    let filter = format!("cluster={cluster}");
    let output = done(home, &["get", "machines", "--filter", &filter, "-o", "json"]);
    json(&output).as_array().unwrap().len()
}

/// That nothing of a cluster is left.
fn assert_gone(home: &Path, cluster: &str) {
    let filter = format!("name={cluster}");
    let shown = json(&done(home, &["get", "clusters", "--filter", &filter, "-o", "json"]));
    assert_eq!(shown, Value::Array(vec![]), "the cluster is not shown");
    let output = run(home, &["destroy", cluster, "--yes"]);
    assert_eq!(output.status.code(), Some(2), "{}", errors(&output));
    assert!(
        errors(&output).contains("nothing carries its tag"),
        "{}",
        errors(&output)
    );
}

fn signal(child: &Child, name: &str) {
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
}

/// Sends a signal as soon as a line holds some text; gives the exit code and all that was said then.
fn signal_at(child: &mut Child, from: impl Read, text: &str, name: &str) -> (Option<i32>, String) {
    let mut lines = BufReader::new(from).lines();
    let said = lines.find(|line| line.as_ref().is_ok_and(|line| line.contains(text)));
    assert!(said.is_some(), "{text:?} is said");
    signal(child, name);
    let rest: Vec<String> = lines.map_while(Result::ok).collect();
    (child.wait().unwrap().code(), rest.join("\n"))
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn what_does_not_do_is_told_before_anything_is_asked() {
    let home = tempfile::tempdir().unwrap();
    for (args, said) in [
        (vec!["launch", "web", "--pool", "name=a"], "add --shape ha"),
        (vec!["launch", "web", "--shape", "ha", "--no-profile"], "--no-profile"),
        (
            vec!["launch", "web", "--shape", "ha", "--pool", "name=a,max=many"],
            "at character 8",
        ),
        (
            vec!["launch", "web", "--shape", "ha", "--store", "mysql"],
            "etcd, external, aurora",
        ),
        (vec!["ci", "web", "--servers", "3", "--", "true"], "--servers"),
        (vec!["launch", "web", "--ttl", "1h"], "--shape ci"),
        (vec!["launch", "web", "--ttl", "999999h"], "at most 720 h"),
        (vec!["launch", "web", "--on-demand-fallback"], "--spot"),
        (vec!["launch", "web", "--subnet", "subnet-1"], "--vpc"),
        (vec!["launch", "web", "--image", "debian"], "ubuntu or al2023"),
        (vec!["launch", "web", "--arch", "riscv"], "arm64 or amd64"),
        (vec!["launch", "web", "--ssh-key", "/nowhere/id.pub"], "/nowhere/id.pub"),
        (
            vec!["launch", "web", "--no-ssh", "--key-pair", "ana"],
            "cannot be used with",
        ),
        (vec!["ci", "build-1"], "CMD"),
        (vec!["extend", "build-1", "soon"], "length of time"),
    ] {
        let output = run(home.path(), &args);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", errors(&output));
        assert!(errors(&output).contains(said), "{args:?}: {}", errors(&output));
        assert!(output.stdout.is_empty(), "{args:?}: nothing on standard output");
    }
}

#[test]
fn an_ha_cluster_is_planned_as_its_stack() {
    let home = tempfile::tempdir().unwrap();
    let flags = ["launch", "prod2", "--shape", "ha", "--dry-run", "-o", "json"];
    let plan = json(&done(home.path(), &flags));
    let steps: Vec<_> = plan["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["what"].as_str())
        .collect();
    assert!(steps.contains(&Some("make the stack k3fleet-prod2")), "{plan}");
    assert_eq!(plan["spec"]["ha"]["servers"], 3);
    let bill = &plan["bill"];
    assert_eq!(bill["as_bought"]["is_whole"], true, "{bill}");
    assert!(
        bill["as_bought"]["known"].as_f64() < bill["on_demand"]["known"].as_f64(),
        "spot is cheaper: {bill}"
    );
    assert_eq!(plan["cost"]["after"], bill["as_bought"]["known"]);
    let text = done(home.path(), &["launch", "prod2", "--shape", "ha", "--dry-run"]);
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    for said in [
        "on-demand $/h",
        "3 servers, ",
        "1 network load balancer ",
        "interface endpoints in 3 zones",
        "  total ",
    ] {
        assert!(text.contains(said), "{said:?} in {text}");
    }
    let warnings = plan["warnings"].to_string();
    assert!(warnings.contains("k3fleet tunnel"), "{warnings}");
    let mut external = flags.to_vec();
    external.extend(["--store", "external"]);
    let output = run(home.path(), &external);
    assert_eq!(output.status.code(), Some(2), "{}", errors(&output));
    assert!(errors(&output).contains("--datastore-dsn-file"), "{}", errors(&output));
}

#[test]
fn where_a_cluster_is_to_be_has_to_be_clear() {
    let home = tempfile::tempdir().unwrap();
    let mut anywhere = Command::new(env!("CARGO_BIN_EXE_k3fleet"));
    let anywhere = anywhere
        .args(["--demo", "launch", "web"])
        .env_clear()
        .env("HOME", home.path());
    let output = anywhere.stdin(Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", errors(&output));
    let told = errors(&output);
    assert!(told.contains("--region") && told.contains("eu-west-1"), "{told}");
}

#[test]
fn a_launch_is_planned_with_what_is_found_out() {
    let home = tempfile::tempdir().unwrap();
    let plan = json(&done(
        home.path(),
        &["launch", "web", "--workers", "2", "--dry-run", "-o", "json"],
    ));
    assert_eq!(
        (plan["operation"].as_str(), plan["cluster"].as_str()),
        (Some("launch"), Some("web"))
    );
    assert_eq!(plan["steps"][0]["id"], "1.1");
    assert!(
        plan["steps"][0]["permissions"]
            .as_array()
            .is_some_and(|p| !p.is_empty()),
        "{plan}"
    );
    assert_eq!(plan["cost"]["before"], 0.0);
    assert!(plan["cost"]["after"].as_f64().is_some_and(|usd| usd > 0.0), "{plan}");
    assert!(
        plan["spec"]["version"].as_str().is_some_and(|v| v.contains("+k3s")),
        "{plan}"
    );
    let from = plan["spec"]["from"][0].as_str().unwrap();
    assert!(from.ends_with("/32"), "only the operator's own address: {from}");
    let warnings = plan["warnings"].to_string();
    assert!(warnings.contains("nobody can log in"), "{warnings}");
    std::fs::create_dir(home.path().join(".ssh")).unwrap();
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKr1XWpUJBoSxk6OCq8wTGCvcbDtsTCHZcRzjDmWHXpv ana@desk";
    std::fs::write(home.path().join(".ssh/id_ed25519.pub"), key).unwrap();
    let args = [
        "launch",
        "web",
        "--type",
        "t3.small",
        "--spot",
        "--from",
        "0.0.0.0/0",
        "--dry-run",
    ];
    let text = String::from_utf8(done(home.path(), &args).stdout).unwrap();
    for said in [
        "amd64",
        "SSH for ssh-ed25519 ana@desk",
        "id_ed25519.pub",
        "whole internet",
        "k3fleet-web-server",
    ] {
        assert!(text.contains(said), "{said:?} in {text}");
    }
    assert_eq!(
        json(&done(home.path(), &["ops", "list", "-o", "json"])),
        Value::Array(vec![])
    );
}

#[test]
fn a_spec_with_faults_is_refused_with_all_of_them() {
    let home = tempfile::tempdir().unwrap();
    let args = [
        "launch",
        "Web_1",
        "--volume",
        "2",
        "--from",
        "10.0.0.0/99",
        "--workers",
        "999",
        "--yes",
    ];
    let output = run(home.path(), &args);
    assert_eq!(output.status.code(), Some(3), "{}", errors(&output));
    for field in ["name", "volume_gib", "from", "workers"] {
        assert!(
            errors(&output).contains(&format!("{field}: ")),
            "{field}: {}",
            errors(&output)
        );
    }
    let output = run(home.path(), &["launch", "prod", "--yes"]);
    assert_eq!(output.status.code(), Some(3), "{}", errors(&output));
    assert!(errors(&output).contains("name-taken"), "{}", errors(&output));
}

#[test]
fn a_cluster_lives_from_its_launch_to_its_end_across_commands() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let output = done(home, &["launch", "web", "--workers", "2", "--yes", "-o", "json"]);
    assert_eq!(json(&output)["state"], "done");
    assert!(
        errors(&output).contains("took "),
        "the times are told: {}",
        errors(&output)
    );
    assert_eq!(machines(home, "web"), 3);
    done(home, &["scale", "web/workers", "4", "--yes"]);
    assert_eq!(machines(home, "web"), 5);
    done(home, &["scale", "web/workers", "1", "--yes"]);
    assert_eq!(machines(home, "web"), 2);
    let refused = run(home, &["extend", "web", "1h", "--yes"]);
    assert_eq!(refused.status.code(), Some(3), "{}", errors(&refused));
    let unasked = run(home, &["destroy", "web"]);
    assert_eq!(unasked.status.code(), Some(2), "{}", errors(&unasked));
    let plan = json(&done(home, &["destroy", "web", "--dry-run", "-o", "json"]));
    assert_eq!(plan["confirm"], "web");
    done(home, &["destroy", "web", "--yes"]);
    assert_gone(home, "web");
}

#[test]
fn ci_ends_as_its_command_does_and_leaves_nothing() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let script = "test -r \"$KUBECONFIG\" && echo \"$K3FLEET_CLUSTER\"; exit $0";
    for code in ["0", "7"] {
        let output = run(home, &["ci", "build-1", "--ttl", "30m", "--", "sh", "-c", script, code]);
        assert_eq!(output.status.code(), code.parse().ok(), "{}", errors(&output));
        assert_eq!(
            String::from_utf8_lossy(&output.stdout),
            "build-1\n",
            "only what the command writes"
        );
        assert_gone(home, "build-1");
    }
    let output = run(home, &["ci", "build-1", "--", "no-such-command"]);
    assert_eq!(output.status.code(), Some(127), "{}", errors(&output));
    let launched = json(&done(home, &["ops", "list", "-o", "json"]));
    let launched = launched
        .as_array()
        .unwrap()
        .iter()
        .filter(|o| o["operation"] == "launch")
        .count();
    assert_eq!(launched, 2, "nothing is launched for a command that is not there");
    let output = done(home, &["ci", "build-1", "--dry-run", "-o", "json", "--", "true"]);
    assert!(json(&output)["spec"]["expires_at"].is_string());
}

#[test]
fn ci_is_torn_down_when_its_command_is_interrupted() {
    let home = tempfile::tempdir().unwrap();
    let traps = "trap 'echo bye; exit 9' TERM; echo ready; while :; do sleep 0.1; done";
    for (script, name, code) in [("echo ready; exec sleep 1000", "INT", 130), (traps, "TERM", 9)] {
        let mut ci = command(home.path(), &["ci", "build-1", "--", "sh", "-c", script]);
        let mut ci = ci.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let out = ci.stdout.take().unwrap();
        let (ended, said) = signal_at(&mut ci, out, "ready", name);
        assert_eq!(ended, Some(code), "{name}");
        assert_eq!(said.contains("bye"), code == 9, "{said}");
        assert_gone(home.path(), "build-1");
    }
}

#[test]
fn ci_is_torn_down_when_it_is_interrupted_at_its_launch() {
    let home = tempfile::tempdir().unwrap();
    for (name, code) in [("INT", 130), ("TERM", 143)] {
        let mut ci = command(
            home.path(),
            &["--demo-speed", "20", "ci", "build-1", "--", "echo", "never"],
        );
        let mut ci = ci.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let told = ci.stderr.take().unwrap();
        let (ended, said) = signal_at(&mut ci, told, "wait for the kubeconfig", name);
        assert_eq!(ended, Some(code), "{name}: {said}");
        assert!(said.contains("build-1 is destroyed"), "{said}");
        let mut out = String::new();
        ci.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        assert_eq!(out, "", "the command never ran");
        assert_gone(home.path(), "build-1");
    }
    let unfinished = json(&done(home.path(), &["ops", "list", "-o", "json"]));
    let states: Vec<_> = unfinished
        .as_array()
        .unwrap()
        .iter()
        .map(|o| o["state"].clone())
        .collect();
    assert!(
        states.iter().all(|state| state == "done" || state == "aborted"),
        "{states:?}"
    );
}

#[test]
fn gc_finds_what_expired_clusters_left_and_sweeps_it() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    assert_eq!(
        json(&done(home, &["gc", "--dry-run", "-o", "json"])),
        Value::Array(vec![])
    );
    // It ends itself before it is up.
    let output = run(home, &["launch", "old", "--shape", "ci", "--ttl", "30s", "--yes"]);
    assert_eq!(output.status.code(), Some(4), "{}", errors(&output));
    let found = json(&done(home, &["gc", "--dry-run", "-o", "json"]));
    assert_eq!(
        (found[0]["cluster"].as_str(), found.as_array().unwrap().len()),
        (Some("old"), 1),
        "{found}"
    );
    assert!(found[0]["resources"].as_array().is_some_and(|r| r.len() > 3), "{found}");
    assert_ne!(found[0]["cost_per_month"], 0.0, "what is not known is not nothing");
    let unasked = run(home, &["gc"]);
    assert_eq!(unasked.status.code(), Some(2), "{}", errors(&unasked));
    let swept = json(&done(home, &["gc", "--yes", "-o", "json"]));
    assert_eq!(swept[0]["state"], "done", "{swept}");
    assert_gone(home, "old");
}
