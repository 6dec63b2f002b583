//! What the probing script prints, read leniently: a line that is missing, cut or odd is `None`, never a made-up value.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use smol_str::SmolStr;

use crate::fleet::{Arch, EdgeHealth};

/// The longest text that is kept of one line.
const LONGEST: usize = 120;
/// Temperatures (°C) that a processor can have; a broken sensor shows others.
const DEGREES: std::ops::RangeInclusive<f32> = -60.0..=150.0;
/// The bits of the firmware's word that mean "now": clock capped, throttled, at the soft temperature limit.
const THROTTLED_NOW: u32 = 0b1110;

/// When the script was asked to run, and when its answer was there, by our clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Between {
    pub(super) sent: Timestamp,
    pub(super) received: Timestamp,
}

/// The health that the script's answer tells; `None` when it is no answer of the script at all.
pub(super) fn read(text: &str, latency_ms: u32, between: Between) -> Option<EdgeHealth> {
    let mut health = EdgeHealth {
        latency_ms,
        ..EdgeHealth::default()
    };
    let mut answered = false;
    let (mut total, mut available) = (None, None);
    for (key, value) in text.lines().filter_map(|line| line.split_once('=')) {
        let first = value.split_whitespace().next().unwrap_or_default();
        match key {
            "model" => health.model = words(value),
            "arch" => {
                answered = true;
                health.arch = Arch::parse(first);
            }
            "bits" => health.userland_bits = first.parse().ok().filter(|bits| matches!(bits, 32 | 64)),
            "os" => health.os = words(value.trim().trim_matches(['"', '\''])),
            "kernel" => health.kernel = words(value),
            "load" => health.load = first.parse().ok().filter(|load: &f32| load.is_finite() && *load >= 0.0),
            "MemTotal" => total = kib(first),
            "MemAvailable" => available = kib(first),
            "disk" => health.disk = disk(value),
            "temperature" => health.temperature = degrees(first),
            "throttled" => health.throttled = throttled(value),
            "clock" => health.clock_skew = first.parse().ok().and_then(|host| skew(host, between)),
            "synced" => health.clock_synced = yes(first),
            // The unit that runs counts, where both are installed.
            "service" if health.service.as_deref() != Some("active") => health.service = words(value),
            "k3s" => {
                health.version = value
                    .strip_prefix("k3s version ")
                    .and_then(|v| words(v.split(' ').next()?))
            }
            "certificate" => {
                let ends = [health.certificate_until, until(value)];
                health.certificate_until = ends.into_iter().flatten().min();
            }
            _ => {}
        }
    }
    health.memory = total
        .zip(available)
        .and_then(|(all, free)| Some((all.checked_sub(free)?, all)));
    answered.then_some(health)
}

fn words(value: &str) -> Option<SmolStr> {
    let clean: String = value.trim().chars().filter(|c| !c.is_control()).take(LONGEST).collect();
    Some(clean).filter(|text| !text.is_empty()).map(SmolStr::from)
}

fn kib(word: &str) -> Option<u64> {
    word.parse::<u64>().ok()?.checked_mul(1024)
}

/// A line of `df -Pk`: the three numbers before the percentage are size, used and free.
fn disk(line: &str) -> Option<(u64, u64)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let percent = words.iter().position(|word| {
        word.strip_suffix('%')
            .is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
    })?;
    let [size, used, _free] = words.get(percent.checked_sub(3)?..percent)? else {
        return None;
    };
    let (size, used) = (kib(size)?, kib(used)?);
    (size > 0 && used <= size).then_some((used, size))
}

#[expect(clippy::cast_precision_loss, reason = "thousandths of a degree")]
fn degrees(word: &str) -> Option<f32> {
    let milli: i32 = word.parse().ok()?;
    Some(milli as f32 / 1000.0).filter(|degrees| DEGREES.contains(degrees))
}

/// `throttled=0x50000` of vcgencmd, or the bare number of the kernel's file.
fn throttled(value: &str) -> Option<bool> {
    let word = value.trim().rsplit('=').next()?;
    let bits = u32::from_str_radix(word.strip_prefix("0x").unwrap_or(word), 16).ok()?;
    Some(bits & THROTTLED_NOW != 0)
}

fn yes(word: &str) -> Option<bool> {
    match word {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}

/// The host's clock minus ours, in seconds: 0 when it may have read it between question and answer.
fn skew(host: i64, between: Between) -> Option<i64> {
    // It tells whole seconds.
    let (first, last) = (between.sent.as_second(), between.received.as_second());
    if host < first {
        host.checked_sub(first)
    } else {
        host.checked_sub(last).map(|late| late.max(0))
    }
}

/// `notAfter=Nov  2 14:00:00 2027 GMT`.
fn until(value: &str) -> Option<Timestamp> {
    let text: Vec<&str> = value.trim().strip_prefix("notAfter=")?.split_whitespace().collect();
    let ends = DateTime::strptime("%b %d %H:%M:%S %Y GMT", text.join(" ")).ok()?;
    Some(ends.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn between() -> Between {
        Between {
            sent: Timestamp::from_second(1_800_000_000).unwrap(),
            received: Timestamp::from_second(1_800_000_002).unwrap(),
        }
    }

    fn of(text: &str) -> EdgeHealth {
        read(text, 7, between()).unwrap()
    }

    #[test]
    fn a_raspberry_pi_tells_all_of_it() {
        let health = of("model=Raspberry Pi 4 Model B Rev 1.4\narch=aarch64\nbits=32\n\
             os=\"Raspbian GNU/Linux 12 (bookworm)\"\nkernel=6.6.31+rpt-rpi-v8\nload=0.42 0.30 0.20 1/180 4711\n\
             MemTotal=3884360\nMemAvailable=3000000\ndisk=/dev/mmcblk0p2 29000000 9000000 18500000 33% /\n\
             temperature=48686\nthrottled=throttled=0x50005\nclock=1800000001\nsynced=yes\nservice=active\n\
             k3s=k3s version v1.36.4+k3s1 (0123abcd)\ngo version go1.25.1\n\
             certificate=notAfter=Nov 22 14:00:00 2027 GMT\ncertificate=notAfter=Nov  2 14:00:00 2027 GMT\n");
        let expected = EdgeHealth {
            latency_ms: 7,
            model: Some("Raspberry Pi 4 Model B Rev 1.4".into()),
            arch: Some(Arch::Arm64),
            userland_bits: Some(32),
            os: Some("Raspbian GNU/Linux 12 (bookworm)".into()),
            kernel: Some("6.6.31+rpt-rpi-v8".into()),
            load: Some(0.42),
            memory: Some((884_360 * 1024, 3_884_360 * 1024)),
            disk: Some((9_000_000 * 1024, 29_000_000 * 1024)),
            temperature: Some(48.686),
            throttled: Some(true),
            clock_skew: Some(0),
            clock_synced: Some(true),
            service: Some("active".into()),
            version: Some("v1.36.4+k3s1".into()),
            certificate_until: Some("2027-11-02T14:00:00Z".parse().unwrap()),
        };
        assert_eq!(health, expected);
    }

    #[test]
    fn what_is_not_told_or_cannot_be_is_none() {
        let bare = EdgeHealth {
            latency_ms: 7,
            ..EdgeHealth::default()
        };
        let odd = "arch=riscv64\nbits=\nload=NaN\nMemTotal=12\nMemAvailable=13\ndisk=df: nowhere\ntemperature=999999\n\
                   throttled=VCHI failed\nclock=now\nsynced=\nk3s=sh: k3s: not found\ncertificate=unable to load\n";
        assert_eq!(of(odd), bare);
        assert_eq!(of("arch=riscv64\nMemTotal=4096"), bare, "the used part is not known");
        assert_eq!(of("arch=riscv64\ndisk=overlay 100 200 1 50% /"), bare);
    }

    #[test]
    fn another_program_s_words_are_no_answer() {
        for text in ["", "Welcome!\nThis account is closed.", "a=b", "PATH=/bin"] {
            assert_eq!(read(text, 1, between()), None, "{text}");
        }
    }

    #[test]
    fn what_throttled_once_does_not_throttle_now() {
        for (word, now) in [
            ("50000", false),
            ("0x0", false),
            ("1", false),
            ("4", true),
            ("throttled=0x8", true),
        ] {
            assert_eq!(
                of(&format!("arch=armv7l\nthrottled={word}")).throttled,
                Some(now),
                "{word}"
            );
        }
    }

    #[test]
    fn a_clock_is_off_by_what_the_round_trip_cannot_explain() {
        for (host, off) in [
            (1_800_000_000, 0),
            (1_800_000_002, 0),
            (1_799_999_990, -10),
            (1_800_000_012, 10),
            (0, -1_800_000_000),
        ] {
            assert_eq!(
                of(&format!("arch=x86_64\nclock={host}")).clock_skew,
                Some(off),
                "{host}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_text_is_too_odd(text in "(?s).{0,400}") {
            let _ = read(&text, 1, between());
        }

        #[test]
        fn no_value_is_too_odd_and_none_is_out_of_bounds(
            lines in prop::collection::vec(
                ("model|arch|bits|os|kernel|load|MemTotal|MemAvailable|disk|temperature|throttled|clock|synced|service|k3s|certificate",
                 "[-0-9a-z%=./ \"]{0,40}|-?[0-9]{1,20}|[0-9]{1,20} [0-9]{1,20} [0-9]{1,20} [0-9]{1,20} [0-9]{1,3}% /"),
                0..24)
        ) {
            let text: String = lines.iter().map(|(key, value)| format!("{key}={value}\n")).collect();
            if let Some(health) = read(&text, 1, between()) {
                prop_assert!(lines.iter().any(|(key, _)| key == "arch"));
                prop_assert!(health.memory.is_none_or(|(used, all)| used <= all));
                prop_assert!(health.disk.is_none_or(|(used, all)| used <= all && all > 0));
                prop_assert!(health.temperature.is_none_or(|t| DEGREES.contains(&t)));
                prop_assert!(health.load.is_none_or(|l| l.is_finite() && l >= 0.0));
            }
        }
    }
}
