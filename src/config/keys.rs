//! `[columns]` and `[keys]`: names that other parts of the program give meaning to.

use std::collections::BTreeMap;

use smol_str::SmolStr;

use super::Vocabulary;
use super::reader::Table;
use super::suggest::unknown;

/// The columns to show, per table.
pub(super) fn read_columns(table: &Table<'_>, vocabulary: &Vocabulary<'_>) -> BTreeMap<SmolStr, Vec<SmolStr>> {
    let mut shown = BTreeMap::new();
    for (name, value) in table.entries() {
        let Some((_, columns)) = vocabulary.columns.iter().find(|(known, _)| *known == name) else {
            value.key_fault(unknown("table", name, vocabulary.columns.iter().map(|(name, _)| *name)));
            continue;
        };
        let mut chosen: Vec<SmolStr> = Vec::new();
        let Some(items) = value.list("a list of columns") else {
            continue;
        };
        if items.is_empty() {
            value.fault("expected at least one column");
        }
        for item in items {
            let Some(column) = item.text("the name of a column") else {
                continue;
            };
            if !columns.contains(&column) {
                item.fault(unknown("column", column, columns.iter().copied()));
            } else if chosen.iter().any(|known| known == column) {
                item.fault(format!("\"{column}\" is already in the list"));
            } else {
                chosen.push(column.into());
            }
        }
        shown.insert(name.into(), chosen);
    }
    shown
}

/// The keys of actions: one, or a list.
pub(super) fn read_keys(table: &Table<'_>, vocabulary: &Vocabulary<'_>) -> BTreeMap<SmolStr, Vec<SmolStr>> {
    let mut bound = BTreeMap::new();
    for (action, value) in table.entries() {
        if !vocabulary.actions.contains(&action) {
            value.key_fault(unknown("action", action, vocabulary.actions.iter().copied()));
            continue;
        }
        let mut keys = Vec::new();
        for item in value.one_or_list() {
            match item
                .text("a key, such as \"ctrl-d\", or a list of keys")
                .map(|key| (key, (vocabulary.check_key)(key)))
            {
                Some((key, Ok(()))) => keys.push(SmolStr::new(key)),
                Some((_, Err(problem))) => item.fault(problem),
                None => {}
            }
        }
        bound.insert(action.into(), keys);
    }
    bound
}
