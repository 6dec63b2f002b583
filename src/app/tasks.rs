//! The task tree of an operation: its stages and steps with how each stands, how long it took, and what it said.

mod stack;

use super::State;
use super::operations::{OperationState, state_of};
use crate::ops::{CloudStep, Progress, Step, StepId, StepState};

/// A stage with more steps than these tells first what wants looking at, and while it runs what is done and what waits
/// only by their numbers.
const MANY: usize = 20;

/// How a stage or a step stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskState {
    /// It has not begun.
    Waiting,
    /// It runs.
    Running,
    /// It was cut off, or stopped, before it was done.
    Stopped,
    /// It is done.
    Done,
    /// It failed.
    Failed,
}

/// A line of the tree.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskLine {
    /// The stage's number, from 1, on a stage's line; a step's has none.
    pub number: Option<usize>,
    /// Whether it is below a step: a resource of the stack that the step works on.
    pub inner: bool,
    /// Whether it is the last step of its stage, or below that one.
    pub last: bool,
    /// What it does.
    pub text: String,
    /// How it stands.
    pub stands: TaskState,
    /// How long it took or has run, in seconds.
    pub seconds: Option<i64>,
    /// What it said last.
    pub said: String,
    /// Why it failed, and what to do.
    pub error: Option<String>,
}

/// The tree, line by line.
pub fn lines(state: &State, progress: &Progress) -> Vec<TaskLine> {
    let live = state_of(state, progress).is_running();
    let mut lines = vec![];
    for (stage, all) in progress.plan.stages.iter().enumerate() {
        let last = all.steps.len().saturating_sub(1);
        let steps = all.steps.iter().enumerate().map(|(step, what)| {
            let id = StepId { stage, step };
            let (stands, seconds, error) = match progress.state(id) {
                StepState::Waiting => (TaskState::Waiting, None, None),
                StepState::Running(since) if live => {
                    let ran = state.now.duration_since(since).as_secs().max(0);
                    (TaskState::Running, Some(ran), None)
                }
                StepState::Running(_) => (TaskState::Stopped, None, None),
                StepState::Done(seconds) => (TaskState::Done, Some(seconds.max(0.0) as i64), None),
                StepState::Failed(error) => (TaskState::Failed, None, Some(readable(what, error))),
            };
            TaskLine {
                number: None,
                inner: false,
                last: step == last,
                text: what.describe(),
                stands,
                seconds,
                said: progress.said(id).to_owned(),
                error,
            }
        });
        let steps: Vec<_> = steps.collect();
        let count = |stands| steps.iter().filter(|s| s.stands == stands).count();
        let failed = match count(TaskState::Failed) {
            0 => String::new(),
            n => format!(", {n} failed"),
        };
        lines.push(TaskLine {
            number: Some(stage + 1),
            inner: false,
            last: false,
            text: all.title.clone(),
            stands: together(&steps, live),
            // They run side by side: the one that takes longest tells.
            seconds: steps.iter().filter_map(|s| s.seconds).max(),
            said: match steps.len() {
                1 => String::new(),
                n => format!("{} of {n}{failed}", count(TaskState::Done)),
            },
            error: None,
        });
        match steps.len() > MANY {
            true => lines.extend(many(steps, live)),
            false => {
                for (step, line) in steps.into_iter().enumerate() {
                    let below = stack::lines(state, progress, StepId { stage, step }, &line, live);
                    lines.push(line);
                    lines.extend(below);
                }
            }
        }
    }
    lines
}

/// Why a step failed: of a stack many resources may fail, each of which gets a line of its own.
fn readable(step: &Step, error: String) -> String {
    match step {
        Step::Cloud(_, CloudStep::Stack { .. }) => error.replace("; ", ";\n"),
        _ => error,
    }
}

/// The steps of a stage that has many: what failed, then what runs, what waits and what is done.
fn many(mut steps: Vec<TaskLine>, live: bool) -> Vec<TaskLine> {
    const ORDER: [TaskState; 5] = [
        TaskState::Failed,
        TaskState::Running,
        TaskState::Stopped,
        TaskState::Waiting,
        TaskState::Done,
    ];
    steps.sort_by_key(|step| ORDER.iter().position(|stands| *stands == step.stands));
    if live {
        for (stands, word) in [(TaskState::Waiting, "more wait"), (TaskState::Done, "are done")] {
            let folded = steps.iter().filter(|s| s.stands == stands).count();
            if folded > 1 {
                steps.retain(|s| s.stands != stands);
                steps.push(TaskLine {
                    number: None,
                    inner: false,
                    last: false,
                    text: format!("{folded} {word}"),
                    stands,
                    seconds: None,
                    said: String::new(),
                    error: None,
                });
            }
        }
    }
    let last = steps.len().saturating_sub(1);
    for (at, step) in steps.iter_mut().enumerate() {
        step.last = at == last;
    }
    steps
}

/// How a stage stands whose steps stand so.
fn together(steps: &[TaskLine], live: bool) -> TaskState {
    let any = |stands| steps.iter().any(|s| s.stands == stands);
    let all = |stands| steps.iter().all(|s| s.stands == stands);
    match () {
        () if any(TaskState::Running) => TaskState::Running,
        () if any(TaskState::Failed) => TaskState::Failed,
        () if all(TaskState::Done) => TaskState::Done,
        () if all(TaskState::Waiting) => TaskState::Waiting,
        () if live => TaskState::Running,
        () => TaskState::Stopped,
    }
}

impl TaskLine {
    /// How far it is scrolled over: by itself, and by each line of what went wrong.
    fn height(&self) -> usize {
        1 + self.error.as_ref().map_or(0, |error| error.lines().count())
    }
}

/// How far a tree can be scrolled at most.
pub fn height(lines: &[TaskLine]) -> usize {
    lines.iter().map(TaskLine::height).sum()
}

/// What is to be kept in sight, by how far it is scrolled to: the first step that failed or runs, else the first that has
/// not begun, else the last.
pub fn active(lines: &[TaskLine]) -> usize {
    height(lines.get(..active_line(lines)).unwrap_or_default())
}

/// What is to be kept in sight, as [`active`] has it, and how far it is scrolled to the end of what is told of it.
pub fn followed(lines: &[TaskLine]) -> (usize, usize) {
    let at = active_line(lines);
    let below = lines.iter().skip(at + 1).take_while(|line| line.inner).count();
    (
        height(lines.get(..at).unwrap_or_default()),
        height(lines.get(..=at + below).unwrap_or(lines)),
    )
}

fn active_line(lines: &[TaskLine]) -> usize {
    let first = |fits: &dyn Fn(TaskState) -> bool| lines.iter().position(|l| l.number.is_none() && fits(l.stands));
    first(&|s| s == TaskState::Failed)
        .or_else(|| first(&|s| matches!(s, TaskState::Running | TaskState::Stopped)))
        .or_else(|| first(&|s| s == TaskState::Waiting))
        .unwrap_or(lines.len().saturating_sub(1))
}

/// What can be done with an operation that stands so, in words without keys.
pub fn advice(stands: OperationState) -> &'static str {
    match stands {
        OperationState::CutOff => "cut off, or run by another k3fleet: what is done is skipped",
        OperationState::Failed => "after mending what failed; what is done is skipped",
        OperationState::Partly => "after mending what failed; only those hosts are tried again",
        OperationState::Cancelled => "what is done is skipped",
        OperationState::Stopping => "it stops as soon as what is under way lets it",
        OperationState::Running | OperationState::Done | OperationState::Aborted => "",
    }
}
