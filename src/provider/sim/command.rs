//! The few commands that boards know when an operator runs one there, so that the demo answers.

use smol_str::SmolStr;

use super::board::Board;
use super::clock::seconds;
use super::inside::machine_word;
use super::state::State;
use crate::fleet::HostName;
use crate::provider::Ran;

/// How long a board that was switched off stays so, in seconds: somebody switches it on again.
const OFF: f64 = 180.0;
/// How long a restart takes, in seconds.
pub(super) const RESTART: f64 = 40.0;

fn ended(code: i32, output: impl Into<String>) -> Ran {
    Ran {
        code: Some(code),
        output: output.into(),
    }
}

impl State {
    /// Runs a command on a board, as the user who logs in.
    pub(super) fn run_command(&mut self, host: &HostName, argv: &[String]) -> Ran {
        let words: Vec<&str> = argv.iter().flat_map(|word| word.split_whitespace()).collect();
        // What is typed on the screen is a line for a shell.
        let words = match words.as_slice() {
            ["sh", "-c", line @ ..] => line.to_vec(),
            _ => words,
        };
        let Some(board) = self.boards.get(host) else {
            return ended(255, "");
        };
        let (root, words) = match words.split_first() {
            Some((&"sudo", rest)) => (true, rest.iter().skip_while(|w| **w == "-n").copied().collect()),
            _ => (false, words),
        };
        if root && board.spec.sudo_password.is_some() {
            return ended(1, "sudo: a password is required\n");
        }
        let off = match words.as_slice() {
            ["poweroff" | "halt"] | ["systemctl", "poweroff"] | ["shutdown", "now" | "-h", ..] => Some(OFF),
            ["reboot"] | ["systemctl", "reboot"] | ["shutdown", "-r", ..] => Some(RESTART),
            _ => None,
        };
        if let Some(secs) = off {
            self.board_off(host, seconds(secs));
            return ended(0, "");
        }
        match said(self, board, root, &words) {
            Some(ran) => ran,
            None => {
                let name = words.first().copied().unwrap_or_default();
                ended(127, format!("bash: line 1: {name}: command not found\n"))
            }
        }
    }
}

fn said(state: &State, board: &Board, root: bool, words: &[&str]) -> Option<Ran> {
    let spec = &board.spec;
    let machine = machine_word(spec.arch);
    let user = match root {
        true => "root",
        false => board.host.user.as_deref().unwrap_or("root"),
    };
    let health = state.health(board);
    let text = match words {
        ["true" | ":"] => String::new(),
        ["false"] => return Some(ended(1, "")),
        ["echo", rest @ ..] => rest.join(" ") + "\n",
        ["hostname"] | ["uname", "-n"] => format!("{}\n", spec.name),
        ["uname"] => "Linux\n".to_owned(),
        ["uname", "-r"] => format!("{}\n", spec.kernel),
        ["uname", "-m"] => format!("{machine}\n"),
        ["uname", "-a"] => format!("Linux {} {} {machine} GNU/Linux\n", spec.name, spec.kernel),
        ["whoami"] | ["id", "-un"] => format!("{user}\n"),
        ["id", "-u"] => format!("{}\n", if user == "root" { 0 } else { 1000 }),
        ["date"] => format!("{}\n", state.now.strftime("%a %b %e %H:%M:%S UTC %Y")),
        ["uptime"] => uptime(state, board, health.load),
        ["cat", "/etc/os-release"] => os_release(&spec.os),
        ["cat", "/etc/hostname"] => format!("{}\n", spec.name),
        ["cat", file] => return Some(ended(1, format!("cat: {file}: No such file or directory\n"))),
        ["systemctl", "is-active", unit] => {
            let own = board
                .life
                .k3s
                .as_ref()
                .filter(|k| k.unit() == unit.trim_end_matches(".service"));
            let service = own.map_or("inactive", |k| k.service.as_str());
            return Some(ended(if service == "active" { 0 } else { 3 }, format!("{service}\n")));
        }
        ["k3s", "--version"] => {
            let k3s = board.life.k3s.as_ref()?;
            format!("k3s version {}\n", k3s.installed)
        }
        _ => return None,
    };
    Some(ended(0, text))
}

fn uptime(state: &State, board: &Board, load: Option<f32>) -> String {
    let up = state.now.duration_since(board.life.booted_at);
    let (days, hours, minutes) = (up.as_hours() / 24, up.as_hours() % 24, up.as_mins() % 60);
    let long = match (days, hours) {
        (0, 0) => format!("{minutes} min"),
        (0, _) => format!("{hours:2}:{minutes:02}"),
        (1, _) => format!("1 day, {hours:2}:{minutes:02}"),
        _ => format!("{days} days, {hours:2}:{minutes:02}"),
    };
    let load = load.unwrap_or_default();
    format!(
        " {} up {long},  1 user,  load average: {load:.2}, {load:.2}, {load:.2}\n",
        state.now.strftime("%H:%M:%S")
    )
}

fn os_release(os: &SmolStr) -> String {
    let name = os.split(' ').next().unwrap_or_default();
    let number = os.split(' ').find(|w| w.starts_with(|c: char| c.is_ascii_digit()));
    let id = name.to_lowercase();
    let number = number.map(|n| format!("VERSION_ID=\"{n}\"\n")).unwrap_or_default();
    format!("PRETTY_NAME=\"{os}\"\nNAME=\"{name}\"\nID={id}\n{number}")
}
