//! Launching machines: a lone one by an EC2 Fleet of type `instant`, the workers by an Auto Scaling group; and what can be
//! seen of a machine that comes up.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_autoscaling::types as asg;
use aws_sdk_ec2::types as sdk;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::{DateTime, base64};
use jiff::Timestamp;
use smol_str::format_smolstr;
use tokio::time::Instant;

use super::ec2::{filter, instance, living};
use super::intern::Interner;
use super::make::specification;
use super::{AwsCloud, error};
use crate::fleet::{FaultKind, Instance, InstanceId, InstanceState, Purchase, TAG_CLUSTER, TAG_POOL, TAG_ROLE};
use crate::provider::{AsgOrder, MachineOrder, ProviderError, Result};

const FLEET: &str = "ec2:CreateFleet";
/// How long a further token of a launch stays the same, in seconds.
const TOKEN_LIFE: i64 = 8;
/// How long an instance may not be known everywhere after its launch.
const SPREADING: Duration = Duration::from_mins(2);

/// The instances that were launched from here, and when: EC2 may deny knowing them for a while.
#[derive(Debug, Default)]
pub(super) struct Fresh(Mutex<Vec<(InstanceId, Instant)>>);

impl Fresh {
    fn add(&self, id: &InstanceId) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|(_, at)| at.elapsed() < SPREADING);
        all.push((id.clone(), Instant::now()));
    }

    fn has(&self, id: &InstanceId) -> bool {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().any(|(one, at)| one == id && at.elapsed() < SPREADING)
    }
}

/// Launches one machine. The order's token makes EC2 answer a call that is made again with the machine it launched for the
/// first one. It may also repeat that there was no capacity then: so a refusal is asked about once more, with a token of
/// the moment, after it was seen that no machine of this order is listed.
pub(super) async fn launch(cloud: &AwsCloud, order: &MachineOrder) -> Result<InstanceId> {
    let id = match fleet(cloud, order, order.client_token.clone()).await {
        Err(refused) if matches!(refused.kind, FaultKind::NoCapacity | FaultKind::NotYet) => {
            match earlier(cloud, order).await? {
                Some(earlier) => earlier,
                None => fleet(cloud, order, token(order, (cloud.clock)())).await?,
            }
        }
        launched => launched?,
    };
    cloud.fresh.add(&id);
    Ok(id)
}

/// The machine that an earlier call launched for the same order.
async fn earlier(cloud: &AwsCloud, order: &MachineOrder) -> Result<Option<InstanceId>> {
    let tag = |wanted| {
        let found = order.tags.iter().find(|(key, _)| key == wanted);
        found.map(|(_, value)| value.as_str())
    };
    let Some(cluster) = tag(TAG_CLUSTER) else {
        return Ok(None);
    };
    let of_cluster = filter(&format!("tag:{TAG_CLUSTER}"), [cluster]);
    let found = living(cloud, Some(of_cluster)).await?.into_iter();
    let mut found = found.filter(|one| {
        matches!(one.state, InstanceState::Pending | InstanceState::Running)
            && one.tag(TAG_ROLE) == tag(TAG_ROLE)
            && one.tag(TAG_POOL) == tag(TAG_POOL)
    });
    Ok(found.next().map(|one| one.id))
}

async fn fleet(cloud: &AwsCloud, order: &MachineOrder, token: String) -> Result<InstanceId> {
    let template = sdk::FleetLaunchTemplateSpecificationRequest::builder()
        .launch_template_name(&order.template)
        .version("$Latest");
    let mut config = sdk::FleetLaunchTemplateConfigRequest::builder().launch_template_specification(template.build());
    for kind in &order.types {
        for subnet in &order.subnets {
            let place = sdk::FleetLaunchTemplateOverridesRequest::builder()
                .instance_type(sdk::InstanceType::from(kind.as_str()))
                .subnet_id(subnet.as_str());
            config = config.overrides(place.build());
        }
    }
    let target = sdk::TargetCapacitySpecificationRequest::builder()
        .total_target_capacity(1)
        .default_target_capacity_type(match order.purchase {
            Purchase::Spot => sdk::DefaultTargetCapacityType::Spot,
            Purchase::OnDemand => sdk::DefaultTargetCapacityType::OnDemand,
        });
    let ask = cloud
        .ec2
        .create_fleet()
        .r#type(sdk::FleetType::Instant)
        .client_token(token)
        .launch_template_configs(config.build())
        .target_capacity_specification(target.build())
        .tag_specifications(specification(sdk::ResourceType::Fleet, &order.tags));
    let ask = match order.purchase {
        Purchase::Spot => ask.spot_options(
            sdk::SpotOptionsRequest::builder()
                .allocation_strategy(sdk::SpotAllocationStrategy::PriceCapacityOptimized)
                .build(),
        ),
        Purchase::OnDemand => ask.on_demand_options(
            sdk::OnDemandOptionsRequest::builder()
                .allocation_strategy(sdk::FleetOnDemandAllocationStrategy::LowestPrice)
                .build(),
        ),
    };
    // A lack of capacity is a server error at AWS: the operation decides what then, not the SDK.
    let once = aws_sdk_ec2::config::Builder::new().retry_config(RetryConfig::disabled());
    let answer = cloud
        .call(FLEET, ask.customize().config_override(once).send())
        .await
        .map_err(not_yet_known)?;
    let launched = answer.instances.into_iter().flatten();
    let mut ids = launched.flat_map(|one| one.instance_ids.unwrap_or_default());
    match ids.next() {
        Some(id) => Ok(InstanceId::new(id)),
        None => Err(why_not(cloud, order, &answer.errors.unwrap_or_default())),
    }
}

/// A further token of a launch: the same for calls that follow upon each other, at most 64 characters.
fn token(order: &MachineOrder, now: Timestamp) -> String {
    let time = format!("-{:x}", now.as_second().div_euclid(TOKEN_LIFE));
    let kept = 64_usize.saturating_sub(time.len());
    let own: String = order.client_token.chars().take(kept).collect();
    format!("{own}{time}")
}

/// Whether AWS does not know something yet that was just made.
fn is_fresh(code: &str, message: &str) -> bool {
    code.starts_with("InvalidLaunchTemplateName.NotFound")
        || code.starts_with("InvalidLaunchTemplateId.NotFound")
        || code == "InvalidGroup.NotFound"
        || (message.to_ascii_lowercase().contains("iam instance profile")
            && message.to_ascii_lowercase().contains("invalid"))
        || message.contains("Invalid IamInstanceProfile")
}

/// A refusal because of what was just made is one for now.
fn not_yet_known(mut refused: ProviderError) -> ProviderError {
    let code = refused.message.split(':').next().unwrap_or_default();
    if is_fresh(code, &refused.message) {
        refused.kind = FaultKind::NotYet;
    }
    refused
}

/// Why EC2 launched nothing, from what it says of each type and zone it tried.
fn why_not(cloud: &AwsCloud, order: &MachineOrder, errors: &[sdk::CreateFleetError]) -> ProviderError {
    let said: Vec<_> = errors
        .iter()
        .map(|one| {
            let code = one.error_code.as_deref().unwrap_or_default();
            let message = one.error_message.as_deref().unwrap_or_default();
            (code, message)
        })
        .collect();
    let tell = |(code, message): (&str, &str)| match (code, message) {
        ("", message) => message.to_owned(),
        (code, "") => code.to_owned(),
        (code, message) => format!("{code}: {message}"),
    };
    if let Some(fresh) = said.iter().find(|(code, message)| is_fresh(code, message)) {
        return cloud.not_yet(FLEET, tell(*fresh));
    }
    if let Some(other) = said
        .iter()
        .find(|(code, _)| error::kind_of_code(code) != Some(FaultKind::NoCapacity))
    {
        return error::said(FLEET, &cloud.scope, other.0, other.1);
    }
    let places: BTreeSet<_> = errors.iter().filter_map(place).collect();
    let places = match places.is_empty() {
        true => format!("{} in {}", order.types.join(", "), order.subnets.join(", ")),
        false => places.into_iter().collect::<Vec<_>>().join(", "),
    };
    let why: BTreeSet<_> = said.iter().map(|(code, _)| *code).collect();
    let why = why.into_iter().collect::<Vec<_>>().join(", ");
    let how = order.purchase.as_str();
    let message = match why.is_empty() {
        true => format!("EC2 launched no {how} machine and gave no reason; tried {places}"),
        false => format!("no {how} capacity ({why}) for {places}"),
    };
    let mut refused = error::refused(FLEET, &cloud.scope, message);
    refused.kind = FaultKind::NoCapacity;
    refused.mend = match order.purchase {
        Purchase::Spot => "name more types, other zones, or on-demand; or try again later".into(),
        Purchase::OnDemand => "name more types or other zones, see the quotas of EC2, or try again later".into(),
    };
    refused
}

/// A type and where it was tried.
fn place(error: &sdk::CreateFleetError) -> Option<String> {
    let tried = error.launch_template_and_overrides.as_ref()?.overrides.as_ref()?;
    let kind = tried.instance_type.as_ref()?.as_str();
    let zone = tried.availability_zone.as_deref().or(tried.subnet_id.as_deref());
    Some(zone.map_or_else(|| kind.to_owned(), |zone| format!("{kind} in {zone}")))
}

pub(super) async fn group(cloud: &AwsCloud, order: &AsgOrder) -> Result<()> {
    const CALL: &str = "autoscaling:CreateAutoScalingGroup";
    let template = asg::LaunchTemplateSpecification::builder()
        .launch_template_name(&order.template)
        .version("$Latest");
    let overrides = order.types.iter();
    let overrides = overrides.map(|kind| {
        asg::LaunchTemplateOverrides::builder()
            .instance_type(kind.as_str())
            .build()
    });
    let is_spot = order.purchase == Purchase::Spot;
    let distribution = asg::InstancesDistribution::builder()
        .on_demand_base_capacity(0)
        .on_demand_percentage_above_base_capacity(if is_spot { 0 } else { 100 })
        .on_demand_allocation_strategy("lowest-price")
        .spot_allocation_strategy("price-capacity-optimized");
    let policy = asg::MixedInstancesPolicy::builder()
        .launch_template(
            asg::LaunchTemplate::builder()
                .launch_template_specification(template.build())
                .set_overrides(Some(overrides.collect()))
                .build(),
        )
        .instances_distribution(distribution.build());
    let ask = cloud
        .autoscaling
        .create_auto_scaling_group()
        .auto_scaling_group_name(&order.name)
        .mixed_instances_policy(policy.build())
        .min_size(0)
        .max_size(cloud.number(CALL, order.max)?)
        .desired_capacity(cloud.number(CALL, order.desired)?)
        .vpc_zone_identifier(order.subnets.join(","))
        .capacity_rebalance(is_spot)
        .set_tags(Some(super::tag::group_tags(&order.name, &order.tags)));
    let exists = |code: &str, _: &str| code == "AlreadyExists";
    let made = cloud.call_unless(CALL, ask.send(), exists).await;
    made.map(drop).map_err(not_yet_known)
}

pub(super) async fn expire(cloud: &AwsCloud, asg: &str, action: &str, at: Timestamp) -> Result<()> {
    const CALL: &str = "autoscaling:PutScheduledUpdateGroupAction";
    let ask = cloud
        .autoscaling
        .put_scheduled_update_group_action()
        .auto_scaling_group_name(asg)
        .scheduled_action_name(action)
        .start_time(DateTime::from_secs(at.as_second()))
        .min_size(0)
        .max_size(0)
        .desired_capacity(0);
    cloud.call(CALL, ask.send()).await.map(drop)
}

pub(super) async fn look(cloud: &AwsCloud, id: &InstanceId) -> Result<Option<Instance>> {
    const CALL: &str = "ec2:DescribeInstances";
    let ask = cloud.ec2.describe_instances().instance_ids(id.as_str());
    let unknown = |code: &str, _: &str| code == "InvalidInstanceID.NotFound";
    let answer = cloud.call_unless(CALL, ask.send(), unknown).await?;
    if answer.is_none() && cloud.fresh.has(id) {
        return Err(cloud.not_yet(CALL, format_smolstr!("{id} is not known everywhere yet")));
    }
    let reservations = answer.and_then(|answer| answer.reservations).unwrap_or_default();
    let listed = reservations
        .into_iter()
        .flat_map(|one| one.instances.unwrap_or_default());
    let mut strings = Interner::default();
    let mut found = listed.filter_map(|one| instance(one, &cloud.scope, &mut strings));
    Ok(found.find(|one| one.id == *id))
}

pub(super) async fn console(cloud: &AwsCloud, id: &InstanceId) -> Result<Option<String>> {
    const CALL: &str = "ec2:GetConsoleOutput";
    let ask = cloud.ec2.get_console_output().instance_id(id.as_str());
    // What is older than Nitro has no newest output, only that of its last boot.
    let lacks_latest = |code: &str, _: &str| {
        matches!(
            code,
            "UnsupportedOperation" | "InvalidParameterValue" | "InvalidParameterCombination" | "InvalidParameter"
        )
    };
    let newest = cloud
        .call_unless(CALL, ask.clone().latest(true).send(), lacks_latest)
        .await?;
    let answer = match newest {
        Some(answer) => answer,
        None => cloud.call(CALL, ask.send()).await?,
    };
    let Some(encoded) = answer.output.filter(|output| !output.is_empty()) else {
        return Ok(None);
    };
    let bytes = base64::decode(encoded.trim()).map_err(|why| {
        let message = format_smolstr!("the console of {id} is not in base64: {why}");
        error::malformed(CALL, &cloud.scope, message)
    })?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    Ok(Some(text).filter(|text| !text.trim().is_empty()))
}
