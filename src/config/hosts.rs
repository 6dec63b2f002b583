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

/// Reads the text of `hosts.toml`: all hosts, in the order of the file. `file` is its name in messages.
pub fn read_hosts(file: &Path, text: &str) -> Result<Vec<EdgeHost>, ConfigError> {
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
        hosts.list
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
    list: Vec<EdgeHost>,
    seen: HashMap<SmolStr, Value<'r>>,
}

/// What a group and a host can both say.
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
        match table.get("hosts") {
            Some(hosts) => {
                for item in hosts.list("a list of hosts").unwrap_or_default() {
                    if let Some(host) = self.read_host(&item, &shared) {
                        self.list.push(EdgeHost {
                            group: name.into(),
                            cluster: cluster.clone(),
                            ..host
                        });
                    }
                }
            }
            None => table.fault("expected hosts = [\"name\", …], found none"),
        }
        table.finish();
    }

    fn read_host(&mut self, item: &Value<'r>, group: &Shared) -> Option<EdgeHost> {
        if !item.is_table() {
            let name = item.parsed(HOST, |text| is_ssh_word(text).then(|| SmolStr::new(text)))?;
            return self.host(item, name, None, None, group);
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
        self.host(&name_place?, name?, address, Some(own), group)
    }

    fn host(
        &mut self,
        place: &Value<'r>,
        name: SmolStr,
        address: Option<SmolStr>,
        own: Option<Shared>,
        group: &Shared,
    ) -> Option<EdgeHost> {
        if let Some(first) = self.seen.get(&name) {
            place.fault(format!("host \"{name}\" is already in line {}", first.position().line));
            return None;
        }
        self.seen.insert(name.clone(), place.clone());
        let own = own.unwrap_or(Shared {
            user: None,
            port: None,
            labels: Vec::new(),
            taints: None,
        });
        let mut labels = own.labels;
        for (key, value) in &group.labels {
            if !labels.iter().any(|(k, _)| k == key) {
                labels.push((key.clone(), value.clone()));
            }
        }
        labels.sort();
        Some(EdgeHost {
            name: HostName::new(name),
            group: SmolStr::default(),
            address,
            user: own.user.or_else(|| group.user.clone()),
            port: own.port.or(group.port),
            cluster: None,
            labels: labels.into(),
            taints: own.taints.or_else(|| group.taints.clone()).unwrap_or_default().into(),
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

fn is_taint(text: &str) -> bool {
    let Some((taint, effect)) = text.rsplit_once(':') else {
        return false;
    };
    let (key, value) = taint.split_once('=').unwrap_or((taint, ""));
    let effects = ["NoSchedule", "PreferNoSchedule", "NoExecute"];
    is_label_key(key) && (value.is_empty() || is_label_part(value)) && effects.contains(&effect)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hosts(text: &str) -> Vec<EdgeHost> {
        read_hosts(Path::new("hosts.toml"), text).unwrap()
    }

    fn faults(text: &str) -> Vec<String> {
        let error = read_hosts(Path::new("hosts.toml"), text).unwrap_err();
        error.faults.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn no_hosts_are_fine() {
        assert!(hosts("").is_empty());
        assert!(hosts("[groups]\n").is_empty());
        assert!(hosts("[groups.a]\nhosts = []\n").is_empty());
    }

    #[test]
    fn a_host_takes_from_its_group_what_it_does_not_say() {
        let hosts = hosts(
            r#"
            [groups.shop-pi]
            cluster = "edge-lab"
            user = "pi"
            port = 2222
            labels = { site = "shop", "example.com/kind" = "kiosk" }
            taints = ["edge=true:NoSchedule"]
            hosts = [
                "pi-1",
                { name = "pi-2", address = "10.0.0.7", user = "root", port = 22, labels = { site = "yard" }, taints = [] },
            ]
            [groups.alone]
            hosts = ["jetson"]
            "#,
        );
        let label = |k: &str, v: &str| (SmolStr::new(k), SmolStr::new(v));
        let first = EdgeHost {
            name: HostName::new("pi-1"),
            group: "shop-pi".into(),
            address: None,
            user: Some("pi".into()),
            port: Some(2222),
            cluster: Some("edge-lab".into()),
            labels: [label("example.com/kind", "kiosk"), label("site", "shop")].into(),
            taints: ["edge=true:NoSchedule".into()].into(),
        };
        let second = EdgeHost {
            name: HostName::new("pi-2"),
            address: Some("10.0.0.7".into()),
            user: Some("root".into()),
            port: Some(22),
            labels: [label("example.com/kind", "kiosk"), label("site", "yard")].into(),
            taints: [].into(),
            ..first.clone()
        };
        let third = EdgeHost {
            name: HostName::new("jetson"),
            group: "alone".into(),
            address: None,
            user: None,
            port: None,
            cluster: None,
            labels: [].into(),
            taints: [].into(),
        };
        assert_eq!(hosts, [first, second, third]);
    }

    #[test]
    fn the_example_works() {
        let example = include_str!("../../assets/hosts.toml");
        assert!(hosts(example).is_empty());
        let uncomment = |line: &str| {
            line.strip_prefix('#')
                .filter(|rest| !rest.starts_with(' '))
                .unwrap_or(line)
                .to_owned()
        };
        let hosts = hosts(&example.lines().map(uncomment).collect::<Vec<_>>().join("\n"));
        let users: Vec<_> = hosts
            .iter()
            .map(|host| (host.name.as_str(), host.user.as_deref()))
            .collect();
        assert_eq!(
            users,
            [
                ("pi-kiosk-01", Some("pi")),
                ("pi-kiosk-02", Some("pi")),
                ("pi-kiosk-03", Some("admin")),
                ("jetson-01", None)
            ]
        );
    }

    #[test]
    fn tells_all_that_is_wrong() {
        let found = faults(
            "[groups.a]\nport = 0\nusr = \"pi\"\nhosts = [\"x\", \"-oProxyCommand=x\", { address = \"1.2.3.4\" }, 7]\n\
             [groups.b]\nlabels = { \"bad key\" = \"v\", good = \"-\" }\ntaints = [\"a=b:Never\"]\nhosts = [{ name = \"x\" }]\n\
             [groups.c]\n",
        );
        let starts = [
            "hosts.toml:2:8: groups.a.port: expected a port from 1 to 65535, found 0",
            "hosts.toml:3:1: groups.a.usr: no such key; did you mean user?",
            "hosts.toml:4:15: groups.a.hosts[1]: expected a host",
            "hosts.toml:4:35: groups.a.hosts[2]: expected name = \"…\", found none",
            "hosts.toml:4:60: groups.a.hosts[3]: expected a host",
            "hosts.toml:6:12: groups.b.labels.\"bad key\": expected a label's key",
            "hosts.toml:6:36: groups.b.labels.good: expected a label's value",
            "hosts.toml:7:11: groups.b.taints[0]: expected a taint",
            "hosts.toml:8:19: groups.b.hosts[0].name: host \"x\" is already in line 4",
            "hosts.toml:9:1: groups.c: expected hosts",
        ];
        assert_eq!(found.len(), starts.len(), "{found:#?}");
        for (fault, start) in found.iter().zip(starts) {
            assert!(fault.starts_with(start), "{fault}\nshould start with\n{start}");
        }
    }

    #[test]
    fn taints_and_labels_follow_kubernetes() {
        for good in ["key:NoExecute", "a.b/c=d:PreferNoSchedule", "key=:NoSchedule"] {
            assert!(is_taint(good), "{good}");
        }
        for bad in [
            "",
            "key",
            ":NoSchedule",
            "k=v:noschedule",
            "k v:NoSchedule",
            "A.b/c:NoSchedule",
            "a/b/c:NoSchedule",
        ] {
            assert!(!is_taint(bad), "{bad}");
        }
        assert!(is_label_part(&"a".repeat(63)) && !is_label_part(&"a".repeat(64)));
    }

    proptest! {
        #[test]
        fn a_hosts_name_is_never_an_option_nor_two_words(name in "[-a-z0-9 .@é\t]{0,8}") {
            let text = format!("[groups.g]\nhosts = [{name:?}]\n");
            if let Ok(hosts) = read_hosts(Path::new("h"), &text) {
                let host = hosts.first().unwrap().name.as_str();
                prop_assert!(!host.starts_with('-') && !host.contains(char::is_whitespace) && !host.is_empty());
            }
        }
    }
}
