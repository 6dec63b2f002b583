//! The snapshots of etcd: those that K3s takes twice a day by itself, and those that operators take.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use smol_str::{SmolStr, format_smolstr};

use super::clock::{later, whole};
use super::noise::hash;
use super::state::{ClusterNo, State};
use crate::fleet::Role;
use crate::provider::Snapshot;

/// How often K3s takes one, on the hour.
const EVERY: i64 = 12 * 3600;
/// How many of them it keeps on each server.
const KEPT: i64 = 5;
/// Where it keeps them.
const DIRECTORY: &str = "file:///var/lib/rancher/k3s/server/db/snapshots";

/// A snapshot that an operator took.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Saved {
    name: SmolStr,
    node: SmolStr,
    made_at: Timestamp,
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
        saved.push(Saved {
            name: name.clone(),
            node: node.into(),
            made_at,
        });
        name
    }

    /// The snapshots that are there, the newest first; those of servers that are gone have gone with them.
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
        let here = |node: &SmolStr| servers.iter().any(|(name, _)| name == node);
        let saved = cluster.secrets.snapshots.iter().filter(|saved| here(&saved.node));
        let mut found: Vec<_> = saved.map(|s| told(s.name.clone(), &s.node, s.made_at)).collect();
        let last = self.now.as_second().div_euclid(EVERY) * EVERY;
        for (node, since) in &servers {
            let times = (0..KEPT).filter_map(|n| Timestamp::from_second(last - n * EVERY).ok());
            // etcd has been up for a moment by then.
            let taken = times.filter(|at| *at > later(*since, SignedDuration::from_mins(1)));
            found.extend(taken.map(|at| told(format_smolstr!("etcd-snapshot-{node}-{}", at.as_second()), node, at)));
        }
        found.sort_by(|a, b| (b.made_at, &a.name).cmp(&(a.made_at, &b.name)));
        found
    }
}
