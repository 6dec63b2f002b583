//! Screens as text: what is drawn, and which style lies where.

use k3fleet::app::State;
use k3fleet::tui::glyphs::Glyphs;
use k3fleet::tui::theme::Theme;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier};

/// What is drawn for a state in a terminal of this size.
pub(crate) fn buffer(state: &State, theme: &Theme, glyphs: &Glyphs, (columns, rows): (u16, u16)) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).expect("a terminal");
    terminal
        .draw(|frame| k3fleet::tui::draw(frame, state, theme, glyphs))
        .expect("a frame");
    terminal.backend().buffer().clone()
}

/// The characters, line by line.
pub(crate) fn text(buffer: &Buffer) -> String {
    lines(buffer, |cell| cell.symbol().to_owned())
}

/// A letter for each cell's style, with their meaning below.
pub(crate) fn styles(buffer: &Buffer) -> String {
    let mut known: Vec<(Color, Color, Modifier)> = vec![];
    let map = lines(buffer, |cell| {
        let style = (cell.fg, cell.bg, cell.modifier);
        let place = known.iter().position(|s| *s == style).unwrap_or_else(|| {
            known.push(style);
            known.len() - 1
        });
        let letters = "·abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
        letters.chars().nth(place).unwrap_or('?').to_string()
    });
    let legend: String = known
        .iter()
        .zip("·abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789".chars())
        .map(|((fg, bg, modifier), letter)| format!("{letter} {fg} on {bg} {modifier:?}\n"))
        .collect();
    format!("{map}\n{legend}")
}

fn lines(buffer: &Buffer, mut cell: impl FnMut(&ratatui::buffer::Cell) -> String) -> String {
    let area = buffer.area;
    let mut text = String::new();
    for y in area.top()..area.bottom() {
        let line: String = (area.left()..area.right()).map(|x| cell(&buffer[(x, y)])).collect();
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
