use std::collections::BTreeMap;

use proptest::prelude::*;
use tokio::time::{Instant, sleep};

use super::*;
use crate::feeds::testing::*;
use crate::fleet::{FeedKind, Instance, Source, StackStatus, TAG_CLUSTER, TAG_SHAPE};
use crate::provider::Stack;

const FEED: &str = "https://sqs/k3fleet-shop-FeedQueue";
const REAPER: &str = "https://sqs/k3fleet-shop-ReaperQueue";

fn shop(cloud: &FakeCloud) -> ClusterId {
    cluster(&cloud.scope, &"shop".into())
}

fn stack(cluster: &str) -> Stack {
    let output = |queue: &str| {
        (
            SmolStr::new(queue),
            SmolStr::from(format!("https://sqs/k3fleet-{cluster}-{queue}")),
        )
    };
    Stack {
        name: format!("k3fleet-{cluster}").into(),
        id: format!("arn:aws:cloudformation:eu-west-1:1:stack/k3fleet-{cluster}/1").into(),
        status: StackStatus("CREATE_COMPLETE".into()),
        reason: None,
        drift: None,
        created_at: epoch(),
        outputs: ["FeedQueue", "ReaperQueue", "DeadLetterQueue"].map(output).to_vec(),
        tags: vec![],
        guarded: false,
    }
}

fn event(id: &str, kind: &str, instance: Option<&str>, asg: Option<&str>) -> CloudEvent {
    CloudEvent {
        id: id.into(),
        at: epoch(),
        kind: kind.into(),
        instance: instance.map(SmolStr::new),
        says: None,
        asg: asg.map(SmolStr::new),
    }
}

fn machine(cloud: &FakeCloud, id: &str, cluster: &str) -> Instance {
    let tags = [(TAG_CLUSTER, cluster), (TAG_SHAPE, "ha")];
    Instance {
        tags: tags.iter().map(|(k, v)| (SmolStr::new(k), SmolStr::new(v))).collect(),
        ..cloud.instance(id)
    }
}

/// A scope with the cluster `shop`, of one machine, whose stack is wanted; the end of the feeds' first round.
async fn rig(cloud: &Arc<FakeCloud>) -> Rig {
    cloud.instances.is(vec![machine(cloud, "i-1", "shop")]);
    cloud.stacks.is([("k3fleet-shop".into(), stack("shop"))].into());
    let mut rig = Rig::clouds(&[cloud]);
    rig.synced(&cloud.feed(FeedKind::Instances)).await;
    rig.feeds
        .want_stacks(&cloud.scope, [("shop".into(), "k3fleet-shop".into())].into());
    rig.synced(&cloud.feed(FeedKind::Events)).await;
    rig
}

fn lies(cloud: &FakeCloud, events: &[CloudEvent]) {
    cloud.events.is([(FEED.into(), events.to_vec())].into());
}

fn told(observations: &[Observation]) -> Vec<String> {
    let of = |o: &Observation| match o {
        Observation::Event(event) => Some(event.id.to_string()),
        _ => None,
    };
    observations.iter().filter_map(of).collect()
}

#[tokio::test(start_paused = true)]
async fn nothing_is_asked_without_a_highly_available_cluster() {
    let cloud = FakeCloud::new("", "eu-west-1");
    let mut rig = Rig::clouds(&[&cloud]);
    rig.for_secs(300).await;
    assert!(cloud.stacks.calls().is_empty() && cloud.events.calls().is_empty() && cloud.queues.calls().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_warning_is_seen_within_two_seconds_and_what_it_names_is_asked_for_at_once() {
    let cloud = FakeCloud::new("", "eu-west-1");
    let mut rig = rig(&cloud).await;
    // Long after anything has happened.
    rig.for_secs(900).await;
    for (n, wait) in [0, 300, 700, 950, 1_000, 1_040].into_iter().enumerate() {
        sleep(Duration::from_millis(wait)).await;
        rig.for_secs(0).await;
        let id = format!("w-{n}");
        let began = Instant::now();
        let asked = cloud.instances.calls().len();
        lies(
            &cloud,
            &[event(&id, "EC2 Spot Instance Interruption Warning", Some("i-1"), None)],
        );
        let seen = rig.until(|o| matches!(o, Observation::Event(e) if e.id == id)).await;
        assert!(began.elapsed() <= Duration::from_secs(2), "{:?}", began.elapsed());
        let notice = |o: &Observation| matches!(o, Observation::Notice(n) if n.kind == NoticeKind::Interruption && n.instance.as_str() == "i-1");
        assert!(seen.iter().any(notice), "the machine is marked at once");
        rig.for_secs(1).await;
        assert!(cloud.instances.calls().len() > asked, "and asked for");
    }
}

#[tokio::test(start_paused = true)]
async fn a_queue_is_read_once_a_second_while_somebody_looks() {
    let cloud = FakeCloud::new("", "eu-west-1");
    let mut rig = rig(&cloud).await;
    cloud.events.calls().clear();
    rig.for_secs(60).await;
    let calls = cloud.events.calls().len();
    assert!((52..=68).contains(&calls), "{calls}");
    assert!(
        cloud.events.arguments().iter().all(|url| url == FEED),
        "no other queue is read"
    );
    rig.feeds.focus(false);
    rig.for_secs(5).await;
    cloud.events.calls().clear();
    rig.for_secs(60).await;
    let calls = cloud.events.calls().len();
    assert!((9..=14).contains(&calls), "{calls}");
    rig.feeds.want_stacks(&cloud.scope, BTreeMap::new());
    let gone = rig.for_secs(60).await;
    assert!(gone.contains(&Observation::StackGone(shop(&cloud))));
    cloud.events.calls().clear();
    rig.for_secs(60).await;
    assert!(cloud.events.calls().is_empty(), "nobody wants it any longer");
}

#[tokio::test(start_paused = true)]
async fn what_is_not_the_clusters_is_passed_over_until_it_is_known_to_be() {
    let cloud = FakeCloud::new("", "eu-west-1");
    let mut rig = rig(&cloud).await;
    let change = "EC2 Instance State-change Notification";
    lies(
        &cloud,
        &[
            event("foreign", change, Some("i-9"), None),
            event("new", change, Some("i-2"), None),
            event("known", change, Some("i-1"), None),
            event(
                "group",
                "EC2 Instance Launch Successful",
                Some("i-3"),
                Some("k3fleet-shop-k3s_workers"),
            ),
        ],
    );
    assert_eq!(told(&rig.for_secs(30).await), ["known", "group"]);
    let all = [("i-1", "shop"), ("i-2", "shop"), ("i-9", "other")];
    cloud
        .instances
        .is(all.iter().map(|(id, of)| machine(&cloud, id, of)).collect());
    assert_eq!(told(&rig.for_secs(30).await), ["new"]);
    cloud.instances.is(vec![]);
    rig.for_secs(30).await;
    lies(&cloud, &[event("last", change, Some("i-2"), None)]);
    assert_eq!(
        told(&rig.for_secs(5).await),
        ["last"],
        "its end is told when it is listed no longer"
    );
}

#[tokio::test(start_paused = true)]
async fn queues_are_told_when_they_change_and_one_that_fails_hides_no_other() {
    let cloud = FakeCloud::new("", "eu-west-1");
    cloud.queues.is([(REAPER.into(), (2, 1))].into());
    let mut rig = rig(&cloud).await;
    let depth = |seen: &[Observation]| {
        let of = |o: &Observation| match o {
            Observation::Queues(queues) => Some((queues.reaper.map(|d| (d.open(), d.oldest_at)), queues.why.is_some())),
            _ => None,
        };
        seen.iter().filter_map(of).collect::<Vec<_>>()
    };
    cloud.queues.is([(REAPER.into(), (5, 0))].into());
    let sent = Timestamp::from_second(1_000).unwrap();
    cloud.oldest.is([(REAPER.into(), sent)].into());
    // Of the other queue nothing is known: it is not there any longer.
    assert_eq!(depth(&rig.for_secs(90).await), [(Some((5, Some(sent))), true)]);
    assert_eq!(depth(&rig.for_secs(90).await), []);

    // The queue of a second cluster is gone.
    cloud.stacks.is([
        ("k3fleet-shop".into(), stack("shop")),
        ("k3fleet-web".into(), stack("web")),
    ]
    .into());
    let both = [
        ("shop".into(), "k3fleet-shop".into()),
        ("web".into(), "k3fleet-web".into()),
    ];
    rig.feeds.want_stacks(&cloud.scope, both.into());
    lies(
        &cloud,
        &[event(
            "e-1",
            "EC2 Instance Launch Successful",
            None,
            Some("k3fleet-shop-k3s_workers"),
        )],
    );
    let seen = rig.for_secs(30).await;
    assert_eq!(told(&seen), ["e-1"]);
    let source = Source::Aws(cloud.scope.clone());
    let failed = |o: &Observation| matches!(o, Observation::Feed(id, crate::fleet::FeedReport::Failed { .. }) if id.source == source);
    assert!(!seen.iter().any(failed), "{seen:#?}");
}

/// Readings of a queue: each some of the events, in any order, some of them twice.
fn readings() -> impl Strategy<Value = Vec<Vec<usize>>> {
    prop::collection::vec(prop::collection::vec(0_usize..40, 0..30), 0..20)
}

proptest! {
    #[test]
    fn each_event_is_told_once_whatever_is_read_in_whatever_order(readings in readings()) {
        let cloud = FakeCloud::new("", "eu-west-1");
        let (_wish, queues) = watch::channel(OfClusters::new());
        let signals = watch::Sender::new(Signal { focused: true, nudges: 0 });
        let mut events = Events::new(cloud, queues, Ours::default(), signals);
        let (mut all, mut read) = (vec![], BTreeSet::new());
        for reading in &readings {
            read.extend(reading.iter().map(|n| format!("e-{n}")));
            let lie = reading.iter().map(|n| event(&format!("e-{n}"), "any", None, None)).collect();
            let news = events.news(&"shop".into(), lie);
            all.extend(told(&news));
        }
        let once: BTreeSet<_> = all.iter().cloned().collect();
        prop_assert_eq!(all.len(), once.len());
        prop_assert_eq!(once, read);
    }

    #[test]
    fn memory_is_bounded_and_what_was_forgotten_is_not_told_again(order in prop::collection::vec(0_i64..6_000, 3_000..6_000)) {
        let mut told = Told::default();
        let mut seen = BTreeSet::new();
        for n in order {
            let at = Timestamp::from_second(n / 3).unwrap();
            let event = CloudEvent { at, ..event(&format!("e-{n}"), "any", None, None) };
            if told.is_new(&event) {
                prop_assert!(seen.insert(n), "{} twice", n);
            }
            prop_assert!(told.known.len() <= REMEMBERED);
        }
    }
}
