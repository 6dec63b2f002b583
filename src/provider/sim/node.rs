//! Nodes: how they join, turn ready, fall ill, fall silent and are deleted.

use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};
use smol_str::{SmolStr, format_smolstr};

use super::clock::{earlier, whole};
use super::first_boot::FirstBoot;
use super::k3s::K3s;
use super::scenario::Shape;
use super::state::{ClusterNo, Event, Host, Machine, SimNode, State};
use crate::fleet::{HostName, InstanceId, Node, NodeKey, Readiness, Resources, Role};
use crate::provider::Marks;

const UNREACHABLE: [&str; 2] = [
    "node.kubernetes.io/unreachable:NoSchedule",
    "node.kubernetes.io/unreachable:NoExecute",
];
const NOT_READY: [&str; 2] = [
    "node.kubernetes.io/not-ready:NoSchedule",
    "node.kubernetes.io/not-ready:NoExecute",
];
const UNSCHEDULABLE: &str = "node.kubernetes.io/unschedulable:NoSchedule";

/// What differs between the nodes of instances and those of boards.
struct Birth {
    name: SmolStr,
    host: Host,
    role: Role,
    version: SmolStr,
    arch: Option<crate::fleet::Arch>,
    os: SmolStr,
    kernel: SmolStr,
    ip: Option<IpAddr>,
    provider_id: SmolStr,
    instance_type: Option<SmolStr>,
    zone: Option<SmolStr>,
    ssh: Option<SmolStr>,
    marks: Marks,
    taints: Box<[SmolStr]>,
    cores: u32,
    memory_gib: f64,
    joined_at: Timestamp,
    settled: bool,
}

impl State {
    /// Registers the node of an instance: settled since it was launched, or joining now.
    pub(super) fn register(&mut self, id: &InstanceId, settled: bool) {
        let Some(machine) = self.machines.get(id) else {
            return;
        };
        let instance = &machine.instance;
        let kind = self.types.get(&instance.instance_type);
        let launched = instance.launched_at.unwrap_or(self.now);
        let boot = machine.first_boot.as_ref();
        let birth = Birth {
            name: machine.node.clone(),
            host: Host::Machine(id.clone()),
            role: machine.role,
            version: machine.k3s.runs.clone(),
            arch: instance.arch,
            os: "Ubuntu 24.04.3 LTS".into(),
            kernel: "6.14.0-1018-aws".into(),
            ip: instance.private_ip,
            provider_id: format_smolstr!("aws:///{}/{id}", instance.zone),
            instance_type: Some(instance.instance_type.clone()),
            zone: Some(instance.zone.clone()),
            ssh: None,
            marks: boot.map_or_else(Marks::default, FirstBoot::marks),
            taints: boot.map_or_else(Box::default, FirstBoot::taints),
            cores: kind.map_or(2, |t| t.vcpu),
            memory_gib: kind.map_or(4.0, |t| t.memory_gib),
            joined_at: if settled {
                super::clock::later(launched, SignedDuration::from_secs(48))
            } else {
                self.now
            },
            settled,
        };
        let cluster = machine.cluster;
        if let Some(machine) = self.machines.get_mut(id) {
            machine.joined = true;
            // The first server encrypts the cluster's state with its token.
            if let Some(secrets) = self.clusters.get_mut(cluster).map(|c| &mut c.secrets)
                && let Some(token) = machine.k3s.server_token.as_ref().filter(|_| secrets.server.is_empty())
            {
                secrets.server = token.clone();
            }
        }
        self.bear(cluster, birth);
    }

    /// Registers the node of a board: settled for as long as the scenario says, or joining now.
    pub(super) fn join_board(&mut self, host: &HostName, settled: bool) {
        let Some(board) = self.boards.get(host) else {
            return;
        };
        let Some(k3s) = &board.life.k3s else { return };
        let (no, spec) = (board.cluster, &board.spec);
        let user = board.host.user.as_deref().unwrap_or_default();
        let annotated = spec.annotated && !board.life.by_hand;
        let ssh = annotated.then(|| format_smolstr!("{user}@{}:22", spec.address));
        let config = k3s.config.as_ref();
        let labels = config.into_iter().flat_map(|c| &c.labels);
        let labels = labels.filter_map(|l| l.split_once('='));
        let labelled = |key: &str| labels.clone().find(|(k, _)| *k == key).map(|(_, v)| v.into());
        let marks = Marks {
            labels: labels.clone().map(|(k, v)| (k.into(), Some(v.into()))).collect(),
            annotations: vec![],
        };
        let name = board.node();
        let birth = Birth {
            host: Host::Board(board.host.name.clone()),
            role: Role::Agent,
            version: k3s.runs.clone(),
            arch: Some(spec.arch),
            os: spec.os.clone(),
            kernel: spec.kernel.clone(),
            ip: Some(spec.address),
            provider_id: format_smolstr!("k3s://{name}"),
            name,
            instance_type: labelled("node.kubernetes.io/instance-type"),
            zone: labelled("topology.kubernetes.io/zone"),
            ssh,
            marks,
            taints: config.map(|c| c.taints.clone().into()).unwrap_or_default(),
            cores: spec.cores,
            memory_gib: spec.memory_gib,
            joined_at: match (settled, board.life.by_hand) {
                (true, true) => self.now.min(k3s.up_since),
                (true, false) => earlier(self.now, spec.age),
                (false, _) => self.now,
            },
            settled,
        };
        self.bear(no, birth);
    }

    fn bear(&mut self, no: ClusterNo, birth: Birth) {
        let Some(cluster) = self.clusters.get_mut(no) else {
            return;
        };
        let etcd = birth.role == Role::Server && cluster.spec.shape == Shape::Ha && !cluster.external;
        // The first is one by itself; others learn before they vote.
        let first = cluster.nodes.iter().all(|(_, n)| n.node.role != Role::Server);
        let votes = birth.settled || first || !cluster.launched;
        let unready = NOT_READY
            .map(SmolStr::new_static)
            .into_iter()
            .filter(|_| !birth.settled);
        let taints = unready.chain(birth.taints.iter().cloned()).collect();
        let name = birth.name.clone();
        let node = Node {
            key: NodeKey::new(&cluster.context, &name),
            joined_at: Some(whole(birth.joined_at)),
            ready: if birth.settled {
                Readiness::Ready
            } else {
                Readiness::NotReady
            },
            ready_since: Some(whole(birth.joined_at)),
            not_ready_reason: (!birth.settled).then(|| "KubeletNotReady".into()),
            schedulable: true,
            role: birth.role,
            etcd_voter: etcd.then_some(votes),
            version: birth.version,
            arch: birth.arch,
            os: birth.os,
            kernel: birth.kernel,
            internal_ip: birth.ip,
            provider_id: Some(birth.provider_id),
            hostname: Some(name.clone()),
            instance_type: birth.instance_type,
            zone: birth.zone,
            ssh: birth.ssh,
            old_token: None,
            allocatable: Resources {
                cpu_milli: u64::from(birth.cores) * 1000,
                memory: gib(birth.memory_gib * 0.96),
                pods: 110,
            },
            taints,
            pressures: Box::default(),
        };
        cluster.nodes.insert(
            name.clone(),
            SimNode {
                node,
                host: birth.host,
                requested: Resources::default(),
                ill: false,
                taints: birth.taints,
                marks: birth.marks,
            },
        );
        if !birth.settled {
            let secs = self.between(7.0, 11.0);
            self.after(secs, Event::Ready(no, name));
        }
    }

    /// Whether a node's kubelet posts its status: its machine runs, or its board is up.
    pub(super) fn posts(&self, node: &SimNode) -> bool {
        match &node.host {
            Host::Machine(id) => self.machines.get(id).is_some_and(Machine::runs_k3s),
            Host::Board(host) => self
                .boards
                .get(host)
                .is_some_and(|b| b.up && b.life.k3s.as_ref().is_some_and(K3s::is_active)),
        }
    }

    /// A node is ready, if its kubelet runs and is well.
    pub(super) fn node_ready(&mut self, no: ClusterNo, name: &str) {
        let Some(node) = self.clusters.get(no).and_then(|c| c.nodes.get(name)) else {
            return;
        };
        if node.ill || !self.posts(node) {
            return;
        }
        let first = node.node.ready_since == node.node.joined_at && node.node.ready == Readiness::NotReady;
        if node.node.etcd_voter == Some(false)
            && let Some(cluster) = self.clusters.get_mut(no)
        {
            cluster.nodes.edit(name, |n| n.node.etcd_voter = Some(true));
        }
        self.set_ready(no, name, Readiness::Ready, None, &[]);
        if first {
            self.add_daemon(no, name, false);
        }
        self.end_waiting(no, name);
        self.after(1.0, Event::Schedule(no));
    }

    /// A node whose kubelet has been silent for the grace period is lost, unless it came back.
    pub(super) fn node_silent(&mut self, no: ClusterNo, name: &str) {
        let Some(node) = self.clusters.get(no).and_then(|c| c.nodes.get(name)) else {
            return;
        };
        if !self.posts(node) {
            self.set_ready(no, name, Readiness::Unknown, Some("NodeStatusUnknown"), &UNREACHABLE);
        }
    }

    /// A node's kubelet says that it is not ready.
    pub(super) fn fall_ill(&mut self, no: ClusterNo, name: &str) {
        if let Some(cluster) = self.clusters.get_mut(no) {
            cluster.nodes.edit(name, |n| n.ill = true);
        }
        self.set_ready(no, name, Readiness::NotReady, Some("KubeletNotReady"), &NOT_READY);
    }

    /// The kubelet of a node has just been started: it is not ready yet.
    pub(super) fn not_yet_ready(&mut self, no: ClusterNo, name: &str) {
        self.set_ready(no, name, Readiness::NotReady, Some("KubeletNotReady"), &NOT_READY);
    }

    /// Writes labels and annotations on a node; false when there is no such node.
    pub(super) fn mark(&mut self, no: ClusterNo, name: &str, marks: &Marks) -> bool {
        let Some(cluster) = self.clusters.get_mut(no) else {
            return false;
        };
        let marked = cluster.nodes.edit(name, |n| {
            for (all, new) in [
                (&mut n.marks.labels, &marks.labels),
                (&mut n.marks.annotations, &marks.annotations),
            ] {
                for (key, value) in new {
                    all.retain(|(k, _)| k != key);
                    all.push((key.clone(), value.clone()));
                }
            }
            for (key, value) in marks.labels.iter().chain(&marks.annotations) {
                match key.as_str() {
                    "k3fleet.dev/ssh" => n.node.ssh.clone_from(value),
                    "k3fleet.dev/old-token" => n.node.old_token = value.as_deref().and_then(Role::parse),
                    "node.kubernetes.io/instance-type" => n.node.instance_type.clone_from(value),
                    "topology.kubernetes.io/zone" => n.node.zone.clone_from(value),
                    _ => {}
                }
            }
        });
        marked.is_some()
    }

    /// A kubelet that was ill is well again.
    pub(super) fn recover(&mut self, no: ClusterNo, name: &str) {
        if let Some(cluster) = self.clusters.get_mut(no) {
            cluster.nodes.edit_quietly(name, |n| n.ill = false);
        }
        self.node_ready(no, name);
    }

    fn set_ready(
        &mut self,
        no: ClusterNo,
        name: &str,
        ready: Readiness,
        reason: Option<&'static str>,
        taints: &[&'static str],
    ) {
        let now = whole(self.now);
        let Some(cluster) = self.clusters.get_mut(no) else {
            return;
        };
        cluster.nodes.edit(name, |n| {
            let node = &mut n.node;
            if node.ready != ready {
                node.ready_since = Some(now);
            }
            node.ready = ready;
            node.not_ready_reason = reason.map(SmolStr::new_static);
            let cordon = (!node.schedulable).then_some(UNSCHEDULABLE);
            node.taints = cordon
                .into_iter()
                .chain(taints.iter().copied())
                .map(SmolStr::new_static)
                .chain(n.taints.iter().cloned())
                .collect();
        });
    }

    /// Makes a node unschedulable, or schedulable again.
    pub(super) fn cordon(&mut self, no: ClusterNo, name: &str, on: bool) {
        let Some(cluster) = self.clusters.get_mut(no) else {
            return;
        };
        cluster.nodes.edit(name, |n| {
            n.node.schedulable = !on;
            let others = n.node.taints.iter().filter(|t| *t != UNSCHEDULABLE).cloned();
            n.node.taints = on
                .then(|| SmolStr::new_static(UNSCHEDULABLE))
                .into_iter()
                .chain(others)
                .collect();
        });
    }

    /// An operator lets a node take new pods, or not; false when there is no such node.
    pub(super) fn let_schedule(&mut self, no: ClusterNo, name: &str, on: bool) -> bool {
        let Some(node) = self.clusters.get(no).and_then(|c| c.nodes.get(name)) else {
            return false;
        };
        let key = (node.node.key.context.clone(), SmolStr::new(name));
        match on {
            true => self.cordoned.remove(&key),
            false => self.cordoned.insert(key),
        };
        if node.node.schedulable != on {
            self.cordon(no, name, !on);
            self.after(1.0, Event::Schedule(no));
        }
        true
    }

    /// The node of an instance that is no more is deleted.
    pub(super) fn node_outlived(&mut self, no: ClusterNo, name: &str) {
        let node = self.clusters.get(no).and_then(|c| c.nodes.get(name));
        let lives = |n: &SimNode| matches!(&n.host, Host::Machine(id) if self.machines.contains_key(id));
        if node.is_some_and(|n| !lives(n)) {
            self.delete_node(no, name);
        }
    }

    /// A node is deleted, with the pods that were bound to it. A kubelet that still runs registers anew.
    pub(super) fn delete_node(&mut self, no: ClusterNo, name: &str) {
        let Some(cluster) = self.clusters.get_mut(no) else {
            return;
        };
        let Some(gone) = cluster.nodes.remove(name) else {
            return;
        };
        // Its node owns it.
        cluster.secrets.passwords.remove(name);
        match &gone.host {
            Host::Machine(id) if self.machines.contains_key(id) => {
                let secs = self.between(5.0, 9.0);
                self.after(secs, Event::Join(id.clone()));
            }
            // Not before: a node's name is made of its address.
            Host::Machine(_) => self.names.free(gone.node.internal_ip),
            Host::Board(host) => {
                let secs = self.between(5.0, 9.0);
                self.after(secs, Event::BoardJoins(host.clone()));
            }
        }
        let Some(cluster) = self.clusters.get(no) else {
            return;
        };
        let bound = cluster.pods.iter().filter(|(_, p)| p.pod.node.as_deref() == Some(name));
        for pod in bound.map(|(name, _)| name.clone()).collect::<Vec<_>>() {
            self.delete_pod(no, &pod);
        }
    }
}

/// Bytes of that many GiB.
pub(super) fn gib(n: f64) -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
    let bytes = (n * 1_073_741_824.0) as u64;
    bytes
}
