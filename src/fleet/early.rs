//! What was told of things that are not known yet: an interruption notice may come before its instance is
//! listed. It is kept until the thing appears; bounded, for some never do. The oldest go first.

use std::hash::Hash;

use rustc_hash::FxHashMap;

/// How many are kept.
const KEPT: usize = 1_000;

/// Words about things not seen yet, by the thing's id.
#[derive(Debug)]
pub(super) struct Early<K, V> {
    kept: FxHashMap<K, (u64, V)>,
    told: u64,
}

impl<K, V> Default for Early<K, V> {
    fn default() -> Self {
        Self {
            kept: FxHashMap::default(),
            told: 0,
        }
    }
}

impl<K: Hash + Eq + Clone, V> Early<K, V> {
    /// Keeps a word; `better` chooses when another was kept already.
    pub(super) fn keep(&mut self, key: K, value: V, better: impl FnOnce(V, V) -> V) {
        self.told += 1;
        let value = match self.kept.remove(&key) {
            Some((_, known)) => better(known, value),
            None => value,
        };
        self.kept.insert(key, (self.told, value));
        if self.kept.len() > KEPT {
            let oldest = self.kept.iter().min_by_key(|(_, (told, _))| *told);
            if let Some(key) = oldest.map(|(key, _)| key.clone()) {
                self.kept.remove(&key);
            }
        }
    }

    /// Takes the word about a thing that has appeared, or will not.
    pub(super) fn take(&mut self, key: &K) -> Option<V> {
        self.kept.remove(key).map(|(_, value)| value)
    }

    /// Drops the words about some things.
    pub(super) fn forget(&mut self, which: impl Fn(&K) -> bool) {
        self.kept.retain(|key, _| !which(key));
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_words_go_first_and_the_better_of_two_stays() {
        let mut early = Early::default();
        for n in 0..=KEPT {
            early.keep(n, n, |known, _| known);
        }
        early.keep(7, 700, Ord::max);
        assert_eq!((early.take(&0), early.take(&1)), (None, Some(1)));
        assert_eq!((early.take(&7), early.take(&7)), (Some(700), None));
        assert!(!early.is_empty());
    }
}
