//! From a scenario to a world: the regions, clusters, machines and boards it starts with, long settled.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use smol_str::{SmolStr, format_smolstr};

use super::board::{Board, Life};
use super::budget::budgets;
use super::clock::{earlier, later, seconds};
use super::fault::{Outage, Target};
use super::machine::Order;
use super::market::Market;
use super::names::suffix;
use super::scenario::{ClusterSpec, EdgeSpec, LoneSpec, PoolSpec, RegionSpec, Scenario};
use super::state::{Cluster, ClusterNo, Event, Group, GroupNo, State};
use super::store::Store;
use super::token::Secrets;
use super::workload::workloads;
use crate::fleet::{ContextId, EdgeHost, HostName, Role, Scope};

/// What a region is called as a scope.
pub(super) fn scope(region: &RegionSpec) -> Scope {
    Scope::new(&region.profile, &region.name)
}

/// Builds the world of a scenario as it is at its start.
pub(super) fn build(scenario: &Scenario, seed: u64, start: Timestamp) -> State {
    let market = Market::new(scenario.market.clone(), seed, start);
    let mut state = State::empty(seed, start, market, scenario.life.clone());
    state.regions.clone_from(&scenario.regions);
    state.types = scenario.types.iter().map(|t| (t.name.clone(), t.clone())).collect();
    state.told.clone_from(&scenario.events);
    for spec in &scenario.clusters {
        let no = state.place(spec);
        let expires_at = spec.ttl.as_ref().map(|ttl| later(start, ttl.left));
        state.found(no, spec.name.clone(), expires_at, Some(spec.age));
        if let Some(before) = spec.ttl.as_ref().and_then(|ttl| ttl.before.as_ref()) {
            state.leave_behind(no, &before.name, earlier(start, before.ended));
        }
    }
    for edge in &scenario.edge {
        state.set_up(edge);
    }
    for no in 0..state.clusters.len() {
        state.lag_behind(no);
        state.fill_with_pods(no);
    }
    for (n, told) in scenario.events.iter().enumerate() {
        state.at(later(start, told.at), Event::Tell(n));
    }
    for fault in &scenario.faults {
        state.add_outage(Outage {
            from: later(start, fault.at),
            until: later(later(start, fault.at), fault.r#for),
            target: Target::of(&fault.target),
            kind: fault.kind,
            call: fault.call.clone(),
        });
    }
    state.at(later(start, scenario.life.from), Event::Live);
    state
}

impl State {
    /// Makes room for a cluster and its successors.
    fn place(&mut self, spec: &ClusterSpec) -> ClusterNo {
        let region = self.regions.iter().find(|r| r.name == *spec.region.get_ref());
        self.clusters.push(Cluster {
            spec: Arc::new(spec.clone()),
            name: spec.name.clone(),
            context: ContextId::new(spec.context.as_ref().unwrap_or(&spec.name)),
            scope: region.map_or_else(|| Scope::new("", spec.region.get_ref()), scope),
            expires_at: None,
            launched: false,
            destroyed: false,
            disable: SmolStr::default(),
            external: false,
            nodes: Store::default(),
            pods: Store::default(),
            workloads: Vec::new(),
            budgets: Vec::new(),
            pods_made: 0,
            secrets: Secrets::default(),
        });
        self.clusters.len() - 1
    }

    /// Launches all that a cluster is made of: settled for that long, or from nothing now.
    fn found(&mut self, no: ClusterNo, name: SmolStr, expires_at: Option<Timestamp>, age: Option<SignedDuration>) {
        let Some(cluster) = self.clusters.get_mut(no) else {
            return;
        };
        let spec = Arc::clone(&cluster.spec);
        cluster.name = name;
        cluster.expires_at = expires_at;
        cluster.secrets = Secrets::default();
        if let Some(at) = expires_at {
            self.at(at, Event::Expire(no));
        }
        self.underlay(no, age.is_some());
        for lone in &spec.machines {
            self.launch_lone(no, lone, age);
        }
        for pool in &spec.pools {
            let group = self.found_group(no, pool);
            self.fill_group(group, age);
        }
        self.template_pools(no);
    }

    fn launch_lone(&mut self, cluster: ClusterNo, lone: &LoneSpec, age: Option<SignedDuration>) {
        self.launch(&Order {
            cluster,
            group: None,
            pool: &lone.name,
            role: lone.role,
            instance_type: lone.instance_type.get_ref(),
            zone: lone.zone.get_ref(),
            purchase: lone.purchase,
            age,
            from: None,
        });
    }

    fn found_group(&mut self, cluster: ClusterNo, spec: &PoolSpec) -> GroupNo {
        let scope = self
            .clusters
            .get(cluster)
            .map_or_else(|| Scope::new("", ""), |c| c.scope.clone());
        self.groups.push(Group::new(spec.clone(), scope, cluster));
        self.groups.len() - 1
    }

    /// Gives the first agents the version that the scenario says they still have.
    fn lag_behind(&mut self, no: ClusterNo) {
        let Some(cluster) = self.clusters.get_mut(no) else {
            return;
        };
        let Some(behind) = &cluster.spec.behind else {
            return;
        };
        let count = usize::try_from(behind.agents).unwrap_or(usize::MAX);
        let version = behind.version.clone();
        let agents = cluster.nodes.iter().filter(|(_, n)| n.node.role == Role::Agent);
        let agents = agents.map(|(name, n)| (name.clone(), n.host.clone())).take(count);
        for (name, on) in agents.collect::<Vec<_>>() {
            self.node_runs(no, &name, &version);
            if let Some(k3s) = self.k3s_mut(&on) {
                k3s.installed = version.clone();
                k3s.runs = version.clone();
            }
        }
    }

    fn set_up(&mut self, edge: &EdgeSpec) {
        let Some(no) = self.clusters.iter().position(|c| c.name == *edge.cluster.get_ref()) else {
            return;
        };
        let k3s = self
            .clusters
            .get(no)
            .map_or_else(SmolStr::default, |c| c.spec.k3s.clone());
        for spec in &edge.hosts {
            let name = HostName::new(&spec.name);
            let host = EdgeHost {
                name: name.clone(),
                group: edge.group.clone(),
                address: Some(format_smolstr!("{}", spec.address)),
                user: Some(edge.user.clone()),
                port: None,
                cluster: Some(edge.cluster.get_ref().clone()),
                labels: edge.labels.iter().map(|(k, v)| (k.clone(), v.clone())).collect(),
                taints: Box::default(),
            };
            let board = Board {
                life: Life::new(spec, earlier(self.now, spec.age)),
                spec: spec.clone(),
                host,
                cluster: no,
                up: true,
                off: false,
            };
            self.boards.insert(name.clone(), board);
            if !spec.unjoined {
                self.settle_board(&name, &k3s);
            } else if spec.password_left {
                let other = super::noise::hash(self.seed, &["node password", "before", &spec.name]);
                if let Some(cluster) = self.clusters.get_mut(no) {
                    cluster.secrets.passwords.insert(spec.name.clone(), other);
                }
            }
        }
    }

    fn fill_with_pods(&mut self, no: ClusterNo) {
        let Some(cluster) = self.clusters.get_mut(no) else {
            return;
        };
        cluster.workloads = workloads(&cluster.spec);
        cluster.budgets = budgets(&cluster.workloads);
        let nodes: Vec<SmolStr> = cluster.nodes.iter().map(|(name, _)| name.clone()).collect();
        let wanted = nodes.len() * usize::try_from(cluster.spec.pods_per_node).unwrap_or(0);
        let kinds = cluster.workloads.len();
        for name in &nodes {
            self.add_daemon(no, name, true);
        }
        for n in 0..wanted {
            self.add_pod(no, n % kinds.max(1));
        }
        self.settle_pods(no);
    }

    /// The end of a `ci` cluster: every machine is ended at once; a successor comes some minutes later.
    pub(super) fn expire(&mut self, no: ClusterNo) {
        // A TTL that was extended meanwhile has its own event.
        let due = self.clusters.get(no).and_then(|c| c.expires_at);
        if due.is_none_or(|at| at > self.now) {
            return;
        }
        let launched = self.clusters.get(no).is_some_and(|c| c.launched);
        // The machines of a launched one end by timers of their own, its groups by their scheduled actions.
        for group in self.groups.iter_mut().filter(|_| !launched) {
            if group.cluster == no {
                group.desired = 0;
                group.alive = false;
            }
        }
        let machines = self.machines.iter().filter(|(_, m)| m.cluster == no);
        let machines = machines.filter(|(_, m)| !launched || m.group.is_none());
        for id in machines.map(|(id, _)| id.clone()).collect::<Vec<_>>() {
            self.terminate(&id, "the cluster's time was up");
        }
        if let Some(cluster) = self.clusters.get_mut(no) {
            cluster.expires_at = None;
        }
        if launched {
            return;
        }
        let pause = self.between(150.0, 300.0);
        self.after(pause, Event::Reborn(no));
    }

    /// A new `ci` cluster in the place of the one before.
    pub(super) fn reborn(&mut self, no: ClusterNo) {
        let Some(cluster) = self.clusters.get_mut(no).filter(|c| !c.destroyed) else {
            return;
        };
        let Some(whole) = cluster.spec.ttl.as_ref().map(|ttl| ttl.whole) else {
            return;
        };
        // What the one before ran is not run again.
        for name in cluster.pods.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>() {
            cluster.pods.remove(&name);
        }
        let names = cluster.nodes.iter().map(|(name, _)| name.clone());
        for name in names.collect::<Vec<_>>() {
            self.delete_node(no, &name);
        }
        let Some(cluster) = self.clusters.get(no) else {
            return;
        };
        let (stem, number) = cluster.name.rsplit_once('-').unwrap_or((&cluster.name, "0"));
        let name = match number.parse::<u32>() {
            Ok(n) => format_smolstr!("{stem}-{}", n.wrapping_add(self.rng.u32(3..40))),
            Err(_) => format_smolstr!("{}-{}", cluster.name, suffix(&mut self.rng, 4)),
        };
        let expires_at = later(self.now, whole);
        self.found(no, name, Some(expires_at), None);
        let pods = self.clusters.get(no).map_or(0, |c| c.spec.pods_per_node);
        let kinds = self.clusters.get(no).map_or(1, |c| c.workloads.len().max(1));
        for n in 0..usize::try_from(pods).unwrap_or(0) {
            self.add_pod(no, n % kinds);
        }
        self.at(later(self.now, seconds(20.0)), Event::Schedule(no));
    }
}
