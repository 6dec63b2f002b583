//! Rules about the feeds: what can't be seen, and why.
//!
//! A fault of one call (a permission missing) is told of its feed. A fault of the whole source (credentials
//! expired, no answer) breaks all its feeds at once and is told once, of the first of them.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Sight, Verdict};
use crate::fleet::{Fault, FaultKind, FeedId, FeedKind, Finding, Freshness, RowId, Severity, Source};

/// How long a source may be out of reach before it is critical.
const OUTAGE: i64 = 60;

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Trouble {
    Stale,
    Broken(FaultKind),
}

/// Judges all feeds.
pub(super) fn judge(sight: &Sight<'_>, findings: &mut Vec<Finding>) {
    let mut whole: BTreeMap<(&Source, Trouble), Vec<(&FeedId, Verdict)>> = BTreeMap::new();
    for (id, feed) in sight.fleet.feeds() {
        match feed.freshness(sight.now) {
            Freshness::Waiting | Freshness::Live => {}
            Freshness::Stale { since } => {
                let verdict = feed_stale(sight, id, since);
                whole
                    .entry((&id.source, Trouble::Stale))
                    .or_default()
                    .push((id, verdict));
            }
            Freshness::Failed { why, since, .. } => {
                let verdict = feed_failed(sight, id, why, since);
                match why.kind {
                    FaultKind::Credentials | FaultKind::Unreachable if id.source != Source::Hosts => {
                        let key = (&id.source, Trouble::Broken(why.kind));
                        whole.entry(key).or_default().push((id, verdict));
                    }
                    _ => findings.push(told(id, verdict, sight)),
                }
            }
        }
    }
    for feeds in whole.into_values() {
        findings.extend(together(feeds).map(|(id, verdict)| told(id, verdict, sight)));
    }
}

/// The gravest of several alike; its line says how many more there are.
fn together(feeds: Vec<(&FeedId, Verdict)>) -> Option<(&FeedId, Verdict)> {
    let more = feeds.len().saturating_sub(1);
    let mut worst = feeds
        .into_iter()
        .min_by_key(|(id, v)| (std::cmp::Reverse(v.severity), *id))?;
    if more > 0 {
        worst.1.line = format!("{}; so do {} more of its feeds", worst.1.line, more);
    }
    Some(worst)
}

fn told(id: &FeedId, verdict: Verdict, sight: &Sight<'_>) -> Finding {
    let cluster = match &id.source {
        Source::Kube(context) => Some(sight.fleet.cluster_of_context(context)),
        Source::Aws(_) | Source::Hosts => None,
    };
    verdict.of(RowId::Feed(id.clone()), id.to_string(), cluster)
}

fn feed_stale(sight: &Sight<'_>, id: &FeedId, since: Timestamp) -> Verdict {
    Verdict {
        rule: "feed-stale",
        severity: Severity::Warning,
        line: format!(
            "{} tells nothing since {}: what is shown of it is old",
            id.kind.as_str(),
            sight.ago(since)
        ),
        mend: "it is tried again by itself; look at the network if it stays so".to_owned(),
        since: Some(since),
    }
}

fn feed_failed(sight: &Sight<'_>, id: &FeedId, why: &Fault, since: Timestamp) -> Verdict {
    let mend = match why.kind {
        _ if !why.mend.is_empty() => why.mend.to_string(),
        FaultKind::Denied => format!("grant {} to these credentials", why.call),
        FaultKind::Credentials => "renew the credentials, such as with aws sso login".to_owned(),
        FaultKind::Throttled => "it slows down by itself".to_owned(),
        FaultKind::Unreachable => {
            "see that it runs and that the network reaches it; it is tried again by itself".to_owned()
        }
        FaultKind::Unsupported => "nothing to mend: the source does not offer this".to_owned(),
        FaultKind::Malformed | FaultKind::NotYet | FaultKind::NoCapacity | FaultKind::Crashed | FaultKind::Other => {
            "it is tried again by itself; k3fleet doctor tells more".to_owned()
        }
    };
    Verdict {
        rule: "feed-failed",
        severity: failure(sight, id.kind, why.kind, since),
        line: format!(
            "{} fails{}: {}: {}",
            id.kind.as_str(),
            sight.for_time(Some(since)),
            why.call,
            why.message
        ),
        mend,
        since: Some(since),
    }
}

/// How grave it is: blindness for machines is critical, for prices and usage it is not.
fn failure(sight: &Sight<'_>, feed: FeedKind, fault: FaultKind, since: Timestamp) -> Severity {
    let vital = matches!(feed, FeedKind::Instances | FeedKind::Nodes | FeedKind::Server);
    match fault {
        FaultKind::Unsupported | FaultKind::Throttled => Severity::Info,
        FaultKind::Credentials | FaultKind::Denied if vital => Severity::Critical,
        FaultKind::Unreachable if vital && sight.seconds(since) >= OUTAGE => Severity::Critical,
        _ => Severity::Warning,
    }
}
