//! A plain list: one host a line, as `user@host:port`; what follows a `#` is a comment.

use std::path::Path;

use smol_str::SmolStr;

use super::super::fault::ConfigError;
use super::super::hosts::is_ssh_word;
use super::words::split_port;
use super::{Candidate, Imported, Told};

const HOST: &str = "one host a line, such as pi-1, pi@pi-1 or pi@10.0.0.7:2222";

/// Reads a list. `file` is its name in messages.
pub fn read_list(file: &Path, text: &str) -> Result<Imported, ConfigError> {
    let mut told = Told::default();
    let mut hosts = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let said = line.split('#').next().unwrap_or_default().trim();
        let said = said.trim_start_matches('\u{feff}');
        if said.is_empty() {
            continue;
        }
        match candidate(said) {
            Some(host) => hosts.push(host),
            None => told.fault(file, index + 1, line, format!("expected {HOST}, found {said:?}")),
        }
    }
    told.end(hosts)
}

fn candidate(text: &str) -> Option<Candidate> {
    let (user, host) = match text.split_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, text),
    };
    let (name, port) = split_port(host)?;
    let good = is_ssh_word(name) && user.is_none_or(is_ssh_word) && !name.contains([',', ';', '=', '[', ']']);
    good.then(|| Candidate {
        name: name.into(),
        user: user.map(SmolStr::new),
        port,
        ..Candidate::default()
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hosts_users_and_ports_are_read() {
        let text = "# the shop\npi-1\n\n  pi@pi-2 # by the door\r\nroot@10.0.0.7:2222\n[fd00::7]:22\nfd00::8\n";
        let hosts = read_list(Path::new("l"), text).unwrap().hosts;
        let seen: Vec<_> = hosts
            .iter()
            .map(|h| (h.name.as_str(), h.user.as_deref(), h.port))
            .collect();
        assert_eq!(
            seen,
            [
                ("pi-1", None, None),
                ("pi-2", Some("pi"), None),
                ("10.0.0.7", Some("root"), Some(2222)),
                ("fd00::7", None, Some(22)),
                ("fd00::8", None, None),
            ]
        );
    }

    #[test]
    fn every_odd_line_is_told() {
        let error = read_list(Path::new("l"), "a b\nok\n  -oProxyCommand=x\n@x\nx:0\na,b\n").unwrap_err();
        let lines: Vec<_> = error.faults.iter().map(|f| f.position.unwrap().line).collect();
        assert_eq!(lines, [1, 3, 4, 5, 6]);
        assert!(
            error.to_string().starts_with("l:1:1: expected one host a line"),
            "{error}"
        );
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "([a-z0-9]{1,3}|[@:\\[\\]# \n,é-])*") {
            for host in read_list(Path::new("l"), &text).map(|read| read.hosts).unwrap_or_default() {
                prop_assert!(is_ssh_word(&host.name));
            }
        }
    }
}
