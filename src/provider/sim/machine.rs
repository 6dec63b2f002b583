//! The life of an instance: pending, running, its node joins, shutting down, gone.

use std::net::IpAddr;

use jiff::SignedDuration;
use smol_str::{SmolStr, format_smolstr};

use super::clock::{earlier, later, seconds, whole};
use super::ground::cluster_vpc;
use super::launch::{FromTemplate, first_boot, machine_tags};
use super::names::ip_name;
use super::scenario::{Hostnames, Shape};
use super::stack::Turn;
use super::state::{ClusterNo, Event, GroupNo, Host, Machine, State};
use crate::fleet::{Instance, InstanceId, InstanceState, Purchase, Role, Tags};

/// A kubelet's silence after which its node counts as lost (`node-monitor-grace-period`).
pub(super) const GRACE: f64 = 50.0;
/// How long a member waits at most before it ends.
const HOOK: f64 = 300.0;

/// What to launch, and for whom.
pub(super) struct Order<'a> {
    pub(super) cluster: ClusterNo,
    pub(super) group: Option<GroupNo>,
    /// The value of `k3fleet:pool`.
    pub(super) pool: &'a str,
    pub(super) role: Role,
    pub(super) instance_type: &'a str,
    pub(super) zone: &'a str,
    pub(super) purchase: Purchase,
    /// It has been running for about that long; `None`: it starts now.
    pub(super) age: Option<SignedDuration>,
    /// What it is launched with, where an operator had it launched.
    pub(super) from: Option<FromTemplate<'a>>,
}

impl State {
    /// Launches an instance. It boots by itself, and its node joins.
    pub(super) fn launch(&mut self, order: &Order<'_>) -> Option<InstanceId> {
        let cluster = self.clusters.get(order.cluster)?;
        let spec = &cluster.spec;
        let zones = self.regions.iter().find(|r| r.name == cluster.scope.region);
        let zone_no = zones
            .and_then(|r| r.zones.iter().position(|z| z.name == order.zone))
            .unwrap_or(0);
        let ip = match &order.from {
            Some(from) => self.names.private_ip_in(from.site.net, from.site.zone_no),
            None => self.names.private_ip(order.cluster, zone_no),
        };
        let id = self.names.instance(&mut self.rng);
        let domain = if cluster.scope.region == "us-east-1" {
            "ec2.internal".into()
        } else {
            format_smolstr!("{}.compute.internal", cluster.scope.region)
        };
        let host = match spec.hostnames {
            Hostnames::IpName => ip_name(ip),
            Hostnames::ResourceName => SmolStr::new(id.as_str()),
        };
        let launched_at = order.age.map_or(self.now, |age| {
            let late = seconds(age.as_secs_f64() * 0.1 * self.rng.f64());
            earlier(self.now, age.saturating_sub(late))
        });
        let arch = self.types.get(order.instance_type).map(|t| t.arch);
        let instance = Instance {
            id: id.clone(),
            scope: cluster.scope.clone(),
            state: InstanceState::Pending,
            instance_type: order.instance_type.into(),
            arch,
            zone: order.zone.into(),
            purchase: order.purchase,
            launched_at: Some(whole(launched_at)),
            public_ip: None,
            private_ip: Some(IpAddr::V4(ip)),
            private_dns: Some(format_smolstr!("{host}.{domain}")),
            image: Some(match &order.from {
                Some(from) => from.template.image.clone(),
                None => image(self.seed, &cluster.scope.region, arch.map_or("", |a| a.as_str())),
            }),
            vpc: Some(match &order.from {
                Some(from) => from.site.vpc.clone(),
                None => cluster_vpc(self.seed, order.cluster),
            }),
            reason: None,
            tags: self.tags(order),
        };
        let machine = Machine {
            instance,
            cluster: order.cluster,
            group: order.group,
            role: order.role,
            k3s: self.k3s_for(
                order.cluster,
                order.role,
                order.from.as_ref().map(|f| &f.template.settings),
            ),
            up: true,
            boots: 0,
            worked_on: false,
            first_boot: order.from.as_ref().map(|from| first_boot(from.template)),
            node: host,
            doomed: false,
            leaving: None,
            joins: true,
            joined: false,
            node_stays: SignedDuration::from_secs(6),
        };
        self.machines.insert(id.clone(), machine);
        if order.age.is_some() {
            self.run(&id);
            self.register(&id, true);
        } else {
            let boot = match &order.from {
                Some(_) => self.between(10.0, 16.0),
                None => self.between(6.0, 11.0),
            };
            self.after(boot, Event::Boot(id.clone()));
        }
        Some(id)
    }

    /// The tags of an instance, or of a group when no name is due.
    fn tags(&self, order: &Order<'_>) -> Tags {
        if let Some(from) = &order.from {
            return machine_tags(from.template, order.group.and_then(|g| self.groups.get(g)))
                .into_iter()
                .collect();
        }
        let mut tags = self.cluster_tags(order.cluster, order.pool, order.role);
        let cluster = self.clusters.get(order.cluster).map_or("", |c| c.name.as_str());
        tags.push(("Name".into(), format_smolstr!("{cluster}-{}", order.pool)));
        if let Some(group) = order.group.and_then(|g| self.groups.get(g)) {
            tags.push(("aws:autoscaling:groupName".into(), group.name.clone()));
        }
        tags.into_iter().collect()
    }

    /// The tags that everything of a cluster's pool carries.
    pub(super) fn cluster_tags(&self, no: ClusterNo, pool: &str, role: Role) -> Vec<(SmolStr, SmolStr)> {
        let Some(cluster) = self.clusters.get(no) else {
            return Vec::new();
        };
        let mut tags: Vec<(SmolStr, SmolStr)> = vec![
            ("k3fleet:cluster".into(), cluster.name.clone()),
            ("k3fleet:pool".into(), pool.into()),
            ("k3fleet:role".into(), role.as_str().into()),
            ("k3fleet:shape".into(), cluster.spec.shape.as_str().into()),
            ("k3fleet:created-by".into(), cluster.spec.created_by.clone()),
        ];
        if let Some(at) = cluster.expires_at {
            tags.push(("k3fleet:expires-at".into(), format_smolstr!("{}", whole(at))));
        }
        tags
    }

    /// A pending instance runs.
    pub(super) fn boot(&mut self, id: &InstanceId) {
        if self
            .machines
            .get(id)
            .is_none_or(|m| m.instance.state != InstanceState::Pending)
        {
            return;
        }
        self.run(id);
        self.say_state(id, "running");
        let service = self.between(2.0, 4.0);
        let launched = self.machines.get(id).is_some_and(|m| m.first_boot.is_some());
        let join = match launched {
            true => self.begin_first_boot(id),
            false => Some(self.between(16.0, 24.0)),
        };
        self.after(service, Event::InService(id.clone()));
        if let Some(join) = join {
            self.after(join, Event::Join(id.clone()));
        }
    }

    /// An instance runs.
    pub(super) fn run(&mut self, id: &InstanceId) {
        let Some(machine) = self.machines.get_mut(id) else {
            return;
        };
        machine.instance.state = InstanceState::Running;
        // The agents of a scenario's groups stand in private subnets.
        if machine.role == Role::Server || machine.group.is_none() || machine.first_boot.is_some() {
            machine.instance.public_ip = Some(self.names.public_ip());
        }
    }

    /// K3s on an instance is up: its node joins, if there is an API server to join.
    pub(super) fn join(&mut self, id: &InstanceId) {
        let Some(machine) = self.machines.get(id) else {
            return;
        };
        if !machine.joins || machine.instance.state != InstanceState::Running {
            return;
        }
        let cluster = self.clusters.get(machine.cluster);
        if cluster.is_some_and(|c| c.nodes.get(&machine.node).is_some()) {
            return;
        }
        let founds = machine.role == Role::Server
            && self
                .clusters
                .get(machine.cluster)
                .is_some_and(|c| c.spec.shape != Shape::Ha);
        if !machine.runs_k3s() {
            return;
        }
        let turn = self.turn(id);
        match turn {
            Turn::Waits => {
                let secs = self.until_turn();
                self.after(secs, Event::Join(id.clone()));
                return;
            }
            Turn::Fails(step) => {
                self.boot_fails_at(id, step);
                return;
            }
            Turn::Usual | Turn::Founds | Turn::Joins => {}
        }
        let founds = founds || turn == Turn::Founds;
        let Some(machine) = self.machines.get(id) else {
            return;
        };
        if !founds && (!self.api_up(machine.cluster) || self.hindrance(&Host::Machine(id.clone())).is_some()) {
            self.after(10.0, Event::Join(id.clone()));
            return;
        }
        let (no, role, first) = (machine.cluster, machine.role, !machine.joined);
        self.register(id, false);
        if role == Role::Server {
            self.deploy(no);
        }
        if first && self.machines.get(id).is_some_and(|m| m.first_boot.is_some()) {
            let secs = self.between(3.0, 6.0);
            self.after(secs, Event::BootEnds(id.clone()));
        }
    }

    /// Ends an instance. A group's instance is replaced, unless the group has counted it out already.
    pub(super) fn terminate(&mut self, id: &InstanceId, why: &str) {
        let Some(machine) = self.machines.get_mut(id) else {
            return;
        };
        if matches!(machine.instance.state, InstanceState::ShuttingDown) {
            return;
        }
        machine.instance.state = InstanceState::ShuttingDown;
        machine.instance.reason = Some(why.into());
        machine.doomed = true;
        let waited = machine.leaving.is_some();
        let (group, cluster, node) = (machine.group, machine.cluster, machine.node.clone());
        let secs = self.between(18.0, 28.0);
        self.after(secs, Event::Gone(id.clone()));
        self.after(GRACE, Event::Silent(cluster, node));
        if let Some(group) = group {
            if !waited {
                self.member_leaves(group, id);
            }
            self.reconcile(group);
        }
        self.say_state(id, "shutting-down");
    }

    /// A group ends a member. One that waits before it ends goes once it is let go, or its time is over.
    pub(super) fn leave(&mut self, id: &InstanceId, why: &str) {
        let Some(machine) = self.machines.get_mut(id) else {
            return;
        };
        let group = machine.group.and_then(|no| self.groups.get_mut(no).map(|g| (no, g)));
        let Some((no, _)) = group.filter(|(_, g)| g.hook && machine.instance.state == InstanceState::Running) else {
            self.terminate(id, why);
            return;
        };
        if machine.leaving.is_some() {
            return;
        }
        machine.leaving = Some(why.into());
        machine.doomed = true;
        self.member_leaves(no, id);
        if let Some(member) = self.groups.get_mut(no).and_then(|g| g.members.get_mut(id)) {
            member.lifecycle = SmolStr::new_static("Terminating:Wait");
        }
        self.after(HOOK, Event::HookOver(id.clone()));
        self.say_member(
            id,
            "EC2 Instance-terminate Lifecycle Action",
            Some("autoscaling:EC2_INSTANCE_TERMINATING"),
        );
        self.reconcile(no);
    }

    /// A member that waited ends.
    pub(super) fn leaves_for_good(&mut self, id: &InstanceId) {
        let why = self.machines.get(id).and_then(|m| m.leaving.clone());
        if let Some(why) = why {
            self.terminate(id, &why);
        }
    }

    /// An instance that was shutting down is terminated.
    pub(super) fn gone(&mut self, id: &InstanceId) {
        self.say_state(id, "terminated");
        self.say_member(id, "EC2 Instance Terminate Successful", None);
        let reaped = self.is_reaped(id);
        let console = self.machines.get(id).and_then(|m| self.console(&m.instance.scope, id));
        let Some(machine) = self.machines.remove(id) else {
            return;
        };
        if let Some(text) = console.filter(|_| machine.first_boot.is_some()) {
            self.consoles.insert(id.clone(), text);
        }
        self.notices.remove(id);
        let joined = self
            .clusters
            .get(machine.cluster)
            .is_some_and(|c| c.nodes.get(&machine.node).is_some());
        if !joined {
            self.names.free(machine.instance.private_ip);
        }
        if let Some(group) = machine.group {
            self.member_left(group, id);
        }
        // Where there is a reaper, that is its work.
        if !reaped {
            let at = later(self.now, machine.node_stays);
            self.at(at, Event::DeleteNode(machine.cluster, machine.node));
        }
    }

    /// Whether enough servers of a cluster run for its API to answer.
    pub(super) fn api_up(&self, no: ClusterNo) -> bool {
        let Some(cluster) = self.clusters.get(no) else {
            return false;
        };
        let servers = cluster.nodes.iter().filter(|(_, n)| n.node.role == Role::Server);
        let servers = servers.filter(|(_, n)| self.is_member(cluster, n));
        let (all, alive) = servers.fold((0, 0), |(all, alive), (_, n)| {
            (all + 1, alive + usize::from(self.posts(n)))
        });
        let enough = if cluster.external { alive > 0 } else { alive > all / 2 };
        enough || (all == 0 && self.serves_without_node(no))
    }

    /// Whether a server runs whose node was deleted: it answers all the same, and will register anew.
    fn serves_without_node(&self, no: ClusterNo) -> bool {
        let mut own = self.machines.values().filter(|m| m.cluster == no);
        own.any(|m| m.role == Role::Server && m.joined && m.runs_k3s())
    }
}

impl Machine {
    /// Whether Run Command reaches it.
    pub(super) fn is_reached(&self) -> bool {
        self.instance.state == InstanceState::Running && self.up
    }

    /// Whether it is there, and K3s runs on it once it has been installed.
    pub(super) fn runs_k3s(&self) -> bool {
        self.instance.state == InstanceState::Running && self.up && self.k3s.is_active()
    }
}

pub(super) fn image(seed: u64, region: &str, arch: &str) -> SmolStr {
    let n = super::noise::hash(seed, &["image", region, arch]);
    format_smolstr!("ami-0{n:016x}")
}
