//! The kube contexts of a session: those of the operator's kubeconfig, and those of launched clusters, which come and go
//! while operations run.

use std::sync::Arc;

use super::operations::Operations;
use super::session::Session;
use crate::config::Config;
use crate::feeds::Feeds;
use crate::fleet::{ContextId, FaultKind};
use crate::ops::Made;
use crate::provider::kube::{self, Contexts, KubeContext, kubeconfig};
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
    open_found(session, kube::contexts(None, &choice), config.read_only);
}

fn open_found(session: &mut Session, contexts: Contexts, read_only: bool) {
    session.faults.extend(contexts.faults);
    let (kept, faults) = kubeconfig::all(&session.kubeconfigs);
    session.faults.extend(faults);
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
