//! Evictions, and every answer to them.

use k3fleet::fleet::FaultKind;
use k3fleet::provider::{Eviction, KubeControl, ProviderError};
use serde_json::json;

use super::{another, body, line, no, pod};
use crate::kube::{Lab, fixture, refusal};
use crate::support::http::{Reply, Server};

async fn evicted(reply: Reply) -> Result<Eviction, ProviderError> {
    let server = Server::script([reply]).await;
    let answer = Lab::of(&server).api.evict(&pod()).await;
    assert_eq!(server.requests().len(), 1, "no retry behind the caller's back");
    answer
}

#[tokio::test]
async fn an_eviction_names_the_pod_by_its_uid() {
    let server = Server::script([Reply::json(fixture("eviction_201_ok.json")).status(201)]).await;
    let answer = Lab::of(&server).api.evict(&pod()).await.expect("evicted");
    assert_eq!(answer, Eviction::Accepted);
    let request = &server.requests()[0];
    assert_eq!(
        line(request),
        (
            "POST",
            "/api/v1/namespaces/demo/pods/checkout-api-ccb5de5a4-a376532/eviction",
            Some("application/json")
        )
    );
    assert_eq!(
        body(request),
        json!({
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"namespace": "demo", "name": "checkout-api-ccb5de5a4-a376532"},
            "deleteOptions": {"preconditions": {"uid": "e13d0be4-9aab-4e68-9695-cd417574960c"}},
        })
    );
}

#[tokio::test]
async fn a_pod_that_has_gone_or_was_made_anew_is_gone() {
    let gone = evicted(refusal(404, "eviction_404_gone.json")).await;
    assert_eq!(gone.expect("gone"), Eviction::Gone);
    assert_eq!(evicted(another()).await.expect("another pod"), Eviction::Gone);
    let stored = no(
        409,
        "Conflict",
        "Operation cannot be fulfilled on pods \"x\": StorageError: invalid object, Code: 4, AdditionalErrorMsg: \
         Precondition failed: UID in precondition: e13d, UID in object meta: 4ac1",
    );
    assert_eq!(evicted(stored).await.expect("another pod"), Eviction::Gone);
}

#[tokio::test]
async fn a_budget_that_holds_a_pod_back_is_named() {
    for (name, words) in [
        (
            "eviction_429_pdb.json",
            "The disruption budget checkout-api needs 1 healthy pods and has 1 currently",
        ),
        (
            "eviction_429_pdb_processing.json",
            "The disruption budget checkout-api is still being processed by the server.",
        ),
    ] {
        let answer = evicted(refusal(429, name)).await.expect("held back");
        assert_eq!(answer, Eviction::Blocked(words.into()));
    }
    let unnamed = "Cannot evict pod as it would violate the pod's disruption budget.";
    let answer = evicted(no(429, "TooManyRequests", unnamed)).await.expect("held back");
    assert_eq!(answer, Eviction::Blocked(unnamed.into()));
}

#[tokio::test]
async fn a_pod_of_a_namespace_that_is_being_deleted_is_held_back() {
    let status = json!({
        "kind": "Status", "status": "Failure", "reason": "Forbidden", "code": 403,
        "message": "pods \"x\" is forbidden: unable to create new content in namespace demo because it is being \
                    terminated",
        "details": {"causes": [{"reason": "NamespaceTerminating", "message": "namespace demo is being terminated"}]},
    });
    let answer = evicted(Reply::json(status.to_string()).status(403)).await;
    assert!(
        matches!(&answer, Ok(Eviction::Blocked(why)) if why.contains("is being terminated")),
        "{answer:?}"
    );
}

#[tokio::test]
async fn what_may_go_better_later_can_be_tried_again() {
    for (reply, kind) in [
        (refusal(409, "error_409_conflict.json"), FaultKind::Throttled),
        (
            no(429, "TooManyRequests", "Too many requests, please try again later."),
            FaultKind::Throttled,
        ),
        (Reply::new(429, "slow down"), FaultKind::Throttled),
        (
            no(
                500,
                "InternalError",
                "Internal error occurred: etcdserver: leader changed",
            ),
            FaultKind::Unreachable,
        ),
        (Reply::new(503, "no server"), FaultKind::Unreachable),
        (
            no(
                504,
                "Timeout",
                "couldn't update PodDisruptionBudget \"checkout-api\" due to conflicts",
            ),
            FaultKind::Unreachable,
        ),
    ] {
        let error = evicted(reply).await.expect_err("not now");
        assert_eq!(error.kind, kind, "{error}");
        assert!(error.retryable(), "{error}");
    }
}

#[tokio::test]
async fn a_denied_eviction_names_the_rule_that_grants_it() {
    let error = evicted(refusal(403, "error_403_evict.json")).await.expect_err("denied");
    assert_eq!(
        (error.kind, error.call.as_str()),
        (FaultKind::Denied, "create pods/eviction")
    );
    assert!(error.message.contains("rig-viewer"), "{error}");
    assert!(
        error
            .mend
            .contains("- {apiGroups: [\"\"], resources: [pods/eviction], verbs: [create]}"),
        "{error}"
    );
    assert!(!error.retryable());
}

#[tokio::test]
async fn a_pod_of_two_budgets_is_told_with_what_to_do() {
    let words = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.";
    // A failure is one even where the line above it says otherwise.
    for reply in [no(500, "", words), no(500, "", words).status(201)] {
        let error = evicted(reply).await.expect_err("two budgets");
        assert_eq!(error.kind, FaultKind::Other);
        assert!(error.message.contains("more than one PodDisruptionBudget"), "{error}");
        assert!(error.mend.contains("no more than one PodDisruptionBudget"), "{error}");
    }
}
