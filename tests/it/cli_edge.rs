//! Commands about edge hosts, over the simulated world: looked at, joined, run on, restarted, taken out.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// Runs the program with a text on standard input.
fn run_with(home: &Path, args: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_k3fleet"))
        .args(["--demo"])
        .args(args)
        .env_clear()
        .env("HOME", home)
        .env("PATH", "/usr/bin:/bin")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that does not read it has ended already.
    let _unread = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn run(home: &Path, args: &[&str]) -> Output {
    run_with(home, args, "")
}

fn ended(output: Output, code: i32) -> Output {
    assert_eq!(
        output.status.code(),
        Some(code),
        "{}\n{}",
        errors(&output),
        text(&output)
    );
    output
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {output:?}"))
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The state of each host of a group, by name.
fn states(home: &Path, group: &str) -> Vec<(String, String)> {
    let filter = format!("group={group}");
    let rows = json(&ended(
        run(home, &["get", "edge", "--filter", &filter, "-o", "json"]),
        0,
    ));
    let word = |row: &Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
    let rows = rows.as_array().unwrap().iter();
    let mut states: Vec<_> = rows
        .map(|row| (word(&row["edge"], "host"), word(row, "state")))
        .collect();
    states.sort();
    states
}

fn tokens(list: &Value) -> &Vec<Value> {
    list["tokens"].as_array().unwrap()
}

fn check<'v>(host: &'v Value, name: &str) -> &'v Value {
    let checks = host["checks"].as_array().unwrap();
    checks
        .iter()
        .find(|check| check["name"] == name)
        .unwrap_or(&Value::Null)
}

#[test]
fn a_preflight_tells_of_each_host_what_stands_in_the_way() {
    let home = tempfile::tempdir().unwrap();
    let args = ["preflight", "edge-lab", "--group", "harbour-pi", "-o", "json"];
    let output = ended(run(home.path(), &args), 3);
    let hosts = json(&output);
    let can_join: Vec<_> = hosts
        .as_array()
        .unwrap()
        .iter()
        .map(|h| h["can_join"].as_bool().unwrap())
        .collect();
    assert_eq!(can_join, [true, false, false, false, true], "{hosts}");
    assert_eq!(check(&hosts[1], "memory-cgroup")["verdict"], "fail", "{hosts}");
    assert_eq!(hosts[1]["can_join_with_mending"], true);
    assert_eq!(check(&hosts[2], "ssh")["verdict"], "fail", "{hosts}");
    let told = errors(&output);
    assert!(told.contains("harbour-pi-03") && told.contains("SHA256:"), "{told}");
    assert!(told.contains("--accept-new-host-keys"), "{told}");
    let table = text(&ended(run(home.path(), &["preflight", "edge-lab", "harbour-pi-01"]), 0));
    assert!(table.starts_with("HOST") && table.contains("memory-cgroup"), "{table}");
}

#[test]
fn hosts_join_as_far_as_they_can_and_the_rest_is_told() {
    let home = tempfile::tempdir().unwrap();
    let args = ["join", "edge-lab", "--group", "harbour-pi", "--yes"];
    let output = ended(run(home.path(), &args), 4);
    let told = text(&output);
    assert!(told.contains("joined: harbour-pi-01, harbour-pi-05"), "{told}");
    for left in ["harbour-pi-02", "harbour-pi-03", "harbour-pi-04"] {
        assert!(told.contains(&format!("{left} was left out: ")), "{left}: {told}");
    }
    let again = ended(run(home.path(), &args), 3);
    assert!(errors(&again).contains("no host can join"), "{}", errors(&again));
}

#[test]
fn all_boards_of_a_group_join_and_no_secret_is_told() {
    let home = tempfile::tempdir().unwrap();
    let args = [
        "join",
        "edge-lab",
        "--group",
        "harbour-pi",
        "--mend",
        "--accept-new-host-keys",
        "--ask-sudo-password",
        "--yes",
    ];
    let output = ended(run_with(home.path(), &args, "s3cret-of-the-harbour\n"), 0);
    for (host, state) in states(home.path(), "harbour-pi") {
        assert_eq!(state, "Ready", "{host}");
    }
    // The simulated world plays the other side too: what that keeps is its own.
    let (world, ours): (Vec<_>, Vec<_>) = walk(home.path())
        .into_iter()
        .partition(|file| file.ends_with("demo-world.json"));
    let read = |files: Vec<std::path::PathBuf>| -> String {
        files
            .iter()
            .filter_map(|file| std::fs::read_to_string(file).ok())
            .collect()
    };
    let (world, ours) = (read(world), read(ours));
    assert!(ours.contains("harbour-pi-01"), "the journal is among them");
    for told in [errors(&output), text(&output), ours] {
        assert!(
            !told.contains("s3cret-of-the-harbour") && !told.contains("K10"),
            "{told}"
        );
    }
    assert!(!world.contains("s3cret-of-the-harbour"));
    let list = ["tokens", "list", "edge-lab", "--ask-sudo-password", "-o", "json"];
    let list = json(&ended(run_with(home.path(), &list, "s3cret-of-the-harbour\n"), 0));
    assert!(
        tokens(&list).iter().all(|token| token["kind"] != "bootstrap"),
        "the operation's token is gone: {list}"
    );
    ended(run(home.path(), &["leave", "harbour-pi-01", "--yes"]), 0);
    let left = states(home.path(), "harbour-pi");
    assert_eq!(left[0], ("harbour-pi-01".to_owned(), "Unjoined".to_owned()));
}

fn walk(directory: &Path) -> Vec<std::path::PathBuf> {
    let mut files = vec![];
    for entry in std::fs::read_dir(directory).unwrap().map(Result::unwrap) {
        match entry.file_type().unwrap().is_dir() {
            true => files.extend(walk(&entry.path())),
            false => files.push(entry.path()),
        }
    }
    files
}

#[test]
fn a_command_runs_on_many_hosts_and_its_results_are_grouped() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let groups = json(&ended(
        run(home, &["run", "group=shop-pi", "-o", "json", "--", "uname", "-s"]),
        1,
    ));
    assert_eq!(groups[0]["code"], 127, "{groups}");
    let groups = json(&ended(
        run(home, &["run", "--group", "shop-pi", "-o", "json", "--", "uname", "-m"]),
        0,
    ));
    let hosts: usize = groups
        .as_array()
        .unwrap()
        .iter()
        .map(|g| g["hosts"].as_array().unwrap().len())
        .sum();
    assert_eq!(hosts, states(home, "shop-pi").len(), "{groups}");
    let unasked = ended(run(home, &["run", "", "--", "true"]), 2);
    assert!(errors(&unasked).contains("hosts"), "{}", errors(&unasked));
    let refused = ended(run(home, &["--read-only", "run", "shop", "--", "true"]), 3);
    assert!(errors(&refused).contains("read-only"), "{}", errors(&refused));
    ended(run(home, &["run", "nobody", "--", "true"]), 2);
    ended(run(home, &["run", "shop=1", "--", "true"]), 2);
}

#[test]
fn a_board_restarts_and_its_log_is_printed() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let host = &states(home, "shop-pi")[0].0;
    ended(
        run(home, &["reboot", host, "--empty-dir-data", "--bare-pods", "--yes"]),
        0,
    );
    let log = text(&ended(run(home, &["logs", host, "-n", "3"]), 0));
    assert!((1..=3).contains(&log.lines().count()), "{log}");
    ended(run(home, &["shell", host]), 2);
}

#[test]
fn tokens_are_listed_made_and_deleted() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let made = text(&ended(run(home, &["tokens", "create", "edge-lab", "--ttl", "2h"]), 0));
    let (hash, rest) = made.trim().strip_prefix("K10").unwrap().split_once("::").unwrap();
    let (id, secret) = rest.split_once('.').unwrap();
    assert_eq!((hash.len(), id.len(), secret.len()), (64, 6, 16));
    let list = ended(run(home, &["tokens", "list", "edge-lab", "-o", "json"]), 0);
    assert!(!text(&list).contains(secret), "{}", text(&list));
    let rows = json(&list);
    let ours = tokens(&rows).iter().find(|row| row["name"] == id).unwrap();
    assert!(ours["expires_at"].is_string(), "{rows}");
    ended(run(home, &["tokens", "delete", "edge-lab", id]), 0);
    ended(run(home, &["tokens", "delete", "edge-lab", id]), 2);
    let hidden = ended(run(home, &["tokens", "show", "edge-lab", "agent"]), 2);
    assert!(hidden.stdout.is_empty());
    let shown = text(&ended(run(home, &["tokens", "show", "edge-lab", "agent", "--yes"]), 0));
    assert_eq!(shown.lines().count(), 1, "{}", shown.len());
    ended(run(home, &["--read-only", "tokens", "create", "edge-lab"]), 3);
}

#[test]
fn what_does_not_do_is_told_before_anything_is_asked() {
    let home = tempfile::tempdir().unwrap();
    let empty = tempfile::tempdir().unwrap();
    let here = empty.path().to_str().unwrap();
    for (args, said) in [
        (vec!["join", "edge-lab", "harbour-pi-1"], "did you mean harbour-pi-0"),
        (vec!["join", "nowhere", "harbour-pi-01"], "there is no cluster"),
        (vec!["join", "edge-lab", "--group", "shed"], "there are:"),
        (vec!["join", "edge-lab"], "HOST"),
        (
            vec!["join", "edge-lab", "harbour-pi-01", "--files", "/nowhere"],
            "no directory",
        ),
        (
            vec!["join", "edge-lab", "harbour-pi-01", "--files", "http://mirror.example"],
            "begins with https://",
        ),
        (
            vec![
                "upgrade",
                "edge-lab",
                "--to",
                "v1.36.4+k3s1",
                "--files",
                "https://ana:s3cr3t@mirror.example",
            ],
            "no user or password",
        ),
        (
            vec!["join", "edge-lab", "harbour-pi-01", "--files", here],
            "lacks install.sh, k3s",
        ),
        (
            vec!["join", "edge-lab", "harbour-pi-01", "--vpn-auth-file", "/nowhere"],
            "read /nowhere: ",
        ),
        (vec!["leave", "nobody"], "there is no machine"),
        (vec!["run", "shop"], "CMD"),
        (vec!["upgrade", "edge-lab"], "--to"),
        (vec!["tokens", "create", "edge-lab", "--ttl", "soon"], "length of time"),
    ] {
        let output = ended(run(home.path(), &args), 2);
        assert!(errors(&output).contains(said), "{args:?}: {}", errors(&output));
        assert!(!errors(&output).contains("s3cr3t"), "{args:?}: {}", errors(&output));
        assert!(output.stdout.is_empty(), "{args:?}");
    }
}

/// The demo's world without what happens in it by itself.
fn calm(home: &Path) -> String {
    let demo = include_str!("../../assets/scenarios/demo.toml");
    let (calm, _events) = demo.split_once("[[events]]").unwrap();
    let file = home.join("calm.toml");
    std::fs::write(&file, calm).unwrap();
    file.to_str().unwrap().to_owned()
}

#[test]
fn a_token_is_changed_on_every_machine_that_holds_it() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let scenario = calm(home);
    let run = |args: &[&str]| {
        let world = ["--demo-scenario", scenario.as_str()];
        run(home, &world.iter().chain(args).copied().collect::<Vec<_>>())
    };
    ended(run(&["rotate", "edge-lab", "--yes"]), 2);
    let plan = json(&ended(
        run(&["rotate", "edge-lab", "--agent", "--dry-run", "-o", "json"]),
        0,
    ));
    assert_eq!(plan["operation"], "rotate", "{plan}");
    let before = text(&ended(run(&["tokens", "show", "edge-lab", "agent", "--yes"]), 0));
    let output = ended(run(&["rotate", "edge-lab", "--agent", "--wave", "2", "--yes"]), 0);
    let after = text(&ended(run(&["tokens", "show", "edge-lab", "agent", "--yes"]), 0));
    assert_ne!(before, after);
    for secret in [before.trim(), after.trim()] {
        assert!(!secret.is_empty() && !errors(&output).contains(secret) && !text(&output).contains(secret));
    }
    let list = json(&ended(run(&["tokens", "list", "edge-lab", "-o", "json"]), 0));
    let held: Vec<_> = tokens(&list).iter().filter(|token| token["kind"] == "agent").collect();
    assert_eq!(held.len(), 1, "nobody holds the old one: {list}");
    assert!(held[0]["name"].as_str().unwrap().ends_with(":2"), "{list}");
}

#[test]
fn a_token_that_no_parameter_holds_is_changed_over_ssh() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let scenario = calm(home);
    let demo = std::fs::read_to_string(&scenario).unwrap();
    let (before, lab) = demo.split_once("name = \"edge-lab\"").unwrap();
    std::fs::write(&scenario, format!("{before}name = \"edge-lab\"\nothers = true{lab}")).unwrap();
    let run = |args: &[&str]| {
        let world = ["--demo-scenario", scenario.as_str()];
        run(home, &world.iter().chain(args).copied().collect::<Vec<_>>())
    };
    let rows = |list: &Value| -> Vec<(String, String, usize)> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let kept = tokens(list).iter().filter(|token| token["kind"] != "bootstrap");
        kept.map(|t| {
            (
                text(&t["kind"]),
                text(&t["name"]),
                t["machines"].as_array().unwrap().len(),
            )
        })
        .collect()
    };
    let list = |args: &[&str]| json(&ended(run(args), 0));
    let before = list(&["tokens", "list", "edge-lab", "-o", "json"]);
    let plan = text(&ended(run(&["rotate", "edge-lab", "--server", "--dry-run"]), 0));
    assert!(
        plan.contains("k3fleet-old-server-token") && plan.contains("launch templates"),
        "{plan}"
    );
    for kind in ["--server", "--agent"] {
        ended(run(&["rotate", "edge-lab", kind, "--yes"]), 0);
    }
    let after = list(&["tokens", "list", "edge-lab", "-o", "json"]);
    assert_eq!(rows(&before), rows(&after), "nobody holds an old one: {after}");
    assert_eq!(rows(&after).len(), 2, "{after}");
    assert!(
        rows(&after)
            .iter()
            .all(|(_, name, some)| name == "on the servers" && *some > 0)
    );
    ended(run(&["tokens", "show", "edge-lab", "agent", "--yes"]), 1);
}

#[test]
fn a_cluster_is_upgraded_and_a_downgrade_refused() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let refused = ended(run(home, &["upgrade", "edge-lab", "--to", "v1.30.0+k3s1", "--yes"]), 3);
    assert!(!errors(&refused).is_empty());
    let plan = ["upgrade", "edge-lab", "--to", "latest", "--dry-run", "-o", "json"];
    let plan = json(&ended(run(home, &plan), 0));
    assert_eq!(plan["operation"], "upgrade", "{plan}");
    let backup = ["backup", "prod", "--dry-run", "-o", "json"];
    let plan = json(&ended(run(home, &backup), 0));
    assert_eq!(
        (&plan["operation"], plan["steps"].as_array().map(Vec::len)),
        (&"backup".into(), Some(1)),
        "{plan}"
    );
    ended(run(home, &["backup", "prod", "--yes"]), 0);
    ended(run(home, &["backup", "nowhere", "--dry-run"]), 2);
    let certificates = ["certificates", "edge-lab", "--dry-run", "-o", "json"];
    let plan = json(&ended(run(home, &certificates), 0));
    assert!(
        plan["steps"].as_array().is_some_and(|steps| !steps.is_empty()),
        "{plan}"
    );
}
