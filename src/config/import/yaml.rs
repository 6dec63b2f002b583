//! The YAML form of an Ansible inventory, and the JSON that `ansible-inventory --list` prints: a tree of groups with
//! hosts, children and variables. Each key remembers its line.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;
use smol_str::SmolStr;

use super::ansible::{Inventory, Place};

/// Deeper than any inventory nests its groups.
const DEEPEST: usize = 40;

/// Whether a text begins as YAML or JSON does.
pub(super) fn looks_like(text: &str) -> bool {
    let mut lines = text.lines().map(|line| line.trim_start_matches('\u{feff}').trim_end());
    let first = lines.find(|line| !line.trim_start().is_empty() && !line.trim_start().starts_with('#'));
    first.is_some_and(|line| {
        let bare = line.split(" #").next().unwrap_or_default().trim_end();
        let key = bare
            .strip_suffix(':')
            .is_some_and(|key| !key.contains(char::is_whitespace));
        line.starts_with("---") || line.starts_with("%YAML") || line.trim_start().starts_with('{') || key
    })
}

/// A value of any form; of scalars only the text.
enum Node {
    Nothing,
    Scalar(String),
    List(Vec<Spanned<Node>>),
    Map(Vec<(Spanned<String>, Node)>),
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyNode)
    }
}

struct AnyNode;

impl<'de> Visitor<'de> for AnyNode {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("YAML")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Nothing)
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Nothing)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        Node::deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Scalar(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Scalar(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Scalar(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Scalar(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Scalar(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Node::Map(map))
    }
}

/// Reads the whole text.
pub(super) fn read(inventory: &mut Inventory<'_>, text: &str) {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_depth: DEEPEST },
    };
    let root = match serde_saphyr::from_str_with_options::<Node>(text, options) {
        Ok(root) => root,
        Err(error) => {
            // Its own words show the lines around it, which may hold secrets.
            let line = error.location().map_or(1, |at| usize::try_from(at.line()).unwrap_or(1));
            inventory.fault(
                Place(line, ""),
                "expected an inventory in YAML: it cannot be read from this line on",
            );
            return;
        }
    };
    let groups = match root {
        Node::Nothing => return,
        Node::Map(groups) => groups,
        _ => {
            inventory.fault(
                Place(1, ""),
                "expected groups with hosts, children and vars, found something else",
            );
            return;
        }
    };
    let (lists, groups): (Vec<_>, Vec<_>) = groups.into_iter().partition(|(key, _)| key.value == "_meta");
    for (key, group) in groups {
        read_group(inventory, &key, group, None);
    }
    for (_, meta) in lists {
        read_meta(inventory, meta);
    }
}

fn place<T>(key: &Spanned<T>) -> Place<'static> {
    Place(usize::try_from(key.referenced.line()).unwrap_or(0).max(1), "")
}

fn read_group(inventory: &mut Inventory<'_>, key: &Spanned<String>, node: Node, parent: Option<&SmolStr>) {
    let Some(group) = inventory.group(place(key), &key.value) else {
        return;
    };
    if let Some(parent) = parent {
        inventory.child(parent, &group);
    }
    let parts = match node {
        Node::Nothing => return,
        Node::Map(parts) => parts,
        _ => {
            let expected = format!("expected {group:?} to have hosts, children or vars, found something else");
            inventory.fault(place(key), expected);
            return;
        }
    };
    for (part, node) in parts {
        match (part.value.as_str(), node) {
            ("hosts" | "children" | "vars", Node::Nothing) => {}
            ("hosts", Node::Map(hosts)) => {
                for (name, vars) in hosts {
                    let hosts = inventory.hosts(place(&name), &name.value, &group);
                    each_var(inventory, &name, vars, |inventory, place, key, value| {
                        inventory.host_var(place, &hosts, key, value);
                    });
                }
            }
            ("hosts", Node::List(names)) => {
                for name in &names {
                    match &name.value {
                        Node::Scalar(text) => drop(inventory.hosts(place(name), text, &group)),
                        _ => inventory.fault(place(name), "expected a host's name, found something else"),
                    }
                }
            }
            ("children", Node::Map(children)) => {
                for (name, child) in children {
                    read_group(inventory, &name, child, Some(&group));
                }
            }
            ("children", Node::List(names)) => {
                for name in &names {
                    let Node::Scalar(text) = &name.value else {
                        inventory.fault(place(name), "expected a group's name, found something else");
                        continue;
                    };
                    if let Some(child) = inventory.group(place(name), text) {
                        inventory.child(&group, &child);
                    }
                }
            }
            ("vars", vars @ Node::Map(_)) => each_var(inventory, &part, vars, |inventory, place, key, value| {
                inventory.group_var(place, &group, key, value);
            }),
            ("hosts" | "children" | "vars", _) => {
                let expected = format!(
                    "expected {} as keys, each followed by a colon, found something else",
                    part.value
                );
                inventory.fault(place(&part), expected);
            }
            (other, _) => {
                let what =
                    format!("{other:?} of group {group:?} is none of hosts, children and vars; it is passed over");
                inventory.note(place(&part), what);
            }
        }
    }
}

/// What `ansible-inventory --list` says of each host.
fn read_meta(inventory: &mut Inventory<'_>, meta: Node) {
    let Node::Map(meta) = meta else { return };
    for (_, hosts) in meta.into_iter().filter(|(key, _)| key.value == "hostvars") {
        let Node::Map(hosts) = hosts else { continue };
        for (name, vars) in hosts {
            let host = [SmolStr::new(&name.value)];
            each_var(inventory, &name, vars, |inventory, place, key, value| {
                inventory.host_var(place, &host, key, value);
            });
        }
    }
}

fn each_var(
    inventory: &mut Inventory<'_>,
    of: &Spanned<String>,
    vars: Node,
    mut say: impl FnMut(&mut Inventory<'_>, Place<'static>, &str, &str),
) {
    match vars {
        Node::Nothing => {}
        Node::Map(vars) => {
            for (key, value) in vars {
                if let Node::Scalar(value) = value {
                    say(inventory, place(&key), &key.value, &value);
                }
            }
        }
        _ => inventory.fault(
            place(of),
            format!("expected the variables of {:?}, found something else", of.value),
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::super::read_inventory;

    #[test]
    fn every_fault_is_told_with_its_line() {
        let text = "---\na:\n  hosts: pi-1\nb:\n  hosts:\n    'x y':\n    z:\n      ansible_port: 99999\n  children: 3\nc: d\n\"e f\":\n";
        let error = read_inventory(Path::new("inv"), text).unwrap_err();
        let lines: Vec<_> = error.faults.iter().map(|fault| fault.position.unwrap().line).collect();
        assert_eq!(lines, [3, 6, 8, 9, 10, 11], "{error}");
        assert!(
            error.faults.iter().all(|fault| fault.problem.contains("expected ")),
            "{error}"
        );
    }

    #[test]
    fn what_is_no_yaml_is_told_without_its_text() {
        let error =
            read_inventory(Path::new("inv"), "---\na:\n  vars:\n    ansible_password: \"hunter2\n").unwrap_err();
        assert!(error.to_string().contains("expected an inventory in YAML"), "{error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }

    #[test]
    fn vaulted_values_and_depth_are_borne() {
        let vault = "a:\n  hosts:\n    pi:\n      ansible_become_pass: !vault |\n        $ANSIBLE_VAULT;1.1;AES256\n        6162\n";
        assert_eq!(read_inventory(Path::new("inv"), vault).unwrap().hosts.len(), 1);
        let deep = format!("---\na: {}", "{a: ".repeat(50_000));
        assert!(read_inventory(Path::new("inv"), &deep).is_err());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(hosts:|children:|vars:|[a-z]{1,2}|[\\[\\]{}:,&*!<\"' \n-]|\n  |\n    )*") {
            if let Err(error) = read_inventory(Path::new("inv"), &format!("---\n{text}")) {
                prop_assert!(!error.faults.is_empty());
            }
        }
    }
}
