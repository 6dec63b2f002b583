//! Hosts of `hosts.toml`: added and changed in a form. The file is written by whoever runs the program, and read again by
//! itself.

use smol_str::SmolStr;

use super::asking::{About, Asking};
use super::changes::{READ_ONLY, machine};
use super::form::{Form, FormField};
use super::overlay::Overlay;
use super::update::Turn;
use super::{Effect, State};
use crate::fleet::{EdgeHost, HostName, MachineId, PoolId, Severity};

/// The pairs of `key=value` in a text.
fn labels(text: &str) -> Result<Box<[(SmolStr, SmolStr)]>, String> {
    let mut all = vec![];
    for word in words(text) {
        let Some((key, value)) = word.split_once('=').filter(|(key, _)| !key.is_empty()) else {
            return Err(format!("expected key=value, not {word}"));
        };
        all.push((key.into(), value.into()));
    }
    all.sort();
    Ok(all.into())
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split([' ', ',']).filter(|word| !word.is_empty())
}

/// Judges the fields.
pub(super) fn check(state: &State, of: Option<&HostName>, form: &mut Form) {
    let name = form.value("name").to_owned();
    let named = || MachineId::Edge(HostName::new(&name));
    let taken = || of.map(HostName::as_str) != Some(name.as_str()) && state.fleet.machine(&named()).is_some();
    let fault = match () {
        () if name.is_empty() => Some("type its name, as ~/.ssh/config has it, or its address".to_owned()),
        () if words(&name).count() > 1 => Some("expected one word".to_owned()),
        () if taken() => Some(format!("there is a host {name} already")),
        () => None,
    };
    form.tell("name", "as ~/.ssh/config names it", fault);
    let fault = form
        .value("group")
        .is_empty()
        .then(|| "type its group: its pool".to_owned());
    let group = PoolId::Edge(form.value("group").into());
    let aside = match state.summary.pools.get(&group) {
        Some(pool) => format!("of {}", super::joining::so_many(pool.count.machines as usize)),
        None => "a new group".to_owned(),
    };
    form.tell("group", aside, fault);
    let port = form.value("port");
    let fault = (!port.is_empty() && port.parse::<u16>().is_err()).then(|| "expected a port, 1 to 65535".to_owned());
    form.tell("port", "", fault);
    form.tell("address", "where ssh does not know its name", None);
    form.tell("user", "who logs in, where ssh does not know", None);
    form.tell("cluster", "of its whole group", None);
    let fault = labels(form.value("labels")).err();
    form.tell("labels", "key=value, key=value", fault);
    form.tell("taints", "key=value:NoSchedule", None);
}

fn read(form: &Form) -> EdgeHost {
    let word = |id| Some(form.value(id)).filter(|text| !text.is_empty()).map(SmolStr::new);
    EdgeHost {
        name: HostName::new(form.value("name")),
        group: form.value("group").into(),
        address: word("address"),
        user: word("user"),
        port: form.value("port").parse().ok(),
        cluster: word("cluster"),
        labels: labels(form.value("labels")).unwrap_or_default(),
        taints: words(form.value("taints")).map(SmolStr::new).collect(),
    }
}

fn form(host: &EdgeHost) -> Form {
    let word = |word: &Option<SmolStr>| word.as_deref().unwrap_or_default().to_owned();
    let labels: Vec<_> = host
        .labels
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    Form::new(vec![
        FormField::text("name", "name", host.name.as_str()),
        FormField::text("group", "group", &host.group),
        FormField::text("address", "address", &word(&host.address)),
        FormField::text("user", "user", &word(&host.user)),
        FormField::text(
            "port",
            "port",
            &host.port.map(|port| port.to_string()).unwrap_or_default(),
        ),
        FormField::text("cluster", "cluster", &word(&host.cluster)),
        FormField::text("labels", "labels", &labels.join(", ")),
        FormField::text("taints", "taints", &host.taints.join(", ")),
    ])
}

impl Turn<'_> {
    /// Whether `hosts.toml` can be changed from here; says why not.
    fn hosts_are_ours(&mut self) -> bool {
        let why = match () {
            () if self.state.demo.is_some() => "a simulated world has no hosts.toml",
            () if self.state.read_only => READ_ONLY,
            () => return true,
        };
        self.say(Severity::Info, why);
        false
    }

    /// The edge host under the cursor.
    fn host_here(&self) -> Option<EdgeHost> {
        let id = machine(self.state.row()?)?;
        self.state.fleet.machine(&id)?.edge().cloned()
    }

    /// Opens the form for a new host, in the group of the one under the cursor.
    pub(super) fn open_add_host(&mut self) {
        if !self.hosts_are_ours() {
            return;
        }
        let near = self.host_here();
        let group = near.as_ref().map_or_else(|| "edge".into(), |host| host.group.clone());
        let host = EdgeHost {
            name: HostName::new(""),
            group,
            address: None,
            user: near.as_ref().and_then(|host| host.user.clone()),
            port: None,
            cluster: near.and_then(|host| host.cluster),
            labels: [].into(),
            taints: [].into(),
        };
        self.ask(Asking::new(About::Host(None), form(&host)));
    }

    /// Opens the form of the host under the cursor.
    pub(super) fn open_edit_host(&mut self) {
        if !self.hosts_are_ours() {
            return;
        }
        match self.host_here() {
            Some(host) => self.ask(Asking::new(About::Host(Some(host.name.clone())), form(&host))),
            None => self.say(Severity::Info, "there is no host of hosts.toml under the cursor"),
        }
    }

    pub(super) fn save_host(&mut self, name: Option<HostName>, form: &Form) {
        let host = Box::new(read(form));
        if let Some(Overlay::Form(asking)) = self.state.overlays.last_mut() {
            asking.waiting = Some("writing hosts.toml".to_owned());
        }
        self.touch();
        self.effect(Effect::SaveHost { name, host });
    }

    /// Takes in that a host was written down, or why not.
    pub(super) fn host_saved(&mut self, host: &HostName, outcome: Result<(), String>) {
        let open = matches!(self.state.overlays.last(), Some(Overlay::Form(a)) if matches!(a.about, About::Host(_)));
        match outcome {
            Ok(()) => {
                if open {
                    self.close();
                }
                self.say(Severity::Ok, format!("{host} is in hosts.toml"));
            }
            Err(why) if open => self.form_refused(why),
            Err(why) => self.say(Severity::Warning, why),
        }
    }
}
