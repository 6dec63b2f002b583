//! The signs on the screen, drawn with lines and blocks or with plain ASCII. Each is one cell wide.

use ratatui::symbols::border;

/// A set of signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Glyphs {
    /// Lines around panes.
    pub border: border::Set<'static>,
    /// All is well.
    pub ok: &'static str,
    /// Worth knowing.
    pub info: &'static str,
    /// Wants looking at.
    pub warning: &'static str,
    /// Wants doing now.
    pub critical: &'static str,
    /// On its way.
    pub pending: &'static str,
    /// Running out, or not heard of.
    pub fading: &'static str,
    /// Gone or failed.
    pub gone: &'static str,
    /// A marked row.
    pub mark: &'static str,
    /// The row under the cursor.
    pub cursor: &'static str,
    /// Nothing known.
    pub none: &'static str,
    /// A branch of a tree.
    pub branch: &'static str,
    /// The last branch of a tree.
    pub leaf: &'static str,
    /// Text that was cut off.
    pub ellipsis: &'static str,
    /// Between two facts on a line.
    pub separator: &'static str,
    /// Before a saving.
    pub minus: &'static str,
    /// Upwards: sorted so, more above, grew.
    pub up: &'static str,
    /// Downwards: sorted so, more below, shrank.
    pub down: &'static str,
    /// To the left.
    pub left: &'static str,
    /// To the right; becomes.
    pub right: &'static str,
    /// A box that is ticked.
    pub on: &'static str,
    /// A box that is not.
    pub off: &'static str,
    /// The filled part of a gauge.
    pub full: &'static str,
    /// The empty part of a gauge.
    pub rest: &'static str,
    /// The thumb of a scroll bar.
    pub thumb: &'static str,
    /// The track of a scroll bar.
    pub track: &'static str,
    /// A chart's line to compare with.
    pub reference: &'static str,
    /// Levels of a small chart, lowest first.
    pub levels: [&'static str; 8],
    /// Something works, frame by frame.
    pub spinner: [&'static str; 8],
    /// Whether points of charts may be drawn with Braille patterns.
    pub braille: bool,
}

impl Glyphs {
    /// Lines, blocks and geometric shapes.
    pub const UNICODE: Self = Self {
        border: border::ROUNDED,
        ok: "●",
        info: "◆",
        warning: "▲",
        critical: "✖",
        pending: "◐",
        fading: "◌",
        gone: "✗",
        mark: "▌",
        cursor: "▸",
        none: "·",
        branch: "├",
        leaf: "└",
        ellipsis: "…",
        separator: "·",
        minus: "−",
        up: "▲",
        down: "▼",
        left: "◀",
        right: "→",
        on: "☒",
        off: "☐",
        full: "█",
        rest: "░",
        thumb: "█",
        track: "│",
        reference: "╌",
        levels: ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"],
        spinner: ["⠋", "⠙", "⠸", "⠴", "⠦", "⠇", "⠏", "⠟"],
        braille: true,
    };

    /// ASCII only.
    pub const ASCII: Self = Self {
        border: border::Set {
            top_left: "+",
            top_right: "+",
            bottom_left: "+",
            bottom_right: "+",
            vertical_left: "|",
            vertical_right: "|",
            horizontal_top: "-",
            horizontal_bottom: "-",
        },
        ok: "o",
        info: "i",
        warning: "!",
        critical: "X",
        pending: "~",
        fading: "?",
        gone: "x",
        mark: "*",
        cursor: ">",
        none: ".",
        branch: "|",
        leaf: "`",
        ellipsis: "~",
        separator: "|",
        minus: "-",
        up: "^",
        down: "v",
        left: "<",
        right: ">",
        on: "x",
        off: "_",
        full: "#",
        rest: ".",
        thumb: "#",
        track: "|",
        reference: "-",
        levels: ["_", ".", ":", "-", "=", "+", "*", "#"],
        spinner: ["|", "/", "-", "\\", "|", "/", "-", "\\"],
        braille: false,
    };

    /// The set for a screen that may show more than ASCII, or may not.
    pub fn of(ascii: bool) -> Self {
        if ascii { Self::ASCII } else { Self::UNICODE }
    }

    /// The sign of a level from 0 to 1, for small charts; what is outside counts as the nearest end.
    pub fn level(&self, level: f64) -> &'static str {
        let step = (level.clamp(0.0, 1.0) * 7.0).round();
        // Not a number has no level: it is the lowest.
        let [lowest, ..] = self.levels;
        self.levels.get(step as usize).copied().unwrap_or(lowest)
    }
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthStr;

    use super::*;

    fn all(glyphs: &Glyphs) -> Vec<&'static str> {
        let Glyphs {
            border: b,
            levels,
            spinner,
            ..
        } = *glyphs;
        let g = glyphs;
        let mut all = vec![
            b.top_left,
            b.top_right,
            b.bottom_left,
            b.bottom_right,
            b.vertical_left,
            b.vertical_right,
            b.horizontal_top,
            b.horizontal_bottom,
            g.ok,
            g.info,
            g.warning,
            g.critical,
            g.pending,
            g.fading,
            g.gone,
            g.mark,
            g.cursor,
            g.none,
            g.branch,
            g.leaf,
            g.ellipsis,
            g.separator,
            g.minus,
            g.up,
            g.down,
            g.left,
            g.right,
            g.on,
            g.off,
            g.full,
            g.rest,
            g.thumb,
            g.track,
            g.reference,
        ];
        all.extend(levels);
        all.extend(spinner);
        all
    }

    #[test]
    fn every_sign_is_one_cell_wide() {
        for glyph in all(&Glyphs::UNICODE).into_iter().chain(all(&Glyphs::ASCII)) {
            assert_eq!((glyph.width(), glyph.chars().count()), (1, 1), "{glyph:?}");
        }
    }

    #[test]
    fn ascii_is_ascii() {
        assert!(all(&Glyphs::ASCII).iter().all(|glyph| glyph.is_ascii()));
    }

    #[test]
    fn states_are_told_apart_without_colour() {
        for g in [Glyphs::UNICODE, Glyphs::ASCII] {
            let mut states = [g.ok, g.info, g.warning, g.critical, g.pending, g.fading, g.gone, g.none].to_vec();
            states.sort_unstable();
            states.dedup();
            assert_eq!(states.len(), 8);
        }
    }

    #[test]
    fn levels_rise() {
        let g = Glyphs::UNICODE;
        assert_eq!([g.level(0.0), g.level(0.5), g.level(1.0)], ["▁", "▅", "█"]);
        assert_eq!([g.level(-3.0), g.level(9.0), g.level(f64::NAN)], ["▁", "█", "▁"]);
    }
}
