//! K3s on a machine or a board: which release, which tokens, how its service stands. It is started, tries to come up, and
//! tries again every few seconds for as long as something stands against it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::hindrance::Hindrance;
use super::scenario::Shape;
use super::state::{ClusterNo, Event, Host, State};
use super::token::Beside;
use crate::blueprint::Names;
use crate::fleet::{HostName, InstanceId, Role};

/// How long K3s takes to come up, in seconds.
const STARTS: (f64, f64) = (6.0, 9.0);
/// How long after a start that failed it is tried again.
const AGAIN: f64 = 5.0;

/// K3s, installed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct K3s {
    pub(super) role: Role,
    /// The release of the binary.
    pub(super) installed: SmolStr,
    /// The release that runs, or ran last.
    pub(super) runs: SmolStr,
    pub(super) service: Service,
    /// The token by which it is a server.
    pub(super) server_token: Option<SmolStr>,
    /// The token by which it is an agent, or, on a server, that agents are to bring.
    pub(super) agent_token: Option<SmolStr>,
    /// The token that a server lets agents join by: what it was to be when it was started.
    pub(super) grants: Option<SmolStr>,
    /// When it came up last: its certificates were renewed then.
    pub(super) up_since: Timestamp,
    /// How often it was started.
    pub(super) starts: u32,
    /// What stood against its last try.
    pub(super) trouble: Option<Hindrance>,
    /// What an agent at the edge is configured with.
    pub(super) config: Option<Box<Config>>,
    /// The tokens that a server keeps beside its own.
    #[serde(default)]
    pub(super) beside: Vec<Beside>,
    /// After which restore of the cluster's etcd it became a member, on a server.
    #[serde(default)]
    pub(super) member: u32,
    /// Its state was put aside: it becomes a member anew when it comes up.
    #[serde(default)]
    pub(super) fresh: bool,
    /// Which restore was done on it last.
    #[serde(default)]
    pub(super) restored: Option<SmolStr>,
}

/// How its service stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Service {
    Inactive,
    Activating,
    Active,
}

impl Service {
    /// systemd's word.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Inactive => "inactive",
            Self::Activating => "activating",
            Self::Active => "active",
        }
    }
}

/// What an agent at the edge is configured with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Config {
    /// The server's URL.
    pub(super) server: SmolStr,
    pub(super) node: SmolStr,
    /// Each as `key=value`.
    pub(super) labels: Vec<SmolStr>,
    /// Each as `key=value:Effect`.
    pub(super) taints: Vec<SmolStr>,
}

impl K3s {
    /// One that has run for a while, or will as soon as its machine has booted.
    pub(super) fn running(role: Role, version: SmolStr, since: Timestamp) -> Self {
        Self {
            role,
            installed: version.clone(),
            runs: version,
            service: Service::Active,
            server_token: None,
            agent_token: None,
            grants: None,
            up_since: since,
            starts: 0,
            trouble: None,
            config: None,
            beside: vec![],
            member: 0,
            fresh: false,
            restored: None,
        }
    }

    /// Its unit.
    pub(super) fn unit(&self) -> &'static str {
        match self.role {
            Role::Server => "k3s",
            Role::Agent => "k3s-agent",
        }
    }

    pub(super) fn is_active(&self) -> bool {
        self.service == Service::Active
    }

    /// The token that it keeps for a use.
    pub(super) fn token(&self, kind: Role) -> Option<&SmolStr> {
        match kind {
            Role::Server => self.server_token.as_ref(),
            Role::Agent => self.agent_token.as_ref(),
        }
    }
}

impl State {
    /// K3s on a machine or board, where it is installed.
    pub(super) fn k3s(&self, on: &Host) -> Option<&K3s> {
        match on {
            Host::Machine(id) => self.machines.get(id).map(|m| &m.k3s),
            Host::Board(host) => self.boards.get(host).and_then(|b| b.life.k3s.as_ref()),
        }
    }

    /// The same, to be changed.
    pub(super) fn k3s_mut(&mut self, on: &Host) -> Option<&mut K3s> {
        match on {
            Host::Machine(id) => self.machines.get_mut(id).map(|m| &mut m.k3s),
            Host::Board(host) => self.boards.get_mut(host).and_then(|b| b.life.k3s.as_mut()),
        }
    }

    /// The cluster and the name of the node of a machine or board.
    pub(super) fn node_of(&self, on: &Host) -> Option<(ClusterNo, SmolStr)> {
        match on {
            Host::Machine(id) => self.machines.get(id).map(|m| (m.cluster, m.node.clone())),
            Host::Board(host) => self.boards.get(host).map(|b| (b.cluster, b.node())),
        }
    }

    /// K3s for a machine of a cluster that is launched now: the release and the tokens that AWS has for it.
    pub(super) fn k3s_for(&self, no: ClusterNo, role: Role, settings: Option<&super::first_boot::Settings>) -> K3s {
        let Some(cluster) = self.clusters.get(no) else {
            return K3s::running(role, SmolStr::default(), self.now);
        };
        let names = Names::new(&cluster.name, &cluster.scope.region);
        let own = settings.cloned().or_else(|| self.settings_of(no, role));
        let setting = |key: &str| own.as_ref().and_then(|s| s.get(key)).filter(|v| !v.is_empty());
        let version = setting("version").unwrap_or(&cluster.spec.k3s);
        let mut k3s = K3s::running(role, version.clone(), self.now);
        let token = |key: &str, usual: String| match settings {
            Some(_) => self.newest(&cluster.scope, setting(key)?),
            None => self.newest(&cluster.scope, &usual),
        };
        let own = |parts: &[&str]| SmolStr::from(format!("{:016x}", super::noise::hash(self.seed, parts)));
        k3s.agent_token = token("agent_token", names.agent_token());
        if cluster.spec.others {
            // It stands in the user data.
            k3s.agent_token = Some(own(&["agent token", &cluster.name]));
        }
        if role == Role::Server {
            // Without a parameter K3s makes its own, for agents too.
            let server =
                token("server_token", names.server_token()).unwrap_or_else(|| own(&["own token", &cluster.name]));
            k3s.agent_token.get_or_insert_with(|| server.clone());
            k3s.server_token = Some(server);
            k3s.member = cluster.secrets.resets;
            k3s.grants.clone_from(&k3s.agent_token);
        }
        k3s
    }

    /// Starts K3s, or restarts it.
    pub(super) fn start_k3s(&mut self, on: &Host) {
        self.stop_k3s(on);
        let Some(k3s) = self.k3s_mut(on) else { return };
        k3s.service = Service::Activating;
        let start = k3s.starts;
        let secs = self.between(STARTS.0, STARTS.1);
        self.after(secs, Event::K3sTries(on.clone(), start));
    }

    /// Stops K3s: its node falls silent, unless it is started again in time.
    pub(super) fn stop_k3s(&mut self, on: &Host) {
        let Some(k3s) = self.k3s_mut(on) else { return };
        k3s.service = Service::Inactive;
        k3s.starts += 1;
        k3s.trouble = None;
        if let Some((no, node)) = self.node_of(on) {
            self.after(super::machine::GRACE, Event::Silent(no, node));
        }
    }

    /// K3s tries to come up, if it has not been started anew since.
    pub(super) fn k3s_tries(&mut self, on: &Host, start: u32) {
        let tries = |k: &&K3s| k.starts == start && k.service == Service::Activating;
        if self.k3s(on).filter(tries).is_none() {
            return;
        }
        let stands = self.hindrance(on);
        match stands {
            None => self.k3s_comes_up(on),
            Some(stands) => {
                if let Some(k3s) = self.k3s_mut(on) {
                    k3s.trouble = Some(stands);
                }
                self.after(AGAIN, Event::K3sTries(on.clone(), start));
            }
        }
    }

    fn k3s_comes_up(&mut self, on: &Host) {
        let now = self.now;
        let Some(k3s) = self.k3s_mut(on) else { return };
        k3s.service = Service::Active;
        k3s.trouble = None;
        k3s.runs = k3s.installed.clone();
        k3s.up_since = now;
        k3s.grants.clone_from(&k3s.agent_token);
        let version = k3s.runs.clone();
        self.become_member(on);
        match on {
            Host::Machine(id) => self.machine_is_back(id, &version),
            Host::Board(host) => self.board_comes_up(host, &version),
        }
    }

    /// K3s on an instance runs again.
    fn machine_is_back(&mut self, id: &InstanceId, version: &SmolStr) {
        let Some(machine) = self.machines.get(id) else { return };
        let (no, node) = (machine.cluster, machine.node.clone());
        match self.node_runs(no, &node, version) {
            true => self.after(2.0, Event::Ready(no, node)),
            false => self.after(1.0, Event::Join(id.clone())),
        }
    }

    /// K3s on a board runs: its node is registered, or known again.
    fn board_comes_up(&mut self, host: &HostName, version: &SmolStr) {
        let seed = self.seed;
        let Some(board) = self.boards.get_mut(host) else { return };
        let life = &mut board.life;
        let number = (host.as_str(), life.k3s.as_ref().map_or(0, |k| k.starts).to_string());
        let new = || super::noise::hash(seed, &["node password", number.0, &number.1]);
        let password = *life.password.get_or_insert_with(new);
        if let Some(no) = self.server_of_board(host)
            && let Some(board) = self.boards.get_mut(host)
        {
            board.cluster = no;
        }
        let Some((no, node)) = self.node_of(&Host::Board(host.clone())) else {
            return;
        };
        if let Some(cluster) = self.clusters.get_mut(no) {
            cluster.secrets.passwords.insert(node.clone(), password);
        }
        match self.node_runs(no, &node, version) {
            true => self.after(3.0, Event::Ready(no, node)),
            false => self.join_board(host, false),
        }
    }

    /// Writes on a node which release its kubelet is of; false where there is no such node.
    pub(super) fn node_runs(&mut self, no: ClusterNo, node: &str, version: &SmolStr) -> bool {
        let nodes = self.clusters.get_mut(no).map(|c| &mut c.nodes);
        let Some(nodes) = nodes else { return false };
        match nodes.get(node).map(|n| n.node.version == *version) {
            Some(true) => true,
            Some(false) => nodes.edit(node, |n| n.node.version = version.clone()).is_some(),
            None => false,
        }
    }

    /// An instance or a board restarts: it is away for a while, and K3s starts with it.
    pub(super) fn reboot(&mut self, on: &Host, secs: f64) {
        self.stop_k3s(on);
        match on {
            Host::Machine(id) => {
                let Some(machine) = self.machines.get_mut(id) else {
                    return;
                };
                machine.up = false;
                machine.boots += 1;
                self.after(secs, Event::PowerBack(id.clone()));
            }
            Host::Board(host) => self.board_off(host, super::clock::seconds(secs)),
        }
    }

    /// An instance has restarted.
    pub(super) fn power_back(&mut self, id: &InstanceId) {
        let Some(machine) = self.machines.get_mut(id) else {
            return;
        };
        machine.up = true;
        self.kubelet_restarts(&Host::Machine(id.clone()));
        self.start_k3s(&Host::Machine(id.clone()));
    }

    /// The node of a machine that has restarted is not ready until its kubelet is.
    pub(super) fn kubelet_restarts(&mut self, on: &Host) {
        if let Some((no, node)) = self.node_of(on)
            && self.clusters.get(no).is_some_and(|c| c.nodes.get(&node).is_some())
        {
            self.not_yet_ready(no, &node);
        }
    }

    /// Whether servers of a cluster keep its state in etcd.
    pub(super) fn has_etcd(&self, no: ClusterNo) -> bool {
        self.clusters
            .get(no)
            .is_some_and(|c| c.spec.shape == Shape::Ha && !c.external)
    }
}
