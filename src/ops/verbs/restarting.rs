//! What the verbs that restart machines, or their K3s, have in common: the way out of duty and back into it.

use jiff::SignedDuration;
use smol_str::SmolStr;

use super::super::condition::Condition;
use super::super::plan::Stage;
use super::super::request::DrainOptions;
use super::super::step::{KubeStep, Step};
use super::ending;
use crate::fleet::{Machine, Readiness};

/// How long a node may take to be ready again.
const READY: SignedDuration = SignedDuration::from_mins(10);

/// Cordons and drains machines, side by side, lets `work` restart them, waits until their nodes are ready (with a release,
/// where one is told), and lets those take pods again that did before.
pub(super) fn out_and_back(
    machines: &[Machine<'_>],
    drain: Option<&DrainOptions>,
    work: Vec<Stage>,
    version: Option<&SmolStr>,
) -> Vec<Stage> {
    let mut stages = vec![];
    if let Some(options) = drain {
        stages.extend(ending::draining(&ending::drainable(machines), options));
    }
    stages.extend(work);
    Stage::push(&mut stages, "be ready", machines.iter().filter_map(|m| up(m, version)));
    if drain.is_some() {
        let took = machines.iter().filter_map(|m| m.node());
        let took = took.filter(|n| n.schedulable && n.ready != Readiness::Unknown);
        Stage::push(
            &mut stages,
            "uncordon",
            took.map(|n| Step::Kube(n.key.clone(), KubeStep::Uncordon)),
        );
    }
    stages
}

/// Waits until a machine's node is ready, and votes in etcd where it did.
pub(super) fn up(machine: &Machine<'_>, version: Option<&SmolStr>) -> Option<Step> {
    let node = machine.node()?;
    let condition = Condition::NodeUp {
        node: node.key.clone(),
        version: version.cloned(),
        voter: node.etcd_voter == Some(true),
    };
    Some(Step::Wait(condition, READY))
}
