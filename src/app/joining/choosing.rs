//! Which cluster hosts are to join, where that is not said of them.

use crate::app::State;
use crate::app::overlay::Overlay;
use crate::app::update::Turn;
use crate::fleet::{ClusterId, ContextId, EdgeHost, Severity};

/// The clusters to choose from.
#[derive(Clone, Debug)]
pub struct Choosing {
    /// The clusters, each with its kube context.
    pub clusters: Vec<(ClusterId, ContextId)>,
    /// The place of the one under the cursor.
    pub cursor: usize,
    /// The hosts.
    pub hosts: Vec<EdgeHost>,
}

/// The kube context of a cluster.
pub(in crate::app) fn context(state: &State, cluster: &ClusterId) -> Option<ContextId> {
    state.summary.clusters.get(cluster)?.contexts.first().cloned()
}

/// Why a cluster without a kube context is out of reach.
pub(in crate::app) fn no_context(cluster: &ClusterId) -> String {
    format!("no API server of {cluster} is looked at: name its kube context with --context")
}

/// The clusters that hosts can join: the one that their group names, else all with a kube context.
fn candidates(state: &State, hosts: &[EdgeHost]) -> Result<Vec<(ClusterId, ContextId)>, String> {
    let mut named: Vec<_> = hosts.iter().filter_map(|host| host.cluster.as_ref()).collect();
    named.sort();
    named.dedup();
    match named.as_slice() {
        [] => {}
        [name] => {
            let cluster = state.fleet.cluster_named(name);
            return match context(state, &cluster) {
                Some(context) => Ok(vec![(cluster, context)]),
                None => Err(no_context(&cluster)),
            };
        }
        several => {
            let names: Vec<_> = several.iter().map(|name| name.as_str()).collect();
            return Err(format!(
                "they belong to {}: mark those of one cluster",
                names.join(" and ")
            ));
        }
    }
    let clusters = state.summary.clusters.keys();
    let all: Vec<_> = clusters.filter_map(|c| Some((c.clone(), context(state, c)?))).collect();
    match all.is_empty() {
        true => Err("no API server is looked at: name a kube context with --context".to_owned()),
        false => Ok(all),
    }
}

impl Turn<'_> {
    /// Begins to let hosts join, in the one cluster they can join or in the one that is chosen.
    pub(super) fn choose_cluster(&mut self, hosts: Vec<EdgeHost>) {
        match candidates(self.state, &hosts) {
            Err(why) => self.say(Severity::Warning, why),
            Ok(mut clusters) if clusters.len() == 1 => {
                if let Some((cluster, context)) = clusters.pop() {
                    self.begin_join(cluster, context, hosts);
                }
            }
            Ok(clusters) => {
                let choosing = Choosing {
                    clusters,
                    cursor: 0,
                    hosts,
                };
                self.push(Overlay::Choosing(Box::new(choosing)));
            }
        }
    }

    /// Goes on with the cluster under the cursor.
    pub(in crate::app) fn cluster_chosen(&mut self) {
        let Some(Overlay::Choosing(choosing)) = self.state.overlays.last() else {
            return;
        };
        let Choosing {
            clusters,
            cursor,
            hosts,
        } = (**choosing).clone();
        if let Some((cluster, context)) = clusters.get(cursor).cloned() {
            self.close();
            self.begin_join(cluster, context, hosts);
        }
    }
}
