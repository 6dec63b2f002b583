//! The screen, drawn from the state. Pure: no I/O, no clock, no runtime.
//!
//! ```text
//!  State ─▶ Layout::of ─┬─▶ draw: header, tabs, panes, footer, overlays ─▶ Buffer
//!                       └─▶ hit: a cell ─▶ app::Target
//! ```
//! All places come from one [`Layout`], and whatever stands on a line knows its place ([`strip`]), so that the mouse
//! hits what is drawn. Nothing here costs more with more machines: tables look up the rows of their window only.

mod activity;
mod cell;
mod chart;
pub mod colour;
mod columns;
mod detail;
mod empty;
mod footer;
mod fresh;
pub mod glyphs;
mod header;
mod hit;
mod keys;
pub mod layout;
mod look;
mod operations;
mod overlay;
mod pane;
pub mod picture;
mod prices;
mod spot;
mod steps;
mod strip;
mod table;
mod text;
pub mod theme;

pub use hit::{heights, hit};
use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::text::Span;

use self::glyphs::Glyphs;
use self::layout::Layout;
use self::look::Look;
use self::table::Grid;
use self::theme::Theme;
use crate::app::state::MIN_SIZE;
use crate::app::{Overlay, Pane, State};

/// Draws the state.
pub fn draw(frame: &mut Frame<'_>, state: &State, theme: &Theme, glyphs: &Glyphs) {
    let area = frame.area();
    let cursor = render(frame.buffer_mut(), area, state, Look { theme, glyphs });
    if let Some(position) = cursor.filter(|p| area.contains(*p)) {
        frame.set_cursor_position(position);
    }
}

/// Draws the state into an area; gives the place of the terminal's cursor, when text is typed.
fn render(buffer: &mut Buffer, area: Rect, state: &State, look: Look<'_>) -> Option<Position> {
    let area = area.intersection(buffer.area);
    buffer.set_style(area, look.theme.text);
    let cursor = render_parts(buffer, area, state, look);
    if look.glyphs == &Glyphs::ASCII {
        plain(buffer, area);
    }
    cursor
}

fn render_parts(buffer: &mut Buffer, area: Rect, state: &State, look: Look<'_>) -> Option<Position> {
    let layout = Layout::of(state, area);
    if !layout.fits {
        too_small(buffer, area, look);
        return None;
    }
    buffer.set_style(layout.header, look.theme.header);
    strip::draw(buffer, &header::header(state, look, layout.header));
    strip::draw(buffer, &header::tabs(state, look, &layout));
    for (pane, place) in &layout.panes {
        draw_pane(buffer, state, look, *pane, *place, &layout);
    }
    if let Some(place) = layout.detail {
        detail::draw(buffer, state, look, place);
    }
    buffer.set_style(layout.footer, look.theme.footer);
    let (pieces, cursor) = footer::footer(state, look, layout.footer);
    strip::draw(buffer, &pieces);
    let mut cursor = cursor.filter(|_| state.overlays.is_empty());
    for (at, (overlay, place)) in state.overlays.iter().zip(&layout.overlays).enumerate() {
        // A plan takes the place of the form that it was asked for by.
        if let (Overlay::Scale(_), Some(Overlay::Plan(_))) = (overlay, state.overlays.get(at + 1)) {
            continue;
        }
        cursor = overlay::draw(buffer, state, look, overlay, *place);
    }
    cursor
}

fn draw_pane(buffer: &mut Buffer, state: &State, look: Look<'_>, pane: Pane, place: Rect, layout: &Layout) {
    let focused = state.focused() == pane;
    let banner = pane::banner(state, look, pane, layout::inside(place));
    let (told, rest) = pane::content(banner.len(), place);
    let grid = Grid::of(state, pane, rest);
    let below = match (&grid, pane) {
        (Some(grid), _) if grid.hidden > 0 => {
            let plural = if grid.hidden == 1 { "" } else { "s" };
            let text = format!(" +{} column{plural} {} ", grid.hidden, look.glyphs.right);
            Some(strip::Piece::text(text, look.theme.muted))
        }
        (_, Pane::FleetSpot | Pane::PriceChart) => spot::advice(state, look),
        (_, Pane::Steps) => steps::advice(state, look),
        _ => None,
    };
    let title = pane::title(state, look, pane, place, &layout.panes);
    pane::draw_frame(buffer, look, place, focused, &title, below);
    for (y, line) in (told.y..told.bottom()).zip(&banner) {
        let line_place = Rect {
            x: told.x.saturating_add(1),
            y,
            width: told.width.saturating_sub(1),
            height: 1,
        };
        strip::put(buffer, line_place, line);
    }
    match grid {
        Some(grid) if grid.table.shown.rows.is_empty() => empty::draw(buffer, state, look, pane, grid.table, rest),
        Some(grid) => grid.draw(state, look, focused, buffer),
        None => match pane {
            Pane::PriceChart => prices::draw(buffer, state, look, rest),
            Pane::FleetSpot if state.zoomed => prices::draw(buffer, state, look, rest),
            Pane::FleetSpot => spot::draw(buffer, state, look, rest),
            Pane::Operations => operations::draw(buffer, state, look, rest, focused),
            Pane::Steps => steps::draw(buffer, state, look, rest),
            _ => activity::draw(buffer, state, look, pane, rest),
        },
    }
}

/// Leaves nothing but ASCII on the screen: names and messages may hold any character.
fn plain(buffer: &mut Buffer, area: Rect) {
    for y in area.top()..area.bottom() {
        for x in area.left()..area.right() {
            let Some(cell) = buffer.cell_mut(Position::new(x, y)).filter(|c| !c.symbol().is_ascii()) else {
                continue;
            };
            let sign = match cell.symbol() {
                "→" => ">",
                "·" | "│" => "|",
                "…" => "~",
                "−" | "–" | "—" => "-",
                "°" | "’" | "‘" => "'",
                _ => "?",
            };
            cell.set_symbol(sign);
        }
    }
}

fn too_small(buffer: &mut Buffer, area: Rect, look: Look<'_>) {
    let (columns, rows) = MIN_SIZE;
    let forms = [
        format!(
            "k3fleet needs {columns}x{rows} cells; this terminal has {}x{}",
            area.width, area.height
        ),
        format!("needs {columns}x{rows}, has {}x{}", area.width, area.height),
        format!("needs {columns}x{rows}"),
        format!("{columns}x{rows}"),
    ];
    let form = forms.iter().find(|f| text::width(f) <= area.width);
    if let Some(form) = form.or(forms.last()) {
        strip::put(buffer, area, &[Span::styled(form.as_str(), look.theme.warning)]);
    }
}
