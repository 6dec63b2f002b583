//! The live Kubernetes adapter: one API server through one kube context.
//!
//! [`contexts`] says which contexts of the kubeconfig are used, [`connect`] makes a [`KubeApi`] of one. Nothing is
//! read or run before the first call: a context whose credential plugin hangs, or whose server is dead, costs the
//! others nothing. A call goes down through `link` (client, deadlines), its body up through [`decode`] into the
//! fleet's types; `watch` makes an endless stream of changes of lists and watches; `control` changes things, by `tokens` and
//! `authority` where machines join; what goes wrong is put into words in `error` alone.

mod authority;
mod context;
mod control;
pub mod decode;
mod error;
pub(super) mod file;
pub mod kubeconfig;
mod link;
mod list;
pub mod merge;
mod pace;
pub(super) mod page;
pub(super) mod plain;
mod proxy;
mod snapshots;
mod tokens;
pub mod tunnel;
mod watch;

use std::sync::Arc;

use async_trait::async_trait;
use http::Request;
use smol_str::SmolStr;

pub use context::{Choice, Contexts, KubeContext, contexts, files, same_server};
pub use pace::Pace;

use self::error::{Call, Trouble};
use self::link::Link;
use super::{BootstrapToken, Kube, ProviderError, Result, Snapshot, WatchStream};
use crate::fleet::{ContextId, FaultKind, KubeServer, Node, NodeUsage, Pod};

/// The slices that belong to the service of the API servers.
const SLICES: &str = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices?\
                      labelSelector=kubernetes.io%2Fservice-name%3Dkubernetes";

/// An API server, reached through one kube context.
#[derive(Clone)]
pub struct KubeApi {
    link: Arc<Link>,
}

/// Makes ready to call a context's API server. Its credentials are read, and its plugin is run, at the first call.
pub fn connect(context: KubeContext) -> KubeApi {
    KubeApi::new(context, Pace::default())
}

impl KubeApi {
    /// The same with deadlines and pauses of one's own.
    pub fn new(context: KubeContext, pace: Pace) -> Self {
        Self {
            link: Arc::new(Link::new(context, pace)),
        }
    }

    /// The body of a call that is answered whole.
    async fn get(&self, call: Call, path: &str) -> std::result::Result<Vec<u8>, Trouble> {
        let request = Request::get(path)
            .body(Vec::new())
            .map_err(|e| Trouble::from(kube::Error::HttpError(e)));
        let mut body = Vec::new();
        self.link.read(call, request?, &mut body).await?;
        Ok(body)
    }

    fn explain(&self, call: Call, trouble: Trouble) -> ProviderError {
        error::explain(trouble, call, self.link.context())
    }
}

#[async_trait]
impl Kube for KubeApi {
    fn context(&self) -> &ContextId {
        &self.link.context().id
    }

    async fn server(&self) -> Result<KubeServer> {
        let call = Call::new("get", "", "/version");
        let body = self.get(call, "/version").await;
        let version = body.and_then(|body| Ok(decode::version(&body)?));
        Ok(KubeServer {
            context: self.context().clone(),
            version: version.map_err(|trouble| self.explain(call, trouble))?,
            endpoint: self.link.context().endpoint.clone(),
        })
    }

    fn nodes(&self) -> WatchStream<Node> {
        watch::watch(Arc::clone(&self.link))
    }

    fn pods(&self) -> WatchStream<Pod> {
        watch::watch(Arc::clone(&self.link))
    }

    async fn list_nodes(&self) -> Result<Vec<Node>> {
        list::all(&self.link, None).await
    }

    async fn list_pods(&self) -> Result<Vec<Pod>> {
        list::all(&self.link, None).await
    }

    async fn usage(&self) -> Result<Vec<NodeUsage>> {
        let call = Call::new("list", "metrics.k8s.io", "nodes");
        let body = self.get(call, "/apis/metrics.k8s.io/v1beta1/nodes").await;
        let usage = body.and_then(|body| Ok(decode::usage(&body, self.context())?));
        usage.map_err(|trouble| {
            let absent = matches!(&trouble, Trouble::Refused(no) if matches!(no.code, 404 | 503));
            let mut error = self.explain(call, trouble);
            if absent {
                error.kind = FaultKind::Unsupported;
                error.mend = "metrics-server is off or not ready; K3s brings it unless started with \
                              --disable metrics-server"
                    .into();
            }
            error
        })
    }

    async fn api_addresses(&self) -> Result<Vec<SmolStr>> {
        let call = Call::new("get", "", "endpoints").within("default");
        let body = self.get(call, "/api/v1/namespaces/default/endpoints/kubernetes").await;
        let found = body.and_then(|body| Ok(decode::endpoints(&body)?));
        let found = match found {
            Err(trouble) if trouble.code() == Some(404) => {
                let slices = Call::new("list", "discovery.k8s.io", "endpointslices").within("default");
                let body = self.get(slices, SLICES).await;
                let found = body.and_then(|body| Ok(decode::endpoint_slices(&body)?));
                found.map_err(|trouble| self.explain(slices, trouble))?
            }
            found => found.map_err(|trouble| self.explain(call, trouble))?,
        };
        Ok(found)
    }

    async fn bootstrap_tokens(&self) -> Result<Vec<BootstrapToken>> {
        self.tokens().await
    }

    async fn snapshots(&self) -> Result<Vec<Snapshot>> {
        self.etcd_snapshots().await
    }
}
