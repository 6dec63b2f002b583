//! The snapshots of etcd that K3s tells of, as objects of its own: they need no work on a machine, and no more than the
//! permission to list them.

use super::{KubeApi, list};
use crate::fleet::FaultKind;
use crate::provider::{Result, Snapshot};

impl KubeApi {
    /// The snapshots that there are, the newest first.
    pub(super) async fn etcd_snapshots(&self) -> Result<Vec<Snapshot>> {
        let mut found = list::gathered::<Snapshot>(&self.link, None).await.map_err(|trouble| {
            let absent = trouble.code() == Some(404);
            let mut error = self.explain(list::call::<Snapshot>(), trouble);
            if absent {
                error.kind = FaultKind::Unsupported;
                error.mend = "K3s tells of snapshots from v1.28.4 on, where etcd is its datastore".into();
            }
            error
        })?;
        found.retain(|snapshot| !snapshot.name.is_empty());
        found.sort_by(|a, b| (b.made_at, &a.name, &a.location).cmp(&(a.made_at, &b.name, &b.location)));
        Ok(found)
    }
}
