//! Hosts that are added to the text of a `hosts.toml`. All that stands there stays, comments and order too: a group
//! that is there gets hosts at the end of its list, a new one is appended.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::ops::Range;
use std::path::Path;

use smol_str::SmolStr;
use toml::de::{DeTable, DeValue};

use super::super::fault::{ConfigError, Fault};
use super::super::hosts::read_hosts;
use super::super::load::load_hosts_text;
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

/// A list of hosts in the text.
struct Standing {
    list: Range<usize>,
    last: Option<usize>,
    cluster: Option<String>,
    says: bool,
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
            match standing(&made.after, &name) {
                Some(standing) => made.extend(file, &name, &hosts, &standing, cluster)?,
                None => made.append(&name, &hosts, cluster),
            }
        }
        made.check(file, there.len())?;
        Ok(made)
    }

    fn append(&mut self, group: &str, hosts: &[&Candidate], cluster: Option<&str>) {
        let mut block = format!("[groups.{}]\n", key(group));
        // What all hosts share is the group's.
        let user = hosts.first().and_then(|first| first.user.clone());
        let user = user.filter(|user| hosts.iter().all(|host| host.user.as_ref() == Some(user)));
        let port = hosts.first().and_then(|first| first.port);
        let port = port.filter(|port| hosts.iter().all(|host| host.port == Some(*port)));
        // Writing into a text cannot fail.
        let _ok = cluster.map(|cluster| writeln!(block, "cluster = {}", quoted(cluster)));
        let _ok = user.as_ref().map(|user| writeln!(block, "user = {}", quoted(user)));
        let _ok = port.map(|port| writeln!(block, "port = {port}"));
        block.push_str("hosts = [\n");
        for host in hosts {
            let own = Candidate {
                user: host.user.clone().filter(|_| user.is_none()),
                port: host.port.filter(|_| port.is_none()),
                ..(*host).clone()
            };
            let _ok = writeln!(block, "    {},", item(&own));
        }
        block.push_str("]\n");
        for text in [&mut self.after, &mut self.shown] {
            if !text.is_empty() {
                text.push_str(if text.ends_with('\n') { "\n" } else { "\n\n" });
            }
            text.push_str(&block);
        }
    }

    fn extend(
        &mut self,
        file: &Path,
        group: &str,
        hosts: &[&Candidate],
        standing: &Standing,
        cluster: Option<&str>,
    ) -> Result<(), ConfigError> {
        if let Some(cluster) = cluster.filter(|cluster| Some(*cluster) != standing.cluster.as_deref()) {
            let has = standing
                .cluster
                .as_deref()
                .map_or("says no cluster".to_owned(), |has| format!("has cluster {has:?}"));
            let problem = format!(
                "expected group {group:?} to have cluster {cluster:?}: it is there already and {has}; name another with --group, or edit it"
            );
            return Err(Fault::of_file(file, problem).into());
        }
        if standing.says {
            self.notes.push(format!(
                "group {group:?} says user or port, which hold for hosts that say none"
            ));
        }
        let end = standing.list.end.saturating_sub(1);
        let list = self.after.get(standing.list.start..end).unwrap_or_default();
        let tail = standing.last.and_then(|last| self.after.get(last..end));
        let comma = tail.is_some_and(|tail| !has_comma(tail));
        // In a list of several lines each new host has its own, as far in as the last one.
        let line_start = list.rfind('\n').map(|at| standing.list.start + at + 1);
        let own_line =
            line_start.filter(|start| self.after.get(*start..end).is_some_and(|space| space.trim().is_empty()));
        let items: Vec<String> = hosts.iter().map(|host| item(host)).collect();
        let (at, new) = match own_line {
            Some(start) => (start, items.iter().map(|item| format!("    {item},\n")).collect()),
            None => {
                let gap = if standing.last.is_some() { " " } else { "" };
                (end, format!("{gap}{}", items.join(", ")))
            }
        };
        self.after.insert_str(at, &new);
        if let Some(last) = standing.last.filter(|_| comma) {
            self.after.insert(last, ',');
        }
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
            return Err(Fault::of_file(file, "the hosts cannot be added to the file in the form it has").into());
        }
        Ok(())
    }

    /// Writes the text: whoever reads the file meets the old text or the new one. What a link leads to is written. A
    /// file that was changed since it was read is left alone, which is an error.
    pub fn write(&self, path: &Path) -> Result<(), ConfigError> {
        let changed = load_hosts_text(path)? != self.before;
        if changed {
            return Err(Fault::of_file(
                path,
                "was changed while the hosts were added; it is left as it is, try again",
            )
            .into());
        }
        self.replace(path)
            .map_err(|error| Fault::of_file(path, format!("cannot be written: {error}")).into())
    }

    fn replace(&self, path: &Path) -> io::Result<()> {
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory)?;
        }
        let path = if path.exists() {
            path.canonicalize()?
        } else {
            path.to_owned()
        };
        let beside = path.with_file_name(format!(".hosts.toml.{:08x}", fastrand::u32(..)));
        let write = || {
            let mut file = File::create_new(&beside)?;
            file.write_all(self.after.as_bytes())?;
            if let Ok(old) = fs::metadata(&path) {
                file.set_permissions(old.permissions())?;
            }
            file.sync_all()?;
            fs::rename(&beside, &path)
        };
        let written = write();
        if written.is_err() {
            // It was written by us, and is of no use to anybody.
            let _kept = fs::remove_file(&beside);
        }
        written
    }
}

/// The list of hosts of a group that stands in the text.
fn standing(text: &str, group: &str) -> Option<Standing> {
    let (root, _) = DeTable::parse_recoverable(text);
    let groups = root.get_ref().get("groups")?.get_ref().as_table()?;
    let table = groups.get(group)?.get_ref().as_table()?;
    let hosts = table.get("hosts")?;
    let items = hosts.get_ref().as_array()?;
    Some(Standing {
        list: hosts.span(),
        last: items.iter().last().map(|last| last.span().end),
        cluster: table
            .get("cluster")
            .and_then(|value| value.get_ref().as_str())
            .map(str::to_owned),
        says: ["user", "port"].iter().any(|key| {
            table
                .get(*key)
                .is_some_and(|v: &toml::Spanned<DeValue<'_>>| !v.get_ref().is_table())
        }),
    })
}

/// Whether a comma stands in what follows a list's last item; comments do not count.
fn has_comma(tail: &str) -> bool {
    let code = tail.lines().map(|line| line.split('#').next().unwrap_or_default());
    code.into_iter().any(|code| code.contains(','))
}

fn item(host: &Candidate) -> String {
    let name = quoted(&host.name);
    if host.address.is_none() && host.user.is_none() && host.port.is_none() {
        return name;
    }
    let word = |key: &str, word: &Option<SmolStr>| word.as_ref().map(|word| format!("{key} = {}", quoted(word)));
    let parts = [
        Some(format!("name = {name}")),
        word("address", &host.address),
        word("user", &host.user),
        host.port.map(|port| format!("port = {port}")),
    ];
    format!("{{ {} }}", parts.into_iter().flatten().collect::<Vec<_>>().join(", "))
}

fn key(group: &str) -> String {
    let bare = group.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if bare { group.to_owned() } else { quoted(group) }
}

fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn host(name: &str) -> Candidate {
        Candidate {
            name: name.into(),
            ..Candidate::default()
        }
    }

    fn plan(text: &str, hosts: &[Candidate]) -> Addition {
        Addition::plan(Path::new("hosts.toml"), text, hosts, "shop", None).unwrap()
    }

    #[test]
    fn a_new_group_is_appended_with_what_all_share() {
        let hosts = [
            Candidate {
                user: Some("pi".into()),
                address: Some("10.0.0.1".into()),
                ..host("a")
            },
            Candidate {
                user: Some("pi".into()),
                port: Some(2222),
                ..host("b")
            },
        ];
        let made = Addition::plan(
            Path::new("h"),
            "# mine\n[groups.x]\nhosts = [\"y\"] # z",
            &hosts,
            "new group?",
            Some("edge"),
        );
        // The group's name is checked by the reader.
        assert!(made.unwrap_err().to_string().contains("expected a group's name"));
        let made = Addition::plan(
            Path::new("h"),
            "# mine\n[groups.x]\nhosts = [\"y\"] # z",
            &hosts,
            "a.b",
            Some("edge"),
        )
        .unwrap();
        assert_eq!(
            made.after,
            "# mine\n[groups.x]\nhosts = [\"y\"] # z\n\n[groups.\"a.b\"]\ncluster = \"edge\"\nuser = \"pi\"\nhosts = [\n    \
             { name = \"a\", address = \"10.0.0.1\" },\n    { name = \"b\", port = 2222 },\n]\n"
        );
        assert!(made.after.ends_with(&made.shown));
    }

    #[test]
    fn a_group_that_is_there_gets_its_hosts_at_the_end_of_the_list() {
        for (before, after) in [
            ("hosts = []\n", "hosts = [\"a\", \"b\"]\n"),
            ("hosts = [\"x\"] # c\n", "hosts = [\"x\", \"a\", \"b\"] # c\n"),
            ("hosts = [\"x\", ]\n", "hosts = [\"x\",  \"a\", \"b\"]\n"),
            (
                "hosts = [\n    \"x\" # no comma, here\n]\nuser = \"pi\"\n",
                "hosts = [\n    \"x\", # no comma, here\n    \"a\",\n    \"b\",\n]\nuser = \"pi\"\n",
            ),
            (
                "hosts = [\n    \"x\", # c\n]\n",
                "hosts = [\n    \"x\", # c\n    \"a\",\n    \"b\",\n]\n",
            ),
        ] {
            let made = plan(&format!("[groups.shop]\n{before}"), &[host("a"), host("x"), host("b")]);
            let there = before.contains("\"x\"");
            let after = if there {
                after.to_owned()
            } else {
                after.replace("\"a\", ", "\"a\", \"x\", ")
            };
            assert_eq!(made.after, format!("[groups.shop]\n{after}"));
            assert_eq!(made.already.len(), usize::from(there));
        }
    }

    #[test]
    fn another_cluster_and_odd_forms_are_refused() {
        let text = "[groups.shop]\ncluster = \"a\"\nhosts = []\n";
        let add = |text: &str, cluster| Addition::plan(Path::new("h"), text, &[host("x")], "shop", cluster);
        assert!(add(text, Some("a")).is_ok());
        let error = add(text, Some("b")).unwrap_err().to_string();
        assert!(
            error.contains("has cluster \"a\"") && error.contains("--group"),
            "{error}"
        );
        let error = add("groups = { other = { hosts = [] } }\n", None)
            .unwrap_err()
            .to_string();
        assert!(error.contains("in the form it has"), "{error}");
        let error = add("[groups.shop]\nhosts = 7\n", None).unwrap_err().to_string();
        assert!(error.starts_with("h:2:9:"), "{error}");
    }

    #[test]
    fn it_is_written_whole_and_only_over_what_was_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deep/hosts.toml");
        let made = plan("", &[host("a")]);
        made.write(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), made.after);
        let error = made.write(&path).unwrap_err().to_string();
        assert!(error.contains("was changed"), "{error}");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    proptest! {
        #[test]
        fn what_is_added_is_read_back(
            names in proptest::collection::btree_set("[a-z0-9.:]{1,6}", 1..6),
            user in proptest::option::of("[a-z]{1,4}"),
            port in proptest::option::of(1u16..),
            before in "(# c,\n)?(\\[groups\\.shop\\]\nhosts = \\[(\n|\"OLD\"|\"OLD\", |\n\"OLD\" # a, b\n|\n  \"OLD\",\n)\\])?\n?",
        ) {
            let hosts: Vec<Candidate> = names.iter().map(|n| Candidate { user: user.clone().map(Into::into), port, ..host(n) }).collect();
            let made = plan(&before, &hosts);
            let read = read_hosts(Path::new("h"), &made.after).unwrap();
            for host in &hosts {
                let found = read.iter().find(|read| read.name.as_str() == host.name).unwrap();
                prop_assert_eq!((&found.user, found.port), (&host.user, host.port));
            }
            for line in before.lines().filter(|line| line.starts_with('#')) {
                prop_assert!(made.after.contains(line));
            }
        }
    }
}
