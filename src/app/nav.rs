//! Moving: the cursor, the focus, the screens, and back.

use super::history;
use super::update::Turn;
use super::{Action, Pane, Screen, State};
use crate::fleet::query::Query;
use crate::fleet::table::RowId;
use crate::fleet::{MachineId, Severity};

/// Rows that a window is taken to hold before the first frame has told.
const USUAL_HEIGHT: usize = 16;

impl Screen {
    /// The pane whose table the screen is mainly about.
    pub(super) fn main_pane(self) -> Option<Pane> {
        match self {
            Self::Fleet => Some(Pane::FleetMachines),
            other => other.panes().iter().copied().find(|pane| pane.table().is_some()),
        }
    }
}

impl Turn<'_> {
    pub(super) fn move_cursor(&mut self, by: isize) {
        self.move_in(self.state.focused(), by);
    }

    pub(super) fn move_pages(&mut self, by: isize) {
        let pane = self.state.focused();
        let height = self.state.tables.get(&pane).map_or(0, |t| t.height);
        let rows = if height == 0 { USUAL_HEIGHT } else { height };
        self.move_in(pane, by.saturating_mul(rows as isize));
    }

    /// Moves the cursor of a pane by rows, or scrolls the activity log.
    pub(super) fn move_in(&mut self, pane: Pane, by: isize) {
        match pane {
            Pane::Operations => return self.move_operation(by),
            Pane::Steps => return self.scroll_steps(by),
            _ => {}
        }
        if matches!(pane, Pane::FleetActivity | Pane::Log) {
            // The log is scrolled up from its end.
            let last = self.state.fleet.log().entries().len().saturating_sub(1);
            let to = self
                .state
                .log_scroll
                .saturating_add_signed(by.saturating_neg())
                .min(last);
            self.set(|s| &mut s.log_scroll, to);
            return;
        }
        let Some(table) = self.state.tables.get_mut(&pane) else {
            return;
        };
        let at = table.position().unwrap_or(0);
        if table.put_cursor(at.saturating_add_signed(by)) {
            self.touch();
        }
    }

    pub(super) fn scroll_columns(&mut self, by: isize) {
        let pane = self.state.focused();
        let (Some(kind), Some(table)) = (pane.table(), self.state.tables.get_mut(&pane)) else {
            return;
        };
        let last = table.shown_columns(kind).len().saturating_sub(2);
        let to = table.scrolled.saturating_add_signed(by).min(last);
        if to != table.scrolled {
            table.scrolled = to;
            self.touch();
        }
    }

    /// Gives a pane the focus.
    pub(super) fn focus(&mut self, pane: Pane) {
        if self.state.focused() == pane {
            return;
        }
        self.state.focus.insert(pane.screen(), pane);
        if self.state.zoomed {
            self.touch_rows();
        }
        self.touch();
    }

    pub(super) fn step_pane(&mut self, by: isize) {
        let panes = self.state.screen.panes().iter().copied();
        let panes: Vec<Pane> = panes.filter(|pane| !self.pane_is_empty(*pane)).collect();
        let at = panes.iter().position(|p| *p == self.state.focused()).unwrap_or(0);
        let to = (at as isize + by).rem_euclid(panes.len().max(1) as isize);
        if let Some(pane) = panes.get(to as usize) {
            self.focus(*pane);
        }
    }

    pub(super) fn show_by_action(&mut self, action: Action) {
        let screen = match action {
            Action::ShowMachines => Screen::Machines,
            Action::ShowPools => Screen::Pools,
            Action::ShowPrices => Screen::Prices,
            Action::ShowEdge => Screen::Edge,
            Action::ShowOperations => Screen::Operations,
            Action::ShowFindings => Screen::Findings,
            _ => Screen::Fleet,
        };
        self.show_screen(screen);
    }

    pub(super) fn show_screen(&mut self, screen: Screen) {
        if self.state.screen == screen {
            return;
        }
        history::leave(self.state);
        self.state.screen = screen;
        self.state.zoomed = false;
        self.touch_rows();
    }

    pub(super) fn all_clusters(&mut self) {
        if self.state.cluster.is_some() {
            history::leave(self.state);
            self.state.cluster = None;
            self.touch_rows();
        }
    }

    pub(super) fn step_history(&mut self, step: fn(&mut State) -> bool) {
        if step(self.state) {
            self.touch();
        }
    }

    pub(super) fn zoom(&mut self) {
        // A screen of one pane has nothing to zoom.
        if self.state.zoomed || self.state.screen.panes().len() > 1 {
            self.state.zoomed = !self.state.zoomed;
            self.touch_rows();
        }
    }

    /// One step back: the filter, the rows with faults only, the marks, the zoom, then the view before. Never out
    /// of the program.
    pub(super) fn back(&mut self) {
        if let Some(table) = self.state.tables.get_mut(&self.state.focused()) {
            if !table.query.is_empty() || !table.line.value().is_empty() {
                table.query = Query::default();
                table.line.reset();
                return self.touch_rows();
            }
            if table.faults_only {
                table.faults_only = false;
                return self.touch_rows();
            }
            if !table.marks.is_empty() {
                table.marks.clear();
                return self.touch();
            }
        }
        if self.state.zoomed {
            self.state.zoomed = false;
            return self.touch_rows();
        }
        self.step_history(history::back);
    }

    /// Goes into the row under the cursor.
    pub(super) fn open(&mut self) {
        let pane = self.state.focused();
        match pane {
            Pane::FleetSpot => {
                let offer = self.state.chosen_offer();
                self.show_screen(Screen::Prices);
                if let Some(offer) = offer {
                    self.want_row(Pane::Prices, |id| matches!(id, RowId::Price(o, _) if *o == offer));
                }
                return;
            }
            Pane::Operations => return self.focus(if self.state.on_operation() { Pane::Steps } else { pane }),
            Pane::FleetActivity | Pane::PriceChart | Pane::Steps | Pane::Log => return self.zoom(),
            _ => {}
        }
        let Some(row) = self.state.row().cloned() else { return };
        match row {
            RowId::Cluster(_) | RowId::Pool(_) => self.drill(&row),
            RowId::Finding(_, about) => self.go_to(&about),
            RowId::Price(..) => self.focus(Pane::PriceChart),
            _ => self.open_describe(),
        }
    }

    /// Narrows to a cluster, or to a pool's machines.
    pub(super) fn drill(&mut self, row: &RowId) {
        match row {
            RowId::Cluster(id) => {
                history::leave(self.state);
                self.state.cluster = Some(id.clone());
                self.state.screen = Screen::Fleet;
                self.state.zoomed = false;
                self.state.focus.insert(Screen::Fleet, Pane::FleetMachines);
            }
            RowId::Pool(id) => {
                let Some(pool) = self.state.summary.pools.get(id) else {
                    return;
                };
                let (name, cluster) = (pool.name.clone(), pool.cluster.clone());
                history::leave(self.state);
                self.state.cluster = cluster;
                self.state.screen = Screen::Machines;
                self.state.zoomed = false;
                self.filter_by(Pane::Machines, &super::filter::quoted(&format!("pool={name}")));
            }
            _ => {}
        }
        self.touch_rows();
    }

    /// Puts a filter on a pane.
    pub(super) fn filter_by(&mut self, pane: Pane, line: &str) {
        if let Some(table) = self.state.tables.get_mut(&pane) {
            table.query = Query::parse(line);
            table.line = line.to_owned().into();
        }
        self.touch_rows();
    }

    /// Goes to a row on the screen where it is at home, past any filter that hides it.
    pub(super) fn go_to(&mut self, row: &RowId) {
        let (screen, pane) = match row {
            RowId::Cluster(_) => (Screen::Fleet, Pane::FleetClusters),
            RowId::Pool(_) => (Screen::Pools, Pane::Pools),
            RowId::Machine(_) => (Screen::Machines, Pane::Machines),
            RowId::Edge(_) | RowId::Host(_) => (Screen::Edge, Pane::Edge),
            RowId::Price(..) => (Screen::Prices, Pane::Prices),
            RowId::Finding(..) => (Screen::Findings, Pane::Findings),
            RowId::Feed(_) => return self.open_feeds(),
        };
        let row = match row {
            RowId::Host(host) => &RowId::Edge(MachineId::Edge(host.clone())),
            other => other,
        };
        let Some(row) = super::projection::now_called(&self.state.view(), row) else {
            return self.say(Severity::Info, "it is gone from the fleet");
        };
        if self.state.screen != screen || self.state.focused() != pane {
            history::leave(self.state);
        }
        self.state.screen = screen;
        self.state.zoomed = false;
        self.state.focus.insert(screen, pane);
        super::projection::project_panes(self.state);
        self.touch();
        if self.want_row(pane, |id| *id == row) {
            return;
        }
        self.state.cluster = None;
        if let Some(table) = self.state.tables.get_mut(&pane) {
            table.query = Query::default();
            table.line.reset();
            table.faults_only = false;
            table.wanted = Some(row);
        }
        self.touch_rows();
    }

    /// Puts the cursor of a pane on the first row that fits; gives whether there is one.
    fn want_row(&mut self, pane: Pane, fits: impl Fn(&RowId) -> bool) -> bool {
        self.settle();
        let Some(table) = self.state.tables.get_mut(&pane) else {
            return false;
        };
        let Some(at) = table.shown.rows.iter().position(fits) else {
            return false;
        };
        if table.put_cursor(at) {
            self.touch();
        }
        true
    }
}
