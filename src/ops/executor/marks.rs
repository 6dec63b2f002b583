//! What the servers of a highly available cluster leave in SSM, for each other and for those that come later: who made the
//! cluster, that it is made, and who may join next. It outlives their stack, and must not outlive the cluster.

use crate::blueprint::Names;
use crate::provider::{CloudControl, Result};

/// Deletes it.
pub(super) async fn forget(cloud: &dyn CloudControl, names: Names<'_>) -> Result<()> {
    cloud.delete_parameter(&names.join_lock()).await?;
    cloud.delete_parameter(&names.initialised()).await?;
    let of = |generation: u32| format!("{}-{generation}", names.first_server());
    let mut next = 1;
    while cloud.parameter(&of(next)).await?.is_some() {
        next += 1;
    }
    // The last one first: they are found by counting up.
    for generation in (1..next).rev() {
        cloud.delete_parameter(&of(generation)).await?;
    }
    Ok(())
}
