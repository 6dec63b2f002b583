//! What a simulated world is made of, and what happens in it: the schema of `assets/scenarios/*.toml`.
//!
//! [`Scenario::parse`] checks the text whole, so that a loaded world never meets a name it does not know;
//! its errors name the line.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use toml::Spanned;

use super::hindrance::Hindrance;
use crate::fleet::{Arch, Purchase, Role};

/// The scenario that `--demo` plays.
const DEMO: &str = include_str!("../../../assets/scenarios/demo.toml");

/// A world to be: what exists, what is told to happen, and which faults the ports show.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    pub(super) market: MarketSpec,
    pub(super) life: LifeSpec,
    pub(super) regions: Vec<RegionSpec>,
    pub(super) types: Vec<TypeSpec>,
    pub(super) clusters: Vec<ClusterSpec>,
    #[serde(default)]
    pub(super) edge: Vec<EdgeSpec>,
    #[serde(default)]
    pub(super) events: Vec<Told>,
    #[serde(default)]
    pub(super) faults: Vec<FaultSpec>,
}

/// Why a text is no scenario.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("scenario, line {line}: {message}")]
pub struct ScenarioError {
    /// The line in question, counted from 1; 0 where no single line is to blame.
    pub line: usize,
    /// What is wrong with it.
    pub message: String,
}

/// A name that must be defined elsewhere in the scenario.
pub(super) type Ref = Spanned<SmolStr>;

/// How prices move.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MarketSpec {
    /// How far the history reaches back at the start.
    #[serde(deserialize_with = "with_days")]
    pub(super) history: SignedDuration,
    /// Mean time between two prices of one type in one zone, before the start.
    pub(super) history_step: SignedDuration,
    /// Mean time between two prices in the first ten minutes; later they come six times slower.
    pub(super) live_step: SignedDuration,
}

/// What goes on after the told events.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LifeSpec {
    /// When it begins.
    pub(super) from: SignedDuration,
    /// Mean time between two happenings.
    pub(super) every: SignedDuration,
}

/// A region as one profile sees it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RegionSpec {
    pub(super) name: SmolStr,
    #[serde(default)]
    pub(super) profile: SmolStr,
    pub(super) account: SmolStr,
    pub(super) zones: Vec<ZoneSpec>,
}

/// An availability zone.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ZoneSpec {
    pub(super) name: SmolStr,
    /// Spot prices here as a fraction of the on-demand price.
    pub(super) spot: f64,
    /// How far they wander from it, as a fraction of themselves.
    pub(super) volatility: f64,
}

/// An instance type.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TypeSpec {
    pub(super) name: SmolStr,
    pub(super) arch: Arch,
    pub(super) vcpu: u32,
    pub(super) memory_gib: f64,
    /// On-demand USD per hour, for each region that offers it.
    pub(super) usd: BTreeMap<SmolStr, f64>,
}

/// What a cluster is, in the value of the tag `k3fleet:shape`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Shape {
    Quick,
    Ci,
    Ha,
}

impl Shape {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Quick => "quick",
            Self::Ci => "ci",
            Self::Ha => "ha",
        }
    }
}

/// How EC2 names its hosts, and so K3s its nodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Hostnames {
    /// `ip-10-0-3-17`.
    #[default]
    IpName,
    /// The instance id.
    ResourceName,
}

/// A cluster.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClusterSpec {
    pub(super) name: SmolStr,
    /// The kube context; the cluster's name if absent.
    pub(super) context: Option<SmolStr>,
    pub(super) shape: Shape,
    pub(super) region: Ref,
    pub(super) k3s: SmolStr,
    /// Agents that run another version than the servers.
    pub(super) behind: Option<Behind>,
    /// For `ci`: how long it lives.
    pub(super) ttl: Option<Ttl>,
    /// How old it is at the start.
    #[serde(deserialize_with = "with_days")]
    pub(super) age: SignedDuration,
    pub(super) created_by: SmolStr,
    #[serde(default)]
    pub(super) hostnames: Hostnames,
    /// Workload pods for each node, DaemonSet pods not counted.
    pub(super) pods_per_node: u32,
    /// Its servers advertise their public addresses, so that boards reach them.
    #[serde(default)]
    pub(super) public: bool,
    /// Others have made it: its tokens are in no parameter, and its first machines are hosts that are reached over SSH.
    #[serde(default)]
    pub(super) others: bool,
    /// What Kubernetes claimed for its pods.
    #[serde(default)]
    pub(super) volumes: Vec<VolumeSpec>,
    #[serde(default)]
    pub(super) pools: Vec<PoolSpec>,
    #[serde(default)]
    pub(super) machines: Vec<LoneSpec>,
}

/// Agents of another version.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Behind {
    pub(super) version: SmolStr,
    pub(super) agents: u32,
}

/// The life of a `ci` cluster.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ttl {
    /// What is left of it at the start.
    pub(super) left: SignedDuration,
    /// What the clusters after it are given.
    pub(super) whole: SignedDuration,
    /// One before it, of which not all was swept away, and how long ago it ended.
    pub(super) before: Option<Before>,
}

/// A cluster that ended before the world begins.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Before {
    pub(super) name: SmolStr,
    #[serde(deserialize_with = "with_days")]
    pub(super) ended: SignedDuration,
}

/// A volume of a claim.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct VolumeSpec {
    /// The claim's name.
    pub(super) claim: SmolStr,
    pub(super) gib: u32,
}

/// An Auto Scaling group.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PoolSpec {
    pub(super) name: SmolStr,
    pub(super) role: Role,
    pub(super) types: Vec<Ref>,
    pub(super) desired: u32,
    pub(super) min: u32,
    pub(super) max: u32,
    #[serde(default)]
    pub(super) on_demand_base: u32,
    /// Of what is above the base.
    #[serde(default)]
    pub(super) on_demand_percent: u32,
    pub(super) zones: Vec<Ref>,
}

/// A lone instance.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LoneSpec {
    pub(super) name: SmolStr,
    pub(super) role: Role,
    #[serde(rename = "type")]
    pub(super) instance_type: Ref,
    pub(super) zone: Ref,
    pub(super) purchase: Purchase,
}

/// A group of edge hosts.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EdgeSpec {
    pub(super) group: SmolStr,
    pub(super) cluster: Ref,
    pub(super) user: SmolStr,
    #[serde(default)]
    pub(super) labels: BTreeMap<SmolStr, SmolStr>,
    pub(super) hosts: Vec<BoardSpec>,
}

/// One edge host.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BoardSpec {
    pub(super) name: SmolStr,
    pub(super) address: std::net::IpAddr,
    pub(super) model: SmolStr,
    pub(super) arch: Arch,
    pub(super) os: SmolStr,
    pub(super) kernel: SmolStr,
    pub(super) cores: u32,
    pub(super) memory_gib: f64,
    pub(super) disk_gib: f64,
    /// How long ago it joined.
    #[serde(deserialize_with = "with_days")]
    pub(super) age: SignedDuration,
    /// Whether its node carries the annotation `k3fleet.dev/ssh`.
    #[serde(default)]
    pub(super) annotated: bool,
    /// It has not joined its cluster; `age` is for how long it has run.
    #[serde(default)]
    pub(super) unjoined: bool,
    /// Its memory cgroup is off until its boot command line is mended and it is restarted.
    #[serde(default)]
    pub(super) cgroups_off: bool,
    /// The operator does not know its SSH key yet.
    #[serde(default)]
    pub(super) unknown_key: bool,
    /// The password that `sudo` wants there; an empty one: any will do.
    pub(super) sudo_password: Option<SmolStr>,
    /// Its programs are those of a 32-bit system.
    #[serde(default)]
    pub(super) userland_32: bool,
    /// How far its clock is off, which no time server keeps.
    #[serde(default)]
    pub(super) clock_off: SignedDuration,
    /// The cluster knows a node of its name by another password.
    #[serde(default)]
    pub(super) password_left: bool,
    /// How readily it drops off, against the other hosts; 0 for never.
    #[serde(default)]
    pub(super) flakiness: f64,
}

/// Something that is told to happen.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Told {
    /// Time after the start.
    pub(super) at: SignedDuration,
    pub(super) event: ToldEvent,
}

/// What can be told. Pools are named `cluster/pool`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum ToldEvent {
    /// EC2 takes a spot instance back: notice, drain, replacement, end after two minutes.
    SpotNotice { pool: Ref, zone: Option<Ref> },
    /// A machine falls ill and its Auto Scaling group replaces it.
    Unhealthy { pool: Ref },
    /// A node is not ready for a while.
    NodeNotReady { pool: Ref, r#for: SignedDuration },
    /// An edge host falls silent for a while.
    BoardDrop { host: Ref, r#for: SignedDuration },
    /// Something stands for a while against the K3s of an edge host when it starts.
    BoardAils {
        host: Ref,
        how: Hindrance,
        r#for: SignedDuration,
    },
    /// Something stands for a while against the K3s of one machine of a pool, or of a lone one, when it starts.
    MachineAils {
        pool: Ref,
        how: Hindrance,
        r#for: SignedDuration,
    },
    /// An edge host is switched off for a while.
    BoardOff { host: Ref, r#for: SignedDuration },
    /// Somebody sets a group's desired capacity.
    Scale { pool: Ref, desired: u32 },
    /// Spot prices of a zone rise and fall again.
    PriceSpike {
        zone: Ref,
        factor: f64,
        r#for: SignedDuration,
    },
    /// An instance ends, and its node stays for a while.
    Ghost { pool: Ref, r#for: SignedDuration },
    /// AWS has no capacity for a pool's launches for a while; its group tries again until there is some.
    NoCapacity { pool: Ref, r#for: SignedDuration },
    /// AWS has no capacity for anything that is launched in a region for a while: for what is bought in this way, or
    /// at all.
    NoLaunches {
        region: Ref,
        purchase: Option<Purchase>,
        r#for: SignedDuration,
    },
    /// The first boot of the next server that is launched in a region fails at this step.
    FirstBootFails { region: Ref, step: SmolStr },
    /// EC2 takes back so many per cent of a pool's spot instances (one at least), spread over a span of time. The pool,
    /// `cluster/pool`, may be one that an operator launches.
    SpotStorm {
        pool: SmolStr,
        percent: u32,
        within: SignedDuration,
    },
    /// So many machines of a pool end at once. It may be one that an operator launches.
    MachinesEnd { pool: SmolStr, count: usize },
    /// A Service of a cluster gets a load balancer; one that is `stuck` nobody deletes, until it is told again without
    /// that. The cluster may be one that an
    /// operator launches.
    Serve {
        cluster: SmolStr,
        /// `namespace/name`.
        service: SmolStr,
        #[serde(default)]
        stuck: bool,
    },
    /// A claim of a cluster, likewise, gets a volume.
    Claim { cluster: SmolStr, claim: SmolStr, gib: u32 },
    /// The resource with this name of the next stack that makes, changes or (with `deleting`) deletes it in a region fails,
    /// for this reason.
    StackFails {
        region: Ref,
        resource: SmolStr,
        reason: SmolStr,
        #[serde(default)]
        deleting: bool,
    },
    /// The next launch in a region meets an instance profile that EC2 does not know yet.
    UnknownProfile { region: Ref },
    /// The next instance that a pool launches runs, and its node never joins.
    NeverJoins { pool: Ref },
    /// A disruption budget for a workload (`namespace/name`), in place of the one it had: so many of its pods may be
    /// down at once. With none allowed it holds back every drain.
    Budget {
        cluster: Ref,
        workload: Ref,
        max_unavailable: u32,
    },
    /// An instance starts whose node never joins; it is ended after a while.
    Stray {
        cluster: Ref,
        r#type: Ref,
        zone: Ref,
        r#for: SignedDuration,
    },
}

/// A fault that the ports show.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FaultSpec {
    /// Time after the start.
    pub(super) at: SignedDuration,
    pub(super) r#for: SignedDuration,
    pub(super) target: TargetSpec,
    pub(super) kind: FaultSort,
    /// The only call it hits, such as `ec2:DescribeInstances` or `watch nodes`; every call if absent.
    pub(super) call: Option<SmolStr>,
}

/// Whose calls fail.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum TargetSpec {
    /// A region (`eu-west-1`), or `profile/region`.
    Scope(Ref),
    /// A kube context.
    Context(Ref),
    /// An edge host.
    Host(Ref),
}

/// How they fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum FaultSort {
    Throttled,
    Denied,
    Slow,
    Dead,
    ExpiredCredentials,
    Malformed,
}

impl Scenario {
    /// Reads a scenario.
    ///
    /// # Errors
    /// When the text is not TOML, has unknown or missing keys, or names what it does not define.
    pub fn parse(text: &str) -> Result<Self, ScenarioError> {
        let scenario: Self = toml::from_str(text).map_err(|e| ScenarioError {
            line: e.span().map_or(0, |span| line_of(text, span.start)),
            message: e.message().to_owned(),
        })?;
        super::check::check(&scenario).map_err(|(at, message)| ScenarioError {
            line: at.map_or(0, |at| line_of(text, at)),
            message,
        })?;
        Ok(scenario)
    }

    /// The scenario of `--demo`.
    ///
    /// # Errors
    /// None that a test does not find: the text is part of the program.
    pub fn demo() -> Result<Self, ScenarioError> {
        Self::parse(DEMO)
    }
}

/// Reads a span that may name days, each of 24 hours.
fn with_days<'de, D: serde::Deserializer<'de>>(from: D) -> Result<SignedDuration, D::Error> {
    let span = jiff::Span::deserialize(from)?;
    span.to_duration(jiff::SpanRelativeTo::days_are_24_hours())
        .map_err(serde::de::Error::custom)
}

fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|b| *b == b'\n').count() + 1
}
