//! The password that sudo wants: asked once, shown by nobody, and handed to those who keep it in memory.

use super::{Found, JoinForm, JoinHost, so_many};
use crate::app::Effect;
use crate::app::key::{Key, KeyCode};
use crate::app::masked::Masked;
use crate::app::overlay::Overlay;
use crate::app::update::Turn;
use crate::fleet::Severity;
use crate::ops::joining::Sudo;

/// The password that is typed.
#[derive(Clone, Debug)]
pub struct PasswordForm {
    /// What is typed.
    pub line: Masked,
    /// Whose it is, for people.
    pub of: String,
    /// Whether the plan is wanted once it is given.
    pub then_plan: bool,
}

/// For which hosts the password is asked: those that are known to want it, else all.
fn whose(form: &JoinForm) -> String {
    let wants = |host: &&JoinHost| matches!(&host.found, Found::Facts(facts) if facts.sudo == Sudo::Password);
    let asking: Vec<_> = form.hosts.iter().filter(|host| !host.left_out && wants(host)).collect();
    match asking.as_slice() {
        [] => so_many(form.hosts.len()),
        [host] => host.host.name.to_string(),
        hosts => so_many(hosts.len()),
    }
}

impl Turn<'_> {
    /// Asks for the password.
    pub(super) fn ask_password(&mut self, then_plan: bool) {
        let Some(Overlay::Join(form)) = self.state.overlays.last() else {
            return;
        };
        let form = PasswordForm {
            line: Masked::default(),
            of: whose(form),
            then_plan,
        };
        self.push(Overlay::Password(Box::new(form)));
    }

    /// Asks for the password for whatever comes: upgrades, tokens and restarts need it as joins do.
    pub(in crate::app) fn open_sudo(&mut self) {
        let form = PasswordForm {
            line: Masked::default(),
            of: "edge hosts".to_owned(),
            then_plan: false,
        };
        self.push(Overlay::Password(Box::new(form)));
    }

    /// A key while the password is typed.
    pub(in crate::app) fn password_key(&mut self, key: Key) {
        match key.code() {
            KeyCode::Esc => return self.close(),
            KeyCode::Enter => return self.password_typed(),
            _ => {}
        }
        let Some(Overlay::Password(form)) = self.state.overlays.last_mut() else {
            return;
        };
        if form.line.edit(key) {
            self.touch();
        }
    }

    /// Text that was pasted.
    pub(in crate::app) fn paste_password(&mut self, text: &str) {
        if let Some(Overlay::Password(form)) = self.state.overlays.last_mut()
            && form.line.paste(text)
        {
            self.touch();
        }
    }

    /// Hands the password on; nothing of it stays here.
    pub(in crate::app) fn password_typed(&mut self) {
        let Some(Overlay::Password(form)) = self.state.overlays.last_mut() else {
            return;
        };
        if form.line.is_empty() {
            return self.say(Severity::Info, "type the password that sudo wants, or leave with esc");
        }
        let (secret, then_plan) = (form.line.take(), form.then_plan);
        self.close();
        self.effect(Effect::SudoPassword(secret));
        self.say(Severity::Ok, "the password is kept until the program ends");
        if let Some(Overlay::Join(form)) = self.state.overlays.last_mut() {
            form.password = true;
            self.judge_join();
            if then_plan {
                self.plan_join();
            }
        }
    }
}
