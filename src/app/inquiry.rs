//! Destroying and extending clusters, and taking their stacks back: what a cluster is made of, or how its stack stands, is
//! asked of its region first, and planned from then.
//!
//! ```text
//!  destroy, extend ─▶ Effect::Resources ─▶ Msg::Resources ─▶ Request::Destroy, Request::Extend ─▶ the plan
//!  roll back ───────▶ Effect::Stack ─────▶ Msg::Stack ─────▶ Request::RollBack ────────────────▶ the plan
//! ```

use jiff::{SignedDuration, Timestamp};
use tui_input::Input;

use super::key::{Key, KeyCode};
use super::overlay::Overlay;
use super::planning::Planning;
use super::update::Turn;
use super::{Effect, State, line};
use crate::fleet::table::RowId;
use crate::fleet::{ClusterId, Severity, Stacked};
use crate::ops::{Request, Resource, Stack};

/// What is asked about a cluster, and what for.
#[derive(Clone, Debug)]
pub struct Inquiry {
    /// The cluster.
    pub cluster: ClusterId,
    /// What for.
    pub about: About,
    /// Why there is no answer.
    pub fault: Option<String>,
}

/// What is done to a cluster once that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// It is destroyed.
    Destroy,
    /// It lives until then.
    Extend(Timestamp),
    /// Its stack, which failed, goes back to how it was before.
    RollBack,
}

/// The form that asks how much longer a cluster shall live.
#[derive(Clone, Debug)]
pub struct ExtendForm {
    /// The cluster.
    pub cluster: ClusterId,
    /// The time that is typed.
    pub line: Input,
}

/// The times to choose from.
const TIMES: [&str; 4] = ["30m", "1h", "2h", "8h"];
/// The most by which a cluster is extended.
const LONGEST: SignedDuration = SignedDuration::from_hours(24 * 365);

/// When a cluster ends; `None` for one that stays.
pub fn ends(state: &State, cluster: &ClusterId) -> Option<Timestamp> {
    state.summary.clusters.get(cluster)?.expires_at
}

/// Whether the cluster that is meant has a stack that can be taken back.
pub(super) fn can_go_back(state: &State) -> bool {
    let stands = state.cluster_meant().and_then(|cluster| state.fleet.stacked(&cluster));
    let stack = stands.and_then(Stacked::stack);
    stack.is_some_and(|stack| stack.status.can_go_back())
}

impl ExtendForm {
    /// When the cluster will end: so much later than now it does, or than now if it should have ended. `None` where no
    /// time is typed.
    pub fn until(&self, state: &State) -> Option<Timestamp> {
        let by: SignedDuration = self.line.value().trim().parse().ok()?;
        let good = by > SignedDuration::ZERO && by <= LONGEST;
        let from = ends(state, &self.cluster)?.max(state.now);
        good.then(|| from.checked_add(by).ok()).flatten()
    }
}

impl Turn<'_> {
    pub(super) fn cluster_here(&mut self) -> Option<ClusterId> {
        match self.state.row() {
            Some(RowId::Cluster(cluster)) => Some(cluster.clone()),
            _ => {
                self.say(Severity::Info, "there is no cluster under the cursor");
                None
            }
        }
    }

    pub(super) fn open_destroy(&mut self) {
        let Some(cluster) = self.cluster_here() else { return };
        // What is refused whatever it is made of is refused at once.
        let request = |resources| Request::Destroy {
            cluster: cluster.clone(),
            resources,
            volumes: false,
            snapshots: false,
        };
        let planning = Planning::new(&self.state.fleet, request(vec![]), self.state.now);
        match planning.outcome {
            Err(_) => self.push(Overlay::Plan(Box::new(planning))),
            Ok(_) => self.inquire(cluster, About::Destroy),
        }
    }

    pub(super) fn open_extend(&mut self) {
        let Some(cluster) = self.cluster_here() else { return };
        if ends(self.state, &cluster).is_none() {
            let text = format!("{cluster} does not destroy itself: only a ci cluster is extended");
            return self.say(Severity::Info, text);
        }
        let line = Input::from("1h");
        self.push(Overlay::Extend(Box::new(ExtendForm { cluster, line })));
    }

    /// Takes the failed stack of the cluster under the cursor back, or of the one that the finding there is about.
    pub(super) fn open_rollback(&mut self) {
        match self.state.cluster_meant() {
            Some(cluster) => self.inquire(cluster, About::RollBack),
            None => self.say(Severity::Info, "there is no cluster under the cursor"),
        }
    }

    fn inquire(&mut self, cluster: ClusterId, about: About) {
        self.ask_region(&cluster, about);
        self.push(Overlay::Inquiry(Box::new(Inquiry {
            cluster,
            about,
            fault: None,
        })));
    }

    fn ask_region(&mut self, cluster: &ClusterId, about: About) {
        self.effect(match about {
            About::Destroy | About::Extend(_) => Effect::Resources(cluster.clone()),
            About::RollBack => Effect::Stack(cluster.clone()),
        });
    }

    /// Asks once more, after it has failed.
    pub(super) fn inquire_again(&mut self) {
        if let Some(Overlay::Inquiry(inquiry)) = self.state.overlays.last_mut()
            && inquiry.fault.take().is_some()
        {
            let (cluster, about) = (inquiry.cluster.clone(), inquiry.about);
            self.touch();
            self.ask_region(&cluster, about);
        }
    }

    /// Takes in what a cluster is made of, and plans what was asked for.
    pub(super) fn inquired(&mut self, of: &ClusterId, answer: Result<Vec<Resource>, String>) {
        self.answered(of, answer, |cluster, about, resources| match about {
            About::Destroy => Some(Request::Destroy {
                cluster,
                resources,
                volumes: false,
                snapshots: false,
            }),
            About::Extend(until) => Some(Request::Extend {
                cluster,
                until,
                resources,
            }),
            About::RollBack => None,
        });
    }

    /// Takes in how a cluster's stack stands, and plans to take it back.
    pub(super) fn stack_told(&mut self, of: &ClusterId, answer: Result<Box<Stack>, String>) {
        self.answered(of, answer, |cluster, about, stack| {
            let stack = *stack;
            (about == About::RollBack).then_some(Request::RollBack { cluster, stack })
        });
    }

    /// From an answer to the plan of what was asked for. A late answer about something else is of no use.
    fn answered<T>(
        &mut self,
        of: &ClusterId,
        answer: Result<T, String>,
        request: impl Fn(ClusterId, About, T) -> Option<Request>,
    ) {
        let Some(Overlay::Inquiry(inquiry)) = self.state.overlays.last_mut() else {
            return;
        };
        if inquiry.cluster != *of || inquiry.fault.is_some() {
            return;
        }
        let known = match answer {
            Ok(known) => known,
            Err(why) => {
                inquiry.fault = Some(why);
                return self.touch();
            }
        };
        let Some(request) = request(inquiry.cluster.clone(), inquiry.about, known) else {
            return;
        };
        self.close();
        self.show_plan(request);
    }

    /// A key while a time is typed.
    pub(super) fn extend_key(&mut self, key: Key) {
        match key.code() {
            KeyCode::Esc => return self.close(),
            KeyCode::Enter => return self.plan_extend(),
            KeyCode::Up => return self.step_time(1),
            KeyCode::Down => return self.step_time(-1),
            _ => {}
        }
        let Some(Overlay::Extend(form)) = self.state.overlays.last_mut() else {
            return;
        };
        if line::edit(&mut form.line, key) != line::Edited::Nothing {
            self.touch();
        }
    }

    /// To the next of the times to choose from, or the one before.
    fn step_time(&mut self, by: isize) {
        let Some(Overlay::Extend(form)) = self.state.overlays.last_mut() else {
            return;
        };
        let now = TIMES.iter().position(|time| *time == form.line.value().trim());
        let to = now.map_or(1, |at| at.saturating_add_signed(by).min(TIMES.len() - 1));
        if let Some(time) = TIMES.get(to) {
            form.line = (*time).into();
        }
        self.touch();
    }

    /// From the time to the plan; back leads to the form again.
    pub(super) fn plan_extend(&mut self) {
        let Some(Overlay::Extend(form)) = self.state.overlays.last() else {
            return;
        };
        match form.until(self.state) {
            Some(until) => {
                let cluster = form.cluster.clone();
                self.inquire(cluster, About::Extend(until));
            }
            None => self.say(Severity::Info, "type how much longer it shall live, such as 30m or 2h"),
        }
    }
}
