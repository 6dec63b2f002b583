//! Tables as CSV (RFC 4180): plain values, quoted where they must be.

use std::borrow::Cow;

use super::{Rows, TableKind, View};

/// Rows of a table as CSV, with the columns' names as the first line. Columns that the table does not have are
/// left out; rows that are gone are too.
pub fn csv(kind: TableKind, view: &View<'_>, ids: &Rows, columns: &[&str]) -> String {
    let all = kind.columns();
    let places: Vec<_> = columns
        .iter()
        .filter_map(|name| all.iter().position(|c| c.name == *name))
        .collect();
    let mut text = String::new();
    line(&mut text, places.iter().filter_map(|i| Some(all.get(*i)?.name.into())));
    for row in ids.iter().filter_map(|id| kind.row(view, id)) {
        line(
            &mut text,
            places.iter().filter_map(|i| Some(row.values.get(*i)?.plain())),
        );
    }
    text
}

/// One record, without its line end.
pub fn record<'a>(fields: impl IntoIterator<Item = &'a str>) -> String {
    let mut text = String::new();
    line(&mut text, fields.into_iter().map(Cow::Borrowed));
    text.truncate(text.trim_end_matches("\r\n").len());
    text
}

/// Appends one record.
fn line<'a>(text: &mut String, fields: impl Iterator<Item = Cow<'a, str>>) {
    for (i, field) in fields.enumerate() {
        if i > 0 {
            text.push(',');
        }
        text.push_str(&quoted(&field));
    }
    text.push_str("\r\n");
}

/// A field as it stands in a record: in quotes where it needs them.
pub fn quoted(field: &str) -> Cow<'_, str> {
    let edge = |c: char| c == ' ' || c == '\t';
    if field.contains(['"', ',', '\n', '\r']) || field.starts_with(edge) || field.ends_with(edge) {
        format!("\"{}\"", field.replace('"', "\"\"")).into()
    } else {
        field.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Reads CSV back, by RFC 4180.
    fn read(text: &str) -> Vec<Vec<String>> {
        let mut rows = vec![];
        let (mut row, mut field, mut quoted) = (vec![], String::new(), false);
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            match (c, quoted) {
                ('"', true) if chars.peek() == Some(&'"') => {
                    chars.next();
                    field.push('"');
                }
                ('"', _) => quoted = !quoted,
                (',', false) => row.push(std::mem::take(&mut field)),
                ('\r', false) => {}
                ('\n', false) => {
                    row.push(std::mem::take(&mut field));
                    rows.push(std::mem::take(&mut row));
                }
                (c, _) => field.push(c),
            }
        }
        rows
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(fields in prop::collection::vec("[a-z ,\"\r\n\t\u{e9}]{0,8}", 1..5)) {
            let mut text = String::new();
            line(&mut text, fields.iter().map(|f| f.as_str().into()));
            prop_assert_eq!(read(&text), vec![fields]);
        }
    }

    #[test]
    fn only_what_needs_it_is_quoted() {
        assert_eq!(quoted("i-0a1b"), "i-0a1b");
        assert_eq!(quoted("a,b"), "\"a,b\"");
        assert_eq!(quoted("say \"hi\""), "\"say \"\"hi\"\"\"");
    }
}
