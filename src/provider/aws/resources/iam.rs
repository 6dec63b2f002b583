//! Roles and instance profiles. They belong to the account, so their tag `k3fleet:region` says which region they serve;
//! lists of them tell no tags, so each is looked at.

use aws_sdk_iam::types::Tag;
use futures::{StreamExt, TryStreamExt};
use smol_str::SmolStr;

use super::Found;
use crate::provider::aws::AwsCloud;
use crate::provider::aws::make::TAG_REGION;
use crate::provider::{IAM_PATH, ResourceKind, Result};

/// How many are looked at at once.
const AT_ONCE: usize = 8;

pub(super) async fn found(cloud: &AwsCloud) -> Result<Vec<Found>> {
    let (mut found, profiles) = futures::try_join!(roles(cloud), profiles(cloud))?;
    found.extend(profiles);
    found.retain(|one| one.tag(TAG_REGION) == Some(&cloud.scope.region));
    Ok(found)
}

fn is_gone(code: &str, _: &str) -> bool {
    code == "NoSuchEntity"
}

fn named(kind: ResourceKind, name: String, tags: Option<Vec<Tag>>) -> Found {
    let tags = tags.into_iter().flatten();
    let tags = tags.map(|tag| (SmolStr::from(tag.key), SmolStr::from(tag.value)));
    Found {
        name: None,
        ..Found::new(kind, name, tags.collect())
    }
}

async fn roles(cloud: &AwsCloud) -> Result<Vec<Found>> {
    const LIST: &str = "iam:ListRoles";
    const GET: &str = "iam:GetRole";
    let mut names = Vec::new();
    let mut marker = None;
    loop {
        let ask = cloud.iam.list_roles().path_prefix(IAM_PATH);
        let page = cloud.call(LIST, ask.set_marker(marker.clone()).send()).await?;
        let ours = page.roles.into_iter().filter(|role| role.path.starts_with(IAM_PATH));
        names.extend(ours.map(|role| role.role_name));
        let next = page.marker.filter(|_| page.is_truncated);
        marker = cloud.next_page(LIST, marker, next)?;
        if marker.is_none() {
            break;
        }
    }
    let look = |name: String| async move {
        let ask = cloud.iam.get_role().role_name(name).send();
        let role = cloud
            .call_unless(GET, ask, is_gone)
            .await?
            .and_then(|answer| answer.role);
        Ok(role.map(|role| named(ResourceKind::Role, role.role_name, role.tags)))
    };
    let found = futures::stream::iter(names.into_iter().map(look)).buffer_unordered(AT_ONCE);
    found.try_filter_map(|one| async { Ok(one) }).try_collect().await
}

async fn profiles(cloud: &AwsCloud) -> Result<Vec<Found>> {
    const LIST: &str = "iam:ListInstanceProfiles";
    const GET: &str = "iam:GetInstanceProfile";
    let mut names = Vec::new();
    let mut marker = None;
    loop {
        let ask = cloud.iam.list_instance_profiles().path_prefix(IAM_PATH);
        let page = cloud.call(LIST, ask.set_marker(marker.clone()).send()).await?;
        let ours = page.instance_profiles.into_iter();
        let ours = ours.filter(|profile| profile.path.starts_with(IAM_PATH));
        names.extend(ours.map(|profile| profile.instance_profile_name));
        let next = page.marker.filter(|_| page.is_truncated);
        marker = cloud.next_page(LIST, marker, next)?;
        if marker.is_none() {
            break;
        }
    }
    let look = |name: String| async move {
        let ask = cloud.iam.get_instance_profile().instance_profile_name(name).send();
        let answer = cloud.call_unless(GET, ask, is_gone).await?;
        let profile = answer.and_then(|answer| answer.instance_profile);
        Ok(profile.map(|one| named(ResourceKind::InstanceProfile, one.instance_profile_name, one.tags)))
    };
    let found = futures::stream::iter(names.into_iter().map(look)).buffer_unordered(AT_ONCE);
    found.try_filter_map(|one| async { Ok(one) }).try_collect().await
}
