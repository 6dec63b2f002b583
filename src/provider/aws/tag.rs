//! Writing tags on what is there.

use aws_sdk_autoscaling::types as asg;
use aws_sdk_ssm::types::ResourceTypeForTagging;
use smol_str::{SmolStr, format_smolstr};

use super::AwsCloud;
use super::make::{ec2_tags, iam_tags, parameter_tags, secret_tags};
use crate::fleet::FaultKind;
use crate::provider::{ProviderError, Resource, ResourceKind, Result, TagList};

/// The tags of a group; its machines have their template's.
pub(super) fn group_tags(group: &str, tags: &TagList) -> Vec<asg::Tag> {
    let tag = |(key, value): &(String, String)| {
        asg::Tag::builder()
            .resource_type("auto-scaling-group")
            .resource_id(group)
            .key(key)
            .value(value)
            .propagate_at_launch(false)
            .build()
    };
    tags.iter().map(tag).collect()
}

pub(super) async fn tag(cloud: &AwsCloud, resource: &Resource, tags: &TagList) -> Result<()> {
    let id = resource.id.as_str();
    match resource.kind {
        ResourceKind::Asg => {
            let ask = cloud.autoscaling.create_or_update_tags();
            let ask = ask.set_tags(Some(group_tags(id, tags)));
            cloud.call("autoscaling:CreateOrUpdateTags", ask.send()).await.map(drop)
        }
        ResourceKind::Parameter => {
            let ask = cloud.ssm.add_tags_to_resource();
            let ask = ask.resource_type(ResourceTypeForTagging::Parameter).resource_id(id);
            let ask = ask.set_tags(Some(parameter_tags(tags)));
            cloud.call("ssm:AddTagsToResource", ask.send()).await.map(drop)
        }
        ResourceKind::Secret => {
            let ask = cloud.secrets.tag_resource().secret_id(id);
            let ask = ask.set_tags(Some(secret_tags(tags)));
            cloud.call("secretsmanager:TagResource", ask.send()).await.map(drop)
        }
        ResourceKind::Role => {
            let ask = cloud.iam.tag_role().role_name(id).set_tags(Some(iam_tags(tags)));
            cloud.call("iam:TagRole", ask.send()).await.map(drop)
        }
        ResourceKind::InstanceProfile => {
            let ask = cloud.iam.tag_instance_profile().instance_profile_name(id);
            let ask = ask.set_tags(Some(iam_tags(tags)));
            cloud.call("iam:TagInstanceProfile", ask.send()).await.map(drop)
        }
        ResourceKind::LaunchTemplate => match template_id(cloud, id).await? {
            Some(id) => in_ec2(cloud, &id, tags).await,
            None => Ok(()),
        },
        ResourceKind::KeyPair => match key_pair_id(cloud, id).await? {
            Some(id) => in_ec2(cloud, &id, tags).await,
            None => Ok(()),
        },
        ResourceKind::SpotFleet
        | ResourceKind::Instance
        | ResourceKind::NetworkInterface
        | ResourceKind::Volume
        | ResourceKind::SecurityGroup => in_ec2(cloud, id, tags).await,
        ResourceKind::Stack | ResourceKind::LoadBalancer | ResourceKind::Other => Err(ProviderError {
            kind: FaultKind::Unsupported,
            call: SmolStr::new_static("tag"),
            target: format_smolstr!("{}", cloud.scope),
            message: format_smolstr!("k3fleet writes no tags on a {}: {id}", resource.kind.as_str()),
            mend: SmolStr::new_static("tag it with what made it"),
        }),
    }
}

async fn in_ec2(cloud: &AwsCloud, id: &str, tags: &TagList) -> Result<()> {
    let ask = cloud.ec2.create_tags().resources(id).set_tags(Some(ec2_tags(tags)));
    cloud.call("ec2:CreateTags", ask.send()).await.map(drop)
}

/// The id of a launch template; `None` when it is gone.
async fn template_id(cloud: &AwsCloud, name: &str) -> Result<Option<String>> {
    const CALL: &str = "ec2:DescribeLaunchTemplates";
    let ask = cloud.ec2.describe_launch_templates().launch_template_names(name);
    let unknown = |code: &str, _: &str| code.starts_with("InvalidLaunchTemplateName.NotFound");
    let answer = cloud.call_unless(CALL, ask.send(), unknown).await?;
    let mut listed = answer
        .and_then(|answer| answer.launch_templates)
        .unwrap_or_default()
        .into_iter();
    Ok(listed.find_map(|one| one.launch_template_id))
}

/// The id of a key pair; `None` when it is gone.
async fn key_pair_id(cloud: &AwsCloud, name: &str) -> Result<Option<String>> {
    const CALL: &str = "ec2:DescribeKeyPairs";
    let ask = cloud.ec2.describe_key_pairs().key_names(name);
    let unknown = |code: &str, _: &str| code == "InvalidKeyPair.NotFound";
    let answer = cloud.call_unless(CALL, ask.send(), unknown).await?;
    let mut listed = answer
        .and_then(|answer| answer.key_pairs)
        .unwrap_or_default()
        .into_iter();
    Ok(listed.find_map(|one| one.key_pair_id))
}
