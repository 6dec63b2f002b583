//! Editing one line of text, with the keys of readline.

use tui_input::{Input, InputRequest};

use super::key::{Key, KeyCode};

/// What a key did to a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Edited {
    /// The text changed.
    Text,
    /// Only the cursor moved.
    Cursor,
    /// Nothing.
    Nothing,
}

/// The longest line that is taken.
const LONGEST: usize = 500;

/// Lets a key edit a line.
pub(super) fn edit(line: &mut Input, key: Key) -> Edited {
    let Some(request) = request(key) else {
        return Edited::Nothing;
    };
    if matches!(request, InputRequest::InsertChar(_)) && line.value().chars().count() >= LONGEST {
        return Edited::Nothing;
    }
    match line.handle(request) {
        Some(changed) if changed.value => Edited::Text,
        Some(_) => Edited::Cursor,
        None => Edited::Nothing,
    }
}

/// Inserts pasted text; line breaks become spaces. Gives whether the text changed.
pub(super) fn paste(line: &mut Input, text: &str) -> bool {
    let room = LONGEST.saturating_sub(line.value().chars().count());
    let mut changed = false;
    for c in text.trim().chars().take(room) {
        let c = if c.is_whitespace() { ' ' } else { c };
        if !c.is_control() {
            changed |= line.handle(InputRequest::InsertChar(c)).is_some();
        }
    }
    changed
}

fn request(key: Key) -> Option<InputRequest> {
    use InputRequest as R;
    if let Some(c) = key.text() {
        return Some(R::InsertChar(c));
    }
    Some(match (key.code(), key.has_ctrl(), key.has_alt()) {
        (KeyCode::Backspace, false, false) | (KeyCode::Char('h'), true, false) => R::DeletePrevChar,
        (KeyCode::Delete, false, false) | (KeyCode::Char('d'), true, false) => R::DeleteNextChar,
        (KeyCode::Backspace, _, _) | (KeyCode::Char('w'), true, false) => R::DeletePrevWord,
        (KeyCode::Delete, _, _) | (KeyCode::Char('d'), false, true) => R::DeleteNextWord,
        (KeyCode::Left, false, false) | (KeyCode::Char('b'), true, false) => R::GoToPrevChar,
        (KeyCode::Right, false, false) | (KeyCode::Char('f'), true, false) => R::GoToNextChar,
        (KeyCode::Left, _, _) | (KeyCode::Char('b'), false, true) => R::GoToPrevWord,
        (KeyCode::Right, _, _) | (KeyCode::Char('f'), false, true) => R::GoToNextWord,
        (KeyCode::Home, _, _) | (KeyCode::Char('a'), true, false) => R::GoToStart,
        (KeyCode::End, _, _) | (KeyCode::Char('e'), true, false) => R::GoToEnd,
        (KeyCode::Char('u'), true, false) => R::DeleteFromStart,
        (KeyCode::Char('k'), true, false) => R::DeleteTillEnd,
        (KeyCode::Char('y'), true, false) => R::Yank,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readline_keys_edit() {
        let mut line = Input::from("pool:web age<2h");
        assert_eq!(edit(&mut line, Key::ctrl('w')), Edited::Text);
        assert_eq!(line.value(), "pool:web age<");
        assert_eq!(edit(&mut line, Key::ctrl('a')), Edited::Cursor);
        assert_eq!(edit(&mut line, "X".parse().unwrap()), Edited::Text);
        assert_eq!(line.value(), "Xpool:web age<");
        assert_eq!(edit(&mut line, Key::ctrl('e')), Edited::Cursor);
        assert_eq!(edit(&mut line, Key::ctrl('u')), Edited::Text);
        assert_eq!(line.value(), "");
        assert_eq!(edit(&mut line, KeyCode::Backspace.into()), Edited::Nothing);
        assert_eq!(edit(&mut line, KeyCode::F(5).into()), Edited::Nothing);
    }

    #[test]
    fn pasted_text_becomes_one_line_of_bounded_length() {
        let mut line = Input::default();
        assert!(paste(&mut line, "arch:arm64\nage<2h\u{1b}[31m\n"));
        assert_eq!(line.value(), "arch:arm64 age<2h[31m");
        assert!(paste(&mut line, &"x".repeat(9_999)));
        assert_eq!(line.value().chars().count(), LONGEST);
        assert_eq!(edit(&mut line, Key::char('y')), Edited::Nothing);
    }
}
