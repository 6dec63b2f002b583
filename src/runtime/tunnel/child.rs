//! The program that forwards a port: it leads a group of its own, for `aws` starts another one, and the group ends with it.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::io;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::future::join_all;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::process::Command;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::app::Login;

/// How long it has to end by itself: a session of SSM is closed by then.
const GRACE: Duration = Duration::from_secs(2);
/// How many of its last lines are kept.
const LINES: usize = 4;
/// How long a line may be.
const LINE: u64 = 4 << 10;

type Said = Arc<Mutex<VecDeque<String>>>;

/// The program, while it runs.
pub(super) struct Child {
    child: tokio::process::Child,
    group: Option<Pid>,
    said: Said,
    /// What reads its words.
    ears: Vec<JoinHandle<()>>,
}

impl Child {
    /// Starts what a login says, by this program.
    pub(super) fn start(program: &OsStr, login: &Login) -> io::Result<Self> {
        let mut command = Command::new(program);
        command.args(&login.args).process_group(0).kill_on_drop(true);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let group = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        let said = Said::default();
        let out = child
            .stdout
            .take()
            .map(|out| tokio::spawn(listen(out, Arc::clone(&said))));
        let errors = child
            .stderr
            .take()
            .map(|err| tokio::spawn(listen(err, Arc::clone(&said))));
        let ears = out.into_iter().chain(errors).collect();
        Ok(Self {
            child,
            group,
            said,
            ears,
        })
    }

    /// Waits for its end. Cancel-safe.
    pub(super) async fn ended(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// The last that it has said, in one line, once it has ended.
    pub(super) async fn said(&mut self) -> String {
        // What it started may hold its output open still.
        let _late = timeout(GRACE, join_all(self.ears.drain(..))).await;
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        said.iter().map(String::as_str).collect::<Vec<_>>().join("; ")
    }

    fn signal(&self, signal: Signal) {
        // Nobody of the group is left: then there is nothing to end.
        let _gone = self.group.map(|group| kill_process_group(group, signal));
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.signal(Signal::TERM);
            let begun = Instant::now();
            while begun.elapsed() < GRACE && matches!(self.child.try_wait(), Ok(None)) {
                #[expect(
                    clippy::disallowed_methods,
                    reason = "nothing else is to be done before it has ended"
                )]
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        self.signal(Signal::KILL);
    }
}

/// Keeps the last lines of what a program says.
async fn listen(from: impl AsyncRead + Unpin, said: Said) {
    let mut from = BufReader::new(from);
    let mut line = vec![];
    loop {
        line.clear();
        match (&mut from).take(LINE).read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let text = String::from_utf8_lossy(&line).trim().to_owned();
        if text.is_empty() {
            continue;
        }
        let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.len() == LINES {
            said.pop_front();
        }
        said.push_back(text);
    }
}
