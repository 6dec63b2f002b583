//! Auto Scaling: groups, their members and what they did lately.

use aws_sdk_autoscaling::types as sdk;
use smol_str::{SmolStr, format_smolstr};

use super::intern::Interner;
use super::{AwsCloud, error, optional, timestamp};
use crate::fleet::{Activity, Asg, AsgMember, InstanceId, Scope};
use crate::provider::Result;

/// How many of a group's latest activities are read.
const ACTIVITIES: i32 = 20;

pub(super) async fn asgs(cloud: &AwsCloud) -> Result<Vec<Asg>> {
    listed(cloud, None).await
}

/// All groups, or those that pass a filter.
pub(super) async fn listed(cloud: &AwsCloud, which: Option<sdk::Filter>) -> Result<Vec<Asg>> {
    const CALL: &str = "autoscaling:DescribeAutoScalingGroups";
    let mut strings = Interner::default();
    let mut found = Vec::new();
    let mut token = None;
    loop {
        let page = cloud
            .autoscaling
            .describe_auto_scaling_groups()
            .set_filters(which.clone().map(|which| vec![which]))
            .max_records(cloud.page(100))
            .set_next_token(token.clone());
        let page = cloud.call(CALL, page.send()).await?;
        for listed in page.auto_scaling_groups.unwrap_or_default() {
            let name = listed.auto_scaling_group_name.clone().unwrap_or_default();
            let group = asg(listed, &cloud.scope, &mut strings).ok_or_else(|| {
                let lacking = format_smolstr!("the group {name:?} is listed without its name or its sizes");
                error::malformed(CALL, &cloud.scope, lacking)
            })?;
            found.push(group);
        }
        token = cloud.next_page(CALL, token, page.next_token)?;
        if token.is_none() {
            return Ok(found);
        }
    }
}

/// `None` when it lacks what every group has.
fn asg(from: sdk::AutoScalingGroup, scope: &Scope, strings: &mut Interner) -> Option<Asg> {
    let size = |size: Option<i32>| u32::try_from(size?).ok();
    let (template, distribution) = from.mixed_instances_policy.map_or((None, None), |policy| {
        (policy.launch_template, policy.instances_distribution)
    });
    let overrides = template.and_then(|template| template.overrides).unwrap_or_default();
    let mut types: Vec<SmolStr> = Vec::new();
    for listed in overrides.into_iter().filter_map(|one| one.instance_type) {
        let listed = strings.get(&listed);
        if !types.contains(&listed) {
            types.push(listed);
        }
    }
    let members = from.instances.into_iter().flatten();
    let suspended = from.suspended_processes.into_iter().flatten();
    let tags = from.tags.into_iter().flatten();
    Some(Asg {
        scope: scope.clone(),
        name: SmolStr::new(from.auto_scaling_group_name?),
        desired: size(from.desired_capacity)?,
        min: size(from.min_size)?,
        max: size(from.max_size)?,
        members: members.filter_map(|one| member(one, strings)).collect(),
        types: types.into(),
        zones: from
            .availability_zones
            .into_iter()
            .flatten()
            .map(SmolStr::from)
            .collect(),
        on_demand_percent: size(
            distribution
                .as_ref()
                .and_then(|shares| shares.on_demand_percentage_above_base_capacity),
        ),
        on_demand_base: size(distribution.as_ref().and_then(|shares| shares.on_demand_base_capacity)),
        suspended: suspended
            .filter_map(|process| process.process_name)
            .map(SmolStr::from)
            .collect(),
        tags: tags
            .filter_map(|tag| Some((strings.get(&tag.key?), strings.get(&tag.value?))))
            .collect(),
    })
}

fn member(from: sdk::Instance, strings: &mut Interner) -> Option<AsgMember> {
    Some(AsgMember {
        id: InstanceId::new(from.instance_id?),
        lifecycle: strings.get(from.lifecycle_state?.as_str()),
        healthy: from
            .health_status
            .is_some_and(|health| health.eq_ignore_ascii_case("Healthy")),
        protected: from.protected_from_scale_in.unwrap_or_default(),
    })
}

pub(super) async fn activities(cloud: &AwsCloud, asg: &str) -> Result<Vec<Activity>> {
    const CALL: &str = "autoscaling:DescribeScalingActivities";
    let page = cloud
        .autoscaling
        .describe_scaling_activities()
        .auto_scaling_group_name(asg)
        .max_records(ACTIVITIES);
    let page = cloud.call(CALL, page.send()).await?;
    let listed = page.activities.unwrap_or_default().into_iter();
    Ok(listed.filter_map(|one| activity(one, &cloud.scope)).collect())
}

fn activity(from: sdk::Activity, scope: &Scope) -> Option<Activity> {
    Some(Activity {
        scope: scope.clone(),
        id: SmolStr::new(from.activity_id?),
        asg: SmolStr::new(from.auto_scaling_group_name?),
        started_at: from.start_time.as_ref().and_then(timestamp)?,
        ended_at: from.end_time.as_ref().and_then(timestamp),
        status: SmolStr::new(from.status_code?.as_str()),
        description: SmolStr::new(from.description.unwrap_or_default()),
        message: optional(from.status_message),
        progress: u8::try_from(from.progress.unwrap_or_default().clamp(0, 100)).unwrap_or_default(),
    })
}
