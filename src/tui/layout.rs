//! Where everything is: all rectangles of a screen, computed once from the state and the terminal's size. Drawing
//! and the mouse read the same places.
//!
//! ```text
//!  header
//!  tabs
//!  panes …          one, or several side by side; the zoomed pane alone
//!  footer
//! ```
//! Where the Fleet screen has no room for its five panes, clusters and pools share a place, and so do spot prices
//! and activity: the pane with the focus is the one shown.

use ratatui::layout::Rect;

use crate::app::state::MIN_SIZE;
use crate::app::{Overlay, Pane, Screen, State};
use crate::fleet::TableKind;

/// The places of a screen's parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// The whole terminal.
    pub area: Rect,
    /// Whether the screens fit at all; nothing else is set when they do not.
    pub fits: bool,
    /// The line at the top.
    pub header: Rect,
    /// The line of tabs.
    pub tabs: Rect,
    /// The line at the bottom.
    pub footer: Rect,
    /// The panes that are visible, with their frames.
    pub panes: Vec<(Pane, Rect)>,
    /// Where the finding under the cursor is told in full.
    pub detail: Option<Rect>,
    /// What lies over the screen, the topmost last.
    pub overlays: Vec<Rect>,
}

impl Layout {
    /// The places for a state in a terminal of this size.
    pub fn of(state: &State, area: Rect) -> Self {
        let (columns, rows) = MIN_SIZE;
        if area.width < columns || area.height < rows {
            return Self {
                area,
                ..Self::default()
            };
        }
        let (header, rest) = top(area, 1);
        let (tabs, rest) = top(rest, 1);
        let (body, footer) = top(rest, rest.height.saturating_sub(1));
        let (panes, detail) = panes(state, body);
        Self {
            area,
            fits: true,
            header,
            tabs,
            footer,
            panes,
            detail,
            overlays: state.overlays.iter().map(|o| overlay(state, o, area)).collect(),
        }
    }

    /// The place of a pane, when it is visible.
    pub fn pane(&self, pane: Pane) -> Option<Rect> {
        self.panes.iter().find(|(p, _)| *p == pane).map(|(_, area)| *area)
    }
}

fn panes(state: &State, body: Rect) -> (Vec<(Pane, Rect)>, Option<Rect>) {
    let focused = state.focused();
    match state.screen {
        Screen::Findings if rows_of(state, Pane::Findings) > 0 => {
            let (table, detail) = top(body, body.height.saturating_sub(FINDING_HEIGHT));
            (vec![(Pane::Findings, table)], Some(detail))
        }
        _ if state.zoomed => (vec![(focused, body)], None),
        Screen::Fleet if body.width < NARROW => (fleet_narrow(state, body), None),
        Screen::Fleet => (fleet_wide(state, body), None),
        Screen::Prices => (prices(body).into(), None),
        Screen::Operations => (operations(state, body), None),
        _ => (vec![(focused, body)], None),
    }
}

/// Lines for the finding under the cursor, with its frame.
const FINDING_HEIGHT: u16 = 8;
/// Below this width the panes of the Fleet screen stand one over the other.
const NARROW: u16 = 100;

fn fleet_narrow(state: &State, body: Rect) -> Vec<(Pane, Rect)> {
    use Pane::{FleetActivity, FleetClusters, FleetMachines, FleetPools, FleetSpot};
    let lines = |pane| rows_of(state, pane);
    if body.height >= 30 {
        let wanted = lines(FleetClusters).max(lines(FleetPools)).saturating_add(3);
        let (upper, rest) = top(body, wanted.clamp(6, 10));
        let (machines, lower) = top(rest, rest.height.saturating_sub(9));
        let (clusters, pools) = left(upper, upper.width / 2);
        let (spot, activity) = left(lower, lower.width * 9 / 20);
        return vec![
            (FleetClusters, clusters),
            (FleetPools, pools),
            (FleetMachines, machines),
            (FleetSpot, spot),
            (FleetActivity, activity),
        ];
    }
    let focused = state.focused();
    let first = if focused == FleetPools {
        FleetPools
    } else {
        FleetClusters
    };
    let last = if focused == FleetSpot { FleetSpot } else { FleetActivity };
    let (upper, rest) = top(body, lines(first).saturating_add(2).clamp(4, 6));
    let (machines, lower) = top(rest, rest.height.saturating_sub(6));
    vec![(first, upper), (FleetMachines, machines), (last, lower)]
}

fn fleet_wide(state: &State, body: Rect) -> Vec<(Pane, Rect)> {
    use Pane::{FleetActivity, FleetClusters, FleetMachines, FleetPools, FleetSpot};
    let below = match body.height {
        0..26 => 6,
        26..34 => 8,
        34..48 => 10,
        _ => 12,
    };
    let (upper, lower) = top(body, body.height.saturating_sub(below));
    let (side, machines) = left(upper, (body.width * 8 / 25).clamp(38, 54));
    let wanted = rows_of(state, FleetClusters).saturating_add(3);
    let (clusters, pools) = top(side, wanted.clamp(5, (side.height / 2).max(5)));
    let (spot, activity) = left(lower, body.width * 2 / 5);
    vec![
        (FleetClusters, clusters),
        (FleetPools, pools),
        (FleetMachines, machines),
        (FleetSpot, spot),
        (FleetActivity, activity),
    ]
}

fn prices(body: Rect) -> [(Pane, Rect); 2] {
    let (table, chart) = if body.width >= 190 {
        left(body, 104)
    } else {
        top(body, body.height * 9 / 20)
    };
    [(Pane::Prices, table), (Pane::PriceChart, chart)]
}

fn operations(state: &State, body: Rect) -> Vec<(Pane, Rect)> {
    let many = u16::try_from(state.operations.len()).unwrap_or(u16::MAX);
    if many == 0 {
        let (list, log) = top(body, 6);
        return vec![(Pane::Operations, list), (Pane::Log, log)];
    }
    let (list, rest) = top(body, many.saturating_add(2).clamp(3, (body.height / 4).max(5)));
    let (steps, log) = top(rest, rest.height.saturating_sub((rest.height / 3).clamp(5, 12)));
    vec![(Pane::Operations, list), (Pane::Steps, steps), (Pane::Log, log)]
}

fn rows_of(state: &State, pane: Pane) -> u16 {
    let rows = state.tables.get(&pane).map_or(0, |t| t.shown.rows.len());
    u16::try_from(rows).unwrap_or(u16::MAX)
}

fn overlay(state: &State, overlay: &Overlay, area: Rect) -> Rect {
    let lines = |n: usize| u16::try_from(n).unwrap_or(u16::MAX).saturating_add(2);
    let columns = || {
        state
            .focused()
            .table()
            .map_or(0, |kind: TableKind| kind.columns().len())
    };
    let all = area.height.saturating_sub(4);
    match overlay {
        Overlay::Help { .. } => centred(area, 108, all),
        Overlay::Palette { matches, .. } => {
            let height = lines(matches.len()).saturating_add(2);
            Rect {
                y: area.y.saturating_add(2),
                ..centred(area, 72, height.clamp(5, all.min(20)))
            }
        }
        Overlay::Menu { items, .. } => centred(area, 66, lines(items.len())),
        Overlay::Columns { items, .. } => centred(area, 44, lines(items.len())),
        Overlay::Sort { .. } => centred(area, 44, lines(columns())),
        Overlay::Themes { items, .. } => {
            let place = centred(area, 34, lines(items.len()));
            let x = area.right().saturating_sub(place.width.saturating_add(2));
            Rect { x, ..place }
        }
        Overlay::Describe { .. } | Overlay::Source { .. } | Overlay::Ran(_) => centred(area, 104, all),
        Overlay::Feeds { .. } => centred(area, 132, all),
        Overlay::Types(_) => centred(area, 84, all.min(super::overlay::types::ROWS)),
        Overlay::Plan(_)
        | Overlay::Scale(_)
        | Overlay::Launch(_)
        | Overlay::Extend(_)
        | Overlay::Inquiry(_)
        | Overlay::Choosing(_)
        | Overlay::Join(_)
        | Overlay::Checks { .. }
        | Overlay::Keys(_)
        | Overlay::Password(_)
        | Overlay::Form(_)
        | Overlay::Tokens(_)
        | Overlay::Snapshots(_)
        | Overlay::TokenMade(_)
        | Overlay::Update(_)
        | Overlay::Locked { .. }
        | Overlay::Abort { .. } => {
            let width = match overlay {
                Overlay::Plan(_) | Overlay::Join(_) | Overlay::Checks { .. } => 100,
                Overlay::Keys(_) | Overlay::Form(_) | Overlay::Tokens(_) | Overlay::Snapshots(_) => 92,
                Overlay::Launch(_) => 92,
                _ => 74,
            };
            let place = centred(area, width, all);
            centred(area, width, super::overlay::height(state, overlay, place.width))
        }
    }
}

/// A place in the middle, of this size where there is room for it.
fn centred(area: Rect, width: u16, height: u16) -> Rect {
    let width = width.min(area.width.saturating_sub(4));
    let height = height.min(area.height.saturating_sub(4));
    Rect {
        x: area.x + (area.width - width) / 2,
        y: area.y + (area.height - height) / 2,
        width,
        height,
    }
}

/// The first `height` lines, and the others.
pub(super) fn top(area: Rect, height: u16) -> (Rect, Rect) {
    let height = height.min(area.height);
    let rest = Rect {
        y: area.y.saturating_add(height),
        height: area.height - height,
        ..area
    };
    (Rect { height, ..area }, rest)
}

/// The first `width` columns, and the others.
pub(super) fn left(area: Rect, width: u16) -> (Rect, Rect) {
    let width = width.min(area.width);
    let rest = Rect {
        x: area.x.saturating_add(width),
        width: area.width - width,
        ..area
    };
    (Rect { width, ..area }, rest)
}

/// What is inside a frame.
pub(super) fn inside(area: Rect) -> Rect {
    Rect {
        x: area.x.saturating_add(1.min(area.width)),
        y: area.y.saturating_add(1.min(area.height)),
        width: area.width.saturating_sub(2),
        height: area.height.saturating_sub(2),
    }
}
