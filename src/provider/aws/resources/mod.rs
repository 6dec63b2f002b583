//! What carries a cluster's tag, from every service that keeps such things.
//!
//! ```text
//!  ec2 ∥ asgs ∥ parameters ∥ roles, profiles ∥ secrets' names ∥ tagging API ─▶ secrets, one by one ─▶ Found ─▶ Resource
//! ```
//! The tagging API tells of all services, but goes on telling of deleted things for a while, and of new ones late. So
//! each service that k3fleet makes things in is asked itself, and what the tagging API says of those is not believed:
//! EC2 (terminated instances and cancelled Spot Fleets left out), Auto Scaling, SSM and IAM answer for what is there now.
//! The list of Secrets Manager lags as well: each secret that it or the tagging API names is looked at. Only for services
//! besides these (load balancers, stacks, …) the tagging API's word is taken.
//!
//! The record that EC2 keeps of a launch (an EC2 Fleet of type `instant`) is no resource: it costs nothing, its instance
//! is listed by itself, and EC2 forgets it.

mod ec2;
mod iam;
mod secrets;
mod tagging;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use smol_str::SmolStr;

use super::AwsCloud;
use super::autoscaling;
use crate::fleet::{TAG_CLUSTER, TAG_EXPIRES_AT};
use crate::provider::{Resource, ResourceKind, Result};

/// The tag by which the EBS CSI driver names its cluster.
const EBS_CLUSTER: &str = "ebs.csi.aws.com/cluster-name";
/// The tag by which the AWS Load Balancer Controller names its cluster.
const ELB_CLUSTER: &str = "elbv2.k8s.aws/cluster";
/// What the key begins with by which Kubernetes' cloud providers name their cluster; the value tells whose the thing is.
const OF_KUBERNETES: &str = "kubernetes.io/cluster/";
/// The value of what goes with its cluster.
const OWNED: &str = "owned";

/// Something that carries tags.
#[derive(Clone, Debug)]
struct Found {
    kind: ResourceKind,
    id: SmolStr,
    name: Option<SmolStr>,
    tags: Vec<(SmolStr, SmolStr)>,
    gib: Option<u32>,
}

impl Found {
    fn new(kind: ResourceKind, id: impl Into<SmolStr>, tags: Vec<(SmolStr, SmolStr)>) -> Self {
        let id = id.into();
        let named = tags.iter().find(|(key, value)| key == "Name" && !value.is_empty());
        let name = named.map(|(_, value)| value.clone()).filter(|name| *name != id);
        Self {
            kind,
            id,
            name,
            tags,
            gib: None,
        }
    }

    fn tag(&self, wanted: &str) -> Option<&SmolStr> {
        let found = self.tags.iter().find(|(key, _)| key == wanted);
        found.map(|(_, value)| value).filter(|value| !value.is_empty())
    }

    /// The cluster for which Kubernetes made it.
    fn kubernetes(&self) -> Option<SmolStr> {
        if !matches!(
            self.kind,
            ResourceKind::Volume | ResourceKind::LoadBalancer | ResourceKind::SecurityGroup | ResourceKind::Other
        ) {
            return None;
        }
        let owned = self.tags.iter().filter(|(_, value)| value == OWNED);
        let mut owned = owned.filter_map(|(key, _)| key.strip_prefix(OF_KUBERNETES));
        let named = self.tag(EBS_CLUSTER).or_else(|| self.tag(ELB_CLUSTER)).cloned();
        named.or_else(|| owned.next().map(SmolStr::new))
    }

    fn resource(self) -> Option<Resource> {
        let own = self.tag(TAG_CLUSTER).cloned();
        let kubernetes = self.kubernetes();
        // A group of the cluster's own machines may carry Kubernetes' tag too.
        let of_kubernetes = kubernetes.is_some() && (own.is_none() || self.kind != ResourceKind::SecurityGroup);
        let expires_at: Option<Timestamp> = self.tag(TAG_EXPIRES_AT).and_then(|at| at.parse().ok());
        Some(Resource {
            kind: self.kind,
            cluster: own.or(kubernetes)?,
            expires_at,
            of_kubernetes,
            gib: self.gib,
            id: self.id,
            name: self.name,
        })
    }
}

pub(super) async fn resources(cloud: &AwsCloud, cluster: Option<&str>) -> Result<Vec<Resource>> {
    // Boxed: the SDK's calls are large, and here they are many.
    let (ec2, groups, parameters, iam, names, told) = futures::try_join!(
        Box::pin(ec2::found(cloud, cluster)),
        Box::pin(groups(cloud, cluster)),
        Box::pin(secrets::parameters(cloud, cluster)),
        Box::pin(iam::found(cloud)),
        Box::pin(secrets::names(cloud)),
        Box::pin(tagging::told(cloud, cluster)),
    )?;
    let mut found: Vec<_> = [ec2, groups, iam, told.elsewhere].into_iter().flatten().collect();
    for mut parameter in parameters {
        if let Some(tags) = told.parameters.get(&parameter.id) {
            let more = tags.iter().filter(|(key, _)| key != TAG_CLUSTER && key != "Name");
            parameter.tags.extend(more.cloned());
        }
        found.push(parameter);
    }
    let names: BTreeSet<_> = names.into_iter().chain(told.secrets).collect();
    let clusters: BTreeSet<_> = found.iter().filter_map(|one| one.tag(TAG_CLUSTER).cloned()).collect();
    let owned = async {
        match cluster {
            Some(_) => Ok(vec![]),
            None => tagging::owned(cloud, &clusters).await,
        }
    };
    let (secrets, owned) = futures::try_join!(secrets::found(cloud, names), owned)?;
    found.extend(secrets);
    found.extend(owned);

    let is_known: BTreeSet<_> = found.iter().filter_map(|one| one.tag(TAG_CLUSTER).cloned()).collect();
    let wanted = |resource: &Resource| match cluster {
        Some(cluster) => resource.cluster == cluster,
        // What Kubernetes made for clusters that are none of ours is not our business.
        None => is_known.contains(&resource.cluster),
    };
    let mut once = BTreeMap::new();
    for resource in found.into_iter().filter_map(Found::resource).filter(wanted) {
        once.entry((resource.kind, resource.id.clone())).or_insert(resource);
    }
    Ok(once.into_values().collect())
}

async fn groups(cloud: &AwsCloud, cluster: Option<&str>) -> Result<Vec<Found>> {
    use aws_sdk_autoscaling::types::Filter;
    let filter = match cluster {
        Some(cluster) => Filter::builder().name(format!("tag:{TAG_CLUSTER}")).values(cluster),
        None => Filter::builder().name("tag-key").values(TAG_CLUSTER),
    };
    let listed = autoscaling::listed(cloud, Some(filter.build())).await?;
    let found = listed.into_iter().map(|group| {
        let tags = group.tags.iter().map(|(key, value)| (key.into(), value.into()));
        let tags = tags.filter(|(key, _): &(SmolStr, SmolStr)| key != "Name").collect();
        Found::new(ResourceKind::Asg, group.name, tags)
    });
    Ok(found.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(kind: ResourceKind, tags: &[(&str, &str)]) -> Option<Resource> {
        let tags = tags.iter().map(|(k, v)| (SmolStr::new(k), SmolStr::new(v))).collect();
        Found::new(kind, "vol-1", tags).resource()
    }

    #[test]
    fn whose_a_thing_is_its_tags_tell() {
        let own = found(
            ResourceKind::Volume,
            &[
                ("k3fleet:cluster", "shop"),
                ("k3fleet:expires-at", "2026-11-22T14:00:00Z"),
                ("Name", "root"),
            ],
        );
        let own = own.expect("a resource");
        assert_eq!((own.cluster.as_str(), own.of_kubernetes), ("shop", false));
        assert_eq!(own.name.as_deref(), Some("root"));
        assert_eq!(own.expires_at, "2026-11-22T14:00:00Z".parse().ok());

        for tags in [
            &[("kubernetes.io/cluster/shop", "owned")][..],
            &[(EBS_CLUSTER, "shop")],
            &[(ELB_CLUSTER, "shop"), ("k3fleet:cluster", "shop")],
        ] {
            let claimed = found(ResourceKind::Volume, tags).expect("a resource");
            assert_eq!(
                (claimed.cluster.as_str(), claimed.of_kubernetes),
                ("shop", true),
                "{tags:?}"
            );
        }
        let shared = [("kubernetes.io/cluster/shop", "shared")];
        assert_eq!(found(ResourceKind::Volume, &shared), None, "it outlives the cluster");
        let owned = [("kubernetes.io/cluster/shop", "owned")];
        assert_eq!(found(ResourceKind::Instance, &owned), None, "Kubernetes makes none");
        assert_eq!(found(ResourceKind::Volume, &[("k3fleet:cluster", "")]), None);
        let both = [("kubernetes.io/cluster/shop", "owned"), ("k3fleet:cluster", "shop")];
        let group = found(ResourceKind::SecurityGroup, &both).expect("a resource");
        assert!(!group.of_kubernetes, "the machines' own group");
    }
}
