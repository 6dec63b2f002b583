//! Workers that end of themselves while something is done to them: EC2 takes a spot instance back, a group rebalances. Their
//! groups put others in their places, so that what was to be done to such a one is done once it is gone. The plan tells which
//! of its steps are about such workers, the executor asks whether their instances go.

use super::condition::Condition;
use super::step::{KubeStep, Reach, Step};
use crate::fleet::{FeedKind, Fleet, InstanceId, InstanceState, MachineId, PoolId, Role};

/// Which steps are about such workers, by their places, and the instances of those.
pub(super) fn of(fleet: &Fleet, steps: &[Step]) -> Vec<(usize, InstanceId)> {
    let worker = |step: &Step| {
        let machine = fleet.machine(&machine(step)?)?;
        let of_group = matches!(machine.pool(), Some(PoolId::Asg(..) | PoolId::SpotFleet(..)));
        let passes = of_group && machine.role() == Some(Role::Agent);
        machine.instance().filter(|_| passes).map(|i| i.id.clone())
    };
    let steps = steps.iter().enumerate();
    steps.filter_map(|(at, step)| Some((at, worker(step)?))).collect()
}

/// The machine that a step makes fit for its cluster, which is pointless once it is gone. What takes a machine out of its
/// cluster is none of these.
fn machine(step: &Step) -> Option<MachineId> {
    match step {
        Step::Machine(Reach::Instance(_, id), _) => Some(MachineId::Instance(id.clone())),
        Step::Kube(node, KubeStep::Cordon | KubeStep::Uncordon | KubeStep::Drain(_) | KubeStep::Mark(_))
        | Step::Wait(Condition::NodeUp { node, .. }, _) => Some(MachineId::Node(node.clone())),
        _ => None,
    }
}

/// Whether an instance goes, or is gone: where instances have not all been listed, nobody knows.
pub(super) fn is_gone(fleet: &Fleet, instance: &InstanceId) -> bool {
    let machine = fleet.machine(&MachineId::Instance(instance.clone()));
    match machine.and_then(|m| m.instance()) {
        Some(instance) => instance.state == InstanceState::ShuttingDown,
        None => {
            let mut lists = fleet
                .feeds()
                .iter()
                .filter(|(id, _)| id.kind == FeedKind::Instances)
                .peekable();
            lists.peek().is_some() && lists.all(|(_, feed)| feed.synced_at.is_some())
        }
    }
}
