//! A command of the operator's own on a host, as the user who logs in.

use std::time::Duration;

use super::OpenSsh;
use super::broken;
use super::call::{Call, Input, over_ssh, quoted};
use crate::fleet::{EdgeHost, FaultKind};
use crate::provider::{Ran, Result};

/// For a command.
const LIMIT: Duration = Duration::from_mins(10);
/// How much of what it writes is kept.
const OUTPUT: usize = 1 << 20;
/// What stands before its exit code, on the standard error that it does not get itself: an end of ssh without that is no
/// end of the command.
const ENDED: &str = "k3fleet-ended ";
/// Codes by which a shell says that a signal ended a command.
const SIGNALS: std::ops::RangeInclusive<i32> = 129..=192;

impl OpenSsh {
    /// As the port says.
    pub(super) async fn run_there(&self, host: &EdgeHost, argv: &[String]) -> Result<Ran> {
        let mut call = Call::new(over_ssh("run a command"), host, String::new(), LIMIT);
        if argv.is_empty() {
            return Err(call.failed(FaultKind::Other, "there is no command to run", "name one"));
        }
        call.command = command(argv);
        call.keep = OUTPUT;
        let answer = self.raw(&call, Input::Nothing).await?;
        let code = answer.stderr.lines().rev().find_map(|line| line.strip_prefix(ENDED));
        let Some(code) = code.and_then(|code| code.trim().parse::<i32>().ok()) else {
            if answer.code == Some(255) {
                return Err(self.explained(&call, &broken::of(&answer.stderr)).await);
            }
            let mend = "see that a login there gives a shell, and no menu or forced command";
            return Err(call.failed(FaultKind::Malformed, "it does not tell how the command ended", mend));
        };
        let mut output = answer.text();
        if answer.cut {
            output.push_str("\n[the rest is left out: it wrote more than 1 MiB]\n");
        }
        Ok(Ran {
            code: Some(code).filter(|code| !SIGNALS.contains(code)),
            output,
        })
    }
}

/// The command as the login shell there is to run it: both its outputs in one, in their order, and how it ended beside.
fn command(argv: &[String]) -> String {
    let text = format!("exec 3>&2 2>&1; (exec 3>&-; exec \"$@\"); echo \"{ENDED}$?\" >&3");
    let mut command = format!("exec /bin/sh -c {} sh", quoted(&text));
    for word in argv {
        command.push(' ');
        command.push_str(&quoted(word));
    }
    command
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    #[test]
    fn any_word_arrives_as_it_is() {
        let words = [
            "a b", "it's", "$HOME", "\\", "\\'", "\\\\n", "é\n", "", "-n", "`x`", "!!",
        ];
        let mut argv: Vec<String> = ["printf", "%s|"].map(str::to_owned).to_vec();
        argv.extend(words.map(str::to_owned));
        for shell in ["sh", "bash", "fish"] {
            let ran = std::process::Command::new(shell).args(["-c", &command(&argv)]).output();
            let Ok(ran) = ran else { continue };
            assert_eq!(
                String::from_utf8(ran.stdout).unwrap(),
                format!("{}|", words.join("|")),
                "{shell}"
            );
            assert_eq!(String::from_utf8(ran.stderr).unwrap(), "k3fleet-ended 0\n");
        }
    }

    #[test]
    fn the_outputs_come_in_their_order_and_the_end_apart() {
        for (text, code) in [("exit 3", 3), ("kill -9 $$", 137)] {
            let argv = ["sh", "-c", &format!("echo one; echo two >&2; echo three; {text}")].map(str::to_owned);
            let ran = std::process::Command::new("sh")
                .args(["-c", &command(&argv)])
                .output()
                .unwrap();
            let output = String::from_utf8(ran.stdout).unwrap();
            assert!(output.starts_with("one\ntwo\nthree\n"), "{output}");
            assert_eq!(
                String::from_utf8(ran.stderr).unwrap(),
                format!("k3fleet-ended {code}\n")
            );
        }
    }
}
