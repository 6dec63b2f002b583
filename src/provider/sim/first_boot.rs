//! The first boot of a launched machine: what its user data tells it, what it writes to its console meanwhile, and the
//! kubeconfig that a server has in the end. It fails where the real script fails: without the token's parameter, without
//! the secret, or where a scenario says so.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use smol_str::{SmolStr, format_smolstr};

use super::clock::seconds;
use super::made::What;
use super::state::{Event, Machine, State};
use crate::fleet::{InstanceId, InstanceState, Role, Scope};
use crate::provider::{Marks, ResourceKind};

/// The settings at the head of a machine's user data, by name.
pub(super) type Settings = BTreeMap<SmolStr, SmolStr>;

/// How far the first boot of a machine is.
#[derive(Clone, Debug)]
pub(super) struct FirstBoot {
    pub(super) settings: Settings,
    /// Whether an operator's SSH key was let in.
    pub(super) ssh: bool,
    /// When the instance runs.
    pub(super) runs_at: Option<Timestamp>,
    /// How long after that K3s starts.
    pub(super) takes: SignedDuration,
    /// The step at which it is to fail.
    pub(super) fails: Option<SmolStr>,
    /// It has failed.
    pub(super) failed: bool,
    /// It has come to its end.
    pub(super) ready: bool,
    /// How often a server has asked for an API that does not answer.
    pub(super) looks: u32,
    /// How often a server has seen that the one that is to make the cluster is gone, and how many were before.
    pub(super) gone: u32,
    pub(super) generation: u32,
}

impl FirstBoot {
    /// One that has just begun.
    pub(super) fn new(settings: Settings, ssh: bool, fails: Option<SmolStr>) -> Self {
        Self {
            settings,
            ssh,
            runs_at: None,
            takes: SignedDuration::ZERO,
            fails,
            failed: false,
            ready: false,
            looks: 0,
            gone: 0,
            generation: 1,
        }
    }

    /// A setting; empty where there is none.
    pub(super) fn setting(&self, name: &str) -> &str {
        self.settings.get(name).map_or("", SmolStr::as_str)
    }

    /// The taints that the machine's node is registered with.
    pub(super) fn taints(&self) -> Box<[SmolStr]> {
        self.setting("taints").split_whitespace().map(SmolStr::new).collect()
    }

    /// The labels that the machine's node is registered with.
    pub(super) fn marks(&self) -> Marks {
        let words = self.setting("labels").split_whitespace();
        let labels = words.filter_map(|word| word.split_once('='));
        let pool = Some(("k3fleet.dev/pool", self.setting("pool"))).filter(|(_, pool)| !pool.is_empty());
        let labels = labels.chain(pool).map(|(key, value)| (key.into(), Some(value.into())));
        Marks {
            labels: labels.collect(),
            annotations: vec![],
        }
    }
}

/// Reads the settings off user data: the lines `name='value'` that it begins with, as a shell reads them.
pub(super) fn settings(user_data: &str) -> Settings {
    let mut found = Settings::new();
    let mut rest = user_data.split_once('\n').map_or("", |(_, rest)| rest);
    while let Some((name, after)) = rest.split_once('=') {
        let word = |c: char| c.is_ascii_lowercase() || c == '_' || c.is_ascii_digit();
        if name.is_empty() || !name.chars().all(word) || !after.starts_with('\'') {
            break;
        }
        let mut value = String::new();
        let mut quoted = false;
        let mut chars = after.chars();
        while let Some(c) = chars.next() {
            match c {
                '\'' => quoted = !quoted,
                '\\' if !quoted => value.extend(chars.next()),
                '\n' if !quoted => break,
                c => value.push(c),
            }
        }
        found.insert(name.into(), value.into());
        rest = chars.as_str();
    }
    found
}

impl State {
    /// An instance that was launched from a template runs: its script begins. Gives how long K3s takes to start, or
    /// nothing where it never will.
    pub(super) fn begin_first_boot(&mut self, id: &InstanceId) -> Option<f64> {
        let machine = self.machines.get(id)?;
        let (role, scope) = (machine.role, machine.instance.scope.clone());
        let boot = machine.first_boot.as_ref()?;
        let token = boot.setting(if role == Role::Server {
            "server_token"
        } else {
            "agent_token"
        });
        // Servers of highly available clusters need the others too.
        let more = ["agent_token", "dsn"].map(|name| boot.setting(name));
        let more = more.into_iter().filter(|_| !boot.setting("first").is_empty());
        let needed: Vec<&str> = std::iter::once(token).chain(more).collect();
        let lost = needed.into_iter().find(|name| {
            let key = self.parameter_key(&scope, name);
            !name.is_empty() && !self.parameters.contains_key(&key)
        });
        let no_token = lost.map(|name| format_smolstr!("reading the SSM parameter {name}"));
        // What a cluster does without need not be fetched and started.
        let small = !boot.setting("disable").is_empty();
        let secs = match role {
            Role::Server if small => self.between(20.0, 28.0),
            Role::Server => self.between(30.0, 42.0),
            Role::Agent => self.between(18.0, 26.0),
        };
        let now = self.now;
        let boot = self.machines.get_mut(id)?.first_boot.as_mut()?;
        boot.runs_at = Some(now);
        boot.takes = seconds(secs);
        boot.fails = boot.fails.take().or(no_token);
        if boot.fails.is_some() {
            self.after(secs * 0.6, Event::BootFails(id.clone()));
            return None;
        }
        Some(secs)
    }

    /// A script ends at the step where it was to fail.
    pub(super) fn boot_fails(&mut self, id: &InstanceId) {
        if let Some(boot) = self.machines.get_mut(id).and_then(|m| m.first_boot.as_mut()) {
            boot.failed = true;
            self.signal(id);
            self.never_healthy(id);
        }
    }

    /// A script fails at this step, now.
    pub(super) fn boot_fails_at(&mut self, id: &InstanceId, step: SmolStr) {
        if let Some(boot) = self.machines.get_mut(id).and_then(|m| m.first_boot.as_mut()) {
            boot.fails = Some(step);
            self.boot_fails(id);
        }
    }

    /// K3s runs on a machine: a server writes its kubeconfig to the secret, and the script ends.
    pub(super) fn boot_ends(&mut self, id: &InstanceId) {
        let Some(machine) = self.machines.get(id) else {
            return;
        };
        let Some(boot) = machine.first_boot.as_ref() else {
            return;
        };
        let secret: SmolStr = boot.setting("secret").into();
        let scope = machine.instance.scope.clone();
        let mut fails = None;
        if machine.instance.state != InstanceState::Running {
            return;
        }
        let part = self.takes_part(id);
        if part == Some(false) {
            self.after(2.0, Event::BootEnds(id.clone()));
            return;
        }
        if part.is_some() {
            fails = self.settle_server(id).err();
        } else if !secret.is_empty() {
            match self.thing_mut(&scope, ResourceKind::Secret, &secret) {
                Some(thing) => thing.what = What::Secret(true),
                None => fails = Some(format_smolstr!("writing the kubeconfig to the secret {secret}")),
            }
        }
        if let Some(boot) = self.machines.get_mut(id).and_then(|m| m.first_boot.as_mut()) {
            boot.failed = fails.is_some();
            boot.ready = fails.is_none();
            boot.fails = fails;
        }
        self.signal(id);
    }

    /// What a machine has written to its console so far; also that of one that is terminated already.
    pub(super) fn console(&self, scope: &Scope, id: &InstanceId) -> Option<String> {
        let machine = self.machines.get(id).filter(|m| m.instance.scope == *scope);
        match machine {
            Some(machine) => console(machine, self.now),
            None => self.consoles.get(id).cloned(),
        }
    }

    /// The file of a machine that is reached at an address, if it has come so far; `Err` where it lets nobody in.
    pub(super) fn file_at(&self, address: std::net::IpAddr, path: &str) -> Result<Option<String>, InstanceId> {
        let here = |m: &&Machine| [m.instance.public_ip, m.instance.private_ip].contains(&Some(address));
        let mut running = self
            .machines
            .values()
            .filter(|m| m.instance.state == InstanceState::Running);
        let Some(machine) = running.find(here) else {
            return Ok(None);
        };
        match &machine.first_boot {
            Some(boot) if !boot.ssh => Err(machine.instance.id.clone()),
            _ => Ok((machine.joined && machine.role == Role::Server && path == KUBECONFIG).then(kubeconfig)),
        }
    }
}

/// Where K3s keeps the kubeconfig on a server.
const KUBECONFIG: &str = "/etc/rancher/k3s/k3s.yaml";

/// The kernel's first line, cloud-init's, and what the script and the installer say, each at its time.
fn console(machine: &Machine, now: Timestamp) -> Option<String> {
    let id = &machine.instance.id;
    let Some(boot) = &machine.first_boot else {
        let settled = machine.joined.then(|| format!("k3fleet: ready: {id}\n"));
        return settled.filter(|_| machine.instance.state == InstanceState::Running);
    };
    let so_far = now.duration_since(boot.runs_at?).as_secs_f64();
    let takes = boot.takes.as_secs_f64();
    let (unit, last) = match machine.role {
        Role::Server => ("k3s", "k3fleet: waiting for the API server"),
        Role::Agent => ("k3s-agent", "k3fleet: joining the server"),
    };
    let version = boot.setting("version");
    let mut lines: Vec<(f64, String)> = vec![
        (1.0, "[    0.000000] Linux version 6.14.0-1018-aws".to_owned()),
        (3.0, format!("[    2.914372] systemd[1]: hostname is {}", machine.node)),
        (7.0, "cloud-init[742]: the user's script begins".to_owned()),
        (takes * 0.2, "k3fleet: downloading the installer of K3s".to_owned()),
        (takes * 0.4, format!("k3fleet: installing K3s {version}")),
        (takes * 0.7, format!("[INFO]  /usr/local/bin/k3s {version} is in place")),
        (takes * 0.8, format!("k3fleet: starting {unit}")),
        (takes * 0.9, last.to_owned()),
    ];
    if let Some(step) = boot.fails.as_ref().filter(|_| boot.failed) {
        if !machine.joined {
            lines.truncate(3);
        }
        if step.starts_with("downloading") {
            lines.push((0.0, "curl: (28) the connection timed out".to_owned()));
        }
        lines.push((0.0, format!("k3fleet: failed: {step}")));
    } else if boot.fails.is_some() {
        lines.truncate(3);
    }
    if boot.ready {
        lines.push((0.0, format!("k3fleet: ready: {id}")));
    }
    let told = lines.into_iter().filter(|(at, _)| *at <= so_far);
    let text: String = told.map(|(_, line)| line + "\n").collect();
    (!text.is_empty()).then_some(text)
}

/// A kubeconfig as K3s writes it. Its certificates and key are words: nothing in this world checks them.
pub(super) fn kubeconfig() -> String {
    // "a simulated certificate", "a simulated key", in base64.
    const CERTIFICATE: &str = "YSBzaW11bGF0ZWQgY2VydGlmaWNhdGU=";
    const KEY: &str = "YSBzaW11bGF0ZWQga2V5";
    format!(
        "apiVersion: v1\n\
         clusters:\n\
         - cluster:\n    certificate-authority-data: {CERTIFICATE}\n    server: https://127.0.0.1:6443\n  name: default\n\
         contexts:\n\
         - context:\n    cluster: default\n    user: default\n  name: default\n\
         current-context: default\n\
         kind: Config\n\
         users:\n\
         - name: default\n  user:\n    client-certificate-data: {CERTIFICATE}\n    client-key-data: {KEY}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_as_a_shell_reads_them() {
        let text = "#!/bin/sh\nregion='eu-west-1'\nssh_key='a'\\''b\nc'\nserver_token=''\n# more\nset -eu\n";
        let found = settings(text);
        assert_eq!(found.len(), 3);
        assert_eq!(found["region"], "eu-west-1");
        assert_eq!(found["ssh_key"], "a'b\nc");
        assert_eq!(found["server_token"], "");
        assert_eq!(settings(""), Settings::new());
    }

    #[test]
    fn the_kubeconfig_is_one() {
        let value: serde_json::Value = serde_saphyr::from_str(&kubeconfig()).unwrap();
        assert_eq!(value["clusters"][0]["cluster"]["server"], "https://127.0.0.1:6443");
        assert_eq!(value["users"][0]["user"]["client-key-data"], "YSBzaW11bGF0ZWQga2V5");
        assert_eq!(value["current-context"], "default");
    }
}
