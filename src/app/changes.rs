//! Changing the fleet: from an action on rows to a request, from the request to a plan that is looked at, and from the
//! plan to an operation.

use std::collections::BTreeSet;

use super::key::{Key, KeyCode};
use super::overlay::Overlay;
use super::planning::{PlanOption, Planning};
use super::update::Turn;
use super::{Action, Effect, Pane, Screen, State};
use crate::fleet::table::RowId;
use crate::fleet::{MachineId, PoolId, Severity};
use crate::ops::{self, DrainOptions, Plan, Request};

/// What nobody does from a screen that only shows.
pub(super) const READ_ONLY: &str = "nothing can be changed in read-only mode; start without --read-only";

/// What is asked of machines by an action.
fn request(action: Action, machines: Vec<MachineId>) -> Option<Request> {
    let drain = match action {
        Action::Drain | Action::Reboot => DrainOptions::default(),
        _ => DrainOptions::ending(),
    };
    Some(match action {
        Action::Cordon => Request::Cordon { machines },
        Action::Uncordon => Request::Uncordon { machines },
        Action::Drain => Request::Drain { machines, drain },
        Action::Replace => Request::Replace { machines, drain },
        Action::Remove => Request::Remove { machines, drain },
        Action::Leave => Request::Leave {
            machines,
            drain,
            forget: false,
        },
        Action::Reboot => Request::Reboot { machines, drain },
        Action::Certificates => Request::RotateCertificates { machines },
        _ => return None,
    })
}

/// The action that mends a finding, where one does.
pub fn mends(state: &State, finding: &RowId) -> Option<Action> {
    match finding {
        RowId::Finding("stack-failed", _) => super::inquiry::can_go_back(state).then_some(Action::RollBack),
        RowId::Finding(rule, about) => mending(state, rule, &machine(about)?),
        _ => None,
    }
}

/// The action that mends what a rule has found about a machine, as the finding says it.
fn mending(state: &State, rule: &str, machine: &MachineId) -> Option<Action> {
    let of = state.fleet.machine(machine)?;
    let lone = matches!(of.pool(), Some(PoolId::Instance(_)));
    Some(match rule {
        "interruption" | "pressure" | "unhealthy-member" => Action::Drain,
        "cordoned-long" => Action::Uncordon,
        "ghost-node" => Action::Remove,
        // Nothing launches another where a group does not.
        "rebalance" | "stray-instance" if lone => Action::Remove,
        "rebalance" | "stray-instance" => Action::Replace,
        "not-ready" | "node-unknown" if of.instance().is_none() || lone => Action::Remove,
        "not-ready" | "node-unknown" => Action::Replace,
        _ => return None,
    })
}

impl Turn<'_> {
    /// An action that changes the fleet.
    pub(super) fn change(&mut self, action: Action) {
        match action {
            Action::Scale => self.open_scale(),
            Action::Mend => self.mend(),
            Action::Remove if self.state.focused() == Pane::FleetClusters => self.open_destroy(),
            Action::Backup => self.back_up(),
            Action::Certificates if self.state.focused() == Pane::FleetClusters => self.renew_cluster(),
            _ => {
                let machines = self.chosen_rows().iter().filter_map(machine).collect();
                self.plan_for(action, machines);
            }
        }
    }

    /// The marked rows of the pane with the focus, or the one under the cursor.
    pub(super) fn chosen_rows(&self) -> Vec<RowId> {
        let Some(table) = self.state.focused_table() else {
            return vec![];
        };
        match table.marks.is_empty() {
            true => table.cursor.iter().cloned().collect(),
            false => table.marks.iter().cloned().collect(),
        }
    }

    fn plan_for(&mut self, action: Action, machines: Vec<MachineId>) {
        if machines.is_empty() {
            return self.say(Severity::Info, "there is no machine under the cursor");
        }
        let action = match action {
            Action::Remove if self.are_edge(&machines) => Action::Leave,
            other => other,
        };
        let silent = self.are_silent(&machines);
        if let Some(mut request) = request(action, machines) {
            if let Request::Leave { forget, .. } = &mut request {
                *forget = silent;
            }
            self.show_plan(request);
        }
    }

    /// Whether all of them are edge hosts.
    fn are_edge(&self, machines: &[MachineId]) -> bool {
        let edge = |id: &MachineId| self.state.fleet.machine(id).is_some_and(|m| m.edge().is_some());
        machines.iter().all(edge)
    }

    /// Whether none of them answers.
    fn are_silent(&self, machines: &[MachineId]) -> bool {
        let silent = |id: &MachineId| {
            let machine = self.state.fleet.machine(id);
            machine.is_some_and(|m| m.probe().is_some_and(|probe| probe.outcome.is_err()))
        };
        machines.iter().all(silent)
    }

    /// Plans a request, and shows the plan over what lies there.
    pub(super) fn show_plan(&mut self, request: Request) {
        let planning = Planning::new(&self.state.fleet, request, self.state.now);
        self.push(Overlay::Plan(Box::new(planning)));
    }

    /// Saves the state of the cluster under the cursor.
    fn back_up(&mut self) {
        let Some(cluster) = self.cluster_here() else { return };
        self.show_plan(Request::Backup { cluster });
    }

    /// Renews the certificates of all machines of the cluster under the cursor.
    fn renew_cluster(&mut self) {
        let Some(cluster) = self.cluster_here() else { return };
        let own = self
            .state
            .fleet
            .machines()
            .filter(|m| m.belongs_to(&cluster) && m.node().is_some());
        let mut machines: Vec<_> = own.map(|m| m.id()).collect();
        machines.sort();
        match machines.is_empty() {
            true => self.say(Severity::Info, format!("no node of {cluster} is seen")),
            false => self.plan_for(Action::Certificates, machines),
        }
    }

    /// Mends what the findings under the cursor, or marked, are about: all in the same way.
    fn mend(&mut self) {
        let rows = self.chosen_rows();
        if let [row] = rows.as_slice()
            && mends(self.state, row) == Some(Action::RollBack)
        {
            return self.open_rollback();
        }
        let mut ways = BTreeSet::new();
        let mut machines = vec![];
        for row in &rows {
            let RowId::Finding(rule, about) = row else { continue };
            let Some((action, id)) = mends(self.state, row).zip(machine(about)) else {
                let text = format!("no one key mends {rule}: do what the finding says");
                return self.say(Severity::Info, text);
            };
            ways.insert(action);
            machines.push(id);
        }
        match ways.into_iter().collect::<Vec<_>>().as_slice() {
            [] => self.say(Severity::Info, "there is no finding under the cursor"),
            [action] => self.plan_for(*action, machines),
            several => {
                let names: Vec<_> = several.iter().map(|a| a.name()).collect();
                let text = format!(
                    "the marked findings want {}: mark those of one kind",
                    names.join(" and ")
                );
                self.say(Severity::Info, text);
            }
        }
    }

    /// A key while a plan is looked at. Gives whether it was one of its own.
    pub(super) fn plan_key(&mut self, key: Key) -> bool {
        let Some(Overlay::Plan(planning)) = self.state.overlays.last() else {
            return false;
        };
        let typed = planning.word().is_some();
        let option = match key.code() {
            KeyCode::Char(c) if !key.has_ctrl() && !key.has_shift() && key.has_alt() == typed => PlanOption::of_key(c),
            _ => None,
        };
        match option.filter(|option| planning.options().contains(option)) {
            Some(option) => self.turn_option(option),
            None if !typed && key == Key::char('y') => self.run_plan(),
            None => return false,
        }
        true
    }

    /// Changes an option of what is looked at, and plans anew.
    pub(super) fn turn_option(&mut self, option: PlanOption) {
        match self.state.overlays.last_mut() {
            Some(Overlay::Plan(planning)) => {
                option.turn(&mut planning.request);
                self.plan_anew();
            }
            Some(Overlay::Scale(form)) if option == PlanOption::Raise => {
                form.raise = !form.raise;
                self.number_changed();
            }
            _ => {}
        }
    }

    /// Plans what is looked at for the fleet as it is now; gives whether other things would be done than were shown.
    fn plan_anew(&mut self) -> bool {
        let State {
            overlays, fleet, now, ..
        } = &mut *self.state;
        let Some(Overlay::Plan(planning)) = overlays.last_mut() else {
            return false;
        };
        let outcome = ops::plan(fleet, &planning.request, *now);
        let same = match (&planning.outcome, &outcome) {
            (Ok(old), Ok(new)) => old.does_as(new),
            (old, new) => old == new,
        };
        planning.outcome = outcome;
        self.touch();
        !same
    }

    /// Runs the plan that is looked at, if it is still what would be done.
    pub(super) fn run_plan(&mut self) {
        let changed = self.plan_anew();
        let Some(Overlay::Plan(planning)) = self.state.overlays.last() else {
            return;
        };
        if let Some(why) = planning.held_back(self.state.read_only) {
            return self.say(Severity::Warning, why);
        }
        let Ok(plan) = planning.outcome.clone() else { return };
        if changed {
            let text = "the fleet has changed meanwhile: this is the plan now";
            return self.say(Severity::Warning, text);
        }
        self.run(Box::new(plan), false);
    }

    /// Hands a plan to whoever runs it, and shows where it can be watched.
    fn run(&mut self, plan: Box<Plan>, take_over: bool) {
        // A plan that is run is not left.
        self.state
            .overlays
            .retain(|overlay| !matches!(overlay, Overlay::Plan(_)));
        self.close_all();
        let pane = self.state.focused();
        if let Some(table) = self.state.tables.get_mut(&pane) {
            table.marks.clear();
        }
        self.effect(Effect::Run { plan, take_over });
        self.state.focus.insert(Screen::Operations, Pane::Operations);
        self.show_screen(Screen::Operations);
        self.touch();
    }

    /// Shows that another operator changes the cluster, and who.
    pub(super) fn locked(&mut self, plan: Box<Plan>, why: String) {
        let line = tui_input::Input::default();
        self.push(Overlay::Locked { plan, why, line });
    }

    /// Takes the cluster's lock over, once its name is typed.
    pub(super) fn take_over(&mut self) {
        let Some(Overlay::Locked { plan, line, .. }) = self.state.overlays.last() else {
            return;
        };
        if self.state.read_only {
            return self.say(Severity::Warning, READ_ONLY);
        }
        let name = &plan.cluster.name;
        if line.value().trim() != name.as_str() {
            let text = format!("type {name} to take its lock over");
            return self.say(Severity::Info, text);
        }
        let plan = plan.clone();
        self.run(plan, true);
    }
}

/// The machine that a row is.
pub(super) fn machine(row: &RowId) -> Option<MachineId> {
    match row {
        RowId::Machine(id) | RowId::Edge(id) => Some(id.clone()),
        RowId::Host(host) => Some(MachineId::Edge(host.clone())),
        _ => None,
    }
}
