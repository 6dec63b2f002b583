//! The snapshots of etcd: those that K3s takes twice a day by itself, and those that operators take.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use smol_str::{SmolStr, format_smolstr};

use super::clock::{later, whole};
use super::noise::hash;
use super::scaling::Refused;
use super::state::{Cluster, ClusterNo, Host, SimNode, State};
use super::token::Bootstrap;
use crate::fleet::Role;
use crate::provider::Snapshot;

/// How often K3s takes one, on the hour.
const EVERY: i64 = 12 * 3600;
/// How many of them it keeps on each server.
const KEPT: i64 = 5;
/// Where it keeps them.
const DIRECTORY: &str = "file:///var/lib/rancher/k3s/server/db/snapshots";

/// A snapshot that an operator took, with what it holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Saved {
    name: SmolStr,
    node: SmolStr,
    made_at: Timestamp,
    /// The token that it is encrypted with.
    server: SmolStr,
    bootstrap: BTreeMap<SmolStr, Bootstrap>,
    /// The nodes that took no pods.
    cordoned: BTreeSet<SmolStr>,
}

impl State {
    /// Takes a snapshot on a server; gives its name as K3s has it: with the node, and the second.
    pub(super) fn save_snapshot(&mut self, no: ClusterNo, node: &str, name: &str) -> SmolStr {
        let made_at = whole(self.now);
        let Some(cluster) = self.clusters.get_mut(no) else {
            return name.into();
        };
        let begins = format!("{name}-{node}-");
        let saved = &mut cluster.secrets.snapshots;
        if let Some(known) = saved.iter().find(|saved| saved.name.starts_with(&begins)) {
            return known.name.clone();
        }
        let name = format_smolstr!("{begins}{}", made_at.as_second());
        let cordoned = cluster.nodes.iter().filter(|(_, n)| !n.node.schedulable);
        saved.push(Saved {
            name: name.clone(),
            node: node.into(),
            made_at,
            server: cluster.secrets.server.clone(),
            bootstrap: cluster.secrets.bootstrap.clone(),
            cordoned: cordoned.map(|(name, _)| name.clone()).collect(),
        });
        name
    }

    /// The snapshot of this name that lies on a server, whether its API answers or not.
    fn snapshot_on(&self, on: &Host, name: &str, s3: bool) -> Result<(ClusterNo, SmolStr), Refused> {
        let server = self.k3s(on).is_some_and(|k| k.role == Role::Server);
        let (no, node) = self
            .node_of(on)
            .filter(|_| server)
            .ok_or_else(|| Refused::new("this machine is no server", ""))?;
        if !self.has_etcd(no) {
            let why = "its datastore is SQLite, not etcd: a copy of its database restores it";
            return Err(Refused::new(why, ""));
        }
        if s3 && self.bucket_of(no).is_none() {
            let why = "K3s keeps no snapshots in S3 as it is configured here";
            return Err(Refused::new(why, "restore one that is on a server"));
        }
        let there = |s: &Snapshot| s.name == name && s.is_in_s3() == s3 && (s3 || s.node == node);
        match self.snapshots(no).iter().any(there) {
            true => Ok((no, node)),
            false if s3 => Err(Refused::new(
                format_smolstr!("there is no snapshot {name} in S3"),
                "look which there are",
            )),
            false => Err(Refused::new(
                format_smolstr!("there is no snapshot /var/lib/rancher/k3s/server/db/snapshots/{name}"),
                "look which there are",
            )),
        }
    }

    /// Sees that a server can be restored.
    pub(super) fn restorable(&self, on: &Host, name: &str, s3: bool) -> Result<String, Refused> {
        self.snapshot_on(on, name, s3)?;
        Ok(format!("{name} can be restored here"))
    }

    /// Restores etcd on a server: it is the only member then, and its K3s stays stopped.
    pub(super) fn restore_etcd(&mut self, on: &Host, name: &str, s3: bool, when: &str) -> Result<String, Refused> {
        let (no, _) = self.snapshot_on(on, name, s3)?;
        let mark = format_smolstr!("{name} {when}");
        if self.k3s(on).is_some_and(|k| k.restored.as_ref() == Some(&mark)) {
            return Ok(format!("{name} is restored already"));
        }
        self.stop_k3s(on);
        let Some(cluster) = self.clusters.get_mut(no) else {
            return Err(Refused::new("this machine is no server", ""));
        };
        let saved = cluster
            .secrets
            .snapshots
            .iter()
            .find(|saved| saved.name == name)
            .cloned();
        let (mut names, mut cordoned) = (vec![], BTreeSet::new());
        if let Some(saved) = saved {
            if saved.server != cluster.secrets.server {
                return Err(Refused::new(
                    "the snapshot was taken under another server token: put that one back on the servers first",
                    "",
                ));
            }
            cluster.secrets.bootstrap = saved.bootstrap;
            names.extend(cluster.nodes.iter().map(|(name, _)| name.clone()));
            cordoned = saved.cordoned;
        }
        cluster.secrets.resets += 1;
        let resets = cluster.secrets.resets;
        for node in names {
            self.let_schedule(no, &node, !cordoned.contains(&node));
        }
        if let Some(k3s) = self.k3s_mut(on) {
            (k3s.member, k3s.fresh) = (resets, false);
            k3s.restored = Some(mark);
        }
        Ok(format!("{name} is restored"))
    }

    /// Puts the state of a server aside, and starts its K3s.
    pub(super) fn rejoin(&mut self, on: &Host) -> Result<String, Refused> {
        let Some((no, _)) = self.node_of(on) else {
            return Err(Refused::new("this machine is no server", ""));
        };
        let resets = self.clusters.get(no).map_or(0, |c| c.secrets.resets);
        if let Some(k3s) = self.k3s_mut(on)
            && k3s.member != resets
        {
            k3s.fresh = true;
        }
        self.start_k3s(on);
        Ok("k3s is told to start".to_owned())
    }

    /// A server that has come up without a state has become a member.
    pub(super) fn become_member(&mut self, on: &Host) {
        let Some((no, _)) = self.node_of(on) else { return };
        let resets = self.clusters.get(no).map_or(0, |c| c.secrets.resets);
        if let Some(k3s) = self.k3s_mut(on).filter(|k| k.fresh) {
            (k3s.member, k3s.fresh) = (resets, false);
        }
    }

    /// Whether a server is a member of its cluster's etcd; one at the edge always counts.
    pub(super) fn is_member(&self, cluster: &Cluster, server: &SimNode) -> bool {
        match &server.host {
            Host::Machine(id) => {
                let k3s = self.machines.get(id).map(|m| &m.k3s);
                k3s.is_none_or(|k| k.member == cluster.secrets.resets)
            }
            Host::Board(_) => true,
        }
    }

    /// The snapshots that are there, the newest first; those of servers that are gone have gone with them, but for those
    /// that were taken into a bucket too.
    pub(super) fn snapshots(&self, no: ClusterNo) -> Vec<Snapshot> {
        let Some(cluster) = self.clusters.get(no).filter(|_| self.has_etcd(no)) else {
            return vec![];
        };
        let servers: Vec<_> = cluster
            .nodes
            .iter()
            .filter(|(_, n)| n.node.role == Role::Server)
            .map(|(name, n)| (name.clone(), n.node.joined_at.unwrap_or(self.now)))
            .collect();
        let told = |name: SmolStr, node: &SmolStr, made_at: Timestamp| Snapshot {
            location: format_smolstr!("{DIRECTORY}/{name}"),
            bucket: None,
            made_at: Some(made_at),
            // A small cluster's state is some megabytes.
            size: Some(11_000_000 + hash(self.seed, &["snapshot", &name]) % 4_000_000),
            ready: Some(true),
            error: None,
            node: node.clone(),
            name,
        };
        let saved = cluster.secrets.snapshots.iter();
        let mut found: Vec<_> = saved.map(|s| told(s.name.clone(), &s.node, s.made_at)).collect();
        let last = self.now.as_second().div_euclid(EVERY) * EVERY;
        for (node, since) in &servers {
            let times = (0..KEPT).filter_map(|n| Timestamp::from_second(last - n * EVERY).ok());
            // etcd has been up for a moment by then.
            let taken = times.filter(|at| *at > later(*since, SignedDuration::from_mins(1)));
            found.extend(taken.map(|at| told(format_smolstr!("etcd-snapshot-{node}-{}", at.as_second()), node, at)));
        }
        let mut in_s3: Vec<_> = self.bucket_of(no).map_or_else(Vec::new, |bucket| {
            let there = |snapshot: &Snapshot| Snapshot {
                location: format_smolstr!("s3://{bucket}/{}/{}", cluster.name, snapshot.name),
                bucket: Some(bucket.clone()),
                ..snapshot.clone()
            };
            found.iter().map(there).collect()
        });
        found.retain(|snapshot| servers.iter().any(|(name, _)| *name == snapshot.node));
        found.append(&mut in_s3);
        found.sort_by(|a, b| (b.made_at, &a.name).cmp(&(a.made_at, &b.name)));
        found
    }
}
