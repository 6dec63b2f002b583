//! Sources with one thing to say: who the credentials belong to, and what an API server runs.

use std::sync::Arc;

use async_trait::async_trait;
use smol_str::SmolStr;
use tokio::sync::watch;

use super::poll::{Answer, Halt, Next, Poll};
use super::sink::Sink;
use crate::fleet::{KubeServer, Observation};
use crate::provider::{Cloud, Kube};

/// The account of a scope.
pub(super) struct Account {
    cloud: Arc<dyn Cloud>,
    told: Option<SmolStr>,
}

impl Account {
    pub(super) fn new(cloud: Arc<dyn Cloud>) -> Self {
        Self { cloud, told: None }
    }
}

#[async_trait]
impl Poll for Account {
    async fn read(&mut self, _: &Sink) -> Result<Answer, Halt> {
        let account = self.cloud.account().await?;
        let mut observations = Vec::new();
        if self.told.as_ref() != Some(&account) {
            self.told = Some(account.clone());
            observations.push(Observation::Account(self.cloud.scope().clone(), account));
        }
        Ok(Answer {
            observations,
            next: Next::Paced,
        })
    }
}

/// The API server of a context: the context's other feeds begin once it is known to run K3s, and one that runs
/// something else is told of and left alone.
pub(super) struct Server {
    kube: Arc<dyn Kube>,
    k3s: watch::Sender<bool>,
    told: Option<KubeServer>,
}

impl Server {
    pub(super) fn new(kube: Arc<dyn Kube>, k3s: watch::Sender<bool>) -> Self {
        Self { kube, k3s, told: None }
    }
}

#[async_trait]
impl Poll for Server {
    async fn read(&mut self, _: &Sink) -> Result<Answer, Halt> {
        let server = self.kube.server().await?;
        if server.is_k3s() {
            self.k3s.send_replace(true);
        }
        let next = if *self.k3s.borrow() { Next::Paced } else { Next::Never };
        let mut observations = Vec::new();
        if self.told.as_ref() != Some(&server) {
            self.told = Some(server.clone());
            observations.push(Observation::Server(server));
        }
        Ok(Answer { observations, next })
    }
}
