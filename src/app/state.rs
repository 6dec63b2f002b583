//! Everything the view shows.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Overlay, Pane, Screen, TableState};
use crate::fleet::table::View;
use crate::fleet::{ClusterId, Fleet, Severity, Summary};

/// The smallest terminal the screens fit in.
pub const MIN_SIZE: (u16, u16) = (80, 24);

/// The screen's whole state.
#[derive(Debug)]
pub struct State {
    /// The fleet. Changed by observations only.
    pub fleet: Fleet,
    /// The fleet, counted and judged; as of the last projection.
    pub summary: Summary,
    /// The time that everything is shown for.
    pub now: Timestamp,
    /// The terminal's columns and rows.
    pub size: (u16, u16),
    /// The screen shown.
    pub screen: Screen,
    /// The pane with the focus, for each screen that has been seen.
    pub focus: BTreeMap<Screen, Pane>,
    /// Whether the focused pane fills the screen.
    pub zoomed: bool,
    /// The cluster that the panes are narrowed to.
    pub cluster: Option<ClusterId>,
    /// The table panes.
    pub tables: BTreeMap<Pane, TableState>,
    /// How far the activity log is scrolled up from its end.
    pub log_scroll: usize,
    /// Days of price history shown: 1, 3, 7 or 14.
    pub span_days: u8,
    /// What lies over the screen, the topmost last.
    pub overlays: Vec<Overlay>,
    /// The pane whose filter is being typed.
    pub filtering: Option<Pane>,
    /// The message in the bottom line, and when it goes.
    pub notice: Option<(Severity, String, Timestamp)>,
    /// Whether nothing can be changed from here.
    pub read_only: bool,
    /// `Some` over the simulated world: whether it stands still.
    pub demo: Option<bool>,
    /// Whether the mouse is captured.
    pub mouse: bool,
    /// Whether the terminal window has the focus.
    pub window_focus: bool,
    /// The themes to choose from, and the one in use.
    pub themes: (Vec<String>, String),
}

impl State {
    /// A state over an empty fleet.
    pub fn new(fleet: Fleet, now: Timestamp) -> Self {
        Self {
            fleet,
            summary: Summary::default(),
            now,
            size: MIN_SIZE,
            screen: Screen::Fleet,
            focus: BTreeMap::new(),
            zoomed: false,
            cluster: None,
            tables: Pane::ALL
                .into_iter()
                .filter(|p| p.table().is_some())
                .map(|p| (p, TableState::default()))
                .collect(),
            log_scroll: 0,
            span_days: 1,
            overlays: vec![],
            filtering: None,
            notice: None,
            read_only: false,
            demo: None,
            mouse: true,
            window_focus: true,
            themes: (vec![], String::new()),
        }
    }

    /// What tables read.
    pub fn view(&self) -> View<'_> {
        View {
            fleet: &self.fleet,
            summary: &self.summary,
            now: self.now,
        }
    }

    /// The pane with the focus.
    pub fn focused(&self) -> Pane {
        let first = self.screen.panes().first().copied().unwrap_or(Pane::FleetMachines);
        self.focus.get(&self.screen).copied().unwrap_or(first)
    }
}
