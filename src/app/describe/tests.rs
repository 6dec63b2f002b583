use super::*;
use crate::fleet::table::Ask;
use crate::fleet::{Summary, TableKind, example};

fn value_of<'a>(all: &'a Description, section: &str, label: &str) -> Option<&'a Line> {
    let section = all.sections.iter().find(|s| s.title == section)?;
    section.lines.iter().find(|l| l.label == label)
}

#[test]
fn every_row_of_every_table_can_be_described_and_no_line_is_blank() {
    let fleet = example::fleet(4);
    let summary = Summary::of(&fleet, example::now());
    let view = View {
        fleet: &fleet,
        summary: &summary,
        now: example::now(),
    };
    let mut described = 0;
    for kind in TableKind::ALL {
        for id in kind.project(&view, &Ask::default()).rows.iter() {
            let all = describe(&view, id).unwrap();
            assert!(!all.title.is_empty() && !all.sections.is_empty(), "{id:?}");
            for line in all.sections.iter().flat_map(|s| &s.lines) {
                assert!(!line.label.is_empty() && !line.value.is_empty(), "{id:?}: {line:?}");
            }
            described += 1;
        }
    }
    for feed in fleet.feeds().keys() {
        assert!(describe(&view, &RowId::Feed(feed.clone())).is_some());
    }
    assert!(described > 12);
}

#[test]
fn a_machine_tells_its_price_or_why_it_has_none() {
    let fleet = example::fleet(3);
    let summary = Summary::of(&fleet, example::now());
    let view = View {
        fleet: &fleet,
        summary: &summary,
        now: example::now(),
    };
    let of = |n: u32| {
        let id = crate::fleet::InstanceId::new(format!("i-{n:017x}"));
        describe(&view, &RowId::Machine(MachineId::Instance(id))).unwrap()
    };
    let agent = of(11);
    assert_eq!(
        value_of(&agent, "Price", "price").unwrap().value,
        "$0.0350 per hour, spot"
    );
    assert_eq!(
        value_of(&agent, "Price", "cheaper").unwrap().value,
        "in eu-west-1b, by $0.0080 per hour"
    );
    let server = value_of(&of(1), "Price", "price").cloned().unwrap();
    assert_eq!(server.value, "none: no source of on-demand prices in eu-west-1");
    assert_eq!(server.severity, Severity::Warning);
    let nodeless = of(12);
    let node = value_of(&nodeless, "Kubernetes node", "node").unwrap();
    assert!(node.value.starts_with("none has joined, for 1h00m"), "{}", node.value);
}

#[test]
fn a_highly_available_cluster_tells_its_stack_its_queues_and_what_aws_has_said() {
    use crate::fleet::testing::{World, holding, instance, minutes_ago, now, scope, tags};
    use crate::fleet::{
        ClusterEvent, ClusterId, ClusterQueues, ClusterStack, Instance, Observation, QueueDepth, StackDrift,
        StackStatus,
    };
    let mut world = World::live();
    world.instance(Instance {
        tags: tags(&[("k3fleet:cluster", "prod"), ("k3fleet:shape", "ha")]),
        ..instance(1)
    });
    let cluster = ClusterId {
        name: "prod".into(),
        home: Some(scope()),
    };
    let drift = StackDrift {
        drifted: false,
        checked_at: Some(minutes_ago(30)),
    };
    world.see(Observation::Stack(Box::new(ClusterStack {
        cluster: cluster.clone(),
        name: "k3fleet-prod".into(),
        status: StackStatus("UPDATE_COMPLETE".into()),
        reason: None,
        drift: Some(drift),
    })));
    let queues = ClusterQueues {
        cluster: cluster.clone(),
        reaper: Some(QueueDepth {
            oldest_at: Some(minutes_ago(6)),
            ..holding(2, 1)
        }),
        dead: None,
        why: Some("sqs:GetQueueAttributes failed".into()),
    };
    world.see_at(Observation::Queues(Box::new(queues)), minutes_ago(4));
    let event = |n: i64, kind: &str| ClusterEvent {
        cluster: cluster.clone(),
        id: format!("e-{n}").into(),
        at: minutes_ago(n),
        kind: kind.into(),
        instance: Some(instance(1).id),
        says: Some("terminate".into()),
        asg: None,
    };
    world.see(Observation::Event(Box::new(event(
        2,
        "EC2 Instance Terminate Successful",
    ))));
    world.see(Observation::Event(Box::new(event(
        1,
        "EC2 Spot Instance Interruption Warning",
    ))));
    let summary = Summary::of(&world.0, now());
    let view = View {
        fleet: &world.0,
        summary: &summary,
        now: now(),
    };
    let all = describe(&view, &RowId::Cluster(cluster)).unwrap();
    let told = |section: &'static str| {
        let section = all.sections.iter().find(|s| s.title == section).unwrap();
        let line = |line: &Line| format!("{}: {}", line.label, line.value);
        section.lines.iter().map(line).collect::<Vec<_>>()
    };
    assert_eq!(
        told("Stack"),
        [
            "name: k3fleet-prod",
            "status: UPDATE_COMPLETE",
            "drift: none, seen 30m ago · 2027-01-15 07:30:00 UTC",
        ]
    );
    assert_eq!(
        told("Queues"),
        [
            "reaper: 2 waiting, 1 taken, the oldest about 6m00s old",
            "not empty since: 4m00s ago · 2027-01-15 07:56:00 UTC",
            "not read: sqs:GetQueueAttributes failed",
            "last reaped: i-00000000000000001, 2m00s ago · 2027-01-15 07:58:00 UTC",
        ]
    );
    assert_eq!(
        told("Events"),
        [
            "1m00s ago: i-00000000000000001 · Spot Instance Interruption Warning: terminate",
            "2m00s ago: i-00000000000000001 · Instance Terminate Successful: terminate",
        ]
    );
    let events = all.sections.iter().find(|s| s.title == "Events").unwrap();
    assert_eq!(events.lines[0].severity, Severity::Critical);
}

#[test]
fn a_cluster_tells_how_many_of_its_etcd_voters_are_ready() {
    let mut fleet = example::fleet(1);
    let servers = [1, 2, 3].map(|n| example::node(&example::instance(n, "servers", crate::fleet::Purchase::OnDemand)));
    for (n, node) in servers.into_iter().enumerate() {
        let node = crate::fleet::Node {
            etcd_voter: Some(true),
            ready: match n {
                0 => crate::fleet::Readiness::NotReady,
                _ => crate::fleet::Readiness::Ready,
            },
            ..node
        };
        fleet.apply(crate::fleet::Observation::Node(Box::new(node)), example::now());
    }
    let summary = Summary::of(&fleet, example::now());
    let view = View {
        fleet: &fleet,
        summary: &summary,
        now: example::now(),
    };
    let cluster = fleet.machines().find_map(|m| m.cluster()).unwrap();
    let all = describe(&view, &RowId::Cluster(cluster)).unwrap();
    let line = value_of(&all, "Machines", "etcd voters").unwrap();
    assert_eq!(
        (line.value.as_str(), line.severity),
        ("2 of 3 ready", Severity::Warning)
    );
}
