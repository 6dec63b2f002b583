//! `[columns]` and `[keys]`: what tables show and what keys do.

use std::collections::BTreeMap;

use smol_str::SmolStr;

use super::Vocabulary;
use super::reader::Table;
use super::suggest::unknown_name;
use crate::fleet::table::TableKind;

/// The columns to show, per table.
pub(super) fn read_columns(table: &Table<'_>) -> BTreeMap<TableKind, Vec<&'static str>> {
    let mut shown = BTreeMap::new();
    for (name, value) in table.entries() {
        let Some(kind) = TableKind::ALL.into_iter().find(|kind| kind.name() == name) else {
            value.key_fault(unknown_name("table", name, TableKind::ALL.map(TableKind::name)));
            continue;
        };
        let Some(items) = value.list("a list of columns") else {
            continue;
        };
        if items.is_empty() {
            value.fault("expected at least one column");
        }
        let known: Vec<&'static str> = kind.columns().iter().map(|column| column.name).collect();
        let mut chosen = Vec::new();
        for item in items {
            let Some(name) = item.text("the name of a column") else {
                continue;
            };
            match known.iter().find(|known| **known == name) {
                None => item.fault(unknown_name("column", name, known.iter().copied())),
                Some(_) if chosen.contains(&name) => item.fault(format!("\"{name}\" is already in the list")),
                Some(column) => chosen.push(*column),
            }
        }
        shown.insert(kind, chosen);
    }
    shown
}

/// The keys of actions: one, or a list.
pub(super) fn read_keys(table: &Table<'_>, vocabulary: &Vocabulary<'_>) -> BTreeMap<SmolStr, Vec<SmolStr>> {
    let mut bound = BTreeMap::new();
    for (action, value) in table.entries() {
        if !vocabulary.actions.contains(&action) {
            value.key_fault(unknown_name("action", action, vocabulary.actions.iter().copied()));
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
