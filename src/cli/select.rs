//! Which edge hosts are meant: by name, by a filter over the table of edge hosts, by their group, or as they are reached.

use std::collections::BTreeSet;
use std::path::Path;

use smol_str::SmolStr;

use crate::config::import::read_list;
use crate::fleet::query::Query;
use crate::fleet::table::{Ask, RowId, TableKind, View};
use crate::fleet::{EdgeHost, FOUND_GROUP, Fleet, HostName, Machine};

/// The hosts that a selector chooses, by name: the one that is called so, else all that it fits as a filter; only those of
/// the group where one is named.
pub(super) fn chosen(view: &View<'_>, selector: Option<&str>, group: Option<&str>) -> Result<Vec<EdgeHost>, String> {
    let of_group = |host: &EdgeHost| group.is_none_or(|group| host.group == group);
    let mut hosts: Vec<EdgeHost> = match selector {
        Some(word) => match named(view.fleet, word) {
            Some(host) => vec![host],
            None => fitting(view, word)?,
        },
        None => edge_machines(view.fleet).filter_map(|m| m.edge().cloned()).collect(),
    };
    hosts.retain(of_group);
    hosts.sort_by(|a, b| a.name.cmp(&b.name));
    if hosts.is_empty() {
        let what = match (selector, group) {
            (Some(word), Some(group)) => format!("{word:?} in group {group:?}"),
            (Some(word), None) => format!("{word:?}"),
            (None, group) => format!("group {:?}", group.unwrap_or_default()),
        };
        return Err(format!("no edge host fits {what}; k3fleet get edge lists them"));
    }
    Ok(hosts)
}

fn edge_machines(fleet: &Fleet) -> impl Iterator<Item = Machine<'_>> {
    fleet.all_machines().filter(|machine| machine.edge().is_some())
}

/// The host that is called so, or whose node is.
pub(super) fn named(fleet: &Fleet, word: &str) -> Option<EdgeHost> {
    let is_so = |m: &Machine<'_>| {
        m.edge().is_some_and(|host| host.name.as_str() == word) || m.node().is_some_and(|node| node.key.name == word)
    };
    edge_machines(fleet).find(is_so).and_then(|m| m.edge().cloned())
}

fn fitting(view: &View<'_>, filter: &str) -> Result<Vec<EdgeHost>, String> {
    let table = TableKind::Edge;
    let query = Query::parse(filter);
    if let Some(term) = table.inactive(&query).first() {
        let names: Vec<_> = table.columns().iter().map(|c| c.name).collect();
        return Err(format!(
            "{term:?} is neither a host nor a filter: edge hosts have no such column; there are: {}",
            names.join(", ")
        ));
    }
    let ask = Ask {
        query: Some(&query),
        ..Ask::default()
    };
    let rows = table.project(view, &ask);
    if let Some(term) = rows.inactive.first() {
        return Err(format!("{term:?} compares with nothing in that column"));
    }
    let host = |id: &RowId| match id {
        RowId::Edge(id) | RowId::Machine(id) => view.fleet.machine(id)?.edge().cloned(),
        _ => None,
    };
    Ok(rows.rows.iter().filter_map(host).collect())
}

/// The hosts that are to join: those that are written down and called so, all of a group, and those that are named as they
/// are reached. Each once, in the order in which they are named.
pub(super) fn joiners(listed: &[EdgeHost], typed: &[String], group: Option<&str>) -> Result<Vec<EdgeHost>, String> {
    let mut hosts = typed
        .iter()
        .map(|word| joiner(listed, word))
        .collect::<Result<Vec<_>, _>>()?;
    if let Some(group) = group {
        let before = hosts.len();
        hosts.extend(listed.iter().filter(|host| host.group == group).cloned());
        if hosts.len() == before {
            let groups: BTreeSet<_> = listed.iter().map(|host| host.group.as_str()).collect();
            let groups: Vec<_> = groups.into_iter().collect();
            return Err(match groups.as_slice() {
                [] => "hosts.toml has no group; k3fleet hosts add or import makes one".to_owned(),
                groups => format!("no host is in group {group:?}; there are: {}", groups.join(", ")),
            });
        }
    }
    let mut seen = BTreeSet::new();
    hosts.retain(|host| seen.insert(host.name.clone()));
    Ok(hosts)
}

fn joiner(listed: &[EdgeHost], word: &str) -> Result<EdgeHost, String> {
    if let Some(host) = listed.iter().find(|host| host.name.as_str() == word) {
        return Ok(host.clone());
    }
    // A name that is written down nowhere may be a slip; an address is meant.
    if !word.contains(['@', '.', ':']) {
        let near = crate::config::suggest(word, listed.iter().map(|host| host.name.as_str()));
        let near = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
        return Err(format!(
            "there is no host {word:?} in hosts.toml{near}; name it as user@{word}, or add it with k3fleet hosts add"
        ));
    }
    let read = read_list(Path::new("HOST"), word).map_err(|error| {
        let problems: Vec<_> = error.faults.into_iter().map(|fault| fault.problem).collect();
        problems.join("; ")
    })?;
    match read.hosts.as_slice() {
        [host] => Ok(EdgeHost {
            name: HostName::new(host.name.clone()),
            group: SmolStr::new_static(FOUND_GROUP),
            address: host.address.clone(),
            user: host.user.clone(),
            port: host.port,
            cluster: None,
            labels: Box::default(),
            taints: Box::default(),
        }),
        _ => Err(format!(
            "expected a host, such as pi-1 or pi@10.0.0.7:2222, found {word:?}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::*;
    use crate::fleet::{Observation, Summary};

    fn host(name: &str, group: &str) -> EdgeHost {
        EdgeHost {
            name: HostName::new(name),
            group: group.into(),
            address: None,
            user: Some("pi".into()),
            port: None,
            cluster: None,
            labels: Box::default(),
            taints: Box::default(),
        }
    }

    fn look<R>(hosts: &[EdgeHost], at: impl FnOnce(&View<'_>) -> R) -> R {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let mut fleet = Fleet::default();
        for host in hosts {
            fleet.apply(Observation::EdgeHost(Box::new(host.clone())), now);
        }
        let summary = Summary::of(&fleet, now);
        at(&View {
            fleet: &fleet,
            summary: &summary,
            now,
        })
    }

    fn names(hosts: &[EdgeHost]) -> Vec<&str> {
        hosts.iter().map(|host| host.name.as_str()).collect()
    }

    #[test]
    fn a_hosts_own_name_means_that_host_alone() {
        let hosts = [host("pi-10", "shop"), host("pi-1", "shop"), host("pi-2", "yard")];
        look(&hosts, |view| {
            let chosen = |selector, group| chosen(view, selector, group);
            assert_eq!(names(&chosen(Some("pi-1"), None).unwrap()), ["pi-1"]);
            assert_eq!(names(&chosen(Some("pi"), None).unwrap()), ["pi-1", "pi-10", "pi-2"]);
            assert_eq!(names(&chosen(Some("group=yard"), None).unwrap()), ["pi-2"]);
            assert_eq!(names(&chosen(None, Some("shop")).unwrap()), ["pi-1", "pi-10"]);
            assert!(
                chosen(Some("pi-2"), Some("shop"))
                    .unwrap_err()
                    .contains("no edge host fits")
            );
            assert!(chosen(Some("grup=yard"), None).unwrap_err().contains("no such column"));
        });
    }

    #[test]
    fn hosts_join_by_name_by_group_or_as_they_are_reached() {
        let listed = [host("pi-1", "shop"), host("pi-2", "shop"), host("jetson", "vision")];
        let joiners = |typed: &[&str], group| {
            let typed: Vec<_> = typed.iter().map(|&word| word.to_owned()).collect();
            joiners(&listed, &typed, group)
        };
        let all = joiners(&["jetson", "root@10.0.0.7:2222", "pi-2", "pi-2"], Some("shop")).unwrap();
        assert_eq!(names(&all), ["jetson", "10.0.0.7", "pi-2", "pi-1"]);
        assert_eq!((all[1].user.as_deref(), all[1].port), (Some("root"), Some(2222)));
        assert!(joiners(&["pi-3"], None).unwrap_err().contains("did you mean pi-"));
        assert!(joiners(&["-oProxyCommand=x@y"], None).is_err());
        assert!(joiners(&[], Some("shed")).unwrap_err().contains("shop, vision"));
    }

    proptest! {
        #[test]
        fn whatever_is_typed_chooses_of_the_hosts_that_are_there(
            selector in proptest::option::of("[a-z0-9!:=<>@\" é-]{0,12}"),
            group in proptest::option::of("[ab]"),
            listed in proptest::collection::btree_map("[a-z]{1,3}", "[ab]", 0..6),
        ) {
            let hosts: Vec<_> = listed.iter().map(|(name, group)| host(name, group)).collect();
            let found = look(&hosts, |view| chosen(view, selector.as_deref(), group.as_deref()));
            for one in found.iter().flatten() {
                prop_assert!(hosts.contains(one));
                prop_assert!(group.is_none() || group.as_deref() == Some(&one.group));
            }
            let found = found.unwrap_or_default();
            prop_assert!(found.windows(2).all(|pair| pair[0].name < pair[1].name));
            let typed: Vec<_> = selector.into_iter().collect();
            let _told = joiners(&hosts, &typed, group.as_deref());
        }
    }
}
