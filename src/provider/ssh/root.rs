//! Work as root on a host: over a login as root, over a `sudo` that asks nothing, or over one that is given its password on
//! standard input. What is secret goes there as well, behind a line that tells where it begins.
//!
//! ```text
//!  password            for sudo, only where it wants one
//!  k3fleet-secrets     the script reads from here on
//!  secret
//!  secret
//! ```
//! A password is tried alone before anything secret follows it: a `sudo` that does not take it reads on for another one.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustc_hash::FxHashMap;
use smol_str::SmolStr;

use super::OpenSsh;
use super::call::{Answer, Call, Input, over_ssh, quoted, script};
use super::links::Login;
use super::said::last;
use crate::blueprint::machine::script::{MARK, Source};
use crate::blueprint::machine::{Inside, Kept, Sudo, Task, script as scripts};
use crate::fleet::{EdgeHost, FaultKind, Role};
use crate::provider::{ProviderError, Result, Secret};

/// For a look.
const LOOK: Duration = Duration::from_secs(30);
/// For finding out how we become root: on hosts that ask a directory for who may, that takes its time.
const WAY: Duration = Duration::from_mins(2);
/// For a task.
const TASK: Duration = Duration::from_mins(10);
/// Tells whether sudo is needed, there, and free. A password that it remembers from before does not count.
const ASK: &str = "LC_ALL=C; export LC_ALL\n\
    if [ \"$(id -u)\" = 0 ]; then echo root\n\
    elif ! command -v sudo >/dev/null; then echo none\n\
    elif sudo -n -k -- /bin/sh -c : 2>/dev/null; then echo free\n\
    else echo password; fi";

/// How we become root on a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Root,
    Free,
    Password,
}

/// What is known about becoming root.
#[derive(Debug, Default)]
pub(super) struct Rooting {
    password: Mutex<Option<Secret>>,
    ways: Mutex<FxHashMap<Login, Way>>,
}

impl Rooting {
    pub(super) fn set_password(&self, password: Secret) {
        *self.password.lock().unwrap_or_else(PoisonError::into_inner) = Some(password);
        // It has to prove itself on each host.
        let mut ways = self.ways.lock().unwrap_or_else(PoisonError::into_inner);
        ways.retain(|_, way| *way != Way::Password);
    }

    fn password(&self) -> Option<Secret> {
        self.password.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn way(&self, login: &Login) -> Option<Way> {
        let ways = self.ways.lock().unwrap_or_else(PoisonError::into_inner);
        ways.get(login).copied()
    }

    /// Takes in what a host tells of itself; where a password is wanted, it has to prove itself first.
    pub(super) fn learn(&self, login: Login, sudo: Sudo) {
        match sudo {
            Sudo::Root => self.keep(login, Way::Root),
            Sudo::Free => self.keep(login, Way::Free),
            Sudo::Password | Sudo::No => {}
        }
    }

    fn keep(&self, login: Login, way: Way) {
        let mut ways = self.ways.lock().unwrap_or_else(PoisonError::into_inner);
        ways.insert(login, way);
    }

    fn forget(&self, login: &Login) {
        let mut ways = self.ways.lock().unwrap_or_else(PoisonError::into_inner);
        ways.remove(login);
    }
}

impl OpenSsh {
    /// Looks with one of the scripts that there are for it.
    pub(super) async fn look_inside(&self, host: &EdgeHost, script: &str) -> Result<Inside> {
        let name = over_ssh("look at K3s");
        let answer = self.as_root(host, name.clone(), script, &[], LOOK).await?;
        let call = Call::new(name, host, String::new(), LOOK);
        if answer.code != Some(0) {
            return Err(self.refused(&call, &answer));
        }
        Inside::read(&answer.text()).ok_or_else(|| {
            let mend = "see that a login there gives a shell, and no menu or forced command";
            call.failed(FaultKind::Malformed, "its answer is not that of our script", mend)
        })
    }

    /// As the port says.
    pub(super) async fn do_task(&self, host: &EdgeHost, task: &Task, secrets: &[Secret]) -> Result<String> {
        let name = over_ssh(what(task));
        let call = Call::new(name.clone(), host, String::new(), TASK);
        if secrets
            .iter()
            .any(|secret| secret.expose().contains(['\n', '\r', '\0']))
        {
            return Err(call.failed(FaultKind::Malformed, "what is secret is more than one line", ""));
        }
        let text = scripts::of(task, &Source::Input);
        let answer = self.as_root(host, name, &text, secrets, TASK).await?;
        match answer.code {
            Some(0) => Ok(answer.last()),
            _ => Err(self.refused(&call, &answer)),
        }
    }

    /// As the port says.
    pub(super) async fn read_token(&self, host: &EdgeHost, kind: Role, kept: Kept) -> Result<Option<Secret>> {
        let name = over_ssh("read the token");
        let answer = self
            .as_root(host, name.clone(), &scripts::tell(kind, kept), &[], LOOK)
            .await?;
        let call = Call::new(name, host, String::new(), LOOK);
        if answer.code != Some(0) {
            return Err(self.refused(&call, &answer));
        }
        let text = Secret::new(answer.text());
        let told = text.expose().lines().rev().find_map(|line| line.strip_prefix("token="));
        let Some(told) = told else {
            let mend = "see that a login there gives a shell, and no menu or forced command";
            return Err(call.failed(FaultKind::Malformed, "its answer is not that of our script", mend));
        };
        let token = told.trim();
        Ok((!token.is_empty()).then(|| Secret::new(token)))
    }

    /// Runs a script as root.
    async fn as_root(
        &self,
        host: &EdgeHost,
        name: SmolStr,
        text: &str,
        secrets: &[Secret],
        limit: Duration,
    ) -> Result<Answer> {
        let way = self.way(host, &name).await?;
        let mut lines = vec![Secret::new(MARK)];
        lines.extend_from_slice(secrets);
        let command = match way {
            Way::Root => script(text),
            Way::Free => format!("LC_ALL=C; export LC_ALL; exec sudo -n -- /bin/sh -c {}", quoted(text)),
            Way::Password => {
                let password = self.rooting.password();
                lines.insert(
                    0,
                    password.ok_or_else(|| no_password(&Call::new(name.clone(), host, String::new(), limit)))?,
                );
                format!(
                    "LC_ALL=C; export LC_ALL; exec sudo -S -p '' -k -- /bin/sh -c {}",
                    quoted(text)
                )
            }
        };
        let command = if way == Way::Root { command } else { script(&command) };
        let call = Call::new(name, host, command, limit);
        let answer = self.ask(&call, Input::Lines(&lines)).await?;
        // What sudo allows may have changed.
        if way != Way::Root && answer.code == Some(1) && is_of_sudo(&answer.stderr) {
            self.rooting.forget(&Login::of(host));
            let mend = "see what sudo allows there (sudo -l)";
            return Err(call.failed(FaultKind::Denied, last(&answer.stderr), mend));
        }
        Ok(answer)
    }

    /// How we become root on a host: asked once, and proven where it takes a password.
    async fn way(&self, host: &EdgeHost, name: &SmolStr) -> Result<Way> {
        let login = Login::of(host);
        if let Some(way) = self.rooting.way(&login) {
            return Ok(way);
        }
        let call = Call::new(name.clone(), host, script(ASK), WAY);
        let answer = self.ask(&call, Input::Nothing).await?;
        let way = match answer.last().as_str() {
            "root" => Way::Root,
            "free" => Way::Free,
            "password" => Way::Password,
            "none" => {
                let mend = "install sudo there, or log in as root";
                return Err(call.failed(FaultKind::Denied, "there is no sudo, and the login is not root's", mend));
            }
            _ => {
                let mend = "see that a login there gives a shell, and no menu or forced command";
                let why = format!("it does not tell how to become root: {}", last(&answer.stderr));
                return Err(call.failed(FaultKind::Malformed, why, mend));
            }
        };
        if way == Way::Password {
            self.prove(host, name).await?;
        }
        self.rooting.keep(login, way);
        Ok(way)
    }

    /// Sees that sudo takes the password, with nothing behind it that it could read for another one.
    async fn prove(&self, host: &EdgeHost, name: &SmolStr) -> Result<()> {
        let command = script("LC_ALL=C; export LC_ALL; exec sudo -S -p '' -k -- /bin/sh -c :");
        let call = Call::new(name.clone(), host, command, WAY);
        let password = self.rooting.password().ok_or_else(|| no_password(&call))?;
        let answer = self.ask(&call, Input::Lines(&[password])).await?;
        if answer.code == Some(0) {
            return Ok(());
        }
        let user = host.user.as_deref().unwrap_or("the user who logs in");
        let said = answer.stderr.to_lowercase();
        let wrong = [
            "incorrect password",
            "try again",
            "no password was provided",
            "authentication failed",
        ];
        let (why, mend) = if wrong.iter().any(|words| said.contains(words)) && !said.contains("sudoers") {
            (
                "sudo does not take the password".to_owned(),
                format!("give the password of {user} on that host, or let it use sudo there without one (NOPASSWD)"),
            )
        } else {
            (
                format!("sudo refuses: {}", last(&answer.stderr)),
                format!("let {user} run /bin/sh by sudo there, or log in as root"),
            )
        };
        Err(call.failed(FaultKind::Denied, why, mend))
    }

    /// What a script that did not go well has said.
    fn refused(&self, call: &Call<'_>, answer: &Answer) -> ProviderError {
        // A task says on standard output what failed; what is on standard error is not its own.
        let told = answer.last();
        let line = match told.strip_prefix("failed: ") {
            Some(why) => why.to_owned(),
            None if answer.stderr.trim().is_empty() => told,
            None => last(&answer.stderr),
        };
        let line = match (line.is_empty(), answer.code) {
            (false, _) => line,
            (true, Some(code)) => format!("it ended with code {code} and said nothing"),
            (true, None) => "a signal ended it".to_owned(),
        };
        call.failed(FaultKind::Other, line, "")
    }
}

fn is_of_sudo(stderr: &str) -> bool {
    last(stderr).starts_with("sudo")
}

fn no_password(call: &Call<'_>) -> ProviderError {
    let user = call.host.user.as_deref().unwrap_or("the user who logs in");
    call.failed(
        FaultKind::Denied,
        "sudo wants a password there, and none was given",
        format!(
            "give it (on the command line: --ask-sudo-password), or let {user} use sudo there without one (NOPASSWD)"
        ),
    )
}

/// A task in a few words, for the errors of one host.
fn what(task: &Task) -> &'static str {
    match task {
        Task::Install(_) => "install K3s",
        Task::Restart => "restart K3s",
        Task::Uninstall => "uninstall K3s",
        Task::Reboot => "restart the machine",
        Task::MendCgroups => "turn the memory cgroup on",
        Task::Snapshot { .. } => "save the datastore",
        Task::RotateToken => "rotate the server token",
        Task::KeepToken { .. } => "keep the new token",
        Task::DropToken { .. } => "forget what kept the new token",
        Task::PlaceToken { .. } => "write the new token",
        Task::Handshake { .. } => "prove the new token",
        Task::Upgrade { .. } => "upgrade K3s",
        Task::RotateCertificates => "renew the certificates",
        Task::Restorable { .. } => "look for the snapshot",
        Task::Joinable => "look whether it can join again",
        Task::Stop => "stop K3s",
        Task::Restore { .. } => "restore etcd",
        Task::Rejoin { .. } => "let it join again",
    }
}
