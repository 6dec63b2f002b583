//! Colours by name, and what is left of them on a terminal that has fewer.

use ratatui::style::Color;

/// How many colours the terminal shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Depth {
    /// None: bold, underline and swapped text and background only.
    None,
    /// The terminal's own sixteen.
    Ansi16,
    /// The sixteen, a cube of 216, and 24 greys.
    Ansi256,
    /// Sixteen million.
    TrueColour,
}

impl Depth {
    /// What the environment says of the terminal: `NO_COLOR`, `COLORTERM` and `TERM`, looked up through `var`.
    pub fn detect(var: impl Fn(&str) -> Option<String>) -> Self {
        let var = |name| var(name).unwrap_or_default();
        let term = var("TERM");
        let direct = ["-direct", "kitty", "ghostty", "alacritty", "wezterm", "foot"];
        if !var("NO_COLOR").is_empty() || term == "dumb" {
            Self::None
        } else if ["truecolor", "24bit"].contains(&var("COLORTERM").as_str()) || direct.iter().any(|t| term.contains(t))
        {
            Self::TrueColour
        } else if term.contains("256color") {
            Self::Ansi256
        } else {
            Self::Ansi16
        }
    }
}

/// The names of the sixteen colours, by number.
const NAMES: [&str; 16] = [
    "black",
    "red",
    "green",
    "yellow",
    "blue",
    "magenta",
    "cyan",
    "white",
    "bright-black",
    "bright-red",
    "bright-green",
    "bright-yellow",
    "bright-blue",
    "bright-magenta",
    "bright-cyan",
    "bright-white",
];

/// The sixteen colours as terminals mostly show them.
const SIXTEEN: [(u8, u8, u8); 16] = [
    (0, 0, 0),
    (205, 0, 0),
    (0, 205, 0),
    (205, 205, 0),
    (0, 0, 238),
    (205, 0, 205),
    (0, 205, 205),
    (229, 229, 229),
    (127, 127, 127),
    (255, 0, 0),
    (0, 255, 0),
    (255, 255, 0),
    (92, 92, 255),
    (255, 0, 255),
    (0, 255, 255),
    (255, 255, 255),
];

/// Reads a colour: `#rrggbb`, one of the sixteen names, a number from 0 to 255, or `default`.
pub fn parse(text: &str) -> Option<Color> {
    if text == "default" {
        return Some(Color::Reset);
    }
    if let Some(digits) = text.strip_prefix('#') {
        let plain = digits.len() == 6 && digits.bytes().all(|b| b.is_ascii_hexdigit());
        let value = u32::from_str_radix(digits, 16).ok().filter(|_| plain)?;
        let [_, r, g, b] = value.to_be_bytes();
        return Some(Color::Rgb(r, g, b));
    }
    if let Some(number) = NAMES.iter().position(|name| *name == text) {
        return u8::try_from(number).ok().map(indexed);
    }
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| digits).map(indexed)
}

/// The words of [`parse`], for "did you mean".
pub fn names() -> impl Iterator<Item = &'static str> + Clone {
    NAMES.into_iter().chain(["default"])
}

/// A colour by its number; the first sixteen by name, which every terminal understands.
fn indexed(number: u8) -> Color {
    match number {
        0 => Color::Black,
        1 => Color::Red,
        2 => Color::Green,
        3 => Color::Yellow,
        4 => Color::Blue,
        5 => Color::Magenta,
        6 => Color::Cyan,
        7 => Color::Gray,
        8 => Color::DarkGray,
        9 => Color::LightRed,
        10 => Color::LightGreen,
        11 => Color::LightYellow,
        12 => Color::LightBlue,
        13 => Color::LightMagenta,
        14 => Color::LightCyan,
        15 => Color::White,
        _ => Color::Indexed(number),
    }
}

/// Red, green and blue of a colour; `None` for the terminal's own default. The sixteen are guessed.
pub fn rgb(colour: Color) -> Option<(u8, u8, u8)> {
    match colour {
        Color::Reset => None,
        Color::Rgb(r, g, b) => Some((r, g, b)),
        Color::Indexed(number @ 232..) => {
            let grey = 8 + 10 * (number - 232);
            Some((grey, grey, grey))
        }
        Color::Indexed(number @ 16..) => {
            let step = |part: u8| if part == 0 { 0 } else { 55 + 40 * part };
            let n = number - 16;
            Some((step(n / 36), step(n / 6 % 6), step(n % 6)))
        }
        Color::Indexed(number) => SIXTEEN.get(usize::from(number)).copied(),
        named => (0..16)
            .map(indexed)
            .position(|c| c == named)
            .and_then(|n| SIXTEEN.get(n).copied()),
    }
}

/// The nearest colour of those the terminal has, other than `not`. `None` where there are none.
pub(super) fn nearest(colour: Color, depth: Depth, not: Option<Color>) -> Option<Color> {
    let among = match (depth, colour) {
        (Depth::None, _) => return None,
        (Depth::TrueColour, _) | (_, Color::Reset) => return Some(colour),
        (Depth::Ansi16, _) => 0..=15,
        // The first sixteen look different from terminal to terminal: nothing is brought down to them.
        (Depth::Ansi256, Color::Rgb(..)) => 16..=255,
        (Depth::Ansi256, _) => return Some(colour),
    };
    if depth == Depth::Ansi16 && !matches!(colour, Color::Rgb(..) | Color::Indexed(16..)) && not.is_none() {
        return Some(colour);
    }
    let wished = rgb(colour)?;
    among
        .map(indexed)
        .filter(|candidate| Some(*candidate) != not)
        .min_by_key(|candidate| rgb(*candidate).map_or(u32::MAX, |have| distance(wished, have)))
}

/// How far apart two colours look: green counts most, and red more the redder they are. A grey that turns into a
/// colour says something it should not, so the difference in colourfulness counts once more.
fn distance(a: (u8, u8, u8), b: (u8, u8, u8)) -> u32 {
    let square = |x: u8, y: u8| u32::from(x.abs_diff(y)).pow(2);
    let colourful = |(r, g, b): (u8, u8, u8)| r.max(g).max(b) - r.min(g).min(b);
    let red = (u32::from(a.0) + u32::from(b.0)) / 2;
    let light = (512 + red) * square(a.0, b.0) + 1024 * square(a.1, b.1) + (767 - red) * square(a.2, b.2);
    light + 1024 * square(colourful(a), colourful(b))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_colours() {
        for (text, colour) in [
            ("#0Ff0a1", Some(Color::Rgb(15, 240, 161))),
            ("default", Some(Color::Reset)),
            ("black", Some(Color::Black)),
            ("white", Some(Color::Gray)),
            ("bright-white", Some(Color::White)),
            ("9", Some(Color::LightRed)),
            ("208", Some(Color::Indexed(208))),
            ("256", None),
            ("-1", None),
            ("+1", None),
            ("", None),
            ("#fff", None),
            ("#+fffff", None),
            ("#ffffff0", None),
            ("Red", None),
        ] {
            assert_eq!(parse(text), colour, "{text}");
        }
    }

    #[test]
    fn terminals_tell_their_depth() {
        let depth = |vars: &[(&str, &str)]| {
            Depth::detect(|name| {
                vars.iter()
                    .find(|(n, _)| *n == name)
                    .map(|(_, value)| (*value).to_owned())
            })
        };
        assert_eq!(depth(&[]), Depth::Ansi16);
        assert_eq!(depth(&[("TERM", "xterm")]), Depth::Ansi16);
        assert_eq!(depth(&[("TERM", "screen-256color")]), Depth::Ansi256);
        assert_eq!(
            depth(&[("TERM", "xterm-256color"), ("COLORTERM", "truecolor")]),
            Depth::TrueColour
        );
        assert_eq!(depth(&[("TERM", "xterm-kitty")]), Depth::TrueColour);
        assert_eq!(depth(&[("TERM", "dumb"), ("COLORTERM", "truecolor")]), Depth::None);
        assert_eq!(depth(&[("NO_COLOR", "1"), ("COLORTERM", "truecolor")]), Depth::None);
        assert_eq!(depth(&[("NO_COLOR", ""), ("COLORTERM", "24bit")]), Depth::TrueColour);
    }

    #[test]
    fn the_nearest_of_sixteen() {
        for (wished, shown) in [
            ("#ff0505", Color::LightRed),
            ("#101216", Color::Black),
            ("#fdfdf8", Color::White),
            ("#6b7078", Color::DarkGray),
            ("208", Color::Yellow),
            ("blue", Color::Blue),
        ] {
            assert_eq!(
                nearest(parse(wished).unwrap(), Depth::Ansi16, None),
                Some(shown),
                "{wished}"
            );
        }
        assert_eq!(
            nearest(Color::Black, Depth::Ansi16, Some(Color::Black)),
            Some(Color::DarkGray)
        );
    }

    proptest! {
        #[test]
        fn colours_come_down_to_what_is_there(r: u8, g: u8, b: u8) {
            let colour = Color::Rgb(r, g, b);
            prop_assert_eq!(nearest(colour, Depth::None, None), None);
            prop_assert_eq!(nearest(colour, Depth::TrueColour, None), Some(colour));
            let low = nearest(colour, Depth::Ansi16, None).unwrap();
            prop_assert!(!matches!(low, Color::Rgb(..) | Color::Indexed(_) | Color::Reset));
            prop_assert!(matches!(nearest(colour, Depth::Ansi256, None), Some(Color::Indexed(16..))));
        }

        #[test]
        fn what_the_palette_has_is_found(number in 16u8..) {
            let (r, g, b) = rgb(Color::Indexed(number)).unwrap();
            let found = nearest(Color::Rgb(r, g, b), Depth::Ansi256, None).unwrap();
            prop_assert_eq!(rgb(found), Some((r, g, b)));
        }
    }
}
