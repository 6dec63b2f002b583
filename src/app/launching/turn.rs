//! Keys and clicks in the form, and what comes back of what it asked.

use super::{Field, LaunchForm, Surveyed, check, scopes};
use crate::app::key::{Key, KeyCode};
use crate::app::overlay::Overlay;
use crate::app::update::Turn;
use crate::app::{Effect, line};
use crate::fleet::{Scope, Severity};
use crate::ops::Request;
use crate::ops::launch::{Launch, Spec};

impl Turn<'_> {
    pub(in crate::app) fn open_launch(&mut self) {
        let Some(form) = LaunchForm::new(scopes(&self.state.fleet)) else {
            let text =
                "a cluster is launched in AWS, and no region is looked at: give --region, or regions in config.toml";
            return self.say(Severity::Warning, text);
        };
        self.push(Overlay::Launch(Box::new(form)));
        self.survey();
    }

    fn form(&mut self) -> Option<&mut LaunchForm> {
        match self.state.overlays.last_mut() {
            Some(Overlay::Launch(form)) => Some(form),
            _ => None,
        }
    }

    /// Asks the place that is chosen what it offers, unless it has told.
    fn survey(&mut self) {
        let Some(form) = self.form() else { return };
        if form.told.get(&form.scope).is_some_and(Result::is_ok) {
            return self.want_candidates();
        }
        let scope = form.scope.clone();
        form.told.remove(&scope);
        self.touch();
        self.effect(Effect::Survey(scope));
    }

    /// Takes in what a place offers.
    pub(in crate::app) fn surveyed(&mut self, scope: Scope, answer: Result<Box<Surveyed>, String>) {
        let form = self.state.overlays.iter_mut().find_map(|overlay| match overlay {
            Overlay::Launch(form) => Some(form),
            _ => None,
        });
        // Who has left the form wants no answer any longer.
        let Some(form) = form else { return };
        form.told.insert(scope, answer.map(|told| *told));
        self.touch();
        self.want_candidates();
    }

    /// Says why nothing can be chosen yet.
    pub(super) fn not_surveyed(&mut self) {
        let Some(form) = self.form() else { return };
        let text = match form.told.get(&form.scope) {
            Some(Err(_)) => return self.survey(),
            _ => format!("{} has not told yet what it offers", form.scope),
        };
        self.say(Severity::Info, text);
    }

    /// Something of the form has changed: what was asked for it is of no use any longer.
    pub(super) fn form_changed(&mut self) {
        if let Some(form) = self.form() {
            form.placing = None;
            form.refused = None;
        }
        self.touch();
    }

    /// A key in the form.
    pub(in crate::app) fn launch_key(&mut self, key: Key) {
        let Some(form) = self.form() else { return };
        let turns = !form.options(form.at).is_empty();
        let typed = form.line_mut().is_some();
        match key.code() {
            KeyCode::Esc => return self.close(),
            KeyCode::Enter => return self.launch_enter(),
            KeyCode::Tab if key.has_shift() => return self.step_field(-1),
            KeyCode::Tab | KeyCode::Down => return self.step_field(1),
            KeyCode::Up => return self.step_field(-1),
            KeyCode::PageDown => return self.step_field(isize::MAX),
            KeyCode::PageUp => return self.step_field(isize::MIN),
            KeyCode::Left if turns && !key.has_ctrl() => return self.turn_field(-1),
            KeyCode::Right if turns && !key.has_ctrl() => return self.turn_field(1),
            KeyCode::Char(' ') if !typed && key.text().is_some() => return self.open_field(),
            _ => {}
        }
        if let Some(workers) = form.at.is_table() {
            if key.text().is_some() {
                self.open_types(workers, Some(key));
            }
            return;
        }
        let Some(form) = self.form() else { return };
        if !typed
            && key.text().is_some()
            && let Some(pick) = LaunchForm::typed(form.at)
        {
            form.choose(pick);
        }
        // A number that stands there already is meant to be replaced by the one that is typed.
        let replaced = form.fresh
            && match form.at {
                Field::Workers | Field::Volume | Field::Ttl => true,
                Field::Ha(field) => form.ha.is_replaced(field),
                _ => false,
            };
        let Some(field) = form.line_mut() else { return };
        if replaced && key.text().is_some() {
            field.reset();
        }
        let edited = line::edit(field, key);
        if edited != line::Edited::Nothing {
            form.fresh = false;
            self.touch();
        }
        if edited == line::Edited::Text {
            self.form_changed();
        }
    }

    /// Text that was pasted goes where it can be typed.
    pub(in crate::app) fn paste_into_form(&mut self, text: &str) {
        let Some(form) = self.form() else { return };
        if form.line_mut().is_none()
            && let Some(pick) = LaunchForm::typed(form.at)
        {
            form.choose(pick);
        }
        if form.line_mut().is_some_and(|field| line::paste(field, text)) {
            self.form_changed();
        }
    }

    /// Goes to the next field, or the one before.
    pub(in crate::app) fn step_field(&mut self, by: isize) {
        let Some(form) = self.form() else { return };
        let fields = form.fields();
        let at = fields.iter().position(|field| *field == form.at).unwrap_or(0);
        let to = at.saturating_add_signed(by).min(fields.len().saturating_sub(1));
        if let Some(field) = fields.get(to) {
            form.go(*field);
        }
        self.touch();
    }

    /// Turns the field under the cursor to its next value, or the one before.
    fn turn_field(&mut self, by: isize) {
        let Some(form) = self.form() else { return };
        let options = form.options(form.at);
        let now = form
            .chosen(form.at)
            .and_then(|pick| options.iter().position(|o| *o == pick));
        let many = isize::try_from(options.len()).unwrap_or(isize::MAX).max(1);
        let at = isize::try_from(now.unwrap_or(0))
            .unwrap_or(0)
            .saturating_add(by)
            .rem_euclid(many);
        let place = form.scope.clone();
        if let Some(pick) = usize::try_from(at).ok().and_then(|at| options.get(at)) {
            form.choose(pick.clone());
        }
        let moved = form.scope != place;
        self.form_changed();
        match moved {
            true => self.survey(),
            false => self.want_candidates(),
        }
    }

    /// Opens the field under the cursor, or turns it.
    fn open_field(&mut self) {
        let Some(form) = self.form() else { return };
        match (form.at, form.at.is_table()) {
            (_, Some(workers)) => self.open_types(workers, None),
            (Field::More, _) => {
                form.more = !form.more;
                self.touch();
            }
            _ => self.turn_field(1),
        }
    }

    /// Enter: opens what can be opened, else goes on.
    pub(in crate::app) fn launch_enter(&mut self) {
        let Some(form) = self.form() else { return };
        match form.at.is_opened() {
            true => self.open_field(),
            false => self.plan_launch(),
        }
    }

    /// A click on a field goes there; on the one under the cursor, or on one that is opened, it does what space does.
    pub(in crate::app) fn click_field(&mut self, at: usize) {
        let Some(form) = self.form() else { return };
        let Some(field) = form.fields().get(at).copied() else {
            return;
        };
        let again = form.at == field || field.is_opened();
        form.go(field);
        self.touch();
        if again {
            self.open_field();
        }
    }

    /// Asks for what the plan needs besides, if all is well; else goes to what is wrong.
    pub(in crate::app) fn plan_launch(&mut self) {
        let Some(Overlay::Launch(form)) = self.state.overlays.last() else {
            return;
        };
        let checked = check(self.state, form);
        let Some(form) = self.form() else { return };
        form.tried = true;
        if let Some((field, _)) = checked.faults.first() {
            form.more |= !form.fields().contains(field);
            form.go(*field);
            return self.touch();
        }
        let Some(spec) = checked.spec else {
            return self.not_surveyed();
        };
        let Some(survey) = form.surveyed().map(|told| Box::new(told.survey.clone())) else {
            return;
        };
        let spec = Box::new(spec);
        form.placing = Some(spec.clone());
        form.refused = None;
        let dsn_file = form.ha.dsn_file().filter(|_| form.is_ha());
        self.touch();
        if let Some(ha) = &spec.ha {
            // The plan tells what each of its pools costs.
            let pools = ha.pools.iter().flat_map(|pool| &pool.types);
            let names = spec.types.iter().chain(pools).cloned().collect();
            self.want_unknown_prices(&spec.region, names);
        }
        self.effect(Effect::Place(survey, spec, dsn_file));
    }

    /// Shows the plan of a launch that has its place.
    pub(in crate::app) fn placed(&mut self, spec: &Spec, answer: Result<Box<Launch>, String>) {
        let Some(form) = self.form().filter(|form| form.placing.as_deref() == Some(spec)) else {
            return;
        };
        form.placing = None;
        match answer {
            Ok(mut launch) => {
                if form.is_ha() {
                    launch.on_failure = form.ha.on_failure;
                }
                self.show_plan(Request::Launch(launch));
            }
            Err(why) => {
                form.refused = Some(as_fields(&why));
                self.touch();
            }
        }
    }
}

/// A text that names options of the command line, with the fields that stand for them here.
fn as_fields(why: &str) -> String {
    const FIELDS: [(&str, &str); 4] = [
        ("with --subnet", "under subnets"),
        ("with --zones", "under zones"),
        ("with --vpc-cidr", "under VPC"),
        ("with --vpc", "under VPC"),
    ];
    let mut text = why.to_owned();
    for (option, field) in FIELDS {
        text = text.replace(option, field);
    }
    text
}
