//! Where the hosts of a group stand in the text, and the text with one of them changed. Nothing here knows what a host
//! may say; what does not fit gives `None`.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

/// The list of hosts of a group.
pub(in crate::config) struct List {
    /// From its bracket to its bracket.
    span: Range<usize>,
    /// Its hosts, by name.
    items: Vec<(String, Range<usize>)>,
    /// The cluster that the group names.
    pub(in crate::config) cluster: Option<String>,
    /// Whether the group says user or port.
    pub(in crate::config) says: bool,
}

impl List {
    /// The list of a group that stands in the text.
    pub(in crate::config) fn of(text: &str, group: &str) -> Option<Self> {
        let (root, _) = DeTable::parse_recoverable(text);
        let groups = root.get_ref().get("groups")?.get_ref().as_table()?;
        let table = groups.get(group)?.get_ref().as_table()?;
        let hosts = table.get("hosts")?;
        let mut items = vec![];
        for item in hosts.get_ref().as_array()?.iter() {
            let value = item.get_ref();
            let named = value.as_table().and_then(|table| table.get("name")?.get_ref().as_str());
            items.push((value.as_str().or(named)?.to_owned(), item.span()));
        }
        let is_said = |key: &str| {
            table
                .get(key)
                .is_some_and(|value: &toml::Spanned<DeValue<'_>>| !value.get_ref().is_table())
        };
        Some(Self {
            span: hosts.span(),
            items,
            cluster: table
                .get("cluster")
                .and_then(|value| value.get_ref().as_str())
                .map(str::to_owned),
            says: ["user", "port"].into_iter().any(is_said),
        })
    }

    /// The text with these items at the end of the list. In a list of several lines each has its own, as far in as those
    /// that are there.
    pub(in crate::config) fn extend(&self, text: &str, items: &[String]) -> Option<String> {
        let end = self.span.end.checked_sub(1)?;
        let list = text.get(self.span.start..end)?;
        let last = self.items.last().map(|(_, span)| span.end);
        let line = list.rfind('\n').map(|at| self.span.start + at + 1);
        let own_line = line.filter(|start| text.get(*start..end).is_some_and(|space| space.trim().is_empty()));
        let (at, new) = match own_line {
            Some(start) => (start, items.iter().map(|item| format!("    {item},\n")).collect()),
            None => {
                let gap = if last.is_some() { " " } else { "" };
                (end, format!("{gap}{}", items.join(", ")))
            }
        };
        let after = spliced(text, at..at, &new)?;
        match last {
            Some(last) if comma(text.get(last..end)?).is_none() => spliced(&after, last..last, ","),
            _ => Some(after),
        }
    }

    /// The text with another item in place of the host of that name.
    pub(super) fn replace(&self, text: &str, name: &str, item: &str) -> Option<String> {
        spliced(text, self.item(name)?.1, item)
    }

    /// The text without the host of that name; a line that it has to itself goes with it.
    pub(super) fn without(&self, text: &str, name: &str) -> Option<String> {
        let (place, span) = self.item(name)?;
        let end = self.span.end.checked_sub(1)?;
        let follows = text.get(span.end..end)?;
        let comma = comma(follows);
        let same_line = comma.filter(|at| follows.get(..*at).is_some_and(|gap| !gap.contains('\n')));
        // What goes for the item alone: with the comma that stands right behind it.
        let cut = span.start..same_line.map_or(span.end, |at| span.end + at + 1);
        let start = text.get(..cut.start)?.rfind('\n').map_or(0, |at| at + 1);
        let rest = text.get(cut.end..end)?;
        let alone = start > self.span.start && text.get(start..cut.start)?.trim().is_empty();
        if let Some(line) = rest
            .split_inclusive('\n')
            .next()
            .filter(|line| alone && line.ends_with('\n'))
        {
            let code = line.split('#').next().unwrap_or_default();
            if code.trim().is_empty() {
                let without = spliced(text, start..cut.end + line.len(), "")?;
                // A comma in a later line goes as well.
                return match comma.filter(|_| same_line.is_none()) {
                    Some(at) => {
                        let at = (span.end + at).checked_sub(cut.end + line.len() - start)?;
                        spliced(&without, at..at + 1, "")
                    }
                    None => Some(without),
                };
            }
        }
        if let Some(at) = comma {
            let at = span.end + at;
            if same_line.is_none() {
                let without = spliced(text, at..at + 1, "")?;
                return spliced(&without, span, "");
            }
            let spaces = rest.len() - rest.trim_start_matches([' ', '\t']).len();
            return spliced(text, cut.start..cut.end + spaces, "");
        }
        // The last one: the comma before it may stay, unless it stands in the same line.
        let before = place.checked_sub(1).and_then(|before| self.items.get(before));
        let before = before.map(|(_, span)| span.end);
        match before.filter(|before| text.get(*before..span.start).is_some_and(|gap| !gap.contains('\n'))) {
            Some(before) => spliced(text, before..span.end, ""),
            None => spliced(text, span, ""),
        }
    }

    /// The place in the list and in the text of the host of that name.
    fn item(&self, name: &str) -> Option<(usize, Range<usize>)> {
        let place = self.items.iter().position(|(there, _)| there == name)?;
        Some((place, self.items.get(place)?.1.clone()))
    }
}

/// Where a comma stands in what follows an item; comments do not count.
fn comma(text: &str) -> Option<usize> {
    let mut comment = false;
    for (at, c) in text.char_indices() {
        match c {
            '\n' => comment = false,
            '#' => comment = true,
            ',' if !comment => return Some(at),
            _ => {}
        }
    }
    None
}

/// The text with something else in a place of it.
pub(super) fn spliced(text: &str, place: Range<usize>, new: &str) -> Option<String> {
    Some([text.get(..place.start)?, new, text.get(place.end..)?].concat())
}
