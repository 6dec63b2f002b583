//! What is changed in a cluster: nodes are cordoned, marked and deleted, pods are evicted and deleted, machines get tokens
//! to join by.
//!
//! A call is made once; whoever asked decides whether to make it again. That something is gone already is believed
//! only of an API server's own word, for what stands before one may answer 404 to everything.

use async_trait::async_trait;
use http::header::CONTENT_TYPE;
use http::{Method, Request};
use serde_json::{Value, json};
use smol_str::{SmolStr, format_smolstr};

use super::decode::{self, Ingress, Refusal, Service};
use super::error::{Call, Trouble};
use super::tokens::{self, NAMESPACE};
use super::{KubeApi, authority, list};
use crate::fleet::ContextId;
use crate::provider::{BootstrapOrder, BoundPod, Eviction, KubeControl, Marks, Result};

const PATCH_NODE: Call = Call::new("patch", "", "nodes");
const DELETE_NODE: Call = Call::new("delete", "", "nodes");
const LIST_PODS: Call = Call::new("list", "", "pods");
const EVICT: Call = Call::new("create", "", "pods/eviction");
const DELETE_POD: Call = Call::new("delete", "", "pods");
const DELETE_SERVICE: Call = Call::new("delete", "", "services");
const DELETE_INGRESS: Call = Call::new("delete", "networking.k8s.io", "ingresses");
/// K3s serves it to everybody.
const CACERTS: Call = Call::new("get", "", "/cacerts");

pub(super) const JSON: &str = "application/json";
const PATCH: &str = "application/strategic-merge-patch+json";

/// No object of Kubernetes has a longer name.
const LONGEST: usize = 253;

type Tried<T> = std::result::Result<T, Trouble>;

#[async_trait]
impl KubeControl for KubeApi {
    fn context(&self) -> &ContextId {
        &self.link.context().id
    }

    async fn set_schedulable(&self, node: &str, on: bool) -> Result<()> {
        let patched = async {
            let path = node_path(node)?;
            let patch = json!({"spec": {"unschedulable": !on}});
            self.change(PATCH_NODE, Method::PATCH, &path, PATCH, &patch).await
        };
        patched.await.map_err(|trouble| self.explain(PATCH_NODE, trouble))
    }

    async fn pods_on(&self, node: &str) -> Result<Vec<BoundPod>> {
        let node = segment("name of a node", node).map_err(|trouble| self.explain(LIST_PODS, trouble))?;
        list::all(&self.link, Some(&format!("spec.nodeName={node}"))).await
    }

    async fn evict(&self, pod: &BoundPod) -> Result<Eviction> {
        let asked = async {
            let path = format!("{}/eviction", pod_path(pod)?);
            let eviction = json!({
                "apiVersion": "policy/v1",
                "kind": "Eviction",
                "metadata": {"namespace": pod.namespace, "name": pod.name},
                "deleteOptions": {"preconditions": {"uid": uid(pod)?}},
            });
            self.change(EVICT, Method::POST, &path, JSON, &eviction).await
        };
        match asked.await {
            Ok(()) => Ok(Eviction::Accepted),
            Err(Trouble::Refused(no)) if is_gone(&no) || is_another(&no) => Ok(Eviction::Gone),
            Err(Trouble::Refused(no)) if is_held_back(&no) => Ok(Eviction::Blocked(words(&no))),
            Err(trouble) => {
                let contradicted = matches!(&trouble, Trouble::Refused(no) if has_two_budgets(no));
                let mut error = self.explain(EVICT, trouble);
                if contradicted {
                    error.mend = "let no more than one PodDisruptionBudget select the pod".into();
                }
                Err(error)
            }
        }
    }

    async fn delete_pod(&self, pod: &BoundPod) -> Result<()> {
        let deleted = async {
            let path = pod_path(pod)?;
            let options = json!({
                "apiVersion": "v1",
                "kind": "DeleteOptions",
                "preconditions": {"uid": uid(pod)?},
            });
            self.change(DELETE_POD, Method::DELETE, &path, JSON, &options).await
        };
        match deleted.await {
            Err(Trouble::Refused(no)) if is_gone(&no) || is_another(&no) => Ok(()),
            deleted => deleted.map_err(|trouble| self.explain(DELETE_POD, trouble)),
        }
    }

    async fn delete_node(&self, node: &str) -> Result<()> {
        let deleted = async {
            let path = node_path(node)?;
            let options = json!({"apiVersion": "v1", "kind": "DeleteOptions"});
            self.change(DELETE_NODE, Method::DELETE, &path, JSON, &options).await
        };
        self.gone(DELETE_NODE, deleted.await)
    }

    async fn delete_node_password(&self, node: &str) -> Result<()> {
        let deleted = async {
            let name = format!("{}.node-password.k3s", segment("name of a node", node)?);
            let path = format!(
                "/api/v1/namespaces/{NAMESPACE}/secrets/{}",
                segment("name of a secret", &name)?
            );
            let options = json!({"apiVersion": "v1", "kind": "DeleteOptions"});
            self.change(tokens::DELETE, Method::DELETE, &path, JSON, &options).await
        };
        self.gone(tokens::DELETE, deleted.await)
    }

    async fn delete_balancers(&self) -> Result<Vec<SmolStr>> {
        let services = list::all::<Service>(&self.link, None).await?.into_iter();
        let ingresses = list::all::<Ingress>(&self.link, None).await?.into_iter();
        let services = services.map(|one| (DELETE_SERVICE, "Service", "/api/v1", "services", one));
        let ingresses = ingresses.map(|Ingress(one)| {
            let group = "/apis/networking.k8s.io/v1";
            (DELETE_INGRESS, "Ingress", group, "ingresses", one)
        });
        let mut left = vec![];
        for (call, kind, group, resource, one) in services.chain(ingresses).filter(|(.., one)| one.is_at_aws) {
            let (namespace, name) = (&one.namespace, &one.name);
            left.push(format_smolstr!("{kind} {namespace}/{name}"));
            if one.ending {
                continue;
            }
            let deleted = async {
                let namespace = segment("name of a namespace", namespace)?;
                let name = segment("name of an object", name)?;
                let path = format!("{group}/namespaces/{namespace}/{resource}/{name}");
                let options = json!({"apiVersion": "v1", "kind": "DeleteOptions"});
                self.change(call, Method::DELETE, &path, JSON, &options).await
            };
            self.gone(call, deleted.await)?;
        }
        Ok(left)
    }

    async fn mark(&self, node: &str, marks: &Marks) -> Result<()> {
        let patched = async {
            let path = node_path(node)?;
            // An entry that is null is taken away.
            let entries = |marks: &[(SmolStr, Option<SmolStr>)]| -> Value {
                let entries = marks.iter().map(|(key, value)| (key.to_string(), json!(value)));
                Value::Object(entries.collect())
            };
            let patch = json!({"metadata": {
                "labels": entries(&marks.labels),
                "annotations": entries(&marks.annotations),
            }});
            self.change(PATCH_NODE, Method::PATCH, &path, PATCH, &patch).await
        };
        patched.await.map_err(|trouble| self.explain(PATCH_NODE, trouble))
    }

    async fn ca_hash(&self) -> Result<SmolStr> {
        let asked = async {
            if !self.link.is_verified().await? {
                return Err(Trouble::Unverified);
            }
            self.get(CACERTS, "/cacerts").await
        };
        let bundle = asked.await.map_err(|trouble| self.explain(CACERTS, trouble))?;
        authority::hash(&bundle).ok_or_else(|| {
            let no_bundle = serde::de::Error::custom("it holds no certificates");
            let mut error = self.explain(CACERTS, Trouble::Malformed(no_bundle));
            error.mend = "check that the context's server is a server of K3s".into();
            error
        })
    }

    async fn make_bootstrap_token(&self, order: &BootstrapOrder) -> Result<()> {
        self.make_token(order).await
    }

    async fn delete_bootstrap_token(&self, id: &str) -> Result<()> {
        let deleted = self.delete_token(id).await;
        self.gone(tokens::DELETE, deleted)
    }
}

impl KubeApi {
    /// How deleting something ended: what is gone already is deleted.
    fn gone(&self, call: Call, deleted: Tried<()>) -> Result<()> {
        match deleted {
            Err(Trouble::Refused(no)) if is_gone(&no) => Ok(()),
            deleted => deleted.map_err(|trouble| self.explain(call, trouble)),
        }
    }

    /// Asks for a change.
    pub(super) async fn change(&self, call: Call, method: Method, path: &str, kind: &str, body: &Value) -> Tried<()> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(CONTENT_TYPE, kind)
            .body(body.to_string().into_bytes())
            .map_err(|e| Trouble::from(kube::Error::HttpError(e)))?;
        let mut answer = Vec::new();
        self.link.read(call, request, &mut answer).await?;
        decode::answer(&answer)?.map_err(Trouble::Refused)
    }
}

fn node_path(node: &str) -> Tried<String> {
    Ok(format!("/api/v1/nodes/{}", segment("name of a node", node)?))
}

fn pod_path(pod: &BoundPod) -> Tried<String> {
    let namespace = segment("name of a namespace", &pod.namespace)?;
    let name = segment("name of a pod", &pod.name)?;
    Ok(format!("/api/v1/namespaces/{namespace}/pods/{name}"))
}

/// A name that may stand in a path as it is: what Kubernetes allows in names needs no encoding, and nothing else gets
/// through, so that no name leads to another object.
fn segment<'a>(what: &'static str, name: &'a str) -> Tried<&'a str> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = name.as_bytes();
    let ends = [bytes.first(), bytes.last()];
    let valid = bytes.len() <= LONGEST
        && ends.into_iter().all(|end| end.is_some_and(|b| plain(*b)))
        && bytes.iter().all(|b| plain(*b) || matches!(b, b'-' | b'.'));
    valid.then_some(name).ok_or_else(|| Trouble::Misnamed {
        what,
        name: name.to_owned(),
    })
}

/// A pod's uid. None would fit an empty one, and the pod would be taken for gone.
fn uid(pod: &BoundPod) -> Tried<&str> {
    let uid = pod.uid.as_str();
    (!uid.is_empty()).then_some(uid).ok_or_else(|| Trouble::Misnamed {
        what: "uid of a pod",
        name: String::new(),
    })
}

fn is_gone(no: &Refusal) -> bool {
    no.code == 404 && no.reason == "NotFound"
}

/// Whether the object of that name is another one than was meant: the server compares uids.
fn is_another(no: &Refusal) -> bool {
    no.code == 409 && no.reason == "Conflict" && no.message.contains("UID")
}

/// Whether the pod may be evicted later: a budget holds it back, or its namespace is being deleted, and the pod with
/// it, but not yet. Any other 429 is the server asking everybody to slow down.
fn is_held_back(no: &Refusal) -> bool {
    let caused_by = |reason: &str| no.causes.iter().any(|cause| cause.reason == reason);
    match no.code {
        429 => caused_by("DisruptionBudget") || no.message.contains("disruption budget"),
        403 => caused_by("NamespaceTerminating"),
        _ => false,
    }
}

/// What holds a pod back: the causes name the budget, the message does not.
fn words(no: &Refusal) -> SmolStr {
    let causes: Vec<_> = no.causes.iter().map(|cause| cause.message.as_str()).collect();
    let causes = causes.join("; ");
    match (
        causes.is_empty(),
        no.causes.iter().any(|cause| cause.reason == "DisruptionBudget"),
    ) {
        (false, true) => causes.into(),
        _ => no.message.clone(),
    }
}

fn has_two_budgets(no: &Refusal) -> bool {
    no.code == 500 && no.message.contains("more than one PodDisruptionBudget")
}
