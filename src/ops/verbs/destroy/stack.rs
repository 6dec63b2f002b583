//! Destroying a cluster that a stack holds. CloudFormation deletes the stack; what would keep it from that, or keep it
//! waiting, is out of its way before, and what no stack holds goes after it.
//!
//! ```text
//!  may it be deleted? ─▶ no load balancer of a Service left ─▶ groups without hooks and machines
//!   ─▶ no instance left ─▶ the stack ─▶ parameters, secrets ─▶ proof
//! ```
//! Load balancers go while somebody in the cluster can delete them. Hooks go before machines since it is the reaper that
//! answers them: once it cannot any longer, each machine would wait for its hook's time to pass. The function leaves its VPC
//! while machines end, since Lambda takes its time with the network interfaces, and CloudFormation would wait for them with
//! the rest of the stack half gone. The secrets of the stack are deleted once more after it, for good: their names must be
//! free for the next cluster of this name.

use super::Parts;
use crate::fleet::{InstanceId, MachineId, PoolId};
use crate::ops::plan::Stage;
use crate::ops::step::{CloudStep, StackWork, Step};
use crate::provider::{Resource, ResourceKind};

/// Whether a stack that there is holds a resource of its cluster: all but what k3fleet made before it, what is to outlive it,
/// and what Kubernetes made.
pub(super) fn holds(resource: &Resource) -> bool {
    let apart = matches!(resource.kind, ResourceKind::Parameter | ResourceKind::Secret);
    !apart && !resource.of_kubernetes && resource.bucket().is_none()
}

/// The stages; `held`: what the stack holds, and it itself.
pub(super) fn stages(parts: &Parts<'_>, stack: &Resource, held: &[&Resource]) -> Vec<Stage> {
    let work = |work| {
        parts.step(CloudStep::Stack {
            name: stack.id.to_string(),
            work,
        })
    };
    let mut stages = vec![];
    Stage::push(&mut stages, "ask", [work(StackWork::Ask)]);
    Stage::push(&mut stages, "delete load balancers", parts.balancers());
    Stage::push(
        &mut stages,
        "empty groups",
        held.iter().filter_map(|r| emptied(parts, r)),
    );
    let lone = held.iter().filter(|r| r.kind == ResourceKind::Instance);
    let lone = lone.filter(|r| !is_of_group(parts, r));
    Stage::push(&mut stages, "end machines", lone.map(|r| parts.delete_one(r)));
    let functions = held.iter().filter(|r| is_function(r));
    let released = functions.map(|r| parts.step(CloudStep::Release { function: r.id.clone() }));
    Stage::push(&mut stages, "wait", released.chain([parts.emptied()]));
    let of_kubernetes = [ResourceKind::Volume, ResourceKind::SecurityGroup];
    Stage::push(&mut stages, "delete what Kubernetes made", parts.delete(&of_kubernetes));
    Stage::push(&mut stages, "delete the stack", [work(StackWork::Delete)]);
    // Before the parameters: as long as those are there, what is left is known to be of a stack.
    Stage::push(&mut stages, "forget", [parts.forgotten()]);
    // Of what is no kind of its own only a bucket goes.
    let loose = [ResourceKind::Parameter, ResourceKind::Secret, ResourceKind::Other];
    Stage::push(&mut stages, "delete the rest", parts.delete(&loose));
    // Groups and machines are asked for themselves, and what is told of them is believed.
    let by_tags = [ResourceKind::Stack, ResourceKind::LoadBalancer, ResourceKind::Other];
    let by_tags = held.iter().filter(|r| by_tags.contains(&r.kind));
    let by_tags = by_tags.map(|r| r.id.clone()).collect();
    Stage::push(&mut stages, "prove", [parts.prove(by_tags)]);
    stages
}

/// How a group comes to have no machine; `None` for what is no group.
fn emptied(parts: &Parts<'_>, group: &Resource) -> Option<Step> {
    let step = match group.kind {
        ResourceKind::Asg => CloudStep::Empty { asg: group.id.clone() },
        ResourceKind::SpotFleet => CloudStep::SetTarget {
            fleet: group.id.clone(),
            target: 0,
            end_excess: true,
        },
        _ => return None,
    };
    Some(parts.step(step))
}

/// Whether a machine goes with its group.
fn is_of_group(parts: &Parts<'_>, machine: &Resource) -> bool {
    let machine = parts.fleet.machine(&MachineId::Instance(InstanceId::new(&machine.id)));
    let pool = machine.and_then(|machine| machine.pool());
    matches!(pool, Some(PoolId::Asg(..) | PoolId::SpotFleet(..)))
}

/// Whether it is a Lambda function.
fn is_function(resource: &Resource) -> bool {
    let mut parts = resource.id.split(':');
    resource.kind == ResourceKind::Other && parts.nth(2) == Some("lambda") && parts.nth(2) == Some("function")
}
