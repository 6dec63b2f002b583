//! What has to be known of a host before it joins a cluster. It is only read; nothing there is changed.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::words;
use crate::fleet::Arch;

/// A host before it joins. What it does not tell is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// The kernel's word for its processor (`uname -m`), such as `aarch64` or `armv6l`.
    pub machine: SmolStr,
    /// Its architecture, where K3s knows it.
    pub arch: Option<Arch>,
    /// Width of its programs.
    pub userland_bits: Option<u8>,
    /// Its own name, as its node will have it: in lower case.
    pub hostname: SmolStr,
    /// Its operating system.
    pub os: Option<SmolStr>,
    /// Whether `systemd` or `OpenRC` starts services there; `None`: neither.
    pub init: Option<SmolStr>,
    /// Whether, and how, we become root.
    pub sudo: Sudo,
    /// Whether the memory cgroup is on.
    pub memory_cgroup: Option<bool>,
    /// The file of the boot loader's command line, where it is a Raspberry Pi's.
    pub cmdline: Option<SmolStr>,
    /// Whether the module `vxlan` is there.
    pub vxlan: Option<bool>,
    /// Installed memory, in MiB.
    pub memory_mib: Option<u64>,
    /// Free disk where K3s keeps its data, in MiB.
    pub disk_free_mib: Option<u64>,
    /// Its clock minus ours, in seconds.
    pub clock_skew: Option<i64>,
    /// Whether a time server keeps its clock, by its own account.
    pub clock_synced: Option<bool>,
    /// Swap in use or ready, in MiB.
    pub swap_mib: Option<u64>,
    /// The firewall that is active.
    pub firewall: Option<Firewall>,
    /// The version of `iptables`, such as `1.8.9`.
    pub iptables: Option<SmolStr>,
    /// `curl` or `wget`, which the installer needs.
    pub downloader: Option<SmolStr>,
    /// The unit of a K3s that is there already.
    pub k3s: Option<SmolStr>,
    /// The server that it belongs to, where it is an agent.
    pub k3s_server: Option<SmolStr>,
    /// Whether `/etc/rancher/node/password` is left of an earlier membership.
    pub node_password: Option<bool>,
    /// Whether `SELinux` enforces.
    pub selinux: Option<bool>,
    /// Which of the addresses that it was asked to try answer.
    pub reached: Vec<Reached>,
}

/// How we become root on a host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sudo {
    /// We log in as root.
    Root,
    /// `sudo` asks for nothing.
    Free,
    /// `sudo` wants a password.
    Password,
    /// There is no `sudo`, or we may not use it.
    #[default]
    No,
}

/// A firewall that may stand in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Firewall {
    /// Ubuntu's.
    Ufw,
    /// Red Hat's.
    Firewalld,
}

/// Whether a host reaches an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reached {
    /// `host:port`.
    pub address: SmolStr,
    /// Whether it answers.
    pub answers: bool,
}

impl Facts {
    /// What is run to read them, as the user who logs in; `addresses`, each as `host:port`, are tried from there.
    pub fn script(addresses: &[SmolStr]) -> String {
        super::script::facts(addresses)
    }

    /// The answer of the script, which was asked at `sent` and was there at `received`, in seconds since 1970; `None` when
    /// it is none.
    pub fn read(text: &str, sent: i64, received: i64) -> Option<Self> {
        let mut facts = Self::default();
        for (key, value) in text.lines().filter_map(|line| line.split_once('=')) {
            let first = value.split_whitespace().next().unwrap_or_default();
            match key {
                "machine" => {
                    facts.machine = words(first).unwrap_or_default();
                    facts.arch = Arch::parse(first);
                }
                "bits" => facts.userland_bits = first.parse().ok().filter(|bits| matches!(bits, 32 | 64)),
                "hostname" => facts.hostname = words(&first.to_lowercase()).unwrap_or_default(),
                "os" => facts.os = words(value.trim().trim_matches(['"', '\''])),
                "init" => facts.init = words(first),
                "sudo" => facts.sudo = Sudo::parse(first),
                "cgroup" => facts.memory_cgroup = yes(first),
                "cmdline" => facts.cmdline = words(value),
                "vxlan" => facts.vxlan = yes(first),
                "MemTotal" => facts.memory_mib = mib(first),
                "SwapTotal" => facts.swap_mib = mib(first),
                "disk" => facts.disk_free_mib = free(value),
                "clock" => facts.clock_skew = first.parse().ok().and_then(|host| skew(host, sent, received)),
                "synced" => facts.clock_synced = yes(first),
                "firewall" => facts.firewall = Firewall::parse(first),
                "iptables" => facts.iptables = version(value),
                "downloader" => facts.downloader = words(first),
                // A server counts, where both are installed.
                "k3s" => facts.k3s = words(first),
                "server" => facts.k3s_server = facts.k3s_server.or_else(|| words(first)),
                "password" => facts.node_password = yes(first),
                "selinux" => facts.selinux = yes(first),
                "reached" => facts.reached.extend(reached(value)),
                _ => {}
            }
        }
        facts.reached.sort_by(|a, b| a.address.cmp(&b.address));
        (!facts.machine.is_empty()).then_some(facts)
    }
}

impl Sudo {
    fn parse(word: &str) -> Self {
        match word {
            "root" => Self::Root,
            "free" => Self::Free,
            "password" => Self::Password,
            _ => Self::No,
        }
    }
}

impl Firewall {
    fn parse(word: &str) -> Option<Self> {
        match word {
            "ufw" => Some(Self::Ufw),
            "firewalld" => Some(Self::Firewalld),
            _ => None,
        }
    }
}

fn yes(word: &str) -> Option<bool> {
    match word {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}

/// A number of KiB.
fn mib(word: &str) -> Option<u64> {
    word.parse::<u64>().ok().map(|kib| kib / 1024)
}

/// The free part in a line of `df -Pk`: the number before the percentage.
fn free(line: &str) -> Option<u64> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let percent = words
        .iter()
        .position(|word| word.strip_suffix('%').is_some_and(|n| n.parse::<u8>().is_ok()))?;
    mib(words.get(percent.checked_sub(1)?)?)
}

/// The host's clock minus ours: 0 when it may have read it between question and answer.
fn skew(host: i64, sent: i64, received: i64) -> Option<i64> {
    if host < sent {
        host.checked_sub(sent)
    } else {
        host.checked_sub(received).map(|late| late.max(0))
    }
}

/// `iptables v1.8.9 (nf_tables)`.
fn version(line: &str) -> Option<SmolStr> {
    let word = line.split_whitespace().find_map(|word| word.strip_prefix('v'))?;
    words(word).filter(|word| word.starts_with(|c: char| c.is_ascii_digit()))
}

/// `192.0.2.7:6443 yes`.
fn reached(value: &str) -> Option<Reached> {
    let (address, answers) = value.trim().rsplit_once(' ')?;
    Some(Reached {
        address: words(address)?,
        answers: yes(answers)?,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_not_told_or_cannot_be_is_none() {
        let told = "machine=riscv64\nbits=\nos=\ninit=\nsudo=perhaps\ncgroup=\nvxlan=?\nMemTotal=much\ndisk=df: nowhere\n\
                    clock=now\nsynced=\nfirewall=pf\niptables=iptables: not found\nreached=192.0.2.7:6443\nreached= yes\nswap";
        let facts = Facts::read(told, 1, 2).unwrap();
        let bare = Facts {
            machine: "riscv64".into(),
            ..Facts::default()
        };
        assert_eq!(facts, bare);
    }

    #[test]
    fn another_program_s_words_are_no_answer() {
        for text in ["", "This account is closed.", "hostname=pi", "machine=\n"] {
            assert_eq!(Facts::read(text, 1, 2), None, "{text}");
        }
    }

    #[test]
    fn a_clock_is_off_by_what_the_round_trip_cannot_explain() {
        for (host, off) in [(1000, 0), (1003, 0), (990, -10), (1013, 10)] {
            let facts = Facts::read(&format!("machine=armv7l\nclock={host}"), 1000, 1003).unwrap();
            assert_eq!(facts.clock_skew, Some(off), "{host}");
            assert_eq!(facts.arch, Some(Arch::Arm));
        }
    }

    #[test]
    fn a_server_that_two_places_name_is_that_of_the_first() {
        let facts = Facts::read(
            "machine=x86_64\nk3s=k3s-agent\nserver=https://a:6443\nserver=https://b:6443",
            1,
            2,
        )
        .unwrap();
        assert_eq!(facts.k3s_server.as_deref(), Some("https://a:6443"));
    }

    #[test]
    fn free_disk_is_read_whatever_the_device_is_named() {
        for (line, free) in [
            ("/dev/mmcblk0p2 29000000 9000000 18874368 33% /", Some(18432)),
            ("//nas/my disk 100 0 2048 0% /var/lib/rancher", Some(2)),
            ("overlay 100 200", None),
            ("5% /", None),
        ] {
            let facts = Facts::read(&format!("machine=aarch64\ndisk={line}"), 1, 2).unwrap();
            assert_eq!(facts.disk_free_mib, free, "{line}");
        }
    }

    #[test]
    fn addresses_cannot_become_program() {
        let script = Facts::script(&[
            "192.0.2.7:6443".into(),
            "';id;'".into(),
            "a\nb".into(),
            "$(id) x".into(),
        ]);
        assert!(
            script.starts_with("#!/bin/sh\naddresses='192.0.2.7:6443 '\\'';id;'\\'''\n"),
            "{script}"
        );
    }

    proptest! {
        #[test]
        fn no_text_is_too_odd(text in "(?s).{0,300}", sent: i64, received: i64) {
            let _ = Facts::read(&text, sent, received);
        }

        #[test]
        fn no_value_is_too_odd(
            lines in prop::collection::vec(
                ("machine|bits|hostname|os|init|sudo|cgroup|cmdline|vxlan|MemTotal|SwapTotal|disk|clock|synced|firewall|iptables|\
                  downloader|k3s|server|password|selinux|reached",
                 "[-0-9a-z%=./: \"é]{0,30}|-?[0-9]{1,20}|(yes|no)"),
                0..24),
            sent: i64,
            received: i64,
        ) {
            let text: String = lines.iter().map(|(key, value)| format!("{key}={value}\n")).collect();
            if let Some(facts) = Facts::read(&text, sent, received) {
                prop_assert!(!facts.machine.is_empty());
                prop_assert_eq!(facts.hostname.to_lowercase(), facts.hostname.as_str());
                prop_assert!(facts.reached.is_sorted_by_key(|reached| reached.address.clone()));
            }
        }
    }
}
