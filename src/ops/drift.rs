//! Whether a stack is still as its template says: CloudFormation is had to look, which takes it some minutes, and tells then
//! which of its resources differ and how.
//!
//! It looks at each resource with the rights of who asks, and keeps what it has found with the stack, for everybody to see.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::fleet::FaultKind;
use crate::provider::{Cloud, CloudControl, Detection, ProviderError, ResourceDrift};

/// How often it is asked whether the look is over.
const PACE: Duration = Duration::from_secs(5);
/// For how long it is waited: a stack with everything in it has about seventy resources.
const PATIENCE: Duration = Duration::from_mins(15);

/// What a look has found.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// The resources that differ.
    pub resources: Vec<ResourceDrift>,
    /// Why some could not be looked at.
    pub incomplete: Option<smol_str::SmolStr>,
}

impl Found {
    /// Whether nothing differs but the sizes of groups, which scaling changes, and which the next update keeps.
    pub fn is_scaling_alone(&self) -> bool {
        self.resources.iter().all(ResourceDrift::is_scaling)
    }
}

/// Has CloudFormation look at a stack, and waits for what it finds.
pub async fn detect(cloud: &dyn Cloud, control: &dyn CloudControl, stack: &str) -> Result<Found, ProviderError> {
    let id = control.detect_drift(stack).await?;
    let began = Instant::now();
    let incomplete = loop {
        sleep(PACE).await;
        match control.drift_detection(&id).await? {
            Detection::Over { incomplete } => break incomplete,
            Detection::Running if began.elapsed() < PATIENCE => {}
            Detection::Running => {
                return Err(ProviderError {
                    kind: FaultKind::NotYet,
                    call: "cloudformation:DescribeStackDriftDetectionStatus".into(),
                    target: stack.into(),
                    message: "CloudFormation looks still, after a quarter of an hour".into(),
                    mend: "see later what it has found: k3fleet drift CLUSTER --last".into(),
                });
            }
        }
    };
    let resources = cloud.drifts(stack).await?;
    Ok(Found { resources, incomplete })
}
