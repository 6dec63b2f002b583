//! The preflight: whether a host can join a cluster, judged from what was read of it before anything is touched. Each
//! check tells what was found, how it is judged, and what mends it.
//!
//! ```text
//!  Shell::facts ─▶ Candidate ─▶ judge ─▶ Preflight (one screen per host) ─▶ the verb join leaves out who fails
//! ```

mod cluster;
mod host;

use serde::Serialize;

use super::joining::{Candidate, Join};
use crate::fleet::{Fleet, HostName};

pub(super) use cluster::WAYS;

/// How a check is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It is as it should be.
    Ok,
    /// The host can join, but something is worth knowing.
    Warn,
    /// The host cannot join like this.
    Fail,
}

impl Verdict {
    /// `ok`, `warn` or `fail`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What, as a word: `memory-cgroup`.
    pub name: &'static str,
    /// How it is judged.
    pub verdict: Verdict,
    /// What was found, in one line.
    pub line: String,
    /// What mends it, in one line; empty where nothing has to be.
    pub mend: String,
    /// Whether k3fleet itself mends it when it is told to.
    pub mendable: bool,
}

impl Check {
    fn new(name: &'static str, verdict: Verdict, line: impl Into<String>, mend: impl Into<String>) -> Self {
        Self {
            name,
            verdict,
            line: line.into(),
            mend: mend.into(),
            mendable: false,
        }
    }

    fn ok(name: &'static str, line: impl Into<String>) -> Self {
        Self::new(name, Verdict::Ok, line, "")
    }

    fn warn(name: &'static str, line: impl Into<String>, mend: impl Into<String>) -> Self {
        Self::new(name, Verdict::Warn, line, mend)
    }

    fn fail(name: &'static str, line: impl Into<String>, mend: impl Into<String>) -> Self {
        Self::new(name, Verdict::Fail, line, mend)
    }

    /// What the host did not tell.
    fn unknown(name: &'static str, what: &str) -> Self {
        Self::warn(name, format!("it does not tell {what}"), "look at the host")
    }
}

/// All checks of one host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Preflight {
    /// The host.
    pub host: HostName,
    /// The checks, always in the same order; of a host that is not reached, the one of SSH alone.
    pub checks: Vec<Check>,
}

impl Preflight {
    /// Judges a host of a join.
    pub fn of(fleet: &Fleet, join: &Join, candidate: &Candidate) -> Self {
        Self {
            host: candidate.host.name.clone(),
            checks: judge(fleet, join, candidate),
        }
    }

    /// Whether it can join as it is.
    pub fn can_join(&self) -> bool {
        self.failures().next().is_none()
    }

    /// Whether it can join once k3fleet has mended what it can.
    pub fn can_join_with_mending(&self) -> bool {
        self.failures().all(|check| check.mendable)
    }

    /// Whether there is something that k3fleet can mend.
    pub fn wants_mending(&self) -> bool {
        self.checks
            .iter()
            .any(|check| check.mendable && check.verdict != Verdict::Ok)
    }

    /// The checks that keep it from joining.
    pub fn failures(&self) -> impl Iterator<Item = &Check> {
        self.checks.iter().filter(|check| check.verdict == Verdict::Fail)
    }

    /// The worst verdict.
    pub fn verdict(&self) -> Verdict {
        self.checks.iter().map(|c| c.verdict).max().unwrap_or(Verdict::Ok)
    }
}

/// Judges one host of a join; the other hosts of the join are those that it must not share its name with.
pub fn judge(fleet: &Fleet, join: &Join, candidate: &Candidate) -> Vec<Check> {
    let facts = match &candidate.facts {
        Ok(facts) => facts,
        Err(why) => {
            let mend = format!("see that `ssh {}` logs in without a question", candidate.host.name);
            return vec![Check::fail("ssh", why.as_str(), mend)];
        }
    };
    let mut checks = vec![Check::ok("ssh", "it answers, and its key is known")];
    checks.extend(host::judge(join, facts));
    checks.extend(cluster::judge(fleet, join, candidate, facts));
    checks
}
