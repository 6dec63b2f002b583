//! A plan: what an operation will do, in which order, what it will cost, and what it warns of. Planning is pure: the same
//! fleet and the same request give the same plan, and nothing is touched until it is run.

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::bill::Bill;
use super::call::Call;
use super::passing;
use super::request::Request;
use super::step::{CloudStep, Step};
use super::verbs;
use crate::blueprint::machine::Task;
use crate::fleet::{ClusterId, Fleet, InstanceId};

/// What an operation will do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// What was asked for.
    pub request: Request,
    /// The cluster it changes. Only one operation changes a cluster at a time.
    pub cluster: ClusterId,
    /// What it will do, in one line.
    pub title: String,
    /// The stages, one after the other.
    pub stages: Vec<Stage>,
    /// What the cluster costs now and will cost then: see [`Plan::costs_all`].
    pub cost: CostChange,
    /// What the cluster costs part by part, where that is counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bill: Option<Bill>,
    /// What the operator should know before saying yes.
    pub warnings: Vec<String>,
    /// What has to be typed before anything is done, where something is destroyed that cannot come back.
    pub confirm: Option<String>,
}

/// Steps that run side by side.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// What the stage is for.
    pub title: String,
    /// Its steps.
    pub steps: Vec<Step>,
    /// Whether it is run whatever became of the stages before: of hosts that join, one's failure is its own; what was made
    /// for an operation alone is taken away however that ends.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub whatever: bool,
    /// Which of its steps, counted from 0, are about workers that may end of themselves, and their instances: see
    /// [`super::passing`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passing: Vec<(usize, InstanceId)>,
}

impl Stage {
    /// Appends a stage, unless there is nothing to do in it.
    pub(super) fn push(stages: &mut Vec<Self>, title: &str, steps: impl IntoIterator<Item = Step>) {
        let steps: Vec<_> = steps.into_iter().collect();
        if !steps.is_empty() {
            stages.push(Self {
                title: title.to_owned(),
                steps,
                whatever: false,
                passing: vec![],
            });
        }
    }

    /// Whether each of its steps is a machine's own matter.
    pub(super) fn is_each_its_own(&self) -> bool {
        self.steps.iter().all(|s| matches!(s, Step::Join(_)))
    }

    /// How many of its steps run at once. K3s takes in 50 joining machines at a time (K3s documentation, resource profiling).
    pub(super) fn at_once(&self) -> usize {
        match self
            .steps
            .iter()
            .any(|s| matches!(s, Step::Machine(..) | Step::Join(_)))
        {
            true => 50,
            false => 16,
        }
    }
}

/// The place of a step in its plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StepId {
    /// The stage, counted from 0.
    pub stage: usize,
    /// The step in it, counted from 0.
    pub step: usize,
}

impl fmt::Display for StepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}.{}", self.stage + 1, self.step + 1))
    }
}

/// What a cluster costs before and after, in USD per hour; `None` where a price is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CostChange {
    /// Before.
    pub before: Option<f64>,
    /// After.
    pub after: Option<f64>,
}

impl CostChange {
    /// Hours in an average month.
    pub const HOURS_PER_MONTH: f64 = 730.0;

    /// The difference, in USD per hour.
    pub fn change(&self) -> Option<f64> {
        Some(self.after? - self.before?)
    }
}

/// Why a request is not carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{why}; {lift}")]
pub struct Refusal {
    /// The guard that refuses, as a word: `etcd-quorum`.
    pub guard: &'static str,
    /// Why.
    pub why: String,
    /// What would lift it.
    pub lift: String,
}

impl Refusal {
    pub(super) fn new(guard: &'static str, why: impl Into<String>, lift: impl Into<String>) -> Self {
        Self {
            guard,
            why: why.into(),
            lift: lift.into(),
        }
    }
}

impl Plan {
    /// All steps with their places, in order.
    pub fn steps(&self) -> impl Iterator<Item = (StepId, &Step)> {
        self.stages.iter().enumerate().flat_map(|(stage, s)| {
            s.steps
                .iter()
                .enumerate()
                .map(move |(step, what)| (StepId { stage, step }, what))
        })
    }

    /// How many AWS calls are made one after the other when all goes well, the cluster's lock included.
    pub fn round_trips(&self) -> usize {
        let longest = |stage: &Stage| stage.steps.iter().map(Step::round_trips).max().unwrap_or(0);
        1 + self.stages.iter().map(longest).sum::<usize>()
    }

    /// Whether its cost is that of all that is billed by the hour: else it is that of machines alone.
    pub fn costs_all(&self) -> bool {
        self.bill.is_some() || matches!(self.request, Request::Launch(_))
    }

    /// Whether another plan would do the same. What a snapshot is named tells only when it was planned.
    pub fn does_as(&self, other: &Self) -> bool {
        let unnamed = |plan: &Self| {
            let mut stages = plan.stages.clone();
            for step in stages.iter_mut().flat_map(|stage| &mut stage.steps) {
                if let Step::Machine(_, Task::Snapshot { name }) = step {
                    *name = SmolStr::default();
                }
            }
            stages
        };
        (&self.warnings, &self.confirm) == (&other.warnings, &other.confirm) && unnamed(self) == unnamed(other)
    }

    /// One step.
    pub fn step(&self, id: StepId) -> Option<&Step> {
        self.stages.get(id.stage)?.steps.get(id.step)
    }

    /// The calls of all steps, each once.
    pub fn calls(&self) -> BTreeSet<Call> {
        self.steps()
            .flat_map(|(_, step)| step.calls().iter().copied())
            .collect()
    }

    /// What is needed besides the permissions of the calls: CloudFormation does its work with the rights of who asks for it.
    pub fn needs_besides(&self) -> Option<&'static str> {
        let is_of_stack = |step: &Step| matches!(step, Step::Cloud(_, CloudStep::Stack { .. }));
        let needs = "of CloudFormation, with your rights, what k3fleet export iam-policy --stacks grants";
        self.steps().any(|(_, step)| is_of_stack(step)).then_some(needs)
    }
}

/// Plans a request, or says why it is refused.
pub fn plan(fleet: &Fleet, request: &Request, now: Timestamp) -> Result<Plan, Refusal> {
    let mut plan = verb(fleet, request, now)?;
    for stage in &mut plan.stages {
        stage.passing = passing::of(fleet, &stage.steps);
    }
    if plan.cluster.home.is_none() && !plan.stages.is_empty() {
        let warning = "its AWS region is not known, so no lock keeps others from changing the cluster meanwhile";
        plan.warnings.push(warning.to_owned());
    }
    Ok(plan)
}

fn verb(fleet: &Fleet, request: &Request, now: Timestamp) -> Result<Plan, Refusal> {
    match request {
        Request::Cordon { machines } => verbs::cordon::plan(fleet, request, machines, true),
        Request::Uncordon { machines } => verbs::cordon::plan(fleet, request, machines, false),
        Request::Drain { machines, drain } => verbs::drain::plan(fleet, request, machines, drain, now),
        Request::Replace { machines, drain } => verbs::replace::plan(fleet, request, machines, drain, now),
        Request::Remove { machines, drain } => verbs::remove::plan(fleet, request, machines, drain, now),
        Request::Scale {
            pool,
            to,
            raise,
            order,
            drain,
        } => verbs::scale::plan(
            fleet,
            request,
            &verbs::scale::Scale {
                pool,
                to: *to,
                raise: *raise,
                order,
                drain,
            },
            now,
        ),
        Request::Launch(launch) => verbs::launch::plan(fleet, request, launch, now),
        Request::Update(update) => verbs::update::plan(fleet, request, update),
        Request::Destroy {
            cluster,
            resources,
            volumes,
            snapshots,
        } => {
            let data = verbs::destroy::Data {
                volumes: *volumes,
                snapshots: *snapshots,
            };
            verbs::destroy::plan(fleet, request, cluster, resources, data)
        }
        Request::RollBack { cluster, stack } => verbs::rollback::plan(fleet, request, cluster, stack),
        Request::Extend {
            cluster,
            until,
            resources,
        } => verbs::extend::plan(fleet, request, cluster, *until, resources, now),
        Request::Join(join) => verbs::join::plan(fleet, request, join),
        Request::Leave {
            machines,
            drain,
            forget,
        } => verbs::leave::plan(fleet, request, machines, drain, *forget, now),
        Request::Reboot { machines, drain } => verbs::reboot::plan(fleet, request, machines, drain, now),
        Request::Rotate(rotation) => verbs::rotate::plan(fleet, request, rotation, now),
        Request::Upgrade(upgrade) => verbs::upgrade::plan(fleet, request, upgrade, now),
        Request::Backup { cluster } => verbs::backup::plan(fleet, request, cluster, now),
        Request::Restore(restore) => verbs::restore::plan(fleet, request, restore, now),
        Request::RotateCertificates { machines } => verbs::certificates::plan(fleet, request, machines, now),
    }
}
