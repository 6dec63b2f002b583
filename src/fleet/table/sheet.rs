//! The rows of a table as of one count of the fleet: their ids in the usual order, and what filtering by words and
//! sorting go by. Each part is made when it is first asked for and then kept until the next count, so that the keys of
//! an operator who types a filter or turns an order round are answered from here.

use std::sync::{Arc, OnceLock};

use super::project::is_searched;
use super::{RowId, Table, TableKind, Value, View};

/// The rank of a row that has no value in a column.
pub(super) const LAST: u32 = u32::MAX;

/// The sheets of all tables.
#[derive(Clone, Debug, Default)]
pub(in crate::fleet) struct Sheets([OnceLock<Sheet>; TableKind::ALL.len()]);

impl Sheets {
    pub(super) fn of<T: Table>(&self, view: &View<'_>) -> &Sheet {
        let Self(sheets) = self;
        // `ALL` names each kind once, in the order of their numbers.
        sheets[T::KIND as usize].get_or_init(|| Sheet::of::<T>(view))
    }
}

/// See the module docs. Places are those of the usual order.
#[derive(Clone, Debug)]
pub(super) struct Sheet {
    ids: Arc<[RowId]>,
    words: OnceLock<Words>,
    /// For each column, the value of each row.
    values: Vec<OnceLock<Box<[Value<'static>]>>>,
    /// For each column, the rank of each row's value among all of them.
    ranks: Vec<OnceLock<Box<[u32]>>>,
}

impl Sheet {
    fn of<T: Table>(view: &View<'_>) -> Self {
        let rows = T::rows(view);
        let mut keyed: Vec<_> = T::keys(view, &rows).into_iter().zip(rows).collect();
        keyed.sort_by(|(a, x), (b, y)| a.cmp(b).then_with(|| T::id(x).cmp(&T::id(y))));
        Self {
            ids: keyed.iter().map(|(_, row)| T::id(row)).collect(),
            words: OnceLock::new(),
            values: vec![OnceLock::new(); T::COLUMNS.len()],
            ranks: vec![OnceLock::new(); T::COLUMNS.len()],
        }
    }

    pub(super) fn ids(&self) -> Arc<[RowId]> {
        Arc::clone(&self.ids)
    }

    pub(super) fn places(&self) -> impl Iterator<Item = u32> {
        (0..).zip(self.ids.iter()).map(|(at, _)| at)
    }

    /// A row as it stands now; `None` when it has gone.
    pub(super) fn row<'a, T: Table>(&self, view: &View<'a>, at: u32) -> Option<T::Row<'a>> {
        T::row(view, self.ids.get(at as usize)?)
    }

    /// What plain words are looked for in.
    pub(super) fn words<T: Table>(&self, view: &View<'_>) -> &Words {
        self.words.get_or_init(|| {
            let searched: Vec<_> = T::COLUMNS.iter().filter(|c| is_searched(&c.info)).collect();
            let mut words = Words::with_room_for(self.ids.len());
            for id in self.ids.iter() {
                if let Some(row) = T::row(view, id) {
                    searched.iter().for_each(|c| words.add(&(c.value)(view, &row)));
                }
                words.end_row();
            }
            words
        })
    }

    /// The value of each row in a column.
    pub(super) fn values<T: Table>(&self, view: &View<'_>, column: usize) -> &[Value<'static>] {
        let (Some(values), Some(column)) = (self.values.get(column), T::COLUMNS.get(column)) else {
            return &[];
        };
        values.get_or_init(|| {
            let value = |id| T::row(view, id).map_or(Value::Missing, |row| (column.value)(view, &row).into_owned());
            self.ids.iter().map(value).collect()
        })
    }

    /// The rank of each row's value in a column, [`LAST`] where it has none. Equal values have equal ranks.
    pub(super) fn ranks<T: Table>(&self, view: &View<'_>, column: usize) -> &[u32] {
        let (Some(ranks), Some(column)) = (self.ranks.get(column), T::COLUMNS.get(column)) else {
            return &[];
        };
        ranks.get_or_init(|| {
            let mut keys = Keys::with_room_for(self.ids.len());
            for id in self.ids.iter() {
                let row = T::row(view, id);
                keys.add(&row.map_or(Value::Missing, |row| (column.value)(view, &row)));
            }
            keys.ranks()
        })
    }
}

/// The sort keys of one column, one behind the other.
struct Keys {
    bytes: Vec<u8>,
    /// Where each row's key ends.
    ends: Vec<usize>,
    /// The rows that have a value.
    rows: Vec<usize>,
}

impl Keys {
    fn with_room_for(rows: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(rows * 32),
            ends: Vec::with_capacity(rows),
            rows: Vec::with_capacity(rows),
        }
    }

    fn add(&mut self, value: &Value<'_>) {
        if *value != Value::Missing {
            value.push_sort_key(&mut self.bytes);
            self.rows.push(self.ends.len());
        }
        self.ends.push(self.bytes.len());
    }

    fn key(&self, row: usize) -> &[u8] {
        let start = row.checked_sub(1).and_then(|before| self.ends.get(before)).copied();
        let end = self.ends.get(row).copied().unwrap_or_default();
        self.bytes.get(start.unwrap_or_default()..end).unwrap_or_default()
    }

    fn ranks(mut self) -> Box<[u32]> {
        let mut rows = std::mem::take(&mut self.rows);
        // Stable, as names mostly come in long ordered runs already.
        rows.sort_by(|a, b| self.key(*a).cmp(self.key(*b)));
        let mut ranks = vec![LAST; self.ends.len()];
        let mut rank = 0;
        let mut before = None;
        for row in rows {
            let key = self.key(row);
            rank += u32::from(before.is_some_and(|before| before != key));
            before = Some(key);
            if let Some(slot) = ranks.get_mut(row) {
                *slot = rank;
            }
        }
        ranks.into()
    }
}

/// The words of all rows in lower case.
#[derive(Clone, Debug, Default)]
pub(super) struct Words {
    /// Every word is followed by a [`Words::GAP`].
    text: String,
    /// Where each row ends.
    ends: Vec<usize>,
}

impl Words {
    /// What stands between two words: no word has it.
    const GAP: char = '\0';

    fn with_room_for(rows: usize) -> Self {
        Self {
            text: String::with_capacity(rows * 100),
            ends: Vec::with_capacity(rows),
        }
    }

    fn add(&mut self, value: &Value<'_>) {
        let start = self.text.len();
        let text = value.text();
        if text.is_ascii() {
            self.text.push_str(&text);
            if let Some(added) = self.text.get_mut(start..) {
                added.make_ascii_lowercase();
            }
        } else {
            self.text.push_str(&text.to_lowercase());
        }
        self.text.push(Self::GAP);
    }

    fn end_row(&mut self) {
        self.ends.push(self.text.len());
    }

    /// Whether a row has a word, given in lower case.
    pub(super) fn contain(&self, at: u32, lower: &str) -> bool {
        let at = at as usize;
        let start = at.checked_sub(1).map_or(Some(&0), |before| self.ends.get(before));
        let row = match (start, self.ends.get(at)) {
            (Some(start), Some(end)) => self.text.get(*start..*end),
            _ => None,
        };
        row.is_some_and(|row| row.contains(lower))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn words_are_found_in_the_rows_that_have_them(
            rows in proptest::collection::vec(proptest::collection::vec("[aAbBéÉ ]{0,4}", 0..3), 1..4),
            word in "[abé ]{1,2}",
        ) {
            let mut words = Words::with_room_for(rows.len());
            for row in &rows {
                row.iter().for_each(|text| words.add(&Value::owned(text)));
                words.end_row();
            }
            for (at, row) in (0..).zip(&rows) {
                let found = row.iter().any(|text| Value::owned(text).contains(&word));
                prop_assert_eq!(words.contain(at, &word), found, "{:?}", row);
            }
            prop_assert!(!words.contain(9, &word), "there is no such row");
        }
    }
}
