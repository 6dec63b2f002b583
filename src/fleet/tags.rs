//! Tags as AWS gives them to things. Machines of one group carry the same ones, but for a few whose values are each
//! machine's own: those are kept apart, and the fleet keeps the others once for all of them.

use std::sync::Arc;

use smol_str::SmolStr;

/// The keys of tags whose values differ within a group: the name for people, and the EC2 Fleet through which a group
/// of several instance types launched the machine, another one with each launch.
const OWN: [&str; 2] = ["Name", "aws:ec2:fleet-id"];

/// The tags of one thing: its `Name` first, the others by key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Tags {
    own: [Option<SmolStr>; OWN.len()],
    pub(super) others: Arc<[(SmolStr, SmolStr)]>,
}

impl Tags {
    /// The value of one tag.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.iter().find(|(k, _)| *k == key).map(|(_, value)| value)
    }

    /// All tags, each as key and value.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let own = OWN.into_iter().zip(&self.own);
        let own = own.filter_map(|(key, value)| Some((key, value.as_deref()?)));
        own.chain(self.others.iter().map(|(k, v)| (k.as_str(), v.as_str())))
    }
}

impl FromIterator<(SmolStr, SmolStr)> for Tags {
    fn from_iter<I: IntoIterator<Item = (SmolStr, SmolStr)>>(pairs: I) -> Self {
        let mut others: Vec<_> = pairs.into_iter().collect();
        let own = OWN.map(|own| {
            let place = others.iter().position(|(key, _)| key == own)?;
            Some(others.remove(place).1)
        });
        // AWS gives tags in no order.
        others.sort_by(|(a, _), (b, _)| a.cmp(b));
        Self {
            own,
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
        let pairs = [("b", "2"), ("aws:ec2:fleet-id", "f"), ("Name", "m-1"), ("a", "")];
        let pairs = pairs.map(|(k, v)| (SmolStr::new(k), SmolStr::new(v)));
        let tags: Tags = pairs.iter().cloned().collect();
        assert_eq!(
            (tags.get("Name"), tags.get("a"), tags.get("b")),
            (Some("m-1"), Some(""), Some("2"))
        );
        assert_eq!((tags.get("c"), Tags::default().get("Name")), (None, None));
        assert_eq!(
            tags.iter().collect::<Vec<_>>(),
            [("Name", "m-1"), ("aws:ec2:fleet-id", "f"), ("a", ""), ("b", "2")]
        );
        assert_eq!(tags, pairs.into_iter().rev().collect());
    }
}
