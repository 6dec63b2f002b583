//! What the driver shall do. The screen's state never does anything itself.

use smol_str::SmolStr;

use crate::fleet::{FeedId, Offer, Source};

/// Something to be done outside the screen's state.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Leave the program.
    Quit,
    /// Give the terminal back and stop until continued (Ctrl-Z).
    Suspend,
    /// Put text on the clipboard.
    Copy(String),
    /// Write text to a file of this name in the working directory, and say where.
    Save {
        /// The file's name.
        name: String,
        /// What it holds.
        text: String,
    },
    /// Ask these sources again now.
    Refresh(Vec<Source>),
    /// Try a failed feed again now.
    Retry(FeedId),
    /// Fetch the price history of an offer, this many days back.
    History(Offer, u8),
    /// Use a theme.
    Theme(String),
    /// Show the spot prices of these types beside those in use.
    WantPrices(Vec<(SmolStr, SmolStr)>),
    /// Halt the simulated world, or let it go on.
    Pause(bool),
    /// Turn mouse capture on or off.
    Mouse(bool),
    /// Clear the terminal and draw anew.
    Redraw,
}
