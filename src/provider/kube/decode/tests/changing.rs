//! What changing a cluster reads: the pods of a node, and answers to changes.

use super::*;
use crate::provider::BoundPod;

#[test]
fn a_pod_is_read_as_draining_sees_it() {
    let bound = |pod: serde_json::Value| {
        let body = json!({"items": [pod]}).to_string();
        page::<BoundPod>(body.as_bytes(), &here()).unwrap().items.remove(0)
    };
    let owned = |kind: &str, annotations: serde_json::Value| {
        let owner = json!([{"kind": "Deployment"}, {"kind": kind, "controller": true}]);
        let pod = bound(json!({"metadata": {"ownerReferences": owner, "annotations": annotations}}));
        pod.owner
    };
    assert_eq!(owned("StatefulSet", json!(null)), OwnerKind::StatefulSet);
    assert_eq!(owned("DaemonSet", json!({})), OwnerKind::DaemonSet);
    assert_eq!(
        owned("Node", json!({"kubernetes.io/config.mirror": "f00d"})),
        OwnerKind::Node
    );
    assert_eq!(
        owned("Node", json!({})),
        OwnerKind::Other,
        "a node may own pods that are no mirrors"
    );
    let mirror = bound(json!({"metadata": {"annotations": {"kubernetes.io/config.mirror": ""}}}));
    assert_eq!(mirror.owner, OwnerKind::Node, "mirrors of old kubelets have no owner");

    let full = bound(json!({
        "metadata": {"namespace": "demo", "name": "web-0", "uid": "u1", "deletionTimestamp": "2026-11-22T06:40:36Z"},
        "spec": {"volumes": [{"name": "a", "configMap": {"name": "c"}}, {"name": "b", "emptyDir": {}}]},
        "status": {"phase": "Failed"},
    }));
    assert_eq!((full.path().as_str(), full.uid.as_str()), ("demo/web-0", "u1"));
    assert_eq!(full.owner, OwnerKind::None);
    assert!(full.finished && full.empty_dir && full.ending);

    let bare = bound(json!({
        "metadata": {"deletionTimestamp": null},
        "spec": {"volumes": null},
        "status": {"phase": "Running"},
    }));
    assert!(!(bare.finished || bare.empty_dir || bare.ending));
    let volumes = bound(json!({"spec": {"volumes": [{"name": "a", "emptyDir": null}]}}));
    assert!(!volumes.empty_dir);

    let listed = page::<BoundPod>(fixture!("podlist_of_node.json"), &here()).unwrap();
    assert!(listed.items.iter().all(|pod| {
        pod.owner == OwnerKind::ReplicaSet && !pod.uid.is_empty() && !(pod.finished || pod.empty_dir || pod.ending)
    }));
}

#[test]
fn a_status_that_says_no_is_a_refusal_whatever_it_came_with() {
    let no = br#"{"kind":"Status","status":"Failure","message":"more than one","code":500}"#;
    let refusal = answer(no).unwrap().unwrap_err();
    assert_eq!((refusal.code, refusal.message.as_str()), (500, "more than one"));
    assert_eq!(answer(fixture!("eviction_201_ok.json")).unwrap(), Ok(()));
    assert_eq!(answer(fixture!("patch_cordon.json")).unwrap(), Ok(()));
    for strange in ["", "{}", "[]", "<html>", r#"{"kind":"Status","#] {
        assert!(answer(strange.as_bytes()).is_err(), "{strange}");
    }
}
