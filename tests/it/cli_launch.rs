//! Commands about whole clusters, over the simulated world.

use std::path::Path;
use std::process::{Command, Output, Stdio};

fn command(home: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_k3fleet"));
    command
        .args(["--demo", "--region", "eu-west-1"])
        .args(args)
        .env_clear()
        .env("HOME", home)
        .stdin(Stdio::null());
    command
}

fn run(home: &Path, args: &[&str]) -> Output {
    command(home, args).output().expect("the program runs")
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn what_does_not_do_is_told_before_anything_is_asked() {
    let home = tempfile::tempdir().unwrap();
    for (args, said) in [
        (vec!["launch", "web", "--shape", "ha"], "not part of this version yet"),
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
