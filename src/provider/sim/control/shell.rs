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

    async fn trust(&self, _: &crate::fleet::EdgeHost, _: &crate::provider::HostKey) -> crate::provider::Result<()> {
        Err(crate::provider::pending("trust"))
    }

    fn set_sudo_password(&self, _: crate::provider::Secret) {}

    async fn inside(&self, _: &crate::fleet::EdgeHost) -> crate::provider::Result<crate::blueprint::machine::Inside> {
        Err(crate::provider::pending("inside"))
    }

    async fn work(
        &self,
        _: &crate::fleet::EdgeHost,
        _: &crate::blueprint::machine::Task,
        _: &[crate::provider::Secret],
    ) -> crate::provider::Result<String> {
        Err(crate::provider::pending("work"))
    }

    async fn upload(
        &self,
        _: &crate::fleet::EdgeHost,
        _: &std::path::Path,
        _: &str,
        _: &(dyn Fn(u64, u64) + Send + Sync),
    ) -> crate::provider::Result<()> {
        Err(crate::provider::pending("upload"))
    }

    async fn run(&self, _: &crate::fleet::EdgeHost, _: &[String]) -> crate::provider::Result<crate::provider::Ran> {
        Err(crate::provider::pending("run"))
    }
}
