//! What changes AWS: the live adapter of the port [`CloudControl`].
//!
//! Every call here may be made again with the same effect, so that the SDK repeats it when its answer is lost: every
//! call but one. Ending a member that lets its group shrink counts each time AWS hears of it, so that call goes out once.
//! What is gone already counts as ended or deleted: AWS says so with an error of its own, which [`is_gone`] knows.

use std::error::Error;

use async_trait::async_trait;
use aws_sdk_ec2::types::ExcessCapacityTerminationPolicy;
use aws_sdk_ssm::types::ParameterType;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_smithy_types::retry::RetryConfig;
use jiff::Timestamp;
use smol_str::{SmolStr, format_smolstr};

use super::{AwsCloud, error};
use crate::fleet::{Instance, InstanceId, Scope};
use crate::provider::{
    AsgOrder, CloudControl, GroupOrder, MachineOrder, ParameterOrder, Resource, Result, RoleOrder, Secret, TagList,
    TemplateOrder,
};

#[async_trait]
impl CloudControl for AwsCloud {
    fn scope(&self) -> &Scope {
        &self.scope
    }

    async fn set_desired(&self, asg: &str, desired: u32) -> Result<()> {
        const CALL: &str = "autoscaling:SetDesiredCapacity";
        let change = self
            .autoscaling
            .set_desired_capacity()
            .auto_scaling_group_name(asg)
            .desired_capacity(self.number(CALL, desired)?)
            .honor_cooldown(false);
        self.call(CALL, change.send()).await.map(drop)
    }

    async fn set_bounds(&self, asg: &str, min: u32, max: u32) -> Result<()> {
        const CALL: &str = "autoscaling:UpdateAutoScalingGroup";
        let change = self
            .autoscaling
            .update_auto_scaling_group()
            .auto_scaling_group_name(asg)
            .min_size(self.number(CALL, min)?)
            .max_size(self.number(CALL, max)?);
        self.call(CALL, change.send()).await.map(drop)
    }

    async fn end_member(&self, instance: &InstanceId, shrink: bool) -> Result<()> {
        const CALL: &str = "autoscaling:TerminateInstanceInAutoScalingGroup";
        let once = aws_sdk_autoscaling::config::Builder::new().retry_config(RetryConfig::disabled());
        let change = self
            .autoscaling
            .terminate_instance_in_auto_scaling_group()
            .instance_id(instance.as_str())
            .should_decrement_desired_capacity(shrink)
            .customize()
            .config_override(once);
        self.call_unless(CALL, change.send(), is_gone).await.map(drop)
    }

    async fn end(&self, instance: &InstanceId) -> Result<()> {
        const CALL: &str = "ec2:TerminateInstances";
        let change = self.ec2.terminate_instances().instance_ids(instance.as_str());
        self.call_unless(CALL, change.send(), is_gone).await.map(drop)
    }

    async fn set_target(&self, fleet: &str, target: u32, end_excess: bool) -> Result<()> {
        const CALL: &str = "ec2:ModifySpotFleetRequest";
        let excess = if end_excess {
            ExcessCapacityTerminationPolicy::Default
        } else {
            ExcessCapacityTerminationPolicy::NoTermination
        };
        let change = self
            .ec2
            .modify_spot_fleet_request()
            .spot_fleet_request_id(fleet)
            .target_capacity(self.number(CALL, target)?)
            .excess_capacity_termination_policy(excess);
        let answer = self.call(CALL, change.send()).await?;
        if answer.r#return == Some(false) {
            return Err(error::refused(
                CALL,
                &self.scope,
                "EC2 answers that it did not change it",
            ));
        }
        Ok(())
    }

    async fn parameter(&self, name: &str) -> Result<Option<String>> {
        const CALL: &str = "ssm:GetParameter";
        let question = self.ssm.get_parameter().name(name).with_decryption(true);
        let Some(answer) = self.call_unless(CALL, question.send(), is_gone).await? else {
            return Ok(None);
        };
        let value = answer.parameter.and_then(|parameter| parameter.value);
        let value = value.ok_or_else(|| {
            let lacking = format_smolstr!("the parameter {name} is told without its value");
            error::malformed(CALL, &self.scope, lacking)
        })?;
        Ok(Some(value))
    }

    async fn create_parameter(&self, name: &str, value: &str) -> Result<bool> {
        // Repeated after a lost answer it finds what it made itself: its value tells whose it is.
        let made = self
            .call_unless(PUT, self.put(name, value, false).send(), |code, _| {
                code == "ParameterAlreadyExists"
            })
            .await?;
        Ok(made.is_some())
    }

    async fn put_parameter(&self, name: &str, value: &str) -> Result<()> {
        self.call(PUT, self.put(name, value, true).send()).await.map(drop)
    }

    async fn make_role(&self, _order: &RoleOrder) -> Result<()> {
        Err(crate::provider::pending("iam:CreateRole"))
    }

    async fn grant_role(&self, _order: &RoleOrder) -> Result<()> {
        Err(crate::provider::pending("iam:PutRolePolicy"))
    }

    async fn open_group(&self, _id: &str, _order: &GroupOrder) -> Result<()> {
        Err(crate::provider::pending("ec2:AuthorizeSecurityGroupIngress"))
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

    async fn launch(&self, _order: &MachineOrder) -> Result<InstanceId> {
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
        const CALL: &str = "ssm:DeleteParameter";
        let change = self.ssm.delete_parameter().name(name);
        self.call_unless(CALL, change.send(), is_gone).await.map(drop)
    }
}

const PUT: &str = "ssm:PutParameter";

impl AwsCloud {
    fn put(
        &self,
        name: &str,
        value: &str,
        overwrite: bool,
    ) -> aws_sdk_ssm::operation::put_parameter::builders::PutParameterFluentBuilder {
        self.ssm
            .put_parameter()
            .name(name)
            .value(value)
            .r#type(ParameterType::String)
            .overwrite(overwrite)
    }

    /// Makes one call; `None` when AWS refuses it with a code and a message that are as good as an answer.
    async fn call_unless<O, E>(
        &self,
        call: &str,
        send: impl Future<Output = std::result::Result<O, SdkError<E, HttpResponse>>>,
        is_answer: impl Fn(&str, &str) -> bool,
    ) -> Result<Option<O>>
    where
        E: Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        self.meter.budget.acquire(call).await;
        match send.await {
            Ok(done) => Ok(Some(done)),
            Err(refused)
                if is_answer(
                    refused.code().unwrap_or_default(),
                    refused.message().unwrap_or_default(),
                ) =>
            {
                Ok(None)
            }
            Err(refused) => Err(error::translate(call, &self.scope, &refused)),
        }
    }

    /// A number as AWS takes it.
    fn number(&self, call: &str, number: u32) -> Result<i32> {
        i32::try_from(number).map_err(|_too_large| {
            let message = format_smolstr!("{number} is more than AWS can count; name a smaller number");
            error::refused(call, &self.scope, message)
        })
    }
}

/// Whether AWS says that what a call is about does not exist (any longer). Auto Scaling has no code for it, only words:
/// "Instance Id not found - No managed instance found for instance ID …".
fn is_gone(code: &str, message: &str) -> bool {
    match code {
        "InvalidInstanceID.NotFound" | "ParameterNotFound" => true,
        "ValidationError" => message.contains("Instance Id not found") || message.contains("No managed instance found"),
        _ => false,
    }
}
