//! A plan, a refusal and an operation as JSON: the contract of the command line. Fields are only ever added.

use serde::Serialize;
use smol_str::SmolStr;

use super::bill::Bill;
use super::call::Call;
use super::event::{Progress, StepState};
use super::launch::Spec;
use super::plan::{CostChange, Plan};
use super::request::Request;
use crate::provider::StackChange;

/// A plan.
#[derive(Debug, Serialize)]
pub struct PlanRow<'a> {
    /// The verb.
    pub operation: &'static str,
    /// What it will do, in one line.
    pub title: &'a str,
    /// The cluster's name.
    pub cluster: &'a SmolStr,
    /// How many AWS calls are made one after the other.
    pub round_trips: usize,
    /// The steps, in order; those of one stage run side by side.
    pub steps: Vec<StepRow<'a>>,
    /// USD per hour before and after; `null` where a price is not known.
    pub cost: CostChange,
    /// What the cluster costs part by part, in USD per hour.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bill: Option<&'a Bill>,
    /// What to know before saying yes.
    pub warnings: &'a [String],
    /// What has to be typed to confirm, if anything.
    pub confirm: Option<&'a str>,
    /// What a launch is to make.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spec: Option<&'a Spec>,
    /// What an update changes in the stack.
    #[serde(skip_serializing_if = "<[StackChange]>::is_empty")]
    pub changes: &'a [StackChange],
}

/// A step.
#[derive(Debug, Serialize)]
pub struct StepRow<'a> {
    /// Stage and step, counted from 1: `2.1`.
    pub id: String,
    /// What its stage is for.
    pub stage: &'a str,
    /// What it does.
    pub what: String,
    /// The calls it makes.
    pub calls: Vec<&'static str>,
    /// The permissions they need: IAM actions, or verbs and resources of a Kubernetes role.
    pub permissions: Vec<&'static str>,
}

impl<'a> PlanRow<'a> {
    /// A plan as JSON.
    pub fn of(plan: &'a Plan) -> Self {
        let stage = |at: usize| plan.stages.get(at).map_or("", |s| s.title.as_str());
        let steps = plan.steps().map(|(id, step)| StepRow {
            id: id.to_string(),
            stage: stage(id.stage),
            what: step.describe(),
            calls: step.calls().iter().map(|call| call.name()).collect(),
            permissions: step.calls().iter().copied().map(Call::permission).collect(),
        });
        Self {
            operation: plan.request.verb(),
            title: &plan.title,
            cluster: &plan.cluster.name,
            round_trips: plan.round_trips(),
            steps: steps.collect(),
            cost: plan.cost,
            bill: plan.bill.as_ref(),
            warnings: &plan.warnings,
            confirm: plan.confirm.as_deref(),
            spec: match &plan.request {
                Request::Launch(launch) => Some(&launch.spec),
                Request::Update(update) => Some(&update.spec),
                _ => None,
            },
            changes: match &plan.request {
                Request::Update(update) => &update.change_set.changes,
                _ => &[],
            },
        }
    }
}

/// An operation.
#[derive(Debug, Serialize)]
pub struct OperationRow<'a> {
    /// Its id.
    pub id: &'a str,
    /// The verb.
    pub operation: &'static str,
    /// What it does, in one line.
    pub title: &'a str,
    /// The cluster's name.
    pub cluster: &'a SmolStr,
    /// Who began or resumed it.
    pub by: &'a SmolStr,
    /// When it began.
    pub began_at: jiff::Timestamp,
    /// `running`, `unfinished`, `done`, `failed`, `cancelled` or `aborted`.
    pub state: &'static str,
    /// How many steps are done.
    pub steps_done: usize,
    /// How many steps it has.
    pub steps: usize,
    /// What failed, and why.
    pub errors: Vec<String>,
}

impl<'a> OperationRow<'a> {
    /// An operation as JSON. `running`: whether some program runs it now.
    pub fn of(progress: &'a Progress, running: bool) -> Self {
        let (steps_done, steps) = progress.done();
        let failed = |(id, step): (super::StepId, &super::Step)| match progress.state(id) {
            StepState::Failed(why) => Some(format!("{}: {why}", step.describe())),
            _ => None,
        };
        Self {
            id: progress.id.as_str(),
            operation: progress.plan.request.verb(),
            title: &progress.plan.title,
            cluster: &progress.plan.cluster.name,
            by: &progress.by,
            began_at: progress.began_at,
            state: match progress.outcome {
                _ if running => "running",
                None => "unfinished",
                Some(outcome) => outcome.as_str(),
            },
            steps_done,
            steps,
            errors: progress.plan.steps().filter_map(failed).collect(),
        }
    }
}
