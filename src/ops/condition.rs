//! What operations wait for. A condition is looked at wherever the fleet is owned, each time observations have come in;
//! nothing polls for it.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::fleet::{
    ClusterId, ContextId, FeedId, FeedKind, Fleet, InstanceId, InstanceState, Machine, MachineId, MachineState,
    NodeKey, PoolId, Readiness, Role, Source,
};

/// Something that the fleet shall be seen to be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    /// So many machines of a pool are ready, those left out that are to go. It counts all rather than the new ones, for
    /// what a group launches meanwhile in place of a lost machine adds nothing.
    Ready {
        /// The pool.
        pool: PoolId,
        /// The machines that are to go.
        without: BTreeSet<MachineId>,
        /// How many.
        count: u32,
        /// How many of them are to come, for people.
        new: u32,
    },
    /// So many machines of a cluster in a role are ready.
    Up {
        /// The cluster.
        cluster: ClusterId,
        /// Their role.
        role: Role,
        /// How many.
        count: u32,
        /// Whether its API may be out of reach from here: then it is enough that they run.
        #[serde(default)]
        inner: bool,
    },
    /// No instance of a cluster is left.
    Emptied {
        /// The cluster.
        cluster: ClusterId,
    },
    /// An instance is terminated.
    Ended {
        /// The instance.
        instance: InstanceId,
    },
    /// A node is ready, with a release of K3s where one is told, and a member of etcd that votes where it was one.
    NodeUp {
        /// The node.
        node: NodeKey,
        /// The release.
        #[serde(default)]
        version: Option<SmolStr>,
        /// Whether it votes.
        #[serde(default)]
        voter: bool,
    },
    /// A node is not there (any longer).
    NodeGone {
        /// The node.
        node: NodeKey,
    },
}

/// How a condition stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is met.
    Met,
    /// Not yet; how far it is, for people.
    Waiting(String),
}

impl Standing {
    /// Whether it is met.
    pub fn is_met(&self) -> bool {
        matches!(self, Self::Met)
    }
}

impl Condition {
    /// What is waited for, for people.
    pub fn describe(&self) -> String {
        match self {
            Self::Ready { new: 1, .. } => "wait until the new machine is ready".to_owned(),
            Self::Ready { new, .. } => format!("wait until {new} new machines are ready"),
            Self::Up { role, count: 1, .. } => format!("wait until the {} is ready", role.as_str()),
            Self::Up { role, count, .. } => format!("wait until {count} {}s are ready", role.as_str()),
            Self::Emptied { cluster } => format!("wait until no instance of {cluster} is left"),
            Self::Ended { instance } => format!("wait until {instance} is terminated"),
            Self::NodeUp {
                node,
                version: Some(version),
                ..
            } => format!("wait until the node {} is ready with {version}", node.name),
            Self::NodeUp { node, .. } => format!("wait until the node {} is ready", node.name),
            Self::NodeGone { node } => format!("wait until the node {} is gone", node.name),
        }
    }

    /// How it stands.
    pub fn look(&self, fleet: &Fleet, now: Timestamp) -> Standing {
        match self {
            Self::Ready {
                pool, without, count, ..
            } => ready(fleet, *count, now, |m| m.is_in(pool) && !without.contains(&m.id())),
            Self::Up {
                cluster,
                role,
                count,
                inner,
            } => {
                let own = |m: &Machine<'_>| m.belongs_to(cluster) && m.role() == Some(*role);
                match *inner && is_out_of_reach(fleet, cluster) {
                    true => running(fleet, *count, own),
                    false => ready(fleet, *count, now, own),
                }
            }
            Self::Emptied { cluster } => emptied(fleet, cluster),
            Self::Ended { instance } => {
                let machine = fleet.machine(&MachineId::Instance(instance.clone()));
                match machine.and_then(|m| m.instance()).map(|i| i.state) {
                    None => Standing::Met,
                    Some(state) => Standing::Waiting(format!("{instance} is {}", state.as_str())),
                }
            }
            Self::NodeUp { node, version, voter } => node_up(fleet, node, version.as_ref(), *voter),
            Self::NodeGone { node } => match fleet.machine(&MachineId::Node(node.clone())) {
                None => Standing::Met,
                Some(_) => Standing::Waiting(format!("{} is still there", node.name)),
            },
        }
    }
}

/// Whether a machine counts as ready: cordoned ones do, for whoever cordoned them knows.
pub(super) fn is_ready(machine: &Machine<'_>, now: Timestamp) -> bool {
    matches!(machine.state(now), MachineState::Ready | MachineState::Cordoned)
}

/// Whether a cluster's API has not answered from here yet, though it was asked.
fn is_out_of_reach(fleet: &Fleet, cluster: &ClusterId) -> bool {
    let feed = FeedId {
        kind: FeedKind::Nodes,
        source: Source::Kube(ContextId::new(&cluster.name)),
    };
    let feed = fleet.feeds().get(&feed);
    feed.is_some_and(|feed| feed.synced_at.is_none() && feed.fault.is_some())
}

fn running(fleet: &Fleet, count: u32, counts: impl Fn(&Machine<'_>) -> bool) -> Standing {
    let runs = |m: &Machine<'_>| m.instance().is_some_and(|i| i.state == InstanceState::Running);
    let running = fleet.machines().filter(|m| counts(m) && runs(m)).count();
    match running >= count as usize {
        true => Standing::Met,
        false => Standing::Waiting(format!(
            "{running} of {count} running; the API is not reached from here"
        )),
    }
}

fn node_up(fleet: &Fleet, key: &NodeKey, version: Option<&SmolStr>, voter: bool) -> Standing {
    let machine = fleet.machine(&MachineId::Node(key.clone()));
    let Some(node) = machine.as_ref().and_then(Machine::node) else {
        return Standing::Waiting(format!("{} is not there yet", key.name));
    };
    let waiting = |what: String| Standing::Waiting(format!("{} {what}", key.name));
    match version {
        _ if node.ready != Readiness::Ready => waiting("is not ready".to_owned()),
        Some(version) if node.version != *version => waiting(format!("still runs {}", node.version)),
        _ if voter && node.etcd_voter != Some(true) => waiting("does not vote in etcd yet".to_owned()),
        _ => Standing::Met,
    }
}

fn emptied(fleet: &Fleet, cluster: &ClusterId) -> Standing {
    let own = fleet
        .machines()
        .filter(|m| m.instance().is_some() && m.belongs_to(cluster));
    let mut names: Vec<_> = own.map(|m| m.name().to_string()).collect();
    if names.is_empty() {
        return Standing::Met;
    }
    names.sort();
    Standing::Waiting(format!("{} still there", names.join(", ")))
}

fn ready(fleet: &Fleet, count: u32, now: Timestamp, counts: impl Fn(&Machine<'_>) -> bool) -> Standing {
    let living = |m: &Machine<'_>| {
        m.instance()
            .is_none_or(|i| matches!(i.state, InstanceState::Pending | InstanceState::Running))
    };
    let all: Vec<_> = fleet.machines().filter(|m| counts(m) && living(m)).collect();
    let ready = all.iter().filter(|m| is_ready(m, now)).count();
    if ready >= count as usize {
        return Standing::Met;
    }
    let mut coming: Vec<_> = all
        .iter()
        .filter(|m| !is_ready(m, now))
        .map(|m| format!("{} {}", m.name(), m.state(now).as_str().to_lowercase()))
        .collect();
    coming.sort();
    let coming = match coming.is_empty() {
        true => "none is launched yet".to_owned(),
        false => coming.join(", "),
    };
    Standing::Waiting(format!("{ready} of {count} ready; {coming}"))
}
