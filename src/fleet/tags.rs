//! Tags as AWS gives them to things. Machines of one group carry the same ones, but for their names: so the name
//! is kept apart, and the fleet keeps the others once for all of them.

use std::sync::Arc;

use smol_str::SmolStr;

/// The key of the tag that names a thing for people.
const NAME: &str = "Name";

/// The tags of one thing: its `Name` first, then the others by key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Tags {
    name: Option<SmolStr>,
    pub(super) others: Arc<[(SmolStr, SmolStr)]>,
}

impl Tags {
    /// The value of one tag.
    pub fn get(&self, key: &str) -> Option<&str> {
        match &self.name {
            Some(name) if key == NAME => Some(name),
            _ => self.others.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str()),
        }
    }

    /// All tags, each as key and value.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let name = self.name.iter().map(|name| (NAME, name.as_str()));
        name.chain(self.others.iter().map(|(k, v)| (k.as_str(), v.as_str())))
    }
}

impl FromIterator<(SmolStr, SmolStr)> for Tags {
    fn from_iter<I: IntoIterator<Item = (SmolStr, SmolStr)>>(pairs: I) -> Self {
        let mut others: Vec<_> = pairs.into_iter().collect();
        let name = others.iter().position(|(key, _)| key == NAME);
        let name = name.map(|place| others.remove(place).1);
        // AWS gives tags in no order.
        others.sort_by(|(a, _), (b, _)| a.cmp(b));
        Self {
            name,
            others: others.into(),
        }
    }
}

/// The value of one tag.
pub fn tag<'a>(tags: &'a Tags, key: &str) -> Option<&'a str> {
    tags.get(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tag_is_found_whatever_the_order() {
        let pairs = [("b", "2"), ("Name", "m-1"), ("a", "")].map(|(k, v)| (SmolStr::new(k), SmolStr::new(v)));
        let tags: Tags = pairs.iter().cloned().collect();
        assert_eq!(
            (tags.get("Name"), tags.get("a"), tags.get("b")),
            (Some("m-1"), Some(""), Some("2"))
        );
        assert_eq!((tags.get("c"), Tags::default().get("Name")), (None, None));
        assert_eq!(
            tags.iter().collect::<Vec<_>>(),
            [("Name", "m-1"), ("a", ""), ("b", "2")]
        );
        assert_eq!(tags, pairs.into_iter().rev().collect());
    }
}
