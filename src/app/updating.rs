//! Changing a highly available cluster: its spec is asked for, changed in the operator's own editor, and CloudFormation
//! works out what that means before anything is planned.
//!
//! ```text
//!  update ─▶ Effect::Known ─▶ Msg::Known ─▶ Effect::Edit ─▶ Msg::Edited ─▶ Effect::Propose ─▶ Msg::Proposed ─▶ the plan
//!                                              ▲               │ at fault
//!                                              └── edit again ◀┘
//! ```
//! What was typed is lost by no fault in it: the editor opens with it again.

use super::Effect;
use super::changes::READ_ONLY;
use super::overlay::Overlay;
use super::planning::Planning;
use super::update::Turn;

use crate::fleet::{ClusterId, Severity};
use crate::ops::Request;
use crate::ops::launch::Spec;
use crate::ops::updating::{Known, Update, judge, sized, types};

/// A cluster that is being changed.
#[derive(Clone, Debug)]
pub struct UpdateView {
    /// The cluster.
    pub cluster: ClusterId,
    /// What it is, with the spec as it is by now; `None` while that is asked.
    known: Option<(Box<Known>, Box<Spec>)>,
    /// The spec as it was last typed.
    text: String,
    /// How far it is.
    pub stage: Stage,
}

/// How far a change is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    /// What the cluster is, is asked.
    Asking,
    /// Its spec is in the editor.
    Editing,
    /// CloudFormation is asked what it means.
    Proposing,
    /// The plan lies above.
    Planned,
    /// It came to nothing, for this reason.
    Refused(String),
}

impl UpdateView {
    /// Whether there is a text to be changed, and nothing under way.
    pub fn can_be_edited(&self) -> bool {
        self.known.is_some() && matches!(self.stage, Stage::Planned | Stage::Refused(_))
    }

    /// What the text says that the cluster shall be; `None` where nothing was changed. The error says where it is wrong.
    fn wanted(&self) -> Result<Option<Spec>, String> {
        let Some((_, old)) = &self.known else {
            return Ok(None);
        };
        let spec: Spec = serde_json::from_str(&self.text).map_err(|error| error.to_string())?;
        if spec == **old {
            return Ok(None);
        }
        judge(old, &spec).map_err(|refusal| refusal.to_string())?;
        Ok(Some(spec))
    }
}

impl Turn<'_> {
    pub(super) fn open_update(&mut self) {
        let Some(cluster) = self.cluster_here() else { return };
        if self.state.read_only {
            return self.say(Severity::Warning, READ_ONLY);
        }
        self.effect(Effect::Known(cluster.clone()));
        self.push(Overlay::Update(Box::new(UpdateView {
            cluster,
            known: None,
            text: String::new(),
            stage: Stage::Asking,
        })));
    }

    fn update_view(&mut self) -> Option<&mut UpdateView> {
        self.state.overlays.iter_mut().find_map(|overlay| match overlay {
            Overlay::Update(view) => Some(&mut **view),
            _ => None,
        })
    }

    /// Takes in what a cluster is, and opens the editor with it.
    pub(super) fn known(&mut self, of: &ClusterId, answer: Result<Box<Known>, String>) {
        let is_asked = |view: &UpdateView| view.cluster == *of && view.stage == Stage::Asking;
        if !self.update_view().is_some_and(|view| is_asked(view)) {
            return;
        }
        let written = answer.and_then(|known| {
            let old = sized(&self.state.fleet, &known);
            let text = serde_json::to_string_pretty(&old).map_err(|error| error.to_string())?;
            Ok(((known, Box::new(old)), format!("{text}\n")))
        });
        let Some(view) = self.update_view() else { return };
        match written {
            Ok((known, text)) => {
                view.known = Some(known);
                view.text = text;
                self.edit();
            }
            Err(why) => view.stage = Stage::Refused(why),
        }
        self.touch();
    }

    /// Opens the editor, with what was typed last.
    pub(super) fn edit(&mut self) {
        let Some(view) = self.update_view() else { return };
        view.stage = Stage::Editing;
        let (name, text) = (format!("{}.json", view.cluster.name), view.text.clone());
        self.effect(Effect::Edit { name, text });
        self.touch();
    }

    /// Opens the editor again, where there is something to be edited.
    pub(super) fn edit_again(&mut self) {
        if let Some(Overlay::Update(view)) = self.state.overlays.last()
            && view.can_be_edited()
        {
            self.edit();
        }
    }

    /// Takes in what was typed, or why it is not known.
    pub(super) fn edited(&mut self, answer: Result<String, String>) {
        let Some(view) = self.update_view().filter(|view| view.stage == Stage::Editing) else {
            return;
        };
        let wanted = answer.and_then(|text| {
            view.text = text;
            view.wanted()
        });
        let cluster = view.cluster.clone();
        let known = view.known.clone();
        match (wanted, known) {
            (Ok(Some(spec)), Some((known, old))) => {
                view.stage = Stage::Proposing;
                if let Some(home) = &cluster.home {
                    let types = types(&old, &spec).into_iter();
                    let offers = types.map(|kind| (home.region.clone(), kind)).collect();
                    self.effect(Effect::WantPrices(offers));
                }
                self.effect(Effect::Propose(Box::new(Proposal {
                    cluster,
                    known: *known,
                    old: *old,
                    spec,
                })));
            }
            (Err(why), _) => view.stage = Stage::Refused(why),
            (Ok(_), _) => {
                self.close();
                self.say(Severity::Info, format!("{cluster} stays as it is: nothing was changed"));
            }
        }
        self.touch();
    }

    /// Takes in what CloudFormation would do, and shows the plan of it.
    pub(super) fn proposed(&mut self, of: &ClusterId, answer: Result<Box<Update>, String>) {
        let is_wanted = |view: &UpdateView| view.cluster == *of && view.stage == Stage::Proposing;
        let waits = self.update_view().filter(|view| is_wanted(view));
        match (answer, waits) {
            (Ok(update), Some(view)) => {
                view.stage = Stage::Planned;
                self.show_plan(Request::Update(update));
            }
            (Err(why), Some(view)) => view.stage = Stage::Refused(why),
            // It was left meanwhile.
            (Ok(update), None) => self.effect(Effect::Discard(update)),
            (Err(_), None) => {}
        }
        self.touch();
    }

    /// What is left is not carried out: nor is it kept at CloudFormation.
    pub(super) fn leave_update(&mut self, planning: &Planning) {
        if let Request::Update(update) = &planning.request {
            self.effect(Effect::Discard(update.clone()));
        }
    }
}

/// Another spec for a cluster, for CloudFormation to work out.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposal {
    /// The cluster.
    pub cluster: ClusterId,
    /// What is known of it.
    pub known: Known,
    /// Its spec by now.
    pub old: Spec,
    /// The other one.
    pub spec: Spec,
}
