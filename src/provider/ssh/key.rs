//! The keys by which hosts are known: one that is new is shown, and written down only after a yes; one that has changed
//! is refused.
//!
//! What a host shows is what ssh itself takes in: into a known-hosts file of one call, so that jump hosts, aliases and
//! ports are as they are in the operator's configuration.

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::time::timeout;

use super::broken::{self, Why};
use super::call::{Call, Input, command, over_ssh};
use super::links::{Login, file_option, private, said};
use super::{OpenSsh, own};
use crate::fleet::{EdgeHost, FaultKind};
use crate::provider::{HostKey, Result};

/// For asking a host for its key.
const LIMIT: Duration = Duration::from_secs(15);

impl OpenSsh {
    /// As the port says.
    pub(super) async fn shown_key(&self, host: &EdgeHost) -> Result<Option<HostKey>> {
        let call = Call::new(over_ssh("read the host key"), host, "exit 0".to_owned(), LIMIT);
        let answer = self.raw(&call, Input::Nothing).await?;
        let broken = match answer.code {
            Some(255) => broken::of(&answer.stderr),
            _ => return Ok(None),
        };
        match broken.why {
            Why::Unknown if !broken.hop => self.fetch(&call).await.map(Some),
            // Who we are is asked only once the key was found good.
            Why::Denied { .. } if !broken.hop => Ok(None),
            _ => Err(self.explained(&call, &broken).await),
        }
    }

    /// Has ssh take in the key that a host shows, in a file of its own.
    async fn fetch(&self, call: &Call<'_>) -> Result<HostKey> {
        let scratch = Scratch::new().map_err(|error| {
            let mend = "see that the temporary directory can be written";
            call.failed(FaultKind::Other, format!("no file for the key: {error}"), mend)
        })?;
        let file = scratch.0.join("known_hosts");
        let mut ssh = command(&self.program);
        for option in [
            "StrictHostKeyChecking=accept-new",
            "GlobalKnownHostsFile=none",
            "HashKnownHosts=no",
            "CheckHostIP=no",
            "UpdateHostKeys=no",
            // The key comes before that, and nobody needs to be logged in.
            "PreferredAuthentications=none",
            "ControlPath=none",
        ] {
            ssh.args(["-o", option]);
        }
        ssh.arg("-o").arg(file_option("UserKnownHostsFile", &file));
        ssh.args(Login::of(call.host).args()).arg("exit 0");
        ssh.stdin(Stdio::null()).stderr(Stdio::piped());
        let output = match timeout(LIMIT, ssh.output()).await {
            Ok(Ok(output)) => output,
            Ok(Err(error)) => {
                let mend = "install the OpenSSH client, and see that ssh is on the PATH";
                return Err(call.failed(FaultKind::Other, format!("ssh cannot be run: {error}"), mend));
            }
            Err(_elapsed) => {
                let why = format!("no answer within {} s", LIMIT.as_secs());
                return Err(call.failed(FaultKind::Unreachable, why, ""));
            }
        };
        let text = fs::read_to_string(&file).unwrap_or_default();
        let Some(line) = text.lines().find(|line| is_line(line)) else {
            let broken = broken::of(&said(&output.stderr));
            return Err(self.explained(call, &broken).await);
        };
        let (fingerprint, kind) = own::fingerprint(line).await.ok_or_else(|| {
            let mend = "see that ssh-keygen, which is part of OpenSSH, is on the PATH";
            call.failed(FaultKind::Malformed, "the fingerprint of its key cannot be told", mend)
        })?;
        Ok(HostKey {
            kind,
            fingerprint,
            line: line.to_owned(),
        })
    }

    /// As the port says.
    pub(super) async fn write_down(&self, host: &EdgeHost, key: &HostKey) -> Result<()> {
        let call = Call::new("write down the host key", host, String::new(), LIMIT);
        if !is_line(&key.line) {
            return Err(call.failed(FaultKind::Malformed, "it is no line of known hosts", ""));
        }
        let own = own::Own::read(&self.program, &Login::of(host)).await;
        let file = own.and_then(|own| own.known_hosts()).ok_or_else(|| {
            let mend = "name a UserKnownHostsFile in the SSH configuration";
            call.failed(FaultKind::Other, "ssh keeps no known hosts for it", mend)
        })?;
        let _alone = self.writing.lock().await;
        append(&file, &key.line).map_err(|error| {
            let mend = "see that the file can be written";
            call.failed(FaultKind::Other, format!("{}: {error}", file.display()), mend)
        })
    }
}

/// Whether a line has the names, the kind and the key of a host, and is one line.
fn is_line(line: &str) -> bool {
    let words = line.split_whitespace().count();
    words >= 3 && !line.starts_with('#') && !line.chars().any(char::is_control)
}

/// Appends a line that is not there yet.
fn append(file: &Path, line: &str) -> io::Result<()> {
    if let Some(directory) = file.parent().filter(|directory| !directory.exists()) {
        private(directory, true)?;
    }
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(file)?;
    let mut bytes = vec![];
    file.read_to_end(&mut bytes)?;
    if bytes
        .split(|b| *b == b'\n')
        .any(|known| known.trim_ascii() == line.as_bytes())
    {
        return Ok(());
    }
    let ended = bytes.last().is_none_or(|last| *last == b'\n');
    file.seek(SeekFrom::End(0))?;
    file.write_all(format!("{}{line}\n", if ended { "" } else { "\n" }).as_bytes())
}

/// A directory for one call, which nobody else reads and which goes with it.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> io::Result<Self> {
        let name = format!("k3fleet-{}-{:016x}", std::process::id(), fastrand::u64(..));
        let path = std::env::temp_dir().join(name);
        private(&path, false)?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn a_line_is_written_once_behind_whatever_stands_there() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("ssh/known_hosts");
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        append(&file, "a ssh-ed25519 AAAA").unwrap();
        assert_eq!((mode(&file), mode(file.parent().unwrap())), (0o600, 0o700));
        append(&file, "a ssh-ed25519 AAAA").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "a ssh-ed25519 AAAA\n");
        fs::write(&file, "# mine\nb ssh-rsa BBBB").unwrap();
        append(&file, "a ssh-ed25519 AAAA").unwrap();
        assert_eq!(
            fs::read_to_string(&file).unwrap(),
            "# mine\nb ssh-rsa BBBB\na ssh-ed25519 AAAA\n"
        );
    }

    #[test]
    fn only_a_line_of_known_hosts_is_one() {
        assert!(is_line("[10.0.0.9]:2222 ssh-ed25519 AAAA"));
        for odd in ["", "a b", "# a b c", "a ssh-ed25519 AAAA\nb ssh-rsa BBBB"] {
            assert!(!is_line(odd), "{odd}");
        }
    }
}
