//! Changes: each call as it goes over the wire, and every answer to it.

mod balancers;
mod evicting;

use std::time::Duration;

use k3fleet::fleet::{FaultKind, OwnerKind};
use k3fleet::provider::{BoundPod, KubeControl};
use serde_json::{Value, json};

use super::{Lab, fixture, quick, refusal};
use crate::support::http::{Reply, Request, Server};

const NODE: &str = "k3s-agent-edge-00005";

fn pod() -> BoundPod {
    BoundPod {
        namespace: "demo".into(),
        name: "checkout-api-ccb5de5a4-a376532".into(),
        uid: "e13d0be4-9aab-4e68-9695-cd417574960c".into(),
        owner: OwnerKind::ReplicaSet,
        finished: false,
        empty_dir: false,
        ending: false,
    }
}

/// A refusal in the API server's form.
fn no(code: u16, reason: &str, message: &str) -> Reply {
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "code": code,
    });
    Reply::json(status.to_string()).status(code)
}

/// What a server says when the pod of that name is not the one that was meant.
fn another() -> Reply {
    no(
        409,
        "Conflict",
        "Operation cannot be fulfilled on Pod \"checkout-api-ccb5de5a4-a376532\": the UID in the precondition \
         (e13d0be4-9aab-4e68-9695-cd417574960c) does not match the UID in record (4ac1). The object might have been \
         deleted and then recreated",
    )
}

fn body(request: &Request) -> Value {
    serde_json::from_slice(&request.body).expect("a body of JSON")
}

/// Method, target and content type of a request.
fn line(request: &Request) -> (&str, &str, Option<&str>) {
    (&request.method, &request.target, request.header("content-type"))
}

#[tokio::test]
async fn nodes_are_cordoned_and_uncordoned_by_a_patch() {
    let server = Server::script([
        Reply::json(fixture("patch_cordon.json")),
        Reply::json(fixture("patch_uncordon.json")),
    ])
    .await;
    let lab = Lab::of(&server);
    lab.api.set_schedulable(NODE, false).await.expect("cordoned");
    lab.api.set_schedulable(NODE, true).await.expect("uncordoned");
    let requests = server.requests();
    for (request, unschedulable) in requests.iter().zip([true, false]) {
        assert_eq!(
            line(request),
            (
                "PATCH",
                "/api/v1/nodes/k3s-agent-edge-00005",
                Some("application/strategic-merge-patch+json")
            )
        );
        assert_eq!(body(request), json!({"spec": {"unschedulable": unschedulable}}));
        assert_eq!(request.header("authorization"), Some("Bearer s3cr3t"));
    }
    assert_eq!(requests.len(), 2);
}

#[tokio::test]
async fn a_node_that_cannot_be_patched_says_why() {
    let server = Server::script([
        refusal(403, "error_403_patch_node.json"),
        refusal(404, "error_404_node.json"),
        refusal(409, "error_409_conflict.json"),
    ])
    .await;
    let lab = Lab::of(&server);
    let denied = lab.api.set_schedulable(NODE, false).await.expect_err("denied");
    assert_eq!((denied.kind, denied.call.as_str()), (FaultKind::Denied, "patch nodes"));
    assert!(
        denied
            .mend
            .contains("- {apiGroups: [\"\"], resources: [nodes], verbs: [patch]}"),
        "{denied}"
    );
    let absent = lab.api.set_schedulable(NODE, false).await.expect_err("no such node");
    assert!(!absent.retryable() && absent.message.contains("not found"), "{absent}");
    let conflict = lab.api.set_schedulable(NODE, false).await.expect_err("a conflict");
    assert!(
        conflict.retryable() && conflict.message.contains("has been modified"),
        "{conflict}"
    );
}

#[tokio::test]
async fn the_pods_of_a_node_are_listed_page_by_page() {
    let first = json!({
        "kind": "PodList", "apiVersion": "v1",
        "metadata": {"resourceVersion": "240", "continue": "next&page"},
        "items": [{"metadata": {"namespace": "kube-system", "name": "svclb-1", "uid": "u1", "ownerReferences":
            [{"kind": "DaemonSet", "name": "svclb", "controller": true}]}, "status": {"phase": "Running"}}],
    });
    let server = Server::script([
        Reply::json(first.to_string()),
        Reply::json(fixture("podlist_of_node.json")),
    ])
    .await;
    let pods = Lab::of(&server).api.pods_on(NODE).await.expect("pods");
    assert_eq!(pods.len(), 3);
    assert_eq!(
        (pods[0].path().as_str(), pods[0].owner),
        ("kube-system/svclb-1", OwnerKind::DaemonSet)
    );
    assert_eq!(pods[1], pod());
    let requests = server.requests();
    assert!(requests.iter().all(|request| {
        (request.method.as_str(), request.path()) == ("GET", "/api/v1/pods")
            && request.query("fieldSelector").as_deref() == Some("spec.nodeName=k3s-agent-edge-00005")
            && request.query("limit").as_deref() == Some("500")
    }));
    let places: Vec<_> = requests.iter().map(|request| request.query("continue")).collect();
    assert_eq!(places, [None, Some("next&page".to_owned())]);
}

#[tokio::test]
async fn a_page_of_pods_that_comes_too_late_starts_anew_with_the_same_node() {
    let server = Server::script([
        Reply::json(r#"{"metadata": {"continue": "old"}, "items": [{"metadata": {"name": "twice"}}]}"#),
        refusal(410, "error_410_continue_expired.json"),
        Reply::json(fixture("podlist_of_node.json")),
    ])
    .await;
    let pods = Lab::of(&server).api.pods_on(NODE).await.expect("pods");
    assert_eq!(pods.len(), 2);
    let last = &server.requests()[2];
    assert_eq!(
        (last.query("limit"), last.query("fieldSelector").as_deref()),
        (None, Some("spec.nodeName=k3s-agent-edge-00005"))
    );
}

#[tokio::test]
async fn a_404_of_no_api_server_is_no_word_of_its_objects() {
    let server = Server::start(|_| Reply::new(404, "404 page not found")).await;
    let lab = Lab::of(&server);
    for error in [
        lab.api.evict(&pod()).await.expect_err("unknown"),
        lab.api.delete_pod(&pod()).await.expect_err("unknown"),
        lab.api.delete_node(NODE).await.expect_err("unknown"),
    ] {
        assert_eq!(error.kind, FaultKind::Unsupported, "{error}");
    }
}

#[tokio::test]
async fn pods_are_deleted_by_name_and_uid() {
    let being_deleted = json!({"kind": "Pod", "apiVersion": "v1", "status": {"phase": "Running"}});
    let server = Server::script([
        Reply::json(being_deleted.to_string()),
        refusal(404, "eviction_404_gone.json"),
        another(),
        no(
            403,
            "Forbidden",
            "pods is forbidden: User \"op\" cannot delete resource \"pods\"",
        ),
        refusal(409, "error_409_conflict.json"),
    ])
    .await;
    let lab = Lab::of(&server);
    for _ in 0..3 {
        lab.api.delete_pod(&pod()).await.expect("deleted, gone, or another");
    }
    let denied = lab.api.delete_pod(&pod()).await.expect_err("denied");
    assert_eq!((denied.kind, denied.call.as_str()), (FaultKind::Denied, "delete pods"));
    assert!(denied.mend.contains("resources: [pods], verbs: [delete]"), "{denied}");
    assert!(lab.api.delete_pod(&pod()).await.expect_err("a conflict").retryable());
    for request in server.requests() {
        assert_eq!(
            line(&request),
            (
                "DELETE",
                "/api/v1/namespaces/demo/pods/checkout-api-ccb5de5a4-a376532",
                Some("application/json")
            )
        );
        assert_eq!(
            body(&request),
            json!({
                "apiVersion": "v1",
                "kind": "DeleteOptions",
                "preconditions": {"uid": "e13d0be4-9aab-4e68-9695-cd417574960c"},
            })
        );
    }
}

#[tokio::test]
async fn nodes_are_deleted_by_name() {
    let server = Server::script([
        Reply::json(fixture("delete_node.json")),
        refusal(404, "error_404_node.json"),
        no(
            403,
            "Forbidden",
            "nodes is forbidden: User \"op\" cannot delete resource \"nodes\"",
        ),
    ])
    .await;
    let lab = Lab::of(&server);
    lab.api.delete_node("k3s-agent-nbg1-00020").await.expect("deleted");
    lab.api.delete_node("k3s-agent-nbg1-00020").await.expect("gone already");
    let denied = lab.api.delete_node("k3s-agent-nbg1-00020").await.expect_err("denied");
    assert_eq!((denied.kind, denied.call.as_str()), (FaultKind::Denied, "delete nodes"));
    assert!(denied.mend.contains("resources: [nodes], verbs: [delete]"), "{denied}");
    for request in server.requests() {
        assert_eq!(
            line(&request),
            ("DELETE", "/api/v1/nodes/k3s-agent-nbg1-00020", Some("application/json"))
        );
        assert_eq!(body(&request), json!({"apiVersion": "v1", "kind": "DeleteOptions"}));
    }
}

#[tokio::test]
async fn no_name_leads_to_another_object() {
    let server = Server::start(|_| Reply::json(fixture("eviction_201_ok.json"))).await;
    let lab = Lab::of(&server);
    for name in [
        "",
        ".",
        "..",
        "../pods/x",
        "a/b",
        "a%2fb",
        "a?dryRun=All",
        "a#b",
        "a b",
        "a\r\nx: y",
        "A",
        "ä",
        "a,b=c",
        "-a",
        "a.",
        &"a".repeat(254),
    ] {
        let named = BoundPod {
            name: name.into(),
            ..pod()
        };
        let spaced = BoundPod {
            namespace: name.into(),
            ..pod()
        };
        for error in [
            lab.api.set_schedulable(name, false).await.expect_err(name),
            lab.api.pods_on(name).await.expect_err(name),
            lab.api.delete_node(name).await.expect_err(name),
            lab.api.evict(&named).await.expect_err(name),
            lab.api.evict(&spaced).await.expect_err(name),
            lab.api.delete_pod(&named).await.expect_err(name),
            lab.api.delete_pod(&spaced).await.expect_err(name),
        ] {
            assert!(
                !error.retryable() && error.message.contains("is no name of a"),
                "{error}"
            );
        }
    }
    let unknown = BoundPod {
        uid: "".into(),
        ..pod()
    };
    for error in [
        lab.api.evict(&unknown).await.expect_err("no uid"),
        lab.api.delete_pod(&unknown).await.expect_err("no uid"),
    ] {
        assert!(error.message.contains("is no uid of a pod"), "{error}");
    }
    assert!(server.requests().is_empty(), "nothing was called");
}

#[tokio::test]
async fn a_change_whose_answer_is_cut_or_does_not_come_can_be_made_again() {
    let server = Server::start(|request| match request.method.as_str() {
        "PATCH" => Reply::silence(),
        _ => Reply::cut("{\"kind\":\"Status\","),
    })
    .await;
    let mut pace = quick();
    pace.answer = Duration::from_millis(50);
    let lab = Lab::new(&server.url(), "{}", pace);
    for error in [
        lab.api.set_schedulable(NODE, false).await.expect_err("silence"),
        lab.api.pods_on(NODE).await.expect_err("cut"),
        lab.api.evict(&pod()).await.expect_err("cut"),
        lab.api.delete_pod(&pod()).await.expect_err("cut"),
        lab.api.delete_node(NODE).await.expect_err("cut"),
    ] {
        assert_eq!(error.kind, FaultKind::Unreachable, "{error}");
        assert!(error.retryable(), "{error}");
    }
    assert_eq!(server.requests().len(), 5, "each call is made once");
}

#[tokio::test]
async fn a_success_of_no_api_server_is_none() {
    let server = Server::start(|_| Reply::new(200, "<html>It works!</html>")).await;
    let lab = Lab::of(&server);
    for error in [
        lab.api.set_schedulable(NODE, true).await.expect_err("no node"),
        lab.api.pods_on(NODE).await.expect_err("no pods"),
        lab.api.evict(&pod()).await.expect_err("no eviction"),
        lab.api.delete_pod(&pod()).await.expect_err("no pod"),
        lab.api.delete_node(NODE).await.expect_err("no node"),
    ] {
        assert_eq!(error.kind, FaultKind::Malformed, "{error}");
    }
}
