//! What operators have made of a world, in the form in which it is kept between runs of the program: what differs from
//! the world as its scenario begins, and not what went on in it by itself.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::board::Life;
use super::first_boot::Settings;
use super::k3s::{K3s, Service};
use super::launch::Founding;
use super::made::{Tagged, Thing, ThingKey};
use super::parameter::{Parameter, ParameterKey};
use super::stack::SimStack;
use super::state::{Cluster, ClusterNo, Group, Host, Machine, SimNode, State};
use super::token::Secrets;
use crate::fleet::{ContextId, HostName, InstanceId, InstanceState, Purchase, Role, Scope};
use crate::provider::{Marks, ResourceKind};

/// A world as it begins: what is in it that operators could change.
#[derive(Debug)]
pub(super) struct Beginning {
    things: BTreeMap<ThingKey, Thing>,
    parameters: BTreeMap<ParameterKey, Parameter>,
    machines: BTreeSet<InstanceId>,
    /// When its clusters end, and what they keep secret.
    clusters: Vec<(Option<Timestamp>, Secrets)>,
}

/// What operators have made of a world.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Kept {
    /// What they made, or what they wrote other tags on.
    pub(super) things: Vec<(ThingKey, Thing)>,
    /// What they deleted.
    pub(super) deleted: Vec<ThingKey>,
    pub(super) parameters: Vec<(ParameterKey, Parameter)>,
    pub(super) tokens: Vec<(Scope, SmolStr, InstanceId)>,
    /// The clusters that they launched.
    pub(super) launched: Vec<KeptCluster>,
    /// The groups of the scenario's clusters that they changed.
    pub(super) groups: Vec<KeptGroup>,
    /// The scenario's clusters that they destroy, by their contexts.
    pub(super) destroyed: Vec<ContextId>,
    /// The ends of the scenario's clusters that they moved.
    pub(super) moved: Vec<(ContextId, Timestamp)>,
    /// The scenario's instances that they ended.
    pub(super) ended: Vec<InstanceId>,
    pub(super) cordoned: Vec<(ContextId, SmolStr)>,
    /// What is secret of the scenario's clusters, where it has changed.
    pub(super) secrets: Vec<(ContextId, Secrets)>,
    /// K3s on all machines of the scenario's clusters on whose machines they worked.
    pub(super) worked: Vec<(ContextId, Vec<(InstanceId, K3s)>)>,
    /// The edge hosts that they changed, each with its cluster.
    pub(super) boards: Vec<(HostName, ContextId, Life)>,
    /// What they wrote on nodes.
    pub(super) marks: Vec<(ContextId, SmolStr, Marks)>,
    /// The stacks.
    #[serde(default)]
    pub(super) stacks: Vec<SimStack>,
}

/// A cluster that an operator launched.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct KeptCluster {
    pub(super) founding: Founding,
    pub(super) destroyed: bool,
    pub(super) secrets: Secrets,
    /// Its machines that are in no group.
    pub(super) machines: Vec<KeptMachine>,
    pub(super) groups: Vec<KeptGroup>,
}

/// A group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct KeptGroup {
    pub(super) scope: Scope,
    pub(super) name: SmolStr,
    pub(super) alive: bool,
    pub(super) by_hand: bool,
    pub(super) desired: u32,
    pub(super) min: u32,
    pub(super) max: u32,
    pub(super) tags: Option<Tagged>,
    pub(super) ends_at: Option<Timestamp>,
    /// What it was made over, if an operator made it.
    pub(super) over: Option<KeptOver>,
    /// The members that it has, where the scenario does not say so already.
    pub(super) members: Vec<KeptMachine>,
    /// The members of the scenario that it still has.
    pub(super) stayed: Vec<InstanceId>,
}

/// What a group launches its machines from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct KeptOver {
    pub(super) template: SmolStr,
    pub(super) types: Vec<SmolStr>,
    pub(super) subnets: Vec<SmolStr>,
    pub(super) purchase: Purchase,
    /// How many it buys on-demand first, and how many per cent of those above, where that is not as `purchase` says.
    #[serde(default)]
    pub(super) mix: Option<[u32; 2]>,
    /// The stack that made it.
    #[serde(default)]
    pub(super) stack: Option<SmolStr>,
    #[serde(default)]
    pub(super) hook: bool,
    #[serde(default)]
    pub(super) fleet: bool,
    #[serde(default)]
    pub(super) keeps_excess: bool,
}

/// A machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct KeptMachine {
    pub(super) id: InstanceId,
    pub(super) instance_type: SmolStr,
    pub(super) zone: SmolStr,
    pub(super) purchase: Purchase,
    pub(super) launched_at: Option<Timestamp>,
    pub(super) public_ip: Option<IpAddr>,
    pub(super) private_ip: Option<IpAddr>,
    pub(super) private_dns: Option<SmolStr>,
    pub(super) image: Option<SmolStr>,
    pub(super) vpc: Option<SmolStr>,
    pub(super) tags: Vec<(SmolStr, SmolStr)>,
    pub(super) role: Role,
    pub(super) k3s: K3s,
    pub(super) node: SmolStr,
    pub(super) joins: bool,
    pub(super) first_boot: Option<KeptBoot>,
}

/// The first boot of a machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct KeptBoot {
    pub(super) settings: Settings,
    pub(super) ssh: bool,
    pub(super) fails: Option<SmolStr>,
}

impl Beginning {
    pub(super) fn of(state: &State) -> Self {
        Self {
            things: state.things.clone(),
            parameters: state.parameters.clone(),
            machines: state.machines.keys().cloned().collect(),
            clusters: state
                .clusters
                .iter()
                .map(|c| (c.expires_at, c.secrets.clone()))
                .collect(),
        }
    }
}

impl State {
    /// What operators have made of it since it began.
    pub(super) fn kept(&self, from: &Beginning) -> Kept {
        let changed = |(key, thing): &(&ThingKey, &Thing)| match from.things.get(key) {
            Some(old) => old != *thing,
            None => thing.by_hand,
        };
        // What an operator made, or what is no thing at all, as a lock is.
        let mine: HashSet<ParameterKey> = self
            .things
            .iter()
            .filter(|(k, thing)| k.kind == ResourceKind::Parameter && !thing.by_hand)
            .map(|(k, _)| self.parameter_key(&k.scope, &k.id))
            .collect();
        let parameters = self
            .parameters
            .iter()
            .filter(|(key, value)| match from.parameters.get(*key) {
                Some(old) => old != *value,
                None => value.is_changed() || !mine.contains(*key),
            });
        let numbered = || self.clusters.iter().enumerate();
        let own = || numbered().filter(|(_, c)| !c.launched);
        let groups = self.groups.iter().filter(|g| g.template.is_none());
        Kept {
            things: self
                .things
                .iter()
                .filter(changed)
                .map(|(k, t)| (k.clone(), t.clone()))
                .collect(),
            deleted: from
                .things
                .keys()
                .filter(|k| !self.things.contains_key(*k))
                .cloned()
                .collect(),
            parameters: parameters.map(|(k, v)| (k.clone(), v.clone())).collect(),
            tokens: self
                .tokens
                .iter()
                .map(|((scope, token), id)| (scope.clone(), token.clone(), id.clone()))
                .collect(),
            launched: numbered()
                .filter_map(|(no, c)| self.kept_cluster(no, c, from))
                .collect(),
            groups: groups
                .filter(|g| self.is_touched(g, from))
                .map(|g| self.kept_group(g, from))
                .collect(),
            destroyed: own()
                .filter(|(_, c)| c.destroyed)
                .map(|(_, c)| c.context.clone())
                .collect(),
            moved: own().filter_map(|(no, c)| moved(no, c, from)).collect(),
            ended: self.ended.intersection(&from.machines).cloned().collect(),
            cordoned: self.cordoned.iter().cloned().collect(),
            secrets: own().filter_map(|(no, c)| secrets(no, c, from)).collect(),
            worked: own().filter_map(|(no, c)| self.worked(no, c, from)).collect(),
            boards: self.kept_boards(),
            marks: self.clusters.iter().flat_map(|c| self.marks(c)).collect(),
            stacks: self.stacks.clone(),
        }
    }

    /// K3s on the machines of a cluster of the scenario, if operators worked on any.
    fn worked(
        &self,
        no: ClusterNo,
        cluster: &Cluster,
        from: &Beginning,
    ) -> Option<(ContextId, Vec<(InstanceId, K3s)>)> {
        let own = || self.machines.values().filter(|m| m.cluster == no);
        if !own().any(|m| m.worked_on) {
            return None;
        }
        let first = own().filter(|m| from.machines.contains(&m.instance.id));
        let all = first.map(|m| (m.instance.id.clone(), m.k3s.clone()));
        Some((cluster.context.clone(), all.collect()))
    }

    fn kept_boards(&self) -> Vec<(HostName, ContextId, Life)> {
        let changed = self.boards.iter().filter(|(_, b)| b.life.by_hand);
        let kept = changed.filter_map(|(host, b)| {
            let context = self.clusters.get(b.cluster)?.context.clone();
            let mut life = b.life.clone();
            // Somebody has switched it on again by the time of the next run.
            if let Some(k3s) = life.k3s.as_mut().filter(|_| b.off) {
                k3s.service = Service::Activating;
            }
            Some((host.clone(), context, life))
        });
        kept.collect()
    }

    /// What operators wrote on the nodes of a cluster.
    fn marks<'a>(&'a self, cluster: &'a Cluster) -> impl Iterator<Item = (ContextId, SmolStr, Marks)> + 'a {
        let by_hand = |n: &SimNode| match &n.host {
            Host::Board(host) => self.boards.get(host).is_some_and(|b| b.life.by_hand),
            Host::Machine(_) => !n.marks.labels.is_empty(),
        };
        let marked = move |n: &SimNode| !n.marks.annotations.is_empty() || by_hand(n);
        let nodes = cluster.nodes.iter().filter(move |(_, n)| marked(n));
        nodes.map(|(name, n)| (cluster.context.clone(), name.clone(), n.marks.clone()))
    }

    fn is_touched(&self, group: &Group, from: &Beginning) -> bool {
        let of_group = |id: &&InstanceId| {
            // One that has ended already is no member any longer: its activity still names it.
            group.members.contains_key(*id) || group.activities.iter().any(|a| a.description.ends_with(id.as_str()))
        };
        let ended = self.ended.intersection(&from.machines);
        group.by_hand || group.tags.is_some() || !group.alive || ended.into_iter().any(|id| of_group(&id))
    }

    fn kept_cluster(&self, no: ClusterNo, cluster: &Cluster, from: &Beginning) -> Option<KeptCluster> {
        if !cluster.launched {
            return None;
        }
        let machines = self.machines.values().filter(|m| m.cluster == no && m.group.is_none());
        let machines: Vec<_> = machines.filter_map(kept_machine).collect();
        let groups = self.groups.iter().filter(|g| g.cluster == no && g.alive);
        let groups: Vec<_> = groups.map(|g| self.kept_group(g, from)).collect();
        if machines.is_empty() && groups.is_empty() {
            return None;
        }
        let spec = &cluster.spec;
        Some(KeptCluster {
            founding: Founding {
                scope: cluster.scope.clone(),
                name: cluster.name.clone(),
                shape: spec.shape,
                k3s: spec.k3s.clone(),
                disable: cluster.disable.clone(),
                created_by: spec.created_by.clone(),
                expires_at: cluster.expires_at,
                external: cluster.external,
            },
            destroyed: cluster.destroyed,
            secrets: cluster.secrets.clone(),
            machines,
            groups,
        })
    }

    fn kept_group(&self, group: &Group, from: &Beginning) -> KeptGroup {
        let names = |refs: &[super::scenario::Ref]| refs.iter().map(|r| r.get_ref().clone()).collect();
        let over = group.template.as_ref().map(|template| KeptOver {
            template: template.clone(),
            types: names(&group.spec.types),
            subnets: group.subnets.clone(),
            purchase: match group.spec.on_demand_percent {
                0 => Purchase::Spot,
                _ => Purchase::OnDemand,
            },
            mix: (group.stack.is_some()).then_some([group.spec.on_demand_base, group.spec.on_demand_percent]),
            stack: group.stack.clone(),
            hook: group.hook,
            fleet: group.fleet,
            keeps_excess: group.keeps_excess,
        });
        let machines = group.members.keys().filter_map(|id| self.machines.get(id));
        let (stayed, new): (Vec<_>, Vec<_>) = machines
            .filter(|m| !m.doomed)
            .partition(|m| from.machines.contains(&m.instance.id));
        KeptGroup {
            scope: group.scope.clone(),
            name: group.name.clone(),
            alive: group.alive,
            by_hand: group.by_hand,
            desired: group.desired,
            min: group.min,
            max: group.max,
            tags: group.tags.clone(),
            ends_at: group.ends_at,
            over,
            members: new.into_iter().filter_map(kept_machine).collect(),
            stayed: stayed.into_iter().map(|m| m.instance.id.clone()).collect(),
        }
    }
}

/// The end of a scenario's cluster, where an operator has moved it.
fn moved(no: ClusterNo, cluster: &Cluster, from: &Beginning) -> Option<(ContextId, Timestamp)> {
    let at = cluster.expires_at?;
    // What followed an expired one has an end of its own.
    let same = cluster.name == cluster.spec.name;
    let (before, _) = from.clusters.get(no)?;
    (same && *before != Some(at)).then(|| (cluster.context.clone(), at))
}

/// What is secret of a scenario's cluster, where it has changed.
fn secrets(no: ClusterNo, cluster: &Cluster, from: &Beginning) -> Option<(ContextId, Secrets)> {
    let same = cluster.name == cluster.spec.name;
    let (_, before) = from.clusters.get(no)?;
    (same && *before != cluster.secrets).then(|| (cluster.context.clone(), cluster.secrets.clone()))
}

/// A machine, unless it is ending.
fn kept_machine(machine: &Machine) -> Option<KeptMachine> {
    let instance = &machine.instance;
    if instance.state == InstanceState::ShuttingDown {
        return None;
    }
    Some(KeptMachine {
        id: instance.id.clone(),
        instance_type: instance.instance_type.clone(),
        zone: instance.zone.clone(),
        purchase: instance.purchase,
        launched_at: instance.launched_at,
        public_ip: instance.public_ip,
        private_ip: instance.private_ip,
        private_dns: instance.private_dns.clone(),
        image: instance.image.clone(),
        vpc: instance.vpc.clone(),
        tags: instance.tags.iter().map(|(k, v)| (k.into(), v.into())).collect(),
        role: machine.role,
        k3s: machine.k3s.clone(),
        node: machine.node.clone(),
        joins: machine.joins,
        first_boot: machine.first_boot.as_ref().map(|boot| KeptBoot {
            settings: boot.settings.clone(),
            ssh: boot.ssh,
            fails: boot.fails.clone(),
        }),
    })
}
