//! What EC2 and Auto Scaling say, and who hears it: the reaper takes each event from a queue of its own, operators read all
//! of them from a second one that forgets within minutes and hides nothing from anybody.
//!
//! Events of EC2 tell of all instances of the region, since EventBridge cannot choose by tag; those of Auto Scaling only of
//! the cluster's groups.

use serde_json::{Value, json};

use super::super::{PoolKind, SERVERS};
use super::{Draft, attribute, refer};

/// For how long a message that the reaper has taken is nobody else's: no less than the function's own time.
const HIDDEN_SECONDS: u32 = 160;
/// After how many tries a message is a dead letter: about half an hour without an API.
const TRIES: u32 = 10;

/// The queues that hear of events.
const HEAR: [&str; 2] = ["FeedQueue", "ReaperQueue"];

/// Adds the queues and the rules.
pub(super) fn add(draft: &mut Draft<'_>) {
    let fortnight = 14 * 24 * 3600;
    queue(draft, "DeadLetterQueue", json!({"MessageRetentionPeriod": fortnight}));
    let dead = json!({"deadLetterTargetArn": attribute("Arn", "DeadLetterQueue"), "maxReceiveCount": TRIES});
    let kept = json!({
        "MessageRetentionPeriod": 4 * 3600, "VisibilityTimeout": HIDDEN_SECONDS, "RedrivePolicy": dead,
    });
    queue(draft, "ReaperQueue", kept);
    let forgotten = json!({"MessageRetentionPeriod": 300, "VisibilityTimeout": 0});
    queue(draft, "FeedQueue", forgotten);
    let rules = rules(draft);
    let targets = HEAR.map(|queue| json!({"Id": queue, "Arn": attribute("Arn", queue)}));
    for (name, pattern) in &rules {
        let rule = json!({"EventPattern": pattern, "Targets": targets});
        draft.add(*name, "Events::Rule", rule);
    }
    // One for each: SQS takes no policy of a queue that names another one.
    for name in ["DeadLetterQueue", "FeedQueue", "ReaperQueue"] {
        let mut statements = vec![json!({
            "Effect": "Deny",
            "Principal": "*",
            "Action": "sqs:*",
            "Resource": attribute("Arn", name),
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        })];
        if HEAR.contains(&name) {
            let rules = rules.each_ref().map(|(rule, _)| attribute("Arn", rule));
            statements.push(json!({
                "Effect": "Allow",
                "Principal": {"Service": "events.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": attribute("Arn", name),
                "Condition": {"ArnEquals": {"aws:SourceArn": rules}},
            }));
        }
        let document = json!({"Version": "2012-10-17", "Statement": statements});
        let policy = json!({"Queues": [refer(name)], "PolicyDocument": document});
        draft.add(format!("{name}Policy"), "SQS::QueuePolicy", policy);
    }
}

fn queue(draft: &mut Draft<'_>, name: &str, mut properties: Value) {
    properties["SqsManagedSseEnabled"] = true.into();
    draft.add(name, "SQS::Queue", properties);
    draft.output(name, refer(name));
}

/// The rules: each with its name and what is told. The reaper hears what only operators want to know as well, and passes
/// over it.
fn rules(draft: &Draft<'_>) -> [(&'static str, Value); 3] {
    [
        (
            "SpotRule",
            json!({"source": ["aws.ec2"], "detail-type": [
                "EC2 Spot Instance Interruption Warning",
                "EC2 Instance Rebalance Recommendation",
                "EC2 Spot Instance Request Fulfillment",
            ]}),
        ),
        (
            "StateRule",
            json!({
                "source": ["aws.ec2"],
                "detail-type": ["EC2 Instance State-change Notification"],
                "detail": {"state": ["running", "shutting-down", "stopped", "stopping", "terminated"]},
            }),
        ),
        (
            "GroupRule",
            json!({
                "source": ["aws.autoscaling"],
                "detail-type": [
                    "EC2 Instance-terminate Lifecycle Action",
                    "EC2 Instance Launch Successful",
                    "EC2 Instance Launch Unsuccessful",
                    "EC2 Instance Terminate Successful",
                    "EC2 Instance Terminate Unsuccessful",
                ],
                "detail": {"AutoScalingGroupName": groups(draft)},
            }),
        ),
    ]
}

/// The names of the cluster's groups.
pub(super) fn groups(draft: &Draft<'_>) -> Vec<String> {
    let pools = draft.ha.pools.iter().filter(|pool| pool.kind == PoolKind::Asg);
    std::iter::once(SERVERS)
        .chain(pools.map(|pool| pool.name.as_str()))
        .map(|pool| draft.names.group(pool))
        .collect()
}
