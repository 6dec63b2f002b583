//! Edge hosts: what is remembered of each, and how they fall silent, are switched off, and come back.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use smol_str::{SmolStr, format_smolstr};

use super::clock::later;
use super::k3s::{Config, K3s};
use super::machine::GRACE;
use super::noise::hash;
use super::scenario::BoardSpec;
use super::state::{ClusterNo, Event, Host, State};
use crate::fleet::{EdgeHost, HostName, Role};

/// An edge host.
#[derive(Debug)]
pub(super) struct Board {
    pub(super) spec: BoardSpec,
    pub(super) host: EdgeHost,
    /// The cluster that it belongs to, or is meant for.
    pub(super) cluster: ClusterNo,
    /// It answers.
    pub(super) up: bool,
    /// It is switched off, or restarts.
    pub(super) off: bool,
    pub(super) life: Life,
}

/// What of an edge host outlives a restart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Life {
    pub(super) k3s: Option<K3s>,
    /// The password by which its node is known, once it has joined.
    pub(super) password: Option<u64>,
    /// Whether the memory cgroup is on.
    pub(super) cgroups: bool,
    /// Whether the boot command line turns it on.
    pub(super) cmdline: bool,
    /// Whether the operator knows its key.
    pub(super) trusted: bool,
    /// How often it was restarted.
    pub(super) boots: u32,
    pub(super) booted_at: Timestamp,
    /// What was brought to it, by path.
    pub(super) files: BTreeSet<String>,
    /// An operator has changed something on it.
    pub(super) by_hand: bool,
}

impl Life {
    /// Of a board of a scenario that has run since then.
    pub(super) fn new(spec: &BoardSpec, since: Timestamp) -> Self {
        Self {
            k3s: None,
            password: None,
            cgroups: !spec.cgroups_off,
            cmdline: !spec.cgroups_off,
            trusted: !spec.unknown_key,
            boots: 0,
            booted_at: since,
            files: BTreeSet::new(),
            by_hand: false,
        }
    }
}

impl Board {
    /// The name that its node has, or would have.
    pub(super) fn node(&self) -> SmolStr {
        let config = self.life.k3s.as_ref().and_then(|k| k.config.as_ref());
        config.map_or_else(|| self.spec.name.clone(), |c| c.node.clone())
    }
}

/// The kernel's id of a boot.
pub(super) fn boot_id(seed: u64, name: &str, boots: u32) -> SmolStr {
    let n = boots.to_string();
    let part = |p| hash(seed, &["boot", name, &n, p]);
    let (a, b) = (part("a"), part("b"));
    format_smolstr!(
        "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
        a >> 32,
        (a >> 16) & 0xffff,
        a & 0xfff,
        b >> 52,
        b & 0xffff_ffff_ffff
    )
}

impl State {
    /// K3s on a board of the scenario that has joined long ago.
    pub(super) fn settle_board(&mut self, host: &HostName, version: &SmolStr) {
        let Some(board) = self.boards.get(host) else { return };
        let no = board.cluster;
        let since = board.life.booted_at;
        let servers = self
            .machines
            .values()
            .filter(|m| m.cluster == no && m.role == Role::Server);
        let (server, token) = servers
            .map(|m| (m.instance.public_ip, m.k3s.grants.clone()))
            .next()
            .unzip();
        let token = token.flatten();
        let address = server
            .flatten()
            .map_or_else(SmolStr::default, |ip| format_smolstr!("{ip}"));
        let password = hash(self.seed, &["node password", host.as_str()]);
        let Some(board) = self.boards.get_mut(host) else { return };
        let key = |(k, v): &(SmolStr, SmolStr)| format_smolstr!("{k}={v}");
        let config = Config {
            server: format_smolstr!("https://{address}:6443"),
            node: board.spec.name.clone(),
            labels: board.host.labels.iter().map(key).collect(),
            taints: board.host.taints.to_vec(),
        };
        board.life.k3s = Some(K3s {
            agent_token: token,
            config: Some(Box::new(config)),
            ..K3s::running(Role::Agent, version.clone(), since)
        });
        board.life.password = Some(password);
        let node = board.spec.name.clone();
        if let Some(cluster) = self.clusters.get_mut(no) {
            cluster.secrets.passwords.insert(node, password);
        }
        self.join_board(host, true);
    }

    /// An edge host falls silent, and comes back after a while.
    pub(super) fn board_down(&mut self, host: &HostName, lasts: SignedDuration) {
        let Some(board) = self.boards.get_mut(host) else {
            return;
        };
        if !std::mem::replace(&mut board.up, false) {
            return;
        }
        let (no, node) = (board.cluster, board.node());
        self.after(GRACE, Event::Silent(no, node));
        self.at(later(self.now, lasts), Event::BoardBack(host.clone()));
    }

    /// An edge host is switched off, and on again after a while.
    pub(super) fn board_off(&mut self, host: &HostName, lasts: SignedDuration) {
        self.stop_k3s(&Host::Board(host.clone()));
        if let Some(board) = self.boards.get_mut(host) {
            board.off = true;
        }
        self.board_down(host, lasts);
    }

    /// An edge host is back; its node follows within seconds.
    pub(super) fn board_back(&mut self, host: &HostName) {
        let now = self.now;
        let Some(board) = self.boards.get_mut(host) else {
            return;
        };
        board.up = true;
        let on = Host::Board(host.clone());
        if std::mem::take(&mut board.off) {
            let life = &mut board.life;
            life.boots += 1;
            life.booted_at = now;
            life.cgroups |= life.cmdline;
            self.kubelet_restarts(&on);
            self.start_k3s(&on);
        } else if board.life.k3s.as_ref().is_some_and(K3s::is_active) {
            let (no, node) = (board.cluster, board.node());
            self.after(6.0, Event::Ready(no, node));
            self.after(6.0, Event::BoardJoins(host.clone()));
        }
    }

    /// K3s on an edge host registers its node anew, if it was deleted and nothing stands against it.
    pub(super) fn board_joins(&mut self, host: &HostName) {
        let on = Host::Board(host.clone());
        let runs = |b: &&Board| b.up && b.life.k3s.as_ref().is_some_and(K3s::is_active);
        let Some(board) = self.boards.get(host).filter(runs) else {
            return;
        };
        let node = board.node();
        if self
            .clusters
            .get(board.cluster)
            .is_none_or(|c| c.nodes.get(&node).is_some())
        {
            return;
        }
        match self.hindrance(&on) {
            None => self.board_registers(host),
            // It ends, and systemd starts it again and again.
            Some(_) => self.start_k3s(&on),
        }
    }

    fn board_registers(&mut self, host: &HostName) {
        let Some(board) = self.boards.get(host) else { return };
        let (no, node, password) = (board.cluster, board.node(), board.life.password);
        if let Some((cluster, password)) = self.clusters.get_mut(no).zip(password) {
            cluster.secrets.passwords.insert(node, password);
        }
        self.join_board(host, false);
    }
}
