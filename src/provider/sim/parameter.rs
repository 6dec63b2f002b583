//! SSM parameters: each keeps its older values, as numbered versions.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::state::State;
use crate::fleet::Scope;
use crate::provider::ParameterVersion;

/// How many versions SSM keeps.
const KEPT: usize = 100;

/// By what a parameter is known: account, region and name, whichever profile names it.
pub(super) type ParameterKey = (SmolStr, SmolStr, SmolStr);

/// A parameter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Parameter {
    /// The number of the first version that is kept.
    first: u64,
    /// The newest last.
    versions: Vec<Version>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Version {
    value: String,
    at: Timestamp,
    by: SmolStr,
}

impl Parameter {
    /// One that was just made; `by` is an ARN.
    pub(super) fn new(value: String, at: Timestamp, by: SmolStr) -> Self {
        Self {
            first: 1,
            versions: vec![Version { value, at, by }],
        }
    }

    /// Gives it another value; gives the number of that.
    pub(super) fn put(&mut self, value: String, at: Timestamp, by: SmolStr) -> u64 {
        self.versions.push(Version { value, at, by });
        while self.versions.len() > KEPT {
            self.versions.remove(0);
            self.first += 1;
        }
        self.number()
    }

    /// The number of its newest value.
    pub(super) fn number(&self) -> u64 {
        self.first + self.versions.len() as u64 - 1
    }

    /// Its newest value.
    pub(super) fn value(&self) -> &str {
        self.versions.last().map_or("", |v| v.value.as_str())
    }

    /// The value with a number.
    pub(super) fn version(&self, number: u64) -> Option<&str> {
        let place = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.versions.get(place).map(|v| v.value.as_str())
    }

    /// Whether it was changed since it was made.
    pub(super) fn is_changed(&self) -> bool {
        self.number() > 1
    }

    /// Its versions without their values, the newest first.
    pub(super) fn history(&self) -> Vec<ParameterVersion> {
        let numbered = (self.first..).zip(&self.versions);
        let told = numbered.map(|(version, v)| ParameterVersion {
            version,
            at: v.at,
            by: v.by.clone(),
        });
        let mut told: Vec<_> = told.collect();
        told.reverse();
        told
    }
}

impl State {
    /// By what a parameter of a scope is known.
    pub(super) fn parameter_key(&self, scope: &Scope, name: &str) -> ParameterKey {
        let region = self.regions.iter().find(|r| super::build::scope(r) == *scope);
        let account = region.map_or_else(SmolStr::default, |r| r.account.clone());
        (account, scope.region.clone(), name.into())
    }

    /// The newest value of a parameter.
    pub(super) fn newest(&self, scope: &Scope, name: &str) -> Option<SmolStr> {
        let found = self.parameters.get(&self.parameter_key(scope, name))?;
        Some(found.value().into())
    }

    /// The value that `name:version` stands for; without a version, the newest.
    pub(super) fn parameter_at(&self, scope: &Scope, place: &str) -> Option<SmolStr> {
        let numbered = place
            .rsplit_once(':')
            .and_then(|(name, n)| Some((name, n.parse::<u64>().ok()?)));
        match numbered {
            Some((name, n)) => {
                let found = self.parameters.get(&self.parameter_key(scope, name))?;
                found.version(n).map(SmolStr::new)
            }
            None => self.newest(scope, place),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_counted_and_the_oldest_forgotten() {
        let at = Timestamp::UNIX_EPOCH;
        let mut parameter = Parameter::new("0".to_owned(), at, "ana".into());
        assert!(!parameter.is_changed());
        for n in 1..=120_u64 {
            assert_eq!(parameter.put(n.to_string(), at, "ben".into()), n + 1);
        }
        assert_eq!((parameter.value(), parameter.number()), ("120", 121));
        assert_eq!(parameter.version(21), None);
        assert_eq!(parameter.version(22), Some("21"));
        assert_eq!(parameter.version(122), None);
        let told = parameter.history();
        assert_eq!((told.len(), told[0].version, told[99].version), (100, 121, 22));
    }
}
