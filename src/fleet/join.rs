//! The join: which node runs on which instance, and on which edge host.
//!
//! Each node claims at most one instance: by providerID or a node name that is an instance id (decisive, even
//! while that instance is unknown), else by private DNS name, else by internal IP when exactly one instance has
//! it. Each instance goes to its strongest claim. The outcome depends on what is known only, never on the
//! order in which it was learnt; each change looks only at the nodes and instances that share a key with it.

use std::cmp::Reverse;
use std::net::IpAddr;

use jiff::Timestamp;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;
use smol_str::SmolStr;

use super::{EdgeHost, HostName, Instance, InstanceId, Node, NodeKey};

type Few<T> = SmallVec<[T; 1]>;
type Index<K, T> = FxHashMap<K, Few<T>>;

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

/// A node's claim to an instance. Ordered: the least wins.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Claim {
    rank: Rank,
    joined: Reverse<Option<Timestamp>>,
    node: NodeKey,
}

/// The keys by which nodes, instances and edge hosts find each other, and the claims made.
#[derive(Debug, Default)]
pub(super) struct Joins {
    nodes_by_instance: Index<InstanceId, NodeKey>,
    nodes_by_label: Index<SmolStr, NodeKey>,
    nodes_by_ip: Index<IpAddr, NodeKey>,
    nodes_by_host: Index<SmolStr, NodeKey>,
    instances_by_label: Index<SmolStr, InstanceId>,
    instances_by_ip: Index<IpAddr, InstanceId>,
    hosts_by_name: Index<SmolStr, HostName>,
    claims: Index<InstanceId, Claim>,
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
fn host_keys(node: &Node) -> impl Iterator<Item = SmolStr> {
    let ssh = node.ssh.as_deref().map(ssh_host).map(SmolStr::new);
    let hostname = node.hostname.clone();
    let name = Some(node.key.name.clone());
    [ssh, hostname, name].into_iter().flatten()
}

fn host_names(host: &EdgeHost) -> impl Iterator<Item = &str> {
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

fn insert<K: std::hash::Hash + Eq, T: PartialEq>(index: &mut Index<K, T>, key: K, item: T) {
    let items = index.entry(key).or_default();
    if !items.contains(&item) {
        items.push(item);
    }
}

fn remove<K: std::hash::Hash + Eq, T: PartialEq>(index: &mut Index<K, T>, key: &K, item: &T) {
    if let Some(items) = index.get_mut(key) {
        items.retain(|i| i != item);
        if items.is_empty() {
            index.remove(key);
        }
    }
}

impl Joins {
    pub(super) fn add_node(&mut self, node: &Node) {
        if let Some((_, id)) = named_instance(node) {
            insert(&mut self.nodes_by_instance, id, node.key.clone());
        } else {
            insert(
                &mut self.nodes_by_label,
                SmolStr::new(first_label(&node.key.name)),
                node.key.clone(),
            );
            if let Some(ip) = node.internal_ip {
                insert(&mut self.nodes_by_ip, ip, node.key.clone());
            }
        }
        for host in host_keys(node) {
            insert(&mut self.nodes_by_host, host, node.key.clone());
        }
    }

    pub(super) fn remove_node(&mut self, node: &Node) {
        if let Some((_, id)) = named_instance(node) {
            remove(&mut self.nodes_by_instance, &id, &node.key);
        } else {
            remove(
                &mut self.nodes_by_label,
                &SmolStr::new(first_label(&node.key.name)),
                &node.key,
            );
            if let Some(ip) = node.internal_ip {
                remove(&mut self.nodes_by_ip, &ip, &node.key);
            }
        }
        for host in host_keys(node) {
            remove(&mut self.nodes_by_host, &host, &node.key);
        }
    }

    pub(super) fn add_instance(&mut self, instance: &Instance) {
        if let Some(dns) = &instance.private_dns {
            insert(
                &mut self.instances_by_label,
                SmolStr::new(first_label(dns)),
                instance.id.clone(),
            );
        }
        if let Some(ip) = instance.private_ip {
            insert(&mut self.instances_by_ip, ip, instance.id.clone());
        }
    }

    pub(super) fn remove_instance(&mut self, instance: &Instance) {
        if let Some(dns) = &instance.private_dns {
            remove(
                &mut self.instances_by_label,
                &SmolStr::new(first_label(dns)),
                &instance.id,
            );
        }
        if let Some(ip) = instance.private_ip {
            remove(&mut self.instances_by_ip, &ip, &instance.id);
        }
    }

    pub(super) fn add_host(&mut self, host: &EdgeHost) {
        for name in host_names(host) {
            insert(&mut self.hosts_by_name, name.into(), host.name.clone());
        }
    }

    pub(super) fn remove_host(&mut self, host: &EdgeHost) {
        for name in host_names(host) {
            remove(&mut self.hosts_by_name, &name.into(), &host.name);
        }
    }

    /// The nodes whose claim may change with this instance.
    pub(super) fn nodes_near(&self, instance: &Instance) -> Few<NodeKey> {
        let mut near = Few::new();
        near.extend(self.nodes_by_instance.get(&instance.id).into_iter().flatten().cloned());
        if let Some(dns) = &instance.private_dns {
            near.extend(self.nodes_by_label.get(first_label(dns)).into_iter().flatten().cloned());
        }
        if let Some(ip) = instance.private_ip {
            near.extend(self.nodes_by_ip.get(&ip).into_iter().flatten().cloned());
        }
        near
    }

    /// The edge hosts that this node may belong to.
    pub(super) fn hosts_near(&self, node: &Node) -> Few<HostName> {
        let mut near = Few::new();
        for key in host_keys(node) {
            near.extend(self.hosts_by_name.get(&key).into_iter().flatten().cloned());
        }
        near.sort_unstable();
        near.dedup();
        near
    }

    /// The edge hosts that compete with this one for its nodes, itself included.
    pub(super) fn hosts_around<'a>(
        &self,
        host: &EdgeHost,
        node: impl Fn(&NodeKey) -> Option<&'a Node>,
    ) -> Few<HostName> {
        let mut around: Few<HostName> = Few::from_iter([host.name.clone()]);
        for name in host_names(host) {
            for key in self.nodes_by_host.get(name).into_iter().flatten() {
                around.extend(node(key).into_iter().flat_map(|n| self.hosts_near(n)));
            }
        }
        around.sort_unstable();
        around.dedup();
        around
    }

    /// The node of an edge host: by annotation, host name or node name, if of all hosts it suits this one best.
    pub(super) fn node_of_host<'a>(
        &self,
        host: &EdgeHost,
        node: impl Fn(&NodeKey) -> Option<&'a Node>,
    ) -> Option<NodeKey> {
        let candidates = host_names(host).flat_map(|n| self.nodes_by_host.get(n).into_iter().flatten());
        let (_, best) = candidates
            .filter_map(|key| {
                Some((
                    host_keys(node(key)?).position(|k| host_names(host).any(|n| n == k))?,
                    key,
                ))
            })
            .min()?;
        (self.host_of_node(node(best)?) == Some(&host.name)).then(|| best.clone())
    }

    fn host_of_node(&self, node: &Node) -> Option<&HostName> {
        host_keys(node).find_map(|key| self.hosts_by_name.get(&key)?.iter().min())
    }

    /// The instance that this node claims, going by what is known now. An edge host's node is never joined by
    /// IP: private ranges repeat.
    pub(super) fn claim_of(
        &self,
        node: &Node,
        on_edge: bool,
        known: impl Fn(&InstanceId) -> bool,
    ) -> Option<(Rank, InstanceId)> {
        if let Some((rank, id)) = named_instance(node) {
            return known(&id).then_some((rank, id));
        }
        let by_ip = node.internal_ip.and_then(|ip| self.instances_by_ip.get(&ip));
        if let Some(named) = self.instances_by_label.get(first_label(&node.key.name)) {
            if let [only] = named.as_slice() {
                return Some((Rank::PrivateDns, only.clone()));
            }
            let mut both = named.iter().filter(|id| by_ip.is_some_and(|ids| ids.contains(id)));
            if let (Some(only), None) = (both.next(), both.next()) {
                return Some((Rank::PrivateDns, only.clone()));
            }
        }
        match by_ip.map(SmallVec::as_slice) {
            Some([only]) if !on_edge => Some((Rank::InternalIp, only.clone())),
            _ => None,
        }
    }

    pub(super) fn claim(&mut self, rank: Rank, instance: &InstanceId, node: &Node) {
        let claim = Claim {
            rank,
            joined: Reverse(node.joined_at),
            node: node.key.clone(),
        };
        let claims = self.claims.entry(instance.clone()).or_default();
        claims.retain(|c| c.node != node.key);
        claims.push(claim);
    }

    pub(super) fn unclaim(&mut self, instance: &InstanceId, node: &NodeKey) {
        if let Some(claims) = self.claims.get_mut(instance) {
            claims.retain(|c| c.node != *node);
            if claims.is_empty() {
                self.claims.remove(instance);
            }
        }
    }

    /// The node that an instance goes to.
    pub(super) fn winner(&self, instance: &InstanceId) -> Option<&NodeKey> {
        self.claims.get(instance)?.iter().min().map(|c| &c.node)
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        let nodes = [&self.nodes_by_label, &self.nodes_by_host].iter().all(|i| i.is_empty())
            && self.nodes_by_instance.is_empty()
            && self.nodes_by_ip.is_empty();
        let instances = self.instances_by_label.is_empty() && self.instances_by_ip.is_empty();
        nodes && instances && self.hosts_by_name.is_empty() && self.claims.is_empty()
    }
}
