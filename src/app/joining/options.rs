//! How hosts join, where the usual way will not do: another server's URL, another release, files instead of the web.

use smol_str::SmolStr;

use crate::app::asking::{About, Asking};
use crate::app::form::{Form, FormField};
use crate::app::overlay::Overlay;
use crate::app::update::Turn;
use crate::fleet::{Severity, is_server_url};
use crate::ops::files::Source;

/// Judges the fields.
pub(in crate::app) fn check(form: &mut Form) {
    let server = form.value("server");
    let fault = (!is_server_url(server)).then(|| "expected a URL such as https://192.0.2.7:6443".to_owned());
    form.tell("server", "as the hosts reach it", fault);
    let version = form.value("version");
    let good = version.starts_with('v') && version.contains("+k3s");
    let fault = (!good).then(|| "expected a release such as v1.36.4+k3s1".to_owned());
    form.tell("version", "that of the servers, or older", fault);
    let (aside, fault) = match (form.value("files"), Source::parse(form.value("files"))) {
        ("", _) => ("empty: all is downloaded", None),
        (_, Ok(Source::Directory(_))) => ("binary, checksums, installer, images", None),
        (_, Ok(Source::Mirror(_))) => ("a mirror: hosts fetch from it", None),
        (_, Err(why)) => ("a directory, or a mirror", Some(why.to_owned())),
    };
    form.tell("files", aside, fault);
    let aside = match form.value("vpn") {
        "" => "empty: they join no VPN",
        _ => "K3s' vpn-auth-file",
    };
    form.tell("vpn", aside, None);
    form.tell("mend", "boot line of a Pi, and its restart", None);
}

impl Turn<'_> {
    /// Opens the options of a join.
    pub(super) fn open_join_options(&mut self) {
        let Some(Overlay::Join(join)) = self.state.overlays.last() else {
            return;
        };
        let form = Form::new(vec![
            FormField::text("server", "server", &join.server),
            FormField::text("version", "K3s", &join.version),
            FormField::text("files", "files", &join.files),
            FormField::text("vpn", "VPN key", &join.vpn),
            FormField::tick("mend", "mend", join.mend),
        ]);
        self.ask(Asking::new(About::Join, form));
    }

    /// Takes the options in force, and has the hosts looked at again where they try other addresses then.
    pub(in crate::app) fn take_join_options(&mut self, form: &Form) {
        self.close();
        let Some(join) = self.join_form() else { return };
        let before = join.addresses();
        let kept = (join.server.clone(), join.vpn.clone());
        join.server = form.value("server").into();
        join.version = form.value("version").into();
        join.files = form.value("files").to_owned();
        join.vpn = form.value("vpn").to_owned();
        join.mend = form.is_on("mend");
        join.kept &= join.server == kept.0 && join.vpn == kept.1;
        self.ask_vpn_key();
        self.join_changed(&before);
    }

    /// Judges the hosts anew; they are looked at again where they try other addresses than before.
    pub(super) fn join_changed(&mut self, before: &[SmolStr]) {
        let Some(join) = self.join_form() else { return };
        match join.addresses() == before {
            true => self.judge_join(),
            false => {
                self.look_again(|_| true);
                self.say(
                    Severity::Info,
                    "the hosts are looked at again: they try another address",
                );
            }
        }
    }
}
