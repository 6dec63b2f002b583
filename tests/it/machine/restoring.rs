//! Servers whose etcd goes back to a snapshot, and those that join them again.

use k3fleet::blueprint::machine::Task;

use super::Machine;

const CONFIG: &str = "etc/rancher/k3s/config.yaml";
const DB: &str = "var/lib/rancher/k3s/server/db";
const WHEN: &str = "20261122T101112Z";

/// A server with etcd and a snapshot.
fn server() -> Machine {
    let machine = Machine::server();
    machine.write(&format!("{DB}/etcd/member"), "before");
    machine.write(&format!("{DB}/snapshots/on-demand-1"), "state");
    machine.write("var/lib/rancher/k3s/server/token", "K10aabbccdd::server:s3cr3t");
    machine
}

fn restore(s3: bool) -> Task {
    Task::Restore {
        snapshot: "on-demand-1".into(),
        s3,
        when: WHEN.into(),
    }
}

fn changes(machine: &Machine) -> Vec<String> {
    let all = machine.calls("systemctl").into_iter();
    all.filter(|call| !call.contains(" show ")).collect()
}

#[test]
fn a_server_is_restored_once_with_k3s_stopped_and_keeps_what_was() {
    for shell in ["sh", "bash", "busybox sh"] {
        let mut machine = server();
        machine.shell = shell;
        machine.write(
            CONFIG,
            "cluster-init: true\nserver: https://192.0.2.7:6443\ntls-san: [a]\n",
        );
        machine.write(
            &format!("{CONFIG}.d/10-own.yaml"),
            "\"server\": https://192.0.2.7:6443\n",
        );
        machine.write(&format!("{DB}/reset-flag"), "of long ago");
        let said = machine.done(&restore(false), &[]);
        assert_eq!(
            said,
            format!("on-demand-1 is restored; what was before is in /var/lib/rancher/k3s/server/db-before-{WHEN}")
        );
        assert_eq!(changes(&machine), ["systemctl stop k3s"], "{shell}: it is not started");
        assert!(!machine.has(&format!("{DB}/reset-flag")));
        let kept = format!("var/lib/rancher/k3s/server/db-before-{WHEN}/etcd/member");
        assert_eq!(machine.file(&kept), "before");
        let calls = machine.calls("k3s");
        let [call] = calls.as_slice() else { panic!("{calls:?}") };
        let root = machine.root.path().display().to_string();
        assert!(call.contains("server --config "), "{call}");
        assert!(
            call.contains(&format!(
                "--cluster-reset --cluster-reset-restore-path={root}/{DB}/snapshots/on-demand-1"
            )),
            "{call}"
        );
        assert!(
            call.ends_with(&format!("--token-file {root}/var/lib/rancher/k3s/server/token")),
            "no configuration names a token: {call}"
        );
        // Once more, for one that was cut off.
        assert_eq!(machine.done(&restore(false), &[]), "on-demand-1 is restored already");
        assert_eq!(machine.calls("k3s").len(), 1);
    }
}

#[test]
fn one_in_s3_is_named_as_k3s_knows_it() {
    let machine = server();
    assert_eq!(
        machine.fails(&restore(true), &[]),
        "K3s keeps no snapshots in S3 as it is configured here"
    );
    machine.write(CONFIG, "token-file: /etc/rancher/k3s/server-token\netcd-s3: true\n");
    machine.done(&restore(true), &[]);
    let call = &machine.calls("k3s")[0];
    assert!(
        call.ends_with("--cluster-reset --cluster-reset-restore-path=on-demand-1 --etcd-s3"),
        "{call}"
    );
}

#[test]
fn where_it_fails_what_was_is_put_back() {
    let mut machine = server();
    machine.fails = "k3s server".into();
    assert_eq!(
        machine.fails(&restore(false), &[]),
        "restoring on-demand-1: level=fatal msg=\"no\""
    );
    assert_eq!(machine.file(&format!("{DB}/etcd/member")), "before");
    assert_eq!(changes(&machine), ["systemctl stop k3s"]);
    machine.fails = "nothing".into();
    machine.done(&restore(false), &[]);
}

#[test]
fn what_cannot_be_restored_says_so_before_anything_is_stopped() {
    let look = |snapshot: &str| Task::Restorable {
        snapshot: snapshot.into(),
        s3: false,
    };
    let machine = server();
    assert_eq!(
        machine.done(&look("on-demand-1"), &[]),
        "on-demand-1 can be restored here"
    );
    assert_eq!(
        machine.fails(&look("on-demand-2"), &[]),
        format!("there is no snapshot /{DB}/snapshots/on-demand-2")
    );
    assert_eq!(machine.fails(&look("../x"), &[]), "no snapshot can be named ../x");
    assert_eq!(Machine::agent().fails(&look("x"), &[]), "this machine is no server");
    let lone = Machine::server();
    lone.write(&format!("{DB}/state.db"), "rows");
    assert_eq!(
        lone.fails(&look("x"), &[]),
        "its datastore is SQLite, not etcd: a copy of its database restores it"
    );
    let first = server();
    assert!(
        first
            .fails(&Task::Joinable, &[])
            .contains("it would begin a cluster of its own")
    );
    first.write(CONFIG, "server: https://192.0.2.7:6443\n");
    assert_eq!(first.done(&Task::Joinable, &[]), "it can join again");
    for machine in [machine, lone, first] {
        assert_eq!(changes(&machine), [""; 0]);
    }
}

#[test]
fn a_server_joins_again_without_its_state_and_keeps_its_snapshots() {
    let rejoin = Task::Rejoin { when: WHEN.into() };
    let machine = server();
    assert!(
        machine
            .fails(&rejoin, &[])
            .contains("it would begin a cluster of its own")
    );
    assert!(machine.has(&format!("{DB}/etcd/member")));
    machine.write(CONFIG, "server: https://192.0.2.7:6443\n");
    assert_eq!(machine.done(&rejoin, &[]), "k3s is told to start");
    let kept = format!("var/lib/rancher/k3s/server/db-before-{WHEN}");
    assert_eq!(machine.file(&format!("{kept}/etcd/member")), "before");
    assert_eq!(machine.names(DB), ["snapshots"]);
    assert_eq!(machine.file(&format!("{DB}/snapshots/on-demand-1")), "state");
    assert_eq!(
        changes(&machine).last().map(String::as_str),
        Some("systemctl start --no-block k3s")
    );
    // Once more, when it has a state again.
    machine.write(&format!("{DB}/etcd/member"), "since");
    machine.done(&rejoin, &[]);
    assert_eq!(machine.file(&format!("{DB}/etcd/member")), "since");
    assert_eq!(machine.file(&format!("{kept}/etcd/member")), "before");
}

#[test]
fn k3s_is_stopped_on_servers() {
    let machine = server();
    assert_eq!(machine.done(&Task::Stop, &[]), "k3s is stopped");
    assert_eq!(machine.done(&Task::Stop, &[]), "k3s is stopped");
    assert_eq!(machine.file("state/k3s"), "inactive\n");
}
