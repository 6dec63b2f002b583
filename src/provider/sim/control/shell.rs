//! Machines of the simulated world, over SSH.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use smol_str::{SmolStr, format_smolstr};

use super::super::fault::{Target, error};
use super::super::scaling::Refused;
use super::super::scenario::FaultSort;
use super::super::shell::{self, board, host_key, target};
use super::super::state::{Host, State};
use super::super::work::{brings, takes};
use super::super::world::World;
use super::refused;
use crate::blueprint::machine::{Inside, Kept, Task};
use crate::fleet::{EdgeHost, FaultKind, Role};
use crate::provider::{HostKey, ProviderError, Ran, Result, Secret, ShellControl};

const READ: &str = "ssh read file";

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

/// Whether a host lets the operator become root who has given this password.
fn is_root(given: Option<&Secret>, state: &State, host: &EdgeHost, call: &str) -> Result<()> {
    if let Host::Machine(_) = shell::host(state, host, call)? {
        return Ok(());
    }
    let board = board(state, host, call)?;
    let Some(wanted) = &board.spec.sudo_password else {
        return Ok(());
    };
    let message = match given {
        None => "sudo: a password is required",
        Some(given) if wanted.is_empty() || given.expose() == wanted => return Ok(()),
        Some(_) => "sudo: 1 incorrect password attempt",
    };
    Err(ProviderError {
        kind: FaultKind::Denied,
        call: call.into(),
        target: target(host).name().clone(),
        message: message.into(),
        mend: "give the password that sudo wants there".into(),
    })
}

#[async_trait]
impl ShellControl for SimShellControl {
    async fn read_file(&self, user: &str, address: IpAddr, path: &str) -> Result<Option<Secret>> {
        let target = Target::Host(format_smolstr!("{user}@{address}"));
        let found = self.world.call(&target, READ, |s| s.file_at(address, path)).await?;
        match found {
            Ok(text) => Ok(text.map(Secret::new)),
            Err(_nobody) => Err(error(FaultSort::Denied, &target, READ)),
        }
    }

    async fn trust(&self, host: &EdgeHost, key: &HostKey) -> Result<()> {
        let (call, target) = ("ssh trust", target(host));
        let trusted = |s: &mut State| {
            let seed = s.seed;
            let Some(board) = s.boards.get_mut(&host.name) else {
                return Err(error(FaultSort::Dead, &target, call));
            };
            if host_key(seed, board) != *key {
                let why = Refused::new("it shows another key now", "look at its key anew");
                return Err(refused(&target, call, why));
            }
            board.life.trusted = true;
            board.life.by_hand = true;
            Ok(())
        };
        self.world.change(&target, call, trusted).await?
    }

    fn set_sudo_password(&self, password: Secret) {
        self.world.set_sudo_password(password);
    }

    async fn inside(&self, host: &EdgeHost) -> Result<Inside> {
        let call = "ssh inside";
        let given = self.world.sudo_password();
        let found = |s: &State| {
            is_root(given.as_ref(), s, host, call)?;
            match shell::host(s, host, call)? {
                Host::Board(_) => board(s, host, call).map(|b| s.inside_board(b)),
                Host::Machine(id) => {
                    let inside = s.inside_machine(&id);
                    inside.ok_or_else(|| error(FaultSort::Dead, &target(host), call))
                }
            }
        };
        self.world.call(&target(host), call, found).await?
    }

    async fn work(&self, host: &EdgeHost, task: &Task, secrets: &[Secret]) -> Result<String> {
        let (call, target) = ("ssh work", target(host));
        let given = self.world.sudo_password();
        let begun = |s: &State| is_root(given.as_ref(), s, host, call);
        self.world.call(&target, call, begun).await??;
        self.world.busy(takes(task)).await;
        let on = self.world.call(&target, call, |s| shell::host(s, host, call)).await??;
        if matches!(task, Task::RotateToken | Task::Handshake { .. }) {
            self.world.k3s_runs(&on).await;
        }
        let secrets: Vec<SmolStr> = secrets.iter().map(|s| s.expose().into()).collect();
        let done = |s: &mut State| {
            is_root(given.as_ref(), s, host, call)?;
            let done = s.work_on(&on, task, &secrets);
            done.map_err(|why| refused(&target, call, why))
        };
        self.world.change(&target, call, done).await?
    }

    async fn token(&self, host: &EdgeHost, kind: Role, kept: Kept) -> Result<Option<Secret>> {
        let (call, target) = ("ssh token", target(host));
        let given = self.world.sudo_password();
        let told = |s: &State| {
            is_root(given.as_ref(), s, host, call)?;
            let on = shell::host(s, host, call)?;
            let told = s.kept_token(&on, kind, kept);
            told.map_err(|why| refused(&target, call, why))
        };
        let told = self.world.call(&target, call, told).await??;
        Ok(told.map(Secret::new))
    }

    async fn upload(
        &self,
        host: &EdgeHost,
        file: &Path,
        directory: &str,
        progress: &(dyn Fn(u64, u64) + Send + Sync),
    ) -> Result<()> {
        let (call, target) = ("ssh upload", target(host));
        let lost = |why: String| refused(&target, call, Refused::new(why, "see that the file is there"));
        let size = std::fs::metadata(file).map_err(|e| lost(format!("{}: {e}", file.display())))?;
        let size = size.len();
        let name = file
            .file_name()
            .map(|n| n.to_string_lossy().into_owned())
            .unwrap_or_default();
        let path = format!("{directory}/{name}");
        let there = |s: &State| board(s, host, call).map(|b| b.life.files.contains(&path));
        if self.world.call(&target, call, there).await?? {
            progress(size, size);
            return Ok(());
        }
        for part in 0..4 {
            progress(size / 4 * part, size);
            self.world.busy(brings(size).as_secs_f64() / 4.0).await;
            let reached = |s: &State| board(s, host, call).map(drop);
            self.world.call(&target, call, reached).await??;
        }
        let arrived = |s: &mut State| s.bring(&host.name, path);
        self.world.change(&target, call, arrived).await?;
        progress(size, size);
        Ok(())
    }

    async fn run(&self, host: &EdgeHost, argv: &[String]) -> Result<Ran> {
        let (call, target) = ("ssh run", target(host));
        let ran = |s: &mut State| {
            board(s, host, call)?;
            Ok(s.run_command(&host.name, argv))
        };
        self.world.change(&target, call, ran).await?
    }
}
