//! `k3fleet hosts` over a configuration directory of its own.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

fn run(home: &TempDir, args: &[&str], input: &str) -> Output {
    let home = home.path();
    let mut child = Command::new(env!("CARGO_BIN_EXE_k3fleet"))
        .args(args)
        .env_clear()
        .env("HOME", home)
        .env("K3FLEET_CONFIG_DIR", home.join("config"))
        .current_dir(home)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that does not read it has ended already.
    let _unread = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn done(output: Output) -> String {
    assert!(output.status.success(), "{}", told(&output));
    String::from_utf8(output.stdout).unwrap()
}

fn hosts_file(home: &TempDir) -> String {
    fs::read_to_string(home.path().join("config/hosts.toml")).unwrap()
}

fn put(home: &TempDir, name: &str, text: &str) {
    let path = home.path().join(name);
    fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).unwrap();
    fs::write(path, text).unwrap();
}

fn listed(home: &TempDir) -> Vec<Value> {
    serde_json::from_str(&done(run(home, &["hosts", "list", "-o", "json"], ""))).unwrap()
}

#[test]
fn the_own_ssh_configuration_gives_names_and_stays_the_one_place() {
    let home = tempfile::tempdir().unwrap();
    put(
        &home,
        ".ssh/config",
        "Include shop/*\nHost jetson\n  HostName 10.0.0.9\n  User nv\nMatch all\n  Port 9\nHost *\n  Port 2222\n",
    );
    put(&home, ".ssh/shop/pis", "Host pi-1 pi-2\n  HostName %h.shop.example\n");
    let args = [
        "hosts",
        "import",
        ".ssh/config",
        "--group",
        "edge",
        "--cluster",
        "lab",
        "--user",
        "pi",
    ];
    let output = run(&home, &args, "");
    let said = told(&output);
    assert!(said.contains("is read as an OpenSSH configuration"), "{said}");
    assert!(said.contains(".ssh/config:5:1: a Match block is passed over"), "{said}");
    assert!(done(output).starts_with("3 hosts added to "));
    assert_eq!(
        hosts_file(&home),
        "[groups.edge]\ncluster = \"lab\"\nhosts = [\n    { name = \"pi-1\", user = \"pi\" },\n    { name = \"pi-2\", user = \"pi\" },\n    \"jetson\",\n]\n"
    );
    done(run(&home, &["config", "check"], ""));
}

#[test]
fn an_inventory_keeps_its_groups_and_the_file_its_text() {
    let home = tempfile::tempdir().unwrap();
    let mine = "# the shop's\n[groups.pis]\nhosts = [\n    \"pi01\", # by the door\n]\n";
    put(&home, "config/hosts.toml", mine);
    put(
        &home,
        "inventory",
        "[pis]\npi[01:03] ansible_user=pi\n[vision]\njetson ansible_host=10.0.0.9 ansible_port=2222\n",
    );
    let shown = done(run(&home, &["hosts", "import", "inventory", "--dry-run"], ""));
    assert!(
        shown.contains("[groups.vision]") && shown.contains("# into hosts of [groups.pis]"),
        "{shown}"
    );
    assert_eq!(hosts_file(&home), mine);
    let output = run(&home, &["hosts", "import", "inventory"], "");
    assert!(
        told(&output).contains("host pi01 is already in group pis; it is left alone"),
        "{}",
        told(&output)
    );
    done(output);
    let after = hosts_file(&home);
    assert!(
        after.starts_with("# the shop's\n[groups.pis]\nhosts = [\n    \"pi01\", # by the door\n    { name = \"pi02\""),
        "{after}"
    );
    let rows = listed(&home);
    let names: Vec<_> = rows.iter().map(|row| row["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["pi01", "pi02", "pi03", "jetson"]);
    assert_eq!(rows[3]["address"], "10.0.0.9");
    assert_eq!(rows[3]["port"], 2222);
    assert_eq!(rows[0]["user"], Value::Null);
    // A second time there is nothing to do.
    let output = run(&home, &["hosts", "import", "inventory"], "");
    assert!(told(&output).contains("there is no host to add"), "{}", told(&output));
    assert_eq!(done(output), "");
    assert_eq!(hosts_file(&home), after);
}

#[test]
fn yaml_and_lists_come_from_standard_input() {
    let home = tempfile::tempdir().unwrap();
    let yaml = "all:\n  children:\n    pis:\n      hosts:\n        pi[1:2]:\n      vars:\n        ansible_user: pi\n";
    done(run(&home, &["hosts", "import", "-"], yaml));
    done(run(
        &home,
        &["hosts", "import", "-", "--from", "list"],
        "root@10.0.0.7:2222 # new\nlone\n",
    ));
    let table = done(run(&home, &["hosts", "list"], ""));
    let lines: Vec<_> = table
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(
        lines,
        [
            "NAME GROUP CLUSTER ADDRESS USER PORT LABELS TAINTS",
            "pi1 pis pi",
            "pi2 pis pi",
            "10.0.0.7 imported root 2222",
            "lone imported",
        ]
    );
    assert!(done(run(&home, &["hosts", "list", "-o", "csv"], "")).contains("\r\nlone,imported,,,,,,\r\n"));
}

#[test]
fn what_is_wrong_is_told_and_nothing_written() {
    let home = tempfile::tempdir().unwrap();
    put(&home, "list", "ok\nnot ok\n-x\n");
    let cases: [(&[&str], i32, &str); 6] = [
        (&["hosts", "import", "list"], 2, "list:2:1: expected one host a line"),
        (&["hosts", "import", "list"], 2, "list:3:1: expected one host a line"),
        (&["hosts", "import", "nowhere"], 2, "nowhere: no such file"),
        (&["hosts", "import", "-", "--group", "-x"], 2, ""),
        (&["--read-only", "hosts", "import", "-"], 3, "--read-only"),
        (&["--demo", "hosts", "list"], 2, "simulated world"),
    ];
    for (args, code, says) in cases {
        let output = run(&home, args, "pi-1\n");
        assert_eq!(output.status.code(), Some(code), "{args:?}");
        assert!(told(&output).contains(says), "{args:?}: {}", told(&output));
    }
    assert!(!home.path().join("config").exists());
    put(&home, "config/hosts.toml", "[groups.a]\nhosts = 7\n");
    let output = run(&home, &["hosts", "import", "-"], "pi-1\n");
    assert_eq!(output.status.code(), Some(2));
    assert!(
        told(&output).contains("hosts.toml:2:9: groups.a.hosts: expected a list of hosts"),
        "{}",
        told(&output)
    );
}

#[test]
fn hosts_are_added_changed_and_taken_out_by_hand() {
    let home = tempfile::tempdir().unwrap();
    let mine =
        "# the shop's\n[groups.pis]\ncluster = \"lab\"\nuser = \"pi\"\nhosts = [\n    \"pi01\", # by the door\n]\n";
    put(&home, "config/hosts.toml", mine);
    let added = done(run(
        &home,
        &["hosts", "add", "pi02", "--address", "10.0.0.2", "--label", "site=shop"],
        "",
    ));
    assert!(added.starts_with("pi02 added to group pis"), "{added}");
    let shown = done(run(&home, &["hosts", "edit", "pi02", "--address", "", "--dry-run"], ""));
    assert_eq!(
        shown,
        "-    { name = \"pi02\", address = \"10.0.0.2\", labels = { site = \"shop\" } },\n\
         +    { name = \"pi02\", labels = { site = \"shop\" } },\n"
    );
    done(run(
        &home,
        &[
            "hosts",
            "edit",
            "pi02",
            "--rename",
            "pi-2",
            "--label",
            "site-",
            "--taint",
            "edge:NoSchedule",
        ],
        "",
    ));
    assert_eq!(
        hosts_file(&home),
        mine.replace(
            "\n]",
            "\n    { name = \"pi-2\", address = \"10.0.0.2\", taints = [\"edge:NoSchedule\"] },\n]"
        )
    );
    done(run(&home, &["hosts", "remove", "pi-2"], ""));
    assert_eq!(hosts_file(&home), mine);
    done(run(
        &home,
        &["hosts", "add", "jetson", "--group", "vision", "--cluster", "lab"],
        "",
    ));
    assert_eq!(
        listed(&home).last().map(|host| host["cluster"].clone()),
        Some("lab".into())
    );
    for (args, code, said) in [
        (vec!["hosts", "add", "pi03"], 2, "several groups"),
        (
            vec!["hosts", "add", "pi01", "--group", "pis"],
            2,
            "already in group pis",
        ),
        (
            vec!["hosts", "add", "pi03", "--label", "no good"],
            2,
            "a label of Kubernetes",
        ),
        (vec!["hosts", "edit", "pi99", "--user", "x"], 2, "there is no host pi99"),
        (vec!["hosts", "remove", "pi99"], 2, "there is no host pi99"),
        (vec!["--read-only", "hosts", "remove", "pi01"], 3, "--read-only"),
    ] {
        let output = run(&home, &args, "");
        assert_eq!(output.status.code(), Some(code), "{args:?}: {}", told(&output));
        assert!(told(&output).contains(said), "{args:?}: {}", told(&output));
    }
}
