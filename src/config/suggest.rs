//! "Did you mean": the known word nearest to a mistyped one.

/// The candidate nearest to `word`, if it is near enough to be what was meant.
pub fn suggest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word: Vec<char> = word.chars().flat_map(char::to_lowercase).map(one_hyphen).collect();
    let reach = (word.len() / 3).clamp(1, 3);
    candidates
        .into_iter()
        .map(|candidate| {
            let chars: Vec<char> = candidate.chars().flat_map(char::to_lowercase).map(one_hyphen).collect();
            (distance(&word, &chars), candidate)
        })
        .filter(|(distance, candidate)| *distance <= reach && *distance < candidate.chars().count())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Says that a name is not known, and which one may be meant.
pub fn unknown_name<'a>(what: &str, name: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> String {
    match suggest(name, known.clone()) {
        Some(near) => format!("no such {what}; did you mean {near}?"),
        None => {
            let known: Vec<&str> = known.into_iter().collect();
            format!("no such {what}; expected one of {}", known.join(", "))
        }
    }
}

fn one_hyphen(c: char) -> char {
    if c == '_' { '-' } else { c }
}

/// Insertions, deletions, replacements and swaps of neighbours that make `b` out of `a`.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = Vec::with_capacity(b.len() + 1);
        let mut left = i + 1;
        row.push(left);
        for (j, (y, pair)) in b.iter().zip(last.windows(2)).enumerate() {
            let &[diagonal, above] = pair else { continue };
            left = (diagonal + usize::from(x != y)).min(above + 1).min(left + 1);
            let swapped = i > 0 && j > 0 && a.get(i - 1) == Some(y) && b.get(j - 1) == Some(x);
            if let (true, Some(&two_back)) = (swapped, j.checked_sub(1).and_then(|j| before.get(j))) {
                left = left.min(two_back + 1);
            }
            row.push(left);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(a.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_edits() {
        for (a, b, edits) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("regions", "regions", 0),
            ("regoins", "regions", 1),
            ("kitten", "sitting", 3),
            ("ab", "ba", 1),
        ] {
            let (a, b): (Vec<_>, Vec<_>) = (a.chars().collect(), b.chars().collect());
            assert_eq!(distance(&a, &b), edits);
            assert_eq!(distance(&b, &a), edits);
        }
    }

    #[test]
    fn suggests_only_what_is_near() {
        let known = ["regions", "profiles", "read-only", "theme"];
        assert_eq!(suggest("regoin", known), Some("regions"));
        assert_eq!(suggest("read_only", known), Some("read-only"));
        assert_eq!(suggest("Theme", known), Some("theme"));
        assert_eq!(suggest("colour", known), None);
        assert_eq!(suggest("x", ["a"]), None);
        assert_eq!(suggest("", known), None);
    }
}
