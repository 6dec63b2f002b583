//! Making what a cluster's machines need. Whatever is there already was made by the same order before, and is left or
//! brought to what the order says: an order that was cut off can be given again.

use aws_sdk_ec2::types as sdk;
use aws_sdk_ssm::types::ParameterType;
use aws_smithy_types::base64;
use smol_str::{SmolStr, format_smolstr};

use super::ec2::filter;
use super::{AwsCloud, error};
use crate::fleet::{FaultKind, TAG_CLUSTER};
use crate::provider::{
    GroupOrder, IAM_PATH, Opening, ParameterOrder, ParameterValue, ProviderError, Result, RoleOrder, TagList,
    TemplateOrder,
};

/// The tag of roles and instance profiles that says which region they serve: IAM has no regions.
pub(super) const TAG_REGION: &str = "k3fleet:region";

const AUTHORIZE: &str = "ec2:AuthorizeSecurityGroupIngress";

impl AwsCloud {
    /// Something that was just made, and is not known everywhere yet.
    pub(super) fn not_yet(&self, call: &str, message: impl AsRef<str>) -> ProviderError {
        ProviderError {
            kind: FaultKind::NotYet,
            ..error::refused(call, &self.scope, message)
        }
    }
}

/// The tags of something in EC2.
pub(super) fn ec2_tags(tags: &TagList) -> Vec<sdk::Tag> {
    let tags = tags.iter();
    tags.map(|(key, value)| sdk::Tag::builder().key(key).value(value).build())
        .collect()
}

/// Tags for what a call makes.
pub(super) fn specification(kind: sdk::ResourceType, tags: &TagList) -> sdk::TagSpecification {
    sdk::TagSpecification::builder()
        .resource_type(kind)
        .set_tags(Some(ec2_tags(tags)))
        .build()
}

/// The tags of something in IAM. IAM takes no empty key, and neither does an order have one.
pub(super) fn iam_tags(tags: &TagList) -> Vec<aws_sdk_iam::types::Tag> {
    let tag = |(key, value): &(String, String)| aws_sdk_iam::types::Tag::builder().key(key).value(value).build();
    tags.iter().filter_map(|one| tag(one).ok()).collect()
}

/// The tags of a secret.
pub(super) fn secret_tags(tags: &TagList) -> Vec<aws_sdk_secretsmanager::types::Tag> {
    use aws_sdk_secretsmanager::types::Tag;
    let tags = tags.iter();
    tags.map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect()
}

/// The tags of a parameter.
pub(super) fn parameter_tags(tags: &TagList) -> Vec<aws_sdk_ssm::types::Tag> {
    use aws_sdk_ssm::types::Tag;
    let tags = tags.iter();
    tags.filter_map(|(key, value)| Tag::builder().key(key).value(value).build().ok())
        .collect()
}

pub(super) async fn role(cloud: &AwsCloud, order: &RoleOrder) -> Result<()> {
    let mut tags = iam_tags(&order.tags);
    tags.extend(iam_tags(&vec![(TAG_REGION.to_owned(), cloud.scope.region.to_string())]));
    let exists = |code: &str, _: &str| code == "EntityAlreadyExists";
    let role = cloud
        .iam
        .create_role()
        .path(IAM_PATH)
        .role_name(&order.name)
        .assume_role_policy_document(&order.trust)
        .set_tags(Some(tags.clone()));
    let profile = cloud
        .iam
        .create_instance_profile()
        .path(IAM_PATH)
        .instance_profile_name(&order.name)
        .set_tags(Some(tags));
    futures::try_join!(
        cloud.call_unless("iam:CreateRole", role.send(), exists),
        cloud.call_unless("iam:CreateInstanceProfile", profile.send(), exists),
    )?;
    Ok(())
}

/// What a role may do, and its place in its instance profile.
pub(super) async fn grant(cloud: &AwsCloud, order: &RoleOrder) -> Result<()> {
    let policy = cloud
        .iam
        .put_role_policy()
        .role_name(&order.name)
        .policy_name(&order.policy_name)
        .policy_document(&order.policy);
    let member = cloud
        .iam
        .add_role_to_instance_profile()
        .instance_profile_name(&order.name)
        .role_name(&order.name);
    // A profile holds one role at most: a full one has ours.
    let full = |code: &str, _: &str| matches!(code, "LimitExceeded" | "EntityAlreadyExists");
    const PUT: &str = "iam:PutRolePolicy";
    const ADD: &str = "iam:AddRoleToInstanceProfile";
    let (put, added) = futures::join!(
        cloud.call(PUT, policy.send()),
        cloud.call_unless(ADD, member.send(), full),
    );
    put.map_err(|refused| fresh(refused, "NoSuchEntity"))?;
    added.map_err(|refused| fresh(refused, "NoSuchEntity"))?;
    Ok(())
}

/// A refusal with this code, about something just made, is one for now.
fn fresh(mut refused: ProviderError, code: &str) -> ProviderError {
    if refused.message.starts_with(code) {
        refused.kind = FaultKind::NotYet;
    }
    refused
}

pub(super) async fn group(cloud: &AwsCloud, order: &GroupOrder) -> Result<SmolStr> {
    const CALL: &str = "ec2:CreateSecurityGroup";
    let ask = cloud
        .ec2
        .create_security_group()
        .group_name(&order.name)
        .description(&order.description)
        .vpc_id(order.vpc.as_str())
        .tag_specifications(specification(sdk::ResourceType::SecurityGroup, &order.tags));
    let exists = |code: &str, _: &str| code == "InvalidGroup.Duplicate";
    match cloud.call_unless(CALL, ask.send(), exists).await? {
        Some(made) => made.group_id.map(SmolStr::from).ok_or_else(|| {
            let lacking = format_smolstr!("the group {} is told without its id", order.name);
            error::malformed(CALL, &cloud.scope, lacking)
        }),
        None => standing(cloud, order).await,
    }
}

/// Lets in what an order names.
pub(super) async fn open(cloud: &AwsCloud, id: &str, order: &GroupOrder) -> Result<()> {
    let rules = rules(order, id);
    let several = rules.len() > 1;
    if authorize(cloud, id, rules.clone()).await? || !several {
        return Ok(());
    }
    // One rule that stands already keeps out those that come with it.
    for rule in rules {
        authorize(cloud, id, vec![rule]).await?;
    }
    Ok(())
}

/// The group of this name that is there already, if it is this cluster's.
async fn standing(cloud: &AwsCloud, order: &GroupOrder) -> Result<SmolStr> {
    const CALL: &str = "ec2:DescribeSecurityGroups";
    let ask = cloud
        .ec2
        .describe_security_groups()
        .filters(filter("group-name", [order.name.as_str()]))
        .filters(filter("vpc-id", [order.vpc.as_str()]));
    let listed = cloud.call(CALL, ask.send()).await?.security_groups.unwrap_or_default();
    let Some(group) = listed.into_iter().next() else {
        return Err(cloud.not_yet(CALL, format_smolstr!("{} is not yet listed", order.name)));
    };
    let ours = order.tags.iter().find(|(key, _)| key == TAG_CLUSTER);
    let tags = group.tags.unwrap_or_default();
    let theirs = tags.iter().find(|tag| tag.key.as_deref() == Some(TAG_CLUSTER));
    if theirs.and_then(|tag| tag.value.as_deref()) != ours.map(|(_, value)| value.as_str()) {
        let mut refused = error::refused(
            CALL,
            &cloud.scope,
            format_smolstr!("{} has a security group {} of somebody else", order.vpc, order.name),
        );
        refused.mend = "rename that group or delete it, or choose another name for the cluster".into();
        return Err(refused);
    }
    group.group_id.map(SmolStr::from).ok_or_else(|| {
        let lacking = format_smolstr!("the group {} is listed without its id", order.name);
        error::malformed(CALL, &cloud.scope, lacking)
    })
}

/// Lets rules in; false when one of them stands already.
async fn authorize(cloud: &AwsCloud, id: &str, rules: Vec<sdk::IpPermission>) -> Result<bool> {
    let ask = cloud
        .ec2
        .authorize_security_group_ingress()
        .group_id(id)
        .set_ip_permissions(Some(rules));
    let stands = |code: &str, _: &str| code == "InvalidPermission.Duplicate";
    let done = cloud.call_unless(AUTHORIZE, ask.send(), stands).await;
    let done = done.map_err(|refused| fresh(refused, "InvalidGroup.NotFound"))?;
    Ok(done.is_some())
}

/// The machines reach each other; from outside, networks reach the ports that are open to them.
fn rules(order: &GroupOrder, id: &str) -> Vec<sdk::IpPermission> {
    let itself = sdk::UserIdGroupPair::builder()
        .group_id(id)
        .description("the machines among themselves");
    let among = sdk::IpPermission::builder()
        .ip_protocol("-1")
        .user_id_group_pairs(itself.build());
    let mut rules = vec![among.build()];
    rules.extend(order.open.iter().filter(|one| !one.from.is_empty()).map(opened));
    rules
}

fn opened(opening: &Opening) -> sdk::IpPermission {
    let port = i32::from(opening.port);
    let mut rule = sdk::IpPermission::builder()
        .ip_protocol("tcp")
        .from_port(port)
        .to_port(port);
    for network in &opening.from {
        rule = if network.contains(':') {
            let range = sdk::Ipv6Range::builder()
                .cidr_ipv6(network.as_str())
                .description(opening.what);
            rule.ipv6_ranges(range.build())
        } else {
            let range = sdk::IpRange::builder()
                .cidr_ip(network.as_str())
                .description(opening.what);
            rule.ip_ranges(range.build())
        };
    }
    rule.build()
}

pub(super) async fn parameter(cloud: &AwsCloud, order: &ParameterOrder) -> Result<()> {
    const CALL: &str = "ssm:PutParameter";
    let (kind, value) = match &order.value {
        ParameterValue::Secure(secret) => (ParameterType::SecureString, secret.expose()),
        ParameterValue::Plain(text) => (ParameterType::String, text.as_str()),
    };
    let put = cloud.ssm.put_parameter().name(&order.name).value(value).r#type(kind);
    // SSM takes tags only with what is new.
    let new = put.clone().overwrite(false).set_tags(Some(parameter_tags(&order.tags)));
    let exists = |code: &str, _: &str| code == "ParameterAlreadyExists";
    let made = cloud.call_unless(CALL, new.send(), exists).await?;
    if made.is_none() && matches!(order.value, ParameterValue::Plain(_)) {
        cloud.call(CALL, put.overwrite(true).send()).await?;
    }
    Ok(())
}

pub(super) async fn secret(cloud: &AwsCloud, name: &str, tags: &TagList) -> Result<()> {
    const CALL: &str = "secretsmanager:CreateSecret";
    let ask = cloud
        .secrets
        .create_secret()
        .name(name)
        .set_tags(Some(secret_tags(tags)));
    let exists = |code: &str, _: &str| code == "ResourceExistsException";
    let made = cloud.call_unless(CALL, ask.send(), exists).await;
    made.map(drop).map_err(|mut refused| {
        // Brought back it would still hold the kubeconfig of the cluster that was.
        if refused.message.contains("scheduled for deletion") {
            refused.kind = FaultKind::NotYet;
            refused.mend = format_smolstr!(
                "if it is not gone in a minute: aws secretsmanager delete-secret --force-delete-without-recovery \
                 --secret-id {name} --region {}",
                cloud.scope.region
            );
        }
        refused
    })
}

pub(super) async fn template(cloud: &AwsCloud, order: &TemplateOrder) -> Result<()> {
    const CALL: &str = "ec2:CreateLaunchTemplate";
    let tagged = |kind| {
        sdk::LaunchTemplateTagSpecificationRequest::builder()
            .resource_type(kind)
            .set_tags(Some(ec2_tags(&order.tags)))
            .build()
    };
    let volume = sdk::LaunchTemplateEbsBlockDeviceRequest::builder()
        .volume_type(sdk::VolumeType::Gp3)
        .volume_size(cloud.number(CALL, order.volume_gib)?)
        .encrypted(true)
        .delete_on_termination(true);
    let device = sdk::LaunchTemplateBlockDeviceMappingRequest::builder()
        .device_name(order.root_device)
        .ebs(volume.build());
    let metadata = sdk::LaunchTemplateInstanceMetadataOptionsRequest::builder()
        .http_endpoint(sdk::LaunchTemplateInstanceMetadataEndpointState::Enabled)
        .http_tokens(sdk::LaunchTemplateHttpTokensState::Required)
        .http_put_response_hop_limit(1)
        .instance_metadata_tags(sdk::LaunchTemplateInstanceMetadataTagsState::Enabled);
    let profile = order.profile.as_deref().map(|name| {
        sdk::LaunchTemplateIamInstanceProfileSpecificationRequest::builder()
            .name(name)
            .build()
    });
    // Network interfaces go with their machine: a tag would only make them look like something of their own.
    let data = sdk::RequestLaunchTemplateData::builder()
        .image_id(order.image.as_str())
        .instance_type(sdk::InstanceType::from(order.instance_type.as_str()))
        .set_iam_instance_profile(profile)
        .set_key_name(order.key_pair.as_deref().map(str::to_owned))
        .security_group_ids(order.group.as_str())
        .user_data(base64::encode(&order.user_data))
        .block_device_mappings(device.build())
        .metadata_options(metadata.build())
        .instance_initiated_shutdown_behavior(sdk::ShutdownBehavior::Terminate)
        .tag_specifications(tagged(sdk::ResourceType::Instance))
        .tag_specifications(tagged(sdk::ResourceType::Volume));
    let ask = cloud
        .ec2
        .create_launch_template()
        .launch_template_name(&order.name)
        .launch_template_data(data.build())
        .tag_specifications(specification(sdk::ResourceType::LaunchTemplate, &order.tags));
    let exists = |code: &str, _: &str| code == "InvalidLaunchTemplateName.AlreadyExistsException";
    cloud.call_unless(CALL, ask.send(), exists).await.map(drop)
}
