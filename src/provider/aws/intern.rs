//! Strings that repeat through an answer (types, zones, tag keys) are kept once.

use std::collections::HashSet;

use smol_str::SmolStr;

/// The strings of one answer.
#[derive(Default)]
pub(super) struct Interner(HashSet<SmolStr>);

impl Interner {
    /// The text; the second time, it shares the first one's memory.
    pub(super) fn get(&mut self, text: &str) -> SmolStr {
        if let Some(known) = self.0.get(text) {
            return known.clone();
        }
        let new = SmolStr::new(text);
        // Short strings live in the value itself: nothing to share.
        if new.is_heap_allocated() {
            self.0.insert(new.clone());
        }
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_strings_share_their_memory() {
        let mut strings = Interner::default();
        let first = strings.get("aws:autoscaling:groupName");
        let second = strings.get("aws:autoscaling:groupName");
        assert_eq!(first, "aws:autoscaling:groupName");
        assert_eq!(first.as_ptr(), second.as_ptr());
        assert_eq!(strings.get("t3.micro"), "t3.micro");
    }
}
