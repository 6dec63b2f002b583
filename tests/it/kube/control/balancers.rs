//! What has load balancers at AWS is deleted, and nothing else.

use k3fleet::fleet::FaultKind;
use k3fleet::provider::KubeControl;
use serde_json::json;

use super::super::Lab;
use super::{Reply, Request, Server, line, no};

fn list(kind: &str, items: &serde_json::Value) -> Reply {
    let list = json!({"kind": kind, "metadata": {"resourceVersion": "9"}, "items": items});
    Reply::json(list.to_string())
}

fn served(namespace: &str, name: &str, by: &str) -> serde_json::Value {
    json!({
        "kind": "Service", "apiVersion": "v1", "metadata": {"namespace": namespace, "name": name},
        "spec": {"type": "LoadBalancer"},
        "status": {"loadBalancer": {"ingress": [{"hostname": by}]}},
    })
}

#[tokio::test]
async fn services_and_ingresses_with_load_balancers_at_aws_are_deleted_and_told_until_they_are_gone() {
    let mut ending = served("demo", "api", "a2.elb.eu-west-1.amazonaws.com");
    ending["metadata"]["deletionTimestamp"] = json!("2026-11-22T10:00:00Z");
    let server = Server::start(move |request: &Request| {
        let web = served("demo", "web", "a1.elb.eu-west-1.amazonaws.com");
        let shop = served("shop", "front", "k8s-1.eu-west-1.elb.amazonaws.com");
        let elsewhere = served("demo", "own", "lb.example.com");
        match (request.method.as_str(), request.path()) {
            ("GET", "/api/v1/services") => list("ServiceList", &json!([web, ending, elsewhere])),
            ("GET", "/apis/networking.k8s.io/v1/ingresses") => list("IngressList", &json!([shop, elsewhere])),
            ("DELETE", "/apis/networking.k8s.io/v1/namespaces/shop/ingresses/front") => {
                no(404, "NotFound", "ingresses \"front\" not found")
            }
            ("DELETE", "/api/v1/namespaces/demo/services/web") => Reply::json(web.to_string()),
            _ => no(403, "Forbidden", "no"),
        }
    })
    .await;
    let lab = Lab::of(&server);
    let left = lab.api.delete_balancers().await.expect("deleted");
    assert_eq!(left, ["Service demo/web", "Service demo/api", "Ingress shop/front"]);
    let requests = server.requests();
    let deleted: Vec<_> = requests
        .iter()
        .filter(|r| r.method == "DELETE")
        .map(|r| line(r).1)
        .collect();
    assert_eq!(
        deleted,
        [
            "/api/v1/namespaces/demo/services/web",
            "/apis/networking.k8s.io/v1/namespaces/shop/ingresses/front"
        ]
    );
}

#[tokio::test]
async fn who_may_not_delete_them_is_told_which_rule_is_missing() {
    let server = Server::start(|request: &Request| match request.path() {
        "/api/v1/services" => list("ServiceList", &json!([])),
        _ => no(403, "Forbidden", "ingresses.networking.k8s.io is forbidden"),
    })
    .await;
    let error = Lab::of(&server).api.delete_balancers().await.expect_err("denied");
    assert_eq!(error.kind, FaultKind::Denied, "{error}");
    assert!(
        error
            .mend
            .contains("- {apiGroups: [\"networking.k8s.io\"], resources: [ingresses], verbs: [list]}"),
        "{error}"
    );
}
