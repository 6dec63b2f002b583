//! Edge hosts as probes find them: one script for each probe, run over a connection that OpenSSH keeps, so that a probe
//! costs one round trip once the host is connected, and a dead host one bounded wait.
//!
//! Only hosts whose key is already known are spoken to. Nothing is ever asked of the operator, nothing is changed there.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use smol_str::{SmolStr, format_smolstr};
use tokio::process::Command;
use tokio::time::{Instant, timeout};

use super::links::{Link, Links, Login, control_path};
use super::reading::{self, Between};
use super::{quoted, said};
use crate::fleet::{EdgeHealth, EdgeHost, FaultKind};
use crate::provider::{ProviderError, Result, Shell};

/// What each probe runs.
const SCRIPT: &str = include_str!("../../../assets/probe.sh");
/// For the connection alone.
const CONNECT: Duration = Duration::from_secs(6);
/// For a probe as a whole: less than the feed waits for one host.
const CALL: Duration = Duration::from_secs(9);
/// How long a connection is kept without a probe, in seconds; probes come every half minute while somebody looks.
const KEPT: u32 = 150;

/// The edge hosts, by the operator's own OpenSSH.
#[derive(Debug)]
pub struct EdgeSsh {
    program: OsString,
    links: Links,
    now: fn() -> Timestamp,
}

impl EdgeSsh {
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
        }
    }

    /// Runs the script on a host. `None` when it did not end in time.
    async fn run(&self, login: &Login, link: Option<&Link>) -> std::io::Result<Option<Output>> {
        let mut ssh = Command::new(&self.program);
        let options = [
            "BatchMode=yes".to_owned(),
            // A new key is only taken after a yes; a changed one never.
            "StrictHostKeyChecking=yes".to_owned(),
            format!("ConnectTimeout={}", CONNECT.as_secs()),
            "ServerAliveInterval=5".to_owned(),
            "ServerAliveCountMax=2".to_owned(),
            "RequestTTY=no".to_owned(),
            "RemoteCommand=none".to_owned(),
            "PermitLocalCommand=no".to_owned(),
            "ClearAllForwardings=yes".to_owned(),
            "ForwardAgent=no".to_owned(),
            "ForwardX11=no".to_owned(),
        ];
        for option in options {
            ssh.arg("-o").arg(option);
        }
        if let Some(link) = link {
            ssh.args(["-o", "ControlMaster=auto", "-o"])
                .arg(format!("ControlPersist={KEPT}"));
            ssh.arg("-o").arg(control_path(&link.socket)).stderr(link.log_to()?);
        } else {
            ssh.args(["-o", "ControlPath=none"]).stderr(Stdio::piped());
        }
        ssh.args(login.args())
            .arg(format!("exec /bin/sh -c {}", quoted(SCRIPT)));
        ssh.env("LC_ALL", "C");
        ssh.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
        let child = ssh.spawn()?;
        match timeout(CALL, child.wait_with_output()).await {
            Ok(output) => output.map(|output| Some(with_log(output, link))),
            Err(_elapsed) => Ok(None),
        }
    }
}

fn with_log(output: Output, link: Option<&Link>) -> Output {
    match link {
        Some(link) if !output.status.success() => Output {
            stderr: link.logged().into_bytes(),
            ..output
        },
        _ => output,
    }
}

#[async_trait]
impl Shell for EdgeSsh {
    async fn probe(&self, host: &EdgeHost) -> Result<EdgeHealth> {
        let login = Login::of(host);
        let failed = |kind, message: String, mend: SmolStr| ProviderError {
            kind,
            call: "probe over SSH".into(),
            target: format_smolstr!("{}", host.name.as_str()),
            message: message.into(),
            mend,
        };
        let link = self.links.link(&login);
        let (sent, begun) = ((self.now)(), Instant::now());
        let output = match self.run(&login, link.as_ref()).await {
            Ok(Some(output)) => output,
            Ok(None) => {
                // A connection that hangs is not to be asked again.
                if let Some(link) = &link {
                    self.links.forget(&login, link);
                }
                let why = format!("no answer within {} s", CALL.as_secs());
                return Err(failed(FaultKind::Unreachable, why, SmolStr::default()));
            }
            Err(error) => {
                let mend = "install the OpenSSH client, and see that ssh is on the PATH and the state directory can be \
                            written";
                let why = format!("ssh cannot be run: {error}");
                return Err(failed(FaultKind::Other, why, mend.into()));
            }
        };
        if !output.status.success() {
            let stderr = String::from_utf8_lossy(&output.stderr);
            let (kind, message, mend) = said::of_edge(output.status.code(), &stderr, &login.words());
            return Err(failed(kind, message, mend));
        }
        let between = Between {
            sent,
            received: (self.now)(),
        };
        let latency = u32::try_from(begun.elapsed().as_millis()).unwrap_or(u32::MAX);
        reading::read(&String::from_utf8_lossy(&output.stdout), latency, between).ok_or_else(|| {
            let mend = format_smolstr!(
                "see that ssh {} gives a shell there, and no menu or forced command",
                login.words()
            );
            failed(
                FaultKind::Malformed,
                "its answer is not that of the probe".to_owned(),
                mend,
            )
        })
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

#[cfg(test)]
#[cfg(unix)]
mod tests;
