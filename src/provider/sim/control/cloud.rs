//! Changes at the simulated AWS, in one scope.

use std::collections::btree_map::Entry;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use smol_str::{SmolStr, format_smolstr};

use super::super::cloud::no_queue;
use super::super::fault::Target;
use super::super::first_boot::{kubeconfig, settings};
use super::super::made::{Template, Thing, What, tagged, user};
use super::super::parameter::{Parameter, ParameterKey};
use super::super::scaling::Refused;
use super::super::state::{Host, Machine, State};
use super::super::work::takes;
use super::super::world::World;
use super::refused;
use crate::blueprint::machine::{Inside, Task};
use crate::fleet::{FaultKind, Instance, InstanceId, Scope};
use crate::provider::{
    AsgOrder, ChangeSet, CloudControl, Detection, GroupOrder, MachineOrder, ParameterOrder, ParameterValue,
    ProviderError, Resource, ResourceKind, Result, RoleOrder, Secret, Stack, StackEvent, StackOrder, TagList,
    TemplateOrder,
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

    /// Run Command does not reach an instance: it may later.
    fn not_reached(&self, call: &str, instance: &InstanceId) -> ProviderError {
        ProviderError {
            kind: FaultKind::Unreachable,
            call: call.into(),
            target: instance.as_str().into(),
            message: "InvalidInstanceId: the instance is not connected to Systems Manager".into(),
            mend: "see that it runs, and that its role allows Systems Manager".into(),
        }
    }

    async fn read<R>(&self, call: &str, answer: impl FnOnce(&State) -> R) -> Result<R> {
        self.world.call(&self.target, call, answer).await
    }

    /// Gives a parameter a value; gives the number of that.
    fn put(&self, s: &mut State, name: &str, value: &str) -> u64 {
        let (at, by) = (super::super::clock::whole(s.now), user(&self.account, "demo"));
        match s.parameters.entry(self.key(name)) {
            Entry::Occupied(mut there) => there.get_mut().put(value.to_owned(), at, by),
            Entry::Vacant(free) => {
                free.insert(Parameter::new(value.to_owned(), at, by));
                1
            }
        }
    }

    /// A parameter belongs to an account and region, whichever profile names it.
    fn key(&self, name: &str) -> ParameterKey {
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

    async fn empty_asg(&self, asg: &str) -> Result<()> {
        self.change("autoscaling:UpdateAutoScalingGroup", |s, scope| s.ask_empty(scope, asg))
            .await
    }

    async fn release_function(&self, _function: &str) -> Result<()> {
        // The world's functions have no network interfaces.
        self.change("lambda:UpdateFunctionConfiguration", |_, _| Ok(())).await
    }

    async fn function_interfaces(&self, _function: &str) -> Result<usize> {
        self.read("ec2:DescribeNetworkInterfaces", |_| 0).await
    }

    async fn hold(&self, asg: &str, processes: &[SmolStr], held: bool) -> Result<()> {
        let call = if held {
            "autoscaling:SuspendProcesses"
        } else {
            "autoscaling:ResumeProcesses"
        };
        self.change(call, |s, scope| s.ask_hold(scope, asg, processes, held))
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

    async fn set_target(&self, fleet: &str, target: u32, end_excess: bool) -> Result<()> {
        self.change("ec2:ModifySpotFleetRequest", |s, scope| {
            let set = s.ask_target(scope, fleet, target, end_excess);
            set.then_some(()).ok_or_else(|| {
                Refused::new(
                    format_smolstr!(
                        "InvalidSpotFleetRequestId.NotFound: The spot fleet request ID '{fleet}' does not exist"
                    ),
                    "check the request's id, profile and region",
                )
            })
        })
        .await
    }

    async fn parameter(&self, name: &str) -> Result<Option<String>> {
        let value = |s: &State| s.parameters.get(&self.key(name)).map(|p| p.value().to_owned());
        self.world.call(&self.target, "ssm:GetParameter", value).await
    }

    async fn create_parameter(&self, name: &str, value: &str) -> Result<bool> {
        self.change("ssm:PutParameter", |s, _| {
            let new = !s.parameters.contains_key(&self.key(name));
            if new {
                self.put(s, name, value);
            }
            Ok(new)
        })
        .await
    }

    async fn put_parameter(&self, name: &str, value: &str) -> Result<()> {
        self.change("ssm:PutParameter", |s, _| {
            self.put(s, name, value);
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
            let there = s.parameters.contains_key(&self.key(&order.name));
            match &order.value {
                ParameterValue::Secure(_) if there => 0,
                ParameterValue::Secure(secret) => self.put(s, &order.name, secret.expose()),
                ParameterValue::Plain(text) => self.put(s, &order.name, text),
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
        let value = |s: &State| {
            let own = || {
                s.stack_secret(&self.scope, name)
                    .unwrap_or_else(|| Secret::new(kubeconfig()))
            };
            written(s).then(own)
        };
        self.read("secretsmanager:GetSecretValue", value).await
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
                user_data: order.user_data.clone(),
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
        self.change("ssm:DeleteParameter", |s, scope| {
            s.forget(scope, ResourceKind::Parameter, &name.into());
            Ok(())
        })
        .await
    }

    async fn inside(&self, instance: &InstanceId) -> Result<Inside> {
        let call = "ssm:SendCommand";
        let told = self.read(call, |s| s.inside_machine(instance)).await?;
        told.ok_or_else(|| self.not_reached(call, instance))
    }

    async fn work(&self, instance: &InstanceId, task: &Task, parameters: &[SmolStr]) -> Result<String> {
        let call = "ssm:SendCommand";
        let reached = |s: &State| s.machines.get(instance).is_some_and(Machine::is_reached);
        if !self.read(call, reached).await? {
            return Err(self.not_reached(call, instance));
        }
        self.world.busy(takes(task)).await;
        let on = Host::Machine(instance.clone());
        if matches!(task, Task::RotateToken | Task::Handshake { .. }) {
            self.world.k3s_runs(&on).await;
        }
        let done = |s: &mut State| {
            if !reached(s) {
                return Err(self.not_reached(call, instance));
            }
            let mut secrets = vec![];
            for place in parameters {
                let lost = || {
                    let why = format_smolstr!("reading the SSM parameter {place}: ParameterVersionNotFound");
                    refused(&self.target, call, Refused::new(why, "see which versions it has"))
                };
                secrets.push(s.parameter_at(&self.scope, place).ok_or_else(lost)?);
            }
            let done = s.work_on(&on, task, &secrets);
            done.map_err(|why| refused(&self.target, call, why))
        };
        let said = self.world.change(&self.target, call, done).await??;
        if matches!(task, Task::Snapshot { .. }) {
            self.world.k3s_runs(&on).await;
        }
        Ok(said)
    }

    async fn secure(&self, parameter: &str, version: Option<u64>) -> Result<Option<(u64, Secret)>> {
        self.read("ssm:GetParameter", |s| {
            let found = s.parameters.get(&self.key(parameter))?;
            let number = version.unwrap_or_else(|| found.number());
            Some((number, Secret::new(found.version(number)?)))
        })
        .await
    }

    async fn put_secure(&self, parameter: &str, value: &Secret) -> Result<u64> {
        self.change("ssm:PutParameter", |s, _| Ok(self.put(s, parameter, value.expose())))
            .await
    }

    async fn user_data(&self, template: &str) -> Result<Option<String>> {
        self.read("ec2:DescribeLaunchTemplateVersions", |s| {
            Some(s.template(&self.scope, template).ok()?.user_data)
        })
        .await
    }

    async fn renew_template(&self, template: &str, user_data: &str) -> Result<()> {
        self.change("ec2:CreateLaunchTemplateVersion", |s, scope| {
            let renewed = Template {
                settings: settings(user_data),
                user_data: user_data.to_owned(),
                ..s.template(scope, template)?
            };
            if let Some(thing) = s.thing_mut(scope, ResourceKind::LaunchTemplate, template) {
                thing.what = What::Template(Box::new(renewed));
            }
            Ok(())
        })
        .await
    }

    async fn stack_now(&self, name: &str) -> Result<Option<Stack>> {
        self.read("cloudformation:DescribeStacks", |s| s.told_stack(&self.scope, name))
            .await
    }

    async fn stack_happened(&self, name: &str, after: Option<&str>) -> Result<Vec<StackEvent>> {
        self.read("cloudformation:DescribeStackEvents", |s| {
            s.stack_happened(&self.scope, name, after)
        })
        .await
    }

    async fn propose_stack(&self, order: &StackOrder) -> Result<ChangeSet> {
        self.change("cloudformation:CreateChangeSet", |s, scope| {
            s.ask_proposal(scope, order)
        })
        .await
    }

    async fn execute_change_set(&self, change_set: &ChangeSet, token: &str, undo: bool) -> Result<()> {
        self.change("cloudformation:ExecuteChangeSet", |s, scope| {
            s.ask_execute(scope, change_set, token, undo)
        })
        .await
    }

    async fn discard_change_set(&self, change_set: &ChangeSet) -> Result<()> {
        self.change("cloudformation:DeleteChangeSet", |s, scope| {
            s.ask_discard(scope, change_set);
            Ok(())
        })
        .await
    }

    async fn undo_stack(&self, name: &str, token: &str) -> Result<()> {
        self.change("cloudformation:RollbackStack", |s, scope| {
            s.ask_undo(scope, name, token)
        })
        .await
    }

    async fn delete_stack(&self, name: &str, _token: &str) -> Result<()> {
        self.change("cloudformation:DeleteStack", |s, scope| {
            s.ask_delete_stack(scope, name);
            Ok(())
        })
        .await
    }

    async fn detect_drift(&self, stack: &str) -> Result<SmolStr> {
        let call = "cloudformation:DetectStackDrift";
        self.change(call, |s, scope| s.ask_detect(scope, stack)).await
    }

    async fn drift_detection(&self, id: &str) -> Result<Detection> {
        let call = "cloudformation:DescribeStackDriftDetectionStatus";
        self.change(call, |s, scope| s.detection(scope, id)).await
    }

    async fn send_test_event(&self, queue: &str, id: &str) -> Result<()> {
        let call = "sqs:SendMessage";
        let sent = self.change(call, |s, scope| Ok(s.send_test(scope, queue, id))).await?;
        match sent {
            true => Ok(()),
            false => Err(no_queue(&self.target, call, queue)),
        }
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
