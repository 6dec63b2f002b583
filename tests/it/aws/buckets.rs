//! Buckets that are deleted with all they hold, as S3 itself lists it: its keys encoded, page by page.

use std::sync::{Arc, Mutex};

use k3fleet::fleet::FaultKind;
use k3fleet::provider::{CloudControl, Resource, ResourceKind};

use super::{cloud, options};
use crate::support::http::{Reply, Request, Server};

fn bucket() -> Resource {
    Resource {
        kind: ResourceKind::Other,
        id: "arn:aws:s3:::k3fleet-shop-snapshots".into(),
        name: None,
        cluster: "shop".into(),
        expires_at: None,
        of_kubernetes: false,
        gib: None,
    }
}

/// A page of these versions, and of a mark of a deletion last.
fn page(versions: &[(String, String)]) -> Reply {
    let entry = |(kind, (key, id)): (&str, &(String, String))| {
        format!("<{kind}><Key>{key}</Key><VersionId>{id}</VersionId></{kind}>")
    };
    let kinds = |n| {
        if n + 1 < versions.len() {
            "Version"
        } else {
            "DeleteMarker"
        }
    };
    let entries: String = versions.iter().enumerate().map(|(n, v)| entry((kinds(n), v))).collect();
    Reply::xml(format!(
        "<ListVersionsResult><EncodingType>url</EncodingType>{entries}</ListVersionsResult>"
    ))
}

#[tokio::test]
async fn a_bucket_goes_with_each_version_on_each_page() {
    // As they are listed, and as they are deleted.
    let names = [
        ("etcd/a+snapshot", "etcd/a%20snapshot"),
        ("%3Dodd%2Bone", "%3Dodd%2Bone"),
    ];
    let all = (0..25).map(|n| (names[n % 2].0.to_owned(), format!("v{n}")));
    let held = Arc::new(Mutex::new(all.collect::<Vec<_>>()));
    let holds = Arc::clone(&held);
    let server = Server::start(move |request: &Request| {
        let mut held = holds.lock().expect("nobody panicked");
        match (request.method.as_str(), request.path()) {
            ("GET", "/k3fleet-shop-snapshots/") => page(&held[..held.len().min(10)]),
            ("DELETE", "/k3fleet-shop-snapshots/") if held.is_empty() => Reply::new(204, ""),
            ("DELETE", path) => {
                let key = path.strip_prefix("/k3fleet-shop-snapshots/").unwrap_or_default();
                let version = request.query("versionId").unwrap_or_default();
                let before = held.len();
                held.retain(|(listed, id)| *id != version || !names.contains(&(listed.as_str(), key)));
                Reply::new(if held.len() < before { 204 } else { 400 }, "")
            }
            _ => Reply::new(400, ""),
        }
    })
    .await;
    let cloud = cloud(&server.url(), options());
    cloud.delete(&bucket()).await.expect("deleted");
    assert!(held.lock().expect("nobody panicked").is_empty());
    let requests = server.requests();
    let pages = requests.iter().filter(|r| r.method == "GET").count();
    assert_eq!((pages, requests.len()), (4, 4 + 25 + 1), "three pages and an empty one");
}

#[tokio::test]
async fn versions_that_are_listed_still_are_no_reason_to_go_on_for_ever() {
    let versions = [("etcd/one".to_owned(), "v1".to_owned())];
    let server = Server::start(move |request: &Request| match request.method.as_str() {
        "GET" => page(&versions),
        _ => Reply::new(204, ""),
    })
    .await;
    let cloud = cloud(&server.url(), options());
    let error = cloud.delete(&bucket()).await.expect_err("it does not shrink");
    assert_eq!(error.kind, FaultKind::NotYet, "{error}");
    assert!(
        error.message.contains("1 versions in k3fleet-shop-snapshots"),
        "{error}"
    );
    assert_eq!(server.requests().len(), 3);
}
