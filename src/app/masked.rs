//! A line of text that nobody sees: what is typed in it is shown as dots, told by no `Debug`, and overwritten when it is
//! taken or dropped.

use std::fmt;

use super::key::{Key, KeyCode};
use crate::ops::Secret;

/// The longest line that is taken, in characters.
const LONGEST: usize = 500;

/// A line that is typed unseen.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Masked(Vec<char>);

impl Masked {
    /// How many characters are typed.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing is typed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Lets a key edit the line at its end; gives whether it changed.
    pub(super) fn edit(&mut self, key: Key) -> bool {
        match (key.code(), key.has_ctrl()) {
            _ if key.text().is_some() => key.text().is_some_and(|c| self.add(c)),
            (KeyCode::Backspace, _) => self.0.pop().is_some(),
            (KeyCode::Char('u' | 'w'), true) => {
                let typed = !self.0.is_empty();
                self.wipe();
                typed
            }
            _ => false,
        }
    }

    /// Appends pasted text, but for its line breaks; gives whether the line changed.
    pub(super) fn paste(&mut self, text: &str) -> bool {
        let mut changed = false;
        for c in text.chars().filter(|c| !c.is_control()) {
            changed |= self.add(c);
        }
        changed
    }

    fn add(&mut self, c: char) -> bool {
        if self.0.len() >= LONGEST {
            return false;
        }
        if self.0.len() == self.0.capacity() {
            // Growing in place could leave a copy behind.
            let mut larger = Vec::with_capacity((self.0.len() + 1) * 2);
            larger.extend_from_slice(&self.0);
            self.wipe();
            self.0 = larger;
        }
        self.0.push(c);
        true
    }

    /// Takes what is typed out of the line, which is empty then.
    pub(super) fn take(&mut self) -> Secret {
        let secret = Secret::new(self.0.iter().collect::<String>());
        self.wipe();
        secret
    }

    fn wipe(&mut self) {
        self.0.fill('\0');
        self.0.clear();
    }
}

impl Drop for Masked {
    fn drop(&mut self) {
        self.wipe();
    }
}

impl fmt::Debug for Masked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Masked({})", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_is_told_by_nobody_and_leaves_the_line_when_it_is_taken() {
        let mut line = Masked::default();
        for c in "hunter2".chars() {
            assert!(line.edit(Key::char(c)));
        }
        assert!(line.edit(KeyCode::Backspace.into()) && line.paste("3\n"));
        assert_eq!((line.len(), format!("{line:?}").as_str()), (7, "Masked(7)"));
        assert_eq!(line.take().expose(), "hunter3");
        assert!(line.is_empty());
        assert!(!line.edit(KeyCode::Backspace.into()) && !line.edit(Key::ctrl('u')));
    }

    #[test]
    fn it_is_of_bounded_length() {
        let mut line = Masked::default();
        assert!(line.paste(&"x".repeat(9_999)));
        assert_eq!(line.len(), LONGEST);
        assert!(line.edit(Key::ctrl('u')) && line.is_empty());
    }
}
