//! One edge host's way into a cluster: its files, K3s, its start, its node. And the token by which an operation's hosts
//! join, which is made for it alone and kept in memory alone.

use std::path::Path;
use std::time::Duration;

use jiff::SignedDuration;
use smol_str::format_smolstr;
use tokio::time::timeout;

use super::Executor;
use super::error::StepError;
use super::work::Of;
use crate::blueprint::machine::{Task, release_files};
use crate::fleet::{Arch, ContextId, EdgeHost, NodeKey};
use crate::ops::bootstrap;
use crate::ops::candidates::INSTALLER;
use crate::ops::condition::Condition;
use crate::ops::files::Source;
use crate::ops::joining::{FILES, Joining};
use crate::ops::step::{BootstrapStep, Reach};
use crate::ops::vpn_auth::read_vpn_auth;
use crate::ops::watch::About;
use crate::provider::{Marks, ShellControl};

/// How long a node may take to be ready once its K3s runs.
const READY: Duration = Duration::from_mins(5);
/// The annotation by which any operator finds an edge host.
const SSH: &str = "k3fleet.dev/ssh";

impl Executor {
    /// Makes or deletes the operation's bootstrap token.
    pub(super) async fn bootstrap(
        &self,
        context: &ContextId,
        step: &BootstrapStep,
        of: Of<'_>,
    ) -> Result<String, StepError> {
        let kube = self
            .control
            .kube(context)
            .ok_or_else(|| StepError::NoKube(context.clone()))?;
        let id = bootstrap::id_of(of.operation);
        match step {
            BootstrapStep::Make { ttl } => {
                let expires_at = (self.clock)().checked_add(*ttl).ok();
                let token = bootstrap::make(&**kube, &id, format!("k3fleet {}", of.operation), expires_at).await?;
                *of.token.lock().await = Some(token);
                Ok(format!("{id}, good for {} min", ttl.as_mins()))
            }
            BootstrapStep::Delete => {
                kube.delete_bootstrap_token(&id).await?;
                *of.token.lock().await = None;
                Ok(id.to_string())
            }
        }
    }

    /// Lets one host join.
    pub(super) async fn join(&self, joining: &Joining, of: Of<'_>, say: &impl Fn(String)) -> Result<String, StepError> {
        let reach = Reach::Edge(joining.host.clone());
        let token = of.token.lock().await.clone();
        let token = token.ok_or(StepError::Broken("there is no bootstrap token: this is a bug"))?;
        let mut secrets = vec![token];
        if let Some(file) = &joining.vpn_auth_file {
            secrets.push(read_vpn_auth(file)?);
        }
        self.answers(&reach, of, say).await?;
        if joining.mend_cgroups {
            say("turning the memory cgroup on".to_owned());
            self.work_on(&reach, &Task::MendCgroups, &[], of, say).await?;
            say("restarting".to_owned());
            self.restart(&reach, say).await?;
        }
        let mut install = joining.install.clone();
        match &joining.files {
            Some(Source::Directory(files)) => {
                self.bring(&joining.host, files, joining.arch, true, say).await?;
                install.files = Some(FILES.into());
            }
            Some(Source::Mirror(url)) => install.files = Some(url.clone()),
            None => {}
        }
        say(format!("installing K3s {}", install.version));
        self.work_on(&reach, &Task::Install(Box::new(install)), &secrets, of, say)
            .await?;
        self.come_up(&reach, say).await?;
        self.node_up(joining, say).await?;
        self.patiently(say, || self.mark(joining)).await?;
        Ok(format!("node {} is ready", joining.install.node))
    }

    /// Brings the files of an air-gapped installation to a host: all that the directory holds for its architecture. The
    /// installer has to be among them where K3s is installed; it is not where K3s is there already.
    pub(super) async fn bring(
        &self,
        host: &EdgeHost,
        directory: &Path,
        arch: Arch,
        install: bool,
        say: &impl Fn(String),
    ) -> Result<(), StepError> {
        for name in wanted(directory, arch, install)? {
            self.patiently(say, || self.bring_one(host, directory, &name, say))
                .await?;
        }
        Ok(())
    }

    async fn bring_one(
        &self,
        host: &EdgeHost,
        directory: &Path,
        name: &str,
        say: &impl Fn(String),
    ) -> Result<(), StepError> {
        let shell = self.shell()?;
        let (tell, mut told) = tokio::sync::mpsc::channel::<(u64, u64)>(1);
        // What is not read in time is not worth reading.
        let progress = move |done, all| {
            let _unread = tell.try_send((done, all));
        };
        let file = directory.join(name);
        let work = shell.upload(host, &file, FILES, &progress);
        tokio::pin!(work);
        loop {
            tokio::select! {
                Some((done, all)) = told.recv() => {
                    say(format!("bringing {name}: {} of {} MiB", done >> 20, all >> 20));
                }
                result = &mut work => return Ok(result?),
            }
        }
    }

    async fn node_up(&self, joining: &Joining, say: &impl Fn(String)) -> Result<(), StepError> {
        let condition = Condition::NodeUp {
            node: NodeKey::new(&joining.context, &joining.install.node),
            version: None,
            voter: false,
        };
        let mut standing = String::new();
        let about = About::Until(condition.clone());
        let wait = self.wait(about, |line| {
            standing.clone_from(&line);
            say(line);
        });
        match timeout(self.paced(READY), wait).await {
            Ok(()) => Ok(()),
            Err(_elapsed) => Err(StepError::Waited {
                what: condition.describe(),
                minutes: SignedDuration::try_from(READY).map_or(0, |d| d.as_mins()),
                standing,
            }),
        }
    }

    /// Writes on the node how its host is reached, and the labels that it may not give itself.
    async fn mark(&self, joining: &Joining) -> Result<(), StepError> {
        let context = &joining.context;
        let kube = self
            .control
            .kube(context)
            .ok_or_else(|| StepError::NoKube(context.clone()))?;
        let marks = Marks {
            labels: joining
                .labels
                .iter()
                .map(|(k, v)| (k.clone(), Some(v.clone())))
                .collect(),
            annotations: vec![(SSH.into(), Some(joining.host.annotation()))],
        };
        Ok(kube.mark(&joining.install.node, &marks).await?)
    }

    pub(super) fn shell(&self) -> Result<&dyn ShellControl, StepError> {
        let shell = self.control.shell.as_deref();
        shell.ok_or(StepError::Broken("nothing works on edge hosts from here"))
    }
}

/// The names of what a directory holds for an architecture: the binary with its checksums, the installer, and images.
fn wanted(directory: &Path, arch: Arch, install: bool) -> Result<Vec<String>, StepError> {
    let failed = |source| StepError::File {
        path: directory.to_owned(),
        source,
    };
    let images = format!("k3s-airgap-images-{}.tar", arch.as_str());
    let mut found = vec![];
    for entry in std::fs::read_dir(directory).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name().to_string_lossy().into_owned();
        if release_files(arch).contains(&name.as_str()) || (install && name == INSTALLER) || name.starts_with(&images) {
            found.push(name);
        }
    }
    found.sort();
    let missing = release_files(arch)
        .into_iter()
        .chain(install.then_some(INSTALLER))
        .find(|name| !found.iter().any(|f| f == name));
    match missing {
        Some(name) => Err(StepError::NoFile(format_smolstr!("{}", directory.join(name).display()))),
        None => Ok(found),
    }
}
