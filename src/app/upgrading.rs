//! Another release of K3s for a cluster: which, how many agents at once, and whether nodes are drained first.

use std::collections::BTreeMap;

use super::asking::{About, Asking};
use super::form::{Form, FormField, Holds};
use super::overlay::Overlay;
use super::update::Turn;
use super::{Effect, State};
use crate::fleet::{ClusterId, Role, Severity};
use crate::ops::files::Source;
use crate::ops::launch::Channel;
use crate::ops::{DrainOptions, Request, Upgrade};

/// How many agents at once, unless told.
const WAVE: &str = "3";
/// The channel that is meant, unless told.
const USUAL: &str = "stable";

/// What is known for an upgrade.
#[derive(Clone, Debug)]
pub struct UpgradeForm {
    /// The cluster.
    pub cluster: ClusterId,
    /// The channels of K3s; `None` while they are asked.
    pub channels: Option<Result<Vec<Channel>, String>>,
}

impl UpgradeForm {
    /// The release that is meant: of the channel that is chosen, or the one that is typed.
    fn release(&self, form: &Form) -> Result<String, String> {
        let meant = form.value("to");
        if meant.starts_with('v') && meant.contains("+k3s") {
            return Ok(meant.to_owned());
        }
        match &self.channels {
            None => Err("the channels are still being asked; a release can be typed".to_owned()),
            Some(Err(why)) => Err(format!(
                "the channels are not known ({why}): type a release such as v1.36.4+k3s1"
            )),
            Some(Ok(channels)) => {
                let found = channels.iter().find(|channel| channel.name == meant);
                found
                    .map(|channel| channel.version.to_string())
                    .ok_or_else(|| "expected a release such as v1.36.4+k3s1, or one of the channels".to_owned())
            }
        }
    }
}

/// Which releases a cluster's machines run, servers first.
fn present(state: &State, cluster: &ClusterId) -> String {
    let mut releases: BTreeMap<(bool, &str), usize> = BTreeMap::new();
    for machine in state.fleet.machines().filter(|m| m.belongs_to(cluster)) {
        if let Some(node) = machine.node() {
            *releases
                .entry((node.role == Role::Agent, node.version.as_str()))
                .or_default() += 1;
        }
    }
    let told = releases.iter().map(|((agent, release), n)| {
        let (one, more) = if *agent {
            ("agent", "agents")
        } else {
            ("server", "servers")
        };
        format!("{n} {} {release}", if *n == 1 { one } else { more })
    });
    let told: Vec<_> = told.collect();
    match told.is_empty() {
        true => "no node of it is seen".to_owned(),
        false => format!("now: {}", told.join(", ")),
    }
}

/// Judges the fields.
pub(super) fn check(_: &State, of: &UpgradeForm, form: &mut Form) {
    let release = of.release(form);
    let chosen = form.value("to").to_owned();
    let (aside, fault) = match release {
        Ok(release) if release == chosen => (String::new(), None),
        Ok(release) => (format!("is {release}"), None),
        Err(_) if of.channels.is_none() && form.value("to") == USUAL => (String::new(), None),
        Err(why) => (String::new(), Some(why)),
    };
    form.tell("to", aside, fault);
    let wave: Option<usize> = form.value("wave").parse().ok();
    let fault = match wave {
        Some(1..=50) => None,
        _ => Some("expected a number from 1 to 50".to_owned()),
    };
    form.tell("wave", "agents at once; servers one by one", fault);
    let aside = match form.is_on("drain") {
        true => "pods move off each node first",
        false => "pods run on while K3s restarts",
    };
    form.tell("drain", aside, None);
    let (aside, fault) = match (form.value("files"), Source::parse(form.value("files"))) {
        ("", _) => ("empty: machines download it", None),
        (_, Ok(Source::Directory(_))) => ("for edge hosts without the web", None),
        (_, Ok(Source::Mirror(_))) => ("a mirror: edge hosts fetch from it", None),
        (_, Err(why)) => ("a directory, or a mirror", Some(why.to_owned())),
    };
    form.tell("files", aside, fault);
}

impl Turn<'_> {
    pub(super) fn open_upgrade(&mut self) {
        let Some(cluster) = self.cluster_here() else { return };
        let form = Form::new(vec![
            FormField::either("to", "to", vec![USUAL.to_owned()], USUAL),
            FormField::tick("drain", "drain", false),
            FormField::value("wave", "wave", WAVE),
            FormField::text("files", "files", ""),
        ]);
        let note = present(self.state, &cluster);
        let of = UpgradeForm {
            cluster,
            channels: None,
        };
        let mut asking = Asking::new(About::Upgrade(Box::new(of)), form);
        asking.notes = vec![note];
        asking.waiting = Some("asking for the channels of K3s".to_owned());
        self.ask(asking);
        self.effect(Effect::Channels);
    }

    /// Takes in the channels of K3s.
    pub(super) fn channels(&mut self, answer: Result<Vec<Channel>, String>) {
        for overlay in &mut self.state.overlays {
            let Overlay::Form(asking) = overlay else { continue };
            let About::Upgrade(of) = &mut asking.about else {
                continue;
            };
            asking.waiting = None;
            if let (Ok(told), Some(field)) = (&answer, asking.form.field_mut("to"))
                && let Holds::Either { options, at, .. } = &mut field.holds
            {
                let typed = *at >= options.len();
                let chosen = options.get(*at).cloned();
                *options = told.iter().map(|channel| channel.name.to_string()).collect();
                let place = options.iter().position(|name| Some(name) == chosen.as_ref());
                *at = if typed { options.len() } else { place.unwrap_or(0) };
            }
            of.channels = Some(answer.clone());
        }
        self.check_form();
    }

    pub(super) fn plan_upgrade(&mut self, of: &UpgradeForm, form: &Form) {
        let to = match of.release(form) {
            Ok(to) => to.into(),
            Err(why) => return self.say(Severity::Info, why),
        };
        let files = form.value("files");
        let upgrade = Upgrade {
            cluster: of.cluster.clone(),
            to,
            drain: form.is_on("drain").then(DrainOptions::default),
            wave: form.value("wave").parse().unwrap_or(1),
            files: Source::parse(files).ok().filter(|_| !files.is_empty()),
            leave_unreached: false,
        };
        let request = Request::Upgrade(Box::new(upgrade));
        self.show_plan(request);
    }
}
