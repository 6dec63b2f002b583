//! The way into hosts: keys that are not known yet are shown and taken in after a yes, one that has changed is not; the
//! password that `sudo` wants is asked for once.

use std::io::{self, IsTerminal};

use futures::{StreamExt, stream};
use smol_str::SmolStr;

use super::args::Ssh;
use super::exit::Halt;
use super::operate::Desk;
use super::plan::{Answer, ask};
use super::progress::Count;
use super::{complain, complain_of, prompt};
use crate::fleet::{EdgeHost, FaultKind, HostName};
use crate::ops::candidates::candidates;
use crate::ops::joining::{Candidate, Sudo};
use crate::provider::{HostKey, Shell};

/// How many hosts are spoken to at once: as many as K3s takes in.
pub(super) const AT_ONCE: usize = 50;
/// How many hosts are named in one line.
const NAMED: usize = 5;

impl Desk<'_> {
    /// Gets ready for work on hosts: their keys are known then, and the password that `sudo` wants is given where somebody
    /// can be asked for it.
    pub(super) async fn enter(&self, hosts: &[EdgeHost], ssh: Ssh) -> Result<(), Halt> {
        if hosts.is_empty() {
            return Ok(());
        }
        self.see_keys(hosts, ssh.accept_new_host_keys).await?;
        if ssh.ask_sudo_password {
            return self.ask_sudo(&[]).map(drop);
        }
        if io::stdin().is_terminal() {
            let candidates = self.facts(hosts, &[]).await?;
            self.sudo(&candidates)?;
        }
        Ok(())
    }

    /// Takes in the keys of hosts that are not known yet, once that is confirmed.
    pub(super) async fn see_keys(&self, hosts: &[EdgeHost], accept: bool) -> Result<(), Halt> {
        let shell = self.shell()?;
        let count = Count::new("asking for the keys of hosts", hosts.len());
        let asked = stream::iter(hosts).map(async |host| (host, shell.host_key(host).await));
        let mut asked = asked.buffer_unordered(AT_ONCE);
        let mut new: Vec<(&EdgeHost, HostKey)> = vec![];
        while let Some((host, answer)) = asked.next().await {
            count.step();
            match answer {
                Ok(None) => {}
                Ok(Some(key)) => new.push((host, key)),
                // A key that has changed has to be seen by somebody.
                Err(error) if error.kind == FaultKind::Credentials => count.aside(|| complain_of(&error)),
                Err(error) => tracing::info!("the key of a host is not seen: {error}"),
            }
        }
        drop(count);
        if new.is_empty() {
            return Ok(());
        }
        new.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
        let Some(control) = &self.session.control.shell else {
            complain("keys that are not known yet are not taken in in read-only mode");
            return Ok(());
        };
        for (host, key) in &new {
            let shown = host.annotation();
            complain(&format!(
                "{} ({shown}) shows a new key: {} {}",
                host.name, key.kind, key.fingerprint
            ));
        }
        if !accept {
            let question = match new.len() {
                1 => "is it the host's own key, and shall it be taken in?".to_owned(),
                n => format!("are these the hosts' own keys, and shall all {n} be taken in?"),
            };
            match ask(None, &question).map_err(|error| Halt::failed(error.to_string()))? {
                Answer::Yes => {}
                Answer::No => {
                    complain("they are not taken in; hosts are not spoken to before their keys are known");
                    return Ok(());
                }
                Answer::Nobody => {
                    complain("nobody can be asked here: --accept-new-host-keys takes new keys in");
                    return Ok(());
                }
            }
        }
        for (host, key) in &new {
            if let Err(error) = control.trust(host, key).await {
                complain_of(&error);
            }
        }
        Ok(())
    }

    /// What hosts are, asked side by side, in the order in which they were named.
    pub(super) async fn facts(&self, hosts: &[EdgeHost], addresses: &[SmolStr]) -> Result<Vec<Candidate>, Halt> {
        let shell = self.shell()?;
        let count = Count::new("looking at hosts", hosts.len());
        Ok(candidates(shell, hosts, addresses, &|_| count.step()).await)
    }

    /// Asks for the password that `sudo` wants on some of these hosts, where somebody can be asked; gives whether it is
    /// given.
    pub(super) fn sudo(&self, candidates: &[Candidate]) -> Result<bool, Halt> {
        let wants = |c: &&Candidate| c.facts.as_ref().is_ok_and(|facts| facts.sudo == Sudo::Password);
        let names: Vec<&HostName> = candidates.iter().filter(wants).map(|c| &c.host.name).collect();
        match names.as_slice() {
            [] => Ok(false),
            names if io::stdin().is_terminal() => self.ask_sudo(names),
            names => {
                let names = named(names);
                complain(&format!(
                    "sudo wants a password on {names}: --ask-sudo-password reads it from standard input"
                ));
                Ok(false)
            }
        }
    }

    /// Asks for the password that `sudo` wants; gives whether it is given.
    pub(super) fn ask_sudo(&self, hosts: &[&HostName]) -> Result<bool, Halt> {
        let Some(control) = &self.session.control.shell else {
            return Ok(false);
        };
        let question = match hosts {
            [] => "password for sudo on the hosts".to_owned(),
            hosts => format!("password for sudo on {}", named(hosts)),
        };
        let password = prompt::password(&question).map_err(|error| Halt::failed(error.to_string()))?;
        let Some(password) = password else {
            return Err(Halt::usage("no password was given; nothing was done"));
        };
        control.set_sudo_password(password);
        Ok(true)
    }

    pub(super) fn shell(&self) -> Result<&dyn Shell, Halt> {
        let shell = self.session.providers.shell.as_deref();
        shell.ok_or_else(|| Halt::failed("no host is reached from here: there is no SSH"))
    }
}

/// Some names in one line.
pub(super) fn named(hosts: &[&HostName]) -> String {
    let names: Vec<_> = hosts.iter().take(NAMED).map(|host| host.as_str()).collect();
    match hosts.len().saturating_sub(NAMED) {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_names_stand_for_many() {
        let hosts: Vec<_> = (1..=7).map(|n| HostName::new(format!("pi-{n}"))).collect();
        let hosts: Vec<_> = hosts.iter().collect();
        assert_eq!(named(&hosts[..2]), "pi-1, pi-2");
        assert_eq!(named(&hosts), "pi-1, pi-2, pi-3, pi-4, pi-5 and 2 more");
    }
}
