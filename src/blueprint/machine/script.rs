//! The scripts themselves: fixed text (`assets/machine`), whose settings stand above it as quoted values, so that none
//! can become part of the program.
//!
//! A script is run as `sh -c SCRIPT`, as root. On standard output it tells what it does, a line each; its last line is
//! what came of it or, with an exit code other than 0, `failed: ` and why. What it needs of secrets it reads from
//! [`Source`]; none of it is ever an argument or in an environment. Where `K3FLEET_ROOT` is set it works below that
//! directory instead of `/`, which is for trying it out.

use smol_str::SmolStr;

use super::{Install, Kept, Task};
use crate::blueprint::quote::quote;
use crate::blueprint::user_data::AWS;
use crate::fleet::Role;

/// Where a script finds what is secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// On standard input, each on a line of its own after the line [`MARK`].
    Input,
    /// In these SSM parameters of the machine's region, each as `name:version`, which its own role lets it read.
    Parameters {
        /// The region.
        region: SmolStr,
        /// Their names with their versions.
        names: Vec<SmolStr>,
    },
}

/// The line after which the secrets stand on standard input: what is before is for `sudo`.
pub const MARK: &str = "k3fleet-secrets";

/// The first line of a configuration that k3fleet has written whole.
const FIRST_LINE: &str = "# Written by k3fleet.";

const COMMON: &str = include_str!("../../../assets/machine/common.sh");
const LOCK: &str = include_str!("../../../assets/machine/lock.sh");
const INPUT: &str = include_str!("../../../assets/machine/input.sh");
const PARAMETERS: &str = include_str!("../../../assets/machine/parameters.sh");
const K3S: &str = include_str!("../../../assets/machine/k3s.sh");
const SETTINGS: &str = include_str!("../../../assets/machine/settings.sh");
const TOKENS: &str = include_str!("../../../assets/machine/tokens.sh");
const FILES: &str = include_str!("../../../assets/machine/files.sh");
const SERVER: &str = include_str!("../../../assets/machine/server.sh");
const SUPERVISOR: &str = include_str!("../../../assets/machine/supervisor.sh");

const INSTALL: &str = include_str!("../../../assets/machine/install.sh");
const RESTART: &str = include_str!("../../../assets/machine/restart.sh");
const UNINSTALL: &str = include_str!("../../../assets/machine/uninstall.sh");
const REBOOT: &str = include_str!("../../../assets/machine/reboot.sh");
const CGROUPS: &str = include_str!("../../../assets/machine/cgroups.sh");
const SNAPSHOT: &str = include_str!("../../../assets/machine/snapshot.sh");
const ROTATE: &str = include_str!("../../../assets/machine/rotate.sh");
const KEPT: &str = include_str!("../../../assets/machine/kept.sh");
const KEEP: &str = include_str!("../../../assets/machine/keep.sh");
const DROP: &str = include_str!("../../../assets/machine/drop.sh");
const TELL: &str = include_str!("../../../assets/machine/tell.sh");
const PLACE: &str = include_str!("../../../assets/machine/place.sh");
const HANDSHAKE: &str = include_str!("../../../assets/machine/handshake.sh");
const UPGRADE: &str = include_str!("../../../assets/machine/upgrade.sh");
const CERTIFICATES: &str = include_str!("../../../assets/machine/certificates.sh");
const STANDING: &str = include_str!("../../../assets/machine/standing.sh");
const FIND: &str = include_str!("../../../assets/machine/find.sh");
const RESTORABLE: &str = include_str!("../../../assets/machine/restorable.sh");
const JOINABLE: &str = include_str!("../../../assets/machine/joinable.sh");
const STOP: &str = include_str!("../../../assets/machine/stop.sh");
const RESTORE: &str = include_str!("../../../assets/machine/restore.sh");
const REJOIN: &str = include_str!("../../../assets/machine/rejoin.sh");
const INSIDE: &str = include_str!("../../../assets/machine/inside.sh");
const FACTS: &str = include_str!("../../../assets/machine/facts.sh");

/// The script of a task.
pub fn of(task: &Task, secrets: &Source) -> String {
    let secret = |own, parts: &[&str]| with_secrets(own, secrets, parts);
    match task {
        Task::Install(install) => {
            let own = vec![
                ("version", install.version.to_string()),
                ("files", install.files.as_deref().unwrap_or_default().to_owned()),
                ("vpn", flag(install.vpn)),
                ("first_line", FIRST_LINE.to_owned()),
                ("settings", settings(install)),
            ];
            secret(own, &[K3S, FILES, INSTALL])
        }
        Task::Restart => render(vec![], &[COMMON, LOCK, K3S, RESTART]),
        Task::Uninstall => render(
            vec![("first_line", FIRST_LINE.to_owned())],
            &[COMMON, LOCK, K3S, UNINSTALL],
        ),
        Task::Reboot => render(vec![], &[COMMON, LOCK, REBOOT]),
        Task::MendCgroups => render(vec![], &[COMMON, LOCK, CGROUPS]),
        Task::Snapshot { name } => render(
            vec![("snapshot", name.to_string())],
            &[COMMON, LOCK, K3S, SETTINGS, SNAPSHOT],
        ),
        Task::RotateToken => secret(vec![], &[K3S, SETTINGS, TOKENS, SERVER, SUPERVISOR, ROTATE]),
        Task::KeepToken { kind, when, stays } => {
            let own = vec![
                ("kind", kind.as_str().to_owned()),
                ("when", when.to_string()),
                ("stays", flag(*stays)),
            ];
            secret(own, &[K3S, SETTINGS, TOKENS, SERVER, KEPT, KEEP])
        }
        Task::DropToken { kind } => {
            let own = vec![("kind", kind.as_str().to_owned())];
            render(own, &[COMMON, K3S, SETTINGS, TOKENS, SERVER, KEPT, DROP])
        }
        Task::PlaceToken { kind } => {
            let own = vec![("kind", kind.as_str().to_owned())];
            secret(own, &[K3S, SETTINGS, TOKENS, PLACE])
        }
        Task::Handshake { kind } => {
            let own = vec![("kind", kind.as_str().to_owned())];
            secret(own, &[K3S, SETTINGS, TOKENS, SERVER, SUPERVISOR, HANDSHAKE])
        }
        Task::Upgrade { version, files } => {
            let own = vec![
                ("version", version.to_string()),
                ("files", files.as_deref().unwrap_or_default().to_owned()),
            ];
            render(own, &[COMMON, LOCK, K3S, FILES, UPGRADE])
        }
        Task::RotateCertificates => render(vec![], &[COMMON, LOCK, K3S, CERTIFICATES]),
        Task::Restorable { snapshot, s3 } => {
            let own = vec![("snapshot", snapshot.to_string()), ("s3", flag(*s3))];
            render(own, &[COMMON, K3S, SETTINGS, STANDING, FIND, RESTORABLE])
        }
        Task::Joinable => render(vec![], &[COMMON, K3S, SETTINGS, STANDING, JOINABLE]),
        Task::Stop => render(vec![], &[COMMON, LOCK, K3S, STOP]),
        Task::Restore { snapshot, s3, when } => {
            let own = vec![
                ("snapshot", snapshot.to_string()),
                ("s3", flag(*s3)),
                ("when", when.to_string()),
            ];
            render(own, &[COMMON, LOCK, K3S, SETTINGS, STANDING, FIND, RESTORE])
        }
        Task::Rejoin { when } => {
            let own = vec![("when", when.to_string())];
            render(own, &[COMMON, LOCK, K3S, SETTINGS, STANDING, REJOIN])
        }
    }
}

/// The script that tells a token of a server, as `token=…`: nothing after the sign where it has none. What it says is secret.
pub fn tell(kind: Role, kept: Kept) -> String {
    let kept = match kept {
        Kept::Present => "present",
        Kept::Next => "next",
    };
    let own = vec![("kind", kind.as_str().to_owned()), ("kept", kept.to_owned())];
    render(own, &[COMMON, K3S, SETTINGS, TOKENS, SERVER, KEPT, TELL])
}

/// The script that tells how K3s stands.
pub(super) fn inside() -> String {
    render(vec![("glance", flag(false))], &[COMMON, K3S, SETTINGS, TOKENS, INSIDE])
}

/// The script that tells only how its service stands.
pub(super) fn glance() -> String {
    render(vec![("glance", flag(true))], &[COMMON, K3S, INSIDE])
}

/// The script that tells what a host is before it joins.
pub(super) fn facts(addresses: &[SmolStr]) -> String {
    // They are told apart by spaces.
    let whole = addresses.iter().filter(|a| !a.contains(char::is_whitespace));
    let addresses = whole.map(SmolStr::as_str).collect::<Vec<_>>().join(" ");
    render(vec![("addresses", addresses)], &[FACTS])
}

/// The configuration of an agent, as YAML: K3s takes what stands there before what is in its environment.
fn settings(install: &Install) -> String {
    let mut lines = vec![
        format!("node-name: {}", yaml(&install.node)),
        format!("server: {}", yaml(&install.server)),
        "token-file: /etc/rancher/k3s/agent-token".to_owned(),
    ];
    for (key, values) in [("node-label", &install.labels), ("node-taint", &install.taints)] {
        if !values.is_empty() {
            lines.push(format!("{key}:"));
            lines.extend(values.iter().map(|value| format!("  - {}", yaml(value))));
        }
    }
    if install.vpn {
        lines.push("vpn-auth-file: /etc/rancher/k3s/vpn-auth".to_owned());
    }
    lines.join("\n")
}

/// Text between double quotes, as YAML reads it; what no label can hold anyway is left out.
fn yaml(text: &str) -> String {
    let clean: String = text.chars().filter(|c| !c.is_control()).collect();
    format!("\"{}\"", clean.replace('\\', r"\\").replace('"', r#"\""#))
}

fn flag(on: bool) -> String {
    if on { "yes".to_owned() } else { String::new() }
}

fn with_secrets(mut own: Vec<(&'static str, String)>, secrets: &Source, parts: &[&str]) -> String {
    let reading: &[&str] = match secrets {
        Source::Input => {
            own.push(("mark", MARK.to_owned()));
            &[COMMON, LOCK, INPUT]
        }
        Source::Parameters { region, names } => {
            own.push(("region", region.to_string()));
            own.push(("parameters", names.join(" ")));
            &[COMMON, LOCK, AWS, PARAMETERS]
        }
    };
    render(own, &[reading, parts].concat())
}

fn render(settings: Vec<(&str, String)>, parts: &[&str]) -> String {
    let mut script = String::from("#!/bin/sh\n");
    for (name, value) in settings {
        script += name;
        script += "=";
        script += &quote(&value);
        script += "\n";
    }
    script + &parts.concat()
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use proptest::prelude::*;

    use super::*;

    fn install() -> Install {
        Install {
            version: "v1.36.4+k3s1".into(),
            server: "https://192.0.2.7:6443".into(),
            node: "pi-01".into(),
            labels: vec![],
            taints: vec![],
            vpn: false,
            files: None,
        }
    }

    #[test]
    fn a_plain_configuration_is_what_k3s_needs_to_join() {
        let expected =
            "node-name: \"pi-01\"\nserver: \"https://192.0.2.7:6443\"\ntoken-file: /etc/rancher/k3s/agent-token";
        assert_eq!(settings(&install()), expected);
    }

    #[test]
    fn text_stays_text_in_yaml() {
        assert_eq!(yaml("a\"b\\c\n- d"), r#""a\"b\\c- d""#);
    }

    #[test]
    fn what_needs_no_secret_reads_none() {
        for task in [
            Task::Restart,
            Task::Reboot,
            Task::Uninstall,
            Task::MendCgroups,
            Task::RotateCertificates,
        ] {
            let script = of(&task, &Source::Input);
            assert!(!script.contains(MARK) && !script.contains("imds"), "{task:?}");
        }
        assert!(!of(&Task::RotateToken, &Source::Input).contains("imds"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        /// Whatever a task holds, the shell reads every setting back as it was.
        #[test]
        fn no_value_becomes_program(text in "([^\0]|['\"$`\\\\;&|\n]){0,40}") {
            let mut install = install();
            install.version = text.as_str().into();
            install.files = Some(text.as_str().into());
            install.labels = vec![text.as_str().into()];
            let script = of(&Task::Install(Box::new(install.clone())), &Source::Input);
            let parts = [INSTALL, FILES, K3S, INPUT, LOCK, COMMON];
            let own = parts.iter().try_fold(script.as_str(), |s, part| s.strip_suffix(part)).unwrap();
            let shown = format!("{own}printf '%s.' \"$version\" \"$files\" \"$settings\" \"$mark\"");
            let ran = Command::new("sh").arg("-c").arg(shown).output().unwrap();
            prop_assert!(ran.status.success());
            let expected = format!("{text}.{text}.{}.{MARK}.", settings(&install));
            prop_assert_eq!(String::from_utf8(ran.stdout).unwrap(), expected);
        }
    }
}
