//! Lines split into words, and words compared with patterns, as shells and OpenSSH do it.

use std::net::Ipv6Addr;

/// The words of a line: quotes hold words together, a backslash takes the next character as it is, a `#` before a
/// word ends the line. `None` when a quote is not closed.
pub(super) fn words(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None | Some('"'), '\\') => word.get_or_insert_default().extend(chars.next()),
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, '#') if word.is_none() => break,
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (None, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

/// Whether a text is as a pattern says, in which `*` stands for any characters and `?` for one.
pub(super) fn fits(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    // Where the last star stands, and how much of the text it has taken so far.
    let mut star: Option<(usize, usize)> = None;
    while let Some(c) = text.get(t) {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(want) if *want == '?' || want == c => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((at, taken)) = star else { return false };
                star = Some((at, taken + 1));
                p = at + 1;
                t = taken + 1;
            }
        }
    }
    pattern.iter().skip(p).all(|c| *c == '*')
}

/// Splits `host:port`; an IPv6 address with a port stands in brackets. `None` when it is neither that nor a host.
pub(super) fn split_port(text: &str) -> Option<(&str, Option<u16>)> {
    if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']')?;
        host.parse::<Ipv6Addr>().ok()?;
        return match rest.strip_prefix(':') {
            Some(digits) => Some((host, Some(port(digits)?))),
            None => rest.is_empty().then_some((host, None)),
        };
    }
    match text.split_once(':') {
        None => Some((text, None)),
        Some((host, digits)) if !digits.contains(':') => Some((host, Some(port(digits)?))),
        Some(_) => text.parse::<Ipv6Addr>().ok().map(|_| (text, None)),
    }
}

/// A port, from 1.
pub(super) fn port(text: &str) -> Option<u16> {
    text.parse().ok().filter(|port| *port > 0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_are_quoted_and_commented() {
        assert_eq!(
            words("a  b=\"c d\" 'e\\f' g\\ h # i").unwrap(),
            ["a", "b=c d", "e\\f", "g h"]
        );
        assert_eq!(words("a#b \"\"").unwrap(), ["a#b", ""]);
        assert!(words("  # nothing").unwrap().is_empty());
        assert_eq!(words("a 'b"), None);
    }

    #[test]
    fn patterns_fit() {
        for (pattern, text) in [
            ("*", ""),
            ("pi-?", "pi-1"),
            ("*.lab", "a.b.lab"),
            ("a*b*c", "a-b-b-c"),
            ("é?", "éà"),
        ] {
            assert!(fits(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("", "a"), ("pi-?", "pi-12"), ("*.lab", "lab"), ("a*b", "abc")] {
            assert!(!fits(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn ports_are_split_off() {
        assert_eq!(split_port("a"), Some(("a", None)));
        assert_eq!(split_port("a:22"), Some(("a", Some(22))));
        assert_eq!(split_port("fd00::7"), Some(("fd00::7", None)));
        assert_eq!(split_port("[fd00::7]:2222"), Some(("fd00::7", Some(2222))));
        assert_eq!(split_port("[fd00::7]"), Some(("fd00::7", None)));
        for bad in ["a:", "a:0", "a:65536", "a:b:c", "[a]:22", "[fd00::7]22", "[fd00::7"] {
            assert_eq!(split_port(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_them_panic(a in ".{0,30}", b in "[a*?]{0,8}", c in "[a]{0,8}") {
            words(&a);
            split_port(&a);
            fits(&b, &a);
            prop_assert!(fits("*", &a));
            prop_assert!(fits(&c, &c));
        }
    }
}
