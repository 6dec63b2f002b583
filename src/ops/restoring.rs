//! Restoring a cluster: what it can be restored from, and what a restore is asked to do.
//!
//! ```text
//!  survey (API server, SSM) ─▶ Restorable ─▶ people choose a Snapshot ─▶ Restore::of ─▶ the request
//! ```

use std::cmp::Reverse;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use smol_str::{SmolStr, format_smolstr};

use crate::blueprint::Names;
use crate::fleet::{ClusterId, ContextId, Fleet, MachineId, NodeKey};
use crate::provider::{Cloud, Kube, ProviderError, Snapshot};

/// What a cluster can be restored from.
#[derive(Clone, Debug, PartialEq)]
pub struct Restorable {
    /// Its snapshots, the newest first.
    pub snapshots: Vec<Snapshot>,
    /// Since when it has had its present server token, where that is known.
    pub token_since: Option<Timestamp>,
    /// Why that is not known, where it was asked and not told.
    pub fault: Option<String>,
}

/// Asks what a cluster can be restored from; `cloud`: where its parameters are.
pub async fn survey(
    kube: &dyn Kube,
    cloud: Option<&dyn Cloud>,
    cluster: &ClusterId,
) -> Result<Restorable, ProviderError> {
    let since = async {
        match cloud {
            Some(cloud) => token_since(cloud, cluster).await,
            None => Ok(None),
        }
    };
    let (snapshots, since) = futures::join!(kube.snapshots(), since);
    let mut snapshots = snapshots?;
    snapshots.sort_by_key(|snapshot| Reverse(snapshot.made_at));
    let (token_since, fault) = match since {
        Ok(since) => (since, None),
        Err(error) => {
            let what =
                "when the server token was changed is not known, nor whether an older snapshot would still be of use";
            (None, Some(format!("{what}: {error}")))
        }
    };
    Ok(Restorable {
        snapshots,
        token_since,
        fault,
    })
}

/// Since when a cluster has had its server token, where that is kept in SSM and was changed since it was made.
pub async fn token_since(cloud: &dyn Cloud, cluster: &ClusterId) -> Result<Option<Timestamp>, ProviderError> {
    let names = Names::new(&cluster.name, &cloud.scope().region);
    let versions = cloud.parameter_versions(&names.server_token()).await?;
    // The first one is as old as the cluster.
    Ok(versions.first().filter(|v| v.version > 1).map(|v| v.at))
}

/// What tells a restore from others: when it was asked for, such as `20261122T101112Z`.
pub fn stamp(now: Timestamp) -> SmolStr {
    format_smolstr!("{}", now.strftime("%Y%m%dT%H%M%SZ"))
}

/// The machine whose node has taken a snapshot that it keeps itself; the error says which node is not there.
pub fn server_of(fleet: &Fleet, context: &ContextId, snapshot: &Snapshot) -> Result<MachineId, String> {
    let node = NodeKey::new(context, &snapshot.node);
    let found = fleet.machine(&MachineId::Node(node)).map(|m| m.id());
    found.ok_or_else(|| {
        format!(
            "{} is on {}, which is not in the fleet any longer",
            snapshot.name, snapshot.node
        )
    })
}

/// A cluster whose etcd is to be restored from a snapshot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Restore {
    /// The cluster.
    pub cluster: ClusterId,
    /// The snapshot, by name.
    pub snapshot: SmolStr,
    /// Whether it is in S3.
    pub s3: bool,
    /// The server that is restored, which holds the snapshot where that is not in S3; `None`: the oldest one.
    pub on: Option<MachineId>,
    /// When it was taken, where that is known.
    pub made_at: Option<Timestamp>,
    /// Since when the cluster has had its present server token, where that is known.
    pub token_since: Option<Timestamp>,
    /// What tells this restore from others: its [`stamp`].
    pub when: SmolStr,
}

impl Restore {
    /// Of a cluster behind this context, from a snapshot of its own; the error says why it cannot be.
    pub fn of(
        fleet: &Fleet,
        cluster: &ClusterId,
        context: &ContextId,
        snapshot: &Snapshot,
        token_since: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Self, String> {
        if let Some(why) = snapshot.fault() {
            return Err(format!("the snapshot {} is not whole: {why}", snapshot.name));
        }
        let s3 = snapshot.is_in_s3();
        let on = (!s3).then(|| server_of(fleet, context, snapshot)).transpose()?;
        Ok(Self {
            cluster: cluster.clone(),
            snapshot: snapshot.name.clone(),
            s3,
            on,
            made_at: snapshot.made_at,
            token_since,
            when: stamp(now),
        })
    }
}
