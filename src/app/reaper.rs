//! Whether a cluster's reaper works: asked of the cluster under the cursor, or of the one that a finding is about.

use super::changes::READ_ONLY;
use super::effect::Effect;
use super::state::State;
use super::update::Turn;
use crate::fleet::{ClusterId, RowId, Severity, Shape};

/// Whether the reaper is worth a look: of a cluster that has one, and of a finding about it.
pub(super) fn matters(state: &State) -> bool {
    match state.row() {
        Some(RowId::Cluster(cluster)) => is_ha(state, cluster),
        Some(RowId::Finding(rule, _)) => matches!(*rule, "dead-letters" | "reaper-behind"),
        _ => false,
    }
}

/// Whether a cluster is highly available.
pub(super) fn is_ha(state: &State, cluster: &ClusterId) -> bool {
    let cluster = state.summary.clusters.get(cluster);
    cluster.is_some_and(|cluster| cluster.shape == Shape::Ha)
}

impl Turn<'_> {
    /// Has a test event sent to the reaper.
    pub(super) fn test_reaper(&mut self) {
        if self.state.read_only {
            return self.say(Severity::Warning, READ_ONLY);
        }
        let Some(cluster) = self.state.cluster_meant() else {
            return self.say(Severity::Info, "there is no cluster under the cursor");
        };
        if !is_ha(self.state, &cluster) {
            let text = format!("{cluster} has no reaper: only highly available clusters have one");
            return self.say(Severity::Info, text);
        }
        let text = format!("an event is on its way to the reaper of {cluster}");
        self.say(Severity::Info, text);
        self.effect(Effect::TestReaper(cluster));
    }
}

impl State {
    /// The cluster under the cursor, or the one that the finding there is about.
    pub(super) fn cluster_meant(&self) -> Option<ClusterId> {
        match self.row()? {
            RowId::Cluster(cluster) => Some(cluster.clone()),
            row => self.summary.finding(row)?.cluster.clone(),
        }
    }
}
