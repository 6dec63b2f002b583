//! Tokens that no parameter holds: the servers keep them. They are told apart by their digests, and numbered as versions
//! of a parameter would be: the old ones that servers have kept first, the one that the cluster goes by last.

use std::collections::BTreeSet;

use smol_str::SmolStr;

use super::{Known, Own};
use crate::blueprint::machine::Inside;
use crate::fleet::Role;

/// Numbers the tokens of a kind as its servers keep them; gives the one that the cluster goes by. `None`:
/// no server told one, or they differ, and none of them is the new one of a change.
pub(super) fn number(known: &mut Known, kind: Role, servers: &[&Inside]) -> Option<Own> {
    let held = servers.iter().flat_map(|inside| &inside.tokens);
    let own: BTreeSet<&SmolStr> = held.filter(|token| token.kind == kind).map(|t| &t.digest).collect();
    let kept = servers.iter().flat_map(|inside| &inside.kept);
    let kept: Vec<_> = kept.filter(|token| token.kind == kind).collect();
    let next = kept.iter().filter(|token| token.when.is_none());
    let next: BTreeSet<&SmolStr> = next.map(|token| &token.digest).collect();
    // Where some servers have taken a new one already, it is the one that is kept for the others.
    let taken: Vec<_> = own.intersection(&next).collect();
    let present: &SmolStr = match (own.iter().collect::<Vec<_>>().as_slice(), taken.as_slice()) {
        ([only], _) | (_, [only]) => only,
        _ => return None,
    };
    let mut old: Vec<_> = kept
        .iter()
        .filter_map(|token| Some((token.when.as_ref()?, &token.digest)))
        .collect();
    old.sort();
    let mut order: Vec<&SmolStr> = vec![];
    for digest in old.into_iter().map(|(_, digest)| digest).chain(own.iter().copied()) {
        if digest != present && !order.contains(&digest) {
            order.push(digest);
        }
    }
    order.push(present);
    let mut number = 0;
    for digest in order {
        number += 1;
        known.keep(digest.clone(), kind, number);
    }
    Some(Own {
        number,
        under_way: next.contains(present),
    })
}
