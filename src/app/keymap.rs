//! Which key does what: the key table with the operator's own keys laid over it.

use std::collections::BTreeMap;

use super::key::Key;
use super::key_table::Reach;
use super::{Action, Pane};

/// Keys and their actions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keymap {
    keys: Vec<Vec<Key>>,
    by_key: BTreeMap<Key, Vec<Action>>,
}

/// A binding that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{action}: {problem}")]
pub struct KeyFault {
    /// The action as it was named.
    pub action: String,
    /// What is the matter and what to do.
    pub problem: String,
}

/// Actions that must keep a key: without them nobody finds the others, or the way out.
const NEEDED: [Action; 3] = [Action::Palette, Action::Back, Action::Quit];

impl Default for Keymap {
    fn default() -> Self {
        Self::of(Action::ALL.map(defaults).to_vec())
    }
}

fn defaults(action: Action) -> Vec<Key> {
    action.info().keys.iter().filter_map(|key| key.parse().ok()).collect()
}

impl Keymap {
    /// The usual keys with some actions' keys replaced. A key that is given away here is taken from the action
    /// that usually has it in the same place. What cannot be used is left as usual and told.
    pub fn new<'a>(overrides: impl IntoIterator<Item = (&'a str, &'a [Key])>) -> (Self, Vec<KeyFault>) {
        let mut faults = vec![];
        let mut keys = Action::ALL.map(defaults).to_vec();
        let mut own: Vec<Action> = vec![];
        for (name, given) in overrides {
            let Some(action) = Action::named(name) else {
                faults.push(fault(
                    name,
                    "there is no such action: the help (?) names them all".to_owned(),
                ));
                continue;
            };
            let taken = given.iter().find_map(|key| {
                let mut others = own.iter().filter(|other| **other != action && meet(**other, action));
                let other = others.find(|other| keys[**other as usize].contains(key))?;
                Some(format!("{key} is given to {} too: choose another key", other.name()))
            });
            if let Some(problem) = taken {
                faults.push(fault(name, problem));
                continue;
            }
            if given.is_empty() && NEEDED.contains(&action) {
                faults.push(fault(name, "needs a key: it keeps its usual ones".to_owned()));
                continue;
            }
            keys[action as usize] = given.to_vec();
            own.push(action);
        }
        for action in &own {
            let overlap = |other: &Action| !own.contains(other) && overlap(*other, *action);
            for other in Action::ALL.into_iter().filter(overlap) {
                let given = keys[*action as usize].clone();
                keys[other as usize].retain(|key| !given.contains(key));
            }
        }
        for action in NEEDED.into_iter().filter(|action| keys[*action as usize].is_empty()) {
            faults.push(fault(
                action.name(),
                "all its keys are given away: it needs one".to_owned(),
            ));
        }
        (Self::of(keys), faults)
    }

    fn of(keys: Vec<Vec<Key>>) -> Self {
        let mut by_key: BTreeMap<Key, Vec<Action>> = BTreeMap::new();
        for (action, keys) in Action::ALL.into_iter().zip(&keys) {
            for key in keys {
                by_key.entry(*key).or_default().push(action);
            }
        }
        for actions in by_key.values_mut() {
            actions.sort_by_key(|action| std::cmp::Reverse(action.info().place.nearness()));
        }
        Self { keys, by_key }
    }

    /// The keys of an action, the one to show first.
    pub fn keys(&self, action: Action) -> &[Key] {
        self.keys.get(action as usize).map_or(&[], Vec::as_slice)
    }

    /// What a key does in a pane.
    pub fn in_pane(&self, key: Key, pane: Pane) -> Option<Action> {
        self.find(key, |action| action.info().place.holds(pane))
    }

    /// What a key does in an overlay whose lines are moved in.
    pub fn in_list(&self, key: Key) -> Option<Action> {
        self.find(key, |action| action.info().reach >= Reach::Lists)
    }

    /// What a key does in a text field, rather than being typed.
    pub fn in_text(&self, key: Key) -> Option<Action> {
        self.find(key, |action| action.info().reach == Reach::Everywhere)
    }

    fn find(&self, key: Key, fits: impl Fn(Action) -> bool) -> Option<Action> {
        self.by_key.get(&key)?.iter().copied().find(|action| fits(*action))
    }
}

fn fault(action: &str, problem: String) -> KeyFault {
    KeyFault {
        action: action.to_owned(),
        problem,
    }
}

/// Whether both apply in some pane.
fn overlap(a: Action, b: Action) -> bool {
    let (a, b) = (a.info().place, b.info().place);
    Pane::ALL.into_iter().any(|pane| a.holds(pane) && b.holds(pane))
}

/// Whether one key for both would be ambiguous: they apply equally near in some pane.
fn meet(a: Action, b: Action) -> bool {
    a.info().place.nearness() == b.info().place.nearness() && overlap(a, b)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> Vec<Key> {
        text.split_whitespace().map(|key| key.parse().unwrap()).collect()
    }

    #[test]
    fn every_default_key_can_be_read_and_is_unique_where_it_applies() {
        let keymap = Keymap::default();
        for action in Action::ALL {
            assert_eq!(keymap.keys(action).len(), action.info().keys.len(), "{action:?}");
            assert!(!keymap.keys(action).is_empty(), "{action:?}");
        }
        for (key, actions) in &keymap.by_key {
            for (i, a) in actions.iter().enumerate() {
                for b in actions.iter().skip(i + 1) {
                    assert!(!meet(*a, *b), "{key}: {a:?} and {b:?}");
                }
            }
        }
    }

    #[test]
    fn names_are_kebab_case_and_unique() {
        for action in Action::ALL {
            let name = action.name();
            assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{name}");
            assert_eq!(Action::named(name), Some(action));
            assert!(!action.info().help.is_empty() && !action.info().help.ends_with('.'));
        }
    }

    #[test]
    fn one_key_does_what_fits_the_pane() {
        let keymap = Keymap::default();
        let s = Key::char('s');
        assert_eq!(keymap.in_pane(s, Pane::Pools), Some(Action::Scale));
        assert_eq!(keymap.in_pane(s, Pane::Machines), Some(Action::Shell));
        assert_eq!(keymap.in_pane(s, Pane::Findings), None);
        let l = Key::char('l');
        assert_eq!(keymap.in_pane(l, Pane::FleetClusters), Some(Action::Launch));
        assert_eq!(keymap.in_pane(l, Pane::Pools), Some(Action::Launch));
        assert_eq!(keymap.in_pane(l, Pane::Prices), Some(Action::Right));
        assert_eq!(keymap.in_list(l), Some(Action::Right));
        assert_eq!(keymap.in_text(l), None);
        assert_eq!(keymap.in_text(Key::ctrl('c')), Some(Action::Quit));
    }

    #[test]
    fn own_keys_take_the_place_of_the_usual_ones() {
        let (drain, filter) = (keys("ctrl-x"), keys("d"));
        let (keymap, faults) = Keymap::new([("drain", &drain[..]), ("filter", &filter[..])]);
        assert_eq!(faults, []);
        assert_eq!(keymap.in_pane(Key::ctrl('x'), Pane::Machines), Some(Action::Drain));
        assert_eq!(keymap.in_pane(Key::char('r'), Pane::Machines), None);
        assert_eq!(keymap.in_pane(Key::char('d'), Pane::Machines), Some(Action::Filter));
        assert_eq!(keymap.keys(Action::Describe), [], "its key was given away");
    }

    #[test]
    fn what_cannot_be_used_is_told() {
        let (j, none) = (keys("j"), keys(""));
        let (keymap, faults) = Keymap::new([
            ("up", &j[..]),
            ("down", &j[..]),
            ("fly", &j[..]),
            ("quit", &none[..]),
            ("wide", &none[..]),
        ]);
        let told: Vec<_> = faults.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "down: j is given to up too: choose another key",
                "fly: there is no such action: the help (?) names them all",
                "quit: needs a key: it keeps its usual ones",
            ]
        );
        assert_eq!(keymap.keys(Action::Quit), [Key::ctrl('c')]);
        assert_eq!(keymap.keys(Action::Wide), [], "an empty list takes the keys away");
        assert_eq!(keymap.in_pane(Key::char('j'), Pane::Machines), Some(Action::Up));
    }
}
