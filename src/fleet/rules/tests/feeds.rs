use super::*;

#[test]
fn a_failed_feed_names_call_message_and_mend() {
    let mut world = World::live();
    world.see_at(
        Observation::Feed(
            aws(FeedKind::Asgs),
            failed("autoscaling:DescribeAutoScalingGroups", FaultKind::Denied),
        ),
        minutes_ago(2),
    );
    let found = only(&world, "feed-failed");
    assert_eq!(found.severity, Severity::Warning);
    assert_eq!(found.subject, "asg eu-west-1");
    assert_eq!(
        found.line,
        "asg fails for 2m00s: autoscaling:DescribeAutoScalingGroups: no"
    );
    assert_eq!(
        found.mend,
        "grant autoscaling:DescribeAutoScalingGroups to these credentials"
    );
    world.see(Observation::Feed(aws(FeedKind::Asgs), synced()));
    none(&world, "feed-failed");
}

#[test]
fn a_source_out_of_reach_is_told_once() {
    let mut world = World::live();
    for kind in [FeedKind::Asgs, FeedKind::Instances, FeedKind::SpotPrices] {
        world.see_at(
            Observation::Feed(aws(kind), failed("sts", FaultKind::Credentials)),
            minutes_ago(5),
        );
    }
    world.see(Observation::Feed(
        aws(FeedKind::OnDemandPrices),
        failed("pricing:GetProducts", FaultKind::Denied),
    ));
    let found = world.findings("feed-failed");
    assert_eq!(
        found.len(),
        2,
        "one for the credentials, one for the permission: {found:#?}"
    );
    assert_eq!(
        (found[0].severity, found[0].subject.as_str()),
        (Severity::Critical, "ec2 eu-west-1")
    );
    assert!(
        found[0].line.ends_with("; so do 2 more of its feeds"),
        "{}",
        found[0].line
    );
}

#[test]
fn throttling_and_what_is_not_offered_are_information() {
    let mut world = World::live();
    world.see(Observation::Feed(
        aws(FeedKind::Instances),
        failed("ec2:DescribeInstances", FaultKind::Throttled),
    ));
    world.see(Observation::Feed(
        kube(FeedKind::Usage),
        failed("list nodes.metrics.k8s.io", FaultKind::Unsupported),
    ));
    assert!(
        world
            .findings("feed-failed")
            .iter()
            .all(|f| f.severity == Severity::Info)
    );
    assert_eq!(world.findings("feed-failed").len(), 2);
}

#[test]
fn an_api_server_out_of_reach_becomes_critical() {
    let mut world = World::live();
    world.see(Observation::Feed(
        kube(FeedKind::Nodes),
        failed("watch nodes", FaultKind::Unreachable),
    ));
    let severity =
        |seconds| world.findings_at("feed-failed", now() + jiff::SignedDuration::from_secs(seconds))[0].severity;
    assert_eq!((severity(5), severity(70)), (Severity::Warning, Severity::Critical));
}

#[test]
fn feeds_that_fall_silent_are_told_once_for_each_source() {
    let mut world = World::live();
    none(&world, "feed-stale");
    world.see(Observation::Feed(kube(FeedKind::Pods), synced()));
    let later = world.findings_at("feed-stale", now() + jiff::SignedDuration::from_mins(9));
    assert_eq!(later.len(), 2, "AWS and the API server: {later:#?}");
    assert!(
        later
            .iter()
            .any(|f| f.line.starts_with("nodes tells nothing since 9m00s") && f.line.ends_with("1 more of its feeds"))
    );
}
