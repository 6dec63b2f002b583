//! A key as the keymap, the help and `config.toml` know it, apart from any terminal library.
//!
//! A [`Key`] is always in one form, so that equal keys compare equal whichever way they came: `O`, `shift-o` and
//! the terminal's shifted `o` are the same key. What terminals without special protocols cannot tell apart is one
//! key too: `ctrl-i` is `tab`, `ctrl-m` is `enter`, `ctrl-[` is `esc`, `ctrl-shift-d` is `ctrl-d`.

use std::fmt;
use std::str::FromStr;

/// A key without its modifiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KeyCode {
    /// A key that types a character; a letter is in lower case.
    Char(char),
    /// Enter.
    Enter,
    /// Escape.
    Esc,
    /// Tab; back-tab is this with shift.
    Tab,
    /// Backspace.
    Backspace,
    /// Delete.
    Delete,
    /// Insert.
    Insert,
    /// Arrow up.
    Up,
    /// Arrow down.
    Down,
    /// Arrow left.
    Left,
    /// Arrow right.
    Right,
    /// Home.
    Home,
    /// End.
    End,
    /// Page up.
    PageUp,
    /// Page down.
    PageDown,
    /// A function key, 1 to 24.
    F(u8),
}

/// Names of the keys that type no character. The first name of a key is the one shown.
const NAMED: &[(&str, KeyCode)] = &[
    ("space", KeyCode::Char(' ')),
    ("enter", KeyCode::Enter),
    ("return", KeyCode::Enter),
    ("esc", KeyCode::Esc),
    ("escape", KeyCode::Esc),
    ("tab", KeyCode::Tab),
    ("backspace", KeyCode::Backspace),
    ("delete", KeyCode::Delete),
    ("del", KeyCode::Delete),
    ("insert", KeyCode::Insert),
    ("ins", KeyCode::Insert),
    ("up", KeyCode::Up),
    ("down", KeyCode::Down),
    ("left", KeyCode::Left),
    ("right", KeyCode::Right),
    ("home", KeyCode::Home),
    ("end", KeyCode::End),
    ("pgup", KeyCode::PageUp),
    ("pageup", KeyCode::PageUp),
    ("pgdn", KeyCode::PageDown),
    ("pagedown", KeyCode::PageDown),
];

/// The highest function key.
const LAST_F: u8 = 24;

/// A key press: a key and the modifiers held with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    code: KeyCode,
    ctrl: bool,
    alt: bool,
    shift: bool,
}

impl Key {
    /// A key with its modifiers, brought into the one form.
    pub fn new(code: KeyCode, ctrl: bool, alt: bool, shift: bool) -> Self {
        let mut key = Self { code, ctrl, alt, shift };
        if let KeyCode::Char(c) = code {
            let (lower, upper) = cases(c);
            key.code = KeyCode::Char(lower);
            // Whether shift was held for `?` depends on the keyboard's layout; the character says it all.
            key.shift = lower != upper && (shift || c == upper) && !ctrl;
            if ctrl {
                key.one_of_control_twins(lower);
            }
        }
        key
    }

    /// Terminals send control keys as the codes 0 to 31: these arrive as other keys, or under a digit's name.
    fn one_of_control_twins(&mut self, c: char) {
        let (code, ctrl) = match c {
            'i' => (KeyCode::Tab, false),
            'm' => (KeyCode::Enter, false),
            '[' | '3' => (KeyCode::Esc, false),
            '4' => (KeyCode::Char('\\'), true),
            '5' => (KeyCode::Char(']'), true),
            '6' => (KeyCode::Char('^'), true),
            '7' => (KeyCode::Char('_'), true),
            _ => return,
        };
        (self.code, self.ctrl) = (code, ctrl);
    }

    /// The key that types this character.
    pub fn char(c: char) -> Self {
        Self::new(KeyCode::Char(c), false, false, false)
    }

    /// The key of this character, with control.
    pub fn ctrl(c: char) -> Self {
        Self::new(KeyCode::Char(c), true, false, false)
    }

    /// The key without its modifiers.
    pub fn code(self) -> KeyCode {
        self.code
    }

    /// Whether control is held.
    pub fn has_ctrl(self) -> bool {
        self.ctrl
    }

    /// Whether alt is held.
    pub fn has_alt(self) -> bool {
        self.alt
    }

    /// Whether shift is held.
    pub fn has_shift(self) -> bool {
        self.shift
    }

    /// The character it types into a text field, if it types one.
    pub fn text(self) -> Option<char> {
        match self.code {
            KeyCode::Char(c) if !self.ctrl && !self.alt => Some(if self.shift { cases(c).1 } else { c }),
            _ => None,
        }
    }
}

impl From<KeyCode> for Key {
    fn from(code: KeyCode) -> Self {
        Self::new(code, false, false, false)
    }
}

/// A letter in lower and upper case; any other character, and a letter whose cases are no pair, twice itself.
fn cases(c: char) -> (char, char) {
    match (only(c.to_lowercase()), only(c.to_uppercase())) {
        (Some(l), Some(u)) if u.to_lowercase().eq([l]) && l.to_uppercase().eq([u]) && (c == l || c == u) => (l, u),
        _ => (c, c),
    }
}

fn only(mut chars: impl Iterator<Item = char>) -> Option<char> {
    chars.next().filter(|_| chars.next().is_none())
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let held = |held: bool, name: &'static str| if held { name } else { "" };
        let name = match (NAMED.iter().find(|(_, code)| *code == self.code), self.code) {
            (Some((name, _)), _) => (*name).to_owned(),
            (None, KeyCode::Char(c)) => c.to_string(),
            (None, KeyCode::F(n)) => format!("f{n}"),
            (None, other) => format!("{other:?}").to_ascii_lowercase(),
        };
        f.pad(&format!(
            "{}{}{}{name}",
            held(self.ctrl, "ctrl-"),
            held(self.alt, "alt-"),
            held(self.shift, "shift-")
        ))
    }
}

/// A text that names no key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{0}\" is no key: write a character or a name (space, enter, esc, tab, pgdn, f5 …), with ctrl-, alt- or shift- before it"
)]
pub struct UnknownKey(String);

impl FromStr for Key {
    type Err = UnknownKey;

    fn from_str(text: &str) -> Result<Self, UnknownKey> {
        let mut rest = text;
        let (mut ctrl, mut alt, mut shift) = (false, false, false);
        let code = loop {
            // A name is looked for first: the key `-` also ends in what could be a modifier's hyphen.
            if let Some(code) = parse_code(rest) {
                break code;
            }
            let (word, after) = rest.split_once('-').ok_or_else(|| UnknownKey(text.to_owned()))?;
            let held = match word.to_ascii_lowercase().as_str() {
                "ctrl" => &mut ctrl,
                "alt" => &mut alt,
                "shift" => &mut shift,
                _ => return Err(UnknownKey(text.to_owned())),
            };
            *held = true;
            rest = after;
        };
        Ok(Self::new(code, ctrl, alt, shift))
    }
}

fn parse_code(text: &str) -> Option<KeyCode> {
    let mut chars = text.chars();
    if let (Some(c), None) = (chars.next(), chars.next()) {
        return (!c.is_control() && !c.is_whitespace()).then_some(KeyCode::Char(c));
    }
    let name = text.to_ascii_lowercase();
    if let Some((_, code)) = NAMED.iter().find(|(n, _)| *n == name) {
        return Some(*code);
    }
    let digits = name.strip_prefix('f')?;
    let n = digits.parse().ok().filter(|n| (1..=LAST_F).contains(n))?;
    (digits == n.to_string()).then_some(KeyCode::F(n))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(text: &str) -> Key {
        text.parse().unwrap()
    }

    #[test]
    fn reads_and_shows() {
        for text in [
            "ctrl-d",
            "shift-o",
            "?",
            "space",
            "enter",
            "esc",
            "f5",
            "f24",
            "pgdn",
            "pgup",
            "tab",
            "shift-tab",
            "alt-x",
            "-",
            "ctrl--",
            "ctrl-alt-delete",
            "ctrl-space",
            "ctrl-\\",
            ":",
            "é",
            "alt-shift-up",
            "1",
        ] {
            assert_eq!(key(text).to_string(), text);
        }
    }

    #[test]
    fn several_names_are_one_key() {
        for (text, same) in [
            ("O", "shift-o"),
            ("Shift-O", "shift-o"),
            ("CTRL-D", "ctrl-d"),
            ("ctrl-shift-d", "ctrl-d"),
            ("shift-ctrl-up", "ctrl-shift-up"),
            ("Escape", "esc"),
            ("PageDown", "pgdn"),
            ("return", "enter"),
            ("shift-?", "?"),
            ("shift-space", "space"),
            ("ctrl-i", "tab"),
            ("ctrl-m", "enter"),
            ("ctrl-[", "esc"),
            ("ctrl-4", "ctrl-\\"),
            ("É", "shift-é"),
            ("ß", "ß"),
        ] {
            assert_eq!(key(text).to_string(), same, "from {text}");
        }
    }

    #[test]
    fn refuses_what_is_no_key() {
        for text in [
            "",
            "ctrl-",
            "ctrl",
            "hyper-x",
            "f0",
            "f25",
            "f05",
            "f+5",
            " ",
            "xy",
            "ctrl-d-x",
            "\n",
            "ctrl-shift-",
        ] {
            let error = text.parse::<Key>().unwrap_err();
            assert!(error.to_string().contains(text), "{error}");
        }
    }

    #[test]
    fn types_text() {
        assert_eq!(key("shift-o").text(), Some('O'));
        assert_eq!(key("o").text(), Some('o'));
        assert_eq!(key("space").text(), Some(' '));
        assert_eq!(key("?").text(), Some('?'));
        assert_eq!(key("ctrl-o").text(), None);
        assert_eq!(key("alt-o").text(), None);
        assert_eq!(key("enter").text(), None);
    }

    fn any_code() -> impl Strategy<Value = KeyCode> {
        prop_oneof![
            any::<char>()
                .prop_filter("typed", |c| !c.is_control() && !c.is_whitespace())
                .prop_map(KeyCode::Char),
            (1..=LAST_F).prop_map(KeyCode::F),
            prop::sample::select(NAMED).prop_map(|(_, code)| code),
        ]
    }

    proptest! {
        #[test]
        fn shown_keys_read_back(code in any_code(), ctrl: bool, alt: bool, shift: bool) {
            let key = Key::new(code, ctrl, alt, shift);
            prop_assert_eq!(key.to_string().parse(), Ok(key));
            prop_assert_eq!(Key::new(key.code, key.ctrl, key.alt, key.shift), key);
        }

        #[test]
        fn any_text_is_a_key_or_an_error(text in ".{0,12}") {
            if let Ok(key) = text.parse::<Key>() {
                prop_assert_eq!(key.to_string().parse(), Ok(key));
            }
        }
    }
}
