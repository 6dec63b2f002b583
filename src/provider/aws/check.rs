//! What `doctor` asks AWS: is each permission granted, and whose clock is wrong? EC2 answers by DryRun, without doing
//! anything; the other services are asked for one item.

use std::error::Error;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use futures::future::join_all;
use smol_str::SmolStr;

use super::actions::VIEW_ACTIONS;
use super::{AwsCloud, error, oldest, pricing, stack};
use crate::provider::{Check, Result};

/// The name of a role, profile, secret, stack and queue that nobody has.
const NOBODY: &str = "k3fleet-doctor";

/// Tries the identity first, then every action that seeing needs, side by side.
pub(super) async fn check(cloud: &AwsCloud) -> Vec<Check> {
    let mut checks = vec![Check {
        permission: SmolStr::new_static("sts:GetCallerIdentity"),
        outcome: account(cloud).await.map(drop),
        clock_skew: cloud.meter.skew(),
    }];
    // Boxed: the SDK's calls are large, and here they are many.
    let tries = VIEW_ACTIONS.iter().map(|action| {
        Box::pin(async {
            Check {
                permission: SmolStr::new_static(action),
                outcome: attempt(cloud, action).await,
                clock_skew: None,
            }
        })
    });
    checks.extend(join_all(tries).await);
    checks
}

/// The account that the credentials belong to.
pub(super) async fn account(cloud: &AwsCloud) -> Result<SmolStr> {
    const CALL: &str = "sts:GetCallerIdentity";
    let identity = cloud.call(CALL, cloud.sts.get_caller_identity().send()).await?;
    let account = identity.account.filter(|account| !account.is_empty());
    let account = account.ok_or_else(|| error::malformed(CALL, &cloud.scope, "the answer names no account"))?;
    Ok(SmolStr::new(account))
}

async fn attempt(cloud: &AwsCloud, action: &str) -> Result<()> {
    match action {
        "autoscaling:DescribeAutoScalingGroups" => {
            let one = cloud.autoscaling.describe_auto_scaling_groups().max_records(1);
            cloud.call(action, one.send()).await.map(drop)
        }
        "autoscaling:DescribeScalingActivities" => {
            let one = cloud.autoscaling.describe_scaling_activities().max_records(1);
            cloud.call(action, one.send()).await.map(drop)
        }
        "pricing:GetProducts" => {
            let Some(pricing) = &cloud.pricing else {
                return Err(pricing::no_price_list(cloud));
            };
            let one = pricing.get_products().service_code("AmazonEC2").max_results(1);
            cloud.call(action, one.send()).await.map(drop)
        }
        "ssm:DescribeParameters" => {
            let one = cloud.ssm.describe_parameters().max_results(1);
            cloud.call(action, one.send()).await.map(drop)
        }
        "secretsmanager:ListSecrets" => {
            let one = cloud.secrets.list_secrets().max_results(1);
            cloud.call(action, one.send()).await.map(drop)
        }
        "secretsmanager:DescribeSecret" => {
            let none = cloud.secrets.describe_secret().secret_id(NOBODY);
            let unknown = |code: &str, _: &str| code == "ResourceNotFoundException";
            cloud.call_unless(action, none.send(), unknown).await.map(drop)
        }
        "tag:GetResources" => {
            let one = cloud.tagging.get_resources().resources_per_page(1);
            cloud.call(action, one.send()).await.map(drop)
        }
        "cloudformation:DescribeStacks" => {
            let none = cloud.cloudformation.describe_stacks().stack_name(NOBODY);
            cloud.call_unless(action, none.send(), stack::is_gone).await.map(drop)
        }
        "cloudformation:DescribeStackEvents" => {
            let none = cloud.cloudformation.describe_stack_events().stack_name(NOBODY);
            cloud.call_unless(action, none.send(), stack::is_gone).await.map(drop)
        }
        oldest::CALL => oldest::ask(cloud, NOBODY).await.map(drop),
        "cloudformation:DescribeStackResourceDrifts" => {
            let none = cloud.cloudformation.describe_stack_resource_drifts();
            let ask = none.stack_name(NOBODY).send();
            cloud.call_unless(action, ask, stack::is_gone).await.map(drop)
        }
        _ if action.starts_with("iam:") => attempt_iam(cloud, action).await,
        _ => attempt_ec2(cloud, action).await,
    }
}

/// Of single things one is asked for that is not there: being told so is permission.
async fn attempt_iam(cloud: &AwsCloud, action: &str) -> Result<()> {
    let iam = &cloud.iam;
    let unknown = |code: &str, _: &str| code == "NoSuchEntity";
    match action {
        "iam:ListRoles" => cloud.call(action, iam.list_roles().max_items(1).send()).await.map(drop),
        "iam:GetRole" => {
            let none = iam.get_role().role_name(NOBODY);
            cloud.call_unless(action, none.send(), unknown).await.map(drop)
        }
        "iam:ListInstanceProfiles" => {
            let one = iam.list_instance_profiles().max_items(1);
            cloud.call(action, one.send()).await.map(drop)
        }
        _ => {
            let none = iam.get_instance_profile().instance_profile_name(NOBODY);
            cloud.call_unless(action, none.send(), unknown).await.map(drop)
        }
    }
}

async fn attempt_ec2(cloud: &AwsCloud, action: &str) -> Result<()> {
    let ec2 = &cloud.ec2;
    macro_rules! dry {
        ($ask:ident) => {
            dry(cloud, action, Box::pin(ec2.$ask().dry_run(true).send())).await
        };
    }
    match action {
        "ec2:DescribeInstances" => dry!(describe_instances),
        "ec2:DescribeSpotFleetRequests" => dry!(describe_spot_fleet_requests),
        "ec2:DescribeSpotInstanceRequests" => dry!(describe_spot_instance_requests),
        "ec2:DescribeSpotPriceHistory" => dry!(describe_spot_price_history),
        "ec2:DescribeInstanceTypes" => dry!(describe_instance_types),
        "ec2:DescribeVpcs" => dry!(describe_vpcs),
        "ec2:DescribeSubnets" => dry!(describe_subnets),
        "ec2:DescribeVpcEndpoints" => dry!(describe_vpc_endpoints),
        "ec2:DescribeTags" => dry!(describe_tags),
        "ec2:DescribeVolumes" => dry!(describe_volumes),
        "ec2:DescribeSecurityGroups" => dry!(describe_security_groups),
        "ec2:DescribeLaunchTemplates" => dry!(describe_launch_templates),
        "ec2:DescribeKeyPairs" => dry!(describe_key_pairs),
        _ => Err(error::refused(
            action,
            &cloud.scope,
            "nothing tries this permission: this is a bug",
        )),
    }
}

/// A DryRun: permission is given by an error of its own.
async fn dry<O, E>(
    cloud: &AwsCloud,
    call: &str,
    send: impl Future<Output = std::result::Result<O, SdkError<E, HttpResponse>>>,
) -> Result<()>
where
    E: Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    cloud.meter.budget.acquire(call).await;
    match send.await {
        Err(granted) if granted.code() == Some("DryRunOperation") => Ok(()),
        answer => answer
            .map(drop)
            .map_err(|refused| error::translate(call, &cloud.scope, &refused)),
    }
}
