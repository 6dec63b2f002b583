//! What many things have in common is kept once: an image's name, the tags of a group, the place of its instances.

use std::hash::Hash;
use std::sync::Arc;

use rustc_hash::FxHashSet;
use smol_str::SmolStr;

use super::entry::Place;
use super::{Instance, Node};

/// All that is shared within a fleet.
#[derive(Debug, Default)]
pub(super) struct Shared {
    texts: Once<str>,
    tags: Once<[(SmolStr, SmolStr)]>,
    places: Once<Place>,
}

impl Shared {
    /// Makes an instance share what it can.
    pub(super) fn instance(&mut self, instance: &mut Instance) {
        instance.tags.others = self.tags.get(instance.tags.others.clone());
        let texts = [&mut instance.image, &mut instance.vpc, &mut instance.reason];
        texts.into_iter().flatten().for_each(|text| self.text(text));
    }

    /// Makes a node share what it can.
    pub(super) fn node(&mut self, node: &mut Node) {
        let always = [&mut node.version, &mut node.os, &mut node.kernel];
        let texts = [&mut node.not_ready_reason, &mut node.instance_type, &mut node.zone];
        let texts = always
            .into_iter()
            .chain(texts.into_iter().flatten())
            .chain(&mut node.taints);
        texts.for_each(|text| self.text(text));
    }

    pub(super) fn place(&mut self, place: Place) -> Arc<Place> {
        self.places.get(place)
    }

    fn text(&mut self, text: &mut SmolStr) {
        // Short texts live in the value itself: nothing to share.
        if text.is_heap_allocated() {
            *text = self.texts.get(text.as_str()).into();
        }
    }
}

/// Values kept once each, and forgotten some time after nobody holds them any more.
#[derive(Debug)]
struct Once<T: ?Sized> {
    known: FxHashSet<Arc<T>>,
    sweep_at: usize,
}

impl<T: ?Sized> Default for Once<T> {
    fn default() -> Self {
        Self {
            known: FxHashSet::default(),
            sweep_at: 0,
        }
    }
}

impl<T: Hash + Eq + ?Sized> Once<T> {
    /// The value that is kept, and is equal to this one.
    fn get<V: std::borrow::Borrow<T> + Into<Arc<T>>>(&mut self, value: V) -> Arc<T> {
        if let Some(known) = self.known.get(value.borrow()) {
            return known.clone();
        }
        if self.known.len() >= self.sweep_at {
            self.known.retain(|known| Arc::strong_count(known) > 1);
            // Sweeping walks through all: not before there are twice as many.
            self.sweep_at = (2 * self.known.len()).max(64);
        }
        let new = value.into();
        self.known.insert(new.clone());
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_are_kept_once_and_forgotten_when_nobody_holds_them() {
        let mut once = Once::<str>::default();
        let first = once.get("Debian GNU/Linux 13 (trixie)");
        assert!(Arc::ptr_eq(&first, &once.get("Debian GNU/Linux 13 (trixie)")));
        for n in 0..1_000 {
            once.get(n.to_string().as_str());
        }
        assert!(once.known.len() <= 64, "{}", once.known.len());
        assert!(
            Arc::ptr_eq(&first, &once.get("Debian GNU/Linux 13 (trixie)")),
            "it is still held"
        );
    }
}
