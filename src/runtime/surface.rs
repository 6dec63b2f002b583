//! Where the driver draws: the terminal, or a buffer in tests.

use std::io;
use std::pin::Pin;

use crossterm::clipboard::CopyToClipboard;
use crossterm::event::{Event, EventStream};
use futures::Stream;

use super::login;
use super::signals;
use super::terminal::{Tty, restore};
use crate::app::{Login, State};
use crate::tui;
use crate::tui::glyphs::Glyphs;
use crate::tui::theme::Theme;

/// Events of a terminal.
pub type Events = Pin<Box<dyn Stream<Item = io::Result<Event>> + Send>>;

/// What the view draws with.
#[derive(Clone, Debug)]
pub struct Look {
    /// The styles.
    pub theme: Theme,
    /// The signs.
    pub glyphs: Glyphs,
}

/// Something to draw on, with keys and a mouse.
pub trait Surface {
    /// The events from now on. Earlier streams must have been dropped: two would take each other's keys.
    fn events(&mut self) -> Events;
    /// Draws a frame.
    fn draw(&mut self, state: &State, look: &Look) -> io::Result<()>;
    /// Columns and rows.
    fn size(&self) -> io::Result<(u16, u16)>;
    /// Draws the next frame whole.
    fn clear(&mut self) -> io::Result<()>;
    /// Turns mouse reports on or off.
    fn mouse(&mut self, on: bool) -> io::Result<()>;
    /// Puts text on the clipboard.
    fn copy(&mut self, text: &str) -> io::Result<()>;
    /// Gives the terminal back, stops, and takes it again when continued.
    fn suspend(&mut self) -> io::Result<()>;
    /// Gives the terminal back for as long as a program runs; gives whether that ended well. The inner error is why it could
    /// not be run.
    fn lend(&mut self, login: &Login) -> io::Result<io::Result<bool>>;
}

impl Surface for Tty {
    fn events(&mut self) -> Events {
        Box::pin(EventStream::new())
    }

    fn draw(&mut self, state: &State, look: &Look) -> io::Result<()> {
        self.draw(|frame| tui::draw(frame, state, &look.theme, &look.glyphs))
    }

    fn size(&self) -> io::Result<(u16, u16)> {
        Tty::size(self)
    }

    fn clear(&mut self) -> io::Result<()> {
        Tty::clear(self)
    }

    fn mouse(&mut self, on: bool) -> io::Result<()> {
        self.capture_mouse(on)
    }

    fn copy(&mut self, text: &str) -> io::Result<()> {
        // OSC 52: the terminal's own clipboard, over SSH too.
        self.send(CopyToClipboard::to_clipboard_from(text))
    }

    fn suspend(&mut self) -> io::Result<()> {
        restore();
        signals::stop_self()?;
        self.resume()
    }

    fn lend(&mut self, login: &Login) -> io::Result<io::Result<bool>> {
        restore();
        let ran = login::run(login);
        self.resume()?;
        Ok(ran)
    }
}
