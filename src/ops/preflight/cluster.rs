//! What stands between a host and the cluster it is to join: its name, what it runs already, whom it reaches.

use smol_str::SmolStr;

use super::Check;
use crate::blueprint::machine::Facts;
use crate::fleet::{EdgeHost, Fleet, Machine, MachineId, NodeKey};
use crate::ops::joining::{Candidate, Join, host_and_port};

pub(super) fn judge(fleet: &Fleet, join: &Join, candidate: &Candidate, facts: &Facts) -> Vec<Check> {
    let mut checks = vec![
        hostname(fleet, join, candidate, facts),
        k3s(fleet, join, &candidate.host, facts),
        server(join, facts),
        advertised(join, facts),
        node_password(facts),
    ];
    checks.extend(mirror(join, facts));
    checks
}

/// The machine whose node has the name that the host's would have.
fn namesake<'a>(fleet: &'a Fleet, join: &Join, facts: &Facts) -> Option<Machine<'a>> {
    let key = NodeKey::new(&join.context, &facts.hostname);
    fleet.machine(&MachineId::Node(key))
}

fn is_it(machine: &Machine<'_>, host: &EdgeHost) -> bool {
    machine.edge().is_some_and(|edge| edge.name == host.name)
}

/// Whether a text can be a node's name: a DNS name in lower case (RFC 1123).
fn is_node_name(text: &str) -> bool {
    let is_label = |label: &str| {
        let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        !label.is_empty() && label.bytes().all(inner) && !label.starts_with('-') && !label.ends_with('-')
    };
    text.len() <= 253 && text.split('.').all(is_label)
}

fn hostname(fleet: &Fleet, join: &Join, candidate: &Candidate, facts: &Facts) -> Check {
    const NAME: &str = "hostname";
    const MEND: &str = "give it another name: hostnamectl set-hostname NAME";
    let name = &facts.hostname;
    if name.is_empty() {
        return Check::fail(NAME, "it has no name", MEND);
    }
    if name == "localhost" || name.starts_with("localhost.") {
        return Check::fail(NAME, format!("it calls itself {name}"), MEND);
    }
    if !is_node_name(name) {
        return Check::fail(
            NAME,
            format!("{name:?} is no node's name: lower-case letters, digits, - and . are"),
            MEND,
        );
    }
    let other = join.hosts.iter().find(|other| {
        other.host.name != candidate.host.name && other.facts.as_ref().is_ok_and(|f| f.hostname == *name)
    });
    if let Some(other) = other {
        return Check::fail(NAME, format!("{} calls itself {name} too", other.host.name), MEND);
    }
    match namesake(fleet, join, facts) {
        Some(node) if !is_it(&node, &candidate.host) => Check::fail(
            NAME,
            format!("{} has a node {name} already: another machine", join.cluster),
            MEND,
        ),
        _ => Check::ok(NAME, name.as_str()),
    }
}

fn k3s(fleet: &Fleet, join: &Join, host: &EdgeHost, facts: &Facts) -> Check {
    const NAME: &str = "k3s";
    let node = namesake(fleet, join, facts).filter(|m| is_it(m, host));
    let ours = facts.k3s_server.as_deref().is_some_and(|server| is_of(join, server));
    match (&facts.k3s, node) {
        (None, None) => Check::ok(NAME, "no K3s is there"),
        (None, Some(_)) => Check::fail(
            NAME,
            format!(
                "its node of before is still in {}: the host was made anew",
                join.cluster
            ),
            format!("forget the old node first: k3fleet leave {} --forget", host.name),
        ),
        (Some(_), Some(_)) if ours => Check::fail(
            NAME,
            format!("it is a node of {} already", join.cluster),
            format!("to let it join anew: k3fleet leave {} first", host.name),
        ),
        (Some(unit), None) if ours => Check::warn(
            NAME,
            format!("{unit} is there for this cluster, without a node: it is installed anew"),
            "",
        ),
        (Some(unit), _) => {
            let whose = match &facts.k3s_server {
                Some(server) => format!("{unit} is there, of the cluster at {server}"),
                None if unit == "k3s" => "it is a K3s server itself".to_owned(),
                None => format!("{unit} is there, of a cluster that it does not tell"),
            };
            let uninstall = match unit.as_str() {
                "k3s" => "k3s-uninstall.sh",
                _ => "k3s-agent-uninstall.sh",
            };
            Check::fail(
                NAME,
                whose,
                format!("take it off there: k3fleet leave {}, or {uninstall}", host.name),
            )
        }
    }
}

/// Whether a server's URL is one of the cluster's.
fn is_of(join: &Join, server: &str) -> bool {
    let address = host_and_port(server);
    address == host_and_port(&join.server) || join.advertised.contains(&address)
}

fn answers(facts: &Facts, address: &str) -> Option<bool> {
    facts.reached.iter().find(|r| r.address == address).map(|r| r.answers)
}

fn server(join: &Join, facts: &Facts) -> Check {
    let address = host_and_port(&join.server);
    let through_vpn = join.vpn_auth_file.is_some();
    match answers(facts, &address) {
        Some(true) => Check::ok("server", format!("{address} answers")),
        Some(false) if through_vpn => Check::warn(
            "server",
            format!("{address} does not answer yet: it has to through the VPN"),
            "see that the VPN routes to it",
        ),
        Some(false) => Check::fail("server", format!("{address} does not answer from there"), WAYS),
        None => Check::warn("server", format!("{address} was not tried from there"), "check again"),
    }
}

/// The ways to the API of a cluster that hosts do not reach.
pub(in crate::ops) const WAYS: &str = "name a public endpoint with --server https://HOST:6443 that the servers also \
    advertise; or join a Tailscale network first, with --vpn-auth-file; or let servers and hosts speak WireGuard \
    (flannel-backend: wireguard-native with node-external-ip); k3fleet reach CLUSTER keeps the chosen way for the cluster";

/// After a host has joined, its K3s goes to these addresses and no longer to the one it joined by.
fn advertised(join: &Join, facts: &Facts) -> Check {
    const NAME: &str = "advertised";
    let tried: Vec<(&SmolStr, Option<bool>)> = join.advertised.iter().map(|a| (a, answers(facts, a))).collect();
    let silent: Vec<&str> = tried
        .iter()
        .filter(|(_, answer)| *answer == Some(false))
        .map(|(address, _)| address.as_str())
        .collect();
    if tried.is_empty() {
        return Check::unknown(NAME, "where the API servers say that they are reached");
    }
    if silent.is_empty() {
        return match tried.iter().any(|(_, answer)| answer.is_none()) {
            true => Check::warn(
                NAME,
                "not all advertised addresses were tried from there",
                "check again",
            ),
            false => Check::ok(NAME, format!("{} advertised addresses answer", tried.len())),
        };
    }
    let silent_are = format!("{} does not answer from there", silent.join(", "));
    if join.vpn_auth_file.is_some() {
        let line = format!("{silent_are} yet: it has to through the VPN");
        return Check::warn(NAME, line, "see that the VPN routes to it");
    }
    match silent.len() < tried.len() {
        true => Check::warn(
            NAME,
            format!("{silent_are}: logs and exec through it fail"),
            "see whether that server is up",
        ),
        false => Check::fail(
            NAME,
            format!("{silent_are}: after joining its K3s goes there, and would fall silent"),
            WAYS,
        ),
    }
}

/// Nothing where no mirror is named.
fn mirror(join: &Join, facts: &Facts) -> Option<Check> {
    const NAME: &str = "mirror";
    let address = join.files.as_ref()?.address()?;
    Some(match answers(facts, &address) {
        Some(true) => Check::ok(NAME, format!("{address} answers")),
        Some(false) => Check::fail(
            NAME,
            format!("{address} does not answer from there: the files of K3s are to come from it"),
            "let the host reach it, or bring the files from a local directory with --files",
        ),
        None => Check::warn(NAME, format!("{address} was not tried from there"), "check again"),
    })
}

fn node_password(facts: &Facts) -> Check {
    const NAME: &str = "node-password";
    match facts.node_password {
        Some(true) if facts.k3s.is_none() => Check::warn(
            NAME,
            "/etc/rancher/node is left of an earlier membership: a node of its name with another password is rejected",
            "if it is: rm -rf /etc/rancher/node there",
        ),
        Some(_) => Check::ok(NAME, "none is left"),
        None => Check::unknown(NAME, "whether a node's password is left"),
    }
}
