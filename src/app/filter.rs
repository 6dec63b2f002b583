//! Filtering: the line is applied as it is typed; Enter keeps it, Esc goes back to the one before.

use super::key::{Key, KeyCode};
use super::line;
use super::update::Turn;
use super::{Effect, Pane};
use crate::fleet::query::{Op, Query, Term};
use crate::fleet::{Offer, Severity};

/// How many filters are remembered.
const REMEMBERED: usize = 50;

/// A term as it must be written in a filter line.
pub(super) fn quoted(term: &str) -> String {
    if term.contains(char::is_whitespace) {
        format!("\"{term}\"")
    } else {
        term.to_owned()
    }
}

impl Turn<'_> {
    /// Begins to type the filter of the pane with the focus, or of the screen's main pane where that shows no table.
    pub(super) fn start_filter(&mut self) {
        let focused = self.state.focused();
        let pane = match focused.table() {
            Some(_) => focused,
            None => match self.state.screen.main_pane() {
                Some(pane) => pane,
                None => return self.say(Severity::Info, "there is nothing to filter here"),
            },
        };
        self.focus(pane);
        let Some(table) = self.state.tables.get_mut(&pane) else {
            return;
        };
        self.state.line_before = table.line.value().to_owned();
        table.line = std::mem::take(&mut table.line).with_cursor(usize::MAX);
        self.state.recalled = None;
        // So that the first letter finds all words ready.
        self.state.made.stale = true;
        self.set(|s| &mut s.filtering, Some(pane));
    }

    pub(super) fn filter_key(&mut self, key: Key) {
        let Some(pane) = self.state.filtering else { return };
        match key.code() {
            KeyCode::Enter => self.keep_filter(),
            KeyCode::Esc => self.drop_filter(),
            KeyCode::Up => self.recall(pane, 1),
            KeyCode::Down => self.recall(pane, -1),
            KeyCode::PageUp => self.move_pages(-1),
            KeyCode::PageDown => self.move_pages(1),
            _ => {
                let Some(table) = self.state.tables.get_mut(&pane) else {
                    return;
                };
                match line::edit(&mut table.line, key) {
                    line::Edited::Text => self.apply_filter(pane),
                    line::Edited::Cursor => self.touch(),
                    line::Edited::Nothing => {}
                }
            }
        }
    }

    pub(super) fn paste(&mut self, text: &str) {
        if !self.state.overlays.is_empty() {
            return self.paste_into_overlay(text);
        }
        let Some(pane) = self.state.filtering else { return };
        let Some(table) = self.state.tables.get_mut(&pane) else {
            return;
        };
        if line::paste(&mut table.line, text) {
            self.apply_filter(pane);
        }
    }

    /// Puts the line as it stands in force.
    fn apply_filter(&mut self, pane: Pane) {
        let Some(table) = self.state.tables.get_mut(&pane) else {
            return;
        };
        let query = Query::parse(table.line.value());
        if query != table.query {
            table.query = query;
            self.state.made.stale = true;
        }
        self.touch();
    }

    /// Ends typing and keeps the filter.
    pub(super) fn keep_filter(&mut self) {
        let Some(pane) = self.state.filtering.take() else {
            return;
        };
        self.touch();
        let Some(table) = self.state.tables.get(&pane) else {
            return;
        };
        let line = table.line.value().trim().to_owned();
        if !line.is_empty() {
            self.state.filters.retain(|known| *known != line);
            self.state.filters.push(line);
            if self.state.filters.len() > REMEMBERED {
                self.state.filters.remove(0);
            }
        }
        if pane == Pane::Prices {
            self.want_prices();
        }
    }

    /// Ends typing and goes back to the filter from before.
    pub(super) fn drop_filter(&mut self) {
        let Some(pane) = self.state.filtering.take() else {
            return;
        };
        let before = std::mem::take(&mut self.state.line_before);
        if let Some(table) = self.state.tables.get_mut(&pane) {
            table.line = before.into();
        }
        self.touch();
        self.apply_filter(pane);
    }

    /// Brings back a filter kept earlier: 1 is one further back.
    fn recall(&mut self, pane: Pane, by: isize) {
        let Some(table) = self.state.tables.get_mut(&pane) else {
            return;
        };
        let kept = self.state.filters.len();
        let (at, typed) = match self.state.recalled.take() {
            Some(recalled) => recalled,
            None => (0, table.line.value().to_owned()),
        };
        let to = at.saturating_add_signed(by).min(kept);
        let line = match to {
            0 => typed.clone(),
            n => kept
                .checked_sub(n)
                .and_then(|i| self.state.filters.get(i).cloned())
                .unwrap_or_default(),
        };
        if to > 0 {
            self.state.recalled = Some((to, typed));
        }
        if line != table.line.value() {
            table.line = line.into();
            self.apply_filter(pane);
        }
    }

    /// Takes one term out of a pane's filter.
    pub(super) fn remove_term(&mut self, pane: Pane, at: usize) {
        let Some(table) = self.state.tables.get_mut(&pane) else {
            return;
        };
        if at >= table.query.terms.len() {
            return;
        }
        let left = table.query.terms.iter().enumerate().filter(|(i, _)| *i != at);
        let line: Vec<_> = left.map(|(_, term)| quoted(&term.text)).collect();
        table.line = line.join(" ").into();
        self.apply_filter(pane);
    }

    pub(super) fn toggle_faults(&mut self) {
        let Some(table) = self.state.tables.get_mut(&self.state.focused()) else {
            return;
        };
        table.faults_only = !table.faults_only;
        self.touch_rows();
    }

    /// Asks for the prices of instance types that a kept filter names and no row has.
    fn want_prices(&mut self) {
        let Some(table) = self.state.tables.get(&Pane::Prices) else {
            return;
        };
        let known = self.state.fleet.market().offers();
        let types: Vec<_> = table.query.terms.iter().filter_map(named_type).collect();
        let regions: std::collections::BTreeSet<_> = self
            .state
            .fleet
            .feeds()
            .keys()
            .filter_map(|feed| match &feed.source {
                crate::fleet::Source::Aws(scope) => Some(scope.region.clone()),
                _ => None,
            })
            .collect();
        let mut wanted = vec![];
        for instance_type in &types {
            let offers = regions.iter().map(|region| Offer::new(region, instance_type));
            wanted.extend(offers.filter(|offer| !known.contains(&offer)));
        }
        if wanted.is_empty() {
            return;
        }
        let names: Vec<_> = types.iter().map(|t| t.to_string()).collect();
        self.say(Severity::Info, format!("asking for the prices of {}", names.join(", ")));
        let wanted = wanted.into_iter().map(|o| (o.region, o.instance_type)).collect();
        self.effect(Effect::WantPrices(wanted));
    }
}

/// The instance type a term asks for, when it asks for one: `m7g.large`, `type:m7g.large`.
fn named_type(term: &Term) -> Option<&str> {
    let by_type = term.column.as_deref().is_none_or(|column| column == "type");
    let (family, size) = term.value.split_once('.')?;
    let letters = |s: &str| s.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    let named = by_type
        && !term.negated
        && matches!(term.op, Op::Has | Op::Is)
        && family.starts_with(|c: char| c.is_ascii_lowercase())
        && family.contains(|c: char| c.is_ascii_digit())
        && letters(family)
        && size.len() >= 4
        && letters(size);
    named.then_some(term.value.as_str())
}
