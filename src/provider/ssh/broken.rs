//! Why ssh did not get through to a host, in words: which key, which hop, whose host key, and what to do about it.

use std::path::PathBuf;

use smol_str::{SmolStr, format_smolstr};

use super::said::{self, Said, between, last};
use crate::fleet::FaultKind;

/// Why ssh did not get through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Broken {
    pub(super) why: Why,
    /// Whether it was stopped on the way there: by a jump host, or a command that stands for the connection.
    pub(super) hop: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// Another host key than the known one.
    Changed(Changed),
    /// A host key that is not known.
    Unknown,
    /// None of our keys is taken.
    Denied {
        /// Who said so, as `user@host`.
        by: Option<String>,
        /// The methods it would have taken.
        methods: String,
    },
    /// Something in ssh's own configuration; its words.
    Misused(String),
    /// The name is not found.
    NoName,
    /// Nothing listens there; where, as ssh says it.
    Refused(Option<String>),
    /// No answer.
    TimedOut,
    /// No way there.
    NoRoute,
    /// The jump host does not get through; its words.
    NotFromHop(String),
    /// It was closed before a word was said.
    Dropped,
    /// The connection ended, with these last words.
    Ended(Option<String>),
}

/// What ssh tells of a host key that has changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Changed {
    /// The name it is known under.
    pub(super) name: Option<String>,
    /// The fingerprint of the key it shows now.
    pub(super) shown: Option<String>,
    /// Where the known one stands: the file and the line, counted from 1.
    pub(super) place: Option<(PathBuf, usize)>,
}

/// What else is known, to say it better.
#[derive(Clone, Debug, Default)]
pub(super) struct Around {
    /// What stands after `ssh` when an operator types it.
    pub(super) login: String,
    /// The jump host, as the configuration names it.
    pub(super) jump: Option<String>,
    /// The keys that were offered, in words.
    pub(super) offered: Option<String>,
    /// The fingerprint of the key that was known.
    pub(super) known: Option<String>,
}

/// Reads what an `ssh` that ended with 255 has said.
pub(super) fn of(stderr: &str) -> Broken {
    let has = |words: &str| stderr.contains(words);
    let why = match said::of(Some(255), stderr) {
        Said::Changed => Why::Changed(changed(stderr)),
        Said::Unknown => Why::Unknown,
        Said::Denied(methods) => {
            let line = stderr.lines().find(|line| line.contains(": Permission denied ("));
            let by = line.and_then(|line| line.split_once(": Permission denied ("));
            Why::Denied {
                by: by.map(|(by, _)| clean(by)),
                methods,
            }
        }
        Said::Misused(line) => Why::Misused(line),
        Said::NotYet | Said::Forbidden(_) | Said::Other(_) => match () {
            () if has("stdio forwarding failed") => Why::NotFromHop(
                between(stderr, "open failed: ", "\n")
                    .map_or_else(|| "it refuses to forward".to_owned(), str::to_owned),
            ),
            () if has("Could not resolve hostname") => Why::NoName,
            () if has("Connection refused") => {
                let place = between(stderr, "connect to host ", ": Connection refused");
                Why::Refused(place.map(str::to_owned))
            }
            () if has("timed out") => Why::TimedOut,
            () if has("No route to host") || has("Network is unreachable") => Why::NoRoute,
            () if was_dropped(stderr) => Why::Dropped,
            () => Why::Ended(stderr.lines().any(|line| !line.trim().is_empty()).then(|| last(stderr))),
        },
    };
    // So says the outer ssh when what stands for its connection has ended.
    let hop = has("UNKNOWN port 65535");
    Broken { why, hop }
}

fn changed(stderr: &str) -> Changed {
    let place = stderr.lines().find_map(|line| {
        let (_, place) = line.strip_prefix("Offending ")?.split_once(" key in ")?;
        let (file, line) = place.rsplit_once(':')?;
        Some((PathBuf::from(file), line.trim().parse().ok()?))
    });
    let shown = between(stderr, "sent by the remote host is\n", ".\n");
    Changed {
        name: between(stderr, "Host key for ", " has changed").map(str::to_owned),
        shown: shown
            .map(str::trim)
            .filter(|f| f.starts_with("SHA256:"))
            .map(str::to_owned),
        place,
    }
}

/// Whether sshd dropped the connection before a word was said, as it does when too many come at once (`MaxStartups`):
/// nothing has begun, so that it can be tried again.
pub(super) fn was_dropped(stderr: &str) -> bool {
    let starts = [
        "kex_exchange_identification: ",
        "Connection closed by ",
        "Connection reset by ",
        "Not allowed at this time",
    ];
    let mut lines = stderr.lines().filter(|line| !line.trim().is_empty()).peekable();
    lines.peek().is_some() && lines.all(|line| starts.iter().any(|start| line.starts_with(start)))
}

fn clean(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(120).collect()
}

impl Broken {
    /// The class of the failure, what went wrong, and what to do.
    pub(super) fn explain(&self, around: &Around) -> (FaultKind, String, SmolStr) {
        let login = &around.login;
        let hop = around.jump.as_deref().filter(|_| self.hop);
        // Who it is that does not do as it should, and how it is tried by hand.
        let (who, by_hand) = match (self.hop, hop) {
            (false, _) => ("it".to_owned(), format!("ssh {login}")),
            (true, Some(jump)) => (format!("its jump host {jump}"), format!("ssh {jump}")),
            (true, None) => ("its jump host".to_owned(), format!("ssh {login}")),
        };
        match &self.why {
            Why::Changed(changed) => {
                let name = changed.name.as_deref().unwrap_or("its address");
                let shown = changed.shown.as_ref().map(|f| format!(" ({f})")).unwrap_or_default();
                let known = around.known.as_ref().map(|f| format!(" ({f})")).unwrap_or_default();
                (
                    FaultKind::Credentials,
                    format!(
                        "HOST KEY CHANGED: {who} shows another key{shown} than the one in known_hosts{known}; nothing \
                         was sent to it"
                    ),
                    format_smolstr!(
                        "somebody may be in between; only if the machine was set up anew, forget the old key with \
                         ssh-keygen -R \"{name}\" and log in once with {by_hand}"
                    ),
                )
            }
            Why::Unknown => {
                let whose = if self.hop {
                    format!("the host key of {who}")
                } else {
                    "its host key".to_owned()
                };
                (
                    FaultKind::Credentials,
                    format!("{whose} is not in known_hosts"),
                    format_smolstr!("log in once with {by_hand} and compare the key's fingerprint"),
                )
            }
            Why::Denied { by, methods } => {
                let by = by.as_ref().map(|by| format!(" as {by}")).unwrap_or_default();
                let offered = around.offered.as_ref().filter(|_| !self.hop);
                let offered = offered.map(|o| format!(": {o}")).unwrap_or_default();
                (
                    FaultKind::Denied,
                    format!("{who} takes none of the keys that ssh offers{by} ({methods}){offered}"),
                    format_smolstr!(
                        "see that its key is in the agent (ssh-add -l) or named in ~/.ssh/config; one with a \
                         passphrase has to be in the agent; then try {by_hand}"
                    ),
                )
            }
            Why::Misused(line) => (FaultKind::Other, line.clone(), "mend the SSH configuration".into()),
            why => {
                let (message, mend) = unreachable(why, &who);
                (FaultKind::Unreachable, message, mend.into())
            }
        }
    }
}

fn unreachable(why: &Why, who: &str) -> (String, &'static str) {
    let at = |who: &str| if who == "it" { String::new() } else { format!("{who}: ") };
    match why {
        Why::NoName => (
            format!("{}no such host: its name is not found", at(who)),
            "give it an address in hosts.toml, or a HostName in ~/.ssh/config",
        ),
        Why::Refused(place) => {
            let place = place.as_ref().map(|p| format!(" ({p})")).unwrap_or_default();
            (
                format!(
                    "{}the connection was refused: nothing listens on its SSH port{place}",
                    at(who)
                ),
                "see that sshd runs there, and that the port is right",
            )
        }
        Why::TimedOut => (format!("{}no answer: the connection timed out", at(who)), ""),
        Why::NoRoute => (
            format!("{}no route to it", at(who)),
            "see that it has power and network",
        ),
        Why::NotFromHop(words) => (
            format!("{who} does not get through to it: {words}"),
            "see that it is on, and that the jump host reaches it",
        ),
        Why::Dropped => (
            format!("{}the connection was closed before it began", at(who)),
            "see that its sshd is not too busy (MaxStartups) and lets this machine in",
        ),
        Why::Ended(Some(line)) => (format!("{}the connection failed: {line}", at(who)), ""),
        _ => ("the connection was cut".to_owned(), ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(stderr: &str) -> (FaultKind, String, SmolStr) {
        let around = Around {
            login: "-p 2 a@b".to_owned(),
            jump: Some("gate".to_owned()),
            ..Around::default()
        };
        of(stderr).explain(&around)
    }

    const CHANGED: &str = "@@@\n@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\n\
        The fingerprint for the ED25519 key sent by the remote host is\nSHA256:new+key.\n\
        Please contact your system administrator.\nOffending ED25519 key in /home/a/.ssh/known_hosts:12\n\
        Host key for [10.0.0.9]:2222 has changed and you have requested strict checking.\n\
        Host key verification failed.\n";
    const HOP: &str = "kex_exchange_identification: Connection closed by remote host\n\
        Connection closed by UNKNOWN port 65535\n";

    #[test]
    fn each_failure_says_why_and_what_to_do() {
        use FaultKind::{Credentials, Denied, Other, Unreachable};
        for (stderr, kind, message, mend) in [
            (CHANGED, Credentials, "HOST KEY CHANGED", "-R \"[10.0.0.9]:2222\""),
            (
                "Host key verification failed.",
                Credentials,
                "not in known_hosts",
                "ssh -p 2 a@b",
            ),
            (
                "a@b: Permission denied (publickey).",
                Denied,
                "as a@b (publickey)",
                "ssh-add -l",
            ),
            (
                "ssh: Could not resolve hostname b: Name or service not known",
                Unreachable,
                "no such host",
                "HostName",
            ),
            (
                "ssh: connect to host b port 22: Connection refused",
                Unreachable,
                "refused",
                "sshd",
            ),
            (
                "ssh: connect to host b port 22: Connection timed out",
                Unreachable,
                "timed out",
                "",
            ),
            (
                "ssh: connect to host b port 22: No route to host",
                Unreachable,
                "no route",
                "power",
            ),
            (
                "Connection closed by 10.0.0.9 port 22",
                Unreachable,
                "closed before it began",
                "MaxStartups",
            ),
            (
                "Connection to 10.0.0.9 closed by remote host.",
                Unreachable,
                "Connection to 10.0.0.9 closed",
                "",
            ),
            ("", Unreachable, "was cut", ""),
            (
                "/home/a/.ssh/config: line 3: Bad configuration option: hostt",
                Other,
                "line 3",
                "mend the SSH configuration",
            ),
        ] {
            let told = told(stderr);
            assert_eq!(told.0, kind, "{stderr}");
            assert!(told.1.contains(message) && told.2.contains(mend), "{told:?}");
            assert!(!told.1.contains("gate"), "{told:?}");
        }
    }

    #[test]
    fn what_stops_at_the_jump_host_is_told_of_it() {
        for (stderr, kind, message, mend) in [
            (
                "ssh: connect to host 10.0.0.1 port 22: Connection refused\n",
                FaultKind::Unreachable,
                "its jump host gate: the connection was refused",
                "sshd",
            ),
            (
                "Host key verification failed.\n",
                FaultKind::Credentials,
                "the host key of its jump host gate is not in known_hosts",
                "ssh gate",
            ),
            (
                "pi@10.0.0.1: Permission denied (publickey).\n",
                FaultKind::Denied,
                "its jump host gate takes none of the keys that ssh offers as pi@10.0.0.1",
                "ssh gate",
            ),
            (
                "channel 0: open failed: connect failed: Connection refused\nstdio forwarding failed\n",
                FaultKind::Unreachable,
                "its jump host gate does not get through to it: connect failed: Connection refused",
                "jump host reaches it",
            ),
        ] {
            let told = told(&format!("{stderr}{HOP}"));
            assert_eq!(told.0, kind, "{stderr}");
            assert!(told.1.contains(message) && told.2.contains(mend), "{told:?}");
        }
    }

    #[test]
    fn a_changed_key_is_told_with_both_fingerprints() {
        let broken = of(CHANGED);
        let Why::Changed(changed) = &broken.why else {
            panic!("{broken:?}")
        };
        assert_eq!(changed.place, Some((PathBuf::from("/home/a/.ssh/known_hosts"), 12)));
        let around = Around {
            known: Some("SHA256:old".to_owned()),
            ..Around::default()
        };
        let (_, message, _) = broken.explain(&around);
        assert!(
            message.contains("another key (SHA256:new+key)") && message.contains("known_hosts (SHA256:old)"),
            "{message}"
        );
    }

    #[test]
    fn only_what_never_began_is_tried_again() {
        assert!(was_dropped(
            "kex_exchange_identification: read: Connection reset by peer\nConnection reset by 10.0.0.9 port 22\n"
        ));
        assert!(was_dropped(HOP));
        assert!(!was_dropped(""));
        assert!(!was_dropped(&format!("Host key verification failed.\n{HOP}")));
        assert!(!was_dropped("Connection to 10.0.0.9 closed by remote host."));
    }
}
