//! What each part of the screen looks like, by its meaning.
//!
//! View code names a role (`theme.warning`), never a colour. A theme file gives roles their styles by name
//! ([`Theme::set`]); what the terminal cannot show is brought down by [`Theme::reduced`]. Styles are patches:
//! the whole screen is painted in [`Theme::text`], and the others lie over it.

use ratatui::style::{Color, Style};

use super::colour::{Depth, nearest};

macro_rules! roles {
    ($($(#[$doc:meta])* $field:ident = $name:literal,)*) => {
        /// The style of every role.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct Theme {
            $($(#[$doc])* pub $field: Style,)*
        }

        /// The names of all roles, as theme files write them.
        pub const ROLES: &[&str] = &[$($name),*];

        impl Theme {
            /// Gives a role its style; false if there is no such role.
            pub fn set(&mut self, role: &str, style: Style) -> bool {
                match role {
                    $($name => self.$field = style,)*
                    _ => return false,
                }
                true
            }

            /// All roles with their styles.
            pub fn styles(&self) -> impl Iterator<Item = (&'static str, Style)> {
                [$(($name, self.$field)),*].into_iter()
            }
        }
    };
}

roles! {
    /// The screen as a whole: plain text and what is behind it.
    text = "text",
    /// Text of less weight: units, hints, what is old or empty.
    muted = "muted",
    /// What the eye should find first: names that can be opened, the product's name.
    accent = "accent",
    /// A pane's title.
    title = "title",
    /// A pane's border.
    border = "border",
    /// The border of the pane that has the keyboard.
    border_focus = "border-focus",
    /// The line at the top of the screen.
    header = "header",
    /// The line at the bottom of the screen.
    footer = "footer",
    /// Headings of a table's columns.
    columns = "columns",
    /// The heading of the column a table is sorted by.
    sorted = "sorted",
    /// The row under the cursor.
    selection = "selection",
    /// The row under the cursor in a pane that does not have the keyboard.
    selection_away = "selection-away",
    /// Marked rows.
    mark = "mark",
    /// Letters that a filter found.
    found = "found",
    /// A term of a filter in force.
    chip = "chip",
    /// A term of a filter that does not apply here.
    chip_off = "chip-off",
    /// A key in a hint or in the help.
    key = "key",
    /// A field that is typed into.
    input = "input",
    /// What lies over the screen: help, palette, menus, dialogs.
    popup = "popup",
    /// The border of what lies over the screen.
    popup_border = "popup-border",
    /// All is well.
    ok = "ok",
    /// Worth knowing.
    info = "info",
    /// Wants looking at.
    warning = "warning",
    /// Wants doing now.
    critical = "critical",
    /// On its way: joining, starting, draining.
    pending = "pending",
    /// Older than it should be.
    stale = "stale",
    /// Bought on the spot market.
    spot = "spot",
    /// Bought on demand.
    on_demand = "on-demand",
    /// At the edge.
    edge = "edge",
    /// A saving.
    saving = "saving",
    /// The filled part of a gauge.
    gauge = "gauge",
    /// The empty part of a gauge.
    gauge_rest = "gauge-rest",
    /// A chart's axes and their labels.
    axis = "axis",
    /// A chart's line to compare with: the on-demand price.
    reference = "reference",
    /// First line of a chart.
    chart_1 = "chart-1",
    /// Second line of a chart.
    chart_2 = "chart-2",
    /// Third line of a chart.
    chart_3 = "chart-3",
    /// Fourth line of a chart.
    chart_4 = "chart-4",
    /// Fifth line of a chart.
    chart_5 = "chart-5",
    /// Sixth line of a chart.
    chart_6 = "chart-6",
}

impl Theme {
    /// The style of a chart's line, by its number from 0. There are six; they come again after that.
    pub fn series(&self, line: usize) -> Style {
        match line % 6 {
            0 => self.chart_1,
            1 => self.chart_2,
            2 => self.chart_3,
            3 => self.chart_4,
            4 => self.chart_5,
            _ => self.chart_6,
        }
    }

    /// The theme in colours that the terminal can show. Text does not drown: what differed from its background
    /// still does, and so does a background that differed from the screen's.
    pub fn reduced(&self, depth: Depth) -> Self {
        let screen = Shades::of(self.text, None, depth);
        let mut reduced = self.clone();
        for (role, style) in self.styles() {
            let shown = Shades::of(style, (role != "text").then_some(&screen), depth);
            reduced.set(
                role,
                Style {
                    fg: shown.fg.1,
                    bg: shown.bg.1,
                    ..style
                },
            );
        }
        reduced
    }
}

/// Colours of one style, as wished for and as shown.
struct Shades {
    fg: (Option<Color>, Option<Color>),
    bg: (Option<Color>, Option<Color>),
}

impl Shades {
    fn of(style: Style, screen: Option<&Self>, depth: Depth) -> Self {
        let under = screen.map_or((None, None), |screen| screen.bg);
        let bg = apart(style.bg, under, depth);
        let behind = if style.bg.is_some() { (style.bg, bg) } else { under };
        let fg = apart(style.fg, behind, depth);
        Self {
            fg: (style.fg, fg),
            bg: (style.bg, bg),
        }
    }
}

/// The nearest colour the terminal has; the nearest other one, if only that keeps it apart from `behind`.
fn apart(wished: Option<Color>, behind: (Option<Color>, Option<Color>), depth: Depth) -> Option<Color> {
    let shown = nearest(wished?, depth, None)?;
    if behind.1 == Some(shown) && behind.0 != wished {
        return nearest(wished?, depth, Some(shown));
    }
    Some(shown)
}

#[cfg(test)]
mod tests {
    use ratatui::style::Modifier;

    use super::*;

    fn theme() -> Theme {
        let mut theme = Theme::default();
        let text = Style::new().fg(Color::Rgb(220, 220, 225)).bg(Color::Rgb(24, 26, 31));
        assert!(theme.set("text", text));
        theme.set("muted", Style::new().fg(Color::Rgb(40, 42, 48)));
        theme.set(
            "selection",
            Style::new().bg(Color::Rgb(44, 48, 58)).add_modifier(Modifier::BOLD),
        );
        theme.set(
            "chip",
            Style::new().fg(Color::Rgb(20, 20, 20)).bg(Color::Rgb(10, 10, 10)),
        );
        theme.set("key", Style::new().fg(Color::Reset));
        theme
    }

    #[test]
    fn roles_are_set_by_name() {
        let mut theme = Theme::default();
        let style = Style::new().fg(Color::Red);
        for role in ROLES {
            assert!(theme.set(role, style), "{role}");
        }
        assert!(!theme.set("nonsense", style));
        assert!(theme.styles().all(|(_, set)| set == style));
        assert!(theme.styles().map(|(role, _)| role).eq(ROLES.iter().copied()));
        assert_eq!(theme.on_demand, style);
    }

    #[test]
    fn nothing_drowns_in_sixteen_colours() {
        let low = theme().reduced(Depth::Ansi16);
        assert_eq!((low.text.fg, low.text.bg), (Some(Color::Gray), Some(Color::Black)));
        assert_ne!(low.muted.fg, low.text.bg);
        assert_ne!(low.selection.bg, low.text.bg);
        assert_ne!(low.chip.fg, low.chip.bg);
        assert_eq!(low.key.fg, Some(Color::Reset));
        assert_eq!(low.selection.add_modifier, Modifier::BOLD);
    }

    #[test]
    fn without_colour_only_modifiers_are_left() {
        for (role, style) in theme().reduced(Depth::None).styles() {
            assert_eq!((style.fg, style.bg), (None, None), "{role}");
        }
        assert_eq!(theme().reduced(Depth::None).selection.add_modifier, Modifier::BOLD);
    }

    #[test]
    fn enough_colours_change_nothing() {
        assert_eq!(theme().reduced(Depth::TrueColour), theme());
    }

    #[test]
    fn lines_of_a_chart_come_again() {
        let mut theme = Theme::default();
        for line in 1..=6 {
            theme.set(&format!("chart-{line}"), Style::new().fg(Color::Indexed(line)));
        }
        let colours: Vec<_> = (0..7).filter_map(|line| theme.series(line).fg).collect();
        assert_eq!(colours, [1, 2, 3, 4, 5, 6, 1].map(Color::Indexed));
    }
}
