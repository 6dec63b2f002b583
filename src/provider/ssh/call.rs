//! One command on one host: an `ssh` without a terminal and without a question it could ask, over the connection that is
//! kept to the host, and bounded in time and in what is kept of its answer.
//!
//! Only hosts whose key is already known are spoken to.

use std::ffi::OsStr;
use std::io;
use std::process::Stdio;
use std::time::Duration;

use smol_str::{SmolStr, format_smolstr};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::{Instant, sleep, timeout};

use super::broken::{self, Around, Broken, Why};
use super::links::{Link, Login, control_path, said};
use super::upload::Pouring;
use super::{OpenSsh, own};
use crate::fleet::{EdgeHost, FaultKind};
use crate::provider::{ProviderError, Result, Secret};

/// For the connection alone.
const CONNECT: Duration = Duration::from_secs(6);
/// How long a connection is kept without a call, in seconds; probes come every half minute while somebody looks.
const KEPT: u32 = 150;
/// How often a connection is tried anew that sshd dropped before a word was said.
const DROPPED: u32 = 4;
/// For hearing what a jump host says.
const HOP: Duration = Duration::from_secs(15);
/// How much of an answer is kept unless told otherwise.
const ANSWER: usize = 4 << 20;

/// What is run on a host.
#[derive(Clone, Debug)]
pub(super) struct Call<'a> {
    /// What it is for: `probe over SSH`.
    pub(super) name: SmolStr,
    pub(super) host: &'a EdgeHost,
    /// What the login shell there is to run.
    pub(super) command: String,
    /// How long it may take.
    pub(super) limit: Duration,
    /// How much of what it writes is kept; the rest is read and dropped.
    pub(super) keep: usize,
    /// Whether it is worth some time to connect, and to find out why that failed. Probes come again by themselves.
    pub(super) patient: bool,
}

/// What a command is given on standard input.
pub(super) enum Input<'a, 'p> {
    Nothing,
    /// Lines, which may be secret.
    Lines(&'a [Secret]),
    /// A file, from where the host's part of it ends.
    File(&'a mut Pouring<'p>),
}

/// How a command ended.
#[derive(Debug)]
pub(super) struct Answer {
    /// Its exit code.
    pub(super) code: Option<i32>,
    /// What it wrote on standard output.
    pub(super) stdout: Vec<u8>,
    /// Whether it wrote more than is kept.
    pub(super) cut: bool,
    /// What it wrote on standard error, with the words of ssh itself.
    pub(super) stderr: String,
    /// From the start of ssh to its end.
    pub(super) took: Duration,
}

impl Answer {
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// The last line that it wrote for people.
    pub(super) fn last(&self) -> String {
        let text = self.text();
        let line = text.lines().rev().map(str::trim).find(|line| !line.is_empty());
        line.unwrap_or_default()
            .chars()
            .filter(|c| !c.is_control())
            .take(300)
            .collect()
    }
}

/// Why there is no answer.
enum NoAnswer {
    /// ssh could not be run, or not be listened to.
    NoSsh(io::Error),
    /// It took too long.
    Late,
}

impl<'a> Call<'a> {
    pub(super) fn new(name: impl Into<SmolStr>, host: &'a EdgeHost, command: String, limit: Duration) -> Self {
        Self {
            name: name.into(),
            host,
            command,
            limit,
            keep: ANSWER,
            patient: true,
        }
    }

    /// It has failed.
    pub(super) fn failed(
        &self,
        kind: FaultKind,
        message: impl Into<String>,
        mend: impl Into<SmolStr>,
    ) -> ProviderError {
        ProviderError {
            kind,
            call: self.name.clone(),
            target: SmolStr::new(self.host.name.as_str()),
            message: message.into().into(),
            mend: mend.into(),
        }
    }
}

impl OpenSsh {
    /// Runs a command on a host. An error means that the host was not reached, or that the connection was cut; how the
    /// command itself ended is in the answer.
    pub(super) async fn ask(&self, call: &Call<'_>, input: Input<'_, '_>) -> Result<Answer> {
        let answer = self.raw(call, input).await?;
        match answer.code {
            Some(255) => Err(self.explained(call, &broken::of(&answer.stderr)).await),
            _ => Ok(answer),
        }
    }

    /// Runs a command on a host. Where ssh itself failed, its code is 255 and its words are in the answer.
    pub(super) async fn raw(&self, call: &Call<'_>, mut input: Input<'_, '_>) -> Result<Answer> {
        let login = Login::of(call.host);
        let link = self.links.link(&login);
        let until = Instant::now() + call.limit;
        let mut tries = if call.patient { DROPPED } else { 1 };
        // Nobody closes it.
        let _session = link.sessions.acquire().await;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let mut answer = match timeout(left, self.once(call, &login, &link, &mut input)).await {
                Ok(Ok(answer)) => answer,
                Ok(Err(NoAnswer::NoSsh(error))) => {
                    let mend = "install the OpenSSH client, and see that ssh is on the PATH and the state directory can \
                                be written";
                    return Err(call.failed(FaultKind::Other, format!("ssh cannot be run: {error}"), mend));
                }
                Ok(Err(NoAnswer::Late)) | Err(_) => {
                    // A connection that hangs is not to be asked again.
                    self.links.forget(&login, &link);
                    let why = match call.limit.as_secs() {
                        seconds @ 0..120 => format!("no answer within {seconds} s"),
                        seconds => format!("it has not come to its end in {} min", seconds / 60),
                    };
                    return Err(call.failed(FaultKind::Unreachable, why, ""));
                }
            };
            tries -= 1;
            if answer.code != Some(255) || !call.patient || !broken::was_dropped(&answer.stderr) {
                return Ok(answer);
            }
            if broken::of(&answer.stderr).hop {
                // Over a connection that is to be kept, what the jump host says is not heard.
                answer.stderr = self.hop_says(&login, until).await.unwrap_or(answer.stderr);
            }
            let again = tries > 0 && !matches!(input, Input::File(_)) && broken::was_dropped(&answer.stderr);
            if !again {
                return Ok(answer);
            }
            let pause = Duration::from_millis(fastrand::u64(200..1_200)) * (DROPPED - tries);
            if until.saturating_duration_since(Instant::now()) <= pause {
                return Ok(answer);
            }
            sleep(pause).await;
        }
    }

    /// What is said on the way to a host, over a connection that is not kept. `None` where nothing was learnt.
    async fn hop_says(&self, login: &Login, until: Instant) -> Option<String> {
        let mut ssh = command(&self.program);
        ssh.args(["-o", "StrictHostKeyChecking=yes", "-o", "ControlPath=none"]);
        ssh.args(login.args()).arg("exit 0");
        ssh.stdin(Stdio::null()).stderr(Stdio::piped());
        let left = until.saturating_duration_since(Instant::now()).min(HOP);
        let output = timeout(left, ssh.output()).await.ok()?.ok()?;
        (output.status.code() == Some(255)).then(|| said(&output.stderr))
    }

    async fn once(
        &self,
        call: &Call<'_>,
        login: &Login,
        link: &Link,
        input: &mut Input<'_, '_>,
    ) -> std::result::Result<Answer, NoAnswer> {
        // Of several calls at once one makes the connection, and the others wait for it.
        let opening = link.opening.lock().await;
        let opening = (!link.is_open()).then_some(opening);
        let begun = Instant::now();
        let mut log = link.log().map_err(NoAnswer::NoSsh)?;
        let mut ssh = command(&self.program);
        ssh.args(["-o", "StrictHostKeyChecking=yes"]);
        match &link.socket {
            Some(socket) => {
                ssh.args(["-o", "ControlMaster=auto", "-o"])
                    .arg(format!("ControlPersist={KEPT}"));
                ssh.arg("-o").arg(control_path(socket));
            }
            None => drop(ssh.args(["-o", "ControlPath=none"])),
        }
        ssh.args(login.args()).arg(&call.command);
        ssh.stderr(log.as_mut().map_or_else(Stdio::piped, super::links::Log::take));
        ssh.stdin(match input {
            Input::Nothing => Stdio::null(),
            Input::Lines(_) | Input::File(_) => Stdio::piped(),
        });
        let child = ssh.spawn().map_err(NoAnswer::NoSsh)?;
        // The command holds the log open otherwise.
        drop(ssh);
        let work = attend(child, call.keep, input);
        tokio::pin!(work);
        let ended = match opening {
            Some(opening) => tokio::select! {
                ended = &mut work => Some(ended),
                () = link.opened() => {
                    drop(opening);
                    None
                }
            },
            None => None,
        };
        let mut answer = match ended {
            Some(ended) => ended?,
            None => work.await?,
        };
        if let Some(log) = log {
            answer.stderr = log.read();
        }
        answer.took = begun.elapsed();
        Ok(answer)
    }

    /// Says why ssh failed, with what the configuration tells about it.
    pub(super) async fn explained(&self, call: &Call<'_>, broken: &Broken) -> ProviderError {
        let login = Login::of(call.host);
        let mut around = Around {
            login: login.words(),
            ..Around::default()
        };
        let asks = call.patient && (broken.hop || matches!(broken.why, Why::Denied { .. } | Why::Changed(_)));
        if asks && let Some(own) = own::Own::read(&self.program, &login).await {
            if broken.hop {
                around.jump = own.jump();
            }
            match &broken.why {
                Why::Denied { .. } if !broken.hop => around.offered = Some(own.offered().await),
                Why::Changed(changed) => {
                    if let Some((file, line)) = &changed.place {
                        around.known = own::fingerprint_at(file, *line).await;
                    }
                }
                _ => {}
            }
        }
        let (kind, message, mend) = broken.explain(&around);
        call.failed(kind, message, mend)
    }
}

/// An `ssh` that asks nothing, forwards nothing, and ends with us.
pub(super) fn command(program: &OsStr) -> Command {
    let mut ssh = Command::new(program);
    let options = [
        "BatchMode=yes".to_owned(),
        format!("ConnectTimeout={}", CONNECT.as_secs()),
        "ServerAliveInterval=5".to_owned(),
        "ServerAliveCountMax=3".to_owned(),
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
    ssh.env("LC_ALL", "C");
    // The ssh of a jump host does not get our options: it would ask on the terminal.
    ssh.env("SSH_ASKPASS_REQUIRE", "force").env("SSH_ASKPASS", "false");
    ssh.stdout(Stdio::piped()).kill_on_drop(true);
    ssh
}

/// Gives a child its input and takes its output, both at once, until it ends.
async fn attend(mut child: Child, keep: usize, input: &mut Input<'_, '_>) -> std::result::Result<Answer, NoAnswer> {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let feeding = async {
        match stdin {
            Some(stdin) => feed(stdin, input).await,
            None => Ok(()),
        }
    };
    let reading = async { Ok(read(stdout, keep).await) };
    let complaining = async { Ok(read(stderr, keep).await) };
    let ((), (stdout, cut), (stderr, _)) = tokio::try_join!(feeding, reading, complaining)?;
    let status = child.wait().await.map_err(NoAnswer::NoSsh)?;
    Ok(Answer {
        code: status.code(),
        stdout,
        cut,
        stderr: said(&stderr),
        took: Duration::ZERO,
    })
}

async fn feed(mut stdin: ChildStdin, input: &mut Input<'_, '_>) -> std::result::Result<(), NoAnswer> {
    match input {
        Input::Nothing => Ok(()),
        Input::Lines(lines) => {
            let mut text = String::new();
            for line in *lines {
                text.push_str(line.expose());
                text.push('\n');
            }
            // A command that does not read it to its end says why by itself.
            let _unread = stdin.write_all(text.as_bytes()).await;
            let _unread = stdin.shutdown().await;
            Ok(())
        }
        Input::File(pouring) => pouring.pour(stdin).await.map_err(|_stalled| NoAnswer::Late),
    }
}

/// Reads all, keeps the beginning, and tells whether there was more.
async fn read(from: Option<impl AsyncRead + Unpin>, keep: usize) -> (Vec<u8>, bool) {
    let mut kept = vec![];
    let Some(mut from) = from else { return (kept, false) };
    let mut chunk = vec![0; 16 << 10];
    let mut cut = false;
    // What cannot be read has ended.
    while let Ok(n @ 1..) = from.read(&mut chunk).await {
        let room = keep.saturating_sub(kept.len());
        let new = chunk.get(..n.min(room)).unwrap_or_default();
        kept.extend_from_slice(new);
        cut |= new.len() < n;
    }
    (kept, cut)
}

/// What the login shell of a host is to run: a script, by the POSIX shell there, whatever the login shell is.
pub(super) fn script(text: &str) -> String {
    format!("exec /bin/sh -c {}", quoted(text))
}

/// A word as shells take it: the POSIX ones, and those that see a backslash even in single quotes (fish).
pub(super) fn quoted(word: &str) -> String {
    let mut quoted = String::with_capacity(word.len() + 2);
    quoted.push('\'');
    let mut chars = word.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            ('\'', _) => quoted.push_str(r"'\''"),
            ('\\', Some('\\' | '\'') | None) => quoted.push_str(r#"'"\\"'"#),
            _ => quoted.push(c),
        }
    }
    quoted.push('\'');
    quoted
}

/// A name of a call for the errors of one host.
pub(super) fn over_ssh(what: &str) -> SmolStr {
    format_smolstr!("{what} over SSH")
}
