//! A host as it is written down in the list of its group: what it does not share with the group.

use smol_str::SmolStr;

use crate::config::hosts::Group;
use crate::fleet::EdgeHost;

/// A host in a list.
#[derive(Clone, Debug, Default)]
pub(in crate::config) struct Item<'a> {
    pub(in crate::config) name: &'a str,
    pub(in crate::config) address: Option<&'a str>,
    pub(in crate::config) user: Option<&'a str>,
    pub(in crate::config) port: Option<u16>,
    pub(in crate::config) labels: Vec<&'a (SmolStr, SmolStr)>,
    pub(in crate::config) taints: Option<&'a [SmolStr]>,
}

impl<'a> Item<'a> {
    /// What a host has to say for itself beside its group. The error tells what it cannot say: that it has not what the
    /// group gives to all.
    pub(super) fn of(host: &'a EdgeHost, group: &Group) -> Result<Self, String> {
        let gives = |what: String, mend: &str| Err(format!("group {} gives its hosts {what}; {mend}", group.name));
        if host.cluster != group.cluster {
            let says = |cluster: &Option<SmolStr>| match cluster {
                Some(cluster) => format!("cluster {cluster}"),
                None => "no cluster".to_owned(),
            };
            let why = format!(
                "group {} has {}, not {}",
                group.name,
                says(&group.cluster),
                says(&host.cluster)
            );
            return Err(format!("{why}; choose another group, or change this one in an editor"));
        }
        if let (None, Some(user)) = (&host.user, &group.user) {
            return gives(format!("user {user}"), "say another one for the host");
        }
        if let (None, Some(port)) = (host.port, group.port) {
            return gives(format!("port {port}"), "say another one for the host");
        }
        let has = |key: &SmolStr| host.labels.iter().any(|(k, _)| k == key);
        if let Some((key, _)) = group.labels.iter().find(|(key, _)| !has(key)) {
            return gives(format!("the label {key}"), "say another value for the host");
        }
        Ok(Self {
            name: host.name.as_str(),
            address: host.address.as_deref(),
            user: host.user.as_deref().filter(|_| host.user != group.user),
            port: host.port.filter(|_| host.port != group.port),
            labels: host
                .labels
                .iter()
                .filter(|label| !group.labels.contains(label))
                .collect(),
            taints: (*host.taints != *group.taints).then_some(&*host.taints),
        })
    }

    /// As it stands in the list: its name alone where it says nothing else.
    pub(in crate::config) fn text(&self) -> String {
        let word = |key: &str, word: Option<&str>| word.map(|word| format!("{key} = {}", quoted(word)));
        let labels = self.labels.iter().map(|(k, v)| format!("{} = {}", key(k), quoted(v)));
        let labels = labels.collect::<Vec<_>>().join(", ");
        let taints = self
            .taints
            .map(|taints| taints.iter().map(|t| quoted(t)).collect::<Vec<_>>());
        let more = [
            word("address", self.address),
            word("user", self.user),
            self.port.map(|port| format!("port = {port}")),
            (!labels.is_empty()).then(|| format!("labels = {{ {labels} }}")),
            taints.map(|taints| format!("taints = [{}]", taints.join(", "))),
        ];
        let more: Vec<_> = more.into_iter().flatten().collect();
        match more.as_slice() {
            [] => quoted(self.name),
            more => format!("{{ name = {}, {} }}", quoted(self.name), more.join(", ")),
        }
    }
}

/// A word as a TOML string.
pub(in crate::config) fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// A word as a TOML key.
pub(in crate::config) fn key(word: &str) -> String {
    let bare = !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if bare { word.to_owned() } else { quoted(word) }
}
