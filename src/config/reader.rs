//! A TOML file as a tree that remembers where each value stands and what its key is called.
//!
//! Every reader returns `None` after noting a fault, so that reading goes on and finds the others too.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;
use std::ops::RangeInclusive;
use std::path::Path;

use smol_str::SmolStr;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::fault::{ConfigError, Fault, Lines, Position};
use super::suggest::unknown_name;

/// The longest found text that is shown in full.
const SHOWN: usize = 40;

/// Reads a file's text through `body`. Gives what it made when there was no fault, else all faults.
pub(super) fn read<T>(file: &Path, text: &str, body: impl FnOnce(&mut Table<'_>) -> T) -> Result<T, ConfigError> {
    let (root, errors) = DeTable::parse_recoverable(text);
    let source = Source {
        file,
        lines: Lines::new(text),
        faults: RefCell::default(),
    };
    if !errors.is_empty() {
        // One mistake often upsets the rest of its line: the first fault of a line tells enough.
        let mut lines = BTreeSet::new();
        for error in errors {
            let offset = error.span().map_or(0, |span| span.start);
            if lines.insert(source.lines.position(offset).line) {
                source.note(offset, String::new(), format!("not TOML: {}", error.message()));
            }
        }
        return Err(source.into_error());
    }
    let mut table = Table {
        source: &source,
        entries: root.get_ref(),
        path: String::new(),
        offset: 0,
        asked: Vec::new(),
    };
    let made = body(&mut table);
    table.finish();
    if source.faults.borrow().is_empty() {
        Ok(made)
    } else {
        Err(source.into_error())
    }
}

struct Source<'r> {
    file: &'r Path,
    lines: Lines<'r>,
    faults: RefCell<Vec<(usize, Fault)>>,
}

impl Source<'_> {
    fn note(&self, offset: usize, key: String, problem: String) {
        let fault = Fault {
            file: self.file.to_owned(),
            position: Some(self.lines.position(offset)),
            key,
            problem,
        };
        self.faults.borrow_mut().push((offset, fault));
    }

    fn into_error(self) -> ConfigError {
        let mut faults = self.faults.into_inner();
        faults.sort_by_key(|(offset, _)| *offset);
        ConfigError {
            faults: faults.into_iter().map(|(_, fault)| fault).collect(),
        }
    }
}

/// A table that knows which of its keys were asked for: the others are unknown.
pub(super) struct Table<'r> {
    source: &'r Source<'r>,
    entries: &'r DeTable<'r>,
    path: String,
    offset: usize,
    asked: Vec<&'static str>,
}

impl<'r> Table<'r> {
    /// The value of a key, if the key is there.
    pub(super) fn get(&mut self, key: &'static str) -> Option<Value<'r>> {
        self.asked.push(key);
        self.entries.get(key).map(|value| self.value(key, value))
    }

    /// The table of a key; without faults, and `None`, if the key is not there. Finish it with [`Table::finish`].
    pub(super) fn table(&mut self, key: &'static str) -> Option<Table<'r>> {
        self.get(key)?.table()
    }

    /// All entries with their key, in the order of the file, for a table whose keys are free.
    pub(super) fn entries(&self) -> Vec<(&'r str, Value<'r>)> {
        let mut entries: Vec<_> = self.entries.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        entries
            .into_iter()
            .map(|(key, value)| {
                let mut value = self.value(key.get_ref(), value);
                value.key_offset = key.span().start;
                (key.get_ref().as_ref(), value)
            })
            .collect()
    }

    fn value(&self, key: &str, value: &'r Spanned<DeValue<'r>>) -> Value<'r> {
        let bare = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
        let dot = if self.path.is_empty() { "" } else { "." };
        let quote = if bare { "" } else { "\"" };
        Value {
            source: self.source,
            value: value.get_ref(),
            path: format!("{}{dot}{quote}{key}{quote}", self.path),
            offset: value.span().start,
            key_offset: value.span().start,
        }
    }

    /// Notes a fault of the table as a whole.
    pub(super) fn fault(&self, problem: impl Into<String>) {
        self.source.note(self.offset, self.path.clone(), problem.into());
    }

    /// Notes the keys that nobody asked for.
    pub(super) fn finish(self) {
        for (key, _) in self.entries.iter() {
            let name = key.get_ref().as_ref();
            if self.asked.contains(&name) {
                continue;
            }
            let dot = if self.path.is_empty() { "" } else { "." };
            let problem = unknown_name("key", name, self.asked.iter().copied());
            self.source
                .note(key.span().start, format!("{}{dot}{name}", self.path), problem);
        }
    }
}

/// A value with its place.
#[derive(Clone)]
pub(super) struct Value<'r> {
    source: &'r Source<'r>,
    value: &'r DeValue<'r>,
    path: String,
    offset: usize,
    key_offset: usize,
}

impl<'r> Value<'r> {
    /// Where it stands.
    pub(super) fn position(&self) -> Position {
        self.source.lines.position(self.offset)
    }

    /// Where its key stands, for values that [`Table::entries`] gave.
    pub(super) fn key_position(&self) -> Position {
        self.source.lines.position(self.key_offset)
    }

    /// What its key is called.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// Notes a fault.
    pub(super) fn fault(&self, problem: impl Into<String>) {
        self.source.note(self.offset, self.path.clone(), problem.into());
    }

    /// Notes a fault of its key. The key's place is known for values that [`Table::entries`] gave.
    pub(super) fn key_fault(&self, problem: impl Into<String>) {
        self.source.note(self.key_offset, self.path.clone(), problem.into());
    }

    /// Notes that something else was expected.
    pub(super) fn wrong(&self, expected: impl fmt::Display) {
        self.fault(format!("expected {expected}, found {}", Found(self.value)));
    }

    /// Whether it is a table.
    pub(super) fn is_table(&self) -> bool {
        self.value.is_table()
    }

    /// Whether it is a whole number.
    pub(super) fn is_whole(&self) -> bool {
        self.value.is_integer()
    }

    /// A text.
    pub(super) fn text(&self, expected: &str) -> Option<&'r str> {
        let text = self.value.as_str();
        if text.is_none() {
            self.wrong(expected);
        }
        text
    }

    /// A text that `parse` understands.
    pub(super) fn parsed<T>(&self, expected: &str, parse: impl FnOnce(&'r str) -> Option<T>) -> Option<T> {
        let parsed = self.value.as_str().and_then(parse);
        if parsed.is_none() {
            self.wrong(expected);
        }
        parsed
    }

    /// One of these words.
    pub(super) fn word<T: Copy>(&self, words: &[(&str, T)]) -> Option<T> {
        let names: Vec<&str> = words.iter().map(|(name, _)| *name).collect();
        self.parsed(&format!("one of {}", names.join(", ")), |text| {
            words.iter().find(|(name, _)| *name == text).map(|(_, value)| *value)
        })
    }

    /// True or false.
    pub(super) fn flag(&self) -> Option<bool> {
        let flag = self.value.as_bool();
        if flag.is_none() {
            self.wrong("true or false");
        }
        flag
    }

    /// A whole number within bounds.
    pub(super) fn whole(&self, expected: &str, bounds: RangeInclusive<i64>) -> Option<i64> {
        let number = match self.value {
            DeValue::Integer(digits) => i64::from_str_radix(digits.as_str(), digits.radix()).ok(),
            _ => None,
        };
        let number = number.filter(|number| bounds.contains(number));
        if number.is_none() {
            self.wrong(format_args!("{expected} from {} to {}", bounds.start(), bounds.end()));
        }
        number
    }

    /// A finite number above 0.
    pub(super) fn positive(&self, expected: &str) -> Option<f64> {
        let number = match self.value {
            DeValue::Integer(number) if number.radix() == 10 => number.as_str().parse::<f64>().ok(),
            DeValue::Float(number) => number.as_str().parse::<f64>().ok(),
            _ => None,
        };
        let number = number.filter(|number| number.is_finite() && *number > 0.0);
        if number.is_none() {
            self.wrong(expected);
        }
        number
    }

    /// A list, each item with its place.
    pub(super) fn list(&self, expected: &str) -> Option<Vec<Value<'r>>> {
        let Some(items) = self.value.as_array() else {
            self.wrong(expected);
            return None;
        };
        let item = |(i, item): (usize, &'r Spanned<DeValue<'r>>)| Value {
            source: self.source,
            value: item.get_ref(),
            path: format!("{}[{i}]", self.path),
            offset: item.span().start,
            key_offset: item.span().start,
        };
        Some(items.iter().enumerate().map(item).collect())
    }

    /// A list, or one item in place of a list of one.
    pub(super) fn one_or_list(&self) -> Vec<Value<'r>> {
        match self.value {
            DeValue::Array(_) => self.list("").unwrap_or_default(),
            _ => vec![self.clone()],
        }
    }

    /// A list of texts that `parse` understands, without doubles. Items that are at fault are left out.
    pub(super) fn names(&self, expected: &str, parse: impl Fn(&str) -> bool) -> Option<Vec<SmolStr>> {
        let mut names: Vec<SmolStr> = Vec::new();
        for item in self.list(&format!("a list, each item {expected}"))? {
            let Some(name) = item.parsed(expected, |text| parse(text).then(|| SmolStr::new(text))) else {
                continue;
            };
            if names.contains(&name) {
                item.fault(format!("\"{name}\" is already in the list"));
            } else {
                names.push(name);
            }
        }
        Some(names)
    }

    /// A table. Finish it with [`Table::finish`].
    pub(super) fn table(&self) -> Option<Table<'r>> {
        let Some(entries) = self.value.as_table() else {
            self.wrong("a table");
            return None;
        };
        Some(Table {
            source: self.source,
            entries,
            path: self.path.clone(),
            offset: self.offset,
            asked: Vec::new(),
        })
    }
}

/// What was found, in a few words.
struct Found<'a>(&'a DeValue<'a>);

impl fmt::Display for Found<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            DeValue::String(text) if text.chars().count() > SHOWN => {
                let start: String = text.chars().take(SHOWN).collect();
                write!(f, "{start:?}…")
            }
            DeValue::String(text) => write!(f, "{text:?}"),
            DeValue::Integer(number) => write!(f, "{number}"),
            DeValue::Float(number) => write!(f, "{number}"),
            DeValue::Boolean(flag) => write!(f, "{flag}"),
            DeValue::Datetime(at) => write!(f, "{at}"),
            DeValue::Array(items) if items.is_empty() => f.write_str("an empty list"),
            DeValue::Array(_) => f.write_str("a list"),
            DeValue::Table(_) => f.write_str("a table"),
        }
    }
}

#[cfg(test)]
mod tests;
