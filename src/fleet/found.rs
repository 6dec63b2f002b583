//! Edge hosts that nobody wrote down here: another operator's, found by the annotation `k3fleet.dev/ssh` that k3fleet leaves
//! on the node of each host that joins. So every operator of a cluster sees its hosts.

use rustc_hash::FxHashSet;
use smol_str::SmolStr;

use super::join::{host_keys, host_names};
use super::{EdgeHost, Fleet, HostName, Node};

/// The group of hosts that were found so.
pub const FOUND_GROUP: &str = "joined";

/// The hosts that nodes tell of, without those that are written down already; of two nodes with one name the first.
pub fn found_hosts(fleet: &Fleet, listed: &[EdgeHost]) -> Vec<EdgeHost> {
    let known: FxHashSet<&str> = listed.iter().flat_map(host_names).collect();
    let nodes = fleet
        .machines()
        .filter(|m| m.instance().is_none())
        .filter_map(|m| m.node());
    let news = nodes.filter(|node| node.ssh.is_some() && !host_keys(node).any(|key| known.contains(key)));
    let mut found: Vec<_> = news.filter_map(|node| Some((&node.key, of_node(node)?))).collect();
    found.sort_by(|(a, x), (b, y)| (&x.name, a).cmp(&(&y.name, b)));
    found.dedup_by(|(_, b), (_, a)| a.name == b.name);
    found.into_iter().map(|(_, host)| host).collect()
}

/// The host of a node, as its annotation `user@host:port` tells. Anybody who may change nodes may write there: what is no
/// plain user, name or address is no host.
fn of_node(node: &Node) -> Option<EdgeHost> {
    let text = node.ssh.as_deref()?;
    let (user, rest) = match text.rsplit_once('@') {
        Some((user, rest)) => (Some(user), rest),
        None => (None, text),
    };
    let (address, port) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, "")) => (address, None),
        Some((address, port)) => (address, Some(port.strip_prefix(':')?)),
        None => match rest.rsplit_once(':') {
            Some((address, port)) => (address, Some(port)),
            None => (rest, None),
        },
    };
    let port = match port {
        Some(port) => Some(port.parse::<u16>().ok().filter(|port| *port > 0)?),
        None => None,
    };
    let name = node.key.name.as_str();
    let plain = is_plain(address) && is_plain(name) && user.is_none_or(is_plain);
    plain.then(|| EdgeHost {
        name: HostName::new(name),
        group: FOUND_GROUP.into(),
        address: (address != name).then(|| address.into()),
        user: user.map(SmolStr::from),
        port,
        cluster: None,
        labels: Box::default(),
        taints: Box::default(),
    })
}

fn is_plain(word: &str) -> bool {
    let letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
    !word.is_empty() && !word.starts_with('-') && word.chars().all(letter)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fleet::NodeKey;
    use crate::fleet::Observation;
    use crate::fleet::testing::*;

    fn told(name: &str, ssh: &str) -> Node {
        Node {
            key: NodeKey::new(&context(), name),
            provider_id: None,
            ssh: Some(ssh.into()),
            internal_ip: None,
            hostname: Some(name.into()),
            ..node(1)
        }
    }

    fn world(nodes: &[(&str, &str)]) -> World {
        let mut world = World::live();
        for (name, ssh) in nodes {
            world.node(told(name, ssh));
        }
        world
    }

    #[test]
    fn hosts_of_other_operators_are_found_by_their_nodes() {
        let world = world(&[
            ("pi-1", "pi@pi-1:22"),
            ("pi-2", "admin@[fd00::7]:2222"),
            ("pi-3", "192.0.2.9"),
            ("pi-4", "pi@pi-4"),
        ]);
        let listed = [host("pi-4")];
        let found = found_hosts(&world.0, &listed);
        let said: Vec<_> = found
            .iter()
            .map(|h| (h.name.as_str(), h.user.as_deref(), h.address.as_deref(), h.port))
            .collect();
        assert_eq!(
            said,
            [
                ("pi-1", Some("pi"), None, Some(22)),
                ("pi-2", Some("admin"), Some("fd00::7"), Some(2222)),
                ("pi-3", None, Some("192.0.2.9"), None),
            ]
        );
        let again: Vec<_> = found.iter().map(EdgeHost::annotation).collect();
        assert_eq!(again, ["pi@pi-1:22", "admin@[fd00::7]:2222", "192.0.2.9"]);
    }

    #[test]
    fn a_found_host_joins_its_node() {
        let mut world = world(&[("pi-1", "pi@192.0.2.9:22")]);
        for host in found_hosts(&world.0, &[]) {
            world.see(Observation::EdgeHost(Box::new(host)));
        }
        let machines: Vec<_> = world.0.machines().collect();
        let [machine] = machines.as_slice() else {
            panic!("{}", machines.len())
        };
        assert_eq!(machine.edge().map(|e| e.name.as_str()), Some("pi-1"));
        assert_eq!(found_hosts(&world.0, &[]).len(), 1, "it stays found");
    }

    proptest! {
        #[test]
        fn what_is_written_on_a_node_is_never_an_option_nor_two_words(ssh in ".{0,24}|[-a-z@:\\[\\] ]{0,16}") {
            let world = world(&[("pi-1", &ssh)]);
            for host in found_hosts(&world.0, &[]) {
                for word in [host.address.as_deref(), host.user.as_deref()].into_iter().flatten() {
                    prop_assert!(!word.starts_with('-') && !word.contains(char::is_whitespace) && !word.is_empty());
                }
            }
        }
    }
}
