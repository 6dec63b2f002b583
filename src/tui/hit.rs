//! Which part of the screen a cell belongs to: the mouse's way back from what is drawn to what it stands for.

use ratatui::layout::{Position, Rect};

use super::glyphs::Glyphs;
use super::layout::{self, Layout};
use super::look::Look;
use super::table::{self, Grid};
use super::theme::Theme;
use super::{footer, header, pane, strip};
use crate::app::{Pane, State, Target};

/// What stands at a cell of the terminal; `None` where nothing does.
pub fn hit(state: &State, column: u16, row: u16) -> Option<Target> {
    // Every sign is one cell wide in every set, and styles take no room: any look gives the same places.
    let look = Look {
        theme: &Theme::default(),
        glyphs: &Glyphs::UNICODE,
    };
    let (columns, rows) = state.size;
    let layout = Layout::of(state, Rect::new(0, 0, columns, rows));
    let at = Position::new(column, row);
    if !layout.fits {
        return None;
    }
    if let (Some(place), Some(overlay)) = (layout.overlays.last(), state.overlays.last()) {
        if !place.contains(at) {
            return Some(Target::Outside);
        }
        return super::overlay::target_at(state, look, overlay, *place, at);
    }
    let line = if layout.header.contains(at) {
        header::header(state, look, layout.header)
    } else if layout.tabs.contains(at) {
        header::tabs(state, look, &layout)
    } else if layout.footer.contains(at) {
        footer::footer(state, look, layout.footer).0
    } else {
        let (pane, place) = layout.panes.iter().find(|(_, place)| place.contains(at))?;
        return Some(in_pane(state, look, &layout, *pane, *place, at));
    };
    strip::target_at(&line, column, row)
}

fn in_pane(state: &State, look: Look<'_>, layout: &Layout, pane: Pane, place: Rect, at: Position) -> Target {
    if at.y == place.y {
        let title = pane::title(state, look, pane, place, &layout.panes);
        return strip::target_at(&title, at.x, at.y).unwrap_or(Target::Pane(pane));
    }
    let banner = pane::banner(state, look, pane, layout::inside(place));
    let (told, rest) = pane::content(banner.len(), place);
    if told.contains(at) {
        return Target::Freshness;
    }
    if pane == Pane::Operations {
        let row = super::operations::row_at(state, rest, at);
        return row.map_or(Target::Pane(pane), |at| Target::Row(pane, at));
    }
    let Some(grid) = Grid::of(state, pane, rest).filter(|_| rest.contains(at)) else {
        return Target::Pane(pane);
    };
    if let Some(line) = grid.heading.filter(|line| line.contains(at)) {
        let column = grid.columns.iter().find(|c| c.at(line).contains(at));
        return column.map_or(Target::Pane(pane), |c| Target::Heading(pane, c.info.name));
    }
    let line = usize::from(at.y.saturating_sub(grid.body.y));
    if line < grid.rows.len() {
        Target::Row(pane, grid.offset + line)
    } else {
        Target::Pane(pane)
    }
}

/// How many rows the window of each visible table holds, so that the cursor can be kept in sight and pages move by
/// whole windows.
pub fn heights(state: &State) -> Vec<(Pane, usize)> {
    let look = Look {
        theme: &Theme::default(),
        glyphs: &Glyphs::UNICODE,
    };
    let (columns, rows) = state.size;
    let layout = Layout::of(state, Rect::new(0, 0, columns, rows));
    let tables = layout.panes.iter().filter(|(pane, _)| pane.table().is_some());
    let height = |(pane, place): &(Pane, Rect)| {
        let banner = pane::banner(state, look, *pane, layout::inside(*place));
        let (_, rest) = pane::content(banner.len(), *place);
        (*pane, usize::from(table::window(rest).1.height))
    };
    tables.map(height).collect()
}
