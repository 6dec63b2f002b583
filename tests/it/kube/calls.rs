//! Calls that are answered once.

use k3fleet::fleet::{FaultKind, OwnerKind, Role};
use k3fleet::provider::Kube;

use super::{Lab, fixture, quick, refusal};
use crate::support::http::{Reply, Server, refusing_url};

#[tokio::test]
async fn the_server_tells_its_version() {
    let server = Server::script([Reply::json(fixture("version.json"))]).await;
    let lab = Lab::of(&server);
    let told = lab.api.server().await.expect("a version");
    assert_eq!(told.version, "v1.36.2");
    assert!(!told.is_k3s());
    assert_eq!(told.endpoint.as_str(), server.url());
    assert_eq!(told.context.as_str(), "lab");
    let request = &server.requests()[0];
    assert_eq!(request.path(), "/version");
    assert_eq!(request.header("authorization"), Some("Bearer s3cr3t"));
    assert!(
        request
            .header("user-agent")
            .is_some_and(|agent| agent.starts_with("k3fleet/"))
    );
}

#[tokio::test]
async fn lists_are_read_page_by_page() {
    let server = Server::start(|request| match request.query("continue").as_deref() {
        None => Reply::json(fixture("nodelist_3_limit2.json")),
        Some("eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MjExLCJzdGFydCI6Ii9rM3Mtc2VydmVyLTA0XHUwMDAwIn0") => {
            Reply::json(fixture("nodelist_3_limit2_page2.json"))
        }
        Some(_) => refusal(410, "error_410_continue_expired.json"),
    })
    .await;
    let nodes = Lab::of(&server).api.list_nodes().await.expect("nodes");
    let names: Vec<_> = nodes.iter().map(|node| (node.key.name.as_str(), node.role)).collect();
    assert_eq!(
        names,
        [
            ("k3s-agent-edge-00005", Role::Agent),
            ("k3s-server-04", Role::Server),
            ("k3s-server-05", Role::Server)
        ]
    );
    let requests = server.requests();
    assert_eq!(requests.len(), 2);
    assert!(
        requests
            .iter()
            .all(|r| r.path() == "/api/v1/nodes" && r.query("limit").as_deref() == Some("500"))
    );
}

#[tokio::test]
async fn a_page_that_comes_too_late_starts_the_list_anew_and_whole() {
    let server = Server::script([
        Reply::json(fixture("nodelist_3_limit2.json")),
        refusal(410, "error_410_continue_expired.json"),
        Reply::json(fixture("nodelist_3.json")),
    ])
    .await;
    assert_eq!(Lab::of(&server).api.list_nodes().await.expect("nodes").len(), 3);
    let last = &server.requests()[2];
    assert_eq!((last.query("limit"), last.query("continue")), (None, None));
}

#[tokio::test]
async fn pods_are_listed_in_all_namespaces() {
    let server = Server::script([Reply::json(fixture("podlist_of_node.json"))]).await;
    let pods = Lab::of(&server).api.list_pods().await.expect("pods");
    assert_eq!(pods.len(), 2);
    assert!(
        pods.iter()
            .all(|pod| pod.owner == OwnerKind::ReplicaSet && pod.requests.cpu_milli == 100)
    );
    assert_eq!(server.requests()[0].path(), "/api/v1/pods");
}

#[tokio::test]
async fn a_denied_list_names_the_rule_that_grants_it() {
    let server = Server::script([refusal(403, "error_403_list_nodes.json")]).await;
    let error = Lab::of(&server).api.list_nodes().await.expect_err("denied");
    assert_eq!(error.kind, FaultKind::Denied);
    assert_eq!(error.call, "list nodes");
    assert!(
        error
            .message
            .contains("User \"rig-nobody\" cannot list resource \"nodes\""),
        "{error}"
    );
    assert!(
        error
            .mend
            .contains("- {apiGroups: [\"\"], resources: [nodes], verbs: [list]}"),
        "{error}"
    );
    assert!(!error.retryable());
}

#[tokio::test]
async fn refusals_keep_the_servers_words() {
    for (status, name, kind, words) in [
        (401, "error_401_bad_token.json", FaultKind::Credentials, "Unauthorized"),
        (404, "error_404_node.json", FaultKind::Unsupported, "not found"),
        (422, "error_422_invalid.json", FaultKind::Other, "is invalid"),
        (
            504,
            "error_504_future_rv.json",
            FaultKind::Unreachable,
            "Too large resource version",
        ),
    ] {
        let server = Server::script([refusal(status, name)]).await;
        let error = Lab::of(&server).api.list_pods().await.expect_err("refused");
        assert_eq!(error.kind, kind, "{error}");
        assert!(error.message.contains(words), "{error}");
        assert!(!format!("{error} {error:?}").contains("s3cr3t"), "{error:?}");
        assert_eq!(server.requests().len(), 1, "no retry behind the caller's back");
    }
}

#[tokio::test]
async fn throttling_is_told_at_once() {
    let server = Server::script([Reply::new(429, "slow down").header("retry-after", "30")]).await;
    let error = Lab::of(&server).api.server().await.expect_err("throttled");
    assert_eq!(error.kind, FaultKind::Throttled);
    assert!(error.retryable());
}

#[tokio::test]
async fn usage_is_read_where_it_is_served() {
    let server = Server::script([Reply::json(fixture("nodemetricslist.json"))]).await;
    let usage = Lab::of(&server).api.usage().await.expect("usage");
    assert_eq!(usage.len(), 2, "a node without a figure for the CPU is left out");
    assert_eq!((usage[0].cpu_milli, usage[0].memory), (154, 1_208_956 * 1024));
    assert_eq!(server.requests()[0].path(), "/apis/metrics.k8s.io/v1beta1/nodes");
}

#[tokio::test]
async fn usage_that_is_not_served_is_unsupported() {
    for status in [404, 503] {
        let server = Server::script([Reply::new(status, "page not found")]).await;
        let error = Lab::of(&server).api.usage().await.expect_err("not served");
        assert_eq!(error.kind, FaultKind::Unsupported);
        assert!(error.mend.contains("metrics-server"), "{error}");
    }
    let server = Server::script([refusal(403, "error_403_list_nodes.json")]).await;
    let error = Lab::of(&server).api.usage().await.expect_err("denied");
    assert_eq!(error.kind, FaultKind::Denied);
    assert!(error.mend.contains("metrics.k8s.io"), "{error}");
}

#[tokio::test]
async fn a_dead_server_is_named_with_what_to_check() {
    let url = refusing_url().await;
    let error = Lab::new(&url, "{}", quick()).api.server().await.expect_err("dead");
    assert_eq!(error.kind, FaultKind::Unreachable);
    assert!(error.target.contains(&url), "{error}");
    assert!(error.message.contains("refused"), "{error}");
    assert!(error.mend.contains("API server runs"), "{error}");
    assert!(error.retryable());
}

#[tokio::test]
async fn a_server_that_does_not_answer_does_not_hold_the_caller() {
    let server = Server::script([Reply::silence()]).await;
    let mut pace = quick();
    pace.answer = std::time::Duration::from_millis(50);
    let lab = Lab::new(&server.url(), "{}", pace);
    let error = lab.api.list_nodes().await.expect_err("silent");
    assert_eq!(error.kind, FaultKind::Unreachable);
    assert!(
        error.message.contains("no answer to `list nodes` within 0.05 s"),
        "{error}"
    );
}

#[tokio::test]
async fn a_body_that_stops_or_is_cut_is_unreachable() {
    let (sender, reply) = Reply::stream();
    let server = Server::script([reply, Reply::cut("{\"items\":[")]).await;
    let mut pace = quick();
    pace.stall = std::time::Duration::from_millis(50);
    let lab = Lab::new(&server.url(), "{}", pace);
    let stopped = lab.api.list_nodes().await.expect_err("no body");
    assert_eq!(stopped.kind, FaultKind::Unreachable, "{stopped}");
    drop(sender);
    let cut = lab.api.list_nodes().await.expect_err("cut");
    assert_eq!(cut.kind, FaultKind::Unreachable, "{cut}");
}

#[tokio::test]
async fn what_is_no_api_server_is_malformed() {
    let server = Server::start(|_| Reply::new(200, "<html>It works!</html>")).await;
    let lab = Lab::of(&server);
    for error in [
        lab.api.server().await.expect_err("no version"),
        lab.api.list_nodes().await.expect_err("no list"),
        lab.api.usage().await.expect_err("no usage"),
    ] {
        assert_eq!(error.kind, FaultKind::Malformed, "{error}");
        assert!(error.mend.contains("Kubernetes API server"), "{error}");
    }
}
