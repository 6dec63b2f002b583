//! Waiting for what AWS lets go of by and by, before what it belongs to is deleted: the load balancers of Services, and
//! the network interfaces of a function. Where those of a function do not go the operation goes on: CloudFormation waits for
//! them too, and says so. Where load balancers do not go, whoever could delete them would be gone next: it ends there, unless
//! nobody answers for them any longer.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::Executor;
use super::error::StepError;
use crate::fleet::FaultKind;
use crate::provider::{CloudControl, KubeControl};

/// How often a cluster is asked whether its load balancers are gone.
const ASK: Duration = Duration::from_secs(5);
/// How often AWS is asked whether network interfaces are gone.
const LOOK: Duration = Duration::from_secs(15);
/// How long load balancers may take.
const BALANCERS: Duration = Duration::from_secs(10 * 60);
/// How long Lambda may take to delete the network interfaces of a function: twenty minutes is usual.
const INTERFACES: Duration = Duration::from_secs(25 * 60);

impl Executor {
    /// Deletes what of a cluster has load balancers at AWS, and waits until those are gone.
    pub(super) async fn delete_balancers(
        &self,
        kube: &dyn KubeControl,
        say: &impl Fn(String),
    ) -> Result<String, StepError> {
        let until = Instant::now() + self.paced(BALANCERS);
        loop {
            let late = Instant::now() >= until;
            let line = match kube.delete_balancers().await {
                Ok(left) if left.is_empty() => return Ok("nothing has one any longer".to_owned()),
                Ok(left) if late => {
                    let what = left.join(", ");
                    let minutes = BALANCERS.as_secs() / 60;
                    return Err(StepError::Balancers { what, minutes });
                }
                Ok(left) => format!("still there: {}", left.join(", ")),
                // What is left then is named at the end.
                Err(error) if error.kind == FaultKind::Unreachable && late => {
                    return Ok(format!("not all are deleted: {error}"));
                }
                Err(error) if error.retryable() && !late => error.message.to_string(),
                Err(error) => return Err(error.into()),
            };
            say(line);
            sleep(self.paced(ASK)).await;
        }
    }

    /// Takes a function out of its VPC, and waits until its network interfaces are gone.
    pub(super) async fn release_function(
        &self,
        cloud: &dyn CloudControl,
        function: &str,
        say: &impl Fn(String),
    ) -> String {
        let until = Instant::now() + self.paced(INTERFACES);
        let mut released = false;
        loop {
            let left = async {
                if !released {
                    cloud.release_function(function).await?;
                }
                cloud.function_interfaces(function).await
            };
            let line = match left.await {
                Ok(0) => return "no network interface of it is left".to_owned(),
                Ok(left) => {
                    released = true;
                    format!("{left} network interfaces of it are left")
                }
                Err(error) if error.retryable() => error.message.to_string(),
                Err(error) => return format!("the deletion of the stack waits for its interfaces: {error}"),
            };
            if Instant::now() >= until {
                return format!("the deletion of the stack waits for its interfaces: {line}");
            }
            say(line);
            sleep(self.paced(LOOK)).await;
        }
    }
}
