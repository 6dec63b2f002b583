//! A machine with its parts.

use std::collections::BTreeMap;
use std::net::IpAddr;

use jiff::Timestamp;
use serde::Serialize;
use smol_str::SmolStr;

use super::FindingRow;
use crate::fleet::{
    Arch, EdgeHealth, InstanceState, Machine, Node, NoticeKind, Purchase, Readiness, Resources, Role, Severity, View,
    price, ssh_host,
};

/// A machine: instance, node and edge host joined; the parts it does not have are `null`.
#[derive(Debug, Serialize)]
pub struct MachineRow<'a> {
    /// The instance id, else the node's name, else the edge host's.
    pub id: String,
    /// A name for people.
    pub name: &'a str,
    /// The cluster's name.
    pub cluster: Option<SmolStr>,
    /// The pool's name.
    pub pool: Option<&'a str>,
    /// `server` or `agent`.
    pub role: Option<Role>,
    /// The shape of its cluster.
    pub shape: Option<&'static str>,
    /// The state of the whole: `Ready`, `Joining`, `Ghost` …
    pub state: &'static str,
    /// The worst of its state and its findings.
    pub severity: Severity,
    /// `spot` or `on-demand`; `null` for what AWS does not bill.
    pub purchase: Option<Purchase>,
    /// USD per hour in its own market.
    pub price_per_hour: Option<f64>,
    /// Why there is no price.
    pub price_unknown: Option<String>,
    /// USD per hour on-demand, whatever it is bought as.
    pub on_demand_per_hour: Option<f64>,
    /// The EC2 instance.
    pub instance: Option<InstancePart<'a>>,
    /// The Kubernetes node.
    pub node: Option<NodePart<'a>>,
    /// The edge host.
    pub edge: Option<EdgePart<'a>>,
    /// What is to be looked at, worst first.
    pub findings: Vec<FindingRow<'a>>,
}

/// The EC2 instance of a machine.
#[derive(Debug, Serialize)]
pub struct InstancePart<'a> {
    /// `i-…`.
    pub id: &'a str,
    /// The instance type.
    #[serde(rename = "type")]
    pub instance_type: &'a str,
    /// The architecture.
    pub arch: Option<Arch>,
    /// The region.
    pub region: &'a str,
    /// The availability zone.
    pub zone: &'a str,
    /// The profile that shows it; `null` for the default credentials.
    pub profile: Option<&'a str>,
    /// EC2's state.
    pub state: InstanceState,
    /// Why it is in that state, when EC2 says.
    pub state_reason: Option<&'a str>,
    /// When it was launched.
    pub launched_at: Option<Timestamp>,
    /// Its public address.
    pub public_ip: Option<IpAddr>,
    /// Its private address.
    pub private_ip: Option<IpAddr>,
    /// Its private DNS name.
    pub private_dns: Option<&'a str>,
    /// The image.
    pub image: Option<&'a str>,
    /// The VPC.
    pub vpc: Option<&'a str>,
    /// The state in its Auto Scaling group.
    pub lifecycle: Option<&'a str>,
    /// Whether its Auto Scaling group holds it healthy.
    pub healthy: Option<bool>,
    /// The gravest notice AWS gave.
    pub notice: Option<NoticePart>,
    /// Its tags.
    pub tags: BTreeMap<&'a str, &'a str>,
}

/// A notice that AWS gave about an instance.
#[derive(Debug, Serialize)]
pub struct NoticePart {
    /// `interruption` or `rebalance`.
    pub kind: &'static str,
    /// When AWS said so.
    pub at: Timestamp,
}

/// The Kubernetes node of a machine.
#[derive(Debug, Serialize)]
pub struct NodePart<'a> {
    /// Its name.
    pub name: &'a str,
    /// The kube context through which it is seen.
    pub context: &'a str,
    /// Whether the `Ready` condition is true.
    pub ready: bool,
    /// `lastTransitionTime` of that condition.
    pub ready_since: Option<Timestamp>,
    /// Why it is not ready, in the kubelet's word.
    pub not_ready_reason: Option<&'a str>,
    /// Whether it takes pods (is not cordoned).
    pub schedulable: bool,
    /// The K3s version.
    pub version: &'a str,
    /// The architecture.
    pub arch: Option<Arch>,
    /// The operating system.
    pub os: &'a str,
    /// The kernel.
    pub kernel: &'a str,
    /// Its internal address.
    pub internal_ip: Option<IpAddr>,
    /// When it joined.
    pub joined_at: Option<Timestamp>,
    /// Whether it votes in embedded etcd; `null` where there is none.
    pub etcd_voter: Option<bool>,
    /// The token that its cluster has given up and that its machine still goes by: `server` or `agent`; `null`: none.
    pub old_token: Option<Role>,
    /// Its taints, each as `key=value:Effect`.
    pub taints: &'a [SmolStr],
    /// The pressure conditions that are true.
    pub pressures: &'a [SmolStr],
    /// What can be requested in all.
    pub allocatable: Quantities,
    /// What the pods on it request.
    pub requested: Option<Quantities>,
    /// What it uses, by metrics.k8s.io; it tells no pods.
    pub used: Option<Used>,
}

/// CPU, memory and pods.
#[derive(Debug, Serialize)]
pub struct Quantities {
    /// Thousandths of a core.
    pub cpu_milli: u64,
    /// Bytes.
    pub memory_bytes: u64,
    /// Pods.
    pub pods: u32,
}

/// CPU and memory in use.
#[derive(Debug, Serialize)]
pub struct Used {
    /// Thousandths of a core.
    pub cpu_milli: u64,
    /// Bytes.
    pub memory_bytes: u64,
}

/// The edge host of a machine.
#[derive(Debug, Serialize)]
pub struct EdgePart<'a> {
    /// The host as `hosts.toml` names it, or as its node's annotation does.
    pub host: &'a str,
    /// Whether the last probe got an answer; `null` before the first.
    pub reachable: Option<bool>,
    /// The board's model.
    pub model: Option<&'a str>,
    /// The group of `hosts.toml`.
    pub group: Option<&'a str>,
    /// Where SSH finds it, when that is not its name.
    pub address: Option<&'a str>,
    /// The user to log in as.
    pub user: Option<&'a str>,
    /// The SSH port.
    pub port: Option<u16>,
    /// When it was last probed.
    pub probed_at: Option<Timestamp>,
    /// Why the last probe failed.
    pub error: Option<&'a str>,
    /// The architecture.
    pub arch: Option<Arch>,
    /// The operating system.
    pub os: Option<&'a str>,
    /// Round trip of one command, in milliseconds.
    pub latency_ms: Option<u32>,
    /// Load average over one minute.
    pub load: Option<f32>,
    /// Memory in use, in bytes.
    pub memory_used_bytes: Option<u64>,
    /// Memory installed, in bytes.
    pub memory_bytes: Option<u64>,
    /// Disk in use, in bytes.
    pub disk_used_bytes: Option<u64>,
    /// Size of the disk, in bytes.
    pub disk_bytes: Option<u64>,
    /// Temperature of the processor, in degrees Celsius.
    pub temperature_celsius: Option<f32>,
    /// Whether the firmware throttles.
    pub throttled: Option<bool>,
    /// The kernel's release.
    pub kernel: Option<&'a str>,
    /// 32 or 64: the width of its programs.
    pub userland_bits: Option<u8>,
    /// Its clock minus ours, in seconds.
    pub clock_skew_seconds: Option<i64>,
    /// Whether its clock is kept by a time server.
    pub clock_synced: Option<bool>,
    /// The state of the K3s service: `active`, `failed` …
    pub service: Option<&'a str>,
    /// The installed version of K3s.
    pub version: Option<&'a str>,
    /// When the first of its K3s certificates expires.
    pub certificate_until: Option<Timestamp>,
}

impl<'a> MachineRow<'a> {
    /// A machine as a row.
    pub fn of(view: &View<'a>, machine: &Machine<'a>) -> Self {
        let cluster = machine.cluster();
        let of_cluster = cluster.as_ref().and_then(|id| view.summary.clusters.get(id));
        let findings: Vec<_> = view.summary.findings_of(&machine.id()).map(FindingRow::of).collect();
        let state = machine.state(view.now);
        let worst = findings.iter().map(|f| f.severity).max().unwrap_or(Severity::Ok);
        let pool = machine.pool().and_then(|id| view.summary.pools.get(&id));
        Self {
            id: machine.id().to_string(),
            name: machine.name(),
            pool: pool.map(|p| p.name.as_str()),
            role: machine.role(),
            shape: of_cluster
                .map(|c| c.shape)
                .or_else(|| machine.shape())
                .map(|s| s.as_str()),
            cluster: cluster.map(|id| id.name),
            state: state.as_str(),
            severity: state.severity().max(worst),
            purchase: machine.purchase(),
            price_per_hour: machine.price(),
            price_unknown: price::why_unknown(view, machine),
            on_demand_per_hour: machine.offer().and_then(|o| view.fleet.market().on_demand(&o)),
            instance: instance(machine),
            node: machine.node().map(|node| self::node(machine, node)),
            edge: edge(machine),
            findings,
        }
    }
}

fn instance<'a>(machine: &Machine<'a>) -> Option<InstancePart<'a>> {
    let instance = machine.instance()?;
    let member = machine.asg_member();
    Some(InstancePart {
        id: instance.id.as_str(),
        instance_type: &instance.instance_type,
        arch: instance.arch,
        region: &instance.scope.region,
        zone: &instance.zone,
        profile: Some(instance.scope.profile.as_str()).filter(|p| !p.is_empty()),
        state: instance.state,
        state_reason: instance.reason.as_deref(),
        launched_at: instance.launched_at,
        public_ip: instance.public_ip,
        private_ip: instance.private_ip,
        private_dns: instance.private_dns.as_deref(),
        image: instance.image.as_deref(),
        vpc: instance.vpc.as_deref(),
        lifecycle: member.map(|(lifecycle, _)| lifecycle.as_str()),
        healthy: member.map(|(_, healthy)| healthy),
        notice: machine.notice().map(|notice| NoticePart {
            kind: match notice.kind {
                NoticeKind::Interruption => "interruption",
                NoticeKind::Rebalance => "rebalance",
            },
            at: notice.at,
        }),
        tags: instance.tags.iter().collect(),
    })
}

fn node<'a>(machine: &Machine<'a>, node: &'a Node) -> NodePart<'a> {
    NodePart {
        name: &node.key.name,
        context: node.key.context.as_str(),
        ready: node.ready == Readiness::Ready,
        ready_since: node.ready_since,
        not_ready_reason: node.not_ready_reason.as_deref(),
        schedulable: node.schedulable,
        version: &node.version,
        arch: node.arch,
        os: &node.os,
        kernel: &node.kernel,
        internal_ip: node.internal_ip,
        joined_at: node.joined_at,
        etcd_voter: node.etcd_voter,
        old_token: node.old_token,
        taints: &node.taints,
        pressures: &node.pressures,
        allocatable: quantities(node.allocatable),
        requested: machine.requested().map(quantities),
        used: machine.usage().map(|usage| Used {
            cpu_milli: usage.cpu_milli,
            memory_bytes: usage.memory,
        }),
    }
}

fn quantities(of: Resources) -> Quantities {
    Quantities {
        cpu_milli: of.cpu_milli,
        memory_bytes: of.memory,
        pods: of.pods,
    }
}

fn edge<'a>(machine: &Machine<'a>) -> Option<EdgePart<'a>> {
    if !machine.is_edge() {
        return None;
    }
    let host = machine.edge();
    let probe = machine.probe();
    let health: Option<&'a EdgeHealth> = probe.and_then(|p| p.outcome.as_ref().ok());
    let annotated = || machine.node().and_then(|n| n.ssh.as_deref()).map(ssh_host);
    Some(EdgePart {
        host: host.map(|h| h.name.as_str()).or_else(annotated)?,
        reachable: probe.map(|p| p.outcome.is_ok()),
        model: health.and_then(|h| h.model.as_deref()),
        group: host.map(|h| h.group.as_str()),
        address: host.and_then(|h| h.address.as_deref()),
        user: host.and_then(|h| h.user.as_deref()),
        port: host.and_then(|h| h.port),
        probed_at: probe.map(|p| p.at),
        error: probe.and_then(|p| p.outcome.as_ref().err()).map(SmolStr::as_str),
        arch: health.and_then(|h| h.arch),
        os: health.and_then(|h| h.os.as_deref()),
        latency_ms: health.map(|h| h.latency_ms),
        load: health.and_then(|h| h.load),
        memory_used_bytes: health.and_then(|h| h.memory).map(|(used, _)| used),
        memory_bytes: health.and_then(|h| h.memory).map(|(_, all)| all),
        disk_used_bytes: health.and_then(|h| h.disk).map(|(used, _)| used),
        disk_bytes: health.and_then(|h| h.disk).map(|(_, all)| all),
        temperature_celsius: health.and_then(|h| h.temperature),
        throttled: health.and_then(|h| h.throttled),
        kernel: health.and_then(|h| h.kernel.as_deref()),
        userland_bits: health.and_then(|h| h.userland_bits),
        clock_skew_seconds: health.and_then(|h| h.clock_skew),
        clock_synced: health.and_then(|h| h.clock_synced),
        service: health.and_then(|h| h.service.as_deref()),
        version: health.and_then(|h| h.version.as_deref()),
        certificate_until: health.and_then(|h| h.certificate_until),
    })
}
