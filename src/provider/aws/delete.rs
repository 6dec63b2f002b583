//! Deleting what carries a cluster's tag. What is not there any longer is deleted; what something else still uses is
//! worth another try.

use std::error::Error;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use smol_str::{SmolStr, format_smolstr};

use super::{AwsCloud, bucket, error};
use crate::fleet::FaultKind;
use crate::provider::{ProviderError, Resource, ResourceKind, Result};

pub(super) async fn delete(cloud: &AwsCloud, resource: &Resource) -> Result<()> {
    let id = resource.id.as_str();
    match resource.kind {
        ResourceKind::Asg => {
            let ask = cloud.autoscaling.delete_auto_scaling_group();
            let ask = ask.auto_scaling_group_name(id).force_delete(true);
            end(cloud, "autoscaling:DeleteAutoScalingGroup", ask.send()).await
        }
        ResourceKind::SpotFleet => spot_fleet(cloud, id).await,
        ResourceKind::Instance => {
            let ask = cloud.ec2.terminate_instances().instance_ids(id);
            end(cloud, "ec2:TerminateInstances", ask.send()).await
        }
        ResourceKind::LaunchTemplate => {
            let ask = cloud.ec2.delete_launch_template().launch_template_name(id);
            end(cloud, "ec2:DeleteLaunchTemplate", ask.send()).await
        }
        ResourceKind::Volume => {
            let ask = cloud.ec2.delete_volume().volume_id(id);
            end(cloud, "ec2:DeleteVolume", ask.send()).await
        }
        ResourceKind::SecurityGroup => {
            let ask = cloud.ec2.delete_security_group().group_id(id);
            end(cloud, "ec2:DeleteSecurityGroup", ask.send()).await
        }
        ResourceKind::KeyPair => {
            let ask = cloud.ec2.delete_key_pair().key_name(id);
            end(cloud, "ec2:DeleteKeyPair", ask.send()).await
        }
        ResourceKind::InstanceProfile => profile(cloud, id).await,
        ResourceKind::Role => role(cloud, id).await,
        ResourceKind::Parameter => {
            let ask = cloud.ssm.delete_parameter().name(id);
            end(cloud, "ssm:DeleteParameter", ask.send()).await
        }
        ResourceKind::Secret => {
            let ask = cloud.secrets.delete_secret().secret_id(id);
            let ask = ask.force_delete_without_recovery(true);
            end(cloud, "secretsmanager:DeleteSecret", ask.send()).await
        }
        ResourceKind::Other if resource.bucket().is_some() => {
            bucket::delete(cloud, resource.bucket().unwrap_or_default()).await
        }
        ResourceKind::Stack | ResourceKind::LoadBalancer | ResourceKind::NetworkInterface | ResourceKind::Other => {
            Err(ProviderError {
                kind: FaultKind::Unsupported,
                call: SmolStr::new_static("delete"),
                target: format_smolstr!("{}", cloud.scope),
                message: format_smolstr!("k3fleet deletes no {}: {}", resource.kind.as_str(), resource.id),
                mend: SmolStr::new_static("delete it with what made it"),
            })
        }
    }
}

/// Lets a group have no machine, and no hook that any would wait for at its end: whoever answers them may be gone already,
/// and a machine waits for up to two days then.
pub(super) async fn empty(cloud: &AwsCloud, asg: &str) -> Result<()> {
    const ENDING: &str = "autoscaling:EC2_INSTANCE_TERMINATING";
    let ask = cloud
        .autoscaling
        .describe_lifecycle_hooks()
        .auto_scaling_group_name(asg);
    let told = cloud
        .call_unless("autoscaling:DescribeLifecycleHooks", ask.send(), is_gone)
        .await?;
    let hooks = told
        .and_then(|told| told.lifecycle_hooks)
        .unwrap_or_default()
        .into_iter();
    let ending = hooks.filter(|hook| hook.lifecycle_transition.as_deref() == Some(ENDING));
    for hook in ending.filter_map(|hook| hook.lifecycle_hook_name) {
        let ask = cloud.autoscaling.delete_lifecycle_hook();
        let ask = ask.auto_scaling_group_name(asg).lifecycle_hook_name(hook);
        end(cloud, "autoscaling:DeleteLifecycleHook", ask.send()).await?;
    }
    let ask = cloud.autoscaling.update_auto_scaling_group();
    let ask = ask
        .auto_scaling_group_name(asg)
        .min_size(0)
        .max_size(0)
        .desired_capacity(0);
    end(cloud, "autoscaling:UpdateAutoScalingGroup", ask.send()).await
}

/// Makes a call that ends something.
async fn end<O, E>(
    cloud: &AwsCloud,
    call: &str,
    send: impl Future<Output = std::result::Result<O, SdkError<E, HttpResponse>>>,
) -> Result<()>
where
    E: Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    let ended = cloud.call_unless(call, send, is_gone).await;
    ended.map(drop).map_err(|mut refused| {
        if refused.message.starts_with("ScalingActivityInProgress") {
            refused.kind = FaultKind::NotYet;
            refused.mend = SmolStr::default();
        }
        refused
    })
}

/// Whether AWS says that there is no such thing. Auto Scaling has no code for it, only words.
fn is_gone(code: &str, message: &str) -> bool {
    match code {
        "InvalidInstanceID.NotFound"
        | "InvalidLaunchTemplateName.NotFoundException"
        | "InvalidLaunchTemplateId.NotFound"
        | "InvalidVolume.NotFound"
        | "InvalidGroup.NotFound"
        | "InvalidGroupId.NotFound"
        | "InvalidKeyPair.NotFound"
        | "NoSuchEntity"
        | "ParameterNotFound"
        | "ResourceNotFoundException" => true,
        "ValidationError" => {
            message.contains("not found") || message.contains("does not exist") || message.contains("is pending delete")
        }
        _ => false,
    }
}

/// Cancels a Spot Fleet request with its instances. EC2 answers for each request by itself.
async fn spot_fleet(cloud: &AwsCloud, id: &str) -> Result<()> {
    const CALL: &str = "ec2:CancelSpotFleetRequests";
    let ask = cloud.ec2.cancel_spot_fleet_requests().spot_fleet_request_ids(id);
    let answer = cloud.call(CALL, ask.terminate_instances(true).send()).await?;
    let mut refused = answer.unsuccessful_fleet_requests.into_iter().flatten();
    let Some(why) = refused.find_map(|one| one.error) else {
        return Ok(());
    };
    let code = why.code.as_ref().map_or("", |code| code.as_str());
    match code {
        // It was cancelled before.
        "fleetRequestIdDoesNotExist" | "fleetRequestNotInCancellableState" => Ok(()),
        _ => Err(error::said(
            CALL,
            &cloud.scope,
            code,
            why.message.as_deref().unwrap_or_default(),
        )),
    }
}

async fn profile(cloud: &AwsCloud, name: &str) -> Result<()> {
    const GET: &str = "iam:GetInstanceProfile";
    let ask = cloud.iam.get_instance_profile().instance_profile_name(name);
    let Some(answer) = cloud.call_unless(GET, ask.send(), is_gone).await? else {
        return Ok(());
    };
    let roles = answer.instance_profile.map(|profile| profile.roles).unwrap_or_default();
    for role in roles {
        take_out(cloud, name, &role.role_name).await?;
    }
    let ask = cloud.iam.delete_instance_profile().instance_profile_name(name);
    end(cloud, "iam:DeleteInstanceProfile", ask.send()).await
}

async fn take_out(cloud: &AwsCloud, profile: &str, role: &str) -> Result<()> {
    let ask = cloud.iam.remove_role_from_instance_profile();
    let ask = ask.instance_profile_name(profile).role_name(role);
    end(cloud, "iam:RemoveRoleFromInstanceProfile", ask.send()).await
}

/// A role goes after its inline policies, and after it is in no profile any longer. Policies that somebody attached to it
/// are somebody's own: AWS refuses then, and says so.
async fn role(cloud: &AwsCloud, name: &str) -> Result<()> {
    const POLICIES: &str = "iam:ListRolePolicies";
    const PROFILES: &str = "iam:ListInstanceProfilesForRole";
    let policies = cloud.iam.list_role_policies().role_name(name).send();
    let profiles = cloud.iam.list_instance_profiles_for_role().role_name(name).send();
    let (policies, profiles) = futures::try_join!(
        cloud.call_unless(POLICIES, policies, is_gone),
        cloud.call_unless(PROFILES, profiles, is_gone),
    )?;
    for profile in profiles.map(|answer| answer.instance_profiles).unwrap_or_default() {
        take_out(cloud, &profile.instance_profile_name, name).await?;
    }
    for policy in policies.map(|answer| answer.policy_names).unwrap_or_default() {
        let ask = cloud.iam.delete_role_policy().role_name(name).policy_name(policy);
        end(cloud, "iam:DeleteRolePolicy", ask.send()).await?;
    }
    let ask = cloud.iam.delete_role().role_name(name);
    end(cloud, "iam:DeleteRole", ask.send()).await
}
