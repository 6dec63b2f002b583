//! Terminal events as messages.

use std::time::Duration;

use crossterm::event::{Event, KeyCode as Code, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEventKind};
use tokio::time::Instant;

use crate::app::key::{Key, KeyCode};
use crate::app::msg::Click;
use crate::app::{Msg, Target};

/// Two clicks on one thing within this time are a double click.
const DOUBLE: Duration = Duration::from_millis(400);

/// Turns events into messages. It remembers the last click.
#[derive(Debug, Default)]
pub(super) struct Input {
    last: Option<(Target, Instant)>,
}

impl Input {
    /// The message an event stands for; `hit` tells what is at a place on the screen.
    pub(super) fn message(&mut self, event: Event, hit: impl FnOnce(u16, u16) -> Option<Target>) -> Option<Msg> {
        match event {
            Event::Key(key) if key.kind != KeyEventKind::Release => key_of(key).map(Msg::Key),
            Event::Key(_) => None,
            Event::Paste(text) => Some(Msg::Paste(text)),
            Event::Resize(columns, rows) => Some(Msg::Resize(columns, rows)),
            Event::FocusGained => Some(Msg::Focus(true)),
            Event::FocusLost => Some(Msg::Focus(false)),
            Event::Mouse(mouse) => {
                let click = match mouse.kind {
                    MouseEventKind::Down(MouseButton::Left) => Click::Left,
                    MouseEventKind::Down(MouseButton::Right) => Click::Right,
                    MouseEventKind::ScrollUp => Click::WheelUp,
                    MouseEventKind::ScrollDown => Click::WheelDown,
                    _ => return None,
                };
                let target = hit(mouse.column, mouse.row)?;
                let click = if click == Click::Left {
                    self.count(&target)
                } else {
                    click
                };
                Some(Msg::Mouse(target, click))
            }
        }
    }

    fn count(&mut self, target: &Target) -> Click {
        let now = Instant::now();
        let double = self
            .last
            .take()
            .is_some_and(|(last, at)| last == *target && now - at < DOUBLE);
        if double {
            return Click::Double;
        }
        self.last = Some((target.clone(), now));
        Click::Left
    }
}

fn key_of(event: KeyEvent) -> Option<Key> {
    let code = match event.code {
        Code::Char(c) => KeyCode::Char(c),
        Code::Enter => KeyCode::Enter,
        Code::Esc => KeyCode::Esc,
        Code::Tab | Code::BackTab => KeyCode::Tab,
        Code::Backspace => KeyCode::Backspace,
        Code::Delete => KeyCode::Delete,
        Code::Insert => KeyCode::Insert,
        Code::Up => KeyCode::Up,
        Code::Down => KeyCode::Down,
        Code::Left => KeyCode::Left,
        Code::Right => KeyCode::Right,
        Code::Home => KeyCode::Home,
        Code::End => KeyCode::End,
        Code::PageUp => KeyCode::PageUp,
        Code::PageDown => KeyCode::PageDown,
        Code::F(n) => KeyCode::F(n),
        _ => return None,
    };
    let held = |modifier| event.modifiers.contains(modifier);
    let shift = held(KeyModifiers::SHIFT) || event.code == Code::BackTab;
    Some(Key::new(
        code,
        held(KeyModifiers::CONTROL),
        held(KeyModifiers::ALT),
        shift,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::Screen;
    use crossterm::event::MouseEvent;

    fn press(code: Code, modifiers: KeyModifiers) -> Option<Msg> {
        Input::default().message(Event::Key(KeyEvent::new(code, modifiers)), |_, _| None)
    }

    #[test]
    fn keys_keep_their_modifiers() {
        let shown = |msg: Option<Msg>| match msg {
            Some(Msg::Key(key)) => key.to_string(),
            other => format!("{other:?}"),
        };
        assert_eq!(shown(press(Code::Char('d'), KeyModifiers::CONTROL)), "ctrl-d");
        assert_eq!(shown(press(Code::Char('O'), KeyModifiers::SHIFT)), "shift-o");
        assert_eq!(shown(press(Code::BackTab, KeyModifiers::NONE)), "shift-tab");
        assert_eq!(shown(press(Code::Char('?'), KeyModifiers::SHIFT)), "?");
    }

    #[tokio::test(start_paused = true)]
    async fn two_quick_clicks_on_one_thing_are_a_double_click() {
        let mut input = Input::default();
        let mut click = |target: &Target| {
            let event = MouseEvent {
                kind: MouseEventKind::Down(MouseButton::Left),
                column: 1,
                row: 1,
                modifiers: KeyModifiers::NONE,
            };
            match input.message(Event::Mouse(event), |_, _| Some(target.clone())) {
                Some(Msg::Mouse(_, click)) => click,
                other => panic!("{other:?}"),
            }
        };
        let (fleet, edge) = (Target::Tab(Screen::Fleet), Target::Tab(Screen::Edge));
        assert_eq!(click(&fleet), Click::Left);
        assert_eq!(click(&fleet), Click::Double);
        assert_eq!(click(&fleet), Click::Left);
        assert_eq!(click(&edge), Click::Left);
        tokio::time::advance(DOUBLE).await;
        assert_eq!(click(&edge), Click::Left);
    }
}
