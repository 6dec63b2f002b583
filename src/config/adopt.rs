//! `[[adopt]]`: how clusters that others made are recognised by their tags.

use smol_str::SmolStr;

use super::reader::{Table, Value};
use super::settings::is_name;
use crate::fleet::{AdoptName, AdoptRule, Glob, Role};

const TAG_KEY: &str = "the key of a tag";

/// All rules, in order. Rules that are at fault are left out.
pub(super) fn read_rules(value: &Value<'_>) -> Vec<AdoptRule> {
    value
        .list("tables, each headed [[adopt]]")
        .unwrap_or_default()
        .iter()
        .filter_map(|item| read_rule(item.table()?))
        .collect()
}

fn read_rule(mut table: Table<'_>) -> Option<AdoptRule> {
    let cluster = read_name(&mut table);
    let tags = table.get("tags").map(|value| read_tags(&value));
    let role = table
        .get("role")
        .and_then(|value| value.word(&[("server", Role::Server), ("agent", Role::Agent)]));
    let mut key = |name| -> Option<SmolStr> {
        let value: Value<'_> = table.get(name)?;
        value.parsed(TAG_KEY, |text| is_name(text).then(|| text.into()))
    };
    let (role_tag, pool_tag) = (key("role-from"), key("pool-from"));
    if matches!(cluster, Some(AdoptName::Literal(_))) && tags.as_ref().is_none_or(|tags| tags.is_empty()) {
        table.fault("expected tags to recognise the cluster by, found none: the rule would take in everything");
    }
    table.finish();
    Some(AdoptRule {
        cluster: cluster?,
        tags: tags.unwrap_or_default(),
        role,
        role_tag,
        pool_tag,
    })
}

fn read_name(table: &mut Table<'_>) -> Option<AdoptName> {
    match (table.get("cluster"), table.get("cluster-from")) {
        (Some(name), None) => name.parsed("the cluster's name", |text| {
            is_name(text).then(|| AdoptName::Literal(text.into()))
        }),
        (None, Some(key)) => key.parsed(
            "the key of a tag that holds the cluster's name, or a key with one * where the name stands",
            |text| AdoptName::from_tag(text).filter(|_| is_name(text)),
        ),
        (Some(_), Some(both)) => {
            both.fault("expected either cluster or cluster-from, found both");
            None
        }
        (None, None) => {
            table.fault("expected cluster = \"name\" or cluster-from = \"tag key\", found neither");
            None
        }
    }
}

fn read_tags(value: &Value<'_>) -> Vec<(Glob, Glob)> {
    let entries = value.table().map(|table| table.entries()).unwrap_or_default();
    entries
        .iter()
        .filter_map(|(key, value)| {
            let pattern = value.text("the tag's value, in which * stands for any text")?;
            Some((Glob::new(key), Glob::new(pattern)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::reader;

    fn rules(text: &str) -> Result<Vec<AdoptRule>, Vec<String>> {
        let read = reader::read(Path::new("config.toml"), text, |table| {
            table.get("adopt").map(|value| read_rules(&value)).unwrap_or_default()
        });
        read.map_err(|error| error.faults.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn reads_rules_in_order() {
        let rules = rules(
            r#"
            [[adopt]]
            cluster-from = "k8s.io/cluster-autoscaler/*"
            tags = { k3s-instance-type = "k3s-*" }
            role-from = "k3s-instance-type"
            [[adopt]]
            cluster = "lab"
            role = "server"
            pool-from = "Name"
            [adopt.tags]
            "aws:autoscaling:groupName" = "lab-*"
            owner = "*"
            "#,
        )
        .unwrap();
        assert_eq!(
            rules,
            [
                AdoptRule {
                    cluster: AdoptName::from_tag("k8s.io/cluster-autoscaler/*").unwrap(),
                    tags: vec![(Glob::new("k3s-instance-type"), Glob::new("k3s-*"))],
                    role: None,
                    role_tag: Some("k3s-instance-type".into()),
                    pool_tag: None,
                },
                AdoptRule {
                    cluster: AdoptName::Literal("lab".into()),
                    tags: vec![
                        (Glob::new("aws:autoscaling:groupName"), Glob::new("lab-*")),
                        (Glob::new("owner"), Glob::new("*")),
                    ],
                    role: Some(Role::Server),
                    role_tag: None,
                    pool_tag: Some("Name".into()),
                },
            ]
        );
    }

    #[test]
    fn tells_what_a_rule_lacks() {
        let faults = rules(
            "[[adopt]]\ntags = { a = 1 }\n[[adopt]]\ncluster = \"a\"\n[[adopt]]\ncluster = \"a\"\ncluster-from = \"b\"\n\
             [[adopt]]\ncluster-from = \"a*b*\"\nrole = \"boss\"\npool = \"x\"\n",
        )
        .unwrap_err();
        let at = |start: &str| faults.iter().find(|fault| fault.starts_with(start)).unwrap().as_str();
        assert!(
            at("config.toml:1:1: adopt[0]:").ends_with("found neither"),
            "{faults:#?}"
        );
        assert!(at("config.toml:2:14: adopt[0].tags.a:").ends_with("found 1"));
        assert!(at("config.toml:3:1: adopt[1]:").ends_with("would take in everything"));
        assert!(at("config.toml:7:16: adopt[2].cluster-from:").ends_with("found both"));
        assert!(at("config.toml:9:16: adopt[3].cluster-from:").ends_with("found \"a*b*\""));
        assert!(at("config.toml:10:8: adopt[3].role:").contains("one of server, agent"));
        assert!(at("config.toml:11:1: adopt[3].pool:").contains("expected one of"));
        assert_eq!(faults.len(), 7, "{faults:#?}");
    }
}
