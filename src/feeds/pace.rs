//! When a source is asked next: fast while something happens, slow while nothing does, and later the more it fails.
//!
//! Pure: the time is passed in, so is chance ([`Spread`]).

use std::hash::{Hash, Hasher};
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use rustc_hash::FxHasher;
use tokio::time::Instant;

use crate::fleet::{FaultKind, FeedId};

/// The interval after a nudge.
const FAST: Duration = Duration::from_secs(3);
/// How long a nudge lasts.
const HASTE: Duration = Duration::from_mins(2);
/// How long after a throttled call the source is asked at the slowest.
const CALM: Duration = Duration::from_mins(2);
/// Without a change for so long, a source is asked slowly.
const QUIET: Duration = Duration::from_mins(5);
/// The interval while an urgent matter may come.
const URGENT: Duration = Duration::from_secs(5);
/// A source rests so many times as long as its latest answer took: one with thousands of things to list would
/// otherwise be asked all the time.
const REST: u32 = 4;
/// The interval of a source that is listened to, and the one while nobody looks.
const LISTENING: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(5));
/// No feed calls itself stale sooner than this.
const LEAST_GOOD_FOR: Duration = Duration::from_secs(30);

/// The pace of one feed.
pub(super) struct Pace {
    fast: Duration,
    normal: Duration,
    slow: Duration,
    focused: bool,
    /// Whether its news come at any time, after however long a silence.
    listens: bool,
    urgent: bool,
    hasty_until: Option<Instant>,
    calm_until: Option<Instant>,
    changed_at: Option<Instant>,
    /// How long the latest answer took.
    took: Duration,
    failing: Option<(FaultKind, ExponentialBackoff)>,
}

impl Pace {
    fn new(fast: Duration, normal: Duration, slow: Duration) -> Self {
        Self {
            fast,
            normal,
            slow,
            focused: true,
            listens: false,
            urgent: false,
            hasty_until: None,
            calm_until: None,
            changed_at: None,
            took: Duration::ZERO,
            failing: None,
        }
    }

    /// Always the same interval.
    pub(super) fn steady(interval: Duration) -> Self {
        Self::new(interval, interval, interval)
    }

    /// Faster after a nudge, four times slower when nothing changes or nobody looks.
    pub(super) fn adaptive(normal: Duration) -> Self {
        Self::new(FAST.min(normal), normal, normal.saturating_mul(4))
    }

    /// Faster after a nudge, but never slower.
    pub(super) fn watchful(normal: Duration) -> Self {
        Self::new(FAST.min(normal), normal, normal)
    }

    /// As fast as news shall be told, for as long as somebody looks: the answers of such a source are mostly its waiting
    /// for them.
    pub(super) fn listening() -> Self {
        let (normal, slow) = LISTENING;
        Self {
            listens: true,
            ..Self::new(normal, normal, slow)
        }
    }

    /// Somebody looks, or nobody does any more.
    pub(super) fn focus(&mut self, focused: bool, now: Instant) {
        if focused && !self.focused {
            self.changed_at = Some(now);
        }
        self.focused = focused;
    }

    /// Whether an urgent matter may come: then the interval is short for as long as somebody looks.
    pub(super) fn urgent(&mut self, urgent: bool) {
        self.urgent = urgent;
    }

    /// Something happens there.
    pub(super) fn nudge(&mut self, now: Instant) {
        self.hasty_until = Some(now + HASTE);
        self.changed_at = Some(now);
    }

    /// Whether the source may be asked before its time: not while it asks to be left alone.
    pub(super) fn may_hurry(&self) -> bool {
        !matches!(self.failing, Some((FaultKind::Throttled, _)))
    }

    /// Whether a nudge makes the source be asked at once: it may bring news, or have been mended.
    pub(super) fn heeds_nudges(&self) -> bool {
        self.may_hurry() && (self.is_failing() || self.fast < self.normal)
    }

    /// Whether the latest answer was none.
    pub(super) fn is_failing(&self) -> bool {
        self.failing.is_some()
    }

    /// The time between two answers, as things stand.
    pub(super) fn interval(&self, now: Instant) -> Duration {
        let within = |until: Option<Instant>| until.is_some_and(|until| now < until);
        let rest = self.took.saturating_mul(REST);
        if within(self.calm_until) {
            return self.slow.max(rest);
        }
        if self.listens {
            return if self.focused { self.normal } else { self.slow };
        }
        if within(self.hasty_until) {
            return self.fast.max(self.took);
        }
        if self.urgent && self.focused {
            return URGENT.min(self.normal).max(self.took);
        }
        let quiet = self.changed_at.is_some_and(|at| now.duration_since(at) >= QUIET);
        let usual = if quiet || !self.focused { self.slow } else { self.normal };
        usual.max(rest)
    }

    /// The longest silence that is still normal.
    pub(super) fn good_for(&self, now: Instant) -> Duration {
        self.interval(now).saturating_mul(3).max(LEAST_GOOD_FOR)
    }

    /// The latest answer took so long.
    pub(super) fn took(&mut self, time: Duration) {
        self.took = time;
    }

    /// The source answered; `changed` when it said anything new.
    pub(super) fn answered(&mut self, now: Instant, changed: bool) {
        self.failing = None;
        if changed || self.changed_at.is_none() {
            self.changed_at = Some(now);
        }
    }

    /// The source did not answer: the pause until it is asked again.
    pub(super) fn failed(&mut self, now: Instant, kind: FaultKind) -> Duration {
        if kind == FaultKind::Throttled {
            self.calm_until = Some(now + CALM);
        }
        let (_, pauses) = match self.failing.take() {
            Some((same, pauses)) if same == kind => self.failing.insert((kind, pauses)),
            _ => self.failing.insert((kind, backoff(kind))),
        };
        pauses.next().unwrap_or(self.slow)
    }
}

/// The pauses after failures of a kind: what nobody mends in seconds is tried again slowly.
pub(super) fn backoff(kind: FaultKind) -> ExponentialBackoff {
    let (first, longest) = match kind {
        FaultKind::Denied | FaultKind::Credentials | FaultKind::Unsupported => (60, 300),
        FaultKind::Throttled => (5, 120),
        FaultKind::Unreachable
        | FaultKind::Malformed
        | FaultKind::NotYet
        | FaultKind::NoCapacity
        | FaultKind::Crashed
        | FaultKind::Other => (2, 60),
    };
    ExponentialBuilder::default()
        .with_factor(2.0)
        .with_min_delay(Duration::from_secs(first))
        .with_max_delay(Duration::from_secs(longest))
        .without_max_times()
        .build()
}

/// Chance: spreads intervals, so that the calls of many feeds and many operators do not come all at once.
pub(super) struct Spread(fastrand::Rng);

impl Spread {
    /// The spread of one feed.
    pub(super) fn new(seed: u64, feed: &FeedId) -> Self {
        let mut hasher = FxHasher::default();
        (seed, feed).hash(&mut hasher);
        Self(fastrand::Rng::with_seed(hasher.finish()))
    }

    /// The time, more or less a tenth.
    pub(super) fn of(&mut self, time: Duration) -> Duration {
        time.mul_f64(0.9 + 0.2 * self.0.f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::{FeedKind, Source};

    const NORMAL: Duration = Duration::from_secs(15);

    fn secs(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn a_nudge_hastens_for_two_minutes() {
        let start = Instant::now();
        let mut pace = Pace::adaptive(NORMAL);
        pace.answered(start, true);
        assert_eq!(pace.interval(start), NORMAL);
        pace.nudge(start);
        assert!(pace.may_hurry());
        assert_eq!(pace.interval(start + secs(119)), FAST);
        assert_eq!(pace.interval(start + secs(120)), NORMAL);
    }

    #[test]
    fn nothing_new_or_nobody_looking_slows() {
        let start = Instant::now();
        let mut pace = Pace::adaptive(NORMAL);
        pace.answered(start, false);
        pace.answered(start + secs(290), false);
        assert_eq!(pace.interval(start + secs(299)), NORMAL);
        assert_eq!(pace.interval(start + secs(300)), secs(60));
        assert_eq!(pace.good_for(start + secs(300)), secs(180));
        pace.answered(start + secs(301), true);
        assert_eq!(pace.interval(start + secs(301)), NORMAL);
        pace.focus(false, start + secs(302));
        assert_eq!(pace.interval(start + secs(302)), secs(60));
        pace.focus(true, start + secs(900));
        assert_eq!(pace.interval(start + secs(900)), NORMAL);
    }

    #[test]
    fn an_urgent_matter_is_looked_for_while_somebody_looks() {
        let now = Instant::now();
        let mut pace = Pace::watchful(NORMAL);
        pace.urgent(true);
        assert_eq!(pace.interval(now), URGENT);
        pace.focus(false, now);
        assert_eq!(pace.interval(now), NORMAL);
    }

    #[test]
    fn what_is_listened_to_is_never_slowed_by_silence() {
        let start = Instant::now();
        let mut pace = Pace::listening();
        pace.answered(start, false);
        pace.took(secs(1));
        pace.nudge(start);
        assert!(!pace.heeds_nudges());
        assert_eq!(pace.interval(start + secs(3600)), secs(1));
        pace.focus(false, start);
        assert_eq!(pace.interval(start), secs(5));
        pace.focus(true, start);
        pace.failed(start, FaultKind::Throttled);
        assert_eq!(pace.interval(start + secs(1)), secs(5));
    }

    #[test]
    fn a_steady_pace_stays() {
        let now = Instant::now();
        let mut pace = Pace::steady(secs(300));
        pace.nudge(now);
        pace.focus(false, now);
        assert!(!pace.heeds_nudges());
        assert_eq!(pace.interval(now), secs(300));
        assert_eq!(pace.good_for(now), secs(900));
        pace.failed(now, FaultKind::Denied);
        assert!(pace.heeds_nudges(), "it may have been mended");
    }

    #[test]
    fn a_source_that_takes_long_is_asked_less_often() {
        let start = Instant::now();
        let mut pace = Pace::adaptive(NORMAL);
        pace.took(secs(1));
        assert_eq!(pace.interval(start), NORMAL, "that is no burden");
        pace.took(secs(20));
        assert_eq!((pace.interval(start), pace.good_for(start)), (secs(80), secs(240)));
        pace.nudge(start);
        assert_eq!(
            pace.interval(start),
            secs(20),
            "half of the time while something happens"
        );
        pace.took(secs(1));
        assert_eq!(pace.interval(start), FAST);
    }

    #[test]
    fn failures_are_retried_later_and_later() {
        let now = Instant::now();
        let mut pace = Pace::adaptive(NORMAL);
        let mut pauses = |kind, n| -> Vec<u64> { (0..n).map(|_| pace.failed(now, kind).as_secs()).collect() };
        assert_eq!(pauses(FaultKind::Unreachable, 7), [2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(pauses(FaultKind::Denied, 4), [60, 120, 240, 300]);
        assert_eq!(pauses(FaultKind::Credentials, 2), [60, 120]);
        assert_eq!(pauses(FaultKind::Throttled, 6), [5, 10, 20, 40, 80, 120]);
        pace.answered(now, false);
        assert!(!pace.is_failing());
        assert_eq!(pace.failed(now, FaultKind::Unreachable), secs(2));
    }

    #[test]
    fn throttling_slows_even_what_was_nudged() {
        let now = Instant::now();
        let mut pace = Pace::adaptive(NORMAL);
        pace.failed(now, FaultKind::Throttled);
        pace.nudge(now);
        assert!(
            !pace.may_hurry(),
            "a nudge must not shorten the pause that the source asked for"
        );
        pace.answered(now, true);
        assert_eq!(pace.interval(now + secs(60)), secs(60));
        assert_eq!(pace.interval(now + secs(121)), NORMAL);
    }

    #[test]
    fn the_spread_is_a_tenth_and_repeats_with_its_seed() {
        let feed = |kind| FeedId {
            kind,
            source: Source::Hosts,
        };
        let draw = |seed, kind| {
            let mut spread = Spread::new(seed, &feed(kind));
            (0..100).map(|_| spread.of(secs(10))).collect::<Vec<_>>()
        };
        let times = draw(1, FeedKind::Edge);
        assert!(times.iter().all(|t| (secs(9)..=secs(11)).contains(t)));
        assert!(times.iter().any(|t| *t < secs(10)) && times.iter().any(|t| *t > secs(10)));
        assert_eq!(times, draw(1, FeedKind::Edge));
        assert_ne!(times, draw(2, FeedKind::Edge));
        assert_ne!(times, draw(1, FeedKind::Nodes));
    }
}
