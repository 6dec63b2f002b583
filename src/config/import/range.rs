//! Ranges in the names of an Ansible inventory: `pi[01:12]`, `rack-[a:c]`, `pi[1:9:2]`.

/// No fleet of ours has this many hosts in one inventory; a range that makes more is a slip.
pub(super) const MOST: usize = 10_000;

/// All names that a pattern stands for; a name without a range stands for itself. The error says what was expected.
pub(super) fn expand(pattern: &str) -> Result<Vec<String>, String> {
    let mut names = vec![String::new()];
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once('[') {
        names.iter_mut().for_each(|name| name.push_str(before));
        let Some((range, after)) = after.split_once(']') else {
            return Err(format!("expected ] after the range in {pattern:?}, found none"));
        };
        rest = after;
        let Some(parts) = parts(range)? else {
            // Not a range: the brackets of an IPv6 address.
            names.iter_mut().for_each(|name| {
                name.push('[');
                name.push_str(range);
                name.push(']');
            });
            continue;
        };
        if names.len().saturating_mul(parts.len()) > MOST {
            return Err(too_many(pattern));
        }
        let all = names
            .iter()
            .flat_map(|name| parts.iter().map(move |part| format!("{name}{part}")));
        names = all.collect();
    }
    names.iter_mut().for_each(|name| name.push_str(rest));
    Ok(names)
}

fn too_many(pattern: &str) -> String {
    format!("expected a range of at most {MOST} hosts, found more in {pattern:?}")
}

/// What a range stands for; `None` when it is none.
fn parts(range: &str) -> Result<Option<Vec<String>>, String> {
    let fields: Vec<&str> = range.split(':').collect();
    let (first, last, step) = match fields.as_slice() {
        [first, last] => (*first, *last, "1"),
        [first, last, step] => (*first, *last, *step),
        _ => return Ok(None),
    };
    let wrong = || format!("expected a range that counts up, such as [01:12] or [a:c], found [{range}]");
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let letter = |text: &str| match text.as_bytes() {
        [one] if one.is_ascii_alphabetic() => Some(*one),
        _ => None,
    };
    if let (Some(a), Some(z)) = (letter(first), letter(last)) {
        let step: usize = step.parse().ok().filter(|step| *step > 0).ok_or_else(wrong)?;
        let made: Vec<String> = (a..=z).step_by(step).map(|b| char::from(b).to_string()).collect();
        let one_case = a.is_ascii_lowercase() == z.is_ascii_lowercase();
        return (one_case && !made.is_empty()).then_some(Some(made)).ok_or_else(wrong);
    }
    // An end may be left out in Ansible's words; here it would be one host for sure.
    if !digits(first) || !digits(last) {
        return Ok(None);
    }
    let number = |text: &str| text.parse::<u32>().ok();
    let (Some(a), Some(z), Some(step)) = (number(first), number(last), number(step).filter(|step| *step > 0)) else {
        return Err(wrong());
    };
    if a > z {
        return Err(wrong());
    }
    let step = usize::try_from(step).unwrap_or(usize::MAX);
    let width = if first.starts_with('0') { first.len() } else { 1 };
    let made: Vec<String> = (a..=z)
        .step_by(step)
        .take(MOST + 1)
        .map(|n| format!("{n:0width$}"))
        .collect();
    Ok(Some(made))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ranges_are_counted_out() {
        assert_eq!(expand("pi").unwrap(), ["pi"]);
        assert_eq!(expand("pi[08:11]").unwrap(), ["pi08", "pi09", "pi10", "pi11"]);
        assert_eq!(expand("pi[1:6:2].lab").unwrap(), ["pi1.lab", "pi3.lab", "pi5.lab"]);
        assert_eq!(expand("[a:b]-[1:2]").unwrap(), ["a-1", "a-2", "b-1", "b-2"]);
        assert_eq!(expand("[fd00::7]:22").unwrap(), ["[fd00::7]:22"]);
        assert_eq!(expand("pi[001:10000]").unwrap().len(), MOST);
    }

    #[test]
    fn slips_are_told() {
        for bad in [
            "pi[3:1]",
            "pi[1:3:0]",
            "pi[c:a]",
            "pi[a:C]",
            "pi[1:2",
            "pi[1:99999999999]",
            "pi[0:10000]",
            "[1:999][1:999]",
        ] {
            assert!(expand(bad).unwrap_err().starts_with("expected "), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_pattern_makes_it_panic(pattern in "([a-z0-9é]{0,3}|[\\[\\]:]){0,9}") {
            if let Ok(names) = expand(&pattern) {
                prop_assert!(!names.is_empty() && names.len() <= MOST);
            }
        }
    }
}
