//! What changes AWS: the live adapter of the port [`CloudControl`].
//!
//! Every call here may be made again with the same effect, so that the SDK repeats it when its answer is lost: every
//! call but three. Ending a member that lets its group shrink counts each time AWS hears of it, so that call goes out once;
//! launching a machine does, because a lack of capacity looks like a fault of the server; and a task on a machine does,
//! which would run there twice at once.
//! What is gone already counts as ended or deleted: AWS says so with an error of its own, which [`is_gone`] knows.

use async_trait::async_trait;
use aws_sdk_ec2::types::ExcessCapacityTerminationPolicy;
use aws_sdk_ssm::types::ParameterType;
use aws_smithy_types::retry::RetryConfig;
use jiff::Timestamp;
use smol_str::{SmolStr, format_smolstr};

use super::{
    AwsCloud, delete, drift, error, function, launch, make, queue, resources, run_command, stack, tag, template, tokens,
};
use crate::blueprint::machine::{Inside, Task};
use crate::fleet::{Instance, InstanceId, Scope};
use crate::provider::{
    AsgOrder, ChangeSet, CloudControl, Detection, GroupOrder, MachineOrder, ParameterOrder, Resource, Result,
    RoleOrder, Secret, Stack, StackEvent, StackOrder, TagList, TemplateOrder,
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

    async fn empty_asg(&self, asg: &str) -> Result<()> {
        delete::empty(self, asg).await
    }

    async fn release_function(&self, function: &str) -> Result<()> {
        function::release(self, function).await
    }

    async fn function_interfaces(&self, function: &str) -> Result<usize> {
        function::interfaces(self, function).await
    }

    async fn hold(&self, asg: &str, processes: &[SmolStr], held: bool) -> Result<()> {
        let processes = Some(processes.iter().map(ToString::to_string).collect());
        if held {
            let change = self.autoscaling.suspend_processes().auto_scaling_group_name(asg);
            let change = change.set_scaling_processes(processes);
            self.call("autoscaling:SuspendProcesses", change.send()).await.map(drop)
        } else {
            let change = self.autoscaling.resume_processes().auto_scaling_group_name(asg);
            let change = change.set_scaling_processes(processes);
            self.call("autoscaling:ResumeProcesses", change.send()).await.map(drop)
        }
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

    async fn make_role(&self, order: &RoleOrder) -> Result<()> {
        make::role(self, order).await
    }

    async fn grant_role(&self, order: &RoleOrder) -> Result<()> {
        make::grant(self, order).await
    }

    async fn open_group(&self, id: &str, order: &GroupOrder) -> Result<()> {
        make::open(self, id, order).await
    }

    async fn make_group(&self, order: &GroupOrder) -> Result<SmolStr> {
        make::group(self, order).await
    }

    async fn make_parameter(&self, order: &ParameterOrder) -> Result<()> {
        make::parameter(self, order).await
    }

    async fn make_secret(&self, name: &str, tags: &TagList) -> Result<()> {
        make::secret(self, name, tags).await
    }

    async fn secret(&self, name: &str) -> Result<Option<Secret>> {
        const CALL: &str = "secretsmanager:GetSecretValue";
        let question = self.secrets.get_secret_value().secret_id(name);
        let none = |code: &str, _: &str| code == "ResourceNotFoundException";
        let answer = self.call_unless(CALL, question.send(), none).await?;
        Ok(answer.and_then(|answer| answer.secret_string).map(Secret::new))
    }

    async fn make_template(&self, order: &TemplateOrder) -> Result<()> {
        make::template(self, order).await
    }

    async fn launch(&self, order: &MachineOrder) -> Result<InstanceId> {
        launch::launch(self, order).await
    }

    async fn make_asg(&self, order: &AsgOrder) -> Result<()> {
        launch::group(self, order).await
    }

    async fn look(&self, instance: &InstanceId) -> Result<Option<Instance>> {
        launch::look(self, instance).await
    }

    async fn console(&self, instance: &InstanceId) -> Result<Option<String>> {
        launch::console(self, instance).await
    }

    async fn delete(&self, resource: &Resource) -> Result<()> {
        delete::delete(self, resource).await
    }

    async fn left(&self, cluster: &str) -> Result<Vec<Resource>> {
        resources::resources(self, Some(cluster)).await
    }

    async fn tag(&self, resource: &Resource, tags: &TagList) -> Result<()> {
        tag::tag(self, resource, tags).await
    }

    async fn expire(&self, asg: &str, action: &str, at: Timestamp) -> Result<()> {
        launch::expire(self, asg, action, at).await
    }

    async fn delete_parameter(&self, name: &str) -> Result<()> {
        const CALL: &str = "ssm:DeleteParameter";
        let change = self.ssm.delete_parameter().name(name);
        self.call_unless(CALL, change.send(), is_gone).await.map(drop)
    }

    async fn inside(&self, instance: &InstanceId) -> Result<Inside> {
        run_command::inside(self, instance).await
    }

    async fn work(&self, instance: &InstanceId, task: &Task, parameters: &[SmolStr]) -> Result<String> {
        run_command::work(self, instance, task, parameters).await
    }

    async fn secure(&self, parameter: &str, version: Option<u64>) -> Result<Option<(u64, Secret)>> {
        tokens::secure(self, parameter, version).await
    }

    async fn put_secure(&self, parameter: &str, value: &Secret) -> Result<u64> {
        tokens::put(self, parameter, value).await
    }

    async fn user_data(&self, template: &str) -> Result<Option<String>> {
        template::user_data(self, template).await
    }

    async fn renew_template(&self, template: &str, user_data: &str) -> Result<()> {
        template::renew(self, template, user_data).await
    }

    async fn stack_now(&self, name: &str) -> Result<Option<Stack>> {
        stack::stack(self, name).await
    }

    async fn stack_happened(&self, name: &str, after: Option<&str>) -> Result<Vec<StackEvent>> {
        stack::events(self, name, after).await
    }

    async fn propose_stack(&self, order: &StackOrder) -> Result<ChangeSet> {
        stack::propose(self, order).await
    }

    async fn execute_change_set(&self, change_set: &ChangeSet, token: &str, undo: bool) -> Result<()> {
        stack::execute(self, change_set, token, undo).await
    }

    async fn discard_change_set(&self, change_set: &ChangeSet) -> Result<()> {
        stack::discard(self, change_set).await
    }

    async fn undo_stack(&self, name: &str, token: &str) -> Result<()> {
        stack::undo(self, name, token).await
    }

    async fn delete_stack(&self, name: &str, token: &str) -> Result<()> {
        stack::delete(self, name, Some(token)).await
    }

    async fn detect_drift(&self, stack: &str) -> Result<SmolStr> {
        drift::detect(self, stack).await
    }

    async fn drift_detection(&self, id: &str) -> Result<Detection> {
        drift::detection(self, id).await
    }

    async fn send_test_event(&self, queue: &str, id: &str) -> Result<()> {
        queue::send_test(self, queue, id).await
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

    /// A number as AWS takes it.
    pub(super) fn number(&self, call: &str, number: u32) -> Result<i32> {
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
