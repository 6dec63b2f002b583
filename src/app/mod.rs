//! The state of the screen and everything that may change it. Pure: no I/O, no clock, no runtime.
//!
//! The driver turns whatever happens into a [`Msg`]; `update` changes the [`State`] and
//! answers with [`Effect`]s for the driver to perform. The view reads the state and nothing else. A key press
//! becomes an [`Action`] by the keymap; the palette, the context menu, the help and the mouse lead to the
//! same actions.

pub mod action;
pub mod effect;
pub mod key;
pub mod msg;
pub mod overlay;
pub mod screen;
pub mod state;
pub mod table;

pub use action::Action;
pub use effect::Effect;
pub use msg::{Msg, Target};
pub use overlay::Overlay;
pub use screen::{Pane, Screen};
pub use state::State;
pub use table::TableState;
