//! What AWS says of a cluster's machines, by the queues of its stack: the feeds of two operators, and `events`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region};
use k3fleet::feeds::{Batch, Feeds, Settings};
use k3fleet::fleet::{NoticeKind, Observation};
use k3fleet::provider::aws::AwsCloud;
use k3fleet::provider::{Cloud, CloudControl, Providers};
use k3fleet::runtime::clock;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::super::REGION;
use super::Stand;
use crate::aws::moto::seen_through;
use crate::aws::options;

const STACK: &str = "k3fleet-shop";
/// How long anything may take on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(60);
/// How soon an event is to be seen, and how often that is tried on a machine that may be busy.
const SOON: (Duration, usize) = (Duration::from_secs(2), 6);

/// An operator who looks at the cluster.
struct Looker {
    feeds: Feeds,
    batches: mpsc::Receiver<Batch>,
}

impl Looker {
    fn new(cloud: AwsCloud) -> Self {
        let scope = Cloud::scope(&cloud).clone();
        let providers = Providers {
            clouds: vec![Arc::new(cloud)],
            ..Providers::default()
        };
        let (tx, batches) = mpsc::channel(64);
        let feeds = Feeds::start(providers, Settings::default(), Arc::new(clock::now), tx);
        feeds.want_stacks(&scope, [("shop".into(), STACK.into())].into());
        Self { feeds, batches }
    }

    /// What comes, up to the first that is meant.
    async fn until(&mut self, meant: impl Fn(&Observation) -> bool) -> Vec<Observation> {
        let mut seen = vec![];
        let all = async {
            loop {
                let batch = self.batches.recv().await.expect("the feeds run");
                let found = batch.observations.iter().any(&meant);
                seen.extend(batch.observations);
                if found {
                    return;
                }
            }
        };
        assert!(timeout(PATIENCE, all).await.is_ok(), "never seen: {seen:#?}");
        seen
    }
}

/// The client that puts events into queues as EventBridge does, and takes them as the reaper does.
fn queues(stand: &Stand) -> aws_sdk_sqs::Client {
    let keys = stand.account.keys.clone();
    let config = aws_sdk_sqs::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(Credentials::new(keys.id, keys.secret, keys.session, None, "test"))
        .region(Region::new(REGION))
        .endpoint_url(&stand.account.url);
    aws_sdk_sqs::Client::from_conf(config.build())
}

fn warning(id: &str, instance: &str) -> String {
    let detail = json!({"instance-id": instance, "instance-action": "terminate"});
    let kind = "EC2 Spot Instance Interruption Warning";
    let at = clock::now();
    json!({"id": id, "time": at, "detail-type": kind, "source": "aws.ec2", "detail": detail}).to_string()
}

fn is(id: &str) -> impl Fn(&Observation) -> bool {
    move |one| matches!(one, Observation::Event(event) if event.id == id)
}

/// Events of the cluster that stands are seen.
pub(super) async fn are_seen_by_all_who_look(stand: &Stand) {
    let look = || seen_through(&stand.account, REGION, options());
    let stack = stand.cloud.stack(STACK).await.expect("told").expect("a stack");
    let [feed, reaper] = ["FeedQueue", "ReaperQueue"].map(|name| stack.output(name).expect("a queue").to_string());
    let worker = stand.cloud.instances().await.expect("instances");
    let worker = worker.iter().find(|one| one.tag("k3fleet:role") == Some("agent"));
    let worker = worker.expect("a worker").id.to_string();
    let sqs = queues(stand);
    let send = async |queue: &str, body: String| {
        let sent = sqs.send_message().queue_url(queue).message_body(body).send().await;
        sent.expect("sent");
    };

    let mut lookers = [Looker::new(look()), Looker::new(look())];
    for looker in &mut lookers {
        let good = |o: &Observation| matches!(o, Observation::Stack(s) if s.status.is_good() && s.name == STACK);
        looker.until(good).await;
    }
    // One that comes twice, as SQS may have it, and one of an instance that is nobody's.
    let first = warning("w-1", &worker);
    for body in [first.clone(), warning("of-another", "i-0123456789abcdef0"), first] {
        send(&feed, body).await;
    }
    let mut seen = [vec![], vec![]];
    for (looker, seen) in lookers.iter_mut().zip(&mut seen) {
        *seen = looker.until(is("w-1")).await;
        let marked = |o: &Observation| matches!(o, Observation::Notice(n) if n.kind == NoticeKind::Interruption && n.instance.as_str() == worker);
        assert!(seen.iter().any(marked), "the machine is marked: {seen:#?}");
    }
    // Each that comes is seen soon by both, whatever lies there.
    let mut quickest = [PATIENCE; 2];
    for n in 2..2 + SOON.1 {
        let id = format!("w-{n}");
        let began = Instant::now();
        send(&feed, warning(&id, &worker)).await;
        let [one, other] = &mut lookers;
        let timed = async |looker: &mut Looker| (looker.until(is(&id)).await, began.elapsed());
        let both: [_; 2] = tokio::join!(timed(one), timed(other)).into();
        for ((more, took), (seen, quickest)) in both.into_iter().zip(seen.iter_mut().zip(&mut quickest)) {
            seen.extend(more);
            *quickest = took.min(*quickest);
        }
        if quickest.iter().all(|took| *took <= SOON.0) {
            break;
        }
    }
    assert!(quickest.iter().all(|took| *took <= SOON.0), "{quickest:?}");
    for seen in &seen {
        let told = |id: &str| seen.iter().filter(|one| is(id)(one)).count();
        assert_eq!((told("w-1"), told("w-2"), told("of-another")), (1, 1, 0), "{seen:#?}");
    }
    // What waits for the reaper is told.
    stand.cloud.send_test_event(&reaper, "test-1").await.expect("sent");
    let [looker, _] = &mut lookers;
    looker
        .feeds
        .nudge(&k3fleet::fleet::Source::Aws(Cloud::scope(&stand.cloud).clone()));
    let waits = |o: &Observation| matches!(o, Observation::Queues(q) if q.reaper.is_some_and(|d| d.waiting == 1));
    looker.until(waits).await;
    drop(lookers);

    // Whoever only asks is told the same, the newest first; and nothing was taken.
    let asked = stand.run(&["events", "shop", "-o", "json"]).await;
    assert_eq!(asked.code, Some(0), "{}", asked.told);
    let told = asked.json();
    let ids = |told: &Value| -> Vec<String> {
        let events = told["events"].as_array().expect("events");
        events
            .iter()
            .map(|one| one["id"].as_str().expect("an id").to_owned())
            .collect()
    };
    assert_eq!(ids(&told)[ids(&told).len() - 2..], ["w-2", "w-1"], "{told:#}");
    assert!(!asked.printed.contains("of-another"), "{told:#}");
    assert_eq!(
        (&told["queues"]["reaper"]["waiting"], &told["queues"]["dead_letters"]),
        (&json!(1), &json!(0))
    );
    assert_eq!(
        (&told["test"], &told["stack"]["status"]),
        (&Value::Null, &json!("CREATE_COMPLETE"))
    );

    // A reaper that works takes what lies in its queue.
    let reaps = async {
        loop {
            let ask = sqs
                .receive_message()
                .queue_url(&reaper)
                .max_number_of_messages(10)
                .wait_time_seconds(1);
            for message in ask.send().await.expect("messages").messages.unwrap_or_default() {
                let done = sqs
                    .delete_message()
                    .queue_url(&reaper)
                    .receipt_handle(message.receipt_handle.expect("one"));
                done.send().await.expect("deleted");
            }
        }
    };
    let tested = tokio::select! {
        ran = stand.run(&["events", "shop", "--test", "-o", "json"]) => ran,
        () = reaps => unreachable!("it goes on for ever"),
    };
    assert_eq!(tested.code, Some(0), "{}", tested.told);
    let told = tested.json();
    assert_eq!(
        (&told["test"]["worked_on"], &told["queues"]["reaper"]["waiting"]),
        (&json!(true), &json!(0)),
        "{told:#}"
    );
}
