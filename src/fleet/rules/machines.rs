//! Rules about one machine each.

use jiff::SignedDuration;

use super::{Sight, Verdict};
use crate::fleet::join::named_region;
use crate::fleet::{
    FeedKind, Finding, Freshness, Machine, MachineState, Node, NoticeKind, Role, Severity, Source, named_instance,
};

/// How long a node that has just joined may take to become ready.
const SETTLING: i64 = 120;
/// When the pods of a node that is not ready are evicted (the default toleration).
const EVICTION: i64 = 300;
/// How long a cordon is taken to be meant.
const CORDON: i64 = 3_600;
/// From notice to interruption.
const WARNING_TIME: SignedDuration = SignedDuration::from_secs(120);

/// Judges one machine. What state it is in gives one finding at most.
pub(super) fn judge(sight: &Sight<'_>, machine: &Machine<'_>, state: MachineState, findings: &mut Vec<Finding>) {
    let of_state = match state {
        MachineState::Interrupted => interruption(sight, machine),
        MachineState::Ghost => ghost_node(sight, machine),
        MachineState::Stray => stray_instance(sight, machine),
        MachineState::NotReady => not_ready(sight, machine),
        MachineState::Unknown => node_unknown(sight, machine),
        _ => None,
    };
    let others = [
        rebalance(sight, machine, state),
        pressure(sight, machine),
        cordoned_long(sight, machine),
        old_token(machine),
    ];
    let verdicts = std::iter::once(of_state).chain(others).flatten();
    findings.extend(verdicts.map(|verdict| verdict.of_machine(machine)));
}

fn interruption(sight: &Sight<'_>, machine: &Machine<'_>) -> Option<Verdict> {
    let notice = machine.notice()?;
    let left = (notice.at + WARNING_TIME).duration_since(sight.now).as_secs();
    let line = match left {
        1.. => format!("EC2 takes this spot instance back in {}", super::age(left)),
        _ => format!(
            "EC2 takes this spot instance back: notice was given {} ago",
            sight.ago(notice.at)
        ),
    };
    Some(Verdict {
        rule: "interruption",
        severity: Severity::Critical,
        line,
        mend: format!("move its pods now: k3fleet drain {}", machine.id()),
        since: Some(notice.at),
    })
}

fn old_token(machine: &Machine<'_>) -> Option<Verdict> {
    let kind = machine.node()?.old_token?.as_str();
    let cluster = machine
        .cluster()
        .map_or_else(|| "CLUSTER".to_owned(), |c| c.to_string());
    Some(Verdict {
        rule: "old-token",
        severity: Severity::Warning,
        line: format!("it still goes by the old {kind} token: it could not be reached when that was changed"),
        mend: format!("once it can be reached: k3fleet rotate {cluster} --{kind}"),
        since: None,
    })
}

fn rebalance(sight: &Sight<'_>, machine: &Machine<'_>, state: MachineState) -> Option<Verdict> {
    let notice = machine.notice().filter(|n| n.kind == NoticeKind::Rebalance)?;
    if matches!(
        state,
        MachineState::ShuttingDown | MachineState::Stopping | MachineState::Stopped
    ) {
        return None;
    }
    Some(Verdict {
        rule: "rebalance",
        severity: Severity::Warning,
        line: format!(
            "EC2 recommends leaving this spot instance since {}: an interruption grows likely",
            sight.ago(notice.at)
        ),
        mend: format!("k3fleet replace {}", machine.id()),
        since: Some(notice.at),
    })
}

fn ghost_node(sight: &Sight<'_>, machine: &Machine<'_>) -> Option<Verdict> {
    let node = machine
        .node()
        .filter(|n| sight.nodes_live(&n.key.context) && instances_live(sight, n))?;
    let (_, instance) = named_instance(node)?;
    let since = machine.ghost_since();
    Some(Verdict {
        rule: "ghost-node",
        severity: Severity::Warning,
        line: format!(
            "node without instance{}: {instance} is gone, its node lingers",
            sight.for_time(since)
        ),
        mend: format!("delete the node: k3fleet remove {}", machine.id()),
        since,
    })
}

/// Whether each feed that would show a node's instance lives.
fn instances_live(sight: &Sight<'_>, node: &Node) -> bool {
    let region = named_region(node);
    let shows = |source: &Source| matches!(source, Source::Aws(s) if region.is_none_or(|r| r == s.region));
    let mut feeds = sight
        .fleet
        .feeds()
        .iter()
        .filter(|(id, _)| id.kind == FeedKind::Instances && shows(&id.source));
    feeds.all(|(_, feed)| feed.freshness(sight.now) == Freshness::Live)
}

fn stray_instance(sight: &Sight<'_>, machine: &Machine<'_>) -> Option<Verdict> {
    let instance = machine.instance()?;
    let cluster = machine.cluster()?;
    if sight.fleet.nodes_known(&cluster, sight.now) != Some(sight.now)
        || !sight.is_live(FeedKind::Instances, Source::Aws(instance.scope.clone()))
    {
        return None;
    }
    let since = machine.nodeless_since()?;
    let what = match instance.launched_at {
        Some(at) if at < since => "has lost its node",
        _ => "was launched and no node has joined from it",
    };
    let unit = unit(machine.role());
    Some(Verdict {
        rule: "stray-instance",
        severity: Severity::Warning,
        line: format!("instance without node for {}: it {what}", sight.ago(since)),
        mend: format!(
            "read journalctl -u {unit} on it (s), or k3fleet replace {}",
            machine.id()
        ),
        since: Some(since),
    })
}

fn not_ready(sight: &Sight<'_>, machine: &Machine<'_>) -> Option<Verdict> {
    let node = machine.node()?;
    if node.joined_at.is_some_and(|at| sight.seconds(at) < SETTLING) {
        return None;
    }
    let reason = node
        .not_ready_reason
        .as_ref()
        .map(|r| format!(": {r}"))
        .unwrap_or_default();
    let line = format!("node not Ready{}{reason}", sight.for_time(node.ready_since));
    broken_node(sight, machine, "not-ready", line)
}

fn node_unknown(sight: &Sight<'_>, machine: &Machine<'_>) -> Option<Verdict> {
    let node = machine.node()?;
    let line = format!("the kubelet has not reported{}", sight.for_time(node.ready_since));
    broken_node(sight, machine, "node-unknown", line)
}

/// A server that fails is critical at once, an agent once its pods are evicted.
fn broken_node(sight: &Sight<'_>, machine: &Machine<'_>, rule: &'static str, line: String) -> Option<Verdict> {
    let node = machine.node().filter(|n| sight.nodes_live(&n.key.context))?;
    let evicted = node.ready_since.is_none_or(|at| sight.seconds(at) >= EVICTION);
    let severity = match node.role == Role::Server || evicted {
        true => Severity::Critical,
        false => Severity::Warning,
    };
    let unit = unit(Some(node.role));
    let mend = match machine.instance() {
        Some(_) => format!(
            "read journalctl -u {unit} on it (s), or k3fleet replace {}",
            machine.id()
        ),
        None => format!("restart {unit} on it (s), or k3fleet remove {}", machine.id()),
    };
    Some(Verdict {
        rule,
        severity,
        line,
        mend,
        since: node.ready_since,
    })
}

/// The systemd unit that K3s runs as.
fn unit(role: Option<Role>) -> &'static str {
    match role {
        Some(Role::Server) => "k3s",
        _ => "k3s-agent",
    }
}

fn pressure(sight: &Sight<'_>, machine: &Machine<'_>) -> Option<Verdict> {
    let node = machine
        .node()
        .filter(|n| !n.pressures.is_empty() && sight.nodes_live(&n.key.context))?;
    Some(Verdict {
        rule: "pressure",
        severity: Severity::Warning,
        line: format!("the kubelet reports {}", node.pressures.join(", ")),
        mend: format!("free what is short, or move pods away: k3fleet drain {}", machine.id()),
        since: None,
    })
}

fn cordoned_long(sight: &Sight<'_>, machine: &Machine<'_>) -> Option<Verdict> {
    let since = machine.cordoned_since().filter(|at| sight.seconds(*at) >= CORDON)?;
    machine.node().filter(|n| sight.nodes_live(&n.key.context))?;
    Some(Verdict {
        rule: "cordoned-long",
        severity: Severity::Info,
        line: format!("cordoned for at least {}: it takes no new pods", sight.ago(since)),
        mend: format!("k3fleet uncordon {}", machine.id()),
        since: Some(since),
    })
}
