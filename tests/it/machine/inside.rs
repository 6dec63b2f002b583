//! How K3s stands, as a machine tells it.

use k3fleet::blueprint::machine::{Datastore, HeldToken, Inside};
use k3fleet::fleet::Role;

use super::Machine;

fn inside(machine: &Machine) -> Inside {
    let ran = machine.run(&Inside::script(), "");
    assert!(ran.good, "{:?}", ran.lines);
    Inside::read(&ran.lines.join("\n")).unwrap()
}

#[test]
fn a_server_tells_all_of_it_but_its_secrets() {
    for shell in ["sh", "bash", "busybox sh"] {
        let mut machine = Machine::server();
        machine.shell = shell;
        machine.write("var/lib/rancher/k3s/server/db/etcd/name", "x");
        machine.write(
            "etc/rancher/k3s/config.yaml",
            "token: s3cr3t-old\nagent-token-file: /etc/rancher/k3s/agent-token\n",
        );
        machine.write(
            "etc/rancher/k3s/agent-token",
            "K10aabbccddeeff::node:s3cr3t-for-agents\n",
        );
        machine.write(
            "journal",
            "level=info msg=\"Starting k3s\"\nlevel=error msg=\"token 'K10aabbccddeeff::server:s3cr3t-old' is bad\"\n\
             level=info msg=\"abcdef.s3cr3t0123456789 = x\"\n",
        );
        let told = inside(&machine);
        assert_eq!(told.boot, "7c1d4a50-boot");
        assert_eq!(told.unit.as_deref(), Some("k3s"));
        assert!(told.is_active());
        assert_eq!(told.version.as_deref(), Some("v1.35.5+k3s1"));
        assert_eq!(told.datastore, Some(Datastore::Etcd));
        let held = |kind, place: &str, token| HeldToken {
            kind,
            place: place.into(),
            digest: HeldToken::digest_of(token),
            bootstrap: None,
        };
        assert_eq!(
            told.tokens,
            [
                held(Role::Server, "/etc/rancher/k3s/config.yaml token", "s3cr3t-old"),
                held(Role::Agent, "/etc/rancher/k3s/agent-token", "s3cr3t-for-agents"),
            ],
            "{shell}"
        );
        assert_eq!(
            told.journal,
            [
                "level=info msg=\"Starting k3s\"",
                "level=error msg=\"token 'K10...' is bad\"",
                "level=info msg=\"... = x\""
            ]
        );
    }
}

#[test]
fn a_glance_tells_what_changes_while_k3s_starts_and_costs_little() {
    for (state, version, lines) in [("active", Some("v1.35.5+k3s1"), 0), ("activating", None, 1)] {
        let machine = Machine::agent();
        machine.write("state/k3s-agent", state);
        machine.write("journal", "level=info msg=\"Starting k3s\"\n");
        let ran = machine.run(&Inside::glance(), "");
        assert!(ran.good, "{:?}", ran.lines);
        let told = Inside::read(&ran.lines.join("\n")).unwrap();
        assert_eq!(
            (told.boot.as_str(), told.service.as_deref()),
            ("7c1d4a50-boot", Some(state))
        );
        assert_eq!((told.version.as_deref(), told.journal.len()), (version, lines));
        assert_eq!((told.tokens, told.datastore), (vec![], None));
        assert_eq!(machine.calls("journalctl").len(), lines);
        assert_eq!(machine.calls("awk"), [""; 0]);
    }
}

#[test]
fn an_agent_tells_which_bootstrap_token_it_has() {
    let machine = Machine::agent();
    machine.write(
        "etc/systemd/system/k3s-agent.service.env",
        "K3S_TOKEN=K10aabbccddeeff::abcdef.s3cr3t0123456789\n",
    );
    machine.write("state/k3s-agent", "activating");
    let told = inside(&machine);
    assert_eq!(told.unit.as_deref(), Some("k3s-agent"));
    assert_eq!(told.service.as_deref(), Some("activating"));
    assert_eq!(told.datastore, None);
    let [token] = told.tokens.as_slice() else {
        panic!("{:?}", told.tokens)
    };
    assert_eq!(token.bootstrap.as_deref(), Some("abcdef"));
    assert_eq!(token.kind, Role::Agent);
    assert_eq!(token.digest, HeldToken::digest_of("abcdef.s3cr3t0123456789"));
}

#[test]
fn a_machine_without_k3s_tells_its_boot() {
    let told = inside(&Machine::new());
    assert_eq!(told.boot, "7c1d4a50-boot");
    assert_eq!((told.unit, told.service, told.version), (None, None, None));
    assert_eq!((told.tokens, told.journal), (vec![], vec![]));
}

#[test]
fn openrc_keeps_its_journal_in_a_file() {
    let machine = Machine::new();
    machine.write(
        "etc/init.d/k3s",
        "#!/sbin/openrc-run\ncommand_args=\"server \\\n\t'--token' \\\n\t's3cr3t-old'\n    >>/var/log/k3s.log 2>&1\"\n",
    );
    machine.write("var/log/k3s.log", "one\ntwo\n");
    machine.write("var/lib/rancher/k3s/server/db/state.db", "rows");
    let told = inside(&machine);
    assert_eq!(told.service.as_deref(), Some("inactive"));
    assert_eq!(told.journal, ["one", "two"]);
    assert_eq!(told.datastore, Some(Datastore::Sqlite));
    assert_eq!(told.tokens[0].digest, HeldToken::digest_of("s3cr3t-old"));
    assert_eq!(told.tokens[0].place, "/etc/init.d/k3s --token");
}

#[test]
fn the_unit_that_runs_is_the_one() {
    let machine = Machine::server();
    machine.write(
        "etc/systemd/system/k3s-agent.service",
        "[Service]\nExecStart=/usr/local/bin/k3s agent\n",
    );
    machine.write("state/k3s", "inactive");
    machine.write("state/k3s-agent", "active");
    assert_eq!(inside(&machine).unit.as_deref(), Some("k3s-agent"));
}
