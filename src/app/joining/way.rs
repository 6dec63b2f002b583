//! The ways to the API of a cluster that hosts do not reach: shown, chosen, and kept for the cluster in `config.toml`, which
//! is written by whoever runs the program.

use std::path::{Path, PathBuf};

use smol_str::SmolStr;

use super::{JoinForm, Standing};
use crate::app::asking::{About, Asking};
use crate::app::changes::READ_ONLY;
use crate::app::form::{Form, FormField};
use crate::app::overlay::Overlay;
use crate::app::update::Turn;
use crate::app::{Effect, State};
use crate::fleet::{ContextId, Severity, Way, is_lasting_path, is_server_url};

/// The checks that tell whether a host reaches the API.
const REACH: [&str; 2] = ["server", "advertised"];

/// What each way needs, in short.
const WAYS: [&str; 3] = [
    "public endpoint: a server with a public address, which the servers advertise too (node-external-ip)",
    "Tailscale: a file with its key (chmod 600); the servers are in it too, and each host has tailscale installed",
    "WireGuard: the servers run flannel-backend: wireguard-native, flannel-external-ip and node-external-ip; 51820/udp is open",
];

/// The URL of a context's server, as the kubeconfig has it.
pub(super) fn endpoint(state: &State, context: &ContextId) -> SmolStr {
    let server = state.fleet.servers().find(|server| server.context == *context);
    server.map(|server| server.endpoint.clone()).unwrap_or_default()
}

/// Judges the fields.
pub(in crate::app) fn check(form: &mut Form) {
    let server = form.value("server");
    let (none, good) = (server.is_empty(), is_server_url(server));
    let fault = (!none && !good).then(|| "expected a URL such as https://192.0.2.7:6443".to_owned());
    let aside = if none {
        "empty: that of its kubeconfig"
    } else {
        "as the hosts reach it"
    };
    form.tell("server", aside, fault);
    let vpn = form.value("vpn");
    let (none, good) = (vpn.is_empty(), is_lasting_path(Path::new(vpn)));
    let fault = (!none && !good).then(|| "expected a path from / or ~/ on".to_owned());
    let aside = if none {
        "empty: they join no VPN"
    } else {
        "only its path is kept"
    };
    form.tell("vpn", aside, fault);
    form.tell("wireguard", "between servers and hosts", None);
}

fn read(form: &Form, endpoint: &str) -> Way {
    let word = |id| Some(form.value(id)).filter(|word: &&str| !word.is_empty());
    Way {
        server: word("server").filter(|url| *url != endpoint).map(SmolStr::new),
        vpn_auth_file: word("vpn").map(PathBuf::from),
        wireguard: form.is_on("wireguard"),
    }
}

impl JoinForm {
    /// Whether there are hosts that cannot join because they do not reach the API.
    pub fn unreached(&self) -> bool {
        let barred = |host: &&super::JoinHost| host.standing() == Standing::Judged(Severity::Critical);
        let mut judged = self.hosts.iter().filter(barred).flat_map(|host| &host.judged);
        judged.any(|judged| judged.verdict == Severity::Critical && REACH.contains(&judged.what.as_str()))
    }

    /// Puts a way in force.
    fn go_by(&mut self, way: &Way, endpoint: SmolStr) {
        self.server = way.server.clone().unwrap_or(endpoint);
        self.vpn = way
            .vpn_auth_file
            .as_ref()
            .map(|file| file.display().to_string())
            .unwrap_or_default();
        self.vpn_fault = None;
        self.wireguard = way.wireguard;
        self.kept = !way.is_default();
    }

    /// Puts the way in force that is kept for the cluster.
    pub(super) fn go_as_kept(&mut self, state: &State) {
        if let Some((_, way)) = state.reach.of(&self.cluster) {
            let way = way.clone();
            self.go_by(&way, endpoint(state, &self.context));
        }
    }
}

impl Turn<'_> {
    /// Opens the ways to the API of the cluster that hosts are to join.
    pub(in crate::app) fn open_way(&mut self) {
        if self.state.read_only {
            return self.say(Severity::Warning, READ_ONLY);
        }
        let Some(join) = self.join_form() else { return };
        let form = Form::new(vec![
            FormField::text("server", "server", &join.server),
            FormField::text("vpn", "VPN key", &join.vpn),
            FormField::tick("wireguard", "WireGuard", join.wireguard),
        ]);
        let about = About::Way(join.cluster.clone(), join.context.clone());
        let mut asking = Asking::new(about, form);
        asking.notes = WAYS.map(str::to_owned).into();
        self.ask(asking);
    }

    /// Keeps the way that was chosen for the cluster.
    pub(in crate::app) fn keep_way(&mut self, form: &Form) {
        let Some(Overlay::Form(asking)) = self.state.overlays.last() else {
            return;
        };
        let About::Way(cluster, context) = asking.about.clone() else {
            return;
        };
        let way = read(form, &endpoint(self.state, &context));
        let key = self.state.reach.key(&cluster);
        if self.state.demo.is_some() {
            self.way_kept(&key, &way, Ok(()));
            return self.say(
                Severity::Ok,
                "kept until the program ends: a simulated world writes no config.toml",
            );
        }
        if let Some(Overlay::Form(asking)) = self.state.overlays.last_mut() {
            asking.waiting = Some("writing config.toml".to_owned());
        }
        self.touch();
        self.effect(Effect::KeepWay(key, Box::new(way)));
    }

    /// Takes in that a way was written down, or why not.
    pub(in crate::app) fn way_kept(&mut self, key: &SmolStr, way: &Way, outcome: Result<(), String>) {
        let open = matches!(self.state.overlays.last(), Some(Overlay::Form(a)) if matches!(a.about, About::Way(..)));
        match outcome {
            Ok(()) if open => self.close(),
            Ok(()) => {}
            Err(why) if open => return self.form_refused(why),
            Err(why) => return self.say(Severity::Warning, why),
        }
        let said = match way.is_default() {
            true => "hosts go by the kubeconfig again: nothing else is kept",
            false => "kept in config.toml for the cluster",
        };
        self.say(Severity::Ok, said);
        let ours = self
            .join_form()
            .map(|join| (join.cluster.clone(), join.context.clone()));
        let ours = ours.filter(|(cluster, _)| self.state.reach.key(cluster) == *key);
        self.state.reach.set(key.clone(), way.clone());
        let Some((_, context)) = ours else { return };
        let endpoint = endpoint(self.state, &context);
        let Some(join) = self.join_form() else { return };
        let before = join.addresses();
        join.go_by(way, endpoint);
        self.ask_vpn_key();
        self.join_changed(&before);
    }

    /// Has the key of the VPN looked at, if hosts are to join one.
    pub(super) fn ask_vpn_key(&mut self) {
        let Some(join) = self.join_form() else { return };
        join.vpn_fault = None;
        let vpn = join.vpn.clone();
        if !vpn.is_empty() {
            self.effect(Effect::VpnKey(vpn));
        }
    }

    /// Takes in whether a file is the key of a VPN that nobody else reads.
    pub(in crate::app) fn vpn_key(&mut self, file: &str, outcome: Result<(), String>) {
        if let Some(join) = self.join_form().filter(|join| join.vpn == file) {
            join.vpn_fault = outcome.err();
            self.touch();
        }
    }
}
