//! A shelf: things that carry their key, each in a place of its own. A thing is found by its key or, quicker and
//! in four bytes, by its slot: so things that belong together hold each other's slots.

use std::hash::{BuildHasher, Hash};

use hashbrown::HashTable;
use rustc_hash::FxBuildHasher;

/// The number of a thing's place on its shelf. It is good for as long as the thing is there; then another thing may
/// get it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Slot(u32);

impl Slot {
    fn place(self) -> usize {
        self.0 as usize
    }
}

/// A thing that carries its key.
pub(super) trait Keyed {
    /// What it is found by.
    type Key: Hash + Eq;

    fn key(&self) -> &Self::Key;
}

/// Things by key and by slot. The things are boxed: a place that is free costs next to nothing, and growing moves
/// none of them.
#[derive(Debug)]
pub(super) struct Shelf<T> {
    places: Vec<Option<Box<T>>>,
    free: Vec<Slot>,
    by_key: HashTable<Slot>,
}

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        Self {
            places: Vec::new(),
            free: Vec::new(),
            by_key: HashTable::new(),
        }
    }
}

impl<T: Keyed> Shelf<T> {
    /// The thing in a place.
    pub(super) fn at(&self, slot: Slot) -> Option<&T> {
        at(&self.places, slot)
    }

    pub(super) fn at_mut(&mut self, slot: Slot) -> Option<&mut T> {
        self.places.get_mut(slot.place())?.as_deref_mut()
    }

    /// Where the thing with this key is.
    pub(super) fn slot(&self, key: &T::Key) -> Option<Slot> {
        let is_it = |slot: &Slot| self.at(*slot).is_some_and(|thing| thing.key() == key);
        self.by_key.find(hash(key), is_it).copied()
    }

    pub(super) fn get(&self, key: &T::Key) -> Option<&T> {
        self.at(self.slot(key)?)
    }

    pub(super) fn get_mut(&mut self, key: &T::Key) -> Option<&mut T> {
        self.at_mut(self.slot(key)?)
    }

    pub(super) fn contains(&self, key: &T::Key) -> bool {
        self.slot(key).is_some()
    }

    /// Puts a thing where one with its key was, or else where there is room.
    pub(super) fn put(&mut self, thing: T) -> Slot {
        if let Some(slot) = self.slot(thing.key())
            && let Some(known) = self.at_mut(slot)
        {
            *known = thing;
            return slot;
        }
        let hashed = hash(thing.key());
        let thing = Some(Box::new(thing));
        let slot = match self.free.pop() {
            Some(slot) => {
                if let Some(place) = self.places.get_mut(slot.place()) {
                    *place = thing;
                }
                slot
            }
            None => {
                self.places.push(thing);
                Slot((self.places.len() - 1) as u32)
            }
        };
        let places = &self.places;
        self.by_key.insert_unique(hashed, slot, |slot| {
            at(places, *slot).map_or(0, |thing| hash(thing.key()))
        });
        slot
    }

    /// Takes the thing out that is in a place.
    pub(super) fn take(&mut self, slot: Slot) -> Option<T> {
        let thing = self.places.get_mut(slot.place())?.take()?;
        if let Ok(entry) = self.by_key.find_entry(hash(thing.key()), |known| *known == slot) {
            entry.remove();
        }
        self.free.push(slot);
        Some(*thing)
    }

    /// All things, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.places.iter().flatten().map(|thing| &**thing)
    }

    /// Where things are.
    pub(super) fn slots(&self) -> impl Iterator<Item = Slot> {
        let taken = self.places.iter().enumerate().filter(|(_, thing)| thing.is_some());
        taken.map(|(place, _)| Slot(place as u32))
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }
}

fn at<T>(places: &[Option<Box<T>>], slot: Slot) -> Option<&T> {
    places.get(slot.place())?.as_deref()
}

pub(super) fn hash(key: &(impl Hash + ?Sized)) -> u64 {
    FxBuildHasher.hash_one(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq)]
    struct Word(&'static str, u8);

    impl Keyed for Word {
        type Key = &'static str;

        fn key(&self) -> &Self::Key {
            &self.0
        }
    }

    #[test]
    fn a_thing_keeps_its_place_until_it_is_taken() {
        let mut shelf = Shelf::default();
        let one = shelf.put(Word("one", 1));
        let two = shelf.put(Word("two", 2));
        assert_eq!(shelf.put(Word("one", 3)), one);
        assert_eq!((shelf.slot(&"one"), shelf.at(one)), (Some(one), Some(&Word("one", 3))));
        assert_eq!(shelf.take(one), Some(Word("one", 3)));
        assert_eq!((shelf.get(&"one"), shelf.at(one)), (None, None));
        assert_eq!(shelf.take(one), None);
        assert_eq!(shelf.put(Word("three", 3)), one, "its place is used again");
        assert_eq!(shelf.iter().map(|w| w.1).collect::<Vec<_>>(), [3, 2]);
        assert!(shelf.take(one).is_some() && shelf.take(two).is_some() && shelf.is_empty());
    }

    #[test]
    fn things_are_found_among_many() {
        struct Number(u64);
        impl Keyed for Number {
            type Key = u64;

            fn key(&self) -> &u64 {
                &self.0
            }
        }
        let mut shelf = Shelf::default();
        let slots: Vec<_> = (0..5_000).map(|n| shelf.put(Number(n * 64))).collect();
        for (n, slot) in (0u64..).zip(slots) {
            assert_eq!(shelf.slot(&(n * 64)), Some(slot));
            if n % 2 == 1 {
                shelf.take(slot);
            }
        }
        assert!(shelf.contains(&128) && !shelf.contains(&64));
    }
}
