//! The pools of workers, each an Auto Scaling group or a Spot Fleet.

use serde_json::{Value, json};

use super::super::boot::{self, Made};
use super::super::{Pool, PoolKind};
use super::machines::{self, Launch};
use super::network::Place;
use super::{Draft, attribute, refer, resource_of_pool};
use crate::fleet::Role;

/// Adds the pools.
pub(super) fn add(draft: &mut Draft<'_>, place: &Place, made: &Made) {
    let ha = draft.ha;
    let mut before = place.way.clone();
    if ha.ingress {
        before.extend(["HttpListener", "HttpsListener"].map(String::from));
    }
    for pool in &ha.pools {
        let name = resource_of_pool(&pool.name);
        let template = format!("{name}Template");
        let launch = Launch {
            resource: template.clone(),
            pool: &pool.name,
            role: Role::Agent,
            arch: pool.arch,
            types: &pool.types,
            volume_gib: pool.volume_gib,
            settings: boot::agent_settings(draft.spec, ha, pool, made),
            tags_machines: pool.kind == PoolKind::SpotFleet,
        };
        machines::launch_template(draft, launch);
        match pool.kind {
            PoolKind::Asg => group(draft, place, pool, &name, &template),
            PoolKind::SpotFleet => fleet(draft, place, pool, &name, &template),
        }
        draft.after(&name, &before);
    }
}

fn group(draft: &mut Draft<'_>, place: &Place, pool: &Pool, name: &str, template: &str) {
    let overrides: Vec<Value> = pool.types.iter().map(|kind| json!({"InstanceType": kind})).collect();
    let mut properties = json!({
        "MinSize": pool.min.to_string(),
        "DesiredCapacity": pool.desired.to_string(),
        "MaxSize": pool.max.to_string(),
        "VPCZoneIdentifier": place.subnets,
        "CapacityRebalance": true,
        "MixedInstancesPolicy": {
            "InstancesDistribution": {
                "OnDemandBaseCapacity": pool.on_demand_base,
                "OnDemandPercentageAboveBaseCapacity": pool.on_demand_percent,
                "SpotAllocationStrategy": "price-capacity-optimized",
            },
            "LaunchTemplate": {"LaunchTemplateSpecification": machines::newest(template), "Overrides": overrides},
        },
    });
    if draft.ha.ingress {
        properties["TargetGroupARNs"] = json!([refer("HttpTargets"), refer("HttpsTargets")]);
    }
    machines::group(draft, name, &pool.name, Role::Agent, properties);
}

fn fleet(draft: &mut Draft<'_>, place: &Place, pool: &Pool, name: &str, template: &str) {
    let subnets = json!({"Fn::Join": [",", place.subnets]});
    let overrides: Vec<Value> = pool
        .types
        .iter()
        .map(|kind| json!({"InstanceType": kind, "SubnetId": subnets}))
        .collect();
    let mut request = json!({
        "IamFleetRole": attribute("Arn", "SpotFleetRole"),
        "Type": "maintain",
        "TargetCapacity": pool.desired,
        "OnDemandTargetCapacity": on_demand(pool),
        "AllocationStrategy": "priceCapacityOptimized",
        "SpotMaintenanceStrategies": {"CapacityRebalance": {"ReplacementStrategy": "launch"}},
        "LaunchTemplateConfigs": [
            {"LaunchTemplateSpecification": machines::newest(template), "Overrides": overrides},
        ],
        "TagSpecifications": [{
            "ResourceType": "spot-fleet-request",
            "Tags": machines::tags(draft, &pool.name, Role::Agent),
        }],
    });
    if draft.ha.ingress {
        let groups = ["HttpTargets", "HttpsTargets"].map(|group| json!({"Arn": refer(group)}));
        request["LoadBalancersConfig"] = json!({"TargetGroupsConfig": {"TargetGroups": groups}});
    }
    draft.add(name, "EC2::SpotFleet", json!({"SpotFleetRequestConfigData": request}));
    if let Some(fleet) = draft.resources.get_mut(name) {
        // A fleet takes several subnets with commas between them, which cfn-lint does not know.
        fleet["Metadata"] = json!({"cfn-lint": {"config": {"ignore_checks": ["W1032"]}}});
    }
}

/// How many of a fleet's machines are bought on-demand, as a group would have it.
fn on_demand(pool: &Pool) -> u32 {
    let base = pool.on_demand_base.min(pool.desired);
    let share = u64::from(pool.desired - base) * u64::from(pool.on_demand_percent);
    base + u32::try_from(share.div_ceil(100)).unwrap_or(u32::MAX - base)
}
