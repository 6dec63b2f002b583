//! Machines over SSH, with the system's own OpenSSH: the operator's configuration, agent, keys and known hosts hold here
//! as they do in a shell.
//!
//! ```text
//!  Shell, ShellControl ─▶ Call ─▶ ssh ─▶ the connection that is kept to a host ─▶ its login shell ─▶ sh, sudo sh
//! ```
//! One `ssh` is run for each call, without a terminal, and without a question it could ask; a call costs one round trip
//! once its host is connected, and a dead host one bounded wait. What ssh says when it fails is put into words: which key,
//! which hop, whose host key. Only hosts whose key is known are spoken to, but for machines that were just launched.

mod broken;
mod call;
mod key;
mod launched;
mod links;
mod own;
mod probe;
mod reading;
mod root;
mod run;
mod said;
mod upload;

use std::ffi::OsString;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use async_trait::async_trait;
use jiff::Timestamp;
use rustc_hash::FxHashMap;
use smol_str::SmolStr;
use tokio::time::Instant;

use self::links::Links;
use self::root::Rooting;
use super::{HostKey, Ran, Result, Secret, Shell, ShellControl};
use crate::blueprint::machine::{Facts, Inside, Kept, Task};
use crate::fleet::{EdgeHealth, EdgeHost, Role};

/// The operator's own OpenSSH.
#[derive(Debug)]
pub struct OpenSsh {
    program: OsString,
    links: Links,
    now: fn() -> Timestamp,
    /// Since when each launched machine denies us.
    denied: Mutex<FxHashMap<IpAddr, Instant>>,
    rooting: Rooting,
    /// Held by whoever writes a host key down.
    writing: tokio::sync::Mutex<()>,
}

impl OpenSsh {
    /// Connections are kept below this directory or, where that makes too long a path, below the system's directory for
    /// what runs.
    pub fn new(state: &Path, now: fn() -> Timestamp) -> Self {
        let mut homes = vec![state.join("ssh")];
        homes.extend(std::env::var_os("XDG_RUNTIME_DIR").map(|run| PathBuf::from(run).join("k3fleet")));
        Self::with("ssh".into(), homes, now)
    }

    /// One that runs this program in place of `ssh`, and keeps its connections below one of these directories.
    pub fn with(program: OsString, homes: Vec<PathBuf>, now: fn() -> Timestamp) -> Self {
        Self {
            links: Links::new(program.clone(), homes),
            program,
            now,
            denied: Mutex::default(),
            rooting: Rooting::default(),
            writing: tokio::sync::Mutex::default(),
        }
    }
}

#[async_trait]
impl Shell for OpenSsh {
    async fn probe(&self, host: &EdgeHost) -> Result<EdgeHealth> {
        self.health(host).await
    }

    async fn facts(&self, host: &EdgeHost, addresses: &[SmolStr]) -> Result<Facts> {
        self.found(host, addresses).await
    }

    async fn host_key(&self, host: &EdgeHost) -> Result<Option<HostKey>> {
        self.shown_key(host).await
    }
}

#[async_trait]
impl ShellControl for OpenSsh {
    async fn read_file(&self, user: &str, address: IpAddr, path: &str) -> Result<Option<Secret>> {
        self.read_as_root(user, address, path).await
    }

    async fn trust(&self, host: &EdgeHost, key: &HostKey) -> Result<()> {
        self.write_down(host, key).await
    }

    fn set_sudo_password(&self, password: Secret) {
        self.rooting.set_password(password);
    }

    async fn inside(&self, host: &EdgeHost) -> Result<Inside> {
        self.look_inside(host, &Inside::script()).await
    }

    async fn glance(&self, host: &EdgeHost) -> Result<Inside> {
        self.look_inside(host, &Inside::glance()).await
    }

    async fn work(&self, host: &EdgeHost, task: &Task, secrets: &[Secret]) -> Result<String> {
        self.do_task(host, task, secrets).await
    }

    async fn token(&self, host: &EdgeHost, kind: Role, kept: Kept) -> Result<Option<Secret>> {
        self.read_token(host, kind, kept).await
    }

    async fn upload(
        &self,
        host: &EdgeHost,
        file: &Path,
        directory: &str,
        progress: &(dyn Fn(u64, u64) + Send + Sync),
    ) -> Result<()> {
        self.bring(host, file, directory, progress).await
    }

    async fn run(&self, host: &EdgeHost, argv: &[String]) -> Result<Ran> {
        self.run_there(host, argv).await
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
