//! The real program launches, scales and destroys a cluster on a moto server, whose machines come up as a test lets them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_secretsmanager::config::{BehaviorVersion, Credentials, Region};
use k3fleet::provider::{Cloud, CloudControl};
use serde_json::{Value, json};

use super::{REGION, environment, k3fleet, node, write_kubeconfig};
use crate::aws::moto::seen_through;
use crate::aws::options;
use crate::aws::seed::Seed;
use crate::support::http::{Reply, Request, Server};
use crate::support::moto::{self, Account};

/// As K3s writes it.
const KUBECONFIG: &str = "apiVersion: v1\nkind: Config\ncurrent-context: default\nclusters:\n- name: default\n  cluster:\n    \
                          server: https://127.0.0.1:6443\ncontexts:\n- name: default\n  context:\n    cluster: default\n    \
                          user: default\nusers:\n- name: default\n  user:\n    token: of-the-kubeconfig\n";

pub(super) type Nodes = Arc<Mutex<Vec<Value>>>;

pub(super) async fn api_server(nodes: Nodes) -> Server {
    Server::start(move |request: &Request| {
        let list = |kind: &str, items: &[Value]| {
            let metadata = json!({"resourceVersion": "9"});
            Reply::json(json!({"kind": kind, "apiVersion": "v1", "metadata": metadata, "items": items}).to_string())
        };
        let refused =
            |code: u16| Reply::json(json!({"kind": "Status", "code": code, "message": "no"}).to_string()).status(code);
        match (request.path(), request.query("watch")) {
            ("/version", _) => Reply::json(json!({"gitVersion": "v1.36.4+k3s1"}).to_string()),
            (_, Some(_)) => refused(400),
            ("/api/v1/nodes", _) => list("NodeList", &nodes.lock().expect("nobody panicked")),
            ("/api/v1/pods", _) => list("PodList", &[]),
            _ => refused(404),
        }
    })
    .await
}

/// Lets the machines of an account come up, for ever: each that runs has a ready node, and the server writes its secret.
pub(super) async fn boot(account: Account, nodes: Nodes) {
    let seed = Seed::new(&account, REGION);
    let keys = account.keys.clone();
    let secrets = aws_sdk_secretsmanager::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(Credentials::new(keys.id, keys.secret, keys.session, None, "test"))
        .region(Region::new(REGION))
        .endpoint_url(&account.url);
    let secrets = aws_sdk_secretsmanager::Client::from_conf(secrets.build());
    let mut looks = tokio::time::interval(Duration::from_millis(300));
    loop {
        looks.tick().await;
        let listed = seed.ec2.describe_instances().send().await.expect("instances");
        let all = listed.reservations().iter().flat_map(|one| one.instances());
        let running = all.filter(|one| {
            one.state()
                .and_then(|s| s.name())
                .is_some_and(|s| s.as_str() == "running")
        });
        let mut up = vec![];
        for instance in running {
            let id = instance.instance_id().expect("an id");
            let mut node = node(id, id, true);
            let is_server = instance
                .tags()
                .iter()
                .any(|tag| (tag.key(), tag.value()) == (Some("k3fleet:role"), Some("server")));
            if let Some(labels) = node["metadata"]["labels"].as_object_mut().filter(|_| !is_server) {
                labels.retain(|key, _| !key.starts_with("node-role"));
            }
            if is_server {
                let secret = secrets.put_secret_value().secret_id("k3fleet/shop/kubeconfig");
                secret
                    .secret_string(KUBECONFIG)
                    .send()
                    .await
                    .expect("the secret was made before the server");
            }
            up.push(node);
        }
        *nodes.lock().expect("nobody panicked") = up;
    }
}

#[tokio::test]
async fn a_cluster_is_launched_scaled_and_destroyed_and_nothing_is_left_behind() {
    let Some(account) = moto::account("700000000016").await else {
        return;
    };
    let nodes = Nodes::default();
    let server = api_server(Arc::clone(&nodes)).await;
    let machines = tokio::spawn(boot(account.clone(), nodes));
    let cloud = seen_through(&account, REGION, options());
    let home = tempfile::tempdir().expect("a directory");
    let config = home.path().join("config.toml");
    std::fs::write(&config, "[poll]\naws = \"5s\"\nkube = \"5s\"\n").expect("a config");
    let vars = environment(&account, &write_kubeconfig(home.path(), &server.url()));
    let run = async |args: &[&str]| {
        let config = config.to_string_lossy().into_owned();
        let args: Vec<_> = ["--config", &config].iter().chain(args).copied().collect();
        let output = k3fleet(home.path(), &vars, &args).await;
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        // moto has no price list, and the server it invents no API: what is read without them is read in part.
        let fine: &[i32] = if args.contains(&"get") { &[0, 4] } else { &[0] };
        assert!(
            output.status.code().is_some_and(|code| fine.contains(&code)),
            "{args:?}: {told}"
        );
        (String::from_utf8_lossy(&output.stdout).into_owned(), told)
    };

    let launch = [
        "launch",
        "shop",
        "--workers",
        "2",
        "--type",
        "t4g.small",
        "--image",
        "al2023",
        "--k3s",
        "v1.36.4+k3s1",
        "--from",
        "198.51.100.0/24",
        "--no-ssh",
        "--yes",
    ];
    let (printed, told) = run(&launch).await;
    let token = cloud.parameter("/k3fleet/shop/server-token").await.expect("an answer");
    let token = token.expect("the token is there");
    let (rows, _) = run(&["get", "machines", "-o", "json"]).await;
    let rows: Vec<Value> = serde_json::from_str(&rows).expect("JSON");
    let ready: Vec<_> = rows
        .iter()
        .filter(|row| row["state"] == "Ready" && row["cluster"] == "shop")
        .collect();
    assert_eq!((rows.len(), ready.len()), (3, 3), "{rows:#?}");

    let (kubeconfig, _) = run(&["kubeconfig", "shop", "--print"]).await;
    assert!(
        kubeconfig.contains("current-context: shop") && !kubeconfig.contains("127.0.0.1"),
        "{kubeconfig}"
    );
    // As on another operator's machine, who has only the cluster's tags.
    let kept = files(home.path())
        .into_iter()
        .find(|file| file.ends_with("kubeconfigs/shop"));
    std::fs::remove_file(kept.expect("it is kept")).expect("removed");
    run(&["scale", "shop/workers", "3", "--yes"]).await;
    let made = cloud.resources(Some("shop")).await.expect("resources");
    assert!(made.len() > 10, "{made:#?}");
    let (destroyed, _) = run(&["destroy", "shop", "--yes"]).await;
    assert_eq!(
        cloud.resources(Some("shop")).await.expect("resources"),
        [],
        "{destroyed}"
    );
    assert_eq!(cloud.parameter("/k3fleet/shop/lock").await.expect("an answer"), None);

    // What was secret is in nothing that was said or written down.
    let mut written = String::new();
    for file in files(home.path()) {
        written += &String::from_utf8_lossy(&std::fs::read(file).expect("a file"));
    }
    assert!(written.contains("launch"), "the journals are there");
    for text in [&printed, &told, &written] {
        assert!(!text.contains(&token) && !text.contains("of-the-kubeconfig"));
    }
    machines.abort();
}

pub(super) fn files(directory: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(directory).expect("a directory");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths
        .flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] })
        .collect()
}
