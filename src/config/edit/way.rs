//! The way of a cluster in the text of a `config.toml`: put there, changed or taken out, and all else stays as it stands.

use std::ops::Range;
use std::path::Path;

use toml::de::DeTable;

use super::item::{key as toml_key, quoted};
use super::list::spliced;
use crate::config::Vocabulary;
use crate::config::fault::{ConfigError, Fault};
use crate::config::settings::read_config;
use crate::config::ways::{SERVER, VPN, WIREGUARD};
use crate::fleet::Way;

/// The text of a `config.toml` with a way in place of what stands under a key; a default way stands there no longer.
/// `file` is its name in messages.
pub fn set_way(
    file: &Path,
    text: &str,
    vocabulary: &Vocabulary<'_>,
    key: &str,
    way: &Way,
) -> Result<String, ConfigError> {
    let before = read_config(file, text, vocabulary)?;
    let mut expected = before.clone();
    expected.reach.set(key.into(), way.clone());
    if expected == before {
        return Ok(text.to_owned());
    }
    let odd = || -> ConfigError {
        let why = format!(
            "[reach.{}] cannot be changed in the form it has; change it in an editor",
            toml_key(key)
        );
        Fault::of_file(file, why).into()
    };
    let after = changed(text, key, way).ok_or_else(odd)?;
    match read_config(file, &after, vocabulary) {
        Ok(read) if read == expected => Ok(after),
        Ok(_) => Err(odd()),
        Err(error) => Err(odd().and(error)),
    }
}

fn changed(text: &str, key: &str, way: &Way) -> Option<String> {
    let Some((there, _)) = place(text, key, None) else {
        return appended(text, key, way);
    };
    let is_inline = text.get(there.clone())?.starts_with('{');
    match (is_inline, way.is_default()) {
        (true, true) => without_line(text, there.start),
        (true, false) => {
            let said: Vec<_> = said(way)?
                .into_iter()
                .filter_map(|(name, value)| Some(format!("{name} = {}", value?)))
                .collect();
            spliced(text, there, &format!("{{ {} }}", said.join(", ")))
        }
        (false, clear) => {
            let mut after = text.to_owned();
            for (name, value) in said(way)? {
                after = put(&after, key, name, value.as_deref())?;
            }
            match clear {
                true => without_line(&after, place(&after, key, None)?.0.start),
                false => Some(after),
            }
        }
    }
}

/// What a way says, as TOML; `None` of what it does not say. `None` where it cannot be written.
fn said(way: &Way) -> Option<[(&'static str, Option<String>); 3]> {
    let file = match &way.vpn_auth_file {
        Some(path) => Some(quoted(path.to_str()?)),
        None => None,
    };
    Some([
        (SERVER, way.server.as_deref().map(quoted)),
        (VPN, file),
        (WIREGUARD, way.wireguard.then(|| "true".to_owned())),
    ])
}

/// Where the table of a key stands, or one of its values; and the line at whose end more of it can stand.
fn place(text: &str, key: &str, name: Option<&str>) -> Option<(Range<usize>, usize)> {
    let (root, _) = DeTable::parse_recoverable(text);
    let table = root.get_ref().get("reach")?.get_ref().as_table()?.get(key)?;
    let values = table.get_ref().as_table()?;
    let last = values.iter().map(|(_, value)| value.span().end).max();
    let end = last.unwrap_or(table.span().end);
    match name {
        None => Some((table.span(), end)),
        Some(name) => Some((values.get(name)?.span(), end)),
    }
}

/// The text with a value in its table, or without it.
fn put(text: &str, key: &str, name: &str, value: Option<&str>) -> Option<String> {
    match (place(text, key, Some(name)), value) {
        (None, None) => Some(text.to_owned()),
        (Some((there, _)), Some(value)) => spliced(text, there, value),
        (Some((there, _)), None) => without_line(text, there.start),
        (None, Some(value)) => {
            let (_, end) = place(text, key, None)?;
            let line = text.get(end..)?.find('\n').map_or(text.len(), |at| end + at);
            spliced(text, line..line, &format!("\n{name} = {value}"))
        }
    }
}

/// The text without the line of a place; of two empty lines that meet then, one goes too.
fn without_line(text: &str, at: usize) -> Option<String> {
    let start = text.get(..at)?.rfind('\n').map_or(0, |at| at + 1);
    let end = text.get(at..)?.find('\n').map_or(text.len(), |found| at + found + 1);
    let (before, after) = (text.get(..start)?, text.get(end..)?);
    let line = text.get(start..end)?;
    let is_head = line.trim_start().starts_with('[');
    let before = match before.strip_suffix('\n') {
        Some(less) if is_head && less.ends_with('\n') && (after.is_empty() || after.starts_with('\n')) => less,
        _ => before,
    };
    Some([before, after].concat())
}

fn appended(text: &str, key: &str, way: &Way) -> Option<String> {
    let gap = match text {
        "" => "",
        text if text.ends_with('\n') => "\n",
        _ => "\n\n",
    };
    let lines = said(way)?
        .into_iter()
        .filter_map(|(name, value)| Some(format!("{name} = {}\n", value?)));
    Some(format!(
        "{text}{gap}[reach.{}]\n{}",
        toml_key(key),
        lines.collect::<String>()
    ))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const VOCABULARY: Vocabulary<'static> = Vocabulary {
        actions: &[],
        check_key: |_| Ok(()),
    };

    const TEXT: &str = "# mine\ntheme = \"light\" # bright\n\n[reach.lab]\n# the one at the door\nserver = \
                        \"https://192.0.2.7:6443\" # leased\n\n[poll]\naws = \"20s\"\n";

    fn set(text: &str, key: &str, way: &Way) -> Result<String, String> {
        set_way(Path::new("config.toml"), text, &VOCABULARY, key, way).map_err(|error| error.to_string())
    }

    fn way(server: Option<&str>, vpn: Option<&str>, wireguard: bool) -> Way {
        Way {
            server: server.map(Into::into),
            vpn_auth_file: vpn.map(Into::into),
            wireguard,
        }
    }

    #[test]
    fn a_new_way_stands_at_the_end_and_goes_without_a_trace() {
        let new = way(Some("https://a:6443"), Some("~/vpn-auth"), false);
        let after = set(TEXT, "eu-west-1/ship", &new).unwrap();
        assert_eq!(
            after,
            format!(
                "{TEXT}\n[reach.\"eu-west-1/ship\"]\nserver = \"https://a:6443\"\nvpn-auth-file = \"~/vpn-auth\"\n"
            )
        );
        assert_eq!(set(&after, "eu-west-1/ship", &Way::default()).unwrap(), TEXT);
        let first = set("", "ship", &new).unwrap();
        assert!(first.starts_with("[reach.ship]\n"), "{first}");
        assert_eq!(set(&first, "ship", &Way::default()).unwrap(), "");
    }

    #[test]
    fn only_what_differs_changes() {
        let other = set(TEXT, "lab", &way(Some("https://b"), None, true)).unwrap();
        let expected = TEXT.replace(
            "https://192.0.2.7:6443\" # leased\n",
            "https://b\" # leased\nwireguard = true\n",
        );
        assert_eq!(other, expected);
        let vpn = set(&other, "lab", &way(None, Some("/k"), false)).unwrap();
        assert_eq!(
            vpn,
            TEXT.replace(
                "server = \"https://192.0.2.7:6443\" # leased\n",
                "vpn-auth-file = \"/k\"\n"
            )
        );
        let none = set(TEXT, "lab", &Way::default()).unwrap();
        assert_eq!(
            none,
            "# mine\ntheme = \"light\" # bright\n\n# the one at the door\n\n[poll]\naws = \"20s\"\n"
        );
        assert_eq!(
            set(TEXT, "lab", &way(Some("https://192.0.2.7:6443"), None, false)).unwrap(),
            TEXT
        );
        assert_eq!(set(TEXT, "nobody", &Way::default()).unwrap(), TEXT);
    }

    #[test]
    fn other_forms_are_changed_or_left_alone() {
        let inline = "[reach]\nlab = { server = \"https://a\" } # x\n";
        assert_eq!(
            set(inline, "lab", &way(None, Some("/k"), true)).unwrap(),
            "[reach]\nlab = { vpn-auth-file = \"/k\", wireguard = true } # x\n"
        );
        assert_eq!(set(inline, "lab", &Way::default()).unwrap(), "[reach]\n");
        let empty = "[reach.lab] # soon\n[poll]\n";
        assert_eq!(
            set(empty, "lab", &way(Some("https://a"), None, false)).unwrap(),
            "[reach.lab] # soon\nserver = \"https://a\"\n[poll]\n"
        );
        let whole = "reach = { lab = { server = \"https://a\" } }\n";
        let refused = set(whole, "ship", &way(Some("https://b"), None, false)).unwrap_err();
        assert!(refused.contains("change it in an editor"), "{refused}");
        let faulty = set("theme = 1\n", "lab", &Way::default()).unwrap_err();
        assert!(faulty.contains("config.toml:1:9"), "{faulty}");
    }

    fn any_way() -> impl Strategy<Value = Way> {
        let server = prop::option::of(prop::sample::select(vec!["https://a:6443", "https://192.0.2.7"]));
        let file = prop::option::of(prop::sample::select(vec!["/k", "~/it's \"here\"/vpn"]));
        (server, file, any::<bool>()).prop_map(|(server, file, wireguard)| way(server, file, wireguard))
    }

    proptest! {
        /// Whatever is set after whatever: it is read back as it was meant, or the text is refused.
        #[test]
        fn what_is_set_is_read(ways in prop::collection::vec((prop::sample::select(vec!["lab", "eu-west-1/a.b", "x y"]), any_way()), 1..6)) {
            let mut text = TEXT.to_owned();
            for (key, way) in ways {
                text = set(&text, key, &way).unwrap();
                let read = read_config(Path::new("config.toml"), &text, &VOCABULARY).unwrap();
                prop_assert_eq!(read.reach.0.get(key).cloned().unwrap_or_default(), way);
                prop_assert!(text.starts_with("# mine\ntheme = \"light\" # bright\n") && text.contains("# the one at the door"));
            }
        }
    }
}
