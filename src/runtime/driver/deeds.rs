//! What the screen asks to be done, done: each effect by the part of the program that can.

use std::io;

use jiff::SignedDuration;

use super::Driver;
use crate::app::{Effect, Login, Msg};
use crate::fleet::Severity;
use crate::runtime::editor::Draft;
use crate::runtime::errands::keep_password;
use crate::runtime::reload::Reload;
use crate::runtime::surface::Surface;
use crate::runtime::{files, login};

impl<S: Surface> Driver<S> {
    pub(super) fn perform(&mut self, effect: Effect) -> io::Result<()> {
        match effect {
            Effect::Quit => self.quit = true,
            Effect::Suspend => self.suspend = true,
            Effect::Copy(text) => {
                self.surface.copy(&text)?;
                self.say(Severity::Ok, format!("copied {text}"));
            }
            Effect::Save { name, text } => match files::save(&name, &text) {
                Ok(path) => self.say(Severity::Ok, format!("saved {}", path.display())),
                Err(error) => self.say(Severity::Warning, format!("save {name}: {error}")),
            },
            Effect::Refresh(sources) => {
                let Some(feeds) = &self.feeds else { return Ok(()) };
                sources.iter().for_each(|source| feeds.nudge(source));
            }
            Effect::Retry(feed) => {
                if let Some(feeds) = &self.feeds {
                    feeds.nudge(&feed.source);
                }
            }
            Effect::History(offer, days) => {
                if let Some(feeds) = &self.feeds {
                    let span = SignedDuration::from_hours(24 * i64::from(days));
                    feeds.want_history(&offer.region, &offer.instance_type, span);
                }
            }
            Effect::WantPrices(offers) => {
                let Some(feeds) = &self.feeds else { return Ok(()) };
                for (region, instance_type) in offers {
                    feeds.want_prices(&region, [instance_type]);
                }
            }
            Effect::Theme(name) => self.use_theme(&name),
            Effect::Pause(on) => {
                if let Some(world) = self.session.as_ref().and_then(|s| s.world.as_ref()) {
                    world.pause(on);
                    self.take(Msg::Paused(on));
                    self.look_away(on);
                }
            }
            Effect::Run { plan, take_over } => {
                self.operate(|operations| operations.start(*plan, take_over).map(drop));
            }
            Effect::Shell(login) => self.log_in(login),
            Effect::TestReaper(cluster) => self.errands.test_reaper(self.session.as_ref(), cluster),
            Effect::DetectDrift(cluster) => self.errands.detect_drift(self.session.as_ref(), cluster),
            Effect::Kubeconfig { cluster, merge } => {
                self.errands
                    .kubeconfig(self.session.as_ref(), &self.state.fleet, cluster, merge);
            }
            Effect::Survey(scope) => self.errands.survey(self.session.as_ref(), scope),
            Effect::Place(survey, spec, dsn) => self.errands.place(self.session.as_ref(), survey, spec, dsn),
            Effect::Resources(cluster) => self.errands.resources(self.session.as_ref(), cluster),
            Effect::Known(cluster) => self.errands.known(self.session.as_ref(), cluster),
            Effect::Edit { name, text } => self.edit(&name, &text),
            Effect::Propose(proposal) => self.errands.propose(self.session.as_ref(), *proposal),
            Effect::Discard(update) => self.errands.discard(self.session.as_ref(), update),
            Effect::Stack(cluster) => self.errands.stack(self.session.as_ref(), cluster),
            Effect::Snapshots(cluster, context) => self.errands.snapshots(self.session.as_ref(), cluster, &context),
            Effect::Advertised(context) => self.errands.advertised(self.session.as_ref(), context),
            Effect::LookAt(hosts, addresses) => self.errands.look_at(self.session.as_ref(), hosts, addresses),
            Effect::HostKeys(hosts) => self.errands.host_keys(self.session.as_ref(), hosts),
            Effect::Trust(host, key) => self.errands.trust(self.session.as_ref(), *host, key),
            Effect::SudoPassword(secret) => {
                if let Err(why) = keep_password(self.session.as_ref(), secret) {
                    self.say(Severity::Warning, why.to_owned());
                }
            }
            Effect::RunOn(hosts, argv) => self.errands.run_on(self.session.as_ref(), hosts, argv),
            Effect::SaveHost { name, host } => match self.reload.as_ref().map(Reload::hosts_file) {
                Some(file) => self.errands.save_host(&file, name, *host),
                None => self.take(Msg::HostSaved(host.name, Err("there is no hosts.toml here".to_owned()))),
            },
            Effect::KeepWay(key, way) => match self.reload.as_ref().map(Reload::config_file) {
                Some(file) => self.errands.keep_way(file, key, way),
                None => self.take(Msg::WayKept(key, way, Err("there is no config.toml here".to_owned()))),
            },
            Effect::VpnKey(file) => self.errands.vpn_key(file),
            Effect::Channels => self.errands.channels(self.session.as_ref()),
            Effect::Tokens(roll) => self.errands.tokens(self.session.as_ref(), *roll),
            Effect::MakeToken {
                cluster,
                context,
                expires_at,
                description,
            } => {
                let session = self.session.as_ref();
                self.errands
                    .make_token(session, cluster, &context, expires_at, description);
            }
            Effect::DeleteToken { context, id, .. } => {
                self.errands.delete_token(self.session.as_ref(), &context, id);
            }
            Effect::CopySecret(secret) => {
                self.surface.copy(secret.expose())?;
                self.say(Severity::Ok, "copied the token".to_owned());
            }
            Effect::Stop(id) => self.operate(|operations| {
                operations.stop(&id);
                Ok(())
            }),
            Effect::Resume(id) => self.operate(|operations| operations.resume(&id, false).map(drop)),
            Effect::Abort(id) => self.operate(|operations| operations.abort(&id)),
            Effect::Mouse(on) => self.surface.mouse(on)?,
            Effect::Redraw => {
                self.surface.clear()?;
                self.dirty = true;
            }
        }
        Ok(())
    }

    /// Whether an operation runs: it would wait for answers that nobody gives while the terminal is lent.
    fn is_operating(&self) -> bool {
        self.operations.as_ref().is_some_and(|operations| !operations.is_idle())
    }

    /// Has a text changed in the operator's editor, if nothing stands against it.
    fn edit(&mut self, name: &str, text: &str) {
        let draft = match self.is_operating() {
            true => Err("an operation is running: wait for its end, or use k3fleet spec and k3fleet update".to_owned()),
            false => Draft::new(name, text).map_err(|error| format!("write {name} for your editor: {error}")),
        };
        match draft {
            Ok(draft) => self.draft = Some(draft),
            Err(why) => self.take(Msg::Edited(Err(why))),
        }
    }

    /// Logs in to a machine, if nothing stands against it.
    fn log_in(&mut self, login: Login) {
        let refusal = match self.is_operating() {
            true => Some(format!(
                "an operation is running: log in from another terminal: {}",
                login.line()
            )),
            false => login::missing(&login),
        };
        match refusal {
            Some(why) => self.say(Severity::Warning, why),
            None => self.login = Some(login),
        }
    }
}
