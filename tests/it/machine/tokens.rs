//! Tokens, put where a machine keeps them.

use k3fleet::blueprint::machine::Task;
use k3fleet::fleet::Role;

use super::Machine;

const CONFIG: &str = "etc/rancher/k3s/config.yaml";
const AGENT_UNIT: &str = "etc/systemd/system/k3s-agent.service";
const SERVER_UNIT: &str = "etc/systemd/system/k3s.service";
const OLD: &str = "s3cr3t-old";
const NEW: &str = "s3cr3t-new";
const LONG: &str = "K10aabbccddeeff::node:s3cr3t-old";
const LONG_NEW: &str = "K10aabbccddeeff::node:s3cr3t-new";

fn place(kind: Role) -> Task {
    Task::PlaceToken { kind }
}

/// An agent that keeps its token so: what it does not keep it in stays as it is, and the form of the token too.
fn placed(files: &[(&str, &str)], said: &str, after: &[(&str, &str)]) {
    let machine = Machine::agent();
    for (path, text) in files {
        machine.write(path, text);
        machine.chmod(path, 0o640);
    }
    assert_eq!(machine.done(&place(Role::Agent), &[NEW]), format!("it is in {said}"));
    for (path, text) in after {
        assert_eq!(machine.file(path), *text, "{path}");
        assert_eq!(machine.mode(path), 0o640, "{path}");
    }
    // Once more changes nothing.
    machine.done(&place(Role::Agent), &[NEW]);
    for (path, text) in after {
        assert_eq!(machine.file(path), *text, "{path}");
    }
}

#[test]
fn it_is_written_to_the_place_that_there_is() {
    placed(
        &[(
            CONFIG,
            "server: x\n'token': \"s3cr3t-old\" # ours\nagent-token: s3cr3t-old\n",
        )],
        "/etc/rancher/k3s/config.yaml token",
        &[(
            CONFIG,
            "server: x\n'token': \"s3cr3t-new\" # ours\nagent-token: s3cr3t-old\n",
        )],
    );
    placed(
        &[("etc/rancher/k3s/config.yaml.d/a.yaml", &format!("token: {LONG}\n"))],
        "/etc/rancher/k3s/config.yaml.d/a.yaml token",
        &[("etc/rancher/k3s/config.yaml.d/a.yaml", &format!("token: {LONG_NEW}\n"))],
    );
    placed(
        &[
            (CONFIG, "token-file: /etc/rancher/k3s/agent-token\n"),
            ("etc/rancher/k3s/agent-token", LONG),
            (
                &format!("{AGENT_UNIT}.env"),
                "K3S_TOKEN_FILE='/etc/rancher/k3s/agent-token'\n",
            ),
        ],
        "/etc/rancher/k3s/agent-token",
        &[("etc/rancher/k3s/agent-token", &format!("{LONG_NEW}\n"))],
    );
    let env = format!("{AGENT_UNIT}.env");
    placed(
        &[(&env, "K3S_URL='https://192.0.2.7:6443'\nK3S_TOKEN='s3cr3t-old'\n")],
        "/etc/systemd/system/k3s-agent.service.env K3S_TOKEN",
        &[(&env, "K3S_URL='https://192.0.2.7:6443'\nK3S_TOKEN='s3cr3t-new'\n")],
    );
    placed(
        &[("etc/default/k3s-agent", "K3S_TOKEN=s3cr3t-old\n")],
        "/etc/default/k3s-agent K3S_TOKEN",
        &[("etc/default/k3s-agent", "K3S_TOKEN=s3cr3t-new\n")],
    );
    let unit = |how: &str| format!("[Service]\nExecStart=/usr/local/bin/k3s agent --server x {how} --node-label a=b\n");
    for how in ["--token TOKEN", "--token=TOKEN", "'--token' 'TOKEN'", "-t TOKEN"] {
        let text = |token: &str| unit(&how.replace("TOKEN", token));
        if how.starts_with("-t") {
            continue;
        }
        placed(
            &[(AGENT_UNIT, &text(OLD))],
            "/etc/systemd/system/k3s-agent.service --token",
            &[(AGENT_UNIT, &text(NEW))],
        );
    }
    let unit = |token: &str| {
        format!(
            "[Service]\nExecStart=/usr/local/bin/k3s \\\n    agent \\\n\t'--token' \\\n\t'{token}' \\\n\t'--node-name' \\\n\t'{OLD}' \\\n\n"
        )
    };
    placed(
        &[(AGENT_UNIT, &unit(OLD))],
        "/etc/systemd/system/k3s-agent.service --token",
        &[(AGENT_UNIT, &unit(NEW))],
    );
    placed(
        &[(
            AGENT_UNIT,
            "[Service]\nEnvironment=\"K3S_TOKEN=s3cr3t-old\"\nExecStart=/usr/local/bin/k3s agent\n",
        )],
        "/etc/systemd/system/k3s-agent.service K3S_TOKEN",
        &[(
            AGENT_UNIT,
            "[Service]\nEnvironment=\"K3S_TOKEN=s3cr3t-new\"\nExecStart=/usr/local/bin/k3s agent\n",
        )],
    );
}

#[test]
fn a_unit_that_changed_is_read_again() {
    let machine = Machine::agent();
    machine.write(&format!("{AGENT_UNIT}.env"), "K3S_TOKEN=s3cr3t-old\n");
    machine.done(&place(Role::Agent), &[NEW]);
    assert!(
        machine
            .calls("systemctl")
            .contains(&"systemctl daemon-reload".to_owned())
    );
}

#[test]
fn every_shell_does_it() {
    for shell in ["bash", "busybox sh"] {
        let mut machine = Machine::agent();
        machine.shell = shell;
        machine.write(&format!("{AGENT_UNIT}.env"), &format!("K3S_TOKEN={LONG}\n"));
        machine.done(&place(Role::Agent), &[NEW]);
        assert_eq!(
            machine.file(&format!("{AGENT_UNIT}.env")),
            format!("K3S_TOKEN={LONG_NEW}\n")
        );
    }
}

#[test]
fn a_missing_file_of_a_token_is_made() {
    let machine = Machine::agent();
    machine.write(CONFIG, "token-file: /etc/rancher/k3s/agent-token\n");
    machine.done(&place(Role::Agent), &[NEW]);
    let file = "etc/rancher/k3s/agent-token";
    assert_eq!(
        (machine.file(file).as_str(), machine.mode(file)),
        ("s3cr3t-new\n", 0o600)
    );
}

#[test]
fn two_places_with_one_token_are_both_written_and_with_two_none() {
    let machine = Machine::agent();
    let env = format!("{AGENT_UNIT}.env");
    machine.write(CONFIG, &format!("token: {LONG}\n"));
    machine.write(&env, "K3S_TOKEN=s3cr3t-old\n");
    let said = machine.done(&place(Role::Agent), &[NEW]);
    assert_eq!(
        said,
        "it is in /etc/rancher/k3s/config.yaml token, /etc/systemd/system/k3s-agent.service.env K3S_TOKEN"
    );
    assert_eq!(machine.file(CONFIG), format!("token: {LONG_NEW}\n"));
    assert_eq!(machine.file(&env), "K3S_TOKEN=s3cr3t-new\n");

    // Cut off between the two.
    machine.write(&env, "K3S_TOKEN=s3cr3t-old\n");
    machine.done(&place(Role::Agent), &[NEW]);
    assert_eq!(machine.file(&env), "K3S_TOKEN=s3cr3t-new\n");

    machine.write(CONFIG, "token: s3cr3t-a\n");
    machine.write(&env, "K3S_TOKEN=s3cr3t-b\n");
    assert_eq!(
        machine.fails(&place(Role::Agent), &[NEW]),
        "two places hold different tokens, /etc/rancher/k3s/config.yaml token and \
         /etc/systemd/system/k3s-agent.service.env K3S_TOKEN: leave one of them"
    );
    assert_eq!(machine.file(CONFIG), "token: s3cr3t-a\n");
}

#[test]
fn a_server_keeps_two_tokens_apart() {
    let machine = Machine::server();
    let config = |server: &str, agent: &str| format!("token: {server}\nagent-token: {agent}\n");
    machine.write(CONFIG, &config(OLD, OLD));
    machine.done(&place(Role::Agent), &["s3cr3t-for-agents"]);
    assert_eq!(machine.file(CONFIG), config(OLD, "s3cr3t-for-agents"));
    machine.done(&place(Role::Server), &[NEW]);
    assert_eq!(machine.file(CONFIG), config(NEW, "s3cr3t-for-agents"));

    let machine = Machine::server();
    machine.write(
        SERVER_UNIT,
        "[Service]\nExecStart=/usr/local/bin/k3s server --agent-token=s3cr3t-old --token s3cr3t-old\n",
    );
    machine.done(&place(Role::Server), &[NEW]);
    machine.write(CONFIG, "cluster-init: true\n");
}

#[test]
fn a_server_without_a_configured_token_has_the_one_that_k3s_made() {
    let machine = Machine::server();
    assert_eq!(
        machine.fails(&place(Role::Agent), &[NEW]),
        "no agent token is configured on this server: agents join with the server token"
    );
    assert_eq!(
        machine.fails(&place(Role::Server), &[NEW]),
        "no token is configured on this machine"
    );
    let file = "srv/k3s/server/token";
    machine.write(CONFIG, "data-dir: /srv/k3s\n");
    machine.write(file, "K10aabbccddeeff::server:s3cr3t-old\n");
    machine.done(&place(Role::Server), &[NEW]);
    assert_eq!(machine.file(file), "K10aabbccddeeff::server:s3cr3t-new\n");
}

#[test]
fn a_bootstrap_token_makes_room_for_a_lasting_one() {
    let machine = Machine::agent();
    let file = "etc/rancher/k3s/agent-token";
    machine.write(CONFIG, "token-file: /etc/rancher/k3s/agent-token\n");
    machine.write(file, "K10aabbccddeeff::abcdef.s3cr3t0123456789\n");
    machine.done(&place(Role::Agent), &[NEW]);
    assert_eq!(machine.file(file), format!("{LONG_NEW}\n"));
    machine.done(&place(Role::Server), &["K10aabbccddeeff::server:s3cr3t-whole"]);
    assert_eq!(machine.file(file), "K10aabbccddeeff::server:s3cr3t-whole\n");
}

#[test]
fn what_cannot_be_rewritten_is_told() {
    let machine = Machine::agent();
    // As the installer of K3s escapes it.
    machine.write(
        AGENT_UNIT,
        "[Service]\nExecStart=/usr/local/bin/k3s agent '--token' 's3cr3t\\_old'\n",
    );
    assert_eq!(
        machine.fails(&place(Role::Agent), &[NEW]),
        "the token in /etc/systemd/system/k3s-agent.service --token cannot be rewritten: write it by hand"
    );
}

mod keeping {
    use k3fleet::blueprint::machine::script::tell;
    use k3fleet::blueprint::machine::{HeldToken, Inside, Kept, KeptToken};

    use super::*;

    const SERVER: &str = "var/lib/rancher/k3s/server";
    const NEXT: &str = "var/lib/rancher/k3s/server/k3fleet-next-server-token";

    fn keep(stays: bool, when: &str) -> Task {
        Task::KeepToken {
            kind: Role::Server,
            when: when.into(),
            stays,
        }
    }

    fn server() -> Machine {
        let machine = Machine::server();
        machine.write(CONFIG, &format!("token: {LONG}\nagent-token: s3cr3t-for-agents\n"));
        machine
    }

    fn olds(machine: &Machine) -> Vec<String> {
        let mut names = machine.names(SERVER);
        names.retain(|name| name.contains("-old-"));
        names
    }

    /// What a server tells of a token; it is the one thing that shows one.
    fn told(machine: &Machine, kind: Role, kept: Kept) -> String {
        let answer = machine.path("answer");
        let script = tell(kind, kept).replacen("\nset -eu\n", &format!("\nset -eu\nexec >{}\n", answer.display()), 1);
        assert!(machine.run(&script, "").good);
        machine.file("answer")
    }

    #[test]
    fn a_server_keeps_a_new_token_and_the_present_one_beside_it() {
        for shell in ["sh", "bash", "busybox sh"] {
            let mut machine = server();
            machine.shell = shell;
            let said = machine.done(&keep(true, "20261122T101112"), &[NEW]);
            let old = format!("{SERVER}/k3fleet-old-server-token-20261122T101112");
            assert_eq!(said, format!("the new token is kept; the present one stays in /{old}"));
            assert_eq!((machine.file(NEXT), machine.mode(NEXT)), (format!("{NEW}\n"), 0o600));
            assert_eq!((machine.file(&old), machine.mode(&old)), (format!("{LONG}\n"), 0o600));
            assert_eq!(
                machine.file(CONFIG),
                format!("token: {LONG}\nagent-token: s3cr3t-for-agents\n")
            );

            // Cut off, and begun again later with another one: the first may be the cluster's already.
            let said = machine.done(&keep(true, "20261123T000000"), &["s3cr3t-other"]);
            assert_eq!(said, format!("the new token is kept; the present one stays in /{old}"));
            assert_eq!(machine.file(NEXT), format!("{NEW}\n"));
            assert_eq!(olds(&machine).len(), 1);
            assert_eq!(told(&machine, Role::Server, Kept::Next), format!("token={NEW}\n"));
            assert_eq!(told(&machine, Role::Server, Kept::Present), format!("token={LONG}\n"));
            assert_eq!(told(&machine, Role::Agent, Kept::Present), "token=s3cr3t-for-agents\n");
            assert_eq!(told(&machine, Role::Agent, Kept::Next), "token=\n");

            // The others have what the first one has.
            machine.done(&keep(false, "20261123T000000"), &["s3cr3t-other"]);
            assert_eq!(machine.file(NEXT), "s3cr3t-other\n");

            let said = machine.done(&Task::DropToken { kind: Role::Server }, &[]);
            assert_eq!(said, format!("the old token stays in /{old}"));
            assert!(!machine.has(NEXT) && machine.has(&old));
            machine.done(&Task::DropToken { kind: Role::Server }, &[]);
        }
    }

    #[test]
    fn one_that_was_taken_already_makes_room_for_the_next() {
        let machine = server();
        machine.done(&keep(true, "20261122T101112"), &[NEW]);
        machine.done(&place(Role::Server), &[NEW]);
        machine.done(&keep(true, "20261123T000000"), &["s3cr3t-third"]);
        assert_eq!(machine.file(NEXT), "s3cr3t-third\n");
        assert_eq!(
            olds(&machine),
            [
                "k3fleet-old-server-token-20261122T101112",
                "k3fleet-old-server-token-20261123T000000"
            ]
        );
        let told = Inside::read(&machine.run(&Inside::script(), "").lines.join("\n")).unwrap();
        let kept = |when: Option<&str>, token| KeptToken {
            kind: Role::Server,
            when: when.map(Into::into),
            digest: HeldToken::digest_of(token),
        };
        assert_eq!(
            told.kept,
            [
                kept(None, "s3cr3t-third"),
                kept(Some("20261122T101112"), OLD),
                kept(Some("20261123T000000"), NEW)
            ]
        );
    }

    #[test]
    fn what_cannot_be_kept_changes_nothing() {
        let machine = server();
        assert_eq!(
            machine.fails(&keep(true, "x"), &["abcdef.s3cr3t0123456789"]),
            "the new token has the shape of a bootstrap token, which would break the cluster"
        );
        assert_eq!(
            Machine::agent().fails(&keep(true, "x"), &[NEW]),
            "this machine is no server"
        );
        let bare = Machine::server();
        let agent = Task::KeepToken {
            kind: Role::Agent,
            when: "x".into(),
            stays: true,
        };
        assert_eq!(
            bare.fails(&agent, &[NEW]),
            "no agent token is configured on this server"
        );
        assert!(!machine.has(NEXT));
    }
}
