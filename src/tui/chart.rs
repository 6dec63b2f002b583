//! A line chart in cells: points drawn with Braille patterns, or with letters where only ASCII may be shown. Each
//! line has a pattern of its own besides its colour.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Span;

use super::look::Look;
use super::strip;

/// Bits of a Braille cell, by column and line of its dots.
const DOTS: [[u8; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];

/// How a line is broken, by its number: dots drawn, dots left out.
const DASHES: [(usize, usize); 6] = [(1, 0), (4, 3), (1, 2), (8, 3), (2, 3), (6, 6)];

/// A chart's cells: what is drawn in each, and which line drew it last.
pub(super) struct Canvas {
    width: u16,
    height: u16,
    braille: bool,
    cells: Vec<(u8, Option<usize>)>,
}

impl Canvas {
    pub(super) fn new(width: u16, height: u16, braille: bool) -> Self {
        Self {
            width,
            height,
            braille,
            cells: vec![(0, None); usize::from(width) * usize::from(height)],
        }
    }

    /// How many points stand side by side.
    pub(super) fn columns(&self) -> usize {
        usize::from(self.width) * if self.braille { 2 } else { 1 }
    }

    fn rows(&self) -> usize {
        usize::from(self.height) * if self.braille { 4 } else { 1 }
    }

    /// Draws line number `line` through samples between 0 (lowest) and 1, one for each column of points.
    pub(super) fn line(&mut self, line: usize, samples: &[Option<f64>]) {
        let (on, off) = DASHES.get(line % DASHES.len()).copied().unwrap_or((1, 0));
        let top = self.rows().saturating_sub(1) as f64;
        let mut before: Option<usize> = None;
        for (x, sample) in samples.iter().enumerate() {
            let Some(level) = sample.filter(|v| v.is_finite()) else {
                before = None;
                continue;
            };
            let y = ((1.0 - level.clamp(0.0, 1.0)) * top).round() as usize;
            let drawn = !self.braille || x % (on + off).max(1) < on;
            if drawn {
                let from = before.unwrap_or(y);
                // Steps are joined, so that a jump is a line and not two.
                let steps = if self.braille { from.min(y)..=from.max(y) } else { y..=y };
                steps.for_each(|y| self.point(line, x, y));
            }
            before = Some(y);
        }
    }

    fn point(&mut self, line: usize, x: usize, y: usize) {
        let (cell_x, cell_y, bit) = if self.braille {
            let bit = DOTS.get(x % 2).and_then(|column| column.get(y % 4)).copied();
            (x / 2, y / 4, bit.unwrap_or(0))
        } else {
            (x, y, 1)
        };
        if let Some(cell) = self.cells.get_mut(cell_y * usize::from(self.width) + cell_x) {
            cell.0 |= bit;
            cell.1 = Some(line);
        }
    }

    /// Puts the chart on the screen.
    pub(super) fn draw(&self, buffer: &mut Buffer, look: Look<'_>, area: Rect) {
        let lines = self.cells.chunks(usize::from(self.width).max(1));
        for (y, cells) in (area.y..area.bottom()).zip(lines) {
            for (x, (bits, line)) in (area.x..area.right()).zip(cells) {
                let Some(line) = line else { continue };
                let sign = self.sign(*bits, *line);
                let place = Rect {
                    x,
                    y,
                    width: 1,
                    height: 1,
                };
                strip::put(buffer, place, &[Span::styled(sign, look.theme.series(*line))]);
            }
        }
    }

    fn sign(&self, bits: u8, line: usize) -> String {
        if self.braille {
            char::from_u32(0x2800 + u32::from(bits)).unwrap_or(' ').to_string()
        } else {
            letter(line)
        }
    }
}

/// The letter of a line in charts of letters.
fn letter(line: usize) -> String {
    let n = u8::try_from(line % 26).unwrap_or_default();
    char::from(b'a' + n).to_string()
}

/// A short piece of a line, as the legend shows it.
pub(super) fn sample(look: Look<'_>, line: usize) -> Span<'static> {
    let style: Style = look.theme.series(line);
    if !look.glyphs.braille {
        return Span::styled(format!("{}  ", letter(line)), style);
    }
    let mut canvas = Canvas::new(3, 1, true);
    canvas.line(line, &[Some(0.5); 6]);
    let text: String = canvas.cells.iter().map(|(bits, _)| canvas.sign(*bits, line)).collect();
    Span::styled(text, style)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(canvas: &Canvas) -> Vec<String> {
        let line = |cells: &[(u8, Option<usize>)]| {
            let sign = |(bits, line): &(u8, Option<usize>)| line.map_or(" ".to_owned(), |l| canvas.sign(*bits, l));
            cells.iter().map(sign).collect()
        };
        canvas.cells.chunks(usize::from(canvas.width)).map(line).collect()
    }

    #[test]
    fn a_rising_line_rises_from_left_to_right() {
        let mut canvas = Canvas::new(4, 2, false);
        canvas.line(1, &[Some(0.0), Some(0.2), None, Some(1.0)]);
        assert_eq!(shown(&canvas), ["   b", "bb  "]);
        let mut canvas = Canvas::new(2, 1, true);
        canvas.line(0, &[Some(0.0), Some(0.33), Some(0.66), Some(1.0)]);
        assert_eq!(shown(&canvas), ["⣠⠞"]);
    }

    #[test]
    fn odd_values_are_kept_within_the_chart() {
        for braille in [true, false] {
            let mut canvas = Canvas::new(3, 2, braille);
            canvas.line(
                7,
                &[
                    Some(f64::NAN),
                    Some(9.0),
                    Some(-9.0),
                    Some(f64::INFINITY),
                    None,
                    Some(0.5),
                    Some(0.5),
                ],
            );
            assert_eq!(shown(&canvas).len(), 2);
        }
        Canvas::new(0, 0, true).line(0, &[Some(0.5)]);
    }
}
