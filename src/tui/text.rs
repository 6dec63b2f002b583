//! Text measured in cells, cut and wrapped to fit.

use std::borrow::Cow;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// How many cells a text takes.
pub(super) fn width(text: &str) -> u16 {
    u16::try_from(UnicodeWidthStr::width(text)).unwrap_or(u16::MAX)
}

/// The text if it fits, else as much of it as fits before an ellipsis.
pub(super) fn clip<'a>(text: &'a str, room: u16, ellipsis: &str) -> Cow<'a, str> {
    let clean = |c: char| !c.is_control();
    if width(text) <= room && text.chars().all(clean) {
        return Cow::Borrowed(text);
    }
    let text: String = text.chars().map(|c| if clean(c) { c } else { ' ' }).collect();
    if width(&text) <= room {
        return Cow::Owned(text);
    }
    let room = usize::from(room.saturating_sub(width(ellipsis)));
    let mut kept = String::new();
    let mut used = 0;
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used > room {
            break;
        }
        kept.push(c);
    }
    kept.push_str(ellipsis);
    Cow::Owned(kept)
}

/// The text if it fits, else its beginning and its end around an ellipsis.
pub(super) fn clip_middle<'a>(text: &'a str, room: u16, ellipsis: &str) -> Cow<'a, str> {
    if width(text) <= room || room < 8 {
        return clip(text, room, ellipsis);
    }
    let room = usize::from(room.saturating_sub(width(ellipsis)));
    let part = |chars: &mut dyn Iterator<Item = char>, room: usize| {
        let mut used = 0;
        let fits = |c: &char| {
            used += c.width().unwrap_or(0);
            used <= room
        };
        chars
            .filter(|c| !c.is_control())
            .take_while(fits)
            .collect::<Vec<char>>()
    };
    let tail = part(&mut text.chars().rev(), room / 2);
    let head = part(&mut text.chars(), room - room / 2);
    let ends = tail.into_iter().rev();
    Cow::Owned(head.into_iter().chain(ellipsis.chars()).chain(ends).collect())
}

/// The text in lines of at most `room` cells, broken between words where that can be.
pub(super) fn wrap(text: &str, room: u16) -> Vec<String> {
    let room = usize::from(room.max(1));
    let mut lines = vec![];
    let mut line = String::new();
    for word in text.split_whitespace() {
        let joined = UnicodeWidthStr::width(line.as_str()) + 1 + UnicodeWidthStr::width(word);
        if !line.is_empty() && joined > room {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        for c in word.chars().filter(|c| !c.is_control()) {
            let wide = c.width().unwrap_or(0);
            if !line.is_empty() && UnicodeWidthStr::width(line.as_str()) + wide > room {
                lines.push(std::mem::take(&mut line));
            }
            line.push(c);
        }
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn text_is_cut_by_cells_not_by_bytes() {
        assert_eq!(clip("pi-kiosk", 8, "…"), "pi-kiosk");
        assert_eq!(clip("pi-kiosk-01", 8, "…"), "pi-kios…");
        assert_eq!(clip("東京都", 5, "…"), "東京…");
        assert_eq!(clip("東京都", 4, "…"), "東…");
        assert_eq!(clip("a\tb\n", 9, "…"), "a b ");
    }

    #[test]
    fn names_keep_their_ends() {
        assert_eq!(clip_middle("prod-workers-17", 15, "…"), "prod-workers-17");
        assert_eq!(clip_middle("prod-workers-17", 10, "…"), "prod-…s-17");
        assert_eq!(clip_middle("東京都東京都", 9, "…"), "東京…京都");
    }

    #[test]
    fn words_stay_whole_where_they_can() {
        assert_eq!(wrap("drain the node first", 10), ["drain the", "node first"]);
        assert_eq!(wrap("abcdefgh ij", 4), ["abcd", "efgh", "ij"]);
        assert!(wrap("  ", 4).is_empty());
    }

    proptest! {
        #[test]
        fn what_is_cut_fits(text in ".{0,40}", room in 1u16..30) {
            prop_assert!(width(&clip(&text, room, "…")) <= room);
            prop_assert!(width(&clip_middle(&text, room, "…")) <= room);
        }

        #[test]
        fn what_is_wrapped_fits(text in "[ a-z]{0,80}", room in 1u16..30) {
            prop_assert!(wrap(&text, room).iter().all(|line| width(line) <= room));
        }
    }
}
