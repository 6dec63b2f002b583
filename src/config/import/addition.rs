//! Hosts that are added to the text of a `hosts.toml`. All that stands there stays, comments and order too: a group
//! that is there gets hosts at the end of its list, a new one is appended.

use std::fmt::Write as _;
use std::path::Path;

use smol_str::SmolStr;

use super::super::edit::{Item, List, appended, key, quoted, write_text};
use super::super::fault::{ConfigError, Fault};
use super::super::hosts::read_hosts;
use super::Candidate;

/// What an import would make of a `hosts.toml`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addition {
    /// The text as it was.
    before: String,
    /// The whole text as it shall be.
    pub after: String,
    /// What is new in it, for people.
    pub shown: String,
    /// The names of the hosts that are new.
    pub added: Vec<SmolStr>,
    /// The hosts that were there already, with their groups: they are left alone.
    pub already: Vec<(SmolStr, SmolStr)>,
    /// What else the operator should know.
    pub notes: Vec<String>,
}

impl Addition {
    /// Plans to add hosts to the text of `file`. Those without a group go into `group`. The error tells what is wrong
    /// with the file, or why the hosts cannot be added to it.
    pub fn plan(
        file: &Path,
        text: &str,
        hosts: &[Candidate],
        group: &str,
        cluster: Option<&str>,
    ) -> Result<Self, ConfigError> {
        let there = read_hosts(file, text)?;
        let mut made = Self {
            before: text.to_owned(),
            after: text.to_owned(),
            shown: String::new(),
            added: Vec::new(),
            already: Vec::new(),
            notes: Vec::new(),
        };
        let mut groups: Vec<(SmolStr, Vec<&Candidate>)> = Vec::new();
        for host in hosts {
            if let Some(there) = there.iter().find(|there| there.name.as_str() == host.name) {
                made.already.push((host.name.clone(), there.group.clone()));
                continue;
            }
            made.added.push(host.name.clone());
            let group = host.group.clone().unwrap_or_else(|| group.into());
            match groups.iter_mut().find(|(name, _)| *name == group) {
                Some((_, hosts)) => hosts.push(host),
                None => groups.push((group, vec![host])),
            }
        }
        for (name, hosts) in groups {
            match List::of(&made.after, &name) {
                Some(list) => made.extend(file, &name, &hosts, &list, cluster)?,
                None => made.append(&name, &hosts, cluster),
            }
        }
        made.check(file, there.len())?;
        Ok(made)
    }

    fn append(&mut self, group: &str, hosts: &[&Candidate], cluster: Option<&str>) {
        // What all hosts share is the group's.
        let user = hosts.first().and_then(|first| first.user.as_deref());
        let user = user.filter(|user| hosts.iter().all(|host| host.user.as_deref() == Some(user)));
        let port = hosts.first().and_then(|first| first.port);
        let port = port.filter(|port| hosts.iter().all(|host| host.port == Some(*port)));
        let about = [
            cluster.map(|cluster| format!("cluster = {}", quoted(cluster))),
            user.map(|user| format!("user = {}", quoted(user))),
            port.map(|port| format!("port = {port}")),
        ];
        let about: Vec<_> = about.into_iter().flatten().collect();
        let items = hosts.iter().map(|host| Item {
            user: host.user.as_deref().filter(|_| user.is_none()),
            port: host.port.filter(|_| port.is_none()),
            ..item(host)
        });
        let items: Vec<_> = items.collect();
        for text in [&mut self.after, &mut self.shown] {
            appended(text, group, &about, &items);
        }
    }

    fn extend(
        &mut self,
        file: &Path,
        group: &str,
        hosts: &[&Candidate],
        list: &List,
        cluster: Option<&str>,
    ) -> Result<(), ConfigError> {
        if let Some(cluster) = cluster.filter(|cluster| Some(*cluster) != list.cluster.as_deref()) {
            let has = list
                .cluster
                .as_deref()
                .map_or("says no cluster".to_owned(), |has| format!("has cluster {has:?}"));
            let problem = format!(
                "expected group {group:?} to have cluster {cluster:?}: it is there already and {has}; name another with --group, or edit it"
            );
            return Err(Fault::of_file(file, problem).into());
        }
        if list.says {
            self.notes.push(format!(
                "group {group:?} says user or port, which hold for hosts that say none"
            ));
        }
        let items: Vec<String> = hosts.iter().map(|host| item(host).text()).collect();
        self.after = list.extend(&self.after, &items).ok_or_else(|| odd(file))?;
        let gap = if self.shown.is_empty() { "" } else { "\n" };
        // Writing into a text cannot fail.
        let _ok = write!(
            self.shown,
            "{gap}# into hosts of [groups.{}]\n    {},\n",
            key(group),
            items.join(",\n    ")
        );
        Ok(())
    }

    /// Reads the result back: it must hold all hosts, old and new, and nothing else.
    fn check(&self, file: &Path, before: usize) -> Result<(), ConfigError> {
        let read = read_hosts(file, &self.after).map_err(|error| {
            let why = "the hosts cannot be added to the file in the form it has; with them it would be wrong:";
            ConfigError::from(Fault::of_file(file, why)).and(error)
        })?;
        if read.len() != before + self.added.len() {
            return Err(odd(file));
        }
        Ok(())
    }

    /// Writes the text, if the file still holds what was read.
    pub fn write(&self, path: &Path) -> Result<(), ConfigError> {
        write_text(path, &self.before, &self.after)
    }
}

fn odd(file: &Path) -> ConfigError {
    Fault::of_file(file, "the hosts cannot be added to the file in the form it has").into()
}

fn item(host: &Candidate) -> Item<'_> {
    Item {
        name: &host.name,
        address: host.address.as_deref(),
        user: host.user.as_deref(),
        port: host.port,
        ..Item::default()
    }
}

#[cfg(test)]
mod tests;
