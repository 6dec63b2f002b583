//! Tasks, as machines and boards do them: what a root shell would change there, and the errors it would end with.

use smol_str::{SmolStr, format_smolstr};

use super::clock::{later, seconds};
use super::command::RESTART;
use super::hindrance::Hindrance;
use super::k3s::{Config, K3s, Service};
use super::scaling::Refused;
use super::state::{Host, State};
use super::token::Token;
use crate::blueprint::machine::{Install, Task, is_mirror, release_files};
use crate::fleet::Role;

/// How long a task takes, in seconds.
pub(super) fn takes(task: &Task) -> f64 {
    match task {
        Task::Install(_) => 10.0,
        Task::Upgrade { .. } => 7.0,
        Task::Snapshot { .. } | Task::Uninstall => 4.0,
        Task::Restore { .. } => 12.0,
        Task::RotateToken | Task::Handshake { .. } | Task::RotateCertificates => 2.0,
        Task::Restart
        | Task::Restorable { .. }
        | Task::Joinable
        | Task::Stop
        | Task::Rejoin { .. }
        | Task::Reboot
        | Task::MendCgroups
        | Task::KeepToken { .. }
        | Task::DropToken { .. }
        | Task::PlaceToken { .. } => 1.0,
    }
}

fn failed(step: impl Into<SmolStr>, mend: &'static str) -> Refused {
    Refused::new(step.into(), mend)
}

fn none_installed() -> Refused {
    failed("K3s is not installed on this machine", "let it join first")
}

impl State {
    /// Does a task on a machine or board that is reached; gives what it says last.
    pub(super) fn work_on(&mut self, on: &Host, task: &Task, secrets: &[SmolStr]) -> Result<String, Refused> {
        let installed = self.k3s(on).map(|k| k.role);
        let role = match (task, installed) {
            (Task::Install(_) | Task::Uninstall | Task::Reboot | Task::MendCgroups, _) => Role::Agent,
            (_, Some(known)) => known,
            (_, None) => return Err(none_installed()),
        };
        self.touch(on);
        let secret = |n: usize| {
            let lost = || failed("the token did not arrive", "try again");
            secrets.get(n).cloned().ok_or_else(lost)
        };
        match task {
            Task::Install(install) => self.install(on, install, secret(0)?, secrets.len()),
            Task::Restart => {
                self.start_k3s(on);
                Ok("K3s is told to restart".to_owned())
            }
            Task::Uninstall => Ok(self.uninstall(on)),
            Task::Reboot => {
                self.reboot(on, RESTART);
                Ok("it restarts in a moment".to_owned())
            }
            Task::MendCgroups => self.mend_cgroups(on),
            Task::Snapshot { name } => self.snapshot(on, name),
            Task::RotateToken => self.rotate(on, secret(0)?, secret(1)?),
            Task::KeepToken { kind, when, stays } => self.keep_token(on, *kind, when, *stays, &secret(0)?),
            Task::DropToken { kind } => self.drop_token(on, *kind),
            Task::PlaceToken { kind } => self.place_token(on, role, *kind, &secret(0)?),
            Task::Handshake { kind } => self.handshake(on, *kind, &secret(0)?),
            Task::Upgrade { version, files } => {
                self.replace_binary(on, version, files.as_deref().filter(|files| !is_mirror(files)))
            }
            Task::Restorable { snapshot, s3 } => self.restorable(on, snapshot, *s3),
            Task::Joinable => Ok("it can join again".to_owned()),
            Task::Stop => {
                self.stop_k3s(on);
                Ok("k3s is stopped".to_owned())
            }
            Task::Restore { snapshot, s3, when } => self.restore_etcd(on, snapshot, *s3, when),
            Task::Rejoin { .. } => self.rejoin(on),
            Task::RotateCertificates => {
                self.start_k3s(on);
                Ok("the certificates of K3s are renewed".to_owned())
            }
        }
    }

    /// An operator has changed something on it: it is remembered.
    pub(super) fn touch(&mut self, on: &Host) {
        match on {
            Host::Machine(id) => {
                if let Some(machine) = self.machines.get_mut(id) {
                    machine.worked_on = true;
                }
            }
            Host::Board(host) => {
                if let Some(board) = self.boards.get_mut(host) {
                    board.life.by_hand = true;
                }
            }
        }
    }

    fn install(&mut self, on: &Host, install: &Install, token: SmolStr, secrets: usize) -> Result<String, Refused> {
        if install.vpn && secrets < 2 {
            return Err(failed("the key of the VPN did not arrive", "try again"));
        }
        let known = install.version.starts_with('v') && install.version.contains("+k3s");
        if !known {
            return Err(failed(
                format_smolstr!("downloading K3s {}: 404 Not Found", install.version),
                "choose a release that K3s has published",
            ));
        }
        if self.k3s(on).is_some_and(|k| k.role == Role::Server) {
            return Err(failed(
                "a server of K3s is installed on this machine: take it off first",
                "",
            ));
        }
        let now = self.now;
        let Host::Board(host) = on else {
            return Err(failed("this machine installs K3s at its first boot", ""));
        };
        let Some(board) = self.boards.get_mut(host) else {
            return Err(none_installed());
        };
        if let Some(directory) = install.files.as_ref().filter(|files| !is_mirror(files)) {
            let wanted = release_files(board.spec.arch);
            let lost = wanted.iter().chain(&["install.sh"]);
            let mut lost = lost.map(|name| format!("{directory}/{name}"));
            if let Some(name) = lost.find(|path| !board.life.files.contains(path)) {
                return Err(failed(format_smolstr!("there is no {name}"), "bring it there first"));
            }
            let own = format!("{directory}/");
            board.life.files.retain(|path| !path.starts_with(&own));
        }
        let config = Config {
            server: install.server.clone(),
            node: install.node.clone(),
            labels: install.labels.clone(),
            taints: install.taints.clone(),
        };
        let before = board.life.k3s.take();
        let fresh = || K3s {
            service: Service::Inactive,
            ..K3s::running(Role::Agent, install.version.clone(), now)
        };
        let mut k3s = before.unwrap_or_else(fresh);
        k3s.installed = install.version.clone();
        k3s.agent_token = Some(token);
        k3s.config = Some(Box::new(config));
        let runs = k3s.service == Service::Active;
        board.life.k3s = Some(k3s);
        if !runs {
            self.start_k3s(on);
        }
        Ok(format!("K3s {} is installed, and told to start", install.version))
    }

    fn uninstall(&mut self, on: &Host) -> String {
        self.stop_k3s(on);
        let board = match on {
            Host::Board(host) => self.boards.get_mut(host),
            Host::Machine(_) => None,
        };
        let Some(board) = board else {
            return "K3s was not installed".to_owned();
        };
        board.life.password = None;
        match board.life.k3s.take() {
            Some(_) => "K3s is taken off".to_owned(),
            None => "K3s was not installed".to_owned(),
        }
    }

    fn mend_cgroups(&mut self, on: &Host) -> Result<String, Refused> {
        let board = match on {
            Host::Board(host) => self.boards.get_mut(host),
            Host::Machine(_) => None,
        };
        let pi = board.filter(|b| b.spec.model.starts_with("Raspberry"));
        let Some(board) = pi else {
            return Err(failed("there is no boot command line of a Raspberry Pi here", ""));
        };
        board.life.cmdline = true;
        Ok("/boot/firmware/cmdline.txt turns the memory cgroup on from the next start on".to_owned())
    }

    fn snapshot(&mut self, on: &Host, name: &str) -> Result<String, Refused> {
        let (no, node) = self
            .node_of(on)
            .filter(|_| self.k3s(on).is_some_and(|k| k.role == Role::Server))
            .ok_or_else(|| failed("this machine is no server", ""))?;
        if self.has_etcd(no) {
            return match self.api_up(no) {
                true => {
                    self.save_snapshot(no, &node, name);
                    Ok(format!("the snapshot {name} is saved"))
                }
                false => Err(failed(
                    "saving the snapshot: etcd does not answer",
                    "bring its servers up first",
                )),
            };
        }
        // It is copied while K3s is stopped.
        self.start_k3s(on);
        Ok(format!(
            "the datastore is copied to /var/lib/rancher/k3s-backups/{name}"
        ))
    }

    fn rotate(&mut self, on: &Host, old: SmolStr, new: SmolStr) -> Result<String, Refused> {
        let (no, _) = self.serving(on)?;
        let (old, new) = (Token::read(&old), Token::read(&new));
        if new.bootstrap.is_some() {
            return Err(failed(
                "the new token has the shape of a bootstrap token, which would break the cluster",
                "",
            ));
        }
        let Some(secrets) = self.clusters.get_mut(no).map(|c| &mut c.secrets) else {
            return Err(none_installed());
        };
        if secrets.server == new.secret {
            return Ok("the cluster goes by the new token already".to_owned());
        }
        if secrets.server != old.secret {
            return Err(failed(
                "the cluster takes neither the present token nor the new one",
                "see which token its servers are configured with",
            ));
        }
        secrets.server = new.secret.into();
        Ok("the cluster goes by the new token".to_owned())
    }

    /// The cluster of a server whose supervisor answers.
    fn serving(&self, on: &Host) -> Result<(usize, &K3s), Refused> {
        let k3s = self.k3s(on).filter(|k| k.role == Role::Server);
        let k3s = k3s.ok_or_else(|| failed("this machine is no server", ""))?;
        let no = self.node_of(on).map(|(no, _)| no).filter(|_| k3s.is_active());
        let no = no.ok_or_else(|| {
            failed(
                "the supervisor of K3s does not answer: status 000",
                "see why K3s does not run there",
            )
        })?;
        Ok((no, k3s))
    }

    fn place_token(&mut self, on: &Host, role: Role, kind: Role, token: &str) -> Result<String, Refused> {
        if role == Role::Agent && kind == Role::Server {
            return Err(failed("no server token is configured on this machine", ""));
        }
        let secret: SmolStr = Token::read(token).secret.into();
        let Some(k3s) = self.k3s_mut(on) else {
            return Err(none_installed());
        };
        match kind {
            Role::Server => k3s.server_token = Some(secret),
            Role::Agent => k3s.agent_token = Some(secret),
        }
        Ok(format!("it is in /etc/rancher/k3s/{}-token", kind.as_str()))
    }

    fn handshake(&self, on: &Host, kind: Role, token: &str) -> Result<String, Refused> {
        let (no, k3s) = self.serving(on)?;
        let secret = Token::read(token).secret;
        let server = self.clusters.get(no).is_some_and(|c| c.secrets.server == secret);
        let takes = match kind {
            Role::Server => server,
            Role::Agent => server || k3s.grants.as_deref() == Some(secret),
        };
        let kind = kind.as_str();
        match takes {
            true => Ok(format!("the {kind} token joins")),
            false => Err(failed(
                format_smolstr!("the cluster does not take the {kind} token"),
                "",
            )),
        }
    }

    fn replace_binary(&mut self, on: &Host, version: &SmolStr, files: Option<&str>) -> Result<String, Refused> {
        if let (Some(directory), Host::Board(host)) = (files, on)
            && let Some(board) = self.boards.get(host)
        {
            let wanted = release_files(board.spec.arch).map(|name| format!("{directory}/{name}"));
            if let Some(name) = wanted.iter().find(|path| !board.life.files.contains(*path)) {
                return Err(failed(format_smolstr!("there is no {name}"), "bring it there first"));
            }
        }
        let Some(k3s) = self.k3s_mut(on) else {
            return Err(none_installed());
        };
        k3s.installed = version.clone();
        Ok(format!("K3s {version} is in place"))
    }

    /// Brings a file to a board.
    pub(super) fn bring(&mut self, on: &crate::fleet::HostName, path: String) {
        if let Some(board) = self.boards.get_mut(on) {
            board.life.files.insert(path);
            board.life.by_hand = true;
        }
    }

    /// Something stands for a while against the K3s of a machine or board when it starts.
    pub(super) fn ail(&mut self, on: Host, how: Hindrance, lasts: jiff::SignedDuration) {
        let until = later(self.now, lasts);
        self.ails.push(super::hindrance::Ail { on, how, until });
    }
}

/// How long a file takes to be brought, in seconds: some megabytes a second, within what an onlooker waits for.
pub(super) fn brings(bytes: u64) -> jiff::SignedDuration {
    #[expect(clippy::cast_precision_loss, reason = "files are smaller than 2^53")]
    let megabytes = bytes as f64 / 1_000_000.0;
    seconds((megabytes / 20.0).clamp(0.5, 20.0))
}
