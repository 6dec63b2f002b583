//! A file of a machine that was just launched: it may not answer yet, not have the file yet, and not know our key yet.

use std::io;
use std::net::IpAddr;
use std::process::{Output, Stdio};
use std::sync::PoisonError;
use std::time::Duration;

use smol_str::{SmolStr, format_smolstr};
use tokio::process::Command;
use tokio::time::{Instant, timeout};

use super::OpenSsh;
use super::call::quoted;
use super::said::{self, Said};
use crate::fleet::FaultKind;
use crate::provider::{ProviderError, Result, Secret};

/// For the connection alone.
const CONNECT: Duration = Duration::from_secs(8);
/// For a call as a whole.
const CALL: Duration = Duration::from_secs(30);
/// How long a machine may deny everyone after it first answered: it may not have taken in its keys yet.
pub(super) const KEYLESS: Duration = Duration::from_mins(1);

impl OpenSsh {
    /// As the port says.
    pub(super) async fn read_as_root(&self, user: &str, address: IpAddr, path: &str) -> Result<Option<Secret>> {
        let failed = |kind, message: String, mend: SmolStr| ProviderError {
            kind,
            call: format_smolstr!("read {path} over SSH"),
            target: format_smolstr!("{user}@{address}"),
            message: message.into(),
            mend,
        };
        let command = format!("sudo -n cat -- {}", quoted(path));
        let output = match self.at_once(user, address, &command).await {
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

    /// Runs a command on a machine. `None` when nothing came of it in time.
    async fn at_once(&self, user: &str, address: IpAddr, command: &str) -> io::Result<Option<Output>> {
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
