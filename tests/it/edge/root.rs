//! Becoming root, and commands of the operator's own.

use k3fleet::blueprint::machine::{Kept, Task};
use k3fleet::fleet::{FaultKind, Role};
use k3fleet::provider::{Secret, Shell, ShellControl};

use super::rig::Rig;

fn words(argv: &[&str]) -> Vec<String> {
    argv.iter().map(|word| (*word).to_owned()).collect()
}

#[tokio::test]
async fn the_facts_of_a_host_are_read_as_the_user_who_logs_in() {
    let Some(rig) = Rig::new(2) else { return };
    rig.put(2, "sudo", "hunter2\n");
    rig.put(2, "sys/fs/cgroup/cgroup.controllers", "cpuset cpu io pids\n");
    let ssh = rig.ssh();
    let addresses = ["192.0.2.7:6443".into(), "192.0.2.9:6443".into()];
    let facts = ssh.facts(&rig.host(1), &addresses).await.unwrap();
    assert_eq!(facts.sudo, k3fleet::blueprint::machine::Sudo::Free);
    assert_eq!((facts.memory_cgroup, facts.memory_mib), (Some(true), Some(3793)));
    assert!(facts.clock_skew.is_some_and(|off| off.abs() <= 2), "{facts:?}");
    let reached: Vec<_> = facts.reached.iter().map(|r| (r.address.as_str(), r.answers)).collect();
    assert_eq!(reached, [("192.0.2.7:6443", true), ("192.0.2.9:6443", false)]);
    let facts = ssh.facts(&rig.host(2), &[]).await.unwrap();
    assert_eq!(facts.sudo, k3fleet::blueprint::machine::Sudo::Password);
    assert_eq!(facts.memory_cgroup, Some(false));
}

#[tokio::test]
async fn a_password_goes_to_sudo_and_secrets_only_behind_one_that_is_right() {
    let Some(rig) = Rig::new(2) else { return };
    rig.put(1, "sudo", "open sesame\n");
    let ssh = rig.ssh();
    let missing = ssh.inside(&rig.host(1)).await.unwrap_err();
    assert_eq!(missing.kind, FaultKind::Denied);
    assert!(missing.message.contains("sudo wants a password"), "{missing}");
    assert!(missing.mend.contains("NOPASSWD"), "{missing}");

    let task = Task::PlaceToken {
        kind: k3fleet::fleet::Role::Agent,
    };
    let token = [Secret::new("K10aaaaaa::node:0123456789abcdef")];
    ssh.set_sudo_password(Secret::new("abracadabra"));
    let wrong = ssh.work(&rig.host(1), &task, &token).await.unwrap_err();
    assert_eq!(wrong.kind, FaultKind::Denied);
    assert!(wrong.message.contains("does not take the password"), "{wrong}");
    assert_eq!(
        rig.get(1, "given"),
        "abracadabra\n",
        "nothing else was read for a password"
    );

    ssh.set_sudo_password(Secret::new("open sesame"));
    let inside = ssh.inside(&rig.host(1)).await.unwrap();
    assert_eq!((inside.boot.as_str(), inside.unit), ("boot-1", None));
    // K3s is not installed: the task says so, and not sudo.
    let error = ssh.work(&rig.host(1), &task, &token).await.unwrap_err();
    assert_eq!(error.kind, FaultKind::Other, "{error}");
    assert!(error.message.contains("K3s is not installed"), "{error}");
    let given = rig.get(1, "given");
    assert!(given.lines().skip(1).all(|line| line == "open sesame"), "{given}");
    // Where none is wanted, none is sent.
    ssh.inside(&rig.host(2)).await.unwrap();
    assert_eq!(rig.get(2, "given"), "");
    rig.put(2, "sudo", "other\n");
    let changed = ssh.inside(&rig.host(2)).await.unwrap_err();
    assert_eq!(changed.kind, FaultKind::Denied, "{changed}");

    for (path, text) in rig.all_but(&["given", "sudo"]) {
        for secret in ["open sesame", "abracadabra", "0123456789abcdef"] {
            assert!(!text.contains(secret), "{secret} in {}", path.display());
        }
    }
}

#[tokio::test]
async fn a_server_keeps_tokens_and_tells_them_to_whoever_becomes_root() {
    let Some(rig) = Rig::new(2) else { return };
    let (old, new) = ("K10aaaaaa::server:0123456789abcdef", "fedcba9876543210");
    rig.put(1, "sudo", "open sesame\n");
    rig.put(
        1,
        "etc/systemd/system/k3s.service",
        "[Service]\nExecStart=/usr/local/bin/k3s server\n",
    );
    rig.put(1, "etc/rancher/k3s/config.yaml", &format!("token: \"{old}\"\n"));
    let ssh = rig.ssh();
    let host = rig.host(1);
    let denied = ssh.token(&host, Role::Server, Kept::Present).await.unwrap_err();
    assert_eq!(denied.kind, FaultKind::Denied);
    ssh.set_sudo_password(Secret::new("open sesame"));
    let told = async |kind, kept| {
        ssh.token(&host, kind, kept)
            .await
            .unwrap()
            .map(|t| t.expose().to_owned())
    };
    assert_eq!(told(Role::Server, Kept::Present).await.as_deref(), Some(old));
    assert_eq!(told(Role::Server, Kept::Next).await, None);
    assert_eq!(told(Role::Agent, Kept::Present).await, None);
    let keep = Task::KeepToken {
        kind: Role::Server,
        when: "20261122T101112".into(),
        stays: true,
    };
    let said = ssh.work(&host, &keep, &[Secret::new(new)]).await.unwrap();
    let kept = "var/lib/rancher/k3s/server/k3fleet-old-server-token-20261122T101112";
    assert_eq!(said, format!("the new token is kept; the present one stays in /{kept}"));
    assert_eq!(told(Role::Server, Kept::Next).await.as_deref(), Some(new));
    let inside = ssh.inside(&host).await.unwrap();
    assert_eq!(inside.kept.len(), 2, "{inside:?}");
    ssh.work(&host, &Task::DropToken { kind: Role::Server }, &[])
        .await
        .unwrap();
    assert_eq!(told(Role::Server, Kept::Next).await, None);
    let error = ssh.token(&rig.host(2), Role::Server, Kept::Present).await.unwrap_err();
    assert!(error.message.contains("K3s is not installed"), "{error}");
    for (path, text) in rig.all_but(&[
        "given",
        "sudo",
        "config.yaml",
        "k3fleet-old-server-token-20261122T101112",
    ]) {
        for secret in ["0123456789abcdef", new] {
            assert!(!text.contains(secret), "{secret} in {}", path.display());
        }
    }
}

#[tokio::test]
async fn who_may_not_use_sudo_is_told_so() {
    let Some(rig) = Rig::new(1) else { return };
    rig.put(1, "sudo", "open sesame\n");
    rig.put(1, "barred", "");
    let ssh = rig.ssh();
    ssh.set_sudo_password(Secret::new("open sesame"));
    let barred = ssh.inside(&rig.host(1)).await.unwrap_err();
    assert_eq!(barred.kind, FaultKind::Denied);
    assert!(barred.message.contains("not in the sudoers file"), "{barred}");
}

#[tokio::test]
async fn what_does_not_fit_in_a_line_is_no_secret_to_send() {
    let Some(rig) = Rig::new(1) else { return };
    let ssh = rig.ssh();
    let error = ssh
        .work(&rig.host(1), &Task::Restart, &[Secret::new("a\nb")])
        .await
        .unwrap_err();
    assert_eq!(error.kind, FaultKind::Malformed);
    assert_eq!(rig.get(1, "called"), "");
}

#[tokio::test]
async fn a_command_runs_as_it_was_written_and_its_end_is_told() {
    let Some(rig) = Rig::new(1) else { return };
    let ssh = rig.ssh();
    let host = rig.host(1);
    let ran = ssh
        .run(&host, &words(&["printf", "%s|", "a b", "it's", "$HOME", "\\'"]))
        .await
        .unwrap();
    assert_eq!((ran.code, ran.output.as_str()), (Some(0), "a b|it's|$HOME|\\'|"));
    let ran = ssh
        .run(
            &host,
            &words(&["sh", "-c", "echo one; echo two >&2; echo three; exit 255"]),
        )
        .await
        .unwrap();
    assert_eq!((ran.code, ran.output.as_str()), (Some(255), "one\ntwo\nthree\n"));
    let ran = ssh.run(&host, &words(&["sh", "-c", "kill -9 $$"])).await.unwrap();
    assert_eq!(ran.code, None);
    let ran = ssh.run(&host, &words(&["no-such-program"])).await.unwrap();
    assert_eq!(ran.code, Some(127));
    let ran = ssh
        .run(&host, &words(&["head", "-c", "3000000", "/dev/zero"]))
        .await
        .unwrap();
    assert_eq!(ran.code, Some(0));
    assert!(ran.output.len() < (1 << 20) + 100 && ran.output.contains("more than 1 MiB"));
    assert!(ssh.run(&host, &[]).await.is_err());
}

#[tokio::test]
async fn more_calls_than_a_connection_carries_wait_their_turn() {
    let Some(rig) = Rig::new(1) else { return };
    let ssh = rig.ssh();
    let host = rig.host(1);
    let argv = words(&["sh", "-c", "sleep 0.2; echo done"]);
    let ran = futures::future::join_all((0..30).map(|_| ssh.run(&host, &argv))).await;
    assert!(
        ran.iter()
            .all(|ran| ran.as_ref().is_ok_and(|ran| ran.output == "done\n")),
        "{ran:?}"
    );
    assert_eq!(rig.log().matches("Accepted publickey").count(), 1, "{}", rig.log());
    assert!(!rig.log().contains("no more sessions"), "{}", rig.log());
}

#[tokio::test]
async fn a_connection_that_is_cut_can_be_tried_again() {
    let Some(rig) = Rig::new(1) else { return };
    let ssh = rig.ssh();
    let host = rig.host(1);
    let cut = ssh
        .run(
            &host,
            &words(&["sh", "-c", "echo in the middle; kill -9 $STUB_SESSION"]),
        )
        .await
        .unwrap_err();
    assert_eq!(cut.kind, FaultKind::Unreachable, "{cut}");
    assert!(cut.retryable());
    assert_eq!(
        ssh.run(&host, &words(&["echo", "again"])).await.unwrap().output,
        "again\n"
    );
}
