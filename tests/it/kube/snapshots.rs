//! Snapshots of etcd, as K3s tells of them.

use k3fleet::fleet::FaultKind;
use k3fleet::provider::Kube;
use serde_json::json;

use super::Lab;
use crate::support::http::{Reply, Server};

#[tokio::test]
async fn snapshots_on_servers_and_in_s3_are_listed_the_newest_first() {
    let here = json!({
        "metadata": {"name": "local-etcd-snapshot-server-1-1795348800-8a1c2f"},
        "spec": {
            "snapshotName": "etcd-snapshot-server-1-1795348800", "nodeName": "server-1",
            "location": "file:///var/lib/rancher/k3s/server/db/snapshots/etcd-snapshot-server-1-1795348800",
            "metadata": null,
        },
        "status": {"size": "12558368", "creationTime": "2026-11-22T00:00:00Z", "readyToUse": true},
    });
    let there = json!({
        "metadata": {"name": "s3-etcd-snapshot-server-1-1795392000-0d4e11"},
        "spec": {
            "snapshotName": "etcd-snapshot-server-1-1795392000", "nodeName": "server-1",
            "location": "s3://shop-snapshots/prod/etcd-snapshot-server-1-1795392000",
            "s3": {"endpoint": "s3.eu-west-1.amazonaws.com", "bucket": "shop-snapshots", "prefix": "prod"},
        },
        "status": {"size": "13Mi", "creationTime": "2026-11-22T12:00:00Z", "readyToUse": true},
    });
    let failed = json!({
        "spec": {"snapshotName": "on-demand-1", "nodeName": "server-2", "location": ""},
        "status": {"readyToUse": false, "error": {"message": "no space left on device"}},
    });
    let empty = json!({"metadata": {"name": "x"}, "spec": null, "status": null});
    let list = json!({"kind": "ETCDSnapshotFileList", "metadata": {"resourceVersion": "1"},
        "items": [here, failed, there, empty]});
    let server = Server::script([Reply::json(list.to_string())]).await;
    let found = Lab::of(&server).api.snapshots().await.expect("snapshots");
    let names: Vec<_> = found
        .iter()
        .map(|s| (s.name.as_str(), s.size, s.is_in_s3(), s.fault().is_none()))
        .collect();
    assert_eq!(
        names,
        [
            ("etcd-snapshot-server-1-1795392000", Some(13 << 20), true, true),
            ("etcd-snapshot-server-1-1795348800", Some(12_558_368), false, true),
            ("on-demand-1", None, false, false),
        ]
    );
    assert_eq!(found[0].bucket.as_deref(), Some("shop-snapshots"));
    assert_eq!(found[2].error.as_deref(), Some("no space left on device"));
    let asked = &server.requests()[0];
    assert_eq!(
        (asked.method.as_str(), asked.path()),
        ("GET", "/apis/k3s.cattle.io/v1/etcdsnapshotfiles")
    );
}

#[tokio::test]
async fn where_k3s_tells_of_none_that_is_said() {
    let absent =
        json!({"kind": "Status", "code": 404, "reason": "NotFound", "message": "the server could not find it"});
    let server = Server::script([Reply::json(absent.to_string()).status(404)]).await;
    let error = Lab::of(&server)
        .api
        .snapshots()
        .await
        .expect_err("there is no such resource");
    assert_eq!(error.kind, FaultKind::Unsupported, "{error}");
    assert!(error.mend.contains("v1.28.4"), "{error}");
}
