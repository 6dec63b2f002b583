//! `hosts add`, `edit` and `remove`: one host of `hosts.toml`, whose text stays as it is otherwise.

use std::io::{self, Write};
use std::path::Path;

use smol_str::SmolStr;

use super::super::args::{Added, Edited, Said};
use super::super::complain;
use super::super::exit::Exit;
use super::faulty;
use crate::config::{
    ConfigError, Fault, Group, add_host, load_hosts_text, read_groups, remove_host, replace_host, write_text,
};
use crate::fleet::{EdgeHost, HostName};

/// A change of the text: it gives the text as it shall be, and what is done, for people.
type Change<'a> = dyn Fn(&str) -> Result<(String, String), ConfigError> + 'a;

/// Makes a change of the file, or prints what would change in it.
pub(super) fn change(file: &Path, dry_run: bool, change: &Change<'_>) -> io::Result<Exit> {
    let planned = load_hosts_text(file).and_then(|before| Ok((change(&before)?, before)));
    let ((after, done), before) = match planned {
        Ok(planned) => planned,
        Err(error) => return Ok(faulty(&error)),
    };
    let mut out = io::stdout().lock();
    if dry_run {
        out.write_all(difference(&before, &after).as_bytes())?;
        return Ok(Exit::Done);
    }
    if before == after {
        complain(&format!("nothing changes; {} is left as it is", file.display()));
        return Ok(Exit::Done);
    }
    if let Err(error) = write_text(file, &before, &after) {
        error.faults.iter().for_each(|fault| complain(&fault.to_string()));
        return Ok(Exit::Failed);
    }
    writeln!(out, "{done} in {}", file.display())?;
    Ok(Exit::Done)
}

/// The text with one more host.
pub(super) fn added(file: &Path, text: &str, args: &Added) -> Result<(String, String), ConfigError> {
    let (groups, _) = read_groups(file, text)?;
    let name = match (&args.said.group, groups.as_slice()) {
        (Some(name), _) => name.clone(),
        (None, [only]) => only.name.clone(),
        (None, several) => return Err(which_group(file, several)),
    };
    let there = groups.into_iter().find(|group| group.name == name);
    let mut group = there.unwrap_or_else(|| Group {
        name,
        cluster: args.cluster.clone(),
        ..Group::default()
    });
    group.cluster = args.cluster.clone().or(group.cluster);
    let host = said(group.host(HostName::new(args.name.clone())), &group, &args.said);
    let done = format!("{} added to group {}", host.name, host.group);
    Ok((add_host(file, text, &host)?, done))
}

fn which_group(file: &Path, groups: &[Group]) -> ConfigError {
    let names: Vec<_> = groups.iter().map(|group| group.name.as_str()).collect();
    let why = match names.as_slice() {
        [] => "has no group yet: name one with --group, and its cluster with --cluster".to_owned(),
        names => format!("has several groups: name one with --group, of {}", names.join(", ")),
    };
    Fault::of_file(file, why).into()
}

/// The text with a host as it shall be.
pub(super) fn edited(file: &Path, text: &str, args: &Edited) -> Result<(String, String), ConfigError> {
    let (groups, hosts) = read_groups(file, text)?;
    let name = HostName::new(args.name.clone());
    let Some(old) = hosts.into_iter().find(|host| host.name == name) else {
        return Err(Fault::of_file(file, format!("there is no host {name}; k3fleet hosts list names them")).into());
    };
    let group = args.said.group.clone().unwrap_or_else(|| old.group.clone());
    let there = groups.into_iter().find(|there| there.name == group);
    let group = there.unwrap_or_else(|| Group {
        name: group,
        cluster: old.cluster.clone(),
        ..Group::default()
    });
    let host = EdgeHost {
        name: args.rename.clone().map_or(old.name.clone(), HostName::new),
        group: group.name.clone(),
        cluster: group.cluster.clone(),
        ..old
    };
    let host = said(host, &group, &args.said);
    let done = format!("{} changed", host.name);
    Ok((replace_host(file, text, &name, &host)?, done))
}

/// The text without a host.
pub(super) fn removed(file: &Path, text: &str, name: &SmolStr) -> Result<(String, String), ConfigError> {
    let after = remove_host(file, text, &HostName::new(name.clone()))?;
    Ok((after, format!("{name} removed")))
}

/// A host with what is said of it; where that is nothing, what its group says.
fn said(mut host: EdgeHost, group: &Group, said: &Said) -> EdgeHost {
    let word = |word: &SmolStr| Some(word.clone()).filter(|word| !word.is_empty());
    if let Some(address) = &said.address {
        host.address = word(address);
    }
    if let Some(user) = &said.user {
        host.user = word(user).or_else(|| group.user.clone());
    }
    if let Some(port) = said.port {
        host.port = Some(port).filter(|port| *port > 0).or(group.port);
    }
    let mut labels = host.labels.into_vec();
    for (key, value) in &said.label {
        labels.retain(|(there, _)| there != key);
        labels.extend(value.clone().map(|value| (key.clone(), value)));
    }
    labels.sort();
    let mut taints = host.taints.into_vec();
    for (taint, add) in &said.taint {
        taints.retain(|there| there != taint);
        taints.extend(add.then(|| taint.clone()));
    }
    EdgeHost {
        labels: labels.into(),
        taints: taints.into(),
        ..host
    }
}

/// The lines that differ: between those that both begin with and those that both end with.
pub(in crate::cli) fn difference(before: &str, after: &str) -> String {
    let (old, new): (Vec<_>, Vec<_>) = (before.lines().collect(), after.lines().collect());
    let same = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let (old, new) = (old.get(same..).unwrap_or_default(), new.get(same..).unwrap_or_default());
    let tail = old
        .iter()
        .rev()
        .zip(new.iter().rev())
        .take_while(|(a, b)| a == b)
        .count();
    let gone = old.iter().take(old.len() - tail).map(|line| format!("-{line}\n"));
    let come = new.iter().take(new.len() - tail).map(|line| format!("+{line}\n"));
    gone.chain(come).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_shown() {
        assert_eq!(difference("a\nb\nc\n", "a\nx\ny\nc\n"), "-b\n+x\n+y\n");
        assert_eq!(difference("a\n", "a\nb\n"), "+b\n");
        assert_eq!(difference("a\na\n", "a\n"), "-a\n");
        assert_eq!(difference("", ""), "");
    }

    #[test]
    fn what_is_taken_away_falls_back_to_the_group() {
        let group = Group {
            name: "g".into(),
            user: Some("pi".into()),
            labels: vec![("a".into(), "1".into())],
            ..Group::default()
        };
        let host = EdgeHost {
            user: Some("root".into()),
            port: Some(22),
            ..group.host(HostName::new("x"))
        };
        let args = Said {
            user: Some("".into()),
            port: Some(0),
            label: vec![
                ("a".into(), Some("2".into())),
                ("b".into(), None),
                ("c".into(), Some("3".into())),
            ],
            taint: vec![
                ("k:NoExecute".into(), true),
                ("k:NoExecute".into(), true),
                ("l:NoExecute".into(), false),
            ],
            ..Said::default()
        };
        let host = said(host, &group, &args);
        assert_eq!((host.user.as_deref(), host.port), (Some("pi"), None));
        assert_eq!(*host.labels, [("a".into(), "2".into()), ("c".into(), "3".into())]);
        assert_eq!(*host.taints, [SmolStr::new("k:NoExecute")]);
    }
}
