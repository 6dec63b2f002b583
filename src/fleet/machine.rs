//! The machine: one row that joins an EC2 instance, a Kubernetes node and an edge host, any of which may be
//! missing. A [`Machine`] is a view into the fleet; it owns nothing.

use std::borrow::Cow;

use jiff::{SignedDuration, Timestamp};
use smol_str::SmolStr;

use super::entry::{EdgeEntry, InstanceEntry, NodeEntry};
use super::store::Fleet;
use super::{
    Arch, ClusterId, EdgeHost, EdgeProbe, Instance, InstanceState, MachineId, Node, Notice, NoticeKind, Offer, PoolId,
    Purchase, Readiness, Resources, Role, Severity, Shape, Usage,
};

/// How long an instance may run before its node is missed.
pub const JOIN_GRACE: SignedDuration = SignedDuration::from_mins(10);

/// A row of the fleet.
#[derive(Clone, Copy)]
pub struct Machine<'a> {
    pub(super) fleet: &'a Fleet,
    pub(super) instance: Option<&'a InstanceEntry>,
    pub(super) node: Option<&'a NodeEntry>,
    pub(super) edge: Option<&'a EdgeEntry>,
}

/// What state a machine is in, all its parts taken together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MachineState {
    /// The node is ready and takes pods.
    Ready,
    /// The node is ready, but cordoned.
    Cordoned,
    /// The instance runs; whether its node is there nobody knows, for no API server of its cluster has told.
    Running,
    /// The instance starts.
    Pending,
    /// The instance runs, and its node is not there yet.
    Joining,
    /// The instance runs, and its node should have been there by now.
    Stray,
    /// The node says it is not ready.
    NotReady,
    /// The node has stopped reporting.
    Unknown,
    /// The spot instance is being taken back.
    Interrupted,
    /// The node is there, and its instance is gone.
    Ghost,
    /// The edge host does not answer.
    Silent,
    /// The edge host has no node.
    Unjoined,
    /// The instance stops.
    Stopping,
    /// The instance is stopped.
    Stopped,
    /// The instance is being terminated.
    ShuttingDown,
}

impl MachineState {
    /// The word shown and filtered by.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "Ready",
            Self::Cordoned => "Cordoned",
            Self::Running => "Running",
            Self::Pending => "Pending",
            Self::Joining => "Joining",
            Self::Stray => "Stray",
            Self::NotReady => "NotReady",
            Self::Unknown => "Unknown",
            Self::Interrupted => "Interrupted",
            Self::Ghost => "Ghost",
            Self::Silent => "Silent",
            Self::Unjoined => "Unjoined",
            Self::Stopping => "Stopping",
            Self::Stopped => "Stopped",
            Self::ShuttingDown => "ShuttingDown",
        }
    }

    /// How much it wants looking at.
    pub fn severity(self) -> Severity {
        match self {
            Self::Ready | Self::Running => Severity::Ok,
            Self::Cordoned
            | Self::Pending
            | Self::Joining
            | Self::Unjoined
            | Self::Stopping
            | Self::Stopped
            | Self::ShuttingDown => Severity::Info,
            Self::Stray | Self::Ghost | Self::Silent => Severity::Warning,
            Self::NotReady | Self::Unknown | Self::Interrupted => Severity::Critical,
        }
    }
}

impl<'a> Machine<'a> {
    /// The id of the row: its instance's, else its node's, else its edge host's.
    pub fn id(&self) -> MachineId {
        match (self.instance, self.node, self.edge) {
            (Some(i), _, _) => MachineId::Instance(i.data.id.clone()),
            (None, Some(n), _) => MachineId::Node(n.key.clone()),
            (None, None, Some(e)) => MachineId::Edge(e.data.name.clone()),
            (None, None, None) => MachineId::Node(super::NodeKey::new(&super::ContextId::new(""), "")),
        }
    }

    /// The EC2 instance.
    pub fn instance(&self) -> Option<&'a Instance> {
        self.instance.map(|i| &i.data)
    }

    /// The Kubernetes node.
    pub fn node(&self) -> Option<&'a Node> {
        self.node.and_then(|n| n.data.as_deref())
    }

    /// The edge host of `hosts.toml`.
    pub fn edge(&self) -> Option<&'a EdgeHost> {
        self.edge.map(|e| &e.data)
    }

    /// The latest probe of the edge host.
    pub fn probe(&self) -> Option<&'a EdgeProbe> {
        self.edge.and_then(|e| e.probe.as_ref())
    }

    /// Whether this is an edge machine: listed as one, or its node says it was joined over SSH.
    pub fn is_edge(&self) -> bool {
        self.edge.is_some() || (self.instance.is_none() && self.node().is_some_and(|n| n.ssh.is_some()))
    }

    /// A name for people: the tag `Name`, else the node's, the edge host's or the instance's.
    pub fn name(&self) -> &'a str {
        let tagged = self.instance().and_then(|i| i.tag("Name"));
        tagged
            .filter(|name| !name.is_empty())
            .or_else(|| self.edge().map(|e| e.name.as_str()))
            .or_else(|| self.node().map(|n| n.key.name.as_str()))
            .or_else(|| self.instance().map(|i| i.id.as_str()))
            .unwrap_or_default()
    }

    /// The cluster: by the instance's tags, else by the node's context, else by its pool, else as the edge
    /// host's entry says. `None`: not a K3s machine as far as anyone knows.
    pub fn cluster(&self) -> Option<ClusterId> {
        self.cluster_ref().map(Cow::into_owned)
    }

    /// Whether it belongs to a cluster.
    pub fn belongs_to(&self, cluster: &ClusterId) -> bool {
        self.cluster_ref().as_deref() == Some(cluster)
    }

    /// Whether it is one of a pool's.
    pub fn is_in(&self, pool: &PoolId) -> bool {
        self.pool_ref() == Some(pool)
    }

    /// Its cluster, borrowed where it is kept.
    pub(super) fn cluster_ref(&self) -> Option<Cow<'a, ClusterId>> {
        self.fleet.cluster_of(self)
    }

    /// The pool, when it belongs to one.
    pub fn pool(&self) -> Option<PoolId> {
        self.pool_ref().cloned()
    }

    pub(super) fn pool_ref(&self) -> Option<&'a PoolId> {
        let of_instance = self.instance.map(|i| &i.place.pool);
        of_instance.or_else(|| self.edge.map(|e| &e.pool))
    }

    /// Server or agent: by the node, else by the instance's tags. Edge hosts are agents.
    pub fn role(&self) -> Option<Role> {
        self.node()
            .map(|n| n.role)
            .or_else(|| self.instance.and_then(|i| i.place.membership.as_ref()?.role))
            .or_else(|| self.edge.map(|_| Role::Agent))
    }

    /// The shape its own tags tell.
    pub fn shape(&self) -> Option<Shape> {
        self.instance.and_then(|i| i.place.membership.as_ref()?.shape)
    }

    /// The cluster's end, as its own tags tell.
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.instance.and_then(|i| i.place.membership.as_ref()?.expires_at)
    }

    /// How it is bought; `None` for what AWS does not bill.
    pub fn purchase(&self) -> Option<Purchase> {
        self.instance().map(|i| i.purchase)
    }

    /// What its price depends on.
    pub fn offer(&self) -> Option<Offer> {
        self.instance().map(|i| Offer {
            region: i.scope.region.clone(),
            instance_type: i.instance_type.clone(),
        })
    }

    /// USD per hour in its own market; `None` when it is not billed now, or the price is not known.
    pub fn price(&self) -> Option<f64> {
        let instance = self.instance().filter(|i| i.state.is_billed())?;
        let offer = self.offer()?;
        match instance.purchase {
            Purchase::Spot => self.fleet.market().spot(&offer, &instance.zone),
            Purchase::OnDemand => self.fleet.market().on_demand(&offer),
        }
    }

    /// Whether it is billed, but at a price nobody knows.
    pub fn price_missing(&self) -> bool {
        self.instance().is_some_and(|i| i.state.is_billed()) && self.price().is_none()
    }

    /// The warning AWS gave about the instance, the gravest.
    pub fn notice(&self) -> Option<&'a Notice> {
        self.instance.and_then(|i| i.notice.as_deref())
    }

    /// Sum of the requests of the pods on it, and their number.
    pub fn requested(&self) -> Option<Resources> {
        self.node.map(|n| n.requested)
    }

    /// What it uses, where metrics.k8s.io tells.
    pub fn usage(&self) -> Option<Usage> {
        self.node.and_then(|n| n.usage)
    }

    /// Requested CPU and memory as fractions of what is allocatable.
    pub fn load(&self) -> (Option<f64>, Option<f64>) {
        let Some((node, requested)) = self.node().zip(self.requested()) else {
            return (None, None);
        };
        (
            fraction(requested.cpu_milli, node.allocatable.cpu_milli),
            fraction(requested.memory, node.allocatable.memory),
        )
    }

    /// Used CPU and memory as fractions of what is allocatable.
    pub fn used(&self) -> (Option<f64>, Option<f64>) {
        let Some((node, usage)) = self.node().zip(self.usage()) else {
            return (None, None);
        };
        (
            fraction(usage.cpu_milli, node.allocatable.cpu_milli),
            fraction(usage.memory, node.allocatable.memory),
        )
    }

    /// Since when the row stands as it does: launched, joined.
    pub fn since(&self) -> Option<Timestamp> {
        self.instance()
            .and_then(|i| i.launched_at)
            .or_else(|| self.node().and_then(|n| n.joined_at))
    }

    /// Since when the instance has run without a node: its last start, or the loss of its node.
    pub fn nodeless_since(&self) -> Option<Timestamp> {
        self.instance.and_then(|i| {
            i.nodeless_since
                .map(|lost| Some(lost).max(i.data.launched_at).unwrap_or(lost))
        })
    }

    /// Since when the node is seen to be cordoned; it may have been before.
    pub fn cordoned_since(&self) -> Option<Timestamp> {
        self.node.and_then(|n| n.cordoned_since)
    }

    /// Since when the edge host has not answered.
    pub fn silent_since(&self) -> Option<Timestamp> {
        self.edge.and_then(|e| e.silent_since)
    }

    /// Since when the node has had no instance, for a node that names one of a region we see whole.
    pub fn ghost_since(&self) -> Option<Timestamp> {
        if self.instance.is_some() || !self.fleet.misses_instance_of(self.node()?) {
            return None;
        }
        self.node.and_then(|n| n.instanceless_since)
    }

    /// The architecture, by the node, the instance or the probe.
    pub fn arch(&self) -> Option<Arch> {
        self.node()
            .and_then(|n| n.arch)
            .or_else(|| self.instance().and_then(|i| i.arch))
            .or_else(|| self.probe().and_then(|p| p.outcome.as_ref().ok()?.arch))
    }

    /// The zone: the instance's, else the node's label.
    pub fn zone(&self) -> Option<&'a str> {
        self.instance()
            .map(|i| i.zone.as_str())
            .or_else(|| self.node().and_then(|n| n.zone.as_deref()))
    }

    /// The instance type, or the board's model.
    pub fn kind(&self) -> Option<&'a str> {
        self.instance()
            .map(|i| i.instance_type.as_str())
            .or_else(|| self.probe().and_then(|p| p.outcome.as_ref().ok()?.model.as_deref()))
            .or_else(|| self.node().and_then(|n| n.instance_type.as_deref()))
    }

    /// The member's life in its Auto Scaling group, and whether the group holds it healthy.
    pub fn asg_member(&self) -> Option<(&'a SmolStr, bool)> {
        let (lifecycle, healthy) = self.instance?.member.as_ref()?;
        Some((lifecycle, *healthy))
    }

    /// The state of the whole row.
    pub fn state(&self, now: Timestamp) -> MachineState {
        if let Some(instance) = self.instance() {
            match instance.state {
                InstanceState::ShuttingDown => return MachineState::ShuttingDown,
                InstanceState::Stopping => return MachineState::Stopping,
                InstanceState::Stopped => return MachineState::Stopped,
                _ if self.notice().is_some_and(|n| n.kind == NoticeKind::Interruption) => {
                    return MachineState::Interrupted;
                }
                InstanceState::Pending => return MachineState::Pending,
                InstanceState::Running => {}
            }
        }
        let Some(node) = self.node() else {
            return self.nodeless_state(now);
        };
        if self.ghost_since().is_some() {
            return MachineState::Ghost;
        }
        match node.ready {
            _ if self.edge.is_some() && self.is_silent() => MachineState::Silent,
            Readiness::NotReady => MachineState::NotReady,
            Readiness::Unknown => MachineState::Unknown,
            Readiness::Ready if !node.schedulable => MachineState::Cordoned,
            Readiness::Ready => MachineState::Ready,
        }
    }

    fn nodeless_state(&self, now: Timestamp) -> MachineState {
        if self.instance.is_some() {
            let known = self.cluster().and_then(|c| self.fleet.nodes_known(&c, now));
            return match (known, self.nodeless_since()) {
                (None, _) => MachineState::Running,
                (Some(known), Some(since)) if known.duration_since(since) > JOIN_GRACE => MachineState::Stray,
                _ => MachineState::Joining,
            };
        }
        if self.is_silent() {
            MachineState::Silent
        } else {
            MachineState::Unjoined
        }
    }

    /// Whether the last probe of the edge host got no answer.
    pub fn is_silent(&self) -> bool {
        self.probe().is_some_and(|p| p.outcome.is_err())
    }
}

fn fraction(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}
