//! The simulated API servers: one cluster of the world each, with watches that behave like real ones.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use futures::StreamExt;
use jiff::{SignedDuration, Timestamp};
use smol_str::{SmolStr, format_smolstr};

use super::clock::later;
use super::fault::{Target, error};
use super::noise::{hash, wave};
use super::scenario::FaultSort;
use super::state::{Cluster, ClusterNo, SimNode, SimPod, State};
use super::store::Store;
use super::world::World;
use crate::blueprint::API_PORT;
use crate::fleet::{ContextId, FaultKind, KubeServer, Node, NodeUsage, Pod, Readiness, Role};
use crate::provider::{BootstrapToken, Change, Kube, ProviderError, Result, Snapshot, WatchStream};

/// A quiet watch says that it is alive this often (world time).
const BOOKMARK: SignedDuration = SignedDuration::from_secs(30);
/// A failed watch is tried again after that long (world time).
const RETRY: SignedDuration = SignedDuration::from_secs(10);

/// One cluster, through its context.
#[derive(Clone, Debug)]
pub(super) struct SimKube {
    world: Arc<World>,
    cluster: ClusterNo,
    context: ContextId,
    target: Target,
}

impl SimKube {
    pub(super) fn new(world: Arc<World>, cluster: ClusterNo, context: ContextId) -> Self {
        let target = Target::Context(SmolStr::new(context.as_str()));
        Self {
            world,
            cluster,
            context,
            target,
        }
    }

    async fn call<R>(&self, call: &str, answer: impl FnOnce(&State, &Cluster) -> R) -> Result<R> {
        let answer = |s: &State| match s.clusters.get(self.cluster) {
            Some(cluster) if s.api_up(self.cluster) => Ok(answer(s, cluster)),
            _ => Err(error(FaultSort::Dead, &self.target, call)),
        };
        self.world.call(&self.target, call, answer).await?
    }

    fn watch<S: 'static, T: Send + 'static>(
        &self,
        call: &'static str,
        store: fn(&Cluster) -> &Store<S>,
        show: fn(&S) -> T,
    ) -> WatchStream<T> {
        let watch = Watch {
            kube: self.clone(),
            call,
            store,
            show,
            seen: None,
            heard_at: Timestamp::MIN,
            buffer: VecDeque::new(),
        };
        futures::stream::unfold(watch, |mut watch| async {
            let next = watch.next().await;
            Some((next, watch))
        })
        .boxed()
    }
}

#[async_trait]
impl Kube for SimKube {
    fn context(&self) -> &ContextId {
        &self.context
    }

    async fn server(&self) -> Result<KubeServer> {
        self.call("get /version", |s, c| {
            let mut servers = c.nodes.iter().filter(|(_, n)| n.node.role == Role::Server);
            let version = servers.find(|(_, n)| s.posts(n)).map(|(_, n)| n.node.version.clone());
            let ip = s.advertised(self.cluster).into_iter().next();
            KubeServer {
                context: self.context.clone(),
                version: version.unwrap_or_else(|| c.spec.k3s.clone()),
                endpoint: ip.map_or_else(SmolStr::default, |ip| format_smolstr!("https://{ip}:{API_PORT}")),
            }
        })
        .await
    }

    fn nodes(&self) -> WatchStream<Node> {
        self.watch("watch nodes", |c| &c.nodes, |n: &SimNode| n.node.clone())
    }

    fn pods(&self) -> WatchStream<Pod> {
        self.watch("watch pods", |c| &c.pods, |p: &SimPod| p.pod.clone())
    }

    async fn list_nodes(&self) -> Result<Vec<Node>> {
        self.call("list nodes", |_, c| {
            c.nodes.iter().map(|(_, n)| n.node.clone()).collect()
        })
        .await
    }

    async fn list_pods(&self) -> Result<Vec<Pod>> {
        self.call("list pods", |_, c| c.pods.iter().map(|(_, p)| p.pod.clone()).collect())
            .await
    }

    async fn usage(&self) -> Result<Vec<NodeUsage>> {
        let call = "list nodes.metrics.k8s.io";
        let used = self.call(call, |s, c| {
            let ready = c.nodes.iter().filter(|(_, n)| n.node.ready == Readiness::Ready);
            c.has("metrics-server")
                .then(|| ready.map(|(_, n)| usage(s, n)).collect())
        });
        used.await?.ok_or_else(|| ProviderError {
            kind: FaultKind::Unsupported,
            call: call.into(),
            target: self.target.name().clone(),
            message: "404 page not found".into(),
            mend: "the cluster was launched without metrics-server".into(),
        })
    }

    async fn api_addresses(&self) -> Result<Vec<SmolStr>> {
        self.call("get endpointslices", |s, _| {
            let all = s.advertised(self.cluster).into_iter();
            all.map(|ip| format_smolstr!("{}", SocketAddr::new(ip, API_PORT)))
                .collect()
        })
        .await
    }

    async fn bootstrap_tokens(&self) -> Result<Vec<BootstrapToken>> {
        self.call("list secrets", |s, _| s.bootstrap_tokens(self.cluster)).await
    }

    async fn snapshots(&self) -> Result<Vec<Snapshot>> {
        self.call("list etcdsnapshotfiles", |s, _| s.snapshots(self.cluster))
            .await
    }
}

/// What a node uses: the machine's own needs, and a wandering part of what its pods request.
fn usage(state: &State, node: &SimNode) -> NodeUsage {
    // metrics-server scrapes every 15 s.
    let t = state.now.as_second().div_euclid(15) * 15;
    #[expect(clippy::cast_precision_loss, reason = "seconds of this millennium")]
    let t = t as f64;
    let key = hash(state.seed, &["usage", &node.node.key.name]);
    let busy = 0.8 + 0.45 * wave(key, t, 240.0) + 0.2 * wave(key ^ 1, t, 45.0);
    let full = 0.85 + 0.12 * wave(key ^ 2, t, 900.0);
    let own = if node.node.role == Role::Server {
        (0.11, 0.28)
    } else {
        (0.03, 0.11)
    };
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "far below 2^53"
    )]
    let part =
        |requested: u64, of: u64, busy: f64, own: f64| ((requested as f64 * busy + of as f64 * own) as u64).min(of);
    let (requested, all) = (node.requested, node.node.allocatable);
    NodeUsage {
        node: node.node.key.clone(),
        cpu_milli: part(requested.cpu_milli, all.cpu_milli, busy, own.0),
        memory: part(requested.memory, all.memory, full, own.1),
    }
}

/// One watch: what it has seen, and what it has yet to tell.
struct Watch<S, T> {
    kube: SimKube,
    call: &'static str,
    store: fn(&Cluster) -> &Store<S>,
    show: fn(&S) -> T,
    /// The first change not seen; `None` before the first listing and after an error.
    seen: Option<u64>,
    /// When it last told anything.
    heard_at: Timestamp,
    buffer: VecDeque<Change<T>>,
}

impl<S, T> Watch<S, T> {
    async fn next(&mut self) -> Result<Change<T>> {
        loop {
            if let Some(change) = self.buffer.pop_front() {
                return Ok(change);
            }
            let world = Arc::clone(&self.kube.world);
            match world.look(|s| self.read(s)) {
                Ok(None) if self.buffer.is_empty() => {}
                Ok(None) => continue,
                Ok(Some(slow)) => {
                    world.sleep_until(slow).await;
                    continue;
                }
                Err(None) => {}
                Err(Some(error)) => return Err(*error),
            }
            let rest = if self.seen.is_some() { BOOKMARK } else { RETRY };
            let due = later(self.heard_at, rest);
            let left = world
                .look(|s| due.duration_since(s.now))
                .max(SignedDuration::from_secs(1));
            world.sleep_for_news(self.kube.cluster, left).await;
        }
    }

    /// Takes in what is new. Some time: the answer comes only then. An error is told at most every [`RETRY`].
    fn read(
        &mut self,
        state: &State,
    ) -> std::result::Result<Option<Timestamp>, Option<Box<crate::provider::ProviderError>>> {
        let now = state.now;
        let outcome = state.try_call(&self.kube.target, self.call);
        let cluster = state
            .clusters
            .get(self.kube.cluster)
            .filter(|_| state.api_up(self.kube.cluster));
        let (slow, cluster) = match (outcome, cluster) {
            (Ok(slow), Some(cluster)) => (slow, cluster),
            (failed, _) => {
                let fresh = self.seen.take().is_some() || now >= later(self.heard_at, RETRY);
                if !fresh {
                    return Err(None);
                }
                self.heard_at = now;
                let dead = || error(FaultSort::Dead, &self.kube.target, self.call);
                return Err(Some(Box::new(failed.err().unwrap_or_else(dead))));
            }
        };
        let store = (self.store)(cluster);
        match self.seen.and_then(|seen| store.since(seen)) {
            Some(names) => {
                let change = |name: &SmolStr| {
                    store
                        .get(name)
                        .map_or_else(|| Change::Gone(name.clone()), |item| Change::Is((self.show)(item)))
                };
                self.buffer.extend(names.into_iter().map(change));
                if self.buffer.is_empty() && now >= later(self.heard_at, BOOKMARK) {
                    self.buffer.push_back(Change::Alive);
                }
            }
            None => {
                self.buffer.push_back(Change::Listing);
                self.buffer
                    .extend(store.iter().map(|(_, item)| Change::Is((self.show)(item))));
                self.buffer.push_back(Change::Listed);
            }
        }
        self.seen = Some(store.head());
        if self.buffer.is_empty() {
            return Ok(None);
        }
        self.heard_at = now;
        Ok(slow.map(|by| later(now, by)))
    }
}
