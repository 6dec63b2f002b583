//! Scripts on instances, over Run Command of SSM: no port is open for it, and no key.
//!
//! ```text
//!  script ─▶ SendCommand ─▶ command id ─▶ GetCommandInvocation, at an even pace ─▶ what it wrote, or why it failed
//! ```
//! Whoever may read a command's history reads its text, so nothing secret is in it: a machine reads its secrets by itself,
//! with its own role. A command that changes something goes out once: SSM knows no token by which it would see that it was
//! asked before. Once it is under way a look at it that fails is no end of it.

use std::time::Duration;

use aws_sdk_ssm::operation::get_command_invocation::GetCommandInvocationOutput;
use aws_smithy_types::retry::RetryConfig;
use smol_str::{SmolStr, format_smolstr};
use tokio::time::{Instant, sleep};

use super::{AwsCloud, error};
use crate::blueprint::machine::script::{self, Source};
use crate::blueprint::machine::{Inside, Task};
use crate::fleet::{FaultKind, InstanceId};
use crate::provider::{ProviderError, Result};

const SEND: &str = "ssm:SendCommand";
const GET: &str = "ssm:GetCommandInvocation";
const DOCUMENT: &str = "AWS-RunShellScript";
/// The longest comment that SSM takes, in characters.
const COMMENT: usize = 100;
/// How long looks at a command may fail in a row before it is given up.
const BLIND: Duration = Duration::from_mins(2);
/// How long SSM may take to tell of a command's end once its time is up.
const GRACE: Duration = Duration::from_secs(15);

/// What is said where the agent of SSM does not answer.
const MEND: &str = "the SSM agent must run there, and the instance's role must allow it ssm:UpdateInstanceInformation, \
                    ssmmessages:* and ec2messages:* (the policy AmazonSSMManagedInstanceCore does); machines whose role is \
                    older than this need of k3fleet's lack it";

/// How long a command may take: to be picked up by the agent, where SSM takes no less than 30 s, and to run.
#[derive(Clone, Copy, Debug)]
struct Limits {
    delivery: u16,
    run: u16,
}

impl Limits {
    fn all(self) -> Duration {
        Duration::from_secs(u64::from(self.delivery) + u64::from(self.run)) + GRACE
    }
}

const LOOKING: Limits = Limits { delivery: 30, run: 30 };
const WORKING: Limits = Limits { delivery: 60, run: 900 };

/// How K3s stands on an instance.
pub(super) async fn inside(cloud: &AwsCloud, instance: &InstanceId) -> Result<Inside> {
    let id = send(cloud, instance, &Inside::script(), "look at K3s", LOOKING, true).await?;
    let said = wait(cloud, instance, &id, LOOKING).await?;
    Inside::read(&said).ok_or_else(|| {
        let mut refused = error::malformed(GET, &cloud.scope, "the script's answer is not understood");
        refused.mend = SmolStr::default();
        of(instance, refused)
    })
}

/// Does a task on an instance, and gives the last line of what it says.
pub(super) async fn work(
    cloud: &AwsCloud,
    instance: &InstanceId,
    task: &Task,
    parameters: &[SmolStr],
) -> Result<String> {
    let source = Source::Parameters {
        region: cloud.scope.region.clone(),
        names: parameters.to_vec(),
    };
    let script = script::of(task, &source);
    let id = send(
        cloud,
        instance,
        &script,
        &task.describe(instance.as_str()),
        WORKING,
        false,
    )
    .await?;
    let said = wait(cloud, instance, &id, WORKING).await?;
    Ok(last(&said).unwrap_or_default())
}

/// Hands a script to the instance's agent; gives the id of the command.
async fn send(
    cloud: &AwsCloud,
    instance: &InstanceId,
    script: &str,
    what: &str,
    limits: Limits,
    again: bool,
) -> Result<String> {
    if names_parameter(script) {
        let message =
            "the script holds the form by which SSM puts a parameter's value into a command: nothing was sent";
        return Err(of(instance, error::refused(SEND, &cloud.scope, message)));
    }
    let comment: String = format!("k3fleet: {what}").chars().take(COMMENT).collect();
    let ask = cloud
        .ssm
        .send_command()
        .document_name(DOCUMENT)
        .instance_ids(instance.as_str())
        .comment(comment)
        .timeout_seconds(limits.delivery.into())
        .parameters("commands", vec![script.to_owned()])
        .parameters("executionTimeout", vec![limits.run.to_string()]);
    let sent = match again {
        true => cloud.call(SEND, ask.send()).await,
        false => {
            let once = aws_sdk_ssm::config::Builder::new().retry_config(RetryConfig::disabled());
            cloud.call(SEND, ask.customize().config_override(once).send()).await
        }
    };
    let sent = sent.map_err(|refused| of(instance, unmanaged(refused)))?;
    let id = sent.command.and_then(|command| command.command_id);
    id.filter(|id| !id.is_empty()).ok_or_else(|| {
        let message = "the command is told without its id";
        of(instance, error::malformed(SEND, &cloud.scope, message))
    })
}

/// Whether SSM would put the value of a parameter into the text.
fn names_parameter(script: &str) -> bool {
    let mut after = script.split("{{").skip(1);
    after.any(|rest| rest.trim_start().starts_with("ssm"))
}

/// A refusal of SSM because it does not manage the instance.
fn unmanaged(mut refused: ProviderError) -> ProviderError {
    if refused.message.starts_with("InvalidInstanceId") {
        refused.kind = FaultKind::Unreachable;
        refused.mend = SmolStr::new_static(MEND);
    }
    refused
}

/// A failure on an instance.
fn of(instance: &InstanceId, mut refused: ProviderError) -> ProviderError {
    refused.target = format_smolstr!("{} in {}", instance.as_str(), refused.target);
    refused
}

/// Waits until a command has ended well; gives what it wrote.
async fn wait(cloud: &AwsCloud, instance: &InstanceId, id: &str, limits: Limits) -> Result<String> {
    let look = || async {
        let ask = cloud
            .ssm
            .get_command_invocation()
            .command_id(id)
            .instance_id(instance.as_str());
        let unknown = |code: &str, _: &str| code == "InvocationDoesNotExist";
        cloud.call_unless(GET, ask.send(), unknown).await
    };
    let ended = watched(look, cloud.command_pace, limits.all()).await;
    let outcome = ended.and_then(|ended| match ended {
        Some(ended) => Ok(ended),
        None => {
            let message = format_smolstr!("no end of command {id} within {} s", limits.all().as_secs());
            let mut late = error::refused(GET, &cloud.scope, message);
            late.kind = FaultKind::Unreachable;
            late.mend = SmolStr::new_static(MEND);
            Err(late)
        }
    });
    let outcome = outcome.and_then(|ended| match why(&ended) {
        None => Ok(ended.standard_output_content.unwrap_or_default()),
        Some((kind, message, mend)) => {
            let mut failed = error::refused(GET, &cloud.scope, message);
            (failed.kind, failed.mend) = (kind, SmolStr::new_static(mend));
            // It was not the look at the command that failed.
            failed.call = SmolStr::new_static(SEND);
            Err(failed)
        }
    });
    outcome.map_err(|refused| of(instance, refused))
}

/// Looks at a command until it has ended; `None` when it has not in time. A command is not known everywhere at once, and a
/// look that fails for now is made again.
async fn watched<F: Future<Output = Result<Option<GetCommandInvocationOutput>>>>(
    look: impl Fn() -> F,
    pace: Duration,
    limit: Duration,
) -> Result<Option<GetCommandInvocationOutput>> {
    let start = Instant::now();
    let mut seen = start;
    loop {
        sleep(pace).await;
        match look().await {
            Ok(told) => {
                seen = Instant::now();
                if let Some(told) = told.filter(has_ended) {
                    return Ok(Some(told));
                }
            }
            Err(refused) if refused.retryable() && seen.elapsed() < BLIND => {}
            Err(refused) => return Err(refused),
        }
        if start.elapsed() >= limit {
            return Ok(None);
        }
    }
}

fn has_ended(told: &GetCommandInvocationOutput) -> bool {
    let status = told.status.as_ref().map_or("", |status| status.as_str());
    matches!(status, "Success" | "Cancelled" | "TimedOut" | "Failed")
}

/// Why a command that has ended has failed, with the class of it and what to do; `None` when it has not.
fn why(ended: &GetCommandInvocationOutput) -> Option<(FaultKind, String, &'static str)> {
    let status = ended.status.as_ref().map_or("", |status| status.as_str());
    // AWS writes the details with blanks and without.
    let details: String = ended.status_details.as_deref().unwrap_or_default().split(' ').collect();
    let lost = |what: &str| (FaultKind::Unreachable, what.to_owned(), MEND);
    let stopped = |what: &str| (FaultKind::Other, what.to_owned(), "");
    Some(match (status, details.as_str()) {
        ("Success", _) => return None,
        (_, "DeliveryTimedOut") => lost("its SSM agent has not taken the command"),
        (_, "Undeliverable") => lost("the command cannot be delivered to its SSM agent"),
        (_, "Terminated") | ("Cancelled", _) => stopped("the command was cancelled"),
        (_, "AccessDenied") => (
            FaultKind::Denied,
            "SSM may not run the command there".to_owned(),
            "allow ssm:SendCommand on the instance and on the document AWS-RunShellScript",
        ),
        ("TimedOut", _) => (
            FaultKind::Other,
            match wrote(ended) {
                Some(line) => format!("it did not end in time; it said last: {line}"),
                None => "it did not end in time".to_owned(),
            },
            "see what holds it up on the machine",
        ),
        _ => stopped(&wrote(ended).unwrap_or_else(|| format!("it ended with code {}", ended.response_code))),
    })
}

/// What a script says of its failure: the line that begins so, else the last one it wrote.
fn wrote(ended: &GetCommandInvocationOutput) -> Option<String> {
    let stderr = ended.standard_error_content.as_deref().unwrap_or_default();
    let stdout = ended.standard_output_content.as_deref().unwrap_or_default();
    let told = [stderr, stdout].into_iter().find_map(|text| {
        let mut lines = text.lines().rev().map(str::trim);
        lines.find_map(|line| line.strip_prefix("failed: "))
    });
    told.map(clean).or_else(|| last(stderr)).or_else(|| last(stdout))
}

/// The last line that says something. That the script has failed is added by the agent of SSM, and nothing new.
fn last(text: &str) -> Option<String> {
    let lines = text.lines().rev().map(clean);
    let mut lines = lines.filter(|line| !line.is_empty() && !line.starts_with("failed to run commands:"));
    lines.next()
}

/// A line without what would act on a terminal.
fn clean(line: &str) -> String {
    let visible: String = line.chars().filter(|c| !c.is_control()).collect();
    visible.trim().to_owned()
}

#[cfg(test)]
mod tests;
