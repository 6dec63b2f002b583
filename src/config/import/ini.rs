//! The INI form of an Ansible inventory: sections of hosts, of variables and of child groups.

use smol_str::SmolStr;

use super::ansible::{Inventory, Place};
use super::words::words;

enum Section {
    Hosts(SmolStr),
    Vars(SmolStr),
    Children(SmolStr),
    /// One whose heading is at fault.
    Unknown,
}

/// Whether a text has a section, a variable of Ansible's or a range.
pub(super) fn looks_like(text: &str) -> bool {
    text.lines().filter_map(said).any(|line| {
        let heading = heading(line).is_some_and(|name| !name.is_empty() && name.parse::<std::net::Ipv6Addr>().is_err());
        let names = line.split_whitespace().next().unwrap_or_default();
        let range = names.split_once('[').and_then(|(_, rest)| rest.split_once(']'));
        let counts = range.is_some_and(|(range, _)| {
            range.contains(':') && super::range::expand(names).is_ok_and(|all| all.len() > 1)
        });
        heading || counts || line.contains(" ansible_")
    })
}

/// A line without the space around it, if it says anything.
fn said(line: &str) -> Option<&str> {
    let line = line.trim_start_matches('\u{feff}').trim();
    (!line.is_empty() && !line.starts_with(['#', ';'])).then_some(line)
}

fn heading(line: &str) -> Option<&str> {
    let (name, rest) = line.strip_prefix('[')?.split_once(']')?;
    let rest = rest.trim_start();
    (rest.is_empty() || rest.starts_with(['#', ';'])).then(|| name.trim())
}

/// Reads the whole text.
pub(super) fn read(inventory: &mut Inventory<'_>, text: &str) {
    let mut section = Section::Hosts("ungrouped".into());
    for (index, line) in text.lines().enumerate() {
        let place = Place(index + 1, line);
        let Some(line) = said(line) else { continue };
        if let Some(name) = heading(line) {
            section = open(inventory, place, name);
            continue;
        }
        match &section {
            Section::Hosts(group) => read_hosts(inventory, place, line, group),
            Section::Vars(group) => match line.split_once('=') {
                Some((key, value)) => inventory.group_var(place, group, key.trim(), unquoted(value.trim())),
                // What stands there may be a secret.
                None => inventory.fault(place, "expected a variable: key=value, found no ="),
            },
            Section::Children(parent) => {
                let name = line.split_whitespace().next().unwrap_or_default();
                if let Some(child) = inventory.group(place, name) {
                    inventory.child(parent, &child);
                }
            }
            Section::Unknown => {}
        }
    }
}

fn open(inventory: &mut Inventory<'_>, place: Place<'_>, heading: &str) -> Section {
    let (name, kind) = heading.split_once(':').unwrap_or((heading, "hosts"));
    let Some(group) = inventory.group(place, name) else {
        return Section::Unknown;
    };
    match kind {
        "hosts" => Section::Hosts(group),
        "vars" => Section::Vars(group),
        "children" => Section::Children(group),
        _ => {
            inventory.fault(
                place,
                format!("expected [group], [group:vars] or [group:children], found [{heading}]"),
            );
            Section::Unknown
        }
    }
}

fn read_hosts(inventory: &mut Inventory<'_>, place: Place<'_>, line: &str, group: &SmolStr) {
    let Some(words) = words(line) else {
        inventory.fault(place, "expected a closing quote, found the end of the line");
        return;
    };
    let Some((pattern, vars)) = words.split_first() else {
        return;
    };
    let hosts = inventory.hosts(place, pattern, group);
    for var in vars {
        match var.split_once('=') {
            Some((key, value)) => inventory.host_var(place, &hosts, key, value),
            None => inventory.fault(
                place,
                format!("expected key=value after {pattern:?}, found a word without ="),
            ),
        }
    }
}

fn unquoted(value: &str) -> &str {
    let inner = |quote: char| value.strip_prefix(quote)?.strip_suffix(quote);
    inner('"').or_else(|| inner('\'')).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::super::read_inventory;

    #[test]
    fn every_fault_is_told_with_its_line_and_no_secret() {
        let text = "[a b]\nskipped here\n[a:hots]\n[a]\nx y\nok ansible_port=none\npi[3:1]\n'x\n[a:vars]\nhunter2\n";
        let error = read_inventory(Path::new("inv"), text).unwrap_err();
        let lines: Vec<_> = error.faults.iter().map(|fault| fault.position.unwrap().line).collect();
        assert_eq!(lines, [1, 3, 5, 6, 7, 8, 10], "{error}");
        assert!(
            error.faults.iter().all(|fault| fault.problem.contains("expected ")),
            "{error}"
        );
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "([a-z0-9é]{1,3}|[\\[\\]:= \n\"'#-]|\\[a\\]|ansible_host=)*") {
            let text = format!("[g]\n{text}");
            if let Err(error) = read_inventory(Path::new("inv"), &text) {
                prop_assert!(!error.faults.is_empty());
            }
        }
    }
}
