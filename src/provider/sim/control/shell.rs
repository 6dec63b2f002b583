//! Machines of the simulated world, over SSH.

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use smol_str::format_smolstr;

use super::super::fault::{Target, error};
use super::super::scenario::FaultSort;
use super::super::world::World;
use crate::provider::{Result, Secret, ShellControl};

const CALL: &str = "ssh read file";

/// All machines.
#[derive(Debug)]
pub(in super::super) struct SimShellControl {
    world: Arc<World>,
}

impl SimShellControl {
    pub(in super::super) fn new(world: Arc<World>) -> Self {
        Self { world }
    }
}

#[async_trait]
impl ShellControl for SimShellControl {
    async fn read_file(&self, user: &str, address: IpAddr, path: &str) -> Result<Option<Secret>> {
        let target = Target::Host(format_smolstr!("{user}@{address}"));
        let found = self.world.call(&target, CALL, |s| s.file_at(address, path)).await?;
        match found {
            Ok(text) => Ok(text.map(Secret::new)),
            Err(_nobody) => Err(error(FaultSort::Denied, &target, CALL)),
        }
    }
}
