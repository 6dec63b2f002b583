//! What was told already: of a listing, only the difference is passed on.

use std::hash::{Hash, Hasher};

use rustc_hash::{FxHashMap, FxHasher};

/// What a source has shown so far, as a hash of each thing by its key.
///
/// A listing is bracketed by [`begin`](Self::begin) and [`finish`](Self::finish); one that is cut short takes
/// nothing away. Between listings, changes come one by one.
#[derive(Debug)]
pub(super) struct Diff<K> {
    shown: FxHashMap<K, (u64, u32)>,
    listing: u32,
}

impl<K> Default for Diff<K> {
    fn default() -> Self {
        Self {
            shown: FxHashMap::default(),
            listing: 0,
        }
    }
}

impl<K: Eq + Hash + Clone> Diff<K> {
    /// A listing begins.
    pub(super) fn begin(&mut self) {
        self.listing = self.listing.wrapping_add(1);
    }

    /// Something is shown: whether it is new or differs from what was shown before.
    pub(super) fn see(&mut self, key: K, thing: &impl Hash) -> bool {
        let mut hasher = FxHasher::default();
        thing.hash(&mut hasher);
        let hash = hasher.finish();
        self.shown
            .insert(key, (hash, self.listing))
            .is_none_or(|(old, _)| old != hash)
    }

    /// Something was deleted: whether it had been shown.
    pub(super) fn forget(&mut self, key: &K) -> bool {
        self.shown.remove(key).is_some()
    }

    /// The listing is whole: what it did not show is gone.
    pub(super) fn finish(&mut self) -> Vec<K> {
        let listing = self.listing;
        self.shown
            .extract_if(|_, (_, seen)| *seen != listing)
            .map(|(key, _)| key)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_differences_are_told() {
        let mut diff = Diff::default();
        diff.begin();
        assert!(diff.see("a", &1));
        assert!(diff.see("b", &1));
        assert!(diff.finish().is_empty());
        diff.begin();
        assert!(!diff.see("a", &1));
        assert!(diff.see("b", &2));
        assert!(diff.see("c", &1));
        assert!(diff.finish().is_empty());
    }

    #[test]
    fn what_a_whole_listing_leaves_out_is_gone_once() {
        let mut diff = Diff::default();
        for key in ["a", "b", "c"] {
            diff.see(key, &1);
        }
        diff.begin();
        diff.see("b", &1);
        let mut gone = diff.finish();
        gone.sort_unstable();
        assert_eq!(gone, ["a", "c"]);
        diff.begin();
        diff.see("b", &1);
        assert!(diff.finish().is_empty());
        assert!(diff.see("a", &1), "what comes back is new");
    }

    #[test]
    fn a_listing_cut_short_takes_nothing_away() {
        let mut diff = Diff::default();
        diff.see("a", &1);
        diff.see("b", &1);
        diff.begin();
        diff.see("a", &1);
        diff.begin();
        assert!(!diff.see("a", &1));
        assert!(!diff.see("b", &1));
        assert!(diff.finish().is_empty());
    }

    #[test]
    fn a_deletion_is_told_once() {
        let mut diff = Diff::default();
        diff.see("a", &1);
        assert!(diff.forget(&"a"));
        assert!(!diff.forget(&"a"));
    }
}
