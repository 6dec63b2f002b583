//! Freshness is data: each feed says when it last heard from its source, and why not since.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use smol_str::SmolStr;

use super::{ContextId, Scope};

/// One source of observations.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FeedId {
    /// What it brings.
    pub kind: FeedKind,
    /// From where.
    pub source: Source,
}

/// What a feed brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FeedKind {
    /// Who the credentials belong to.
    Account,
    /// EC2 instances.
    Instances,
    /// Auto Scaling groups.
    Asgs,
    /// Spot Fleet requests.
    SpotFleets,
    /// Scaling activities.
    Activities,
    /// Interruption notices.
    Notices,
    /// Stacks of highly available clusters, and their queues.
    Stacks,
    /// What EC2 and Auto Scaling say of such clusters' machines.
    Events,
    /// Spot prices.
    SpotPrices,
    /// On-demand prices.
    OnDemandPrices,
    /// The API server itself: version and reachability.
    Server,
    /// Kubernetes nodes.
    Nodes,
    /// Kubernetes pods.
    Pods,
    /// Usage from metrics.k8s.io.
    Usage,
    /// Edge hosts.
    Edge,
}

impl FeedKind {
    /// A short word for the header and for messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Instances => "ec2",
            Self::Asgs => "asg",
            Self::SpotFleets => "spot fleets",
            Self::Activities => "activities",
            Self::Notices => "notices",
            Self::Stacks => "stacks",
            Self::Events => "events",
            Self::SpotPrices => "spot prices",
            Self::OnDemandPrices => "on-demand prices",
            Self::Server => "server",
            Self::Nodes => "nodes",
            Self::Pods => "pods",
            Self::Usage => "usage",
            Self::Edge => "edge",
        }
    }
}

/// Where a feed reads.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Source {
    /// AWS, one profile in one region.
    Aws(Scope),
    /// An API server.
    Kube(ContextId),
    /// The edge hosts.
    Hosts,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Aws(scope) => scope.fmt(f),
            Self::Kube(context) => context.fmt(f),
            Self::Hosts => f.pad("hosts"),
        }
    }
}

impl fmt::Display for FeedId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{} {}", self.kind.as_str(), self.source))
    }
}

/// What a feed reports of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FeedReport {
    /// It begins: its source is being asked, and has not answered yet.
    Begun,
    /// Its source answered, and everything it said has been passed on.
    Synced {
        /// The longest silence that is still normal: older data is stale.
        good_for: SignedDuration,
    },
    /// Its source did not answer.
    Failed {
        /// What went wrong.
        fault: Fault,
        /// When it is tried again.
        retry_at: Timestamp,
    },
}

/// Why a source could not be read: what was tried, why it failed, what mends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The call that failed, such as `ec2:DescribeInstances`.
    pub call: SmolStr,
    /// The class of the failure.
    pub kind: FaultKind,
    /// The source's own words.
    pub message: SmolStr,
    /// What to do about it.
    pub mend: SmolStr,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.call, self.message)?;
        if !self.mend.is_empty() {
            write!(f, " ({})", self.mend)?;
        }
        Ok(())
    }
}

/// Classes of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FaultKind {
    /// The source asks to be called less often.
    Throttled,
    /// The caller may not do this.
    Denied,
    /// No credentials, or they have expired.
    Credentials,
    /// No answer: refused, timed out, unresolvable.
    Unreachable,
    /// The source does not offer this.
    Unsupported,
    /// An answer that is not understood.
    Malformed,
    /// The source is not ready for this yet: something just made is not known everywhere, or something is still in use.
    NotYet,
    /// There is no capacity for what was to be launched.
    NoCapacity,
    /// The feed itself crashed and was started anew.
    Crashed,
    /// Anything else the source said no with.
    Other,
}

/// What is known of a feed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Feed {
    /// When the source last answered.
    pub synced_at: Option<Timestamp>,
    /// The longest normal silence.
    pub good_for: SignedDuration,
    /// The failure since the last answer, when it began, and when the source is tried again.
    pub fault: Option<(Fault, Timestamp, Timestamp)>,
}

/// How far a feed's data can be trusted at a given time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Freshness<'a> {
    /// No answer yet, no failure either.
    Waiting,
    /// As fresh as this feed gets.
    Live,
    /// Nothing heard since, though nothing failed.
    Stale {
        /// The last answer.
        since: Timestamp,
    },
    /// The source fails.
    Failed {
        /// Why.
        why: &'a Fault,
        /// Since when.
        since: Timestamp,
        /// The next try.
        retry_at: Timestamp,
    },
}

impl Feed {
    /// Takes in a report.
    pub fn report(&mut self, report: FeedReport, at: Timestamp) {
        match report {
            // What was known stays known: a feed may begin anew.
            FeedReport::Begun => {}
            FeedReport::Synced { good_for } => {
                self.synced_at = Some(at);
                self.good_for = good_for;
                self.fault = None;
            }
            FeedReport::Failed { fault, retry_at } => {
                let since = self.fault.as_ref().map_or(at, |(_, since, _)| *since);
                self.fault = Some((fault, since, retry_at));
            }
        }
    }

    /// Whether a report changes more than the time of the last answer.
    pub(super) fn is_changed_by(&self, report: &FeedReport) -> bool {
        match (report, &self.fault) {
            (FeedReport::Synced { .. }, None) => self.synced_at.is_none(),
            (FeedReport::Failed { fault, .. }, Some((known, _, _))) => fault != known,
            _ => true,
        }
    }

    /// How far the data can be trusted now.
    pub fn freshness(&self, now: Timestamp) -> Freshness<'_> {
        if let Some((why, since, retry_at)) = &self.fault {
            return Freshness::Failed {
                why,
                since: *since,
                retry_at: *retry_at,
            };
        }
        match self.synced_at {
            None => Freshness::Waiting,
            Some(at) if now.duration_since(at) > self.good_for => Freshness::Stale { since: at },
            Some(_) => Freshness::Live,
        }
    }
}
