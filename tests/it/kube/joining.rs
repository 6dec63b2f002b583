//! What joining machines needs of a cluster: its addresses, its authority, its tokens, and marks on its nodes.

use k3fleet::fleet::FaultKind;
use k3fleet::provider::{BootstrapOrder, Kube, KubeControl, Marks, ProviderError, Secret};
use serde_json::{Value, json};

use super::{Lab, fixture, quick, refusal};
use crate::support::http::{Reply, Request, Server};

const NODE: &str = "pi-kiosk-01";
const SECRET: &str = "0123456789abcdef";
/// What it begins with.
const START: &str = "0123";
const OLD: &str = include_str!("../../fixtures/ca/old.pem");
const ENDPOINTS: &str = "/api/v1/namespaces/default/endpoints/kubernetes";
const SECRETS: &str = "/api/v1/namespaces/kube-system/secrets";

/// A refusal in the API server's form.
fn no(code: u16, reason: &str, message: &str) -> Reply {
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "code": code,
    });
    Reply::json(status.to_string()).status(code)
}

fn object(kind: &str) -> Reply {
    Reply::json(json!({"kind": kind, "apiVersion": "v1", "metadata": {"name": "x"}}).to_string())
}

fn body(request: &Request) -> Value {
    serde_json::from_slice(&request.body).expect("a body of JSON")
}

fn line(request: &Request) -> (&str, &str, Option<&str>) {
    (&request.method, &request.target, request.header("content-type"))
}

fn order() -> BootstrapOrder {
    BootstrapOrder {
        id: "abc123".into(),
        secret: Secret::new(SECRET),
        description: "k3fleet join-1".to_owned(),
        expires_at: Some("2026-11-22T13:00:00.75Z".parse().expect("a time")),
    }
}

#[tokio::test]
async fn the_addresses_of_the_api_servers_are_those_of_its_endpoints() {
    let endpoints = json!({"kind": "Endpoints", "subsets": [
        {"addresses": [{"ip": "10.0.1.9"}, {"ip": "10.0.0.7"}], "ports": [{"name": "https", "port": 6443}]},
        {"addresses": [{"ip": "fd00::7"}], "notReadyAddresses": [{"ip": "10.0.0.99"}], "ports": [{"port": 6443}]},
        {"addresses": null, "ports": null},
    ]});
    let server = Server::script([Reply::json(endpoints.to_string())]).await;
    let found = Lab::of(&server).api.api_addresses().await.expect("addresses");
    assert_eq!(found, ["10.0.0.7:6443", "10.0.1.9:6443", "[fd00::7]:6443"]);
    assert_eq!(server.requests()[0].target, ENDPOINTS);
}

#[tokio::test]
async fn where_there_are_no_endpoints_any_longer_their_slices_tell() {
    let slices = json!({"kind": "EndpointSliceList", "items": [
        {"addressType": "IPv4", "ports": [{"name": "https", "port": 6443}], "endpoints": [
            {"addresses": ["10.0.0.7"], "conditions": {"ready": true}}, {"addresses": ["10.0.0.8"]},
        ]},
        {"addressType": "IPv6", "ports": [{"port": 6443}, {"port": null}], "endpoints": null},
    ]});
    let server = Server::script([
        no(404, "NotFound", "endpoints \"kubernetes\" not found"),
        Reply::json(slices.to_string()),
        no(404, "NotFound", "the server could not find the requested resource"),
        no(403, "Forbidden", "endpointslices is forbidden"),
    ])
    .await;
    let lab = Lab::of(&server);
    let found = lab.api.api_addresses().await.expect("addresses");
    assert_eq!(found, ["10.0.0.7:6443", "10.0.0.8:6443"]);
    let asked = &server.requests()[1];
    assert_eq!(
        asked.path(),
        "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"
    );
    assert_eq!(
        asked.query("labelSelector").as_deref(),
        Some("kubernetes.io/service-name=kubernetes")
    );
    let denied = lab.api.api_addresses().await.expect_err("denied");
    assert_eq!(
        (denied.kind, denied.call.as_str()),
        (FaultKind::Denied, "list endpointslices.discovery.k8s.io")
    );
    assert!(denied.mend.contains("a Role in default bound to this user"), "{denied}");
}

#[tokio::test]
async fn bootstrap_tokens_are_listed_without_their_secret_half() {
    // In base64: abc123, the secret half, `ann's boards`, 2026-11-23T00:00:00Z.
    let full = json!({
        "metadata": {"name": "bootstrap-token-abc123", "creationTimestamp": "2026-11-22T12:00:00Z"},
        "type": "bootstrap.kubernetes.io/token",
        "data": {
            "token-id": "YWJjMTIz", "token-secret": "MDEyMzQ1Njc4OWFiY2RlZg==", "description": "YW5uJ3MgYm9hcmRz",
            "expiration": "MjAyNi0xMS0yM1QwMDowMDowMFo=", "usage-bootstrap-authentication": "dHJ1ZQ==",
        },
    });
    let ever = json!({
        "metadata": {"name": "bootstrap-token-def456", "creationTimestamp": "2026-11-21T12:00:00Z"},
        "data": {"token-id": "ZGVmNDU2", "expiration": ""},
    });
    let unreadable = json!({
        "metadata": {"name": "bootstrap-token-ghi789", "creationTimestamp": "2026-11-20T12:00:00Z"},
        "data": {"token-id": "Z2hpNzg5", "expiration": "c29vbg=="},
    });
    let misnamed = json!({"metadata": {"name": "bootstrap-token-xxxxxx"}, "data": {"token-id": "YWJjMTIz"}});
    let empty = json!({"metadata": {"name": "bootstrap-token-yyyyyy"}, "data": null});
    let list = json!({"kind": "SecretList", "metadata": {"resourceVersion": "1"},
        "items": [full, ever, unreadable, misnamed, empty]});
    let server = Server::script([Reply::json(list.to_string())]).await;
    let found = Lab::of(&server).api.bootstrap_tokens().await.expect("tokens");
    let told: Vec<_> = found
        .iter()
        .map(|token| {
            (
                token.id.as_str(),
                token.description.as_str(),
                token.expires_at.map(|at| at.to_string()),
            )
        })
        .collect();
    let at = |time: &str| Some(time.to_owned());
    assert_eq!(
        told,
        [
            ("ghi789", "", at("2026-11-20T12:00:00Z")),
            ("def456", "", None),
            ("abc123", "ann's boards", at("2026-11-23T00:00:00Z")),
        ]
    );
    assert_eq!(found[2].made_at.map(|at| at.to_string()), at("2026-11-22T12:00:00Z"));
    let asked = &server.requests()[0];
    assert_eq!((asked.method.as_str(), asked.path()), ("GET", SECRETS));
    assert_eq!(
        asked.query("fieldSelector").as_deref(),
        Some("type=bootstrap.kubernetes.io/token")
    );
}

#[tokio::test]
async fn tokens_that_may_not_be_listed_name_the_role_that_lets_them() {
    let server = Server::script([no(403, "Forbidden", "secrets is forbidden: User \"op\" cannot list")]).await;
    let denied = Lab::of(&server).api.bootstrap_tokens().await.expect_err("denied");
    assert_eq!((denied.kind, denied.call.as_str()), (FaultKind::Denied, "list secrets"));
    assert_eq!(
        denied.mend,
        "a Role in kube-system bound to this user grants it with the rule \
         - {apiGroups: [\"\"], resources: [secrets], verbs: [list]}"
    );
}

#[tokio::test]
async fn a_token_is_made_for_agents_alone() {
    let server = Server::script([object("Secret").status(201)]).await;
    let lab = Lab::of(&server);
    lab.api.make_bootstrap_token(&order()).await.expect("made");
    let request = &server.requests()[0];
    assert_eq!(line(request), ("POST", SECRETS, Some("application/json")));
    assert_eq!(
        body(request),
        json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "bootstrap.kubernetes.io/token",
            "metadata": {"name": "bootstrap-token-abc123", "namespace": "kube-system"},
            "stringData": {
                "token-id": "abc123",
                "token-secret": SECRET,
                "description": "k3fleet join-1",
                "expiration": "2026-11-22T13:00:00Z",
                "usage-bootstrap-authentication": "true",
                "usage-bootstrap-signing": "true",
                "auth-extra-groups": "system:bootstrappers:k3s:default-node-token",
            },
        })
    );
}

#[tokio::test]
async fn a_token_that_is_there_already_is_set_anew() {
    let server = Server::script([
        no(
            409,
            "AlreadyExists",
            "secrets \"bootstrap-token-abc123\" already exists",
        ),
        object("Secret"),
        no(
            409,
            "AlreadyExists",
            "secrets \"bootstrap-token-abc123\" already exists",
        ),
        no(403, "Forbidden", "cannot update resource \"secrets\""),
    ])
    .await;
    let lab = Lab::of(&server);
    let endless = BootstrapOrder {
        expires_at: None,
        ..order()
    };
    lab.api.make_bootstrap_token(&endless).await.expect("set anew");
    let request = &server.requests()[1];
    let target = format!("{SECRETS}/bootstrap-token-abc123");
    assert_eq!(line(request), ("PUT", target.as_str(), Some("application/json")));
    assert_eq!(body(request)["stringData"]["token-secret"], SECRET);
    assert_eq!(body(request)["stringData"].get("expiration"), None, "it never expires");
    let denied = lab.api.make_bootstrap_token(&order()).await.expect_err("denied");
    assert_eq!(
        (denied.kind, denied.call.as_str()),
        (FaultKind::Denied, "update secrets")
    );
}

#[tokio::test]
async fn tokens_and_passwords_are_deleted_and_may_be_gone() {
    let server = Server::script([
        object("Status"),
        no(404, "NotFound", "secrets \"bootstrap-token-abc123\" not found"),
        object("Status"),
        no(404, "NotFound", "secrets \"pi-kiosk-01.node-password.k3s\" not found"),
        Reply::new(404, "404 page not found"),
        no(403, "Forbidden", "cannot delete resource \"secrets\""),
    ])
    .await;
    let lab = Lab::of(&server);
    let api = &lab.api;
    for _ in 0..2 {
        api.delete_bootstrap_token("abc123").await.expect("deleted, or gone");
    }
    for _ in 0..2 {
        api.delete_node_password(NODE).await.expect("deleted, or gone");
    }
    let unknown = api.delete_node_password(NODE).await.expect_err("no API server said so");
    assert_eq!(unknown.kind, FaultKind::Unsupported, "{unknown}");
    let denied = api.delete_bootstrap_token("abc123").await.expect_err("denied");
    assert!(denied.mend.contains("Role in kube-system"), "{denied}");
    let told = server.requests();
    let token = format!("{SECRETS}/bootstrap-token-abc123");
    let password = format!("{SECRETS}/pi-kiosk-01.node-password.k3s");
    let targets: Vec<_> = told
        .iter()
        .map(|one| (one.method.as_str(), one.target.as_str()))
        .collect();
    assert_eq!(
        targets[..3],
        [("DELETE", &*token), ("DELETE", &*token), ("DELETE", &*password)]
    );
}

#[tokio::test]
async fn nodes_are_marked_and_unmarked() {
    let server = Server::script([
        Reply::json(fixture("patch_cordon.json")),
        refusal(404, "error_404_node.json"),
    ])
    .await;
    let lab = Lab::of(&server);
    let api = &lab.api;
    let marks = Marks {
        labels: vec![
            ("node-role.kubernetes.io/worker".into(), Some("true".into())),
            ("site".into(), None),
        ],
        annotations: vec![("k3fleet.dev/ssh".into(), Some("pi@10.0.0.7:22".into()))],
    };
    api.mark(NODE, &marks).await.expect("marked");
    let request = &server.requests()[0];
    assert_eq!(
        line(request),
        (
            "PATCH",
            "/api/v1/nodes/pi-kiosk-01",
            Some("application/strategic-merge-patch+json")
        )
    );
    assert_eq!(
        body(request),
        json!({"metadata": {
            "labels": {"node-role.kubernetes.io/worker": "true", "site": null},
            "annotations": {"k3fleet.dev/ssh": "pi@10.0.0.7:22"},
        }})
    );
    let absent = api.mark(NODE, &Marks::default()).await.expect_err("no such node");
    assert!(absent.message.contains("not found"), "{absent}");
}

#[tokio::test]
async fn the_authority_is_known_by_what_the_server_hands_out() {
    let server = Server::script([
        Reply::new(200, OLD),
        Reply::new(200, "<html>a login page</html>"),
        no(403, "Forbidden", "forbidden"),
        Reply::new(404, "404 page not found"),
    ])
    .await;
    let lab = Lab::of(&server);
    let api = &lab.api;
    assert_eq!(
        api.ca_hash().await.expect("a hash"),
        "6f469f9d9ad5152bf830d81c07636fb622989a5b14d13e5a5753079bc53fdb95"
    );
    assert_eq!(server.requests()[0].target, "/cacerts");
    let other = api.ca_hash().await.expect_err("no certificates");
    assert_eq!(other.kind, FaultKind::Malformed);
    assert!(other.mend.contains("server of K3s"), "{other}");
    assert_eq!(api.ca_hash().await.expect_err("denied").kind, FaultKind::Denied);
    assert_eq!(api.ca_hash().await.expect_err("not K3s").kind, FaultKind::Unsupported);
}

#[tokio::test]
async fn a_server_that_is_not_verified_is_not_asked_for_its_authority() {
    for cluster in [
        "server: \"http://192.0.2.7:6443\"",
        "server: \"https://127.0.0.1:1\", insecure-skip-tls-verify: true",
    ] {
        let lab = Lab::with_cluster(cluster, "{token: s3cr3t}", quick());
        let refused = lab.api.ca_hash().await.expect_err("not verified");
        assert_eq!(refused.kind, FaultKind::Credentials, "{refused}");
        assert!(refused.message.contains("does not verify"), "{refused}");
    }
}

#[tokio::test]
async fn no_name_and_no_token_of_another_form_goes_out() {
    let server = Server::start(|_| object("Secret")).await;
    let lab = Lab::of(&server);
    let api = &lab.api;
    for id in ["", "abc12", "abc1234", "ABC123", "abc/23", "äbc12", "../../"] {
        let named = BootstrapOrder {
            id: id.into(),
            ..order()
        };
        for error in [
            api.make_bootstrap_token(&named).await.expect_err(id),
            api.delete_bootstrap_token(id).await.expect_err(id),
        ] {
            assert!(error.message.contains("is no id of a bootstrap token"), "{error}");
        }
    }
    for secret in ["", "0123456789abcde", "0123456789ABCDEF", "0123456789abcdef0"] {
        let other = BootstrapOrder {
            secret: Secret::new(secret),
            ..order()
        };
        let error = api.make_bootstrap_token(&other).await.expect_err(secret);
        assert!(secret.is_empty() || !told(&error).contains(secret), "{error}");
    }
    for name in ["", "..", "a/b", "A", "a?dryRun=All", &"a".repeat(250)] {
        let error = api.delete_node_password(name).await.expect_err(name);
        assert!(error.message.contains("is no name of a"), "{error}");
    }
    assert!(server.requests().is_empty(), "nothing was called");
}

/// What is told of a failure, in every form it may be written in.
fn told(error: &ProviderError) -> String {
    format!("{error} {error:?}")
}

#[tokio::test]
async fn no_failure_tells_a_secret() {
    let echo = format!("admission webhook denied the request: stringData.token-secret: {SECRET}");
    let server = Server::script([
        no(403, "Forbidden", &echo),
        no(422, "Invalid", &echo),
        Reply::new(502, echo.clone()),
        Reply::json(format!(r#"{{"items": [{{"data": "{SECRET}"}}]}}"#)),
        Reply::json(format!(r#"{{"items": "{SECRET}"}}"#)),
        Reply::json(format!(
            r#"{{"items": [{{"metadata": {{}}, "data": {{"token-secret": "{SECRET}"#
        )),
    ])
    .await;
    let lab = Lab::of(&server);
    let api = &lab.api;
    for _ in 0..3 {
        let error = api.make_bootstrap_token(&order()).await.expect_err("refused");
        assert!(!told(&error).contains(START), "{error}");
    }
    for _ in 0..3 {
        let error = api.bootstrap_tokens().await.expect_err("not understood");
        assert_eq!(error.kind, FaultKind::Malformed);
        assert!(!told(&error).contains(SECRET), "{error}");
    }
}
