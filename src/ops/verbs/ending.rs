//! What the verbs that take machines away have in common: draining them, ending them, deleting their nodes.

use jiff::{SignedDuration, Timestamp};

use super::super::condition::Condition;
use super::super::plan::Stage;
use super::super::request::DrainOptions;
use super::super::step::{CloudStep, KubeStep, Step};
use crate::fleet::{ClusterId, Fleet, Machine, MachineState, NodeKey, PoolId, Readiness};

/// How long EC2 may take to terminate an instance: its lifecycle hooks run meanwhile.
const ENDING: SignedDuration = SignedDuration::from_mins(15);

/// A plan's title: the verb and what it is about.
pub(super) fn title(verb: &str, machines: &[Machine<'_>]) -> String {
    match machines {
        [one] => format!("{verb} {}", one.name()),
        many => format!("{verb} {} machines", many.len()),
    }
}

fn nodes<'a>(machines: &'a [Machine<'_>]) -> impl Iterator<Item = NodeKey> + 'a {
    machines.iter().filter_map(|m| m.node()).map(|n| n.key.clone())
}

/// Those whose pods can be moved: where the kubelet has fallen silent nobody ends them. They are made anew elsewhere once
/// the node is deleted.
pub(super) fn drainable<'a>(machines: &[Machine<'a>]) -> Vec<Machine<'a>> {
    let answers = |m: &&Machine<'_>| m.node().is_some_and(|n| n.ready != Readiness::Unknown);
    machines.iter().filter(answers).copied().collect()
}

/// Cordons all, then drains them side by side: so that no pod moves to a node that is next.
pub(super) fn draining(machines: &[Machine<'_>], options: &DrainOptions) -> Vec<Stage> {
    let cordon = machines.iter().filter_map(|m| m.node()).filter(|n| n.schedulable);
    let cordon = cordon.map(|n| Step::Kube(n.key.clone(), KubeStep::Cordon));
    let drain = nodes(machines).map(|node| Step::Kube(node, KubeStep::Drain(options.clone())));
    let mut stages = vec![];
    Stage::push(&mut stages, "cordon", cordon);
    Stage::push(&mut stages, "drain", drain);
    stages
}

/// Ends the instances, waits until they are terminated, and deletes the nodes: before that a kubelet would register again.
/// With `shrink` their groups want fewer machines then.
pub(super) fn ending(machines: &[Machine<'_>], shrink: bool) -> Vec<Stage> {
    let end = |m: &Machine<'_>| -> Option<Step> {
        let instance = m.instance()?;
        let step = match m.pool() {
            Some(PoolId::Asg(_, asg)) => CloudStep::EndMember {
                asg,
                instance: instance.id.clone(),
                shrink,
            },
            _ => CloudStep::End {
                instance: instance.id.clone(),
            },
        };
        Some(Step::Cloud(instance.scope.clone(), step))
    };
    let gone = |m: &Machine<'_>| {
        let instance = m.instance()?.id.clone();
        Some(Step::Wait(Condition::Ended { instance }, ENDING))
    };
    let delete = nodes(machines).map(|node| Step::Kube(node, KubeStep::Delete));
    let mut stages = vec![];
    Stage::push(&mut stages, "end", machines.iter().filter_map(end));
    Stage::push(&mut stages, "wait", machines.iter().filter_map(gone));
    Stage::push(&mut stages, "delete nodes", delete);
    stages
}

/// What draining these machines may do harm to.
pub(super) fn warnings(
    fleet: &Fleet,
    cluster: &ClusterId,
    machines: &[Machine<'_>],
    options: &DrainOptions,
    now: Timestamp,
) -> Vec<String> {
    let mut warnings = vec![];
    for silent in machines
        .iter()
        .filter(|m| m.node().is_some_and(|n| n.ready == Readiness::Unknown))
    {
        warnings.push(format!(
            "{} does not answer: its pods cannot be ended in good order",
            silent.name()
        ));
    }
    let own = |m: &Machine<'_>| m.belongs_to(cluster) && !machines.iter().any(|going| going.id() == m.id());
    let takers = fleet
        .machines()
        .filter(|m| own(m) && m.state(now) == MachineState::Ready)
        .count();
    if takers == 0 {
        warnings.push("no other node of the cluster is ready: the evicted pods will wait until one is".to_owned());
    }
    warnings.extend(risks(options));
    warnings
}

/// What may be lost when pods are evicted this way.
pub(super) fn risks(options: &DrainOptions) -> Vec<String> {
    let mut warnings = vec![];
    if options.bare_pods {
        warnings.push("pods without a controller are evicted too: nothing makes them anew".to_owned());
    }
    if options.empty_dir_data {
        warnings.push("what pods keep in emptyDir volumes is lost when they are evicted".to_owned());
    }
    if options.force {
        warnings.push(format!(
            "pods that still stand after {} are deleted, whatever their budgets say",
            crate::fleet::table::age(options.timeout.as_secs())
        ));
    }
    warnings
}
