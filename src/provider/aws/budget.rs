//! Every call counts: a token bucket for each API, sized as AWS sizes its own, delays a call before AWS would refuse
//! it, and counters tell how much of the shared allowance we use.
//!
//! AWS gives each account and region its buckets, shared by everything that runs there; ours take half of that, so
//! that a deployment or an autoscaler beside us keeps the rest. A throttling answer empties our bucket as well.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use smol_str::SmolStr;
use tokio::time::Instant;

/// The share of AWS' own bucket that we allow ourselves.
const SHARE: f64 = 0.5;

/// Seconds over which [`ApiUsage::last_minute`] counts.
const WINDOW: usize = 60;

/// What one API was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiUsage {
    /// The API, such as `ec2:DescribeInstances`.
    pub api: SmolStr,
    /// Requests sent within the last minute, retries and every page counted.
    pub last_minute: u32,
    /// Requests sent since the start.
    pub total: u64,
    /// Answers that asked us to slow down, since the start.
    pub throttled: u64,
}

/// The buckets and counters of one profile in one region.
#[derive(Debug)]
pub struct Budget {
    start: Instant,
    apis: Mutex<HashMap<SmolStr, Api>>,
}

#[derive(Debug)]
struct Api {
    /// Calls that may start at once; below zero when calls already wait.
    tokens: f64,
    /// When `tokens` was last brought up to date.
    at: Instant,
    size: f64,
    per_second: f64,
    /// Requests of each of the last seconds; slot `s % WINDOW` holds second `s`.
    seconds: [u32; WINDOW],
    /// The second that was last written.
    second: u64,
    total: u64,
    throttled: u64,
}

impl Budget {
    /// Full buckets, nothing counted.
    pub(super) fn new() -> Self {
        Self {
            start: Instant::now(),
            apis: Mutex::new(HashMap::new()),
        }
    }

    /// Waits until one more call of this API may be made. Callers are served in the order they came.
    pub(super) async fn acquire(&self, api: &str) {
        let wait = self.with(api, |entry, _| {
            entry.tokens -= 1.0;
            if entry.tokens >= 0.0 {
                0.0
            } else {
                -entry.tokens / entry.per_second
            }
        });
        if wait > 0.0 {
            tokio::time::sleep(Duration::from_secs_f64(wait)).await;
        }
    }

    /// Counts a request that goes out. A retry was not acquired: its token is taken here.
    pub(super) fn sent(&self, api: &str, is_retry: bool) {
        self.with(api, |entry, second| {
            if is_retry {
                entry.tokens -= 1.0;
            }
            entry.roll_to(second);
            entry.seconds[slot(second)] += 1;
            entry.total += 1;
        });
    }

    /// Notes that AWS asked us to slow down: the next call waits for at least a second.
    pub(super) fn throttled(&self, api: &str) {
        self.with(api, |entry, _| {
            entry.throttled += 1;
            entry.tokens = entry.tokens.min(1.0 - entry.per_second.max(1.0));
        });
    }

    /// What each API was asked for, by name.
    pub fn usage(&self) -> Vec<ApiUsage> {
        let second = self.second();
        let mut usage: Vec<_> = self
            .lock()
            .iter_mut()
            .map(|(api, entry)| {
                entry.roll_to(second);
                ApiUsage {
                    api: api.clone(),
                    last_minute: entry.seconds.iter().sum(),
                    total: entry.total,
                    throttled: entry.throttled,
                }
            })
            .collect();
        usage.sort_unstable_by(|a, b| a.api.cmp(&b.api));
        usage
    }

    fn with<T>(&self, api: &str, change: impl FnOnce(&mut Api, u64) -> T) -> T {
        let now = Instant::now();
        let second = self.second();
        let mut apis = self.lock();
        let entry = apis
            .entry(SmolStr::new(api))
            .or_insert_with(|| Api::new(api, now, second));
        entry.refill(now);
        change(entry, second)
    }

    /// Whole seconds since the start.
    fn second(&self) -> u64 {
        self.start.elapsed().as_secs()
    }

    /// The numbers are whole after each change, so a panic elsewhere while they were locked harms nothing.
    fn lock(&self) -> MutexGuard<'_, HashMap<SmolStr, Api>> {
        self.apis.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Api {
    fn new(api: &str, now: Instant, second: u64) -> Self {
        let (size, per_second) = allowance(api);
        let (size, per_second) = (f64::max(size * SHARE, 1.0), per_second * SHARE);
        Self {
            tokens: size,
            at: now,
            size,
            per_second,
            seconds: [0; WINDOW],
            second,
            total: 0,
            throttled: 0,
        }
    }

    fn refill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.tokens = (self.tokens + passed * self.per_second).min(self.size);
        self.at = now;
    }

    /// Empties the slots of the seconds that passed without a request.
    fn roll_to(&mut self, second: u64) {
        let passed = second.saturating_sub(self.second).min(WINDOW as u64);
        for back in 0..passed {
            self.seconds[slot(second - back)] = 0;
        }
        self.second = self.second.max(second);
    }
}

fn slot(second: u64) -> usize {
    (second % WINDOW as u64) as usize
}

/// AWS' own bucket for an account and region: its size, and the tokens it gains each second. EC2 publishes its
/// buckets (the paginated form is meant); the other services do not, so theirs are cautious guesses.
fn allowance(api: &str) -> (f64, f64) {
    match api {
        "ec2:DescribeSpotFleetRequests" => (50.0, 3.0),
        "ec2:TerminateInstances" => (100.0, 5.0),
        "ec2:ModifySpotFleetRequest" => (50.0, 5.0),
        _ if api.starts_with("ec2:") => (100.0, 20.0),
        _ if api.starts_with("autoscaling:") => (40.0, 10.0),
        // Its queues take next to any number; ours are read about once a second.
        _ if api.starts_with("sqs:") => (200.0, 100.0),
        _ => (20.0, 10.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const API: &str = "ec2:DescribeSpotFleetRequests";

    fn usage_of(budget: &Budget, api: &str) -> ApiUsage {
        let all = budget.usage();
        all.into_iter()
            .find(|usage| usage.api == api)
            .expect("the API was used")
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_bucket_lets_calls_through_at_once_and_an_empty_one_paces_them() {
        let budget = Budget::new();
        let start = Instant::now();
        for _ in 0..25 {
            budget.acquire(API).await;
        }
        assert_eq!(start.elapsed(), Duration::ZERO, "half of 50 is free");

        for _ in 0..3 {
            budget.acquire(API).await;
        }
        let waited = start.elapsed().as_secs_f64();
        assert!(
            (waited - 2.0).abs() < 0.05,
            "three calls at 1.5 a second take 2 s, not {waited}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_callers_each_get_their_own_turn() {
        let budget = Budget::new();
        for _ in 0..25 {
            budget.acquire(API).await;
        }
        let start = Instant::now();
        let done = futures::future::join_all((0..3).map(|_| async {
            budget.acquire(API).await;
            start.elapsed().as_millis()
        }))
        .await;
        assert!(done.windows(2).all(|pair| pair[1] >= pair[0] + 600), "{done:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_bucket_never_holds_more_than_its_size() {
        let budget = Budget::new();
        budget.acquire(API).await;
        tokio::time::advance(Duration::from_secs(3600)).await;
        let start = Instant::now();
        for _ in 0..26 {
            budget.acquire(API).await;
        }
        assert!(start.elapsed() > Duration::from_millis(500));
    }

    #[tokio::test(start_paused = true)]
    async fn throttling_silences_the_api_for_a_second_and_no_other() {
        let budget = Budget::new();
        budget.sent("ec2:DescribeInstances", false);
        budget.throttled("ec2:DescribeInstances");

        let start = Instant::now();
        budget.acquire(API).await;
        assert_eq!(start.elapsed(), Duration::ZERO);
        budget.acquire("ec2:DescribeInstances").await;
        assert!(
            start.elapsed() >= Duration::from_secs(1) - Duration::from_millis(100),
            "{:?}",
            start.elapsed()
        );
        assert_eq!(usage_of(&budget, "ec2:DescribeInstances").throttled, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_retry_costs_a_token_too() {
        let budget = Budget::new();
        for _ in 0..25 {
            budget.sent(API, true);
        }
        let start = Instant::now();
        budget.acquire(API).await;
        assert!(start.elapsed() > Duration::from_millis(500));
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_minute_forgets_what_is_older() {
        let budget = Budget::new();
        budget.sent(API, false);
        budget.sent(API, false);
        tokio::time::advance(Duration::from_secs(30)).await;
        budget.sent(API, false);
        assert_eq!(usage_of(&budget, API).last_minute, 3);
        tokio::time::advance(Duration::from_secs(31)).await;
        assert_eq!(usage_of(&budget, API).last_minute, 1);
        tokio::time::advance(Duration::from_secs(600)).await;
        let usage = usage_of(&budget, API);
        assert_eq!((usage.last_minute, usage.total), (0, 3));
    }
}
