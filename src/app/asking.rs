//! What is asked in a small form before something is done: which form it is, what its fields mean, and what follows.
//!
//! ```text
//!  key ─▶ Form::key ─▶ changed: check ─▶ faults and asides
//!                      enter: no fault ─▶ the plan, an effect, or the form below
//! ```

use super::form::{Form, Formed};
use super::key::Key;
use super::overlay::Overlay;
use super::update::Turn;
use super::upgrading::UpgradeForm;
use super::{hosts, joining, running, tokens, upgrading};
use crate::fleet::{ClusterId, ContextId, EdgeHost, HostName};

/// A form, and what it is about.
#[derive(Clone, Debug)]
pub struct Asking {
    /// What it is about.
    pub about: About,
    /// The form.
    pub form: Form,
    /// What should be known while it is filled in.
    pub notes: Vec<String>,
    /// What is waited for.
    pub waiting: Option<String>,
    /// Why what was asked for came to nothing.
    pub refused: Option<String>,
}

/// What a form is about.
#[derive(Clone, Debug)]
pub enum About {
    /// How hosts join; the preflight lies below.
    Join,
    /// How the hosts that are to join a cluster reach its API, for the cluster.
    Way(ClusterId, ContextId),
    /// Another release of K3s for a cluster.
    Upgrade(Box<UpgradeForm>),
    /// A host of `hosts.toml`; `None`: a new one.
    Host(Option<HostName>),
    /// A bootstrap token.
    NewToken(ClusterId, ContextId),
    /// A command for hosts.
    Run(Vec<EdgeHost>),
}

impl Asking {
    pub(super) fn new(about: About, form: Form) -> Self {
        Self {
            about,
            form,
            notes: vec![],
            waiting: None,
            refused: None,
        }
    }

    /// Its title.
    pub fn title(&self) -> String {
        match &self.about {
            About::Join => "How they join".to_owned(),
            About::Way(cluster, _) => format!("How hosts reach {cluster}"),
            About::Upgrade(of) => format!("Upgrade {}", of.cluster),
            About::Host(None) => "Add a host".to_owned(),
            About::Host(Some(name)) => format!("Edit {name}"),
            About::NewToken(cluster, _) => format!("New bootstrap token of {cluster}"),
            About::Run(hosts) => match hosts.as_slice() {
                [host] => format!("Run on {}", host.name),
                hosts => format!("Run on {} hosts", hosts.len()),
            },
        }
    }

    /// What Enter does.
    pub fn enter(&self) -> &'static str {
        match self.about {
            About::Join => "take it",
            About::Way(..) => "keep it for the cluster",
            About::Upgrade(_) => "see the plan",
            About::Host(_) => "write hosts.toml",
            About::NewToken(..) => "make it",
            About::Run(_) => "run it",
        }
    }
}

impl Turn<'_> {
    /// Opens a form.
    pub(super) fn ask(&mut self, asking: Asking) {
        self.push(Overlay::Form(Box::new(asking)));
        self.check_form();
    }

    fn asking(&mut self) -> Option<&mut Asking> {
        match self.state.overlays.last_mut() {
            Some(Overlay::Form(asking)) => Some(asking),
            _ => None,
        }
    }

    /// Judges the fields of the form on top.
    pub(super) fn check_form(&mut self) {
        let state = &mut *self.state;
        let mut overlays = std::mem::take(&mut state.overlays);
        if let Some(Overlay::Form(asking)) = overlays.last_mut() {
            let Asking { about, form, .. } = &mut **asking;
            match about {
                About::Join => joining::check_options(form),
                About::Way(..) => joining::check_way(form),
                About::Upgrade(of) => upgrading::check(state, of, form),
                About::Host(name) => hosts::check(state, name.as_ref(), form),
                About::NewToken(..) => tokens::check_new(state.now, form),
                About::Run(hosts) => running::check(hosts, form),
            }
        }
        state.overlays = overlays;
        self.touch();
    }

    /// A key in a form.
    pub(super) fn form_key(&mut self, key: Key) {
        let Some(asking) = self.asking() else { return };
        let formed = asking.form.key(key);
        self.formed(formed);
    }

    pub(super) fn paste_into_small_form(&mut self, text: &str) {
        let Some(asking) = self.asking() else { return };
        let formed = asking.form.paste(text);
        self.formed(formed);
    }

    pub(super) fn step_in_form(&mut self, by: isize) {
        if let Some(asking) = self.asking() {
            asking.form.step(by);
            self.touch();
        }
    }

    pub(super) fn click_in_form(&mut self, at: usize) {
        let Some(asking) = self.asking() else { return };
        let formed = asking.form.click(at);
        self.formed(formed);
    }

    fn formed(&mut self, formed: Formed) {
        match formed {
            Formed::Nothing => {}
            Formed::Moved => self.touch(),
            Formed::Changed => {
                if let Some(asking) = self.asking() {
                    asking.refused = None;
                }
                self.check_form();
            }
            Formed::Enter => self.form_done(),
            Formed::Leave => self.close(),
        }
    }

    /// Goes on with what is filled in, if all is well; else to the first field that is wrong.
    pub(super) fn form_done(&mut self) {
        self.check_form();
        let Some(asking) = self.asking() else { return };
        if asking.form.go_to_fault() {
            return;
        }
        let (about, form) = (asking.about.clone(), asking.form.clone());
        match about {
            About::Join => self.take_join_options(&form),
            About::Way(..) => self.keep_way(&form),
            About::Upgrade(of) => self.plan_upgrade(&of, &form),
            About::Host(name) => self.save_host(name, &form),
            About::NewToken(cluster, context) => self.make_token(cluster, context, &form),
            About::Run(hosts) => self.run_on(hosts, &form),
        }
    }

    /// Tells in the form on top why what it asked for came to nothing.
    pub(super) fn form_refused(&mut self, why: String) {
        if let Some(asking) = self.asking() {
            asking.waiting = None;
            asking.refused = Some(why);
            self.touch();
        }
    }
}
