//! The servers by which a cluster's API is reached, each with the command line that leads there.

use jiff::Timestamp;
use serde_json::json;
use smol_str::{SmolStr, format_smolstr};

use crate::app::Login;
use crate::blueprint::API_PORT;
use crate::fleet::{ClusterId, Fleet, Instance, InstanceState, Machine, Readiness, Role, Via};

/// The document of SSM that forwards a port.
const DOCUMENT: &str = "AWS-StartPortForwardingSession";

/// A server, and how a port of this machine comes to its API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gate {
    /// The machine, as people call it, and the way there.
    pub name: SmolStr,
    /// What forwards the port.
    pub login: Login,
}

/// How a tunnel is wanted.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The port on this machine.
    pub port: u16,
    /// Which way; `None`: over SSH where there is a public address or a host, else by SSM, as for a login.
    pub via: Option<Via>,
    /// Who logs in over SSH; `None`: whom the SSH configuration names.
    pub user: Option<SmolStr>,
}

/// The ways to a cluster's running servers, in the order in which they are to be tried: those whose nodes are known to be
/// ready first, then the oldest.
pub fn gates(fleet: &Fleet, cluster: &ClusterId, wanted: &Wanted) -> Vec<Gate> {
    let servers = fleet
        .machines()
        .filter(|m| m.belongs_to(cluster) && m.role() == Some(Role::Server));
    let mut found: Vec<((u8, Option<Timestamp>), Gate)> = servers
        .filter_map(|machine| Some(((rank(&machine), machine.since()), gate(&machine, wanted)?)))
        .collect();
    found.sort_by(|(a, one), (b, other)| (a, &one.name).cmp(&(b, &other.name)));
    found.into_iter().map(|(_, gate)| gate).collect()
}

fn rank(machine: &Machine<'_>) -> u8 {
    match machine.node().map(|node| node.ready) {
        Some(Readiness::Ready) => 0,
        // Nobody has told.
        None => 1,
        Some(_) => 2,
    }
}

fn gate(machine: &Machine<'_>, wanted: &Wanted) -> Option<Gate> {
    if let Some(host) = machine.edge() {
        let at = host.address.as_deref().unwrap_or(host.name.as_str());
        let user = wanted.user.as_ref().or(host.user.as_ref());
        return (wanted.via != Some(Via::Ssm)).then(|| over_ssh(machine.name(), at, user, host.port, wanted.port));
    }
    let instance = machine.instance().filter(|i| i.state == InstanceState::Running)?;
    let via = wanted.via.unwrap_or(match instance.public_ip {
        Some(_) => Via::Ssh,
        None => Via::Ssm,
    });
    match via {
        Via::Ssm => Some(by_ssm(machine.name(), instance, wanted.port)),
        Via::Ssh => {
            let address = instance.public_ip.or(instance.private_ip)?.to_string();
            Some(over_ssh(
                machine.name(),
                &address,
                wanted.user.as_ref(),
                None,
                wanted.port,
            ))
        }
    }
}

fn by_ssm(name: &str, instance: &Instance, port: u16) -> Gate {
    let mut args: Vec<String> = ["ssm", "start-session", "--target"].map(str::to_owned).into();
    args.push(instance.id.to_string());
    args.extend(["--region".to_owned(), instance.scope.region.to_string()]);
    if !instance.scope.profile.is_empty() {
        args.extend(["--profile".to_owned(), instance.scope.profile.to_string()]);
    }
    let parameters = json!({ "portNumber": [API_PORT.to_string()], "localPortNumber": [port.to_string()] });
    args.extend(["--document-name", DOCUMENT, "--parameters"].map(str::to_owned));
    args.push(parameters.to_string());
    Gate {
        name: format_smolstr!("{name} by SSM"),
        login: Login { program: "aws", args },
    }
}

fn over_ssh(name: &str, address: &str, user: Option<&SmolStr>, at: Option<u16>, port: u16) -> Gate {
    let options = [
        // Nobody is there to be asked.
        "BatchMode=yes",
        // First use is recorded; a host whose key has changed is refused.
        "StrictHostKeyChecking=accept-new",
        "ExitOnForwardFailure=yes",
        "ConnectTimeout=10",
        "ServerAliveInterval=5",
        "ServerAliveCountMax=3",
        "RequestTTY=no",
        // A connection that is shared would outlive us.
        "ControlMaster=no",
        "ControlPath=none",
    ];
    let mut args = vec!["-N".to_owned()];
    for option in options {
        args.extend(["-o".to_owned(), option.to_owned()]);
    }
    args.extend(["-L".to_owned(), format!("127.0.0.1:{port}:127.0.0.1:{API_PORT}")]);
    if let Some(at) = at {
        args.extend(["-p".to_owned(), at.to_string()]);
    }
    if let Some(user) = user {
        args.extend(["-l".to_owned(), user.to_string()]);
    }
    args.extend(["--".to_owned(), address.to_owned()]);
    Gate {
        name: format_smolstr!("{name} over SSH"),
        login: Login { program: "ssh", args },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::testing::{instance, now, scope, server, tags};
    use crate::fleet::{Node, Observation};

    fn tagged(n: usize, role: &str) -> Instance {
        Instance {
            tags: tags(&[("k3fleet:cluster", "shop"), ("k3fleet:role", role)]),
            ..instance(n)
        }
    }

    fn shop() -> ClusterId {
        ClusterId {
            name: "shop".into(),
            home: Some(scope()),
        }
    }

    fn ways(machines: Vec<Instance>, nodes: Vec<Node>, via: Option<Via>) -> Vec<(SmolStr, SmolStr)> {
        let mut fleet = Fleet::default();
        for machine in machines {
            fleet.apply(Observation::Instance(Box::new(machine)), now());
        }
        for node in nodes {
            fleet.apply(Observation::Node(Box::new(node)), now());
        }
        let wanted = Wanted {
            port: 16_500,
            via,
            user: Some("ubuntu".into()),
        };
        let found = gates(&fleet, &shop(), &wanted);
        found.into_iter().map(|gate| (gate.name, gate.login.line())).collect()
    }

    #[test]
    fn a_private_server_is_reached_by_ssm_and_nothing_else_is() {
        let stopped = Instance {
            state: InstanceState::Stopped,
            ..tagged(2, "server")
        };
        let found = ways(
            vec![tagged(1, "server"), stopped, tagged(3, "agent"), instance(4)],
            vec![],
            None,
        );
        let [(name, line)] = found.as_slice() else {
            panic!("{found:?}")
        };
        assert!(name.ends_with("by SSM"), "{name}");
        let id = instance(1).id;
        assert_eq!(
            *line,
            format!(
                "aws ssm start-session --target {id} --region eu-west-1 --document-name AWS-StartPortForwardingSession \
                 --parameters '{{\"localPortNumber\":[\"16500\"],\"portNumber\":[\"6443\"]}}'"
            )
        );
    }

    #[test]
    fn ssh_verifies_keys_and_forwards_to_the_servers_own_api() {
        let found = ways(vec![tagged(1, "server")], vec![], Some(Via::Ssh));
        let (name, line) = &found[0];
        assert!(name.ends_with("over SSH"), "{name}");
        assert!(
            line.starts_with("ssh -N -o BatchMode=yes -o StrictHostKeyChecking=accept-new"),
            "{line}"
        );
        let address = instance(1).private_ip.unwrap();
        let end = format!("-L 127.0.0.1:16500:127.0.0.1:6443 -l ubuntu -- {address}");
        assert!(line.ends_with(&end), "{line}");
    }

    #[test]
    fn servers_that_are_known_to_be_ready_come_first() {
        let at = |n: usize, ready| Node { ready, ..server(n) };
        let machines = vec![tagged(1, "server"), tagged(2, "server"), tagged(3, "server")];
        let found = ways(
            machines,
            vec![at(1, Readiness::NotReady), at(3, Readiness::Ready)],
            Some(Via::Ssm),
        );
        let ids: Vec<_> = found
            .iter()
            .map(|(_, line)| line.split(' ').nth(4).unwrap().to_owned())
            .collect();
        assert_eq!(ids, [3, 2, 1].map(|n| instance(n).id.to_string()));
    }
}
