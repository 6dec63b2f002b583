//! Keys of hosts that are not known yet: each is shown with its fingerprint and written down only after a yes. A key that
//! has changed is never taken.

use super::{Found, JoinHost};
use crate::app::Effect;
use crate::app::changes::READ_ONLY;
use crate::app::key::{Key, KeyCode};
use crate::app::overlay::Overlay;
use crate::app::update::Turn;
use crate::fleet::{EdgeHost, HostName, Severity, Source};
use crate::ops::HostKey;

/// Keys that are looked at.
#[derive(Clone, Debug)]
pub struct HostKeys {
    /// The hosts, each with its key.
    pub keys: Vec<KeyLine>,
    /// The place of the one under the cursor.
    pub at: usize,
}

/// A host's key.
#[derive(Clone, Debug)]
pub struct KeyLine {
    /// The host.
    pub host: EdgeHost,
    /// How its key stands.
    pub stands: KeyStanding,
}

/// How a host's key stands.
#[derive(Clone, Debug, PartialEq)]
pub enum KeyStanding {
    /// The host is being asked for it.
    Asked,
    /// It is not known yet.
    New(HostKey),
    /// It is being written down.
    Taking(HostKey),
    /// It is known.
    Known,
    /// It is another one than the one that is known.
    Changed(String),
    /// It was not learnt, or not written down.
    Failed(String),
}

impl KeyStanding {
    fn of(host: &JoinHost) -> Option<Self> {
        match &host.found {
            Found::NewKey(key) => Some(Self::New(key.clone())),
            _ => None,
        }
    }
}

impl Turn<'_> {
    /// Asks the chosen edge hosts for their keys.
    pub(in crate::app) fn open_keys(&mut self) {
        if self.state.read_only {
            return self.say(Severity::Warning, READ_ONLY);
        }
        let Some(hosts) = self.edge_hosts() else { return };
        self.effect(Effect::HostKeys(hosts.clone()));
        let line = |host| KeyLine {
            host,
            stands: KeyStanding::Asked,
        };
        let keys = hosts.into_iter().map(line).collect();
        self.push(Overlay::Keys(Box::new(HostKeys { keys, at: 0 })));
    }

    /// Shows all keys that hosts which are to join show and nobody knows.
    pub(super) fn list_new_keys(&mut self) {
        let Some(Overlay::Join(form)) = self.state.overlays.last() else {
            return;
        };
        let line = |host: &JoinHost| {
            let stands = KeyStanding::of(host)?;
            let host = host.host.clone();
            Some(KeyLine { host, stands })
        };
        let keys: Vec<_> = form.hosts.iter().filter_map(line).collect();
        match keys.is_empty() {
            true => self.say(Severity::Info, "no host shows a key that is not known"),
            false => self.push(Overlay::Keys(Box::new(HostKeys { keys, at: 0 }))),
        }
    }

    /// A key press while host keys are looked at; gives whether it was one of their own.
    pub(in crate::app) fn keys_key(&mut self, key: Key) -> bool {
        match key.code() {
            KeyCode::Char('y') if key.text() == Some('y') => self.take_keys(false),
            KeyCode::Char('a') if key.text() == Some('a') => self.take_keys(true),
            KeyCode::Enter => self.take_keys(false),
            _ => return false,
        }
        true
    }

    /// Has the key under the cursor written down, or all that are new.
    fn take_keys(&mut self, all: bool) {
        let Some(Overlay::Keys(keys)) = self.state.overlays.last_mut() else {
            return;
        };
        let at = keys.at;
        let mut taken = vec![];
        for (_, line) in keys.keys.iter_mut().enumerate().filter(|(i, _)| all || *i == at) {
            if let KeyStanding::New(key) = &line.stands {
                let key = key.clone();
                line.stands = KeyStanding::Taking(key.clone());
                taken.push((line.host.clone(), key));
            }
        }
        if !all && taken.is_empty() {
            let text = match keys.keys.get(at).map(|line| &line.stands) {
                Some(KeyStanding::Changed(_)) => "a key that has changed is never taken from here",
                Some(KeyStanding::Asked | KeyStanding::Taking(_)) => "wait until it has answered",
                Some(KeyStanding::Failed(_)) => "it shows no key",
                _ => "it is known already",
            };
            return self.say(Severity::Warning, text);
        }
        keys.at = match all {
            true => at,
            // On to the next that wants a yes.
            false => {
                let new = |line: &KeyLine| matches!(line.stands, KeyStanding::New(_));
                let next = keys.keys.iter().enumerate().skip(at).find(|(_, line)| new(line));
                next.map_or(at, |(next, _)| next)
            }
        };
        self.touch();
        for (host, key) in taken {
            self.effect(Effect::Trust(Box::new(host), key));
        }
    }

    /// Has the key of the host under the cursor of a join written down.
    pub(super) fn take_key_here(&mut self) {
        let read_only = self.state.read_only;
        let Some(Overlay::Join(form)) = self.state.overlays.last_mut() else {
            return;
        };
        let at = form.at;
        let Some(host) = form.hosts.get_mut(at) else { return };
        let text = match &host.found {
            _ if read_only => READ_ONLY,
            Found::NewKey(key) => {
                let effect = Effect::Trust(Box::new(host.host.clone()), key.clone());
                host.found = Found::Asked;
                host.judged.clear();
                self.touch();
                return self.effect(effect);
            }
            Found::ChangedKey(_) => "a key that has changed is never taken from here",
            _ => "its key is known already",
        };
        self.say(Severity::Warning, text);
    }

    /// Takes in which key a host shows.
    pub(in crate::app) fn key_shown(&mut self, host: &HostName, stands: KeyStanding) {
        for overlay in &mut self.state.overlays {
            let Overlay::Keys(keys) = overlay else { continue };
            for line in keys.keys.iter_mut().filter(|line| line.host.name == *host) {
                line.stands = stands.clone();
            }
        }
        self.touch();
    }

    /// Takes in that a key was written down, or why not. The host is looked at again then.
    pub(in crate::app) fn trusted(&mut self, host: &HostName, outcome: Result<(), String>) {
        let mut again = None;
        let mut failed = None;
        let stands = match &outcome {
            Ok(()) => KeyStanding::Known,
            Err(why) => KeyStanding::Failed(why.clone()),
        };
        for overlay in &mut self.state.overlays {
            let Overlay::Join(form) = overlay else { continue };
            let addresses = form.addresses();
            for own in form.hosts.iter_mut().filter(|own| own.host.name == *host) {
                match &outcome {
                    Ok(()) => {
                        own.found = Found::Asked;
                        again = Some(Effect::LookAt(vec![own.host.clone()], addresses.clone()));
                    }
                    Err(why) => {
                        own.found = Found::Failed(why.clone());
                        failed = Some(why.clone());
                    }
                }
            }
        }
        self.key_shown(host, stands);
        match again {
            Some(effect) => self.effect(effect),
            // Its probe need not wait for its turn.
            None if failed.is_none() => self.effect(Effect::Refresh(vec![Source::Hosts])),
            None => self.judge_join(),
        }
    }
}
