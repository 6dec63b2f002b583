//! Changes in a simulated cluster, through its API server.

use std::sync::Arc;

use async_trait::async_trait;
use smol_str::{SmolStr, format_smolstr};

use super::super::fault::{Target, error};
use super::super::scaling::Refused;
use super::super::scenario::FaultSort;
use super::super::state::{ClusterNo, State};
use super::super::world::World;
use super::refused;
use crate::fleet::ContextId;
use crate::provider::{BootstrapOrder, BoundPod, Eviction, KubeControl, Marks, ProviderError, Result};

const PATCH: &str = "patch nodes";

/// One cluster, or what takes its place, through its context.
#[derive(Debug)]
pub(in super::super) struct SimKubeControl {
    world: Arc<World>,
    cluster: ClusterNo,
    context: ContextId,
    target: Target,
}

impl SimKubeControl {
    pub(in super::super) fn new(world: Arc<World>, cluster: ClusterNo, context: ContextId) -> Self {
        let target = Target::Context(SmolStr::new(context.as_str()));
        Self {
            world,
            cluster,
            context,
            target,
        }
    }

    async fn change<R>(&self, call: &str, change: impl FnOnce(&mut State, ClusterNo) -> R) -> Result<R> {
        let change = |s: &mut State| match s.api_up(self.cluster) {
            true => Ok(change(s, self.cluster)),
            false => Err(error(FaultSort::Dead, &self.target, call)),
        };
        self.world.change(&self.target, call, change).await?
    }

    fn no_node(&self, node: &str) -> ProviderError {
        let why = Refused::new(
            format_smolstr!("404 nodes \"{node}\" not found"),
            "the node is gone, or its cluster is another context's",
        );
        refused(&self.target, PATCH, why)
    }
}

#[async_trait]
impl KubeControl for SimKubeControl {
    fn context(&self) -> &ContextId {
        &self.context
    }

    async fn set_schedulable(&self, node: &str, on: bool) -> Result<()> {
        let there = self.change(PATCH, |s, no| s.let_schedule(no, node, on)).await?;
        if there { Ok(()) } else { Err(self.no_node(node)) }
    }

    async fn pods_on(&self, node: &str) -> Result<Vec<BoundPod>> {
        let call = "list pods";
        let pods = |s: &State| match s.api_up(self.cluster) {
            true => Ok(s.pods_on(self.cluster, node)),
            false => Err(error(FaultSort::Dead, &self.target, call)),
        };
        self.world.call(&self.target, call, pods).await?
    }

    async fn evict(&self, pod: &BoundPod) -> Result<Eviction> {
        self.change("create pods/eviction", |s, no| s.evict(no, pod)).await
    }

    async fn delete_pod(&self, pod: &BoundPod) -> Result<()> {
        self.change("delete pods", |s, no| s.delete_bound(no, pod)).await
    }

    async fn delete_node(&self, node: &str) -> Result<()> {
        self.change("delete nodes", |s, no| s.delete_node(no, node)).await
    }

    async fn delete_node_password(&self, node: &str) -> Result<()> {
        self.change("delete secrets", |s, no| {
            if let Some(cluster) = s.clusters.get_mut(no) {
                cluster.secrets.passwords.remove(node);
            }
        })
        .await
    }

    async fn delete_balancers(&self) -> Result<Vec<SmolStr>> {
        self.change("delete services", State::delete_balancers).await
    }

    async fn mark(&self, node: &str, marks: &Marks) -> Result<()> {
        let there = self.change(PATCH, |s, no| s.mark(no, node, marks)).await?;
        if there { Ok(()) } else { Err(self.no_node(node)) }
    }

    async fn ca_hash(&self) -> Result<SmolStr> {
        let call = "get /cacerts";
        let hash = |s: &State| match s.api_up(self.cluster) {
            true => Ok(s.ca_hash(self.cluster).into()),
            false => Err(error(FaultSort::Dead, &self.target, call)),
        };
        self.world.call(&self.target, call, hash).await?
    }

    async fn make_bootstrap_token(&self, order: &BootstrapOrder) -> Result<()> {
        self.change("create secrets", |s, no| s.make_bootstrap(no, order)).await
    }

    async fn delete_bootstrap_token(&self, id: &str) -> Result<()> {
        self.change("delete secrets", |s, no| s.delete_bootstrap(no, id)).await
    }
}
