//! What the screen asks for besides what the feeds bring: what a region offers to a launch, the place for a cluster, what
//! a cluster is made of, hosts before they join ([`hosts`]), tokens ([`tokens`]). Each is asked in a task of its own, and
//! its answer comes back as a message.

mod drift;
mod hosts;
mod reaper;
mod restoring;
mod tokens;
mod updating;

pub(super) use hosts::keep_password;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::task::JoinSet;

use super::session::Session;
use super::{clock, kubeconfigs, own_keys};
use crate::app::Msg;
use crate::app::launching::{OwnKey, Surveyed};
use crate::fleet::{ClusterId, ContextId, Fleet, Scope, Severity};
use crate::ops::dsn;
use crate::ops::launch::{Launch, Spec};
use crate::ops::private_file::from_root;
use crate::ops::survey::{Survey, survey};
use crate::provider::kube::merge::merge;
use crate::provider::kube::{self, kubeconfig};
use crate::provider::{Cloud, Kube};

/// What is being asked. Dropping it asks no longer.
#[derive(Default)]
pub(super) struct Errands {
    tasks: JoinSet<Msg>,
}

impl Errands {
    /// Asks a region what it offers.
    pub(super) fn survey(&mut self, session: Option<&Session>, scope: Scope) {
        let web = session.and_then(|s| s.providers.web.clone());
        match cloud(session, &scope) {
            Ok(cloud) => self.tasks.spawn(async move {
                let answer = survey(cloud.as_ref(), web.as_deref()).await;
                let keys = tokio::task::spawn_blocking(own_keys).await.unwrap_or_default();
                let told = answer.map(|survey| Box::new(Surveyed { survey, keys }));
                Msg::Surveyed(scope, told.map_err(|error| error.to_string()))
            }),
            Err(why) => self.tasks.spawn(async move { Msg::Surveyed(scope, Err(why)) }),
        };
    }

    /// Finds the place for a cluster.
    pub(super) fn place(
        &mut self,
        session: Option<&Session>,
        survey: Box<Survey>,
        spec: Box<Spec>,
        dsn: Option<PathBuf>,
    ) {
        match cloud(session, &survey.scope) {
            Ok(cloud) => self.tasks.spawn(async move {
                let answer = place(cloud.as_ref(), &survey, &spec, dsn).await;
                Msg::Placed(spec, answer.map(Box::new))
            }),
            Err(why) => self.tasks.spawn(async move { Msg::Placed(spec, Err(why)) }),
        };
    }

    /// Asks for all that carries a cluster's tag.
    pub(super) fn resources(&mut self, session: Option<&Session>, cluster: ClusterId) {
        let home = cluster
            .home
            .as_ref()
            .ok_or_else(|| format!("it is not known where {cluster} is"));
        match home.and_then(|home| cloud(session, home)) {
            Ok(cloud) => self.tasks.spawn(async move {
                let answer = cloud.resources(Some(&cluster.name)).await;
                Msg::Resources(cluster, answer.map_err(|error| error.to_string()))
            }),
            Err(why) => self.tasks.spawn(async move { Msg::Resources(cluster, Err(why)) }),
        };
    }

    /// Finds a cluster's kubeconfig, fetched if need be; says where it is and copies how it is used, or merges it.
    pub(super) fn kubeconfig(&mut self, session: Option<&Session>, fleet: &Fleet, cluster: ClusterId, merge: bool) {
        let found = session.map(|session| {
            let name = cluster.name.as_str();
            let kept = kubeconfig::path(&session.kubeconfigs, name).filter(|path| path.is_file());
            let server = kubeconfigs::server(fleet, &cluster);
            (kept, server, session.control.clone(), session.kubeconfigs.clone())
        });
        self.tasks.spawn(async move {
            let Some((kept, server, control, directory)) = found else {
                return Msg::Say(Severity::Warning, "nothing is open yet: try again".to_owned());
            };
            let path = match (kept, server) {
                (Some(path), _) => Ok(path),
                (None, Ok(server)) => kubeconfigs::fetch(&control, &directory, &server).await,
                (None, Err(error)) => Err(error),
            };
            match path {
                Err(error) => Msg::Say(Severity::Warning, error.to_string()),
                Ok(path) if !merge => Msg::Kubeconfig(path.display().to_string()),
                Ok(_) => {
                    let (severity, text) = merged(&directory, &cluster);
                    Msg::Say(severity, text)
                }
            }
        });
    }

    /// Asks for the release channels of K3s.
    pub(super) fn channels(&mut self, session: Option<&Session>) {
        let web = session.and_then(|s| s.providers.web.clone());
        self.tasks.spawn(async move {
            Msg::Channels(match web {
                Some(web) => web.channels().await.map_err(|error| error.to_string()),
                None => Err("nothing asks the web from here".to_owned()),
            })
        });
    }

    /// The next answer; never, while nothing is asked. Cancel-safe.
    pub(super) async fn next(&mut self) -> Msg {
        match self.tasks.join_next().await {
            Some(Ok(msg)) => msg,
            Some(Err(_crashed)) => Msg::Say(
                Severity::Critical,
                "what was asked for has crashed; the log tells more".to_owned(),
            ),
            None => std::future::pending().await,
        }
    }
}

/// The launch that a spec becomes in a region, with the file of its DSN where it has one: that file must hold one.
async fn place(cloud: &dyn Cloud, survey: &Survey, spec: &Spec, dsn: Option<PathBuf>) -> Result<Launch, String> {
    let dsn_file = match dsn {
        Some(typed) => {
            let checked = tokio::task::spawn_blocking(move || {
                let file = from_root(&typed);
                dsn::read(&file).map(|_secret| file).map_err(|error| error.to_string())
            });
            Some(checked.await.map_err(|error| error.to_string())??)
        }
        None => None,
    };
    let launch = survey
        .place(cloud, spec.clone())
        .await
        .map_err(|error| error.to_string())?;
    Ok(Launch { dsn_file, ..launch })
}

/// What sees the cluster behind a context.
fn kube(session: Option<&Session>, context: &ContextId) -> Result<Arc<dyn Kube>, String> {
    let session = session.ok_or("nothing is open yet: try again")?;
    let found = session.providers.kubes.iter().find(|kube| kube.context() == context);
    found
        .cloned()
        .ok_or_else(|| format!("the context {context} is not looked at"))
}

/// What sees a profile and region.
fn cloud(session: Option<&Session>, scope: &Scope) -> Result<Arc<dyn Cloud>, String> {
    let session = session.ok_or("nothing is open yet: try again")?;
    let found = session.providers.clouds.iter().find(|cloud| cloud.scope() == scope);
    found
        .cloned()
        .ok_or_else(|| format!("{scope} is not looked at: start with its --profile and --region"))
}

/// Merges a cluster's kept kubeconfig into the operator's own; gives what to say of it.
fn merged(directory: &Path, cluster: &ClusterId) -> (Severity, String) {
    let name = cluster.name.as_str();
    let warning = |text: String| (Severity::Warning, text);
    let Some(own) = kube::files(None).into_iter().next() else {
        return warning("neither KUBECONFIG nor a home directory is set".to_owned());
    };
    let text = match kubeconfig::read(directory, name) {
        Ok(Some(text)) => text,
        Ok(None) => return warning(format!("the kubeconfig of {name} is gone: try again")),
        Err(error) => return warning(error.to_string()),
    };
    match merge(&own, &text, name, clock::now()) {
        Ok(done) => {
            let backup = done
                .backup
                .map_or_else(String::new, |file| format!("; before: {}", file.display()));
            (Severity::Ok, format!("context {name} is in {}{backup}", own.display()))
        }
        Err(error) => warning(error.to_string()),
    }
}

/// The operator's own public keys.
fn own_keys() -> Vec<OwnKey> {
    let home = directories::BaseDirs::new();
    home.map_or_else(Vec::new, |home| own_keys::in_home(home.home_dir()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_not_open_is_told() {
        let mut errands = Errands::default();
        errands.survey(None, Scope::new("", "eu-west-1"));
        let Msg::Surveyed(scope, Err(why)) = errands.next().await else {
            panic!("no answer")
        };
        assert_eq!(
            (scope, why.as_str()),
            (Scope::new("", "eu-west-1"), "nothing is open yet: try again")
        );
    }
}
