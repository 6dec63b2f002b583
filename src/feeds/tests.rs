//! The feeds over fake ports, on paused time.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::testing::*;
use crate::fleet::*;
use crate::provider::{Change, Kube};

#[tokio::test(start_paused = true)]
async fn a_listing_is_told_once_then_only_its_changes() {
    let cloud = FakeCloud::new("", "eu-west-1");
    let (a, b) = (cloud.instance("i-a"), cloud.instance("i-b"));
    cloud.instances.is(vec![a.clone(), b.clone()]);
    let mut rig = Rig::clouds(&[&cloud]);
    let feed = cloud.feed(FeedKind::Instances);
    let is = |i: &Instance| Observation::Instance(Box::new(i.clone()));
    let of = |o: Vec<Observation>| -> Vec<Observation> {
        let mut o = things(o);
        o.retain(|o| !matches!(o, Observation::Account(..)));
        o
    };

    assert_eq!(of(rig.synced(&feed).await), [is(&a), is(&b)]);
    assert_eq!(of(rig.synced(&feed).await), []);

    let stopping = Instance {
        state: InstanceState::Stopping,
        ..b.clone()
    };
    cloud.instances.is(vec![a.clone(), stopping.clone()]);
    assert_eq!(of(rig.synced(&feed).await), [is(&stopping)]);

    cloud.instances.set(Reply::Fails(FaultKind::Unreachable));
    rig.failed(&feed).await;
    cloud.instances.is(vec![stopping.clone()]);
    assert_eq!(of(rig.synced(&feed).await), [Observation::InstanceGone(a.id.clone())]);
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_told_with_its_retry_and_takes_nothing_away() {
    let cloud = FakeCloud::new("", "eu-west-1");
    cloud.instances.is(vec![cloud.instance("i-a")]);
    let mut rig = Rig::clouds(&[&cloud]);
    let feed = cloud.feed(FeedKind::Instances);
    rig.synced(&feed).await;
    cloud.instances.calls().clear();
    cloud.instances.set(Reply::Fails(FaultKind::Unreachable));
    let mut retries = Vec::new();
    for _ in 0..7 {
        let (fault, retry) = rig.failed(&feed).await;
        assert_eq!(
            (fault.kind, fault.call.as_str()),
            (FaultKind::Unreachable, "ec2:DescribeInstances")
        );
        retries.push(retry);
    }
    near(&retries, &[2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]);
    let pauses = cloud.instances.pauses();
    for (told, kept) in retries.iter().zip(&pauses) {
        assert!((told - kept).abs() < 0.01, "told {retries:?}, kept {pauses:?}");
    }
    let seen = rig.for_secs(300).await;
    assert!(!seen.iter().any(|o| matches!(o, Observation::InstanceGone(_))));
}

#[tokio::test(start_paused = true)]
async fn what_is_denied_is_retried_slowly_unless_nudged() {
    let cloud = FakeCloud::new("", "eu-west-1");
    cloud.instances.set(Reply::Fails(FaultKind::Denied));
    let mut rig = Rig::clouds(&[&cloud]);
    let feed = cloud.feed(FeedKind::Instances);
    let mut retries = Vec::new();
    for _ in 0..4 {
        retries.push(rig.failed(&feed).await.1);
    }
    near(&retries, &[60.0, 120.0, 240.0, 300.0]);

    rig.for_secs(20).await;
    cloud.instances.is(Vec::new());
    rig.feeds.nudge(&cloud.source());
    let before = Instant::now();
    rig.synced(&feed).await;
    assert!(before.elapsed() < Duration::from_millis(10));
}

#[tokio::test(start_paused = true)]
async fn throttling_slows_and_no_nudge_shortens_it() {
    let cloud = FakeCloud::new("", "eu-west-1");
    cloud.instances.set(Reply::Fails(FaultKind::Throttled));
    let mut rig = Rig::clouds(&[&cloud]);
    let feed = cloud.feed(FeedKind::Instances);
    near(&[rig.failed(&feed).await.1], &[5.0]);
    rig.feeds.nudge(&cloud.source());
    near(&[rig.failed(&feed).await.1], &[10.0]);
    near(&cloud.instances.pauses(), &[5.0]);
    cloud.instances.is(Vec::new());
    rig.synced(&feed).await;
    rig.synced(&feed).await;
    near(&cloud.instances.pauses(), &[5.0, 10.0, 60.0]);
}

#[tokio::test(start_paused = true)]
async fn a_nudge_reads_at_once_and_then_often_for_two_minutes() {
    let cloud = FakeCloud::new("", "eu-west-1");
    let mut rig = Rig::clouds(&[&cloud]);
    rig.for_secs(5).await;
    cloud.instances.calls().clear();
    rig.feeds.nudge(&cloud.source());
    let before = Instant::now();
    rig.for_secs(110).await;
    let calls = cloud.instances.calls().len();
    assert!((35..=42).contains(&calls), "{calls} calls in 110 s after a nudge");
    assert!(cloud.instances.calls()[0].0 - before < Duration::from_millis(10));
    rig.for_secs(30).await;
    cloud.instances.calls().clear();
    rig.for_secs(60).await;
    let calls = cloud.instances.calls().len();
    assert!(
        (3..=5).contains(&calls),
        "{calls} calls in a minute when the nudge is over"
    );
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_nudges_reads_at_most_once_a_second() {
    let cloud = FakeCloud::new("", "eu-west-1");
    let mut rig = Rig::clouds(&[&cloud]);
    for _ in 0..100 {
        rig.feeds.nudge(&cloud.source());
        tokio::time::sleep(Duration::from_millis(100)).await;
        while rig.rx.try_recv().is_ok() {}
    }
    let least = cloud.instances.pauses().into_iter().fold(f64::MAX, f64::min);
    assert!(least >= 1.0, "read again after {least} s");
    assert!(cloud.instances.calls().len() >= 9);
}

#[tokio::test(start_paused = true)]
async fn idle_feeds_slow_down_and_never_wake_within_a_second() {
    let cloud = FakeCloud::new("", "eu-west-1");
    let kube = FakeKube::k3s("home");
    let mut rig = Rig::start(crate::provider::Providers {
        clouds: vec![cloud.clone()],
        kubes: vec![kube.clone()],
        ..Default::default()
    });
    rig.for_secs(600).await;
    let pauses = cloud.instances.pauses();
    assert!(pauses.iter().all(|p| *p >= 13.5), "{pauses:?}");
    near(&[*pauses.last().unwrap()], &[60.0]);
    for pauses in [cloud.notices.pauses(), kube.usage.pauses(), kube.server.pauses()] {
        assert!(!pauses.is_empty() && pauses.iter().all(|p| *p >= 13.5), "{pauses:?}");
    }
    assert_eq!(cloud.account.calls().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn when_nobody_looks_listings_slow_and_coming_back_reads_at_once() {
    let cloud = FakeCloud::new("", "eu-west-1");
    let mut rig = Rig::clouds(&[&cloud]);
    rig.for_secs(10).await;
    rig.feeds.focus(false);
    rig.for_secs(30).await;
    cloud.instances.calls().clear();
    rig.for_secs(30).await;
    assert!(cloud.instances.calls().is_empty());
    let before = Instant::now();
    rig.feeds.focus(true);
    rig.synced(&cloud.feed(FeedKind::Instances)).await;
    assert!(before.elapsed() < Duration::from_millis(10));
}

#[tokio::test(start_paused = true)]
async fn notices_are_looked_for_more_often_while_there_are_spot_instances() {
    let cloud = FakeCloud::new("", "eu-west-1");
    let spot = Instance {
        purchase: Purchase::Spot,
        ..cloud.instance("i-spot")
    };
    cloud.instances.is(vec![spot.clone()]);
    let notice = Notice {
        instance: spot.id.clone(),
        kind: NoticeKind::Interruption,
        at: epoch(),
    };
    let mut rig = Rig::clouds(&[&cloud]);
    rig.for_secs(20).await;
    cloud.notices.calls().clear();
    cloud.notices.is(vec![notice.clone()]);
    let told = rig.for_secs(60).await;
    assert_eq!(told.iter().filter(|o| matches!(o, Observation::Notice(_))).count(), 1);
    assert!(cloud.notices.pauses().iter().all(|p| (4.5..=5.5).contains(p)));
    cloud.notices.is(Vec::new());
    assert_eq!(things(rig.for_secs(60).await), [], "a notice is never taken back");
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_told_and_the_feed_starts_anew_with_what_it_knew() {
    let cloud = FakeCloud::new("", "eu-west-1");
    let (a, b) = (cloud.instance("i-a"), cloud.instance("i-b"));
    cloud.instances.is(vec![a, b.clone()]);
    let mut rig = Rig::clouds(&[&cloud]);
    let feed = cloud.feed(FeedKind::Instances);
    rig.synced(&feed).await;
    cloud.instances.set(Reply::Panics);
    let mut retries = Vec::new();
    for _ in 0..3 {
        let (fault, retry) = rig.failed(&feed).await;
        assert_eq!(fault.kind, FaultKind::Crashed);
        assert_eq!(fault.message, "ec2:DescribeInstances panics");
        retries.push(retry);
    }
    assert_eq!(retries, [2.0, 4.0, 8.0]);
    cloud.instances.is(vec![b]);
    let seen = things(rig.synced(&feed).await);
    assert_eq!(seen, [Observation::InstanceGone(InstanceId::new("i-a"))]);
}

#[tokio::test(start_paused = true)]
async fn one_dead_source_delays_no_other() {
    let (dead, alive) = (FakeCloud::new("", "eu-west-1"), FakeCloud::new("", "us-east-1"));
    dead.instances.set(Reply::Hangs);
    dead.asgs.set(Reply::Panics);
    let mut rig = Rig::clouds(&[&dead, &alive]);
    let seen = rig.for_secs(100).await;
    assert!(alive.instances.calls().len() >= 6);
    let told = |kind| {
        let feed = dead.feed(kind);
        let of = move |o: &&Observation| matches!(o, Observation::Feed(id, FeedReport::Synced { .. }) if *id == feed);
        seen.iter().filter(of).count()
    };
    assert!(told(FeedKind::SpotFleets) >= 6);
    assert_eq!(told(FeedKind::Instances), 0);
    let (fault, _) = rig.failed(&dead.feed(FeedKind::Instances)).await;
    assert_eq!(fault.kind, FaultKind::Unreachable);
    assert_eq!(fault.message, "no answer within 120 s");
}

#[tokio::test(start_paused = true)]
async fn a_full_channel_makes_feeds_wait_and_drops_nothing() {
    let cloud = FakeCloud::new("", "eu-west-1");
    let many: Vec<_> = (0..2_000).map(|n| cloud.instance(&format!("i-{n}"))).collect();
    cloud.instances.is(many.clone());
    let mut rig = Rig::with_capacity(
        crate::provider::Providers {
            clouds: vec![cloud.clone()],
            ..Default::default()
        },
        1,
    );
    tokio::time::sleep(Duration::from_mins(10)).await;
    assert_eq!(cloud.instances.calls().len(), 1, "a feed that waits must not ask again");
    let seen = rig.synced(&cloud.feed(FeedKind::Instances)).await;
    let ids: Vec<_> = seen
        .iter()
        .filter_map(|o| match o {
            Observation::Instance(i) => Some(&i.id),
            _ => None,
        })
        .collect();
    assert!(ids.into_iter().eq(many.iter().map(|i| &i.id)), "all, in order");
}

#[tokio::test(start_paused = true)]
async fn dropping_the_feeds_ends_them_all() {
    let cloud = FakeCloud::new("", "eu-west-1");
    let kube = FakeKube::k3s("home");
    let mut rig = Rig::start(crate::provider::Providers {
        clouds: vec![cloud.clone()],
        kubes: vec![kube.clone()],
        ..Default::default()
    });
    rig.for_secs(1).await;
    assert!(kube.nodes.is_followed() && kube.pods.is_followed());
    drop(rig.feeds);
    while rig.rx.recv().await.is_some() {}
    assert!(!kube.nodes.is_followed() && !kube.pods.is_followed());
    let calls = cloud.instances.calls().len();
    tokio::time::sleep(Duration::from_hours(1)).await;
    assert_eq!(cloud.instances.calls().len(), calls);
}

#[tokio::test(start_paused = true)]
async fn a_context_comes_and_goes_while_others_are_read() {
    let (home, shop) = (FakeKube::k3s("home"), FakeKube::k3s("shop"));
    let mut rig = Rig::kubes(&[&home]);
    rig.synced(&home.feed(FeedKind::Server)).await;
    rig.feeds.focus(false);
    rig.feeds.add_kube(&(shop.clone() as Arc<dyn Kube>));
    let all = [Change::Listing, Change::Is(shop.node("a")), Change::Listed];
    shop.nodes.say(all.map(Ok)).await;
    let seen = things(rig.synced(&shop.feed(FeedKind::Nodes)).await);
    assert!(seen.contains(&Observation::Node(Box::new(shop.node("a")))), "{seen:?}");

    rig.feeds.remove_kube(&shop.context);
    let gone = Observation::ContextGone(shop.context.clone());
    rig.until(|o| *o == gone).await;
    assert!(!shop.nodes.is_followed() && !shop.pods.is_followed());
    assert!(home.nodes.is_followed());
    rig.feeds.remove_kube(&shop.context);
    let rest = rig.for_secs(3600).await;
    let of_shop = Source::Kube(shop.context.clone());
    let told = |o: &&Observation| **o == gone || matches!(o, Observation::Feed(id, _) if id.source == of_shop);
    assert_eq!(
        rest.iter().find(told),
        None,
        "it says nothing more, and is not forgotten twice"
    );
}

#[tokio::test(start_paused = true)]
async fn a_context_that_is_opened_anew_is_forgotten_before_it_speaks() {
    let (old, new) = (FakeKube::k3s("shop"), FakeKube::k3s("shop"));
    let mut rig = Rig::kubes(&[&old]);
    old.nodes
        .say([Change::Listing, Change::Is(old.node("a")), Change::Listed].map(Ok))
        .await;
    rig.synced(&old.feed(FeedKind::Nodes)).await;
    rig.feeds.add_kube(&(new.clone() as Arc<dyn Kube>));
    new.nodes
        .say([Change::Listing, Change::Is(new.node("b")), Change::Listed].map(Ok))
        .await;
    let seen = things(rig.synced(&new.feed(FeedKind::Nodes)).await);
    let place = |meant: &Observation| seen.iter().position(|o| o == meant);
    let gone = place(&Observation::ContextGone(new.context.clone())).unwrap();
    assert!(
        place(&Observation::Node(Box::new(new.node("b")))).unwrap() > gone,
        "{seen:?}"
    );
    assert_eq!(place(&Observation::NodeGone(old.node("a").key)), None, "{seen:?}");
    assert!(!old.nodes.is_followed() && new.nodes.is_followed());
}
