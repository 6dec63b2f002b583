//! Kubernetes objects of one kind in one cluster, with a short memory of what changed, for watches.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use smol_str::SmolStr;

/// Changes kept: a watch that is further behind lists anew, as an API server would make it.
const KEPT: usize = 4_096;

/// Objects by name.
#[derive(Debug)]
pub(super) struct Store<T> {
    items: BTreeMap<SmolStr, T>,
    changed: VecDeque<SmolStr>,
    /// The number of the oldest change kept.
    oldest: u64,
}

impl<T> Default for Store<T> {
    fn default() -> Self {
        Self {
            items: BTreeMap::new(),
            changed: VecDeque::new(),
            oldest: 0,
        }
    }
}

impl<T> Store<T> {
    pub(super) fn get(&self, name: &str) -> Option<&T> {
        self.items.get(name)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&SmolStr, &T)> {
        self.items.iter()
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    pub(super) fn insert(&mut self, name: SmolStr, item: T) {
        self.touch(name.clone());
        self.items.insert(name, item);
    }

    pub(super) fn remove(&mut self, name: &str) -> Option<T> {
        let (name, item) = self.items.remove_entry(name)?;
        self.touch(name);
        Some(item)
    }

    /// Changes an object, if it is there.
    pub(super) fn edit<R>(&mut self, name: &str, change: impl FnOnce(&mut T) -> R) -> Option<R> {
        let result = change(self.items.get_mut(name)?);
        self.touch(SmolStr::new(name));
        Some(result)
    }

    /// Changes what a watch does not show of an object.
    pub(super) fn edit_quietly(&mut self, name: &str, change: impl FnOnce(&mut T)) {
        if let Some(item) = self.items.get_mut(name) {
            change(item);
        }
    }

    /// The number that the next change will have.
    pub(super) fn head(&self) -> u64 {
        self.oldest + self.changed.len() as u64
    }

    /// The names that changed from a number on, each once; `None` if that is forgotten.
    pub(super) fn since(&self, number: u64) -> Option<BTreeSet<&SmolStr>> {
        let skip = usize::try_from(number.checked_sub(self.oldest)?).ok()?;
        Some(self.changed.iter().skip(skip).collect())
    }

    fn touch(&mut self, name: SmolStr) {
        self.changed.push_back(name);
        if self.changed.len() > KEPT {
            self.changed.pop_front();
            self.oldest += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_told_once_and_forgotten_in_the_end() {
        let mut store = Store::default();
        store.insert("a".into(), 1);
        let seen = store.head();
        assert!(store.since(seen).unwrap().is_empty());
        store.edit("a", |n| *n = 2);
        store.edit("a", |n| *n = 3);
        store.edit_quietly("a", |n| *n = 4);
        store.remove("a");
        assert_eq!(store.since(seen).unwrap().into_iter().collect::<Vec<_>>(), ["a"]);
        assert_eq!(store.get("a"), None);
        for _ in 0..KEPT {
            store.insert("b".into(), 0);
        }
        assert_eq!(store.since(seen), None);
        assert_eq!(store.len(), 1);
    }
}
