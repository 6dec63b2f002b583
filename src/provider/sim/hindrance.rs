//! What stands against a K3s that tries to come up, and the lines that its journal tells then, in K3s' own words.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use smol_str::{SmolStr, format_smolstr};

use super::state::{ClusterNo, Host, State};
use super::token::Token;
use crate::fleet::{HostName, InstanceState, Role};

/// What stands against it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Hindrance {
    /// Its token is wrong, or has expired.
    Token,
    /// Its token is of a cluster with another certificate authority.
    Authority,
    /// Its server does not answer.
    Unreachable,
    /// Its node is known with another password.
    Password,
    /// Its clock is wrong.
    Clock,
    /// The memory cgroup is off.
    Cgroup,
    /// A server whose token is not the one that the datastore is encrypted with.
    Datastore,
    /// A server that is configured other than the others.
    Mismatch,
    /// A server that etcd does not take yet.
    Learner,
    /// A server that etcd has forgotten, for it was restored without it.
    Forgotten,
}

impl Hindrance {
    /// What the journal tells of it, the newest last.
    pub(super) fn lines(self, server: &str) -> Vec<SmolStr> {
        let local = "https://127.0.0.1:6444/v1-k3s/config";
        let last: SmolStr = match self {
            Self::Token => format_smolstr!(
                "level=error msg=\"failed to retrieve configuration from server: {local}: 401 Unauthorized\""
            ),
            Self::Authority => {
                "level=fatal msg=\"Error: token CA hash does not match the Cluster CA certificate hash\"".into()
            }
            Self::Unreachable => format_smolstr!(
                "level=error msg=\"failed to get CA certs: Get \\\"{server}/cacerts\\\": dial tcp: connection refused\""
            ),
            Self::Password => format_smolstr!(
                "level=error msg=\"{local}: 403 Forbidden: Node password rejected, duplicate hostname or contents of \
                 '/etc/rancher/node/password' may not match server node-passwd entry, try enabling a unique node name \
                 with the --with-node-id flag\""
            ),
            Self::Clock => format_smolstr!(
                "level=error msg=\"failed to get CA certs: Get \\\"{server}/cacerts\\\": tls: failed to verify \
                 certificate: x509: certificate has expired or is not yet valid\""
            ),
            Self::Cgroup => "level=fatal msg=\"Error: failed to find memory cgroup (v2)\"".into(),
            Self::Datastore => "level=fatal msg=\"Error: preparing server: bootstrap data already found and encrypted \
                                with different token\""
                .into(),
            Self::Mismatch => {
                "level=fatal msg=\"Error: preparing server: critical configuration value mismatch between servers: \
                 FlannelBackend\""
                    .into()
            }
            Self::Forgotten => {
                "level=fatal msg=\"etcd: the member has been permanently removed from the cluster\"".into()
            }
            Self::Learner => "level=error msg=\"etcdserver: too many learner members in cluster\"".into(),
        };
        vec!["Starting Lightweight Kubernetes...".into(), last]
    }
}

/// A hindrance that a scenario has in store for one machine or board.
#[derive(Clone, Debug)]
pub(super) struct Ail {
    pub(super) on: Host,
    pub(super) how: Hindrance,
    pub(super) until: Timestamp,
}

impl State {
    /// What stands against the K3s of a machine or board that tries to come up now.
    pub(super) fn hindrance(&self, on: &Host) -> Option<Hindrance> {
        let ails = self.ails.iter().find(|a| a.on == *on && self.now < a.until);
        if let Some(ail) = ails {
            return Some(ail.how);
        }
        match on {
            Host::Machine(id) => {
                let machine = self.machines.get(id)?;
                let cluster = self.clusters.get(machine.cluster)?;
                match machine.role {
                    Role::Server => {
                        let fits = machine.k3s.server_token.as_ref() == Some(&cluster.secrets.server);
                        match machine.k3s.fresh {
                            _ if !fits => Some(Hindrance::Datastore),
                            true => (!self.api_up(machine.cluster)).then_some(Hindrance::Unreachable),
                            false => (machine.k3s.member != cluster.secrets.resets).then_some(Hindrance::Forgotten),
                        }
                    }
                    Role::Agent if !self.api_up(machine.cluster) => Some(Hindrance::Unreachable),
                    Role::Agent => self.token_stands(machine.cluster, &machine.node, &machine.k3s.agent_token),
                }
            }
            Host::Board(host) => self.board_hindrance(host),
        }
    }

    fn board_hindrance(&self, host: &HostName) -> Option<Hindrance> {
        let board = self.boards.get(host)?;
        if !board.life.cgroups {
            return Some(Hindrance::Cgroup);
        }
        let Some(no) = self.server_of_board(host).filter(|no| board.up && self.api_up(*no)) else {
            return Some(Hindrance::Unreachable);
        };
        let token = board.life.k3s.as_ref().and_then(|k| k.agent_token.clone());
        let node = board.node();
        if let Some(stands) = self.token_stands(no, &node, &token) {
            return Some(stands);
        }
        let kept = self.clusters.get(no)?.secrets.passwords.get(&node);
        let known = kept.is_none_or(|kept| board.life.password == Some(*kept));
        (!known).then_some(Hindrance::Password)
    }

    /// What a server has against an agent's token. One that joined by a bootstrap token goes on with its certificate for as
    /// long as its node is there.
    fn token_stands(&self, no: ClusterNo, node: &str, token: &Option<SmolStr>) -> Option<Hindrance> {
        let token = Token::read(token.as_deref()?);
        if token.authority.is_some_and(|hash| hash != self.ca_hash(no)) {
            return Some(Hindrance::Authority);
        }
        let known = self.clusters.get(no).is_some_and(|c| c.nodes.get(node).is_some());
        let takes = match token.bootstrap {
            Some(_) => known || self.takes_bootstrap(no, &token),
            None => self.takes_agents(no, token.secret),
        };
        (!takes).then_some(Hindrance::Token)
    }

    /// The cluster whose server a board's K3s is configured with, if it is reached from there: private addresses are not.
    pub(super) fn server_of_board(&self, host: &HostName) -> Option<ClusterNo> {
        let board = self.boards.get(host)?;
        let config = board.life.k3s.as_ref()?.config.as_ref()?;
        let address = config.server.strip_prefix("https://").unwrap_or(&config.server);
        self.cluster_at(address)
    }

    /// The addresses at which the servers of a cluster say that they are reached.
    pub(super) fn advertised(&self, no: ClusterNo) -> Vec<std::net::IpAddr> {
        let Some(cluster) = self.clusters.get(no) else {
            return vec![];
        };
        let servers = cluster.nodes.iter().filter(|(_, n)| n.node.role == Role::Server);
        let address = |host: &Host| match host {
            Host::Machine(id) if cluster.spec.public => self.machines.get(id)?.instance.public_ip,
            Host::Machine(_) | Host::Board(_) => None,
        };
        servers
            .filter_map(|(_, n)| address(&n.host).or(n.node.internal_ip))
            .collect()
    }

    /// The cluster whose server is reached at `host:port` from outside its network.
    pub(super) fn cluster_at(&self, address: &str) -> Option<ClusterNo> {
        let name = address.strip_suffix(":6443");
        if let Some(no) = name.and_then(|name| self.cluster_by_public_api(name)) {
            return Some(no);
        }
        let address: std::net::SocketAddr = address.parse().ok()?;
        let here = |m: &&super::state::Machine| {
            m.role == Role::Server
                && m.instance.state == InstanceState::Running
                && m.instance.public_ip == Some(address.ip())
        };
        let found = self.machines.values().find(here);
        found.filter(|_| address.port() == 6443).map(|m| m.cluster)
    }
}
