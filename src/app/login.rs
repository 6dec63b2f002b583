//! Logging in to a machine: which way, and as whom.

use smol_str::{SmolStr, format_smolstr};

use super::changes::{READ_ONLY, machine};
use super::update::Turn;
use super::{Action, Effect};
use crate::fleet::table::RowId;
use crate::fleet::{Machine, Severity};

/// A way to log in to a machine: a program that takes the terminal, with its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// `ssh` or `aws`.
    pub program: &'static str,
    /// Its arguments.
    pub args: Vec<String>,
}

/// The way to a machine: over SSH to an edge host or a public address, else by a session of SSM.
pub fn login(machine: &Machine<'_>) -> Option<Login> {
    if let Some(host) = machine.edge() {
        let at = host.address.as_deref().unwrap_or(host.name.as_str());
        return Some(ssh(host.user.as_deref(), at, host.port));
    }
    let instance = machine.instance()?;
    if let Some(address) = instance.public_ip {
        let os = machine.node().map(|node| node.os.to_lowercase()).unwrap_or_default();
        let user = match () {
            () if os.contains("ubuntu") => Some("ubuntu"),
            () if os.contains("amazon linux") => Some("ec2-user"),
            // Who it is then, ~/.ssh/config knows, or nobody.
            () => None,
        };
        return Some(ssh(user, &address.to_string(), None));
    }
    let mut args: Vec<String> = ["ssm", "start-session", "--target"].map(str::to_owned).into();
    args.push(instance.id.to_string());
    args.extend(["--region".to_owned(), instance.scope.region.to_string()]);
    if !instance.scope.profile.is_empty() {
        args.extend(["--profile".to_owned(), instance.scope.profile.to_string()]);
    }
    Some(Login { program: "aws", args })
}

fn ssh(user: Option<&str>, host: &str, port: Option<u16>) -> Login {
    let mut args = vec![];
    if let Some(port) = port {
        args.extend(["-p".to_owned(), port.to_string()]);
    }
    // What a file names must not be taken for an option.
    args.push("--".to_owned());
    args.push(match user {
        Some(user) => format!("{user}@{host}"),
        None => host.to_owned(),
    });
    Login { program: "ssh", args }
}

/// What follows the journal of K3s on a machine, as root.
const JOURNAL: &str = "[ $(id -u) = 0 ] || s=sudo; if command -v journalctl >/dev/null; then exec $s journalctl -n 200 -f \
                       -u k3s -u k3s-agent; else exec $s tail -n 200 -F /var/log/k3s.log /var/log/k3s-agent.log; fi";

/// The way to the journal of K3s on a machine: a login that only follows it.
fn journal(machine: &Machine<'_>) -> Option<Login> {
    let Login { program, mut args } = login(machine)?;
    match program {
        "ssh" => {
            // sudo may want to ask for a password.
            args.insert(0, "-t".to_owned());
            args.push(format!("sh -c '{JOURNAL}'"));
        }
        _ => {
            let document = ["--document-name", "AWS-StartInteractiveCommand", "--parameters"];
            args.extend(document.map(str::to_owned));
            args.push(format!("command=[\"sh -c '{JOURNAL}'\"]"));
        }
    }
    Some(Login { program, args })
}

impl Login {
    /// As it is typed.
    pub fn line(&self) -> SmolStr {
        let plain = |arg: &str| {
            arg.bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_./:@=,".contains(&b))
        };
        let args = self.args.iter().map(|arg| match plain(arg) {
            true => arg.clone(),
            false => format!("'{}'", arg.replace('\'', r"'\''")),
        });
        format_smolstr!("{} {}", self.program, args.collect::<Vec<_>>().join(" "))
    }
}

impl Turn<'_> {
    /// Logs in to the machine under the cursor.
    pub(super) fn open_shell(&mut self) {
        self.open_login(login);
    }

    /// Follows the journal of K3s on the machine under the cursor.
    pub(super) fn open_logs(&mut self) {
        self.open_login(journal);
    }

    fn open_login(&mut self, way: impl Fn(&Machine<'_>) -> Option<Login>) {
        if self.state.demo.is_some() {
            return self.say(Severity::Info, "there is nothing to log in to in a simulated world");
        }
        if self.state.read_only {
            return self.say(Severity::Warning, READ_ONLY);
        }
        let row = self.state.row().and_then(machine);
        let Some(found) = row.and_then(|id| self.state.fleet.machine(&id)) else {
            return self.say(Severity::Info, "there is no machine under the cursor");
        };
        match way(&found) {
            Some(login) => self.effect(Effect::Shell(login)),
            None => {
                let text = format!(
                    "it is not known how to reach {}: it has neither an instance nor a host",
                    found.name()
                );
                self.say(Severity::Info, text);
            }
        }
    }

    /// Shows where the kubeconfig of the cluster under the cursor is, or merges it into the operator's own.
    pub(super) fn kubeconfig(&mut self, action: Action) {
        let merge = action == Action::MergeKubeconfig;
        if merge && self.state.demo.is_some() {
            let text = "a simulated cluster has no place in your kubeconfig";
            return self.say(Severity::Info, text);
        }
        match self.state.row() {
            Some(RowId::Cluster(cluster)) => {
                let cluster = cluster.clone();
                self.effect(Effect::Kubeconfig { cluster, merge });
            }
            _ => self.say(Severity::Info, "there is no cluster under the cursor"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::testing::{host, instance, node, now};
    use crate::fleet::{EdgeHost, Fleet, Instance, MachineId, Node, Observation};

    fn way(observations: Vec<Observation>, id: &MachineId) -> SmolStr {
        let mut fleet = Fleet::default();
        for observation in observations {
            fleet.apply(observation, now());
        }
        login(&fleet.machine(id).unwrap()).unwrap().line()
    }

    #[test]
    fn a_public_address_is_reached_over_ssh_and_others_by_ssm() {
        let public = Instance {
            public_ip: Some("203.0.113.7".parse().unwrap()),
            ..instance(1)
        };
        let id = MachineId::Instance(public.id.clone());
        let seen = |i: &Instance| Observation::Instance(Box::new(i.clone()));
        assert_eq!(way(vec![seen(&public)], &id), "ssh -- 203.0.113.7");
        for (os, line) in [
            ("Ubuntu 24.04.3 LTS", "ssh -- ubuntu@203.0.113.7"),
            ("Amazon Linux 2023.8", "ssh -- ec2-user@203.0.113.7"),
        ] {
            let node = Node {
                os: os.into(),
                internal_ip: public.private_ip,
                ..node(1)
            };
            assert_eq!(way(vec![seen(&public), Observation::Node(Box::new(node))], &id), line);
        }
        let line = way(vec![seen(&instance(1))], &id);
        assert_eq!(
            line,
            format!("aws ssm start-session --target {} --region eu-west-1", public.id)
        );
    }

    #[test]
    fn an_edge_host_is_reached_as_it_is_written_down() {
        let edge = EdgeHost {
            address: Some("10.1.2.3".into()),
            user: Some("pi".into()),
            port: Some(2222),
            ..host("kiosk")
        };
        let id = MachineId::Edge(edge.name.clone());
        assert_eq!(
            way(vec![Observation::EdgeHost(Box::new(edge))], &id),
            "ssh -p 2222 -- pi@10.1.2.3"
        );
    }

    #[test]
    fn the_journal_is_followed_where_the_shell_goes() {
        let mut fleet = Fleet::default();
        let edge = EdgeHost {
            user: Some("pi".into()),
            ..host("kiosk")
        };
        let id = MachineId::Edge(edge.name.clone());
        fleet.apply(Observation::EdgeHost(Box::new(edge)), now());
        let way = journal(&fleet.machine(&id).unwrap()).unwrap();
        let [tty, end, at, command] = way.args.as_slice() else {
            panic!("{:?}", way.args)
        };
        assert_eq!((tty.as_str(), end.as_str(), at.as_str()), ("-t", "--", "pi@kiosk"));
        assert!(
            command.contains("journalctl -n 200 -f -u k3s -u k3s-agent"),
            "{command}"
        );
        assert!(!JOURNAL.contains(['\'', '"']), "it stands between quotes");
        let typed = way.line();
        assert!(typed.starts_with("ssh -t -- pi@kiosk 'sh -c '\\''"), "{typed}");
    }
}
