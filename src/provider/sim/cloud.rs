//! The simulated AWS: one scope of the world.

use crate::provider::{CloudEvent, Queue, ResourceDrift, Stack, StackEvent};
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use smol_str::{SmolStr, format_smolstr};

use super::control::refused;
use super::fault::Target;
use super::parameter::Parameter;
use super::price_book;
use super::state::State;
use super::world::World;
use crate::fleet::{Activity, Asg, FaultKind, Instance, Notice, OnDemandPrice, Scope, SpotFleet, SpotPrice};
use crate::provider::aws::VIEW_ACTIONS;
use crate::provider::{
    Check, Cloud, InstanceType, ParameterVersion, PartPrice, PricedPart, ProviderError, Resource, Result, Vpc,
};

/// One scope.
#[derive(Debug)]
pub(super) struct SimCloud {
    world: Arc<World>,
    scope: Scope,
    target: Target,
}

impl SimCloud {
    pub(super) fn new(world: Arc<World>, scope: Scope) -> Self {
        let target = Target::Scope(format_smolstr!("{scope}"));
        Self { world, scope, target }
    }

    async fn call<R>(&self, call: &str, answer: impl FnOnce(&State) -> R) -> Result<R> {
        self.world.call(&self.target, call, answer).await
    }

    fn is_here(&self, region: &super::scenario::RegionSpec) -> bool {
        super::build::scope(region) == self.scope
    }
}

#[async_trait]
impl Cloud for SimCloud {
    fn scope(&self) -> &Scope {
        &self.scope
    }

    async fn account(&self) -> Result<SmolStr> {
        let account = |s: &State| s.regions.iter().find(|r| self.is_here(r)).map(|r| r.account.clone());
        Ok(self.call("sts:GetCallerIdentity", account).await?.unwrap_or_default())
    }

    async fn instances(&self) -> Result<Vec<Instance>> {
        self.call("ec2:DescribeInstances", |s| {
            let all = s.machines.values().map(|m| &m.instance);
            all.filter(|i| i.scope == self.scope).cloned().collect()
        })
        .await
    }

    async fn asgs(&self) -> Result<Vec<Asg>> {
        self.call("autoscaling:DescribeAutoScalingGroups", |s| {
            let all = (0..s.groups.len()).filter_map(|no| s.describe_group(no));
            all.filter(|g| g.scope == self.scope).collect()
        })
        .await
    }

    async fn spot_fleets(&self) -> Result<Vec<SpotFleet>> {
        self.call("ec2:DescribeSpotFleetRequests", |s| s.spot_fleets(&self.scope))
            .await
    }

    async fn activities(&self, asg: &str) -> Result<Vec<Activity>> {
        self.call("autoscaling:DescribeScalingActivities", |s| {
            let group = s.groups.iter().rev().find(|g| g.scope == self.scope && g.name == asg);
            group.map_or_else(Vec::new, |g| g.activities.iter().cloned().collect())
        })
        .await
    }

    async fn notices(&self) -> Result<Vec<Notice>> {
        self.call("ec2:DescribeSpotInstanceRequests", |s| {
            let here = |n: &&Notice| {
                s.machines
                    .get(&n.instance)
                    .is_some_and(|m| m.instance.scope == self.scope)
            };
            s.notices.values().filter(here).cloned().collect()
        })
        .await
    }

    async fn spot_prices(&self, types: &[SmolStr], since: Timestamp) -> Result<Vec<SpotPrice>> {
        self.call("ec2:DescribeSpotPriceHistory", |s| {
            let zones = s
                .regions
                .iter()
                .filter(|r| self.is_here(r))
                .flat_map(|r| r.zones.iter().map(move |z| (r, z)));
            let each = zones.flat_map(|(r, z)| types.iter().filter_map(|t| s.types.get(t)).map(move |t| (r, z, t)));
            each.flat_map(|(r, z, t)| s.market.prices(r, z, t, since, s.now))
                .collect()
        })
        .await
    }

    async fn on_demand_prices(&self, types: &[SmolStr]) -> Result<Vec<OnDemandPrice>> {
        self.call("pricing:GetProducts", |s| {
            let price = |name: &SmolStr| OnDemandPrice {
                region: self.scope.region.clone(),
                instance_type: name.clone(),
                usd: s.types.get(name).and_then(|t| t.usd.get(&self.scope.region)).copied(),
                fetched_at: s.now,
            };
            types.iter().map(price).collect()
        })
        .await
    }

    async fn part_prices(&self, parts: &[PricedPart]) -> Result<Vec<PartPrice>> {
        self.call("pricing:GetProducts", |s| {
            price_book::prices(&self.scope.region, parts, s.now)
        })
        .await
    }

    async fn instance_types(&self) -> Result<Vec<InstanceType>> {
        self.call("ec2:DescribeInstanceTypes", |s| s.instance_types(&self.scope))
            .await
    }

    async fn vpcs(&self) -> Result<Vec<Vpc>> {
        self.call("ec2:DescribeVpcs", |s| s.vpcs(&self.scope)).await
    }

    async fn image(&self, parameter: &str) -> Result<SmolStr> {
        let call = "ssm:GetParameter";
        let image = self.call(call, |s| s.image(&self.scope, parameter)).await?;
        image.ok_or_else(|| ProviderError {
            kind: FaultKind::Other,
            call: call.into(),
            target: self.target.name().clone(),
            message: format_smolstr!("ParameterNotFound: {parameter}"),
            mend: "choose an image that is published in this region".into(),
        })
    }

    async fn resources(&self, cluster: Option<&str>) -> Result<Vec<Resource>> {
        self.call("tag:GetResources", |s| s.resources(&self.scope, cluster))
            .await
    }

    async fn check(&self) -> Vec<Check> {
        let check = async |permission| Check {
            permission: SmolStr::new_static(permission),
            outcome: self.call(permission, |_| ()).await,
            clock_skew: Some(0),
        };
        // In the live adapter's order.
        let permissions = ["sts:GetCallerIdentity"].into_iter().chain(VIEW_ACTIONS);
        futures::future::join_all(permissions.map(check)).await
    }

    async fn parameter_versions(&self, name: &str) -> Result<Vec<ParameterVersion>> {
        self.call("ssm:GetParameterHistory", |s| {
            let found = s.parameters.get(&s.parameter_key(&self.scope, name));
            found.map_or_else(Vec::new, Parameter::history)
        })
        .await
    }

    async fn stack(&self, name: &str) -> Result<Option<Stack>> {
        self.call("cloudformation:DescribeStacks", |s| s.told_stack(&self.scope, name))
            .await
    }

    async fn stack_events(&self, name: &str, after: Option<&str>) -> Result<Vec<StackEvent>> {
        self.call("cloudformation:DescribeStackEvents", |s| {
            s.stack_happened(&self.scope, name, after)
        })
        .await
    }

    async fn drifts(&self, stack: &str) -> Result<Vec<ResourceDrift>> {
        let call = "cloudformation:DescribeStackResourceDrifts";
        let found = self.call(call, |s| s.told_drifts(&self.scope, stack)).await?;
        found.map_err(|why| refused(&self.target, call, why))
    }

    async fn endpoints(&self, vpc: &str) -> Result<Vec<SmolStr>> {
        self.call("ec2:DescribeVpcEndpoints", |s| s.endpoints(&self.scope, vpc))
            .await
    }

    async fn cloud_events(&self, queue: &str) -> Result<Vec<CloudEvent>> {
        let call = "sqs:ReceiveMessage";
        let found = self.call(call, |s| s.events_in(&self.scope, queue)).await?;
        found.ok_or_else(|| no_queue(&self.target, call, queue))
    }

    async fn queue(&self, url: &str) -> Result<Queue> {
        let call = "sqs:GetQueueAttributes";
        let found = self.call(call, |s| s.told_queue(&self.scope, url)).await?;
        found.ok_or_else(|| no_queue(&self.target, call, url))
    }

    async fn oldest_message(&self, url: &str) -> Result<Option<Timestamp>> {
        let call = "cloudwatch:GetMetricStatistics";
        self.call(call, |s| s.oldest_in(&self.scope, url)).await
    }
}

/// The error of a call to a queue that is not there.
pub(super) fn no_queue(target: &Target, call: &str, url: &str) -> ProviderError {
    ProviderError {
        kind: FaultKind::Other,
        call: call.into(),
        target: target.name().clone(),
        message: format_smolstr!("QueueDoesNotExist: The specified queue does not exist: {url}"),
        mend: "look the stack's outputs up anew: the queue goes with its stack".into(),
    }
}
