//! What tests stand on in which the real program makes clusters on the fake AWS: an account, an API server whose nodes are
//! the account's running instances, and the directory of an operator.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_secretsmanager::config::{BehaviorVersion, Credentials, Region};
use k3fleet::provider::aws::AwsCloud;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

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

/// How the program ended, and what it printed.
pub(super) struct Ran {
    pub(super) code: Option<i32>,
    pub(super) printed: String,
    /// On its standard error.
    pub(super) told: String,
}

impl Ran {
    /// What it printed, as JSON.
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.printed).unwrap_or_else(|why| panic!("{why}: {}", self.told))
    }

    /// The rows that it printed, as JSON.
    pub(super) fn rows(&self) -> Vec<Value> {
        self.json().as_array().expect("rows").clone()
    }
}

/// What an API server holds.
#[derive(Default)]
pub(super) struct Held {
    nodes: Vec<Value>,
    services: Vec<Value>,
}

impl Held {
    /// Nodes, and nothing else.
    pub(super) fn of(nodes: Vec<Value>) -> Arc<Mutex<Self>> {
        let services = vec![];
        Arc::new(Mutex::new(Self { nodes, services }))
    }
}

/// See the module docs.
pub(super) struct Stand {
    pub(super) account: Account,
    pub(super) cloud: AwsCloud,
    held: Arc<Mutex<Held>>,
    home: tempfile::TempDir,
    vars: Vec<(&'static str, String)>,
    machines: JoinHandle<()>,
    _server: Server,
}

impl Drop for Stand {
    fn drop(&mut self) {
        self.machines.abort();
    }
}

impl Stand {
    /// A stand in the account with this id; `None` where there is no fake AWS.
    pub(super) async fn of(account: &str) -> Option<Self> {
        let account = moto::account(account).await?;
        let held = Arc::<Mutex<Held>>::default();
        let server = api_server(Arc::clone(&held)).await;
        let home = tempfile::tempdir().expect("a directory");
        let config = home.path().join("config.toml");
        std::fs::write(&config, "[poll]\naws = \"5s\"\nkube = \"5s\"\n").expect("a config");
        Some(Self {
            cloud: seen_through(&account, REGION, options()),
            vars: environment(&account, &write_kubeconfig(home.path(), &server.url())),
            machines: tokio::spawn(boot(account.clone(), Arc::clone(&held))),
            account,
            held,
            home,
            _server: server,
        })
    }

    /// Runs the program to its end.
    pub(super) async fn run(&self, args: &[&str]) -> Ran {
        let config = self.home.path().join("config.toml").to_string_lossy().into_owned();
        let args: Vec<_> = ["--config", &config].iter().chain(args).copied().collect();
        let output = k3fleet(self.home.path(), &self.vars, &args).await;
        let [printed, told] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned());
        Ran {
            code: output.status.code(),
            printed,
            told,
        }
    }

    /// The files that the program has written.
    pub(super) fn files(&self) -> Vec<std::path::PathBuf> {
        files(self.home.path())
    }

    /// All that the program has written down.
    pub(super) fn written(&self) -> String {
        let texts = self
            .files()
            .into_iter()
            .map(|file| std::fs::read(file).expect("a file"));
        texts.map(|text| String::from_utf8_lossy(&text).into_owned()).collect()
    }

    /// A Service comes up that has this load balancer, which goes once it is deleted.
    pub(super) fn serve(&self, namespace: &str, name: &str, balancer: &str) {
        let host = format!("{name}.elb.{REGION}.amazonaws.com");
        self.held().services.push(json!({
            "kind": "Service", "apiVersion": "v1",
            "metadata": {"namespace": namespace, "name": name, "annotations": {"arn": balancer}},
            "spec": {"type": "LoadBalancer"},
            "status": {"loadBalancer": {"ingress": [{"hostname": host}]}},
        }));
    }

    /// The names of its Services.
    pub(super) fn services(&self) -> Vec<String> {
        let held = self.held();
        let names = held.services.iter().map(|one| one["metadata"]["name"].to_string());
        names.collect()
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Held> {
        self.held.lock().expect("nobody panicked")
    }
}

/// An API server that is K3s, and holds this.
pub(super) async fn api_server(held: Arc<Mutex<Held>>) -> Server {
    Server::start(move |request: &Request| {
        let mut held = held.lock().expect("nobody panicked");
        let list = |kind: &str, items: &[Value]| {
            let metadata = json!({"resourceVersion": "9"});
            Reply::json(json!({"kind": kind, "apiVersion": "v1", "metadata": metadata, "items": items}).to_string())
        };
        let refused =
            |code: u16| Reply::json(json!({"kind": "Status", "code": code, "message": "no"}).to_string()).status(code);
        let service = request.path().strip_prefix("/api/v1/namespaces/demo/services/");
        match (request.method.as_str(), request.path(), request.query("watch")) {
            (_, "/version", _) => Reply::json(json!({"gitVersion": "v1.36.4+k3s1"}).to_string()),
            (_, _, Some(_)) => refused(400),
            ("GET", "/api/v1/nodes", _) => list("NodeList", &held.nodes),
            ("GET", "/api/v1/pods", _) => list("PodList", &[]),
            ("GET", "/apis/networking.k8s.io/v1/ingresses", _) => list("IngressList", &[]),
            ("GET", "/api/v1/services", _) => list("ServiceList", &held.services),
            ("DELETE", ..) => {
                let named = |one: &&mut Value| service.is_some_and(|name| one["metadata"]["name"] == name);
                match held.services.iter_mut().find(named) {
                    Some(one) => {
                        one["metadata"]["deletionTimestamp"] = json!("2026-11-22T12:00:00Z");
                        Reply::json(one.to_string())
                    }
                    None => refused(404),
                }
            }
            _ => refused(404),
        }
    })
    .await
}

/// Lets the machines of an account come up, for ever: each that runs has a ready node, the server writes its secret, and the
/// load balancers of Services that are deleted go before them.
async fn boot(account: Account, held: Arc<Mutex<Held>>) {
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
        let ending: Vec<_> = {
            let mut held = held.lock().expect("nobody panicked");
            held.nodes = up;
            let ends = |one: &&Value| one["metadata"]["deletionTimestamp"].is_string();
            held.services.iter().filter(ends).cloned().collect()
        };
        for service in ending {
            let arn = service["metadata"]["annotations"]["arn"]
                .as_str()
                .expect("its balancer");
            let form = format!("Action=DeleteLoadBalancer&Version=2015-12-01&LoadBalancerArn={arn}");
            account.ask(REGION, "elasticloadbalancing", "POST", "/", &form).await;
            let name = &service["metadata"]["name"];
            let mut held = held.lock().expect("nobody panicked");
            held.services.retain(|one| one["metadata"]["name"] != *name);
        }
    }
}

fn files(directory: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(directory).expect("a directory");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths
        .flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] })
        .collect()
}
