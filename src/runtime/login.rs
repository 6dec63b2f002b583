//! A program that takes the terminal: it is run as a shell would run it, and what keeps it from running is told.

use std::io::{self, BufRead, Write};
use std::process::Command;

use crate::app::Login;

/// The program that `aws` needs for a session.
const PLUGIN: &str = "session-manager-plugin";

/// What is missing for a login; nothing else on the machine is asked.
pub fn missing(login: &Login) -> Option<String> {
    let there = |program: &str| {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path).any(|directory| directory.join(program).is_file())
    };
    let install = |program: &str, what: &str| {
        format!(
            "{program} is not on the PATH: install {what}, or log in by hand: {}",
            login.line()
        )
    };
    match login.program {
        "aws" if !there("aws") => Some(install("aws", "the AWS CLI")),
        "aws" if !there(PLUGIN) => Some(install(PLUGIN, "the Session Manager plugin of the AWS CLI")),
        program if !there(program) => Some(install(program, "the OpenSSH client")),
        _ => None,
    }
}

/// Runs it on the terminal, which has been given back; gives whether it ended well. Where it fails itself its words stay
/// until Enter is pressed.
pub(super) fn run(login: &Login) -> io::Result<bool> {
    let status = Command::new(login.program).args(&login.args).status()?;
    let failed = match login.program {
        // Any other code is that of the last command on the machine.
        "ssh" => status.code() == Some(255),
        _ => !status.success(),
    };
    if failed {
        write!(
            io::stderr(),
            "k3fleet: {} ended with {status}; Enter goes back ",
            login.line()
        )?;
        io::stdin().lock().read_line(&mut String::new())?;
    }
    Ok(!failed)
}
