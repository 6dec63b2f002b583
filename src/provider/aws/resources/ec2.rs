//! What EC2 holds of a cluster.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types as sdk;
use futures::future::try_join_all;
use smol_str::{SmolStr, format_smolstr};

use super::{EBS_CLUSTER, ELB_CLUSTER, Found, OF_KUBERNETES, OWNED};
use crate::fleet::{TAG_CLUSTER, TAG_EXPIRES_AT, Tags};
use crate::provider::aws::ec2::{filter, living, spot_fleets};
use crate::provider::aws::{AwsCloud, error};
use crate::provider::{ResourceKind, Result};

/// What carries the cluster's tag, or that of any.
fn tagged(cluster: Option<&str>) -> sdk::Filter {
    match cluster {
        Some(cluster) => filter(&format!("tag:{TAG_CLUSTER}"), [cluster]),
        None => filter("tag-key", [TAG_CLUSTER]),
    }
}

/// What carries any tag by which a cluster or its Kubernetes is known: one question for each.
fn claimed(cluster: Option<&str>, controller: &str) -> [sdk::Filter; 3] {
    let of_kubernetes = match cluster {
        Some(cluster) => filter(&format!("tag:{OF_KUBERNETES}{cluster}"), [OWNED]),
        None => filter("tag-key", [format!("{OF_KUBERNETES}*")]),
    };
    let of_controller = match cluster {
        Some(cluster) => filter(&format!("tag:{controller}"), [cluster]),
        None => filter("tag-key", [controller]),
    };
    [tagged(cluster), of_controller, of_kubernetes]
}

fn pairs(tags: Option<Vec<sdk::Tag>>) -> Vec<(SmolStr, SmolStr)> {
    let tags = tags.into_iter().flatten();
    tags.filter_map(|tag| Some((tag.key?.into(), tag.value?.into())))
        .collect()
}

fn copied(tags: &Tags) -> Vec<(SmolStr, SmolStr)> {
    tags.iter().map(|(key, value)| (key.into(), value.into())).collect()
}

pub(super) async fn found(cloud: &AwsCloud, cluster: Option<&str>) -> Result<Vec<Found>> {
    let (instances, fleets, volumes, groups, templates, pairs, others) = futures::try_join!(
        Box::pin(living(cloud, Some(tagged(cluster)))),
        Box::pin(spot_fleets(cloud)),
        Box::pin(volumes(cloud, cluster)),
        Box::pin(groups(cloud, cluster)),
        Box::pin(templates(cloud, cluster)),
        Box::pin(key_pairs(cloud, cluster)),
        Box::pin(others(cloud)),
    )?;
    let instances = instances
        .into_iter()
        .map(|one| Found::new(ResourceKind::Instance, one.id.as_str(), copied(&one.tags)));
    let fleets = fleets
        .into_iter()
        .map(|one| Found::new(ResourceKind::SpotFleet, one.id, copied(&one.tags)));
    let found = instances.chain(fleets);
    Ok(found
        .chain([volumes, groups, templates, pairs, others].into_iter().flatten())
        .collect())
}

async fn volumes(cloud: &AwsCloud, cluster: Option<&str>) -> Result<Vec<Found>> {
    let questions = claimed(cluster, EBS_CLUSTER).map(|which| volumes_of(cloud, which));
    Ok(try_join_all(questions).await?.into_iter().flatten().collect())
}

async fn volumes_of(cloud: &AwsCloud, which: sdk::Filter) -> Result<Vec<Found>> {
    const CALL: &str = "ec2:DescribeVolumes";
    let ask = || {
        cloud
            .ec2
            .describe_volumes()
            .filters(which.clone())
            .max_results(cloud.page(500).max(5))
    };
    let listed = pages!(cloud, CALL, ask(), volumes);
    let found = listed.into_iter().filter_map(|one| {
        // A volume that is being deleted is listed for a moment.
        let ending = [sdk::VolumeState::Deleting, sdk::VolumeState::Deleted];
        if one.state.is_some_and(|state| ending.contains(&state)) {
            return None;
        }
        let mut found = Found::new(ResourceKind::Volume, one.volume_id?, pairs(one.tags));
        found.gib = one.size.and_then(|size| u32::try_from(size).ok());
        Some(found)
    });
    Ok(found.collect())
}

async fn groups(cloud: &AwsCloud, cluster: Option<&str>) -> Result<Vec<Found>> {
    let questions = claimed(cluster, ELB_CLUSTER).map(|which| groups_of(cloud, which));
    Ok(try_join_all(questions).await?.into_iter().flatten().collect())
}

async fn groups_of(cloud: &AwsCloud, which: sdk::Filter) -> Result<Vec<Found>> {
    const CALL: &str = "ec2:DescribeSecurityGroups";
    let ask = || {
        cloud
            .ec2
            .describe_security_groups()
            .filters(which.clone())
            .max_results(cloud.page(1000).max(5))
    };
    let listed = pages!(cloud, CALL, ask(), security_groups);
    let found = listed.into_iter().filter_map(|one| {
        let mut found = Found::new(ResourceKind::SecurityGroup, one.group_id?, pairs(one.tags));
        found.name = one.group_name.map(SmolStr::from).or(found.name);
        Some(found)
    });
    Ok(found.collect())
}

async fn templates(cloud: &AwsCloud, cluster: Option<&str>) -> Result<Vec<Found>> {
    const CALL: &str = "ec2:DescribeLaunchTemplates";
    let ask = || {
        cloud
            .ec2
            .describe_launch_templates()
            .filters(tagged(cluster))
            .max_results(cloud.page(200))
    };
    let listed = pages!(cloud, CALL, ask(), launch_templates);
    Ok(by_name(
        listed
            .into_iter()
            .filter_map(|one| Some((one.launch_template_name?, one.tags))),
        ResourceKind::LaunchTemplate,
    ))
}

async fn key_pairs(cloud: &AwsCloud, cluster: Option<&str>) -> Result<Vec<Found>> {
    const CALL: &str = "ec2:DescribeKeyPairs";
    let ask = cloud.ec2.describe_key_pairs().filters(tagged(cluster));
    let listed = cloud.call(CALL, ask.send()).await?.key_pairs.unwrap_or_default();
    Ok(by_name(
        listed.into_iter().filter_map(|one| Some((one.key_name?, one.tags))),
        ResourceKind::KeyPair,
    ))
}

/// What is known by its name needs no other.
fn by_name(listed: impl Iterator<Item = (String, Option<Vec<sdk::Tag>>)>, kind: ResourceKind) -> Vec<Found> {
    let found = listed.map(|(name, tags)| Found {
        name: None,
        ..Found::new(kind, name, pairs(tags))
    });
    found.collect()
}

/// What else in EC2 carries a cluster's tag. The list of tags tells no names, and cannot be asked for one cluster without
/// losing its other tags.
async fn others(cloud: &AwsCloud) -> Result<Vec<Found>> {
    const CALL: &str = "ec2:DescribeTags";
    let ask = || {
        cloud
            .ec2
            .describe_tags()
            .filters(filter("key", [TAG_CLUSTER, TAG_EXPIRES_AT]))
            .max_results(cloud.page(1000).max(5))
    };
    let listed = pages!(cloud, CALL, ask(), tags);
    let mut by_id: BTreeMap<(String, String), Vec<_>> = BTreeMap::new();
    for one in listed {
        let (Some(id), Some(kind)) = (one.resource_id, one.resource_type) else {
            continue;
        };
        if is_told_elsewhere(&kind) {
            continue;
        }
        if let (Some(key), Some(value)) = (one.key, one.value) {
            let tags = by_id.entry((kind.as_str().to_owned(), id)).or_default();
            tags.push((SmolStr::from(key), SmolStr::from(value)));
        }
    }
    by_id.retain(|_, tags| tags.iter().any(|(key, _)| key == TAG_CLUSTER));
    // An endpoint that is deleted is listed for a while.
    let is_endpoint = |kind: &str| kind == sdk::ResourceType::VpcEndpoint.as_str();
    if by_id.keys().any(|(kind, _)| is_endpoint(kind)) {
        let there = endpoints(cloud).await?;
        by_id.retain(|(kind, id), _| !is_endpoint(kind) || there.contains(id));
    }
    let is_interface = |kind: &str| kind == sdk::ResourceType::NetworkInterface.as_str();
    let prefix = match by_id.keys().all(|(kind, _)| is_interface(kind)) {
        true => String::new(),
        false => arn_prefix(cloud).await?,
    };
    let found = by_id.into_iter().map(|((kind, id), tags)| match is_interface(&kind) {
        true => Found::new(ResourceKind::NetworkInterface, id, tags),
        false => Found::new(ResourceKind::Other, format_smolstr!("{prefix}{kind}/{id}"), tags),
    });
    Ok(found.collect())
}

/// The VPC endpoints with a cluster's tag that are not deleted.
async fn endpoints(cloud: &AwsCloud) -> Result<BTreeSet<String>> {
    const CALL: &str = "ec2:DescribeVpcEndpoints";
    let ask = || {
        let ask = cloud.ec2.describe_vpc_endpoints().filters(tagged(None));
        ask.max_results(cloud.page(1000).max(5))
    };
    let listed = pages!(cloud, CALL, ask(), vpc_endpoints);
    // EC2 writes its states in lower case, whatever its API reference says.
    let is_ending = |state: &sdk::State| ["deleting", "deleted"].contains(&state.as_str().to_lowercase().as_str());
    let there = listed
        .into_iter()
        .filter(|one| !one.state.as_ref().is_some_and(is_ending));
    Ok(there.filter_map(|one| one.vpc_endpoint_id).collect())
}

/// Whether things of this type are listed by a call of their own, or are no resource.
fn is_told_elsewhere(kind: &sdk::ResourceType) -> bool {
    matches!(
        kind,
        sdk::ResourceType::Instance
            | sdk::ResourceType::Volume
            | sdk::ResourceType::SecurityGroup
            | sdk::ResourceType::LaunchTemplate
            | sdk::ResourceType::KeyPair
            | sdk::ResourceType::SpotFleetRequest
            | sdk::ResourceType::Fleet
            // It goes with its group.
            | sdk::ResourceType::SecurityGroupRule
    )
}

/// What the ARNs of EC2 here begin with.
async fn arn_prefix(cloud: &AwsCloud) -> Result<String> {
    const CALL: &str = "sts:GetCallerIdentity";
    let identity = cloud.call(CALL, cloud.sts.get_caller_identity().send()).await?;
    let partition = identity.arn.as_deref().and_then(|arn| arn.split(':').nth(1));
    let (Some(partition), Some(account)) = (partition, identity.account.as_deref()) else {
        return Err(error::malformed(CALL, &cloud.scope, "the answer names no account"));
    };
    Ok(format!("arn:{partition}:ec2:{}:{account}:", cloud.scope.region))
}
