//! Changes at the simulated AWS, in one scope.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use smol_str::{SmolStr, format_smolstr};

use super::super::fault::Target;
use super::super::scaling::Refused;
use super::super::state::State;
use super::super::world::World;
use super::refused;
use crate::fleet::{Instance, InstanceId, Scope};
use crate::provider::{
    AsgOrder, CloudControl, GroupOrder, Launched, MachineOrder, ParameterOrder, Resource, Result, RoleOrder, Secret,
    TagList, TemplateOrder,
};

/// One scope.
#[derive(Debug)]
pub(in super::super) struct SimCloudControl {
    world: Arc<World>,
    scope: Scope,
    account: SmolStr,
    target: Target,
}

impl SimCloudControl {
    pub(in super::super) fn new(world: Arc<World>, scope: Scope, account: SmolStr) -> Self {
        let target = Target::Scope(format_smolstr!("{scope}"));
        Self {
            world,
            scope,
            account,
            target,
        }
    }

    async fn change<R>(
        &self,
        call: &str,
        change: impl FnOnce(&mut State, &Scope) -> std::result::Result<R, Refused>,
    ) -> Result<R> {
        let done = self
            .world
            .change(&self.target, call, |s| change(s, &self.scope))
            .await?;
        done.map_err(|why| refused(&self.target, call, why))
    }

    /// A parameter belongs to an account and region, whichever profile names it.
    fn key(&self, name: &str) -> (SmolStr, SmolStr, SmolStr) {
        (self.account.clone(), self.scope.region.clone(), name.into())
    }
}

#[async_trait]
impl CloudControl for SimCloudControl {
    fn scope(&self) -> &Scope {
        &self.scope
    }

    async fn set_desired(&self, asg: &str, desired: u32) -> Result<()> {
        self.change("autoscaling:SetDesiredCapacity", |s, scope| {
            s.ask_desired(scope, asg, desired)
        })
        .await
    }

    async fn set_bounds(&self, asg: &str, min: u32, max: u32) -> Result<()> {
        self.change("autoscaling:UpdateAutoScalingGroup", |s, scope| {
            s.ask_bounds(scope, asg, min, max)
        })
        .await
    }

    async fn end_member(&self, instance: &InstanceId, shrink: bool) -> Result<()> {
        self.change("autoscaling:TerminateInstanceInAutoScalingGroup", |s, scope| {
            s.ask_end_member(scope, instance, shrink)
        })
        .await
    }

    async fn end(&self, instance: &InstanceId) -> Result<()> {
        self.change("ec2:TerminateInstances", |s, scope| {
            s.ask_end(scope, instance);
            Ok(())
        })
        .await
    }

    async fn set_target(&self, fleet: &str, _target: u32, _end_excess: bool) -> Result<()> {
        // The world has no Spot Fleets.
        self.change("ec2:ModifySpotFleetRequest", |_, _| {
            Err(Refused::new(
                format_smolstr!(
                    "InvalidSpotFleetRequestId.NotFound: The spot fleet request ID '{fleet}' does not exist"
                ),
                "check the request's id, profile and region",
            ))
        })
        .await
    }

    async fn parameter(&self, name: &str) -> Result<Option<String>> {
        let value = |s: &State| s.parameters.get(&self.key(name)).cloned();
        self.world.call(&self.target, "ssm:GetParameter", value).await
    }

    async fn create_parameter(&self, name: &str, value: &str) -> Result<bool> {
        self.change("ssm:PutParameter", |s, _| {
            let entry = s.parameters.entry(self.key(name));
            let new = matches!(entry, std::collections::btree_map::Entry::Vacant(_));
            entry.or_insert_with(|| value.to_owned());
            Ok(new)
        })
        .await
    }

    async fn put_parameter(&self, name: &str, value: &str) -> Result<()> {
        self.change("ssm:PutParameter", |s, _| {
            s.parameters.insert(self.key(name), value.to_owned());
            Ok(())
        })
        .await
    }

    async fn make_role(&self, _order: &RoleOrder) -> Result<()> {
        Err(crate::provider::pending("iam:CreateRole"))
    }

    async fn make_group(&self, _order: &GroupOrder) -> Result<SmolStr> {
        Err(crate::provider::pending("ec2:CreateSecurityGroup"))
    }

    async fn make_parameter(&self, _order: &ParameterOrder) -> Result<()> {
        Err(crate::provider::pending("ssm:PutParameter"))
    }

    async fn make_secret(&self, _name: &str, _tags: &TagList) -> Result<()> {
        Err(crate::provider::pending("secretsmanager:CreateSecret"))
    }

    async fn secret(&self, _name: &str) -> Result<Option<Secret>> {
        Err(crate::provider::pending("secretsmanager:GetSecretValue"))
    }

    async fn make_template(&self, _order: &TemplateOrder) -> Result<()> {
        Err(crate::provider::pending("ec2:CreateLaunchTemplate"))
    }

    async fn launch(&self, _order: &MachineOrder) -> Result<Launched> {
        Err(crate::provider::pending("ec2:CreateFleet"))
    }

    async fn make_asg(&self, _order: &AsgOrder) -> Result<()> {
        Err(crate::provider::pending("autoscaling:CreateAutoScalingGroup"))
    }

    async fn look(&self, _instance: &InstanceId) -> Result<Option<Instance>> {
        Err(crate::provider::pending("ec2:DescribeInstances"))
    }

    async fn console(&self, _instance: &InstanceId) -> Result<Option<String>> {
        Err(crate::provider::pending("ec2:GetConsoleOutput"))
    }

    async fn delete(&self, _resource: &Resource) -> Result<()> {
        Err(crate::provider::pending("ec2:Delete"))
    }

    async fn left(&self, _cluster: &str) -> Result<Vec<Resource>> {
        Err(crate::provider::pending("tag:GetResources"))
    }

    async fn tag(&self, _resource: &Resource, _tags: &TagList) -> Result<()> {
        Err(crate::provider::pending("ec2:CreateTags"))
    }

    async fn expire(&self, _asg: &str, _action: &str, _at: Timestamp) -> Result<()> {
        Err(crate::provider::pending("autoscaling:PutScheduledUpdateGroupAction"))
    }

    async fn delete_parameter(&self, name: &str) -> Result<()> {
        self.change("ssm:DeleteParameter", |s, _| {
            s.parameters.remove(&self.key(name));
            Ok(())
        })
        .await
    }
}
