//! `restore`: which snapshot is meant, where it is, and whether the cluster's token has changed since.

use jiff::Timestamp;
use smol_str::SmolStr;

use super::args::RestoreArgs;
use super::change::machine;
use super::exit::Halt;
use super::lookup::Known;
use super::operate::Desk;
use super::{complain, complain_of};
use crate::fleet::ClusterId;
use crate::ops::Request;
use crate::ops::restoring::{Restore, server_of, stamp, token_since};
use crate::provider::{ProviderError, Snapshot};

impl Desk<'_> {
    /// The restore that a command asks for. The fleet has been read.
    pub(super) async fn restore(&self, args: &RestoreArgs) -> Result<Request, Halt> {
        let known = self.known(&args.cluster)?;
        let named = args.on.as_deref().map(|typed| machine(&self.fleet, typed));
        let named = named.transpose().map_err(Halt::usage)?;
        let found = match self.listed(&known).await {
            Ok(listed) => Some(meant(&listed, args)?),
            Err(error) if args.from_s3 || named.is_some() => {
                complain_of(&error);
                complain(
                    "the API does not tell which snapshots there are: that one is looked for on the server itself",
                );
                None
            }
            Err(error) => {
                complain_of(&error);
                return Err(Halt::usage(
                    "without the API it is not known where the snapshot is: name the server that has it with --on, or take \
                     the one in S3 with --from-s3",
                ));
            }
        };
        let s3 = found.as_ref().map_or(args.from_s3, Snapshot::is_in_s3);
        let on = match (named, &found) {
            (Some(named), _) => Some(named),
            (None, Some(snapshot)) if !s3 => {
                Some(server_of(&self.fleet, &known.context()?, snapshot).map_err(Halt::usage)?)
            }
            _ => None,
        };
        Ok(Request::Restore(Box::new(Restore {
            snapshot: args.snapshot.clone(),
            s3,
            on,
            made_at: found.and_then(|snapshot| snapshot.made_at),
            token_since: self.token_since(&known.cluster).await,
            when: stamp((self.session.clock)()),
            cluster: known.cluster,
        })))
    }

    async fn listed(&self, known: &Known) -> Result<Vec<Snapshot>, ProviderError> {
        let unknown = |why: String| ProviderError {
            kind: crate::fleet::FaultKind::Unreachable,
            call: "list etcdsnapshotfiles".into(),
            target: known.cluster.name.clone(),
            message: why.into(),
            mend: SmolStr::default(),
        };
        let context = known
            .context()
            .map_err(|_halt| unknown("no API server of it answers".to_owned()))?;
        let kube = self
            .kube(&context)
            .map_err(|_halt| unknown(format!("the context {context} is not open")))?;
        kube.snapshots().await
    }

    /// Since when a cluster has had its server token, where that is kept in SSM.
    async fn token_since(&self, cluster: &ClusterId) -> Option<Timestamp> {
        let home = cluster.home.as_ref()?;
        let cloud = self.clouds().find(|cloud| cloud.scope() == home)?;
        match token_since(&**cloud, cluster).await {
            Ok(since) => since,
            Err(error) => {
                complain_of(&error);
                None
            }
        }
    }
}

/// The snapshot that is meant.
fn meant(listed: &[Snapshot], args: &RestoreArgs) -> Result<Snapshot, Halt> {
    let name = &args.snapshot;
    let mut found: Vec<_> = listed.iter().filter(|snapshot| snapshot.name == *name).collect();
    if args.from_s3 {
        found.retain(|snapshot| snapshot.is_in_s3());
    }
    // The one on a server needs nothing from elsewhere.
    found.sort_by_key(|snapshot| snapshot.is_in_s3());
    let Some(first) = found.first() else {
        let place = if args.from_s3 { " in S3" } else { "" };
        return Err(Halt::usage(format!(
            "there is no snapshot {name:?}{place}; k3fleet snapshots {} lists those there are",
            args.cluster
        )));
    };
    match (found.iter().find(|snapshot| snapshot.fault().is_none()), first.fault()) {
        (Some(whole), _) => Ok((*whole).clone()),
        (None, why) => Err(Halt::refused(format!(
            "the snapshot {name} is not whole: {}",
            why.unwrap_or_default()
        ))),
    }
}
