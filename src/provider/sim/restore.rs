//! A world that begins where operators left it: what was kept is there again, settled.

use std::collections::BTreeMap;

use jiff::Timestamp;
use smol_str::SmolStr;

use super::asg::NewGroup;
use super::board::Life;
use super::first_boot::FirstBoot;
use super::k3s::{K3s, Service};
use super::kept::{Kept, KeptCluster, KeptGroup, KeptMachine};
use super::made::Tagged;
use super::state::{ClusterNo, GroupNo, Host, Machine, State};
use super::token::Secrets;
use crate::fleet::{
    AsgMember, ContextId, HostName, Instance, InstanceId, InstanceState, Purchase, Scope, TAG_EXPIRES_AT,
};

impl State {
    /// Brings back what was kept of this world.
    pub(super) fn restore(&mut self, kept: Kept) {
        // Before anything is launched: what is there keeps its ids and addresses to itself.
        let clusters = kept.launched.iter();
        let groups = kept.groups.iter().chain(clusters.clone().flat_map(|c| &c.groups));
        for machine in groups
            .flat_map(|g| &g.members)
            .chain(clusters.flat_map(|c| &c.machines))
        {
            self.names.take_id(&machine.id);
            self.names.take(machine.private_ip);
        }
        for key in &kept.deleted {
            self.things.remove(key);
            let parameter = self.parameter_key(&key.scope, &key.id);
            self.parameters.remove(&parameter);
        }
        self.things.extend(kept.things);
        // Before the groups, which may stand in networks of theirs.
        self.restore_stacks(kept.stacks);
        self.parameters.extend(kept.parameters);
        let tokens = kept.tokens.into_iter().map(|(scope, token, id)| ((scope, token), id));
        self.tokens.extend(tokens);
        for context in &kept.destroyed {
            if let Some(cluster) = self.own(context).and_then(|no| self.clusters.get_mut(no)) {
                cluster.destroyed = true;
            }
        }
        for (context, at) in &kept.moved {
            self.move_end(context, *at);
        }
        for id in &kept.ended {
            self.vanish(id);
        }
        for group in &kept.groups {
            self.restore_group(group);
        }
        for cluster in &kept.launched {
            self.restore_cluster(cluster);
        }
        self.restore_k3s(kept.secrets, kept.worked);
        for (host, context, life) in kept.boards {
            self.restore_board(&host, &context, life);
        }
        for (context, node, marks) in &kept.marks {
            if let Some(no) = self.clusters.iter().rposition(|c| c.context == *context) {
                self.mark(no, node, marks);
            }
        }
        for no in 0..self.clusters.len() {
            self.settle_pods(no);
        }
        self.stacks_go_on();
        for (context, node) in &kept.cordoned {
            if let Some(no) = self.clusters.iter().rposition(|c| c.context == *context) {
                self.let_schedule(no, node, false);
            }
        }
    }

    /// The scenario's cluster behind a context.
    fn own(&self, context: &ContextId) -> Option<ClusterNo> {
        self.clusters.iter().position(|c| !c.launched && c.context == *context)
    }

    fn move_end(&mut self, context: &ContextId, at: Timestamp) {
        let Some(no) = self.own(context).filter(|_| at > self.now) else {
            return;
        };
        let machines = self.machines.iter().filter(|(_, m)| m.cluster == no);
        let tag: Tagged = [(TAG_EXPIRES_AT.into(), SmolStr::new(at.to_string()))].into();
        for (id, scope) in machines
            .map(|(id, m)| (id.clone(), m.instance.scope.clone()))
            .collect::<Vec<_>>()
        {
            self.tag_machine(&scope, &id, &tag);
        }
    }

    /// An instance that operators ended in an earlier run is not there, nor is its node.
    fn vanish(&mut self, id: &InstanceId) {
        let Some(machine) = self.machines.remove(id) else {
            return;
        };
        self.notices.remove(id);
        if let Some(group) = machine.group.and_then(|no| self.groups.get_mut(no)) {
            group.members.remove(id);
        }
        self.ended.insert(id.clone());
        self.delete_node(machine.cluster, &machine.node);
    }

    fn restore_group(&mut self, kept: &KeptGroup) {
        let named = |g: &super::state::Group| g.template.is_none() && g.scope == kept.scope && g.name == kept.name;
        let Some(no) = self.groups.iter().position(named) else {
            return;
        };
        let members = self
            .groups
            .get(no)
            .map(|g| g.members.keys().cloned().collect::<Vec<_>>());
        for id in members.unwrap_or_default() {
            if !kept.stayed.contains(&id) {
                self.vanish(&id);
            }
        }
        self.resize_to(no, kept);
    }

    /// Gives a group the size and the members that were kept of it.
    fn resize_to(&mut self, no: GroupNo, kept: &KeptGroup) {
        let over = kept.ends_at.is_some_and(|at| at <= self.now);
        let Some(group) = self.groups.get_mut(no) else {
            return;
        };
        group.alive = kept.alive;
        group.by_hand = kept.by_hand;
        group.tags.clone_from(&kept.tags);
        (group.min, group.max, group.desired) = if over {
            (0, 0, 0)
        } else {
            (kept.min, kept.max, kept.desired)
        };
        let cluster = group.cluster;
        if let Some(at) = kept.ends_at.filter(|_| !over) {
            self.end_group_at(no, at);
        }
        for machine in kept.members.iter().filter(|_| !over) {
            self.restore_machine(cluster, Some(no), &kept.scope, machine);
        }
        if kept.alive {
            self.reconcile(no);
        }
    }

    fn restore_cluster(&mut self, kept: &KeptCluster) {
        let over = kept.founding.expires_at.is_some_and(|at| at <= self.now);
        let mut founding = kept.founding.clone();
        founding.expires_at.take_if(|_| over);
        let scope = founding.scope.clone();
        let no = self.add_launched(founding);
        if let Some(cluster) = self.clusters.get_mut(no) {
            cluster.destroyed = kept.destroyed;
            cluster.secrets = kept.secrets.clone();
        }
        for machine in kept.machines.iter().filter(|_| !over) {
            self.restore_machine(no, None, &scope, machine);
        }
        self.deploy(no);
        for group in &kept.groups {
            let Some(over) = &group.over else { continue };
            let percent = if over.purchase == Purchase::OnDemand { 100 } else { 0 };
            let [base, percent] = over.mix.unwrap_or([0, percent]);
            let new = NewGroup {
                name: group.name.clone(),
                template: over.template.clone(),
                types: over.types.clone(),
                subnets: over.subnets.clone(),
                base,
                percent,
                size: [group.min, group.desired, group.max],
                tags: group.tags.clone().unwrap_or_default(),
                stack: over.stack.clone(),
                hook: over.hook,
                fleet: over.fleet,
            };
            let sites: Vec<_> = over.subnets.iter().filter_map(|id| self.site(&scope, id)).collect();
            let made = self.add_group(&scope, no, &new, &sites);
            if let Some(group) = self.groups.get_mut(made) {
                group.keeps_excess = over.keeps_excess;
            }
            self.resize_to(made, group);
        }
    }

    /// A machine is there again: running for as long as it has, and its node with it.
    fn restore_machine(&mut self, cluster: ClusterNo, group: Option<GroupNo>, scope: &Scope, kept: &KeptMachine) {
        let id = &kept.id;
        let first_boot = kept.first_boot.as_ref().map(|boot| {
            let now = self.now;
            FirstBoot {
                runs_at: Some(now.min(kept.launched_at.unwrap_or(now))),
                failed: boot.fails.is_some(),
                ..FirstBoot::new(boot.settings.clone(), boot.ssh, boot.fails.clone())
            }
        });
        let comes_up = kept.joins && first_boot.as_ref().is_none_or(|boot| !boot.failed);
        let instance = Instance {
            id: id.clone(),
            scope: scope.clone(),
            state: InstanceState::Pending,
            instance_type: kept.instance_type.clone(),
            arch: self.types.get(&kept.instance_type).map(|t| t.arch),
            zone: kept.zone.clone(),
            purchase: kept.purchase,
            // Worlds that run faster than real time have been further on than this one is.
            launched_at: kept.launched_at.map(|at| at.min(super::clock::whole(self.now))),
            public_ip: None,
            private_ip: kept.private_ip,
            private_dns: kept.private_dns.clone(),
            image: kept.image.clone(),
            vpc: kept.vpc.clone(),
            reason: None,
            tags: kept.tags.iter().cloned().collect(),
        };
        let machine = Machine {
            instance,
            cluster,
            group,
            role: kept.role,
            k3s: kept.k3s.clone(),
            up: true,
            boots: 0,
            worked_on: true,
            first_boot,
            node: kept.node.clone(),
            doomed: false,
            leaving: None,
            joins: comes_up,
            joined: false,
            node_stays: jiff::SignedDuration::from_secs(6),
        };
        self.machines.insert(id.clone(), machine);
        self.run(id);
        if let Some(machine) = self.machines.get_mut(id)
            && kept.public_ip.is_some()
        {
            machine.instance.public_ip = kept.public_ip;
        }
        if let Some(group) = group.and_then(|no| self.groups.get_mut(no)) {
            let member = AsgMember {
                id: id.clone(),
                lifecycle: "InService".into(),
                healthy: true,
                protected: false,
            };
            group.members.insert(id.clone(), member);
        }
        if comes_up {
            self.register(id, true);
            self.add_daemon(cluster, &kept.node, true);
            self.boot_ends(id);
            self.goes_on(&Host::Machine(id.clone()));
        }
    }

    /// K3s that was not up starts.
    fn goes_on(&mut self, on: &Host) {
        if self.k3s(on).is_some_and(|k| k.service == Service::Activating) {
            self.start_k3s(on);
        }
    }

    /// What is secret of the scenario's clusters, and K3s on their machines. Those that the world has made anew are as new
    /// ones are now.
    fn restore_k3s(&mut self, secrets: Vec<(ContextId, Secrets)>, worked: Vec<(ContextId, Vec<(InstanceId, K3s)>)>) {
        for (context, secrets) in secrets {
            if let Some(cluster) = self.own(&context).and_then(|no| self.clusters.get_mut(no)) {
                cluster.secrets = secrets;
            }
        }
        for (context, known) in worked {
            let Some(no) = self.own(&context) else { continue };
            let mut known: BTreeMap<_, _> = known.into_iter().collect();
            let own = self.machines.values().filter(|m| m.cluster == no && !m.worked_on);
            let own: Vec<_> = own.map(|m| (m.instance.id.clone(), m.role, m.node.clone())).collect();
            for (id, role, node) in own {
                let k3s = known.remove(&id).unwrap_or_else(|| self.k3s_for(no, role, None));
                let version = k3s.runs.clone();
                if let Some(machine) = self.machines.get_mut(&id) {
                    machine.k3s = k3s;
                    machine.worked_on = true;
                }
                self.node_runs(no, &node, &version);
                self.goes_on(&Host::Machine(id));
            }
        }
    }

    /// An edge host as operators left it, and its node.
    fn restore_board(&mut self, host: &HostName, context: &ContextId, life: Life) {
        let on = Host::Board(host.clone());
        let Some((before, old)) = self.node_of(&on) else { return };
        let no = self.clusters.iter().rposition(|c| c.context == *context);
        let now = self.now;
        let Some(board) = self.boards.get_mut(host) else { return };
        board.life = life;
        board.life.booted_at = board.life.booted_at.min(now);
        board.cluster = no.unwrap_or(before);
        let stays = board.life.k3s.is_some() && (board.cluster, board.node()) == (before, old.clone());
        let version = board
            .life
            .k3s
            .as_ref()
            .filter(|k| k.is_active())
            .map(|k| k.runs.clone());
        let there = self.clusters.get(before).is_some_and(|c| c.nodes.get(&old).is_some());
        if there && !stays {
            self.delete_node(before, &old);
        }
        match version {
            Some(version) if there && stays => drop(self.node_runs(before, &old, &version)),
            Some(_) => {
                self.join_board(host, true);
                if let Some((no, node)) = self.node_of(&on) {
                    self.add_daemon(no, &node, true);
                }
            }
            None => self.goes_on(&on),
        }
    }
}
