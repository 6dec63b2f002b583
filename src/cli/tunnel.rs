//! `tunnel`: the API of a cluster on a port of this machine, kept open until Ctrl-C.

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;

use async_trait::async_trait;

use super::args::TunnelArgs;
use super::exit::{Exit, Halt};
use super::operate::Desk;
use super::read::read;
use super::{complain, complain_of};
use crate::feeds::Want;
use crate::fleet::{ClusterId, FaultKind, FeedKind, Fleet};
use crate::provider::Kube;
use crate::provider::kube::{self, KubeApi, kubeconfig, tunnel};
use crate::runtime::kubeconfigs::{fetch, server};
use crate::runtime::login::missing;
use crate::runtime::session::Session;
use crate::runtime::signals::Ends;
use crate::runtime::tunnel::{Gate, Guide, Pace, Wanted, answers, gates, keep, user_of};

impl Desk<'_> {
    /// Keeps a tunnel until a signal ends it.
    pub(super) async fn tunnel(mut self, args: &TunnelArgs, directory: PathBuf) -> io::Result<Exit> {
        if self.session.world.is_some() {
            return Ok(Halt::usage("there is nothing to reach in a simulated world").tell());
        }
        self.session.faults.iter().for_each(complain_of);
        // A signal ends the tunnel, and what leads to it.
        let mut ends = Ends::listen()?;
        let prepared = tokio::select! {
            prepared = self.prepared(args, directory) => prepared,
            end = ends.next() => return Ok(Exit::Of(end.code())),
        };
        let mut guide = match prepared {
            Ok(guide) => guide,
            Err(halt) => return Ok(halt.tell()),
        };
        let pace = Pace::default();
        tokio::select! {
            never = keep(&mut guide, &pace) => match never {},
            _end = ends.next() => {}
        }
        complain("the tunnel is closed");
        Ok(Exit::Done)
    }

    async fn prepared(&mut self, args: &TunnelArgs, directory: PathBuf) -> Result<Through, Halt> {
        // The one that the settings keep would have the port.
        self.session.tunnels = None;
        let want = Want::new([FeedKind::Instances]);
        read(&self.session, &mut self.fleet, &want).await;
        self.place_hosts();
        let cluster = self.known(&args.cluster)?.cluster;
        let name = cluster.name.as_str();
        let kept = tunnel::port(&directory, name);
        let port = args.local_port.or(kept).unwrap_or_else(|| tunnel::default_port(name));
        free(port)?;
        let user = match &args.user {
            Some(user) => Some(user.clone()),
            None => user_of(&self.session.control, &cluster).await,
        };
        let wanted = Wanted {
            port,
            via: args
                .via
                .map(Into::into)
                .or(self.config.tunnel(name).map(|(_, via)| via)),
            user,
        };
        let found = gates(&self.fleet, &cluster, &wanted);
        let Some(first) = found.first() else {
            return Err(Halt::failed(format!(
                "{cluster} has no running server that is reached so; k3fleet get machines lists its machines"
            )));
        };
        if let Some(why) = missing(&first.login) {
            return Err(Halt::failed(why));
        }
        self.keep_kubeconfig(&cluster, &directory).await;
        let context = match tunnel::set(&directory, name, port) {
            Ok(kept) => kept.is_some(),
            Err(error) => {
                complain_of(&error);
                false
            }
        };
        let api = context
            .then(|| tunnel::open(&directory, name))
            .transpose()?
            .map(kube::connect);
        let path = kubeconfig::path(&directory, name).filter(|_| context);
        told(name, port, path);
        Ok(Through {
            session: self.session.clone(),
            fleet: std::mem::take(&mut self.fleet),
            fresh: true,
            cluster,
            wanted,
            api,
        })
    }

    /// Sees to it that a kubeconfig is kept; without one the tunnel is of use as well.
    async fn keep_kubeconfig(&self, cluster: &ClusterId, directory: &std::path::Path) {
        let kept = kubeconfig::path(directory, &cluster.name).is_some_and(|path| path.is_file());
        if kept {
            return;
        }
        let fetched = match server(&self.fleet, cluster) {
            Ok(server) => fetch(&self.session.control, directory, &server).await,
            Err(error) => Err(error),
        };
        if let Err(error) = fetched {
            complain(&format!("no kubeconfig is kept for the tunnel: {error}"));
        }
    }
}

/// Says how the tunnel is used.
fn told(cluster: &str, port: u16, kept: Option<PathBuf>) {
    match kept {
        Some(path) => complain(&format!(
            "the API of {cluster} will be at 127.0.0.1:{port}: kubectl --kubeconfig {} --context {} get nodes",
            path.display(),
            tunnel::context_name(cluster)
        )),
        None => complain(&format!(
            "the API of {cluster} will be at 127.0.0.1:{port}; a kubeconfig of yours takes it with kubectl --server \
             https://127.0.0.1:{port}"
        )),
    }
}

/// Refuses a port that is taken.
fn free(port: u16) -> Result<(), Halt> {
    match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
        Ok(_free) => Ok(()),
        Err(error) => Err(Halt::refused(format!(
            "port {port} of this machine cannot be listened on ({error}): name another one with --local-port"
        ))),
    }
}

/// What the tunnel is kept with.
struct Through {
    session: Session,
    fleet: Fleet,
    /// Whether the fleet was read just now.
    fresh: bool,
    cluster: ClusterId,
    wanted: Wanted,
    /// The API at this end of the tunnel, where a kubeconfig is kept.
    api: Option<KubeApi>,
}

#[async_trait]
impl Guide for Through {
    async fn gates(&mut self) -> Result<Vec<Gate>, String> {
        if !std::mem::take(&mut self.fresh) {
            read(&self.session, &mut self.fleet, &Want::new([FeedKind::Instances])).await;
        }
        match gates(&self.fleet, &self.cluster, &self.wanted) {
            none if none.is_empty() => Err(format!("{} has no running server", self.cluster)),
            found => Ok(found),
        }
    }

    async fn answers(&self) -> Result<(), String> {
        answers(self.wanted.port).await?;
        match &self.api {
            None => Ok(()),
            Some(api) => match api.server().await {
                Ok(_server) => Ok(()),
                // It is the cluster's own API that says no; what is wrong with a kubeconfig is no matter of the tunnel.
                Err(error) if matches!(error.kind, FaultKind::Denied | FaultKind::Credentials) => Ok(()),
                Err(error) => Err(error.to_string()),
            },
        }
    }

    fn say(&self, line: String) {
        complain(&line);
    }
}
