//! Changes to the text of a `hosts.toml`: a host is added, changed or taken out, and all else stays as it stands,
//! comments and order too; and to the ways in a `config.toml` ([`set_way`]), by the same means.
//!
//! ```text
//!  text ─▶ read_groups ─▶ what the host has to say beside its group ─▶ Item
//!    └───▶ List: where the group's hosts stand ─▶ text with the Item in its place ─▶ read back: all that was to be
//! ```
//! What is written is read back before anybody gets it: a text that would not say exactly what was asked for is an error.

mod item;
mod list;
mod way;
mod write;

use std::fmt::Write as _;
use std::path::Path;

pub(super) use item::{Item, key, quoted};
pub(super) use list::List;
pub use way::set_way;
pub use write::write_text;

use super::fault::{ConfigError, Fault};
use super::hosts::{Group, read_groups, read_hosts};
use crate::fleet::{EdgeHost, HostName};

/// The text with one more host, at the end of its group; a group that is not there is appended, with the host's cluster.
/// `file` is its name in messages.
pub fn add_host(file: &Path, text: &str, host: &EdgeHost) -> Result<String, ConfigError> {
    let (groups, mut hosts) = read_groups(file, text)?;
    if let Some(there) = hosts.iter().find(|there| there.name == host.name) {
        let why = format!("host {} is already in group {}", host.name, there.group);
        return Err(Fault::of_file(file, why).into());
    }
    let after = put(file, text, &groups, host)?;
    hosts.push(host.clone());
    checked(file, after, hosts)
}

/// The text with a host as it shall be, in place of the one of that name; it may have another name then, or another group.
pub fn replace_host(file: &Path, text: &str, name: &HostName, host: &EdgeHost) -> Result<String, ConfigError> {
    let (groups, mut hosts) = read_groups(file, text)?;
    let place = place(file, &hosts, name)?;
    let mut same_group = None;
    for (at, there) in hosts.iter_mut().enumerate() {
        if at == place {
            same_group = (there.group == host.group).then(|| there.group.clone());
            *there = host.clone();
        } else if there.name == host.name {
            let why = format!("host {} is already in group {}", host.name, there.group);
            return Err(Fault::of_file(file, why).into());
        }
    }
    let after = match same_group.and_then(|group| groups.iter().find(|g| g.name == group)) {
        Some(group) => {
            let item = item(file, host, group)?;
            let list = List::of(text, &group.name).ok_or_else(|| odd(file))?;
            list.replace(text, name.as_str(), &item.text())
                .ok_or_else(|| odd(file))?
        }
        None => put(file, &taken(file, text, &groups, name)?, &groups, host)?,
    };
    checked(file, after, hosts)
}

/// The text without a host, and without what stands beside it in its line. Its group stays.
pub fn remove_host(file: &Path, text: &str, name: &HostName) -> Result<String, ConfigError> {
    let (groups, mut hosts) = read_groups(file, text)?;
    let place = place(file, &hosts, name)?;
    let after = taken(file, text, &groups, name)?;
    hosts.remove(place);
    checked(file, after, hosts)
}

/// A group as it is to be appended; `about` are its own lines, such as `user = "pi"`.
pub(super) fn appended(text: &mut String, group: &str, about: &[String], items: &[Item<'_>]) {
    if !text.is_empty() {
        text.push_str(if text.ends_with('\n') { "\n" } else { "\n\n" });
    }
    // Writing into a text cannot fail.
    let _ok = writeln!(text, "[groups.{}]", key(group));
    for line in about {
        text.push_str(line);
        text.push('\n');
    }
    text.push_str("hosts = [\n");
    for item in items {
        let _ok = writeln!(text, "    {},", item.text());
    }
    text.push_str("]\n");
}

fn place(file: &Path, hosts: &[EdgeHost], name: &HostName) -> Result<usize, ConfigError> {
    let place = hosts.iter().position(|host| host.name == *name);
    place.ok_or_else(|| Fault::of_file(file, format!("there is no host {name}")).into())
}

fn put(file: &Path, text: &str, groups: &[Group], host: &EdgeHost) -> Result<String, ConfigError> {
    let Some(group) = groups.iter().find(|group| group.name == host.group) else {
        let group = Group {
            name: host.group.clone(),
            cluster: host.cluster.clone(),
            ..Group::default()
        };
        let about = group
            .cluster
            .iter()
            .map(|cluster| format!("cluster = {}", quoted(cluster)));
        let mut after = text.to_owned();
        appended(
            &mut after,
            &group.name,
            &about.collect::<Vec<_>>(),
            &[item(file, host, &group)?],
        );
        return Ok(after);
    };
    let item = item(file, host, group)?;
    let list = List::of(text, &group.name).ok_or_else(|| odd(file))?;
    list.extend(text, &[item.text()]).ok_or_else(|| odd(file))
}

fn taken(file: &Path, text: &str, groups: &[Group], name: &HostName) -> Result<String, ConfigError> {
    let list = groups.iter().filter_map(|group| List::of(text, &group.name));
    let mut without = list.filter_map(|list| list.without(text, name.as_str()));
    without.next().ok_or_else(|| odd(file))
}

fn item<'a>(file: &Path, host: &'a EdgeHost, group: &Group) -> Result<Item<'a>, ConfigError> {
    Item::of(host, group).map_err(|why| Fault::of_file(file, why).into())
}

fn odd(file: &Path) -> ConfigError {
    Fault::of_file(file, "cannot be changed in the form it has; change it in an editor").into()
}

/// The text, if it says that there are these hosts and no others.
fn checked(file: &Path, after: String, mut expected: Vec<EdgeHost>) -> Result<String, ConfigError> {
    let mut read = read_hosts(file, &after).map_err(|error| odd(file).and(error))?;
    for host in &mut expected {
        host.labels.sort();
    }
    for hosts in [&mut read, &mut expected] {
        hosts.sort_by(|a, b| a.name.cmp(&b.name));
    }
    if read == expected { Ok(after) } else { Err(odd(file)) }
}

#[cfg(test)]
mod tests;
