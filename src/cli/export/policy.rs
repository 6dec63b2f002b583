//! The IAM policies: of who looks, of who operates, and what comes beside that.

use std::io::{self, Write};

use super::super::args::{StackPart, Whose};
use super::super::complain;
use super::super::exit::Exit;
use crate::blueprint::ha::rights::Part;
use crate::fleet::{AdoptName, AdoptRule, KNOWN_TAG, TAG_CLUSTER};
use crate::provider::aws::{adopted_policy, operator_policy, view_policy};

/// How many characters a managed policy of IAM holds, blanks not counted.
const ROOM: usize = 6144;

/// Prints a policy.
pub(in crate::cli) fn policy(whose: Whose, adopt: &[AdoptRule]) -> io::Result<Exit> {
    let text = match (whose.stacks, whose) {
        (Some(part), _) => format!("{:#}", part_of(part).policy()),
        (None, Whose { viewer: true, .. }) => view_policy(),
        (None, Whose { adopted: true, .. }) => adopted(adopt),
        (None, _) => operator_policy(),
    };
    let size: usize = text.split_whitespace().map(str::len).sum();
    if size > ROOM {
        complain(&format!(
            "it has {size} characters, and a managed policy holds {ROOM}: put its statements into several"
        ));
    }
    writeln!(io::stdout().lock(), "{}", text.trim_end())?;
    Ok(Exit::Done)
}

fn part_of(part: StackPart) -> Part {
    match part {
        StackPart::Machines => Part::Machines,
        StackPart::Services => Part::Services,
        StackPart::Storage => Part::Storage,
    }
}

/// The policy for clusters of others: of those that are known by themselves, and of those that rules take in.
fn adopted(rules: &[AdoptRule]) -> String {
    let mut keys = vec![KNOWN_TAG];
    for rule in rules {
        match tag_key(rule) {
            Some(key) if keys.contains(&key) => {}
            Some(TAG_CLUSTER) => {}
            Some(key) => keys.push(key),
            None => complain(
                "a rule in config.toml knows its cluster only by patterns of tag keys, which IAM cannot compare: add a \
                 condition for those groups by hand",
            ),
        }
    }
    adopted_policy(&keys)
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
