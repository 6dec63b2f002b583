//! The filter language: `web !spot arch:arm64 age<2h price>0.1`.
//!
//! Terms stand side by side and must all hold. A plain word is looked for in the usual columns of words; `column:word`
//! in one column; `=` asks for the whole value; `<`, `<=`, `>`, `>=` compare in the column's own unit; `!`
//! turns a term round; `"…"` keeps spaces together. Parsing never fails: a term that cannot apply to a table
//! (unknown column, no number where one is needed) is named as inactive and does not filter.

use super::table::Value;

/// A parsed filter.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Query {
    /// Its terms, in order.
    pub terms: Vec<Term>,
}

/// One term of a filter.
#[derive(Clone, Debug, PartialEq)]
pub struct Term {
    /// As typed.
    pub text: String,
    /// Whether it began with `!`.
    pub negated: bool,
    /// The column named, in lower case.
    pub column: Option<String>,
    /// How the value is compared.
    pub op: Op,
    /// What is looked for, in lower case.
    pub value: String,
}

/// How a term compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Contains.
    Has,
    /// Is, whole.
    Is,
    /// Less than.
    Less,
    /// At most.
    AtMost,
    /// Greater than.
    Greater,
    /// At least.
    AtLeast,
}

impl Query {
    /// Parses a filter line; never fails.
    pub fn parse(line: &str) -> Self {
        Self {
            terms: words(line).into_iter().filter_map(|w| Term::parse(&w)).collect(),
        }
    }

    /// Whether nothing is asked.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }
}

/// Splits at spaces that are not within double quotes; quotes are dropped.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![];
    let mut word = String::new();
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '"' => quoted = !quoted,
            c if c.is_whitespace() && !quoted => words.push(std::mem::take(&mut word)),
            c => word.push(c),
        }
    }
    words.push(word);
    words.retain(|w| !w.is_empty());
    words
}

impl Term {
    fn parse(word: &str) -> Option<Self> {
        let (negated, body) = match word.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, word),
        };
        if body.is_empty() {
            return None;
        }
        let (column, op, value) = match body.find([':', '=', '<', '>']).map(|at| body.split_at(at)) {
            Some((column, rest)) if !column.is_empty() && column.chars().all(is_column_char) => {
                let (op, value) = [
                    ("<=", Op::AtMost),
                    (">=", Op::AtLeast),
                    ("<", Op::Less),
                    (">", Op::Greater),
                    ("=", Op::Is),
                    (":", Op::Has),
                ]
                .iter()
                .find_map(|(sign, op)| Some((*op, rest.strip_prefix(sign)?)))?;
                (Some(column.to_lowercase()), op, value)
            }
            _ => (None, Op::Has, body),
        };
        Some(Self {
            text: word.to_owned(),
            negated,
            column,
            op,
            value: value.to_lowercase(),
        })
    }

    /// Whether a value of the named column meets the term; `None` when the two cannot be compared.
    pub(super) fn meets(&self, value: &Value<'_>) -> Option<bool> {
        let met = match self.op {
            Op::Has => value.contains(&self.value),
            Op::Is => match value.compare_text(&self.value) {
                Some(order) => order.is_eq(),
                None => value.text().eq_ignore_ascii_case(&self.value),
            },
            _ if matches!(value, Value::Missing) => false,
            op => {
                let order = value.compare_text(&self.value)?;
                match op {
                    Op::Less => order.is_lt(),
                    Op::AtMost => order.is_le(),
                    Op::Greater => order.is_gt(),
                    _ => order.is_ge(),
                }
            }
        };
        Some(met != self.negated)
    }
}

fn is_column_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '-'
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn term(word: &str) -> (bool, Option<String>, Op, String) {
        let t = Query::parse(word).terms.remove(0);
        (t.negated, t.column, t.op, t.value)
    }

    #[test]
    fn terms_are_read_as_typed() {
        assert_eq!(term("Web"), (false, None, Op::Has, "web".into()));
        assert_eq!(term("!spot"), (true, None, Op::Has, "spot".into()));
        assert_eq!(
            term("arch:arm64"),
            (false, Some("arch".into()), Op::Has, "arm64".into())
        );
        assert_eq!(term("age<2h"), (false, Some("age".into()), Op::Less, "2h".into()));
        assert_eq!(
            term("price>=0.1"),
            (false, Some("price".into()), Op::AtLeast, "0.1".into())
        );
        assert_eq!(
            term("!state=Ready"),
            (true, Some("state".into()), Op::Is, "ready".into())
        );
    }

    #[test]
    fn quotes_keep_spaces_and_odd_words_are_plain() {
        let query = Query::parse("  \"pi 4b\"  :x  a.b:c ");
        let values: Vec<_> = query
            .terms
            .iter()
            .map(|t| (t.column.clone(), t.value.as_str()))
            .collect();
        assert_eq!(values, [(None, "pi 4b"), (None, ":x"), (None, "a.b:c")]);
        assert!(Query::parse(" ! \"\" ").is_empty());
    }

    proptest! {
        #[test]
        fn any_line_parses(line in ".{0,60}") {
            for term in Query::parse(&line).terms {
                prop_assert!(!term.text.is_empty());
            }
        }
    }
}
