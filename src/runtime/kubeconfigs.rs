//! The kubeconfig of a cluster that another operator launched, or from another machine: fetched from where the cluster's
//! server has put it, and kept as if it had been launched from here.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use smol_str::SmolStr;

use crate::blueprint::{Names, Spec};
use crate::fleet::{ClusterId, Fleet, InstanceState, Role, Scope};
use crate::provider::kube::kubeconfig::{self, At};
use crate::provider::{Control, ProviderError, Secret};

/// A cluster's server, as far as its kubeconfig is concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// The cluster's name.
    pub cluster: SmolStr,
    /// Where its resources are.
    pub home: Scope,
    /// By which address it is reached from here.
    pub address: IpAddr,
}

/// Why there is no kubeconfig.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// Nothing may be changed, so nothing reads secrets either.
    #[error("no secret is read in read-only mode; start without --read-only")]
    ReadOnly,
    /// The fleet does not show where to get it.
    #[error("{0}")]
    Unknown(String),
    /// A call failed.
    #[error(transparent)]
    Call(#[from] ProviderError),
}

/// Finds the server of a cluster; the error says what is missing.
pub fn server(fleet: &Fleet, cluster: &ClusterId) -> Result<Server, FetchError> {
    let unknown = |why: String| Err(FetchError::Unknown(why));
    let Some(home) = &cluster.home else {
        let text = format!(
            "{cluster} has no instance that is seen here: name its profile and region with --profile and --region"
        );
        return unknown(text);
    };
    let servers = fleet
        .machines()
        .filter(|m| m.belongs_to(cluster) && m.role() == Some(Role::Server));
    let running = servers.filter_map(|m| m.instance().filter(|i| i.state == InstanceState::Running));
    let addresses = running.filter_map(|i| Some((i.public_ip.or(i.private_ip)?, i.launched_at)));
    // The one that has been there longest has made the others.
    match addresses.min_by_key(|(_, since)| *since) {
        Some((address, _)) => Ok(Server {
            cluster: cluster.name.clone(),
            home: home.clone(),
            address,
        }),
        None => unknown(format!(
            "{cluster} has no running server with an address, so there is nothing to connect to"
        )),
    }
}

/// Fetches a cluster's kubeconfig and keeps it; gives the file.
pub async fn fetch(control: &Control, directory: &Path, server: &Server) -> Result<PathBuf, FetchError> {
    let Server { cluster, home, address } = server;
    let path = kubeconfig::path(directory, cluster);
    let path = path.ok_or_else(|| FetchError::Unknown(format!("no file can be called {cluster:?}")))?;
    let cloud = control.cloud(home).ok_or_else(|| match control.is_read_only() {
        true => FetchError::ReadOnly,
        false => FetchError::Unknown(format!("{home} is not reached from here")),
    })?;
    let names = Names::new(cluster, &home.region);
    let secret = names.kubeconfig();
    let text = match cloud.secret(&secret).await? {
        Some(text) => text,
        // A cluster without a role of its own has none: its kubeconfig stays on its server.
        None => {
            let spec = cloud.parameter(&names.spec()).await?;
            over_ssh(control, spec.as_deref(), *address).await?.ok_or_else(|| {
                FetchError::Unknown(format!(
                    "there is no kubeconfig of {cluster} in the secret {secret}: its server has not come up yet, or it was \
                     not launched by k3fleet"
                ))
            })?
        }
    };
    // The servers of a highly available cluster write the name of its load balancer into it.
    match kubeconfig::is_of_one_server(&text) {
        true => kubeconfig::keep(directory, cluster, *address, &text)?,
        false => {
            let stack = cloud.stack_now(&names.stack()).await?;
            kubeconfig::keep(directory, cluster, At::of_stack(stack.as_ref()), &text)?;
        }
    }
    Ok(path)
}

/// The kubeconfig as it stands on a server, where the cluster's spec tells who can log in.
async fn over_ssh(control: &Control, spec: Option<&str>, address: IpAddr) -> Result<Option<Secret>, ProviderError> {
    let spec = spec.and_then(|json| serde_json::from_str::<Spec>(json).ok());
    match (&control.shell, spec) {
        (Some(shell), Some(spec)) if spec.ssh.is_some() => {
            shell.read_file(spec.image.user(), address, kubeconfig::ON_SERVER).await
        }
        _ => Ok(None),
    }
}
