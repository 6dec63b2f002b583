//! Whom we trust and who trusts us: host keys that are new or have changed, keys of our own, the agent, jump hosts.

use std::fs;
use std::process::{Command, Stdio};

use k3fleet::fleet::FaultKind;
use k3fleet::provider::{Shell, ShellControl};

use super::rig::Rig;

#[tokio::test]
async fn an_unknown_key_is_shown_and_written_down_only_when_told() {
    let Some(rig) = Rig::new(2) else { return };
    fs::write(rig.at("known_hosts"), "# mine, without an end of line").unwrap();
    let ssh = rig.ssh();
    let unknown = ssh.probe(&rig.host(1)).await.unwrap_err();
    assert!(unknown.message.contains("not in known_hosts"), "{unknown}");
    let key = ssh.host_key(&rig.host(1)).await.unwrap().unwrap();
    assert_eq!(key.kind, "ED25519");
    let public = fs::read_to_string(rig.at("host_key.pub")).unwrap();
    let public = public.rsplit_once(' ').unwrap().0;
    assert_eq!(key.line, format!("[{}]:{} {public}", rig.address(1), rig.port));
    let keygen = Command::new("ssh-keygen")
        .arg("-lf")
        .arg(rig.at("host_key.pub"))
        .output()
        .unwrap();
    assert!(
        String::from_utf8(keygen.stdout)
            .unwrap()
            .contains(key.fingerprint.as_str())
    );
    assert_eq!(rig.known(), "# mine, without an end of line", "shown only");

    for _ in 0..2 {
        ssh.trust(&rig.host(1), &key).await.unwrap();
    }
    assert_eq!(rig.known(), format!("# mine, without an end of line\n{}\n", key.line));
    ssh.probe(&rig.host(1)).await.unwrap();
    assert_eq!(ssh.host_key(&rig.host(1)).await.unwrap(), None);
    assert!(
        ssh.host_key(&rig.host(2)).await.unwrap().is_some(),
        "another host is another matter"
    );
    assert_eq!(rig.log().matches("Accepted publickey").count(), 1, "{}", rig.log());
}

#[tokio::test]
async fn a_changed_key_is_refused_aloud_with_both_fingerprints() {
    let Some(rig) = Rig::new(1) else { return };
    rig.knows("other_key");
    let ssh = rig.ssh();
    let finger = |name: &str| {
        let keygen = Command::new("ssh-keygen")
            .arg("-lf")
            .arg(rig.at(name))
            .output()
            .unwrap();
        let text = String::from_utf8(keygen.stdout).unwrap();
        text.split(' ').nth(1).unwrap().to_owned()
    };
    let before = rig.known();
    for error in [
        ssh.host_key(&rig.host(1)).await.unwrap_err(),
        ssh.run(&rig.host(1), &["true".to_owned()]).await.unwrap_err(),
    ] {
        assert_eq!(error.kind, FaultKind::Credentials);
        for words in ["HOST KEY CHANGED", &finger("host_key.pub"), &finger("other_key.pub")] {
            assert!(error.message.contains(words), "{words}: {error}");
        }
        assert!(
            error
                .mend
                .contains(&format!("ssh-keygen -R \"[127.0.0.2]:{}\"", rig.port)),
            "{error}"
        );
    }
    assert_eq!(rig.known(), before);
    assert_eq!(rig.get(1, "called"), "");
}

#[tokio::test]
async fn a_wrong_key_is_told_with_those_that_were_offered() {
    let Some(rig) = Rig::new(1) else { return };
    let key = rig.at("stranger_key").display().to_string();
    let own = format!("Host *\n  IdentityFile {key}\n  IdentitiesOnly yes\n  IdentityAgent none\n");
    let ssh = rig.configured(&own);
    assert_eq!(
        ssh.host_key(&rig.host(1)).await.unwrap(),
        None,
        "the host's own key is good"
    );
    let denied = ssh.run(&rig.host(1), &["true".to_owned()]).await.unwrap_err();
    assert_eq!(denied.kind, FaultKind::Denied);
    assert!(
        denied.message.contains("(publickey)") && denied.message.contains(&key),
        "{denied}"
    );
    assert!(
        denied.message.contains("no agent") && denied.mend.contains("ssh-add -l"),
        "{denied}"
    );
}

#[tokio::test]
async fn the_key_may_be_the_agent_s() {
    let Some(rig) = Rig::new(1) else { return };
    let socket = rig.at("agent");
    let mut agent = Command::new("ssh-agent")
        .args(["-D", "-a"])
        .arg(&socket)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    while !socket.exists() {
        tokio::task::yield_now().await;
    }
    let own = format!("Host *\n  IdentityFile none\n  IdentityAgent {}\n", socket.display());
    let ssh = rig.configured(&own);
    let denied = ssh.run(&rig.host(1), &["true".to_owned()]).await.unwrap_err();
    assert!(denied.message.contains("the agent holds no key"), "{denied}");
    let mut add = Command::new("ssh-add");
    add.arg("-q").arg(rig.at("user_key")).env("SSH_AUTH_SOCK", &socket);
    assert!(add.status().unwrap().success());
    let ran = ssh.run(&rig.host(1), &["echo".to_owned(), "in".to_owned()]).await;
    agent.kill().unwrap();
    agent.wait().unwrap();
    assert_eq!(ran.unwrap().output, "in\n");
}

#[tokio::test]
async fn a_jump_host_is_gone_through_and_told_of_when_it_does_not_let_us() {
    let Some(rig) = Rig::new(2) else { return };
    let (key, port) = (rig.at("user_key").display().to_string(), rig.port);
    let hosts = |gate: &str| {
        format!(
            "Host gate\n  HostName 127.0.0.3\n  Port {port}\n  {gate}\nHost pi\n  HostName 127.0.0.2\n  Port {port}\n  \
             ProxyJump gate\nHost lost\n  HostName 127.0.0.2\n  Port 9\n  ProxyJump gate\nHost *\n  IdentityFile {key}\n  \
             IdentitiesOnly yes\n  IdentityAgent none\n"
        )
    };
    let argv = ["echo".to_owned(), "through".to_owned()];
    let ssh = rig.configured(&hosts(""));
    assert_eq!(ssh.run(&rig.named("pi"), &argv).await.unwrap().output, "through\n");
    let lost = ssh.run(&rig.named("lost"), &argv).await.unwrap_err();
    assert_eq!(lost.kind, FaultKind::Unreachable);
    assert!(
        lost.message.contains("its jump host gate does not get through to it"),
        "{lost}"
    );

    // The key of the host behind it is shown under the host's own name.
    fs::write(
        rig.at("known_hosts"),
        rig.known().replace("[127.0.0.2]", "[127.0.0.200]"),
    )
    .unwrap();
    let ssh = rig.configured(&hosts(""));
    let shown = ssh.host_key(&rig.named("pi")).await.unwrap().unwrap();
    assert!(
        shown.line.starts_with(&format!("[127.0.0.2]:{port} ssh-ed25519 ")),
        "{shown:?}"
    );
    ssh.trust(&rig.named("pi"), &shown).await.unwrap();
    assert_eq!(ssh.run(&rig.named("pi"), &argv).await.unwrap().output, "through\n");

    // What is wrong with the jump host is told of the jump host.
    let refused = rig.configured(&hosts("").replace(&format!("127.0.0.3\n  Port {port}"), "127.0.0.3\n  Port 9"));
    let refused = refused.run(&rig.named("pi"), &argv).await.unwrap_err();
    assert!(
        refused
            .message
            .contains("its jump host gate: the connection was refused"),
        "{refused}"
    );
    let stranger = rig.at("stranger_key").display().to_string();
    let denied =
        rig.configured(&hosts(&format!("IdentityFile {stranger}")).replace(&format!("  IdentityFile {key}\n"), ""));
    let denied = denied.run(&rig.named("pi"), &argv).await.unwrap_err();
    assert_eq!(denied.kind, FaultKind::Denied);
    assert!(
        denied.message.contains("its jump host gate takes none of the keys"),
        "{denied}"
    );
    fs::write(
        rig.at("known_hosts"),
        rig.known().replace("[127.0.0.3]", "[127.0.0.200]"),
    )
    .unwrap();
    let unknown = rig.configured(&hosts("")).host_key(&rig.named("pi")).await.unwrap_err();
    assert_eq!(unknown.kind, FaultKind::Credentials);
    assert!(
        unknown.message.contains("the host key of its jump host gate") && unknown.mend.contains("ssh gate"),
        "{unknown}"
    );
}
