//! CloudFormation stacks: how one stands, what has happened in it, and its changes, which all go through change sets, so
//! that what is shown before is what is done.

use aws_sdk_cloudformation::types as sdk;
use smol_str::{SmolStr, format_smolstr};
use tokio::time::sleep;

use super::{AwsCloud, error, optional, timestamp};
use crate::fleet::StackDrift;
use crate::provider::{ChangeSet, Result, Stack, StackAction, StackChange, StackEvent, StackOrder, StackStatus};

const DESCRIBE: &str = "cloudformation:DescribeStacks";
const LOOK: &str = "cloudformation:DescribeChangeSet";

/// How often a change set is looked at until it is ready; CloudFormation takes seconds.
const LOOKS: usize = 90;

/// A stack by its name or ARN.
pub(super) async fn stack(cloud: &AwsCloud, name: &str) -> Result<Option<Stack>> {
    let ask = cloud.cloudformation.describe_stacks().stack_name(name);
    let answer = cloud.call_unless(DESCRIBE, ask.send(), is_gone).await?;
    let told = answer.and_then(|answer| answer.stacks.into_iter().flatten().next());
    told.map(|told| mapped(cloud, told)).transpose()
}

fn mapped(cloud: &AwsCloud, from: sdk::Stack) -> Result<Stack> {
    let name = SmolStr::new(from.stack_name.unwrap_or_default());
    let created_at = from.creation_time.as_ref().and_then(timestamp);
    let status = from.stack_status.map(|status| SmolStr::new(status.as_str()));
    let (Some(created_at), Some(status)) = (created_at, status) else {
        let message = format_smolstr!("the stack {name} is told without its status or its age");
        return Err(error::malformed(DESCRIBE, &cloud.scope, message));
    };
    let pair = |key: Option<String>, value: Option<String>| Some((SmolStr::new(key?), SmolStr::new(value?)));
    let outputs = from.outputs.into_iter().flatten();
    let tags = from.tags.into_iter().flatten();
    Ok(Stack {
        id: from.stack_id.map_or_else(|| name.clone(), SmolStr::new),
        name,
        status: StackStatus(status),
        reason: optional(from.stack_status_reason),
        drift: from.drift_information.and_then(drift),
        created_at,
        outputs: outputs.filter_map(|o| pair(o.output_key, o.output_value)).collect(),
        tags: tags.filter_map(|tag| pair(tag.key, tag.value)).collect(),
        guarded: from.enable_termination_protection == Some(true),
    })
}

/// What CloudFormation found when it was last asked to look; `None` when it never was, or looks still.
fn drift(from: sdk::StackDriftInformation) -> Option<StackDrift> {
    let drifted = match from.stack_drift_status? {
        sdk::StackDriftStatus::Drifted => true,
        sdk::StackDriftStatus::InSync => false,
        _ => return None,
    };
    let checked_at = from.last_check_timestamp.as_ref().and_then(timestamp);
    Some(StackDrift { drifted, checked_at })
}

/// What has happened in a stack after an event; CloudFormation tells the newest first, page by page.
pub(super) async fn events(cloud: &AwsCloud, name: &str, after: Option<&str>) -> Result<Vec<StackEvent>> {
    const CALL: &str = "cloudformation:DescribeStackEvents";
    let mut found = Vec::new();
    let mut token = None;
    'pages: loop {
        let ask = cloud.cloudformation.describe_stack_events().stack_name(name);
        let ask = ask.set_next_token(token.clone());
        let Some(page) = cloud.call_unless(CALL, ask.send(), is_gone).await? else {
            break;
        };
        for event in page.stack_events.into_iter().flatten() {
            if event.event_id.as_deref() == after && after.is_some() {
                break 'pages;
            }
            found.extend(happened(event));
        }
        token = cloud.next_page(CALL, token, page.next_token)?;
        if token.is_none() {
            break;
        }
    }
    found.reverse();
    Ok(found)
}

/// An event; one that is told without its time or its status tells nothing.
fn happened(from: sdk::StackEvent) -> Option<StackEvent> {
    Some(StackEvent {
        id: from.event_id?.into(),
        at: timestamp(from.timestamp.as_ref()?)?,
        resource: from.logical_resource_id.unwrap_or_default().into(),
        kind: from.resource_type.unwrap_or_default().into(),
        status: StackStatus(from.resource_status?.as_str().into()),
        reason: optional(from.resource_status_reason),
    })
}

/// Makes a change set, and waits until CloudFormation has worked out what it would do.
pub(super) async fn propose(cloud: &AwsCloud, order: &StackOrder) -> Result<ChangeSet> {
    const CALL: &str = "cloudformation:CreateChangeSet";
    let present = stack(cloud, &order.name).await?;
    let creates = present.is_none_or(|stack| stack.status.is_in_review());
    let kind = match creates {
        true => sdk::ChangeSetType::Create,
        false => sdk::ChangeSetType::Update,
    };
    let parameter = |(key, value): &(String, String)| {
        let parameter = sdk::Parameter::builder().parameter_key(key);
        parameter.parameter_value(value).build()
    };
    let kept = |key: &String| {
        let parameter = sdk::Parameter::builder().parameter_key(key);
        parameter.use_previous_value(true).build()
    };
    // CloudFormation refuses previous values for a stack that has none yet.
    let kept = order.kept.iter().filter(|_| !creates).map(kept);
    let parameters: Vec<_> = order.parameters.iter().map(parameter).chain(kept).collect();
    let tag = |(key, value): &(String, String)| sdk::Tag::builder().key(key).value(value).build();
    let ask = cloud
        .cloudformation
        .create_change_set()
        .stack_name(&order.name)
        // The same for each try, so that a try that was answered too late is found.
        .change_set_name(&order.token)
        .client_token(&order.token)
        .change_set_type(kind)
        .template_body(&order.template)
        .set_parameters(Some(parameters))
        .set_tags(Some(order.tags.iter().map(tag).collect()))
        .capabilities(sdk::Capability::CapabilityIam);
    cloud
        .call_unless(CALL, ask.send(), |code, _| code == "AlreadyExistsException")
        .await?;
    for look in 0..LOOKS {
        if look > 0 {
            sleep(cloud.command_pace).await;
        }
        if let Some(ready) = proposed(cloud, order, creates).await? {
            return Ok(ready);
        }
    }
    let message = format_smolstr!("the change set {} is not ready yet", order.token);
    Err(cloud.not_yet(LOOK, message))
}

/// The change set once it is ready. One that would change nothing is refused by CloudFormation, and gone then.
async fn proposed(cloud: &AwsCloud, order: &StackOrder, creates: bool) -> Result<Option<ChangeSet>> {
    let mut changes = Vec::new();
    let mut token = None;
    loop {
        let ask = cloud.cloudformation.describe_change_set();
        let ask = ask.stack_name(&order.name).change_set_name(&order.token);
        let page = cloud.call(LOOK, ask.set_next_token(token.clone()).send()).await?;
        let set = ChangeSet {
            id: page.change_set_id.clone().unwrap_or_else(|| order.token.clone()).into(),
            stack: order.name.as_str().into(),
            creates,
            changes: vec![],
        };
        match page.status {
            Some(sdk::ChangeSetStatus::CreateComplete) => {}
            Some(sdk::ChangeSetStatus::Failed) => {
                let why = page.status_reason.unwrap_or_default();
                discard(cloud, &set).await?;
                return match is_nothing(&why) {
                    true => Ok(Some(set)),
                    false => Err(error::refused("cloudformation:CreateChangeSet", &cloud.scope, why)),
                };
            }
            _ => return Ok(None),
        }
        let told = page.changes.into_iter().flatten().filter_map(|c| c.resource_change);
        changes.extend(told.map(change));
        token = cloud.next_page(LOOK, token, page.next_token)?;
        if token.is_none() {
            return Ok(Some(ChangeSet { changes, ..set }));
        }
    }
}

/// Whether a change set failed because nothing would change.
fn is_nothing(why: &str) -> bool {
    why.contains("didn't contain changes") || why.contains("No updates are to be performed")
}

fn change(from: sdk::ResourceChange) -> StackChange {
    let action = match (from.action, from.replacement) {
        (Some(sdk::ChangeAction::Add | sdk::ChangeAction::Import), _) => StackAction::Add,
        (Some(sdk::ChangeAction::Remove), _) => StackAction::Remove,
        (_, Some(sdk::Replacement::True)) => StackAction::Replace,
        (_, Some(sdk::Replacement::False)) => StackAction::Modify,
        // CloudFormation cannot tell, or told an action that is not known here: the worse is assumed.
        (Some(sdk::ChangeAction::Modify), None) => StackAction::Modify,
        _ => StackAction::MayReplace,
    };
    let mut properties: Vec<SmolStr> = vec![];
    let details = from.details.into_iter().flatten().filter_map(|detail| detail.target);
    for target in details {
        let name = target.name.map(SmolStr::new);
        let name = name.or_else(|| target.attribute.map(|attribute| attribute.as_str().into()));
        properties.extend(name.filter(|name| !properties.contains(name)));
    }
    StackChange {
        action,
        resource: from.logical_resource_id.unwrap_or_default().into(),
        kind: from.resource_type.unwrap_or_default().into(),
        physical: optional(from.physical_resource_id),
        properties,
    }
}

pub(super) async fn execute(cloud: &AwsCloud, set: &ChangeSet, token: &str, undo: bool) -> Result<()> {
    const CALL: &str = "cloudformation:ExecuteChangeSet";
    let ask = cloud.cloudformation.execute_change_set();
    let ask = ask.change_set_name(set.id.as_str()).stack_name(set.stack.as_str());
    let ask = ask.client_request_token(token).disable_rollback(!undo);
    cloud.call(CALL, ask.send()).await.map(drop)
}

/// Discards a change set; a stack that stands in review for its sake alone goes with it.
pub(super) async fn discard(cloud: &AwsCloud, set: &ChangeSet) -> Result<()> {
    const CALL: &str = "cloudformation:DeleteChangeSet";
    let ask = cloud.cloudformation.delete_change_set();
    let ask = ask.change_set_name(set.id.as_str()).stack_name(set.stack.as_str());
    let is_gone = |code: &str, message: &str| code == "ChangeSetNotFound" || is_gone(code, message);
    cloud.call_unless(CALL, ask.send(), is_gone).await?;
    let left = match set.creates {
        true => stack(cloud, &set.stack).await?,
        false => None,
    };
    match left.filter(|left| left.status.is_in_review()) {
        Some(left) => delete(cloud, &left.name, None).await,
        None => Ok(()),
    }
}

pub(super) async fn undo(cloud: &AwsCloud, name: &str, token: &str) -> Result<()> {
    const CALL: &str = "cloudformation:RollbackStack";
    let ask = cloud.cloudformation.rollback_stack().stack_name(name);
    cloud.call(CALL, ask.client_request_token(token).send()).await.map(drop)
}

pub(super) async fn delete(cloud: &AwsCloud, name: &str, token: Option<&str>) -> Result<()> {
    const CALL: &str = "cloudformation:DeleteStack";
    let ask = cloud.cloudformation.delete_stack().stack_name(name);
    let ask = ask.set_client_request_token(token.map(str::to_owned));
    cloud.call_unless(CALL, ask.send(), is_gone).await.map(drop)
}

/// Whether AWS says that there is no such stack. It has no code for it, only words.
pub(super) fn is_gone(code: &str, message: &str) -> bool {
    code == "ValidationError" && message.contains("does not exist")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(action: sdk::ChangeAction, replacement: Option<sdk::Replacement>) -> sdk::ResourceChange {
        sdk::ResourceChange::builder()
            .action(action)
            .set_replacement(replacement)
            .logical_resource_id("Nlb")
            .details(detail("Subnets"))
            .details(detail("Subnets"))
            .build()
    }

    fn detail(name: &str) -> sdk::ResourceChangeDetail {
        let target = sdk::ResourceTargetDefinition::builder().name(name).build();
        sdk::ResourceChangeDetail::builder().target(target).build()
    }

    #[test]
    fn what_may_be_made_anew_is_told_as_such() {
        use sdk::{ChangeAction, Replacement};
        let cases = [
            (ChangeAction::Add, None, StackAction::Add),
            (ChangeAction::Remove, None, StackAction::Remove),
            (ChangeAction::Modify, None, StackAction::Modify),
            (ChangeAction::Modify, Some(Replacement::False), StackAction::Modify),
            (ChangeAction::Modify, Some(Replacement::True), StackAction::Replace),
            (
                ChangeAction::Modify,
                Some(Replacement::Conditional),
                StackAction::MayReplace,
            ),
            (ChangeAction::Dynamic, None, StackAction::MayReplace),
        ];
        for (action, replacement, expected) in cases {
            let told = change(resource(action, replacement));
            assert_eq!(
                (told.action, told.properties),
                (expected, vec![SmolStr::new("Subnets")])
            );
        }
    }

    #[test]
    fn a_change_set_without_changes_is_no_failure() {
        let why =
            "The submitted information didn't contain changes. Submit different information to create a change set.";
        assert!(is_nothing(why) && is_nothing("No updates are to be performed."));
        assert!(!is_nothing(
            "Template error: instance of Fn::GetAtt references undefined resource Nlb"
        ));
    }

    #[test]
    fn a_stack_that_is_missing_is_no_failure() {
        assert!(is_gone("ValidationError", "Stack with id k3fleet-shop does not exist"));
        assert!(!is_gone("ValidationError", "Stack is in UPDATE_IN_PROGRESS state"));
        assert!(!is_gone("AccessDenied", "does not exist"));
    }
}
