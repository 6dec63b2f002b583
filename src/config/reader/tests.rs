use proptest::prelude::*;

use super::*;

fn faults(text: &str, body: impl FnOnce(&mut Table<'_>)) -> Vec<String> {
    match read(Path::new("f.toml"), text, body) {
        Ok(()) => Vec::new(),
        Err(error) => error.faults.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn notes_every_fault_in_the_order_of_the_file() {
    let text = "a = 1\nb = [\"x\", 2, \"x\"]\ncolour = 3\n[t]\nd = 70000\n\"odd key\" = true\n";
    let found = faults(text, |table| {
        let mut t = table.table("t").unwrap();
        t.get("d").unwrap().whole("a port", 1..=65535);
        t.get("odd key").unwrap().text("a text");
        t.finish();
        table.get("b").unwrap().names("a word", |_| true);
        table.get("a").unwrap().flag();
        table.get("colours");
    });
    assert_eq!(
        found,
        [
            "f.toml:1:5: a: expected true or false, found 1",
            "f.toml:2:11: b[1]: expected a word, found 2",
            "f.toml:2:14: b[2]: \"x\" is already in the list",
            "f.toml:3:1: colour: no such key; did you mean colours?",
            "f.toml:5:5: t.d: expected a port from 1 to 65535, found 70000",
            "f.toml:6:13: t.\"odd key\": expected a text, found true",
        ]
    );
}

#[test]
fn notes_syntax_errors_of_several_lines() {
    let found = faults("a = \nb = 1\nc = [1,\n", |table| {
        table.get("a");
    });
    assert!(found.first().unwrap().starts_with("f.toml:1:"), "{found:?}");
    assert!(found.iter().all(|fault| fault.contains("not TOML")), "{found:?}");
}

#[test]
fn depth_and_byte_order_marks_are_borne() {
    let deep = format!("a = {}", "[".repeat(50_000));
    assert!(!faults(&deep, |_| ()).is_empty());
    assert!(
        faults("\u{feff}a = 1\r\nb = 2\r\n", |table| {
            assert_eq!(table.get("a").unwrap().whole("n", 0..=9), Some(1));
            assert_eq!(table.get("b").unwrap().position(), Position { line: 2, column: 5 });
        })
        .is_empty()
    );
}

#[test]
fn shows_what_was_found_but_not_all_of_it() {
    let text = format!("a = \"{}\"", "é".repeat(200));
    let found = faults(&text, |table| {
        table.get("a").unwrap().flag();
    });
    assert!(found.iter().all(|fault| fault.chars().count() < 120), "{found:?}");
}

#[test]
fn numbers_have_bounds_and_forms() {
    let text = "a = 0x1f\nb = 1_0.5\nc = nan\nd = 99999999999999999999\ne = -1.0";
    let found = faults(text, |table| {
        assert_eq!(table.get("a").unwrap().whole("n", 0..=99), Some(31));
        assert_eq!(table.get("b").unwrap().positive("a price"), Some(10.5));
        for key in ["c", "d", "e"] {
            let value = table.get(key).unwrap();
            assert_eq!(value.whole("n", 0..=9), None);
        }
        assert_eq!(table.get("c").unwrap().positive("a price"), None);
        assert_eq!(table.get("e").unwrap().positive("a price"), None);
    });
    assert_eq!(found.len(), 5);
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "([a-z]{1,3}|[ =\\[\\]{}\"'.,#\n0-9é-])*") {
        let read = read(Path::new("f"), &text, |table| {
            for (_, value) in table.entries() {
                value.flag();
                value.names("a name", |_| true);
                value.whole("n", 0..=1);
                value.positive("n");
            }
        });
        if let Err(error) = read {
            prop_assert!(!error.faults.is_empty());
        }
    }
}
