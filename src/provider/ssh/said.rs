//! What OpenSSH and sudo say when something does not work, and what is to be done about it.

use std::net::IpAddr;

use smol_str::{SmolStr, format_smolstr};

use crate::fleet::FaultKind;

/// What a failed `ssh` has said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// The machine does not answer, or has no such file: it may later.
    NotYet,
    /// The host has another key than the one that is known.
    Changed,
    /// The host's key is not known, and must not be taken on trust.
    Unknown,
    /// The machine takes none of our keys; the methods it would have taken.
    Denied(String),
    /// Something is wrong with ssh's own configuration.
    Misused(String),
    /// The user may not do it on the machine.
    Forbidden(String),
    /// Anything else.
    Other(String),
}

/// Reads what `ssh` has written on standard error, by the code it ended with: 255 is its own, any other is that of the
/// command on the machine.
pub(super) fn of(code: Option<i32>, stderr: &str) -> Said {
    let has = |words: &str| stderr.contains(words);
    if code != Some(255) {
        return match () {
            () if has("No such file or directory") => Said::NotYet,
            () if has("sudo") || has("Permission denied") => Said::Forbidden(last(stderr)),
            () => Said::Other(last(stderr)),
        };
    }
    if has("REMOTE HOST IDENTIFICATION HAS CHANGED") {
        return Said::Changed;
    }
    if has("Host key verification failed") {
        return Said::Unknown;
    }
    if let Some((_, methods)) = stderr.rsplit_once("Permission denied (") {
        let methods = methods.split(')').next().unwrap_or_default();
        return Said::Denied(methods.to_owned());
    }
    if has("Too many authentication failures") {
        return Said::Denied("too many keys were offered".to_owned());
    }
    let own = [
        "Bad configuration option",
        "Bad owner or permissions",
        "command-line line",
        "terminating, ",
    ];
    if own.iter().any(|words| has(words)) {
        return Said::Misused(last(stderr));
    }
    // Refused, timed out, no route, reset while the machine boots: all of them pass.
    Said::NotYet
}

/// What stands between two words, unless it holds what no name holds.
pub(super) fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    let (found, _) = rest.split_once(after)?;
    Some(found).filter(|found| !found.chars().any(|c| c.is_control() || c == '"'))
}

/// The last line that says something, without control characters.
pub(super) fn last(stderr: &str) -> String {
    let line = stderr.lines().rev().map(str::trim).find(|line| !line.is_empty());
    let line = line.unwrap_or("it said nothing");
    line.chars().filter(|c| !c.is_control()).take(300).collect()
}

impl Said {
    /// The class of the failure, what went wrong, and what to do.
    pub(super) fn explain(self, user: &str, address: IpAddr) -> (FaultKind, String, SmolStr) {
        match self {
            Self::NotYet => (FaultKind::NotYet, "no answer".to_owned(), SmolStr::default()),
            Self::Changed => (
                FaultKind::Credentials,
                "its host key is not the one in known_hosts".to_owned(),
                format_smolstr!(
                    "AWS gives addresses to new machines: if this one was another's before, forget the old key with \
                     ssh-keygen -R {address}; else somebody may be in between"
                ),
            ),
            Self::Unknown => (
                FaultKind::Credentials,
                "its host key is not in known_hosts".to_owned(),
                format_smolstr!("log in once with ssh {user}@{address} and compare the key"),
            ),
            Self::Denied(methods) => (
                FaultKind::Denied,
                format!("it takes none of the keys that ssh offers ({methods})"),
                format_smolstr!(
                    "see that the key of the launch is in the agent (ssh-add -l) or named in ~/.ssh/config, and try ssh \
                     {user}@{address}"
                ),
            ),
            Self::Misused(line) => (FaultKind::Other, line, "mend the SSH configuration".into()),
            Self::Forbidden(line) => (
                FaultKind::Denied,
                line,
                format_smolstr!("{user} needs sudo without a password there"),
            ),
            Self::Other(line) => (FaultKind::Other, line, format_smolstr!("try ssh {user}@{address}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_is_waited_for() {
        for stderr in [
            "ssh: connect to host 203.0.113.7 port 22: Connection refused",
            "ssh: connect to host 203.0.113.7 port 22: Connection timed out",
            "ssh: connect to host 203.0.113.7 port 22: No route to host",
            "kex_exchange_identification: read: Connection reset by peer",
            "\"System is booting up. Unprivileged users are not permitted to log in yet.\"\nConnection closed by 203.0.113.7 port 22",
            "",
        ] {
            assert_eq!(of(Some(255), stderr), Said::NotYet, "{stderr}");
        }
        let missing = "cat: /etc/rancher/k3s/k3s.yaml: No such file or directory";
        assert_eq!(of(Some(1), missing), Said::NotYet);
    }

    #[test]
    fn what_does_not_pass_is_told_by_its_cause() {
        let changed = "@@@\n@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\nHost key verification failed.";
        assert_eq!(of(Some(255), changed), Said::Changed);
        assert_eq!(of(Some(255), "Host key verification failed."), Said::Unknown);
        let denied = "ubuntu@203.0.113.7: Permission denied (publickey,password).";
        assert_eq!(of(Some(255), denied), Said::Denied("publickey,password".to_owned()));
        let many = "Received disconnect from 203.0.113.7 port 22:2: Too many authentication failures";
        assert!(matches!(of(Some(255), many), Said::Denied(_)));
        let bad = "/home/a/.ssh/config: line 3: Bad configuration option: hostt";
        assert_eq!(of(Some(255), bad), Said::Misused(bad.to_owned()));
        let sudo = "sudo: a password is required\n";
        assert_eq!(
            of(Some(1), sudo),
            Said::Forbidden("sudo: a password is required".to_owned())
        );
        assert_eq!(
            of(Some(2), "odd\u{1b}[31m end\n\n"),
            Said::Other("odd[31m end".to_owned())
        );
        assert_eq!(of(None, ""), Said::Other("it said nothing".to_owned()));
    }

    #[test]
    fn every_failure_says_what_to_do() {
        let address: IpAddr = "203.0.113.7".parse().unwrap();
        let (kind, message, mend) = Said::Changed.explain("ubuntu", address);
        assert_eq!(kind, FaultKind::Credentials);
        assert!(
            message.contains("host key") && mend.contains("ssh-keygen -R 203.0.113.7"),
            "{mend}"
        );
        let (kind, message, mend) = Said::Denied("publickey".to_owned()).explain("ubuntu", address);
        assert_eq!(kind, FaultKind::Denied);
        assert!(message.contains("publickey") && mend.contains("ssh-add -l") && mend.contains("ubuntu@203.0.113.7"));
    }
}
