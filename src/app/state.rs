//! Everything the view shows.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::history::History;
use super::projection::Made;
use super::{Keymap, Overlay, Pane, Screen, TableState};
use crate::fleet::table::{RowId, View};
use crate::fleet::{ClusterId, Fleet, Offer, PoolId, Severity, Summary, TableKind, Ways};
use crate::ops::{OperationId, Progress};

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
    /// The operations that are known: those of this program, and those that have a journal.
    pub operations: BTreeMap<OperationId, Progress>,
    /// Those that this program runs.
    pub running: BTreeSet<OperationId>,
    /// Those of them that shall stop.
    pub stopping: BTreeSet<OperationId>,
    /// The operation under the cursor; the first of the list where there is none.
    pub operation: Option<OperationId>,
    /// The first line shown of its steps; `None` keeps what runs in sight.
    pub steps_scroll: Option<usize>,
    /// Which key does what.
    pub keys: Keymap,
    /// How edge hosts reach the API of each cluster for which that is chosen.
    pub reach: Ways,
    /// The filters kept lately, the latest last.
    pub(super) filters: Vec<String>,
    /// Where the arrow keys stand among them while a filter is typed, and what was typed before.
    pub(super) recalled: Option<(usize, String)>,
    /// The filter line from before typing began.
    pub(super) line_before: String,
    /// The views before and after this one.
    pub(super) history: History,
    /// What the last projection was made from.
    pub(super) made: Made,
    /// The price histories asked for, in days.
    pub(super) histories: BTreeMap<Offer, u8>,
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
            operations: BTreeMap::new(),
            running: BTreeSet::new(),
            stopping: BTreeSet::new(),
            operation: None,
            steps_scroll: None,
            keys: Keymap::default(),
            reach: Ways::default(),
            filters: vec![],
            recalled: None,
            line_before: String::new(),
            history: History::default(),
            made: Made::default(),
            histories: BTreeMap::new(),
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

    /// The table of the pane with the focus.
    pub fn focused_table(&self) -> Option<&TableState> {
        self.tables.get(&self.focused())
    }

    /// The row under the cursor of the pane with the focus.
    pub fn row(&self) -> Option<&RowId> {
        self.focused_table()?.cursor.as_ref()
    }

    /// The type and region whose prices the chart shows: of the price under the cursor, or of the pool or machine
    /// under the cursor on the Fleet screen.
    pub fn chosen_offer(&self) -> Option<Offer> {
        let cursor = |pane| {
            self.tables
                .get(&pane)
                .and_then(|table: &TableState| table.cursor.as_ref())
        };
        if self.screen == Screen::Prices {
            return match cursor(Pane::Prices)? {
                RowId::Price(offer, _) => Some(offer.clone()),
                _ => None,
            };
        }
        if self.screen != Screen::Fleet {
            return None;
        }
        if let (Pane::FleetPools, Some(RowId::Pool(id))) = (self.focused(), cursor(Pane::FleetPools)) {
            return self.offer_of_pool(id);
        }
        match cursor(Pane::FleetMachines)? {
            RowId::Machine(id) => self.fleet.machine(id)?.offer(),
            _ => None,
        }
    }

    fn offer_of_pool(&self, id: &PoolId) -> Option<Offer> {
        let region = &id.scope()?.region;
        let types = &self.summary.pools.get(id)?.types;
        Some(Offer::new(region, types.first()?))
    }

    /// Shows these columns in every pane of a table, as the configuration or the operator chose them.
    pub fn use_columns(&mut self, kind: TableKind, columns: &[&str]) {
        let known = kind.columns();
        let named = |name: &&str| known.iter().map(|c| c.name).find(|known| known == name);
        let columns: Vec<_> = columns.iter().filter_map(named).collect();
        for (_, table) in self.tables.iter_mut().filter(|(pane, _)| pane.table() == Some(kind)) {
            table.columns.clone_from(&columns);
        }
    }

    /// Takes in how many rows the window of each pane holds in this layout, so that pages move by windows and the
    /// cursor stays in sight.
    pub fn fit(&mut self, heights: impl IntoIterator<Item = (Pane, usize)>) {
        for (pane, height) in heights {
            if let Some(table) = self.tables.get_mut(&pane) {
                table.height = height;
                table.scroll_to_cursor();
            }
        }
    }
}
