//! API servers as the program and kubectl call them: recorded nodes and pods, each under a name of its own. A context
//! of the kubeconfig is a path; all are served at one address.

use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::fleet::{CLUSTER, Machine};
use crate::http::{Reply, Request, Stream, serve};

const RECORDED_NODES: &str = include_str!("../../tests/fixtures/kube/watch_list_stream.jsonl");
const RECORDED_PODS: &str = include_str!("../../tests/fixtures/kube/podlist_of_node.json");
/// When the recorded nodes were heard of last.
const HEARD: &str = "\"lastHeartbeatTime\":\"2026-11-22T06:40:33Z\"";
const READY: &str = "\"type\":\"Ready\",\"status\":\"True\"";
const NOT_READY: &str = "\"type\":\"Ready\",\"status\":\"False\"";
/// A certificate authority as K3s makes one: with it a client does without the machine's own list.
const AUTHORITY: &str = concat!(
    "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUJpRENDQVMyZ0F3SUJBZ0lVRlRmV0dTb2xSenA5dEZIUkFrY3FtbytRODFrd0Nn",
    "WUlLb1pJemowRUF3SXcKR0RFV01CUUdBMVVFQXd3TmF6TnpMWE5sY25abGNpMWpZVEFnRncweU5qRXhNakl4TVRJME5UaGFHQTh5TVRJ",
    "MgpNVEF5T1RFeE1qUTFPRm93R0RFV01CUUdBMVVFQXd3TmF6TnpMWE5sY25abGNpMWpZVEJaTUJNR0J5cUdTTTQ5CkFnRUdDQ3FHU000",
    "OUF3RUhBMElBQkNzTllvbnp2T1RMR1lDZGEzMm45aUxubnFJZ3NXaVorQVh4VHdHVytxNSsKRlNwUzNPRFlMTEV0NTgyc05HVVV4U0xR",
    "eklvNHpWMmJNZy8rQWZheXJibWpVekJSTUIwR0ExVWREZ1FXQkJTdAp2VVRqMlRkVDdrbGQ5eFNLQjR3U0lDUFNlekFmQmdOVkhTTUVH",
    "REFXZ0JTdHZVVGoyVGRUN2tsZDl4U0tCNHdTCklDUFNlekFQQmdOVkhSTUJBZjhFQlRBREFRSC9NQW9HQ0NxR1NNNDlCQU1DQTBrQU1F",
    "WUNJUUQ2OEp2NFJzMjAKMXFzUStHc0lsbVNFMHV2QjZsWE9hYS8xTHNBU1ltdG9aUUloQUorRWxldGl1c1c3NlBNSWxidUUxU094dFZW",
    "eAo2TFZtNzlXL0xXb2U3WDZNCi0tLS0tRU5EIENFUlRJRklDQVRFLS0tLS0K",
);
/// The pause between two looks at what a watch has to tell.
const STEP: Duration = Duration::from_millis(50);
/// The pause between two objects of a listing that is streamed: about 70 Mbit/s. All at once, as only a loopback can,
/// would measure the HTTP library's buffers.
const PACE: Duration = Duration::from_millis(1);
/// How often a server says that a watch lives.
const BOOKMARK: Duration = Duration::from_mins(1);

/// What the watches of nodes tell, all together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Traffic {
    /// Nothing but bookmarks.
    None,
    /// 200 nodes a second were heard of, and nothing has changed.
    Heartbeats,
    /// 200 nodes a second became ready or unready.
    Changes,
}

/// Updates of nodes in a second.
pub(crate) const UPDATES: u32 = 200;

/// The clusters and what happens there.
pub(crate) struct Clusters {
    /// `http://address`.
    url: String,
    count: usize,
    traffic: Arc<AtomicU8>,
}

/// One cluster's objects as they are written, `"kind"` first.
struct Cluster {
    nodes: Vec<String>,
    pods: Vec<String>,
}

impl Clusters {
    /// Serves the nodes of so many machines in clusters, each node with so many pods.
    pub(crate) fn start(machines: usize, per_cluster: usize, pods: usize) -> io::Result<Self> {
        let clusters: Arc<[Cluster]> = (0..machines)
            .step_by(per_cluster)
            .map(|first| Cluster::of(first..machines.min(first + per_cluster), pods))
            .collect();
        let traffic = Arc::new(AtomicU8::new(Traffic::None as u8));
        let (count, heard) = (clusters.len(), Arc::clone(&traffic));
        let address = serve(move |request| {
            let named = request.path().strip_prefix("/c").and_then(|rest| rest.split_once('/'));
            let found = named.and_then(|(n, path)| Some((n.parse::<usize>().ok()?, path)));
            match found {
                Some((n, path)) if n < clusters.len() => answer(&clusters, n, path, request, &heard),
                _ => Reply::missing(),
            }
        })?;
        Ok(Self {
            url: format!("http://{address}"),
            count,
            traffic,
        })
    }

    /// From now on this happens.
    pub(crate) fn happens(&self, traffic: Traffic) {
        self.traffic.store(traffic as u8, Ordering::Relaxed);
    }

    /// A kubeconfig with a context for each cluster.
    pub(crate) fn kubeconfig(&self) -> String {
        let numbers = || 0..self.count;
        let clusters: Vec<Value> = numbers()
            .map(|n| {
                json!({"name": name(n), "cluster": {
                "server": format!("{}/c{n}", self.url), "certificate-authority-data": AUTHORITY}})
            })
            .collect();
        let contexts: Vec<Value> = numbers()
            .map(|n| json!({"name": name(n), "context": {"cluster": name(n), "user": "op"}}))
            .collect();
        json!({
            "apiVersion": "v1", "kind": "Config", "current-context": name(0),
            "clusters": clusters, "contexts": contexts, "users": [{"name": "op", "user": {"token": "t"}}],
        })
        .to_string()
    }

    /// The bytes of JSON that one list of all nodes is.
    pub(crate) fn describe(machines: usize) -> String {
        let bytes: usize = (0..machines).map(|n| node(Machine(n)).len() + 1).sum();
        format!("{machines} nodes, {:.1} MB of JSON", bytes as f64 / 1e6)
    }
}

fn name(n: usize) -> String {
    format!("{}-admin", Machine(n * CLUSTER).cluster())
}

impl Cluster {
    fn of(machines: Range<usize>, pods: usize) -> Self {
        Self {
            nodes: machines.clone().map(|n| node(Machine(n))).collect(),
            pods: machines
                .flat_map(|n| (0..pods).map(move |p| pod(Machine(n), p)))
                .collect(),
        }
    }
}

/// The recorded server or agent, named and addressed anew.
fn node(m: Machine) -> String {
    let (line, name, ip) = if m.is_server() {
        (1, "k3s-server-04", "10.20.0.5")
    } else {
        (0, "k3s-agent-edge-00005", "10.20.0.7")
    };
    let line = RECORDED_NODES.lines().nth(line).unwrap_or_default();
    let object = line.strip_prefix("{\"type\":\"ADDED\",\"object\":");
    let object = object.and_then(|o| o.strip_suffix('}')).unwrap_or_default();
    object
        .replace(&format!("k3s://{name}"), &m.provider_id())
        .replace(name, &m.node())
        .replace(&format!("\"{ip}\""), &format!("\"{}\"", m.ip()))
}

/// A recorded pod on that node.
fn pod(m: Machine, p: usize) -> String {
    let list: Value = serde_json::from_str(RECORDED_PODS).unwrap_or_default();
    let mut pod = list["items"][0].clone();
    pod["metadata"]["name"] = json!(format!("checkout-api-ccb5de5a4-{:05}-{p}", m.0));
    pod["spec"]["nodeName"] = json!(m.node());
    pod["kind"] = json!("Pod");
    pod["apiVersion"] = json!("v1");
    pod.to_string()
}

fn answer(clusters: &Arc<[Cluster]>, n: usize, path: &str, request: &Request, traffic: &Arc<AtomicU8>) -> Reply {
    let Some(cluster) = clusters.get(n) else {
        return Reply::missing();
    };
    let is_watch = matches!(request.query("watch"), Some("true" | "1"));
    match path {
        "version" => Reply::json(json!({"gitVersion": "v1.36.2+k3s1"}).to_string().into_bytes()),
        "api/v1/nodes" | "api/v1/pods" if is_watch => Reply::Chunks(watch(clusters, n, path, request, traffic)),
        "api/v1/nodes" if request.accept.contains("as=Table") => page(request, &cluster.nodes, Form::Table),
        "api/v1/nodes" => page(request, &cluster.nodes, Form::List("Node")),
        "api/v1/pods" => page(request, &cluster.pods, Form::List("Pod")),
        "apis/metrics.k8s.io/v1beta1/nodes" => usage(&cluster.nodes),
        "api" => Reply::json(
            json!({"kind": "APIVersions", "versions": ["v1"]})
                .to_string()
                .into_bytes(),
        ),
        "apis" => Reply::json(
            json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": []})
                .to_string()
                .into_bytes(),
        ),
        "api/v1" => Reply::json(resources().to_string().into_bytes()),
        _ => Reply::missing(),
    }
}

fn resources() -> Value {
    let verbs = json!(["get", "list", "watch"]);
    json!({"kind": "APIResourceList", "groupVersion": "v1", "resources": [
        {"name": "nodes", "singularName": "node", "namespaced": false, "kind": "Node", "verbs": verbs, "shortNames": ["no"]},
    ]})
}

enum Form {
    /// Whole objects of a kind.
    List(&'static str),
    /// What kubectl prints of nodes, with each node's metadata, as servers send it.
    Table,
}

/// A page of a list, as many as `limit` says.
fn page(request: &Request, objects: &[String], form: Form) -> Reply {
    let number = |name| request.query(name).and_then(|text| text.parse::<usize>().ok());
    let first = number("continue").unwrap_or(0).min(objects.len());
    let limit = number("limit").filter(|n| *n > 0).unwrap_or(objects.len());
    let last = objects.len().min(first.saturating_add(limit));
    let shown = objects.get(first..last).unwrap_or_default();
    let next = if last < objects.len() {
        last.to_string()
    } else {
        String::new()
    };
    let meta = json!({"resourceVersion": "211", "continue": next});
    let body = match form {
        Form::List(kind) => {
            let items = shown.join(",");
            format!("{{\"kind\":\"{kind}List\",\"apiVersion\":\"v1\",\"metadata\":{meta},\"items\":[{items}]}}")
        }
        Form::Table => {
            let titles = ["Name", "Status", "Roles", "Age", "Version"].map(column(0));
            let wide = [
                "Internal-IP",
                "External-IP",
                "OS-Image",
                "Kernel-Version",
                "Container-Runtime",
            ]
            .map(column(1));
            let columns = json!([titles.as_slice(), wide.as_slice()].concat());
            let rows: Vec<String> = shown.iter().map(|object| row(object)).collect();
            format!(
                "{{\"kind\":\"Table\",\"apiVersion\":\"meta.k8s.io/v1\",\"metadata\":{meta},\"columnDefinitions\":{columns},\
                 \"rows\":[{}]}}",
                rows.join(",")
            )
        }
    };
    Reply::json(body.into_bytes())
}

fn column(priority: u8) -> impl Fn(&str) -> Value {
    move |name| json!({"name": name, "type": "string", "format": "", "description": name, "priority": priority})
}

/// What a server says of a node in a table: ten cells and the object's metadata.
fn row(object: &str) -> String {
    let field = |name: &str| between(object, &format!("\"{name}\":\""), "\"").unwrap_or_default();
    let metadata = between(object, "\"metadata\":", ",\"spec\":").unwrap_or("{}");
    let cells = json!([
        field("name"),
        "Ready",
        "<none>",
        "54d",
        field("kubeletVersion"),
        field("address"),
        "203.0.0.7",
        field("osImage"),
        field("kernelVersion"),
        field("containerRuntimeVersion"),
    ]);
    format!(
        "{{\"cells\":{cells},\"object\":{{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":\"meta.k8s.io/v1\",\
         \"metadata\":{metadata}}}}}"
    )
}

fn between<'t>(text: &'t str, start: &str, end: &str) -> Option<&'t str> {
    Some(text.split_once(start)?.1.split_once(end)?.0)
}

fn usage(nodes: &[String]) -> Reply {
    let items: Vec<Value> = nodes
        .iter()
        .map(|object| {
            json!({
                "metadata": {"name": between(object, "\"name\":\"", "\"")}, "timestamp": "2026-11-22T06:40:51Z",
                "window": "10.045s", "usage": {"cpu": "153410512n", "memory": "1208956Ki"},
            })
        })
        .collect();
    let list =
        json!({"kind": "NodeMetricsList", "apiVersion": "metrics.k8s.io/v1beta1", "metadata": {}, "items": items});
    Reply::json(list.to_string().into_bytes())
}

/// A watch, that begins with what there is when it shall, and ends when its time is over.
fn watch(clusters: &Arc<[Cluster]>, n: usize, path: &str, request: &Request, traffic: &Arc<AtomicU8>) -> Stream {
    let (clusters, traffic) = (Arc::clone(clusters), Arc::clone(traffic));
    let is_nodes = path.ends_with("nodes");
    let kind = if is_nodes { "Node" } else { "Pod" };
    let streaming = request.query("sendInitialEvents") == Some("true");
    let seconds = request.query("timeoutSeconds").and_then(|text| text.parse().ok());
    let end = Instant::now() + Duration::from_secs(seconds.unwrap_or(300));
    let rate = f64::from(UPDATES) / clusters.len() as f64;
    Box::new(move |send| {
        let Some(cluster) = clusters.get(n) else { return Ok(()) };
        let objects = if is_nodes { &cluster.nodes } else { &cluster.pods };
        if streaming {
            for object in objects {
                std::thread::sleep(PACE);
                send(event("ADDED", object).as_bytes())?;
            }
            send(bookmark(kind, true).as_bytes())?;
        }
        let (mut step, mut due, mut marked) = (0_usize, 0.0, Instant::now());
        while Instant::now() < end {
            std::thread::sleep(STEP);
            if marked.elapsed() >= BOOKMARK {
                marked = Instant::now();
                send(bookmark(kind, false).as_bytes())?;
            }
            let happens = traffic.load(Ordering::Relaxed);
            if !is_nodes || happens == Traffic::None as u8 {
                continue;
            }
            due += STEP.as_secs_f64() * rate;
            while due >= 1.0 {
                due -= 1.0;
                step += 1;
                send(update(objects, step, happens == Traffic::Changes as u8).as_bytes())?;
            }
        }
        Ok(())
    })
}

fn event(kind: &str, object: &str) -> String {
    format!("{{\"type\":\"{kind}\",\"object\":{object}}}\n")
}

fn bookmark(kind: &str, listed: bool) -> String {
    let mut metadata = json!({"resourceVersion": "215"});
    if listed {
        metadata["annotations"] = json!({"k8s.io/initial-events-end": "true"});
    }
    let object = json!({"kind": kind, "apiVersion": "v1", "metadata": metadata});
    event("BOOKMARK", &object.to_string())
}

/// The next update of a cluster's nodes: of each in turn. When they change, one becomes unready and then the one
/// that did so five updates before becomes ready again.
fn update(nodes: &[String], step: usize, changes: bool) -> String {
    let count = nodes.len().max(1);
    let (n, ready) = match changes {
        true if step.is_multiple_of(2) => ((step / 2) % count, false),
        true => ((step / 2 + count - 5 % count) % count, true),
        false => (step % count, true),
    };
    let heard = format!(
        "\"lastHeartbeatTime\":\"2026-11-22T07:{:02}:{:02}Z\"",
        step / 60 % 60,
        step % 60
    );
    let object = nodes.get(n).map_or("", String::as_str).replace(HEARD, &heard);
    let object = if ready {
        object
    } else {
        object.replace(READY, NOT_READY)
    };
    event("MODIFIED", &object)
}
