//! What is asked of every theme that comes with the program, and of the way themes are put together.

use std::fs;

use super::*;

fn built_in_theme(name: &str) -> Theme {
    load(name, Path::new("/nowhere"), Depth::TrueColour).unwrap().theme
}

/// Themes whose colours are known, not the terminal's own.
fn painted() -> impl Iterator<Item = &'static str> {
    BUILT_IN
        .iter()
        .map(|(name, _)| *name)
        .filter(|name| !["mono", "ansi16"].contains(name))
}

/// Red, green and blue as light, from 0 to 1.
fn light(colour: Color) -> [f64; 3] {
    let (r, g, b) = colour::rgb(colour).unwrap();
    [r, g, b].map(|part| {
        let part = f64::from(part) / 255.0;
        if part <= 0.04045 {
            part / 12.92
        } else {
            ((part + 0.055) / 1.055).powf(2.4)
        }
    })
}

/// The contrast ratio of WCAG 2, from 1 to 21.
fn contrast(a: Color, b: Color) -> f64 {
    let luminance = |colour| {
        let [r, g, b] = light(colour);
        0.2126 * r + 0.7152 * g + 0.0722 * b
    };
    let (a, b): (f64, f64) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

#[test]
fn contrast_is_reckoned_as_wcag_does() {
    assert!((contrast(Color::Rgb(0, 0, 0), Color::Rgb(255, 255, 255)) - 21.0).abs() < 1e-9);
    assert!((contrast(Color::Rgb(119, 119, 119), Color::Rgb(255, 255, 255)) - 4.478).abs() < 1e-3);
}

#[test]
fn every_built_in_theme_has_every_role() {
    assert!(BUILT_IN.len() >= 9);
    for (name, _) in BUILT_IN {
        for depth in [Depth::None, Depth::Ansi16, Depth::Ansi256, Depth::TrueColour] {
            if let Err(error) = load(name, Path::new("/nowhere"), depth) {
                panic!("{name}: {error}");
            }
        }
    }
}

#[test]
fn text_can_be_read() {
    // Lines and empty gauges are no text: they need only be seen.
    let decoration = ["border", "gauge-rest"];
    let mut poor = Vec::new();
    for name in painted() {
        let theme = built_in_theme(name);
        let wanted = if name == "high-contrast" { 7.0 } else { 4.5 };
        let screen = theme.text.bg.unwrap();
        for (role, style) in theme.styles() {
            let fg = style.fg.or(theme.text.fg).unwrap();
            let ratio = contrast(fg, style.bg.unwrap_or(screen));
            let wanted = if decoration.contains(&role) { 1.4 } else { wanted };
            if ratio < wanted {
                poor.push(format!("{name}: {role} {ratio:.2} < {wanted}"));
            }
        }
        // Every colour also appears on the selected row.
        for (role, style) in theme
            .styles()
            .filter(|(role, style)| style.bg.is_none() && !decoration.contains(role))
        {
            for under in [theme.selection, theme.selection_away] {
                let ratio = contrast(style.fg.or(theme.text.fg).unwrap(), under.bg.unwrap());
                if ratio < 3.0 {
                    poor.push(format!("{name}: {role} on a selected row {ratio:.2} < 3"));
                }
            }
        }
        let ratio = contrast(theme.selection.bg.unwrap(), screen);
        if ratio < 1.25 {
            poor.push(format!("{name}: selection on the screen {ratio:.2} < 1.25"));
        }
    }
    assert!(poor.is_empty(), "{poor:#?}");
}

/// A colour as seen with deuteranopia, as light (Machado, Oliveira and Fernandes 2009, severity 1).
fn without_green(colour: Color) -> [f64; 3] {
    let [r, g, b] = light(colour);
    [
        0.367_322 * r + 0.860_646 * g - 0.227_968 * b,
        0.280_085 * r + 0.672_501 * g + 0.047_413 * b,
        -0.011_820 * r + 0.042_940 * g + 0.968_881 * b,
    ]
    .map(|part| part.clamp(0.0, 1.0))
}

/// How far apart two lights look, in OKLab.
fn far(a: [f64; 3], b: [f64; 3]) -> f64 {
    let lab = |[r, g, b]: [f64; 3]| {
        let l = (0.412_221_470_8 * r + 0.536_332_536_3 * g + 0.051_445_992_9 * b).cbrt();
        let m = (0.211_903_498_2 * r + 0.680_699_545_1 * g + 0.107_396_956_6 * b).cbrt();
        let s = (0.088_302_461_9 * r + 0.281_718_837_6 * g + 0.629_978_700_5 * b).cbrt();
        [
            0.210_454_255_3 * l + 0.793_617_785 * m - 0.004_072_046_8 * s,
            1.977_998_495_1 * l - 2.428_592_205 * m + 0.450_593_709_9 * s,
            0.025_904_037_1 * l + 0.782_771_766_2 * m - 0.808_675_766 * s,
        ]
    };
    lab(a)
        .into_iter()
        .zip(lab(b))
        .map(|(a, b)| (a - b).powi(2))
        .sum::<f64>()
        .sqrt()
}

#[test]
fn the_colour_blind_theme_tells_states_apart_without_green() {
    let theme = built_in_theme("colour-blind");
    let groups: [&[(&str, Style)]; 3] = [
        &[
            ("ok", theme.ok),
            ("warning", theme.warning),
            ("critical", theme.critical),
            ("pending", theme.pending),
        ],
        &[
            ("spot", theme.spot),
            ("on-demand", theme.on_demand),
            ("edge", theme.edge),
        ],
        &[
            ("chart-1", theme.chart_1),
            ("chart-2", theme.chart_2),
            ("chart-3", theme.chart_3),
            ("chart-4", theme.chart_4),
            ("chart-5", theme.chart_5),
            ("chart-6", theme.chart_6),
        ],
    ];
    let mut alike = Vec::new();
    for group in groups {
        for (i, (a, first)) in group.iter().enumerate() {
            for (b, second) in &group[i + 1..] {
                let apart = far(without_green(first.fg.unwrap()), without_green(second.fg.unwrap()));
                if apart < 0.09 {
                    alike.push(format!("{a} and {b} are {apart:.3} apart"));
                }
            }
        }
    }
    assert!(alike.is_empty(), "{alike:#?}");
}

#[test]
fn without_colours_there_are_none_but_states_still_differ() {
    for (name, _) in BUILT_IN {
        let theme = load(name, Path::new("/nowhere"), Depth::None).unwrap().theme;
        assert!(
            theme
                .styles()
                .all(|(_, style)| style.fg.is_none() && style.bg.is_none()),
            "{name}"
        );
        assert_ne!(theme.selection, theme.text);
        assert_ne!(theme.selection, theme.selection_away);
        assert_ne!(theme.border, theme.border_focus);
        assert_ne!(theme.warning, theme.critical);
    }
}

#[test]
fn sixteen_colours_are_sixteen() {
    let theme = load("dark", Path::new("/nowhere"), Depth::Ansi16).unwrap().theme;
    for (role, style) in theme.styles() {
        for colour in [style.fg, style.bg].into_iter().flatten() {
            assert!(
                !matches!(colour, Color::Rgb(..) | Color::Indexed(_)),
                "{role}: {colour:?}"
            );
        }
    }
    assert_ne!(theme.selection.bg, theme.text.bg);
}

struct Dir(tempfile::TempDir);

impl Dir {
    fn with(files: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(dir.path().join(name), text).unwrap();
        }
        Self(dir)
    }

    fn load(&self, name: &str) -> Result<Loaded, Vec<String>> {
        let prefix = format!("{}/", self.0.path().display());
        load(name, self.0.path(), Depth::TrueColour).map_err(|error| {
            error
                .faults
                .iter()
                .map(|f| f.to_string().replace(&prefix, ""))
                .collect()
        })
    }
}

#[test]
fn ones_own_theme_says_only_what_differs() {
    let dir = Dir::with(&[(
        "mine.toml",
        "inherits = \"light\"\n[palette]\ngood = \"#004400\"\nsky = 33\n[styles]\naccent = { fg = \"sky\", underline = true }\n",
    )]);
    let loaded = dir.load("mine").unwrap();
    let light = built_in_theme("light");
    assert_eq!(loaded.theme.ok.fg, Some(Color::Rgb(0, 0x44, 0)));
    assert_eq!(loaded.theme.saving.fg, Some(Color::Rgb(0, 0x44, 0)));
    assert_eq!(
        loaded.theme.accent,
        Style::new().fg(Color::Indexed(33)).add_modifier(Modifier::UNDERLINED)
    );
    assert_eq!(loaded.theme.text, light.text);
    let files: Vec<_> = loaded
        .files
        .iter()
        .map(|path| path.file_name().unwrap().to_str().unwrap())
        .collect();
    assert_eq!(files, ["mine.toml", "light.toml", "dark.toml"]);
    assert!(names(dir.0.path()).contains(&SmolStr::new("mine")));
}

#[test]
fn ones_own_theme_may_stand_over_the_built_in_one() {
    let dir = Dir::with(&[("dark.toml", "inherits = \"dark\"\n[styles]\nok = \"red\"\n")]);
    let dark = built_in_theme("dark");
    let mine = dir.load("dark").unwrap().theme;
    assert_eq!((mine.ok.fg, mine.text), (Some(Color::Red), dark.text));
    // What inherits dark now inherits the operator's.
    assert_eq!(dir.load("forest").unwrap().theme.ok.fg, Some(Color::Red));
}

#[test]
fn all_faults_of_a_theme_are_told() {
    let dir = Dir::with(&[(
        "bad.toml",
        "inherits = \"dark\"\n[palette]\nsea = \"#12345\"\n[styles]\nwarnin = \"red\"\nok = \"gren\"\nkey = { bg = \"acent\" }\n",
    )]);
    let faults = dir.load("bad").unwrap_err();
    assert_eq!(faults.len(), 4, "{faults:#?}");
    assert!(
        faults[0].starts_with("bad.toml:3:7: palette.sea: expected a colour (#rrggbb"),
        "{faults:#?}"
    );
    assert_eq!(
        faults[1],
        "bad.toml:5:1: styles.warnin: no such role; did you mean warning?"
    );
    assert!(
        faults[2].starts_with("bad.toml:6:6: styles.ok:") && faults[2].ends_with("found \"gren\"; did you mean green?")
    );
    assert!(faults[3].starts_with("bad.toml:7:14: styles.key.bg:") && faults[3].ends_with("did you mean accent?"));
}

#[test]
fn a_theme_must_be_whole_and_must_end() {
    let dir = Dir::with(&[
        ("part.toml", "[styles]\ntext = \"red\"\n"),
        ("a.toml", "inherits = \"b\"\n"),
        ("b.toml", "inherits = \"a\"\n"),
        ("self.toml", "inherits = \"self\"\n"),
        ("lost.toml", "\ninherits = \"drak\"\n"),
    ]);
    let only = |name: &str| {
        let faults = dir.load(name).unwrap_err();
        assert_eq!(faults.len(), 1, "{faults:#?}");
        faults.into_iter().next().unwrap()
    };
    assert!(only("part").starts_with("part.toml: expected a style for every role, found none for muted, accent"));
    assert_eq!(
        only("a"),
        "b.toml:1:12: inherits: expected a theme that does not inherit this one in turn, found \"a\""
    );
    assert_eq!(
        only("self"),
        "self.toml:1:12: inherits: no such theme; expected one of a, amber, ansi16, arctic, b, colour-blind, dark, ember, forest, high-contrast, light, lost, mono, paper, part"
    );
    assert_eq!(
        only("lost"),
        "lost.toml:2:12: inherits: no such theme; did you mean dark?"
    );
    assert_eq!(only("lihgt"), "lihgt.toml: no such theme; did you mean light?");
}

#[test]
fn the_example_config_names_every_built_in_theme() {
    for (name, _) in BUILT_IN {
        assert!(crate::config::EXAMPLE_CONFIG.contains(name), "{name}");
    }
}
