//! A line made of parts that give way when there is no room: each part has shorter forms, and the parts of the
//! least weight shorten first. The places of the parts are known, so that the mouse finds them.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Span;

use super::text::width;
use crate::app::Target;

/// Something on a line, and what a click on it means.
#[derive(Clone, Debug, Default)]
pub(super) struct Piece<'a> {
    pub(super) spans: Vec<Span<'a>>,
    pub(super) target: Option<Target>,
}

impl<'a> Piece<'a> {
    /// Text in one style.
    pub(super) fn text(text: impl Into<std::borrow::Cow<'a, str>>, style: Style) -> Self {
        Self {
            spans: vec![Span::styled(text, style)],
            target: None,
        }
    }

    /// Text in several styles.
    pub(super) fn spans(spans: Vec<Span<'a>>) -> Self {
        Self { spans, target: None }
    }

    /// The piece, with what a click on it means.
    pub(super) fn at(mut self, target: Target) -> Self {
        self.target = Some(target);
        self
    }

    pub(super) fn width(&self) -> u16 {
        self.spans
            .iter()
            .map(|s| width(&s.content))
            .fold(0, u16::saturating_add)
    }
}

/// A part of a line: its forms, the longest first; after the last it goes. Parts of higher rank stay longer.
pub(super) struct Part<'a> {
    forms: std::vec::IntoIter<Piece<'a>>,
    now: Option<Piece<'a>>,
    rank: u8,
    /// The rank once only the last form is left.
    last: u8,
}

impl<'a> Part<'a> {
    pub(super) fn new(rank: u8, forms: Vec<Piece<'a>>) -> Self {
        let mut forms = forms.into_iter();
        let now = forms.next();
        let last = rank;
        Self { forms, now, rank, last }
    }

    /// Holds on to its last form longer than to the others.
    pub(super) fn keep(mut self, rank: u8) -> Self {
        self.last = rank;
        self
    }

    fn weight(&self) -> u8 {
        if self.forms.len() == 0 { self.last } else { self.rank }
    }
}

/// The forms that fit together into `room` cells, `gap` cells apart.
pub(super) fn fit(mut parts: Vec<Part<'_>>, room: u16, gap: u16) -> Vec<Piece<'_>> {
    loop {
        let shown = parts.iter().filter_map(|p| p.now.as_ref()).map(Piece::width);
        let all = shown.fold(0u16, |sum, w| sum.saturating_add(w).saturating_add(gap));
        if all.saturating_sub(gap) <= room {
            return parts.into_iter().filter_map(|p| p.now).collect();
        }
        let weakest = parts
            .iter_mut()
            .rev()
            .filter(|p| p.now.is_some())
            .min_by_key(|p| p.weight());
        match weakest {
            Some(part) => part.now = part.forms.next(),
            None => return vec![],
        }
    }
}

/// The pieces with their places, from the left.
pub(super) fn place<'a>(pieces: Vec<Piece<'a>>, area: Rect, gap: u16) -> Vec<(Rect, Piece<'a>)> {
    let mut x = area.x;
    let mut placed = vec![];
    for piece in pieces {
        let wide = piece.width().min(area.right().saturating_sub(x));
        placed.push((Rect { x, width: wide, ..area }, piece));
        x = x.saturating_add(wide).saturating_add(gap).min(area.right());
    }
    placed
}

/// The pieces with their places, pushed to the right end.
pub(super) fn place_right<'a>(pieces: Vec<Piece<'a>>, area: Rect, gap: u16) -> Vec<(Rect, Piece<'a>)> {
    let all = pieces
        .iter()
        .map(Piece::width)
        .fold(0u16, |sum, w| sum.saturating_add(w).saturating_add(gap));
    let used = all.saturating_sub(gap).min(area.width);
    let x = area.right().saturating_sub(used);
    place(pieces, Rect { x, width: used, ..area }, gap)
}

/// Draws placed pieces.
pub(super) fn draw(buffer: &mut Buffer, placed: &[(Rect, Piece<'_>)]) {
    for (area, piece) in placed {
        put(buffer, *area, &piece.spans);
    }
}

/// Writes spans on the first line of an area, cut at its end; gives the cell after them.
pub(super) fn put(buffer: &mut Buffer, area: Rect, spans: &[Span<'_>]) -> u16 {
    let area = area.intersection(buffer.area);
    let mut x = area.x;
    if area.is_empty() {
        return x;
    }
    for span in spans {
        let room = area.right().saturating_sub(x);
        if room == 0 {
            break;
        }
        x = match plain(buffer, (x, area.y), &span.content, room, span.style) {
            Some(after) => after,
            None => {
                buffer
                    .set_stringn(x, area.y, &span.content, usize::from(room), span.style)
                    .0
            }
        };
    }
    x
}

/// Writes text that takes one cell a byte, which is most of it, without looking for wide characters; gives the cell
/// after it. `None` for other text.
fn plain(buffer: &mut Buffer, (x, y): (u16, u16), text: &str, room: u16, style: Style) -> Option<u16> {
    if !text.bytes().all(|b| (b' '..=b'~').contains(&b)) {
        return None;
    }
    let start = buffer.index_of(x, y);
    let long = text.len().min(usize::from(room));
    let cells = buffer.content.get_mut(start..start.checked_add(long)?)?;
    for (cell, byte) in cells.iter_mut().zip(text.bytes()) {
        cell.set_char(char::from(byte)).set_style(style);
    }
    Some(x.saturating_add(u16::try_from(long).ok()?))
}

/// What stands at a cell, of several lines of placed pieces.
pub(super) fn target_at(placed: &[(Rect, Piece<'_>)], column: u16, row: u16) -> Option<Target> {
    let hit = |area: &Rect| area.contains(ratatui::layout::Position::new(column, row));
    placed
        .iter()
        .find(|(area, _)| hit(area))
        .and_then(|(_, piece)| piece.target.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(rank: u8, forms: &[&'static str]) -> Part<'static> {
        Part::new(rank, forms.iter().map(|f| Piece::text(*f, Style::new())).collect())
    }

    fn shown(room: u16) -> String {
        let parts = vec![
            part(3, &["k3fleet"]),
            part(1, &["31 machines", "31m"]),
            part(2, &["$1/h"]),
        ];
        let pieces = fit(parts, room, 1);
        let words: Vec<_> = pieces.iter().map(|p| p.spans[0].content.to_string()).collect();
        words.join(" ")
    }

    #[test]
    fn the_least_weighty_gives_way_first() {
        assert_eq!(shown(40), "k3fleet 31 machines $1/h");
        assert_eq!(shown(23), "k3fleet 31m $1/h");
        assert_eq!(shown(14), "k3fleet $1/h");
        assert_eq!(shown(11), "k3fleet");
        assert_eq!(shown(3), "");
    }

    proptest::proptest! {
        #[test]
        fn plain_text_is_written_like_any_other(text in "[ -~é東\t]{0,20}", x in 0u16..12, width in 0u16..14) {
            let whole = Rect::new(0, 0, 12, 1);
            let style = Style::new().bold();
            let (mut ours, mut theirs) = (Buffer::empty(whole), Buffer::empty(whole));
            let place = Rect { x, width, ..whole }.intersection(whole);
            put(&mut ours, place, &[Span::styled(text.clone(), style)]);
            theirs.set_stringn(place.x, 0, &text, usize::from(place.width), style);
            proptest::prop_assert_eq!(ours, theirs);
        }
    }

    #[test]
    fn places_stay_within_the_line() {
        let area = Rect::new(2, 0, 6, 1);
        let pieces = vec![Piece::text("abcd", Style::new()), Piece::text("efgh", Style::new())];
        let placed = place(pieces.clone(), area, 1);
        assert_eq!(placed[1].0, Rect::new(7, 0, 1, 1));
        let right = place_right(vec![Piece::text("ab", Style::new())], area, 1);
        assert_eq!(right[0].0, Rect::new(6, 0, 2, 1));
    }
}
