//! Deadlines and pauses of the adapter, in one place.

use std::time::Duration;

/// How long the adapter waits for what.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// For credentials: files, and what a plugin does.
    pub credentials: Duration,
    /// For the first byte of an answer.
    pub answer: Duration,
    /// For the next byte of a body that has begun.
    pub stall: Duration,
    /// For the next word of a watch: API servers say something about once a minute. After it the watch is opened
    /// anew from where it was.
    pub silence: Duration,
    /// Between two listings where watching is denied.
    pub poll: Duration,
    /// After a first failure; each further one doubles it, up to `retry_most`, less up to half at random.
    pub retry_first: Duration,
    /// The longest pause after a failure.
    pub retry_most: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            credentials: Duration::from_secs(20),
            answer: Duration::from_secs(20),
            stall: Duration::from_secs(30),
            silence: Duration::from_secs(150),
            poll: Duration::from_secs(30),
            retry_first: Duration::from_millis(500),
            retry_most: Duration::from_secs(30),
        }
    }
}

/// Growing pauses between failures.
#[derive(Debug)]
pub(super) struct Backoff {
    first: Duration,
    most: Duration,
    failures: u32,
}

impl Backoff {
    pub(super) fn new(pace: &Pace) -> Self {
        Self {
            first: pace.retry_first,
            most: pace.retry_most,
            failures: 0,
        }
    }

    /// The pause after one more failure.
    pub(super) fn next(&mut self) -> Duration {
        let whole = self.first.saturating_mul(1 << self.failures.min(16)).min(self.most);
        self.failures = self.failures.saturating_add(1);
        whole.mul_f64(1.0 - fastrand::f64() / 2.0)
    }

    /// It works again.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_are_spread() {
        let mut backoff = Backoff::new(&Pace::default());
        for expected in [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0] {
            let pause = backoff.next().as_secs_f64();
            assert!(pause <= expected && pause >= expected / 2.0, "{pause} of {expected}");
        }
        for _ in 0..100 {
            assert!(backoff.next() <= Duration::from_secs(30));
        }
        backoff.reset();
        assert!(backoff.next() <= Duration::from_millis(500));
    }
}
