//! `shell` and `logs`: a machine's own terminal, and the log of K3s there. The way in is the screen's: over SSH to a host or
//! a public address, else by a session of SSM. The program that goes there takes our place.

use std::io::{self, IsTerminal, Write};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

use serde_json::json;
use smol_str::SmolStr;
use tokio::time::sleep;

use super::args::{Logs, Shell};
use super::change::machine;
use super::complain_of;
use super::exit::{Exit, Halt};
use super::operate::Desk;
use super::read::read;
use crate::app::{Login, login};
use crate::feeds::Want;
use crate::fleet::{FeedKind, Fleet, Observation, found_hosts};
use crate::ops::Reach;
use crate::ops::rotation::Inside;
use crate::runtime::login::missing;

/// How often a simulated machine is asked for what is new in its log.
const LOOK: Duration = Duration::from_secs(2);

impl Desk<'_> {
    /// Logs in to a machine.
    pub(super) async fn log_in(mut self, args: &Shell) -> io::Result<Exit> {
        if self.session.world.is_some() {
            return Ok(Halt::usage("there is nothing to log in to in a simulated world").tell());
        }
        if self.config.read_only {
            return Ok(Halt::refused("nobody logs in in read-only mode; start without --read-only").tell());
        }
        self.read_machines().await;
        Ok(match way(&self.fleet, &args.machine) {
            Ok(login) => go(&login).tell(),
            Err(halt) => halt.tell(),
        })
    }

    /// Prints the log of K3s on a machine.
    pub(super) async fn logs(mut self, args: &Logs) -> io::Result<Exit> {
        self.read_machines().await;
        if self.session.world.is_some() {
            return match self.told(args).await {
                Ok(()) => Ok(Exit::Done),
                Err(Told::Halt(halt)) => Ok(halt.tell()),
                Err(Told::Io(error)) => Err(error),
            };
        }
        let terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
        Ok(match way(&self.fleet, &args.machine) {
            Ok(login) => go(&journal(login, args, terminal)).tell(),
            Err(halt) => halt.tell(),
        })
    }

    /// Reads what machines there are; hosts are not spoken to.
    pub(super) async fn read_machines(&mut self) {
        self.session.faults.iter().for_each(complain_of);
        let want = Want::new([FeedKind::Instances, FeedKind::Server, FeedKind::Nodes]);
        read(&self.session, &mut self.fleet, &want).await;
        self.place_hosts();
    }

    /// Takes in the hosts that are written down, and those that nodes tell of.
    pub(super) fn place_hosts(&mut self) {
        let now = (self.session.clock)();
        let listed = self.session.hosts.clone();
        let found = found_hosts(&self.fleet, &listed);
        for host in listed.into_iter().chain(found) {
            self.fleet.apply(Observation::EdgeHost(Box::new(host)), now);
        }
    }

    /// Prints what a simulated machine tells of its K3s.
    async fn told(&self, args: &Logs) -> Result<(), Told> {
        let mut told: Vec<SmolStr> = vec![];
        loop {
            let lines = self.inside(&args.machine).await?.journal;
            let mut out = io::stdout().lock();
            let new = match told.is_empty() {
                true => lines
                    .get(lines.len().saturating_sub(args.lines as usize)..)
                    .unwrap_or_default(),
                false => unread(&told, &lines),
            };
            for line in new {
                writeln!(out, "{line}")?;
            }
            out.flush()?;
            drop(out);
            if !args.follow {
                return Ok(());
            }
            told = lines;
            sleep(LOOK).await;
        }
    }

    async fn inside(&self, typed: &str) -> Result<Inside, Halt> {
        let id = machine(&self.fleet, typed).map_err(Halt::usage)?;
        let control = &self.session.control;
        if control.is_read_only() {
            return Err(Halt::refused(
                "machines are not looked into in read-only mode; start without --read-only",
            ));
        }
        let reach = self.fleet.machine(&id).as_ref().and_then(Reach::of);
        let inside = match (reach, &control.shell) {
            (Some(Reach::Edge(host)), Some(shell)) => shell.inside(&host).await?,
            (Some(Reach::Instance(scope, id)), _) => match control.cloud(&scope) {
                Some(cloud) => cloud.inside(&id).await?,
                None => return Err(Halt::failed(format!("nothing reaches {scope} from here"))),
            },
            _ => return Err(unreached(typed)),
        };
        Ok(inside)
    }
}

/// Why a simulated log is not printed.
enum Told {
    Halt(Halt),
    Io(io::Error),
}

impl From<Halt> for Told {
    fn from(halt: Halt) -> Self {
        Self::Halt(halt)
    }
}

impl From<io::Error> for Told {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// The lines that have come since others were told: those after the last place where the others end.
fn unread<'l>(told: &[SmolStr], lines: &'l [SmolStr]) -> &'l [SmolStr] {
    let ends = (0..=lines.len()).rev().find(|end| {
        let before = lines.get(..*end).unwrap_or_default();
        *end == 0 || told.ends_with(before) || (!told.is_empty() && before.ends_with(told))
    });
    lines.get(ends.unwrap_or(0)..).unwrap_or_default()
}

fn unreached(typed: &str) -> Halt {
    Halt::usage(format!(
        "it is not known how to reach {typed}: it has neither an instance nor a host"
    ))
}

/// The way to the machine that is meant.
fn way(fleet: &Fleet, typed: &str) -> Result<Login, Halt> {
    let id = machine(fleet, typed).map_err(Halt::usage)?;
    let found = fleet.machine(&id).and_then(|machine| login(&machine));
    found.ok_or_else(|| unreached(typed))
}

/// Runs a login in our place; gives why that is not done.
fn go(login: &Login) -> Halt {
    if let Some(why) = missing(login) {
        return Halt::failed(why);
    }
    let error = Command::new(login.program).args(&login.args).exec();
    Halt::failed(format!("{} cannot be run: {error}", login.program))
}

/// A login that only prints the log of K3s.
fn journal(login: Login, logs: &Logs, terminal: bool) -> Login {
    let Logs { lines, follow, .. } = logs;
    let (journal, tail) = if *follow { (" -f", " -F") } else { ("", "") };
    let command = format!(
        "[ $(id -u) = 0 ] || s=sudo; if command -v journalctl >/dev/null; then exec $s journalctl --no-pager -n {lines}{journal} \
         -u k3s -u k3s-agent; else exec $s tail -n {lines}{tail} /var/log/k3s.log /var/log/k3s-agent.log; fi"
    );
    let Login { program, mut args } = login;
    match program {
        "ssh" => {
            if terminal {
                // sudo may want to ask for a password.
                args.insert(0, "-t".to_owned());
            }
            args.push(format!("exec /bin/sh -c '{command}'"));
        }
        _ => {
            let parameters = json!({ "command": [format!("/bin/sh -c '{command}'")] });
            args.extend(["--document-name", "AWS-StartInteractiveCommand", "--parameters"].map(str::to_owned));
            args.push(parameters.to_string());
        }
    }
    Login { program, args }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logs(follow: bool) -> Logs {
        Logs {
            machine: "pi-1".to_owned(),
            follow,
            lines: 7,
        }
    }

    #[test]
    fn a_log_is_read_over_ssh_or_by_a_session() {
        let ssh = Login {
            program: "ssh",
            args: ["-p", "2222", "--", "pi@pi-1"].map(str::to_owned).into(),
        };
        let line = journal(ssh.clone(), &logs(true), true).line();
        assert!(line.starts_with("ssh -t -p 2222 -- pi@pi-1 "), "{line}");
        assert!(
            line.contains("journalctl --no-pager -n 7 -f -u k3s -u k3s-agent"),
            "{line}"
        );
        assert!(!journal(ssh, &logs(false), false).line().contains("-t "));
        let ssm = Login {
            program: "aws",
            args: ["ssm", "start-session", "--target", "i-1"].map(str::to_owned).into(),
        };
        let args = journal(ssm, &logs(false), false).args;
        let parameters: serde_json::Value = serde_json::from_str(args.last().unwrap()).unwrap();
        let command = parameters["command"][0].as_str().unwrap();
        assert!(command.contains("-n 7 -u k3s") && !command.contains("-f"), "{command}");
    }

    #[test]
    fn only_what_is_new_is_told() {
        let lines = |text: &str| text.chars().map(|c| SmolStr::from(c.to_string())).collect::<Vec<_>>();
        for (told, now, new) in [
            ("abc", "abc", ""),
            ("abc", "abcd", "d"),
            ("abc", "bcde", "de"),
            ("abc", "xy", "xy"),
            ("", "xy", "xy"),
        ] {
            let (told, now) = (lines(told), lines(now));
            assert_eq!(unread(&told, &now), lines(new), "{told:?} {now:?}");
        }
    }
}
