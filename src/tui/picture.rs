//! A drawn screen as an SVG picture, cell by cell: the pictures of the README are made by the program itself.

use std::fmt::Write as _;

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};
use unicode_width::UnicodeWidthStr;

use super::colour::rgb;

/// Width of a cell in the picture's units.
const CELL: (f64, f64) = (8.4, 18.0);
/// Where letters stand in their cell.
const BASELINE: f64 = 13.5;
/// Space around the screen.
const MARGIN: f64 = 12.0;
/// What the terminal's own text and background are taken for.
const TEXT: (u8, u8, u8) = (0xd5, 0xd8, 0xde);
const GROUND: (u8, u8, u8) = (0x12, 0x14, 0x19);

/// How a run of cells looks.
#[derive(Clone, Copy, PartialEq)]
struct Ink {
    text: (u8, u8, u8),
    ground: (u8, u8, u8),
    modifier: Modifier,
}

impl Ink {
    fn of(cell: &Cell) -> Self {
        let colour = |c: Color, own| rgb(c).unwrap_or(own);
        let (mut text, mut ground) = (colour(cell.fg, TEXT), colour(cell.bg, GROUND));
        if cell.modifier.contains(Modifier::REVERSED) {
            std::mem::swap(&mut text, &mut ground);
        }
        Self {
            text,
            ground,
            modifier: cell.modifier,
        }
    }
}

/// The picture of a buffer, as the text of an SVG file.
pub fn svg(buffer: &Buffer) -> String {
    let area = buffer.area;
    let width = f64::from(area.width) * CELL.0 + 2.0 * MARGIN;
    let height = f64::from(area.height) * CELL.1 + 2.0 * MARGIN;
    let page = buffer.content().first().map_or(GROUND, |cell| Ink::of(cell).ground);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" \
         height=\"{height:.0}\" font-family=\"'JetBrains Mono','DejaVu Sans Mono',Menlo,Consolas,monospace\" \
         font-size=\"14\">\n<rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"{}\"/>\n",
        hex(page)
    );
    let mut texts = String::new();
    for (line, cells) in buffer.content().chunks(usize::from(area.width).max(1)).enumerate() {
        let y = MARGIN + line as f64 * CELL.1;
        for run in runs(cells) {
            draw(&mut svg, &mut texts, &run, y, page);
        }
    }
    svg.push_str(&texts);
    svg.push_str("</svg>\n");
    svg
}

/// Neighbouring cells of one look.
struct Run {
    start: usize,
    cells: usize,
    text: String,
    ink: Ink,
}

fn runs(cells: &[Cell]) -> Vec<Run> {
    let mut runs: Vec<Run> = vec![];
    let mut covered = 0;
    for (x, cell) in cells.iter().enumerate() {
        if x < covered {
            continue;
        }
        let ink = Ink::of(cell);
        let wide = cell.symbol().width().max(1);
        covered = x + wide;
        match runs
            .last_mut()
            .filter(|run| run.ink == ink && run.start + run.cells == x)
        {
            Some(run) => {
                run.text.push_str(cell.symbol());
                run.cells += wide;
            }
            None => runs.push(Run {
                start: x,
                cells: wide,
                text: cell.symbol().to_owned(),
                ink,
            }),
        }
    }
    runs
}

fn draw(boxes: &mut String, texts: &mut String, run: &Run, y: f64, page: (u8, u8, u8)) {
    let x = MARGIN + run.start as f64 * CELL.0;
    let width = run.cells as f64 * CELL.0;
    if run.ink.ground != page {
        let _ = writeln!(
            boxes,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{:.1}\" fill=\"{}\"/>",
            CELL.1,
            hex(run.ink.ground)
        );
    }
    let shown = run.text.trim_end_matches(' ');
    if shown.trim_start_matches(' ').is_empty() {
        return;
    }
    let lead = shown.len() - shown.trim_start_matches(' ').len();
    let text = shown.trim_start_matches(' ');
    let x = x + lead as f64 * CELL.0;
    let style = [
        (Modifier::BOLD, " font-weight=\"bold\""),
        (Modifier::ITALIC, " font-style=\"italic\""),
        (Modifier::UNDERLINED, " text-decoration=\"underline\""),
        (Modifier::DIM, " opacity=\"0.6\""),
    ];
    let style: String = style
        .iter()
        .filter(|(modifier, _)| run.ink.modifier.contains(*modifier))
        .map(|(_, attribute)| *attribute)
        .collect();
    let _ = writeln!(
        texts,
        "<text x=\"{x:.1}\" y=\"{:.1}\" textLength=\"{:.1}\" lengthAdjust=\"spacingAndGlyphs\" xml:space=\"preserve\" \
         fill=\"{}\"{style}>{}</text>",
        y + BASELINE,
        text.width() as f64 * CELL.0,
        hex(run.ink.text),
        escaped(text)
    );
}

fn hex((r, g, b): (u8, u8, u8)) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use ratatui::layout::Rect;
    use ratatui::style::Style;

    use super::*;

    #[test]
    fn runs_of_one_look_become_one_text() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 20, 2));
        buffer.set_string(
            1,
            0,
            "a <b> & 東京",
            Style::new().fg(Color::Rgb(1, 2, 3)).add_modifier(Modifier::BOLD),
        );
        buffer.set_string(0, 1, "on", Style::new().add_modifier(Modifier::REVERSED));
        let svg = svg(&buffer);
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
        let text = "fill=\"#010203\" font-weight=\"bold\">a &lt;b&gt; &amp; 東京</text>";
        assert!(svg.contains(text), "{svg}");
        assert!(svg.contains("textLength=\"100.8\""), "twelve cells: {svg}");
        assert_eq!(svg.matches("<text ").count(), 2);
        assert_eq!(svg.matches("<rect ").count(), 2, "the page and the reversed word");
    }
}
