//! Kubernetes quantities: `500m`, `8269397Ki`, `1.5Gi`, `1e3`.
//!
//! Exact integer arithmetic in billionths, the finest step Kubernetes knows; what is finer, or asked for in a
//! coarser unit, is rounded up, and what exceeds 2^63-1 is held there: both as Kubernetes does.

/// The largest whole quantity Kubernetes represents, in billionths.
const LARGEST: u128 = i64::MAX as u128 * NANO;
const NANO: u128 = 1_000_000_000;
/// Significant digits that are kept: all that 2^63 can need.
const DIGITS: u32 = 19;

/// A quantity that is not negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Quantity {
    nanos: u128,
}

impl Quantity {
    /// Reads a quantity; `None` when the text is none, or negative.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let unsigned = text.strip_prefix('+').unwrap_or(text);
        let end = unsigned.bytes().position(|b| !b.is_ascii_digit() && b != b'.');
        let (number, suffix) = unsigned.split_at_checked(end.unwrap_or(unsigned.len()))?;
        let mantissa = Mantissa::parse(number)?;
        let nanos = match scale(suffix)? {
            Scale::Ten(exponent) => mantissa.times_ten_to(exponent.checked_add(9)?),
            Scale::Two(shift) => mantissa.shifted(shift).times_ten_to(9),
        };
        Some(Self {
            nanos: nanos.min(LARGEST),
        })
    }

    /// In thousandths, rounded up: thousandths of a core for CPU.
    pub(super) fn milli(self) -> u64 {
        u64::try_from(self.nanos.div_ceil(NANO / 1000)).unwrap_or(u64::MAX)
    }

    /// In whole units, rounded up: bytes for memory.
    pub(super) fn units(self) -> u64 {
        u64::try_from(self.nanos.div_ceil(NANO)).unwrap_or(u64::MAX)
    }
}

enum Scale {
    Ten(i32),
    Two(u32),
}

fn scale(suffix: &str) -> Option<Scale> {
    Some(match suffix {
        "" => Scale::Ten(0),
        "n" => Scale::Ten(-9),
        "u" => Scale::Ten(-6),
        "m" => Scale::Ten(-3),
        "k" => Scale::Ten(3),
        "M" => Scale::Ten(6),
        "G" => Scale::Ten(9),
        "T" => Scale::Ten(12),
        "P" => Scale::Ten(15),
        "E" => Scale::Ten(18),
        "Ki" => Scale::Two(10),
        "Mi" => Scale::Two(20),
        "Gi" => Scale::Two(30),
        "Ti" => Scale::Two(40),
        "Pi" => Scale::Two(50),
        "Ei" => Scale::Two(60),
        _ => Scale::Ten(suffix.strip_prefix(['e', 'E'])?.parse().ok()?),
    })
}

/// `value` times ten to the `exponent`, and a little more when `rest`.
struct Mantissa {
    value: u128,
    exponent: i32,
    rest: bool,
}

impl Mantissa {
    fn parse(number: &str) -> Option<Self> {
        let mut this = Self {
            value: 0,
            exponent: 0,
            rest: false,
        };
        let (mut kept, mut digits, mut fraction) = (0, 0_usize, false);
        for byte in number.bytes() {
            if byte == b'.' {
                if fraction {
                    return None;
                }
                fraction = true;
                continue;
            }
            digits += 1;
            let digit = u128::from(byte - b'0');
            if kept < DIGITS {
                this.value = this.value * 10 + digit;
                kept += u32::from(this.value > 0);
                this.exponent -= i32::from(fraction);
            } else {
                this.rest |= digit > 0;
                this.exponent = this.exponent.checked_add(i32::from(!fraction))?;
            }
        }
        (digits > 0).then_some(this)
    }

    /// Nothing is lost: 19 digits times 2^60 stay below 2^128.
    fn shifted(self, bits: u32) -> Self {
        Self {
            value: self.value << bits,
            ..self
        }
    }

    /// Rounded up; too large is `u128::MAX`.
    fn times_ten_to(self, exponent: i32) -> u128 {
        if self.value == 0 {
            return 0;
        }
        let exponent = self.exponent.saturating_add(exponent);
        let power = 10_u128.checked_pow(exponent.unsigned_abs());
        match power {
            Some(power) if exponent >= 0 => self
                .value
                .checked_mul(power)
                .map_or(u128::MAX, |whole| whole.saturating_add(u128::from(self.rest))),
            Some(power) => {
                let more = self.rest && self.value.is_multiple_of(power);
                self.value.div_ceil(power).saturating_add(u128::from(more))
            }
            None if exponent >= 0 => u128::MAX,
            None => 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn milli(text: &str) -> Option<u64> {
        Quantity::parse(text).map(Quantity::milli)
    }

    fn units(text: &str) -> Option<u64> {
        Quantity::parse(text).map(Quantity::units)
    }

    #[test]
    fn cpu_is_read_in_thousandths_rounded_up() {
        assert_eq!(milli("4"), Some(4000));
        assert_eq!(milli("500m"), Some(500));
        assert_eq!(milli("0.1"), Some(100));
        assert_eq!(milli(".5"), Some(500));
        assert_eq!(milli("2."), Some(2000));
        assert_eq!(milli("+1"), Some(1000));
        assert_eq!(milli("1234567n"), Some(2));
        assert_eq!(milli("250u"), Some(1));
        assert_eq!(milli("0"), Some(0));
    }

    #[test]
    fn memory_is_read_in_bytes_rounded_up() {
        assert_eq!(units("8269397Ki"), Some(8_269_397 * 1024));
        assert_eq!(units("1.5Gi"), Some(1_610_612_736));
        assert_eq!(units("128Mi"), Some(134_217_728));
        assert_eq!(units("1e3"), Some(1000));
        assert_eq!(units("12E"), Some(i64::MAX as u64));
        assert_eq!(units("1E"), Some(1_000_000_000_000_000_000));
        assert_eq!(units("1E2"), Some(100));
        assert_eq!(units("15e-1"), Some(2));
        assert_eq!(units("128974848000m"), Some(128_974_848));
        assert_eq!(units("1k"), Some(1000));
        assert_eq!(units("77333517158"), Some(77_333_517_158));
    }

    #[test]
    fn too_large_is_held_and_too_small_rounds_up() {
        let most = Some(i64::MAX as u64);
        assert_eq!(units("9Ei"), most);
        assert_eq!(units("1e40"), most);
        assert_eq!(units("1e2000000000"), most);
        assert_eq!(units(&"9".repeat(400)), most);
        assert_eq!(units("1e-400"), Some(1));
        assert_eq!(units("0e2147483647"), None, "beyond any exponent");
        assert_eq!(units(&format!("1.{}1", "0".repeat(60))), Some(2));
    }

    #[test]
    fn what_is_no_quantity_is_none() {
        for text in [
            "", ".", "-1", "--1", "Ki", "1Kib", "1 Gi", "1.2.3", "1e", "1e1.5", "0x10", "½", "1½", "NaN", "+-3",
        ] {
            assert_eq!(Quantity::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC*") {
            Quantity::parse(&text);
        }

        #[test]
        fn number_like_text_is_read_or_refused(text in "[+-]?[0-9]{0,45}\\.?[0-9]{0,45}([numkMGTPE]|[KMGTPE]i|[eE][+-]?[0-9]{0,12})?") {
            Quantity::parse(&text);
        }

        #[test]
        fn suffixes_multiply(n in 0_u64..1 << 23, power in 0_u32..4) {
            let suffix = ["", "k", "M", "G"][power as usize];
            prop_assert_eq!(units(&format!("{n}{suffix}")), Some(n * 1000_u64.pow(power)));
            let suffix = ["", "Ki", "Mi", "Gi"][power as usize];
            prop_assert_eq!(units(&format!("{n}{suffix}")), Some(n << (10 * power)));
            prop_assert_eq!(milli(&format!("{n}{suffix}")), Some((n << (10 * power)) * 1000));
        }

        #[test]
        fn all_ways_to_write_a_value_agree(n in any::<u32>()) {
            let n = u64::from(n);
            let expected = Quantity::parse(&format!("{n}m"));
            prop_assert_eq!(Quantity::parse(&format!("{}.{:03}", n / 1000, n % 1000)), expected);
            prop_assert_eq!(Quantity::parse(&format!("{n}e-3")), expected);
            prop_assert_eq!(Quantity::parse(&format!("{n}000u")), expected);
            prop_assert_eq!(Quantity::parse(&format!("000{n}000000n")), expected);
            prop_assert_eq!(expected.map(Quantity::milli), Some(n));
            prop_assert_eq!(expected.map(Quantity::units), Some(n.div_ceil(1000)));
        }

        #[test]
        fn binary_fractions_round_up(whole in 0_u64..1000, thousandths in 0_u64..1000) {
            let exact = (whole * 1000 + thousandths) * (1 << 30);
            prop_assert_eq!(units(&format!("{whole}.{thousandths:03}Gi")), Some(exact.div_ceil(1000)));
        }

        #[test]
        fn larger_numbers_are_never_smaller_quantities(a in any::<u64>(), b in any::<u64>()) {
            let (small, large) = (a.min(b), a.max(b));
            prop_assert!(Quantity::parse(&small.to_string()) <= Quantity::parse(&large.to_string()));
        }
    }
}
