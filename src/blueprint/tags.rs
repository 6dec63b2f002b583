//! The tags of a cluster's resources: by them alone a cluster is seen, and by them it is destroyed.

use super::Spec;
use crate::fleet::{Role, TAG_CLUSTER, TAG_EXPIRES_AT, TAG_POOL, TAG_ROLE, TAG_SHAPE};

/// Tag that says who made a resource.
pub const TAG_CREATED_BY: &str = "k3fleet:created-by";

/// The longest value of a tag, in characters.
const VALUE_LIMIT: usize = 256;

/// The tags of what a cluster has once (its security group, parameters, secret …), each as key and value, or with a
/// role those of what belongs to that pool (machines, volumes, groups, templates, IAM roles). `created_by` is who asks,
/// such as the caller's ARN; what a tag cannot hold is replaced.
pub fn tags(spec: &Spec, pool: Option<Role>, created_by: &str) -> Vec<(String, String)> {
    let names = spec.names();
    let mut tags = vec![
        (TAG_CLUSTER, spec.name.to_string()),
        (TAG_SHAPE, spec.shape.as_str().to_owned()),
        (TAG_CREATED_BY, value(created_by)),
    ];
    if let Some(at) = spec.expires_at {
        tags.push((TAG_EXPIRES_AT, at.to_string()));
    }
    let name = match pool {
        Some(role) => {
            tags.push((TAG_POOL, names.pool(role).to_owned()));
            tags.push((TAG_ROLE, role.as_str().to_owned()));
            names.machine(role)
        }
        None => names.security_group(),
    };
    tags.push(("Name", name));
    tags.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

/// Text as a tag's value may be.
fn value(text: &str) -> String {
    let allowed = |c: char| {
        if c.is_alphanumeric() || " _.:/=+-@".contains(c) {
            c
        } else {
            '_'
        }
    };
    text.chars().take(VALUE_LIMIT).map(allowed).collect()
}

#[cfg(test)]
mod tests {
    use super::super::example;
    use super::*;
    use crate::fleet::Shape;

    fn get<'a>(tags: &'a [(String, String)], key: &str) -> Option<&'a str> {
        tags.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str())
    }

    #[test]
    fn everything_says_whose_it_is() {
        let whole = tags(&example(), None, "arn:aws:sts::1:assumed-role/dev/ana@shop");
        assert_eq!(get(&whole, "k3fleet:cluster"), Some("shop"));
        assert_eq!(get(&whole, "k3fleet:shape"), Some("quick"));
        assert_eq!(
            get(&whole, "k3fleet:created-by"),
            Some("arn:aws:sts::1:assumed-role/dev/ana@shop")
        );
        assert_eq!(get(&whole, "k3fleet:pool"), None);
        assert_eq!(get(&whole, "k3fleet:expires-at"), None);
        let worker = tags(&example(), Some(Role::Agent), "ana");
        assert_eq!(get(&worker, "k3fleet:pool"), Some("workers"));
        assert_eq!(get(&worker, "k3fleet:role"), Some("agent"));
        assert_eq!(get(&worker, "Name"), Some("shop-workers"));
    }

    #[test]
    fn a_ci_cluster_says_when_it_ends() {
        let mut spec = example();
        spec.shape = Shape::Ci;
        spec.expires_at = Some("2026-11-22T14:00:00Z".parse().unwrap());
        let tags = tags(&spec, Some(Role::Server), "ana");
        assert_eq!(get(&tags, "k3fleet:expires-at"), Some("2026-11-22T14:00:00Z"));
    }

    #[test]
    fn a_value_holds_what_aws_takes() {
        assert_eq!(value("a\n<b>"), "a__b_");
        assert_eq!(value(&"ä".repeat(300)).chars().count(), 256);
    }
}
