//! The simulated AWS: one scope of the world.

use crate::provider::{CloudEvent, Queue, Stack, StackEvent, pending};
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use smol_str::{SmolStr, format_smolstr};

use super::fault::Target;
use super::parameter::Parameter;
use super::state::State;
use super::world::World;
use crate::fleet::{Activity, Asg, FaultKind, Instance, Notice, OnDemandPrice, Scope, SpotFleet, SpotPrice};
use crate::provider::aws::VIEW_ACTIONS;
use crate::provider::{Check, Cloud, InstanceType, ParameterVersion, ProviderError, Resource, Result, Vpc};

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
        self.call("ec2:DescribeSpotFleetRequests", |_| Vec::new()).await
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

    async fn stack(&self, _name: &str) -> Result<Option<Stack>> {
        Err(pending("cloudformation:DescribeStacks"))
    }

    async fn stack_events(&self, _name: &str, _after: Option<&str>) -> Result<Vec<StackEvent>> {
        Err(pending("cloudformation:DescribeStackEvents"))
    }

    async fn endpoints(&self, _vpc: &str) -> Result<Vec<SmolStr>> {
        // Nobody has made one in this world.
        self.call("ec2:DescribeVpcEndpoints", |_| Vec::new()).await
    }

    async fn cloud_events(&self, _queue: &str) -> Result<Vec<CloudEvent>> {
        Err(pending("sqs:ReceiveMessage"))
    }

    async fn queue(&self, _url: &str) -> Result<Queue> {
        Err(pending("sqs:GetQueueAttributes"))
    }
}
