//! Which cluster a thing in EC2 belongs to, read off its tags.
//!
//! k3fleet's own `k3fleet:…` tags speak first. Clusters made by Terraform and others carry different tags; a rule
//! of `config.toml` says how to read those. The same function judges instances, Auto Scaling groups and Spot Fleet
//! requests, so all parts of a cluster end up under one name.

mod known;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::{Role, Tags, tag};

pub use known::KNOWN_TAG;

/// Tag that names the cluster of a resource.
pub const TAG_CLUSTER: &str = "k3fleet:cluster";
/// Tag that names the pool of a resource.
pub const TAG_POOL: &str = "k3fleet:pool";
/// Tag that holds a machine's role.
pub const TAG_ROLE: &str = "k3fleet:role";
/// Tag that holds the cluster's shape.
pub const TAG_SHAPE: &str = "k3fleet:shape";
/// Tag that holds when a `ci` cluster destroys itself, in RFC 3339.
pub const TAG_EXPIRES_AT: &str = "k3fleet:expires-at";

/// What a cluster is made as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Shape {
    /// One server.
    Quick,
    /// One server with a time to live, after which it destroys itself.
    Ci,
    /// Several servers behind a load balancer, and workers.
    Ha,
    /// Made by someone else.
    Adopted,
}

impl Shape {
    /// `quick`, `ci`, `ha` or `adopted`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Quick => "quick",
            Self::Ci => "ci",
            Self::Ha => "ha",
            Self::Adopted => "adopted",
        }
    }

    /// From the words of [`Shape::as_str`].
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Quick, Self::Ci, Self::Ha, Self::Adopted]
            .into_iter()
            .find(|shape| shape.as_str() == word)
    }
}

/// Text in which `*` stands for any run of characters, none included. Everything else is literal; case counts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Glob(SmolStr);

impl Glob {
    /// A pattern; every text is one.
    pub fn new(pattern: impl AsRef<str>) -> Self {
        Self(SmolStr::new(pattern))
    }

    /// The pattern as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the whole of `text` fits the pattern.
    pub fn matches(&self, text: &str) -> bool {
        let Some((head, rest)) = self.0.split_once('*') else {
            return self.0 == text;
        };
        let Some(mut text) = text.strip_prefix(head) else {
            return false;
        };
        let (middle, tail) = rest.rsplit_once('*').unwrap_or(("", rest));
        // The leftmost fit of each middle part leaves the most text for those after it.
        for part in middle.split('*').filter(|part| !part.is_empty()) {
            match text.split_once(part) {
                Some((_, after)) => text = after,
                None => return false,
            }
        }
        text.ends_with(tail)
    }
}

/// Where a rule takes the cluster's name from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum AdoptName {
    /// The rule says it.
    Literal(SmolStr),
    /// The value of the tag with this key.
    Value(SmolStr),
    /// The part of a tag's key between these two, such as `prod` in `k8s.io/cluster-autoscaler/prod`. It holds no
    /// `/`, and is not `enabled`: the cluster autoscaler marks its groups with that word in the same place.
    KeyPart {
        /// What the key begins with.
        prefix: SmolStr,
        /// What the key ends with.
        suffix: SmolStr,
    },
}

impl AdoptName {
    /// From a tag key: without `*` the tag's value is the name, with one `*` the key's part there is.
    /// `None` for an empty key or one with several `*`.
    pub fn from_tag(key: &str) -> Option<Self> {
        match key.split_once('*') {
            None if key.is_empty() => None,
            None => Some(Self::Value(key.into())),
            Some((_, suffix)) if suffix.contains('*') => None,
            Some((prefix, suffix)) => Some(Self::KeyPart {
                prefix: prefix.into(),
                suffix: suffix.into(),
            }),
        }
    }

    fn read(&self, tags: &Tags) -> Option<SmolStr> {
        match self {
            Self::Literal(name) => Some(name.clone()),
            Self::Value(key) => named(tags, key),
            // EC2 gives tags in no order: of several fitting keys always the same one is taken.
            Self::KeyPart { prefix, suffix } => tags
                .iter()
                .filter_map(|(key, _)| key.strip_prefix(prefix.as_str())?.strip_suffix(suffix.as_str()))
                .filter(|part| !part.is_empty() && !part.contains('/') && *part != "enabled")
                .min()
                .map(SmolStr::new),
        }
    }
}

/// How to recognise the parts of a cluster that k3fleet did not make.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AdoptRule {
    /// The cluster's name.
    pub cluster: AdoptName,
    /// Tags it must carry, each by a pattern of its key and of its value; all must be there.
    pub tags: Vec<(Glob, Glob)>,
    /// The role of everything the rule fits.
    pub role: Option<Role>,
    /// The key of a tag whose value tells the role; asked before `role`.
    pub role_tag: Option<SmolStr>,
    /// The key of a tag whose value names the pool.
    pub pool_tag: Option<SmolStr>,
}

impl AdoptRule {
    fn membership(&self, tags: &Tags) -> Option<Membership> {
        let fits = |(key, value): &(Glob, Glob)| tags.iter().any(|(k, v)| key.matches(k) && value.matches(v));
        if !self.tags.iter().all(fits) {
            return None;
        }
        let told = self.role_tag.as_deref().and_then(|key| tag(tags, key));
        Some(Membership {
            cluster: self.cluster.read(tags)?,
            pool: self.pool_tag.as_deref().and_then(|key| named(tags, key)),
            role: told.and_then(Role::parse).or(self.role),
            shape: Some(Shape::Adopted),
            expires_at: None,
        })
    }
}

/// The cluster something belongs to, and what its tags say of its place there. What they don't say is `None`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Membership {
    /// The cluster's name, never empty.
    pub cluster: SmolStr,
    /// The pool's name.
    pub pool: Option<SmolStr>,
    /// Server or agent.
    pub role: Option<Role>,
    /// The cluster's shape; [`Shape::Adopted`] whenever a rule found it.
    pub shape: Option<Shape>,
    /// When the cluster destroys itself.
    pub expires_at: Option<Timestamp>,
}

/// Reads the membership off tags: from k3fleet's own, else by the first rule that fits and finds a name, else from those of
/// clusters that are known without a rule.
pub fn membership(tags: &Tags, rules: &[AdoptRule]) -> Option<Membership> {
    match named(tags, TAG_CLUSTER) {
        Some(cluster) => Some(Membership {
            cluster,
            pool: named(tags, TAG_POOL),
            role: tag(tags, TAG_ROLE).and_then(Role::parse),
            shape: tag(tags, TAG_SHAPE).and_then(Shape::parse),
            expires_at: tag(tags, TAG_EXPIRES_AT).and_then(|at| at.parse().ok()),
        }),
        None => {
            let ruled = rules.iter().find_map(|rule| rule.membership(tags));
            ruled.or_else(|| known::membership(tags))
        }
    }
}

/// A tag's value, unless it is empty.
fn named(tags: &Tags, key: &str) -> Option<SmolStr> {
    tag(tags, key).filter(|value| !value.is_empty()).map(SmolStr::new)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tags(pairs: &[(&str, &str)]) -> Tags {
        pairs.iter().map(|(k, v)| (SmolStr::new(k), SmolStr::new(v))).collect()
    }

    fn by_autoscaler_tag() -> AdoptRule {
        AdoptRule {
            cluster: AdoptName::from_tag("k8s.io/cluster-autoscaler/*").unwrap(),
            tags: vec![(Glob::new("k3s-instance-type"), Glob::new("k3s-*"))],
            role: None,
            role_tag: Some("k3s-instance-type".into()),
            pool_tag: None,
        }
    }

    #[test]
    fn reads_our_own_tags() {
        let found = membership(
            &tags(&[
                ("Name", "whatever"),
                ("k3fleet:cluster", "ci-4821"),
                ("k3fleet:pool", "servers"),
                ("k3fleet:role", "server"),
                ("k3fleet:shape", "ci"),
                ("k3fleet:expires-at", "2026-11-22T10:00:00Z"),
            ]),
            &[],
        );
        assert_eq!(
            found,
            Some(Membership {
                cluster: "ci-4821".into(),
                pool: Some("servers".into()),
                role: Some(Role::Server),
                shape: Some(Shape::Ci),
                expires_at: Some("2026-11-22T10:00:00Z".parse().unwrap()),
            })
        );
    }

    #[test]
    fn what_our_tags_say_wrongly_is_unknown() {
        let found = membership(
            &tags(&[
                ("k3fleet:cluster", "x"),
                ("k3fleet:pool", ""),
                ("k3fleet:role", "boss"),
                ("k3fleet:shape", "huge"),
                ("k3fleet:expires-at", "tomorrow"),
            ]),
            &[],
        );
        assert_eq!(
            found,
            Some(Membership {
                cluster: "x".into(),
                pool: None,
                role: None,
                shape: None,
                expires_at: None
            })
        );
    }

    #[test]
    fn a_rule_reads_name_and_role_of_an_autoscaled_pair() {
        for (kind, role) in [("k3s-server", Role::Server), ("k3s-worker", Role::Agent)] {
            let found = membership(
                &tags(&[
                    ("k8s.io/cluster-autoscaler/enabled", ""),
                    ("k8s.io/cluster-autoscaler/node-template/label/a", "b"),
                    ("k8s.io/cluster-autoscaler/prod", ""),
                    ("k3s-instance-type", kind),
                ]),
                &[by_autoscaler_tag()],
            )
            .unwrap();
            assert_eq!((found.cluster.as_str(), found.role), ("prod", Some(role)));
            assert_eq!(found.shape, Some(Shape::Adopted));
        }
    }

    #[test]
    fn a_rule_that_finds_no_name_lets_the_next_one_try() {
        let second = AdoptRule {
            cluster: AdoptName::Literal("fallback".into()),
            tags: vec![(Glob::new("k3s-*"), Glob::new("*"))],
            role: Some(Role::Agent),
            role_tag: Some("kind".into()),
            pool_tag: Some("Name".into()),
        };
        let rules = [by_autoscaler_tag(), second];
        let found = membership(
            &tags(&[("k3s-instance-type", "k3s-server"), ("Name", "workers")]),
            &rules,
        )
        .unwrap();
        assert_eq!(found.cluster, "fallback");
        assert_eq!(
            (found.pool.as_deref(), found.role),
            (Some("workers"), Some(Role::Agent))
        );
        assert_eq!(membership(&tags(&[("Name", "workers")]), &rules), None);
    }

    #[test]
    fn a_name_may_be_a_tags_value() {
        let rule = AdoptRule {
            cluster: AdoptName::from_tag("k3s_cluster_name").unwrap(),
            tags: vec![],
            role: None,
            role_tag: None,
            pool_tag: None,
        };
        let found = |value| membership(&tags(&[("k3s_cluster_name", value)]), std::slice::from_ref(&rule));
        assert_eq!(found("shop").unwrap().cluster, "shop");
        assert_eq!(found(""), None);
    }

    #[test]
    fn several_stars_or_nothing_name_no_tag() {
        assert_eq!(AdoptName::from_tag("a/*/b/*"), None);
        assert_eq!(AdoptName::from_tag(""), None);
    }

    #[test]
    fn globs() {
        for (pattern, text, fits) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("**", "abc", true),
            ("k3s-*", "k3s-", true),
            ("k3s-*", "k3s", false),
            ("*-server", "k3s-server", true),
            ("a*a", "a", false),
            ("a*a", "aa", true),
            ("*ab*ab*", "ab", false),
            ("*ab*ab*", "xababx", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-b-c-", false),
            ("Prod", "prod", false),
        ] {
            assert_eq!(Glob::new(pattern).matches(text), fits, "{pattern:?} on {text:?}");
        }
    }

    /// The plainest possible definition, to hold the quick one against.
    fn fits_by_definition(pattern: &[char], text: &[char]) -> bool {
        match pattern {
            [] => text.is_empty(),
            ['*', rest @ ..] => (0..=text.len()).any(|skip| fits_by_definition(rest, &text[skip..])),
            [first, rest @ ..] => text.first() == Some(first) && fits_by_definition(rest, &text[1..]),
        }
    }

    prop_compose! {
        fn any_tags()(pairs in prop::collection::vec(("[a-c*:/]{0,4}|k3fleet:(role|shape|expires-at|pool)", ".{0,5}"), 0..8))
            -> Vec<(SmolStr, SmolStr)> {
            pairs.into_iter().map(|(k, v)| (k.into(), v.into())).collect()
        }
    }

    prop_compose! {
        fn any_rule()(
            name in "[a-c*/]{0,4}",
            patterns in prop::collection::vec(("[a-c*/é]{0,4}", "[a-c*]{0,3}"), 0..3),
            role_tag in prop::option::of("[a-c]{1,2}"),
        ) -> AdoptRule {
            AdoptRule {
                cluster: AdoptName::from_tag(&name).unwrap_or(AdoptName::Literal("lit".into())),
                tags: patterns.iter().map(|(k, v)| (Glob::new(k), Glob::new(v))).collect(),
                role: None,
                pool_tag: role_tag.clone().map(SmolStr::from),
                role_tag: role_tag.map(SmolStr::from),
            }
        }
    }

    proptest! {
        #[test]
        fn globs_mean_what_they_say(pattern in "[ab*é]{0,7}", text in "[abé]{0,9}") {
            let (p, t): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
            prop_assert_eq!(Glob::new(&pattern).matches(&text), fits_by_definition(&p, &t));
        }

        #[test]
        fn a_found_membership_has_a_name(tags in any_tags(), rules in prop::collection::vec(any_rule(), 0..4)) {
            if let Some(found) = membership(&tags.into_iter().collect(), &rules) {
                prop_assert!(!found.cluster.is_empty());
                prop_assert_eq!(found.shape, Some(Shape::Adopted));
            }
        }

        #[test]
        fn our_tags_win(mut tags in any_tags(), rules in prop::collection::vec(any_rule(), 0..4), name in "[a-z]{1,5}") {
            tags.push((TAG_CLUSTER.into(), name.clone().into()));
            let tags = tags.into_iter().collect();
            let found = membership(&tags, &rules);
            prop_assert_eq!(&found, &membership(&tags, &[]));
            prop_assert_eq!(found.unwrap().cluster, name);
        }

        #[test]
        fn the_order_of_tags_does_not_matter(tags in any_tags(), rules in prop::collection::vec(any_rule(), 0..4)) {
            let mut keys: Vec<_> = tags.iter().map(|(k, _)| k.clone()).collect();
            keys.sort();
            keys.dedup();
            prop_assume!(keys.len() == tags.len());
            let reversed = tags.iter().rev().cloned().collect();
            let tags = tags.into_iter().collect();
            prop_assert_eq!(membership(&tags, &rules), membership(&reversed, &rules));
        }
    }
}
