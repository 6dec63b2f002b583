//! What a cluster can be taken back to: a snapshot of its etcd, or its stack as it was before a change that failed.

use super::{Errands, cloud, kube};
use crate::app::Msg;
use crate::blueprint::Names;
use crate::fleet::{ClusterId, ContextId};
use crate::ops::restoring;
use crate::runtime::session::Session;

impl Errands {
    /// Asks how a cluster's stack stands.
    pub(in crate::runtime) fn stack(&mut self, session: Option<&Session>, cluster: ClusterId) {
        let home = cluster.home.clone();
        let home = home.ok_or_else(|| format!("{cluster} has nothing at AWS, so it has no stack"));
        let found = home.and_then(|home| Ok((cloud(session, &home)?, home)));
        self.tasks.spawn(async move {
            let told = async {
                let (cloud, home) = found?;
                let name = Names::new(&cluster.name, &home.region).stack();
                let stack = cloud.stack(&name).await.map_err(|error| error.to_string())?;
                let none = || format!("{cluster} has no stack {name} in {home}: it is not highly available");
                stack.map(Box::new).ok_or_else(none)
            };
            let told = told.await;
            Msg::Stack(cluster, told)
        });
    }

    /// Asks what a cluster can be restored from.
    pub(in crate::runtime) fn snapshots(&mut self, session: Option<&Session>, cluster: ClusterId, context: &ContextId) {
        let cloud = cluster.home.as_ref().and_then(|home| cloud(session, home).ok());
        let kube = kube(session, context);
        self.tasks.spawn(async move {
            let told = async {
                let told = restoring::survey(&*kube?, cloud.as_deref(), &cluster).await;
                told.map_err(|error| error.to_string())
            };
            let told = told.await;
            Msg::Snapshots(cluster, told)
        });
    }
}
