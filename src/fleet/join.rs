//! The join: which node runs on which instance, and on which edge host.
//!
//! Each node claims at most one instance: by providerID or a node name that is an instance id (decisive, even
//! while that instance is unknown), else by private DNS name, else by internal IP when exactly one instance has
//! it. Each instance goes to its strongest claim. The outcome depends on what is known only, never on the
//! order in which it was learnt; each change looks only at the nodes and instances that share a key with it.

use smallvec::SmallVec;

use super::entry::{EdgeEntry, InstanceEntry, NodeEntry};
use super::index::Index;
use super::shelf::{Shelf, Slot};
use super::{EdgeHost, Instance, InstanceId, Node};

pub(super) type Few = SmallVec<[Slot; 4]>;

/// How a node names its instance, strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// `spec.providerID` names the instance.
    ProviderId,
    /// The node's name is the instance's id.
    NodeName,
    /// The node's name is the instance's private DNS name.
    PrivateDns,
    /// The node's internal IP is the instance's private IP, and no other instance's.
    InternalIp,
}

/// The keys by which nodes, instances and edge hosts find each other.
#[derive(Debug, Default)]
pub(super) struct Joins {
    nodes_by_instance: Index,
    nodes_by_label: Index,
    nodes_by_ip: Index,
    nodes_by_host: Index,
    instances_by_label: Index,
    instances_by_ip: Index,
    hosts_by_name: Index,
}

/// The instance a node names outright, by providerID or by its own name.
pub fn named_instance(node: &Node) -> Option<(Rank, InstanceId)> {
    if let Some(provider) = node.provider_id.as_deref().and_then(|id| id.strip_prefix("aws://")) {
        let id = provider.rsplit('/').next().unwrap_or_default();
        return is_instance_id(id).then(|| (Rank::ProviderId, InstanceId::new(id)));
    }
    let label = first_label(&node.key.name);
    is_instance_id(label).then(|| (Rank::NodeName, InstanceId::new(label)))
}

/// The region in a providerID `aws:///eu-west-1a/i-…`.
pub(super) fn named_region(node: &Node) -> Option<&str> {
    let path = node.provider_id.as_deref()?.strip_prefix("aws:///")?;
    let zone = path.split('/').next()?;
    Some(zone.trim_end_matches(|c: char| c.is_ascii_alphabetic())).filter(|region| !region.is_empty())
}

fn is_instance_id(text: &str) -> bool {
    text.strip_prefix("i-").is_some_and(|hex| {
        (8..=17).contains(&hex.len()) && hex.bytes().all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase())
    })
}

fn first_label(name: &str) -> &str {
    name.split('.').next().unwrap_or(name)
}

/// The names under which a node may be an edge host's, strongest first.
pub(super) fn host_keys(node: &Node) -> impl Iterator<Item = &str> {
    let ssh = node.ssh.as_deref().map(ssh_host);
    let name = Some(node.key.name.as_str());
    [ssh, node.hostname.as_deref(), name].into_iter().flatten()
}

/// The first label of an instance's DNS name.
fn label(instance: &Instance) -> Option<&str> {
    instance.private_dns.as_deref().map(first_label)
}

pub(super) fn host_names(host: &EdgeHost) -> impl Iterator<Item = &str> {
    [Some(host.name.as_str()), host.address.as_deref()]
        .into_iter()
        .flatten()
}

/// The host in `user@host:port`.
pub fn ssh_host(ssh: &str) -> &str {
    let host = ssh.rsplit('@').next().unwrap_or(ssh);
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name.trim_matches(['[', ']']),
        _ => host,
    }
}

impl Joins {
    pub(super) fn add_node(&mut self, slot: Slot, node: &Node) {
        if let Some((_, id)) = named_instance(node) {
            self.nodes_by_instance.add(&id, slot);
        } else {
            self.nodes_by_label.add(first_label(&node.key.name), slot);
            if let Some(ip) = &node.internal_ip {
                self.nodes_by_ip.add(ip, slot);
            }
        }
        for host in host_keys(node) {
            self.nodes_by_host.add(host, slot);
        }
    }

    pub(super) fn remove_node(&mut self, slot: Slot, node: &Node) {
        if let Some((_, id)) = named_instance(node) {
            self.nodes_by_instance.remove(&id, slot);
        } else {
            self.nodes_by_label.remove(first_label(&node.key.name), slot);
            if let Some(ip) = &node.internal_ip {
                self.nodes_by_ip.remove(ip, slot);
            }
        }
        for host in host_keys(node) {
            self.nodes_by_host.remove(host, slot);
        }
    }

    pub(super) fn add_instance(&mut self, slot: Slot, instance: &Instance) {
        if let Some(label) = label(instance) {
            self.instances_by_label.add(label, slot);
        }
        if let Some(ip) = &instance.private_ip {
            self.instances_by_ip.add(ip, slot);
        }
    }

    pub(super) fn remove_instance(&mut self, slot: Slot, instance: &Instance) {
        if let Some(label) = label(instance) {
            self.instances_by_label.remove(label, slot);
        }
        if let Some(ip) = &instance.private_ip {
            self.instances_by_ip.remove(ip, slot);
        }
    }

    pub(super) fn add_host(&mut self, slot: Slot, host: &EdgeHost) {
        for name in host_names(host) {
            self.hosts_by_name.add(name, slot);
        }
    }

    pub(super) fn remove_host(&mut self, slot: Slot, host: &EdgeHost) {
        for name in host_names(host) {
            self.hosts_by_name.remove(name, slot);
        }
    }

    /// The nodes whose claim may change with this instance: all that claim it are among them.
    pub(super) fn nodes_near(&self, instance: &Instance) -> Few {
        let mut near: Few = self.nodes_by_instance.of(&instance.id).collect();
        if let Some(label) = label(instance) {
            near.extend(self.nodes_by_label.of(label));
        }
        if let Some(ip) = &instance.private_ip {
            near.extend(self.nodes_by_ip.of(ip));
        }
        near
    }

    /// The edge hosts that this node may belong to.
    pub(super) fn hosts_near(&self, node: &Node) -> Few {
        let mut near: Few = host_keys(node).flat_map(|key| self.hosts_by_name.of(key)).collect();
        near.sort_unstable();
        near.dedup();
        near
    }

    /// The edge hosts that compete with this one for its nodes.
    pub(super) fn hosts_around(&self, host: &EdgeHost, nodes: &Shelf<NodeEntry>) -> Few {
        let rivals = host_names(host).flat_map(|name| self.nodes_by_host.of(name));
        let rivals = rivals.filter_map(|slot| nodes.at(slot)?.data.as_deref());
        let mut around: Few = rivals.flat_map(|node| self.hosts_near(node)).collect();
        around.sort_unstable();
        around.dedup();
        around
    }

    /// The node of an edge host: by annotation, host name or node name, if of all hosts it suits this one best.
    pub(super) fn node_of_host(
        &self,
        host: &EdgeHost,
        nodes: &Shelf<NodeEntry>,
        edges: &Shelf<EdgeEntry>,
    ) -> Option<Slot> {
        let candidates = host_names(host).flat_map(|name| self.nodes_by_host.of(name));
        let suits = |slot: Slot| {
            let node = nodes.at(slot)?.data.as_deref()?;
            let place = host_keys(node).position(|key| host_names(host).any(|name| name == key))?;
            Some((place, &node.key, slot, node))
        };
        let (_, _, slot, best) = candidates
            .filter_map(suits)
            .min_by_key(|(place, key, ..)| (*place, *key))?;
        (self.host_of_node(best, edges)?.name == host.name).then_some(slot)
    }

    fn host_of_node<'a>(&self, node: &Node, edges: &'a Shelf<EdgeEntry>) -> Option<&'a EdgeHost> {
        host_keys(node).find_map(|key| {
            let hosts = self
                .hosts_by_name
                .of(key)
                .filter_map(|slot| Some(&edges.at(slot)?.data));
            let named = hosts.filter(|host| host_names(host).any(|name| name == key));
            named.min_by_key(|host| &host.name)
        })
    }

    /// The instance that this node claims, going by what is known now. An edge host's node is never joined by
    /// IP: private ranges repeat.
    pub(super) fn claim_of(
        &self,
        node: &Node,
        on_edge: bool,
        instances: &Shelf<InstanceEntry>,
    ) -> Option<(Rank, Slot)> {
        if let Some((rank, id)) = named_instance(node) {
            return Some((rank, instances.slot(&id)?));
        }
        let that = |slot: Slot, is_it: &dyn Fn(&Instance) -> bool| instances.at(slot).is_some_and(|i| is_it(&i.data));
        let name = first_label(&node.key.name);
        let mut named: Few = self.instances_by_label.of(name).collect();
        named.retain(|slot| that(*slot, &|i| label(i) == Some(name)));
        let mut by_ip = Few::new();
        if let Some(ip) = &node.internal_ip {
            by_ip.extend(self.instances_by_ip.of(ip));
            by_ip.retain(|slot| that(*slot, &|i| i.private_ip.as_ref() == Some(ip)));
        }
        if let [only] = *named {
            return Some((Rank::PrivateDns, only));
        }
        named.retain(|slot| by_ip.contains(slot));
        match (&*named, &*by_ip) {
            ([only], _) => Some((Rank::PrivateDns, *only)),
            (_, [only]) if !on_edge => Some((Rank::InternalIp, *only)),
            _ => None,
        }
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        let nodes = [
            &self.nodes_by_instance,
            &self.nodes_by_label,
            &self.nodes_by_ip,
            &self.nodes_by_host,
        ];
        let others = [&self.instances_by_label, &self.instances_by_ip, &self.hosts_by_name];
        nodes.into_iter().chain(others).all(Index::is_empty)
    }
}
