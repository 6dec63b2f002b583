//! World time: how it follows the runtime's clock, and stands still.

use jiff::{SignedDuration, Timestamp};
use tokio::time::{Duration, Instant};

/// World time = a base plus `speed` times what has passed since on the runtime's clock.
#[derive(Debug)]
pub(super) struct Clock {
    base: Timestamp,
    anchor: Instant,
    speed: f64,
    paused: bool,
}

impl Clock {
    pub(super) fn new(base: Timestamp, speed: f64) -> Self {
        let speed = if speed.is_finite() && speed > 0.0 { speed } else { 1.0 };
        Self {
            base,
            anchor: Instant::now(),
            speed,
            paused: false,
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        if self.paused {
            return self.base;
        }
        later(self.base, seconds(self.anchor.elapsed().as_secs_f64() * self.speed))
    }

    pub(super) fn pause(&mut self, on: bool) {
        self.base = self.now();
        self.anchor = Instant::now();
        self.paused = on;
    }

    /// When the runtime's clock reaches a world time; `None` while time stands still.
    pub(super) fn deadline(&self, at: Timestamp) -> Option<Instant> {
        if self.paused {
            return None;
        }
        let wait = at.duration_since(self.base).as_secs_f64().max(0.0) / self.speed;
        let wait = Duration::try_from_secs_f64(wait).ok()?;
        // Rounding must not wake a sleeper before its time.
        self.anchor.checked_add(wait)?.checked_add(Duration::from_micros(1))
    }
}

/// A time that much later, or the end of time.
pub(super) fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// A time that much earlier, or the beginning of time.
pub(super) fn earlier(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_sub(by).unwrap_or(Timestamp::MIN)
}

/// A span of seconds; what no span can hold becomes the longest one.
pub(super) fn seconds(s: f64) -> SignedDuration {
    SignedDuration::try_from_secs_f64(s).unwrap_or(SignedDuration::MAX)
}

/// The whole second before: APIs tell no finer.
pub(super) fn whole(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_runs_at_its_speed_and_stands_still_when_paused() {
        let base = Timestamp::from_second(1_000).unwrap();
        let mut clock = Clock::new(base, 4.0);
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(clock.now(), Timestamp::from_second(1_020).unwrap());

        clock.pause(true);
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(clock.now(), Timestamp::from_second(1_020).unwrap());
        assert_eq!(clock.deadline(Timestamp::from_second(1_021).unwrap()), None);

        clock.pause(false);
        let at = Timestamp::from_second(1_024).unwrap();
        let deadline = clock.deadline(at).unwrap();
        tokio::time::sleep_until(deadline).await;
        assert!(clock.now() >= at);
        assert!(clock.now() < later(at, seconds(0.1)));
        assert!(clock.deadline(base).is_some_and(|past| past <= Instant::now()));
    }
}
