//! Theme files: which role gets which colours. What a colour's name means is not known here.

use std::path::{Path, PathBuf};

use smol_str::SmolStr;

use super::fault::{ConfigError, Fault, Position};
use super::reader::{self, Table, Value};
use super::settings::theme_name;

/// A theme as it is written: names of colours, not colours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThemeFile {
    /// The file's name in messages.
    pub file: PathBuf,
    /// The theme that says what this one does not.
    pub inherits: Option<ColourName>,
    /// `[palette]`: the file's own names for colours, in the order of the file.
    pub palette: Vec<(SmolStr, ColourName)>,
    /// `[styles]`: the roles, in the order of the file.
    pub styles: Vec<StyleEntry>,
}

/// A name in a theme file, with its place for messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColourName {
    /// The name: a colour, an entry of the palette, or another theme.
    pub name: SmolStr,
    /// The file it stands in.
    pub file: PathBuf,
    /// The key it is the value of.
    pub key: String,
    /// Where it stands.
    pub position: Position,
}

impl ColourName {
    /// A fault of this name.
    pub fn fault(&self, problem: impl Into<String>) -> Fault {
        Fault {
            file: self.file.clone(),
            position: Some(self.position),
            key: self.key.clone(),
            problem: problem.into(),
        }
    }
}

/// What a theme file says of one role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StyleEntry {
    /// The role, as the file names it, at the place of its key.
    pub role: ColourName,
    /// Colour of the text.
    pub fg: Option<ColourName>,
    /// Colour behind the text.
    pub bg: Option<ColourName>,
    /// Bold.
    pub bold: bool,
    /// Dim.
    pub dim: bool,
    /// Italic.
    pub italic: bool,
    /// Underlined.
    pub underline: bool,
    /// Text and background swapped.
    pub reverse: bool,
}

const COLOUR: &str = "a colour: \"#rrggbb\", a name such as \"bright-red\", a number from 0 to 255, \"default\", or a name of the palette";

/// Reads the text of a theme file. `file` is its name in messages.
pub fn read_theme(file: &Path, text: &str) -> Result<ThemeFile, ConfigError> {
    reader::read(file, text, |table| {
        // Shown where themes are picked from; read here so that it is not an unknown key.
        if let Some(about) = table.get("about") {
            about.text("a line about the theme");
        }
        let inherits = table
            .get("inherits")
            .and_then(|value| Some((value.parsed("the name of a theme", theme_name)?, value)))
            .map(|(name, value)| named(file, &value, name));
        let palette = table.table("palette").map(|table| table.entries()).unwrap_or_default();
        let styles = table.table("styles").map(|table| table.entries()).unwrap_or_default();
        ThemeFile {
            file: file.to_owned(),
            inherits,
            palette: palette
                .iter()
                .filter_map(|(name, value)| Some((SmolStr::new(name), colour(file, value)?)))
                .collect(),
            styles: styles
                .iter()
                .filter_map(|(role, value)| read_style(file, role, value))
                .collect(),
        }
    })
}

fn named(file: &Path, value: &Value<'_>, name: SmolStr) -> ColourName {
    ColourName {
        name,
        file: file.to_owned(),
        key: value.path().to_owned(),
        position: value.position(),
    }
}

fn colour(file: &Path, value: &Value<'_>) -> Option<ColourName> {
    let name = match value.is_whole() {
        true => value.whole("a colour's number", 0..=255)?.to_string().into(),
        false => value.text(COLOUR)?.into(),
    };
    Some(named(file, value, name))
}

fn read_style(file: &Path, role: &str, value: &Value<'_>) -> Option<StyleEntry> {
    let mut entry = StyleEntry {
        role: ColourName {
            position: value.key_position(),
            ..named(file, value, role.into())
        },
        fg: None,
        bg: None,
        bold: false,
        dim: false,
        italic: false,
        underline: false,
        reverse: false,
    };
    if !value.is_table() {
        entry.fg = Some(colour(file, value)?);
        return Some(entry);
    }
    let mut table = value.table()?;
    let mut paint = |key| table.get(key).and_then(|value| colour(file, &value));
    (entry.fg, entry.bg) = (paint("fg"), paint("bg"));
    let flag = |table: &mut Table<'_>, key| table.get(key).and_then(|value| value.flag()).unwrap_or_default();
    entry.bold = flag(&mut table, "bold");
    entry.dim = flag(&mut table, "dim");
    entry.italic = flag(&mut table, "italic");
    entry.underline = flag(&mut table, "underline");
    entry.reverse = flag(&mut table, "reverse");
    table.finish();
    Some(entry)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_theme() {
        let text = "about = \"mine\"\ninherits = \"dark\"\n[palette]\nsky = \"#88aaff\"\n[styles]\naccent = \"sky\"\n\
                    chip = { fg = 0, bg = \"sky\", bold = true }\n";
        let theme = read_theme(Path::new("mine.toml"), text).unwrap();
        assert_eq!(theme.inherits.unwrap().name, "dark");
        let (name, sky) = theme.palette.first().unwrap();
        assert_eq!((name.as_str(), sky.name.as_str()), ("sky", "#88aaff"));
        let [accent, chip] = theme.styles.as_slice() else {
            panic!("two styles")
        };
        assert_eq!(accent.role.name, "accent");
        assert_eq!(accent.role.position, Position { line: 6, column: 1 });
        assert_eq!(accent.fg.as_ref().unwrap().name, "sky");
        assert_eq!(accent.fg.as_ref().unwrap().position, Position { line: 6, column: 10 });
        assert_eq!(chip.fg.as_ref().unwrap().name, "0");
        assert_eq!(chip.bg.as_ref().unwrap().name, "sky");
        assert!(chip.bold && !chip.reverse);
        let fault = chip.bg.as_ref().unwrap().fault("no such colour");
        assert_eq!(fault.to_string(), "mine.toml:7:23: styles.chip.bg: no such colour");
    }

    #[test]
    fn tells_what_is_wrong_with_a_theme() {
        let text = "inherits = \"../dark\"\n[palette]\na = 300\n[styles]\ntext = { fg = true, bold = 1, blink = true }\nb = []\n";
        let error = read_theme(Path::new("t.toml"), text).unwrap_err();
        let keys: Vec<&str> = error.faults.iter().map(|fault| fault.key.as_str()).collect();
        let expected = [
            "inherits",
            "palette.a",
            "styles.text.fg",
            "styles.text.bold",
            "styles.text.blink",
            "styles.b",
        ];
        assert_eq!(keys, expected);
    }
}
