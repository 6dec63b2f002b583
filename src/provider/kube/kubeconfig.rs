//! The kubeconfigs of launched clusters: made fit for use from here, and kept where only their owner reads them.
//!
//! K3s writes a kubeconfig whose server is itself, `https://127.0.0.1:6443`, and in which everything is called
//! `default`. What is kept is the same with the cluster's address and name: one file for each cluster, in a directory
//! that [`all`] reads when the program starts. No error holds anything of a kubeconfig's text but a place in it.

use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use kube::config::Kubeconfig;
use smol_str::{SmolStr, format_smolstr};

use super::context::{self, KubeContext};
use super::{file, tunnel};
use crate::blueprint::API_PORT;
use crate::blueprint::ha::template::PUBLIC_API;
use crate::fleet::{ContextId, FaultKind};
use crate::provider::{ProviderError, Secret, Stack};

/// Where K3s keeps the kubeconfig on a server.
pub const ON_SERVER: &str = "/etc/rancher/k3s/k3s.yaml";

/// What a call of this module is named in an error.
pub(super) const READ: &str = "read the kubeconfig";
pub(super) const KEEP: &str = "keep the kubeconfig";

/// The context that a cluster's kept kubeconfig makes known: the cluster's own name.
pub fn context(cluster: &str) -> ContextId {
    ContextId::new(cluster)
}

/// Where a cluster's kubeconfig is kept, if it is; `None` for a name that no file can have.
pub fn path(directory: &Path, cluster: &str) -> Option<PathBuf> {
    // Names that begin with a dot are those of files in the making.
    let fits = !cluster.is_empty() && !cluster.starts_with('.') && !cluster.contains(['/', '\\', '\0']);
    fits.then(|| directory.join(cluster))
}

/// Where a cluster's API is reached from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At<'a> {
    /// At an address.
    Address(IpAddr),
    /// By a name.
    Name(&'a str),
    /// Where the kubeconfig says.
    Written,
}

impl From<IpAddr> for At<'_> {
    fn from(address: IpAddr) -> Self {
        Self::Address(address)
    }
}

impl<'a> At<'a> {
    /// Where the API of a highly available cluster is: behind its stack's public load balancer where that brings it, else
    /// behind the internal one, whose name the kubeconfig has.
    pub fn of_stack(stack: Option<&'a Stack>) -> Self {
        let public = stack.and_then(|stack| stack.output(PUBLIC_API));
        public.map_or(Self::Written, |name| Self::Name(name))
    }

    /// The server's URL; `None`: it stays as it is.
    fn url(self) -> Option<String> {
        match self {
            Self::Address(address) => Some(format!("https://{}", SocketAddr::new(address, API_PORT))),
            Self::Name(name) => Some(format!("https://{name}:{API_PORT}")),
            Self::Written => None,
        }
    }
}

/// Keeps a cluster's kubeconfig as `directory/<cluster>`, mode 0600: its server is `at` that place, and its context, cluster
/// and user are named after the cluster. Where that place is a name, which may be one that only the cluster's network
/// knows, and where there was one before, it has a second context that goes through a [`tunnel`].
pub fn keep<'a>(directory: &Path, cluster: &str, at: impl Into<At<'a>>, text: &Secret) -> Result<(), ProviderError> {
    let path = path(directory, cluster).ok_or_else(|| no_file(cluster))?;
    let at = at.into();
    let by_default = (!matches!(at, At::Address(_))).then(|| tunnel::default_port(cluster));
    let port = tunnel::port(directory, cluster).or(by_default);
    let text = rewritten(cluster, at, text)?;
    let text = port
        .and_then(|port| tunnel::added(&text, cluster, port))
        .unwrap_or(text);
    let written = file::private_directory(directory).and_then(|()| file::write(&path, text.expose()));
    written.map_err(|error| disk(KEEP, &path, &error))
}

/// K3s' kubeconfig as it is used from here: its server is `at` that place, and its context, cluster and user are named after
/// the cluster. Everything else stays as it is.
pub fn rewritten<'a>(cluster: &str, at: impl Into<At<'a>>, text: &Secret) -> Result<Secret, ProviderError> {
    let wrong = |message: &str| ProviderError {
        kind: FaultKind::Malformed,
        call: READ.into(),
        target: cluster.into(),
        message: message.into(),
        mend: format_smolstr!("look at {ON_SERVER} on a server of the cluster"),
    };
    let mut kubeconfig = Kubeconfig::from_yaml(text.expose()).map_err(|error| wrong(&context::unreadable(&error)))?;
    rename(&mut kubeconfig, cluster, at.into()).map_err(wrong)?;
    let text = written(&kubeconfig).map_err(|_unwritable| wrong("it cannot be written as YAML"))?;
    Ok(Secret::new(text))
}

/// Whether a kubeconfig is as K3s writes it: it names the machine that it stands on, and nothing that others know.
pub fn is_of_one_server(text: &Secret) -> bool {
    text.expose().contains("https://127.0.0.1:")
}

/// Forgets the kubeconfig of a cluster that is gone. One that is not there is no error.
pub fn forget(directory: &Path, cluster: &str) -> Result<(), ProviderError> {
    let Some(path) = path(directory, cluster) else {
        return Ok(());
    };
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(disk("forget the kubeconfig", &path, &error)),
        _ => Ok(()),
    }
}

/// A cluster's kept kubeconfig; `None` where none is kept.
pub fn read(directory: &Path, cluster: &str) -> Result<Option<Secret>, ProviderError> {
    let Some(path) = path(directory, cluster) else {
        return Ok(None);
    };
    match fs::read_to_string(&path) {
        Ok(text) => Ok(Some(Secret::new(text))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(disk(READ, &path, &error)),
    }
}

/// The context of one kept kubeconfig.
pub fn open(directory: &Path, context: &ContextId) -> Result<KubeContext, ProviderError> {
    let cluster = context.as_str();
    let path = path(directory, cluster).ok_or_else(|| no_file(cluster))?;
    context::only(&path, cluster)
}

/// The contexts of all kept kubeconfigs by name, and what is wrong with those that cannot be used. No directory is none.
pub fn all(directory: &Path) -> (Vec<KubeContext>, Vec<ProviderError>) {
    let listed = match fs::read_dir(directory) {
        Ok(listed) => listed.filter_map(Result::ok),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return (vec![], vec![]),
        Err(error) => return (vec![], vec![disk("list the kubeconfigs", directory, &error)]),
    };
    let files = listed.filter(|entry| entry.path().is_file());
    let names = files.filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<_> = names.filter(|name| path(directory, name).is_some()).collect();
    names.sort();
    let (mut found, mut faults) = (vec![], vec![]);
    for name in names {
        match open(directory, &context(&name)) {
            Ok(context) => found.push(context),
            Err(fault) => faults.push(fault),
        }
    }
    (found, faults)
}

/// Gives the current context, its cluster and its user the cluster's name, and the cluster its place.
fn rename(kubeconfig: &mut Kubeconfig, name: &str, at: At<'_>) -> Result<(), &'static str> {
    let current = kubeconfig.current_context.clone().unwrap_or_default();
    let of_current = kubeconfig.contexts.iter_mut().find(|c| c.name == current);
    let named = of_current.ok_or("it has no current context")?;
    let context = named.context.as_mut().ok_or("its context says nothing")?;
    let of_context = kubeconfig.clusters.iter_mut().find(|c| c.name == context.cluster);
    let cluster = of_context.ok_or("its context names no cluster of it")?;
    let server = cluster.cluster.as_mut().ok_or("its cluster says nothing")?;
    let user = context.user.clone().unwrap_or_default();
    let of_user = kubeconfig.auth_infos.iter_mut().find(|u| u.name == user);
    let user = of_user.ok_or("its context names no user of it")?;
    server.server = at.url().or(server.server.take());
    named.name = name.to_owned();
    context.cluster = name.to_owned();
    context.user = Some(name.to_owned());
    cluster.name = name.to_owned();
    user.name = name.to_owned();
    kubeconfig.current_context = Some(name.to_owned());
    Ok(())
}

/// As YAML that every reader of kubeconfigs understands.
pub(super) fn written(kubeconfig: &impl serde::Serialize) -> Result<String, serde_saphyr::ser::Error> {
    let options = serde_saphyr::ser_options! {
        prefer_block_scalars: false,
        compact_list_indent: true,
    };
    serde_saphyr::to_string_with_options(kubeconfig, options)
}

pub(super) fn no_file(cluster: &str) -> ProviderError {
    ProviderError {
        kind: FaultKind::Other,
        call: KEEP.into(),
        target: cluster.into(),
        message: "no file can be called so".into(),
        mend: SmolStr::default(),
    }
}

pub(super) fn disk(call: &str, path: &Path, error: &io::Error) -> ProviderError {
    ProviderError {
        kind: FaultKind::Other,
        call: call.into(),
        target: path.display().to_string().into(),
        message: error.to_string().into(),
        mend: SmolStr::default(),
    }
}

#[cfg(test)]
#[path = "kubeconfig_tests.rs"]
mod tests;
