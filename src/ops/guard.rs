//! The guards: pure rules that refuse what would harm a cluster, and say what would lift the refusal.

use jiff::Timestamp;

use super::plan::Refusal;
use super::step::Reach;
use crate::fleet::{ClusterId, Fleet, InstanceState, Machine, MachineId, MachineState, Role, Scope, Shape};

/// The machines that a request names, all there and all of one cluster.
pub(super) fn targets<'a>(fleet: &'a Fleet, ids: &[MachineId]) -> Result<(ClusterId, Vec<Machine<'a>>), Refusal> {
    let mut machines: Vec<Machine<'a>> = vec![];
    for id in ids {
        let Some(machine) = fleet.machine(id) else {
            let why = format!("{id} is not in the fleet");
            return Err(Refusal::new("unknown-machine", why, "look it up: k3fleet get machines"));
        };
        if machines.iter().all(|m| m.id() != machine.id()) {
            machines.push(machine);
        }
    }
    let Some(first) = machines.first() else {
        return Err(Refusal::new(
            "no-machine",
            "no machine is named",
            "name or mark at least one",
        ));
    };
    let Some(cluster) = first.cluster() else {
        let why = format!("{} belongs to no cluster that is known", first.name());
        let lift = "tag it, or let a rule in config.toml adopt it";
        return Err(Refusal::new("no-cluster", why, lift));
    };
    if let Some(other) = machines.iter().find(|m| !m.belongs_to(&cluster)) {
        let why = format!("{} and {} belong to different clusters", first.name(), other.name());
        return Err(Refusal::new("one-cluster", why, "ask for each cluster by itself"));
    }
    Ok((cluster, machines))
}

/// Refuses to end the last server of a cluster, or so many that embedded etcd would lose its quorum: of `n` members more
/// than half must stay.
pub(super) fn quorum(
    fleet: &Fleet,
    cluster: &ClusterId,
    ending: &[Machine<'_>],
    now: Timestamp,
) -> Result<(), Refusal> {
    let is_server = |m: &&Machine<'_>| m.role() == Some(Role::Server);
    let going: Vec<_> = ending.iter().filter(is_server).map(Machine::id).collect();
    if going.is_empty() {
        return Ok(());
    }
    let own = |m: &Machine<'_>| m.role() == Some(Role::Server) && m.belongs_to(cluster);
    let servers: Vec<_> = fleet.machines().filter(own).collect();
    let well = |m: &&Machine<'_>| matches!(m.state(now), MachineState::Ready | MachineState::Cordoned);
    let staying = servers.iter().filter(|m| !going.contains(&m.id())).filter(well).count();
    if staying == 0 {
        let why = format!("no ready server of {cluster} would be left: the cluster ends with its last server");
        let lift = format!("to end it whole: k3fleet destroy {cluster}");
        return Err(Refusal::new("last-server", why, lift));
    }
    let voters = servers
        .iter()
        .filter(|m| m.node().and_then(|n| n.etcd_voter) == Some(true))
        .count();
    let needed = voters / 2 + 1;
    if voters > 0 && staying < needed {
        let why = format!("{staying} of {voters} etcd members would be left, and {needed} are needed");
        let lift = "end servers one at a time, and bring those that are not ready back first";
        return Err(Refusal::new("etcd-quorum", why, lift));
    }
    Ok(())
}

/// Refuses to restart a server, or its K3s, where etcd would lose its quorum meanwhile, or no server would be left to
/// answer. The only server of a cluster may be restarted; then this is what to warn of. One that is down already takes
/// nothing away.
pub(super) fn restart(
    fleet: &Fleet,
    cluster: &ClusterId,
    server: &Machine<'_>,
    now: Timestamp,
) -> Result<Option<String>, Refusal> {
    if server.role() != Some(Role::Server) {
        return Ok(None);
    }
    let own = |m: &Machine<'_>| m.role() == Some(Role::Server) && m.belongs_to(cluster);
    let servers: Vec<_> = fleet.machines().filter(own).collect();
    if servers.len() == 1 {
        let warning = format!(
            "{} is the only server: while it restarts the API does not answer",
            server.name()
        );
        return Ok(Some(warning));
    }
    let well = |m: &Machine<'_>| matches!(m.state(now), MachineState::Ready | MachineState::Cordoned);
    let votes = |m: &&Machine<'_>| m.node().and_then(|n| n.etcd_voter) == Some(true);
    let voters = servers.iter().filter(votes).count();
    if !well(server) || (voters > 0 && !votes(&server)) {
        return Ok(None);
    }
    let staying = servers.iter().filter(|m| m.id() != server.id() && well(m));
    let staying = staying.filter(|m| voters == 0 || votes(m)).count();
    let needed = if voters == 0 { 1 } else { voters / 2 + 1 };
    if staying < needed {
        let name = server.name();
        let why = match voters {
            0 => format!("while {name} restarts no server of {cluster} would be ready"),
            _ => format!(
                "while {name} restarts {staying} of {voters} etcd members of {cluster} would be left, and {needed} are needed"
            ),
        };
        let lift = match voters {
            2 => "add a third server, or remove one, first: two members are no safer than one",
            _ => "bring the servers that are not ready back first",
        };
        return Err(Refusal::new("etcd-quorum", why, lift));
    }
    Ok(None)
}

/// How a machine itself is reached; refuses where it is not, or does not answer.
pub(super) fn reached(machine: &Machine<'_>, now: Timestamp) -> Result<Reach, Refusal> {
    let name = machine.name();
    let refuse = |why: String, lift: &str| Err(Refusal::new("unreached", why, lift));
    match (Reach::of(machine), machine.state(now)) {
        (None, _) => refuse(
            format!("nothing reaches {name}: it is no instance, and no host of hosts.toml"),
            "add it to hosts.toml",
        ),
        (Some(_), MachineState::Silent) => refuse(
            format!("{name} does not answer over SSH"),
            "bring it back, and try again",
        ),
        (Some(Reach::Instance(..)), state) if machine.instance().is_none_or(|i| i.state != InstanceState::Running) => {
            refuse(
                format!("{name} is {}", state.as_str().to_lowercase()),
                "wait until it runs",
            )
        }
        (Some(reach), _) => Ok(reach),
    }
}

/// Refuses what is meant for edge hosts on any other machine.
pub(super) fn only_edge(machines: &[Machine<'_>]) -> Result<(), Refusal> {
    match machines.iter().find(|m| m.instance().is_some() || !m.is_edge()) {
        None => Ok(()),
        Some(other) => {
            let why = format!("{} is no edge host", other.name());
            let lift = format!("to end it and delete its node: k3fleet remove {}", other.name());
            Err(Refusal::new("not-edge", why, lift))
        }
    }
}

/// Refuses what is meant for EC2 machines on an edge host.
pub(super) fn not_edge(machines: &[Machine<'_>]) -> Result<(), Refusal> {
    match machines.iter().find(|m| m.instance().is_none() && m.is_edge()) {
        None => Ok(()),
        Some(edge) => {
            let why = format!("{} is an edge host: nothing launches or ends it", edge.name());
            let lift = format!("to take it out of its cluster: k3fleet leave {}", edge.name());
            Err(Refusal::new("edge-host", why, lift))
        }
    }
}

/// Where a cluster is; refuses what works from its tags where that is not known.
pub(super) fn home(cluster: &ClusterId) -> Result<&Scope, Refusal> {
    cluster.home.as_ref().ok_or_else(|| {
        let why = format!("it is not known where {cluster} is");
        Refusal::new(
            "no-home",
            why,
            "name its profile and region with --profile and --region",
        )
    })
}

/// Refuses to end what the config protects.
pub(super) fn not_protected(fleet: &Fleet, cluster: &ClusterId) -> Result<(), Refusal> {
    match fleet.policy().protects(&cluster.name) {
        false => Ok(()),
        true => {
            let lift = "take it off `protected` in config.toml first";
            Err(Refusal::new("protected", format!("{cluster} is protected"), lift))
        }
    }
}

/// Refuses to end or extend what others have made.
pub(super) fn not_adopted(cluster: &ClusterId, own: &[Machine<'_>]) -> Result<(), Refusal> {
    match own.iter().any(|m| m.shape() == Some(Shape::Adopted)) {
        false => Ok(()),
        true => {
            let why = format!("{cluster} was made by others");
            Err(Refusal::new("adopted", why, "use what made it"))
        }
    }
}

/// Refuses where an API server has to be asked and none is known to hold the machine's node.
pub(super) fn with_node(machines: &[Machine<'_>]) -> Result<(), Refusal> {
    match machines.iter().find(|m| m.node().is_none()) {
        None => Ok(()),
        Some(nodeless) => {
            let why = format!("no node of {} is known", nodeless.name());
            let lift = "name its cluster's kube context with --context, or wait until it has joined";
            Err(Refusal::new("no-node", why, lift))
        }
    }
}

/// Refuses a spec that is at fault.
pub(super) fn without_faults(faults: impl IntoIterator<Item = String>) -> Result<(), Refusal> {
    let faults: Vec<_> = faults.into_iter().collect();
    match faults.is_empty() {
        true => Ok(()),
        false => Err(Refusal::new("spec", faults.join("; "), "mend that and ask again")),
    }
}
