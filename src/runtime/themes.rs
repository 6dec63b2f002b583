//! Themes, from their files to styles: built in, or the operator's own beside `config.toml`.
//!
//! A theme may inherit. The chain of files is read from the named theme down to one that inherits nothing; then
//! palettes and styles are put over each other from there up. So a theme that only gives palette entries anew
//! recolours everything its parent painted with them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ratatui::style::{Color, Modifier, Style};
use smol_str::SmolStr;

use crate::config::{
    ColourName, ConfigError, Fault, StyleEntry, ThemeFile, read_text, read_theme, suggest, unknown_name,
};
use crate::tui::colour::{self, Depth};
use crate::tui::theme::{ROLES, Theme};

/// The themes that come with the program.
const BUILT_IN: &[(&str, &str)] = &[
    ("dark", include_str!("../../themes/dark.toml")),
    ("light", include_str!("../../themes/light.toml")),
    ("high-contrast", include_str!("../../themes/high-contrast.toml")),
    ("colour-blind", include_str!("../../themes/colour-blind.toml")),
    ("ansi16", include_str!("../../themes/ansi16.toml")),
    ("mono", include_str!("../../themes/mono.toml")),
    ("amber", include_str!("../../themes/amber.toml")),
    ("arctic", include_str!("../../themes/arctic.toml")),
    ("ember", include_str!("../../themes/ember.toml")),
    ("forest", include_str!("../../themes/forest.toml")),
    ("paper", include_str!("../../themes/paper.toml")),
];

/// The theme that tells everything by bold, underline and swapped colours.
const COLOURLESS: &str = "mono";

/// A theme that is ready for the screen.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The styles.
    pub theme: Theme,
    /// The files it would change with. They need not exist: one that comes to be takes a built-in theme's place.
    pub files: Vec<PathBuf>,
}

/// Loads a theme for a terminal of this depth. `dir` holds the operator's own themes, which go before built-in ones
/// of the same name. Without colours every theme gives way to `mono`, after it has been checked.
pub fn load(name: &str, dir: &Path, depth: Depth) -> Result<Loaded, ConfigError> {
    let chain = read_chain(name, dir)?;
    let theme = resolve(&chain.files)?;
    let theme = match depth {
        Depth::None => built_in(COLOURLESS).map_or(Ok(theme), |file| resolve(&[file?]))?,
        _ => theme,
    };
    Ok(Loaded {
        theme: theme.reduced(depth),
        files: chain.places,
    })
}

/// The names of all themes, built in and the operator's own, in alphabetical order.
pub fn names(dir: &Path) -> Vec<SmolStr> {
    let own = std::fs::read_dir(dir)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let path = entry.path();
            let theme = path.extension().is_some_and(|end| end == "toml");
            theme.then(|| path.file_stem()?.to_str().map(SmolStr::new))?
        });
    let mut names: Vec<SmolStr> = BUILT_IN.iter().map(|(name, _)| SmolStr::new(name)).chain(own).collect();
    names.sort();
    names.dedup();
    names
}

struct Chain {
    files: Vec<ThemeFile>,
    places: Vec<PathBuf>,
}

/// The files of a theme, itself first and the one that inherits nothing last.
fn read_chain(name: &str, dir: &Path) -> Result<Chain, ConfigError> {
    let mut chain = Chain {
        files: Vec::new(),
        places: Vec::new(),
    };
    let mut wanted: Option<(SmolStr, Option<ColourName>)> = Some((name.into(), None));
    while let Some((name, asked_by)) = wanted.take() {
        let place = dir.join(format!("{name}.toml"));
        // One's own `dark` that inherits `dark` means the built-in one.
        let own_again = chain.places.last() == Some(&place);
        let file = match read_text(&place)? {
            Some(text) if !own_again => {
                if chain.places.contains(&place) {
                    return Err(inherits_itself(asked_by, &place).into());
                }
                read_theme(&place, &text)?
            }
            _ => match built_in(&name) {
                Some(file) => file?,
                None => return Err(no_such_theme(&name, asked_by, dir).into()),
            },
        };
        if chain.files.iter().any(|known| known.file == file.file) {
            return Err(inherits_itself(asked_by, &file.file).into());
        }
        chain.places.push(place);
        wanted = file.inherits.clone().map(|parent| (parent.name.clone(), Some(parent)));
        chain.files.push(file);
    }
    chain.places.dedup();
    Ok(chain)
}

fn built_in(name: &str) -> Option<Result<ThemeFile, ConfigError>> {
    let (name, text) = BUILT_IN.iter().find(|(known, _)| *known == name)?;
    Some(read_theme(Path::new(&format!("built-in theme {name}")), text))
}

fn inherits_itself(asked_by: Option<ColourName>, file: &Path) -> Fault {
    let problem = "expected a theme that does not inherit this one in turn";
    match asked_by {
        Some(name) => name.fault(format!("{problem}, found {:?}", name.name.as_str())),
        None => Fault::of_file(file, problem),
    }
}

fn no_such_theme(name: &str, asked_by: Option<ColourName>, dir: &Path) -> Fault {
    let names = names(dir);
    let others = names.iter().map(SmolStr::as_str).filter(|other| *other != name);
    let problem = unknown_name("theme", name, others);
    match asked_by {
        Some(name) => name.fault(problem),
        None => Fault::of_file(&dir.join(format!("{name}.toml")), problem),
    }
}

/// Puts the files over each other, the last one lowest.
fn resolve(chain: &[ThemeFile]) -> Result<Theme, ConfigError> {
    let mut faults = Vec::new();
    let mut palette: BTreeMap<&str, Color> = BTreeMap::new();
    let mut styles: BTreeMap<&str, &StyleEntry> = BTreeMap::new();
    for file in chain.iter().rev() {
        for (name, value) in &file.palette {
            match colour::parse(&value.name) {
                Some(colour) => _ = palette.insert(name, colour),
                None => faults.push(value.fault(no_colour(&value.name, colour::names()))),
            }
        }
        for entry in &file.styles {
            if ROLES.contains(&entry.role.name.as_str()) {
                styles.insert(&entry.role.name, entry);
            } else {
                let problem = unknown_name("role", &entry.role.name, ROLES.iter().copied());
                faults.push(entry.role.fault(problem));
            }
        }
    }
    let mut paint = |name: Option<&ColourName>| {
        let name = name?;
        let colour = palette
            .get(name.name.as_str())
            .copied()
            .or_else(|| colour::parse(&name.name));
        if colour.is_none() {
            let words = colour::names().map(|name| -> &str { name });
            let known = palette.keys().copied().chain(words);
            faults.push(name.fault(no_colour(&name.name, known)));
        }
        colour
    };
    let mut theme = Theme::default();
    for (role, entry) in &styles {
        let modifiers = [
            (entry.bold, Modifier::BOLD),
            (entry.dim, Modifier::DIM),
            (entry.italic, Modifier::ITALIC),
            (entry.underline, Modifier::UNDERLINED),
            (entry.reverse, Modifier::REVERSED),
        ];
        let style = Style {
            fg: paint(entry.fg.as_ref()),
            bg: paint(entry.bg.as_ref()),
            ..Style::default()
        };
        let wished = modifiers.into_iter().filter(|(wished, _)| *wished);
        theme.set(
            role,
            wished.fold(style, |style, (_, modifier)| style.add_modifier(modifier)),
        );
    }
    let missing: Vec<&str> = ROLES
        .iter()
        .copied()
        .filter(|role| !styles.contains_key(role))
        .collect();
    if let (false, Some(root)) = (missing.is_empty(), chain.last()) {
        let problem = format!(
            "expected a style for every role, found none for {}; inherits = \"dark\" fills in what is left out",
            missing.join(", ")
        );
        faults.push(Fault::of_file(&root.file, problem));
    }
    if faults.is_empty() {
        Ok(theme)
    } else {
        faults.sort_by(|a, b| (&a.file, a.position).cmp(&(&b.file, b.position)));
        Err(ConfigError { faults })
    }
}

fn no_colour<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let hint = suggest(name, known).map(|near| format!("; did you mean {near}?"));
    format!(
        "expected a colour (#rrggbb, a name such as bright-red, 0 to 255, default, or a name of the palette), found {name:?}{}",
        hint.unwrap_or_default()
    )
}

#[cfg(test)]
#[path = "themes_tests.rs"]
mod tests;
