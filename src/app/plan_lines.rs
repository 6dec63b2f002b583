//! A plan, or a refusal, as lines to read: what it costs, what to know before saying yes, the steps as a tree, and what
//! has to be allowed.

use std::collections::BTreeSet;

use super::State;
use super::bill_lines;
use super::operations;
use super::planning::{PlanOption, Planning};
use crate::fleet::MachineId;
use crate::ops::bill::told::Line;
use crate::ops::parts::{PartLine, Parts};
use crate::ops::{Call, Plan, Refusal, Request, Step};

/// Up to so many hosts that join stand on lines of their own.
const FEW: usize = 8;

/// A line of a plan.
#[derive(Clone, Debug, PartialEq)]
pub enum PlanLine {
    /// An empty line.
    Gap,
    /// What the cluster costs before and after, in USD per hour; `None` where that is not known.
    Cost {
        /// The cluster; `None`: its machines alone are counted.
        cluster: Option<String>,
        /// Before.
        before: Option<f64>,
        /// After.
        after: Option<f64>,
    },
    /// A line of what it costs part by part.
    Bill(Line),
    /// What should be known before saying yes.
    Warning(String),
    /// A stage.
    Stage {
        /// Its number, from 1.
        number: usize,
        /// What it is for.
        title: String,
        /// How many steps run side by side in it.
        steps: usize,
    },
    /// A step of the stage above.
    Step {
        /// What it does.
        what: String,
        /// Whether it is the last of its stage.
        last: bool,
    },
    /// Many steps of one kind: what is done, and to whom.
    Many {
        /// What.
        what: String,
        /// To whom.
        names: Vec<String>,
    },
    /// What is made: what the line is about, and what is told of it.
    Part {
        /// What it is about, in a word.
        about: String,
        /// What is told.
        text: String,
    },
    /// The permissions that it needs.
    Needs(String),
    /// Why it is refused.
    Refused {
        /// The guard that refuses.
        guard: &'static str,
        /// Why.
        why: String,
    },
    /// What would lift the refusal.
    Lift(String),
    /// Something to know.
    Note(String),
}

/// The title of what is planned.
pub fn title(planning: &Planning) -> String {
    match &planning.outcome {
        Ok(plan) => format!("Plan: {}", named(plan)),
        Err(_) => format!("{}: refused", planning.request.verb()),
    }
}

/// A plan's title. Machines of a group often have one name: the end of its id tells which one is meant.
pub fn named(plan: &Plan) -> String {
    let title = &plan.title;
    let machines = match &plan.request {
        Request::Cordon { machines }
        | Request::Uncordon { machines }
        | Request::Drain { machines, .. }
        | Request::Replace { machines, .. }
        | Request::Remove { machines, .. }
        | Request::Leave { machines, .. }
        | Request::Reboot { machines, .. }
        | Request::RotateCertificates { machines } => machines.as_slice(),
        Request::Scale { .. }
        | Request::Launch(_)
        | Request::Update(_)
        | Request::Destroy { .. }
        | Request::RollBack { .. }
        | Request::Extend { .. }
        | Request::Backup { .. }
        | Request::Restore(_)
        | Request::Join(_)
        | Request::Rotate(_)
        | Request::Upgrade(_) => &[],
    };
    match machines {
        [MachineId::Instance(id)] if !title.contains(id.as_str()) => {
            let id = id.as_str();
            let end = id.char_indices().rev().nth(4).and_then(|(at, _)| id.get(at..));
            format!("{title} {}", end.unwrap_or(id))
        }
        _ => title.clone(),
    }
}

/// A planned change, line by line.
pub fn lines(state: &State, planning: &Planning) -> Vec<PlanLine> {
    match &planning.outcome {
        Ok(plan) => of_plan(state, plan, planning.parts.as_ref()),
        Err(refusal) => of_refusal(refusal),
    }
}

fn of_plan(state: &State, plan: &Plan, parts: Option<&Parts>) -> Vec<PlanLine> {
    let mut lines = vec![];
    if plan.stages.is_empty() {
        return vec![PlanLine::Note("Nothing has to be done: it is so already.".to_owned())];
    }
    lines.push(cost(plan));
    let busy = state.operations.values().filter(|p| p.plan.cluster == plan.cluster);
    let busy = busy.filter(|p| operations::state_of(state, p).is_running());
    let busy = busy.map(|p| format!("{} is being changed: {} has to end first", plan.cluster, named(&p.plan)));
    let warnings = plan.warnings.iter().map(|warning| as_keys(warning));
    lines.extend(busy.chain(warnings).map(PlanLine::Warning));
    if let Request::Update(update) = &plan.request {
        let changes = update.told();
        lines.extend((!changes.is_empty()).then_some(PlanLine::Gap));
        lines.extend(changes.iter().map(part));
    }
    lines.extend(bill_lines::of(plan));
    lines.extend(parts.into_iter().flat_map(made));
    for (at, stage) in plan.stages.iter().enumerate() {
        lines.push(PlanLine::Gap);
        lines.push(PlanLine::Stage {
            number: at + 1,
            title: stage.title.clone(),
            steps: stage.steps.len(),
        });
        let last = stage.steps.len().saturating_sub(1);
        match joining(&stage.steps) {
            Some(names) if names.len() > FEW => lines.push(PlanLine::Many {
                what: "join".to_owned(),
                names,
            }),
            _ => lines.extend(stage.steps.iter().enumerate().map(|(at, step)| PlanLine::Step {
                what: step.describe(),
                last: at == last,
            })),
        }
    }
    lines.push(PlanLine::Gap);
    if matches!(plan.request, Request::Launch(_)) {
        let trips = plan.round_trips();
        lines.push(PlanLine::Note(format!(
            "{trips} AWS calls are made one after the other, the rest beside them"
        )));
    }
    lines.push(PlanLine::Needs(permissions(plan)));
    lines
}

/// What a stack is made of: its pools, its place, and what it holds.
fn made(parts: &Parts) -> Vec<PlanLine> {
    let mut lines = vec![PlanLine::Gap];
    lines.extend(parts.pools.iter().chain(&parts.place).map(part));
    lines.push(PlanLine::Gap);
    lines.push(PlanLine::Note(format!("its stack holds {} resources", parts.resources)));
    lines.extend(parts.held.iter().map(part));
    lines
}

fn part(part: &PartLine) -> PlanLine {
    PlanLine::Part {
        about: part.about.clone(),
        text: part.text.clone(),
    }
}

/// The hosts of a stage in which hosts join, and nothing else is done.
fn joining(steps: &[Step]) -> Option<Vec<String>> {
    let name = |step: &Step| match step {
        Step::Join(joining) => Some(joining.host.name.to_string()),
        _ => None,
    };
    steps.iter().map(name).collect()
}

/// A text that names an option of the command line, with the key that does the same here.
fn as_keys(text: &str) -> String {
    let volumes = format!("alt-{}", PlanOption::Volumes.key());
    let unreached = format!("the option {}", PlanOption::Unreached.key());
    let forget = format!("the option {}", PlanOption::Forget.key());
    let snapshots = format!("alt-{}", PlanOption::Snapshots.key());
    let text = text
        .replace("--volumes", &volumes)
        .replace("--snapshots delete", &snapshots);
    let text = text
        .replace("--leave-unreached", &unreached)
        .replace("--forget", &forget);
    super::joining::as_keys(text)
}

/// What a change costs, as a line.
fn cost(plan: &Plan) -> PlanLine {
    PlanLine::Cost {
        cluster: plan.costs_all().then(|| plan.cluster.to_string()),
        before: plan.cost.before,
        after: plan.cost.after,
    }
}

/// The permissions of the steps, those of the cluster's lock, and what is needed besides.
fn permissions(plan: &Plan) -> String {
    let mut calls: BTreeSet<Call> = plan.calls();
    if plan.cluster.home.is_some() {
        calls.extend([Call::PutParameter, Call::GetParameter, Call::DeleteParameter]);
    }
    let calls = calls.into_iter().map(Call::permission);
    calls.chain(plan.needs_besides()).collect::<Vec<_>>().join(", ")
}

fn of_refusal(refusal: &Refusal) -> Vec<PlanLine> {
    vec![
        PlanLine::Refused {
            guard: refusal.guard,
            why: refusal.why.clone(),
        },
        PlanLine::Gap,
        PlanLine::Lift(lift(refusal)),
    ]
}

/// What would lift a refusal, as it is done on the screen.
pub(super) fn lift(refusal: &Refusal) -> String {
    match refusal.guard {
        "pool-bounds" => {
            let key = PlanOption::Raise.key();
            format!("{key} lets it: the pool's bounds are widened first")
        }
        _ => as_keys(&refusal.lift),
    }
}

/// A refusal, line by line, without gaps.
pub fn refused(refusal: &Refusal) -> Vec<PlanLine> {
    let mut lines = of_refusal(refusal);
    lines.retain(|line| *line != PlanLine::Gap);
    lines
}
