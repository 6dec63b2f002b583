//! The resources of the stack that a step works on, below that step: those that failed and those that are under way, in
//! the order in which they began, then how many there are of the others.

use super::{TaskLine, TaskState};
use crate::app::State;
use crate::ops::parts::word;
use crate::ops::{Progress, StackEvent, StepId};

/// Up to so many resources that are under way stand on lines of their own.
const MANY: usize = 12;

/// The lines below a step.
pub(super) fn lines(state: &State, progress: &Progress, id: StepId, step: &TaskLine, live: bool) -> Vec<TaskLine> {
    if step.stands == TaskState::Done {
        return vec![];
    }
    let all = progress.stack(id).iter().filter(|event| !event.is_of_stack());
    let all: Vec<_> = all.map(|event| (event, stands(event, live))).collect();
    let moving = |stands| matches!(stands, TaskState::Running | TaskState::Stopped);
    let told = step.error.as_deref().unwrap_or_default();

    let mut lines = vec![];
    let mut left = MANY;
    for (event, stands) in &all {
        let failed = *stands == TaskState::Failed && !event.was_stopped();
        if failed || (moving(*stands) && left > 0) {
            left -= usize::from(!failed);
            lines.push(line(state, event, *stands, told));
        }
    }
    let count = |fits: &dyn Fn(&StackEvent, TaskState) -> bool| all.iter().filter(|(e, s)| fits(e, *s)).count();
    let under_way = count(&|_, stands| moving(stands)).saturating_sub(MANY);
    let counts = [
        (
            under_way,
            "more are under way",
            if live { TaskState::Running } else { TaskState::Stopped },
        ),
        (
            count(&|event, stands| stands == TaskState::Failed && event.was_stopped()),
            "were stopped, since another failed",
            TaskState::Stopped,
        ),
        (
            count(&|_, stands| stands == TaskState::Done),
            "are done",
            TaskState::Done,
        ),
    ];
    let counted = counts.into_iter().filter(|(count, ..)| *count > 0);
    lines.extend(counted.map(|(count, word, stands)| inner(format!("{count} {word}"), stands)));
    for line in &mut lines {
        line.last = step.last;
    }
    lines
}

fn stands(event: &StackEvent, live: bool) -> TaskState {
    match event.status.is_moving() {
        true if live => TaskState::Running,
        true => TaskState::Stopped,
        false if event.status.has_failed() => TaskState::Failed,
        false => TaskState::Done,
    }
}

/// A resource; why it failed, unless its step tells that already.
fn line(state: &State, event: &StackEvent, stands: TaskState, told: &str) -> TaskLine {
    let failed = stands == TaskState::Failed;
    let why = event
        .reason
        .as_ref()
        .filter(|why| failed && !told.contains(why.as_str()));
    TaskLine {
        seconds: (stands == TaskState::Running).then(|| state.now.duration_since(event.at).as_secs().max(0)),
        said: match event.status.0.split('_').next() {
            Some("DELETE") if !failed => "is deleted".to_owned(),
            Some("UPDATE") if !failed => "is changed".to_owned(),
            _ => String::new(),
        },
        error: why.map(ToString::to_string),
        ..inner(format!("{} ({})", event.resource, word(&event.kind)), stands)
    }
}

fn inner(text: String, stands: TaskState) -> TaskLine {
    TaskLine {
        number: None,
        inner: true,
        last: false,
        text,
        stands,
        seconds: None,
        said: String::new(),
        error: None,
    }
}
