//! Auto Scaling groups: each keeps its desired capacity by launching and ending instances.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use jiff::SignedDuration;
use smol_str::{SmolStr, format_smolstr};

use super::clock::{earlier, whole};
use super::launch::FromTemplate;
use super::machine::Order;
use super::scenario::PoolSpec;
use super::state::{ClusterNo, Event, Group, GroupNo, State};
use crate::fleet::{Activity, Asg, AsgMember, InstanceId, InstanceState, Purchase, Scope, SpotFleet};

/// Activities kept for each group.
const ACTIVITIES: usize = 20;
const PENDING: SmolStr = SmolStr::new_static("Pending");
const IN_SERVICE: SmolStr = SmolStr::new_static("InService");
const TERMINATING: SmolStr = SmolStr::new_static("Terminating");

/// The members of a group that count, by what decides about the next one.
#[derive(Default)]
struct Tally {
    on_demand: u32,
    zones: BTreeMap<SmolStr, u32>,
}

impl Tally {
    fn add(&mut self, zone: &SmolStr, purchase: Purchase) {
        self.on_demand += u32::from(purchase == Purchase::OnDemand);
        *self.zones.entry(zone.clone()).or_default() += 1;
    }
}

impl Group {
    /// A group without members yet.
    pub(super) fn new(spec: PoolSpec, scope: Scope, cluster: ClusterNo) -> Self {
        Self {
            name: spec.name.clone(),
            scope,
            cluster,
            desired: spec.desired,
            min: spec.min,
            max: spec.max,
            members: BTreeMap::new(),
            activities: VecDeque::new(),
            alive: true,
            short_until: None,
            retries: false,
            duds: 0,
            by_hand: false,
            tags: None,
            template: None,
            subnets: Vec::new(),
            ends_at: None,
            stack: None,
            hook: false,
            fleet: false,
            keeps_excess: false,
            suspended: BTreeSet::new(),
            spec: Arc::new(spec),
        }
    }

    /// Notes what the group does.
    pub(super) fn record(&mut self, activity: Activity) {
        self.activities.push_front(activity);
        self.activities.truncate(ACTIVITIES);
    }
}

impl State {
    /// Launches a new group's members, settled for that long or from nothing now.
    pub(super) fn fill_group(&mut self, no: GroupNo, age: Option<SignedDuration>) {
        let Some(desired) = self.groups.get(no).map(|g| g.desired) else {
            return;
        };
        let mut tally = Tally::default();
        for n in 0..desired {
            // The founding members came together; some were replaced since.
            let age = age.map(|age| if n % 3 == 1 { age / 3 } else { age });
            self.launch_member(no, age, &mut tally);
        }
        if let Some(group) = self.groups.get_mut(no) {
            group
                .activities
                .make_contiguous()
                .sort_by_key(|a| std::cmp::Reverse(a.started_at));
        }
    }

    /// Brings a group to its desired capacity. Members that are about to end do not count.
    pub(super) fn reconcile(&mut self, no: GroupNo) {
        loop {
            let Some(group) = self.groups.get(no) else {
                return;
            };
            let counted: Vec<InstanceId> = group.members.keys().filter(|id| self.counts(id)).cloned().collect();
            let desired = usize::try_from(group.desired).unwrap_or(usize::MAX);
            if counted.len() < desired {
                let mut tally = self.tally(&counted);
                if self.launch_member(no, None, &mut tally).is_none() {
                    return;
                }
            } else if counted.len() > desired && !group.keeps_excess {
                let Some(id) = self.surplus(&counted) else {
                    return;
                };
                self.leave(&id, "User initiated");
            } else {
                return;
            }
        }
    }

    /// Whether a group counts an instance towards its capacity.
    fn counts(&self, id: &InstanceId) -> bool {
        self.machines.get(id).is_some_and(|m| !m.doomed)
    }

    /// Whom a group that has too many ends: the oldest in the zone with the most.
    fn surplus(&self, members: &[InstanceId]) -> Option<InstanceId> {
        let machines = || members.iter().filter_map(|id| self.machines.get(id));
        let in_zone = |zone: &str| machines().filter(|m| m.instance.zone == zone).count();
        machines()
            .max_by(|a, b| {
                let zones = in_zone(&a.instance.zone).cmp(&in_zone(&b.instance.zone));
                zones.then(b.instance.launched_at.cmp(&a.instance.launched_at))
            })
            .map(|m| m.instance.id.clone())
    }

    fn tally(&self, members: &[InstanceId]) -> Tally {
        let mut tally = Tally::default();
        for machine in members.iter().filter_map(|id| self.machines.get(id)) {
            tally.add(&machine.instance.zone, machine.instance.purchase);
        }
        tally
    }

    /// Launches a member where the group has fewest, bought as its mix wants it.
    fn launch_member(&mut self, no: GroupNo, age: Option<SignedDuration>, tally: &mut Tally) -> Option<InstanceId> {
        let group = self.groups.get(no)?;
        let spec = Arc::clone(&group.spec);
        let (cluster, scope, name) = (group.cluster, group.scope.clone(), group.name.clone());
        let above = group.desired.saturating_sub(spec.on_demand_base);
        let on_demand = spec
            .on_demand_base
            .saturating_add(above.saturating_mul(spec.on_demand_percent).div_ceil(100));
        let purchase = if tally.on_demand < on_demand {
            Purchase::OnDemand
        } else {
            Purchase::Spot
        };
        let in_zone = |zone: &str| tally.zones.get(zone).copied().unwrap_or(0);
        let zone = spec.zones.iter().min_by_key(|z| in_zone(z.get_ref()))?;
        let zone = zone.get_ref().clone();
        // On-demand capacity comes in the order of the list; spot comes from where there is most of it.
        let kind = match purchase {
            Purchase::OnDemand => spec.types.first(),
            Purchase::Spot => self.rng.choice(spec.types.iter()),
        };
        let kind = kind?.get_ref().clone();
        if age.is_none() && (self.is_short(no) || self.region_is_short(&scope.region, purchase)) {
            self.launch_failed(no, &kind, &zone, purchase);
            return None;
        }
        let from = self.member_from(no, &zone);
        let id = self.launch(&Order {
            cluster,
            group: Some(no),
            pool: &spec.name,
            role: spec.role,
            instance_type: &kind,
            zone: &zone,
            purchase,
            age,
            from: from.as_ref().map(|(template, site)| FromTemplate {
                template,
                site: site.clone(),
            }),
        })?;
        tally.add(&zone, purchase);
        let since = age.map_or(self.now, |age| earlier(self.now, age));
        let settled = age.is_some();
        let activity = Activity {
            scope,
            id: self.names.uuid(&mut self.rng),
            asg: name,
            started_at: whole(since),
            ended_at: settled.then(|| whole(since)),
            status: SmolStr::new(if settled { "Successful" } else { "PreInService" }),
            description: format_smolstr!("Launching a new EC2 instance: {id}"),
            message: None,
            progress: if settled { 100 } else { 30 },
        };
        let member = AsgMember {
            id: id.clone(),
            lifecycle: if settled { IN_SERVICE } else { PENDING },
            healthy: true,
            protected: false,
        };
        let group = self.groups.get_mut(no)?;
        if !settled && group.duds > 0 {
            group.duds -= 1;
            if let Some(machine) = self.machines.get_mut(&id) {
                machine.joins = false;
            }
        }
        group.members.insert(id.clone(), member);
        group.record(activity);
        self.fault_of_boot(&id);
        if purchase == Purchase::Spot && age.is_none() {
            self.say_fulfilled(&id);
        }
        Some(id)
    }

    /// A running member is taken into service.
    pub(super) fn in_service(&mut self, id: &InstanceId) {
        let Some(machine) = self.machines.get(id) else {
            return;
        };
        if machine.instance.state != InstanceState::Running {
            return;
        }
        let Some(no) = machine.group else {
            return;
        };
        if let Some(member) = self.groups.get_mut(no).and_then(|g| g.members.get_mut(id)) {
            member.lifecycle = IN_SERVICE;
        }
        self.end_activity(no, id);
        self.say_member(id, "EC2 Instance Launch Successful", None);
    }

    /// A group's health check finds a member unhealthy: it is replaced soon.
    pub(super) fn unhealthy(&mut self, id: &InstanceId) {
        let Some(no) = self.machines.get(id).and_then(|m| m.group) else {
            return;
        };
        if let Some(member) = self.groups.get_mut(no).and_then(|g| g.members.get_mut(id)) {
            member.healthy = false;
        }
        self.after(
            6.0,
            Event::Leave(id.clone(), "Taken out of service by a health check".into()),
        );
    }

    /// A member is being terminated.
    pub(super) fn member_leaves(&mut self, no: GroupNo, id: &InstanceId) {
        let activity_id = self.names.uuid(&mut self.rng);
        let now = whole(self.now);
        let Some(group) = self.groups.get_mut(no) else {
            return;
        };
        if let Some(member) = group.members.get_mut(id) {
            member.lifecycle = TERMINATING;
        }
        group.record(Activity {
            scope: group.scope.clone(),
            id: activity_id,
            asg: group.name.clone(),
            started_at: now,
            ended_at: None,
            status: "InProgress".into(),
            description: format_smolstr!("Terminating EC2 instance: {id}"),
            message: None,
            progress: 0,
        });
    }

    /// A member is terminated.
    pub(super) fn member_left(&mut self, no: GroupNo, id: &InstanceId) {
        if let Some(group) = self.groups.get_mut(no) {
            group.members.remove(id);
        }
        self.end_activity(no, id);
    }

    fn end_activity(&mut self, no: GroupNo, id: &InstanceId) {
        let now = whole(self.now);
        let Some(group) = self.groups.get_mut(no) else {
            return;
        };
        let open = group.activities.iter_mut().filter(|a| a.ended_at.is_none());
        for activity in open.filter(|a| a.description.ends_with(id.as_str())) {
            activity.ended_at = Some(now);
            activity.status = "Successful".into();
            activity.progress = 100;
        }
    }

    /// Sets a group's desired capacity, within its bounds.
    pub(super) fn set_desired(&mut self, no: GroupNo, desired: u32) {
        if let Some(group) = self.groups.get_mut(no) {
            group.desired = desired.clamp(group.min, group.max);
            self.reconcile(no);
        }
    }

    /// The Spot Fleets of a scope.
    pub(super) fn spot_fleets(&self, scope: &Scope) -> Vec<SpotFleet> {
        let there = |g: &&Group| g.fleet && g.scope == *scope && (g.alive || !g.members.is_empty());
        let fleet = |g: &Group| SpotFleet {
            scope: g.scope.clone(),
            id: g.name.clone(),
            state: if g.alive { "active" } else { "cancelled_terminating" }.into(),
            target: g.desired,
            fulfilled: u32::try_from(g.members.len()).unwrap_or(u32::MAX),
            types: g.spec.types.iter().map(|t| t.get_ref().clone()).collect(),
            tags: g.tags.iter().flatten().map(|(k, v)| (k.clone(), v.clone())).collect(),
        };
        self.groups.iter().filter(there).map(fleet).collect()
    }

    /// Sets how many machines a Spot Fleet is to have; false where there is none of that id.
    pub(super) fn ask_target(&mut self, scope: &Scope, id: &str, target: u32, end_excess: bool) -> bool {
        let own = |g: &Group| g.fleet && g.alive && g.scope == *scope && g.name == id;
        let Some(no) = self.groups.iter().rposition(own) else {
            return false;
        };
        if let Some(group) = self.groups.get_mut(no) {
            group.desired = target;
            group.by_hand = true;
            group.keeps_excess = !end_excess;
        }
        self.reconcile(no);
        true
    }

    /// A group as Auto Scaling describes it; `None` for one whose cluster is no more.
    pub(super) fn describe_group(&self, no: GroupNo) -> Option<Asg> {
        let group = self.groups.get(no)?;
        let spec = &group.spec;
        if group.fleet || (!group.alive && group.members.is_empty()) {
            return None;
        }
        Some(Asg {
            scope: group.scope.clone(),
            name: group.name.clone(),
            desired: group.desired,
            min: group.min,
            max: group.max,
            members: group.members.values().cloned().collect(),
            types: spec.types.iter().map(|t| t.get_ref().clone()).collect(),
            zones: spec.zones.iter().map(|z| z.get_ref().clone()).collect(),
            on_demand_percent: Some(spec.on_demand_percent),
            on_demand_base: Some(spec.on_demand_base),
            suspended: group.suspended.iter().cloned().collect(),
            tags: match &group.tags {
                Some(tags) => tags.iter().map(|(k, v)| (k.clone(), v.clone())).collect(),
                None => self
                    .cluster_tags(group.cluster, &spec.name, spec.role)
                    .into_iter()
                    .collect(),
            },
        })
    }
}
