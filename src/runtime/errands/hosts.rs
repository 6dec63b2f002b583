//! Edge hosts that are looked at before they join, their keys, commands on them, and the file that names them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use smol_str::SmolStr;
use tokio::sync::Semaphore;

use super::{Errands, kube};
use crate::app::Msg;
use crate::app::joining::{Found, KeyStanding};
use crate::config;
use crate::fleet::{ContextId, EdgeHost, FaultKind, HostName, Way};
use crate::ops::{HostKey, Secret, read_vpn_auth};
use crate::provider::{Shell, ShellControl};
use crate::runtime::reload::faults;
use crate::runtime::session::Session;
use crate::runtime::settings::vocabulary;

/// How many hosts are asked at once.
const AT_ONCE: usize = 50;

const NOT_OPEN: &str = "nothing is open yet: try again";
const NO_SSH: &str = "nothing reaches edge hosts from here";
const READ_ONLY: &str = "nothing is changed in read-only mode; start without --read-only";

impl Errands {
    /// Asks where a cluster's API servers say that they are reached.
    pub(in crate::runtime) fn advertised(&mut self, session: Option<&Session>, context: ContextId) {
        let kube = kube(session, &context);
        self.tasks.spawn(async move {
            let answer = match kube {
                Ok(kube) => kube.api_addresses().await.map_err(|error| error.to_string()),
                Err(why) => Err(why),
            };
            Msg::Advertised(context, answer)
        });
    }

    /// Looks at hosts that are to join a cluster.
    pub(in crate::runtime) fn look_at(
        &mut self,
        session: Option<&Session>,
        hosts: Vec<EdgeHost>,
        addresses: Vec<SmolStr>,
    ) {
        let shell = shell(session);
        let (addresses, gate) = (Arc::new(addresses), Arc::new(Semaphore::new(AT_ONCE)));
        for host in hosts {
            let (shell, addresses, gate) = (shell.clone(), Arc::clone(&addresses), Arc::clone(&gate));
            self.tasks.spawn(async move {
                let _turn = gate.acquire().await;
                let found = match shell {
                    Ok(shell) => look(shell.as_ref(), &host, &addresses).await,
                    Err(why) => Found::Failed(why.to_owned()),
                };
                Msg::Looked(host.name, found)
            });
        }
    }

    /// Asks hosts for their keys.
    pub(in crate::runtime) fn host_keys(&mut self, session: Option<&Session>, hosts: Vec<EdgeHost>) {
        let (shell, gate) = (shell(session), Arc::new(Semaphore::new(AT_ONCE)));
        for host in hosts {
            let (shell, gate) = (shell.clone(), Arc::clone(&gate));
            self.tasks.spawn(async move {
                let _turn = gate.acquire().await;
                let stands = match shell {
                    Ok(shell) => match key(shell.as_ref(), &host).await {
                        Ok(None) => KeyStanding::Known,
                        Ok(Some(key)) => KeyStanding::New(key),
                        Err(Found::ChangedKey(why)) => KeyStanding::Changed(why),
                        Err(Found::Failed(why)) => KeyStanding::Failed(why),
                        Err(_) => KeyStanding::Known,
                    },
                    Err(why) => KeyStanding::Failed(why.to_owned()),
                };
                Msg::HostKey(host.name, stands)
            });
        }
    }

    /// Writes a host's key down.
    pub(in crate::runtime) fn trust(&mut self, session: Option<&Session>, host: EdgeHost, key: HostKey) {
        let control = control(session);
        self.tasks.spawn(async move {
            let done = match control {
                Ok(control) => control.trust(&host, &key).await.map_err(|error| error.to_string()),
                Err(why) => Err(why.to_owned()),
            };
            Msg::Trusted(host.name, done)
        });
    }

    /// Runs a command on hosts.
    pub(in crate::runtime) fn run_on(&mut self, session: Option<&Session>, hosts: Vec<EdgeHost>, argv: Vec<String>) {
        let control = control(session);
        let (argv, gate) = (Arc::new(argv), Arc::new(Semaphore::new(AT_ONCE)));
        for host in hosts {
            let (control, argv, gate) = (control.clone(), Arc::clone(&argv), Arc::clone(&gate));
            self.tasks.spawn(async move {
                let _turn = gate.acquire().await;
                let result = match control {
                    Ok(control) => control.run(&host, &argv).await.map_err(|error| error.to_string()),
                    Err(why) => Err(why.to_owned()),
                };
                Msg::Ran(host.name, result)
            });
        }
    }

    /// Writes a host into `hosts.toml`, in place of the one with this name.
    pub(in crate::runtime) fn save_host(&mut self, file: &Path, name: Option<HostName>, host: EdgeHost) {
        let file = file.to_owned();
        self.tasks.spawn_blocking(move || {
            let saved = save(&file, name.as_ref(), &host).map_err(|error| {
                let faults: Vec<_> = error.faults.iter().map(ToString::to_string).collect();
                faults.join("; ")
            });
            Msg::HostSaved(host.name, saved)
        });
    }

    /// Writes into `config.toml` how hosts reach a cluster's API.
    pub(in crate::runtime) fn keep_way(&mut self, file: PathBuf, key: SmolStr, way: Box<Way>) {
        self.tasks.spawn_blocking(move || {
            let kept = keep(&file, &key, &way);
            Msg::WayKept(key, way, kept)
        });
    }

    /// Looks whether a file is the key of a VPN that nobody else reads.
    pub(in crate::runtime) fn vpn_key(&mut self, file: String) {
        self.tasks.spawn_blocking(move || {
            let read = read_vpn_auth(Path::new(&file)).map(drop);
            Msg::VpnKey(file, read.map_err(|error| error.to_string()))
        });
    }
}

/// Keeps the password that sudo wants; gives why it is of no use, if it is none.
pub(in crate::runtime) fn keep_password(session: Option<&Session>, password: Secret) -> Result<(), &'static str> {
    control(session)?.set_sudo_password(password);
    Ok(())
}

fn shell(session: Option<&Session>) -> Result<Arc<dyn Shell>, &'static str> {
    let session = session.ok_or(NOT_OPEN)?;
    session.providers.shell.clone().ok_or(NO_SSH)
}

fn control(session: Option<&Session>) -> Result<Arc<dyn ShellControl>, &'static str> {
    let session = session.ok_or(NOT_OPEN)?;
    session.control.shell.clone().ok_or(READ_ONLY)
}

/// The key that a host shows, if it is not known; what was found of it, where that is not told.
async fn key(shell: &dyn Shell, host: &EdgeHost) -> Result<Option<HostKey>, Found> {
    shell.host_key(host).await.map_err(|error| match error.kind {
        FaultKind::Credentials => Found::ChangedKey(error.to_string()),
        _ => Found::Failed(error.to_string()),
    })
}

/// What a host is like; but first whether it is the one that is known.
async fn look(shell: &dyn Shell, host: &EdgeHost, addresses: &[SmolStr]) -> Found {
    match key(shell, host).await {
        Err(found) => return found,
        Ok(Some(key)) => return Found::NewKey(key),
        Ok(None) => {}
    }
    match shell.facts(host, addresses).await {
        Ok(facts) => Found::Facts(Box::new(facts)),
        Err(error) => Found::Failed(error.to_string()),
    }
}

fn save(file: &Path, name: Option<&HostName>, host: &EdgeHost) -> Result<(), config::ConfigError> {
    let before = config::load_hosts_text(file)?;
    let after = match name {
        Some(name) => config::replace_host(file, &before, name, host)?,
        None => config::add_host(file, &before, host)?,
    };
    config::write_text(file, &before, &after)
}

fn keep(file: &Path, key: &str, way: &Way) -> Result<(), String> {
    if let Some(key) = &way.vpn_auth_file {
        read_vpn_auth(key).map_err(|error| error.to_string())?;
    }
    let before = config::read_text(file).map_err(faults)?.unwrap_or_default();
    let after = vocabulary(|words| config::set_way(file, &before, words, key, way)).map_err(faults)?;
    config::write_text(file, &before, &after).map_err(faults)
}
