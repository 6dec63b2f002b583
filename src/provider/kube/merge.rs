//! Merging a launched cluster's kubeconfig into the operator's own.
//!
//! The operator's file stays as it is but for the entries of that cluster: they are put in, or in place of older ones, as
//! lines of the text. What comes of it is read back and compared with what was meant; where the lines cannot be found (a
//! file in JSON, say) it is written anew as a whole, which keeps everything but comments.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use smol_str::{SmolStr, format_smolstr};

use super::kubeconfig::{disk, written};
use super::{context, file, same_server, tunnel};
use crate::fleet::FaultKind;
use crate::provider::{ProviderError, Secret};

/// What a call of this module is named in an error.
const MERGE: &str = "merge into the kubeconfig";

/// The lists of a kubeconfig, each with the key that holds an entry's own part.
const LISTS: [(&str, &str); 3] = [("clusters", "cluster"), ("users", "user"), ("contexts", "context")];

/// What merging has done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merged {
    /// The file.
    pub path: PathBuf,
    /// What it was before, if it was there and was changed.
    pub backup: Option<PathBuf>,
    /// Whether entries of the cluster were there already.
    pub known: bool,
    /// Whether anything had to be changed.
    pub changed: bool,
    /// Whether the context is the current one now because none was.
    pub current: bool,
    /// Whether the file had to be written anew as a whole, without its comments.
    pub rewritten: bool,
    /// Whether the context that goes through a tunnel was merged as well, under its name with `-tunnel`.
    pub tunnel: bool,
}

/// Merges a cluster's kept kubeconfig into a file of the operator's, under a name, with the context of a tunnel where it has
/// one. The file is made when it is not there.
pub fn merge(path: &Path, cluster: &Secret, name: &str, now: Timestamp) -> Result<Merged, ProviderError> {
    let old = match fs::read_to_string(path) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(disk(MERGE, path, &error)),
    };
    let refused = |(message, mend): Refusal| ProviderError {
        kind: FaultKind::Other,
        call: MERGE.into(),
        target: path.display().to_string().into(),
        message,
        mend,
    };
    let entries = Entries::of(cluster, name).map_err(refused)?;
    let mut new = entries.merged(old.as_deref().unwrap_or_default()).map_err(refused)?;
    let beside = tunnel::context_name(name);
    let through = Entries::through(cluster, &beside);
    if let Some(through) = &through {
        new = through.merged(&new.text).map_err(refused)?.after(&new);
    }
    let mut merged = Merged {
        path: path.to_owned(),
        backup: None,
        known: new.known,
        changed: new.changed,
        current: new.current,
        rewritten: new.rewritten,
        tunnel: through.is_some(),
    };
    if !new.changed {
        return Ok(merged);
    }
    let written = (|| {
        match &old {
            Some(old) => merged.backup = Some(back_up(path, old, now)?),
            None => {
                if let Some(directory) = path.parent() {
                    fs::create_dir_all(directory)?;
                }
            }
        }
        file::write(path, &new.text)
    })();
    written.map_err(|error: io::Error| disk(MERGE, path, &error))?;
    Ok(merged)
}

/// Keeps what a file was, beside it.
fn back_up(path: &Path, text: &str, now: Timestamp) -> io::Result<PathBuf> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let at = now.strftime("%Y%m%dT%H%M%SZ");
    for n in 0..100 {
        let number = if n == 0 { String::new() } else { format!("-{n}") };
        let backup = path.with_file_name(format!("{name}.k3fleet-backup-{at}{number}"));
        match file::create(&backup, text) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => return made.and_then(|file| file.sync_all()).map(|()| backup),
        }
    }
    Err(io::Error::other("a hundred backups of this second are there already"))
}

/// Why something is not merged, and what to do.
type Refusal = (SmolStr, SmolStr);

fn refusal(why: impl Into<SmolStr>, mend: impl Into<SmolStr>) -> Refusal {
    (why.into(), mend.into())
}

/// What is merged: a cluster's entries under their new name, in the order of [`LISTS`].
struct Entries<'a> {
    name: &'a str,
    parts: [Value; 3],
}

/// The text that came of merging.
struct New {
    text: String,
    known: bool,
    changed: bool,
    current: bool,
    rewritten: bool,
}

impl New {
    /// What has come of it together with what was merged before.
    fn after(self, before: &Self) -> Self {
        Self {
            known: self.known || before.known,
            changed: self.changed || before.changed,
            current: self.current || before.current,
            rewritten: self.rewritten || before.rewritten,
            ..self
        }
    }
}

impl<'a> Entries<'a> {
    fn of(cluster: &Secret, name: &'a str) -> Result<Self, Refusal> {
        let broken = || {
            refusal(
                "the kept kubeconfig of the cluster is broken",
                "fetch it anew with --fetch",
            )
        };
        let kept: Value = serde_saphyr::from_str(cluster.expose()).map_err(|_told_nowhere| broken())?;
        let current = kept.get("current-context").cloned().unwrap_or_default();
        Self::named(&kept, &current, name).ok_or_else(broken)
    }

    /// Those of the context that goes through a tunnel; `None` where the kubeconfig has none.
    fn through(cluster: &Secret, name: &'a str) -> Option<Self> {
        let kept: Value = serde_saphyr::from_str(cluster.expose()).ok()?;
        let current = kept.get("current-context")?.as_str()?;
        Self::named(&kept, &tunnel::context_name(current).into(), name)
    }

    fn named(kept: &Value, context: &Value, name: &'a str) -> Option<Self> {
        let part = |list: usize, name: &Value| {
            let (list, own) = LISTS.get(list)?;
            let entries = kept.get(*list)?.as_array()?;
            entries
                .iter()
                .find(|entry| entry.get("name") == Some(name))?
                .get(*own)
                .cloned()
        };
        let context = part(2, context)?;
        let cluster = part(0, context.get("cluster")?)?;
        let user = part(1, context.get("user")?)?;
        let parts = [cluster, user, json!({ "cluster": name, "user": name })];
        Some(Self { name, parts })
    }

    /// Merges into the text of a kubeconfig.
    fn merged(&self, old: &str) -> Result<New, Refusal> {
        let before = read(old)?;
        let places = self.places(&before)?;
        let mut after = before.clone();
        let mut text = Some(match before.is_empty() {
            true => format!("{old}apiVersion: v1\nkind: Config\n"),
            false => old.to_owned(),
        });
        if before.is_empty() {
            after.insert("apiVersion".to_owned(), "v1".into());
            after.insert("kind".to_owned(), "Config".into());
        }
        for (((list, own), part), place) in LISTS.iter().zip(&self.parts).zip(places) {
            // Of a context that is there the operator may have chosen the namespace.
            if *list == "contexts" && place.is_some() {
                continue;
            }
            let entry = json!({ "name": self.name, *own: part });
            let entries = after.entry((*list).to_owned()).or_insert(Value::Null);
            if entries.is_null() {
                *entries = json!([]);
            }
            let Some(entries) = entries.as_array_mut() else {
                continue;
            };
            match place.and_then(|place| entries.get_mut(place)) {
                Some(known) if *known == entry => continue,
                Some(known) => *known = entry.clone(),
                None => entries.push(entry.clone()),
            }
            text = text.and_then(|text| splice(&text, list, place, &entry));
        }
        let current = before.get("current-context").is_none_or(|c| c.is_null() || *c == "");
        if current {
            after.insert("current-context".to_owned(), self.name.into());
            text = text.and_then(|text| set_line(&text, "current-context", self.name));
        }
        let spliced = text.filter(|text| read(text).is_ok_and(|read| read == after));
        let rewritten = spliced.is_none();
        let text = match spliced {
            Some(text) => text,
            None => whole(&after)?,
        };
        Ok(New {
            text,
            known: places.iter().any(Option::is_some),
            changed: after != before,
            current,
            rewritten: rewritten && !before.is_empty(),
        })
    }

    /// Where the cluster's own entries are in each list. An entry of the same name that is not the cluster's is refused.
    fn places(&self, before: &Map<String, Value>) -> Result<[Option<usize>; 3], Refusal> {
        let named = |list: usize| {
            let (list, own) = LISTS.get(list)?;
            let entries = before.get(*list)?.as_array()?;
            let place = entries
                .iter()
                .position(|e| e.get("name").is_some_and(|n| n == self.name))?;
            Some((place, entries.get(place)?.get(*own).cloned().unwrap_or_default()))
        };
        let taken = |what: &str, whose: &str| {
            let name = self.name;
            refusal(
                format_smolstr!("it has a {what} {name} already, {whose}"),
                format_smolstr!(
                    "merge under another name with --as NAME, or take the old one out with kubectl config delete-{what} {name}"
                ),
            )
        };
        let [cluster, user, context] = [named(0), named(1), named(2)];
        let [own, own_user, _] = &self.parts;
        if let Some((_, known)) = &cluster
            && !same_cluster(known, own)
        {
            let server = known.get("server").and_then(Value::as_str).unwrap_or("no server");
            return Err(taken("cluster", &format!("which is another one ({server})")));
        }
        if let Some((_, known)) = &context
            && (known.get("cluster"), known.get("user")) != (Some(&self.name.into()), Some(&self.name.into()))
        {
            return Err(taken("context", "for another cluster or user"));
        }
        if let Some((_, known)) = &user
            && known != own_user
        {
            let contexts = before.get("contexts").and_then(Value::as_array);
            let of = |context: &Value, key: &str| {
                context
                    .pointer(&format!("/context/{key}"))
                    .is_some_and(|n| n == self.name)
            };
            let foreign = contexts.is_some_and(|all| all.iter().any(|c| of(c, "user") && !of(c, "cluster")));
            if cluster.is_none() || foreign {
                return Err(taken("user", "which other contexts may need"));
            }
        }
        Ok([cluster, user, context].map(|found| found.map(|(place, _)| place)))
    }
}

/// Whether two entries are about one cluster: it has moved to another address, or has a new authority at the same one.
fn same_cluster(known: &Value, own: &Value) -> bool {
    let text = |of: &Value, key: &str| of.get(key).and_then(Value::as_str).map(str::to_owned);
    let same = |a: Option<String>, b: Option<String>| a.is_some() && a == b;
    let server = |of| text(of, "server").map(|server| same_server(&server));
    let authority = |of| text(of, "certificate-authority-data");
    same(server(known), server(own)) || same(authority(known), authority(own))
}

/// A kubeconfig's text as values. An empty text is an empty one.
fn read(text: &str) -> Result<Map<String, Value>, Refusal> {
    let mend = "correct it, and try again";
    let value = match serde_saphyr::from_str::<Option<Value>>(text) {
        Ok(value) => value.unwrap_or_default(),
        Err(error) => return Err(refusal(context::place_of(&error), mend)),
    };
    let map = match value {
        Value::Null => Map::new(),
        Value::Object(map) => map,
        _ => return Err(refusal("not as a kubeconfig is written", mend)),
    };
    for (list, _) in LISTS {
        if map.get(list).is_some_and(|v| !v.is_array() && !v.is_null()) {
            return Err(refusal(format_smolstr!("its {list} are no list"), mend));
        }
    }
    Ok(map)
}

/// A kubeconfig written anew as a whole.
fn whole(all: &Map<String, Value>) -> Result<String, Refusal> {
    let mend = "use k3fleet kubeconfig --print, and merge with kubectl";
    // A token of digits without quotes may be another one once it has been read as a number.
    if all.get("users").is_some_and(holds_number) {
        return Err(refusal("a user's data holds a number without quotes", mend));
    }
    written(all).map_err(|_unwritable| refusal("it cannot be written as YAML", mend))
}

fn holds_number(value: &Value) -> bool {
    match value {
        Value::Number(_) => true,
        Value::Array(all) => all.iter().any(holds_number),
        Value::Object(all) => all.values().any(holds_number),
        _ => false,
    }
}

/// Puts an entry into a list of a text: in the place of another, or at its end. `None` where the lines are not found.
fn splice(text: &str, list: &str, place: Option<usize>, entry: &Value) -> Option<String> {
    let entry = written(&[entry]).ok()?;
    let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
    let head = lines.iter().position(|line| key(line) == Some(list));
    let Some(head) = head else {
        return place.is_none().then(|| format!("{}{list}:\n{entry}", ended(text)));
    };
    let items = items(&lines, head);
    let indent = items
        .first()
        .and_then(|(from, _)| lines.get(*from))
        .map_or(0, |line| indent(line));
    let entry: String = entry
        .lines()
        .map(|line| format!("{}{line}\n", " ".repeat(indent)))
        .collect();
    match (place, items.last()) {
        (Some(place), _) => {
            let (from, to) = items.get(place)?;
            lines.splice(*from..*to, [entry.as_str()]);
            Some(lines.concat())
        }
        (None, Some((_, end))) => {
            let before = ended(&lines.get(..*end)?.concat());
            Some(format!("{before}{entry}{}", lines.get(*end..)?.concat()))
        }
        (None, None) => {
            let empty = format!("{list}:\n{entry}");
            lines.splice(head..=head, [empty.as_str()]);
            Some(lines.concat())
        }
    }
}

/// Sets a scalar of the outermost level.
fn set_line(text: &str, name: &str, value: &str) -> Option<String> {
    let line = written(&json!({ name: value })).ok()?;
    let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
    match lines.iter().position(|line| key(line) == Some(name)) {
        Some(at) => {
            lines.splice(at..=at, [line.as_str()]);
            Some(lines.concat())
        }
        None => Some(format!("{}{line}", ended(text))),
    }
}

/// The first and the last line but one of each item of a list whose key stands in line `head`.
fn items(lines: &[&str], head: usize) -> Vec<(usize, usize)> {
    let mut items: Vec<(usize, usize)> = vec![];
    let mut dash = None;
    for (at, line) in lines.iter().enumerate().skip(head + 1) {
        if is_aside(line) {
            continue;
        }
        let begins = line.trim_start().starts_with('-');
        let indent = indent(line);
        match dash {
            None if begins => dash = Some(indent),
            Some(dash) if indent > dash || indent == dash && begins => {}
            _ => break,
        }
        match items.last_mut() {
            Some((_, end)) if dash != Some(indent) => *end = at + 1,
            _ => items.push((at, at + 1)),
        }
    }
    items
}

/// The key that a line of the outermost level begins with.
fn key(line: &str) -> Option<&str> {
    let (key, rest) = line.split_once(':')?;
    let plain = key.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') && !key.starts_with('-');
    (plain && rest.chars().next().is_none_or(char::is_whitespace)).then_some(key)
}

/// Whether a line is blank, or a comment.
fn is_aside(line: &str) -> bool {
    let line = line.trim();
    line.is_empty() || line.starts_with('#')
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// Text whose last line has an end.
fn ended(text: &str) -> String {
    let end = if text.is_empty() || text.ends_with('\n') {
        ""
    } else {
        "\n"
    };
    format!("{text}{end}")
}

#[cfg(test)]
#[path = "merge_tests.rs"]
mod tests;
