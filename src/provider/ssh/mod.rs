//! Machines over SSH, with the system's own OpenSSH: the operator's configuration, agent, keys and known hosts hold here
//! as they do in a shell.
//!
//! One `ssh` is run for each call, without a terminal, and without a question it could ask. What it writes goes into a
//! [`Secret`]; of what it says of a failure only the line that matters is told.

mod edge;
mod links;
mod reading;
mod said;

use std::ffi::OsString;
use std::io;
use std::net::IpAddr;
use std::process::{Output, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use rustc_hash::FxHashMap;
use smol_str::{SmolStr, format_smolstr};
use tokio::process::Command;
use tokio::time::{Instant, timeout};

pub use self::edge::EdgeSsh;
use self::said::Said;
use super::{ProviderError, Result, Secret, ShellControl};
use crate::fleet::FaultKind;

/// For the connection alone.
const CONNECT: Duration = Duration::from_secs(8);
/// For a call as a whole.
const CALL: Duration = Duration::from_secs(30);
/// How long a machine may deny everyone after it first answered: it may not have taken in its keys yet.
const KEYLESS: Duration = Duration::from_mins(1);

/// The operator's own OpenSSH.
#[derive(Debug)]
pub struct OpenSsh {
    program: OsString,
    /// Since when each machine denies us.
    denied: Mutex<FxHashMap<IpAddr, Instant>>,
}

impl Default for OpenSsh {
    fn default() -> Self {
        Self::new("ssh")
    }
}

impl OpenSsh {
    /// One that runs this program in place of `ssh`.
    pub fn new(program: impl Into<OsString>) -> Self {
        Self {
            program: program.into(),
            denied: Mutex::default(),
        }
    }

    /// Runs a command on a machine. `None` when nothing came of it in time.
    async fn run(&self, user: &str, address: IpAddr, command: &str) -> io::Result<Option<Output>> {
        let mut ssh = Command::new(&self.program);
        let options = [
            "BatchMode=yes".to_owned(),
            // First use is recorded; a host whose key has changed is refused.
            "StrictHostKeyChecking=accept-new".to_owned(),
            format!("ConnectTimeout={}", CONNECT.as_secs()),
            "ServerAliveInterval=5".to_owned(),
            "ServerAliveCountMax=3".to_owned(),
            "RequestTTY=no".to_owned(),
            // A master that stays in the background would hold our pipes open.
            "ControlPath=none".to_owned(),
        ];
        for option in options {
            ssh.arg("-o").arg(option);
        }
        ssh.args(["-l", user, "--", &address.to_string(), command]);
        ssh.env("LC_ALL", "C");
        ssh.stdin(Stdio::null()).kill_on_drop(true);
        match timeout(CALL, ssh.output()).await {
            Ok(output) => output.map(Some),
            Err(_elapsed) => Ok(None),
        }
    }

    /// Whether a denial may be one of a machine that has just booted.
    fn may_be_early(&self, address: IpAddr) -> bool {
        let mut denied = self.denied.lock().unwrap_or_else(PoisonError::into_inner);
        denied.entry(address).or_insert_with(Instant::now).elapsed() < KEYLESS
    }
}

#[async_trait]
impl ShellControl for OpenSsh {
    async fn read_file(&self, user: &str, address: IpAddr, path: &str) -> Result<Option<Secret>> {
        let failed = |kind, message: String, mend: SmolStr| ProviderError {
            kind,
            call: format_smolstr!("read {path} over SSH"),
            target: format_smolstr!("{user}@{address}"),
            message: message.into(),
            mend,
        };
        let command = format!("sudo -n cat -- {}", quoted(path));
        let output = match self.run(user, address, &command).await {
            Ok(Some(output)) => output,
            Ok(None) => return Ok(None),
            Err(error) => {
                let mend = "install the OpenSSH client, and see that ssh is on the PATH";
                return Err(failed(
                    FaultKind::Other,
                    format!("ssh cannot be run: {error}"),
                    mend.into(),
                ));
            }
        };
        if output.status.success() {
            let text = String::from_utf8(output.stdout)
                .map_err(|_bytes| failed(FaultKind::Malformed, "it is no text".to_owned(), SmolStr::default()))?;
            // K3s may be writing it just now.
            return Ok(Some(text).filter(|text| !text.trim().is_empty()).map(Secret::new));
        }
        match said::of(output.status.code(), &String::from_utf8_lossy(&output.stderr)) {
            Said::NotYet => Ok(None),
            Said::Denied(_) if self.may_be_early(address) => Ok(None),
            said => {
                let (kind, message, mend) = said.explain(user, address);
                Err(failed(kind, message, mend))
            }
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

/// A word as a POSIX shell takes it.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
