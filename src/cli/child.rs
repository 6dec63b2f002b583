//! A command that is run: found beforehand, told of signals, and ended when it takes too long to end.
//!
//! Where a terminal is its standard input it stays in our process group: it may read from the terminal, and Ctrl-C reaches
//! it from there. Elsewhere it leads a group of its own, so that all it has started can be told of a signal.

use std::ffi::{OsStr, OsString};
use std::io::{self, IsTerminal};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::time::{Instant, sleep_until};

use super::complain;
use crate::runtime::signals::{End, Ends};

/// How long the command has to end after a signal.
const GRACE: Duration = Duration::from_secs(10);
/// Where commands are looked for when nothing is said.
const PATH: &str = "/bin:/usr/bin";

/// Why a command does not run.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    /// There is no such command.
    #[error("there is no command {}; name one that is in PATH, or its file", .0.display())]
    Missing(OsString),
    /// It cannot be run.
    #[error("{} cannot be run: {why}", .program.display())]
    Unfit {
        /// The command.
        program: OsString,
        /// Why.
        why: io::Error,
    },
}

impl Fault {
    /// The exit code, as shells give it.
    pub(super) fn code(&self) -> u8 {
        match self {
            Self::Missing(_) => 127,
            Self::Unfit { .. } => 126,
        }
    }

    fn of(program: &OsStr, why: io::Error) -> Self {
        let program = program.to_owned();
        match why.kind() {
            io::ErrorKind::NotFound => Self::Missing(program),
            _ => Self::Unfit { program, why },
        }
    }
}

/// Finds a command as the system would.
pub(super) fn find(program: &OsStr) -> Result<PathBuf, Fault> {
    find_in(program, &std::env::var_os("PATH").unwrap_or_else(|| PATH.into()))
}

fn find_in(program: &OsStr, path: &OsStr) -> Result<PathBuf, Fault> {
    let named = Path::new(program);
    let places: Vec<PathBuf> = match named.components().count() > 1 || program.is_empty() {
        true => vec![named.to_owned()],
        false => std::env::split_paths(path)
            .map(|directory| directory.join(named))
            .collect(),
    };
    let mut first = io::Error::from(io::ErrorKind::NotFound);
    for place in places {
        match std::fs::metadata(&place) {
            Ok(found) if found.is_file() && found.permissions().mode() & 0o111 != 0 => return Ok(place),
            Ok(_) => first = io::ErrorKind::PermissionDenied.into(),
            Err(_) => {}
        }
    }
    Err(Fault::of(program, first))
}

/// A running command.
pub(super) struct Child {
    program: OsString,
    child: tokio::process::Child,
    /// Its process; a group of its own where `leads`.
    pid: Option<Pid>,
    leads: bool,
}

impl Child {
    /// Starts a command with these environment variables besides our own; its input and output are ours.
    pub(super) fn start(
        program: &OsStr,
        args: &[OsString],
        variables: impl IntoIterator<Item = (&'static str, OsString)>,
    ) -> Result<Self, Fault> {
        let leads = !io::stdin().is_terminal();
        let mut command = tokio::process::Command::new(program);
        command.args(args).envs(variables).kill_on_drop(true);
        if leads {
            command.process_group(0);
        }
        let child = command.spawn().map_err(|why| Fault::of(program, why))?;
        let pid = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        Ok(Self {
            program: program.to_owned(),
            child,
            pid,
            leads,
        })
    }

    /// Waits for its end and gives its exit code, as shells do: 128 and the signal's number when one ended it. Signals to
    /// us are passed on; `told` hears of each.
    pub(super) async fn wait(mut self, ends: &mut Ends, mut told: impl FnMut(End)) -> Result<u8, Fault> {
        let mut deadline: Option<Instant> = None;
        let status = loop {
            let overdue = async {
                match deadline {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                status = self.child.wait() => break status,
                end = ends.next() => {
                    told(end);
                    if deadline.is_some() {
                        self.kill();
                    } else {
                        let grace = GRACE.as_secs();
                        complain(&format!("{} has {grace} s to end; once more kills it", self.program.display()));
                        deadline = Some(Instant::now() + GRACE);
                        self.pass_on(end);
                    }
                }
                () = overdue => {
                    complain(&format!("{} did not end, and is killed", self.program.display()));
                    self.kill();
                    deadline = Some(Instant::now() + GRACE);
                }
            }
        };
        if deadline.is_some() {
            // What it started shall not outlive the cluster either.
            self.kill();
        }
        status.map(code).map_err(|why| Fault::of(&self.program, why))
    }

    fn pass_on(&self, end: End) {
        let signal = match end {
            End::Terminate => Signal::TERM,
            End::Hangup => Signal::HUP,
            // The terminal has told it already.
            End::Interrupt if !self.leads => return,
            End::Interrupt => Signal::INT,
        };
        self.send(signal);
    }

    fn kill(&self) {
        self.send(Signal::KILL);
    }

    fn send(&self, signal: Signal) {
        let sent = match self.pid {
            Some(group) if self.leads => kill_process_group(group, signal),
            // Its id may be another's once its end is known.
            Some(pid) if self.child.id().is_some() => kill_process(pid, signal),
            _ => return,
        };
        if let Err(error) = sent {
            tracing::debug!("a signal for {} is not sent: {error}", self.program.display());
        }
    }
}

fn code(status: ExitStatus) -> u8 {
    let signal = || status.signal().map_or(1, |signal| 128 + signal);
    u8::try_from(status.code().unwrap_or_else(signal)).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_found_as_the_system_finds_it() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("tool");
        std::fs::write(&file, "#!/bin/sh\n").unwrap();
        let find = |program: &str| find_in(OsStr::new(program), home.path().as_os_str()).map_err(|fault| fault.code());
        assert_eq!(find("tool"), Err(126), "it may not be run");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(find("tool"), Ok(file.clone()));
        assert_eq!(find(file.to_str().unwrap()), Ok(file));
        assert_eq!(
            (find("other"), find("/nowhere/tool"), find("")),
            (Err(127), Err(127), Err(127))
        );
    }

    #[test]
    fn exit_codes_are_those_of_shells() {
        assert_eq!(code(ExitStatus::from_raw(7 << 8)), 7);
        assert_eq!(code(ExitStatus::from_raw(9)), 137);
        assert_eq!(code(ExitStatus::from_raw(0)), 0);
    }
}
