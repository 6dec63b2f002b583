//! Keys in the preflight, and what comes back of what is asked.

use smol_str::SmolStr;

use super::{Found, JoinForm};
use crate::app::changes::machine;
use crate::app::key::{Key, KeyCode};
use crate::app::overlay::Overlay;
use crate::app::update::Turn;
use crate::app::{Effect, State};
use crate::fleet::{ClusterId, ContextId, EdgeHost, HostName, Severity};
use crate::ops::Request;

impl Turn<'_> {
    /// The marked edge hosts, or the one under the cursor; `None` after having said why there is none.
    pub(in crate::app) fn edge_hosts(&mut self) -> Option<Vec<EdgeHost>> {
        let rows = self.chosen_rows();
        let machines = rows.iter().filter_map(machine);
        let mut hosts = vec![];
        for id in machines {
            let Some(found) = self.state.fleet.machine(&id) else {
                continue;
            };
            match found.edge() {
                Some(host) => hosts.push(host.clone()),
                None => {
                    let text = format!("{} is no edge host: hosts.toml names those", found.name());
                    self.say(Severity::Info, text);
                    return None;
                }
            }
        }
        if hosts.is_empty() {
            self.say(Severity::Info, "there is no edge host under the cursor");
            return None;
        }
        Some(hosts)
    }

    /// Begins to let the chosen edge hosts join.
    pub(in crate::app) fn open_join(&mut self) {
        if let Some(hosts) = self.edge_hosts() {
            self.choose_cluster(hosts);
        }
    }

    pub(super) fn begin_join(&mut self, cluster: ClusterId, context: ContextId, hosts: Vec<EdgeHost>) {
        let form = JoinForm::new(self.state, cluster, context.clone(), hosts);
        self.push(Overlay::Join(Box::new(form)));
        self.effect(Effect::Advertised(context));
        self.ask_vpn_key();
    }

    pub(super) fn join_form(&mut self) -> Option<&mut JoinForm> {
        self.state.overlays.iter_mut().find_map(|overlay| match overlay {
            Overlay::Join(form) => Some(&mut **form),
            _ => None,
        })
    }

    /// Judges the hosts anew, for something about them, or about what is asked for, has changed.
    pub(super) fn judge_join(&mut self) {
        let State { overlays, fleet, .. } = &mut *self.state;
        for overlay in overlays {
            if let Overlay::Join(form) = overlay {
                form.judge(fleet);
            }
        }
        self.touch();
    }

    /// Takes in where a cluster's API servers are reached, and has the hosts looked at.
    pub(in crate::app) fn advertised(&mut self, context: &ContextId, answer: Result<Vec<SmolStr>, String>) {
        let Some(form) = self.join_form().filter(|form| form.context == *context) else {
            return;
        };
        form.advertised = Some(answer);
        self.look_again(|_| true);
    }

    /// Has hosts looked at, again if need be.
    pub(super) fn look_again(&mut self, fits: impl Fn(&Found) -> bool) {
        let Some(form) = self.join_form() else { return };
        let addresses = form.addresses();
        let mut hosts = vec![];
        for host in form.hosts.iter_mut().filter(|host| fits(&host.found)) {
            host.found = Found::Asked;
            hosts.push(host.host.clone());
        }
        self.judge_join();
        if !hosts.is_empty() {
            self.effect(Effect::LookAt(hosts, addresses));
        }
    }

    /// Takes in what was found of a host.
    pub(in crate::app) fn looked(&mut self, host: &HostName, found: Found) {
        let State { overlays, fleet, .. } = &mut *self.state;
        for overlay in overlays {
            let Overlay::Join(form) = overlay else { continue };
            for own in form.hosts.iter_mut().filter(|own| own.host.name == *host) {
                own.found = found.clone();
            }
            form.judge_one(host, fleet);
        }
        self.touch();
    }

    /// A key in the preflight; gives whether it was one of its own.
    pub(in crate::app) fn join_key(&mut self, key: Key) -> bool {
        let Some(Overlay::Join(_)) = self.state.overlays.last() else {
            return false;
        };
        match (key.code(), key.text()) {
            (KeyCode::Enter | KeyCode::Right, _) | (_, Some('l')) => self.open_checks(),
            (_, Some('y')) => self.take_key_here(),
            (_, Some('a')) => self.list_new_keys(),
            (_, Some('m')) => {
                if let Some(form) = self.join_form() {
                    form.mend = !form.mend;
                }
                self.judge_join();
            }
            (_, Some('o')) => self.open_join_options(),
            (_, Some('w')) => self.open_way(),
            (_, Some('s')) => self.ask_password(false),
            (_, Some('p')) => self.plan_join(),
            (_, Some(' ')) => self.leave_out(),
            (KeyCode::Char('r'), _) if key.has_ctrl() => self.look_again(|_| true),
            (_, Some('r')) => self.look_again(|found| !matches!(found, Found::Facts(_) | Found::Asked)),
            _ => return false,
        }
        true
    }

    /// Leaves the host under the cursor out, or takes it in again, and goes on to the next.
    fn leave_out(&mut self) {
        let Some(form) = self.join_form() else { return };
        let last = form.hosts.len().saturating_sub(1);
        let at = form.at;
        if let Some(host) = form.hosts.get_mut(at) {
            host.left_out = !host.left_out;
        }
        form.at = (at + 1).min(last);
        self.judge_join();
    }

    /// Shows the checks of the host under the cursor.
    pub(in crate::app) fn open_checks(&mut self) {
        let Some(Overlay::Join(form)) = self.state.overlays.last() else {
            return;
        };
        if let Some(here) = form.here() {
            let host = here.host.name.clone();
            self.push(Overlay::Checks { host, scroll: 0 });
        }
    }

    /// A key while the checks of a host are read; gives whether it was one of theirs.
    pub(in crate::app) fn checks_key(&mut self, key: Key) -> bool {
        let by = match (key.code(), key.text()) {
            (KeyCode::Right, _) | (_, Some('l')) => 1,
            (KeyCode::Left, _) | (_, Some('h')) => -1,
            (_, Some('w')) => {
                self.open_way();
                return true;
            }
            (_, Some('y')) => {
                let checks = self.state.overlays.pop();
                self.take_key_here();
                self.state.overlays.extend(checks);
                return true;
            }
            _ => return false,
        };
        let Some(form) = self.join_form() else { return true };
        form.at = form
            .at
            .saturating_add_signed(by)
            .min(form.hosts.len().saturating_sub(1));
        let name = form.here().map(|here| here.host.name.clone());
        if let (Some(Overlay::Checks { host, scroll }), Some(name)) = (self.state.overlays.last_mut(), name) {
            *host = name;
            *scroll = 0;
        }
        self.touch();
        true
    }

    /// From the preflight to the plan; back leads to the preflight again.
    pub(in crate::app) fn plan_join(&mut self) {
        let Some(Overlay::Join(form)) = self.state.overlays.last() else {
            return;
        };
        let tally = form.tally();
        if tally.asked > 0 {
            let text = format!("{} have not answered yet", hosts(tally.asked));
            return self.say(Severity::Info, text);
        }
        if let Some(why) = form.vpn_fault.clone() {
            return self.say(Severity::Warning, why);
        }
        if form.wants_password() {
            return self.ask_password(true);
        }
        if tally.well + tally.warned == 0 {
            return self.say(Severity::Warning, "no host can join as it is: see what mends each");
        }
        let request = Request::Join(Box::new(form.join()));
        self.show_plan(request);
    }
}

/// So many hosts.
pub(in crate::app) fn hosts(n: usize) -> String {
    match n {
        1 => "1 host".to_owned(),
        n => format!("{n} hosts"),
    }
}
