//! Destroying and extending clusters: what a cluster is made of is asked of its region first, and planned from then.
//!
//! ```text
//!  destroy, extend ─▶ Effect::Resources ─▶ Msg::Resources ─▶ Request::Destroy, Request::Extend ─▶ the plan
//! ```

use jiff::{SignedDuration, Timestamp};
use tui_input::Input;

use super::key::{Key, KeyCode};
use super::overlay::Overlay;
use super::planning::Planning;
use super::update::Turn;
use super::{Effect, State, line};
use crate::fleet::table::RowId;
use crate::fleet::{ClusterId, Severity};
use crate::ops::{Request, Resource};

/// What is asked about a cluster, and what for.
#[derive(Clone, Debug)]
pub struct Inquiry {
    /// The cluster.
    pub cluster: ClusterId,
    /// When it shall end; `None`: it is destroyed.
    pub until: Option<Timestamp>,
    /// Why there is no answer.
    pub fault: Option<String>,
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
            Ok(_) => self.inquire(cluster, None),
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

    fn inquire(&mut self, cluster: ClusterId, until: Option<Timestamp>) {
        self.effect(Effect::Resources(cluster.clone()));
        self.push(Overlay::Inquiry(Box::new(Inquiry {
            cluster,
            until,
            fault: None,
        })));
    }

    /// Asks once more, after it has failed.
    pub(super) fn inquire_again(&mut self) {
        if let Some(Overlay::Inquiry(inquiry)) = self.state.overlays.last_mut()
            && inquiry.fault.take().is_some()
        {
            let cluster = inquiry.cluster.clone();
            self.touch();
            self.effect(Effect::Resources(cluster));
        }
    }

    /// Takes in what a cluster is made of, and plans what was asked for.
    pub(super) fn inquired(&mut self, of: &ClusterId, answer: Result<Vec<Resource>, String>) {
        let Some(Overlay::Inquiry(inquiry)) = self.state.overlays.last_mut() else {
            return;
        };
        // A late answer about something else is of no use.
        if inquiry.cluster != *of || inquiry.fault.is_some() {
            return;
        }
        let resources = match answer {
            Ok(resources) => resources,
            Err(why) => {
                inquiry.fault = Some(why);
                return self.touch();
            }
        };
        let cluster = inquiry.cluster.clone();
        let request = match inquiry.until {
            None => Request::Destroy {
                cluster,
                resources,
                volumes: false,
                snapshots: false,
            },
            Some(until) => Request::Extend {
                cluster,
                until,
                resources,
            },
        };
        self.close();
        let planning = Planning::new(&self.state.fleet, request, self.state.now);
        self.push(Overlay::Plan(Box::new(planning)));
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
                self.inquire(cluster, Some(until));
            }
            None => self.say(Severity::Info, "type how much longer it shall live, such as 30m or 2h"),
        }
    }
}
