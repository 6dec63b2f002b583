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
