//! The connections that hosts are spoken to over: OpenSSH keeps one to each for a while, behind a socket in a directory
//! of this process alone, and all of them end with it. Many calls go over one connection side by side; no more of them
//! than any sshd takes.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;
use smol_str::SmolStr;
use tokio::sync::Semaphore;

use crate::fleet::EdgeHost;

/// The longest path of a socket that every system takes, less the suffix that ssh gives it while it is made.
const LONGEST: usize = 103 - 17;
/// How long the end of the connections is waited for when the program ends.
const PARTING: Duration = Duration::from_millis(500);
/// Calls at once over one connection: sshd takes ten unless told otherwise (`MaxSessions`).
const SESSIONS: usize = 8;
/// How often is looked whether a connection that is being made is there.
const LOOK: Duration = Duration::from_millis(10);
/// How much of what ssh says is read, from the end.
const SAID: usize = 64 << 10;

/// Where ssh is to go, and as whom.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Login {
    pub(super) address: SmolStr,
    pub(super) user: Option<SmolStr>,
    pub(super) port: Option<u16>,
}

impl Login {
    pub(super) fn of(host: &EdgeHost) -> Self {
        Self {
            address: host.address.clone().unwrap_or_else(|| SmolStr::new(host.name.as_str())),
            user: host.user.clone(),
            port: host.port,
        }
    }

    /// The arguments of ssh that lead there.
    pub(super) fn args(&self) -> Vec<String> {
        let mut args = vec![];
        if let Some(user) = &self.user {
            args.extend(["-l".to_owned(), user.to_string()]);
        }
        if let Some(port) = self.port {
            args.extend(["-p".to_owned(), port.to_string()]);
        }
        args.extend(["--".to_owned(), self.address.to_string()]);
        args
    }

    /// As an operator types it after `ssh`.
    pub(super) fn words(&self) -> String {
        let port = self.port.map(|port| format!("-p {port} ")).unwrap_or_default();
        let user = self.user.as_ref().map(|user| format!("{user}@")).unwrap_or_default();
        format!("{port}{user}{}", self.address)
    }
}

/// One connection, or what there is to know of it before it is made.
#[derive(Debug)]
pub(super) struct Link {
    /// Its socket, and what the files of its calls are named after; `None` where no socket can be, so that each call
    /// makes its own connection.
    pub(super) socket: Option<PathBuf>,
    /// Who may speak over it now.
    pub(super) sessions: Semaphore,
    /// Held by the call that makes the connection, until it is there.
    pub(super) opening: tokio::sync::Mutex<()>,
    calls: AtomicU64,
}

impl Link {
    fn new(socket: Option<PathBuf>) -> Self {
        Self {
            socket,
            sessions: Semaphore::new(SESSIONS),
            opening: tokio::sync::Mutex::default(),
            calls: AtomicU64::new(0),
        }
    }

    /// Whether the connection is there, or need not be waited for.
    pub(super) fn is_open(&self) -> bool {
        self.socket.as_ref().is_none_or(|socket| socket.exists())
    }

    /// Waits until the connection is there.
    pub(super) async fn opened(&self) {
        while !self.is_open() {
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Where a call has ssh write what it says: no pipe, for the ssh that stays behind to keep the connection may hold it
    /// open.
    pub(super) fn log(&self) -> std::io::Result<Option<Log>> {
        let Some(socket) = &self.socket else { return Ok(None) };
        let path = socket.with_extension(format!("{}.log", self.calls.fetch_add(1, Ordering::Relaxed)));
        let file = File::create(&path)?;
        Ok(Some(Log { path, file: Some(file) }))
    }
}

/// What ssh says during one call.
#[derive(Debug)]
pub(super) struct Log {
    path: PathBuf,
    file: Option<File>,
}

impl Log {
    /// The file, for ssh to write to.
    pub(super) fn take(&mut self) -> Stdio {
        self.file.take().map_or_else(Stdio::null, Stdio::from)
    }

    /// What was written there.
    pub(super) fn read(&self) -> String {
        let bytes = fs::read(&self.path).unwrap_or_default();
        let from = bytes.len().saturating_sub(SAID);
        said(bytes.get(from..).unwrap_or_default())
    }
}

/// What ssh wrote for people, whose lines it ends as terminals want them.
pub(super) fn said(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace('\r', "")
}

impl Drop for Log {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// All connections of this process.
#[derive(Debug)]
pub(super) struct Links {
    program: OsString,
    homes: Vec<PathBuf>,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// The directory of the sockets; `Some(None)` when there can be none.
    home: Option<Option<PathBuf>>,
    links: FxHashMap<Login, Arc<Link>>,
}

impl Links {
    /// Sockets go below the first of these directories where they can be.
    pub(super) fn new(program: OsString, homes: Vec<PathBuf>) -> Self {
        Self {
            program,
            homes,
            known: Mutex::default(),
        }
    }

    /// The connection to a host.
    pub(super) fn link(&self, login: &Login) -> Arc<Link> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let home = known
            .home
            .get_or_insert_with(|| self.homes.iter().find_map(|base| open(base)))
            .clone();
        let next = known.links.len();
        let link = known.links.entry(login.clone());
        Arc::clone(link.or_insert_with(|| Arc::new(Link::new(home.map(|home| home.join(next.to_string()))))))
    }

    /// Ends the connection to a host, without waiting for it.
    pub(super) fn forget(&self, login: &Login, link: &Link) {
        // Its end is nobody's matter: a socket that nobody answers is replaced by ssh itself.
        let _ = self.part(login, link);
    }

    fn part(&self, login: &Login, link: &Link) -> Option<Child> {
        let socket = link.socket.as_ref().filter(|socket| socket.exists())?;
        let mut ssh = Command::new(&self.program);
        ssh.args(["-O", "exit", "-o"])
            .arg(control_path(socket))
            .args(login.args());
        ssh.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        ssh.spawn().ok()
    }
}

impl Drop for Links {
    fn drop(&mut self) {
        let known = self.known.get_mut().unwrap_or_else(PoisonError::into_inner);
        let Some(Some(home)) = known.home.take() else { return };
        let known = std::mem::take(&mut known.links);
        let mut parting: Vec<Child> = known
            .iter()
            .filter_map(|(login, link)| self.part(login, link))
            .collect();
        let begun = Instant::now();
        while !parting.is_empty() && begun.elapsed() < PARTING {
            parting.retain_mut(|ssh| matches!(ssh.try_wait(), Ok(None)));
            if !parting.is_empty() {
                #[expect(clippy::disallowed_methods, reason = "the program ends: nothing else is to be done")]
                thread::sleep(Duration::from_millis(5));
            }
        }
        // A connection that has not ended by then does when it was idle for long enough.
        let _ = fs::remove_dir_all(home);
    }
}

/// `ControlPath`, as an option of ssh takes it.
pub(super) fn control_path(socket: &Path) -> OsString {
    file_option("ControlPath", socket)
}

/// An option of ssh that names a file.
pub(super) fn file_option(name: &str, file: &Path) -> OsString {
    // A path may hold spaces and percent signs, which mean something there.
    let path = file.to_string_lossy().replace('%', "%%");
    OsString::from(format!("{name}=\"{path}\""))
}

/// Makes the directory of this process below a base, readable by nobody else.
fn open(base: &Path) -> Option<PathBuf> {
    private(base, true).ok()?;
    sweep(base);
    let home = base.join(std::process::id().to_string());
    // In a process there may be more than one of us, one after the other or (in tests) at the same time.
    let home = (0..100)
        .map(|n| home.with_extension(n.to_string()))
        .find(|home| private(home, false).is_ok())?;
    let fits =
        home.as_os_str().len() + 8 <= LONGEST && !home.to_string_lossy().contains('"') && home.to_str().is_some();
    if !fits {
        let _ = fs::remove_dir(&home);
    }
    fits.then_some(home)
}

/// Makes a directory that nobody else reads.
#[cfg(unix)]
pub(super) fn private(path: &Path, parents: bool) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(parents).mode(0o700).create(path)
}

#[cfg(not(unix))]
pub(super) fn private(_: &Path, _: bool) -> std::io::Result<()> {
    // OpenSSH keeps no connections there.
    Err(std::io::ErrorKind::Unsupported.into())
}

/// Removes what processes left behind that ended without a word.
fn sweep(base: &Path) {
    for entry in fs::read_dir(base).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let process = name
            .to_str()
            .and_then(|name| name.split('.').next()?.parse::<i32>().ok());
        if process.is_some_and(gone) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(unix)]
fn gone(process: i32) -> bool {
    use rustix::process::{Pid, test_kill_process};
    Pid::from_raw(process).is_some_and(|pid| test_kill_process(pid) == Err(rustix::io::Errno::SRCH))
}

#[cfg(not(unix))]
fn gone(_: i32) -> bool {
    false
}
