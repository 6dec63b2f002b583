//! Whether stacks are still as their templates say.

use aws_sdk_cloudformation::types as sdk;
use smol_str::SmolStr;

use super::{AwsCloud, error, optional, timestamp};
use crate::provider::{Detection, PropertyDrift, ResourceDrift, Result};

/// Has CloudFormation look.
pub(super) async fn detect(cloud: &AwsCloud, stack: &str) -> Result<SmolStr> {
    const CALL: &str = "cloudformation:DetectStackDrift";
    let ask = cloud.cloudformation.detect_stack_drift().stack_name(stack);
    let id = cloud.call(CALL, ask.send()).await?.stack_drift_detection_id;
    optional(id).ok_or_else(|| error::malformed(CALL, &cloud.scope, "the answer names no detection"))
}

/// How far the look is.
pub(super) async fn detection(cloud: &AwsCloud, id: &str) -> Result<Detection> {
    const CALL: &str = "cloudformation:DescribeStackDriftDetectionStatus";
    let ask = cloud.cloudformation.describe_stack_drift_detection_status();
    let told = cloud.call(CALL, ask.stack_drift_detection_id(id).send()).await?;
    Ok(match told.detection_status {
        Some(sdk::StackDriftDetectionStatus::DetectionComplete) => Detection::Over { incomplete: None },
        // What it could look at is told nonetheless.
        Some(sdk::StackDriftDetectionStatus::DetectionFailed) => Detection::Over {
            incomplete: Some(
                optional(told.detection_status_reason).unwrap_or_else(|| "CloudFormation says not why".into()),
            ),
        },
        _ => Detection::Running,
    })
}

/// What has drifted.
pub(super) async fn drifts(cloud: &AwsCloud, stack: &str) -> Result<Vec<ResourceDrift>> {
    const CALL: &str = "cloudformation:DescribeStackResourceDrifts";
    let mut found = vec![];
    let mut token = None;
    loop {
        let ask = cloud.cloudformation.describe_stack_resource_drifts().stack_name(stack);
        let ask = ask
            .stack_resource_drift_status_filters(sdk::StackResourceDriftStatus::Modified)
            .stack_resource_drift_status_filters(sdk::StackResourceDriftStatus::Deleted);
        let page = cloud.call(CALL, ask.set_next_token(token.clone()).send()).await?;
        found.extend(page.stack_resource_drifts.into_iter().flatten().map(drift));
        token = cloud.next_page(CALL, token, page.next_token)?;
        if token.is_none() {
            return Ok(found);
        }
    }
}

fn drift(from: sdk::StackResourceDrift) -> ResourceDrift {
    let differences = from.property_differences.into_iter().flatten();
    ResourceDrift {
        resource: from.logical_resource_id.unwrap_or_default().into(),
        kind: from.resource_type.unwrap_or_default().into(),
        physical: optional(from.physical_resource_id),
        deleted: from.stack_resource_drift_status == Some(sdk::StackResourceDriftStatus::Deleted),
        differences: differences.map(difference).collect(),
        checked_at: from.timestamp.as_ref().and_then(timestamp),
    }
}

fn difference(from: sdk::PropertyDifference) -> PropertyDrift {
    // AWS writes that there is nothing as null.
    let value = |told: Option<String>| optional(told).filter(|text| text != "null").unwrap_or_default();
    PropertyDrift {
        path: from.property_path.unwrap_or_default().into(),
        expected: value(from.expected_value),
        actual: value(from.actual_value),
    }
}
