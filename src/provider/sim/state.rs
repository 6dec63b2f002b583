//! The simulated world's state and its queue of things to come.
//!
//! Everything that happens is an [`Event`] at a world time. [`State::advance`] plays what is due, in order,
//! each at its own time: what a port sees at a time does not depend on when, or whether, anybody looked before.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use smol_str::SmolStr;

use super::board::Board;
use super::budget::Budget;
use super::clock::{later, seconds};
use super::fault::Outage;
use super::first_boot::FirstBoot;
use super::hindrance::Ail;
use super::k3s::K3s;
use super::launch::Snag;
use super::made::{Tagged, Thing, ThingKey};
use super::market::Market;
use super::names::Names;
use super::parameter::{Parameter, ParameterKey};
use super::scenario::{ClusterSpec, LifeSpec, PoolSpec, RegionSpec, Told, TypeSpec};
use super::stack::{SimStack, StackNo, Step};
use super::store::Store;
use super::token::Secrets;
use crate::fleet::{
    Activity, AsgMember, ContextId, HostName, Instance, InstanceId, Node, Notice, OwnerKind, Pod, Resources, Role,
    Scope,
};
use crate::provider::Marks;

/// A cluster, by its place in [`State::clusters`].
pub(super) type ClusterNo = usize;
/// An Auto Scaling group, by its place in [`State::groups`].
pub(super) type GroupNo = usize;

/// Everything that is, and everything that is to come.
#[derive(Debug)]
pub(super) struct State {
    pub(super) seed: u64,
    pub(super) rng: fastrand::Rng,
    /// How far it has been played.
    pub(super) now: Timestamp,
    queue: BTreeMap<(Timestamp, u64), Due>,
    queued: u64,
    pub(super) regions: Vec<RegionSpec>,
    pub(super) types: BTreeMap<SmolStr, TypeSpec>,
    pub(super) market: Market,
    pub(super) names: Names,
    pub(super) clusters: Vec<Cluster>,
    pub(super) groups: Vec<Group>,
    pub(super) machines: BTreeMap<InstanceId, Machine>,
    pub(super) boards: BTreeMap<HostName, Board>,
    pub(super) notices: BTreeMap<InstanceId, Notice>,
    pub(super) parameters: BTreeMap<ParameterKey, Parameter>,
    /// What there is besides machines and groups.
    pub(super) things: BTreeMap<ThingKey, Thing>,
    /// What was launched for which client token.
    pub(super) tokens: BTreeMap<(Scope, SmolStr), InstanceId>,
    /// What machines that are terminated had written to their consoles.
    pub(super) consoles: BTreeMap<InstanceId, String>,
    /// The instances that operators have ended.
    pub(super) ended: BTreeSet<InstanceId>,
    /// The nodes that operators have cordoned.
    pub(super) cordoned: BTreeSet<(ContextId, SmolStr)>,
    /// What is in store for launches, by region.
    pub(super) snags: Vec<(SmolStr, Snag)>,
    /// What is in store for K3s on machines and boards.
    pub(super) ails: Vec<Ail>,
    pub(super) outages: Vec<Outage>,
    /// The stacks, those that are deleted too.
    pub(super) stacks: Vec<SimStack>,
    /// How often something has happened in one.
    pub(super) stack_moves: u64,
    pub(super) told: Vec<Told>,
    pub(super) life: LifeSpec,
}

/// Something to come, and the only cluster it concerns, if there is just one.
#[derive(Debug)]
struct Due {
    cluster: Option<ClusterNo>,
    event: Event,
}

/// Something that happens.
#[derive(Clone, Debug)]
pub(super) enum Event {
    /// A pending instance runs.
    Boot(InstanceId),
    /// A running member of a group is taken into service.
    InService(InstanceId),
    /// K3s on an instance is up and registers its node.
    Join(InstanceId),
    /// The first boot's script of an instance fails.
    BootFails(InstanceId),
    /// The first boot's script of an instance has come to its end.
    BootEnds(InstanceId),
    /// A node's kubelet reports that it is ready, if nothing stands against it.
    Ready(ClusterNo, SmolStr),
    /// The grace period of a node whose kubelet fell silent is over.
    Silent(ClusterNo, SmolStr),
    /// A kubelet that said it was not ready has recovered.
    Recover(ClusterNo, SmolStr),
    /// A node is cordoned, and its pods are evicted one after the other from now on.
    Drain(ClusterNo, SmolStr),
    /// The next pod of a draining node is evicted.
    Evict(ClusterNo, SmolStr),
    /// The scheduler looks at the pods that have no node.
    Schedule(ClusterNo),
    /// A scheduled pod runs.
    Start(ClusterNo, SmolStr),
    /// The containers of a pod that was told to end have ended; the number tells it from one of the same name.
    PodEnds(ClusterNo, SmolStr, u64),
    /// A job's pod has done its work.
    JobDone(ClusterNo, SmolStr, u64),
    /// A group that found no capacity tries again.
    Retry(GroupNo),
    /// A group's health check finds a member unhealthy.
    Unhealthy(InstanceId),
    /// An instance is ended, and replaced if it is a group's.
    Terminate(InstanceId, SmolStr),
    /// A group ends a member, which may wait before it ends.
    Leave(InstanceId, SmolStr),
    /// An instance that was shutting down is terminated.
    Gone(InstanceId),
    /// The node of an instance that is no more is deleted.
    DeleteNode(ClusterNo, SmolStr),
    /// An edge host is back.
    BoardBack(HostName),
    /// K3s on an edge host registers its node anew.
    BoardJoins(HostName),
    /// K3s tries to come up, unless it was started anew; the number tells one start from another.
    K3sTries(Host, u32),
    /// An instance has restarted.
    PowerBack(InstanceId),
    /// A `ci` cluster's time is up.
    Expire(ClusterNo),
    /// The scheduled end of a group.
    EndGroup(GroupNo),
    /// The place of an expired cluster is taken by a new one.
    Reborn(ClusterNo),
    /// A told event, by its place in the scenario.
    Tell(usize),
    /// Something happens by itself.
    Live,
    /// An outage begins or ends: watches look at it.
    Outage,
    /// EC2 takes back a spot instance of a group.
    TakenBack(GroupNo),
    /// A step of a job on a stack, by the number of the work and the place of the job in it.
    StackStep(StackNo, u64, usize, Step),
    /// The reaper of a stack takes what lies in its queue.
    Reap(StackNo),
    /// The reaper lets a machine go that waits for it, once it is drained, and then at the latest.
    Release(StackNo, InstanceId, Timestamp),
    /// Nobody has let a machine go in time that waits before it ends.
    HookOver(InstanceId),
}

/// A cluster, or the place of one that is no more.
#[derive(Debug)]
pub(super) struct Cluster {
    pub(super) spec: Arc<ClusterSpec>,
    pub(super) name: SmolStr,
    pub(super) context: ContextId,
    pub(super) scope: Scope,
    pub(super) expires_at: Option<Timestamp>,
    /// An operator launched it: nothing takes its place.
    pub(super) launched: bool,
    /// An operator has deleted its machines: nothing takes its place.
    pub(super) destroyed: bool,
    /// What of K3s it was launched without.
    pub(super) disable: SmolStr,
    /// Its servers keep its state elsewhere than in etcd on themselves.
    pub(super) external: bool,
    pub(super) nodes: Store<SimNode>,
    pub(super) pods: Store<SimPod>,
    pub(super) workloads: Vec<Workload>,
    pub(super) budgets: Vec<Budget>,
    /// How many pods it ever had.
    pub(super) pods_made: u64,
    pub(super) secrets: Secrets,
}

/// A node and what stands behind it.
#[derive(Clone, Debug)]
pub(super) struct SimNode {
    pub(super) node: Node,
    pub(super) host: Host,
    /// What its pods request.
    pub(super) requested: Resources,
    /// Its kubelet says that it is not ready.
    pub(super) ill: bool,
    /// The taints that it was registered with.
    pub(super) taints: Box<[SmolStr]>,
    /// What was written on it.
    pub(super) marks: Marks,
}

/// What a node runs on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Host {
    Machine(InstanceId),
    Board(HostName),
}

/// A pod and the workload that wants it.
#[derive(Clone, Debug)]
pub(super) struct SimPod {
    pub(super) pod: Pod,
    /// Who makes a new one when it is gone; nobody, if that has been made already.
    pub(super) workload: Option<usize>,
    /// Its number in its cluster.
    pub(super) number: u64,
    /// It was told to end, and has not ended yet.
    pub(super) ending: bool,
}

/// What makes pods.
#[derive(Clone, Debug)]
pub(super) struct Workload {
    /// `namespace/name` of its pods, up to their suffix.
    pub(super) stem: SmolStr,
    pub(super) owner: OwnerKind,
    pub(super) requests: Resources,
}

/// An instance and what it was launched for.
#[derive(Debug)]
pub(super) struct Machine {
    pub(super) instance: Instance,
    pub(super) cluster: ClusterNo,
    pub(super) group: Option<GroupNo>,
    pub(super) role: Role,
    pub(super) k3s: K3s,
    /// Not down for a restart.
    pub(super) up: bool,
    /// How often it was restarted.
    pub(super) boots: u32,
    /// An operator has changed something on it.
    pub(super) worked_on: bool,
    /// How far its first boot is, if an operator had it launched.
    pub(super) first_boot: Option<FirstBoot>,
    /// The name its node has or will have.
    pub(super) node: SmolStr,
    /// It ends soon, and its group no longer counts on it.
    pub(super) doomed: bool,
    /// It waits before it ends, and why it does.
    pub(super) leaving: Option<SmolStr>,
    /// Whether its node will ever join.
    pub(super) joins: bool,
    /// Whether its node has joined once.
    pub(super) joined: bool,
    /// How long its node outlives it.
    pub(super) node_stays: SignedDuration,
}

/// An Auto Scaling group.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) spec: Arc<PoolSpec>,
    pub(super) name: SmolStr,
    pub(super) scope: Scope,
    pub(super) cluster: ClusterNo,
    pub(super) desired: u32,
    pub(super) min: u32,
    pub(super) max: u32,
    pub(super) members: BTreeMap<InstanceId, AsgMember>,
    /// Newest first.
    pub(super) activities: VecDeque<Activity>,
    /// Not deleted: a deleted one is listed until its last member is gone.
    pub(super) alive: bool,
    /// AWS has no capacity for it before that time.
    pub(super) short_until: Option<Timestamp>,
    /// It is in the queue to try again.
    pub(super) retries: bool,
    /// So many of the next instances that it launches will never join.
    pub(super) duds: u32,
    /// An operator has set its size: chance leaves it alone.
    pub(super) by_hand: bool,
    /// Its own tags; `None`: those of its cluster.
    pub(super) tags: Option<Tagged>,
    /// The launch template that an operator made it over.
    pub(super) template: Option<SmolStr>,
    /// The subnets that it was made for.
    pub(super) subnets: Vec<SmolStr>,
    /// When it ends its machines.
    pub(super) ends_at: Option<Timestamp>,
    /// The stack that made it, by its ARN.
    pub(super) stack: Option<SmolStr>,
    /// Its members wait before they end.
    pub(super) hook: bool,
    /// It is a Spot Fleet, and its name is the request's id.
    pub(super) fleet: bool,
    /// It keeps members beyond its size.
    pub(super) keeps_excess: bool,
    /// What it is kept from doing of itself.
    pub(super) suspended: BTreeSet<SmolStr>,
}

impl Cluster {
    /// Whether a part of K3s runs in it.
    pub(super) fn has(&self, part: &str) -> bool {
        self.disable.split_whitespace().all(|off| off != part)
    }
}

impl State {
    /// A world with nothing in it yet.
    pub(super) fn empty(seed: u64, start: Timestamp, market: Market, life: LifeSpec) -> Self {
        Self {
            seed,
            rng: fastrand::Rng::with_seed(seed),
            now: start,
            queue: BTreeMap::new(),
            queued: 0,
            regions: Vec::new(),
            types: BTreeMap::new(),
            market,
            names: Names::default(),
            clusters: Vec::new(),
            groups: Vec::new(),
            machines: BTreeMap::new(),
            boards: BTreeMap::new(),
            notices: BTreeMap::new(),
            parameters: BTreeMap::new(),
            things: BTreeMap::new(),
            tokens: BTreeMap::new(),
            consoles: BTreeMap::new(),
            ended: BTreeSet::new(),
            cordoned: BTreeSet::new(),
            snags: Vec::new(),
            ails: Vec::new(),
            outages: Vec::new(),
            stacks: Vec::new(),
            stack_moves: 0,
            told: Vec::new(),
            life,
        }
    }

    /// Plays everything that is due up to a time. Time never goes back.
    pub(super) fn advance(&mut self, to: Timestamp) {
        while let Some(next) = self.queue.first_entry() {
            if next.key().0 > to {
                break;
            }
            let ((at, _), due) = next.remove_entry();
            self.now = self.now.max(at);
            self.play(due.event);
        }
        self.now = self.now.max(to);
    }

    /// When the next thing happens that may concern a cluster.
    pub(super) fn next_for(&self, cluster: ClusterNo) -> Option<Timestamp> {
        self.queue
            .iter()
            .find(|(_, due)| due.cluster.is_none_or(|c| c == cluster))
            .map(|((at, _), _)| *at)
    }

    /// Puts an event into the queue, some seconds from now.
    pub(super) fn after(&mut self, secs: f64, event: Event) {
        self.at(later(self.now, seconds(secs)), event);
    }

    /// Puts an event into the queue.
    pub(super) fn at(&mut self, at: Timestamp, event: Event) {
        let cluster = self.concerns(&event);
        self.queued += 1;
        self.queue.insert((at, self.queued), Due { cluster, event });
    }

    /// A duration between two bounds, in seconds.
    pub(super) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + self.rng.f64() * (high - low)
    }

    fn concerns(&self, event: &Event) -> Option<ClusterNo> {
        match event {
            Event::Ready(c, _)
            | Event::Silent(c, _)
            | Event::Recover(c, _)
            | Event::Drain(c, _)
            | Event::Evict(c, _)
            | Event::Schedule(c)
            | Event::Start(c, _)
            | Event::PodEnds(c, ..)
            | Event::JobDone(c, ..)
            | Event::DeleteNode(c, _)
            | Event::Expire(c)
            | Event::Reborn(c) => Some(*c),
            Event::Boot(id)
            | Event::InService(id)
            | Event::Join(id)
            | Event::BootFails(id)
            | Event::BootEnds(id)
            | Event::Unhealthy(id)
            | Event::Terminate(id, _)
            | Event::Leave(id, _)
            | Event::PowerBack(id)
            | Event::K3sTries(Host::Machine(id), _)
            | Event::Gone(id) => self.machines.get(id).map(|m| m.cluster),
            Event::Retry(no) | Event::EndGroup(no) | Event::TakenBack(no) => self.groups.get(*no).map(|g| g.cluster),
            Event::BoardBack(host) | Event::BoardJoins(host) | Event::K3sTries(Host::Board(host), _) => {
                self.boards.get(host).map(|b| b.cluster)
            }
            Event::Release(_, id, _) | Event::HookOver(id) => self.machines.get(id).map(|m| m.cluster),
            Event::Tell(_) | Event::Live | Event::Outage | Event::StackStep(..) | Event::Reap(_) => None,
        }
    }

    fn play(&mut self, event: Event) {
        match event {
            Event::Boot(id) => self.boot(&id),
            Event::InService(id) => self.in_service(&id),
            Event::Join(id) => self.join(&id),
            Event::BootFails(id) => self.boot_fails(&id),
            Event::BootEnds(id) => self.boot_ends(&id),
            Event::Ready(c, node) => self.node_ready(c, &node),
            Event::Silent(c, node) => self.node_silent(c, &node),
            Event::Recover(c, node) => self.recover(c, &node),
            Event::Drain(c, node) => self.drain(c, &node),
            Event::Evict(c, node) => self.evict_next(c, &node),
            Event::Schedule(c) => self.schedule(c),
            Event::Start(c, pod) => self.start_pod(c, &pod),
            Event::PodEnds(c, pod, number) => self.pod_ends(c, &pod, number),
            Event::JobDone(c, pod, number) => self.job_done(c, &pod, number),
            Event::Retry(no) => self.retry(no),
            Event::Unhealthy(id) => self.unhealthy(&id),
            Event::Terminate(id, why) => self.terminate(&id, &why),
            Event::Leave(id, why) => self.leave(&id, &why),
            Event::Gone(id) => self.gone(&id),
            Event::DeleteNode(c, node) => self.node_outlived(c, &node),
            Event::BoardBack(host) => self.board_back(&host),
            Event::BoardJoins(host) => self.board_joins(&host),
            Event::K3sTries(on, start) => self.k3s_tries(&on, start),
            Event::PowerBack(id) => self.power_back(&id),
            Event::Expire(c) => self.expire(c),
            Event::EndGroup(no) => self.end_group(no),
            Event::Reborn(c) => self.reborn(c),
            Event::Tell(n) => self.tell(n),
            Event::Live => self.live(),
            Event::Outage => self.forget_outages(),
            Event::StackStep(no, works, job, step) => self.stack_step(no, works, job, step),
            Event::TakenBack(no) => self.spot_notice(Some(no), None),
            Event::Reap(no) => self.reap(no),
            Event::Release(no, id, until) => self.release(no, &id, until),
            Event::HookOver(id) => self.leaves_for_good(&id),
        }
    }
}
