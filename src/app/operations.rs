//! The operations: what their events tell, in which order they are listed, and what may be done with each.

use std::cmp::Reverse;

use jiff::Timestamp;

use super::overlay::Overlay;
use super::plan_lines::named;
use super::update::Turn;
use super::{Action, Effect, Pane, Screen, State};
use crate::fleet::Severity;
use crate::fleet::table::{RowId, age};
use crate::ops::{Event, OperationId, Outcome, Progress, What};

/// An operation in the list.
pub type Listed = Progress;

/// How an operation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum OperationState {
    /// It is run from here.
    Running,
    /// It stops as soon as its steps let it.
    Stopping,
    /// Nobody here runs it, and it never ended: its program died, or it runs elsewhere.
    CutOff,
    /// A step failed.
    Failed,
    /// Some of its hosts failed, each by itself.
    Partly,
    /// It was stopped.
    Cancelled,
    /// Everything was done.
    Done,
    /// It was given up.
    Aborted,
}

impl OperationState {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Stopping => "stopping",
            Self::CutOff => "cut off",
            Self::Failed => "failed",
            Self::Partly => "partly",
            Self::Cancelled => "stopped",
            Self::Done => "done",
            Self::Aborted => "given up",
        }
    }

    /// Whether it is run from here.
    pub fn is_running(self) -> bool {
        matches!(self, Self::Running | Self::Stopping)
    }

    /// Whether it can be resumed.
    pub fn is_unfinished(self) -> bool {
        matches!(self, Self::CutOff | Self::Failed | Self::Partly | Self::Cancelled)
    }
}

/// How an operation stands.
pub fn state_of(state: &State, progress: &Progress) -> OperationState {
    match progress.outcome {
        Some(Outcome::Done) => OperationState::Done,
        Some(Outcome::Failed) => OperationState::Failed,
        Some(Outcome::Partly) => OperationState::Partly,
        Some(Outcome::Cancelled) => OperationState::Cancelled,
        Some(Outcome::Aborted) => OperationState::Aborted,
        None if state.stopping.contains(&progress.id) => OperationState::Stopping,
        None if state.running.contains(&progress.id) => OperationState::Running,
        None => OperationState::CutOff,
    }
}

/// All operations: those that run, those that can be resumed, those that have ended; of each the newest first.
pub fn listed(state: &State) -> Vec<&Progress> {
    let mut all: Vec<_> = state.operations.values().collect();
    all.sort_by_key(|p| {
        let stands = state_of(state, p);
        let group = match stands {
            s if s.is_running() => 0,
            s if s.is_unfinished() => 1,
            _ => 2,
        };
        (group, Reverse(p.began_at), Reverse(&p.id))
    });
    all
}

/// The operation whose steps are shown.
pub fn chosen(state: &State) -> Option<&Progress> {
    let by_cursor = state.operation.as_ref().and_then(|id| state.operations.get(id));
    by_cursor.or_else(|| listed(state).first().copied())
}

/// How many operations stand so.
pub fn count(state: &State, stands: impl Fn(OperationState) -> bool) -> usize {
    state.operations.values().filter(|p| stands(state_of(state, p))).count()
}

/// An operation on one line.
#[derive(Clone, Debug, PartialEq)]
pub struct OperationLine {
    /// Its id, as the command line takes it.
    pub id: String,
    /// How it stands.
    pub stands: OperationState,
    /// What it does.
    pub title: String,
    /// Which cluster it changes.
    pub cluster: String,
    /// How many steps are done, of how many.
    pub done: (usize, usize),
    /// When it began.
    pub began_at: Timestamp,
    /// How long it has been at it, in seconds.
    pub seconds: i64,
    /// Who began or resumed it.
    pub by: String,
}

/// An operation on one line.
pub fn line(state: &State, progress: &Progress) -> OperationLine {
    let stands = state_of(state, progress);
    OperationLine {
        id: progress.id.to_string(),
        stands,
        title: named(&progress.plan),
        cluster: progress.plan.cluster.to_string(),
        done: progress.done(),
        began_at: progress.began_at,
        seconds: took(progress, stands, state.now),
        by: progress.by.to_string(),
    }
}

fn took(progress: &Progress, stands: OperationState, now: Timestamp) -> i64 {
    let until = if stands.is_running() { now } else { progress.seen_at };
    until.duration_since(progress.began_at).as_secs().max(0)
}

impl Turn<'_> {
    /// Takes in what has happened to an operation that is run from here.
    pub(super) fn operation(&mut self, id: OperationId, event: &Event) {
        match self.state.operations.get_mut(&id) {
            Some(progress) => progress.take(event),
            None => match Progress::begin(id.clone(), event) {
                Some(progress) => drop(self.state.operations.insert(id.clone(), progress)),
                None => return,
            },
        }
        self.touch();
        match &event.what {
            What::Began { .. } | What::Resumed { .. } => {
                self.state.running.insert(id.clone());
                self.state.operation = Some(id);
                self.state.steps_scroll = None;
            }
            What::Ended { outcome } => {
                self.state.running.remove(&id);
                self.state.stopping.remove(&id);
                self.tell_end(&id, *outcome);
            }
            _ => {}
        }
    }

    fn tell_end(&mut self, id: &OperationId, outcome: Outcome) {
        let Some(progress) = self.state.operations.get(id) else {
            return;
        };
        let title = named(&progress.plan);
        let after = age(progress.seen_at.duration_since(progress.began_at).as_secs().max(0));
        let (severity, text) = match outcome {
            Outcome::Done => (Severity::Ok, format!("{title}: done in {after}")),
            Outcome::Partly => (
                Severity::Warning,
                format!(
                    "{title}: {} failed, see Operations (6); resumed, only those are tried again",
                    progress.failed()
                ),
            ),
            Outcome::Failed => (Severity::Critical, format!("{title}: failed, see Operations (6)")),
            Outcome::Cancelled => (Severity::Info, format!("{title}: stopped; it can be resumed")),
            Outcome::Aborted => (Severity::Info, format!("{title}: given up")),
        };
        self.say(severity, text);
    }

    /// Leaves; while operations run only once that is asked for twice.
    pub(super) fn quit(&mut self) {
        const ASK: &str = "an operation runs: leaving cuts it off, it can be resumed; once more leaves";
        let asked = self.state.notice.as_ref().is_some_and(|(_, text, _)| text == ASK);
        if self.state.running.is_empty() || asked {
            return self.effect(Effect::Quit);
        }
        self.say(Severity::Warning, ASK);
    }

    /// Takes in operations as their journals tell them. None of them is run from here.
    pub(super) fn journals(&mut self, read: Vec<Progress>) {
        for progress in read {
            self.state.running.remove(&progress.id);
            self.state.stopping.remove(&progress.id);
            self.state.operations.insert(progress.id.clone(), progress);
        }
        self.touch();
        let text = match count(self.state, OperationState::is_unfinished) {
            0 => return,
            1 => "1 operation is unfinished: see Operations (6)".to_owned(),
            n => format!("{n} operations are unfinished: see Operations (6)"),
        };
        self.say(Severity::Warning, text);
    }

    /// Moves the cursor of the list of operations.
    pub(super) fn move_operation(&mut self, by: isize) {
        let at = chosen(self.state).map(|p| p.id.clone());
        let listed = listed(self.state);
        let at = listed.iter().position(|p| Some(&p.id) == at.as_ref()).unwrap_or(0);
        let to = at.saturating_add_signed(by).min(listed.len().saturating_sub(1));
        let id = listed.get(to).map(|p| p.id.clone());
        self.choose_operation(id);
    }

    /// Puts the cursor on the operation at a place of the list.
    pub(super) fn click_operation(&mut self, at: usize) {
        let id = listed(self.state).get(at).map(|p| p.id.clone());
        self.choose_operation(id);
    }

    fn choose_operation(&mut self, id: Option<OperationId>) {
        if id.is_some() && self.state.operation != id {
            self.state.operation = id;
            self.state.steps_scroll = None;
            self.touch();
        }
    }

    /// Scrolls the steps of the operation under the cursor. Until then the step that runs is kept in sight.
    pub(super) fn scroll_steps(&mut self, by: isize) {
        let Some(progress) = chosen(self.state) else { return };
        let lines = super::tasks::lines(self.state, progress);
        let from = self.state.steps_scroll.unwrap_or_else(|| super::tasks::active(&lines));
        let to = from
            .saturating_add_signed(by)
            .min(super::tasks::height(&lines).saturating_sub(1));
        self.set(|s| &mut s.steps_scroll, Some(to));
    }

    pub(super) fn stop_operation(&mut self) {
        let Some((id, stands)) = self.chosen_id() else { return };
        match stands {
            OperationState::Running => {
                self.state.stopping.insert(id.clone());
                self.effect(Effect::Stop(id));
                self.say(
                    Severity::Info,
                    "it stops as soon as what is under way lets it; it can be resumed",
                );
            }
            OperationState::Stopping => self.say(Severity::Info, "it is stopping already"),
            other => self.say(
                Severity::Info,
                format!("it does not run here: it is {}", other.as_str()),
            ),
        }
    }

    pub(super) fn resume_operation(&mut self) {
        let Some((id, stands)) = self.chosen_id() else { return };
        match stands {
            _ if self.state.read_only => self.say(Severity::Warning, super::changes::READ_ONLY),
            s if s.is_unfinished() => self.effect(Effect::Resume(id)),
            other => self.say(
                Severity::Info,
                format!("nothing is left to resume: it is {}", other.as_str()),
            ),
        }
    }

    /// Asks whether an unfinished operation is given up.
    pub(super) fn abort_operation(&mut self) {
        let Some((id, stands)) = self.chosen_id() else { return };
        match stands {
            s if s.is_unfinished() => self.push(Overlay::Abort { id }),
            s if s.is_running() => self.say(Severity::Info, "it runs: stop it first"),
            other => self.say(Severity::Info, format!("it has ended: it is {}", other.as_str())),
        }
    }

    /// Gives the operation up that was asked about.
    pub(super) fn abort_asked(&mut self) {
        if let Some(Overlay::Abort { id }) = self.state.overlays.last() {
            let id = id.clone();
            self.close();
            self.effect(Effect::Abort(id));
        }
    }

    fn chosen_id(&mut self) -> Option<(OperationId, OperationState)> {
        let found = chosen(self.state).map(|p| (p.id.clone(), state_of(self.state, p)));
        if found.is_none() {
            self.say(Severity::Info, "no operation has been run yet");
        }
        found
    }

    /// Whether a pane has anything to show: the steps are those of an operation.
    pub(super) fn pane_is_empty(&self, pane: Pane) -> bool {
        pane == Pane::Steps && self.state.operations.is_empty()
    }
}

impl State {
    /// Whether an action that is about some rows alone fits the one under the cursor; other actions are always worth it.
    pub(super) fn is_worth(&self, action: Action) -> bool {
        let stands = chosen(self).map(|p| state_of(self, p));
        match action {
            Action::Stop => stands.is_some_and(OperationState::is_running),
            Action::Resume | Action::Abort => stands.is_some_and(OperationState::is_unfinished),
            Action::Extend => match self.row() {
                Some(RowId::Cluster(cluster)) => super::inquiry::ends(self, cluster).is_some(),
                _ => false,
            },
            Action::TestReaper => super::reaper::matters(self),
            Action::RollBack => super::inquiry::can_go_back(self),
            Action::DetectDrift => super::drift::matters(self),
            _ => true,
        }
    }

    /// Whether the pane is one of those about an operation, and there is one.
    pub(super) fn on_operation(&self) -> bool {
        self.screen == Screen::Operations
            && matches!(self.focused(), Pane::Operations | Pane::Steps)
            && !self.operations.is_empty()
    }
}
