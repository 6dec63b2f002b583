//! Randomness that needs no state: the same question always gets the same answer, however often and in
//! whatever order it is asked. What a port *reads* (prices, usage, temperatures) comes from here, so that
//! reading never disturbs the seeded course of events.

/// A number for a seed and what it is about.
pub(super) fn hash(seed: u64, about: &[&str]) -> u64 {
    let mut h = seed ^ 0xcbf2_9ce4_8422_2325;
    for part in about {
        for byte in part.bytes().chain([0xff]) {
            h = (h ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    mix(h)
}

/// The `n`th number of a series.
pub(super) fn nth(key: u64, n: i64) -> u64 {
    mix(key ^ mix(n.cast_unsigned()))
}

/// A number as a fraction, from 0 up to but not including 1.
pub(super) fn unit(number: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
    let top = (number >> 11) as f64;
    top / 9_007_199_254_740_992.0
}

/// A smooth curve between -1 and 1 that wanders once in `period` (same unit as `t`).
pub(super) fn wave(key: u64, t: f64, period: f64) -> f64 {
    let x = t / period;
    let left = x.floor();
    #[expect(clippy::cast_possible_truncation, reason = "saturates")]
    let n = left as i64;
    let f = x - left;
    let ease = f * f * (3.0 - 2.0 * f);
    let at = |n| unit(nth(key, n)) * 2.0 - 1.0;
    at(n) + (at(n.saturating_add(1)) - at(n)) * ease
}

fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wave_is_smooth_bounded_and_repeatable() {
        let key = hash(7, &["a", "b"]);
        assert_ne!(key, hash(7, &["ab"]));
        assert_ne!(key, hash(8, &["a", "b"]));
        let mut before = wave(key, -50.0, 10.0);
        for step in -4_999..5_000 {
            let now = wave(key, f64::from(step) / 100.0, 10.0);
            assert!((-1.0..=1.0).contains(&now));
            assert!((now - before).abs() < 0.01, "jump at {step}");
            before = now;
        }
    }
}
