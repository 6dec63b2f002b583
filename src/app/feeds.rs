//! All sources: how fresh each is, what fails, what mends it.

use jiff::Timestamp;

use crate::fleet::{FeedId, Freshness, Severity, View};

/// One source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedLine<'a> {
    /// Which.
    pub id: &'a FeedId,
    /// How it does.
    pub freshness: Freshness<'a>,
    /// When it last answered.
    pub synced_at: Option<Timestamp>,
    /// How much that wants looking at.
    pub severity: Severity,
}

/// All sources, the failing ones first.
pub fn feeds<'a>(view: &View<'a>) -> Vec<FeedLine<'a>> {
    let mut lines: Vec<_> = view
        .fleet
        .feeds()
        .iter()
        .map(|(id, feed)| {
            let freshness = feed.freshness(view.now);
            FeedLine {
                id,
                severity: match freshness {
                    Freshness::Live => Severity::Ok,
                    Freshness::Waiting => Severity::Info,
                    Freshness::Stale { .. } => Severity::Warning,
                    Freshness::Failed { .. } => Severity::Critical,
                },
                freshness,
                synced_at: feed.synced_at,
            }
        })
        .collect();
    lines.sort_by_key(|line| std::cmp::Reverse(line.severity));
    lines
}
