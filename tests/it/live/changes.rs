//! The real program changing real parts: a machine is removed from a moto server and an API server.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::{REGION, environment, k3fleet, node, write_kubeconfig};
use crate::aws::seed::Seed;
use crate::support::http::{Reply, Request, Server};
use crate::support::moto::{self, Account};

/// What the API server holds.
struct Cluster {
    nodes: Vec<Value>,
    pods: Vec<Value>,
}

fn pod(name: &str, node: &str, owner: &str) -> Value {
    json!({
        "metadata": {"namespace": "shop", "name": name, "uid": format!("uid-{name}"),
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": owner, "name": "x", "uid": "u", "controller": true}]},
        "spec": {"nodeName": node, "containers": []},
        "status": {"phase": "Running"},
    })
}

fn named<'a>(items: &'a mut [Value], path: &str) -> Option<&'a mut Value> {
    let name = path.rsplit('/').next()?;
    items.iter_mut().find(|item| item["metadata"]["name"] == name)
}

fn list(kind: &str, items: &[Value]) -> Reply {
    let metadata = json!({"resourceVersion": "9"});
    Reply::json(json!({"kind": kind, "apiVersion": "v1", "metadata": metadata, "items": items}).to_string())
}

/// An API server whose nodes can be cordoned and deleted and whose pods can be evicted.
async fn api_server(cluster: Arc<Mutex<Cluster>>) -> Server {
    Server::start(move |request: &Request| {
        let mut cluster = cluster.lock().expect("nobody panicked");
        let not_found = || {
            let status = json!({"kind": "Status", "code": 404, "reason": "NotFound", "message": "not found"});
            Reply::json(status.to_string()).status(404)
        };
        match (request.method.as_str(), request.path(), request.query("watch")) {
            (_, "/version", _) => Reply::json(json!({"gitVersion": "v1.36.4+k3s1"}).to_string()),
            (_, _, Some(_)) => {
                Reply::json(json!({"kind": "Status", "code": 400, "message": "no watching"}).to_string()).status(400)
            }
            ("GET", "/api/v1/nodes", _) => list("NodeList", &cluster.nodes),
            ("GET", "/api/v1/pods", _) => match request.query("fieldSelector") {
                Some(selector) => {
                    let node = selector.trim_start_matches("spec.nodeName=").to_owned();
                    let bound = cluster
                        .pods
                        .iter()
                        .filter(|pod| pod["spec"]["nodeName"] == node.as_str());
                    list("PodList", &bound.cloned().collect::<Vec<_>>())
                }
                None => list("PodList", &cluster.pods),
            },
            ("PATCH", path, _) => match named(&mut cluster.nodes, path) {
                Some(node) => {
                    node["spec"]["unschedulable"] = json!(true);
                    Reply::json(node.to_string())
                }
                None => not_found(),
            },
            ("POST", path, _) if path.ends_with("/eviction") => {
                let path = path.trim_end_matches("/eviction");
                cluster
                    .pods
                    .retain(|pod| !path.ends_with(pod["metadata"]["name"].as_str().unwrap_or("?")));
                Reply::json(crate::kube::fixture("eviction_201_ok.json")).status(201)
            }
            ("DELETE", path, _) => {
                let before = cluster.nodes.len();
                let name = path.rsplit('/').next().unwrap_or_default().to_owned();
                cluster.nodes.retain(|node| node["metadata"]["name"] != name.as_str());
                match before == cluster.nodes.len() {
                    true => not_found(),
                    false => Reply::json(json!({"kind": "Status", "status": "Success"}).to_string()),
                }
            }
            _ => not_found(),
        }
    })
    .await
}

/// A server and an agent of cluster `prod`, both instances with nodes.
async fn seeded(account: &Account) -> (Vec<String>, Arc<Mutex<Cluster>>) {
    let seed = Seed::new(account, REGION);
    let image = seed.image().await;
    let mut ids = vec![];
    for role in ["server", "agent"] {
        let name = format!("prod-{role}");
        let tags = [
            ("Name", name.as_str()),
            ("k3fleet:cluster", "prod"),
            ("k3fleet:role", role),
        ];
        ids.extend(seed.lone(1, &image, false, &tags).await);
    }
    let mut agent = node("agent-1", &ids[1], true);
    if let Some(labels) = agent["metadata"]["labels"].as_object_mut() {
        labels.retain(|key, _| !key.starts_with("node-role"));
    }
    let cluster = Cluster {
        nodes: vec![node("server-1", &ids[0], true), agent],
        pods: vec![
            pod("web-1", "agent-1", "ReplicaSet"),
            pod("logs-1", "agent-1", "DaemonSet"),
            pod("web-2", "server-1", "ReplicaSet"),
        ],
    };
    (ids, Arc::new(Mutex::new(cluster)))
}

#[tokio::test]
async fn a_machine_is_removed_from_aws_and_kubernetes_and_nothing_is_left_behind() {
    let Some(account) = moto::account("700000000004").await else {
        return;
    };
    let (ids, cluster) = seeded(&account).await;
    let server = api_server(Arc::clone(&cluster)).await;
    let home = tempfile::tempdir().expect("a directory");
    let vars = environment(&account, &write_kubeconfig(home.path(), &server.url()));
    let output = k3fleet(home.path(), &vars, &["remove", "agent-1", "--yes", "-o", "json"]).await;
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{told}");
    let result: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(result["state"], "done", "{told}");

    let changes = server.requests();
    let changes: Vec<_> = changes
        .iter()
        .filter(|request| request.method != "GET")
        .map(|request| (request.method.as_str(), request.path().to_owned()))
        .collect();
    assert_eq!(
        changes,
        [
            ("PATCH", "/api/v1/nodes/agent-1".to_owned()),
            ("POST", "/api/v1/namespaces/shop/pods/web-1/eviction".to_owned()),
            ("DELETE", "/api/v1/nodes/agent-1".to_owned()),
        ],
        "cordoned, its one pod evicted, the DaemonSet's left alone, its node deleted"
    );
    let rows = k3fleet(home.path(), &vars, &["get", "machines", "-o", "json"]).await;
    let rows: Vec<Value> = serde_json::from_slice(&rows.stdout).expect("JSON");
    let left: Vec<_> = rows.iter().map(|row| row["id"].as_str().unwrap_or_default()).collect();
    assert_eq!(left, [ids[0].as_str()], "{rows:#?}");

    // The lock is free again: the next operation gets it.
    let uncordon = k3fleet(home.path(), &vars, &["cordon", "server-1", "--yes"]).await;
    assert_eq!(
        uncordon.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&uncordon.stderr)
    );
    let refused = k3fleet(home.path(), &vars, &["remove", "server-1", "--yes"]).await;
    assert_eq!(
        refused.status.code(),
        Some(3),
        "{}",
        String::from_utf8_lossy(&refused.stderr)
    );
}
