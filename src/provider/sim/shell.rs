//! The simulated edge hosts: what one probing command finds on a board.

use std::sync::Arc;

use async_trait::async_trait;
use smol_str::SmolStr;

use super::fault::{Target, error};
use super::node::gib;
use super::noise::{hash, unit, wave};
use super::scenario::FaultSort;
use super::state::{Board, State};
use super::world::World;
use crate::fleet::{EdgeHealth, EdgeHost};
use crate::provider::{Result, Shell};

const CALL: &str = "ssh probe";

/// All edge hosts.
#[derive(Debug)]
pub(super) struct SimShell {
    world: Arc<World>,
}

impl SimShell {
    pub(super) fn new(world: Arc<World>) -> Self {
        Self { world }
    }
}

#[async_trait]
impl Shell for SimShell {
    async fn probe(&self, host: &EdgeHost) -> Result<EdgeHealth> {
        let target = Target::Host(SmolStr::new(host.name.as_str()));
        let found = |s: &State| s.boards.get(&host.name).filter(|b| b.up).map(|b| health(s, b));
        let health = self.world.call(&target, CALL, found).await?;
        health.ok_or_else(|| error(FaultSort::Dead, &target, CALL))
    }

    async fn facts(
        &self,
        _: &crate::fleet::EdgeHost,
        _: &[smol_str::SmolStr],
    ) -> crate::provider::Result<crate::blueprint::machine::Facts> {
        Err(crate::provider::pending("facts"))
    }

    async fn host_key(&self, _: &crate::fleet::EdgeHost) -> crate::provider::Result<Option<crate::provider::HostKey>> {
        Err(crate::provider::pending("host_key"))
    }
}

fn health(state: &State, board: &Board) -> EdgeHealth {
    #[expect(clippy::cast_precision_loss, reason = "seconds of this millennium")]
    let t = state.now.as_second() as f64;
    let spec = &board.spec;
    let key = hash(state.seed, &["board", &spec.name]);
    let load = f64::from(spec.cores) * (0.22 + 0.16 * wave(key, t, 180.0));
    let memory = spec.memory_gib * (0.45 + 0.08 * wave(key ^ 1, t, 1_200.0));
    let disk = spec.disk_gib * (0.3 + 0.35 * unit(key ^ 2));
    let pi = spec.model.starts_with("Raspberry");
    let temperature = 52.0 + 10.0 * unit(key ^ 3) + 6.0 * wave(key ^ 4, t, 300.0);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "small and positive"
    )]
    let latency_ms = (14.0 + 30.0 * unit(key ^ 5) + 8.0 * (1.0 + wave(key ^ 6, t, 20.0))) as u32;
    #[expect(clippy::cast_possible_truncation, reason = "a reading has one decimal")]
    let tenth = |x: f64| ((x * 10.0).round() / 10.0) as f32;
    EdgeHealth {
        latency_ms,
        model: Some(spec.model.clone()),
        arch: Some(spec.arch),
        os: Some(spec.os.clone()),
        load: Some(tenth(load)),
        memory: Some((gib(memory), gib(spec.memory_gib))),
        disk: Some((gib(disk), gib(spec.disk_gib))),
        temperature: Some(tenth(temperature)),
        throttled: pi.then_some(temperature > 80.0),
        ..EdgeHealth::default()
    }
}
