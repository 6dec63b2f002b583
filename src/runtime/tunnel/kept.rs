//! The tunnels that the program keeps by itself while it runs, for the clusters that `[tunnels]` in `config.toml` names.

use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use async_trait::async_trait;
use futures::future::join_all;
use smol_str::SmolStr;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::gate::{Gate, Wanted, gates};
use super::keep::{Guide, Pace, answers, keep};
use crate::blueprint::{Names, Spec};
use crate::fleet::{AdoptRule, ClusterId, Fleet, Observation};
use crate::provider::{Cloud, Control};

/// How long the end of the programs that hold tunnels is waited for.
const PARTING: Duration = Duration::from_secs(5);
/// How often is looked whether a tunnel is open.
const LOOK: Duration = Duration::from_millis(200);

/// A tunnel that is to be kept.
pub struct Asked {
    /// The cluster's name.
    pub cluster: SmolStr,
    /// In which region it is, where that is said.
    pub region: Option<SmolStr>,
    /// How.
    pub wanted: Wanted,
    /// Where its servers are looked for.
    pub clouds: Vec<Arc<dyn Cloud>>,
    /// What tells who logs in, where it may be asked.
    pub control: Control,
    /// How clusters that others made are recognised.
    pub adopt: Vec<AdoptRule>,
}

/// Tunnels that are kept until this is dropped.
pub struct Tunnels {
    ports: Vec<u16>,
    stop: watch::Sender<bool>,
    ended: Mutex<mpsc::Receiver<()>>,
}

impl Tunnels {
    /// Begins to keep these; on the runtime that this is called on.
    pub fn keep(asked: Vec<Asked>) -> Self {
        let (stop, stopped) = watch::channel(false);
        let (ending, ended) = mpsc::sync_channel(asked.len().max(1));
        let ports = asked.iter().map(|one| one.wanted.port).collect();
        for one in asked {
            let (mut stopped, ending) = (stopped.clone(), ending.clone());
            tokio::spawn(async move {
                let mut guide = one;
                let pace = Pace::default();
                tokio::select! {
                    never = keep(&mut guide, &pace) => match never {},
                    _ = stopped.wait_for(|stop| *stop) => {}
                }
                // Whoever waited has gone.
                let _gone = ending.try_send(());
            });
        }
        Self {
            ports,
            stop,
            ended: Mutex::new(ended),
        }
    }

    /// Waits until all are open, for a while at most.
    pub async fn ready(&self, limit: Duration) {
        let open = self.ports.iter().map(|port| async {
            while answers(*port).await.is_err() {
                sleep(LOOK).await;
            }
        });
        if timeout(limit, join_all(open)).await.is_err() {
            tracing::warn!("not all tunnels are open after {} s", limit.as_secs());
        }
    }
}

impl Drop for Tunnels {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        let ended = self.ended.get_mut().unwrap_or_else(PoisonError::into_inner);
        for _ in &self.ports {
            if ended.recv_timeout(PARTING).is_err() {
                return;
            }
        }
    }
}

/// Who logs in to the machines of a cluster, as its spec says.
pub async fn user_of(control: &Control, cluster: &ClusterId) -> Option<SmolStr> {
    let home = cluster.home.as_ref()?;
    let names = Names::new(&cluster.name, &home.region);
    let json = control.cloud(home)?.parameter(&names.spec()).await.ok()??;
    let spec: Spec = serde_json::from_str(&json).ok()?;
    Some(spec.image.user().into())
}

#[async_trait]
impl Guide for Asked {
    async fn gates(&mut self) -> Result<Vec<Gate>, String> {
        let mut found = vec![];
        for cloud in &self.clouds {
            let scope = cloud.scope();
            if self.region.as_ref().is_some_and(|region| *region != scope.region) {
                continue;
            }
            let mut fleet = Fleet::new(self.adopt.clone());
            for instance in cloud.instances().await.map_err(|error| error.to_string())? {
                fleet.apply(Observation::Instance(Box::new(instance)), super::super::clock::now());
            }
            let cluster = ClusterId {
                name: self.cluster.clone(),
                home: Some(scope.clone()),
            };
            if self.wanted.user.is_none() {
                self.wanted.user = user_of(&self.control, &cluster).await;
            }
            found.extend(gates(&fleet, &cluster, &self.wanted));
        }
        match found.is_empty() {
            true => Err(format!("{} has no running server", self.cluster)),
            false => Ok(found),
        }
    }

    async fn answers(&self) -> Result<(), String> {
        answers(self.wanted.port).await
    }

    fn say(&self, line: String) {
        tracing::info!("tunnel to {}: {line}", self.cluster);
    }
}
