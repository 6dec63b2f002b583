use super::*;
use crate::fleet::{ClusterId, ClusterQueues, ClusterStack, QueueDepth, Shape, StackDrift, StackStatus};

fn cluster() -> ClusterId {
    ClusterId {
        name: "prod".into(),
        home: Some(scope()),
    }
}

/// A cluster of one machine, whose stack stands like this.
fn world(status: &str, drift: Option<StackDrift>) -> World {
    let mut world = World::live();
    world.instance(crate::fleet::Instance {
        tags: tags(&[("k3fleet:cluster", "prod"), ("k3fleet:shape", Shape::Ha.as_str())]),
        ..instance(1)
    });
    world.see(Observation::Stack(Box::new(ClusterStack {
        cluster: cluster(),
        name: "k3fleet-prod".into(),
        status: StackStatus(status.into()),
        reason: Some("The following resource(s) failed: [Servers].".into()),
        drift,
    })));
    world.see(Observation::Feed(aws(FeedKind::Stacks), synced()));
    world
}

fn queues(world: &mut World, waiting: u64, dead: u64, minutes: i64) {
    let queues = ClusterQueues {
        cluster: cluster(),
        reaper: Some(holding(waiting, 1)),
        dead: Some(QueueDepth {
            oldest_at: Some(minutes_ago(90)),
            ..holding(dead, 0)
        }),
        why: None,
    };
    world.see_at(Observation::Queues(Box::new(queues)), minutes_ago(minutes));
}

#[test]
fn a_stack_that_failed_is_told_with_its_reason_and_what_mends_it() {
    for (status, severity, mend) in [
        (
            "CREATE_FAILED",
            Severity::Critical,
            "k3fleet rollback prod, or k3fleet destroy prod",
        ),
        ("ROLLBACK_COMPLETE", Severity::Critical, "k3fleet destroy prod"),
        (
            "UPDATE_ROLLBACK_FAILED",
            Severity::Critical,
            "k3fleet rollback prod, or k3fleet destroy prod",
        ),
        (
            "UPDATE_ROLLBACK_COMPLETE",
            Severity::Warning,
            "the cluster is as it was before",
        ),
        ("ROLLBACK_IN_PROGRESS", Severity::Warning, "nothing yet"),
        ("DELETE_FAILED", Severity::Critical, "see which resource stays"),
    ] {
        let found = only(&world(status, None), "stack-failed");
        assert_eq!((found.severity, found.subject.as_str()), (severity, "prod"), "{status}");
        assert!(found.mend.starts_with(mend), "{status}: {}", found.mend);
        assert!(found.line.ends_with("failed: [Servers]."), "{}", found.line);
    }
    for status in [
        "CREATE_COMPLETE",
        "UPDATE_COMPLETE",
        "UPDATE_IN_PROGRESS",
        "CREATE_IN_PROGRESS",
    ] {
        none(&world(status, None), "stack-failed");
    }
}

#[test]
fn drift_is_told_when_cloudformation_has_seen_it() {
    let drift = |drifted| {
        Some(StackDrift {
            drifted,
            checked_at: Some(minutes_ago(7)),
        })
    };
    let found = only(&world("UPDATE_COMPLETE", drift(true)), "stack-drifted");
    assert!(found.line.ends_with("seen 7m00s ago"), "{}", found.line);
    assert!(found.mend.contains("k3fleet drift prod --last"), "{}", found.mend);
    none(&world("UPDATE_COMPLETE", drift(false)), "stack-drifted");
    none(&world("UPDATE_COMPLETE", None), "stack-drifted");
}

#[test]
fn events_that_wait_for_minutes_and_those_given_up_are_told() {
    let mut world = world("CREATE_COMPLETE", None);
    queues(&mut world, 2, 0, 4);
    none(&world, "reaper-behind");
    none(&world, "dead-letters");
    let later = now() + jiff::SignedDuration::from_mins(2);
    let found = world.findings_at("reaper-behind", later);
    assert_eq!(
        (found[0].severity, found[0].since),
        (Severity::Warning, Some(minutes_ago(4)))
    );
    assert!(
        found[0].line.starts_with("3 events in the reaper's queue"),
        "{}",
        found[0].line
    );
    queues(&mut world, 2, 1, 1);
    let found = only(&world, "dead-letters");
    assert!(
        found
            .line
            .starts_with("the reaper could not work on 1 event, the oldest about 1h30m old:"),
        "{}",
        found.line
    );
    assert_eq!(
        found.mend,
        "read the reaper's log; see whether it works: k3fleet events prod --test"
    );
}

#[test]
fn stacks_that_are_not_read_any_longer_are_not_judged() {
    let mut world = world("CREATE_FAILED", None);
    world.see(Observation::Feed(
        aws(FeedKind::Stacks),
        failed("a:b", FaultKind::Denied),
    ));
    none(&world, "stack-failed");
}
