//! `export`: what k3fleet needs of others, written out for them.

use std::io::{self, Write};

use super::args::ExportCommand;
use super::complain;
use super::exit::Exit;
use crate::fleet::{AdoptName, AdoptRule};
use crate::provider::aws::{operator_policy, view_policy};

/// Prints what is asked for.
pub(super) fn run(what: &ExportCommand, adopt: &[AdoptRule]) -> io::Result<Exit> {
    let ExportCommand::IamPolicy { viewer, .. } = what;
    let policy = match viewer {
        true => view_policy(),
        false => {
            let keys: Vec<_> = adopt.iter().map(tag_key).collect();
            if keys.contains(&None) {
                complain(
                    "a rule in config.toml knows its cluster only by patterns of tag keys, which IAM cannot compare: \
                     add a condition for those groups by hand",
                );
            }
            operator_policy(&keys.into_iter().flatten().collect::<Vec<_>>())
        }
    };
    writeln!(io::stdout().lock(), "{}", policy.trim_end())?;
    Ok(Exit::Done)
}

/// A tag key that everything carries which a rule adopts, and that is no pattern.
fn tag_key(rule: &AdoptRule) -> Option<&str> {
    let keys = rule.tags.iter().map(|(key, _)| key.as_str());
    let own = match &rule.cluster {
        AdoptName::Value(key) => Some(key.as_str()),
        AdoptName::Literal(_) | AdoptName::KeyPart { .. } => None,
    };
    keys.chain(own).find(|key| !key.contains('*'))
}
