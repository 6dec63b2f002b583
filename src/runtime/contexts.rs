//! The kube contexts of a session: those of the operator's kubeconfig, and those of launched clusters, which come and go
//! while operations run.

use std::sync::Arc;

use super::login::missing;
use super::operations::Operations;
use super::session::Session;
use super::tunnel::{Asked, Tunnels, Wanted};
use crate::app::Login;
use crate::config::Config;
use crate::feeds::Feeds;
use crate::fleet::{ContextId, FaultKind, Via};
use crate::ops::Made;
use crate::provider::kube::{self, Contexts, KubeContext, kubeconfig, tunnel};
use crate::provider::{Kube, KubeControl, ProviderError};

/// Opens the contexts that the settings choose from the operator's kubeconfig, and those of all launched clusters that
/// none of them shows.
pub(super) fn open_contexts(session: &mut Session, config: &Config) {
    let choice = if config.all_contexts {
        kube::Choice::All
    } else if config.contexts.is_empty() {
        kube::Choice::Current
    } else {
        kube::Choice::Named(config.contexts.iter().map(ToString::to_string).collect())
    };
    open_found(session, kube::contexts(None, &choice), config);
}

fn open_found(session: &mut Session, mut contexts: Contexts, config: &Config) {
    let read_only = config.read_only;
    session.faults.extend(contexts.faults);
    let (mut kept, faults) = kubeconfig::all(&session.kubeconfigs);
    session.faults.extend(faults);
    for context in &mut kept {
        if config.tunnel(context.id.as_str()).is_some() {
            match through(session, context) {
                // The operator's own may know its server by the name that is out of reach.
                Ok(tunnel) => {
                    let direct = kube::same_server(&context.endpoint);
                    contexts.found.retain(|own| kube::same_server(&own.endpoint) != direct);
                    *context = tunnel;
                }
                Err(fault) => session.faults.push(fault),
            }
        }
    }
    // With clusters of our own to show nobody misses a kubeconfig.
    if kept.is_empty() {
        session.notes.extend(contexts.notes);
    }
    for context in contexts.found {
        connect(session, context, read_only);
    }
    for context in kept {
        match session.shows(&context) {
            Shown::Not => connect(session, context, read_only),
            Shown::Already => {}
            Shown::Otherwise(fault) => session.faults.push(fault),
        }
    }
}

/// The context of a launched cluster as it is reached through a tunnel, under the same name.
fn through(session: &Session, context: &KubeContext) -> Result<KubeContext, ProviderError> {
    let (directory, cluster) = (&session.kubeconfigs, context.id.as_str());
    let port = tunnel::port(directory, cluster).unwrap_or_else(|| tunnel::default_port(cluster));
    tunnel::set(directory, cluster, port)?;
    Ok(tunnel::open(directory, cluster)?.known_as(context.id.clone()))
}

/// Begins to keep the tunnels to those launched clusters that the settings name.
pub(super) fn keep_tunnels(session: &mut Session, config: &Config) {
    let mut asked = vec![];
    for context in &session.kept {
        let cluster = context.as_str();
        let (Some((region, via)), Some(port)) = (config.tunnel(cluster), tunnel::port(&session.kubeconfigs, cluster))
        else {
            continue;
        };
        let program = match via {
            Via::Ssm => "aws",
            Via::Ssh => "ssh",
        };
        if let Some(why) = missing(&Login { program, args: vec![] }) {
            session.faults.push(ProviderError {
                kind: FaultKind::Other,
                call: "keep a tunnel".into(),
                target: cluster.into(),
                message: why.into(),
                mend: "or take it out of [tunnels] in config.toml".into(),
            });
            continue;
        }
        asked.push(Asked {
            cluster: cluster.into(),
            region,
            wanted: Wanted {
                port,
                via: Some(via),
                user: None,
            },
            clouds: session.providers.clouds.clone(),
            control: session.control.clone(),
            adopt: config.adopt.clone(),
        });
    }
    session.tunnels = (!asked.is_empty()).then(|| Arc::new(Tunnels::keep(asked)));
}

/// Whether a context is shown.
enum Shown {
    /// Not yet.
    Not,
    /// Its server is: by the operator's own kubeconfig, which may know more of it.
    Already,
    /// Its name is another server's.
    Otherwise(ProviderError),
}

impl Session {
    fn shows(&self, context: &KubeContext) -> Shown {
        let server = kube::same_server(&context.endpoint);
        if self.servers.values().any(|known| *known == server) {
            return Shown::Already;
        }
        match self.servers.get(&context.id) {
            None => Shown::Not,
            Some(other) => Shown::Otherwise(ProviderError {
                kind: FaultKind::Other,
                call: format!("use context {}", context.id).into(),
                target: context.endpoint.clone(),
                message: format!("the kubeconfig has a context of that name, for {other}").into(),
                mend: "rename that one: kubectl config rename-context".into(),
            }),
        }
    }

    /// Opens the context of a cluster that was launched; gives what it is read through, or nothing where the operator's
    /// own kubeconfig shows it already.
    pub fn open(&mut self, context: &ContextId) -> Result<Option<Arc<dyn Kube>>, ProviderError> {
        if let Some(world) = &self.world {
            let opened = world.kube(context);
            self.close(context);
            return Ok(opened.map(|(kube, control)| {
                self.providers.kubes.push(Arc::clone(&kube));
                self.control.kubes.push(control);
                kube
            }));
        }
        let opened = kubeconfig::open(&self.kubeconfigs, context)?;
        if self.kept.contains(context) {
            // Launched once more under the same name.
            self.close(context);
        }
        match self.shows(&opened) {
            Shown::Not => connect(self, opened, false),
            Shown::Already => return Ok(None),
            Shown::Otherwise(fault) => return Err(fault),
        }
        Ok(self.providers.kubes.last().cloned())
    }

    /// Closes a context that is no more.
    pub fn close(&mut self, context: &ContextId) {
        self.providers.kubes.retain(|kube| kube.context() != context);
        self.control.kubes.retain(|kube| kube.context() != context);
        self.servers.remove(context);
        self.kept.remove(context);
    }
}

/// Makes ready to read a context, and to change its cluster unless only looking is allowed.
fn connect(session: &mut Session, context: KubeContext, read_only: bool) {
    let kept = context.files.iter().all(|file| file.starts_with(&session.kubeconfigs));
    if kept {
        session.kept.insert(context.id.clone());
    }
    let server = kube::same_server(&context.endpoint);
    session.servers.insert(context.id.clone(), server);
    let api = Arc::new(kube::connect(context));
    session.providers.kubes.push(Arc::clone(&api) as Arc<dyn Kube>);
    if !read_only {
        session.control.kubes.push(api as Arc<dyn KubeControl>);
    }
}

/// Takes in what a step has made: a launched cluster is looked at from then on, and one that is gone no longer.
pub fn made(
    made: &Made,
    session: &mut Session,
    feeds: &mut Feeds,
    operations: &mut Operations,
) -> Result<(), ProviderError> {
    match made {
        Made::Kubeconfig { context } => {
            if let Some(kube) = session.open(context)? {
                feeds.add_kube(&kube);
            }
        }
        Made::Gone { context } => {
            session.close(context);
            feeds.remove_kube(context);
        }
        Made::SecurityGroup { .. } | Made::Server { .. } | Made::Stack { .. } | Made::Token { .. } => return Ok(()),
    }
    operations.set_kubes(session.control.kubes.clone());
    Ok(())
}

#[cfg(test)]
mod tests;
