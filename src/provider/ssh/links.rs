//! The connections that probes are made over: OpenSSH keeps one to each host for a while, behind a socket in a directory
//! of this process alone, and all of them end with it.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;
use smol_str::SmolStr;

use crate::fleet::EdgeHost;

/// The longest path of a socket that every system takes, less the suffix that ssh gives it while it is made.
const LONGEST: usize = 103 - 17;
/// How long the end of the connections is waited for when the program ends.
const PARTING: Duration = Duration::from_millis(500);

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

/// The files of one connection.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) socket: PathBuf,
    log: PathBuf,
}

impl Link {
    /// Where the ssh that opens the connection writes to: no pipe, for the one that keeps it may hold it open.
    pub(super) fn log_to(&self) -> std::io::Result<Stdio> {
        File::create(&self.log).map(Stdio::from)
    }

    /// What was written there.
    pub(super) fn logged(&self) -> String {
        fs::read(&self.log).map_or_else(|_| String::new(), |bytes| String::from_utf8_lossy(&bytes).into_owned())
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
    numbers: FxHashMap<Login, usize>,
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

    /// The connection to a host; `None` where no socket can be, so that each probe makes its own.
    pub(super) fn link(&self, login: &Login) -> Option<Link> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let home = known
            .home
            .get_or_insert_with(|| self.homes.iter().find_map(|base| open(base)))
            .clone()?;
        let next = known.numbers.len();
        let number = *known.numbers.entry(login.clone()).or_insert(next);
        Some(Link {
            socket: home.join(number.to_string()),
            log: home.join(format!("{number}.log")),
        })
    }

    /// Ends the connection to a host, without waiting for it.
    pub(super) fn forget(&self, login: &Login, link: &Link) {
        // Its end is nobody's matter: a socket that nobody answers is replaced by ssh itself.
        let _ = self.part(login, &link.socket);
    }

    fn part(&self, login: &Login, socket: &Path) -> Option<Child> {
        let mut ssh = Command::new(&self.program);
        ssh.args(["-O", "exit", "-o"])
            .arg(control_path(socket))
            .args(login.args());
        ssh.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        socket.exists().then(|| ssh.spawn().ok()).flatten()
    }
}

impl Drop for Links {
    fn drop(&mut self) {
        let known = self.known.get_mut().unwrap_or_else(PoisonError::into_inner);
        let Some(Some(home)) = known.home.take() else { return };
        let known = std::mem::take(&mut known.numbers);
        let mut parting: Vec<Child> = known
            .iter()
            .filter_map(|(login, number)| self.part(login, &home.join(number.to_string())))
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
    let mut option = OsString::from("ControlPath=");
    // A path may hold spaces and percent signs, which mean something there.
    let path = socket.to_string_lossy().replace('%', "%%");
    option.push(format!("\"{path}\""));
    option
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

#[cfg(unix)]
fn private(path: &Path, parents: bool) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(parents).mode(0o700).create(path)
}

#[cfg(not(unix))]
fn private(_: &Path, _: bool) -> std::io::Result<()> {
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
