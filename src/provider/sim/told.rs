//! What happens: told events, the random life after them, and the boards' silences. Both tell the same stories.

use jiff::SignedDuration;
use smol_str::SmolStr;

use super::clock::{later, seconds, whole};
use super::fault::{Outage, Target};
use super::launch::Snag;
use super::machine::Order;
use super::scenario::{FaultSort, ToldEvent};
use super::state::{ClusterNo, Event, Group, GroupNo, Host, State};
use crate::fleet::{HostName, InstanceId, Notice, NoticeKind, Purchase, Readiness, Role};

/// From a notice to the end of the instance.
const NOTICE: f64 = 120.0;
/// Why an instance ends whose host fails.
const HOST_FAULT: &str = "Server.ScheduledStop: Stopped due to a fault of the host";
/// How long a stray instance stays when it came by chance.
const STRAY: SignedDuration = SignedDuration::from_mins(6);

impl State {
    /// A told event happens.
    pub(super) fn tell(&mut self, n: usize) {
        let Some(event) = self.told.get(n).map(|t| t.event.clone()) else {
            return;
        };
        match event {
            ToldEvent::SpotNotice { pool, zone } => {
                let group = self.group_named(pool.get_ref());
                self.spot_notice(group, zone.as_ref().map(|z| z.get_ref().as_str()));
            }
            ToldEvent::Unhealthy { pool } => self.sicken(self.group_named(pool.get_ref())),
            ToldEvent::NodeNotReady { pool, r#for } => self.not_ready(self.group_named(pool.get_ref()), r#for),
            ToldEvent::BoardDrop { host, r#for } => self.board_down(&HostName::new(host.get_ref()), r#for),
            ToldEvent::BoardOff { host, r#for } => self.board_off(&HostName::new(host.get_ref()), r#for),
            ToldEvent::BoardAils { host, how, r#for } => {
                self.ail(Host::Board(HostName::new(host.get_ref())), how, r#for);
            }
            ToldEvent::MachineAils { pool, how, r#for } => {
                if let Some(id) = self.machine_of(pool.get_ref()) {
                    self.ail(Host::Machine(id), how, r#for);
                }
            }
            ToldEvent::Scale { pool, desired } => {
                // What the operator at hand has set is not overruled by others.
                let by_hand = |no: &GroupNo| self.groups.get(*no).is_some_and(|g| g.by_hand);
                if let Some(group) = self.group_named(pool.get_ref()).filter(|no| !by_hand(no)) {
                    self.set_desired(group, desired);
                }
            }
            ToldEvent::PriceSpike { zone, factor, r#for } => self.market.spike(zone.get_ref(), self.now, r#for, factor),
            ToldEvent::Ghost { pool, r#for } => self.ghost(self.group_named(pool.get_ref()), r#for),
            ToldEvent::NoCapacity { pool, r#for } => self.no_capacity(self.group_named(pool.get_ref()), r#for),
            ToldEvent::NeverJoins { pool } => {
                let group = self.group_named(pool.get_ref());
                if let Some(group) = group.and_then(|no| self.groups.get_mut(no)) {
                    group.duds += 1;
                }
            }
            ToldEvent::NoLaunches {
                region,
                purchase,
                r#for,
            } => {
                let until = later(self.now, r#for);
                self.snags.push((region.into_inner(), Snag::Short(purchase, until)));
            }
            ToldEvent::FirstBootFails { region, step } => {
                self.snags.push((region.into_inner(), Snag::FailsAt(step)));
            }
            ToldEvent::SpotStorm { pool, percent, within } => self.spot_storm(&pool, percent, within),
            ToldEvent::MachinesEnd { pool, count } => {
                let all = self.group_named(&pool).map(|no| self.sound_members(no));
                for id in all.into_iter().flatten().take(count) {
                    self.terminate(&id, HOST_FAULT);
                }
            }
            ToldEvent::Serve {
                cluster,
                service,
                stuck,
            } => self.serve(&cluster, &service, stuck),
            ToldEvent::Claim { cluster, claim, gib } => self.claim(&cluster, &claim, gib),
            ToldEvent::StackFails {
                region,
                resource,
                reason,
                deleting,
            } => {
                let snag = Snag::PartFails {
                    resource,
                    reason,
                    deleting,
                };
                self.snags.push((region.into_inner(), snag));
            }
            ToldEvent::UnknownProfile { region } => self.snags.push((region.into_inner(), Snag::UnknownProfile)),
            ToldEvent::Budget {
                cluster,
                workload,
                max_unavailable,
            } => {
                if let Some(cluster) = self.clusters.iter_mut().find(|c| c.spec.name == *cluster.get_ref()) {
                    cluster.set_budget(workload.get_ref(), max_unavailable);
                }
            }
            ToldEvent::Stray {
                cluster,
                r#type,
                zone,
                r#for,
            } => {
                let there = |c: &super::state::Cluster| c.spec.name == *cluster.get_ref() && !c.destroyed;
                if let Some(no) = self.clusters.iter().position(there) {
                    self.stray(no, r#type.get_ref(), zone.get_ref(), r#for);
                }
            }
        }
    }

    /// Something happens by itself, and the next thing is put into the queue.
    pub(super) fn live(&mut self) {
        let mean = self.life.every.as_secs_f64();
        let wait = self.between(mean * 0.4, mean * 1.6);
        self.after(wait, Event::Live);
        let agents = self.any_group(Role::Agent);
        match self.rng.u32(0..100) {
            0..22 => self.spot_notice(agents, None),
            22..34 => self.sicken(agents),
            34..46 => {
                let secs = self.between(20.0, 60.0);
                self.not_ready(agents, seconds(secs));
            }
            46..62 => self.any_board_drops(),
            62..74 => self.rescale(agents),
            74..86 => self.any_spike(),
            86..91 => {
                let secs = self.between(90.0, 240.0);
                self.ghost(agents, seconds(secs));
            }
            91..94 => self.any_stray(agents),
            94..96 => self.any_server_lost(),
            _ => self.any_outage(),
        }
    }

    /// EC2 takes back a part of a pool's spot instances, one after the other.
    fn spot_storm(&mut self, pool: &str, percent: u32, within: SignedDuration) {
        let Some(no) = self.group_named(pool) else { return };
        let spot = |id: &InstanceId| {
            self.machines
                .get(id)
                .is_some_and(|m| m.instance.purchase == Purchase::Spot)
        };
        let all = self.sound_members(no).iter().filter(|id| spot(id)).count();
        let percent = usize::try_from(percent.min(100)).unwrap_or(0);
        let count = (all * percent).div_ceil(100);
        for n in 0..count {
            let part = within * i32::try_from(n).unwrap_or(0) / i32::try_from(count).unwrap_or(1);
            self.at(later(self.now, part), Event::TakenBack(no));
        }
    }

    /// EC2 takes back a spot instance: it is drained, replaced ahead of its end, and ends two minutes later.
    pub(super) fn spot_notice(&mut self, group: Option<GroupNo>, zone: Option<&str>) {
        let Some(no) = group else {
            return;
        };
        let spot = |id: &InstanceId| {
            self.machines
                .get(id)
                .is_some_and(|m| m.instance.purchase == Purchase::Spot)
        };
        let in_zone = |id: &InstanceId| {
            self.machines
                .get(id)
                .is_some_and(|m| zone.is_none_or(|z| m.instance.zone == z))
        };
        let able: Vec<InstanceId> = self
            .sound_members(no)
            .into_iter()
            .filter(|id| spot(id) && in_zone(id))
            .collect();
        let Some(id) = self.rng.choice(able) else {
            return;
        };
        let notice = Notice {
            instance: id.clone(),
            kind: NoticeKind::Interruption,
            at: whole(self.now),
        };
        self.notices.insert(id.clone(), notice);
        let Some(machine) = self.machines.get_mut(&id) else {
            return;
        };
        machine.doomed = true;
        let (cluster, node) = (machine.cluster, machine.node.clone());
        self.say_warning(&id);
        if !self.is_reaped(&id) {
            self.after(2.0, Event::Drain(cluster, node));
        }
        self.after(
            NOTICE,
            Event::Terminate(id, "Server.SpotInstanceTermination: Spot instance termination".into()),
        );
        self.reconcile(no);
    }

    /// A machine falls ill for good; its group notices and replaces it.
    fn sicken(&mut self, group: Option<GroupNo>) {
        let Some((no, id)) = self.any_member(group) else {
            return;
        };
        let Some(machine) = self.machines.get(&id) else {
            return;
        };
        let node = machine.node.clone();
        self.fall_ill(no, &node);
        self.after(8.0, Event::Unhealthy(id));
    }

    fn not_ready(&mut self, group: Option<GroupNo>, lasts: SignedDuration) {
        let Some((no, id)) = self.any_member(group) else {
            return;
        };
        let Some(node) = self.machines.get(&id).map(|m| m.node.clone()) else {
            return;
        };
        self.fall_ill(no, &node);
        self.at(later(self.now, lasts), Event::Recover(no, node));
    }

    fn ghost(&mut self, group: Option<GroupNo>, stays: SignedDuration) {
        let Some((_, id)) = self.any_member(group) else {
            return;
        };
        if let Some(machine) = self.machines.get_mut(&id) {
            machine.node_stays = stays;
        }
        self.terminate(&id, "User initiated");
    }

    fn stray(&mut self, cluster: ClusterNo, instance_type: &str, zone: &str, stays: SignedDuration) {
        let id = self.launch(&Order {
            cluster,
            group: None,
            pool: "by-hand",
            role: Role::Agent,
            instance_type,
            zone,
            purchase: Purchase::OnDemand,
            age: None,
            from: None,
        });
        let Some(id) = id else {
            return;
        };
        if let Some(machine) = self.machines.get_mut(&id) {
            machine.joins = false;
        }
        self.at(later(self.now, stays), Event::Terminate(id, "User initiated".into()));
    }

    /// The first machine of a pool, or the lone one, named as `cluster/pool`, that nothing is in store for yet.
    fn machine_of(&self, pool: &str) -> Option<InstanceId> {
        let (cluster, name) = pool.split_once('/')?;
        let no = self.clusters.iter().position(|c| c.spec.name == cluster)?;
        let own = |m: &&super::state::Machine| m.cluster == no && m.instance.tag(crate::fleet::TAG_POOL) == Some(name);
        let free = |m: &&super::state::Machine| {
            let on = Host::Machine(m.instance.id.clone());
            self.ails.iter().all(|a| a.on != on)
        };
        let mut machines = self.machines.values().filter(own).filter(free);
        machines.next().map(|m| m.instance.id.clone())
    }

    fn group_named(&self, pool: &str) -> Option<GroupNo> {
        let (cluster, name) = pool.split_once('/')?;
        let named = |g: &super::state::Group| {
            g.alive && g.spec.name == name && self.clusters.get(g.cluster).is_some_and(|c| c.spec.name == cluster)
        };
        self.groups.iter().position(named)
    }

    fn any_group(&mut self, role: Role) -> Option<GroupNo> {
        let able = self
            .groups
            .iter()
            .enumerate()
            .filter(|(_, g)| g.alive && g.spec.role == role);
        let able: Vec<GroupNo> = able.map(|(no, _)| no).collect();
        self.rng.choice(able)
    }

    /// The members of a group that run, are ready, and are not about to end.
    fn sound_members(&self, no: GroupNo) -> Vec<InstanceId> {
        let Some(group) = self.groups.get(no) else {
            return Vec::new();
        };
        let nodes = self.clusters.get(group.cluster).map(|c| &c.nodes);
        let sound = |id: &&InstanceId| {
            let machine = self.machines.get(*id).filter(|m| !m.doomed);
            let node = machine.and_then(|m| nodes?.get(&m.node));
            node.is_some_and(|n| n.node.ready == Readiness::Ready && n.node.schedulable && !n.ill)
        };
        group.members.keys().filter(sound).cloned().collect()
    }

    fn any_member(&mut self, group: Option<GroupNo>) -> Option<(ClusterNo, InstanceId)> {
        let no = group?;
        let able = self.sound_members(no);
        let cluster = self.groups.get(no)?.cluster;
        Some((cluster, self.rng.choice(able)?))
    }

    /// The host of a server fails, where all of its group are well: those left keep their quorum.
    fn any_server_lost(&mut self) {
        let whole = |(no, group): (GroupNo, &Group)| {
            let members = self.sound_members(no);
            let able = group.alive && group.spec.role == Role::Server && group.desired > 2;
            (able && members.len() == group.desired as usize).then_some(members)
        };
        let able: Vec<InstanceId> = self.groups.iter().enumerate().filter_map(whole).flatten().collect();
        if let Some(id) = self.rng.choice(able) {
            self.terminate(&id, HOST_FAULT);
        }
    }

    fn any_board_drops(&mut self) {
        let total: f64 = self.boards.values().filter(|b| b.up).map(|b| b.spec.flakiness).sum();
        let mut dart = self.rng.f64() * total;
        let hit = self
            .boards
            .iter()
            .filter(|(_, b)| b.up && b.spec.flakiness > 0.0)
            .find(|(_, b)| {
                dart -= b.spec.flakiness;
                dart <= 0.0
            });
        if let Some(host) = hit.map(|(host, _)| host.clone()) {
            let secs = self.between(25.0, 150.0);
            self.board_down(&host, seconds(secs));
        }
    }

    fn rescale(&mut self, group: Option<GroupNo>) {
        let Some(no) = group else {
            return;
        };
        let up = self.rng.bool();
        // Nor is what a stack says.
        let free = |g: &&super::state::Group| !g.by_hand && g.stack.is_none();
        if let Some(desired) = self.groups.get(no).filter(free).map(|g| g.desired) {
            self.set_desired(
                no,
                if up {
                    desired.saturating_add(1)
                } else {
                    desired.saturating_sub(1)
                },
            );
        }
    }

    fn any_spike(&mut self) {
        let zones: Vec<SmolStr> = self
            .regions
            .iter()
            .flat_map(|r| &r.zones)
            .map(|z| z.name.clone())
            .collect();
        if let Some(zone) = self.rng.choice(zones) {
            let (secs, factor) = (self.between(300.0, 1_200.0), self.between(1.3, 2.0));
            self.market.spike(&zone, self.now, seconds(secs), factor);
        }
    }

    fn any_stray(&mut self, group: Option<GroupNo>) {
        let Some(group) = group.and_then(|no| self.groups.get(no)) else {
            return;
        };
        let (no, spec) = (group.cluster, std::sync::Arc::clone(&group.spec));
        if let (Some(kind), Some(zone)) = (spec.types.first(), spec.zones.first()) {
            self.stray(no, kind.get_ref(), zone.get_ref(), STRAY);
        }
    }

    fn any_outage(&mut self) {
        let scopes: Vec<SmolStr> = self
            .regions
            .iter()
            .map(|r| SmolStr::new(super::build::scope(r).to_string()))
            .collect();
        let Some(scope) = self.rng.choice(scopes) else {
            return;
        };
        let secs = self.between(15.0, 40.0);
        self.add_outage(Outage {
            from: self.now,
            until: later(self.now, seconds(secs)),
            target: Target::Scope(scope),
            kind: FaultSort::Throttled,
            call: None,
        });
    }
}
