//! What became of each host of an operation, told at its end: who joined, who did not and why.

use crate::fleet::{EdgeHost, HostName};
use crate::ops::{Plan, Progress, Reach, Request, Step, StepState};

/// The edge hosts that a plan works on, each once.
pub(super) fn hosts_of(plan: &Plan) -> Vec<EdgeHost> {
    unique(plan.steps().filter_map(|(_, step)| host(step)))
}

/// Those on which something is not done yet.
pub(super) fn hosts_left(progress: &Progress) -> Vec<EdgeHost> {
    let left = progress
        .plan
        .steps()
        .filter(|(id, _)| !matches!(progress.state(*id), StepState::Done(_)));
    unique(left.filter_map(|(_, step)| host(step)))
}

fn unique<'a>(all: impl Iterator<Item = &'a EdgeHost>) -> Vec<EdgeHost> {
    let mut hosts: Vec<EdgeHost> = vec![];
    for host in all {
        if hosts.iter().all(|known| known.name != host.name) {
            hosts.push(host.clone());
        }
    }
    hosts
}

fn host(step: &Step) -> Option<&EdgeHost> {
    match step {
        Step::Join(joining) => Some(&joining.host),
        Step::Machine(Reach::Edge(host), _) => Some(host),
        _ => None,
    }
}

/// What became of the hosts that were to join, a line for those that have and one for each of the others.
pub(super) fn hosts(progress: &Progress) -> Vec<String> {
    let (mut joined, mut others) = (vec![], vec![]);
    for (id, step) in progress.plan.steps() {
        let Step::Join(joining) = step else { continue };
        let name = &joining.host.name;
        match progress.state(id) {
            StepState::Done(_) => joined.push(name.as_str()),
            StepState::Failed(why) => others.push(format!("{name} did not join: {why}")),
            StepState::Running(_) => others.push(format!("{name} was joining: {}", progress.said(id))),
            StepState::Waiting => others.push(format!("{name} did not join: it was not its turn yet")),
        }
    }
    others.extend(left_out(&progress.plan).map(|host| {
        let about = format!("left out: {host}: ");
        let why = progress
            .plan
            .warnings
            .iter()
            .find_map(|warning| warning.strip_prefix(&about));
        format!("{host} was left out: {}", why.unwrap_or("it cannot join"))
    }));
    if !joined.is_empty() {
        others.insert(0, format!("joined: {}", joined.join(", ")));
    }
    others
}

/// The hosts that were to join and that the plan leaves out, because they cannot.
pub(super) fn left_out(plan: &Plan) -> impl Iterator<Item = &HostName> {
    let asked = match &plan.request {
        Request::Join(join) => join.hosts.as_slice(),
        _ => &[],
    };
    let joins = |name: &HostName| {
        let mut steps = plan.steps();
        steps.any(|(_, step)| matches!(step, Step::Join(joining) if joining.host.name == *name))
    };
    asked.iter().map(|c| &c.host.name).filter(move |name| !joins(name))
}
