//! What is judged of a host before it joins: each check with its verdict and what mends it, and all of them in one word.

use std::cmp::Reverse;

use super::{Found, JoinForm, JoinHost};
use crate::fleet::{Fleet, HostName, Severity};
use crate::ops::joining::Join;
use crate::ops::preflight::{self, Check, Verdict};

/// Up to so many hosts stay in the order in which they were chosen.
const FEW: usize = 12;

/// A check of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// What is checked.
    pub what: String,
    /// How it stands: well, worth a warning, or in the way.
    pub verdict: Severity,
    /// What was found.
    pub said: String,
    /// What mends it; empty where nothing has to be mended.
    pub mend: String,
}

/// How a host stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is being asked.
    Asked,
    /// It is left out.
    LeftOut,
    /// It was judged so: well, with warnings, or something is in the way.
    Judged(Severity),
}

/// How many hosts stand how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// All is well.
    pub well: usize,
    /// They can join, with warnings.
    pub warned: usize,
    /// They cannot join.
    pub barred: usize,
    /// They are being asked.
    pub asked: usize,
    /// They are left out.
    pub left_out: usize,
}

impl Judged {
    fn new(what: &str, verdict: Severity, said: impl Into<String>, mend: &str) -> Self {
        Self {
            what: what.to_owned(),
            verdict,
            said: said.into(),
            mend: mend.to_owned(),
        }
    }
}

/// What the command line calls what is done with a key here.
const KEYS: [(&str, &str); 6] = [
    ("--mend turns", "m in the preflight turns"),
    ("with --server", "as the server in its options (o):"),
    ("with --vpn-auth-file", "with its key in the options (o)"),
    ("with --files", "with the files in the options (o)"),
    (
        "k3fleet reach CLUSTER keeps",
        "w in the preflight shows the ways, and keeps",
    ),
    ("give it once (--ask-sudo-password)", "s asks for it once"),
];

/// A text that names options of the command line, with the keys that do the same in the preflight.
pub(in crate::app) fn as_keys(text: String) -> String {
    KEYS.iter().fold(text, |text, (word, key)| text.replace(word, key))
}

impl From<Check> for Judged {
    fn from(check: Check) -> Self {
        let verdict = match check.verdict {
            Verdict::Ok => Severity::Ok,
            Verdict::Warn => Severity::Warning,
            Verdict::Fail => Severity::Critical,
        };
        let mend = KEYS
            .iter()
            .fold(check.mend, |mend, (word, key)| mend.replace(word, key));
        Self::new(check.name, verdict, check.line, &mend)
    }
}

impl JoinHost {
    /// How it stands.
    pub fn standing(&self) -> Standing {
        match (&self.found, self.left_out) {
            (_, true) => Standing::LeftOut,
            (Found::Asked, false) => Standing::Asked,
            (_, false) => Standing::Judged(self.judged.iter().map(|j| j.verdict).max().unwrap_or(Severity::Ok)),
        }
    }

    /// The worst that was found, the first of several.
    pub fn worst(&self) -> Option<&Judged> {
        let mut worst: Option<&Judged> = None;
        for judged in &self.judged {
            if worst.is_none_or(|w| judged.verdict > w.verdict) {
                worst = Some(judged);
            }
        }
        worst.filter(|judged| judged.verdict >= Severity::Warning)
    }

    fn judge(&mut self, fleet: &Fleet, join: &Join) {
        self.judged = match (&self.found, self.connection()) {
            (Found::Facts(_), _) => {
                let checks = preflight::judge(fleet, join, &self.candidate());
                checks.into_iter().map(Judged::from).collect()
            }
            (_, connection) => connection.into_iter().collect(),
        };
    }

    fn connection(&self) -> Option<Judged> {
        let bad = Severity::Critical;
        Some(match &self.found {
            Found::Asked | Found::Facts(_) => return None,
            Found::NewKey(key) => Judged::new(
                "host-key",
                bad,
                format!("{} {} is not known yet", key.kind, key.fingerprint),
                "compare it with what the host itself shows, then accept it: y",
            ),
            Found::ChangedKey(why) => Judged::new(
                "host-key",
                bad,
                format!("HAS CHANGED: {why}"),
                "find out why: it may be another machine; only then take the old one away with ssh-keygen -R",
            ),
            Found::Failed(why) => Judged::new("ssh", bad, why.clone(), "mend it, then r looks again"),
        })
    }
}

impl JoinForm {
    /// Judges all hosts anew.
    pub(super) fn judge(&mut self, fleet: &Fleet) {
        let join = self.join();
        for host in &mut self.hosts {
            host.judge(fleet, &join);
        }
    }

    /// Judges a host anew; those beside it, which must not have its name, once all have answered.
    pub(super) fn judge_one(&mut self, name: &HostName, fleet: &Fleet) {
        if self.asked() == 0 {
            self.judge(fleet);
            return self.worst_first();
        }
        let join = self.join();
        for host in self.hosts.iter_mut().filter(|host| host.host.name == *name) {
            host.judge(fleet, &join);
        }
    }

    /// Puts those of many hosts first that want looking at; the cursor stays on its host, or at the first place.
    fn worst_first(&mut self) {
        if self.hosts.len() <= FEW {
            return;
        }
        let here = self.here().filter(|_| self.at > 0).map(|host| host.host.name.clone());
        self.hosts.sort_by_key(|host| match host.standing() {
            Standing::Judged(severity) => Reverse(Some(severity)),
            Standing::Asked | Standing::LeftOut => Reverse(None),
        });
        let place = |name: HostName| self.hosts.iter().position(|host| host.host.name == name);
        self.at = here.and_then(place).unwrap_or(0);
    }

    /// How many hosts stand how.
    pub fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        for host in &self.hosts {
            *match host.standing() {
                Standing::Asked => &mut tally.asked,
                Standing::LeftOut => &mut tally.left_out,
                Standing::Judged(Severity::Critical) => &mut tally.barred,
                Standing::Judged(Severity::Warning) => &mut tally.warned,
                Standing::Judged(_) => &mut tally.well,
            } += 1;
        }
        tally
    }
}
