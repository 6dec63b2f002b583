//! `hosts.toml`: the edge hosts, in groups that are their pools. A group's settings hold for its hosts unless a
//! host says otherwise.

use std::collections::HashMap;
use std::path::Path;

use smol_str::SmolStr;

use super::fault::ConfigError;
use super::reader::{self, Table, Value};
use super::settings::is_name;
use crate::fleet::{EdgeHost, HostName};

type Labels = Vec<(SmolStr, SmolStr)>;

/// A group of `hosts.toml`: what it says holds for its hosts unless a host says otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// Its name.
    pub name: SmolStr,
    /// The cluster its hosts belong to.
    pub cluster: Option<SmolStr>,
    /// Whom to log in as.
    pub user: Option<SmolStr>,
    /// The SSH port.
    pub port: Option<u16>,
    /// Labels of its nodes.
    pub labels: Vec<(SmolStr, SmolStr)>,
    /// Taints of its nodes.
    pub taints: Vec<SmolStr>,
}

impl Group {
    /// A host of this group that says nothing of its own.
    pub fn host(&self, name: HostName) -> EdgeHost {
        let mut labels = self.labels.clone();
        labels.sort();
        EdgeHost {
            name,
            group: self.name.clone(),
            address: None,
            user: self.user.clone(),
            port: self.port,
            cluster: self.cluster.clone(),
            labels: labels.into(),
            taints: self.taints.clone().into(),
        }
    }
}

/// Reads the text of `hosts.toml`: all hosts, in the order of the file. `file` is its name in messages.
pub fn read_hosts(file: &Path, text: &str) -> Result<Vec<EdgeHost>, ConfigError> {
    read_groups(file, text).map(|(_, hosts)| hosts)
}

/// Reads the text of `hosts.toml`: all groups, those without hosts too, and all hosts, in the order of the file.
pub fn read_groups(file: &Path, text: &str) -> Result<(Vec<Group>, Vec<EdgeHost>), ConfigError> {
    reader::read(file, text, |table| {
        let mut hosts = Hosts::default();
        for (name, group) in table.table("groups").map(|table| table.entries()).unwrap_or_default() {
            if !is_ssh_word(name) {
                group.key_fault(format!("expected {GROUP}, found {name:?}"));
            }
            if let Some(table) = group.table() {
                hosts.read_group(name, table);
            }
        }
        (hosts.groups, hosts.list)
    })
}

const GROUP: &str = "a group's name: one word that does not begin with -";
const HOST: &str = "a host: its name, or a table with name and what differs from the group";
const HOST_NAME: &str = "a host's name: one word that does not begin with -";
const ADDRESS: &str = "an IP address or a DNS name";
const USER: &str = "a user's name";
const CLUSTER: &str = "the name of a cluster";
const LABEL: &str = "a label's value: up to 63 letters, digits, - _ . with a letter or digit at both ends, or empty";
const TAINT: &str = "a taint, such as \"key=value:NoSchedule\"; effects are NoSchedule, PreferNoSchedule, NoExecute";

#[derive(Default)]
struct Hosts<'r> {
    groups: Vec<Group>,
    list: Vec<EdgeHost>,
    seen: HashMap<SmolStr, Value<'r>>,
}

/// What a group and a host can both say.
#[derive(Default)]
struct Shared {
    user: Option<SmolStr>,
    port: Option<u16>,
    labels: Labels,
    taints: Option<Vec<SmolStr>>,
}

impl Shared {
    fn read(table: &mut Table<'_>) -> Self {
        Self {
            user: word(table.get("user"), USER),
            port: table
                .get("port")
                .and_then(|value| value.whole("a port", 1..=65_535))
                .and_then(|port| u16::try_from(port).ok()),
            labels: table
                .table("labels")
                .map(|table| read_labels(&table))
                .unwrap_or_default(),
            taints: table.get("taints").and_then(|value| value.names(TAINT, is_taint)),
        }
    }
}

impl<'r> Hosts<'r> {
    fn read_group(&mut self, name: &str, mut table: Table<'r>) {
        let cluster = table
            .get("cluster")
            .and_then(|value| value.parsed(CLUSTER, |text| is_name(text).then(|| SmolStr::new(text))));
        let shared = Shared::read(&mut table);
        let group = Group {
            name: name.into(),
            cluster,
            user: shared.user,
            port: shared.port,
            labels: shared.labels,
            taints: shared.taints.unwrap_or_default(),
        };
        match table.get("hosts") {
            Some(hosts) => {
                for item in hosts.list("a list of hosts").unwrap_or_default() {
                    let host = self.read_host(&item, &group);
                    self.list.extend(host);
                }
            }
            None => table.fault("expected hosts = [\"name\", …], found none"),
        }
        table.finish();
        self.groups.push(group);
    }

    fn read_host(&mut self, item: &Value<'r>, group: &Group) -> Option<EdgeHost> {
        if !item.is_table() {
            let name = item.parsed(HOST, |text| is_ssh_word(text).then(|| SmolStr::new(text)))?;
            return self.host(item, name, None, Shared::default(), group);
        }
        let mut table = item.table()?;
        let name = table.get("name");
        if name.is_none() {
            table.fault("expected name = \"…\", found none");
        }
        let name_place = name.clone();
        let name = word(name, HOST_NAME);
        let address = word(table.get("address"), ADDRESS);
        let own = Shared::read(&mut table);
        table.finish();
        self.host(&name_place?, name?, address, own, group)
    }

    fn host(
        &mut self,
        place: &Value<'r>,
        name: SmolStr,
        address: Option<SmolStr>,
        own: Shared,
        group: &Group,
    ) -> Option<EdgeHost> {
        if let Some(first) = self.seen.get(&name) {
            place.fault(format!("host \"{name}\" is already in line {}", first.position().line));
            return None;
        }
        self.seen.insert(name.clone(), place.clone());
        let mut labels = own.labels;
        for (key, value) in &group.labels {
            if !labels.iter().any(|(k, _)| k == key) {
                labels.push((key.clone(), value.clone()));
            }
        }
        labels.sort();
        let usual = group.host(HostName::new(name));
        Some(EdgeHost {
            address,
            user: own.user.or_else(|| usual.user.clone()),
            port: own.port.or(usual.port),
            labels: labels.into(),
            taints: own.taints.map_or(usual.taints, Into::into),
            ..usual
        })
    }
}

fn word(value: Option<Value<'_>>, expected: &str) -> Option<SmolStr> {
    value?.parsed(expected, |text| is_ssh_word(text).then(|| SmolStr::new(text)))
}

/// A word that can stand on ssh's command line: it is not taken for an option, and hides no second word or user.
pub fn is_ssh_word(text: &str) -> bool {
    let odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '@' | '/' | '"' | '\'' | '\\' | '`' | '$');
    !text.is_empty() && !text.starts_with('-') && !text.chars().any(odd)
}

fn read_labels(table: &Table<'_>) -> Labels {
    let mut labels = Labels::new();
    for (key, value) in table.entries() {
        if !is_label_key(key) {
            value.key_fault(format!(
                "expected a label's key, such as \"site\" or \"example.com/site\", found {key:?}"
            ));
        }
        let good = |text: &str| (text.is_empty() || is_label_part(text)).then(|| SmolStr::new(text));
        labels.extend(value.parsed(LABEL, good).map(|text| (SmolStr::new(key), text)));
    }
    labels
}

/// Whether these are the key and the value of a label of Kubernetes.
pub fn is_label(key: &str, value: &str) -> bool {
    is_label_key(key) && (value.is_empty() || is_label_part(value))
}

fn is_label_key(key: &str) -> bool {
    match key.split_once('/') {
        Some((prefix, name)) => is_dns_name(prefix) && is_label_part(name),
        None => is_label_part(key),
    }
}

fn is_dns_name(text: &str) -> bool {
    let label = |part: &str| {
        let inner = part
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        !part.is_empty() && inner && !part.starts_with('-') && !part.ends_with('-')
    };
    text.len() <= 253 && text.split('.').all(label)
}

fn is_label_part(text: &str) -> bool {
    let end = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    let inner = bytes.iter().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(b));
    bytes.len() <= 63 && inner && end(bytes.first()) && end(bytes.last())
}

/// Whether a text is a taint of Kubernetes, `key=value:Effect` or `key:Effect`.
pub fn is_taint(text: &str) -> bool {
    let Some((taint, effect)) = text.rsplit_once(':') else {
        return false;
    };
    let (key, value) = taint.split_once('=').unwrap_or((taint, ""));
    let effects = ["NoSchedule", "PreferNoSchedule", "NoExecute"];
    is_label_key(key) && (value.is_empty() || is_label_part(value)) && effects.contains(&effect)
}

#[cfg(test)]
mod tests;
