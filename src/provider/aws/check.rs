//! What `doctor` asks AWS: is each permission granted, and whose clock is wrong? EC2 answers by DryRun, without doing
//! anything; the other services are asked for one item.

use std::error::Error;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use futures::future::join_all;
use smol_str::SmolStr;

use super::policy::VIEW_ACTIONS;
use super::{AwsCloud, error, pricing};
use crate::provider::{Check, Result};

/// Tries the identity first, then every action that seeing needs, side by side.
pub(super) async fn check(cloud: &AwsCloud) -> Vec<Check> {
    let mut checks = vec![Check {
        permission: SmolStr::new_static("sts:GetCallerIdentity"),
        outcome: account(cloud).await.map(drop),
        clock_skew: cloud.meter.skew(),
    }];
    let tries = VIEW_ACTIONS.map(|action| async move {
        Check {
            permission: SmolStr::new_static(action),
            outcome: attempt(cloud, action).await,
            clock_skew: None,
        }
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
    let ec2 = &cloud.ec2;
    let autoscaling = &cloud.autoscaling;
    match action {
        "ec2:DescribeInstances" => dry(cloud, action, ec2.describe_instances().dry_run(true).send()).await,
        "ec2:DescribeSpotFleetRequests" => {
            dry(cloud, action, ec2.describe_spot_fleet_requests().dry_run(true).send()).await
        }
        "ec2:DescribeSpotInstanceRequests" => {
            dry(
                cloud,
                action,
                ec2.describe_spot_instance_requests().dry_run(true).send(),
            )
            .await
        }
        "ec2:DescribeSpotPriceHistory" => {
            dry(cloud, action, ec2.describe_spot_price_history().dry_run(true).send()).await
        }
        "autoscaling:DescribeAutoScalingGroups" => {
            let one = autoscaling.describe_auto_scaling_groups().max_records(1);
            cloud.call(action, one.send()).await.map(drop)
        }
        "autoscaling:DescribeScalingActivities" => {
            let one = autoscaling.describe_scaling_activities().max_records(1);
            cloud.call(action, one.send()).await.map(drop)
        }
        _ => {
            let Some(pricing) = &cloud.pricing else {
                return Err(pricing::no_price_list(cloud));
            };
            let one = pricing.get_products().service_code("AmazonEC2").max_results(1);
            cloud.call(action, one.send()).await.map(drop)
        }
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
