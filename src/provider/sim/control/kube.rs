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
use crate::provider::{BoundPod, Eviction, KubeControl, Result};

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
}

#[async_trait]
impl KubeControl for SimKubeControl {
    fn context(&self) -> &ContextId {
        &self.context
    }

    async fn set_schedulable(&self, node: &str, on: bool) -> Result<()> {
        let call = "patch nodes";
        let there = self.change(call, |s, no| s.let_schedule(no, node, on)).await?;
        if there {
            return Ok(());
        }
        let why = Refused::new(
            format_smolstr!("404 nodes \"{node}\" not found"),
            "the node is gone, or its cluster is another context's",
        );
        Err(refused(&self.target, call, why))
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

    async fn delete_node_password(&self, _: &str) -> crate::provider::Result<()> {
        Err(crate::provider::pending("delete_node_password"))
    }

    async fn mark(&self, _: &str, _: &crate::provider::Marks) -> crate::provider::Result<()> {
        Err(crate::provider::pending("mark"))
    }

    async fn ca_hash(&self) -> crate::provider::Result<smol_str::SmolStr> {
        Err(crate::provider::pending("ca_hash"))
    }

    async fn make_bootstrap_token(&self, _: &crate::provider::BootstrapOrder) -> crate::provider::Result<()> {
        Err(crate::provider::pending("make_bootstrap_token"))
    }

    async fn delete_bootstrap_token(&self, _: &str) -> crate::provider::Result<()> {
        Err(crate::provider::pending("delete_bootstrap_token"))
    }
}
