//! Commands that change something, over the simulated world: plans, exit codes, journals, interruption.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn command(home: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_k3fleet"));
    command
        .args(["--demo"])
        .args(args)
        .env_clear()
        .env("HOME", home)
        .stdin(Stdio::null());
    command
}

/// Runs the program fast in a world where nothing happens by itself: how much of its time passes meanwhile depends on how
/// busy this machine is.
pub(crate) fn run(home: &Path, args: &[&str]) -> Output {
    let demo = include_str!("../../assets/scenarios/demo.toml");
    let (world, _story) = demo
        .split_once("# What an onlooker sees")
        .expect("the story is told last");
    let quiet = world.replace("from = \"135s\"", "from = \"2400h\"");
    assert_ne!(quiet, world, "its own life begins at that time");
    let scenario = home.join("quiet.toml");
    std::fs::write(&scenario, quiet).expect("the scenario is written");
    let mut fast = command(home, &["--demo-speed", "200", "--demo-scenario"]);
    fast.arg(scenario).args(args).output().expect("the program runs")
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {output:?}"))
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_dry_run_prints_the_plan_of_the_contract_and_does_nothing() {
    let home = tempfile::tempdir().unwrap();
    let output = run(
        home.path(),
        &["scale", "prod/k3s_workers", "8", "--dry-run", "-o", "json"],
    );
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    let plan = json(&output);
    assert_eq!(plan["operation"], "scale");
    assert_eq!(plan["cluster"], "prod");
    assert_eq!(plan["steps"][0]["id"], "1.1");
    assert_eq!(plan["steps"][0]["permissions"][0], "autoscaling:SetDesiredCapacity");
    assert!(
        plan["cost"]["after"].as_f64() > plan["cost"]["before"].as_f64(),
        "{plan}"
    );
    assert!(plan["warnings"].is_array());
    assert_eq!(
        json(&run(home.path(), &["ops", "list", "-o", "json"])),
        Value::Array(vec![])
    );
}

#[test]
fn a_confirmed_change_is_carried_out_and_written_down() {
    let home = tempfile::tempdir().unwrap();
    let output = run(home.path(), &["scale", "prod/k3s_workers", "8", "--yes", "-o", "json"]);
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    assert_eq!(json(&output)["state"], "done");
    assert!(
        errors(&output).contains("set the desired capacity"),
        "{}",
        errors(&output)
    );
    let list = json(&run(home.path(), &["get", "operations", "-o", "json"]));
    assert_eq!(list[0]["state"], "done");
    let shown = run(home.path(), &["ops", "show", list[0]["id"].as_str().unwrap()]);
    assert!(String::from_utf8_lossy(&shown.stdout).contains("done in"), "{shown:?}");
}

#[test]
fn a_guard_refuses_with_its_own_exit_code() {
    let home = tempfile::tempdir().unwrap();
    let output = run(home.path(), &["scale", "prod/k3s_workers", "9", "--yes"]);
    assert_eq!(output.status.code(), Some(3), "{}", errors(&output));
    assert!(errors(&output).contains("pool-bounds"), "{}", errors(&output));
    let output = run(home.path(), &["--read-only", "scale", "prod/k3s_workers", "8", "--yes"]);
    assert_eq!(output.status.code(), Some(3), "{}", errors(&output));
    assert!(errors(&output).contains("read-only"), "{}", errors(&output));
    assert_eq!(
        json(&run(home.path(), &["ops", "list", "-o", "json"])),
        Value::Array(vec![])
    );
}

#[test]
fn nothing_is_done_unasked_and_unknown_names_are_told() {
    let home = tempfile::tempdir().unwrap();
    for (args, said) in [
        (vec!["scale", "prod/k3s_workers", "8"], "--yes"),
        (vec!["scale", "prod/nothing", "8", "--yes"], "there is no pool"),
        (vec!["scale", "server", "2", "--yes"], "may be any of"),
        (vec!["drain", "nobody", "--yes"], "there is no machine"),
        (vec!["ops", "resume", "../../etc/passwd"], "is no operation"),
        (vec!["get", "operations", "--watch"], "does not apply"),
    ] {
        let output = run(home.path(), &args);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", errors(&output));
        assert!(errors(&output).contains(said), "{args:?}: {}", errors(&output));
    }
}

#[test]
fn an_interrupted_operation_stops_tells_so_and_can_be_given_up() {
    use std::io::{BufRead, BufReader};

    let home = tempfile::tempdir().unwrap();
    let mut slow = command(
        home.path(),
        &["--demo-speed", "1", "scale", "prod/k3s_workers", "8", "--yes"],
    );
    let mut child = slow.stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let begun = lines.find(|line| line.as_ref().is_ok_and(|l| l.contains("2.1 wait")));
    assert!(begun.is_some(), "it waits for new machines");
    let killed = Command::new("kill")
        .args(["-s", "TERM", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(killed.success());
    let rest: Vec<String> = lines.map_while(Result::ok).collect();
    assert_eq!(child.wait().unwrap().code(), Some(4), "{rest:?}");
    assert!(rest.iter().any(|line| line.contains("ops resume")), "{rest:?}");
    let list = json(&run(home.path(), &["ops", "list", "-o", "json"]));
    assert_eq!(list[0]["state"], "cancelled");
    let id = list[0]["id"].as_str().unwrap();
    let aborted = run(home.path(), &["ops", "abort", id]);
    assert_eq!(aborted.status.code(), Some(0), "{}", errors(&aborted));
    let list = json(&run(home.path(), &["ops", "list", "-o", "json"]));
    assert_eq!(list[0]["state"], "aborted");
}

#[test]
fn policies_name_exactly_what_is_called() {
    let home = tempfile::tempdir().unwrap();
    let actions = |args: &[&str]| {
        let output = run(home.path(), args);
        assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
        let policy = json(&output);
        let mut actions = vec![];
        for statement in policy["Statement"].as_array().unwrap() {
            // IAM lets a single one stand without a list.
            let listed = match &statement["Action"] {
                Value::Array(listed) => listed.clone(),
                one => vec![one.clone()],
            };
            actions.extend(listed.iter().map(|action| action.as_str().unwrap().to_owned()));
        }
        actions
    };
    let viewer = actions(&["export", "iam-policy", "--viewer"]);
    assert!(viewer.contains(&"ec2:DescribeInstances".to_owned()), "{viewer:?}");
    assert!(!viewer.iter().any(|action| action.contains("Terminate")), "{viewer:?}");
    let operator = actions(&["export", "iam-policy"]);
    assert!(viewer.iter().all(|action| operator.contains(action)), "{operator:?}");
    assert!(
        operator.contains(&"autoscaling:SetDesiredCapacity".to_owned()),
        "{operator:?}"
    );
    let adopted = actions(&["export", "iam-policy", "--adopted"]);
    assert!(adopted.iter().all(|action| operator.contains(action)), "{adopted:?}");
    for (part, action) in [
        ("machines", "ec2:CreateVpc"),
        ("services", "elasticloadbalancing:CreateLoadBalancer"),
        ("storage", "rds:CreateDBCluster"),
    ] {
        let stacks = actions(&["export", "iam-policy", "--stacks", part]);
        assert!(
            stacks.contains(&action.to_owned()) && !operator.contains(&action.to_owned()),
            "{stacks:?}"
        );
    }
    let both = run(home.path(), &["export", "iam-policy", "--viewer", "--adopted"]);
    assert_eq!(both.status.code(), Some(2), "{}", errors(&both));
}
