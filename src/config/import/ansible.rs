//! An Ansible inventory as groups of hosts with what their variables say of SSH. The readers of its two forms fill it
//! in; who stands where, and which variable holds, is settled here.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use smol_str::SmolStr;

use super::super::fault::{ConfigError, Fault};
use super::super::hosts::is_ssh_word;
use super::words::{port, split_port};
use super::{Candidate, Imported, Told, ini, range, yaml};

/// Reads an inventory in INI, YAML or JSON form. `file` is its name in messages.
pub fn read_inventory(file: &Path, text: &str) -> Result<Imported, ConfigError> {
    if text.starts_with("$ANSIBLE_VAULT") {
        return Err(Fault::of_file(
            file,
            "expected an inventory, found an encrypted one; ansible-vault view shows it",
        )
        .into());
    }
    let mut inventory = Inventory::new(file);
    if yaml::looks_like(text) {
        yaml::read(&mut inventory, text);
    } else {
        ini::read(&mut inventory, text);
    }
    inventory.end()
}

/// What variables say of SSH.
#[derive(Clone, Debug, Default)]
pub(super) struct Vars {
    address: Option<SmolStr>,
    user: Option<SmolStr>,
    port: Option<u16>,
    local: bool,
}

impl Vars {
    fn over(self, below: Self) -> Self {
        Self {
            address: self.address.or(below.address),
            user: self.user.or(below.user),
            port: self.port.or(below.port),
            local: self.local || below.local,
        }
    }
}

#[derive(Default)]
struct Group {
    parents: Vec<SmolStr>,
    vars: Vars,
}

#[derive(Default)]
struct Host {
    groups: Vec<SmolStr>,
    vars: Vars,
}

/// An inventory in the making.
pub(super) struct Inventory<'f> {
    file: &'f Path,
    told: Told,
    order: Vec<SmolStr>,
    hosts: HashMap<SmolStr, Host>,
    groups: HashMap<SmolStr, Group>,
}

/// Where in the file something was said: the line, from 1, and its text.
#[derive(Clone, Copy)]
pub(super) struct Place<'l>(pub(super) usize, pub(super) &'l str);

impl<'f> Inventory<'f> {
    fn new(file: &'f Path) -> Self {
        Self {
            file,
            told: Told::default(),
            order: Vec::new(),
            hosts: HashMap::new(),
            groups: HashMap::new(),
        }
    }

    /// Tells what is wrong.
    pub(super) fn fault(&mut self, Place(number, line): Place<'_>, problem: impl Into<String>) {
        self.told.fault(self.file, number, line, problem);
    }

    /// Tells what is passed over.
    pub(super) fn note(&mut self, Place(number, line): Place<'_>, what: impl Into<String>) {
        self.told.note(self.file, number, line, what);
    }

    /// Checks a group's name.
    pub(super) fn group(&mut self, place: Place<'_>, name: &str) -> Option<SmolStr> {
        if !is_ssh_word(name) || name.contains([':', '[', ']']) {
            self.fault(place, format!("expected the name of a group: one word, found {name:?}"));
            return None;
        }
        self.groups.entry(name.into()).or_default();
        Some(name.into())
    }

    /// Makes one group the child of another.
    pub(super) fn child(&mut self, parent: &SmolStr, child: &SmolStr) {
        let parents = &mut self.groups.entry(child.clone()).or_default().parents;
        if !parents.contains(parent) {
            parents.push(parent.clone());
        }
    }

    /// Puts the hosts that a pattern stands for into a group. Gives their names.
    pub(super) fn hosts(&mut self, place: Place<'_>, pattern: &str, group: &SmolStr) -> Vec<SmolStr> {
        let names = match range::expand(pattern) {
            Ok(names) => names,
            Err(problem) => {
                self.fault(place, problem);
                return Vec::new();
            }
        };
        let mut known = Vec::new();
        for name in names {
            let (name, port) = match split_port(&name) {
                Some((name, port)) if is_ssh_word(name) && !name.contains(['[', ']', '=']) => {
                    (SmolStr::new(name), port)
                }
                _ => {
                    self.fault(
                        place,
                        format!("expected a host's name, such as pi-1 or pi[01:12], found {name:?}"),
                    );
                    break;
                }
            };
            if !self.hosts.contains_key(&name) {
                if self.order.len() >= range::MOST {
                    self.fault(place, format!("expected at most {} hosts, found more", range::MOST));
                    break;
                }
                self.order.push(name.clone());
            }
            let host = self.hosts.entry(name.clone()).or_default();
            if !host.groups.contains(group) {
                host.groups.push(group.clone());
            }
            host.vars.port = host.vars.port.or(port);
            known.push(name);
        }
        known
    }

    /// Notes a variable of hosts.
    pub(super) fn host_var(&mut self, place: Place<'_>, hosts: &[SmolStr], key: &str, value: &str) {
        let Some(vars) = self.read_var(place, key, value) else {
            return;
        };
        for name in hosts {
            if let Some(host) = self.hosts.get_mut(name) {
                host.vars = vars.clone().over(std::mem::take(&mut host.vars));
            }
        }
    }

    /// Notes a variable of a group.
    pub(super) fn group_var(&mut self, place: Place<'_>, group: &SmolStr, key: &str, value: &str) {
        let Some(vars) = self.read_var(place, key, value) else {
            return;
        };
        let group = self.groups.entry(group.clone()).or_default();
        group.vars = vars.over(std::mem::take(&mut group.vars));
    }

    /// What a variable says of SSH, if anything. Values of others are never looked at: they may be secrets.
    fn read_var(&mut self, place: Place<'_>, key: &str, value: &str) -> Option<Vars> {
        let mut vars = Vars::default();
        let known = [
            "ansible_host",
            "ansible_ssh_host",
            "ansible_user",
            "ansible_ssh_user",
            "ansible_port",
            "ansible_ssh_port",
        ];
        if key == "ansible_connection" {
            vars.local = value == "local";
            return vars.local.then_some(vars);
        }
        if !known.contains(&key) || value.is_empty() {
            return None;
        }
        if value.contains("{{") {
            self.note(
                place,
                format!("{key} is a template and is left out; ansible-inventory --list fills templates in"),
            );
            return None;
        }
        let word = is_ssh_word(value).then(|| SmolStr::new(value));
        let expected = match key {
            "ansible_port" | "ansible_ssh_port" => {
                vars.port = port(value);
                vars.port.is_none().then_some("a port from 1 to 65535")
            }
            "ansible_user" | "ansible_ssh_user" => {
                vars.user = word;
                vars.user.is_none().then_some("a user's name: one word")
            }
            _ => {
                vars.address = word;
                vars.address.is_none().then_some("an IP address or a DNS name")
            }
        };
        if let Some(expected) = expected {
            self.fault(place, format!("{key}: expected {expected}, found {value:?}"));
        }
        Some(vars)
    }

    fn end(mut self) -> Result<Imported, ConfigError> {
        let mut found = Vec::new();
        let (mut several, mut local) = (0, 0);
        for name in std::mem::take(&mut self.order) {
            let Some(host) = self.hosts.remove(&name) else { continue };
            let own: Vec<&SmolStr> = host.groups.iter().filter(|group| !is_everybody(group)).collect();
            several += usize::from(own.len() > 1);
            let group = own.first().copied().cloned().unwrap_or_else(|| "ungrouped".into());
            let vars = host.vars.over(self.inherited(&host.groups));
            if vars.local {
                local += 1;
                continue;
            }
            found.push(Candidate {
                address: vars.address.filter(|address| *address != name),
                name,
                group: Some(group),
                user: vars.user,
                port: vars.port,
            });
        }
        if several > 0 {
            let what = format!("{several} hosts stand in several groups; each is put into the first that names it");
            self.told.notes.push(Fault::of_file(self.file, what));
        }
        if local > 0 {
            let what =
                format!("{local} hosts are not reached over SSH (ansible_connection=local); they are passed over");
            self.told.notes.push(Fault::of_file(self.file, what));
        }
        self.told.end(found)
    }

    /// What the groups say, and those above them: the nearer ones win, of equally near ones the last by name.
    fn inherited(&self, direct: &[SmolStr]) -> Vars {
        let mut vars = Vars::default();
        let mut seen: HashSet<&SmolStr> = HashSet::new();
        let mut level: Vec<&SmolStr> = direct.iter().collect();
        while !level.is_empty() {
            level.sort_by(|a, b| b.cmp(a));
            level.retain(|group| *group != "all" && seen.insert(group));
            let groups: Vec<&Group> = level.iter().filter_map(|name| self.groups.get(*name)).collect();
            for group in &groups {
                vars = vars.over(group.vars.clone());
            }
            level = groups.iter().flat_map(|group| &group.parents).collect();
        }
        match self.groups.get("all") {
            Some(all) => vars.over(all.vars.clone()),
            None => vars,
        }
    }
}

/// The groups that Ansible makes by itself.
fn is_everybody(group: &str) -> bool {
    matches!(group, "all" | "ungrouped")
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(crate) fn seen(text: &str) -> Vec<String> {
        let read = read_inventory(Path::new("inv"), text).unwrap();
        let word = |word: &Option<SmolStr>| word.clone().unwrap_or_else(|| "-".into());
        let line = |h: &Candidate| {
            let port = h.port.map_or("-".to_owned(), |port| port.to_string());
            format!(
                "{} {} {} {} {port}",
                word(&h.group),
                h.name,
                word(&h.address),
                word(&h.user)
            )
        };
        read.hosts.iter().map(line).collect()
    }

    const WANTED: [&str; 6] = [
        "ungrouped lone - root -",
        "kiosks pi01 - pi -",
        "kiosks pi02 - pi -",
        "kiosks pi03 10.0.0.3 admin 2222",
        "vision jetson - nv 2022",
        "vision pi.lab - nv 22",
    ];

    #[test]
    fn both_forms_say_the_same() {
        let ini = "lone\n\
             [kiosks]\npi[01:02]\npi03 ansible_host=10.0.0.3 ansible_user='admin' ansible_port=2222 # the odd one\n\
             [vision]\njetson:2022\npi.lab ansible_port=22\npi01\n\
             [vision:vars]\nansible_user = nv\nansible_password = \"hunter2\"\n\
             [edge:children]\nkiosks\n\
             [edge:vars]\nansible_user=pi\n\
             [all:vars]\nansible_ssh_user=root\n\
             ; the end\n[here]\nlocalhost ansible_connection=local\n";
        let yaml = "all:\n  hosts: {lone: }\n  vars: {ansible_user: root}\n  children:\n    edge:\n      vars:\n        ansible_user: pi\n      \
             children:\n        kiosks:\n          hosts:\n            pi[01:02]:\n            pi03: {ansible_host: 10.0.0.3, ansible_user: admin, ansible_port: 2222}\n    \
             vision:\n      vars:\n        ansible_user: nv\n        ansible_password: hunter2\n      hosts:\n        jetson:\n          ansible_port: 2022\n        pi.lab: {ansible_port: \"22\"}\n";
        let mut with_two_groups = WANTED.map(str::to_owned);
        // It stands in two groups: of equally near ones the last by name says the user.
        with_two_groups[1] = "kiosks pi01 - nv -".to_owned();
        assert_eq!(seen(ini), with_two_groups);
        assert_eq!(seen(yaml), WANTED);
        let notes = read_inventory(Path::new("inv"), ini).unwrap().notes;
        assert_eq!(notes.len(), 2, "{notes:?}");
    }

    #[test]
    fn what_ansible_inventory_lists_is_read() {
        let json = r#"{"_meta": {"hostvars": {"pi-1": {"ansible_host": "10.0.0.7", "ansible_user": "pi", "ansible_port": 22, "x": [1]}}},
            "all": {"children": ["ungrouped", "pis"]}, "pis": {"hosts": ["pi-1", "pi-2"]}}"#;
        assert_eq!(seen(json), ["pis pi-1 10.0.0.7 pi 22", "pis pi-2 - - -"]);
    }

    #[test]
    fn groups_that_go_round_end() {
        assert_eq!(
            seen("[a]\nx\n[a:children]\nb\n[b:children]\na\n[b:vars]\nansible_user=u\n"),
            ["a x - u -"]
        );
    }

    #[test]
    fn encrypted_and_template_values_are_told() {
        let error = read_inventory(Path::new("inv"), "$ANSIBLE_VAULT;1.1;AES256\n00\n").unwrap_err();
        assert!(error.to_string().contains("ansible-vault view"), "{error}");
        let read = read_inventory(Path::new("inv"), "[a]\nx ansible_host='{{ y }}'\n").unwrap();
        assert!(
            read.notes
                .first()
                .unwrap()
                .to_string()
                .starts_with("inv:2:1: ansible_host is a template")
        );
        assert_eq!(read.hosts.first().unwrap().address, None);
    }
}
