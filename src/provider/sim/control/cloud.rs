//! Changes at the simulated AWS, in one scope.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use smol_str::{SmolStr, format_smolstr};

use super::super::fault::Target;
use super::super::first_boot::{kubeconfig, settings};
use super::super::made::{Template, Thing, What, tagged};
use super::super::scaling::Refused;
use super::super::state::State;
use super::super::world::World;
use super::refused;
use crate::fleet::{Instance, InstanceId, Scope};
use crate::provider::{
    AsgOrder, CloudControl, GroupOrder, MachineOrder, ParameterOrder, ParameterValue, Resource, ResourceKind, Result,
    RoleOrder, Secret, TagList, TemplateOrder,
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

    async fn read<R>(&self, call: &str, answer: impl FnOnce(&State) -> R) -> Result<R> {
        self.world.call(&self.target, call, answer).await
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

    async fn make_role(&self, order: &RoleOrder) -> Result<()> {
        self.change("iam:CreateRole", |s, scope| {
            for kind in [ResourceKind::Role, ResourceKind::InstanceProfile] {
                s.make(scope, kind, &order.name, plain(None, &order.tags));
            }
            Ok(())
        })
        .await
    }

    async fn grant_role(&self, order: &RoleOrder) -> Result<()> {
        self.change("iam:PutRolePolicy", |s, scope| {
            let there = s.thing(scope, ResourceKind::Role, &order.name);
            there.map(|_| ()).ok_or_else(|| {
                Refused::new(
                    format_smolstr!("NoSuchEntity: The role with name {} cannot be found.", order.name),
                    "make the role first",
                )
            })
        })
        .await
    }

    async fn open_group(&self, id: &str, order: &GroupOrder) -> Result<()> {
        self.change("ec2:AuthorizeSecurityGroupIngress", |s, scope| {
            match s.group_id(scope, &order.vpc, &order.name) {
                Some(there) if there == id => Ok(()),
                _ => Err(Refused::new(
                    format_smolstr!("InvalidGroup.NotFound: The security group '{id}' does not exist"),
                    "make the group first",
                )),
            }
        })
        .await
    }

    async fn make_group(&self, order: &GroupOrder) -> Result<SmolStr> {
        self.change("ec2:CreateSecurityGroup", |s, scope| {
            if let Some(id) = s.group_id(scope, &order.vpc, &order.name) {
                return Ok(id);
            }
            let id = format_smolstr!("sg-0{:016x}", s.names.number(&mut s.rng));
            let thing = Thing {
                what: What::Group(order.vpc.clone()),
                ..plain(Some(&order.name), &order.tags)
            };
            s.make(scope, ResourceKind::SecurityGroup, &id, thing);
            Ok(id)
        })
        .await
    }

    async fn make_parameter(&self, order: &ParameterOrder) -> Result<()> {
        self.change("ssm:PutParameter", |s, scope| {
            s.make(scope, ResourceKind::Parameter, &order.name, plain(None, &order.tags));
            let entry = s.parameters.entry(self.key(&order.name));
            match &order.value {
                ParameterValue::Secure(secret) => entry.or_insert_with(|| secret.expose().to_owned()),
                ParameterValue::Plain(text) => entry.insert_entry(text.clone()).into_mut(),
            };
            Ok(())
        })
        .await
    }

    async fn make_secret(&self, name: &str, tags: &TagList) -> Result<()> {
        self.change("secretsmanager:CreateSecret", |s, scope| {
            let thing = Thing {
                what: What::Secret(false),
                ..plain(None, tags)
            };
            s.make(scope, ResourceKind::Secret, name, thing);
            Ok(())
        })
        .await
    }

    async fn secret(&self, name: &str) -> Result<Option<Secret>> {
        let written = |s: &State| {
            let thing = s.thing(&self.scope, ResourceKind::Secret, name);
            thing.is_some_and(|thing| thing.what == What::Secret(true))
        };
        let written = self.read("secretsmanager:GetSecretValue", written).await?;
        Ok(written.then(|| Secret::new(kubeconfig())))
    }

    async fn make_template(&self, order: &TemplateOrder) -> Result<()> {
        self.change("ec2:CreateLaunchTemplate", |s, scope| {
            let template = Template {
                image: order.image.clone(),
                group: order.group.clone(),
                profile: order.profile.as_ref().map(Into::into),
                key_pair: order.key_pair.clone(),
                tags: tagged(&order.tags),
                settings: settings(&order.user_data),
            };
            let thing = Thing {
                what: What::Template(Box::new(template)),
                ..plain(None, &order.tags)
            };
            s.make(scope, ResourceKind::LaunchTemplate, &order.name, thing);
            Ok(())
        })
        .await
    }

    async fn launch(&self, order: &MachineOrder) -> Result<InstanceId> {
        self.change("ec2:CreateFleet", |s, scope| s.ask_launch(scope, order))
            .await
    }

    async fn make_asg(&self, order: &AsgOrder) -> Result<()> {
        self.change("autoscaling:CreateAutoScalingGroup", |s, scope| {
            s.ask_group(scope, order)
        })
        .await
    }

    async fn look(&self, instance: &InstanceId) -> Result<Option<Instance>> {
        self.read("ec2:DescribeInstances", |s| {
            let all = s.machines.get(instance).map(|m| &m.instance);
            all.filter(|i| i.scope == self.scope).cloned()
        })
        .await
    }

    async fn console(&self, instance: &InstanceId) -> Result<Option<String>> {
        self.read("ec2:GetConsoleOutput", |s| s.console(&self.scope, instance))
            .await
    }

    async fn delete(&self, resource: &Resource) -> Result<()> {
        self.change(deletion(resource.kind), |s, scope| s.ask_delete(scope, resource))
            .await
    }

    async fn left(&self, cluster: &str) -> Result<Vec<Resource>> {
        self.read("tag:GetResources", |s| s.resources(&self.scope, Some(cluster)))
            .await
    }

    async fn tag(&self, resource: &Resource, tags: &TagList) -> Result<()> {
        self.change(tagging(resource.kind), |s, scope| s.ask_tag(scope, resource, tags))
            .await
    }

    async fn expire(&self, asg: &str, _action: &str, at: Timestamp) -> Result<()> {
        self.change("autoscaling:PutScheduledUpdateGroupAction", |s, scope| {
            s.ask_expire(scope, asg, at)
        })
        .await
    }

    async fn delete_parameter(&self, name: &str) -> Result<()> {
        self.change("ssm:DeleteParameter", |s, _| {
            s.parameters.remove(&self.key(name));
            Ok(())
        })
        .await
    }

    async fn inside(&self, _: &crate::fleet::InstanceId) -> crate::provider::Result<crate::blueprint::machine::Inside> {
        Err(crate::provider::pending("inside"))
    }

    async fn work(
        &self,
        _: &crate::fleet::InstanceId,
        _: &crate::blueprint::machine::Task,
        _: &[smol_str::SmolStr],
    ) -> crate::provider::Result<String> {
        Err(crate::provider::pending("work"))
    }

    async fn secure(&self, _: &str, _: Option<u64>) -> crate::provider::Result<Option<(u64, crate::provider::Secret)>> {
        Err(crate::provider::pending("secure"))
    }

    async fn put_secure(&self, _: &str, _: &crate::provider::Secret) -> crate::provider::Result<u64> {
        Err(crate::provider::pending("put_secure"))
    }

    async fn user_data(&self, _: &str) -> crate::provider::Result<Option<String>> {
        Err(crate::provider::pending("user_data"))
    }

    async fn renew_template(&self, _: &str, _: &str) -> crate::provider::Result<()> {
        Err(crate::provider::pending("renew_template"))
    }
}

/// A thing that there is nothing special about.
fn plain(name: Option<&str>, tags: &TagList) -> Thing {
    Thing {
        name: name.map(Into::into),
        tags: tagged(tags),
        what: What::Plain,
        by_hand: true,
    }
}

/// The call that deletes a resource.
fn deletion(kind: ResourceKind) -> &'static str {
    match kind {
        ResourceKind::Asg => "autoscaling:DeleteAutoScalingGroup",
        ResourceKind::SpotFleet => "ec2:CancelSpotFleetRequests",
        ResourceKind::Instance => "ec2:TerminateInstances",
        ResourceKind::LaunchTemplate => "ec2:DeleteLaunchTemplate",
        ResourceKind::Volume => "ec2:DeleteVolume",
        ResourceKind::SecurityGroup => "ec2:DeleteSecurityGroup",
        ResourceKind::KeyPair => "ec2:DeleteKeyPair",
        ResourceKind::InstanceProfile => "iam:DeleteInstanceProfile",
        ResourceKind::Role => "iam:DeleteRole",
        ResourceKind::Parameter => "ssm:DeleteParameter",
        ResourceKind::Secret => "secretsmanager:DeleteSecret",
        ResourceKind::Stack | ResourceKind::LoadBalancer | ResourceKind::NetworkInterface | ResourceKind::Other => {
            "delete"
        }
    }
}

/// The call that writes tags on a resource.
fn tagging(kind: ResourceKind) -> &'static str {
    match kind {
        ResourceKind::Asg => "autoscaling:CreateOrUpdateTags",
        ResourceKind::InstanceProfile => "iam:TagInstanceProfile",
        ResourceKind::Role => "iam:TagRole",
        ResourceKind::Parameter => "ssm:AddTagsToResource",
        ResourceKind::Secret => "secretsmanager:TagResource",
        _ => "ec2:CreateTags",
    }
}
