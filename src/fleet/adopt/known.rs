//! Clusters that others make and that are known without a rule, by tags that nothing else carries together.
//!
//! These are the clusters of the Terraform module `garutilorenzo/k3s-aws-terraform-cluster`, versions 2.0 to 3.0: both of its
//! Auto Scaling groups, and by propagation their instances, are tagged `provisioner` = `terraform`, `k3s-instance-type` =
//! `k3s-server` or `k3s-worker`, `environment`, and `k8s.io/cluster-autoscaler/<cluster_name>`.
//!
//! The module tells its clusters apart by the environment, which has to be said, while the cluster's name has a default: the
//! name here is of both, so that `staging` and `prod` are not taken for one cluster of six servers.

use smol_str::{SmolStr, format_smolstr};

use super::{AdoptName, Membership, Shape, named};
use crate::fleet::{Role, Tags, tag};

/// The tag that all parts of such a cluster carry, and that says whether they are servers or workers.
pub const KNOWN_TAG: &str = "k3s-instance-type";

const NAME: AdoptName = AdoptName::KeyPart {
    prefix: SmolStr::new_static("k8s.io/cluster-autoscaler/"),
    suffix: SmolStr::new_static(""),
};

/// Reads the membership off the tags of such a cluster.
pub(super) fn membership(tags: &Tags) -> Option<Membership> {
    let role = match tag(tags, KNOWN_TAG)? {
        "k3s-server" => Role::Server,
        "k3s-worker" => Role::Agent,
        _ => return None,
    };
    if tag(tags, "provisioner") != Some("terraform") {
        return None;
    }
    let (name, environment) = (NAME.read(tags)?, named(tags, "environment")?);
    Some(Membership {
        cluster: format_smolstr!("{name}-{environment}"),
        pool: None,
        role: Some(role),
        shape: Some(Shape::Adopted),
        expires_at: None,
    })
}

#[cfg(test)]
mod tests {
    use crate::fleet::testing::tags;
    use crate::fleet::{AdoptName, AdoptRule, Glob, Role, Shape, membership};

    /// What version 3.0 gives a machine, with what Auto Scaling adds; the names of the rest are those of 2.2.
    const MACHINE: [(&str, &str); 9] = [
        ("Name", "k3s-server-staging"),
        ("aws:autoscaling:groupName", "k3s-servers-asg-staging"),
        ("environment", "staging"),
        ("provisioner", "terraform"),
        (
            "terraform_module",
            "https://github.com/garutilorenzo/k3s-aws-terraform-cluster",
        ),
        ("k3s_cluster_name", "k3s-cluster"),
        ("application", "k3s"),
        ("k8s.io/cluster-autoscaler/enabled", ""),
        ("k8s.io/cluster-autoscaler/k3s-cluster", ""),
    ];

    fn of(kind: &'static str, but: &str) -> crate::fleet::Tags {
        let all = MACHINE.into_iter().chain([("k3s-instance-type", kind)]);
        tags(&all.filter(|(key, _)| *key != but).collect::<Vec<_>>())
    }

    #[test]
    fn both_groups_of_the_module_are_known_in_all_its_versions() {
        for (kind, role) in [("k3s-server", Role::Server), ("k3s-worker", Role::Agent)] {
            for older in ["", "terraform_module", "k3s_cluster_name", "application"] {
                let found = membership(&of(kind, older), &[]).unwrap();
                assert_eq!(
                    (found.cluster.as_str(), found.role, found.shape),
                    ("k3s-cluster-staging", Some(role), Some(Shape::Adopted))
                );
            }
        }
    }

    #[test]
    fn what_lacks_one_of_the_tags_is_not_taken_for_it() {
        for lacking in [
            "environment",
            "provisioner",
            "k8s.io/cluster-autoscaler/k3s-cluster",
            "k3s-instance-type",
        ] {
            assert_eq!(membership(&of("k3s-server", lacking), &[]), None, "{lacking}");
        }
        assert_eq!(membership(&of("k3s-bastion", ""), &[]), None);
    }

    #[test]
    fn a_rule_may_call_it_otherwise() {
        let rule = AdoptRule {
            cluster: AdoptName::Literal("prod".into()),
            tags: vec![(Glob::new("k3s_cluster_name"), Glob::new("k3s-cluster"))],
            role: None,
            role_tag: Some("k3s-instance-type".into()),
            pool_tag: None,
        };
        let found = membership(&of("k3s-worker", ""), &[rule]).unwrap();
        assert_eq!((found.cluster.as_str(), found.role), ("prod", Some(Role::Agent)));
    }
}
