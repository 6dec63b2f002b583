//! The form that asks how many machines a pool shall have, and tells while the number is typed what would come of it.

use tui_input::Input;

use super::key::{Key, KeyCode};
use super::overlay::Overlay;
use super::planning::PlanOption;
use super::update::Turn;
use super::{State, line};
use crate::fleet::table::RowId;
use crate::fleet::{PoolId, Severity};
use crate::ops::{DrainOptions, Plan, Refusal, Request, VictimOrder, plan};

/// The form.
#[derive(Clone, Debug)]
pub struct ScaleForm {
    /// The pool.
    pub pool: PoolId,
    /// The number that is typed.
    pub line: Input,
    /// Whether the pool's bounds may be widened.
    pub raise: bool,
    /// What would come of the number; `None` until one is typed.
    pub outcome: Option<Result<Plan, Refusal>>,
}

/// What is known of the pool that is scaled.
#[derive(Clone, Debug, PartialEq)]
pub struct PoolFacts {
    /// Its name.
    pub name: String,
    /// How many machines it wants, where it is scaled at all.
    pub wanted: Option<u32>,
    /// How many it has, and how many of them are ready.
    pub has: (u32, u32),
    /// The least and the most it may have.
    pub bounds: Option<(u32, u32)>,
}

/// What is known of a pool.
pub fn facts(state: &State, id: &PoolId) -> Option<PoolFacts> {
    let pool = state.summary.pools.get(id)?;
    Some(PoolFacts {
        name: pool.name.to_string(),
        wanted: pool.capacity.map(|c| c.desired),
        has: (pool.count.machines, pool.count.ready),
        bounds: pool.capacity.and_then(|c| c.min.zip(c.max)),
    })
}

impl ScaleForm {
    /// What is asked for by the number that is typed; `None` when that is none.
    fn request(&self) -> Option<Request> {
        Some(Request::Scale {
            pool: self.pool.clone(),
            to: self.line.value().trim().parse().ok()?,
            raise: self.raise,
            order: VictimOrder::USUAL.to_vec(),
            drain: DrainOptions::ending(),
        })
    }
}

impl Turn<'_> {
    pub(super) fn open_scale(&mut self) {
        let Some(RowId::Pool(pool)) = self.state.row().cloned() else {
            return self.say(Severity::Info, "there is no pool under the cursor");
        };
        self.push(Overlay::Scale(Box::new(ScaleForm {
            pool,
            line: Input::default(),
            raise: false,
            outcome: None,
        })));
    }

    /// A key while the number is typed.
    pub(super) fn scale_key(&mut self, key: Key) {
        match key.code() {
            KeyCode::Esc => return self.close(),
            KeyCode::Char('q') => return self.close(),
            KeyCode::Enter => return self.plan_scale(),
            KeyCode::Up => return self.step_number(1),
            KeyCode::Down => return self.step_number(-1),
            KeyCode::Char(c) if Some(PlanOption::Raise) == PlanOption::of_key(c) && !key.has_ctrl() => {
                return self.turn_option(PlanOption::Raise);
            }
            // Nothing but a number is taken.
            KeyCode::Char(c) if !c.is_ascii_digit() && key.text().is_some() => return,
            _ => {}
        }
        let Some(Overlay::Scale(form)) = self.state.overlays.last_mut() else {
            return;
        };
        match line::edit(&mut form.line, key) {
            line::Edited::Text => self.number_changed(),
            line::Edited::Cursor => self.touch(),
            line::Edited::Nothing => {}
        }
    }

    /// One machine more or fewer than what is typed, or than the pool wants.
    fn step_number(&mut self, by: i32) {
        let Some(Overlay::Scale(form)) = self.state.overlays.last() else {
            return;
        };
        let wanted = facts(self.state, &form.pool).and_then(|facts| facts.wanted);
        let Some(now) = form.line.value().trim().parse().ok().or(wanted) else {
            return;
        };
        self.put_number(u32::saturating_add_signed(now, by));
    }

    fn put_number(&mut self, to: u32) {
        if let Some(Overlay::Scale(form)) = self.state.overlays.last_mut() {
            form.line = to.to_string().into();
        }
        self.number_changed();
    }

    /// Finds out what would come of the number.
    pub(super) fn number_changed(&mut self) {
        self.touch();
        let State {
            overlays, fleet, now, ..
        } = &mut *self.state;
        let Some(Overlay::Scale(form)) = overlays.last_mut() else {
            return;
        };
        let typed = form.line.value().trim().to_owned();
        form.outcome = match form.request() {
            Some(request) => Some(plan(fleet, &request, *now)),
            None if typed.is_empty() => None,
            None => Some(Err(Refusal {
                guard: "number",
                why: format!("{typed} is no number of machines"),
                lift: "type a whole number".to_owned(),
            })),
        };
    }

    /// From the number to the plan; back leads to the form again.
    pub(super) fn plan_scale(&mut self) {
        let Some(Overlay::Scale(form)) = self.state.overlays.last() else {
            return;
        };
        match form.request() {
            Some(request) => {
                self.show_plan(request);
            }
            None => self.say(Severity::Info, "type how many machines the pool shall have"),
        }
    }
}
