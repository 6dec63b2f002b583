//! Whether a cluster's stack has drifted: CloudFormation is had to look, of the cluster under the cursor or of the one that a
//! finding is about.

use super::changes::READ_ONLY;
use super::effect::Effect;
use super::reaper::is_ha;
use super::state::State;
use super::update::Turn;
use crate::fleet::{RowId, Severity};

/// Whether a look is worth it: of a cluster that has a stack, and of a finding about drift.
pub(super) fn matters(state: &State) -> bool {
    match state.row() {
        Some(RowId::Cluster(cluster)) => is_ha(state, cluster),
        Some(RowId::Finding(rule, _)) => *rule == "stack-drifted",
        _ => false,
    }
}

impl Turn<'_> {
    /// Has CloudFormation look.
    pub(super) fn detect_drift(&mut self) {
        if self.state.read_only {
            return self.say(Severity::Warning, READ_ONLY);
        }
        let Some(cluster) = self.state.cluster_meant() else {
            return self.say(Severity::Info, "there is no cluster under the cursor");
        };
        if !is_ha(self.state, &cluster) {
            let text = format!("{cluster} has no stack: only highly available clusters have one");
            return self.say(Severity::Info, text);
        }
        let text = format!("CloudFormation looks at the stack of {cluster}: that takes minutes");
        self.say(Severity::Info, text);
        self.effect(Effect::DetectDrift(cluster));
    }
}
