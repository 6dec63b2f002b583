//! A cluster's queues: events that are read and left for others, how a queue stands, and an event of k3fleet's own.

use aws_sdk_sqs::types::QueueAttributeName;
use jiff::Timestamp;
use serde_json::{Value, json};
use smol_str::SmolStr;

use super::{AwsCloud, error};
use crate::provider::{CloudEvent, Queue, Result};

/// How often a queue is asked for more at most: a call gives no more than ten messages, and any of them.
const CALLS: usize = 8;
/// How many messages a full answer has.
const AT_ONCE: usize = 10;

/// How many full answers without anything new end the asking: the next may hold the rest.
const IN_VAIN: usize = 3;

/// The events that lie in a queue now. They are not taken: whoever else reads the queue sees them too.
pub(super) async fn events(cloud: &AwsCloud, queue: &str) -> Result<Vec<CloudEvent>> {
    const CALL: &str = "sqs:ReceiveMessage";
    let mut found: Vec<CloudEvent> = Vec::new();
    let mut in_vain = 0;
    for _ in 0..CALLS {
        let ask = cloud.sqs.receive_message().queue_url(queue);
        // All servers of the queue are asked only where a call waits.
        let ask = ask
            .max_number_of_messages(10)
            .visibility_timeout(0)
            .wait_time_seconds(1);
        let messages = cloud.call(CALL, ask.send()).await?.messages.unwrap_or_default();
        let events = messages.iter().filter_map(|message| event(message.body.as_deref()?));
        let before = found.len();
        for event in events {
            if !found.iter().any(|known| known.id == event.id) {
                found.push(event);
            }
        }
        if found.len() > before {
            continue;
        }
        in_vain += 1;
        if messages.len() < AT_ONCE || in_vain == IN_VAIN {
            break;
        }
    }
    found.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
    Ok(found)
}

/// An event of EventBridge from a message; `None` when it is none.
fn event(body: &str) -> Option<CloudEvent> {
    let told: Value = serde_json::from_str(body).ok()?;
    let text = |value: &Value| value.as_str().map(SmolStr::new);
    let detail = &told["detail"];
    let one_of = |keys: [&str; 3]| keys.iter().find_map(|key| text(&detail[*key]));
    Some(CloudEvent {
        id: text(&told["id"])?,
        at: told["time"].as_str()?.parse::<Timestamp>().ok()?,
        kind: text(&told["detail-type"])?,
        instance: one_of(["instance-id", "EC2InstanceId", "InstanceId"]),
        says: one_of(["instance-action", "state", "LifecycleTransition"]),
        asg: text(&detail["AutoScalingGroupName"]),
    })
}

/// How a queue stands.
pub(super) async fn queue(cloud: &AwsCloud, url: &str) -> Result<Queue> {
    const CALL: &str = "sqs:GetQueueAttributes";
    let waiting = QueueAttributeName::ApproximateNumberOfMessages;
    let taken = QueueAttributeName::ApproximateNumberOfMessagesNotVisible;
    let ask = cloud.sqs.get_queue_attributes().queue_url(url);
    let ask = ask.attribute_names(waiting.clone()).attribute_names(taken.clone());
    let told = cloud.call(CALL, ask.send()).await?.attributes.unwrap_or_default();
    let number = |name: &QueueAttributeName| {
        let told = told.get(name).and_then(|number| number.parse().ok());
        told.ok_or_else(|| error::malformed(CALL, &cloud.scope, format!("the queue {url} is told without {name}")))
    };
    Ok(Queue {
        url: url.into(),
        waiting: number(&waiting)?,
        taken: number(&taken)?,
    })
}

/// Sends the event by which the reaper shows that it works.
pub(super) async fn send_test(cloud: &AwsCloud, url: &str, id: &str) -> Result<()> {
    const CALL: &str = "sqs:SendMessage";
    let body = json!({
        "version": "0",
        "id": id,
        "detail-type": "k3fleet test",
        "source": "k3fleet.test",
        "time": (cloud.clock)().to_string(),
        "region": cloud.scope.region,
        "resources": [],
        "detail": {},
    });
    let ask = cloud.sqs.send_message().queue_url(url).message_body(body.to_string());
    cloud.call(CALL, ask.send()).await.map(drop)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn events_are_read_as_aws_shapes_them() {
        let warning = r#"{"version":"0","id":"e-1","detail-type":"EC2 Spot Instance Interruption Warning","source":"aws.ec2",
            "account":"123456789012","time":"2026-11-22T12:00:00Z","region":"eu-west-1",
            "resources":["arn:aws:ec2:eu-west-1b:instance/i-0a"],"detail":{"instance-id":"i-0a","instance-action":"terminate"}}"#;
        let told = event(warning).unwrap();
        assert_eq!((told.id.as_str(), told.instance.as_deref()), ("e-1", Some("i-0a")));
        assert_eq!((told.says.as_deref(), told.asg), (Some("terminate"), None));
        let hook = r#"{"id":"e-2","detail-type":"EC2 Instance-terminate Lifecycle Action","time":"2026-11-22T12:00:01Z",
            "detail":{"AutoScalingGroupName":"k3fleet-shop-k3s_workers","EC2InstanceId":"i-0b",
            "LifecycleTransition":"autoscaling:EC2_INSTANCE_TERMINATING"}}"#;
        let told = event(hook).unwrap();
        assert_eq!(told.asg.as_deref(), Some("k3fleet-shop-k3s_workers"));
        assert_eq!(told.instance.as_deref(), Some("i-0b"));
    }

    proptest! {
        #[test]
        fn whatever_lies_in_a_queue_is_read_or_left(body in ".{0,200}") {
            let _whatever = event(&body);
        }
    }
}
