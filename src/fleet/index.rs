//! An index: which things go by a key. Of the key only its hash is kept, for the things themselves know what they
//! go by.

use std::hash::Hash;

use hashbrown::HashTable;

use super::shelf::{Slot, hash};

/// The slots of things by a key that several may go by.
#[derive(Debug, Default)]
pub(super) struct Index(HashTable<Mark>);

/// Half a key's hash, and what goes by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    half: u32,
    slot: Slot,
}

impl Mark {
    fn new(key: &(impl Hash + ?Sized), slot: Slot) -> Self {
        Self { half: half(key), slot }
    }
}

impl Index {
    /// Notes that a thing goes by a key; twice is as good as once.
    pub(super) fn add(&mut self, key: &(impl Hash + ?Sized), slot: Slot) {
        let mark = Mark::new(key, slot);
        if self.0.find(whole(mark.half), |m| *m == mark).is_none() {
            self.0.insert_unique(whole(mark.half), mark, |m| whole(m.half));
        }
    }

    pub(super) fn remove(&mut self, key: &(impl Hash + ?Sized), slot: Slot) {
        let mark = Mark::new(key, slot);
        if let Ok(entry) = self.0.find_entry(whole(mark.half), |m| *m == mark) {
            entry.remove();
        }
    }

    /// All that go by a key, in no order. Now and then there is a stranger among them whose key has the same hash:
    /// where that matters, ask what you find for its key.
    pub(super) fn of(&self, key: &(impl Hash + ?Sized)) -> impl Iterator<Item = Slot> {
        let half = half(key);
        self.0
            .iter_hash(whole(half))
            .filter(move |m| m.half == half)
            .map(|m| m.slot)
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn half(key: &(impl Hash + ?Sized)) -> u32 {
    (hash(key) >> 32) as u32
}

/// A hash for the table, which looks at both ends of it.
fn whole(half: u32) -> u64 {
    u64::from(half) << 32 | u64::from(half)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::shelf::{Keyed, Shelf};

    impl Keyed for u32 {
        type Key = u32;

        fn key(&self) -> &u32 {
            self
        }
    }

    #[test]
    fn all_that_go_by_a_key_are_found_until_they_are_removed() {
        let mut things = Shelf::default();
        let slots: Vec<_> = (0..3_000).map(|n| things.put(n)).collect();
        let mut index = Index::default();
        for (n, slot) in slots.iter().enumerate() {
            index.add(&format!("host-{}", n / 3), *slot);
            index.add(&format!("host-{}", n / 3), *slot);
        }
        let found = |index: &Index, n: usize| {
            let mut found: Vec<_> = index.of(&format!("host-{n}")).collect();
            found.sort();
            found
        };
        for (n, three) in slots.chunks(3).enumerate() {
            assert_eq!(found(&index, n), three);
            index.remove(&format!("host-{n}"), three[1]);
            assert_eq!(found(&index, n), [three[0], three[2]]);
            index.remove(&format!("host-{n}"), three[0]);
            index.remove(&format!("host-{n}"), three[2]);
        }
        assert!(index.is_empty());
    }
}
