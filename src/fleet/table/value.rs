//! A cell's value: typed, so that it sorts, filters and prints by its own rules.

use std::borrow::Cow;
use std::cmp::Ordering;

/// A value in a table. Unknown is [`Value::Missing`]: it prints blank and sorts last.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// Not known, or not applicable.
    Missing,
    /// Words.
    Text(Cow<'a, str>),
    /// A number of things.
    Count(i64),
    /// USD per hour.
    Money(f64),
    /// A fraction, shown as per cent: 0.5 is 50 %.
    Fraction(f64),
    /// A length of time in seconds; negative: still to come.
    Age(i64),
    /// Bytes.
    Bytes(u64),
    /// A plain number, with its unit.
    Number(f64, &'static str),
}

impl<'a> Value<'a> {
    /// Borrowed words; empty ones are missing.
    pub fn text_of(text: &'a str) -> Self {
        if text.is_empty() {
            Self::Missing
        } else {
            Self::Text(Cow::Borrowed(text))
        }
    }

    /// Words made for the occasion.
    pub fn owned(text: impl Into<String>) -> Self {
        Self::Text(Cow::Owned(text.into()))
    }

    /// Words that may be missing.
    pub fn maybe(text: Option<&'a str>) -> Self {
        text.map_or(Self::Missing, Self::text_of)
    }

    /// The same with words of its own.
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Self::Missing => Value::Missing,
            Self::Text(Cow::Borrowed(text)) => Value::Text(Cow::Owned(text.to_owned())),
            Self::Text(Cow::Owned(text)) => Value::Text(Cow::Owned(text)),
            Self::Count(n) => Value::Count(n),
            Self::Money(usd) => Value::Money(usd),
            Self::Fraction(f) => Value::Fraction(f),
            Self::Age(seconds) => Value::Age(seconds),
            Self::Bytes(n) => Value::Bytes(n),
            Self::Number(n, unit) => Value::Number(n, unit),
        }
    }

    /// As shown to people.
    pub fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Missing => "".into(),
            Self::Text(text) => text.as_ref().into(),
            Self::Count(n) => n.to_string().into(),
            Self::Money(usd) => money(*usd).into(),
            Self::Fraction(f) => format!("{:.0}%", f * 100.0).into(),
            Self::Age(seconds) => age(*seconds).into(),
            Self::Bytes(n) => bytes(*n).into(),
            Self::Number(n, unit) => format!("{}{unit}", trimmed(*n)).into(),
        }
    }

    /// As written to CSV: plain numbers in base units, so that other programs can read them.
    pub fn plain(&self) -> Cow<'_, str> {
        match self {
            Self::Money(usd) => usd.to_string().into(),
            Self::Fraction(f) => f.to_string().into(),
            Self::Age(seconds) => seconds.to_string().into(),
            Self::Bytes(n) => n.to_string().into(),
            Self::Number(n, _) => n.to_string().into(),
            other => other.text(),
        }
    }

    /// Whether it is a number: numbers stand flush right.
    pub fn is_number(&self) -> bool {
        !matches!(self, Self::Missing | Self::Text(_))
    }

    fn number(&self) -> Option<f64> {
        match self {
            Self::Missing | Self::Text(_) => None,
            Self::Count(n) | Self::Age(n) => Some(*n as f64),
            Self::Money(n) | Self::Number(n, _) => Some(*n),
            Self::Fraction(f) => Some(f * 100.0),
            Self::Bytes(n) => Some(*n as f64),
        }
    }

    /// Whether the shown text contains a word given in lower case.
    pub fn contains(&self, lower: &str) -> bool {
        match self {
            Self::Text(text) => contains_ignoring_case(text, lower),
            other => contains_ignoring_case(&other.text(), lower),
        }
    }

    /// How the value stands to one that was typed, in the value's own unit (`2h`, `0.1`, `80`, `4Gi`); `None`
    /// when what was typed is no such value.
    pub fn compare_text(&self, typed: &str) -> Option<Ordering> {
        let typed_number = match self {
            Self::Missing => return None,
            Self::Text(text) => return Some(natural(&text.to_lowercase(), typed)),
            Self::Age(_) => parse_age(typed)?,
            Self::Bytes(_) => parse_bytes(typed)?,
            Self::Number(_, unit) => typed
                .trim_end_matches(&unit.trim().to_lowercase())
                .trim()
                .parse()
                .ok()?,
            _ => typed.trim_start_matches('$').trim_end_matches('%').parse().ok()?,
        };
        self.number()?.partial_cmp(&typed_number)
    }

    /// Appends bytes that sort as the values do: numbers by size, words naturally (`pi-2` before `pi-10`), the missing last.
    /// Comparing bytes is what makes sorting ten thousand rows quick.
    pub(super) fn push_sort_key(&self, key: &mut Vec<u8>) {
        match (self, self.number()) {
            (Self::Missing, _) => key.push(u8::MAX),
            (Self::Text(text), _) => {
                key.push(2);
                push_natural(key, text);
            }
            (_, number) => {
                key.push(1);
                let bits = number.unwrap_or(f64::NAN).to_bits();
                // Orders as `f64::total_cmp` does.
                let ordered = if bits >> 63 == 1 { !bits } else { bits | 1 << 63 };
                key.extend_from_slice(&ordered.to_be_bytes());
            }
        }
    }
}

/// Writes words so that their bytes compare as [`natural`] compares the words: a run of digits becomes a digit, its
/// length without leading zeros, and its digits.
fn push_natural(key: &mut Vec<u8>, text: &str) {
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        let words = rest.iter().position(u8::is_ascii_digit).unwrap_or(rest.len());
        let (words, after) = rest.split_at(words);
        key.extend_from_slice(words);
        rest = after;
        if !rest.is_empty() {
            let (run, after) = digits(rest);
            key.extend_from_slice(&[b'0', u8::try_from(run.len()).unwrap_or(u8::MAX)]);
            key.extend_from_slice(run);
            rest = after;
        }
    }
}

fn contains_ignoring_case(text: &str, lower: &str) -> bool {
    if lower.is_empty() {
        return true;
    }
    if text.is_ascii() && lower.is_ascii() {
        return contains_ascii(text.as_bytes(), lower.as_bytes());
    }
    text.to_lowercase().contains(lower)
}

/// Whether a text contains a word in lower case, both ASCII.
fn contains_ascii(text: &[u8], lower: &[u8]) -> bool {
    let Some((first, rest)) = lower.split_first() else {
        return true;
    };
    let upper = first.to_ascii_uppercase();
    let mut text = text;
    while text.len() > rest.len() {
        let Some(at) = text.iter().position(|b| b == first || *b == upper) else {
            return false;
        };
        text = text.get(at + 1..).unwrap_or(&[]);
        if text.get(..rest.len()).is_some_and(|t| t.eq_ignore_ascii_case(rest)) {
            return true;
        }
    }
    false
}

/// Words that order naturally: `pi-2` before `pi-10`.
#[derive(Clone, Copy)]
pub(super) struct Natural<'a>(pub(super) &'a str);

impl Ord for Natural<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        natural(self.0, other.0)
    }
}

impl PartialOrd for Natural<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Natural<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Natural<'_> {}

/// Compares words with runs of digits taken as numbers.
fn natural(a: &str, b: &str) -> Ordering {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    // What both begin with decides nothing, but for the digits at its end: they may be the head of a number.
    let same = a.iter().zip(b).take_while(|(x, y)| x == y).count();
    let head = a.get(..same).unwrap_or(a);
    let same = same - head.iter().rev().take_while(|b| b.is_ascii_digit()).count();
    let (mut a, mut b) = (a.get(same..).unwrap_or(&[]), b.get(same..).unwrap_or(&[]));
    loop {
        match (a.first(), b.first()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(x), Some(y)) if x.is_ascii_digit() && y.is_ascii_digit() => {
                let (left, rest_a) = digits(a);
                let (right, rest_b) = digits(b);
                match left.len().cmp(&right.len()).then_with(|| left.cmp(right)) {
                    Ordering::Equal => (a, b) = (rest_a, rest_b),
                    unequal => return unequal,
                }
            }
            (Some(x), Some(y)) if x == y => (a, b) = (a.get(1..).unwrap_or(&[]), b.get(1..).unwrap_or(&[])),
            (Some(x), Some(y)) => return x.cmp(y),
        }
    }
}

/// The leading digits without leading zeros, and what follows.
fn digits(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|b| !b.is_ascii_digit()).unwrap_or(text.len());
    let (run, rest) = text.split_at(end);
    let zeros = run.iter().position(|b| *b != b'0').unwrap_or(run.len());
    (run.split_at(zeros).1, rest)
}

/// USD with the digits that matter: four decimals below ten dollars, three below a hundred, else two.
pub fn money(usd: f64) -> String {
    match usd.abs() {
        x if x < 10.0 => format!("{usd:.4}"),
        x if x < 100.0 => format!("{usd:.3}"),
        _ => format!("{usd:.2}"),
    }
}

/// A length of time in at most two units: `41s`, `3m12s`, `2h05m`, `9d`.
pub fn age(seconds: i64) -> String {
    let sign = if seconds < 0 { "-" } else { "" };
    let s = seconds.unsigned_abs();
    let text = match s {
        0..60 => format!("{s}s"),
        60..600 => format!("{}m{:02}s", s / 60, s % 60),
        600..3_600 => format!("{}m", s / 60),
        3_600..86_400 => format!("{}h{:02}m", s / 3_600, s % 3_600 / 60),
        86_400..864_000 => format!("{}d{:02}h", s / 86_400, s % 86_400 / 3_600),
        _ => format!("{}d", s / 86_400),
    };
    format!("{sign}{text}")
}

/// Bytes in binary units.
pub fn bytes(n: u64) -> String {
    let mut value = n as f64;
    for unit in ["B", "Ki", "Mi", "Gi", "Ti"] {
        if value < 1024.0 || unit == "Ti" {
            return format!("{}{unit}", trimmed(value));
        }
        value /= 1024.0;
    }
    String::new()
}

fn trimmed(n: f64) -> String {
    if n.fract() == 0.0 || n.abs() >= 100.0 {
        format!("{n:.0}")
    } else {
        format!("{n:.1}")
    }
}

/// Seconds in `90`, `90s`, `2h`, `1h30m`, `9d`, `2w`.
pub fn parse_age(text: &str) -> Option<f64> {
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let mut total = 0.0;
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest
            .find(|c: char| !(c.is_ascii_digit() || c == '.'))
            .unwrap_or(rest.len());
        let (number, tail) = rest.split_at(end);
        let number: f64 = number.parse().ok()?;
        let unit_end = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_end);
        total += number
            * match unit.trim() {
                "" | "s" => 1.0,
                "m" | "min" => 60.0,
                "h" => 3_600.0,
                "d" => 86_400.0,
                "w" => 604_800.0,
                _ => return None,
            };
        rest = tail;
    }
    (!text.is_empty()).then_some(if negative { -total } else { total })
}

fn parse_bytes(text: &str) -> Option<f64> {
    let end = text
        .find(|c: char| !(c.is_ascii_digit() || c == '.'))
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let power = match unit.trim_end_matches('b').trim_end_matches('i') {
        "" => 0,
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        _ => return None,
    };
    Some(number.parse::<f64>().ok()? * 1024_f64.powi(power))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values_print_for_people_and_for_programs() {
        assert_eq!(Value::Money(0.0168).text(), "0.0168");
        assert_eq!(Value::Money(0.0168).plain(), "0.0168");
        assert_eq!(Value::Age(7_500).text(), "2h05m");
        assert_eq!(Value::Age(7_500).plain(), "7500");
        assert_eq!(Value::Bytes(4 << 30).text(), "4Gi");
        assert_eq!(Value::Fraction(0.614).text(), "61%");
        assert_eq!(Value::Missing.text(), "");
    }

    #[test]
    fn typed_values_are_read_in_the_columns_own_unit() {
        assert_eq!(Value::Age(3_000).compare_text("1h"), Some(Ordering::Less));
        assert_eq!(Value::Age(5_400).compare_text("1h30m"), Some(Ordering::Equal));
        assert_eq!(Value::Money(0.2).compare_text("$0.1"), Some(Ordering::Greater));
        assert_eq!(Value::Fraction(0.81).compare_text("80%"), Some(Ordering::Greater));
        assert_eq!(Value::Bytes(2 << 30).compare_text("4gi"), Some(Ordering::Less));
        assert_eq!(Value::Money(0.2).compare_text("cheap"), None);
        assert_eq!(
            Value::owned("v1.36.10").compare_text("v1.36.9"),
            Some(Ordering::Greater)
        );
    }

    fn sort_key(value: &Value<'_>) -> Vec<u8> {
        let mut key = vec![];
        value.push_sort_key(&mut key);
        key
    }

    #[test]
    fn words_sort_naturally_and_the_missing_last() {
        let mut values = [
            Value::Missing,
            Value::owned("pi-10"),
            Value::owned("pi-2"),
            Value::owned("pi-02"),
        ];
        values.sort_by_key(sort_key);
        let shown: Vec<_> = values.iter().map(|v| v.text().into_owned()).collect();
        assert_eq!(shown, ["pi-2", "pi-02", "pi-10", ""]);
    }

    proptest! {
        #[test]
        fn keys_sort_as_the_words_do(a in "[ a-c0-9]{0,8}", b in "[ a-c0-9]{0,8}") {
            let key = |text: &str| sort_key(&Value::owned(text));
            prop_assert_eq!(key(&a).cmp(&key(&b)), natural(&a, &b));
        }

        #[test]
        fn keys_sort_as_the_numbers_do(a in any::<f64>(), b in any::<f64>()) {
            let key = |number| sort_key(&Value::Money(number));
            prop_assert_eq!(key(a).cmp(&key(b)), a.total_cmp(&b));
            prop_assert!(key(a) < sort_key(&Value::Missing), "the missing come last");
        }

        #[test]
        fn natural_order_is_an_order(a in "[a-c0-9]{0,6}", b in "[a-c0-9]{0,6}", c in "[a-c0-9]{0,6}") {
            prop_assert_eq!(natural(&a, &b), natural(&b, &a).reverse());
            if natural(&a, &b).is_le() && natural(&b, &c).is_le() {
                prop_assert!(natural(&a, &c).is_le());
            }
        }

        #[test]
        fn typed_text_never_panics(text in ".{0,12}") {
            for value in [Value::Age(1), Value::Bytes(1), Value::Money(1.0), Value::Number(1.0, "°C"), Value::owned("x")] {
                let _ = value.compare_text(&text);
                let _ = value.contains(&text);
            }
        }
    }
}
