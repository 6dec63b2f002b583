//! Recorded answers and their quirks.

use super::*;
use crate::fleet::{Arch, Node, OwnerKind, Pod, PodPhase, Readiness, Resources, Role};
use serde_json::json;

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/kube/", $name)).as_slice()
    };
}

mod changing;

fn here() -> ContextId {
    ContextId::new("lab")
}

fn node(value: &serde_json::Value) -> Node {
    let mut list = nodes(json!({"items": [value]}).to_string().as_bytes(), &here()).unwrap();
    list.items.remove(0)
}

fn requested(spec: &serde_json::Value) -> Resources {
    let body = json!({"items": [{"metadata": {"name": "p"}, "spec": spec}]}).to_string();
    pods(body.as_bytes(), &here()).unwrap().items[0].requests
}

#[test]
fn a_recorded_list_becomes_slim_nodes() {
    let list = nodes(fixture!("nodelist_3.json"), &here()).unwrap();
    assert_eq!(list.version, "211");
    assert_eq!(list.next, "");
    assert_eq!(list.items.len(), 3);
    let agent = &list.items[0];
    assert_eq!(agent.key.name, "k3s-agent-edge-00005");
    assert_eq!(agent.key.context, here());
    assert_eq!(agent.joined_at.unwrap().to_string(), "2026-11-22T06:40:33Z");
    assert_eq!(agent.ready, Readiness::Ready);
    assert_eq!(agent.ready_since.unwrap().to_string(), "2026-09-28T17:31:25Z");
    assert_eq!(agent.not_ready_reason, None);
    assert!(agent.schedulable);
    assert_eq!(agent.role, Role::Agent);
    assert_eq!(agent.etcd_voter, None);
    assert_eq!(agent.version, "v1.36.2+k3s1");
    assert_eq!(agent.arch, Some(Arch::Amd64));
    assert_eq!(agent.os, "Ubuntu 22.04.5 LTS");
    assert_eq!(agent.kernel, "5.15.0-153-generic");
    assert_eq!(agent.internal_ip.unwrap().to_string(), "10.20.0.7");
    assert_eq!(agent.provider_id.as_deref(), Some("k3s://k3s-agent-edge-00005"));
    assert_eq!(agent.hostname.as_deref(), Some("k3s-agent-edge-00005"));
    assert_eq!(agent.instance_type, None, "`k3s` is K3s' placeholder");
    assert_eq!(agent.zone.as_deref(), Some("edge-retail"));
    assert_eq!(agent.ssh, None);
    assert_eq!(
        agent.allocatable,
        Resources {
            cpu_milli: 4000,
            memory: 8_269_397 * 1024,
            pods: 110
        }
    );
    assert!(agent.taints.is_empty() && agent.pressures.is_empty());

    let server = &list.items[1];
    assert_eq!(server.role, Role::Server);
    assert_eq!(server.etcd_voter, Some(true));
    assert_eq!(&*server.taints, ["CriticalAddonsOnly=true:NoExecute"]);
}

#[test]
fn a_node_keeps_far_less_than_it_is_written_with() {
    let kept = |node: &Node| {
        let optional = [
            &node.not_ready_reason,
            &node.provider_id,
            &node.hostname,
            &node.instance_type,
            &node.zone,
            &node.ssh,
        ];
        let texts = [&node.key.name, &node.version, &node.os, &node.kernel].into_iter();
        let texts = texts
            .chain(optional.into_iter().flatten())
            .chain(&node.taints)
            .chain(&node.pressures);
        let heap: usize = texts
            .filter(|text| text.is_heap_allocated())
            .map(|text| text.len() + 16)
            .sum();
        size_of::<Node>() + heap + (node.taints.len() + node.pressures.len()) * size_of::<SmolStr>()
    };
    let body = fixture!("nodelist_3.json");
    for node in nodes(body, &here()).unwrap().items {
        assert!(kept(&node) < 1536, "{} bytes of {}", kept(&node), body.len() / 3);
    }
}

#[test]
fn pages_name_the_next_one() {
    let first = nodes(fixture!("nodelist_3_limit2.json"), &here()).unwrap();
    assert_eq!(first.items.len(), 2);
    assert!(first.next.starts_with("eyJ2Ijoi"), "{}", first.next);
    let last = nodes(fixture!("nodelist_3_limit2_page2.json"), &here()).unwrap();
    assert_eq!((last.items.len(), last.next.as_str()), (1, ""));
}

#[test]
fn sample_nodes_of_k3s_on_aws_and_at_the_edge() {
    let read = |body: &[u8]| node(&serde_json::from_slice(body).unwrap());
    let server = read(fixture!("node-server.json"));
    assert_eq!(
        server.provider_id.as_deref(),
        Some("aws:///us-east-1a/i-0a1b2c3d4e5f60718")
    );
    assert_eq!(server.instance_type.as_deref(), Some("t3.small"));
    assert_eq!(server.zone.as_deref(), Some("us-east-1a"));
    assert_eq!((server.role, server.etcd_voter), (Role::Server, Some(true)));
    let board = read(fixture!("node-agent-arm64.json"));
    assert_eq!((board.role, board.arch), (Role::Agent, Some(Arch::Arm64)));
}

#[test]
fn a_silent_node_says_why() {
    let silent = node(&json!({
        "metadata": {"name": "pi", "annotations": {"k3fleet.dev/ssh": "pi@10.0.0.9:22"}},
        "spec": {"unschedulable": true, "taints": [{"key": "node.kubernetes.io/unreachable", "effect": "NoExecute", "timeAdded": "2026-11-22T06:40:33Z"}]},
        "status": {"conditions": [
            {"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown", "lastTransitionTime": "2026-11-22T06:40:33Z"},
            {"type": "DiskPressure", "status": "True"},
            {"type": "MemoryPressure", "status": "Unknown"},
        ]},
    }));
    assert_eq!(silent.ready, Readiness::Unknown);
    assert_eq!(silent.not_ready_reason.as_deref(), Some("NodeStatusUnknown"));
    assert_eq!(silent.ssh.as_deref(), Some("pi@10.0.0.9:22"));
    assert!(!silent.schedulable);
    assert_eq!(&*silent.taints, ["node.kubernetes.io/unreachable:NoExecute"]);
    assert_eq!(&*silent.pressures, ["DiskPressure"]);
}

#[test]
fn what_is_missing_or_null_is_blank() {
    let bare = node(&json!({"metadata": {"name": "n"}}));
    assert_eq!(bare.ready, Readiness::Unknown);
    assert_eq!(
        (bare.joined_at, bare.provider_id.clone(), bare.arch),
        (None, None, None)
    );
    let nulls = node(&json!({
        "metadata": {"name": "n", "labels": null, "annotations": null, "creationTimestamp": null, "ownerReferences": null},
        "spec": {"providerID": null, "taints": null, "unschedulable": null},
        "status": {"conditions": null, "addresses": null, "allocatable": null, "nodeInfo": null, "images": null, "runtimeHandlers": null},
    }));
    assert_eq!(nulls, bare);
    let spec_null = node(&json!({"metadata": {"name": "n"}, "spec": null, "status": null}));
    assert_eq!(spec_null, bare);
    assert!(nodes(br#"{"items":null}"#, &here()).unwrap().items.is_empty());
}

#[test]
fn former_labels_count_where_the_present_ones_are_missing() {
    let labelled = |labels: serde_json::Value| node(&json!({"metadata": {"name": "n", "labels": labels}}));
    let old = labelled(json!({
        "beta.kubernetes.io/instance-type": "t4g.small",
        "failure-domain.beta.kubernetes.io/zone": "eu-west-1b",
        "node-role.kubernetes.io/master": "true",
    }));
    assert_eq!(old.instance_type.as_deref(), Some("t4g.small"));
    assert_eq!(old.zone.as_deref(), Some("eu-west-1b"));
    assert_eq!(old.role, Role::Server);
    let both = labelled(json!({
        "beta.kubernetes.io/instance-type": "old",
        "node.kubernetes.io/instance-type": "new",
    }));
    assert_eq!(both.instance_type.as_deref(), Some("new"));
}

#[test]
fn escaped_and_odd_text_is_read() {
    let body = br#"{"items":[{"metadata":{"name":"a\u0062\"c","labels":{"kubernetes.io\/hostname":"h\u00e4"}},"status":{"allocatable":{"cpu":2,"memory":1024,"pods":"1e1"}}}]}"#;
    let odd = &nodes(body, &here()).unwrap().items[0];
    assert_eq!(odd.key.name, "ab\"c");
    assert_eq!(odd.hostname.as_deref(), Some("hä"));
    assert_eq!(
        odd.allocatable,
        Resources {
            cpu_milli: 2000,
            memory: 1024,
            pods: 10
        }
    );
}

#[test]
fn what_is_no_list_is_refused() {
    for body in [
        "",
        "{",
        "[]",
        "{}",
        "<html>",
        r#"{"items":[}"#,
        r#"{"items":[]} x"#,
        r#"{"items":{}}"#,
    ] {
        assert!(nodes(body.as_bytes(), &here()).is_err(), "{body}");
    }
}

#[test]
fn recorded_pods_carry_node_owner_and_requests() {
    let list = pods(fixture!("podlist_of_node.json"), &here()).unwrap();
    assert_eq!(list.version, "240");
    let pod = &list.items[0];
    assert_eq!(pod.key.name, "demo/checkout-api-ccb5de5a4-a376532");
    assert_eq!(pod.node.as_deref(), Some("k3s-agent-edge-00005"));
    assert_eq!((pod.phase, pod.owner), (PodPhase::Running, OwnerKind::ReplicaSet));
    assert_eq!(
        pod.requests,
        Resources {
            cpu_milli: 100,
            memory: 128 << 20,
            pods: 1
        }
    );
}

#[test]
fn only_the_controlling_owner_counts() {
    let body = json!({"items": [
        {"metadata": {"name": "a", "ownerReferences": [{"kind": "Widget"}, {"kind": "DaemonSet", "controller": true}]}},
        {"metadata": {"name": "b", "ownerReferences": [{"kind": "ReplicaSet", "controller": false}]}},
        {"metadata": {"name": "c", "ownerReferences": [{"kind": "Widget", "controller": true}]}},
    ]});
    let list = pods(body.to_string().as_bytes(), &here()).unwrap();
    let owners: Vec<_> = list.items.iter().map(|p| p.owner).collect();
    assert_eq!(owners, [OwnerKind::DaemonSet, OwnerKind::None, OwnerKind::Other]);
}

#[test]
fn requests_follow_the_schedulers_rule() {
    let with = |cpu: &str| json!({"resources": {"requests": {"cpu": cpu, "memory": "1Mi"}}});
    let sidecar = |cpu: &str| json!({"restartPolicy": "Always", "resources": {"requests": {"cpu": cpu}}});
    let cpu = |spec: serde_json::Value| requested(&spec).cpu_milli;

    assert_eq!(cpu(json!({"containers": [with("100m"), with("200m"), {}]})), 300);
    assert_eq!(
        cpu(json!({"containers": [with("100m")], "initContainers": [with("500m"), with("50m")]})),
        500
    );
    assert_eq!(
        cpu(json!({"containers": [with("600m")], "initContainers": [with("500m")]})),
        600
    );
    assert_eq!(
        cpu(json!({"containers": [with("100m")], "initContainers": [sidecar("50m"), with("120m"), sidecar("30m")]})),
        180,
        "100 + 50 + 30 running is more than 120 + 50 starting"
    );
    assert_eq!(
        cpu(json!({"containers": [with("100m")], "initContainers": [with("120m"), sidecar("50m"), with("200m")]})),
        250,
        "200 beside the sidecar of 50 is more than 150 running"
    );
    assert_eq!(
        cpu(json!({"containers": [with("100m")], "overhead": {"cpu": "250m"}})),
        350
    );
    let whole = requested(&json!({
        "containers": [with("100m")],
        "resources": {"requests": {"cpu": "1"}},
        "overhead": {"cpu": "250m"},
    }));
    assert_eq!((whole.cpu_milli, whole.memory, whole.pods), (1250, 1 << 20, 1));
}

#[test]
fn a_recorded_watch_is_told_line_by_line() {
    let events: Vec<Event<Node>> = fixture!("watch_stream.jsonl")
        .split(|b| *b == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| event(line, &here()).unwrap())
        .collect();
    let told: Vec<String> = events
        .iter()
        .map(|event| match event {
            Event::Is(node, version) => format!("{version} {} {}", node.key.name, node.schedulable),
            Event::Gone(name, version) => format!("{version} {name} gone"),
            Event::Bookmark { version, listed } => format!("{version} {listed}"),
            Event::Refused(refusal) => format!("{refusal:?}"),
        })
        .collect();
    assert_eq!(
        told,
        [
            "216 k3s-agent-edge-00005 true",
            "217 k3s-agent-edge-00005 true",
            "218 k3s-agent-nbg1-00020 true",
            "219 k3s-agent-edge-00005 false",
            "220 k3s-agent-edge-00005 true",
            "221 k3s-agent-nbg1-00020 gone",
            "223 false",
            "223 false",
        ]
    );
}

#[test]
fn the_end_of_a_streaming_list_is_a_marked_bookmark() {
    let last = fixture!("watch_list_stream.jsonl")
        .split(|b| *b == b'\n')
        .rfind(|line| !line.is_empty());
    assert_eq!(
        event::<Node>(last.unwrap(), &here()).unwrap(),
        Event::Bookmark {
            version: "215".into(),
            listed: true
        }
    );
}

#[test]
fn an_error_event_carries_its_status() {
    assert_eq!(
        event::<Pod>(fixture!("watch_error_410.jsonl"), &here()).unwrap(),
        Event::Refused(Refusal {
            code: 410,
            message: "too old resource version: 211 (263)".into(),
            ..Refusal::default()
        })
    );
}

#[test]
fn a_line_cut_short_or_of_another_kind_is_refused() {
    let whole = fixture!("watch_list_stream.jsonl")
        .split(|b| *b == b'\n')
        .next()
        .unwrap();
    for end in (0..whole.len()).step_by(97) {
        assert!(event::<Node>(&whole[..end], &here()).is_err(), "cut at {end}");
    }
    assert!(event::<Node>(br#"{"type":"NEWS","object":{}}"#, &here()).is_err());
    assert!(event::<Node>(br#"{"object":{}}"#, &here()).is_err());
    assert!(event::<Node>(br#"{"type":"ADDED"}"#, &here()).is_err());
    assert!(event::<Node>(br#"{"object":{"metadata":{"name":"n"}},"type":"ADDED"}"#, &here()).is_ok());
}

#[test]
fn usage_without_a_figure_is_left_out() {
    let used = usage(fixture!("nodemetricslist.json"), &here()).unwrap();
    let told: Vec<_> = used
        .iter()
        .map(|u| (u.node.name.as_str(), u.cpu_milli, u.memory))
        .collect();
    assert_eq!(
        told,
        [
            ("k3s-server-04", 154, 1_208_956 * 1024),
            ("k3s-server-05", 71, 905 << 20)
        ]
    );
}

#[test]
fn the_version_is_read() {
    assert_eq!(version(fixture!("version.json")).unwrap(), "v1.36.2");
    assert!(version(b"{}").is_err());
}

#[test]
fn a_node_tells_which_old_token_its_machine_goes_by() {
    let annotated = |value: &str| {
        let annotations = json!({"k3fleet.dev/old-token": value, "k3fleet.dev/ssh": "pi@pi-1:22"});
        node(&json!({"metadata": {"name": "pi-1", "annotations": annotations}}))
    };
    assert_eq!(annotated("server").old_token, Some(Role::Server));
    assert_eq!(annotated("agent").old_token, Some(Role::Agent));
    assert_eq!(annotated("agent").ssh.as_deref(), Some("pi@pi-1:22"));
    for other in ["", "yes"] {
        assert_eq!(annotated(other).old_token, None, "{other:?}");
    }
    assert_eq!(node(&json!({"metadata": {"name": "pi-1"}})).old_token, None);
}
